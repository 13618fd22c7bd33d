// Generated from the structs in src: `UPDATE_SNAPSHOTS=1 cargo test types_of_the_boundary` writes this file.
// Times are RFC 3339 UTC text, sizes are bytes, durations are seconds unless the name says otherwise; `null` means unknown.

/** What a client last told about the limits of its account. */
export interface Account {
  /** Configuration directory of the client that told it. */
  configDir: string
  /** The limit of five hours. */
  fiveHour: QuotaWindow | null
  /** The limit of seven days. */
  sevenDay: QuotaWindow | null
  /** When it was told. */
  seenAt: string
}

/** Group under which `report` lists a stop. */
export type AccountGroup = 'needs-you' | 'waiting' | 'running' | 'continued' | 'ended'

/** What `report` gives account of. */
export interface AccountOptions {
  /** Directory of the project; the working directory when absent. */
  project?: string
  /** Every project on this machine instead of one. */
  all?: boolean
  /** RFC 3339, a date, or a length of time before now (`90m`, `36h`, `2d`, `1w`); 24 hours when absent. */
  since?: string
}

/** Answer of `report`: `cc-session-recover/report@1`. */
export interface AccountReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/report@1'
  /** When it was made. */
  generatedAt: string
  /** Since when it gives account. */
  since: string
  /** The project asked about, or `null` for all. */
  project: AskedProject | null
  /** Outcome of each stop, latest first. */
  incidents: IncidentAccount[]
  /** Older stops that still need a person; `status` shows them. */
  older: number
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Where the account of a stop was read. */
export type AccountSource = 'ledger' | 'journal'

/** The project that a report covers. */
export interface AskedProject {
  /** Directory of the project. */
  dir: string
  /** Whether this tool's hooks are active there. */
  enabled: boolean
}

/** One attempt to continue a session. */
export interface Attempt {
  /** Time of the attempt. */
  at: string
  /** What was done: `wake` or `resume`. */
  action: string
  /** The kind of stop it answered. */
  answered: StopKind
  /** What came of it. */
  outcome: AttemptOutcome
  /** The run that resumed the closed session; missing for a wake. */
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

/** Answer of `cancel`: what was cancelled. */
export interface CancelReport {
  dryRun: boolean
  /** Incidents that are (or with `dryRun` would be) no longer continued. */
  cancelled: CancelledPlan[]
}

/** An incident that is no longer continued. */
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

/** Result of a check. */
export type CheckStatus = 'ok' | 'warn' | 'fail'

/** What became of a child process. */
export type ChildFate = 'running' | 'kept' | 'ended' | 'killed' | 'left'

/** A process below the client: a tool that runs, a hook, a server. */
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
  /** Nothing is wrong when it fails. */
  mayFail: boolean
  /** Whether it succeeded; `null`: it was not run. */
  done: boolean | null
  /** What went wrong; `null` when nothing did. */
  complaint: string | null
}

/** Commands a person can copy; `resume` is run in `cwd` with `env`, the others anywhere. */
export interface Commands {
  /** Directory to run `resume` in. */
  cwd: string | null
  /** Variables to set first, such as `CLAUDE_CONFIG_DIR`. */
  env: Record<string, string>
  /** Resumes it, or attaches to it when it lives in the background; `null` while it is live elsewhere. */
  resume: string[] | null
  /** Saves a verified copy of it. */
  export: string[] | null
  /** Saves it and ends its process; `null` when there is none, or it is the caller's own. */
  kill: string[] | null
}

/** A configuration file that was read. */
export interface ConfigFile {
  /** `user`, or `project` for the file that narrows the user's. */
  origin: ConfigOrigin
  /** Path of the file. */
  path: string
  /** Whether there is such a file. */
  exists: boolean
  /** What is wrong with it, and the name that was probably meant; `null` when it is valid or missing. */
  problem: Problem | null
}

/** Where a value comes from. `invalid`: a file is not valid, which switches recovery off. */
export type ConfigOrigin = 'default' | 'user' | 'project' | 'invalid'

export interface ConfigValue {
  /** Path of the value in the user's file, such as `heartbeat.graceSeconds`. */
  key: string
  /** The value, as it would stand in the file; of `notify.webhook` only the host. */
  value: unknown
  /** The value where no file has one. */
  default: unknown
  /** The file that decides it. */
  origin: ConfigOrigin
}

/** Which configuration `configuration` reads. */
export interface ConfigurationOptions {
  /** Directory of the project; when absent, the working directory. */
  project?: string
  /** Write an empty user file if there is none. */
  create?: boolean
}

/** Answer of `configuration`: `cc-session-recover/configuration@1`. */
export interface ConfigurationReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/configuration@1'
  /** When it was made. */
  generatedAt: string
  /** Directory of the project. */
  project: string
  /** Whether both files are valid; otherwise automatic recovery is off. */
  valid: boolean
  /** Configuration files, the user's file first. */
  files: ConfigFile[]
  /** Every value, sorted by its key. */
  values: ConfigValue[]
}

/** A copy of a transcript that a tool which synchronizes directories made, such as `<id> 2.jsonl`. */
export interface ConflictCopy {
  /** Path of the copy. */
  path: string
  /** Its size in bytes. */
  bytes: number
  /** Time of its newest message. */
  newestAt: string | null
}

/** Advice that follows from the size of a context. */
export type ContextAdvice = 'healthy' | 'large' | 'bloated'

/** Tokens of the last real turn. */
export interface ContextSize {
  /** Tokens that were read. */
  tokens: number
  /** Tokens the model's window holds. */
  window: number | null
  /** Share of the window, 0 to 100 (more when the window is smaller than what was read). */
  percent: number | null
  /** `healthy`: go on. `large`: compact it soon. `bloated`: begin a fresh session from the note. */
  advice: ContextAdvice | null
  /** What to do about it, in one sentence; `null` when nothing is to be done. */
  next: string | null
}

/** A branch of a conversation, from the record at which it parts from another one to its end. */
export interface ConversationBranch {
  /** Id of its last record, as `--branch` takes it. */
  id: string
  /** Line of the record from which it and another branch grow. */
  forkLine: number
  /** Line of the branch's first record. */
  firstLine: number
  /** Number of prompts in it. */
  turns: number
  /** Total size of its lines, in bytes. */
  bytes: number
  /** The end of what was said last in it; `null`: no text. */
  lastWords: string | null
  /** The client sends this branch. */
  sent: boolean
}

/** One file or directory that is copied. */
export interface CopyStep {
  /** Path of the original. */
  from: string
  /** Path of the copy. */
  to: string
  /** Bytes of the file. */
  bytes: number
  /** SHA-256 of the copied bytes in hex; `null` before it is done. */
  sha256: string | null
}

/** What died while the session was open. */
export type CrashedPart = 'machine' | 'client'

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
 * Damage to a transcript after a run: a stable code that programs may compare. Only `std::fmt::Display`
 * produces its sentence.
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

/** How `dashboard` is opened. */
export interface DashboardOptions {
  /** Directory of the project for the scope `project` (default: the working directory). */
  project?: string
  /** What it shows first, such as the view of an earlier outcome. */
  view?: DashboardView
  /** The verb that a session is chosen for. Enter chooses, and no other action is possible. */
  picker?: PickerVerb
  /**
   * `act` (default). `watch`: no key changes anything; only `show` and `handoff` end it besides `quit` and
   * `interrupt`. `rescue`: open sessions come first.
   */
  purpose?: DashboardPurpose
  /** Seconds between checks for changes (default: 2). */
  every?: number
  /** `true` draws with colours. */
  colour?: boolean
}

/** What the user chose in a `dashboard`. Nothing of it has been done yet. */
export interface DashboardOutcome {
  /** `pick`: the session for the verb of a picker. `interrupt`: Ctrl-C. */
  action: DashboardAction
  /** Names the session for the verb: its id, or the path of a conflict copy; `null` for `quit` and `interrupt`. */
  session: string | null
  /** Opens the dashboard again as it was left. */
  view: DashboardView
}

export type DashboardPurpose = 'act' | 'watch' | 'rescue'

/** Which sessions a dashboard shows. */
export type DashboardScope = 'project' | 'all'

/** What a dashboard shows first. */
export interface DashboardView {
  /** `project`: sessions of one project. `all`: of every project (default). */
  scope?: DashboardScope
  /** Fuzzy filter over name, project and newest prompt. */
  filter?: string
  /** Transcript of the selected session, or the id of a session without a transcript. */
  selected?: string | null
}

/** Result of one check. */
export interface DoctorCheck {
  /** Its name, which stays; a report may have several of one name. */
  id: 'node' | 'client' | 'setup' | 'hooks' | 'plugin' | 'runtime' | 'launcher' | 'coverage' | 'ran' | 'hooks-allowed' | 'config' | 'saving' | 'retention' | 'kept' | 'note' | 'state' | 'privacy' | 'journal' | 'incidents' | 'spool' | 'quarantine' | 'supervisor' | 'credential'
  /** `ok`: as it should be. `warn`: it works, and should be looked at. `fail`: recovery does not work as it should. */
  status: CheckStatus
  /** What was found, in one sentence. */
  fact: string
  /** The file or directory that the check is about. */
  path: string | null
  /** What to do next; `null` when nothing is to be done. */
  next: string | null
}

/** What `doctor` looks at. */
export interface DoctorOptions {
  /** Project directory; the working directory when absent. */
  project?: string
  packageRoot: string
  /** File of the loaded addon, when it is not in the package's root. */
  addon?: string
  /** Absolute path of the running node. */
  node?: string
  /** Version of that node. */
  nodeVersion?: string
}

/** Answer of `doctor`: `cc-session-recover/doctor@1`. */
export interface DoctorReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/doctor@1'
  /** When it was made. */
  generatedAt: string
  /** Path of the project that was looked at. */
  project: string
  /** `true`: no check failed. */
  ok: boolean
  /** The result of every check. */
  checks: DoctorCheck[]
}

