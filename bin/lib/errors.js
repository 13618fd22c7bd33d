'use strict';

// An error as a person meets it: what happened, which file or session it is about, what to do next, and the exit code.
// Errors of the native addon already carry these fields; the ones made in JavaScript are built here with the same ones.

const { EXIT, exitOfError } = require('./exit.js');

/** An error with the same fields as one that comes out of the native addon. */
class RecoverError extends Error {
  /**
   * @param {string} code Stable name, such as `SETTINGS_UNPARSABLE`.
   * @param {string} message What happened, as a sentence without a full stop.
   * @param {{path?: string | null, hint?: string | null, cause?: unknown}} [details]
   *   The file or session it is about, what to do next, the error behind it. The code decides the exit code.
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
 * Tells what to print for an error, what `--json` prints of it, and how to end.
 *
 * A broken pipe is success: whoever reads has seen enough. Anything without our fields is a fault of the program; its stack
 * is shown only when `CC_RECOVER_DEBUG` is set.
 *
 * @param {any} error
 * @param {Record<string, string | undefined>} env
 * @returns {{lines: string[], report: import('../../src/ffi/types.js').ErrorReport | null, exitCode: number}}
 */
function explain(error, env) {
  if (error?.code === 'EPIPE') return { lines: [], report: null, exitCode: EXIT.done };
  const ours = typeof error?.exitCode === 'number' && typeof error?.code === 'string';
  const message = ours ? error.message : `internal error: ${error?.message ?? String(error)}`;
  // Messages of the addon are fragments, made to follow what they are about.
  const whole = ours && error.path && !message.includes(error.path) ? `${error.path.replaceAll('\n', ' ')}: ${message}` : message;
  // Only the candidates of a name stand in lines of their own: their texts have no line breaks, and those of other errors may.
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
