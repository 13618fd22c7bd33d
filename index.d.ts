// Generated from the structs in src: `UPDATE_SNAPSHOTS=1 cargo test types_of_the_boundary` writes this file.
// Times are RFC 3339 UTC text, sizes are bytes, durations are seconds unless the name says otherwise; `null` means unknown.

/** What a client last reported about the limits of its account. */
export interface Account {
  /** Configuration directory of the client that reported the usage. */
  configDir: string
  /** Usage of the 5-hour limit. */
  fiveHour: QuotaWindow | null
  /** Usage of the 7-day limit. */
  sevenDay: QuotaWindow | null
  /** Time at which the client reported the usage. */
  seenAt: string
}

/** Group under which `report` lists a stop. */
export type AccountGroup = 'needs-you' | 'waiting' | 'running' | 'continued' | 'ended'

/** Which stops `report` covers. */
export interface AccountOptions {
  /** Directory of the project; the working directory if absent. */
  project?: string
  /** Whether to cover every project on this machine instead of one. */
  all?: boolean
  /**
   * Start of the period: RFC 3339, a date, or a duration before now (`90m`, `36h`, `2d`, `1w`); 24 hours
   * ago if absent.
   */
  since?: string
}

/** Result of `report`, schema `cc-session-recover/report@1`. */
export interface AccountReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/report@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Start of the reported period. */
  since: string
  /** Project that was requested; `null` for all projects. */
  project: AskedProject | null
  /** Outcome of each stop, latest first. */
  incidents: IncidentAccount[]
  /** Number of older stops that still need the user; `status` shows them. */
  older: number
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Source of the data about a stop. */
export type AccountSource = 'ledger' | 'journal'

/** The project that a report covers. */
export interface AskedProject {
  /** Path of the project directory. */
  dir: string
  /** Whether this tool's hooks are active in the project. */
  enabled: boolean
}

/** One attempt to continue a session. */
export interface Attempt {
  /** Time of the attempt. */
  at: string
  /** What was done: `wake` or `resume`. */
  action: string
  /** Kind of the stop that the attempt responded to. */
  answered: StopKind
  /** Outcome of the attempt. */
  outcome: AttemptOutcome
  /** Run that resumed the closed session; absent for a wake. */
  run?: Run
}

/** Outcome of an attempt to continue. */
export type AttemptOutcome = 'pending' | 'continued' | 'stopped-again' | 'no-effect'

/** What `cancel` should cancel. */
export interface CancelOptions {
  /** Session id, an unambiguous prefix of at least 3 characters, or the session's name or title. */
  session?: string
  all?: boolean
  dryRun?: boolean
}

/** Result of `cancel`: what was cancelled. */
export interface CancelReport {
  dryRun: boolean
  /** Incidents whose recovery was cancelled, or would be with `dryRun`. */
  cancelled: CancelledPlan[]
}

/** An incident whose recovery was cancelled. */
export interface CancelledPlan {
  /** Id of the session, a UUID. */
  session: string
  /** Directory of its project. */
  project: string | null
  /** Phase of the incident before it was cancelled. */
  phase: IncidentPhase
  /** Plan that was cancelled. */
  plan: NextStep
}

/** Status of one check. */
export type CheckStatus = 'ok' | 'warn' | 'fail'

/** What happened to a child process. */
export type ChildFate = 'running' | 'kept' | 'ended' | 'killed' | 'left'

/** A process below the client: a running tool, a hook, or a server. */
export interface ChildProcess {
  /** Process id of the child. */
  pid: number
  /** Name of its program. */
  command: string
  /** Start time of the process. */
  startedAt: string | null
}

/** How the user runs a client. */
export type ClientMode = 'interactive' | 'print' | 'background'

/** A command of the service manager. */
export interface CommandStep {
  argv: string[]
  /** What the command does. */
  why: string
  /** Whether a failure of the command is harmless. */
  mayFail: boolean
  /** Whether the command succeeded; `null` if it was not run. */
  done: boolean | null
  /** What went wrong; `null` if nothing did. */
  complaint: string | null
}

/** Commands for the user. `resume` runs in `cwd` with `env`; the others run in any directory. */
export interface Commands {
  /** Working directory for the `resume` command. */
  cwd: string | null
  /** Environment variables to set for `resume`, such as `CLAUDE_CONFIG_DIR`. */
  env: Record<string, string>
  /**
   * Resumes the session, or attaches to it if it runs in the background; `null` while
   * it is live elsewhere.
   */
  resume: string[] | null
  /** Saves a verified copy of the session. */
  export: string[] | null
  /** Saves the session and ends its process; `null` if there is no process, or if it is the caller's own. */
  kill: string[] | null
}

/** A configuration file that applies to the project. */
export interface ConfigFile {
  /** `user`, or `project` for the file that restricts the user's file. */
  origin: ConfigOrigin
  /** Path of the file. */
  path: string
  /** Whether the file exists. */
  exists: boolean
  /**
   * What is wrong with the file, and the name that was probably meant; `null` if the file
   * is valid or missing.
   */
  problem: Problem | null
}

/** Origin of a value. `invalid`: a file is invalid, which disables recovery. */
export type ConfigOrigin = 'default' | 'user' | 'project' | 'invalid'

export interface ConfigValue {
  /** Path of the value in the user's file, such as `heartbeat.graceSeconds`. */
  key: string
  /** The value as written in the file; for `notify.webhook` only the host. */
  value: unknown
  /** Value used if no file sets it. */
  default: unknown
  /** Where the value comes from. */
  origin: ConfigOrigin
}

/** Which configuration `configuration` reads. */
export interface ConfigurationOptions {
  /** Directory of the project; the working directory if absent. */
  project?: string
  /** Whether to write an empty user file if there is none. */
  create?: boolean
}

/** Result of `configuration`, schema `cc-session-recover/configuration@1`. */
export interface ConfigurationReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/configuration@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Directory of the project. */
  project: string
  /** Whether both files are valid. Otherwise automatic recovery is disabled. */
  valid: boolean
  /** Configuration files, the user's file first. */
  files: ConfigFile[]
  /** Every value, sorted by key. */
  values: ConfigValue[]
}

/** A copy of a transcript made by a directory synchronization tool, such as `<id> 2.jsonl`. */
export interface ConflictCopy {
  /** Path of the copy. */
  path: string
  /** Size of the copy, in bytes. */
  bytes: number
  /** Time of its newest message. */
  newestAt: string | null
}

/** Advice that follows from the size of a context. */
export type ContextAdvice = 'healthy' | 'large' | 'bloated'

/** Context size at the last real turn. */
export interface ContextSize {
  /** Number of tokens that were read. */
  tokens: number
  /** Size of the model's context window, in tokens. */
  window: number | null
  /** Used share of the window in percent, 0 to 100, or more if the window is smaller than what was read. */
  percent: number | null
  /** `healthy`: continue. `large`: compact it soon. `bloated`: start a fresh session from the note. */
  advice: ContextAdvice | null
  /** Advice for the user, in one sentence; `null` if nothing needs to be done. */
  next: string | null
}

/** A branch of a conversation, from the record at which it diverges from another branch to its end. */
export interface ConversationBranch {
  /** Id of the branch's last record, which `--branch` accepts. */
  id: string
  /** Line of the record from which this branch and another one diverge. */
  forkLine: number
  /** Line of the branch's first record. */
  firstLine: number
  /** Number of prompts in the branch. */
  turns: number
  /** Total size of the branch's lines, in bytes. */
  bytes: number
  /** End of the last text in the branch; `null` if there is no text. */
  lastWords: string | null
  /** Whether the client sends this branch. */
  sent: boolean
}

/** One file or directory that is copied. */
export interface CopyStep {
  /** Path of the original. */
  from: string
  /** Path of the copy. */
  to: string
  /** Size of the file, in bytes. */
  bytes: number
  /** SHA-256 of the copied bytes in hex; `null` before they are copied. */
  sha256: string | null
}

/** What crashed while the session was open. */
export type CrashedPart = 'machine' | 'client'

/** How often this tool has continued a session within the last 24 hours, and how often it may. */
export interface DailyContinues {
  /** Continuations within the last 24 hours. */
  used: number
  /** Maximum within 24 hours, `supervisor.maxCyclesPerDay`. */
  limit: number
}

/** Kind of damage to a transcript. */
export type DamageClass =
  | 'torn-end'
  | 'unended-line'
  | 'torn-line'
  | 'overlong-line'
  | 'nul-bytes'
  | 'glued-records'
  | 'buried-record'
  | 'invalid-utf8'
  | 'orphan-call'
  | 'open-call'
  | 'orphan-result'
  | 'unsigned-thinking'
  | 'broken-link'
  | 'unnamed-record'
  | 'lost-start'
  | 'fork'
  | 'stub'
  | 'oversize-result'
  | 'oversize-image'
  | 'malformed-input'
  | 'missing-time'
  | 'oversize-images'
  | 'reused-tool-id'
  | 'replayed-record'
  | 'lost-compaction'
  | 'wrong-end'
  | 'other-session'

/**
 * Damage to a transcript after a run: a stable code that programs may compare. Only
 * `std::fmt::Display` produces its sentence.
 */
export type DamageReason = 'shortened' | 'rewritten' | 'forked'

/** Action requested by the user. The dashboard closes, and the command line runs it. */
export type DashboardAction =
  | 'resume'
  | 'resume-window'
  | 'open-page'
  | 'export'
  | 'handoff'
  | 'pause'
  | 'unpause'
  | 'cancel'
  | 'kill'
  | 'repair'
  | 'restore'
  | 'show'
  | 'pick'
  | 'quit'
  | 'interrupt'

/** Options of `dashboard`: what it shows and what it allows. */
export interface DashboardOptions {
  /** Project directory for the scope `project` (default: the working directory). */
  project?: string
  /** Initial view, such as the view in an earlier outcome. */
  view?: DashboardView
  /** Command for which a session is picked. Enter picks the session, and no other action is possible. */
  picker?: PickerVerb
  /**
   * `act` (default). `watch`: no key changes anything, and besides `quit` and `interrupt` only `show` and
   * `handoff` end the dashboard. `rescue`: open sessions come first.
   */
  purpose?: DashboardPurpose
  /** Seconds between checks for changes (default: 2). */
  every?: number
  /** Whether to draw with colors. */
  colour?: boolean
}

/** What the user chose in a `dashboard`. The choice has not been carried out yet. */
export interface DashboardOutcome {
  /** `pick`: a session was picked for the command in `picker`. `interrupt`: the user pressed Ctrl-C. */
  action: DashboardAction
  /**
   * Session to which the action applies: its id, or the path of a conflict copy; `null` for `quit` and
   * `interrupt`.
   */
  session: string | null
  /** View with which the dashboard reopens in the same state. */
  view: DashboardView
}

export type DashboardPurpose = 'act' | 'watch' | 'rescue'

/** Which sessions a dashboard shows. */
export type DashboardScope = 'project' | 'all'

/** Initial view of a dashboard. */
export interface DashboardView {
  /** `project`: sessions of one project. `all`: sessions of every project (default). */
  scope?: DashboardScope
  /** Fuzzy filter over name, project and newest prompt. */
  filter?: string
  /** Transcript of the selected session, or the id of a session without a transcript. */
  selected?: string | null
}

/** Result of one check. */
export interface DoctorCheck {
  /** Stable name of the check. A report may contain several checks with one name. */
  id: DoctorCheckId
  /**
   * `ok`: nothing is wrong. `warn`: it works, but needs attention. `fail`: recovery does
   * not work as intended.
   */
  status: CheckStatus
  /** The finding, in one sentence. */
  fact: string
  /** The file or directory that the check is about. */
  path: string | null
  /** What to do next; `null` if there is nothing to do. */
  next: string | null
}

/** Stable name of a check. */
export type DoctorCheckId =
  | 'node'
  | 'client'
  | 'setup'
  | 'hooks'
  | 'plugin'
  | 'runtime'
  | 'launcher'
  | 'coverage'
  | 'ran'
  | 'hooks-allowed'
  | 'module'
  | 'config'
  | 'saving'
  | 'conflict-copies'
  | 'retention'
  | 'kept'
  | 'note'
  | 'state'
  | 'privacy'
  | 'journal'
  | 'incidents'
  | 'spool'
  | 'quarantine'
  | 'supervisor'
  | 'credential'
  | 'session'

/** What `doctor` should check. */
export interface DoctorOptions {
  /** Project directory; the working directory if absent. */
  project?: string
  packageRoot: string
  /** Path of the loaded addon, if it is not in the package's root. */
  addon?: string
  /** Absolute path of the running Node.js. */
  node?: string
  /** Version of the running Node.js. */
  nodeVersion?: string
}

/** Result of `doctor`, schema `cc-session-recover/doctor@1`. */
export interface DoctorReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/doctor@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Path of the checked project. */
  project: string
  /** Whether no check failed. */
  ok: boolean
  /** The result of every check. */
  checks: DoctorCheck[]
}

/** A fact that supports a verdict, with its source. */
export interface Evidence {
  /** `transcript`, `registry`, `hook`, `process`, `store` or `clock`. */
  source: string
  /** The fact, as one sentence. */
  fact: string
}

/** A session that could not be exported. */
export interface ExportFailure {
  /** Session id; `null` for a directory that cannot be read and may contain several sessions. */
  session: string | null
  /** File that the error concerns. */
  path: string | null
  /** Stable name of the error. */
  code: string
  /** Description of the error, in one sentence. */
  message: string
  /** The next step for the user. */
  hint: string | null
  /** Exit code for this error. */
  exitCode: number
}

/**
 * Algorithm that identifies the files of an export: SHA-256, or 128-bit XXH3, which is faster but
 * detects only accidental changes.
 */
export type ExportHash = 'sha256' | 'xxh3'

/** Options of `exportSessions`: the sessions to export, and the target directory. */
export interface ExportOptions {
  session?: string
  /** Whether to select the most recently active session, within `project` if given. */
  latest?: boolean
  project?: string
  /** Whether to select every session that a process has open. */
  active?: boolean
  /** Whether to select every session, whatever its state. */
  all?: boolean
  /** Directory for the exports; defaults to `exports` in the state directory. */
  to?: string
  /** Whether to write each session as one `.tar` file. */
  archive?: boolean
  /** Algorithm that identifies the files; defaults to `sha256`. */
  hash?: ExportHash
  /** Directory of the session log; defaults to the state directory. */
  log?: string
  dryRun?: boolean
}

