//! Lists the selectors, the variables by which Claude Code chooses a provider and an account (names taken
//! from the strings of 2.1.332).

use std::collections::BTreeMap;

/// How the value of a selector is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectorKind {
    /// A credential; only recorded as set.
    Secret,
    /// A URL, profile or directory; recorded as a salted hash.
    Value,
    Switch,
}

/// A cloud provider whose variables count only while its switch is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cloud {
    Aws,
    Google,
    Azure,
}

const SECRETS: [&str; 17] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_GATEWAY_TOKEN",
    "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
    "CLAUDE_CODE_HFI_BEARER_TOKEN",
];

const VALUES: [&str; 22] = [
    "ANTHROPIC_AWS_BASE_URL",
    "ANTHROPIC_AWS_WORKSPACE_ID",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_CONFIG_DIR",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
    "ANTHROPIC_GOOGLE_CLOUD_WORKSPACE_ID",
    "ANTHROPIC_ORGANIZATION_ID",
    "ANTHROPIC_PROFILE",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_UNIX_SOCKET",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "ANTHROPIC_WORKSPACE_ID",
    "CLAUDE_CODE_ACCOUNT_UUID",
    "CLAUDE_CODE_API_BASE_URL",
    "CLAUDE_CODE_CUSTOM_OAUTH_URL",
    "CLAUDE_CODE_ORGANIZATION_UUID",
    "CLAUDE_SECURESTORAGE_CONFIG_DIR",
];

const SWITCHES: [(&str, Option<Cloud>); 13] = [
    ("CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH", None),
    ("CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH", None),
    ("CLAUDE_CODE_SKIP_BEDROCK_AUTH", None),
    ("CLAUDE_CODE_SKIP_FOUNDRY_AUTH", None),
    ("CLAUDE_CODE_SKIP_MANTLE_AUTH", None),
    ("CLAUDE_CODE_SKIP_VERTEX_AUTH", None),
    ("CLAUDE_CODE_USE_ANTHROPIC_AWS", Some(Cloud::Aws)),
    ("CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", Some(Cloud::Google)),
    ("CLAUDE_CODE_USE_BEDROCK", Some(Cloud::Aws)),
    ("CLAUDE_CODE_USE_FOUNDRY", Some(Cloud::Azure)),
    ("CLAUDE_CODE_USE_GATEWAY", None),
    ("CLAUDE_CODE_USE_MANTLE", Some(Cloud::Aws)),
    ("CLAUDE_CODE_USE_VERTEX", Some(Cloud::Google)),
];

const OF_CLOUDS: [(&str, SelectorKind, Cloud); 20] = [
    ("AWS_ACCESS_KEY_ID", SelectorKind::Secret, Cloud::Aws),
    ("AWS_CONFIG_FILE", SelectorKind::Value, Cloud::Aws),
    ("AWS_DEFAULT_PROFILE", SelectorKind::Value, Cloud::Aws),
    ("AWS_DEFAULT_REGION", SelectorKind::Value, Cloud::Aws),
    ("AWS_PROFILE", SelectorKind::Value, Cloud::Aws),
    ("AWS_REGION", SelectorKind::Value, Cloud::Aws),
    ("AWS_ROLE_ARN", SelectorKind::Value, Cloud::Aws),
    ("AWS_SECRET_ACCESS_KEY", SelectorKind::Secret, Cloud::Aws),
    ("AWS_SESSION_TOKEN", SelectorKind::Secret, Cloud::Aws),
    ("AWS_SHARED_CREDENTIALS_FILE", SelectorKind::Value, Cloud::Aws),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", SelectorKind::Value, Cloud::Aws),
    ("AZURE_CLIENT_ID", SelectorKind::Value, Cloud::Azure),
    ("AZURE_CLIENT_SECRET", SelectorKind::Secret, Cloud::Azure),
    ("AZURE_CONFIG_DIR", SelectorKind::Value, Cloud::Azure),
    ("AZURE_TENANT_ID", SelectorKind::Value, Cloud::Azure),
    ("CLOUDSDK_CONFIG", SelectorKind::Value, Cloud::Google),
    ("CLOUD_ML_REGION", SelectorKind::Value, Cloud::Google),
    ("GCLOUD_PROJECT", SelectorKind::Value, Cloud::Google),
    ("GOOGLE_APPLICATION_CREDENTIALS", SelectorKind::Value, Cloud::Google),
    ("GOOGLE_CLOUD_PROJECT", SelectorKind::Value, Cloud::Google),
];

/// Credentials that a client does not pass to hooks (measured with 2.1.329 for the first).
const KEPT_FROM_HOOKS: [&str; 3] =
    ["CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "CLAUDE_CODE_SESSION_ACCESS_TOKEN"];

/// Returns how a variable is recorded; `None` if it selects nothing.
#[must_use]
pub fn kind_of(name: &str) -> Option<SelectorKind> {
    if SECRETS.contains(&name) {
        return Some(SelectorKind::Secret);
    }
    if VALUES.contains(&name) {
        return Some(SelectorKind::Value);
    }
    if SWITCHES.iter().any(|(switch, _)| *switch == name) {
        return Some(SelectorKind::Switch);
    }
    OF_CLOUDS.iter().find(|(known, ..)| *known == name).map(|(_, kind, _)| *kind)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    let of_clouds = OF_CLOUDS.iter().map(|(name, ..)| *name);
    SECRETS.into_iter().chain(VALUES).chain(SWITCHES.iter().map(|(name, _)| *name)).chain(of_clouds)
}

/// Returns whether a client passes this variable to its hooks.
#[must_use]
pub fn reaches_hooks(name: &str) -> bool {
    !KEPT_FROM_HOOKS.contains(&name)
}

/// Returns whether the variable counts, given the others that are set: `AWS_PROFILE` has no effect
/// without an AWS switch.
#[must_use]
pub fn counts<V>(name: &str, among: &BTreeMap<String, V>) -> bool {
    let Some((.., cloud)) = OF_CLOUDS.iter().find(|(known, ..)| *known == name) else { return true };
    SWITCHES.iter().any(|(switch, of)| *of == Some(*cloud) && among.contains_key(*switch))
}

/// Returns whether the value of a switch turns it on.
#[must_use]
pub fn is_on(value: &str) -> bool {
    !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

/// Returns whether these variables contain a credential, or select a cloud with its own credential chain.
#[must_use]
pub fn has_credential<V>(among: &BTreeMap<String, V>) -> bool {
    let custom = "ANTHROPIC_CUSTOM_HEADERS";
    among.keys().any(|name| {
        name != custom && kind_of(name) == Some(SelectorKind::Secret)
            || SWITCHES.iter().any(|(switch, cloud)| cloud.is_some() && switch == name)
    })
}
