//! The unit for systemd's user manager (systemd.service(5), systemd.exec(5), systemd.syntax(7)).

use super::MARKER;
use super::start::Start;
use std::fmt::Write;

/// Name of the unit and its file.
pub const NAME: &str = "cc-session-recover.service";
/// The target reached at login. The unit is enabled in the directory with this name plus `.wants`.
pub const TARGET: &str = "default.target";

/// Returns the text of the unit.
///
/// Stopping or restarting the service ends only its main process, so that a session that is being continued
/// can finish. The unit does not wait for a network, because the supervisor handles being offline.
#[must_use]
pub fn unit(start: &Start) -> String {
    let mut variables = String::new();
    for (name, value) in &start.variables {
        let _ = writeln!(variables, "Environment={}", quoted(&format!("{name}={value}"), false));
    }
    let mut arguments = String::new();
    for argument in &start.arguments {
        let _ = write!(arguments, " {}", quoted(argument, true));
    }
    let program = program(&start.node);
    format!(
        "# {MARKER}: `watch --install` rewrites it, `watch --uninstall` removes it.\n\
         # Put your own changes in a drop-in: systemctl --user edit {NAME}\n\
         [Unit]\n\
         Description=Continues Claude Code sessions that stopped\n\
         StartLimitIntervalSec=1h\n\
         StartLimitBurst=10\n\
         \n\
         [Service]\n\
         ExecStart={program}{arguments}\n\
         {variables}\
         Restart=on-failure\n\
         RestartSec=60\n\
         RestartPreventExitStatus=2\n\
         KillMode=process\n\
         Nice=10\n\
         UMask=0077\n\
         \n\
         [Install]\n\
         WantedBy={TARGET}\n"
    )
}

/// Formats the program. systemd accepts no path with quotation marks or backslashes; env(1)
/// does, as an argument.
fn program(node: &str) -> String {
    if node.contains(['"', '\'', '\\']) {
        return format!("/usr/bin/env {}", quoted(node, true));
    }
    // In the program's own path a dollar sign has no special meaning.
    quoted(node, false)
}

/// Quotes one word. Percent signs would begin specifiers, and dollar signs in
/// arguments would begin variables.
fn quoted(text: &str, argument: bool) -> String {
    let mut word = String::from("\"");
    for char in text.chars() {
        match char {
            '\\' | '"' => word.extend(['\\', char]),
            '%' => word.push_str("%%"),
            '$' if argument => word.push_str("$$"),
            _ => word.push(char),
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_special_to_systemd_are_escaped() {
        assert_eq!(quoted(r#"/a b/100%/$HOME/"q"/\x/ü"#, true), r#""/a b/100%%/$$HOME/\"q\"/\\x/ü""#);
        assert_eq!(quoted("A=$B %h", false), "\"A=$B %%h\"");
        assert_eq!(program("/$x/a%b"), "\"/$x/a%%b\"");
        assert_eq!(program("/$x/o'neil"), "/usr/bin/env \"/$$x/o'neil\"");
    }
}
