//! Desktop notifications through the operating system's own command. Texts are passed as separate arguments
//! or variables and never become part of a command line. Text from the session is used only where no markup
//! is parsed.

use super::Delivery;
use super::notice::Notice;
use crate::env::Environment;
use crate::program::{ProgramEnd, run};
use std::process::Command;
use std::time::Duration;

/// Time within which the command must exit.
const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) fn show(env: &Environment, notice: &Notice) -> Delivery {
    match command(env, notice) {
        Ok(command) => deliver_with(command),
        Err(why) => Delivery::NoPlace(why),
    }
}

fn deliver_with(mut command: Command) -> Delivery {
    match run(&mut command, DEADLINE) {
        Ok(ProgramEnd { code: Some(0), .. }) => Delivery::Done,
        Ok(ProgramEnd { code, complaint }) => {
            let how = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            Delivery::Failed(format!("the notifier ended with {how}: {complaint}"))
        }
        Err(why) => Delivery::TimedOut(format!("the notifier {why}")),
    }
}

/// Passes on only the variables needed to find the desktop.
#[cfg(not(windows))]
fn with_little(mut command: Command, env: &Environment, names: &[&str]) -> Command {
    command.env_clear().current_dir("/");
    for name in names {
        if let Some(value) = env.var(name) {
            command.env(name, value);
        }
    }
    command
}

/// Builds the command of the freedesktop.org desktops. The heading is plain text there; the body may
/// be parsed as markup.
#[cfg(all(unix, not(target_os = "macos")))]
fn command(env: &Environment, notice: &Notice) -> Result<Command, String> {
    const DESKTOP: [&str; 3] = ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"];
    const LITTLE: [&str; 8] =
        ["HOME", "PATH", "LANG", "XAUTHORITY", "XDG_RUNTIME_DIR", DESKTOP[0], DESKTOP[1], DESKTOP[2]];
    if DESKTOP.iter().all(|name| env.var(name).is_none()) {
        return Err("no desktop session was found".into());
    }
    let program = crate::program::find(env, "notify-send", notice.directory.as_deref())
        .ok_or_else(|| "notify-send is not installed".to_owned())?;
    let mut command = with_little(Command::new(program), env, &LITTLE);
    command.args(["--app-name=cc-session-recover", "--"]).arg(notice.heading()).arg(notice.sentence());
    Ok(command)
}

/// Builds the `osascript` command. The script takes the texts as arguments. The heading starts with a fixed
/// word, so it cannot be interpreted as an option.
#[cfg(target_os = "macos")]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere the notifier may not be there")]
fn command(env: &Environment, notice: &Notice) -> Result<Command, String> {
    const SCRIPT: [&str; 3] = [
        "on run argv",
        "display notification (item 2 of argv) with title \"cc-session-recover\" subtitle (item 1 of argv)",
        "end run",
    ];
    let mut command = with_little(Command::new("/usr/bin/osascript"), env, &["HOME", "PATH", "LANG", "USER"]);
    for line in SCRIPT {
        command.arg("-e").arg(line);
    }
    command.arg(notice.heading()).arg(notice.sentence());
    Ok(command)
}

/// Builds the `powershell.exe` command. The script is fixed; it reads the texts from variables and inserts
/// them as text nodes.
#[cfg(windows)]
fn command(env: &Environment, notice: &Notice) -> Result<Command, String> {
    const SCRIPT: &str = "\
        $ErrorActionPreference = 'Stop'; \
        $null = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]; \
        $toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent([Windows.UI.Notifications.ToastTemplateType]::ToastText02); \
        $texts = $toast.GetElementsByTagName('text'); \
        $null = $texts.Item(0).AppendChild($toast.CreateTextNode($env:CCSR_NOTICE_HEADING)); \
        $null = $texts.Item(1).AppendChild($toast.CreateTextNode($env:CCSR_NOTICE_TEXT)); \
        $app = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\WindowsPowerShell\\v1.0\\powershell.exe'; \
        [Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($app).Show([Windows.UI.Notifications.ToastNotification]::new($toast))";
    let root = env.var("SystemRoot").map(std::path::PathBuf::from).filter(|root| root.is_absolute());
    let root = root.ok_or_else(|| "SystemRoot is not set".to_owned())?;
    let mut command = Command::new(root.join(r"System32\WindowsPowerShell\v1.0\powershell.exe"));
    command.args(["-NoProfile", "-NonInteractive", "-Command", SCRIPT]).current_dir(root);
    command.env("CCSR_NOTICE_HEADING", notice.heading()).env("CCSR_NOTICE_TEXT", notice.sentence());
    Ok(command)
}

