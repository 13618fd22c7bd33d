//! Determines the account of a session: the settings that selected its provider and login when its client was
//! started, and whether a process started from another environment would reach the same account.
//!
//! Credentials are recorded by name only. URLs, profiles and account ids are recorded as hashes salted per
//! machine, so that a copied state directory reveals none of them.

use super::selector::{SelectorKind, counts, has_credential, is_on, kind_of, names, reaches_hooks};
use crate::claude::home::ClaudeHome;
use crate::claude::process::Processes;
use crate::claude::settings::{Layer, Settings, managed_dir};
use crate::env::Environment;
use crate::error::Result;
use crate::fs::read_small;
use crate::store::StateDir;
use crate::store::lock::Lock;
use crate::store::stored::{Stored, load, peek, save, sha256_hex};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

/// Placeholder for a credential, whose value is never read.
const SET: &str = "set";
/// Size limit of `.claude.json`, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Number of hexadecimal digits of a hash that are stored.
const DIGITS: usize = 16;

/// Salt for the hashes on this machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Salt {
    version: u32,
    salt: String,
}

impl Stored for Salt {
    const VERSION: u32 = 1;
}

impl Salt {
    /// Loads the salt of this machine, and creates it on first use.
    ///
    /// # Errors
    ///
    /// Returns [`crate::error::Code::Io`], [`crate::error::Code::StateLocked`].
    pub fn of_machine(state: &StateDir) -> Result<Self> {
        if let Ok(Some(salt)) = peek::<Self>(&state.salt()) {
            return Ok(salt);
        }
        let _lock = Lock::wait(&state.project_lock("salt"), std::time::Duration::from_secs(2))?;
        if let Some(salt) = load::<Self>(state, &state.salt())?.found() {
            return Ok(salt);
        }
        // The standard library seeds each `RandomState` from the operating system.
        let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        let salt = Self { version: Self::VERSION, salt: format!("{:016x}{:016x}", word(), word()) };
        save(&state.salt(), &salt)?;
        Ok(salt)
    }

    fn hash(&self, name: &str, value: &str) -> String {
        sha256_hex(format!("{}\0{name}\0{value}", self.salt).as_bytes())[..DIGITS].to_owned()
    }
}

/// The settings that selected provider and account of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountFingerprint {
    /// Variables in force, including those from settings: `set` for a credential, and a salted hash of the
    /// value for any other.
    pub variables: BTreeMap<String, String>,
    /// Names of the variables that come from settings.
    pub from_settings: BTreeSet<String>,
    /// Salted hash of the command that prints the API key.
    pub api_key_helper: Option<String>,
    /// Whether `CLAUDE_CONFIG_DIR` was set. If so, `.claude.json` is inside the configuration directory, not
    /// next to it.
    pub config_dir_named: bool,
    /// Salted hash of the logged-in account.
    pub login: Option<String>,
    /// Whether a login is stored in the configuration directory.
    pub login_stored: bool,
    /// Whether the settings were read from the client's process. Otherwise they come from the environment
    /// that it gives its hooks.
    pub complete: bool,
}

/// Reason why a run would not reach the provider or the account of its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "name")]
pub enum AccountDifference {
    /// The variable was set for the session's client and is not set here.
    Missing(String),
    OtherValue(String),
    /// The settings now set the variable and did not when the session started.
    SetBySettings(String),
    /// The credential is set here, too, but by another session's client, so its value may differ.
    OfAnotherSession(String),
    /// Another command prints the API key.
    OtherKeyHelper,
    OtherLogin,
    /// No account is logged in now.
    LoggedOut,
    /// The environment of the session was not recorded, and this variable is set here.
    NotRecorded(String),
}

