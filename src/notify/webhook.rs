//! The webhook: each notice is posted as JSON to the address in the user's own configuration. Its address counts as a secret
//! (many carry one), so that no message of ours repeats it.

use super::Delivery;
use super::notice::Notice;
use crate::clock::rfc3339;
use crate::config::{is_loopback, webhook_address};
use crate::env::Environment;
use crate::world::World;
use serde_json::{Value, json};
use std::time::Duration;
use ureq::http::Uri;
use ureq::{Agent, Proxy};

/// Name and version of what is posted.
const SCHEMA: &str = "cc-session-recover/notice@1";
/// It must have been taken by then, name look-up and all.
const DEADLINE: Duration = Duration::from_secs(10);

/// Posts a notice. No redirect is followed.
pub(crate) fn post(world: World<'_>, url: &str, notice: &Notice) -> Delivery {
    post_within(world, url, notice, DEADLINE)
}

fn post_within(world: World<'_>, url: &str, notice: &Notice, limit: Duration) -> Delivery {
    let uri = match webhook_address(url) {
        Ok(uri) => uri,
        Err(error) => return Delivery::Failed(error.message),
    };
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(limit))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("cc-session-recover/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy(world.env, &uri))
        .build()
        .into();
    let body = message(notice, &rfc3339(world.clock.now())).to_string();
    match agent.post(uri).content_type("application/json").send(body) {
        Ok(answer) if answer.status().is_success() => Delivery::Done,
        Ok(answer) => Delivery::Failed(format!("the webhook answered {}", answer.status().as_u16())),
        Err(ureq::Error::Timeout(_)) => {
            Delivery::TimedOut(format!("the webhook did not answer within {} s", limit.as_secs_f64()))
        }
        Err(error) => Delivery::Failed(format!("the webhook was not reached: {}", cause(&error))),
    }
}

/// What went wrong, without what an error may repeat of the address.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "its name is not known".into(),
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => "no trusted connection".into(),
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => "the proxy refused".into(),
        _ => "no connection".into(),
    }
}

/// The proxy that the user's environment names, never for this machine itself.
fn proxy(env: &Environment, uri: &Uri) -> Option<Proxy> {
    if is_loopback(uri.host()?) {
        return None;
    }
    let either = |upper: &str, lower: &str| env.text(upper).or_else(|| env.text(lower)).map(str::to_owned);
    let proxy = Proxy::new(&either("HTTPS_PROXY", "https_proxy")?).ok()?;
    let host = uri.host()?.to_ascii_lowercase();
    let excepted = either("NO_PROXY", "no_proxy").is_some_and(|list| {
        list.split(',').map(|entry| entry.trim().trim_start_matches('*').trim_start_matches('.')).any(
            |entry| {
                !entry.is_empty()
                    && host
                        .strip_suffix(&entry.to_ascii_lowercase())
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            },
        )
    });
    (!excepted).then_some(proxy)
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
    use crate::error::Code;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::path::Path;

    /// Takes one request, answers with this, and gives the request back.
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
        // A proxy that would swallow it: it is never used for this machine.
        let env = Environment::from_pairs(
            [("HTTPS_PROXY", "http://127.0.0.1:9"), ("HTTP_PROXY", "http://127.0.0.1:9")],
            "/",
        );
        let world = World { env: &env, clock: &SystemClock, processes: &SystemProcesses };
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
    fn a_notice_arrives_as_one_object_with_nothing_but_title_and_project_of_the_session() {
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
    fn a_refusal_a_redirect_and_nobody_at_home_are_failures_that_keep_the_address_to_themselves() {
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
    fn one_that_never_answers_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        assert!(matches!(posted(&url, Duration::from_millis(300)), Delivery::TimedOut(_)));
    }

    #[test]
    fn only_https_or_this_machine_itself_is_posted_to() {
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
    fn the_users_proxy_is_used_outside_of_its_exceptions() {
        let env = Environment::from_pairs(
            [
                ("https_proxy", "http://proxy.example:3128"),
                ("NO_PROXY", "localhost, .corp.example,plain.example"),
            ],
            "/",
        );
        let used = |url: &str| proxy(&env, &url.parse().unwrap()).is_some();
        assert!(used("https://example.com/") && used("https://notplain.example/"));
        for direct in [
            "https://a.corp.example/",
            "https://plain.example/",
            "https://x.plain.example/",
            "http://127.0.0.1/",
        ] {
            assert!(!used(direct), "{direct}");
        }
    }
}
