'use strict';

// An error as a person meets it: what happened, which file or session it is about, what to do next, and the exit code.
// Errors of the native addon already carry these fields; the ones made in JavaScript are built here with the same ones.

/** Exit codes of the command line. They are part of the interface: scripts rely on them. */
const EXIT = Object.freeze({
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unverified: 5,
  nothingToDo: 6,
});

/** An error with the same fields as one that comes out of the native addon. */
class RecoverError extends Error {
  /**
   * @param {string} code Stable name, such as `SETTINGS_UNPARSABLE`.
   * @param {string} message What happened, as a sentence without a full stop.
   * @param {{path?: string | null, hint?: string | null, exitCode?: number, cause?: unknown}} [details]
   *   The file or session it is about, what to do next, the exit code (1 when absent), the error behind it.
   */
  constructor(code, message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RecoverError';
    this.code = code;
    this.path = details.path ?? null;
    this.hint = details.hint ?? null;
    this.exitCode = details.exitCode ?? EXIT.failed;
  }
}

/** A command line that cannot be understood. */
class UsageError extends RecoverError {
  /**
   * @param {string} message What cannot be understood.
   * @param {string} [hint] What to type instead.
   */
  constructor(message, hint) {
    super('USAGE', message, { hint, exitCode: EXIT.usage });
    this.name = 'UsageError';
  }
}

/**
 * Tells what to print for an error and how to end.
 *
 * A broken pipe is success: whoever reads has seen enough. Anything without our fields is a fault of the program; its stack
 * is shown only when `CC_RECOVER_DEBUG` is set.
 *
 * @param {any} error
 * @param {Record<string, string | undefined>} env
 * @returns {{lines: string[], exitCode: number}}
 */
function explain(error, env) {
  if (error?.code === 'EPIPE') return { lines: [], exitCode: EXIT.done };
  const ours = typeof error?.exitCode === 'number' && typeof error?.code === 'string';
  const lines = [ours ? error.message : `internal error: ${error?.message ?? String(error)}`];
  if (error?.path && !lines[0].includes(error.path)) lines.push(`  where: ${error.path}`);
  if (error?.hint) lines.push(`  next: ${error.hint}`);
  if (env.CC_RECOVER_DEBUG) lines.push(...String(error?.stack ?? error).split('\n'));
  else if (!ours) lines.push('  next: run it again with CC_RECOVER_DEBUG=1 and report what it prints');
  return { lines, exitCode: ours ? error.exitCode : EXIT.failed };
}

module.exports = { EXIT, RecoverError, UsageError, explain };