/** One fact a verdict rests on: where it was read and what it says. */
export interface Evidence {
  /** `transcript`, `registry`, `hook`, `process`, `store` or `clock`. */
  source: string
  /** The fact, as one sentence. */
  fact: string
}

/** A session that could not be exported. */
export interface ExportFailure {
  /** Session id; `null` for a directory that cannot be read and may hold several sessions. */
  session: string | null
  /** The file it is about. */
  path: string | null
  /** Stable name of the error. */
  code: string
  /** What went wrong, in one sentence. */
  message: string
  /** The next step for the user. */
  hint: string | null
  /** Exit code of this error. */
  exitCode: number
}

/**
 * By which files of an export are known again: SHA-256, or XXH3 with 128 bits, which is faster and finds accidents
 * only.
 */
export type ExportHash = 'sha256' | 'xxh3'

/** Which sessions `exportSessions` saves, and where to. */
export interface ExportOptions {
  session?: string
  /** The session that was active last, in `project` when it is given. */
  latest?: boolean
  project?: string
  /** Every session that a process holds. */
  active?: boolean
  /** Every session, whatever its state. */
  all?: boolean
  /** Directory to put exports into; `exports` of the state directory when absent. */
  to?: string
  /** One `.tar` file a session. */
  archive?: boolean
  /** By which files are known again; `sha256` when absent. */
  hash?: ExportHash
  /** Directory of the session log; the state directory when absent. */
  log?: string
  dryRun?: boolean
}

/** Answer of `exportSessions`: `cc-session-recover/export@1`. */
export interface ExportReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/export@1'
  /** When it was made. */
  generatedAt: string
  /** `true`: this is the plan, and nothing was written. */
  dryRun: boolean
  /** Directory of the exports. */
  to: string
  /** Whether each session was written as a single `.tar` file. */
  archive: boolean
  /** Hash that identifies the files. */
  hash: ExportHash
  /** What was exported, each verified. */
  exports: ExportedSession[]
  /** Sessions that failed, each with its error. */
  failures: ExportFailure[]
  /** Total size of all exports, in bytes. */
  bytes: number
  /** The session log that tells it; `null` when nothing was done, or it could not be written. */
  log: string | null
}

/** A session that was exported; with `dryRun` one that would be. */
export interface ExportedSession {
  /** Id of the session, a UUID. */
  session: string
  /** Name, title or latest prompt. */
  title: string | null
  /** State of the session at that time. */
  state: SessionState
  /** Path of its transcript. */
  transcript: string
  /** The export: a directory, or an archive. With `dryRun` the time in its name is left open. */
  path: string
  /** Files in it, without the manifest. */
  files: number
  /** Bytes of these files. */
  bytes: number
  /** Length of the copied transcript, in bytes. */
  transcriptBytes: number
  /** Lines of it; `null` before it is copied. */
  transcriptLines: number | null
  /** Its hash in hex, of the kind `hash` says; `null` before it is copied. */
  digest: string | null
  /** The transcript has grown since: the export holds its beginning of that length. */
  grew: boolean
  /** Id of the process that has the session open. */
  livePid: number | null
  /** Files that were not exported, with the reason. */
  skipped: SkippedFile[]
}

/** What a plan does with a file. */
export type FileAction = 'create' | 'replace' | 'append' | 'remove' | 'restore' | 'keep'

/** One file that `init` or `uninstall` creates, replaces or removes. */
export interface FileStep {
  path: string
  action: FileAction
  why: string
  /** Text before and after, for a diff; `null` when the file does not exist or is not text. */
  before: string | null
  after: string | null
}

/** Something that was found in a transcript. */
export interface Finding {
  /** Kind of the damage. */
  class: DamageClass
  /** Line number, starting at 1. */
  line: number
  /** Offset of the line in bytes. */
  offset: number
  /** What is wrong, in one sentence. */
  what: string
  /** What the client does with the damage. */
  client: string
  /** What is done about it; `null`: it is left as it is. */
  mend: string | null
  /** What cannot be had back, or is no longer sent; `null`: nothing. */
  lost: string | null
}

/** Which session `forget` removes. */
export interface ForgetOptions {
  /** Session id, an unambiguous prefix of at least 3 characters, or the session's name or title. */
  session: string
  /** `true` reports what would be removed, and removes nothing. */
  dryRun?: boolean
}

/** Answer of `forget`: `cc-session-recover/forget@1`. */
export interface ForgetReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/forget@1'
  /** When it was made. */
  generatedAt: string
  /** `true`: this is the plan, and nothing was removed. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** What was removed; with `dryRun` what would be. */
  removed: ForgottenItem[]
  /** Files and directories of the session that Claude Code still has. */
  withClaudeCode: string[]
  /**
   * Exports and pages of it outside of the state directory, and exports of other sessions with its block in
   * HANDOFF.md; they are left.
   */
  elsewhere: string[]
  /** Files that could not be removed, and why. */
  problems: Problem[]
}

/** Something that `forget` removes. */
export interface ForgottenItem {
  /**
   * What it is; `note` is the session's block in HANDOFF.md, `state` a saved state in its project, `entries` its
   * lines or entries in a file that is about other sessions too.
   */
  kind: ForgottenKind
  /** The file or directory. */
  path: string
  /** Bytes of its files. */
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
  /** Name that the user gave, of a kept session. */
  name: string | null
  /** Its title, of a kept session. */
  title: string | null
  /** Directory where it was started or last worked. */
  project: string | null
  /** The first time that something tells of it. */
  firstAt: string | null
  /** The last time that something names it. */
  lastAt: string | null
  /** Number of prompts typed into it that the client's history still contains. */
  typed: number
  /** The first prompt and the latest ones, oldest first. */
  prompts: RecalledPrompt[]
  /**
   * `kept`: its files are kept; `history`: the client's typed prompts; `directory`: a directory of the client;
   * `last-session`: the client's `.claude.json`; `record`: this tool.
   */
  knownFrom: GoneSource[]
  /**
   * What can still be read: `conversation`: all of it is kept, and `restore` brings it back; `prompts`: what was
   * typed; `nothing`.
   */
  left: GoneLeft
  /** What is kept of it; `null`: nothing is left to resume. */
  kept: KeptAmount | null
  /** Command that restores the session. */
  restore: string[] | null
}

/** Where a session without a transcript is known from. */
export type GoneSource = 'kept' | 'history' | 'directory' | 'last-session' | 'record'

/**
 * What a hand-over is for. `note`: the block of HANDOFF.md. `paste`: any assistant, everything. `resume`: the first
 * prompt of a fresh session in the project. `essential`: any assistant, only what is needed to go on.
 */
export type HandoffForm = 'note' | 'paste' | 'resume' | 'essential'

/** Whose work `handoff` hands over, and what for. */
export interface HandoffOptions {
  /**
   * Session id, an unambiguous prefix of at least 3 characters, or the session's name or title; when absent, the
   * latest of the project.
   */
  session?: string
  /** Directory of the project to look in; when neither it nor a session is named, the working directory. */
  project?: string
  /** What the text is for; `note` when absent. */
  form?: HandoffForm
  /** Put it into the project's HANDOFF.md; only with `note`. */
  write?: boolean
  /** Only report what would be written. */
  dryRun?: boolean
}

/** Answer of `handoff`: `cc-session-recover/handoff@1`. */
export interface HandoffReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/handoff@1'
  /** When it was made. */
  generatedAt: string
  /** The session that it is about. */
  session: Session
  /** Form of the text, depending on its recipient. */
  form: HandoffForm
  /** The text: Markdown, secrets of known patterns taken out. */
  text: string
  /** Its length in characters. */
  characters: number
  /** Titles of sections that did not fit, whole or in part. */
  leftOut: string[]
  /** Paths of the files that were read for it, besides git: the transcript, and what Claude Code keeps beside it. */
  sources: string[]
  /** Path of HANDOFF.md in the session's project; `null` when its directory is not known or gone. */
  file: string | null
  /** Whether recovery is set up in that project, which keeps the file out of git. */
  enabled: boolean
  /** `true`: this is the plan, and nothing was changed. */
  dryRun: boolean
  /** HANDOFF.md was changed, or with `dryRun` would be. */
  written: boolean
  /** Paths where blocks are kept that somebody had edited and that were replaced. */
  kept: string[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** What keeps the waiting hook from continuing an open session. */
export interface HeldBack {
  /** `dialog`: a menu is open in its window. `shared`: several windows have it open. `suspended`: Ctrl-Z. */
  reason: HeldBackReason
  /** The same in words, and what to do. */
  why: string
}

/** Obstacle that keeps the waiting hook from continuing an open session at the planned time. */
export type HeldBackReason = 'dialog' | 'shared' | 'paused' | 'switched-off' | 'suspended' | 'no-transcript' | 'no-route'

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

/** Which export `importSession` makes a session again, and where. */
export interface ImportOptions {
  /** Directory or archive made by an export. */
  export: string
  /** Claude Code's configuration directory; the one in force when absent. */
  configDir?: string
  /** Directory of the project; the one it was exported from when absent. */
  project?: string
  dryRun?: boolean
}

/** Answer of `importSession`: `cc-session-recover/import@1`. */
export interface ImportReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/import@1'
  /** When it was made. */
  generatedAt: string
  /** The export was verified, and nothing was written. */
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
  /** Working directory from which it is resumed. */
  cwd: string | null
  /** Imported files, the transcript last. */
  files: PlacedFile[]
  /** Bytes of these files. */
  bytes: number
  /** Files that are not imported, with the reason. */
  left: SkippedFile[]
  /** How it is resumed; without a command where `hint` says why. */
  commands: Commands
  /** Why it cannot be resumed as it is, and what to do; `null` when it can. */
  hint: string | null
  /** The session log that tells it; `null` when nothing was done, or it could not be written. */
  log: string | null
}