/** Result of `exportSessions`, schema `cc-session-recover/export@1`. */
export interface ExportReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/export@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which writes nothing. */
  dryRun: boolean
  /** Directory of the exports. */
  to: string
  /** Whether each session was written as a single `.tar` file. */
  archive: boolean
  /** Algorithm that identifies the files. */
  hash: ExportHash
  /** Exported sessions, each verified. */
  exports: ExportedSession[]
  /** Sessions that failed, each with its error. */
  failures: ExportFailure[]
  /** Total size of all exports, in bytes. */
  bytes: number
  /** Session log that records the operation; `null` if nothing was done or the log could not be written. */
  log: string | null
}

/** A session that was exported, or with `dryRun` would be. */
export interface ExportedSession {
  /** Id of the session, a UUID. */
  session: string
  /** Name, title or latest prompt. */
  title: string | null
  /** State of the session at the time of the export. */
  state: SessionState
  /** Path of the session's transcript. */
  transcript: string
  /** Path of the export, a directory or an archive. With `dryRun`, its name has no time. */
  path: string
  /** Number of files in the export, without the manifest. */
  files: number
  /** Total size of these files, in bytes. */
  bytes: number
  /** Length of the copied transcript, in bytes. */
  transcriptBytes: number
  /** Number of lines in the copied transcript; `null` before it is copied. */
  transcriptLines: number | null
  /** Hash of the copied transcript in hex, with the algorithm given by `hash`; `null` before it is copied. */
  digest: string | null
  /**
   * Whether the transcript has grown since it was copied. The export then contains
   * its first `transcriptBytes` bytes.
   */
  grew: boolean
  /** Id of the process that has the session open. */
  livePid: number | null
  /** Files that were not exported, with the reason. */
  skipped: SkippedFile[]
}

/** What a plan does with a file. */
export type FileAction = 'create' | 'replace' | 'append' | 'remove' | 'restore' | 'keep'

/** One file in a plan of `init`, `uninstall` or `plugin`: what happens to it, and why. */
export interface FileStep {
  path: string
  action: FileAction
  why: string
  /**
   * Text before the change; `null` if the file does not exist or is not text. `after` is the text after
   * the change.
   */
  before: string | null
  after: string | null
}

/** Damage that was found in a transcript. */
export interface Finding {
  /** Kind of the damage. */
  class: DamageClass
  /** Line number, starting at 1. */
  line: number
  /** Offset of the line in bytes. */
  offset: number
  /** Description of the damage, in one sentence. */
  what: string
  /** What the client does with the damage. */
  client: string
  /** How the repair fixes the damage; `null` if it does not. */
  mend: string | null
  /** What cannot be recovered, or is no longer sent; `null` if nothing is lost. */
  lost: string | null
}

/** Options of `forget`: the session to remove. */
export interface ForgetOptions {
  /** Session id, an unambiguous prefix of at least 3 characters, or the session's name or title. */
  session: string
  /** Whether to only report what would be removed. */
  dryRun?: boolean
}

/** Result of `forget`, schema `cc-session-recover/forget@1`. */
export interface ForgetReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/forget@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which removes nothing. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Items that were removed, or with `dryRun` would be. */
  removed: ForgottenItem[]
  /** Files and directories of the session that Claude Code still has. */
  withClaudeCode: string[]
  /**
   * Exports and pages of the session outside the state directory, and exports of other sessions that
   * contain its block in HANDOFF.md. They are not removed.
   */
  elsewhere: string[]
  /** Files that could not be removed, and why. */
  problems: Problem[]
}

/** Something that `forget` removes. */
export interface ForgottenItem {
  /**
   * Kind of the item. `note` is the session's block in HANDOFF.md, `state` a saved state in its project,
   * and `entries` its lines or entries in a file shared with other sessions.
   */
  kind: ForgottenKind
  /** Path of the file or directory. */
  path: string
  /** Total size of its files, in bytes. */
  bytes: number
}

export type ForgottenKind =
  | 'kept'
  | 'snapshots'
  | 'outputs'
  | 'export'
  | 'page'
  | 'record'
  | 'incident'
  | 'event'
  | 'quarantined'
  | 'note'
  | 'state'
  | 'entries'
  | 'lock'

/** How much of a session without a transcript is still readable. */
export type GoneLeft = 'conversation' | 'prompts' | 'nothing'

/** A session whose transcript is gone. */
export interface GoneSession {
  /** Id of the session, a UUID. */
  id: string
  /** Name that the user gave; only for a kept session. */
  name: string | null
  /** Title of the session; only for a kept session. */
  title: string | null
  /** Directory in which the session was started or last worked. */
  project: string | null
  /** Earliest known time of the session. */
  firstAt: string | null
  /** Latest known time of the session. */
  lastAt: string | null
  /** Number of prompts typed into the session that the client's history still contains. */
  typed: number
  /** The first prompt and the latest ones, oldest first. */
  prompts: RecalledPrompt[]
  /**
   * `kept`: its files are kept. `history`: the client's history of typed prompts. `directory`: a
   * client directory named after the session. `last-session`: the client's `.claude.json`. `record`: a
   * record of this program.
   */
  knownFrom: GoneSource[]
  /**
   * What can still be read. `conversation`: the whole conversation, which `restore` restores. `prompts`:
   * only typed prompts. `nothing`: nothing.
   */
  left: GoneLeft
  /** Size of the kept copy; `null` if nothing is left to resume. */
  kept: KeptAmount | null
  /** Command that restores the session. */
  restore: string[] | null
}

/** Source of information about a session without a transcript. */
export type GoneSource = 'kept' | 'history' | 'directory' | 'last-session' | 'record'

/**
 * Purpose of a handover. `note`: the block of HANDOFF.md. `paste`: everything, for any assistant. `resume`:
 * the first prompt of a fresh session in the project. `essential`: only what is needed to continue, for any
 * assistant.
 */
export type HandoffForm = 'note' | 'paste' | 'resume' | 'essential'

/** Which session `handoff` hands over, and for what purpose. */
export interface HandoffOptions {
  /**
   * Session id, an unambiguous prefix of at least 3 characters, or the session's name or title; if absent,
   * the latest session of the project.
   */
  session?: string
  /** Directory of the project to search; the working directory if neither it nor a session is given. */
  project?: string
  /** Purpose of the text; `note` if absent. */
  form?: HandoffForm
  /** Whether to write the text to the project's HANDOFF.md; only with `note`. */
  write?: boolean
  /** Whether to only report what would be written. */
  dryRun?: boolean
}

/** Result of `handoff`, schema `cc-session-recover/handoff@1`. */
export interface HandoffReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/handoff@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Session that the text describes. */
  session: Session
  /** Form of the text, depending on its recipient. */
  form: HandoffForm
  /** The text in Markdown, with secrets of known patterns removed. */
  text: string
  /** Length of the text, in characters. */
  characters: number
  /** Titles of sections that were left out or shortened to fit. */
  leftOut: string[]
  /**
   * Paths of the files that were read, without those of git: the transcript, and what Claude Code stores
   * next to it.
   */
  sources: string[]
  /** Path of HANDOFF.md in the session's project; `null` if that directory is unknown or gone. */
  file: string | null
  /** Whether the hooks are installed in that project. */
  enabled: boolean
  /** Whether this is only a plan, so that nothing was changed. */
  dryRun: boolean
  /** Whether HANDOFF.md was changed, or would be with `dryRun`. */
  written: boolean
  /** Paths of the saved copies of blocks that were edited by hand and then replaced. */
  kept: string[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Obstacle that keeps the waiting hook from continuing an open session, with its explanation. */
export interface HeldBack {
  /**
   * `dialog`: a menu is open in its window. `shared`: several windows have it open. `paused`: the user
   * paused it. `switched-off`: automatic recovery was switched off. `suspended`: Ctrl-Z. `no-transcript`:
   * its transcript is missing. `no-route`: the machine is offline. `client-cap`: Claude Code continued it three
   * times in a row, and `heartbeat.beyondClientCap` is false.
   */
  reason: HeldBackReason
  /** The reason in words, and what the user can do. */
  why: string
}

/** Obstacle that keeps the waiting hook from continuing an open session at the planned time. */
export type HeldBackReason =
  | 'dialog'
  | 'shared'
  | 'paused'
  | 'switched-off'
  | 'suspended'
  | 'no-transcript'
  | 'no-route'
  | 'client-cap'

/** Why a run counts as having done nothing: a stable code that programs may compare. */
export type HollowReason =
  | 'client-answered'
  | 'nothing-added'
  | 'no-answer'
  | 'all-calls-denied'
  | 'not-started'
  | 'unverified'

/** Settings file that receives the hooks. */
export type HookScope = 'project' | 'local' | 'user'

/** The settings file that applies without an option. */
export interface HookScopeDecision {
  /** The scope that is set up in the directory, otherwise `project`. */
  scope: HookScope
  /** What to ask on a terminal first; `null` if the answer is known. */
  question: HookScopeQuestion | null
}

/** Which directory `hookScope` is about. */
export interface HookScopeOptions {
  project: string
}

/** What `init` asks on a terminal before it plans. */
export type HookScopeQuestion = 'all-projects' | 'for-whom'

/** Options of `importSession`: the export to restore as a resumable session, and its target. */
export interface ImportOptions {
  /** Directory or archive made by an export. */
  export: string
  /** Claude Code's configuration directory; defaults to the one in force. */
  configDir?: string
  /** Project directory; defaults to that of the exported session. */
  project?: string
  dryRun?: boolean
}

/** Result of `importSession`, schema `cc-session-recover/import@1`. */
export interface ImportReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/import@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this was a dry run, which verifies the export and writes nothing. */
  dryRun: boolean
  /** Path of the export. */
  export: string
  /** Time of the export. */
  exportedAt: string
  /** Id of the session, a UUID. */
  session: string
  /** Name, title or prompt of the session. */
  title: string | null
  /** Configuration directory that receives the session. */
  configDir: string
  /** Working directory from which the session is resumed. */
  cwd: string | null
  /** Imported files, the transcript last. */
  files: PlacedFile[]
  /** Total size of these files, in bytes. */
  bytes: number
  /** Files that are not imported, with the reason. */
  left: SkippedFile[]
  /** Commands that resume the session; `resume` is `null` if `hint` is set. */
  commands: Commands
  /** Why the session cannot be resumed yet, and what to do; `null` if it can be resumed. */
  hint: string | null
  /** Session log that records the operation; `null` if nothing was done or the log could not be written. */
  log: string | null
}

/** A stop and its recovery, as stored. */
export interface Incident {
  /** Version of the storage format. */
  version: number
  /** Id of the session, a UUID. */
  session: string
  /** Increases with every new stop of the session. */
  generation: number
  /** Directory of the project. */
  project: string | null
  /** Configuration directory of the session's client. */
  configDir: string | null
  /** Path of the transcript. */
  transcript: string
  /** Stop that opened the incident. */
  stop: Stop
  /** Permission mode at the stop. */
  permissionMode: string | null
  /** Model at the stop. */
  model: string | null
  /** Number of tokens that the model read for the session's newest answer. */
  contextTokens: number | null
  /** Working directory at the stop. */
  cwd: string | null
  /** Version of Claude Code at the stop. */
  clientVersion: string | null
  /** `cli` (terminal, background) or `sdk-cli` (`-p`). */
  entrypoint: string | null
  /** Process id of the client at the time of the stop. */
  claudePid: number | null
  /** Start token of that process, which distinguishes it from a later process with the same id. */
  claudeStart: string | null
  /** Time at which the incident was first recorded. */
  createdAt: string
  /** Time of the last change. */
  updatedAt: string
  /** Time of the first stop in the current series of stops. */
  firstStopAt: string | null
  /** Current phase of the incident. */
  phase: IncidentPhase
  /** Attempts since the session last did any work. */
  attempts: Attempt[]
  /** Times of all wakes in the last 24 hours. */
  cycles: string[]
  /** The recorded plan; `next` of the session reflects the current situation. */
  plan: NextStep
  /** Obstacle that kept the waiting hook from continuing the session at its last check. */
  heldBack?: HeldBack
  /** Facts on which the incident is based. */
  evidence: Evidence[]
}

/** The outcome of one stop. */
export interface IncidentAccount {
  /** Id of the session, a UUID. */
  session: string
  /** Name that the user gave the session. */
  name: string | null
  /** Title that Claude Code gave the session. */
  title: string | null
  /** Location of the session: `dir` is the directory of its project, `cwd` its working directory. */
  project: SessionProject
  /** Path of the transcript; empty if it is no longer known. */
  transcript: string
  /** `ledger`: the session's newest incident. `journal`: an earlier one. */
  kept: AccountSource
  /** Kind of the stop or, if the session stopped again, of the latest stop. */
  stop: StopKind
  /** The client's own message, without control characters. */
  message: string | null
  /** Time of the first stop. */
  stoppedAt: string
  /** Time at which the limit resets. */
  resetsAt: string | null
  /** Attempts to continue, oldest first. */
  attempts: TriedAttempt[]
  /** Combined work of all runs. */
  work: WorkDone
  /** Current phase of the incident. */
  phase: IncidentPhase
  /** Time at which recovery ended or was put on hold; `null` while it will still act by itself. */
  endedAt: string | null
  /** Evidence or reason for the phase. */
  why: string
  /**
   * Group in `report`. `needs-you`: nothing continues until the user acts. `waiting`: it continues by
   * itself. `running`: a continuation is in progress. `continued`: the session continued after the stop.
   * `ended`: nothing is pending.
   */
  group: AccountGroup
  /** Whether the user must act: see `next` and `commands`. */
  needsYou: boolean
  /** The next step, based on the current situation. */
  next: NextStep
  /**
   * Time when Claude Code is expected to continue the session by itself; `null` if it is not. The step in
   * `next` follows only if Claude Code does not continue it.
   */
  clientContinuesAt: string | null
  /** Commands that the user can run. */
  commands: Commands
}

