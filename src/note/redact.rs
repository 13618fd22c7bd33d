//! Redaction: known patterns of secrets in a text, replaced by the name of their kind.
//!
//! It knows patterns, not secrets: what looks like nothing in particular passes. Used only when a note is composed,
//! because compiling the patterns takes milliseconds. Running it again on its own output changes nothing.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::sync::LazyLock;

/// How every replacement begins.
const REPLACED: &str = "[redacted:";

/// What must hold of a match besides its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// The shape is enough.
    None,
    /// A digit in it: separates keys from long names of the same shape.
    Digit,
    /// A value in quotes.
    Quoted,
    /// A value without quotes behind a name in capitals, as in a .env file.
    Bare,
    /// A value without quotes behind any name, as in code and in YAML.
    Loose,
}

struct Rule {
    kind: &'static str,
    pattern: Regex,
    check: Check,
}

/// Kind, check and pattern, most specific first. The group `s` is what is replaced; without one it is the whole match.
/// Letter classes are ASCII on purpose: the Unicode tables are not compiled in.
const PATTERNS: &[(&str, Check, &str)] = &[
    // Whole key files, then those whose end was cut off.
    (
        "private key",
        Check::None,
        r"(?s)-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
    ),
    (
        "private key",
        Check::None,
        r#"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?:[ \t\r\n"',+]|\\+[rn])*[A-Za-z0-9+/=]{16,})+"#,
    ),
    ("age secret key", Check::None, r"AGE-SECRET-KEY-1[0-9A-Z]{40,}"),
    // Keys that carry the name of who gave them.
    ("anthropic key", Check::None, r"\bsk-ant-[A-Za-z0-9_-]{8,}"),
    ("openai key", Check::None, r"\bsk-(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{16,}"),
    ("api key", Check::Digit, r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("stripe key", Check::None, r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("webhook secret", Check::Digit, r"\bwhsec_[A-Za-z0-9+/=]{16,}"),
    ("aws access key id", Check::None, r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("github token", Check::None, r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    ("github token", Check::None, r"\bgithub_pat_[A-Za-z0-9_]{20,}"),
    ("gitlab token", Check::None, r"\bgl(?:pat|rt|dt|ptt|cbt|oas|ft|imt|agent|soat)-[A-Za-z0-9_.-]{16,}"),
    ("slack token", Check::None, r"\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}"),
    ("slack token", Check::None, r"\bxapp-[0-9]-[A-Za-z0-9-]{10,}"),
    ("slack webhook", Check::None, r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_-]{20,})"),
    (
        "discord webhook",
        Check::None,
        r"discord(?:app)?\.com/api/webhooks/(?P<s>[0-9]{15,}/[A-Za-z0-9_-]{20,})",
    ),
    ("telegram bot token", Check::None, r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    ("google api key", Check::None, r"\bAIza[A-Za-z0-9_-]{35}"),
    ("google access token", Check::None, r"\bya29\.[A-Za-z0-9_.-]{20,}"),
    ("google client secret", Check::None, r"\bGOCSPX-[A-Za-z0-9_-]{20,}"),
    ("hugging face token", Check::None, r"\bhf_[A-Za-z0-9]{20,}"),
    ("npm token", Check::None, r"\bnpm_[A-Za-z0-9]{30,}"),
    ("pypi token", Check::None, r"\bpypi-[A-Za-z0-9_-]{40,}"),
    ("rubygems key", Check::None, r"\brubygems_[a-f0-9]{40,}"),
    ("docker token", Check::None, r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("sendgrid key", Check::None, r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("mailgun key", Check::None, r"\bkey-[0-9a-f]{32}\b"),
    ("twilio key", Check::None, r"\bSK[0-9a-f]{32}\b"),
    ("digitalocean token", Check::None, r"\bdo[oprt]_v1_[a-f0-9]{40,}"),
    ("databricks token", Check::None, r"\bdapi[0-9a-f]{32}(?:-[0-9])?\b"),
    ("shopify token", Check::None, r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}"),
    ("square token", Check::None, r"\bsq0[a-z]{3}-[A-Za-z0-9_-]{20,}"),
    ("vault token", Check::None, r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}"),
    ("terraform token", Check::None, r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    ("atlassian token", Check::None, r"\bAT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{20,}"),
    ("grafana token", Check::None, r"\bgl(?:c|sa)_[A-Za-z0-9_+/=-]{30,}"),
    ("linear key", Check::None, r"\blin_(?:api|oauth)_[A-Za-z0-9]{30,}"),
    ("notion token", Check::None, r"\b(?:ntn_|secret_)[A-Za-z0-9]{40,}"),
    ("postman key", Check::None, r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{30,}"),
    ("new relic key", Check::None, r"\bNRAK-[A-Z0-9]{20,}"),
    ("doppler token", Check::None, r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]+\.)?[A-Za-z0-9]{36,}"),
    ("supabase key", Check::None, r"\bsb(?:p|_secret)_[A-Za-z0-9_]{20,}"),
    ("model provider key", Check::Digit, r"\b(?:xai-|gsk_|pplx-|r8_|nvapi-|fw_|csk-)[A-Za-z0-9_-]{24,}"),
    (
        "azure key",
        Check::None,
        r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=(?P<s>[A-Za-z0-9+/=%&?._-]{20,})",
    ),
    ("jwt", Check::None, r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}"),
    // Places where secrets stand, whatever they look like.
    (
        "password in url",
        Check::None,
        r#"\b[A-Za-z][A-Za-z0-9+.-]*://[^/ \t\r\n:@"'<>\[]*:(?P<s>[^/ \t\r\n@"'<>\[]+)@"#,
    ),
    (
        "secret in url",
        Check::None,
        r#"(?i-u:[?&](?:access_token|id_token|refresh_token|auth_token|api_?key|client_secret|sig|signature|token|password|x-amz-signature|x-amz-security-token)=)(?P<s>[^&# \t\r\n"'<>\[\\]{6,})"#,
    ),
    (
        "authorization header",
        Check::None,
        r#"(?i-u:\b(?:proxy-)?authorization)\\*["']?[ \t]*[:=][ \t]*\\*["']?(?i-u:bearer|basic|token|digest|negotiate|bot)[ \t]+(?P<s>[^ \t\r\n"'\\,\[]+)"#,
    ),
    ("authorization header", Check::None, r"(?i-u:\bbearer)[ \t]+(?P<s>[A-Za-z0-9_.~+/=-]{20,})"),
    (
        "key header",
        Check::None,
        r#"(?i-u:\bx-(?:api-key|auth-token|access-token|goog-api-key|amz-security-token|csrf-token|gitlab-token))\\*["']?[ \t]*[:=][ \t]*\\*["']?(?P<s>[^ \t\r\n"'\\,\[]{6,})"#,
    ),
    (
        "cookie header",
        Check::None,
        r#"(?i-u:\b(?:set-)?cookie)[ \t]*:[ \t]*(?P<s>[A-Za-z0-9_.-]+=[^\r\n"'\[]{6,})"#,
    ),
    (
        "password option",
        Check::Bare,
        r#"(?i-u: --(?:[a-z]+-)*(?:password|passwd|token|secret|api-?key|access-?key|secret-?key))(?:=|[ \t]+)["']?(?P<s>[^ \t\r\n"'\[-][^ \t\r\n"']{5,})"#,
    ),
    (
        "user and password",
        Check::None,
        r#"\b(?:curl|wget|http)\b[^\r\n]*?[ \t](?:-u|--user)[ =]?["']?[^ \t\r\n:"']+:(?P<s>[^ \t\r\n"'\[]+)"#,
    ),
    (
        "netrc password",
        Check::None,
        r"\blogin[ \t\r\n]+[^ \t\r\n]+[ \t\r\n]+password[ \t\r\n]+(?P<s>[^ \t\r\n\[]+)",
    ),
    (
        "npm token",
        Check::Digit,
        r#"(?m:^|[ \t:/"'])_(?:authToken|auth|password)[ \t]*=[ \t]*["']?(?P<s>[A-Za-z0-9+/=_.-]{8,})"#,
    ),
    // Assignments: quoted in any language or JSON (escaped any number of times), then as in a .env file.
    (
        "secret value",
        Check::Quoted,
        r#"(?i-u:[a-z0-9_.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|encryption[_-]?key|signing[_-]?key|credentials?|connection[_-]?string))(?:\\*["'])?[ \t]*(?:=>|:=|[:=])[ \t]*\\*["'`](?P<s>[^"'`\r\n\\]{4,})"#,
    ),
    (
        "secret value",
        Check::Bare,
        r#"\b[A-Z0-9_]*(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIALS?|_PWD|_PASS|_AUTH|_DSN)(?:_[A-Z0-9_]+)?[ \t]*=[ \t]*\\*["']?(?P<s>[^ \t\r\n"'\\;&|]{4,})"#,
    ),
    (
        "secret value",
        Check::Loose,
        r#"(?i-u:\b[a-z0-9_.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key)[ \t]*[:=][ \t]*)(?P<s>[^ \t\r\n"'`\\;,&|]{6,})"#,
    ),
];

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    PATTERNS
        .iter()
        // A pattern that does not compile is caught by a test, so none is lost here.
        .filter_map(|&(kind, check, pattern)| {
            let pattern = Regex::new(&pattern.replace(r"\b", r"(?-u:\b)")).ok()?;
            Some(Rule { kind, pattern, check })
        })
        .collect()
});

/// The text with every known kind of secret replaced by `[redacted: <kind>]`.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for rule in RULES.iter() {
        if let Cow::Owned(replaced) =
            rule.pattern.replace_all(&text, |found: &Captures<'_>| rule.replacement(found))
        {
            text = Cow::Owned(replaced);
        }
    }
    text
}

impl Rule {
    fn replacement(&self, found: &Captures<'_>) -> String {
        let whole = found.get_match();
        let secret = found.name("s").unwrap_or(whole);
        let value = secret.as_str();
        let real = !value.contains(REPLACED)
            && match self.check {
                Check::None => true,
                Check::Digit => value.bytes().any(|byte| byte.is_ascii_digit()),
                Check::Quoted => !stands_for_something(value) && !value.contains(' '),
                Check::Bare => !stands_for_something(value) && looks_random(value),
                Check::Loose => {
                    !stands_for_something(value) && looks_random(value) && !looks_like_a_name(value)
                }
            };
        if !real {
            return whole.as_str().to_owned();
        }
        let before = &whole.as_str()[..secret.start() - whole.start()];
        let after = &whole.as_str()[secret.end() - whole.start()..];
        format!("{before}{REPLACED} {}]{after}", self.kind)
    }
}

/// A reference, a placeholder or a word of a schema instead of a secret.
fn stands_for_something(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "string",
        "number",
        "integer",
        "boolean",
        "object",
        "null",
        "none",
        "nil",
        "true",
        "false",
        "undefined",
        "password",
        "passwd",
        "token",
        "secret",
        "api_key",
        "apikey",
        "key",
        "required",
        "optional",
        "text",
        "value",
        "default",
        "bearer",
        "basic",
        "changeme",
        "example",
        "redacted",
        "hidden",
        "unset",
        "empty",
    ];
    let lower = value.to_ascii_lowercase();
    WORDS.contains(&lower.as_str())
        || value.starts_with(['$', '<', '{', '%', '@', '('])
        || ["process.", "env.", "os.", "import.", "self.", "this.", "config.", "args.", "req.", "options."]
            .iter()
            .any(|start| lower.starts_with(start))
        || value.bytes().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'_'))
}

/// No code, no plain word: at least two kinds of characters, or a long one.
fn looks_random(value: &str) -> bool {
    if value.contains(['(', '[', '{', '<', '>']) {
        return false;
    }
    let digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let mark = value
        .bytes()
        .any(|byte| matches!(byte, b'!' | b'#' | b'%' | b'^' | b'*' | b'+' | b'=' | b'~' | b'?'));
    let hex = value.strip_prefix("0x").is_some_and(|digits| digits.len() <= 8);
    let path = value.starts_with(['/', '.', '~']) || value.contains("::");
    !path && !hex && letter && (digit || mark)
}

/// A name of a variable or field.
fn looks_like_a_name(value: &str) -> bool {
    value.contains(['_', '.'])
        && value
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdEfGhIjKlMnOpQrStUvWx";

    fn a(count: usize) -> &'static str {
        &A[..count]
    }

    /// Text with a secret, and the secret in it.
    fn secrets() -> Vec<(String, String)> {
        let upper = "ABCDEFGHIJKLMNOP";
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        [
            (format!("sk-ant-api03-{}", a(40)), None),
            (format!("sk-ant-oat01-{}", a(40)), None),
            (format!("sk-proj-{}", a(40)), None),
            (format!("sk-{}", a(48)), None),
            (format!("AKIA{upper}"), None),
            (format!("ASIA{upper}"), None),
            (format!("ghp_{}", a(36)), None),
            (format!("gho_{}", a(36)), None),
            (format!("ghs_{}", a(36)), None),
            (format!("github_pat_{}", a(50)), None),
            (format!("glpat-{}", a(20)), None),
            (format!("xoxb-123456789012-{}", a(24)), None),
            (format!("xoxp-123456789012-{}", a(24)), None),
            (format!("AIza{}", a(35)), None),
            (format!("ya29.{}", a(50)), None),
            (format!("hf_{}", a(34)), None),
            (format!("npm_{}", a(36)), None),
            (format!("pypi-{}", a(50)), None),
            (format!("SG.{}.{}", a(22), a(43)), None),
            (format!("sk_live_{}", a(24)), None),
            (format!("rk_live_{}", a(24)), None),
            (format!("eyJhbGciOiJIUzI1NiJ9.{}.{}", a(30), a(43)), None),
            (format!("dapi{}", &hex[..32]), None),
            (format!("dop_v1_{hex}"), None),
            (format!("hvs.{}", a(40)), None),
            (
                format!("https://hooks.slack.com/services/T00000000/B00000000/{}", a(24)),
                Some(a(24).to_owned()),
            ),
            (format!("postgres://app:{}@db.example.com/x", a(12)), Some(a(12).to_owned())),
            ("https://user:hunter2@example.com/repo.git".to_owned(), Some("hunter2".to_owned())),
            (format!("Authorization: Bearer {}", a(30)), Some(a(30).to_owned())),
            ("authorization: Basic dXNlcjpwYXNz".to_owned(), Some("dXNlcjpwYXNz".to_owned())),
            (format!("x-api-key: {}", a(30)), Some(a(30).to_owned())),
            ("DB_PASSWORD=hunter2!x".to_owned(), Some("hunter2!x".to_owned())),
            (format!("AWS_SECRET_ACCESS_KEY={}", a(40)), Some(a(40).to_owned())),
            (format!("export API_TOKEN='{}'", a(20)), Some(a(20).to_owned())),
            (format!("{{\"client_secret\": \"{}\"}}", a(20)), Some(a(20).to_owned())),
            (format!("{{\\\"password\\\":\\\"{}\\\"}}", a(12)), Some(a(12).to_owned())),
            (format!("apiKey: '{}',", a(20)), Some(a(20).to_owned())),
            (format!("deploy --token {}", a(20)), Some(a(20).to_owned())),
            ("curl -s -u admin:s3cr3t http://127.0.0.1/".to_owned(), Some("s3cr3t".to_owned())),
            (format!("//registry.example.com/:_authToken={}", a(36)), Some(a(36).to_owned())),
            ("machine example.com login me password s3cr3t".to_owned(), Some("s3cr3t".to_owned())),
            (format!("https://example.com/x?access_token={}&y=1", a(20)), Some(a(20).to_owned())),
        ]
        .into_iter()
        .map(|(text, secret)| {
            let secret = secret.unwrap_or_else(|| text.clone());
            (text, secret)
        })
        .collect()
    }

    #[test]
    fn every_pattern_compiles_and_there_are_enough_kinds() {
        assert_eq!(RULES.len(), PATTERNS.len());
        let mut kinds: Vec<_> = PATTERNS.iter().map(|(kind, ..)| kind).collect();
        kinds.sort();
        kinds.dedup();
        assert!(kinds.len() >= 30, "{}", kinds.len());
    }

    #[test]
    fn every_known_kind_is_replaced_bare_quoted_and_inside_json() {
        for (text, secret) in secrets() {
            let forms = [
                text.clone(),
                format!("the key is {text} ok"),
                format!("\"{text}\""),
                format!("({text})"),
                serde_json::to_string(&format!("x {text} y")).unwrap(),
                serde_json::to_string(&serde_json::to_string(&format!("x {text}\n")).unwrap()).unwrap(),
            ];
            for form in forms {
                let clean = redact(&form);
                assert!(!clean.contains(&secret) && clean.contains(REPLACED), "{form} -> {clean}");
            }
        }
    }

    #[test]
    fn a_key_file_goes_as_a_whole_also_escaped_or_cut_off() {
        let body = format!("{A}\n{A}\n");
        for kind in ["RSA ", "EC ", "OPENSSH ", ""] {
            let whole =
                format!("a\n-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----\nz");
            assert_eq!(redact(&whole), "a\n[redacted: private key]\nz");
            let escaped = serde_json::to_string(&whole).unwrap();
            assert_eq!(redact(&escaped), "\"a\\n[redacted: private key]\\nz\"");
        }
        let cut = format!("-----BEGIN RSA PRIVATE KEY-----\n{body}");
        assert!(!redact(&cut).contains(&A[..20]));
    }

    #[test]
    fn a_public_certificate_and_ordinary_text_stay() {
        for text in [
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "max_tokens = 4096 and tokens: 9242, CLAUDE_CODE_MAX_OUTPUT_TOKENS=32000",
            "const token = getToken(); password = req.body.password",
            "type: 'password', token: string, secret: ${{ secrets.X }}",
            "password: the user enters it; TOKEN=$TOKEN API_KEY=${API_KEY}",
            "https://example.com:8080/path and git@github.com:owner/repo.git",
            "task-sk-something, disk-usage-of-the-whole-machine, sk-a-very-long-class-name-of-css",
            "commit 0123456789abcdef0123456789abcdef01234567",
            "let key = map.get(\"name\"); KEY=value; the keyboard: fine",
            "docker run -u 1000:1000 image",
            "self.pre_auth = pre_auth1; url_user_password = split_auth_netloc_from_url2(x)",
            "pub const IFLA_INET6_TOKEN: _bindgen_ty_7 = 3; DEVSTAT_TYPE_PASS = 0x100, dot2_token: node.dot2_token,",
            "primary key: id, foreign_key=user_id, tokenizer: bpe, secretary=Smith",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn redacting_again_changes_nothing() {
        for (text, _) in secrets() {
            let once = redact(&text).into_owned();
            assert_eq!(redact(&once), once);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_is_survived(text in "(?s).{0,300}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.clone());
        }
    }
}