/** A stop that is being looked after, as it is stored. */
export interface Incident {
  /** Version of the form it is stored in. */
  version: number
  /** Id of the session, a UUID. */
  session: string
  /** Grows with every new stop of the session. */
  generation: number
  /** Directory of the project. */
  project: string | null
  /** Configuration directory of its Claude Code. */
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
  /** Start token of that process, which tells it from a later one with the same id. */
  claudeStart: string | null
  /** When it was noted first. */
  createdAt: string
  /** When it was changed last. */
  updatedAt: string
  /** When the first of the present run of stops happened. */
  firstStopAt: string | null
  /** How far it is. */
  phase: IncidentPhase
  /** Attempts since the session last did any work. */
  attempts: Attempt[]
  /** Times of all wakes of the last 24 hours. */
  cycles: string[]
  /** What was planned; `next` of the session says what is true now. */
  plan: NextStep
  /** What kept the waiting hook from continuing the session when it last checked. */
  heldBack?: HeldBack
  /** What it rests on. */
  evidence: Evidence[]
}

/** The outcome of one stop. */
export interface IncidentAccount {
  /** Id of the session, a UUID. */
  session: string
  /** Name a person gave it. */
  name: string | null
  /** Title Claude Code gave it. */
  title: string | null
  /** Where it belongs: `dir` is the directory of its project, `cwd` its working directory. */
  project: SessionProject
  /** Path of its transcript; empty when it is not known any more. */
  transcript: string
  /** `ledger`: the session's newest incident. `journal`: an earlier one. */
  kept: AccountSource
  /** What stopped it; the last time, when it stopped again. */
  stop: StopKind
  /** The client's own message, without control characters. */
  message: string | null
  /** Time of the first stop. */
  stoppedAt: string
  /** Time at which the limit resets. */
  resetsAt: string | null
  /** Attempts to continue, oldest first. */
  attempts: TriedAttempt[]
  /** What its runs did, together. */
  work: WorkDone
  /** Phase of the incident now. */
  phase: IncidentPhase
  /** When it came to stand there; `null` while something is still going to happen by itself. */
  endedAt: string | null
  /** Evidence or reason for the phase. */
  why: string
  /**
   * Where `report` puts it. `needs-you`: nothing continues before the user acts. `waiting`: it continues by
   * itself. `running`: a continuation is under way. `continued`: the session continued after it. `ended`: nothing
   * is pending.
   */
  group: AccountGroup
  /** The user has to do something: see `next` and `commands`. */
  needsYou: boolean
  /** The next step, based on the current situation. */
  next: NextStep
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
  /** Where the hooks go: `.claude/settings.json`, `.claude/settings.local.json`, or the user's own `settings.json`. */
  scope?: HookScope
  /** `false` writes no hooks and no launcher for them. */
  hooks?: boolean
  /**
   * `true`: a status line too, around the one that is there. In a project it goes into
   * `.claude/settings.local.json`, whatever the scope.
   */
  statusLine?: boolean
  /** `true`: a person agrees that closed sessions of the project are resumed without one. `false` takes that back. */
  unattended?: boolean
  /** `false` writes no slash commands. */
  commands?: boolean
  /**
   * `false`: the model is not asked to keep its part of HANDOFF.md current. `true` takes that back; it stays as it
   * was when absent.
   */
  instruction?: boolean
  /**
   * `false`: sessions of the project are not kept beyond Claude Code's retention. `true` takes that back; it stays
   * as it was when absent.
   */
  keep?: boolean
  /** `true` leaves `.git/info/exclude` alone. */
  share?: boolean
  /** Root of the running package, from which the runtime is copied. */
  packageRoot: string
  /** The loaded addon, when it is not in the package's root. */
  addon?: string
  /**
   * Absolute path of the running node. Hooks start it, whatever the PATH of their client; the `node` on PATH when
   * absent.
   */
  node?: string
}

/** Everything `init` will do, as a value. Nothing is written before `applyInit`. */
export interface InitPlan {
  project: string
  scope: HookScope
  /** The settings files first. */
  files: FileStep[]
  runtime: RuntimeStep
  warnings: string[]
  /** The options the plan was made from. */
  options: InitOptions
}

/** Answer of `init` and `uninstall`: what changed. */
export interface InitReport {
  project: string
  scope: HookScope
  /** `false`: everything was already as it should be. */
  changed: boolean
  files: FileStep[]
  /** Number of sessions whose files were retained for the first time. */
  kept: number
  /** Claude Code here would load the plugin's module, and does not have the plugin. */
  offersPlugin: boolean
  warnings: string[]
}

/** Which transcript `inspect` reads, and what the caller knows of it. */
export interface InspectOptions {
  transcript: string
  /** Whether a process holds the session; `null` or absent: unknown, the registry is asked. */
  alive?: boolean | null
  /** The live client's own status word, with `alive: true`. */
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

/** A verified copy of a transcript, taken before something that could change it. */
export interface KeptSnapshot {
  /** Name of the snapshot. */
  name: string
  /** Path of its file. */
  path: string
  /** Time of the snapshot. */
  takenAt: string | null
  /** Bytes of the snapshot. */
  bytes: number
  /** SHA-256 of the current content, in hex. */
  sha256: string
  /** Whether these are the bytes it was taken with; `null` when that was not noted. */
  sound: boolean | null
  /** Whether the transcript still begins with exactly these bytes; `null` without a transcript. */
  isPrefix: boolean | null
  /** Lines the transcript has more than it; negative when it has fewer, `null` without a transcript. */
  linesSince: number | null
}

/**
 * A process below a client. `kept`: Claude Code's own, one with a session of its own, or another user's, which is
 * never ended.
 */
export interface KillChild {
  /** Id of the process. */
  pid: number
  /** Its start time as the system counts it. */
  startToken: string
  /** Name of its program. */
  command: string
  /** Start time of the process. */
  startedAt: string | null
  /** What became of it. */
  fate: ChildFate
}

/** Which client `killSession` ends, and how far it goes. */
export interface KillOptions {
  /** A terminal (`pts/3`), a process id, or a session by id, at least 3 characters of it, name or title. */
  target: string
  /** Restricts the search to sessions of this project. */
  project?: string
  /** What a person agreed to; anything else is refused. */
  expected?: KillTarget
  /** `false`: it is not saved first. */
  export?: boolean
  /** The export of an earlier try: good for as long as nothing was written since. */
  exported?: string
  /** Directory to put the export into; that of the state when absent. */
  to?: string
  /** Directory of the session log; that of the state when absent. */
  log?: string
  /** Kill the process if it does not end within 10 s. */
  force?: boolean
  /** Kill at once, because it was asked before. */
  asked?: boolean
  /** The processes of its tools too. */
  tree?: boolean
  /** `true` reports the plan, and sends no signal. */
  dryRun?: boolean
}

/** How a kill went. `gone`: it had ended before anything was sent. */
export type KillOutcome = 'planned' | 'ended' | 'killed' | 'still-alive' | 'gone'

/** Answer of `killSession`: `cc-session-recover/kill@1`. */
export interface KillReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/kill@1'
  /** When it was made. */
  generatedAt: string
  /** `true`: this is the plan, and no signal was sent. */
  dryRun: boolean
  /** The process to be ended. */
  expected: KillTarget
  /** Terminal of the process. */
  tty: string | null
  /** Start time of the process. */
  startedAt: string | null
  /** By a signal, or by `claude stop` for a background session. */
  way: KillWay
  /** The session as it was before; `null` when nothing of it is on disk. */
  session: Session | null
  /** What may be lost, each as a sentence. */
  risks: string[]
  /** Processes that it started and that still run. */
  children: KillChild[]
  /** What became of the process. */
  outcome: KillOutcome
  /** Signals that were sent, in order. */
  signals: SentSignal[]
  /** Exports made before the kill. */
  exports: ExportedSession[]
  /** Export of an earlier attempt that is still complete. */
  exported: string | null
  /** How it is opened again; `null` while it lives, and when nothing of it is on disk. */
  commands: Commands | null
  /** Further facts about the session. */
  notes: string[]
  /** The session log that tells it; `null` when nothing was done, or it could not be written. */
  log: string | null
}

/** A signal that `kill` sends. */
export type KillSignal = 'TERM' | 'CONT' | 'KILL'

/** One process at one time: its id, and what tells it from a later one with the same id. */
export interface KillTarget {
  /** Id of the process. */
  pid: number
  /** Its start time as the system counts it. */
  startToken: string
  /** The session it holds. */
  session: string
}

export type KillWay = 'signal' | 'stop'

/** A stop after which the session continued. */
export interface LastRecovered {
  /** The session that it is about. */
  session: string
  /** Name, else title, else newest prompt of the session. */
  name: string | null
  /** The enabled project it is in. */
  project: string | null
  /** Kind of the stop that interrupted it. */
  stop: StopKind
  /** Time at which it continued. */
  at: string
  /** `wake`: the waiting hook of this tool continued it. `run`: an unattended run did. `client`: Claude Code did. */
  by: RecoveredBy
}

/** A process that is started for a session. */
export interface Launch {
  /** Absolute path of the program, then its arguments. */
  argv: string[]
  /** Where it is started. */
  cwd: string
  /** Environment variables that are set. */
  env: Record<string, string>
  /** Variables that are removed from the environment. */
  unset: string[]
  /** Transport that it runs in. */
  transport: Transport
  /** Permission mode that it gets: never above the recorded one nor above the user's ceiling. */
  permissionMode: string
  /** What the run may do in that mode, in words. */
  may: string
  /** The session's own permission mode, when the run gets a lower one. */
  loweredFrom: string | null
  /** Longest run, in seconds. */
  deadlineSeconds: number
}

