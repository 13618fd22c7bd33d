//! Tests recall: at least 99 % of generated secrets of every kind must be removed, in every form in which a
//! transcript contains them.
//!
//! The generator has a fixed seed. A secret counts as leaked if any six consecutive characters of its random
//! part are in the clean text, either as they are or after decoding escapes.

use super::redact;
use super::view::View;
use std::fmt::Write as _;

/// Number of secrets of each kind in each shape.
const EACH: usize = 24;

/// Pseudo-random number generator (xorshift64*), identical on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    fn of(&mut self, letters: &str, count: usize) -> String {
        let letters = letters.as_bytes();
        (0..count).map(|_| char::from(letters[self.below(letters.len())])).collect()
    }
}

const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PASSWORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%^*_+=.~?";
const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*_.~-";

/// Text before the random part, the random part, and text after it.
type Secret = (String, String, String);

fn token(prefix: &str, random: String) -> Secret {
    (prefix.to_owned(), random, String::new())
}

/// Generates a password with at least one digit, one capital and one lower-case letter.
fn password(dice: &mut Dice, letters: &str, count: usize) -> String {
    loop {
        let made = dice.of(letters, count);
        if made.bytes().any(|byte| byte.is_ascii_digit())
            && made.bytes().any(|byte| byte.is_ascii_uppercase())
            && made.bytes().any(|byte| byte.is_ascii_lowercase())
            && made.as_bytes()[0].is_ascii_alphanumeric()
            && made.as_bytes()[count - 1].is_ascii_alphanumeric()
        {
            return made;
        }
    }
}

type Maker = fn(&mut Dice) -> Secret;

