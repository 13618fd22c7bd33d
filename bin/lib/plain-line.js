'use strict';

// Reads a command line that consists of switches and words only, such as `status --all --json`. Loading commander takes longer than most
// verbs run, and such a line needs none of its rules. For any other line it returns `null`, and commander reads the line: only commander
// handles values, choices, defaults, conflicts, help and errors.

/**
 * @param {Pick<import('./program.js').Verb, 'arguments' | 'options'>} verb
 * @param {string[]} words Words after the name of the verb.
 * @returns {Record<string, any> | null} Arguments and options by name, as commander would return them.
 */
function readPlainLine({ arguments: declared = [], options = [] }, words) {
  if (options.some(({ flags, default: fallback }) => fallback !== undefined || flags.includes('--no-'))) return null;
  const switches = switchesOf(options);
  /** @type {Record<string, any>} */
  const args = {};
  const values = [];
  for (const word of words) {
    const name = switches.get(word);
    if (name !== undefined) args[name] = true;
    else if (word.startsWith('-')) return null;
    else values.push(word);
  }
  if (values.length > declared.length) return null;
  for (const [index, { flags, choices }] of declared.entries()) {
    const isOptional = flags.startsWith('[');
    if (choices !== undefined || flags.includes('...') || (!isOptional && values.length <= index)) return null;
    args[flags.slice(1, -1)] = values[index];
  }
  return args;
}

/** Returns the names of options by their flags. @param {NonNullable<import('./program.js').Verb['options']>} options */
function switchesOf(options) {
  const switches = new Map();
  for (const { flags, conflicts } of options) {
    if (conflicts !== undefined || /[<[]/.test(flags)) continue;
    const words = flags.split(', ');
    const long = /** @type {string} */ (words.at(-1)).slice(2);
    for (const word of words) switches.set(word, long.replace(/-(\w)/g, (_, letter) => letter.toUpperCase()));
  }
  return switches;
}

module.exports = { readPlainLine };
