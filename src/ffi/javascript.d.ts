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