/** Status of an incident. */
export type IncidentPhase =
  | 'open'
  | 'waiting'
  | 'attempting'
  | 'recovered'
  | 'moved-on'
  | 'superseded'
  | 'held'
  | 'given-up'
  | 'cancelled'

/** What `planInit` should prepare. */
export interface InitOptions {
  project: string
  /**
   * Settings file to which the hooks are written: `.claude/settings.json`, `.claude/settings.local.json`,
   * or the user's own `settings.json`.
   */
  scope?: HookScope
  /** Whether to write the hooks and their launcher. Defaults to `true`. */
  hooks?: boolean
  /**
   * Whether to install a status line too, which wraps an existing one. In a project it is written to
   * `.claude/settings.local.json`, whatever the scope.
   */
  statusLine?: boolean
  /**
   * `true` allows closed sessions of the project to be resumed unattended. `false` withdraws that
   * permission.
   */
  unattended?: boolean
  /** Whether to write the slash commands. Defaults to `true`. */
  commands?: boolean
  /**
   * `false` stops asking the model to keep its part of HANDOFF.md current; `true` asks again. If absent,
   * the setting is unchanged.
   */
  instruction?: boolean
  /**
   * `false` does not keep sessions of the project beyond Claude Code's retention period; `true` keeps
   * them. If absent, the setting is unchanged.
   */
  keep?: boolean
  /** Whether to leave `.git/info/exclude` unchanged, from now on until `uninstall`. */
  share?: boolean
  /** Root of the running package, from which the runtime is copied. */
  packageRoot: string
  /** Path of the loaded addon, if it is not in the package's root. */
  addon?: string
  /**
   * Absolute path of the running Node.js. Hooks start it, whatever the PATH of their client. If absent,
   * they start the `node` on PATH.
   */
  node?: string
}

/** Everything that `init` will do, as a value. Nothing is written before `applyInit`. */
export interface InitPlan {
  project: string
  scope: HookScope
  /** Step for each file, settings files first. */
  files: FileStep[]
  runtime: RuntimeStep
  warnings: string[]
  /** Options from which the plan was made. */
  options: InitOptions
}

/** Result of `init` and `uninstall`: what changed. */
export interface InitReport {
  project: string
  scope: HookScope
  /** Whether anything was changed. */
  changed: boolean
  files: FileStep[]
  /** Number of sessions whose files were retained for the first time. */
  kept: number
  /** Whether Claude Code would load the plugin's module here but does not have the plugin. */
  offersPlugin: boolean
  warnings: string[]
}

/** Transcript that `inspect` reads, and what the caller knows about its session. */
export interface InspectOptions {
  transcript: string
  /** Whether a process has the session open. If `null` or absent, the registry is consulted. */
  alive?: boolean | null
  /** The live client's own status word; used with `alive: true`. */
  status?: string | null
}

/** Size of the kept copy of a session that Claude Code deleted. */
export interface KeptAmount {
  /** Number of files that are kept. */
  files: number
  /** Size of the conversation, in bytes. */
  bytes: number
  /** Disk space of all kept files, in bytes. */
  diskBytes: number
}

/** A verified copy of a transcript, made before an operation that could change it. */
export interface KeptSnapshot {
  /** Name of the snapshot. */
  name: string
  /** Path of the file. */
  path: string
  /** Time of the snapshot. */
  takenAt: string | null
  /** Size of the snapshot, in bytes. */
  bytes: number
  /** SHA-256 of the current content, in hex. */
  sha256: string
  /** Whether the snapshot still has its original content; `null` if that was not recorded. */
  sound: boolean | null
  /** Whether the transcript still begins with exactly these bytes; `null` without a transcript. */
  isPrefix: boolean | null
  /**
   * Number of lines that the transcript has more than the snapshot; negative if it has fewer,
   * `null` without a transcript.
   */
  linesSince: number | null
}

/**
 * A process below a client. `kept`: the process is never ended, because it belongs to Claude Code itself or
 * to another user, has its own session, or is above this command.
 */
export interface KillChild {
  /** Id of the process. */
  pid: number
  /** Start time of the process, in the format of the operating system. */
  startToken: string
  /** Name of its program. */
  command: string
  /** Start time of the process. */
  startedAt: string | null
  /** What happened to the process. */
  fate: ChildFate
}

/** Options of `killSession`: the client to end, and how. */
export interface KillOptions {
  /**
   * Terminal (`pts/3`), process id, or session: an id, an id prefix of at least 3 characters, a
   * name or a title.
   */
  target: string
  /** Restricts the search to sessions of this project. */
  project?: string
  /** Process that the user agreed to end. Any other process is refused. */
  expected?: KillTarget
  /** Whether to export the session first. Defaults to `true`. */
  export?: boolean
  /** Export of an earlier attempt; reused if nothing was written since. */
  exported?: string
  /** Directory for the export; defaults to the one in the state directory. */
  to?: string
  /** Directory of the session log; defaults to the state directory. */
  log?: string
  /** Whether to kill the process if it does not end within 10 s. */
  force?: boolean
  /** Kill at once, because it was asked before. */
  asked?: boolean
  /** Whether to end the processes of its tools, too. */
  tree?: boolean
  /** Whether to only report the plan and send no signal. */
  dryRun?: boolean
}

/** Outcome of a kill. `gone`: the process had ended before any signal was sent. */
export type KillOutcome = 'planned' | 'ended' | 'killed' | 'still-alive' | 'gone'

/** Result of `killSession`, schema `cc-session-recover/kill@1`. */
export interface KillReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/kill@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which sends no signal. */
  dryRun: boolean
  /** Process to be ended. */
  expected: KillTarget
  /** Terminal of the process. */
  tty: string | null
  /** Start time of the process. */
  startedAt: string | null
  /** Whether the client is ended by a signal or, as a background session, by `claude stop`. */
  way: KillWay
  /** State of the session before the kill; `null` if none of its files is on disk. */
  session: Session | null
  /** What may be lost, one sentence per item. */
  risks: string[]
  /** Processes that the client started and that are still running. */
  children: KillChild[]
  /** What happened to the process. */
  outcome: KillOutcome
  /** Signals that were sent, in order. */
  signals: SentSignal[]
  /** Exports made before the kill. */
  exports: ExportedSession[]
  /** Export of an earlier attempt that is still complete. */
  exported: string | null
  /** Commands that reopen the session; `null` while it is live, and if none of its files is on disk. */
  commands: Commands | null
  /** Further facts about the session. */
  notes: string[]
  /** Session log that records the operation; `null` if nothing was done or the log could not be written. */
  log: string | null
}

/** A signal that `kill` sends. */
export type KillSignal = 'TERM' | 'CONT' | 'KILL'

/**
 * A process at one point in time, identified by its id and by a start time that distinguishes it from later
 * processes with the same id.
 */
export interface KillTarget {
  /** Id of the process. */
  pid: number
  /** Start time of the process, in the format of the operating system. */
  startToken: string
  /** Id of the session that it has open. */
  session: string
}

export type KillWay = 'signal' | 'stop'

/** A stop after which the session continued. */
export interface LastRecovered {
  /** Id of the recovered session. */
  session: string
  /** Name of the session or, without one, its title or newest prompt. */
  name: string | null
  /** Enabled project that contains the session. */
  project: string | null
  /** Kind of the stop that interrupted the session. */
  stop: StopKind
  /** Time when the session continued. */
  at: string
  /**
   * `wake`: the waiting hook of this tool continued the session. `run`: an unattended run did.
   * `client`: Claude Code did.
   */
  by: RecoveredBy
}

/** A process to start for a session. */
export interface Launch {
  /** Absolute path of the program, then its arguments. */
  argv: string[]
  /** Working directory of the process. */
  cwd: string
  /** Environment variables to set. */
  env: Record<string, string>
  /** Variables that are removed from the environment. */
  unset: string[]
  /** Transport in which the process runs. */
  transport: Transport
  /** Permission mode of the run, which is never above the recorded mode or the user's ceiling. */
  permissionMode: string
  /** What the run may do in that mode, in words. */
  may: string
  /** The session's own permission mode, if the run gets a lower one. */
  loweredFrom: string | null
  /** Time limit of the run, in seconds. */
  deadlineSeconds: number
}

/** Filters and order of `list`. Without filters, it lists every session of every project, latest first. */
export interface ListOptions {
  /** Directory of the project; every project if absent. */
  project?: string
  /**
   * Only sessions with these states, such as `orphaned`, or with the words that screens
   * use, such as `interrupted`.
   */
  states?: string[]
  /**
   * Only these kinds of stop, given by kind, by the words that screens use, or by a part of
   * those, such as `limit`.
   */
  stops?: string[]
  /**
   * Only sessions active since this time: RFC 3339, a date, or a duration before now
   * (`90m`, `36h`, `2d`, `1w`).
   */
  since?: string
  /** Part of the name, title or newest prompt, ignoring case. */
  name?: string
  /** Only transcripts larger than this: bytes, or text such as `50MB`. */
  largerThan?: number | string
  sort?: ListSort
  /** Whether to reverse the sort order. */
  reverse?: boolean
  limit?: number
  /** Only sessions with `openAtCrash`. */
  openAtCrash?: boolean
  /**
   * Whether to return, in `gone`, the sessions whose transcript is gone instead of those with a
   * transcript.
   */
  gone?: boolean
}

/** Result of `list`, schema `cc-session-recover/status@1`, with the number of sessions before `limit`. */
export interface ListReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/status@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Project that was requested; `null` for all projects. */
  project: AskedProject | null
  /** Latest report of each account's limits, if the status line of `init --statusline` receives it. */
  accounts: Account[]
  /** Sessions that match, in the requested order. */
  sessions: Session[]
  /**
   * Sessions without a transcript, and what is left of them, if `gone` was requested. Only `list` prints
   * them.
   */
  gone: GoneSession[]
  /** Number of matching sessions before `limit` is applied. Only `list` prints it. */
  total: number
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Key by which a list is sorted. */
export type ListSort = 'activity' | 'size' | 'context' | 'name' | 'project' | 'state'

/** The process that has the session open, identified by process id and start time. */
export interface LiveProcess {
  /** Process id of the client. */
  pid: number
  /** Terminal, such as `pts/3` or `ttys004`; `null` without a terminal. */
  tty: string | null
  /** Where the user finds the session: `pts/3`, `background job 0a1b2c3d`, `process 4711`. */
  place: string
  /** Other clients that have the same session open. The conversation forks as soon as two of them continue. */
  others: OtherLiveProcess[]
  /** `interactive`: a terminal. `print`: `-p` or an SDK. `background`: a worker of Claude Code's daemon. */
  kind: ClientMode
  /**
   * How the process was identified: by Claude Code's registry with the start time, or by the process table
   * alone (for clients without a registry).
   */
  proof: LiveProof
  /** Start time of the process. */
  startedAt: string | null
  /** Status reported by the client: `busy`, `idle`, `waiting`; `null` if the client reports none. */
  status: string | null
  /** If `waiting`: what the client waits for, in its own words, such as `permission prompt`. */
  waitingFor: string | null
  /** Job id of a background session, for `claude attach` and `claude stop`. */
  job: string | null
  /** CPU usage in percent of one processor, measured only where it decides between working and hung. */
  cpuPercent: number | null
  /** Processes that the client started and that are still running. */
  children: ChildProcess[]
}

/** Proof that a process has a session open. */
export type LiveProof = 'registry' | 'processes'

/** A journal line that does not match the line before it. */
export interface LogBreak {
  /** Path of the file. */
  path: string
  /** Line number in the file, starting at 1. */
  line: number
  /** Description of the break, in one sentence. */
  why: string
}

/**
 * Result of checking the chain of the journal, in which each line contains the SHA-256 of
 * the line before it.
 */
export interface LogChain {
  /** Whether the chain has no break, so that no line within it was changed, removed or inserted. */
  sound: boolean
  /** Number of lines in the journal. */
  lines: number
  /** Number of lines with a `prev`. */
  chained: number
  /**
   * Number of lines without a `prev`. At the beginning they are from earlier versions;
   * later ones are breaks.
   */
  unchained: number
  /** Lines at which the chain of hashes is broken. */
  breaks: LogBreak[]
  /** Hash of the last line. A copy stored elsewhere can show whether the journal was truncated since. */
  head: string | null
}

export interface LogEntry {
  /** Time at which the entry was written. */
  at: string | null
  /** Kind of the event. */
  event: string
  /** Id of the session, if the event is about one. */
  session: string | null
  /** Id of the process that wrote the entry. */
  pid: number | null
  /** Description in one sentence. */
  sentence: string
  /** All other recorded fields, by name. */
  fields: Record<string, unknown>
}

/** Which journal entries `log` returns. */
export interface LogOptions {
  /**
   * Only entries since this time: RFC 3339, a date, or a duration before now, such as
   * `90m`, `36h`, `2d`, `1w`.
   */
  since?: string
  /** Only entries of sessions whose id starts with this. */
  session?: string
  /** Only entries with these events. */
  events?: string[]
  /** Maximum number of entries; the newest are returned. */
  limit?: number
  /** Whether to verify every line against its predecessor. */
  verify?: boolean
}

/** Result of `log`, schema `cc-session-recover/log@1`. */
export interface LogReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/log@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Path of the journal. */
  path: string
  /** Entries within the limit, oldest first. */
  entries: LogEntry[]
  /** Number of matching entries, including those beyond the limit. */
  total: number
  /** Result of verifying the chain; `null` unless requested. */
  chain: LogChain | null
}

/** What happens next with a session, when, and why. */
export interface NextStep {
  /**
   * `wake`: the waiting hook continues it. `client`: Claude Code continues it itself. `run`: the
   * supervisor resumes the closed session. `resume`: the user resumes it with `argv`. `notify`: the user
   * must act. `none`: nothing is pending.
   */
  action: PlannedAction
  /** Time at which it happens, or from which it is possible. */
  at: string | null
  /** Reason as a stable code. Programs must compare this code, never `why`. New versions may add codes. */
  reason: PlanReason
  /** The reason in words. */
  why: string
  /** Command for the user, or `null`. */
  argv: string[] | null
}

