//! Finds secrets that identify their issuer by prefix and length.
//!
//! The table contains facts about formats, which the issuers publish and the rule set of gitleaks collects.
//! The matching is our own. It starts at the prefix and continues byte by byte instead of with a pattern over
//! the whole token, so that it recognizes a token broken over two lines.

use super::{Found, seam, worth};
use regex::bytes::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Set of bytes of which a token consists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Digits and the letters a to f.
    Hex,
    Digits,
    Upper,
    Alnum,
    /// Letters, digits, `_` and `-`.
    Word,
    /// [`Self::Word`] and the full stop.
    Dotted,
    /// Letters, digits, `+`, `/`, `=`, `_`, `-`.
    Base64,
    /// [`Self::Base64`] and the full stop, `%`.
    Path,
    /// Letters and digits, and the separators within a hash: `$`, `.`, `/`, `,`, `=`, `+`, `-`.
    Hash,
}

impl Class {
    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Digits => byte.is_ascii_digit(),
            Self::Upper => matches!(byte, b'0'..=b'9' | b'A'..=b'Z'),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => Self::Word.has(byte) || byte == b'.',
            Self::Base64 => Self::Word.has(byte) || matches!(byte, b'+' | b'/' | b'='),
            Self::Hash => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'.' | b'/' | b',' | b'=' | b'+' | b'-')
            }
            Self::Path => Self::Base64.has(byte) || matches!(byte, b'.' | b'%' | b'@'),
        }
    }
}

/// Condition on a token besides its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Varied,
    /// The value must look random, because ordinary words share the prefix.
    Random,
    /// No byte of the same class follows: the length is exact.
    Exact,
    /// At least three parts separated by full stops.
    Jwt,
    /// At least two parts separated by full stops.
    Parts,
}

struct Token {
    kind: &'static str,
    prefix: &'static str,
    class: Class,
    /// Minimum number of bytes after the prefix.
    least: usize,
    /// Number of bytes after the prefix of a complete token. A shorter one was broken at the end of a line.
    whole: usize,
    check: Check,
    /// Number of bytes before the prefix that belong to the token: class, minimum and maximum.
    before: Option<(Class, usize, usize)>,
    /// Whether the prefix is a location that is not part of the secret and is not redacted.
    keep: bool,
}

const fn token(kind: &'static str, prefix: &'static str, class: Class, least: usize, whole: usize) -> Token {
    Token { kind, prefix, class, least, whole, check: Check::Varied, before: None, keep: false }
}

impl Token {
    const fn that(self, check: Check) -> Self {
        Self { check, ..self }
    }

    const fn after(self, class: Class, least: usize, most: usize) -> Self {
        Self { before: Some((class, least, most)), ..self }
    }

    const fn kept(self) -> Self {
        Self { keep: true, ..self }
    }
}

use Class::{Alnum, Base64, Digits, Dotted, Hash, Hex, Path, Upper, Word};

