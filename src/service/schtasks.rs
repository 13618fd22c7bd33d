//! The Windows scheduled task (Task Scheduler schema 1.2), in the form that `schtasks /Create /XML` accepts.

use super::MARKER;
use super::launchd::escaped;
use super::start::Start;
use crate::env::Environment;

pub const NAME: &str = "cc-session-recover";
/// Name of the task's file in the state directory.
pub const FILE: &str = "cc-session-recover.xml";

/// Owner of the task, as `DOMAIN\user`; without it the task belongs to the user who creates it.
#[must_use]
pub fn user(env: &Environment) -> Option<String> {
    let name = env.text("USERNAME")?;
    Some(env.text("USERDOMAIN").map_or_else(|| name.to_owned(), |domain| format!(r"{domain}\{name}")))
}

/// Returns the task definition. Its variables are those of the login, because a task cannot have its own.
#[must_use]
pub fn task(start: &Start, user: Option<&str>) -> String {
    let user = user.map(|user| format!("<UserId>{}</UserId>", escaped(user))).unwrap_or_default();
    let arguments: Vec<String> = start.arguments.iter().map(|argument| quoted(argument)).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<!-- {MARKER}: its command watch rewrites and removes this file. -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Continues Claude Code sessions that stopped</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      {user}
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      {user}
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>10</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{}</Command>
      <Arguments>{}</Arguments>
    </Exec>
  </Actions>
</Task>
"#,
        escaped(&start.node),
        escaped(&arguments.join(" ")),
    )
}

/// Quotes a command-line word. The word must not contain quotation marks. Windows paths contain none, and
/// other such words are rejected.
fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}

/// Encodes the file as UTF-16 with a byte order mark, which schtasks requires for a file declared as UTF-16.
#[must_use]
pub fn bytes(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// Decodes such a file; `None` for any other encoding.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = bytes
        .strip_prefix(&[0xff, 0xfe])?
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], *pair.get(1).unwrap_or(&0)]))
        .collect();
    String::from_utf16(&units).ok()
}

/// Returns whether a registered task starts at login, from the output of `schtasks /Query /XML`; `None` if
/// the output is not a task definition.
///
/// Both the task and its trigger can be disabled. `schtasks /Change /DISABLE` and the window of the task
/// scheduler disable the task in `Settings`. An element that is absent has its default, which is enabled: the
/// task scheduler leaves defaults out of what it prints.
#[must_use]
pub fn starts_at_login(output: &[u8]) -> Option<bool> {
    // The output declares UTF-16, but a pipe receives it in the console's code page or in UTF-16. The part
    // that is read here is ASCII in all of them, once the zero bytes are removed.
    let bytes: Vec<u8> = output.iter().copied().filter(|byte| *byte != 0).collect();
    let text = String::from_utf8_lossy(&bytes);
    let task = *elements(&text, "Task").first()?;
    let is_enabled = |element: &str| {
        elements(element, "Enabled").first().is_none_or(|value| matches!(value.trim(), "true" | "1"))
    };
    let by_login = elements(task, "LogonTrigger").into_iter().any(is_enabled);
    Some(by_login && elements(task, "Settings").into_iter().all(is_enabled))
}

