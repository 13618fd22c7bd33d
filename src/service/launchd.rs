//! The launchd agent that starts the supervisor (launchd.plist(5)).

use super::MARKER;
use super::start::Start;
use std::fmt::Write;

pub const NAME: &str = "com.cc-session-recover.watch";
/// File name of the agent's property list.
pub const FILE: &str = "com.cc-session-recover.watch.plist";

/// Returns the agent's property list. As with systemd, a running continuation of a session is not
/// interrupted.
#[must_use]
pub fn agent(start: &Start) -> String {
    let mut arguments = String::new();
    for argument in std::iter::once(&start.node).chain(&start.arguments) {
        let _ = writeln!(arguments, "    <string>{}</string>", escaped(argument));
    }
    let mut variables = String::new();
    for (name, value) in &start.variables {
        let _ =
            writeln!(variables, "    <key>{}</key>\n    <string>{}</string>", escaped(name), escaped(value));
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- {MARKER}: its command watch rewrites and removes this file. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{NAME}</string>
  <key>ProgramArguments</key>
  <array>
{arguments}  </array>
  <key>EnvironmentVariables</key>
  <dict>
{variables}  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>60</integer>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Nice</key>
  <integer>10</integer>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
"#
    )
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
}