impl AccountDifference {
    /// Describes the difference as a clause.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Missing(name) => {
                format!("{name} was set for the session, but is not set for the supervisor")
            }
            Self::OtherValue(name) => {
                format!("{name} has a different value for the supervisor than for the session")
            }
            Self::SetBySettings(name) => {
                format!("the settings now set {name}, which the session did not have")
            }
            Self::OfAnotherSession(name) => {
                format!(
                    "the supervisor has {name} from the client of another session, where its value may differ"
                )
            }
            Self::OtherKeyHelper => {
                "the settings name a different apiKeyHelper than the session had".to_owned()
            }
            Self::OtherLogin => "the logged-in account is not the one that the session used".to_owned(),
            Self::LoggedOut => "the login that the session used no longer exists".to_owned(),
            Self::NotRecorded(name) => {
                format!("the session's environment was not recorded, and {name} is set for the supervisor")
            }
        }
    }

    /// Returns the next step for the user.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::OtherValue(_) | Self::OfAnotherSession(_) => {
                "run `cc-session-recover watch` in a shell that has it"
            }
            Self::SetBySettings(_) | Self::OtherKeyHelper => "restore the settings, or resume it yourself",
            Self::OtherLogin => "log in with that account again, or resume it yourself",
            Self::LoggedOut => "log in again with /login",
            Self::NotRecorded(_) => "resume it yourself",
        }
    }
}

/// Describes all differences in one sentence, with the next step.
#[must_use]
pub fn describe_differences(differences: &[AccountDifference]) -> String {
    let Some(first) = differences.first() else { return String::new() };
    let named: Vec<String> = differences.iter().take(3).map(AccountDifference::words).collect();
    format!("{}: {}", named.join("; "), first.next())
}

/// Whether a run would reach the provider and the account of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountFit {
    /// The run would reach them once these variables are removed.
    Fits {
        /// Selectors in the supervisor's environment that the session did not have.
        remove: Vec<String>,
    },
    Differs(Vec<AccountDifference>),
}

/// Origin of a supervisor's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    User,
    /// The client of this session started it, through a hook.
    ClientOf(String),
    /// A client of an unknown session started it.
    SomeClient,
}

/// Location of a session's settings.
#[derive(Debug, Clone, Copy)]
pub struct SettingsPlace<'a> {
    pub config_dir: &'a Path,
    pub project: Option<&'a Path>,
    /// Contents of `--settings` on the client's command line.
    pub flag: Option<&'a Value>,
}

/// Provider and account as selected by settings.
struct SettingsSay {
    env: BTreeMap<String, String>,
    api_key_helper: Option<String>,
}

impl SettingsSay {
    fn read(place: SettingsPlace<'_>) -> Self {
        let home = ClaudeHome::new(place.config_dir.to_path_buf());
        let settings = Settings::read(&home, place.project, &managed_dir());
        let values = |managed: bool| {
            let files = settings.files.iter().rev();
            files
                .filter(move |file| (file.layer == Layer::Managed) == managed)
                .filter_map(|file| file.value.as_ref().ok())
        };
        // Weakest first: later layers override earlier ones.
        let layers: Vec<&Value> = values(false).chain(place.flag).chain(values(true)).collect();
        let mut say = Self { env: BTreeMap::new(), api_key_helper: None };
        for layer in layers {
            let env = layer.get("env").and_then(Value::as_object);
            for (name, value) in env.into_iter().flatten().filter(|(name, _)| kind_of(name).is_some()) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                say.env.insert(name.clone(), text);
            }
            if let Some(helper) = layer.get("apiKeyHelper").and_then(Value::as_str) {
                say.api_key_helper = Some(helper.to_owned());
            }
        }
        say
    }
}

/// Returns the recorded form of a variable's value; `None` if it counts as unset.
fn mark(salt: &Salt, name: &str, value: &str) -> Option<String> {
    match kind_of(name)? {
        _ if value.is_empty() => None,
        SelectorKind::Secret => Some(SET.to_owned()),
        SelectorKind::Value => Some(salt.hash(name, value)),
        SelectorKind::Switch => is_on(value).then(|| "on".to_owned()),
    }
}

/// The fields of `.claude.json` that are read.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ClientFile {
    oauth_account: Option<OauthAccount>,
    primary_api_key: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct OauthAccount {
    account_uuid: Option<String>,
    organization_uuid: Option<String>,
}

/// Returns the hash of the logged-in account, and whether a login is stored.
fn login(salt: &Salt, config_dir: &Path, named: bool) -> (Option<String>, bool) {
    let file = if named {
        Some(config_dir.join(".claude.json"))
    } else {
        config_dir.parent().map(|home| home.join(".claude.json"))
    };
    let bytes = file.and_then(|file| read_small(&file.canonicalize().ok()?, LARGEST).ok().flatten());
    let known: ClientFile = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let account = known.oauth_account.as_ref().and_then(|account| {
        let uuid = account.account_uuid.as_deref().filter(|uuid| !uuid.is_empty())?;
        let organization = account.organization_uuid.as_deref().unwrap_or_default();
        Some(salt.hash("account", &format!("{uuid} {organization}")))
    });
    // On macOS the credentials are in the keychain, which is not queried here.
    let stored = config_dir.join(".credentials.json").is_file()
        || known.primary_api_key.is_some()
        || cfg!(target_os = "macos") && account.is_some();
    (account, stored)
}