/// All token formats. A longer prefix comes before any prefix that it starts with.
const TOKENS: &[Token] = &[
    // Model providers.
    token("anthropic key", "sk-ant-", Word, 8, 108),
    token("openai key", "sk-proj-", Word, 16, 156),
    token("openai key", "sk-svcacct-", Word, 16, 156),
    token("openai key", "sk-admin-", Word, 16, 156),
    token("openrouter key", "sk-or-v1-", Hex, 32, 64),
    token("api key", "sk-", Word, 20, 48).that(Check::Random),
    token("hugging face token", "hf_", Alnum, 20, 34).that(Check::Random),
    token("hugging face token", "api_org_", Alnum, 30, 34).that(Check::Random),
    token("groq key", "gsk_", Alnum, 40, 52),
    token("perplexity key", "pplx-", Alnum, 32, 48),
    token("xai key", "xai-", Alnum, 40, 80),
    token("replicate token", "r8_", Alnum, 36, 37).that(Check::Random),
    token("nvidia key", "nvapi-", Word, 40, 64),
    token("fireworks key", "fw_", Alnum, 22, 24).that(Check::Random),
    token("cerebras key", "csk-", Alnum, 40, 48),
    token("langsmith key", "lsv2_pt_", Word, 40, 43),
    token("langsmith key", "lsv2_sk_", Word, 40, 43),
    token("pinecone key", "pcsk_", Word, 60, 70),
    token("tavily key", "tvly-", Word, 20, 40).that(Check::Random),
    token("jina key", "jina_", Alnum, 50, 60),
    token("together key", "tgp_v1_", Word, 40, 43),
    token("runpod key", "rpa_", Alnum, 40, 46),
    // Clouds.
    token("aws access key", "AKIA", Upper, 16, 16).that(Check::Exact),
    token("aws access key", "ASIA", Upper, 16, 16).that(Check::Exact),
    token("aws access key", "ABIA", Upper, 16, 16).that(Check::Exact),
    token("aws access key", "ACCA", Upper, 16, 16).that(Check::Exact),
    token("aws bedrock key", "ABSK", Base64, 100, 128),
    token("google api key", "AIza", Word, 35, 35),
    token("google access token", "ya29.", Dotted, 20, 200),
    token("google refresh token", "1//0", Word, 40, 100).that(Check::Random),
    token("google client secret", "GOCSPX-", Word, 20, 28),
    token("azure client secret", "Q~", Dotted, 31, 34).after(Dotted, 4, 4).that(Check::Random),
    token("alibaba access key", "LTAI", Alnum, 16, 20).that(Check::Random),
    token("yandex key", "AQVN", Word, 35, 38).that(Check::Random),
    token("digitalocean token", "dop_v1_", Hex, 64, 64),
    token("digitalocean token", "doo_v1_", Hex, 64, 64),
    token("digitalocean token", "dor_v1_", Hex, 64, 64),
    token("fly.io token", "fo1_", Word, 43, 43).that(Check::Random),
    token("fly.io token", "fm2_", Base64, 100, 400),
    token("heroku key", "HRKU-", Word, 36, 60),
    token("netlify token", "nfp_", Alnum, 36, 36),
    token("vercel token", "vercel_blob_rw_", Word, 30, 48),
    token("render key", "rnd_", Alnum, 28, 32).that(Check::Random),
    token("tailscale key", "tskey-", Word, 20, 60),
    token("cloudflare key", "v1.0-", Word, 160, 171),
    token("neon key", "napi_", Alnum, 60, 64),
    token("scalingo token", "tk-us-", Word, 48, 48),
    token("supabase key", "sb_secret_", Word, 20, 31),
    token("supabase key", "sbp_", Hex, 40, 40),
    token("planetscale token", "pscale_tkn_", Dotted, 32, 43),
    token("planetscale token", "pscale_oauth_", Dotted, 32, 43),
    token("planetscale password", "pscale_pw_", Dotted, 32, 43),
    // Code and packages.
    token("github token", "ghp_", Alnum, 20, 36),
    token("github token", "gho_", Alnum, 20, 36),
    token("github token", "ghu_", Alnum, 20, 36),
    token("github token", "ghs_", Alnum, 20, 36),
    token("github token", "ghr_", Alnum, 20, 36),
    token("github token", "github_pat_", Word, 20, 82),
    token("gitlab token", "glpat-", Dotted, 20, 20),
    token("gitlab token", "gldt-", Dotted, 20, 20),
    token("gitlab token", "glrt-", Dotted, 20, 20),
    token("gitlab token", "glcbt-", Dotted, 20, 26),
    token("gitlab token", "glptt-", Hex, 40, 40),
    token("gitlab token", "glft-", Dotted, 20, 20),
    token("gitlab token", "glimt-", Dotted, 25, 25),
    token("gitlab token", "glagent-", Dotted, 50, 50),
    token("gitlab token", "gloas-", Hex, 64, 64),
    token("gitlab token", "glsoat-", Dotted, 20, 20),
    token("npm token", "npm_", Alnum, 30, 36).that(Check::Random),
    token("pypi token", "pypi-", Word, 50, 160),
    token("rubygems key", "rubygems_", Hex, 40, 48),
    token("clojars token", "CLOJARS_", Alnum, 60, 60),
    token("crates.io token", "cio", Alnum, 32, 32).that(Check::Exact),
    token("nuget key", "oy2", Alnum, 43, 43).that(Check::Exact),
    token("docker token", "dckr_pat_", Word, 20, 27),
    token("docker token", "dckr_oat_", Word, 20, 32),
    token("artifactory key", "AKCp", Alnum, 60, 69),
    token("sonarqube token", "squ_", Alnum, 40, 40).that(Check::Random),
    token("sonarqube token", "sqp_", Alnum, 40, 40).that(Check::Random),
    token("sonarqube token", "sqa_", Alnum, 40, 40).that(Check::Random),
    token("pulumi token", "pul-", Hex, 40, 40),
    token("terraform token", ".atlasv1.", Base64, 60, 67).after(Alnum, 14, 14),
    token("vault token", "hvs.", Word, 20, 95).that(Check::Random),
    token("vault token", "hvb.", Word, 20, 140).that(Check::Random),
    token("vault token", "hvr.", Word, 20, 140).that(Check::Random),
    token("doppler token", "dp.pt.", Alnum, 36, 43),
    token("doppler token", "dp.st.", Dotted, 36, 50),
    token("doppler token", "dp.ct.", Alnum, 36, 43),
    token("doppler token", "dp.sa.", Alnum, 36, 43),
    token("1password token", "ops_eyJ", Base64, 200, 850),
    token("age secret key", "AGE-SECRET-KEY-1", Upper, 40, 58),
    token("octopus key", "API-", Upper, 26, 26).that(Check::Exact),
    token("openshift token", "sha256~", Word, 43, 43),
    // Messaging and social media providers.
    token("slack token", "xoxb-", Word, 20, 52),
    token("slack token", "xoxp-", Word, 20, 72),
    token("slack token", "xoxa-", Word, 10, 60),
    token("slack token", "xoxr-", Word, 10, 60),
    token("slack token", "xoxs-", Word, 10, 60),
    token("slack token", "xoxo-", Word, 10, 60),
    token("slack token", "xoxe-", Word, 10, 146),
    token("slack token", "xoxe.xoxp-", Word, 20, 165),
    token("slack token", "xoxe.xoxb-", Word, 20, 165),
    token("slack token", "xapp-", Word, 20, 100),
    token("slack webhook", "hooks.slack.com/services/", Path, 20, 44).kept(),
    token("slack webhook", "hooks.slack.com/workflows/", Path, 20, 60).kept(),
    token("slack webhook", "hooks.slack.com/triggers/", Path, 20, 60).kept(),
    token("discord webhook", "/api/webhooks/", Path, 40, 87).kept(),
    token("teams webhook", ".webhook.office.com/webhookb2/", Path, 60, 170).kept(),
    token("telegram bot token", ":AA", Word, 32, 33).after(Digits, 8, 10),
    token("sendgrid key", "SG.", Dotted, 40, 66).that(Check::Parts),
    token("mailgun key", "key-", Hex, 32, 32).that(Check::Exact),
    token("mailchimp key", "-us", Digits, 1, 2).after(Hex, 32, 32),
    token("brevo key", "xkeysib-", Word, 70, 81),
    token("brevo key", "xsmtpsib-", Word, 70, 81),
    token("twilio key", "SK", Hex, 32, 32).that(Check::Exact),
    token("facebook token", "EAAC", Alnum, 100, 180),
    token("facebook token", "EAAM", Alnum, 100, 180),
    // Payment providers and shops.
    token("stripe key", "sk_live_", Alnum, 10, 24),
    token("stripe key", "sk_test_", Alnum, 10, 24),
    token("stripe key", "rk_live_", Alnum, 10, 24),
    token("stripe key", "rk_test_", Alnum, 10, 24),
    token("webhook secret", "whsec_", Base64, 24, 32),
    token("shopify token", "shpat_", Hex, 32, 32),
    token("shopify token", "shpca_", Hex, 32, 32),
    token("shopify token", "shppa_", Hex, 32, 32),
    token("shopify token", "shpss_", Hex, 32, 32),
    token("square token", "EAAA", Word, 60, 60).that(Check::Random),
    token("braintree token", "access_token$production$", Hash, 40, 49),
    token("braintree token", "access_token$sandbox$", Hash, 40, 49),
    token("plaid token", "access-production-", Word, 36, 36).that(Check::Exact),
    token("plaid token", "access-sandbox-", Word, 36, 36).that(Check::Exact),
    token("square token", "sq0atp-", Word, 22, 22),
    token("square token", "sq0csp-", Word, 43, 43),
    token("square token", "sq0idp-", Word, 22, 22),
    token("flutterwave key", "FLWSECK_TEST-", Word, 12, 34),
    token("flutterwave key", "FLWSECK-", Word, 32, 34),
    token("shippo token", "shippo_live_", Hex, 40, 40),
    token("shippo token", "shippo_test_", Hex, 40, 40),
    token("easypost key", "EZAK", Alnum, 54, 54).that(Check::Random),
    token("easypost key", "EZTK", Alnum, 54, 54).that(Check::Random),
    token("duffel token", "duffel_live_", Word, 43, 43),
    token("duffel token", "duffel_test_", Word, 43, 43),
    // Monitoring and data services, and developer tools.
    token("databricks token", "dapi", Hex, 32, 32).that(Check::Exact),
    token("grafana token", "glc_", Base64, 32, 180),
    token("grafana token", "glsa_", Word, 41, 41),
    token("new relic key", "NRAK-", Upper, 20, 27),
    token("new relic key", "NRII-", Word, 32, 32),
    token("new relic key", "NRJS-", Hex, 19, 19),
    token("sentry token", "sntrys_", Base64, 60, 180),
    token("sentry token", "sntryu_", Hex, 64, 64),
    token("dynatrace token", "dt0c01.", Dotted, 80, 89),
    token("postman key", "PMAK-", Word, 55, 59),
    token("readme key", "rdme_", Alnum, 70, 70),
    token("prefect key", "pnu_", Alnum, 36, 36),
    token("infracost key", "ico-", Alnum, 32, 32).that(Check::Random),
    token("harness token", "pat.", Dotted, 68, 68).that(Check::Parts),
    token("hubspot token", "pat-na1-", Word, 36, 36),
    token("hubspot token", "pat-eu1-", Word, 36, 36),
    token("airtable token", "pat", Dotted, 79, 79).that(Check::Parts),
    token("posthog key", "phx_", Alnum, 40, 43),
    token("honeycomb key", "hcaik_", Alnum, 50, 58),
    token("honeycomb key", "hcxik_", Alnum, 50, 58),
    token("honeycomb key", "hcamk_", Alnum, 50, 58),
    token("circleci token", "CCIPAT_", Word, 40, 66),
    token("buildkite token", "bkua_", Hex, 40, 40),
    token("sourcegraph token", "sgp_", Word, 40, 57),
    token("dbt token", "dbtc_", Word, 40, 46),
    token("dbt token", "dbtu_", Word, 40, 46),
    token("dropbox token", "sl.", Word, 100, 140).that(Check::Random),
    token("contentful token", "CFPAT-", Word, 43, 43),
    token("trello token", "ATTA", Alnum, 64, 72),
    token("linear key", "lin_api_", Alnum, 32, 40),
    token("linear key", "lin_oauth_", Alnum, 32, 64),
    token("notion token", "ntn_", Alnum, 40, 46),
    token("notion token", "secret_", Alnum, 43, 43).that(Check::Random),
    token("typeform token", "tfp_", Dotted, 44, 59),
    token("adobe secret", "p8e-", Alnum, 32, 32),
    token("atlassian token", "ATATT3", Base64, 60, 186),
    token("atlassian token", "ATCTT3", Base64, 60, 186),
    token("bitbucket token", "ATBB", Alnum, 28, 32).that(Check::Random),
    token("figma token", "figd_", Word, 38, 40),
    token("jwt", "eyJ", Dotted, 20, 4000).that(Check::Jwt),
    // Password hashes, and a base64-encoded key file.
    token("password hash", "$1$", Hash, 24, 31),
    token("password hash", "$apr1$", Hash, 24, 31),
    token("password hash", "$2a$", Hash, 56, 56),
    token("password hash", "$2b$", Hash, 56, 56),
    token("password hash", "$2y$", Hash, 56, 56),
    token("password hash", "$5$", Hash, 45, 60),
    token("password hash", "$6$", Hash, 88, 103),
    token("password hash", "$7$", Hash, 40, 90),
    token("password hash", "$y$", Hash, 40, 75),
    token("password hash", "$argon2", Hash, 40, 100),
    token("password hash", "$scrypt$", Hash, 40, 100),
    token("password hash", "pbkdf2_sha256$", Hash, 40, 80),
    token("private key", "LS0tLS1CRUdJTi", Base64, 64, 4000),
];