#[rustfmt::skip]
const KINDS: &[(&str, Maker)] = &[
    ("anthropic key", |d| token("sk-ant-api03-", d.of(WORD, 93) + "AA")),
    ("anthropic login", |d| token("sk-ant-oat01-", d.of(WORD, 93) + "AA")),
    ("openai project key", |d| { let a = d.of(WORD, 74); let b = d.of(WORD, 74); token("sk-proj-", format!("{a}T3BlbkFJ{b}")) }),
    ("openai key", |d| { let a = d.of(ALNUM, 20); let b = d.of(ALNUM, 20); token("sk-", format!("{a}T3BlbkFJ{b}")) }),
    ("openrouter key", |d| token("sk-or-v1-", d.of(HEX, 64))),
    ("hugging face token", |d| token("hf_", d.of(ALNUM, 34))),
    ("groq key", |d| token("gsk_", d.of(ALNUM, 52))),
    ("perplexity key", |d| token("pplx-", d.of(ALNUM, 48))),
    ("aws access key", |d| token("AKIA", d.of(UPPER, 16))),
    ("aws session key", |d| token("ASIA", d.of(UPPER, 16))),
    ("google api key", |d| token("AIza", d.of(WORD, 35))),
    ("google access token", |d| token("ya29.", d.of(WORD, 120))),
    ("google client secret", |d| token("GOCSPX-", d.of(WORD, 28))),
    ("azure client secret", |d| { let a = d.of(ALNUM, 3); let b = d.of(DIGITS, 1); token("", format!("{a}{b}Q~{}", d.of(ALNUM, 34))) }),
    ("alibaba access key", |d| token("LTAI", d.of(ALNUM, 20))),
    ("digitalocean token", |d| token("dop_v1_", d.of(HEX, 64))),
    ("supabase key", |d| token("sbp_", d.of(HEX, 40))),
    ("planetscale password", |d| token("pscale_pw_", d.of(ALNUM, 43))),
    ("github token", |d| token("ghp_", d.of(ALNUM, 36))),
    ("github app token", |d| token("ghs_", d.of(ALNUM, 36))),
    ("github fine-grained token", |d| { let a = d.of(ALNUM, 22); token("github_pat_", format!("{a}_{}", d.of(ALNUM, 59))) }),
    ("gitlab token", |d| token("glpat-", d.of(WORD, 19) + "x")),
    ("npm token", |d| token("npm_", d.of(ALNUM, 36))),
    ("pypi token", |d| token("pypi-AgEIcHlwaS5vcmc", d.of(WORD, 140) + "A")),
    ("rubygems key", |d| token("rubygems_", d.of(HEX, 48))),
    ("docker token", |d| token("dckr_pat_", d.of(WORD, 26) + "Z")),
    ("vault token", |d| token("hvs.", d.of(WORD, 90) + "A")),
    ("terraform token", |d| { let a = d.of(ALNUM, 14); token("", format!("{a}.atlasv1.{}", d.of(ALNUM, 67))) }),
    ("doppler token", |d| token("dp.pt.", d.of(ALNUM, 43))),
    ("age secret key", |d| token("AGE-SECRET-KEY-1", d.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58))),
    ("slack bot token", |d| { let a = d.of(DIGITS, 12); let b = d.of(DIGITS, 12); token("xoxb-", format!("{a}-{b}-{}", d.of(ALNUM, 24))) }),
    ("slack webhook", |d| { let a = d.of(UPPER, 10); let b = d.of(UPPER, 10); token("https://hooks.slack.com/services/", format!("T{a}/B{b}/{}", d.of(ALNUM, 24))) }),
    ("discord webhook", |d| { let a = d.of(DIGITS, 18); token("https://discord.com/api/webhooks/", format!("{a}/{}", d.of(WORD, 67) + "a")) }),
    ("telegram bot token", |d| { let a = d.of("123456789", 10); token("", format!("{a}:AA{}", d.of(WORD, 32) + "b")) }),
    ("sendgrid key", |d| { let a = d.of(WORD, 22); token("SG.", format!("{a}.{}", d.of(WORD, 42) + "c")) }),
    ("mailgun key", |d| token("key-", d.of(HEX, 32))),
    ("twilio key", |d| token("SK", d.of(HEX, 32))),
    ("stripe key", |d| token("sk_live_", d.of(ALNUM, 24))),
    ("webhook secret", |d| token("whsec_", d.of(ALNUM, 32))),
    ("shopify token", |d| token("shpat_", d.of(HEX, 32))),
    ("databricks token", |d| token("dapi", d.of(HEX, 32))),
    ("grafana token", |d| { let a = d.of(ALNUM, 32); token("glsa_", format!("{a}_{}", d.of(HEX, 8))) }),
    ("new relic key", |d| token("NRAK-", d.of(UPPER, 27))),
    ("sentry token", |d| token("sntryu_", d.of(HEX, 64))),
    ("postman key", |d| { let a = d.of(HEX, 24); token("PMAK-", format!("{a}-{}", d.of(HEX, 34))) }),
    ("linear key", |d| token("lin_api_", d.of(ALNUM, 40))),
    ("notion token", |d| { let a = d.of(DIGITS, 11); token("ntn_", a + &d.of(ALNUM, 35)) }),
    ("atlassian token", |d| token("ATATT3", d.of(WORD, 185) + "A")),
    ("jwt", |d| { let a = d.of(ALNUM, 60); let b = d.of(WORD, 42) + "w"; token("eyJhbGciOiJIUzI1NiJ9.eyJ", format!("{a}.{b}")) }),
    ("private key", |d| {
        let lines: Vec<String> = (0..6).map(|_| d.of(BASE64, 64)).collect();
        ("-----BEGIN RSA PRIVATE KEY-----\n".into(), lines.join("\n"), "\n-----END RSA PRIVATE KEY-----".into())
    }),
    ("openssh key", |d| {
        let lines: Vec<String> = (0..4).map(|_| d.of(BASE64, 70)).collect();
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n".into(), lines.join("\n"), "\n-----END OPENSSH PRIVATE KEY-----".into())
    }),
    ("aws secret key", |d| ("AWS_SECRET_ACCESS_KEY=".into(), d.of(BASE64, 40), String::new())),
    ("azure account key", |d| ("AccountName=store;AccountKey=".into(), d.of(BASE64, 86) + "==", ";EndpointSuffix=core.windows.net".into())),
    ("password in url", |d| ("postgres://app:".into(), password(d, URL_SAFE, 20), "@db.example.com:5432/app".into())),
    ("token in url", |d| ("https://".into(), password(d, ALNUM, 40), "@git.example.com/team/app.git".into())),
    ("signed url", |d| ("https://store.example.com/f?sv=2024&sig=".into(), password(d, ALNUM, 44), "&se=1".into())),
    (".env password", |d| ("DB_PASSWORD=".into(), password(d, PASSWORD, 16), String::new())),
    (".env secret", |d| ("SESSION_SECRET=".into(), d.of(HEX, 64), String::new())),
    (".env key", |d| ("ENCRYPTION_KEY=".into(), d.of(BASE64, 43) + "=", String::new())),
    ("password in code", |d| ("password = '".into(), password(d, PASSWORD, 14), "'".into())),
    ("api key in code", |d| ("apiKey: '".into(), password(d, ALNUM, 32), "'".into())),
    ("client secret", |d| ("client_secret: ".into(), password(d, ALNUM, 40), String::new())),
    ("auth token in .npmrc", |d| ("//registry.example.com/:_authToken=".into(), d.of(HEX, 8) + "-" + &d.of(HEX, 4) + "-4" + &d.of(HEX, 3) + "-" + &d.of(HEX, 12), String::new())),
    ("bearer header", |d| ("Authorization: Bearer ".into(), password(d, ALNUM, 40), String::new())),
    ("basic header", |d| ("Authorization: Basic ".into(), d.of(BASE64, 30) + "==", String::new())),
    ("key header", |d| ("X-Api-Key: ".into(), password(d, ALNUM, 32), String::new())),
    ("cookie", |d| ("Cookie: theme=dark; session=".into(), password(d, ALNUM, 40), String::new())),
    ("set-cookie", |d| ("Set-Cookie: sid=".into(), password(d, ALNUM, 40), "; Path=/; HttpOnly".into())),
    ("session id", |d| ("PHPSESSID_session_id=".into(), d.of("abcdefghijklmnopqrstuvwxyz0123456789", 26), String::new())),
    ("curl user", |d| ("curl -s -u admin:".into(), password(d, URL_SAFE, 16), " https://example.com/".into())),
    ("mysql password", |d| ("mysql -h db -uroot -p".into(), password(d, ALNUM, 16), " app".into())),
    ("password option", |d| ("deploy --password ".into(), password(d, ALNUM, 18), " --yes".into())),
    ("token option", |d| ("deploy --token=".into(), password(d, ALNUM, 32), " --yes".into())),
    ("netrc password", |d| ("machine example.com login me password ".into(), password(d, ALNUM, 18), String::new())),
    ("connection string", |d| ("Server=db;User Id=sa;Password=".into(), password(d, ALNUM, 18), ";Database=app".into())),
];

