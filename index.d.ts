// Types of the values that cross from Rust to JavaScript.
// Times are RFC 3339 UTC text, sizes are bytes, durations are seconds unless the name says otherwise; `null` means unknown.

/** Why a session stopped, or what it is doing when it did not. Read from the transcript's tail, never from an exit code. */
export type StopKind =
  | 'finished'
  | 'usage-limit-5h'
  | 'usage-limit-weekly'
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

/** Whether a session lives, and whether its work is done. */
export type SessionState = 'current' | 'active' | 'orphaned' | 'completed'

/** One fact a verdict rests on: where it was read and what it says. */
export interface Evidence {
  /** `transcript`, `registry`, `hook`, `process`, `store` or `clock`. */
  source: string
  /** The fact in one sentence. */
  fact: string
}

/** How and when a session stopped. */
export interface Stop {
  kind: StopKind
  /** Time of the record that tells the stop. */
  at: string | null
  /** When the limit ends; only for limits. */
  resetsAt: string | null
  /** `exact`: epoch seconds from the client's own record. `guess`: read from its text. */
  resetsAtSource: 'exact' | 'guess' | null
  /** The client's own message, without control characters. */
  message: string | null
  /** Id of the transcript record that tells it. */
  record: string | null
  evidence: Evidence[]
}

/** The process that holds a session, proved by process id and start time. */
export interface LiveProcess {
  pid: number
  tty: string | null
  startedAt: string | null
  /** The client's own word: `busy`, `idle`, `waiting`; `null` for clients that do not write it. */
  status: string | null
  waitingFor: string | null
}

/** What happens next to a session, when, and why. */
export interface NextStep {
  /** `wake`: the waiting hook continues it. `client`: Claude Code continues it itself. `resume`: a person resumes it with `argv`. `notify`: a person must act. `none`: nothing is owed. */
  action: 'wake' | 'client' | 'resume' | 'notify' | 'none'
  at: string | null
  why: string
  /** The command a person would run, or `null`. */
  argv: string[] | null
}

/** One attempt to continue a session. */
export interface Attempt {
  at: string
  action: string
  /** The kind of stop it answered. */
  answered: StopKind
  outcome: 'pending' | 'continued' | 'stopped-again' | 'no-effect'
}

/** A stop that is being looked after, as it is stored. */
export interface Incident {
  version: number
  session: string
  /** Grows with every new stop of the session. */
  generation: number
  project: string | null
  configDir: string | null
  transcript: string
  stop: Stop
  permissionMode: string | null
  model: string | null
  cwd: string | null
  clientVersion: string | null
  /** `cli` (terminal, background) or `sdk-cli` (`-p`). */
  entrypoint: string | null
  /** Process id of the client at the time of the stop. */
  claudePid: number | null
  /** Start token of that process, which tells it from a later one with the same id. */
  claudeStart: string | null
  createdAt: string
  updatedAt: string
  /** When the first of the present run of stops happened. */
  firstStopAt: string | null
  phase: 'open' | 'waiting' | 'attempting' | 'recovered' | 'moved-on' | 'held' | 'given-up' | 'cancelled'
  /** Attempts since the session last worked. */
  attempts: Attempt[]
  /** Times of all wakes of the last 24 hours. */
  cycles: string[]
  /** What was planned; `next` of the session says what is true now. */
  plan: NextStep
  evidence: Evidence[]
}

/** Tokens of the last real turn. */
export interface ContextSize {
  tokens: number
  window: number | null
  percent: number | null
  advice: string | null
}

/** One session as every verb reports it: `cc-session-recover/session@1`. */
export interface Session {
  schema: 'cc-session-recover/session@1'
  id: string
  name: string | null
  title: string | null
  project: { dir: string | null; cwd: string | null }
  configDir: string | null
  transcript: string
  bytes: number
  state: SessionState
  activity: 'busy' | 'idle' | 'waiting' | null
  stop: Stop
  live: LiveProcess | null
  startedAt: string | null
  lastActivityAt: string | null
  lastPrompt: string | null
  turns: number | null
  context: ContextSize | null
  model: string | null
  permissionMode: string | null
  gitBranch: string | null
  clientVersion: string | null
  incident: Incident | null
  next: NextStep
}

/** A file or directory that could not be read; the rest of the report stands. */
export interface Problem {
  path: string | null
  code: string
  message: string
}

/** Answer of {@link status}: `cc-session-recover/status@1`. */
export interface StatusReport {
  schema: 'cc-session-recover/status@1'
  generatedAt: string
  /** The project asked about, or `null` for all. */
  project: { dir: string; enabled: boolean } | null
  sessions: Session[]
  problems: Problem[]
}

/** What {@link status} looks at. */
export interface StatusOptions {
  /** Directory of the project; the working directory when absent. */
  project?: string
  /** Every project on this machine instead of one. */
  all?: boolean
}

/** What {@link cancel} should cancel. */
export interface CancelOptions {
  /** Session id, an unambiguous prefix of at least 4 characters, or the session's name or title. */
  session?: string
  all?: boolean
  dryRun?: boolean
}

/** Answer of {@link cancel}. */
export interface CancelReport {
  dryRun: boolean
  /** Incidents that are (or with `dryRun` would be) no longer continued. */
  cancelled: { session: string; project: string | null; phase: string; plan: NextStep }[]
}