/** Reason why there is no conversation. */
export type NoConversation = 'empty-file' | 'no-messages'

/** Closed sessions that stopped too long ago to be listed individually. */
export interface OlderStops {
  /** Number of these sessions. */
  count: number
  /** Their kinds of stop, for `list --stop`. */
  stops: StopKind[]
  /**
   * Sessions whose requests the API refuses until `repair` removes something from the transcript.
   * Waiting does not help.
   */
  repairable: string[]
}

export interface OnPage {
  /** Number of prompts on the page. */
  turns: number
  /** Number of tool calls on the page. */
  calls: number
  /** Limits and errors that interrupted a turn. */
  stops: number
  /** Number of subagents with their own transcript. */
  subagents: number
  /** Number of transcript lines that could not be read; the page shows which. */
  damagedLines: number
  /** Number of texts that were shortened; the page shows where. */
  cutTexts: number
  /** Bytes of text that are not shown. */
  leftBytes: number
  /** Number of pictures left out. */
  leftPictures: number
}

/** A session that was open when its client or the machine crashed, and that has not been opened since. */
export interface OpenAtCrash {
  /** `machine`: the machine, which has been restarted since. `client`: only the client process. */
  died: CrashedPart
  /** Time of the session's last sign of life. */
  at: string | null
  /** Facts that support this conclusion. */
  evidence: Evidence[]
}

/** Another client that has the session open. */
export interface OtherLiveProcess {
  /** Process id, verified by its start time. */
  pid: number
  /** Where the user finds the client: `pts/3`, `background job 0a1b2c3d`, `process 4711`. */
  place: string
}

/** A session that has records in the transcript of another one. */
export interface OtherSession {
  /** Id of the session. */
  session: string
  /** Number of the session's records in the file. */
  records: number
  /** Number of prompts in these records. */
  turns: number
  /** Line of the first of these records. */
  firstLine: number
  /** Line of the last of these records. */
  lastLine: number
  /** Path of the session's own transcript; `null` if none was found. */
  transcript: string | null
}

/** Number and size of the kept files that were compressed. */
export interface PackedBytes {
  /** Number of files that were compressed. */
  files: number
  /** Size on disk before the compression, in bytes. */
  before: number
  /** Size on disk after the compression, in bytes. */
  after: number
}

/** Format of a readable page. */
export type PageFormat = 'html' | 'markdown'

/** Which sessions `pause` pauses. */
export interface PauseOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Whether to pause every session, including future ones. */
  all?: boolean
  /** Whether to end the pause; without a session, every pause. */
  unpause?: boolean
}

/** Result of `pause`: what is paused now. */
export interface PauseReport {
  /** Id of the session; `null` for all sessions. */
  session: string | null
  paused: boolean
  /** Whether this call changed anything. */
  changed: boolean
  /** Whether the session stays paused although its own pause was ended, because all sessions are paused. */
  heldByAll: boolean
}

/** Content of a hook payload, read without accessing any file. */
export interface PayloadReading {
  event: string
  session: string | null
  /** For `StopFailure`: the kind of stop; `null` if a subagent stopped instead of the session. */
  kind: StopKind | null
  subagent: boolean
}

/** A command without a session argument, for which the user picks a session. */
export type PickerVerb = 'show' | 'resume' | 'export' | 'handoff' | 'kill'

export interface PlacedFile {
  /** Path of the file in the export. */
  path: string
  /** Path to which the file is copied. */
  to: string
  /** Size of the file, in bytes. */
  bytes: number
  /** Hash in hex, with the algorithm of the export. */
  digest: string
}

/** Reason for a plan. `unrecorded`: the version that stored the plan recorded no reason. */
export type PlanReason =
  | 'not-planned'
  | 'nothing-pending'
  | 'superseded'
  | 'session-continued'
  | 'taken-over'
  | 'continued-elsewhere'
  | 'prompt-repeated'
  | 'awaiting-turn'
  | 'cancelled'
  | 'cancelled-with-esc'
  | 'hooks-removed'
  | 'opened-again'
  | 'dialog-open'
  | 'open-twice'
  | 'paused'
  | 'client-suspended'
  | 'transcript-missing'
  | 'no-route'
  | 'client-cap-reached'
  | 'ended-before-answer'
  | 'login-needed'
  | 'credit-needed'
  | 'reset-far-away'
  | 'reset-passed'
  | 'context-full'
  | 'request-refused'
  | 'cause-unknown'
  | 'interrupted-by-user'
  | 'kind-ignored'
  | 'kind-notifies'
  | 'daily-cap-reached'
  | 'attempts-used-up'
  | 'gave-up-waiting'
  | 'output-too-long-again'
  | 'client-closed'
  | 'context-too-large'
  | 'overdue'
  | 'awaiting-reset'
  | 'reset-early'
  | 'awaiting-retry'
  | 'wrapped-up'
  | 'client-continues'
  | 'recovery-disabled'
  | 'client-too-old'
  | 'hung'
  | 'question-open'
  | 'no-supervisor'
  | 'waiter-gone'
  | 'stop-not-reported'
  | 'not-ready'
  | 'other-account'
  | 'directory-gone'
  | 'run-failed'
  | 'calls-denied'
  | 'runs-did-nothing'
  | 'transcript-damaged'
  | 'run-ended-in-turn'
  | 'transcript-restored'
  | 'unrecorded'

/** What the plan for a stopped session does. */
export type PlannedAction = 'wake' | 'client' | 'run' | 'resume' | 'notify' | 'none'

/** What `planPlugin` should prepare. */
export interface PluginOptions {
  /** Absolute path of the directory to write to; by default `plugin` in the state directory. */
  to?: string
  /** Whether to remove the plugin instead of writing it. */
  remove?: boolean
  /** Root of the running package, from which the runtime is copied. */
  packageRoot: string
  /** Path of the loaded addon, if it is not in the package's root. */
  addon?: string
  /** Same meaning as in `InitOptions`. */
  node?: string
}

/** Everything that writing or removing the plugin will do. Nothing is written before `applyPlugin`. */
export interface PluginPlan {
  /** Directory of the marketplace with the one plugin. */
  directory: string
  /** Whether the plugin is removed. */
  remove: boolean
  /** Files, in the order in which they are processed. */
  files: FileStep[]
  warnings: string[]
  /** Claude Code commands that the user must run, each as a list of words. */
  next: string[][]
  /** Options that the plan was made from. */
  options: PluginOptions
}

/** Result of `plugin`: what changed. */
export interface PluginReport {
  directory: string
  /** Whether the plugin was removed. */
  remove: boolean
  /** `false` if there was nothing to change. */
  changed: boolean
  files: FileStep[]
  warnings: string[]
  /** Claude Code commands that the user must run, each as a list of words. */
  next: string[][]
}

export interface Preview {
  /** Id of the session, a UUID. */
  session: string
  /** Directory of its project. */
  project: string | null
  /** Kind of the stop that interrupted it. */
  stop: StopKind
  /** Group of the session, as on every other screen. */
  group: SessionGroup
  /** The next step, as in every other report. */
  plan: NextStep
  /** Whether a run could start now. */
  verdict: 'ready' | 'not-yet' | 'hold' | 'over'
  /** Why no run can start now. */
  why: string | null
  /**
   * Where the session is open, such as `pts/3`; nothing is started while it is open. `null`
   * if it is closed.
   */
  openIn: string | null
  /** Process to start; `null` if none can be started. */
  launch: Launch | null
}

/** Which sessions `preview` shows. */
export interface PreviewOptions {
  /** Session id, an unambiguous prefix of it, or its name or title; every stopped session if absent. */
  session?: string
}

/** Result of `preview`, schema `cc-session-recover/preview@1`. */
export interface PreviewReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/preview@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** One entry for each session. */
  sessions: Preview[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** A file or directory that could not be read; the rest of the report is still valid. */
export interface Problem {
  /** File or directory that could not be read. */
  path: string | null
  /** Stable error code, such as `IO`. */
  code: string
  /** What failed, and why. */
  message: string
}

/** Kind of a copy that `prune` deletes. */
export type PruneKind = 'export' | 'snapshot' | 'page' | 'output' | 'record' | 'kept' | 'leftover'

/** Options of `prune`: the rules by which copies are deleted. */
export interface PruneOptions {
  /**
   * Number of days for which exports are retained; defaults to `retention.exportsDays` of the
   * configuration (90 unless set).
   */
  exportsDays?: number
  /**
   * Number of days for which snapshots are retained; defaults to `retention.snapshotsDays` (14 unless
   * set).
   */
  snapshotsDays?: number
  /** Number of days for which pages are retained; defaults to `retention.pagesDays` (90 unless set). */
  pagesDays?: number
  /**
   * Number of days for which outputs of runs are retained; defaults to `retention.outputsDays` (30 unless
   * set).
   */
  outputsDays?: number
  /**
   * Number of days for which session records are retained after their last entry; defaults to
   * `retention.recordsDays` (90 unless set).
   */
  recordsDays?: number
  /**
   * Number of days for which kept sessions that Claude Code deleted are retained; defaults to
   * `retention.keptDays` (365 unless set).
   */
  keptDays?: number
  /**
   * Maximum total size in bytes of kept sessions that Claude Code deleted; defaults to
   * `retention.keptMaxTotal` (5 GB unless set).
   */
  keptMaxTotal?: number
  /**
   * Minimum number of exports, snapshots, pages and outputs retained per session and kind, whatever the
   * other rules; defaults to 1.
   */
  keep?: number
  /** Maximum number of each kind per session. */
  most?: number
  /**
   * Maximum total size in bytes; the oldest copies are deleted first. Records are not counted,
   * because they are small.
   */
  maxBytes?: number
  /** The only paths to delete, and only if the rules allow it. */
  only?: string[]
  dryRun?: boolean
}

/** Result of `prune`, schema `cc-session-recover/prune@1`. */
export interface PruneReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/prune@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which deletes nothing. */
  dryRun: boolean
  /** Rules that were applied. */
  rules: PruneRules
  /** Copies that were deleted, or with `dryRun` would be. */
  removed: PrunedCopy[]
  /** Total size of the deleted copies, in bytes. */
  removedBytes: number
  /** Number of exports, snapshots, pages, outputs, records and kept sessions that remain. */
  kept: number
  /** Total size of what remains, in bytes. */
  keptBytes: number
  /**
   * Files of sessions that Claude Code deleted and that were compressed before the rules were applied,
   * with their size before and after.
   */
  packed: PackedBytes
  /** Files that could not be checked or deleted, and why. */
  problems: Problem[]
}

/** Rules that determine which copies are deleted. */
export interface PruneRules {
  /** Number of days for which exports are retained. */
  exportsDays: number
  /** Number of days for which snapshots are retained. */
  snapshotsDays: number
  /** Number of days for which pages are retained. */
  pagesDays: number
  /** Number of days for which outputs of runs are retained. */
  outputsDays: number
  /** Number of days for which session records are retained. */
  recordsDays: number
  /** Retention in days for kept sessions that Claude Code deleted. */
  keptDays: number
  /** Maximum total size in bytes of kept sessions that Claude Code deleted. */
  keptMaxTotal: number
  /**
   * Minimum number of exports, snapshots, pages and outputs retained per session and kind,
   * whatever the other rules.
   */
  keep: number
  /** Maximum number of each kind retained per session; `null` for no limit. */
  most: number | null
  /** Maximum total size in bytes; `null` for no limit. */
  maxBytes: number | null
}

/** A copy that `prune` deletes. */
export interface PrunedCopy {
  /**
   * `export`, `snapshot`, `page`, `output` of a run, `record` (small state files about a
   * session), `leftover` of an operation that never finished, or `kept` (the kept files of a
   * session that Claude Code deleted).
   */
  kind: PruneKind
  /** Id of the session to which the copy belongs. */
  session: string
  /** Path of the copy; for a record, its directory. */
  path: string
  /** Time when the copy was made; for a record, when something was last recorded in it. */
  madeAt: string | null
  /** Size of the copy, in bytes. */
  bytes: number
  /** Rule by which the copy is deleted. */
  why: string
}

/** A session that was written as a page, or with `dryRun` would be. */
export interface PublishedPage {
  /** Id of the session, a UUID. */
  session: string
  /** Name, title or newest prompt, on one line; not redacted. */
  title: string | null
  /** State of the session when the page was written. */
  state: SessionState
  /** Path of the session's transcript. */
  transcript: string
  /** Number of bytes read from the transcript. */
  transcriptBytes: number
  /** Path of the page. With `dryRun`, its name has no time. */
  path: string
  /** Whether an existing page was replaced. */
  replaced: boolean
  /** Size of the page in bytes; `null` before it is written. */
  bytes: number | null
  /** Contents of the page; `null` before it is written. */
  shown: OnPage | null
  /** Id of the process that has the session open. */
  livePid: number | null
}

/** Usage of one limit, and when it resets. */
export interface QuotaWindow {
  /** Used share in percent, 0 to 100. */
  usedPercent: number
  /** Time at which the limit resets; may be in the past. */
  resetsAt: string
}

/** Options of `writePages`: the sessions to write as pages, and the target. */
export interface ReadingOptions {
  session?: string
  /** Selects the most recently active session, within `project` if given. */
  latest?: boolean
  project?: string
  /** Selects every session that a process has open. */
  active?: boolean
  /** Selects every session, whatever its state. */
  all?: boolean
  /** Format of the pages; defaults to `html`. */
  format?: PageFormat
  /** Target file, or directory for the pages; defaults to `pages` in the state directory. */
  to?: string
  /** Whether to treat `to` as a directory even if it does not exist yet. */
  toDirectory?: boolean
  /** Whether to replace a file that already exists. */
  force?: boolean
  /** Whether to replace recognized secrets with the name of their kind, and leave out pictures. */
  redact?: boolean
  dryRun?: boolean
}