impl AccountFingerprint {
    /// Reads the account of a running session. `env` contains the variables that its client gives
    /// to a hook. The client's own variables are read from its process where possible, and only
    /// the names of credentials.
    #[must_use]
    pub fn of_client(
        salt: &Salt,
        env: &Environment,
        processes: &dyn Processes,
        pid: Option<u32>,
        place: SettingsPlace<'_>,
    ) -> Self {
        let keep = |name: &str| match kind_of(name) {
            Some(SelectorKind::Secret) => Some(false),
            Some(SelectorKind::Value | SelectorKind::Switch) => Some(true),
            None => (name == "CLAUDE_CONFIG_DIR").then_some(false),
        };
        let own = pid.and_then(|pid| processes.variables(pid, &keep));
        let complete = own.is_some();
        let own = own.unwrap_or_else(|| of_environment(env));
        let config_dir_named = own.contains_key("CLAUDE_CONFIG_DIR");
        let say = SettingsSay::read(place);
        let mut variables: BTreeMap<String, String> = own
            .iter()
            .filter_map(|(name, value)| {
                let value = value.as_deref().unwrap_or(SET);
                Some((name.clone(), mark(salt, name, value)?))
            })
            .collect();
        let mut from_settings = BTreeSet::new();
        for (name, value) in &say.env {
            variables.remove(name);
            if let Some(mark) = mark(salt, name, value) {
                variables.insert(name.clone(), mark);
                from_settings.insert(name.clone());
            }
        }
        let all = variables.clone();
        variables.retain(|name, _| counts(name, &all));
        from_settings.retain(|name| variables.contains_key(name));
        let (login, login_stored) = login(salt, place.config_dir, config_dir_named);
        Self {
            variables,
            from_settings,
            api_key_helper: say.api_key_helper.map(|helper| salt.hash("apiKeyHelper", &helper)),
            config_dir_named,
            login,
            login_stored,
            complete,
        }
    }

    /// Returns whether a separate credential decides, rather than the login.
    fn has_own_credential(&self) -> bool {
        self.api_key_helper.is_some() || has_credential(&self.variables)
    }

    /// Returns the variables of the client's environment that no settings set. A supervisor needs them
    /// in its own environment.
    pub fn from_environment(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().filter(|name| !self.from_settings.contains(*name)).map(String::as_str)
    }

    /// Returns credentials in the client's environment that hooks, and therefore a supervisor started by a
    /// hook, do not receive.
    pub fn kept_from_hooks(&self) -> impl Iterator<Item = &str> {
        self.from_environment().filter(|name| !reaches_hooks(name))
    }

    /// Returns a key that is equal for sessions of the same account.
    #[must_use]
    pub fn key(&self) -> String {
        let login = if self.has_own_credential() { None } else { self.login.as_deref() };
        let helper = self.api_key_helper.as_deref();
        sha256_hex(format!("{:?} {login:?} {helper:?}", self.variables).as_bytes())[..DIGITS].to_owned()
    }