/// Returns the contents of all elements of this name, which must not contain one another.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let content = |rest: &'a str| {
        let (attributes, inner) = rest.split_once('>')?;
        match attributes.strip_suffix('/') {
            Some(empty) if empty.trim_start().len() < empty.len() || empty.is_empty() => Some(""),
            None if attributes.trim_start().len() < attributes.len() || attributes.is_empty() => {
                inner.split_once(&close).map(|(inner, _)| inner)
            }
            // The name of the element only begins with this name.
            _ => None,
        }
    };
    xml.split(&open).skip(1).filter_map(content).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of `schtasks /Query /XML`, composed after the schema that Microsoft publishes ([MS-TSCH] 2.5, with
    /// `Enabled` of the settings in 2.5.4 and its default `true`): the scheduler adds the registration, and
    /// leaves out values that are defaults (142 of 183 tasks of a Windows 11, AdventDevInc/kudu#458).
    fn printed(trigger: &str, settings: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n\
             <Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">\r\n  \
             <RegistrationInfo>\r\n    <Description>Continues Claude Code sessions that stopped</Description>\r\n    \
             <URI>\\cc-session-recover</URI>\r\n  </RegistrationInfo>\r\n  \
             <Principals>\r\n    <Principal id=\"Author\">\r\n      <UserId>S-1-5-21-1-2-3-1001</UserId>\r\n      \
             <LogonType>InteractiveToken</LogonType>\r\n    </Principal>\r\n  </Principals>\r\n  \
             <Settings>\r\n    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>\r\n    \
             {settings}<IdleSettings>\r\n      <StopOnIdleEnd>true</StopOnIdleEnd>\r\n    </IdleSettings>\r\n  \
             </Settings>\r\n  <Triggers>\r\n    {trigger}\r\n  </Triggers>\r\n  <Actions Context=\"Author\">\r\n    \
             <Exec>\r\n      <Command>C:\\node.exe</Command>\r\n    </Exec>\r\n  </Actions>\r\n</Task>\r\n"
        )
    }

    #[test]
    fn a_task_starts_at_login_unless_it_or_its_trigger_is_disabled() {
        let logon = |inside: &str| format!("<LogonTrigger>\r\n      {inside}\r\n    </LogonTrigger>");
        let (on, off) = ("<Enabled>true</Enabled>", "<Enabled>false</Enabled>");
        let table = [
            (logon(""), "", true),
            (logon(on), on, true),
            (logon(on), off, false),
            (logon(on), "<Enabled>0</Enabled>", false),
            (logon(off), on, false),
            (logon(off), "", false),
            ("<LogonTrigger />".to_owned(), "", true),
            (format!("{}{}", logon(off), logon(on)), "", true),
            // The task runs at a time other than login.
            (format!("<BootTrigger>{on}</BootTrigger>"), on, false),
            (String::new(), on, false),
        ];
        for (trigger, settings, starts) in table {
            let text = printed(&trigger, settings);
            assert_eq!(starts_at_login(text.as_bytes()), Some(starts), "{text}");
            assert_eq!(starts_at_login(&bytes(&text)), Some(starts), "UTF-16: {text}");
        }
        // The user's name in a code page of the console is not valid UTF-8.
        let foreign = [b"<!-- Jos\x82 -->", printed(&logon(""), off).as_bytes()].concat();
        assert_eq!(starts_at_login(&foreign), Some(false));
        for damaged in ["", "ERROR: The system cannot find the file specified.", "<Tasks></Tasks>", "<Task>"]
        {
            assert_eq!(starts_at_login(damaged.as_bytes()), None, "{damaged}");
        }
        let start =
            Start { node: "node".into(), arguments: Vec::new(), variables: Vec::new(), warnings: Vec::new() };
        assert_eq!(starts_at_login(&bytes(&task(&start, None))), Some(true));
    }

    #[test]
    fn a_task_quotes_its_arguments_and_is_read_back_from_its_bytes() {
        let start = Start {
            node: r"C:\Program Files\nodejs\node.exe".into(),
            arguments: vec![
                r"C:\Users\Jos\u{e9} & Co\cc-session-recover.js".replace(r"\u{e9}", "é"),
                "watch".into(),
                "--all".into(),
            ],
            variables: Vec::new(),
            warnings: Vec::new(),
        };
        let env = Environment::from_pairs([("USERNAME", "Jo <x>"), ("USERDOMAIN", "PC")], "/");
        let text = task(&start, user(&env).as_deref());
        assert!(text.contains(r"<Command>C:\Program Files\nodejs\node.exe</Command>"));
        assert!(
            text.contains(
                r"<Arguments>&quot;C:\Users\José &amp; Co\cc-session-recover.js&quot; watch --all</Arguments>"
            ),
            "{text}"
        );
        assert_eq!(text.matches(r"<UserId>PC\Jo &lt;x&gt;</UserId>").count(), 2);
        let bytes = bytes(&text);
        assert_eq!((bytes[0], bytes[1], super::text(&bytes)), (0xff, 0xfe, Some(text)));
    }
}