/** What {@link planInit} should prepare. */
export interface InitOptions {
  /** Directory of the project. */
  project: string
  /** Where the hooks go: `.claude/settings.json`, `.claude/settings.local.json`, or the user's own `settings.json`. */
  scope?: 'project' | 'local' | 'user'
  /** `false` writes no hooks and no launcher. */
  hooks?: boolean
  /** `true` leaves `.git/info/exclude` alone. */
  share?: boolean
  /** Root of the running package, from which the runtime is copied. */
  packageRoot: string
  /** The loaded addon, when it is not in the package's root. */
  addon?: string
}

/** One file that `init` or `uninstall` creates, replaces or removes. */
export interface FileStep {
  path: string
  action: 'create' | 'replace' | 'append' | 'remove' | 'restore' | 'keep'
  why: string
  /** Text before and after, for a diff; `null` when the file does not exist or is not text. */
  before: string | null
  after: string | null
}

/** One hook entry to be present in a settings file. */
export interface HookEntry {
  event: string
  /** `null`: no `matcher` key. */
  matcher: string | null
  /** The object that goes into `hooks[]`. */
  hook: Record<string, unknown>
}

/** A settings file as it is, and what should be in it. */
export interface SettingsTarget {
  path: string
  /** Path after following a permitted symbolic link. */
  realPath: string
  /** Text as it is, with its byte order mark; `null` when there is no file. */
  text: string | null
  /** SHA-256 of the bytes, in hex; `null` when there is no file. */
  sha256: string | null
  entries: HookEntry[]
  /** A hook command that contains this text is ours. */
  marker: string
}

/** Everything `init` will do, as a value. Nothing is written before {@link applyInit}. */
export interface InitPlan {
  project: string
  scope: 'project' | 'local' | 'user'
  settings: SettingsTarget | null
  files: FileStep[]
  runtime: { from: string; to: string | null; why: string }
  warnings: string[]
  /** The options the plan was made from. */
  options: InitOptions
}

/** What `init` did. */
export interface InitReport {
  project: string
  scope: 'project' | 'local' | 'user'
  /** `false`: everything was already as it should be. */
  changed: boolean
  files: FileStep[]
  warnings: string[]
}

/** What {@link planUninstall} should prepare. */
export interface UninstallOptions {
  project: string
  scope?: 'project' | 'local' | 'user'
}

/** Everything `uninstall` will do. */
export interface UninstallPlan {
  project: string
  scope: 'project' | 'local' | 'user'
  /** `restore`: nobody touched the file since, so its earlier bytes come back. `edit`: only our entries are taken out. `keep`: nothing of ours is in it. */
  settingsAction: 'restore' | 'edit' | 'keep'
  settings: SettingsTarget | null
  files: FileStep[]
  warnings: string[]
  options: UninstallOptions
}

/** What `uninstall` did. */
export type UninstallReport = InitReport

/** What {@link inspect} reads. */
export interface InspectOptions {
  transcript: string
  /** Whether a process holds the session; `null` or absent: unknown, the registry is asked. */
  alive?: boolean | null
  /** The live client's own status word, with `alive: true`. */
  status?: string | null
}

/** What a hook payload says, without looking at any file. */
export interface PayloadReading {
  event: string
  session: string | null
  /** For `StopFailure`: the kind of stop, or `null` when it is no stop of the session (a subagent's). */
  kind: StopKind | null
  subagent: boolean
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

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/**
 * Sets a project up as planned; `settings` is the edited text of the settings file, `null` without hooks.
 *
 * Rejects with `CHANGED_MEANWHILE` when something changed since the plan, else as {@link planInit}.
 */
export declare function applyInit(plan: InitPlan, settings: string | null): Promise<InitReport>

/**
 * Takes recovery out as planned; `settings` is the text without our entries when `settingsAction` is `edit`.
 *
 * Rejects with `CHANGED_MEANWHILE` when something changed since the plan, else as {@link planUninstall}.
 */
export declare function applyUninstall(plan: UninstallPlan, settings: string | null): Promise<UninstallReport>

/**
 * Cancels what is planned for stopped sessions.
 *
 * Rejects with `USAGE`, `SESSION_NOT_FOUND`, `SESSION_AMBIGUOUS` or `NOTHING_TO_DO`.
 */
export declare function cancel(options: CancelOptions): Promise<CancelReport>

/**
 * Handles the hook event on standard input. `project` is the directory whose launcher was started, `null` for the
 * user's own hooks. May block for as long as a session waits.
 */
export declare function hook(project?: string | undefined | null): HookOutcome

/** What a hook process does when its work is over. */
export interface HookOutcome {
  /** 0, or 2 to wake the session. */
  exitCode: number
  /** Text for standard output. */
  stdout?: string
  /** Text for standard error. */
  stderr?: string
}

/**
 * Reads one transcript, wherever it is.
 *
 * Rejects with `TRANSCRIPT_UNREADABLE`, `PATH_REFUSED` or `IO`.
 */
export declare function inspect(options: InspectOptions): Promise<Session>

/**
 * Plans the setting up of a project. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND`, `PATH_REFUSED` or `IO`.
 */
export declare function planInit(options: InitOptions): Promise<InitPlan>

/**
 * Plans the taking out. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND`, `PATH_REFUSED` or `IO`.
 */
export declare function planUninstall(options: UninstallOptions): Promise<UninstallPlan>

/** Reads a hook payload, without looking at any file. Unusable text gives `null`. */
export declare function readPayload(payload: string): PayloadReading | null

/**
 * Stopped, waiting and running sessions of a project or of all. Reads only.
 *
 * Rejects with `PROJECT_NOT_FOUND` or `STATE_DIR_UNKNOWN`.
 */
export declare function status(options?: StatusOptions): Promise<StatusReport>

/** Version of the native part. */
export declare function version(): string