/// Indexes of the tokens whose prefix is a given prefix or starts it.
static BEGUN_BY: LazyLock<HashMap<&'static [u8], Vec<usize>>> = LazyLock::new(|| {
    let begins =
        |prefix: &str| (0..TOKENS.len()).filter(|index| prefix.starts_with(TOKENS[*index].prefix)).collect();
    TOKENS.iter().map(|token| (token.prefix.as_bytes(), begins(token.prefix))).collect()
});

static PREFIXES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let prefixes: Vec<String> = TOKENS.iter().map(|token| regex::escape(token.prefix)).collect();
    // Leftmost-first matching: the order of the table decides. A test checks that it compiles.
    Regex::new(&format!("(?-u:{})", prefixes.join("|"))).ok()
});

/// Returns the names of the kinds, without duplicates.
#[cfg(test)]
pub fn kinds() -> std::collections::BTreeSet<&'static str> {
    TOKENS.iter().map(|token| token.kind).collect()
}

/// Finds tokens in a text.
pub fn find(text: &[u8], found: &mut Vec<Found>) {
    let Some(prefixes) = PREFIXES.as_ref() else { return };
    // Position up to which a kind was searched without success. A match that starts before it would end
    // at the same place.
    let mut vain = vec![0; TOKENS.len()];
    let mut at = 0;
    while let Some(hit) = prefixes.find_at(text, at) {
        at = hit.start() + 1;
        if let Some(end) = at_prefix(text, hit.start(), hit.end(), hit.as_bytes(), &mut vain, found) {
            at = end.max(at);
        }
    }
    broken_prefixes(text, prefixes, &mut vain, found);
}