/** Result of `writePages`, schema `cc-session-recover/reading@1`. */
export interface ReadingReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/reading@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which writes nothing. */
  dryRun: boolean
  /** Format of the pages. */
  format: PageFormat
  /** Directory of the pages. */
  to: string
  /** Whether recognized secrets were replaced. */
  redacted: boolean
  /** Pages that were written. */
  pages: PublishedPage[]
  /**
   * Index of the pages, for a browser. Written for HTML pages of `active` or `all` into the directory
   * given by `to`; otherwise `null`.
   */
  index: string | null
  /** Sessions that failed, each with its error. */
  failures: ExportFailure[]
  /** Total size of all pages, in bytes. */
  bytes: number
}

/** Which prompts `recall` lists. */
export interface RecallOptions {
  /** Number of sessions; 20 if absent. */
  recent?: number
  project?: string
  /** Only sessions active since this time. */
  since?: string
}

/** Result of `recall`, schema `cc-session-recover/recall@1`. */
export interface RecallReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/recall@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Sessions sorted by time, latest first. */
  recalled: Recalled[]
  /** Sessions whose transcript is gone but of which some prompts or messages are left, latest first. */
  gone: GoneSession[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

export interface Recalled {
  /** Session to which the prompts belong. */
  session: Session
  /** First and latest prompts, oldest first. */
  prompts: RecalledPrompt[]
}

export interface RecalledPrompt {
  /** The prompt, on one line. */
  text: string
  /** Time at which the prompt was typed. */
  at: string | null
}

/** What continued a stopped session. */
export type RecoveredBy = 'wake' | 'run' | 'client'

/** Whether recovery is on in a project, or on this machine. */
export interface RecoveryOverview {
  /**
   * `on`: stops are detected and sessions are continued. `switched-off`: stops are detected,
   * but `heartbeat.enabled` prevents this tool from continuing the sessions. `not-set-up`:
   * no hooks are installed.
   */
  setup: RecoverySetup
  /** Whether hooks of the user or of the plugin are active in every project. */
  everywhere: boolean
  /** Number of projects with their own hooks; 0 or 1 in the report of one project. */
  projects: number
  /** Number of these projects whose closed sessions are resumed unattended. */
  unattended: number
  /** Whether every session is paused. */
  pausedAll: boolean
  /** Number of paused sessions in the report. */
  paused: number
  /** The most recently recovered stop. */
  lastRecovered: LastRecovered | null
}

/** Whether a project, or the machine, is set up to continue sessions. */
export type RecoverySetup = 'on' | 'switched-off' | 'not-set-up'

/** Options of `relocate`: the session to copy, and the target. */
export interface RelocateOptions {
  /** Session id, id prefix, name, title or transcript path. */
  session?: string
  /** Selects the most recently active session, within `project` if given. */
  latest?: boolean
  /** Restricts the search to sessions of this project. */
  project?: string
  /**
   * Target: a configuration directory of Claude Code (it contains `projects` or `settings.json`, or is new
   * with `configDir: true`), or a project directory.
   */
  to: string
  /** Whether to treat `to` as a configuration directory even if it does not look like one. */
  configDir?: boolean
  dryRun?: boolean
}

/** Result of `relocate`, schema `cc-session-recover/relocate@1`. */
export interface RelocateReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/relocate@1'
  /** Whether this is a dry run, which copies nothing. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Configuration directory of the original. */
  fromConfigDir: string
  /** Configuration directory of the copy. */
  toConfigDir: string
  /** Working directory from which the copy is resumed. */
  cwd: string
  /** Files to copy; empty if the session is already where the target directory's sessions are. */
  files: CopyStep[]
  /** Path of the transcript that is resumed from now on. */
  transcript: string
  /** Sentences that describe which clients find the copy, and which find the original. */
  visibility: string[]
  /** Commands that resume the copy. */
  commands: Commands
}

/** Files of one kind that are left of a session. */
export interface Remaining {
  /** Kind of the files that are left. */
  kind: RemainingKind
  /** Number of these files. */
  count: number
  /** Their total size, in bytes. */
  bytes: number
  /** The file itself, or the directory that contains the files. */
  path: string
}

/** Kind of a file that is left of a session. */
export type RemainingKind = 'subagents' | 'files' | 'tasks' | 'file-history' | 'conflict-copies' | 'snapshots'

/** What is left of a session whose transcript contains no conversation. A client refuses to resume it. */
export interface Remains {
  /**
   * `empty-file`: the transcript has no bytes. `no-messages`: it contains records, but no
   * prompt and no answer.
   */
  why: NoConversation
  /** Files that are left. */
  left: Remaining[]
  /** The session's newest prompt in Claude Code's own history. */
  typed: string | null
  /** Command that lists snapshots of its transcript; `null` if there are none. */
  restore: string[] | null
}

/** Options of `removeState`: what it may remove. */
export interface RemoveStateOptions {
  /** Whether to also remove copies that exist nowhere else. */
  copies?: boolean
}

/** Options of `repair`: the session, and what to do with it. */
export interface RepairOptions {
  /** Session id, id prefix, name, title or transcript path. */
  session?: string
  /** Selects the most recently active session, within `project` if given. */
  latest?: boolean
  /** Restricts the search to sessions of this project. */
  project?: string
  /** Whether to repair the transcript. Otherwise `repair` only reports what would be done. */
  apply?: boolean
  /** Whether to restore the transcript from before the last repair. */
  rollback?: boolean
  /** Id of a record. The repair makes the client send the branch that contains it. */
  branch?: string
}

/** Result of `repair`, schema `cc-session-recover/repair@1`. */
export interface RepairReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/repair@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which changes nothing. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Path of the session's transcript. */
  transcript: string
  /** Size of the transcript before the repair, in bytes. */
  bytes: number
  /** Number of lines before the repair. */
  lines: number
  /** Number of readable records before the repair. */
  records: number
  /** Findings in file order. */
  findings: Finding[]
  /** Number of findings beyond the limit of the list. */
  more: number
  /** Number of findings that can be repaired; 0 if there is nothing to repair. */
  mendable: number
  /** Branches of the conversation, if there is more than one. The client sends one branch of each fork. */
  branches: ConversationBranch[]
  /** Other sessions that have records in the file. */
  others: OtherSession[]
  /** Whether the repair makes the client send the requested branch. */
  switches: boolean
  /** Record id that was given as `branch`. */
  branch: string | null
  /** Subagents whose transcripts are damaged. */
  subagents: SubagentFindings[]
  /** Why the transcript cannot be repaired now; `null` if it can be. */
  held: string | null
  /** Whether the transcript was repaired, read back and examined again. */
  repaired: boolean
  /** Whether the transcript from before the last repair was restored. */
  rolledBack: boolean
  /** Name of the snapshot of the previous transcript. */
  kept: string | null
  /** Command that undoes the repair. */
  undo: string[] | null
  /** Commands that resume the session. */
  commands: Commands
}

/** Result of `writeReportPage`, schema `cc-session-recover/timeline@1`. */
export interface ReportPage {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/timeline@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Path of the page. */
  path: string
  /** Size of the page, in bytes. */
  bytes: number
  /** Number of stops on the page. */
  stops: number
  /** Number of sessions on the page. */
  sessions: number
}

/** Options of `writeReportPage`: what to report, and the target file. */
export interface ReportPageOptions {
  /** Project directory; defaults to the working directory. */
  project?: string
  /** Covers every project on this machine instead of one. */
  all?: boolean
  /**
   * Start of the report: RFC 3339, a date, or a duration before now (`90m`, `36h`, `2d`, `1w`);
   * defaults to 24 hours.
   */
  since?: string
  /** Path of the page to write. */
  to: string
  /** Replaces a file that exists already. */
  force?: boolean
}

/** Progress of an export or import, in bytes. */
export interface RescueProgress {
  done: number
  /** Total number of bytes known so far. */
  total: number
}

/** How reliable a reset time is. */
export type ResetSource = 'exact' | 'guess'

/** Options of `restore`: the session, and the snapshot to restore. */
export interface RestoreOptions {
  /** Session id, id prefix, name, title or transcript path. */
  session?: string
  /** Selects the most recently active session, within `project` if given. */
  latest?: boolean
  /** Restricts the search to sessions of this project. */
  project?: string
  /**
   * Name of the snapshot, an unambiguous prefix of it, or `latest`. Defaults to the only snapshot
   * if the transcript is gone or all of it is in the snapshot.
   */
  from?: string
  dryRun?: boolean
}

/** Result of `restore`, schema `cc-session-recover/restore@1`. */
export interface RestoreReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/restore@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Whether this is a dry run, which changes nothing. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Path of the session's transcript. */
  transcript: string
  /** Snapshots of the session, newest first, compared with the transcript before the restore. */
  snapshots: KeptSnapshot[]
  /**
   * Name of the snapshot to restore; `null` if none was named and none can be chosen without
   * the risk of losing turns.
   */
  chosen: string | null
  /** Whether the transcript already equals the chosen snapshot, and only other files of the session are missing. */
  alreadyEqual: boolean
  /** Whether the snapshot was restored and read back. */
  restored: boolean
  /**
   * Number of other missing files of the session that were restored: subagents, tool results,
   * tasks, plan, file history.
   */
  companions: number
  /** Name of the snapshot of the previous transcript. */
  kept: string | null
  /** Command that undoes the restore. */
  undo: string[] | null
  /** Commands that resume the session. */
  commands: Commands
}

/** How the user continues a session. */
export type ResumeAction = 'resume' | 'attach' | 'refused'

/** Sessions for which `planResume` plans. */
export interface ResumeOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Whether to select the resumable session that was active last. */
  latest?: boolean
  /** Only sessions of this project. */
  project?: string
  /** Whether to select every session that was open when its client or the machine crashed. */
  allCrashed?: boolean
  /** A program to start instead of `claude`, with its first arguments, such as `ccs work`. */
  with?: string
  /** Whether to start a new session that begins with the note of this one, instead of resuming it. */
  fresh?: boolean
}

/** How the user resumes one session. */
export interface ResumePlan {
  /** The session to resume. */
  session: Session
  /**
   * `resume`: start `argv`. `attach`: the session runs in the background, and `argv` opens
   * it. `refused`: see `why`.
   */
  action: ResumeAction
  /** Command as the user types it; `null` if refused. */
  argv: string[] | null
  /** Absolute path of the program to start, never within the project; `null` if none was found. */
  program: string | null
  /** Directory in which to run the command. */
  cwd: string | null
  /** Environment variables to set first. */
  env: Record<string, string>
  /**
   * Environment variables to remove, because a client started with them would treat itself as a child of
   * another client.
   */
  unset: string[]
  /** The reason, in words. */
  why: string
  /** What to do instead. */
  hint: string | null
}

/** Result of `planResume`, schema `cc-session-recover/resume@1`. */
export interface ResumeReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/resume@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** One entry for each session. */
  plans: ResumePlan[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Claude Code's retention as it applies to one transcript. */
export interface Retention {
  /** Number of days after the last write. */
  days: number
  /**
   * Settings file that sets the limit: the one with the smallest value among all directories in which a
   * client was started; `null` for the default.
   */
  decidedBy: string | null
  /** Time when the limit passes, RFC 3339. */
  deletedAfter: string
  /**
   * Whether the limit has passed, so that the next `claude -p` that runs for six seconds deletes the
   * transcript.
   */
  overdue: boolean
}

/** A run that resumes a closed session without a terminal. */
export interface Run {
  /** Identifies the run in its environment and in its file names. */
  nonce: string
  /** How the process was started. */
  transport: Transport
  /** Process that started the run: the supervisor, or the caller of `resumeNow`. */
  supervisor: StartedProcess
  /** Process that was started; `null` until then. */
  child: StartedProcess | null
  /** Length of the transcript before the run, in bytes. */
  bytesBefore: number
  /** SHA-256 of those bytes, in hex. */
  sha256Before: string
  /** Snapshot of the transcript from before the run. */
  snapshot: string
  /** Output of the process, until `prune` removes it. */
  log: string
  /** HEAD of the working directory before the run. */
  commitBefore: string | null
  /** Time limit of the run, in seconds. */
  deadlineSeconds: number | null
  /** Result of the run; `null` while it is in progress. */
  result: RunResult | null
}

/** Which session `resumeNow` resumes. */
export interface RunOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Whether to select the session that was active last. */
  latest?: boolean
  /** Only sessions of this project. */
  project?: string
  /** A program to start instead of `claude`, with its first arguments, such as `ccs work`. */
  with?: string
  /** Start a new session that begins with the note of this one, instead of resuming it. */
  fresh?: boolean
}

/** Result of a run that the user requested, schema `cc-session-recover/run@1`. */
export interface RunReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/run@1'
  /** Time by which the run had ended. */
  generatedAt: string
  /** Id of the session, a UUID. */
  session: string
  /** Session whose work a new session continued; `null` if the session itself was resumed. */
  insteadOf: string | null
  /** Phase of the session's incident. */
  phase: IncidentPhase
  /** The attempt that was made. */
  attempt: Attempt | null
  /** Reason for the session's current plan, in words. */
  why: string
}

/** What a run did, read from the transcript and from git. */
export interface RunResult {
  /** Time by which the process had ended. */
  endedAt: string | null
  /** How the process ended, in words. This alone does not show whether the run did any work. */
  ended: string
  /** Number of real model answers that were added. */
  answers: number
  /** Number of tool calls that were made. */
  calls: number
  /** Number of tool calls that were denied. */
  denied: number
  /** Denied calls with tool and request, at most 5. */
  deniedCalls: string[]
  /** Whether no call succeeded after the last denied one. */
  deniedLast: boolean
  /** Files that were edited or written, at most 20. */
  files: string[]
  /** Commits that were made, newest first, at most 20: short id and subject. */
  commits: string[]
  /** Tokens read and written by the model. */
  tokens: number
  /** The model's last message, truncated and with secrets removed. */
  lastWords: string | null
  /** Why the run counts as having done nothing; `null` if it did some work. */
  hollow: string | null
  /** The reason as a stable code; also `null` if only the sentence was stored. */
  hollowReason: HollowReason | null
  /** Damage to the transcript after the run: shortened, rewritten, or forked; `null` if there is none. */
  damage: string | null
  /** The damage as a stable code; also `null` if only the sentence was stored. */
  damageReason: DamageReason | null
}

/** Source and destination of the runtime copy. */
export interface RuntimeStep {
  from: string
  /** The copy; `None` if no runtime is needed. */
  to: string | null
  /** Why the runtime is copied, or used in place. */
  why: string
}