/** What `list` lists. Without any of them: every session of every project, the latest first. */
export interface ListOptions {
  /** Directory of the project; every project when absent. */
  project?: string
  /** Only these: a state such as `orphaned`, or what a screen calls a session, such as `interrupted`. */
  states?: string[]
  /** Only these: a kind of stop, or what a screen calls it or a part of that, such as `limit`. */
  stops?: string[]
  /** Active since then: RFC 3339, a date, or a length of time before now (`90m`, `36h`, `2d`, `1w`). */
  since?: string
  /** Part of the name, title or newest prompt, whatever its case. */
  name?: string
  /** Transcripts larger than that: bytes, or text such as `50MB`. */
  largerThan?: number | string
  sort?: ListSort
  /** Reverse the sort order. */
  reverse?: boolean
  limit?: number
  /** Only sessions with `openAtCrash`. */
  openAtCrash?: boolean
  /** `true`: instead of sessions with a transcript those whose transcript is gone, in `gone`. */
  gone?: boolean
}

/** Answer of `list`: `cc-session-recover/status@1` with the number of sessions before `limit`. */
export interface ListReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/status@1'
  /** When it was made. */
  generatedAt: string
  /** The project asked about, or `null` for all. */
  project: AskedProject | null
  /** The newest word of each account about its limits, where `init --statusline` lets us hear it. */
  accounts: Account[]
  /** The sessions that match, sorted. */
  sessions: Session[]
  /** Sessions without a transcript, with what is left of them, where `gone` asked for them; printed by `list` only. */
  gone: GoneSession[]
  /** Sessions before `limit`; printed by `list` only. */
  total: number
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Key that a list is sorted by. */
export type ListSort = 'activity' | 'size' | 'context' | 'name' | 'project' | 'state'

/** The process that holds a session, proved by process id and start time. */
export interface LiveProcess {
  /** Process id of the client. */
  pid: number
  /** `pts/3`, `ttys004`; `null` without a terminal. */
  tty: string | null
  /** Where the user finds the session: `pts/3`, `background job 0a1b2c3d`, `process 4711`. */
  place: string
  /** Further clients that have the same session open: the conversation forks as soon as two of them continue. */
  others: OtherLiveProcess[]
  /** `interactive`: a terminal. `print`: `-p` or an SDK. `background`: a worker of Claude Code's daemon. */
  kind: ClientMode
  /**
   * What proves it: Claude Code's registry with the start time, or the process table alone (clients that keep no
   * registry).
   */
  proof: LiveProof
  /** Start time of the process. */
  startedAt: string | null
  /** The client's own word: `busy`, `idle`, `waiting`; `null` for clients that do not write it. */
  status: string | null
  /** With `waiting`: what for, in the client's own words, such as `permission prompt`. */
  waitingFor: string | null
  /** Job id of a background session, as `claude attach` and `claude stop` take it. */
  job: string | null
  /** Share of one processor in percent, measured only where it decides between working and hung. */
  cpuPercent: number | null
  /** Processes that it started and that still run. */
  children: ChildProcess[]
}

/** Proof that a process has a session open. */
export type LiveProof = 'registry' | 'processes'

/** A line of the journal that does not fit the one before it. */
export interface LogBreak {
  /** Path of the file. */
  path: string
  /** Line number in the file, starting at 1. */
  line: number
  /** What is wrong, in one sentence. */
  why: string
}

/** How the chain of the journal holds: each line names the SHA-256 of the one before it. */
export interface LogChain {
  /** Nothing was changed, taken out or put in. */
  sound: boolean
  /** Number of lines in the journal. */
  lines: number
  /** Number of lines with a `prev`. */
  chained: number
  /** Those that do not: of earlier versions at the beginning; later ones are breaks. */
  unchained: number
  /** Lines at which the chain of hashes is broken. */
  breaks: LogBreak[]
  /** Hash of the last line. A copy stored elsewhere can show whether the journal was truncated since. */
  head: string | null
}

export interface LogEntry {
  /** When it was written. */
  at: string | null
  /** Kind of the event. */
  event: string
  /** Id of the session, if the event is about one. */
  session: string | null
  /** Id of the process that wrote it. */
  pid: number | null
  /** Description in one sentence. */
  sentence: string
  /** Everything else that was noted, by name. */
  fields: Record<string, unknown>
}

/** Which entries of the journal `log` tells. */
export interface LogOptions {
  /** Only entries since then: RFC 3339, a date, or a length of time such as `90m`, `36h`, `2d`, `1w`. */
  since?: string
  /** Only entries of sessions whose id starts with this. */
  session?: string
  /** Only entries with these events. */
  events?: string[]
  /** Maximum number of entries; the newest are returned. */
  limit?: number
  /** Verify every line against its predecessor. */
  verify?: boolean
}

/** Answer of `log`: `cc-session-recover/log@1`. */
export interface LogReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/log@1'
  /** When it was made. */
  generatedAt: string
  /** Path of the journal. */
  path: string
  /** Entries that fit, the oldest first. */
  entries: LogEntry[]
  /** Number of matching entries, including those beyond the limit. */
  total: number
  /** Whether the chain holds; `null` unless that was asked. */
  chain: LogChain | null
}

/** What happens next to a session, when, and why. */
export interface NextStep {
  /**
   * `wake`: the waiting hook continues it. `client`: Claude Code continues it itself. `run`: the supervisor
   * resumes the closed session. `resume`: a person resumes it with `argv`. `notify`: a person must act. `none`:
   * nothing is owed.
   */
  action: PlannedAction
  /** When it is done, or from when on it can be. */
  at: string | null
  /** Why, as a stable code; programs compare this, never `why`. New versions may add codes. */
  reason: PlanReason
  /** The same in words. */
  why: string
  /** The command a person would run, or `null`. */
  argv: string[] | null
}

/** Reason why there is no conversation. */
export type NoConversation = 'empty-file' | 'no-messages'

/** Closed sessions that stopped too long ago to be listed one by one. */
export interface OlderStops {
  /** Number of these sessions. */
  count: number
  /** Their kinds of stop, for `list --stop`. */
  stops: StopKind[]
  /**
   * Sessions whose requests the API refuses until `repair` removes something from the transcript. Waiting
   * does not help.
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
  /** Subagents with a transcript of their own. */
  subagents: number
  /** Lines of transcripts that could not be read; the page says which. */
  damagedLines: number
  /** Texts that are cut; the page says where. */
  cutTexts: number
  /** Bytes of text that are not shown. */
  leftBytes: number
  /** Number of pictures left out. */
  leftPictures: number
}

/** A session that was open when its client or the machine died, and was not opened again since. */
export interface OpenAtCrash {
  /** `machine`: before the present boot. `client`: the process alone died. */
  died: CrashedPart
  /** Time of its last sign of life. */
  at: string | null
  /** Facts that this rests on. */
  evidence: Evidence[]
}

/** Another client that has the session open. */
export interface OtherLiveProcess {
  /** Process id, verified by its start time. */
  pid: number
  /** Where the user finds it: `pts/3`, `background job 0a1b2c3d`, `process 4711`. */
  place: string
}

/** A session that has records in the transcript of another one. */
export interface OtherSession {
  /** Id of the session. */
  session: string
  /** Its records in the file. */
  records: number
  /** Number of prompts in these records. */
  turns: number
  /** Line of the first of them. */
  firstLine: number
  /** Line of the last of them. */
  lastLine: number
  /** Its own transcript; `null`: none was found. */
  transcript: string | null
}

/** Kept files that were packed. */
export interface PackedBytes {
  /** Number of files that were packed. */
  files: number
  /** Bytes of them on the disk before. */
  before: number
  /** Bytes of them on the disk now. */
  after: number
}

/** What a page for people is written in. */
export type PageFormat = 'html' | 'markdown'

/** Which sessions `pause` pauses. */
export interface PauseOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Every session, also those of the future. */
  all?: boolean
  /** `true` ends the pause. */
  unpause?: boolean
}

/** Answer of `pause`: what is paused now. */
export interface PauseReport {
  /** The session; `null` for everything. */
  session: string | null
  paused: boolean
  /** Whether this call changed it. */
  changed: boolean
  /** The session stays paused although its own pause was ended, because everything is paused. */
  heldByAll: boolean
}

/** What a hook payload says, without looking at any file. */
export interface PayloadReading {
  event: string
  session: string | null
  /** For `StopFailure`: the kind of stop, or `null` when it is no stop of the session (a subagent's). */
  kind: StopKind | null
  subagent: boolean
}

/** A command that was given no session, so that the user picks one. */
export type PickerVerb = 'show' | 'resume' | 'export' | 'handoff' | 'kill'

export interface PlacedFile {
  /** Path of the file in the export. */
  path: string
  /** Path that it is copied to. */
  to: string
  /** Bytes of the file. */
  bytes: number
  /** Hash in hex, with the algorithm of the export. */
  digest: string
}

/** Why a plan is what it is. `unrecorded`: stored by a version that recorded no reason. */
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
  /** Absolute path of the directory; `plugin` in the state directory when absent. */
  to?: string
  /** Removes the plugin instead of writing it. */
  remove?: boolean
  /** Root of the running package, from which the runtime is copied. */
  packageRoot: string
  /** The loaded addon, when it is not in the package's root. */
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
  /** Commands of Claude Code that are left to a person, one word each. */
  next: string[][]
  /** The options the plan was made from. */
  options: PluginOptions
}

/** Answer of `plugin`: what changed. */
export interface PluginReport {
  directory: string
  /** Whether the plugin was removed. */
  remove: boolean
  /** `false`: everything was already as it should be. */
  changed: boolean
  files: FileStep[]
  warnings: string[]
  /** Commands of Claude Code that are left to a person, one word each. */
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
  /** Whether it could be started now. */
  verdict: 'ready' | 'not-yet' | 'hold' | 'over'
  /** Why it cannot be started now. */
  why: string | null
  /** Where it is open, such as `pts/3`: nothing is started for it as long as it is. `null` when it is closed. */
  openIn: string | null
  /** The process; `null` where none can be started. */
  launch: Launch | null
}

/** Which sessions `preview` shows. */
export interface PreviewOptions {
  /** Session id, an unambiguous prefix of it, or its name or title; every stopped session when absent. */
  session?: string
}

