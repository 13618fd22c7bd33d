'use strict';

// Shows long results on a terminal in a pager: `$PAGER` or, by default, `less -FRX`. As with git and man, the user sets the
// variable.

const { spawn } = require('node:child_process');

const DEFAULT = 'less -FRX';

/** Characters that only a shell interprets. */
const NEEDS_SHELL = /[^\w ./:=@%+,-]/;

function ignore() {}

/**
 * Returns program and arguments; `null` if the user wants no pager.
 *
 * @param {string | undefined} wanted `$PAGER`.
 * @returns {[string, string[]] | null}
 */
function pagerCommand(wanted) {
  const line = (wanted ?? DEFAULT).trim();
  if (line === '' || line === 'cat') return null;
  if (NEEDS_SHELL.test(line)) return process.platform === 'win32' ? null : ['sh', ['-c', line]];
  const [program, ...args] = line.split(/ +/);
  return [program, args];
}

/**
 * Shows a text in the pager until the user leaves it.
 *
 * @param {string} text
 * @param {Record<string, string | undefined>} env
 * @returns {Promise<boolean>} Whether a pager showed the text.
 */
function shownInPager(text, env) {
  const command = pagerCommand(env.PAGER);
  if (command === null) return Promise.resolve(false);
  return new Promise((resolve) => {
    const pager = spawn(command[0], command[1], { stdio: ['pipe', 'inherit', 'inherit'] });
    // Ctrl-C belongs to the pager: it stops a search there, and the command ends with the pager.
    process.on('SIGINT', ignore);
    const end = (/** @type {boolean} */ shown) => {
      process.off('SIGINT', ignore);
      resolve(shown);
    };
    pager.once('error', () => end(false));
    // A shell exits with 127 if it does not find the program.
    pager.once('close', (code) => end(code !== 127));
    // The user may leave the pager before it has read everything.
    pager.stdin.on('error', ignore);
    pager.stdin.end(text);
  });
}

module.exports = { pagerCommand, shownInPager };