/** Event at which a state was saved. */
export type SaveMoment = 'turn-ended' | 'subagent-ended' | 'compacting' | 'stopped' | 'session-ended'

/** Work of a session at one point in time, as saved in its project. */
export interface SavedState {
  /** File name of the saved state. */
  name: string
  /** Id of the session, a UUID. */
  session: string
  /** Time when the state was saved. */
  savedAt: string
  /**
   * Occasion of the save: the end of a turn or a subagent, before a compaction, a stop, or the
   * end of the session.
   */
  moment: SaveMoment
  /** Time of the transcript's newest record when the state was saved. */
  asOf: string | null
  /** Kind of the session's stop. */
  kind: StopKind
  /**
   * Whether the session's work was unfinished: the session had stopped, was in the middle of a turn, or
   * had open tasks.
   */
  unfinished: boolean
  /** Number of unfinished tasks in the session's list. */
  tasksOpen: number
  /** Number of finished tasks in the session's list. */
  tasksDone: number
  /** Number of calls, subagents and background tasks without a result. */
  inFlight: number
  /** Number of checks that failed in their last run. */
  failing: number
  /** Number of files that the session had written. */
  files: number
  /** Whether this is the last state of the project. */
  last: boolean
  /** Whether the state is unchanged since it was saved. Only an unchanged state is passed to a model. */
  sound: boolean
  /** Path of the saved state. */
  path: string
}

export interface SearchHit {
  /** Id of the session, a UUID. */
  id: string
  /** Path of the transcript. */
  transcript: string
  /** Line of the transcript, from 1. */
  line: number
  /** Author of the message that matches. */
  role: SearchRole
  /** Number of the prompt to which the message belongs, from 1; 0 before the first prompt. */
  turn: number
  /** Time of the record. */
  at: string | null
  /** One line around the match, without control characters. */
  snippet: string
  /** Position of the match in `snippet`, in UTF-16 code units. */
  match: SearchSpan
  /** Whether the match is in a subagent's transcript. */
  subagent: boolean
  /**
   * Whether the session's transcript is gone, so that the match is in its kept copy or in the client's
   * prompt history.
   */
  gone: boolean
  /** Name of the session. */
  name: string | null
  /** Title of the session. */
  title: string | null
  /** Directory of its project. */
  project: string | null
}

/** Options of `search`: the text, and where to search for it. */
export interface SearchOptions {
  /** Literal text, or a regular expression with `regex`. */
  text: string
  regex?: boolean
  ignoreCase?: boolean
  /** Roles to search; all if absent or empty. */
  roles?: SearchRole[]
  /** Same form as in `ListOptions`. */
  since?: string
  /** Directory of the project; every project if absent. */
  project?: string
  /** Maximum number of hits that are returned; all are counted. Default: 100; 0 for no limit. */
  limit?: number
  /** Whether to search tool results that the client stored in separate files, too. */
  toolResults?: boolean
}

/** Result of `search`, schema `cc-session-recover/search@1`. */
export interface SearchReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/search@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Hits sorted by time, latest first. */
  hits: SearchHit[]
  /** Number of hits found, including those beyond `limit`. */
  total: number
  /** Number of sessions with a hit. */
  sessions: number
  /** Number and bytes of the files that were searched. */
  searched: SearchedAmount
  /** Number and bytes of separately stored tool results that were not searched. */
  skippedResults: SearchedAmount
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Author of a text: the user, the model, a tool (its input or its result), or the client itself. */
export type SearchRole = 'user' | 'assistant' | 'tool' | 'system'

/** Position of the match in a snippet, in UTF-16 units. */
export interface SearchSpan {
  /** Offset of the match, in UTF-16 units. */
  start: number
  /** Length of the match, in UTF-16 units. */
  length: number
}

/** Amount of files that were searched or skipped. */
export interface SearchedAmount {
  /** Number of these files. */
  files: number
  /** Their total size, in bytes. */
  bytes: number
}

export interface SentSignal {
  /** Id of the process that received the signal. */
  pid: number
  /** The signal that was sent. */
  signal: KillSignal
  /** Time when the signal was sent. */
  at: string
}

/** Change to make to the service. */
export type ServiceChange = 'install' | 'uninstall'

/** Service manager that starts the supervisor. */
export type ServiceManager = 'systemd' | 'launchd' | 'schtasks'

/** Options of `planService`: the change to prepare. */
export interface ServiceOptions {
  wanted: ServiceChange
  /** Absolute path of Node.js; required to install. */
  node?: string
  /** Root of the installed package; required to install. */
  packageRoot?: string
  /**
   * Service manager of another platform, to see what would be written there. Such a
   * plan cannot be applied.
   */
  manager?: ServiceManager
}

/** Everything that installing or uninstalling the service will do. */
export interface ServicePlan {
  manager: ServiceManager
  wanted: ServiceChange
  file: FileStep
  /** Commands to run before the file is removed. */
  before: CommandStep[]
  /** Commands to run after the file is written or removed. */
  after: CommandStep[]
  /**
   * Why the service manager cannot be reached from here, so that its commands are left to the user; `null`
   * if it can be.
   */
  unreachable: string | null
  warnings: string[]
  /** Options from which the plan was made. */
  options: ServiceOptions
}

/** Result of applying a service plan. */
export interface ServiceReport {
  manager: ServiceManager
  wanted: ServiceChange
  /** Whether anything was changed. */
  changed: boolean
  /** Whether all commands succeeded and none is left for the user to run. */
  complete: boolean
  file: FileStep
  /** Commands that were run, and those that are left for the user to run (`done: null`). */
  commands: CommandStep[]
  /** Why the service manager could not be reached. */
  unreachable: string | null
  warnings: string[]
}

/** Result of `serviceStatus`, schema `cc-session-recover/service@1`. */
export interface ServiceStatus {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/service@1'
  /** Service manager of this platform. */
  manager: ServiceManager
  /** Path of the service file, whether or not it exists. */
  file: string
  /** Whether the file exists and is ours. */
  installed: boolean
  /** Whether the file equals what an installation would write now. */
  current: boolean | null
  /** Whether the service is started at every login. */
  enabled: boolean | null
  /** Whether the service manager has the service running. */
  running: boolean | null
  /** Whether any supervisor of this user runs, however it was started. */
  supervised: boolean
  /** Why the service manager cannot be queried from here; `null` if it can be. */
  unreachable: string | null
  /** Problem that blocks the service file; `null` if there is none. */
  problem: string | null
}

/** Options of `serviceStatus`: the paths with which the installed file is compared. */
export interface ServiceStatusOptions {
  node?: string
  packageRoot?: string
}

/** A session as every command reports it, schema `cc-session-recover/session@1`. */
export interface Session {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/session@1'
  /** Id of the session, a UUID. */
  id: string
  /** Name given by the user. */
  name: string | null
  /** Title given by Claude Code. */
  title: string | null
  /**
   * Project to which the session belongs: `dir` is the project directory, `cwd` the latest working
   * directory.
   */
  project: SessionProject
  /** Configuration directory of the Claude Code installation to which the session belongs. */
  configDir: string | null
  /** Path of the session's transcript. */
  transcript: string
  /** Size of the transcript in bytes, without the transcripts of its subagents. */
  bytes: number
  /** Whether the transcript is larger than `context.maxSessionMegabytes` of the configuration. */
  oversized: boolean
  /** Count, size and latest activity of the subagent transcripts. */
  subagents: Subagents
  /** Workflow runs of the session. Only `show` and `resume` collect this. */
  workflows: SessionWorkflow[]
  /** Id of the session of which this file is a conflict copy; `null` for an ordinary session. */
  conflictCopyOf: string | null
  /**
   * Conflict copies of the transcript, made by directory synchronization tools. Only `show` and `resume`
   * collect this.
   */
  conflictCopies: ConflictCopy[]
  /**
   * Other transcripts of the same session, such as the original of a relocated one. Only `show` and
   * `resume` collect this.
   */
  copies: string[]
  /** What is left of a session without a conversation. Only `show` and `resume` collect this. */
  remains: Remains | null
  /** Whether the session is live, and whether its work is done. */
  state: SessionState
  /** What a live session is doing. */
  activity: SessionActivity | null
  /** Group of the session, the same on every screen. */
  group: SessionGroup
  /** Displayed status, the same on every screen. */
  status: SessionStatus
  /** Evidence for `state` and `activity`; the evidence for `stop.kind` is in `stop.evidence`. */
  evidence: Evidence[]
  /** How the latest turn stopped. */
  stop: Stop
  /** Process that has the session open; `null` if there is none. */
  live: LiveProcess | null
  /** Present if the session was open when its client or the machine crashed. */
  openAtCrash: OpenAtCrash | null
  /** Time of the first record. */
  startedAt: string | null
  /** Time of the newest record. */
  lastActivityAt: string | null
  /**
   * Time when Claude Code's own cleanup (`cleanupPeriodDays`) deletes the transcript unless something is
   * added to it; `null` while the session is live.
   */
  deletedAfter: string | null
  /**
   * Retention that determines `deletedAfter`; `null` while the session is open, and if no cleanup of
   * Claude Code deletes it.
   */
  retention: Retention | null
  /** What the transcript has lost. Only `show` and `status` determine this; it is `null` otherwise. */
  loss: TranscriptLoss | null
  /** Newest prompt of the user. */
  lastPrompt: string | null
  /** Number of prompts in the conversation. Only `show` counts them. */
  turns: number | null
  /** Size of the context, and how full it is. */
  context: ContextSize | null
  /** Model of the latest turn. */
  model: string | null
  /** Permission mode of the latest turn. */
  permissionMode: string | null
  /** Git branch of the working directory at the newest record. */
  gitBranch: string | null
  /** Version of Claude Code that wrote the newest record. */
  clientVersion: string | null
  /** Whether the user paused the session, or all sessions. */
  paused: boolean
  /** Incident recorded for the session, if any. */
  incident: Incident | null
  /** Next recovery step, with its reason. */
  next: NextStep
  /**
   * Time when Claude Code is expected to continue the session by itself; `null` if it is not. The step in
   * `next` follows only if Claude Code does not continue it.
   */
  clientContinuesAt: string | null
  /**
   * Budget of an open session that this tool continues after Claude Code has reached its own maximum of
   * continuations in a row; `null` for every other session.
   */
  dailyContinues: DailyContinues | null
  /** Commands that the user can run. */
  commands: Commands
}

export type SessionActivity = 'busy' | 'idle' | 'waiting'

/**
 * Group of a session, the same on every screen. `needs-you`: nothing continues until the user acts.
 * `waiting`: it continues by itself later, or once it is no longer paused. `hung`: a process has it open and
 * shows no sign of work. `running`: a process has it open and nothing is pending, or a continuation is in
 * progress. `settled`: no process has it open and nothing is pending.
 */
export type SessionGroup = 'needs-you' | 'waiting' | 'hung' | 'running' | 'settled'

/**
 * Selects one session by id, by a prefix of at least 3 characters, or by name or title; or the one
 * that was active last.
 */
export interface SessionOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Whether to select the session that was active last, in `project` if it is given. */
  latest?: boolean
  /** Only sessions in the directory of this project. */
  project?: string
}

/** Project to which a session belongs. */
export interface SessionProject {
  /** The project with hooks that contains the session, if any. */
  dir: string | null
  /** Working directory of its newest message. */
  cwd: string | null
}

/**
 * Whether a session is live, and whether its work is done. `current`: this is the caller's own session.
 * `active`: a process has it open. `hung`: a process has it open and reports that it is busy, but shows no
 * sign of work. `orphaned`: no process has it open, and its work is unfinished. `completed`: no process has
 * it open, and its last turn ended. `empty`: no process has it open, and it contains no conversation.
 */
export type SessionState = 'current' | 'active' | 'hung' | 'orphaned' | 'completed' | 'empty'

/**
 * Status of a session, the same on every screen. `current`: it runs this command. `needs-you`: open, and
 * nothing continues until you act. `waiting`: it continues by itself later. `hung`: open, without a sign of
 * work. `running`: a turn is in progress. `open`: open and idle. `interrupted`: closed with pending work.
 * `finished`: closed, and its last turn ended. `empty`: closed, without a conversation.
 */
export type SessionStatus =
  | 'current'
  | 'needs-you'
  | 'waiting'
  | 'hung'
  | 'running'
  | 'open'
  | 'interrupted'
  | 'finished'
  | 'empty'

/** A workflow run of a session. Its agents are identified by their labels. */
export interface SessionWorkflow {
  /** Id of the run. */
  id: string
  /** Agents whose results are reused when the run is resumed. */
  finished: string[]
  /** Agents that a usage limit refused or cut off. */
  refused: string[]
  /** Agents that started and have no result yet, because they were cut off or are still running. */
  cut: string[]
  /** Agents that failed for a reason other than a usage limit. */
  failed: string[]
  /** Tool call that continues the run; `null` if the run is finished or its script is gone. */
  resumeCall: string | null
}

/** A project, or the user's own settings, with hooks of this tool. */
export interface SetupPlace {
  /** Project directory; `null` for the user's own settings. */
  project: string | null
  /** Scopes of the edited settings files, without a file whose entries go with the hooks of another one. */
  scopes: HookScope[]
  /** Paths of the settings files. */
  settings: string[]
  /** Whether the project directory still exists. */
  exists: boolean
  /** The settings contain hooks, and not only a status line. */
  hooks: boolean
  statusLine: boolean
  /** The slash commands were written. */
  commands: boolean
}

/** Result of `setups`: what is set up on this machine. */
export interface SetupsReport {
  /** Projects and user settings with hooks of this tool. */
  places: SetupPlace[]
  /** Directories to which this tool wrote the plugin. */
  plugins: string[]
  /** What the state directory contains. */
  state: StateStock
}

/** A file of a session that is not copied. */
export interface SkippedFile {
  /** Path of the file. */
  path: string
  /** Reason why the file is skipped. */
  why: string
}

/**
 * A process, identified by its id and by a start token that distinguishes it from a later process
 * with the same id.
 */