/// Number of bytes on either side of a line break that are searched for a broken prefix.
const AROUND: usize = 32;

/// Finds tokens whose prefix is itself broken over two lines.
fn broken_prefixes(text: &[u8], prefixes: &Regex, vain: &mut [usize], found: &mut Vec<Found>) {
    let mut joined = Vec::with_capacity(2 * AROUND);
    let mut line = 0;
    for newline in memchr::memchr_iter(b'\n', text) {
        let begin = std::mem::replace(&mut line, newline + 1);
        let mut end = newline;
        while end > begin
            && matches!(
                text[end - 1],
                b' ' | b'\t' | b'\r' | b'\\' | b'+' | b'"' | b'\'' | b'|' | 0xE2 | 0x94 | 0x82
            )
        {
            end -= 1;
        }
        // Most lines end with a character that occurs in no prefix.
        if end == begin
            || !matches!(text[end - 1], b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b':' | b'/' | b'~')
        {
            continue;
        }
        let Some(next) = seam::over(text, end) else { continue };
        let from = end.saturating_sub(AROUND).max(begin);
        let seam = end - from;
        joined.clear();
        joined.extend_from_slice(&text[from..end]);
        joined.extend_from_slice(&text[next..text.len().min(next + AROUND)]);
        let mut at = 0;
        while let Some(hit) = prefixes.find_at(&joined, at) {
            at = hit.start() + 1;
            if hit.start() < seam && hit.end() > seam {
                let body = next + (hit.end() - seam);
                at_prefix(text, from + hit.start(), body, hit.as_bytes(), vain, found);
            }
        }
    }
}