fn encoded(text: &str, all: bool, small: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || (!all && matches!(byte, b'/' | b':'));
        match (plain, small) {
            (true, _) => out.push(char::from(byte)),
            (false, true) => write!(out, "%{byte:02x}").unwrap(),
            (false, false) => write!(out, "%{byte:02X}").unwrap(),
        }
    }
    out
}

const SHAPES: [&str; 10] =
    ["bare", "quoted", "json", "split", "url-encoded", ".env", "yaml", "header", "flag", "url"];

fn shaped(dice: &mut Dice, shape: &str, (before, random, after): &Secret) -> String {
    let text = format!("{before}{random}{after}");
    let quote = if text.contains('\'') { '"' } else { ['"', '\''][dice.below(2)] };
    match (shape, dice.below(3)) {
        ("bare", 0) => text,
        ("bare", 1) => format!("use {text} from now on, please"),
        ("bare", _) => format!("It is:\n{text}\nThank you."),
        ("quoted", 0) => format!("const value = {quote}{text}{quote};"),
        ("quoted", 1) => format!("call({quote}{text}{quote}, 3)"),
        ("quoted", _) => format!("the `{text}` of the project"),
        ("json", 0) => serde_json::to_string(&format!("x {text} y")).unwrap(),
        ("json", 1) => serde_json::to_string(&serde_json::to_string(&format!("{text}\n")).unwrap()).unwrap(),
        ("json", _) => serde_json::json!({"a": 1, "stdout": format!("out:\n{text}\nend")}).to_string(),
        ("split", _) => {
            let prefix =
                if KEEPS.iter().any(|keep| before.contains(keep)) || before.contains([' ', '=', '\n']) {
                    0
                } else {
                    before.len().min(9)
                };
            let body = before.len() - prefix;
            let tail = &text[body..before.len() + random.len()];
            let at = body + 1 + dice.below(tail.len() - 1);
            let seam = ["\n", "\n    ", "\\\n", "\\\n  ", " │\n│ ", "\r\n"][dice.below(6)];
            format!("see {}{seam}{}\nand go on", &text[..at], &text[at..])
        }
        ("url-encoded", style) => format!("body={}&next=1", encoded(&text, true, style == 0)),
        (".env", 0) => format!("PORT=8080\n{text}\nDEBUG=1\n"),
        (".env", 1) if !text.contains([' ', '\n', '=']) => format!("SOME_VALUE={text}\nDEBUG=1\n"),
        (".env", _) if !text.contains(['\n', '=', '"']) => format!("export SOME_VALUE=\"{text}\"\n"),
        (".env", _) => format!("# local\n{text}\n"),
        ("yaml", 0) => format!("service:\n  value: {}\n  port: 80\n", text.replace('\n', "\n    ")),
        ("yaml", 1) => format!("list:\n  - {}\n  - other\n", text.replace('\n', "\n    ")),
        ("yaml", _) => format!("value: |\n  {}\nnext: 1\n", text.replace('\n', "\n  ")),
        ("header", 0) => {
            format!("GET / HTTP/1.1\r\nHost: x\r\nX-Custom: {}\r\n\r\n", text.replace('\n', "\\n"))
        }
        ("header", 1) => {
            format!("curl -H {quote}X-Custom: {}{quote} https://example.com/", text.replace('\n', "\\n"))
        }
        ("header", _) => format!("< x-custom: {}\n< server: x\n", text.replace('\n', "\\n")),
        ("flag", 0) => format!("tool --value={quote}{text}{quote} --verbose"),
        ("flag", 1) => format!("tool --value {quote}{text}{quote}"),
        ("flag", _) => format!("tool -x {text}"),
        ("url", 0) => format!("https://example.com/a?x={}&y=1", encoded(&text, false, false)),
        ("url", 1) => format!("open https://example.com/{}/more now", encoded(&text, false, true)),
        _ => format!("[link](https://example.com/a?b=1&x={})", encoded(&text, true, false)),
    }
}