    /// Returns whether a run started by a supervisor with these variables reaches the
    /// same provider and account.
    #[must_use]
    pub fn fit(
        &self,
        salt: &Salt,
        env: &Environment,
        provenance: &Provenance,
        session: &str,
        place: SettingsPlace<'_>,
    ) -> AccountFit {
        let say = SettingsSay::read(place);
        let own = of_environment(env);
        let mut differences = Vec::new();
        let mut remove = Vec::new();
        for name in names() {
            let then = self.variables.get(name);
            let settings = say.env.get(name);
            let own = own.get(name).and_then(Option::as_deref);
            if !counts(name, &self.variables) {
                continue;
            }
            if let Some(value) = settings {
                match (then, mark(salt, name, value)) {
                    (Some(then), Some(now)) if *then == now => {}
                    (None, None) => {}
                    (None, Some(_)) => differences.push(AccountDifference::SetBySettings(name.to_owned())),
                    (Some(_), None) => differences.push(AccountDifference::Missing(name.to_owned())),
                    (Some(_), Some(_)) => differences.push(AccountDifference::OtherValue(name.to_owned())),
                }
                continue;
            }
            match (then, own.and_then(|value| mark(salt, name, value))) {
                (None, None) => {
                    // The switch has an empty value, or a value that turns it off.
                    if own.is_some() {
                        remove.push(name.to_owned());
                    }
                }
                (None, Some(_)) => {
                    // If the client's process could not be read, it is unknown whether it had this variable.
                    if self.complete || reaches_hooks(name) {
                        remove.push(name.to_owned());
                    }
                }
                (Some(_), None) => differences.push(AccountDifference::Missing(name.to_owned())),
                (Some(then), Some(now)) if *then != now => {
                    differences.push(AccountDifference::OtherValue(name.to_owned()));
                }
                // Two credentials are never compared. The supervisor's must therefore come from the session's
                // own client or from the user.
                (Some(_), Some(_)) if kind_of(name) == Some(SelectorKind::Secret) => match provenance {
                    Provenance::User => {}
                    Provenance::ClientOf(other) if other == session => {}
                    Provenance::ClientOf(_) | Provenance::SomeClient => {
                        differences.push(AccountDifference::OfAnotherSession(name.to_owned()));
                    }
                },
                (Some(_), Some(_)) => {}
            }
        }
        if self.api_key_helper != say.api_key_helper.map(|helper| salt.hash("apiKeyHelper", &helper)) {
            differences.push(AccountDifference::OtherKeyHelper);
        }
        if !self.has_own_credential() {
            let (now, stored) = login(salt, place.config_dir, self.config_dir_named);
            match (&self.login, now) {
                (Some(then), Some(now)) if *then != now => differences.push(AccountDifference::OtherLogin),
                _ if self.login_stored && !stored => differences.push(AccountDifference::LoggedOut),
                _ => {}
            }
        }
        if differences.is_empty() { AccountFit::Fits { remove } } else { AccountFit::Differs(differences) }
    }
}

/// Returns whether a session without recorded settings may be resumed: only if nothing selects a provider
/// other than the login of its configuration directory.
#[must_use]
pub fn fit_unrecorded(env: &Environment) -> AccountFit {
    let own = of_environment(env);
    let present: BTreeMap<String, String> = own
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
        .filter(|(name, value)| {
            kind_of(name).is_some_and(|kind| kind != SelectorKind::Switch || is_on(value))
        })
        .collect();
    let counted = present.keys().filter(|name| counts(name, &present));
    let differences: Vec<AccountDifference> = counted.cloned().map(AccountDifference::NotRecorded).collect();
    if differences.is_empty() {
        AccountFit::Fits { remove: Vec::new() }
    } else {
        AccountFit::Differs(differences)
    }
}