/** What `preview` answers: `cc-session-recover/preview@1`. */
export interface PreviewReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/preview@1'
  /** When it was made. */
  generatedAt: string
  /** One entry for each session. */
  sessions: Preview[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** A file or directory that could not be read; the rest of the report stands. */
export interface Problem {
  /** What could not be read. */
  path: string | null
  /** Stable name, such as `IO`. */
  code: string
  /** What failed, and why. */
  message: string
}

/** Kind of a copy that `prune` deletes. */
export type PruneKind = 'export' | 'snapshot' | 'page' | 'output' | 'record' | 'kept' | 'leftover'

/** What `prune` may delete. */
export interface PruneOptions {
  /** Exports older than so many days; `retention.exportsDays` of the configuration when absent, else 90. */
  exportsDays?: number
  /** Snapshots older than so many days; `retention.snapshotsDays` when absent, else 14. */
  snapshotsDays?: number
  /** Pages older than so many days; `retention.pagesDays` when absent, else 90. */
  pagesDays?: number
  /** Outputs of runs older than so many days; `retention.outputsDays` when absent, else 30. */
  outputsDays?: number
  /** Records of sessions in which nothing was noted for so many days; `retention.recordsDays` when absent, else 90. */
  recordsDays?: number
  /** Kept sessions that Claude Code deleted, after so many days; `retention.keptDays` when absent, else 365. */
  keptDays?: number
  /**
   * Kept sessions that Claude Code deleted take at most so many bytes together; `retention.keptMaxTotal` when
   * absent, else 5 GB.
   */
  keptMaxTotal?: number
  /** Of every session so many exports, snapshots, pages and outputs stay in any case; 1 when absent. */
  keep?: number
  /** Maximum number of each kind per session. */
  most?: number
  /** All together at most so many bytes: the oldest go first. Records do not count: they are small. */
  maxBytes?: number
  /** Only these paths, of those that may go. */
  only?: string[]
  dryRun?: boolean
}

/** Answer of `prune`: `cc-session-recover/prune@1`. */
export interface PruneReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/prune@1'
  /** Time of the report. */
  generatedAt: string
  /** `true`: this is the plan, and nothing was deleted. */
  dryRun: boolean
  /** Rules that were applied. */
  rules: PruneRules
  /** What was deleted; with `dryRun` what would be. */
  removed: PrunedCopy[]
  /** Bytes of everything that was removed. */
  removedBytes: number
  /** What stays: exports, snapshots, pages, outputs and records. */
  kept: number
  /** Bytes of what is kept. */
  keptBytes: number
  /**
   * What was compressed before the rules were applied: files of sessions that Claude Code deleted, with their
   * bytes before and after.
   */
  packed: PackedBytes
  /** What could not be looked at or deleted. */
  problems: Problem[]
}

/** The rules by which copies go. */
export interface PruneRules {
  /** Days for which exports are retained. */
  exportsDays: number
  /** Days for which snapshots are retained. */
  snapshotsDays: number
  /** Days for which pages are retained. */
  pagesDays: number
  /** Days for which outputs of runs are retained. */
  outputsDays: number
  /** Days for which session records are retained. */
  recordsDays: number
  /** Retention in days for kept sessions that Claude Code deleted. */
  keptDays: number
  /** Maximum total size in bytes of kept sessions that Claude Code deleted. */
  keptMaxTotal: number
  /** Of every session so many exports, snapshots, pages and outputs stay in any case. */
  keep: number
  /** Of every session at most so many of each; `null` for any number. */
  most: number | null
  /** All together at most so many bytes; `null` for any. */
  maxBytes: number | null
}

/** A copy that `prune` deletes. */
export interface PrunedCopy {
  /**
   * `export`, `snapshot`, `page`, `output` of a run, `record` (the small files in which things are noted about a
   * session), `leftover` of one that was never finished, or `kept`: the kept files of a session that Claude Code
   * deleted.
   */
  kind: PruneKind
  /** Id of the session that it belongs to. */
  session: string
  /** Its path; of a record its directory. */
  path: string
  /** When it was made; of a record, when something was noted in it last. */
  madeAt: string | null
  /** Size of it in bytes. */
  bytes: number
  /** Rule that it is deleted by. */
  why: string
}

/** A session that became a page; with `dryRun` one that would. */
export interface PublishedPage {
  /** Id of the session, a UUID. */
  session: string
  /** Name, title or newest prompt, on one line; not redacted. */
  title: string | null
  /** State of the session at that time. */
  state: SessionState
  /** Path of its transcript. */
  transcript: string
  /** Number of bytes read from the transcript. */
  transcriptBytes: number
  /** The page. With `dryRun` the time in its name is left open. */
  path: string
  /** An existing page was replaced. */
  replaced: boolean
  /** Size of the page; `null` before it is written. */
  bytes: number | null
  /** What is on it; `null` before it is written. */
  shown: OnPage | null
  /** Id of the process that has the session open. */
  livePid: number | null
}

/** How much of a limit is used. */
export interface QuotaWindow {
  /** Used share in percent, 0 to 100. */
  usedPercent: number
  /** When it begins anew; it may be over by now. */
  resetsAt: string
}

/** Which sessions `writePages` writes as pages, and where to. */
export interface ReadingOptions {
  session?: string
  /** The session that was active last, in `project` when it is given. */
  latest?: boolean
  project?: string
  /** Every session that a process holds. */
  active?: boolean
  /** Every session, whatever its state. */
  all?: boolean
  /** What pages are written in; `html` when absent. */
  format?: PageFormat
  /** A file, or a directory to put pages into; `pages` of the state directory when absent. */
  to?: string
  /** `to` is a directory also when it is not there yet. */
  toDirectory?: boolean
  /** A file that is there already is replaced. */
  force?: boolean
  /** Secrets that are recognised are replaced by the name of their kind, and pictures are left out. */
  redact?: boolean
  dryRun?: boolean
}

/** Answer of `writePages`: `cc-session-recover/reading@1`. */
export interface ReadingReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/reading@1'
  /** When it was made. */
  generatedAt: string
  /** `true`: this is the plan, and nothing was written. */
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
   * List of the pages, for a browser. Written for HTML pages of `active` or `all` into a directory that `to`
   * names, else `null`.
   */
  index: string | null
  /** Sessions that failed, each with its error. */
  failures: ExportFailure[]
  /** Total size of all pages, in bytes. */
  bytes: number
}

/** Which prompts `recall` lists. */
export interface RecallOptions {
  /** Number of sessions; 20 when absent. */
  recent?: number
  project?: string
  /** Only sessions active since this time. */
  since?: string
}

/** Answer of `recall`: `cc-session-recover/recall@1`. */
export interface RecallReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/recall@1'
  /** When it was made. */
  generatedAt: string
  /** Sorted by time, the latest first. */
  recalled: Recalled[]
  /** Sessions whose transcript is gone and of which something that was typed or said is left, the latest first. */
  gone: GoneSession[]
  /** Files that could not be read, and why. */
  problems: Problem[]
}

export interface Recalled {
  /** The session that it is about. */
  session: Session
  /** First and latest prompts, the oldest first. */
  prompts: RecalledPrompt[]
}

export interface RecalledPrompt {
  /** The prompt, on one line. */
  text: string
  /** When it was typed. */
  at: string | null
}

/** Who continued a stopped session. */
export type RecoveredBy = 'wake' | 'run' | 'client'

/** Whether recovery is on in a project, or on this machine. */
export interface RecoveryOverview {
  /**
   * `on`: stops are noticed and continued. `switched-off`: stops are noticed, and `heartbeat.enabled` keeps this
   * tool from continuing them. `not-set-up`: no hooks.
   */
  setup: RecoverySetup
  /** Whether hooks of the user or of the plugin are active in every project. */
  everywhere: boolean
  /** Projects with hooks of their own; of one project 0 or 1. */
  projects: number
  /** Number of those whose closed sessions are resumed unattended. */
  unattended: number
  /** `true`: every session is paused. */
  pausedAll: boolean
  /** Number of paused sessions in the report. */
  paused: number
  /** The most recently recovered stop. */
  lastRecovered: LastRecovered | null
}

/** Whether a project, or the machine, is set up to continue sessions. */
export type RecoverySetup = 'on' | 'switched-off' | 'not-set-up'

/** What `relocate` copies, and where to. */
export interface RelocateOptions {
  /** Session id, id prefix, name, title or transcript path. */
  session?: string
  /** The session that was active last, in `project` when it is given. */
  latest?: boolean
  /** Restricts the search to sessions of this project. */
  project?: string
  /**
   * A configuration directory of Claude Code (it has `projects` or `settings.json`, or is new with `configDir:
   * true`), or a project directory.
   */
  to: string
  /** Treats `to` as a configuration directory even if it does not look like one. */
  configDir?: boolean
  dryRun?: boolean
}

/** Answer of `relocate`: `cc-session-recover/relocate@1`. */
export interface RelocateReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/relocate@1'
  /** `true`: this is the plan, and nothing was copied. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Configuration directory of the original. */
  fromConfigDir: string
  /** Configuration directory of the copy. */
  toConfigDir: string
  /** Working directory from which the copy is resumed. */
  cwd: string
  /** What is copied; nothing where the session is already where the directory's sessions are. */
  files: CopyStep[]
  /** Path of the transcript that is resumed from now on. */
  transcript: string
  /** Which clients see the copy, and which see the original, in sentences. */
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
  /** Their size in bytes. */
  bytes: number
  /** The file itself, or the directory that contains several. */
  path: string
}

/** Kind of a file that is left of a session. */
export type RemainingKind = 'subagents' | 'files' | 'tasks' | 'file-history' | 'conflict-copies' | 'snapshots'

/** What is left of a session whose transcript holds no conversation. A client refuses to resume it. */
export interface Remains {
  /** `empty-file`: the transcript has no bytes. `no-messages`: it holds records, but no prompt and no answer. */
  why: NoConversation
  /** Files that are left. */
  left: Remaining[]
  /** The newest prompt that Claude Code's own history has of it. */
  typed: string | null
  /** Command that lists snapshots of its transcript; `null` when there are none. */
  restore: string[] | null
}

