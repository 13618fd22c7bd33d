'use strict';

// The errors of commander in the form of all others: what cannot be understood, and a command that helps.

const { UsageError } = require('./errors.js');
const { ownName } = require('./wording.js');

/** @typedef {import('./program.js').Verb} Verb */

/**
 * @param {{code: string, message: string}} error
 * @param {string} word First word of the command line.
 * @param {Verb | null} verb The verb, if the word names one.
 * @param {string[]} words Words after it.
 * @returns {InstanceType<typeof UsageError>}
 */
function usageError({ code, message }, word, verb, words) {
  const help = `\`${ownName()} ${verb === null ? '' : `${verb.name} `}--help\` shows its options`;
  const [what, found] = /^error: ([^]*?)(?:\n\(Did you mean ([^]*)\?\))?$/.exec(message)?.slice(1) ?? [message];
  if (code === 'commander.unknownCommand' && word === 'version') return new UsageError(what, `${ownName()} --version prints it`);
  if (code === 'commander.unknownOption') {
    const typed = /'(.*)'/.exec(what)?.[1] ?? '';
    const likely = found ?? startingWith(typed, verb);
    return new UsageError(what, likely === undefined ? help : `did you mean ${likely}? ${help}`);
  }
  if (found !== undefined) return new UsageError(what, `did you mean ${found}? ${help}`);
  if (code === 'commander.excessArguments') {
    const [first] = verb?.arguments ?? [];
    const value = words.find((one) => !one.startsWith('-'));
    if (first?.choices !== undefined && value !== undefined && !first.choices.includes(value)) return notAChoice(verb?.name ?? word, first.choices, value, help);
    return new UsageError('too many arguments', help);
  }
  if (code === 'commander.missingArgument') {
    const choices = verb?.arguments?.find(({ flags }) => flags === `<${/'(.*)'/.exec(what)?.[1]}>`)?.choices;
    return new UsageError(what, choices === undefined ? help : `give ${either(choices)}`);
  }
  const invalid = /^(?:option '(?:-\w, )?(--[\w-]+).*?' argument|command-argument value) '(.*?)' is invalid.*Allowed choices are (.*)\.$/s.exec(what);
  if (invalid !== null) return notAChoice(invalid[1] ?? verb?.name ?? word, invalid[3].split(', '), invalid[2], help);
  return new UsageError(what, help);
}

/** @param {string} name @param {readonly string[]} choices @param {string} value @param {string} help */
function notAChoice(name, choices, value, help) {
  return new UsageError(`${name} takes ${either(choices)}, not '${value}'`, help);
}

/** @param {readonly string[]} words */
function either(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Returns the options that begin with what was typed. @param {string} typed @param {Verb | null} verb @returns {string | undefined} */
function startingWith(typed, verb) {
  if (!/^--\w{2}/.test(typed)) return undefined;
  const flags = (verb?.options ?? []).flatMap((option) => option.flags.split(/[ ,]+/)).filter((flag) => flag.startsWith(typed));
  return flags.length === 0 ? undefined : either(flags);
}

module.exports = { usageError };