/// Returns the end of the token whose prefix starts here.
fn at_prefix(
    text: &[u8],
    start: usize,
    body: usize,
    prefix: &[u8],
    vain: &mut [usize],
    found: &mut Vec<Found>,
) -> Option<usize> {
    // Several kinds may share a prefix.
    for &index in BEGUN_BY.get(prefix)? {
        let token = &TOKENS[index];
        let body = body - (prefix.len() - token.prefix.len());
        if body <= vain[index] {
            continue;
        }
        match token.read(text, start, body) {
            Ok((from, to)) => {
                let from = if token.keep { body } else { from };
                found.push(Found { start: from, end: to, kind: token.kind });
                return Some(to);
            }
            Err(end) => vain[index] = vain[index].max(end),
        }
    }
    None
}

impl Token {
    /// Returns the start and the end of the token, or the position up to which it was read.
    fn read(&self, text: &[u8], start: usize, body: usize) -> Result<(usize, usize), usize> {
        let start = match self.before {
            Some((class, least, most)) => back(text, start, class, least, most).ok_or(0_usize)?,
            None => start,
        };
        let glued = start > 0 && text[start - 1].is_ascii_alphanumeric();
        if glued && !self.keep {
            return Err(0);
        }
        let mut value = Vec::new();
        let mut end = body;
        let mut from = body;
        loop {
            let run = text[from..].iter().take_while(|byte| self.class.has(**byte)).count();
            let piece = &text[from..from + run];
            if from > body {
                let missing = self.whole.saturating_sub(value.len());
                let fits = if value.len() >= self.least {
                    run == missing || worth::torn(piece)
                } else {
                    run >= (self.least - value.len()).min(2)
                };
                if run == 0 || missing == 0 || !fits || self.check == Check::Exact && run != missing {
                    break;
                }
            }
            value.extend_from_slice(piece);
            end = from + run;
            match seam::over(text, end) {
                Some(next) if value.len() < self.whole => from = next,
                _ => break,
            }
        }
        while matches!(value.last(), Some(b'.')) && self.check != Check::Jwt {
            value.pop();
            end -= 1;
        }
        let enough = value.len() >= self.least && (self.check != Check::Exact || value.len() == self.whole);
        if enough && self.holds(&value) { Ok((start, end)) } else { Err(end) }
    }