export interface StartedProcess {
  /** Id of the process. */
  pid: number
  /** Start token; `null` if the process ended before it could be read. */
  start: string | null
}

/** Action that `state` performs. */
export type StateAction = 'show' | 'list' | 'restore'

/** Options of `state`: the action, and the state to which it applies. */
export interface StateOptions {
  /** Action to perform; defaults to `show`. */
  action?: StateAction
  /**
   * Name of a state or a prefix of it, or the id of a session or a prefix of it, which selects the
   * session's newest state. Defaults to the last state.
   */
  state?: string
  /** Project directory; defaults to the working directory. */
  project?: string
  /** Whether to only report what would be done. */
  dryRun?: boolean
}

/** Result of `state`, schema `cc-session-recover/state@1`. */
export interface StateReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/state@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Path of the project directory. */
  project: string
  /** Whether the hooks are installed in the project, so that states are saved. */
  enabled: boolean
  /** Directory of the states; `null` if there is none. */
  directory: string | null
  /** All retained states, newest first. */
  states: SavedState[]
  /**
   * Whether the file of the last state contains one that this tool did not save: the file was edited, or
   * it came with the project. Such a state is never passed to a model.
   */
  foreign: boolean
  /**
   * Name of the requested state or, without a request, of the last one; `null` for a list, and if the file
   * contains a foreign state.
   */
  chosen: string | null
  /** Text of the chosen state, or of a foreign one; only with `show`. */
  text: string | null
  /** Whether this is a dry run, which changes nothing. */
  dryRun: boolean
  /** Whether the chosen state was made the last state, or with `dryRun` would be. */
  restored: boolean
  /** Path to which an edited last state was set aside when it was replaced. */
  kept: string | null
}

/** The state directory and what would be lost with it. */
export interface StateStock {
  /** Path of the state directory. */
  dir: string
  /** Whether the directory exists. */
  exists: boolean
  /**
   * Number of sessions with text that exists only in the state directory: Claude Code deleted their
   * transcript or its beginning, or did not save it.
   */
  onlyCopies: number
  /** Number of files that were set aside: notes and saved states that a user edited, and damaged files. */
  setAside: number
  /** Number of exports in the state directory. */
  exports: number
  /** Whether processes of this tool use the directory: a supervisor, or a waiting hook. */
  busy: boolean
}

/** Options of `status`: the projects to report. */
export interface StatusOptions {
  /** Project directory; defaults to the working directory. */
  project?: string
  /** Whether to cover every project on this machine instead of one. */
  all?: boolean
}

/** Result of `status`, schema `cc-session-recover/status@1`. */
export interface StatusReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/status@1'
  /** Time when this result was generated, RFC 3339. */
  generatedAt: string
  /** Project that was requested; `null` for all projects. */
  project: AskedProject | null
  /** Whether recovery is set up in the project or on the machine. Only `status` prints it. */
  recovery: RecoveryOverview
  /** Latest reported usage limits of each account, if `init --statusline` provides them. */
  accounts: Account[]
  /** Matching sessions, sorted by group. */
  sessions: Session[]
  /**
   * Closed sessions that need you and stopped more than `status.recentHours` ago: their number, their
   * kinds of stop, and the ids of those that only `repair` can help. They are not in `sessions`. Only
   * `status` prints them.
   */
  older: OlderStops
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** How and when a session stopped. */
export interface Stop {
  /** Why the session stopped, or what it is doing. */
  kind: StopKind
  /** Time of the record that shows the stop. */
  at: string | null
  /** Time when the limit resets; only for limits. */
  resetsAt: string | null
  /** `exact`: epoch seconds from the client's own record. `guess`: parsed from its text. */
  resetsAtSource: ResetSource | null
  /** The client's own message, without control characters. */
  message: string | null
  /** Id of the transcript record that shows the stop. */
  record: string | null
  /**
   * Whether the client made the model wrap up near this limit: the turn ended normally, but the work is
   * unfinished. Absent if `false`.
   */
  wrappedUp?: boolean
  /** Evidence for the value of `kind`. */
  evidence: Evidence[]
}

/**
 * Why a session stopped, or what it is doing if it did not stop. Derived from the end of the transcript,
 * never from an exit code.
 */
export type StopKind =
  | 'finished'
  | 'usage-limit-5h'
  | 'usage-limit-weekly'
  | 'usage-limit-opus'
  | 'usage-limit-sonnet'
  | 'usage-limit-fable'
  | 'usage-limit-other'
  | 'rate-limit'
  | 'overloaded'
  | 'server-error'
  | 'network'
  | 'auth'
  | 'billing'
  | 'context-full'
  | 'output-limit'
  | 'request-error'
  | 'interrupted'
  | 'waiting'
  | 'running'
  | 'closed'
  | 'crashed'
  | 'empty'
  | 'unknown'

/**
 * Damage found in the transcript of a subagent. It is not repaired, because the client
 * never sends that transcript.
 */
export interface SubagentFindings {
  /** Path of the file. */
  path: string
  /** Findings in file order. */
  findings: Finding[]
  /** Number of findings beyond the limit of the list. */
  more: number
}

/** Transcripts of a session's subagents. */
export interface Subagents {
  /** Number of subagent transcripts. */
  count: number
  /** Total size of these transcripts, in bytes. */
  bytes: number
  /** Time of the newest record in any of these transcripts. */
  lastActivityAt: string | null
}

/** Part of a transcript that was lost since a hook first read it. */
export interface TranscriptLoss {
  /**
   * `gone`: the file is missing. `shorter`: its end is missing. `headless`: its beginning is missing,
   * because the file was deleted while the session was open.
   */
  lost: TranscriptLossKind
  /** Whether `restore` can bring back the missing part. */
  restorable: boolean
}

export type TranscriptLossKind = 'gone' | 'shorter' | 'headless'

/** How a closed session is resumed. */
export type Transport = 'print' | 'background' | 'terminal'

/** One attempt to continue a session, as reported. */
export interface TriedAttempt {
  /** Time of the attempt. */
  at: string
  /** What was done: `wake` or `resume`. */
  action: string
  /** Outcome of the attempt. */
  outcome: AttemptOutcome
  /** Path of the transcript copy made before the run; `null` for a wake. */
  snapshot: string | null
  /** Result of the run; `null` for a wake, and while the run is in progress. */
  result: RunResult | null
}

/** What `planUninstall` should prepare. */
export interface UninstallOptions {
  project: string
  /** The settings file from which to remove the hooks. */
  scope?: HookScope
}

/** Everything that `uninstall` will do. */
export interface UninstallPlan {
  project: string
  /** The settings file from which to remove the hooks. */
  scope: HookScope
  /**
   * For a settings file that is unchanged since our edit, its earlier bytes are restored (`restore`). From
   * other settings files, only our entries are removed.
   */
  files: FileStep[]
  warnings: string[]
  /** Options from which the plan was made. */
  options: UninstallOptions
}

/** Which closed sessions `watch` supervises. */
export interface WatchOptions {
  /** Only sessions of these projects (canonical paths); all if absent or empty. */
  projects?: string[]
}

/** Result of a pass of the supervisor, schema `cc-session-recover/watch@1`. */
export interface WatchReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/watch@1'
  /** Time of the pass. */
  generatedAt: string
  /** Process id of the active supervisor. */
  supervisor: number
  /** Whether this process is that supervisor. Otherwise it only shows what the supervisor does. */
  own: boolean
  /** Sessions that the supervisor watches. */
  sessions: WatchedSession[]
  /** Time of the next pass. The next field contains the wait until then, in milliseconds. */
  looksAgainAt: string | null
  /** Milliseconds until the next pass. */
  looksAgainIn: number
  /** Whether recovery still has pending work that does not need the user. */
  pending: boolean
  /** Former name of `pending`, with the same value. */
  owed: boolean
  /** Whether any of the pending work is due now, with no known obstacle. */
  due: boolean
  /** Errors of records that could not be read. */
  problems: Problem[]
}

/** One session that the supervisor watches. */
export interface WatchedSession {
  /** Id of the session, a UUID. */
  id: string
  /** Directory of its project. */
  project: string | null
  /** Kind of the stop that interrupted it. */
  stop: StopKind
  /** Phase of its incident. */
  phase: 'open' | 'waiting' | 'attempting' | 'recovered' | 'moved-on' | 'superseded' | 'held' | 'given-up' | 'cancelled'
  /** What happens next, and why. */
  next: NextStep
  /** Whether the user paused it. */
  paused: boolean
  /** Whether a run of the session is active. */
  running: boolean
  /** Why the last pass started nothing although the session was due. */
  waits: string | null
  /** Number of runs made for the session. */
  runs: number
  /** How the last run ended. */
  last: string | null
}

/** Combined work of all runs of an incident. */
export interface WorkDone {
  /** Number of real model answers that were added. */
  answers: number
  /** Number of tool calls. */
  calls: number
  /** Number of denied tool calls. */
  denied: number
  /** Files that were edited or written. */
  files: string[]
  /** Commits that were made: short id and subject. */
  commits: string[]
  /** Tokens read and written by the model. */
  tokens: number
}

/** What `uninstall` did. */
export type UninstallReport = InitReport

/** What a command with `--json` prints when it fails: `cc-session-recover/error@1`. */
export interface ErrorReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/error@1'
  /** What failed. The same text is printed to standard error. */
  error: {
    /** Stable name, such as `SESSION_NOT_FOUND`. */
    code: string
    /** What happened. */
    message: string
    /** File or session that the error concerns. */
    path: string | null
    /** What to do next. */
    hint: string | null
    /** Exit code of the command. */
    exitCode: number
  }
}

/** Body posted to the webhook of the user's configuration: `cc-session-recover/notice@1`. */
export interface PostedNotice {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/notice@1'
  /** What happened to the session. */
  kind: 'stopped' | 'resumed' | 'recovered' | 'held' | 'given-up' | 'dialog-open' | 'open-twice' | 'limit-reset' | 'taken-over' | 'superseded' | 'context-large' | 'context-bloated' | 'not-saved' | 'transcript-lost'
  /** Session id. */
  session: string
  /** Title of the session: one line of at most 80 characters, with known secrets replaced. */
  title: string | null
  /** Directory name of its project, with the same limits. */
  project: string | null
  /** The notice as text, built from fixed sentences. */
  text: string
  /** When it was sent. */
  at: string
}

/** Fields of every error that the exports throw or reject with. */
export interface RecoverError extends Error {
  /** Stable name, such as `SESSION_NOT_FOUND`. */
  code: string
  /** File or session that the error concerns. */
  path: string | null
  /** What to do next. */
  hint: string | null
  /** Exit code of the command line for this error. */
  exitCode: number
}

// What follows is only for calls from JavaScript: no JSON contains it.

/** Control of a call that may take long, in addition to its other options. */
export interface CallControl {
  /**
   * Aborts the call: it stops at the next safe point, leaves nothing unfinished behind, and then rejects with the reason of the
   * signal (an `AbortError` unless the caller gives another one). If the signal is already aborted, the call does nothing. A call
   * that can no longer stop completes and resolves.
   */
  signal?: AbortSignal
}