/// Prefixes that are URLs and remain in the text.
const KEEPS: [&str; 2] = ["https://", "postgres://"];

fn percent(part: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    100.0 * number(part) / number(of)
}

fn leaked(clean: &str, random: &str) -> bool {
    let read = View::of(clean);
    random.lines().any(|line| {
        let line = line.as_bytes();
        line.windows(6.min(line.len())).any(|window| {
            memchr::memmem::find(clean.as_bytes(), window).is_some()
                || memchr::memmem::find(read.text().as_bytes(), window).is_some()
        })
    })
}

#[test]
fn redaction_removes_99_percent_of_generated_secrets_and_95_percent_of_each_kind() {
    assert!(KINDS.len() >= 30 && EACH >= 20);
    let mut dice = Dice(0x5EED_0005_0008_2026);
    let (mut all, mut gone) = (0, 0);
    let mut report = String::new();
    let mut poor = Vec::new();
    let mut shapes = [0; SHAPES.len()];
    for (kind, make) in KINDS {
        let mut kept = 0;
        let mut examples = Vec::new();
        for (index, shape) in SHAPES.iter().enumerate() {
            for _ in 0..EACH {
                let secret = make(&mut dice);
                let text = shaped(&mut dice, shape, &secret);
                let clean = redact(&text);
                assert_eq!(redact(&clean), clean, "not the same a second time: {text}");
                if leaked(&clean, &secret.1) {
                    kept += 1;
                    shapes[index] += 1;
                    if examples.len() < 4 {
                        examples.push(format!("\n    {shape}: {text:?}\n      -> {clean:?}"));
                    }
                }
            }
        }
        let count = SHAPES.len() * EACH;
        all += count;
        gone += count - kept;
        let recall = percent(count - kept, count);
        let _ = write!(report, "\n{kind:28} {recall:6.2} %  {kept} of {count} stayed{}", examples.concat());
        if recall < 95.0 {
            poor.push(*kind);
        }
    }
    let recall = percent(gone, all);
    let _ = write!(
        report,
        "\nall: {recall:.3} % of {all}; stayed by shape: {:?}",
        SHAPES.iter().zip(shapes).collect::<Vec<_>>()
    );
    // Printed with `cargo test -- --nocapture`, and when the test fails.
    #[expect(clippy::print_stdout, reason = "the recall of each kind is what this test is for")]
    {
        println!("{report}");
    }
    assert!(recall >= 99.0 && poor.is_empty(), "{report}\npoor: {poor:?}");
    assert_eq!(report.lines().filter(|line| line.contains(" % ")).count(), KINDS.len() + 1);
}

#[test]
fn without_redaction_the_same_secrets_all_leak() {
    let mut dice = Dice(1);
    for (kind, make) in KINDS {
        let secret = make(&mut dice);
        let text = shaped(&mut dice, "bare", &secret);
        assert!(leaked(&text, &secret.1), "{kind}");
    }
}