/** What `removeState` may remove. */
export interface RemoveStateOptions {
  /** Also removes copies that exist nowhere else. */
  copies?: boolean
}

/** Which session `repair` looks at, and what it does. */
export interface RepairOptions {
  /** Session id, id prefix, name, title or transcript path. */
  session?: string
  /** The session that was active last, in `project` when it is given. */
  latest?: boolean
  /** Restricts the search to sessions of this project. */
  project?: string
  /** Repairs the transcript; otherwise only reports what would be done. */
  apply?: boolean
  /** Restores the transcript from before the last repair. */
  rollback?: boolean
  /** Id of a record: the client is to send the branch that it is in. */
  branch?: string
}

/** Answer of `repair`: `cc-session-recover/repair@1`. */
export interface RepairReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/repair@1'
  /** When it was made. */
  generatedAt: string
  /** `true`: this is the plan, and nothing was changed. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Path of its transcript. */
  transcript: string
  /** Bytes of the transcript before the repair. */
  bytes: number
  /** Lines of the transcript before the repair. */
  lines: number
  /** Number of readable records before the repair. */
  records: number
  /** Findings in file order. */
  findings: Finding[]
  /** Number of findings beyond the limit of the list. */
  more: number
  /** How many findings are mended; 0: there is nothing to repair. */
  mendable: number
  /** Branches of the conversation, where there is more than one; the client sends one branch of each fork. */
  branches: ConversationBranch[]
  /** Other sessions that have records in the file. */
  others: OtherSession[]
  /** The client is made to send the branch that was asked for. */
  switches: boolean
  /** The record that `branch` named. */
  branch: string | null
  /** Subagents whose transcripts are damaged. */
  subagents: SubagentFindings[]
  /** Why it cannot be mended now; `null`: it can. */
  held: string | null
  /** It was repaired, read back and examined again. */
  repaired: boolean
  /** The transcript from before the last repair was restored. */
  rolledBack: boolean
  /** Name of the snapshot of the previous transcript. */
  kept: string | null
  /** Command that undoes the repair. */
  undo: string[] | null
  /** Commands that resume the session. */
  commands: Commands
}

/** Answer of `writeReportPage`: `cc-session-recover/timeline@1`. */
export interface ReportPage {
  /** Name and version of this form. */
  schema: 'cc-session-recover/timeline@1'
  /** When it was made. */
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

/** What `writeReportPage` reports, and where it writes it. */
export interface ReportPageOptions {
  /** Directory of the project; the working directory when absent. */
  project?: string
  /** Every project on this machine instead of one. */
  all?: boolean
  /** RFC 3339, a date, or a length of time before now (`90m`, `36h`, `2d`, `1w`); 24 hours when absent. */
  since?: string
  /** Path of the file. */
  to: string
  /** Replaces a file that exists already. */
  force?: boolean
}

/** How far an export or import is. */
export interface RescueProgress {
  done: number
  /** Total bytes, as far as known. */
  total: number
}

/** How reliable a reset time is. */
export type ResetSource = 'exact' | 'guess'

/** Which snapshot of which session `restore` puts back. */
export interface RestoreOptions {
  /** Session id, id prefix, name, title or transcript path. */
  session?: string
  /** The session that was active last, in `project` when it is given. */
  latest?: boolean
  /** Restricts the search to sessions of this project. */
  project?: string
  /** Name of the snapshot, an unambiguous beginning of it, or `latest`; when absent, the only one. */
  from?: string
  dryRun?: boolean
}

/** Answer of `restore`: `cc-session-recover/restore@1`. */
export interface RestoreReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/restore@1'
  /** When it was made. */
  generatedAt: string
  /** `true`: this is the plan, and nothing was changed. */
  dryRun: boolean
  /** Id of the session, a UUID. */
  session: string
  /** Path of its transcript. */
  transcript: string
  /** Its snapshots, the newest first, held against the transcript as it was before. */
  snapshots: KeptSnapshot[]
  /** Name of the one that is put back; `null` when there are several and none was named. */
  chosen: string | null
  /** The snapshot was restored and read back. */
  restored: boolean
  /**
   * Other files of the session that were missing and came back with it: subagents, tool results, tasks, plan, file
   * history.
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

/** Which sessions `planResume` plans for. */
export interface ResumeOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Of those that can be resumed, the one that was active last. */
  latest?: boolean
  /** Only sessions of this project. */
  project?: string
  /** Every session that was open when its client or the machine died. */
  allCrashed?: boolean
  /** A program to start instead of `claude`, with its first arguments, such as `ccs work`. */
  with?: string
  /** Start a new session that begins with the note of this one, instead of resuming it. */
  fresh?: boolean
}

/** How one session is resumed by a person. */
export interface ResumePlan {
  /** The session that it is about. */
  session: Session
  /** `resume`: start `argv`. `attach`: it lives in the background, `argv` opens it. `refused`: see `why`. */
  action: ResumeAction
  /** The command as a person types it; `null` when it is refused. */
  argv: string[] | null
  /** Absolute path of the program to start for it, never within the project; `null` when none was found. */
  program: string | null
  /** Directory to run it in. */
  cwd: string | null
  /** Environment variables to set first. */
  env: Record<string, string>
  /** Variables to take out: a client started with them would take itself for another's child. */
  unset: string[]
  /** The reason, in words. */
  why: string
  /** What to do instead. */
  hint: string | null
}

/** Answer of `planResume`: `cc-session-recover/resume@1`. */
export interface ResumeReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/resume@1'
  /** When it was made. */
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
   * Settings file that sets the limit: the smallest one of any directory in which a client was started; `null`:
   * the default.
   */
  decidedBy: string | null
  /** When the limit has passed. RFC 3339. */
  deletedAfter: string
  /** The limit has passed: the next `claude -p` that lives for six seconds deletes the transcript. */
  overdue: boolean
}

/** A run that resumes a closed session without a terminal. */
export interface Run {
  /** Identifies the run in its environment and in its file names. */
  nonce: string
  /** How it was started. */
  transport: Transport
  /** The supervisor that made it. */
  supervisor: StartedProcess
  /** What was started; `null` before that. */
  child: StartedProcess | null
  /** Length of the transcript before, in bytes. */
  bytesBefore: number
  /** SHA-256 of these bytes, in hex. */
  sha256Before: string
  /** Snapshot of the transcript from before the run. */
  snapshot: string
  /** Output of the process, until `prune` removes it. */
  log: string
  /** HEAD of the working directory before the run. */
  commitBefore: string | null
  /** Time limit of the run, in seconds. */
  deadlineSeconds: number | null
  /** What came of it; `null` while it runs. */
  result: RunResult | null
}

/** Which session `resumeNow` resumes. */
export interface RunOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** Select the session that was active last. */
  latest?: boolean
  /** Only sessions of this project. */
  project?: string
  /** A program to start instead of `claude`, with its first arguments, such as `ccs work`. */
  with?: string
  /** Start a new session that begins with the note of this one, instead of resuming it. */
  fresh?: boolean
}

/** What came of a run that a person asked for: `cc-session-recover/run@1`. */
export interface RunReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/run@1'
  /** Time at which the run had ended. */
  generatedAt: string
  /** Id of the session, a UUID. */
  session: string
  /** The session whose work a new one went on with; `null` when it is the session itself. */
  insteadOf: string | null
  /** Phase of the session's incident. */
  phase: IncidentPhase
  /** The attempt that was made. */
  attempt: Attempt | null
  /** What is to be done now, in words. */
  why: string
}

/** What a run did, read from the transcript and from git. */
export interface RunResult {
  /** Time at which the process had ended. */
  endedAt: string | null
  /** How the process ended, in words. Proves nothing by itself. */
  ended: string
  /** Real answers of a model that were added. */
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
  /** Why it counts as having done nothing, when it does. */
  hollow: string | null
  /** The same as a stable code; null also where only the sentence was stored. */
  hollowReason: HollowReason | null
  /** What is wrong with the transcript afterwards: shortened, rewritten, or forked. */
  damage: string | null
  /** The same as a stable code; null also where only the sentence was stored. */
  damageReason: DamageReason | null
}

/** Source and destination of the runtime copy. */
export interface RuntimeStep {
  from: string
  /** The copy; `None` if no runtime is needed. */
  to: string | null
  /** Why it is copied, or used where it is. */
  why: string
}

/** Event at which a state was saved. */
export type SaveMoment = 'turn-ended' | 'subagent-ended' | 'compacting' | 'stopped' | 'session-ended'

/** What a session was doing at some moment, as it was saved in its project. */
export interface SavedState {
  /** File name of the saved state. */
  name: string
  /** Id of the session. */
  session: string
  /** Time of the save. */
  savedAt: string
  /** At which moment: a turn or a subagent ended, before a compaction, a stop, the end of the session. */
  moment: SaveMoment
  /** Time of the transcript's newest record when the state was saved. */
  asOf: string | null
  /** Kind of the session's stop. */
  kind: StopKind
  /** Its work was not done: it had stopped, was in the middle of a turn, or had open tasks. */
  unfinished: boolean
  /** Tasks of its list that were not done. */
  tasksOpen: number
  /** Tasks of its list that were. */
  tasksDone: number
  /** Number of calls, subagents and background tasks without a result. */
  inFlight: number
  /** Checks that failed when they were run last. */
  failing: number
  /** Number of files the session had written. */
  files: number
  /** Whether it is the last state of the project. */
  last: boolean
  /** It is as it was saved. Only then it is handed to a model. */
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
  /** Number of the prompt it belongs to, from 1; 0 before the first prompt. */
  turn: number
  /** Time of the record. */
  at: string | null
  /** One line around the match, without control characters. */
  snippet: string
  /** Where the match is in `snippet`, in UTF-16 units. */
  match: SearchSpan
  /** Whether it was found in a subagent's transcript. */
  subagent: boolean
  /** The session's transcript is gone; the match is in its kept copy or in the client's prompt history. */
  gone: boolean
  /** Name of the session. */
  name: string | null
  /** Title of the session. */
  title: string | null
  /** Directory of its project. */
  project: string | null
}