/** Supervisor that runs in this process, from `openSupervisor`. */
export interface SupervisorHandle {
  /** Returns the report of the last pass, or throws its error. A failed pass is repeated. */
  report(): WatchReport
  /**
   * Stops the supervisor: it starts nothing more, ends its threads and releases its lease. Resolves when that is done, which takes
   * under a second unless a notification is being delivered or a large file is being compressed. Clients that it started continue;
   * the next supervisor verifies what they did. May be called several times.
   */
  close(): Promise<void>
  /** Same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/**
 * Answers a request of the plugin's module, which runs inside Claude Code, as JSON. `line` names the request: `module`
 * for the question on standard input, `module-sessions`, or `module-cancel`, `module-pause` and `module-unpause` with
 * the id of a session. The answer is an empty object if the module must not act, and an object with `error` if the
 * request failed.
 */
export declare function answerPluginModule(line: string): string

/**
 * Carries out a plan of {@link planInit}.
 *
 * Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link planInit}.
 */
export declare function applyInit(plan: InitPlan): Promise<InitReport>

/**
 * Carries out a plan of {@link planPlugin}, completely or not at all.
 *
 * Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link planPlugin}.
 */
export declare function applyPlugin(plan: PluginPlan): Promise<PluginReport>

/**
 * Carries out a plan of {@link planService}. The report includes commands of the
 * service manager that failed.
 *
 * Rejects with `CHANGED_MEANWHILE` or `STATE_LOCKED`, and otherwise like {@link planService}.
 */
export declare function applyService(plan: ServicePlan): Promise<ServiceReport>

/**
 * Carries out a plan of {@link planUninstall}.
 *
 * Rejects with `CHANGED_MEANWHILE` if a file changed since the plan, and otherwise like {@link
 * planUninstall}.
 */
export declare function applyUninstall(plan: UninstallPlan): Promise<UninstallReport>

/**
 * Cancels the planned resumes of stopped sessions.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS` or `NOTHING_TO_DO`.
 */
export declare function cancel(options: CancelOptions): Promise<CancelReport>

/**
 * The effective configuration, the file that each value comes from, and whether these files are valid. With
 * `create`, writes the user's configuration file if it does not exist.
 *
 * Rejects with `PROJECT_NOT_FOUND`, or with `IO` if the file cannot be written.
 */
export declare function configuration(options?: ConfigurationOptions): Promise<ConfigurationReport>

/**
 * Shows all sessions full-screen until the user chooses an action. It only reads; the
 * caller performs the action.
 *
 * Standard input and output must be a terminal. Signal handlers must call {@link releaseTerminal} first.
 *
 * Rejects with `IO` if the terminal cannot be used.
 */
export declare function dashboard(options?: DashboardOptions): Promise<DashboardOutcome>

/**
 * Checks whether this machine can record, save and continue sessions. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND` or `STATE_DIR_UNKNOWN`.
 */
export declare function doctor(options: DoctorOptions & CallControl): Promise<DoctorReport>

/**
 * Draws the status line for the payload on standard input. `launcher` is the real path of the launcher that was started,
 * and `scope` is its scope: `project` or `user`. The output of the command `wrapped` comes first; without it, that of the
 * status line that Claude Code would show without ours. `pinned` contains the variables that were in force when the
 * launcher was written.
 */
export declare function drawStatusLine(launcher: string, scope: string, wrapped?: string | undefined | null, pinned?: Record<string, string> | undefined | null): StatusLineOutcome

/**
 * Exports every file of the selected sessions, verified byte for byte, with a manifest. It
 * only reads the sessions.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO` or
 * `PATH_REFUSED`. The export of a single session also rejects with `VERIFICATION_FAILED` or `IO`,
 * and then leaves no partial export behind. If several sessions are exported and `signal` aborts, those that are
 * already exported stay.
 */
export declare function exportSessions(options: ExportOptions & CallControl): Promise<ExportReport>

/**
 * Removes every trace of a session from this tool: kept files, snapshots, outputs, exports, pages,
 * records, its incident, and its block in HANDOFF.md. Leaves Claude Code's own files in place and reports
 * which of them exist.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`,
 * `STATE_LOCKED`, `NOTHING_TO_DO` or `IO`.
 */
export declare function forget(options: ForgetOptions & CallControl): Promise<ForgetReport>

/**
 * The handoff note of a session as text. With `write`, also writes it to the project's HANDOFF.md.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `PROJECT_NOT_FOUND`, `NOTHING_TO_DO`,
 * `PATH_REFUSED`, `CHANGED_MEANWHILE`, `STATE_LOCKED` or `IO`.
 */
export declare function handoff(options?: HandoffOptions & CallControl): Promise<HandoffReport>

/**
 * Handles the hook event on standard input. `launcher` is the real path of the launcher that was started,
 * and `scope` is its scope: `project`, `user` or `plugin`. `wait` is true in the hook that waits for the
 * planned time of a reopened session. If the session waits, the native program `program` replaces this
 * process; without it, the call blocks for as long as the session waits.
 */
export declare function hook(launcher: string, scope: string, wait: boolean, program?: NativeProgramFile | undefined | null): HookOutcome

/** Output and exit code of a hook process, and what it starts before it exits. */
export interface HookOutcome {
  /** 0, or 2 to wake the session. */
  exitCode: number
  /** Text for standard output. */
  stdout?: string
  /** Text for standard error. */
  stderr?: string
  /** Whether to start a supervisor in a separate process. */
  supervise: boolean
  /**
   * Native program to start if `supervise` is set; `null` if it does not start here, in which case Node
   * calls `supervise`.
   */
  supervisor?: string
}

/**
 * The settings file that `init` and `uninstall` apply to without an option, and what `init` asks first. Reads only.
 *
 * Rejects with `STATE_DIR_UNKNOWN`.
 */
export declare function hookScope(options: HookScopeOptions): Promise<HookScopeDecision>

/**
 * Restores an export as a resumable session. It verifies every file and never overwrites one.
 *
 * Rejects with `VERIFICATION_FAILED`, `PATH_REFUSED`, `NOTHING_TO_DO`, `SESSION_LIVE`, `PROJECT_NOT_FOUND`,
 * `STATE_NEWER` or `IO`, and then leaves nothing behind.
 */
export declare function importSession(options: ImportOptions & CallControl): Promise<ImportReport>

/**
 * Reads one transcript at any path.
 *
 * Rejects with `TRANSCRIPT_UNREADABLE`, `PATH_REFUSED` or `IO`.
 */
export declare function inspect(options: InspectOptions & CallControl): Promise<Session>

/**
 * Exports a session, then ends the client that has it open, and no other process. With `dryRun`, only
 * reports what would be ended.
 *
 * Rejects before it sends a signal, with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO`
 * (no client has the session open), `KILL_REFUSED`, `CHANGED_MEANWHILE` (not the process that the user
 * agreed to end), `CLIENT_NOT_FOUND`, or like {@link exportSessions}. Once a signal was sent, `signal` has no effect.
 */
export declare function killSession(options: KillOptions & CallControl): Promise<KillReport>

/**
 * Every session that matches the filters, sorted. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND`, `USAGE` (an invalid time or size) or `STATE_DIR_UNKNOWN`.
 */
export declare function list(options?: ListOptions & CallControl): Promise<ListReport>

/**
 * The decisions and actions recorded in the journal, and whether its hash chain is intact. Reads only.
 *
 * Rejects with `USAGE` (an invalid time), `STATE_DIR_UNKNOWN` or `IO`.
 */
export declare function log(options?: LogOptions & CallControl): Promise<LogReport>

/** The native program that a launcher was written for. */
export interface NativeProgramFile {
  path: string
  /** SHA-256 of the program's contents, in hex. A program with other contents is not started. */
  sha256: string
}

/**
 * Supervises closed sessions in this process until the handle is closed: runs the passes of `watch` in a thread of its
 * own, when a file has changed or a session is due. Resolves after the first pass. The open handle keeps the process
 * alive. Several handles may follow each other; while another supervisor of the user is active, a handle only observes it
 * (`own` in its report is false), and it becomes the supervisor when the other one ends.
 *
 * Rejects with `STATE_DIR_UNKNOWN` or `IO`, or with the reason of `signal`, and then supervises nothing.
 */
export declare function openSupervisor(options?: WatchOptions & CallControl): Promise<SupervisorHandle>

/**
 * Pauses one session or all, or ends a pause.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS`.
 */
export declare function pause(options: PauseOptions): Promise<PauseReport>

/**
 * Plans the setup of a project. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND`, `PATH_REFUSED`, `SETTINGS_UNPARSABLE`,
 * `SETTINGS_DUPLICATE_KEY`, `SETTINGS_SHAPE` or `IO`.
 */
export declare function planInit(options: InitOptions): Promise<InitPlan>

/**
 * Plans writing or removing the Claude Code plugin. Reads only.
 *
 * Rejects with `PATH_REFUSED` (a file that this tool did not write is in the
 * way), `STATE_DIR_UNKNOWN` or `IO`.
 */
export declare function planPlugin(options: PluginOptions): Promise<PluginPlan>

/**
 * The commands that resume a session, or every session that was open at a crash. Starts nothing.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS` (the message names the candidates).
 */
export declare function planResume(options: ResumeOptions & CallControl): Promise<ResumeReport>

/**
 * Plans the installation or removal of the service that starts the supervisor at login. Reads only.
 *
 * Rejects with `PATH_REFUSED`, `USAGE`, `STATE_DIR_UNKNOWN` or `IO`.
 */
export declare function planService(options: ServiceOptions): Promise<ServicePlan>

/**
 * Plans the removal of the hooks from a project. Reads only.
 *
 * Rejects like {@link planInit}.
 */
export declare function planUninstall(options: UninstallOptions): Promise<UninstallPlan>

/**
 * Reports which runs would be started for closed sessions, when, and why. Reads only.
 *
 * Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS` or `STATE_DIR_UNKNOWN`.
 */
export declare function preview(options?: PreviewOptions & CallControl): Promise<PreviewReport>

/**
 * Deletes old or surplus exports, snapshots, pages and run outputs of this tool, and records of sessions
 * that are old or have lost their transcript. Never deletes files of Claude Code.
 *
 * Rejects with `USAGE`, `CONFIG_INVALID`, `PATH_REFUSED` or `IO`. An aborted call stops between two copies.
 */
export declare function prune(options?: PruneOptions & CallControl): Promise<PruneReport>

/** Parses a hook payload without reading any file. Returns `null` if the text is not a valid payload. */
export declare function readPayload(payload: string): PayloadReading | null

/**
 * Recent work, from session titles and prompts. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND` or `USAGE` (an invalid time).
 */
export declare function recall(options?: RecallOptions & CallControl): Promise<RecallReport>

/** Redraws the dashboard when the process continues after {@link releaseTerminal}. */
export declare function reclaimTerminal(): void

/** Restores the terminal before the process stops or exits. Does nothing if no dashboard is open. */
export declare function releaseTerminal(): void

/**
 * Copies a session to another configuration directory or project. It verifies every file
 * and never overwrites one.
 *
 * Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`, `PATH_REFUSED`, `NOTHING_TO_DO`,
 * `VERIFICATION_FAILED` or `IO`, and then leaves nothing behind.
 */
export declare function relocate(options: RelocateOptions & CallControl): Promise<RelocateReport>

/**
 * Removes the state directory and everything in it. Resolves to whether it existed.
 *
 * Rejects with `SESSION_LIVE`, `USAGE` (it contains the only copies of some sessions),
 * `PATH_REFUSED`, `STATE_DIR_UNKNOWN` or `IO`.
 */
export declare function removeState(options?: RemoveStateOptions): Promise<boolean>

/**
 * Reports the damage in a session's transcript and how each part would be repaired. With `apply`, stores a
 * verified snapshot and then repairs the transcript.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SNAPSHOT_NOT_FOUND`,
 * `SESSION_LIVE`, `NOTHING_TO_DO`, `CHANGED_MEANWHILE`, `VERIFICATION_FAILED` or `IO`, and then
 * leaves the transcript unchanged. Once the snapshot is stored, `signal` has no effect.
 */
export declare function repair(options: RepairOptions & CallControl): Promise<RepairReport>

/**
 * The stops since a given time: what was attempted after each, what that changed, and how
 * it ended. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND`, `USAGE` (an invalid time) or `STATE_DIR_UNKNOWN`.
 */
export declare function report(options?: AccountOptions & CallControl): Promise<AccountReport>

/**
 * Progress of the export or import that runs in this process. For display only: it does not show when
 * the operation has ended.
 */
export declare function rescueProgress(): RescueProgress

/**
 * Lists the snapshots of a session and restores the chosen one, after storing the current
 * transcript as a snapshot.
 *
 * Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SNAPSHOT_NOT_FOUND`, `SESSION_LIVE`,
 * `NOTHING_TO_DO`, `CHANGED_MEANWHILE`, `VERIFICATION_FAILED` or `IO`.
 */
export declare function restore(options: RestoreOptions & CallControl): Promise<RestoreReport>

/**
 * Resumes a closed session now, without a terminal, and returns when the run has ended.
 *
 * Rejects with `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `SESSION_LIVE`, `RUN_REFUSED` or `VERIFICATION_FAILED`. An
 * aborted call no longer waits; a client that it started continues, and the next supervisor verifies what it did.
 */
export declare function resumeNow(options: RunOptions & CallControl): Promise<RunReport>

/**
 * Searches the conversations of all sessions for a text. Reads only.
 *
 * Rejects with `USAGE` or `PROJECT_NOT_FOUND`.
 */
export declare function search(options: SearchOptions & CallControl): Promise<SearchReport>

/**
 * Replaces this process with the native program beside the addon, which supervises all projects until it is
 * terminated. `addon` is the loaded file. Returns if there is no such program, if it does not start, and on
 * Windows; the caller must then supervise in this process.
 */
export declare function serveNatively(addon: string): void

/**
 * Whether the service is installed, enabled and running. Reads only.
 *
 * Rejects with `STATE_DIR_UNKNOWN`.
 */
export declare function serviceStatus(options?: ServiceStatusOptions): Promise<ServiceStatus>

/**
 * Everything that this tool has set up on the machine: projects, the user's hooks, plugins, and the
 * state directory. Reads only.
 *
 * Rejects with `STATE_DIR_UNKNOWN`.
 */
export declare function setups(): Promise<SetupsReport>

/**
 * All details of one session, from its whole transcript. Reads only.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND` or `SESSION_AMBIGUOUS` (the message names the candidates).
 */
export declare function show(options: SessionOptions & CallControl): Promise<Session>

/**
 * Lists the saved states of a project, shows the text of one, or restores one as the last state.
 *
 * Rejects with `USAGE`, `PROJECT_NOT_FOUND`, `STATE_NOT_FOUND`, `SESSION_AMBIGUOUS`, `VERIFICATION_FAILED`,
 * `NOTHING_TO_DO`, `PATH_REFUSED`, `STATE_LOCKED` or `IO`.
 */
export declare function state(options?: StateOptions): Promise<StateReport>

/**
 * Stopped, waiting and running sessions of one project or of all. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND` or `STATE_DIR_UNKNOWN`.
 */
export declare function status(options?: StatusOptions & CallControl): Promise<StatusReport>

/** Output and exit code of the process of a status line. */
export interface StatusLineOutcome {
  /** Exit code. */
  exitCode: number
  /** Bytes for standard output. */
  stdout: Buffer
}

/**
 * Supervises all closed sessions and returns when none of them has pending work. It blocks, so it needs a
 * separate process.
 */
export declare function supervise(): void

/** Version of the addon. */
export declare function version(): string

/**
 * Runs one pass over all closed sessions: plans their runs, and resumes due sessions in the background of
 * this process. The first call makes this process the supervisor, until {@link watchEnd}. If another process is
 * the supervisor, it only reports what that process does. {@link openSupervisor} runs the passes itself.
 *
 * Rejects with `STATE_DIR_UNKNOWN` or `IO`.
 */
export declare function watch(options?: WatchOptions & CallControl): Promise<WatchReport>

/**
 * Ends what `watch` began: this process is no longer the supervisor, and its threads end. Clients that it started
 * continue; the next supervisor verifies what they did. Does nothing without an earlier `watch`.
 */
export declare function watchEnd(): Promise<void>

/**
 * Waits until a file that `watch` reads has changed, or for the given time. Resolves to true if a file has
 * changed.
 */
export declare function watchPause(milliseconds: number): Promise<boolean>

/** Ends a pause of `watchPause` early. */
export declare function watchWake(): void

/**
 * Writes sessions as HTML or Markdown pages; with `redact`, recognized secrets are replaced. It only reads
 * the sessions.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS`, `NOTHING_TO_DO` or
 * `PATH_REFUSED`. The page of a single session also rejects with `VERIFICATION_FAILED` or `IO`, and
 * then leaves no partial page behind.
 */
export declare function writePages(options: ReadingOptions & CallControl): Promise<ReadingReport>

/**
 * Writes the result of {@link report} as an HTML page with stops, waits and runs over time. It
 * only reads the sessions.
 *
 * Rejects like {@link report}, and with `PATH_REFUSED` or `IO`; it then leaves no partial page behind.
 */
export declare function writeReportPage(options: ReportPageOptions & CallControl): Promise<ReportPage>
