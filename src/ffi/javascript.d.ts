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