    fn holds(&self, value: &[u8]) -> bool {
        let dots = memchr::memchr_iter(b'.', value).count();
        let digit = value.iter().any(u8::is_ascii_digit);
        match self.check {
            Check::Varied => value.len() < 8 || worth::varied(value),
            // Few ordinary words have exactly this length.
            Check::Random => {
                worth::random(value)
                    || value.len() == self.whole && value.len() >= 20 && worth::varied(value) && digit
            }
            Check::Exact => worth::varied(value) && (digit || value.len() == 16),
            Check::Jwt => (2..=4).contains(&dots) && value.iter().position(|byte| *byte == b'.') >= Some(8),
            Check::Parts => dots >= 1 && digit && worth::varied(value),
        }
    }
}

/// Returns the start of the bytes that belong to the token before its prefix.
fn back(text: &[u8], prefix: usize, class: Class, least: usize, most: usize) -> Option<usize> {
    let mut at = prefix;
    let mut count = 0;
    let mut seams = 0;
    loop {
        while count < most && at > 0 && class.has(text[at - 1]) {
            at -= 1;
            count += 1;
        }
        if count >= least {
            return Some(at);
        }
        seams += 1;
        at = seam::before(text, at).filter(|_| seams == 1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_compile_and_none_hides_a_longer_one() {
        assert!(PREFIXES.is_some());
        for (index, token) in TOKENS.iter().enumerate() {
            for later in &TOKENS[index + 1..] {
                assert!(
                    later.prefix == token.prefix || !later.prefix.starts_with(token.prefix),
                    "{} hides {}",
                    token.prefix,
                    later.prefix
                );
            }
        }
    }
}
