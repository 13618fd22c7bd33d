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