/** What `search` looks for. */
export interface SearchOptions {
  /** Literal text, or a regular expression with `regex`. */
  text: string
  regex?: boolean
  ignoreCase?: boolean
  /** Roles to search; all when absent or empty. */
  roles?: SearchRole[]
  /** Same form as in `ListOptions`. */
  since?: string
  /** Directory of the project; every project when absent. */
  project?: string
  /** Hits that are returned; all are counted. 100 when absent, 0: no limit. */
  limit?: number
  /** Also search tool results that the client stored in separate files. */
  toolResults?: boolean
}

/** Answer of `search`: `cc-session-recover/search@1`. */
export interface SearchReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/search@1'
  /** When it was made. */
  generatedAt: string
  /** Sorted by time, the latest first. */
  hits: SearchHit[]
  /** Hits found, also those beyond `limit`. */
  total: number
  /** Number of sessions with a hit. */
  sessions: number
  /** What was read: number of files, and their bytes. */
  searched: SearchedAmount
  /** Tool results in files of their own that were not searched: number of files, and their bytes. */
  skippedResults: SearchedAmount
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** Who said it: a person, the model, a tool (its input or its result), or the client itself. */
export type SearchRole = 'user' | 'assistant' | 'tool' | 'system'

/** Position of the match in a snippet, in UTF-16 units. */
export interface SearchSpan {
  /** Offset of its first unit. */
  start: number
  /** Number of units. */
  length: number
}

/** Transcripts that were searched, or skipped. */
export interface SearchedAmount {
  /** Number of transcripts. */
  files: number
  /** Bytes of these transcripts. */
  bytes: number
}

export interface SentSignal {
  /** Id of the process that received it. */
  pid: number
  /** The signal that was sent. */
  signal: KillSignal
  /** When it was sent. */
  at: string
}

/** What is done with the service. */
export type ServiceChange = 'install' | 'uninstall'

/** What starts the supervisor on a platform. */
export type ServiceManager = 'systemd' | 'launchd' | 'schtasks'

/** What `planService` should prepare. */
export interface ServiceOptions {
  wanted: ServiceChange
  /** Absolute path of node; required to install. */
  node?: string
  /** Root of the installed package; required to install. */
  packageRoot?: string
  /** Another platform's service manager, to see what would be written there; such a plan cannot be applied. */
  manager?: ServiceManager
}

/** Everything that putting the service in or taking it out will do. */
export interface ServicePlan {
  manager: ServiceManager
  wanted: ServiceChange
  file: FileStep
  /** Commands before the file is removed. */
  before: CommandStep[]
  /** Commands after the file is written or removed. */
  after: CommandStep[]
  /**
   * Why the service manager cannot be reached from here, so that its commands are left to the person; `null`: it
   * can be.
   */
  unreachable: string | null
  warnings: string[]
  /** The options the plan was made from. */
  options: ServiceOptions
}

/** What was done about the service. */
export interface ServiceReport {
  manager: ServiceManager
  wanted: ServiceChange
  /** `false`: everything was already as it should be. */
  changed: boolean
  /** Whether all commands succeeded and none is left to the user. */
  complete: boolean
  file: FileStep
  /** Commands that were run, and those that are left to the person (`done: null`). */
  commands: CommandStep[]
  /** Why the service manager could not be reached. */
  unreachable: string | null
  warnings: string[]
}

/** Answer of `serviceStatus`: `cc-session-recover/service@1`. */
export interface ServiceStatus {
  /** Name and version of this form. */
  schema: 'cc-session-recover/service@1'
  /** What starts the supervisor on this platform. */
  manager: ServiceManager
  /** The service's file, whether it exists or not. */
  file: string
  /** Whether the file exists and is ours. */
  installed: boolean
  /** It is what an installation would write now. */
  current: boolean | null
  /** It is started at every login. */
  enabled: boolean | null
  /** The service manager has it running. */
  running: boolean | null
  /** Whether any supervisor of this user runs, however it was started. */
  supervised: boolean
  /** Why the service manager cannot be asked from here; `null`: it can be. */
  unreachable: string | null
  /** What is in the way of the service's file; `null`: nothing. */
  problem: string | null
}

/** What `serviceStatus` compares the installed file with. */
export interface ServiceStatusOptions {
  node?: string
  packageRoot?: string
}

/** One session as every verb reports it: `cc-session-recover/session@1`. */
export interface Session {
  /** Name and version of this form. */
  schema: 'cc-session-recover/session@1'
  /** Id of the session, a UUID. */
  id: string
  /** Name a person gave it. */
  name: string | null
  /** Title Claude Code gave it. */
  title: string | null
  /** Where it belongs: `dir` is the directory of its project, `cwd` its latest working directory. */
  project: SessionProject
  /** Configuration directory of the Claude Code it belongs to. */
  configDir: string | null
  /** Path of its transcript. */
  transcript: string
  /** Bytes of the transcript, without those of its subagents. */
  bytes: number
  /** Larger than `context.maxSessionMegabytes` of the configuration. */
  oversized: boolean
  /** Transcripts of the subagents. */
  subagents: Subagents
  /** Its runs of workflows; looked for by `show` and `resume` only. */
  workflows: SessionWorkflow[]
  /** Id of the session that this file is a conflict copy of; `null` for a session. */
  conflictCopyOf: string | null
  /**
   * Conflict copies of its transcript, which tools that synchronize directories make; looked for by `show` and
   * `resume` only.
   */
  conflictCopies: ConflictCopy[]
  /**
   * Other transcripts of the same session, such as the original of a relocated one; looked for by `show` and
   * `resume` only.
   */
  copies: string[]
  /** What is left of a session without a conversation; looked for by `show` and `resume` only. */
  remains: Remains | null
  /** Whether it lives, and whether its work is done. */
  state: SessionState
  /** What a live session is doing. */
  activity: SessionActivity | null
  /** Group of the session, the same on every screen. */
  group: SessionGroup
  /** Displayed status, the same on every screen. */
  status: SessionStatus
  /** What `state` and `activity` rest on; what `stop.kind` rests on is in `stop.evidence`. */
  evidence: Evidence[]
  /** How its latest turn stopped. */
  stop: Stop
  /** The process that holds it; `null` when there is none. */
  live: LiveProcess | null
  /** Set when it was open as its client or the machine died. */
  openAtCrash: OpenAtCrash | null
  /** Time of the first record. */
  startedAt: string | null
  /** Time of its newest record. */
  lastActivityAt: string | null
  /**
   * When Claude Code's own cleanup (`cleanupPeriodDays`) deletes the transcript if nothing is added; `null` while
   * it is live.
   */
  deletedAfter: string | null
  /** What decides that; `null` while the session is open, and when no sweep of Claude Code deletes it. */
  retention: Retention | null
  /** What its transcript lost; looked for in `show` and `status` alone, and `null` otherwise. */
  loss: TranscriptLoss | null
  /** The newest prompt of a person. */
  lastPrompt: string | null
  /** Prompts of the conversation; counted by `show` only. */
  turns: number | null
  /** How full its context is. */
  context: ContextSize | null
  /** Model of the latest turn. */
  model: string | null
  /** Permission mode of the latest turn. */
  permissionMode: string | null
  /** Branch of its working directory at the newest record. */
  gitBranch: string | null
  /** Version of Claude Code that wrote the newest record. */
  clientVersion: string | null
  /** Whether the user paused it, or everything. */
  paused: boolean
  /** The stop that is looked after, if there is one. */
  incident: Incident | null
  /** What happens next, and why. */
  next: NextStep
  /**
   * When Claude Code continues it by itself; what `next` plans follows only if it does not. `null`: it is not
   * expected to.
   */
  clientContinuesAt: string | null
  /** What a person can run. */
  commands: Commands
}

export type SessionActivity = 'busy' | 'idle' | 'waiting'

/**
 * The group of a session on every screen. `needs-you`: nothing continues before the user acts. `waiting`: it
 * continues by itself, or once it is not paused any more. `hung`: a process has it open and shows no sign of work.
 * `running`: a process has it open and nothing is pending, or a continuation is under way. `settled`: no process has
 * it open and nothing is pending.
 */
export type SessionGroup = 'needs-you' | 'waiting' | 'hung' | 'running' | 'settled'

/** Names one session: an id, a prefix of at least 3 characters, or a name or title; or the one that was active last. */
export interface SessionOptions {
  /** Session id, an unambiguous prefix of it, or its name or title. */
  session?: string
  /** The session that was active last, in `project` when it is given. */
  latest?: boolean
  /** Only sessions in the directory of this project. */
  project?: string
}

/** Project that a session belongs to. */
export interface SessionProject {
  /** The set-up project that contains the session, if any. */
  dir: string | null
  /** Working directory of its newest message. */
  cwd: string | null
}

/**
 * Whether a session lives, and whether its work is done. `current`: the caller's own. `active`: a process holds it.
 * `hung`: a process holds it, says it is busy, and shows no sign of work. `orphaned`: no process, unfinished.
 * `completed`: no process, last turn ended.
 */
export type SessionState = 'current' | 'active' | 'hung' | 'orphaned' | 'completed' | 'empty'

/**
 * What every screen calls a session. `current`: it runs the command. `needs-you`: open, and nothing continues before
 * you act. `waiting`: it continues by itself later. `hung`: open without a sign of work. `running`: a turn is under
 * way. `open`: open and idle. `interrupted`: closed with pending work. `finished`: closed, and its last turn ended.
 * `empty`: closed, without a conversation.
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

/** A run of a workflow. Its agents are named by their labels. */
export interface SessionWorkflow {
  /** Id of the run. */
  id: string
  /** Agents whose results a resume of the run uses again. */
  finished: string[]
  /** Agents that a usage limit refused or cut off. */
  refused: string[]
  /** Agents that started and have no result yet: they were cut off, or are still running. */
  cut: string[]
  /** Agents that failed for other reasons. */
  failed: string[]
  /** The tool call that continues it; `null` for a finished run, and where its script is gone. */
  resumeCall: string | null
}

