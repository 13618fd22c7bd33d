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

/// Quotes a command-line word. It cannot contain quotation marks: Windows paths have none, and
/// other words are refused.
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

#[cfg(test)]
mod tests {
    use super::*;

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
