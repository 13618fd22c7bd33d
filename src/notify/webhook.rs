//! Posts each notice as JSON to the address in the user's own configuration. Many webhook addresses contain a
//! secret, so no message repeats the address.

use super::Delivery;
use super::notice::Notice;
use crate::clock::rfc3339;
use crate::config::{is_loopback, webhook_address};
use crate::program::{ProgramEnd, node, run_with_input};
use crate::store::StateDir;
use crate::world::World;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Schema name and version of the posted object.
const SCHEMA: &str = "cc-session-recover/notice@1";
/// Deadline of the request, including name resolution.
const DEADLINE: Duration = Duration::from_secs(10);
/// Extra time for Node.js to start and to exit.
const AROUND: Duration = Duration::from_secs(5);
/// Script for Node.js, which provides TLS and proxy support.
const SCRIPT: &str = include_str!("post.js");
/// Variables that Node.js needs to reach an address. Proxies are not used for this machine itself.
const NEEDED: [&str; 4] = ["HOME", "PATH", "SystemRoot", "NODE_EXTRA_CA_CERTS"];
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];

/// Exit status of `post.js`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PostOutcome {
    Taken,
    /// The response has an error status, which is on standard error.
    Refused,
    Late,
    /// No response arrived. The error code, if any, is on standard error.
    NotReached,
    Broken,
}

impl PostOutcome {
    const fn from_exit(code: Option<i32>) -> Self {
        match code {
            Some(0) => Self::Taken,
            Some(3) => Self::Refused,
            Some(4) => Self::Late,
            Some(5) => Self::NotReached,
            Some(_) | None => Self::Broken,
        }
    }
}

/// Posts a notice. Redirects are not followed.
pub(crate) fn post(world: World<'_>, url: &str, notice: &Notice) -> Delivery {
    post_within(world, url, notice, DEADLINE)
}

fn post_within(world: World<'_>, url: &str, notice: &Notice, limit: Duration) -> Delivery {
    let address = match webhook_address(url) {
        Ok(address) => address,
        Err(error) => return Delivery::Failed(error.message),
    };
    let recorded = world.env.state_dir().map(|dir| StateDir::new(dir).recorded_nodes()).unwrap_or_default();
    let Some(program) = node(world.env, &recorded, notice.directory.as_deref()) else {
        return Delivery::NoPlace("Node.js was not found; the webhook needs it".into());
    };
    let local = address.host().is_some_and(is_loopback);
    let proxies = if local { &[][..] } else { &PROXIES[..] };
    let passed = NEEDED.iter().chain(proxies).filter_map(|name| Some((name, world.env.var(name)?)));
    let mut command = Command::new(program);
    command.env_clear().envs(passed).env("NODE_USE_ENV_PROXY", "1").env("NODE_NO_WARNINGS", "1");
    command.current_dir("/").args(["-e", SCRIPT]);
    let input = json!({
        "url": url,
        "body": message(notice, &rfc3339(world.clock.now())).to_string(),
        "agent": concat!("cc-session-recover/", env!("CARGO_PKG_VERSION")),
        "milliseconds": u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
    });
    match run_with_input(&mut command, input.to_string().into_bytes(), limit + AROUND) {
        Ok(end) => delivery(&end, limit),
        Err(why) => Delivery::TimedOut(format!("Node.js, which posts to the webhook, {why}")),
    }
}

fn delivery(end: &ProgramEnd, limit: Duration) -> Delivery {
    let code: String =
        end.complaint.chars().take(60).filter(|it| it.is_ascii_alphanumeric() || *it == '_').collect();
    match PostOutcome::from_exit(end.code) {
        PostOutcome::Taken => Delivery::Done,
        PostOutcome::Refused => Delivery::Failed(format!("the webhook responded with status {code}")),
        PostOutcome::Late => {
            Delivery::TimedOut(format!("the webhook did not answer within {} s", limit.as_secs_f64()))
        }
        PostOutcome::NotReached if code.is_empty() => Delivery::Failed("the webhook was not reached".into()),
        PostOutcome::NotReached => Delivery::Failed(format!("the webhook was not reached: {code}")),
        PostOutcome::Broken => Delivery::Failed("Node.js failed before it posted to the webhook".into()),
    }
}

fn message(notice: &Notice, at: &str) -> Value {
    json!({
        "schema": SCHEMA,
        "kind": notice.kind,
        "session": notice.session,
        "title": notice.title,
        "project": notice.project,
        "text": notice.text(),
        "at": at,
    })
}

#[cfg(test)]
mod tests {
    use super::super::notice::NoticeKind;
    use super::*;
    use crate::claude::process::SystemProcesses;
    use crate::clock::SystemClock;
    use crate::env::Environment;
    use crate::error::Code;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::path::Path;