/** A project, or the user's own settings, with hooks of this tool. */
export interface SetupPlace {
  /** Directory of the project; `null` for the user's own settings. */
  project: string | null
  /** The settings files that were edited. */
  scopes: HookScope[]
  /** Paths of the settings files. */
  settings: string[]
  /** The project directory still exists. */
  exists: boolean
}

/** What `setups` found on this machine. */
export interface SetupsReport {
  /** Projects, and the user's own settings. */
  places: SetupPlace[]
  /** Directories that this tool wrote the plugin to. */
  plugins: string[]
  /** What the state directory contains. */
  state: StateStock
}

/** Something of a session that is not copied. */
export interface SkippedFile {
  /** Path of the file. */
  path: string
  /** Reason why it is skipped. */
  why: string
}

/** A process, told from a later one with the same id by its start token. */
export interface StartedProcess {
  /** Id of the process. */
  pid: number
  /** Start token; `null` when it had ended before it could be read. */
  start: string | null
}

/** What `state` does. */
export type StateAction = 'show' | 'list' | 'restore'

/** What `state` tells or does. */
export interface StateOptions {
  /** What to do; `show` when absent. */
  action?: StateAction
  /**
   * Name of a state or the beginning of it, else the id of a session or the beginning of it: its newest state. The
   * last state when absent.
   */
  state?: string
  /** Directory of the project; the working directory when absent. */
  project?: string
  /** Only report what would be done. */
  dryRun?: boolean
}

/** Answer of `state`: `cc-session-recover/state@1`. */
export interface StateReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/state@1'
  /** When it was made. */
  generatedAt: string
  /** Directory of the project. */
  project: string
  /** Whether recovery is set up there, so that states are saved. */
  enabled: boolean
  /** Directory of the states; `null` when there is none. */
  directory: string | null
  /** All retained states, newest first. */
  states: SavedState[]
  /**
   * The last state's file holds none that was saved: somebody has edited it, or it came with the project. It is
   * never handed to a model.
   */
  foreign: boolean
  /**
   * Name of the state that was asked for, or is the last one; `null` for a list, and where the file holds a
   * foreign one.
   */
  chosen: string | null
  /** The text of the chosen one, or of a foreign one; only with `show`. */
  text: string | null
  /** `true`: this is the plan, and nothing was changed. */
  dryRun: boolean
  /** The chosen one is the last state now, or with `dryRun` would be. */
  restored: boolean
  /** Path where a last state is kept that somebody had edited and that was replaced. */
  kept: string | null
}

/** The state directory and what would be lost with it. */
export interface StateStock {
  /** Path of the directory. */
  dir: string
  /** Whether it is there. */
  exists: boolean
  /** Number of sessions that Claude Code deleted and that exist only there. */
  onlyCopies: number
  /** Number of exports stored in it. */
  exports: number
  /** Processes of this tool work with it: a supervisor, or a hook that waits. */
  busy: boolean
}

/** What `status` looks at. */
export interface StatusOptions {
  /** Directory of the project; the working directory when absent. */
  project?: string
  /** Every project on this machine instead of one. */
  all?: boolean
}

/** Answer of `status`: `cc-session-recover/status@1`. */
export interface StatusReport {
  /** Schema name and version of this object. */
  schema: 'cc-session-recover/status@1'
  /** When it was made. */
  generatedAt: string
  /** The project asked about, or `null` for all. */
  project: AskedProject | null
  /** Whether recovery is on here, and how far it goes. Printed by `status` only. */
  recovery: RecoveryOverview
  /** The newest word of each account about its limits, where `init --statusline` lets us hear it. */
  accounts: Account[]
  /** The sessions that match, sorted. */
  sessions: Session[]
  /**
   * Closed sessions that need you and stopped longer ago than `status.recentHours`: how many, what stopped them,
   * and the ids of those that only `repair` helps. They are not in `sessions`. Printed by `status` only.
   */
  older: OlderStops
  /** Files that could not be read, and why. */
  problems: Problem[]
}

/** How and when a session stopped. */
export interface Stop {
  /** What stopped it, or what it is doing. */
  kind: StopKind
  /** Time of the record that tells the stop. */
  at: string | null
  /** When the limit ends; only for limits. */
  resetsAt: string | null
  /** `exact`: epoch seconds from the client's own record. `guess`: read from its text. */
  resetsAtSource: ResetSource | null
  /** The client's own message, without control characters. */
  message: string | null
  /** Id of the transcript record that tells it. */
  record: string | null
  /** The client made the model wrap up near this limit: the turn ended well, the work did not. Missing otherwise. */
  wrappedUp?: boolean
  /** What `kind` rests on. */
  evidence: Evidence[]
}

/**
 * Why a session stopped, or what it is doing when it did not. Read from the transcript's tail, never from an exit
 * code.
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

/** What was found in the transcript of a subagent. Nothing is done to it: the client never sends it. */
export interface SubagentFindings {
  /** Path of its file. */
  path: string
  /** What was found, in the order of the file. */
  findings: Finding[]
  /** Findings that are not in the list, because there are too many. */
  more: number
}

/** Transcripts of a session's subagents. */
export interface Subagents {
  /** Number of subagent transcripts. */
  count: number
  /** Bytes of all of them. */
  bytes: number
  /** Time of the newest record of any of them. */
  lastActivityAt: string | null
}

/** Part of a transcript that was lost since a hook first saw it. */
export interface TranscriptLoss {
  /**
   * `gone`: the file; `shorter`: its end; `headless`: its beginning, because the file was deleted while the
   * session was open.
   */
  lost: TranscriptLossKind
  /** Whether `restore` can bring back the missing part. */
  restorable: boolean
}

export type TranscriptLossKind = 'gone' | 'shorter' | 'headless'

/** How a closed session is resumed. */
export type Transport = 'print' | 'background' | 'terminal'

/** One attempt to continue a session, in an account. */
export interface TriedAttempt {
  /** Time of the attempt. */
  at: string
  /** What was done: `wake` or `resume`. */
  action: string
  /** What came of it. */
  outcome: AttemptOutcome
  /** Path of the copy of the transcript from before; `null` for a wake. */
  snapshot: string | null
  /** What the run did; `null` for a wake, and while it runs. */
  result: RunResult | null
}

/** What `planUninstall` should prepare. */
export interface UninstallOptions {
  project: string
  /** The settings file to remove the hooks from. */
  scope?: HookScope
}

/** Everything `uninstall` will do. */
export interface UninstallPlan {
  project: string
  /** The settings file to remove the hooks from. */
  scope: HookScope
  /**
   * A settings file that nobody touched since gets its earlier bytes back (`restore`); from others only our
   * entries are removed.
   */
  files: FileStep[]
  warnings: string[]
  /** Options that the plan was made from. */
  options: UninstallOptions
}

/** Which closed sessions `watch` looks after. */
export interface WatchOptions {
  /** Only those of these projects (canonical paths); all when missing or empty. */
  projects?: string[]
}

/** What a look of the supervisor came to: `cc-session-recover/watch@1`. */
export interface WatchReport {
  /** Name and version of this form. */
  schema: 'cc-session-recover/watch@1'
  /** Time of the pass. */
  generatedAt: string
  /** Process id of the supervisor that works. */
  supervisor: number
  /** It is this process; else this one only shows what that one does. */
  own: boolean
  /** Sessions that the supervisor watches. */
  sessions: WatchedSession[]
  /** Time of the next pass. The next field is the wait until then, in milliseconds. */
  looksAgainAt: string | null
  /** Milliseconds until the next pass. */
  looksAgainIn: number
  /** Whether recovery still has pending work that does not need the user. */
  owed: boolean
  /** Whether any of it is due now, with no known obstacle. */
  due: boolean
  /** Errors of records that could not be read. */
  problems: Problem[]
}

/** One session that the supervisor looks after. */
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
  /** What the last look came to, when nothing was started although it was due. */
  waits: string | null
  /** Number of runs made for the session. */
  runs: number
  /** How the last run ended. */
  last: string | null
}

/** Combined work of all runs of an incident. */
export interface WorkDone {
  /** Real answers of a model that were added. */
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
  /** Name and version of this form. */
  schema: 'cc-session-recover/error@1'
  /** What failed; the same stands on standard error as text. */
  error: {
    /** Stable name, such as `SESSION_NOT_FOUND`. */
    code: string
    /** What happened. */
    message: string
    /** The file or session that it is about. */
    path: string | null
    /** What to do next. */
    hint: string | null
    /** Exit code of the command. */
    exitCode: number
  }
}

/** What is posted to the webhook of the user's configuration: `cc-session-recover/notice@1`. */
export interface PostedNotice {
  /** Name and version of this form. */
  schema: 'cc-session-recover/notice@1'
  /** What happened to the session. */
  kind: 'stopped' | 'resumed' | 'recovered' | 'held' | 'given-up' | 'dialog-open' | 'open-twice' | 'limit-reset' | 'taken-over' | 'superseded' | 'context-large' | 'context-bloated' | 'not-saved' | 'transcript-lost'
  /** Session id. */
  session: string
  /** Its title, on one line, without known secrets, at most 80 characters. */
  title: string | null
  /** Name of its project's directory, likewise. */
  project: string | null
  /** All of it in fixed sentences. */
  text: string
  /** When it was sent. */
  at: string
}

/** Fields of every error that crosses the boundary. */
export interface RecoverError extends Error {
  /** Stable name, such as `SESSION_NOT_FOUND`. */
  code: string
  /** The file or session it is about. */
  path: string | null
  /** What to do next. */
  hint: string | null
  /** Exit code of the command line for this error. */
  exitCode: number
}
