'use strict';

// Options that every verb accepts: `--color` and `--quiet`. They are read before the verb, wherever they occur, so that no option of the
// program can consume an argument of a verb that has an option of the same name.

const { UsageError } = require('./errors.js');

const WHEN = new Set(['auto', 'always', 'never']);

/** The global options as the help prints them. */
const GLOBAL_OPTIONS = [
  { flags: '--color [when]', description: 'colors: auto, always or never, as in --color=never (default: auto)' },
  { flags: '-q, --quiet', description: 'print no progress and no warnings, only results and errors' },
];

/**
 * @param {string[]} argv
 * @param {(flag: string) => boolean} isOfVerb Whether the verb has its own option of this name.
 * @returns {{color: 'auto' | 'always' | 'never', quiet: boolean, rest: string[]}}
 */
function readGlobalOptions(argv, isOfVerb) {
  /** @type {ReturnType<typeof readGlobalOptions>} */
  const read = { color: 'auto', quiet: false, rest: [] };
  for (const [index, word] of argv.entries()) {
    if (word === '--') return { ...read, rest: [...read.rest, ...argv.slice(index)] };
    const [flag, value] = /^(--color)=(.*)$/.exec(word)?.slice(1) ?? [word];
    if (flag === '--color') read.color = whenOf(value ?? 'always');
    else if (flag === '--no-color') read.color = 'never';
    else if ((flag === '--quiet' || flag === '-q') && !isOfVerb(flag)) read.quiet = true;
    else read.rest.push(word);
  }
  return read;
}

/** @param {string} value @returns {'auto' | 'always' | 'never'} */
function whenOf(value) {
  if (!WHEN.has(value)) throw new UsageError(`--color takes auto, always or never, not '${value}'`, 'for example --color=never');
  return /** @type {any} */ (value);
}

module.exports = { GLOBAL_OPTIONS, readGlobalOptions };