    /// Serves one request with this response and returns the request.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<(String, Value)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/SECRET", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(|it| it.parse::<usize>().unwrap())
                })
                .unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            (&stream).write_all(answer.as_bytes()).unwrap();
            (head, serde_json::from_slice(&body).unwrap())
        });
        (url, served)
    }

    fn posted(url: &str, limit: Duration) -> Delivery {
        // An unreachable proxy, which must not be used for this machine.
        let path = Environment::of_process().text("PATH").unwrap_or_default().to_owned();
        let proxy = "http://127.0.0.1:9";
        let pairs = [("PATH", &*path), ("HTTPS_PROXY", proxy), ("HTTP_PROXY", proxy)];
        let env = Environment::from_pairs(pairs, "/");
        let world = World {
            env: &env,
            clock: &SystemClock,
            processes: &SystemProcesses,
            abort: &crate::abort::NEVER,
        };
        let notice = Notice::new(
            NoticeKind::GivenUp,
            "3f2a9c1d",
            4,
            Some("Fix \"it\""),
            Some(Path::new("/home/someone/api")),
        );
        post_within(world, url, &notice, limit)
    }

    #[test]
    fn a_webhook_notice_is_one_object_with_only_the_title_and_project_of_the_session() {
        let (url, served) = server("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(posted(&url, DEADLINE), Delivery::Done);
        let (head, body) = served.join().unwrap();
        assert!(head.starts_with("POST /hook/SECRET HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("content-type: application/json\r\n"));
        let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["schema", "kind", "session", "title", "project", "text", "at"]);
        assert_eq!(
            (&body["schema"], &body["kind"], &body["title"], &body["project"]),
            (&json!("cc-session-recover/notice@1"), &json!("given-up"), &json!("Fix \"it\""), &json!("api"))
        );
        assert!(!body.to_string().contains("someone"));
    }

    #[test]
    fn a_failed_or_redirected_webhook_is_reported_without_its_address() {
        for (answer, expected) in [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
            (
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/SECRET\r\ncontent-length: 0\r\n\r\n",
                "307",
            ),
            ("garbage\r\n\r\n", "not reached"),
        ] {
            let (url, served) = server(answer);
            let Delivery::Failed(why) = posted(&url, DEADLINE) else { panic!("{answer}") };
            assert!(why.contains(expected) && !why.contains("SECRET"), "{why}");
            served.join().unwrap();
        }
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let Delivery::Failed(why) = posted(&format!("http://{closed}/SECRET"), DEADLINE) else { panic!() };
        assert!(!why.contains("SECRET"), "{why}");
    }

    #[test]
    fn a_webhook_that_never_answers_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        assert!(matches!(posted(&url, Duration::from_millis(300)), Delivery::TimedOut(_)));
    }

    #[test]
    fn a_webhook_address_must_be_https_or_loopback() {
        for good in
            ["https://example.com/x?y=1", "http://127.0.0.1:8080/", "http://[::1]:9/x", "http://localhost/x"]
        {
            assert!(webhook_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com/SECRET",
            "http://127.0.0.1.example.com/SECRET",
            "http://localhost.example.com/SECRET",
            "ftp://example.com/SECRET",
            "file:///SECRET",
            "/SECRET",
            "",
            "https://user:SECRET@example.com/",
            "http://127.0.0.1@example.com/SECRET",
            "https:///SECRET",
            "example.com/SECRET",
        ] {
            let error = webhook_address(bad).unwrap_err();
            assert_eq!(error.code, Code::ConfigInvalid, "{bad}");
            assert!(
                !error.to_string().contains("SECRET") && error.message.starts_with("notify.webhook"),
                "{error}"
            );
        }
    }

    #[test]
    fn without_node_no_webhook_is_posted() {
        let env = Environment::from_pairs([("PATH", "/nowhere")], "/");
        let world = World {
            env: &env,
            clock: &SystemClock,
            processes: &SystemProcesses,
            abort: &crate::abort::NEVER,
        };
        let notice = Notice::new(NoticeKind::Held, "s", 1, None, None);
        assert!(matches!(post(world, "https://example.com/", &notice), Delivery::NoPlace(_)));
    }

    #[test]
    fn each_exit_code_maps_to_one_delivery_and_only_error_codes_are_quoted() {
        let of = |code: Option<i32>, complaint: &str| {
            delivery(&ProgramEnd { code, complaint: complaint.into() }, Duration::from_secs(10))
        };
        let failed = |text: &str| Delivery::Failed(text.into());
        let table = [
            (Some(0), "", Delivery::Done),
            (Some(3), "404", failed("the webhook responded with status 404")),
            (Some(4), "", Delivery::TimedOut("the webhook did not answer within 10 s".into())),
            (Some(5), "ENOTFOUND", failed("the webhook was not reached: ENOTFOUND")),
            (Some(5), "", failed("the webhook was not reached")),
            (Some(1), "x", failed("Node.js failed before it posted to the webhook")),
            (None, "", failed("Node.js failed before it posted to the webhook")),
        ];
        for (code, complaint, expected) in table {
            assert_eq!(of(code, complaint), expected, "{code:?} {complaint}");
        }
    }
}
