'use strict';

// Opens a session, whose client owns the terminal until it ends, or a file with the system's default program.

const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const { RecoverError } = require('./errors.js');

/** @typedef {import('../../src/ffi/types.js').ResumeReport} ResumeReport */
/** @typedef {import('../../src/ffi/types.js').ResumePlan} ResumePlan */

/**
 * @param {ResumeReport} report With exactly one plan, which is not refused.
 * @returns {Promise<number>} The client's exit code.
 */
async function openSession({ plans: [plan], problems }) {
  if (plan.program === null) {
    const wrong = problems.find(({ code }) => code === 'CLIENT_NOT_FOUND');
    if (wrong !== undefined) throw new RecoverError(wrong.code, wrong.message, { path: wrong.path });
    throw new RecoverError('CLIENT_NOT_FOUND', 'cannot find claude on PATH outside the project', { hint: 'install Claude Code, or set CC_RECOVER_CLAUDE to its absolute path' });
  }
  return giveTerminal(plan);
}

/** @param {ResumePlan} plan @returns {Promise<number>} */
function giveTerminal({ argv, program, cwd, env, unset }) {
  const environment = { ...process.env, ...env };
  for (const name of unset) delete environment[name];
  const [, ...words] = /** @type {string[]} */ (argv);
  const child = spawn(/** @type {string} */ (program), words, { cwd: /** @type {string} */ (cwd), env: environment, stdio: 'inherit' });
  // The terminal sends its own signals to both processes; a signal sent only to this process is passed on.
  const pass = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  const heeded = /** @type {const} */ ([['SIGINT', noted], ['SIGQUIT', noted], ['SIGTERM', pass], ['SIGHUP', pass]]);
  for (const [signal, heed] of heeded) process.on(signal, heed);
  const ended = new Promise((done, failed) => {
    child.on('error', failed);
    child.on('exit', (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  return ended.finally(() => {
    for (const [signal, heed] of heeded) process.off(signal, heed);
  });
}

/** Ignores a signal that the terminal has also sent to the client. */
function noted() {}

/**
 * Opens a file with the system's default program and does not wait for it.
 *
 * @param {string} path
 * @param {import('./output.js').Output} io
 */
function openFile(path, io) {
  const [program, ...words] = { darwin: ['open'], win32: ['explorer.exe'] }[/** @type {'darwin'} */ (process.platform)] ?? ['xdg-open'];
  const child = spawn(program, [...words, path], { detached: true, stdio: 'ignore' });
  child.on('error', () => io.error('No program to open it was found; open this file in a browser.'));
  child.unref();
}

module.exports = { openFile, openSession };