#[cfg(test)]
#[cfg(all(unix, not(target_os = "macos")))]
mod tests {
    use super::super::notice::NoticeKind;
    use super::*;
    use crate::fs::scripts::write_script;
    use std::path::Path;

    /// Writes a notifier script that logs its arguments, one per line, and its variables.
    fn notifier(dir: &Path, then: &str) {
        let log = dir.join("log");
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{0}'\n/usr/bin/env | /usr/bin/sort >> '{0}.env'\n{then}\n",
            log.display()
        );
        write_script(&dir.join("notify-send"), &text);
    }

    fn environment(dir: &Path) -> Environment {
        let pairs =
            [("PATH", dir.to_str().unwrap()), ("DISPLAY", ":7"), ("HOME", "/h"), ("ANTHROPIC_API_KEY", "x")];
        Environment::from_pairs(pairs, "/")
    }

    #[test]
    fn notification_texts_are_passed_as_arguments_after_the_end_of_options() {
        let dir = tempfile::tempdir().unwrap();
        notifier(dir.path(), "");
        let title = "--urgency=critical \"$(touch x)\" `id` <b>&";
        let notice = Notice::new(NoticeKind::Held, "s", 1, Some(title), Some(Path::new("/x/api")));
        assert_eq!(show(&environment(dir.path()), &notice), Delivery::Done);
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        let expected = format!(
            "--app-name=cc-session-recover\n--\nClaude Code waits for you: “{title}” in api\n{}\n",
            notice.sentence()
        );
        assert_eq!(log, expected);
        assert!(!notice.sentence().contains(['<', '>', '&']));
        let variables = std::fs::read_to_string(dir.path().join("log.env")).unwrap();
        assert!(variables.contains("DISPLAY=:7\n") && !variables.contains("ANTHROPIC"), "{variables}");
    }

    #[test]
    fn a_notifier_in_the_project_is_never_run() {
        let dir = tempfile::tempdir().unwrap();
        notifier(dir.path(), "");
        let notice = Notice::new(NoticeKind::Held, "s", 1, None, Some(dir.path()));
        assert!(
            matches!(show(&environment(dir.path()), &notice), Delivery::NoPlace(why) if why.contains("not installed"))
        );
        assert!(!dir.path().join("log").exists());
    }

    #[test]
    fn without_a_desktop_no_notifier_is_started_and_no_error_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        notifier(dir.path(), "");
        let env = Environment::from_pairs([("PATH", dir.path().as_os_str())], "/");
        let notice = Notice::new(NoticeKind::Held, "s", 1, None, None);
        assert!(matches!(show(&env, &notice), Delivery::NoPlace(_)));
        assert!(!dir.path().join("log").exists());
    }

    #[test]
    fn a_failing_notifier_is_reported_with_its_own_message() {
        let dir = tempfile::tempdir().unwrap();
        notifier(dir.path(), "echo 'no bus' >&2; exit 1");
        let notice = Notice::new(NoticeKind::Held, "s", 1, None, None);
        let failed = show(&environment(dir.path()), &notice);
        assert_eq!(failed, Delivery::Failed("the notifier ended with exit code 1: no bus".into()));
    }
}