/// Returns credentials in this environment that a client does not pass to hooks and that no settings set. A
/// supervisor started by a hook does not have them.
#[must_use]
pub fn kept_from_hooks(env: &Environment, place: SettingsPlace<'_>) -> Vec<&'static str> {
    let say = SettingsSay::read(place);
    let own = names().filter(|name| env.var(name).is_some() && !say.env.contains_key(*name));
    own.filter(|name| !reaches_hooks(name)).collect()
}

/// Explains to the user what to do when a credential does not reach hooks.
#[must_use]
pub fn kept_from_hooks_words(names: &[&str]) -> String {
    format!(
        "Claude Code does not pass {} to hooks, so a supervisor that a hook starts cannot log in and resumes nothing; keep `cc-session-recover watch` running in a shell that has it, or log in with /login",
        names.join(" and ")
    )
}

/// Returns the selectors in one of our environments. Credentials are only marked as set; their values
/// are not used here.
fn of_environment(env: &Environment) -> BTreeMap<String, Option<String>> {
    names()
        .chain(["CLAUDE_CONFIG_DIR"])
        .filter_map(|name| {
            let value = env.var(name)?;
            let secret = kind_of(name).is_none_or(|kind| kind == SelectorKind::Secret);
            let value = if secret { SET.to_owned() } else { value.to_string_lossy().into_owned() };
            Some((name.to_owned(), Some(value)))
        })
        .collect()
}

/// Reads the argument of `--settings`, a path or JSON text, as settings.
#[must_use]
pub fn flag_settings(value: &str, cwd: Option<&Path>) -> Option<Value> {
    if value.trim_start().starts_with('{') {
        return serde_json::from_str(value).ok();
    }
    let path = PathBuf::from(value);
    let path = if path.is_absolute() { path } else { cwd?.join(path) };
    crate::claude::settings::value_of(&path)?.ok()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    struct Started(Vec<(&'static str, &'static str)>);

    impl Processes for Started {
        fn start_token(&self, _: u32) -> Option<String> {
            None
        }
        fn domain(&self) -> Option<String> {
            None
        }
        fn variables(
            &self,
            _: u32,
            keep: &dyn Fn(&str) -> Option<bool>,
        ) -> Option<BTreeMap<String, Option<String>>> {
            let kept = self.0.iter().filter_map(|(name, value)| {
                Some(((*name).to_owned(), keep(name)?.then(|| (*value).to_owned())))
            });
            Some(kept.collect())
        }
    }

    struct Place {
        dir: tempfile::TempDir,
        salt: Salt,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join(".claude")).unwrap();
            let salt = Salt::of_machine(&StateDir::new(dir.path().join("state"))).unwrap();
            Self { dir, salt }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.dir.path().join(name), text).unwrap();
        }

        fn log_in(&self, account: &str) {
            self.write(".claude/.credentials.json", "{}");
            self.write(".claude.json", &format!("{{\"oauthAccount\": {{\"accountUuid\": \"{account}\"}}}}"));
        }

        fn recorded(&self, variables: &[(&'static str, &'static str)]) -> AccountFingerprint {
            let dir = self.dir.path().join(".claude");
            let place = SettingsPlace { config_dir: &dir, project: None, flag: None };
            let started = Started(variables.to_vec());
            AccountFingerprint::of_client(&self.salt, &Environment::default(), &started, Some(1), place)
        }

        fn fit(
            &self,
            recorded: &AccountFingerprint,
            variables: &[(&'static str, &'static str)],
            provenance: &Provenance,
        ) -> AccountFit {
            let dir = self.dir.path().join(".claude");
            let place = SettingsPlace { config_dir: &dir, project: None, flag: None };
            let env = Environment::from_pairs(variables.iter().copied(), "/");
            recorded.fit(&self.salt, &env, provenance, "own", place)
        }
    }

    fn differs(difference: AccountDifference) -> AccountFit {
        AccountFit::Differs(vec![difference])
    }

    const GATEWAY: [(&str, &str); 2] =
        [("ANTHROPIC_BASE_URL", "https://gateway"), ("ANTHROPIC_AUTH_TOKEN", "secret-1")];

    #[test]
    fn a_run_is_allowed_only_with_the_provider_and_credential_of_its_session() {
        use AccountDifference as Is;
        let place = Place::new();
        place.log_in("a");
        let name = str::to_owned;
        let fits =
            |remove: &[&str]| AccountFit::Fits { remove: remove.iter().map(|one| name(one)).collect() };
        let other_url = [("ANTHROPIC_BASE_URL", "https://other"), ("ANTHROPIC_AUTH_TOKEN", "secret-1")];
        let bedrock = [("CLAUDE_CODE_USE_BEDROCK", "1"), ("AWS_PROFILE", "work")];
        for (then, now, expected) in [
            (&[][..], &[][..], fits(&[])),
            (&GATEWAY, &GATEWAY, fits(&[])),
            // A session that uses the login must not be sent to the gateway of the supervisor's shell.
            (&[], &GATEWAY, fits(&["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"])),
            (&GATEWAY[..1], &GATEWAY, fits(&["ANTHROPIC_AUTH_TOKEN"])),
            (&GATEWAY, &other_url, differs(Is::OtherValue(name("ANTHROPIC_BASE_URL")))),
            (&GATEWAY, &GATEWAY[..1], differs(Is::Missing(name("ANTHROPIC_AUTH_TOKEN")))),
            (&[("CLAUDE_CODE_OAUTH_TOKEN", "x")], &[], differs(Is::Missing(name("CLAUDE_CODE_OAUTH_TOKEN")))),
            (&bedrock, &bedrock, fits(&[])),
            (&bedrock, &bedrock[..1], differs(Is::Missing(name("AWS_PROFILE")))),
            // Without the AWS switch, the AWS profile is for other programs.
            (&[], &bedrock[1..], fits(&[])),
            (&bedrock[1..], &[], fits(&[])),
            (&[], &bedrock, fits(&["CLAUDE_CODE_USE_BEDROCK"])),
            (&[("CLAUDE_CODE_USE_VERTEX", "0")], &[], fits(&[])),
        ] {
            let fit = place.fit(&place.recorded(then), now, &Provenance::User);
            assert_eq!(fit, expected, "{then:?} {now:?}");
        }
    }

    #[test]
    fn a_credential_of_the_client_of_another_session_does_not_count_as_the_same() {
        let place = Place::new();
        let recorded = place.recorded(&GATEWAY);
        let other = differs(AccountDifference::OfAnotherSession("ANTHROPIC_AUTH_TOKEN".into()));
        for (provenance, expected) in [
            (Provenance::User, AccountFit::Fits { remove: Vec::new() }),
            (Provenance::ClientOf("own".into()), AccountFit::Fits { remove: Vec::new() }),
            (Provenance::ClientOf("other".into()), other.clone()),
            (Provenance::SomeClient, other),
        ] {
            assert_eq!(place.fit(&recorded, &GATEWAY, &provenance), expected, "{provenance:?}");
        }
        // URLs are compared by value, so any supervisor may have this one.
        let address = place.recorded(&GATEWAY[..1]);
        let fit = place.fit(&address, &GATEWAY[..1], &Provenance::SomeClient);
        assert_eq!(fit, AccountFit::Fits { remove: Vec::new() });
    }

    #[test]
    fn the_login_and_settings_must_match_those_of_the_session() {
        let place = Place::new();
        place.log_in("a");
        let recorded = place.recorded(&[]);
        place.log_in("b");
        assert_eq!(place.fit(&recorded, &[], &Provenance::User), differs(AccountDifference::OtherLogin));
        assert_ne!(recorded.key(), place.recorded(&[]).key());
        // If an API key decides, the logged-in account does not matter.
        let key = [("ANTHROPIC_API_KEY", "k")];
        let with_key = place.recorded(&key);
        place.log_in("a");
        assert_eq!(place.fit(&with_key, &key, &Provenance::User), AccountFit::Fits { remove: Vec::new() });
        std::fs::remove_file(place.dir.path().join(".claude/.credentials.json")).unwrap();
        assert_eq!(place.fit(&recorded, &[], &Provenance::User), differs(AccountDifference::LoggedOut));
        place.log_in("a");
        place.write(".claude/settings.json", "{\"env\": {\"ANTHROPIC_BASE_URL\": \"https://gateway\"}}");
        let name = || "ANTHROPIC_BASE_URL".to_owned();
        let fit = place.fit(&recorded, &[], &Provenance::User);
        assert_eq!(fit, differs(AccountDifference::SetBySettings(name())));
        let by_settings = place.recorded(&[]);
        assert_eq!(by_settings.from_environment().count(), 0, "a supervisor needs no settings for this");
        assert_eq!(
            place.fit(&by_settings, &[], &Provenance::SomeClient),
            AccountFit::Fits { remove: Vec::new() }
        );
        place.write(".claude/settings.json", "{\"apiKeyHelper\": \"print-key\"}");
        let AccountFit::Differs(differences) = place.fit(&by_settings, &[], &Provenance::User) else {
            panic!("the address is gone")
        };
        assert_eq!(differences, [AccountDifference::Missing(name()), AccountDifference::OtherKeyHelper]);
    }

    #[test]
    fn the_recorded_account_contains_no_values() {
        let place = Place::new();
        place.log_in("account-uuid");
        let recorded = place.recorded(&GATEWAY);
        let text = serde_json::to_string(&recorded).unwrap();
        for value in ["secret-1", "gateway", "account-uuid"] {
            assert!(!text.contains(value), "{text}");
        }
        assert_eq!(recorded.variables["ANTHROPIC_AUTH_TOKEN"], "set");
    }

    #[test]
    fn a_session_without_a_recorded_account_runs_only_with_the_login() {
        let with =
            |pairs: &[(&str, &str)]| fit_unrecorded(&Environment::from_pairs(pairs.iter().copied(), "/"));
        assert_eq!(
            with(&[("PATH", "/bin"), ("AWS_PROFILE", "work")]),
            AccountFit::Fits { remove: Vec::new() }
        );
        let url = AccountDifference::NotRecorded("ANTHROPIC_BASE_URL".into());
        assert_eq!(with(&[("ANTHROPIC_BASE_URL", "https://gateway")]), differs(url));
    }
}
