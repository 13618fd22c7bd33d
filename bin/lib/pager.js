'use strict';

// The pager of long results on a terminal: `$PAGER`, else `less -FRX`. The variable is the user's own, as for git and man.

const { spawn } = require('node:child_process');

const DEFAULT = 'less -FRX';

/** What only a shell understands. */
const NEEDS_SHELL = /[^\w ./:=@%+,-]/;

function ignore() {}

/**
 * Program and arguments; `null` where the user wants no pager.
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
 * @returns {Promise<boolean>} Whether there was a pager that showed it.
 */
function shownInPager(text, env) {
  const command = pagerCommand(env.PAGER);
  if (command === null) return Promise.resolve(false);
  return new Promise((resolve) => {
    const pager = spawn(command[0], command[1], { stdio: ['pipe', 'inherit', 'inherit'] });
    // Ctrl-C is the pager's: it stops a search there, and the command ends with the pager.
    process.on('SIGINT', ignore);
    const end = (/** @type {boolean} */ shown) => {
      process.off('SIGINT', ignore);
      resolve(shown);
    };
    pager.once('error', () => end(false));
    // 127 is the shell's word for a program that it did not find.
    pager.once('close', (code) => end(code !== 127));
    // The user may leave before everything is read.
    pager.stdin.on('error', ignore);
    pager.stdin.end(text);
  });
}

module.exports = { pagerCommand, shownInPager };
