'use strict';

// Errors as the user sees them: what happened, the file or session, what to do next, and the exit code. Errors of the native addon already
// have these fields; errors from JavaScript get the same fields here.

const { EXIT, exitOfError } = require('./exit.js');

/** An error with the same fields as one of the native addon. */
class RecoverError extends Error {
  /**
   * @param {string} code Stable name, such as `SETTINGS_UNPARSABLE`.
   * @param {string} message What happened, as a sentence without a full stop.
   * @param {{path?: string | null, hint?: string | null, cause?: unknown}} [details]
   *   The file or session, what to do next, and the underlying error. The exit code follows from `code`.
   */
  constructor(code, message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RecoverError';
    this.code = code;
    this.path = details.path ?? null;
    this.hint = details.hint ?? null;
    this.exitCode = exitOfError(code);
  }
}

/** A command line that cannot be understood. */
class UsageError extends RecoverError {
  /**
   * @param {string} message What cannot be understood.
   * @param {string} [hint] What to type instead.
   */
  constructor(message, hint) {
    super('USAGE', message, { hint });
    this.name = 'UsageError';
  }
}

/**
 * Returns the lines to print for an error, its report for `--json`, and the exit code.
 *
 * A broken pipe is success: the reader has seen enough. An error without our fields is a bug in this program; the stack is shown only if
 * `CC_RECOVER_DEBUG` is set.
 *
 * @param {any} error
 * @param {Record<string, string | undefined>} env
 * @returns {{lines: string[], report: import('../../src/ffi/types.js').ErrorReport | null, exitCode: number}}
 */
function explain(error, env) {
  if (error?.code === 'EPIPE') return { lines: [], report: null, exitCode: EXIT.done };
  const ours = typeof error?.exitCode === 'number' && typeof error?.code === 'string';
  const message = ours ? error.message : `internal error: ${error?.message ?? String(error)}`;
  // Messages of the addon are fragments that follow the path they are about.
  const whole = ours && error.path && !message.includes(error.path) ? `${error.path.replaceAll('\n', ' ')}: ${message}` : message;
  // Split only the errors that list candidates: their texts contain no other line breaks, and those of other errors may.
  const inLines = ours && (error.code === 'SESSION_AMBIGUOUS' || error.code === 'SESSION_NOT_FOUND');
  const lines = inLines ? whole.split('\n') : [whole];
  if (error?.hint) lines.push(...(inLines ? `  next: ${error.hint}`.split('\n') : [`  next: ${error.hint}`]));
  if (env.CC_RECOVER_DEBUG) lines.push(...String(error?.stack ?? error).split('\n'));
  else if (!ours) lines.push('  next: run it again with CC_RECOVER_DEBUG=1 and report what it prints');
  const exitCode = ours ? error.exitCode : exitOfError('INTERNAL');
  const { path = null, hint = null } = ours ? error : {};
  return { lines, report: reportOf({ code: ours ? error.code : 'INTERNAL', message, path, hint, exitCode }), exitCode };
}

/** @param {import('../../src/ffi/types.js').ErrorReport['error']} error @returns {import('../../src/ffi/types.js').ErrorReport} */
function reportOf(error) {
  return { schema: 'cc-session-recover/error@1', error };
}

module.exports = { RecoverError, UsageError, explain, reportOf };
