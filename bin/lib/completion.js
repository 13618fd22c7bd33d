'use strict';

// Completion of command lines, from the same definitions as `--help`. The script of a shell calls `cc-session-recover __complete <shell>
// <words>` and offers the lines that it prints.

const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/** @typedef {import('./output.js').Output} Output */
/** @typedef {{value: string, description: string, isSession?: boolean}} Candidate */
/** @typedef {'dirs' | 'files'} Paths Kind of path that the shell itself completes. */

/** Shells with a completion script. */
const SHELLS = ['bash', 'zsh', 'fish'];

/** Maximum number of offered sessions: more would fill the screen. */
const MOST_SESSIONS = 60;

/** Maximum width of a session's name, in columns. */
const NAME = 50;

/** Names of arguments and option values, by what is offered for them. */
const SESSIONS = new Set(['session', 'target', 'id']);
const DIRECTORIES = new Set(['dir', 'dirs']);
const FILES = new Set(['path', 'export']);

/** Returns the script to source in a shell. @param {string} shell */
function scriptOf(shell) {
  return readFileSync(join(__dirname, 'completions', `cc-session-recover.${shell}`), 'utf8');
}

/**
 * Prints a line for each candidate for the last word.
 *
 * @param {string[]} argv Name of the shell, then the words after the command's name; the last one is completed and may be empty.
 * @param {Output} io
 */
async function complete([shell, ...words], io) {
  const current = words.pop() ?? '';
  const found = await following(words, current, io);
  if (typeof found === 'string') return io.line(`:${found}`);
  const fitting = found.filter(({ value }) => value.startsWith(current));
  for (const candidate of fitting) io.line(lineOf(candidate, shell, fitting.length > 1));
}

/**
 * @param {string[]} words Words before the one that is completed.
 * @param {string} current
 * @param {Output} io
 * @returns {Promise<Candidate[] | Paths>}
 */
async function following(words, current, io) {
  const { programOf } = require('./program.js');
  const program = programOf(words[0] ?? '', io, () => {});
  const help = program.createHelp();
  const command = program.commands.find((one) => one.name() === words[0] || one.aliases().includes(words[0]));
  if (command === undefined) {
    if (words.length > 0 && words[0] !== 'help') return [];
    const verbs = help.visibleCommands(program).map((one) => ({ value: one.name(), description: one.summary() || one.description() }));
    return current.startsWith('-') ? optionsOf(help.visibleOptions(program), []) : verbs;
  }
  const options = help.visibleOptions(command);
  const given = words.slice(1);
  const before = options.find((option) => option.required && stands(option, given.at(-1) ?? ''));
  if (before !== undefined) return valuesOf(before.argChoices, nameOf(before.flags), io);
  if (current.startsWith('-')) return optionsOf(options, given);
  const list = options.find((option) => option.variadic && stands(option, given.findLast((word) => word.startsWith('-')) ?? ''));
  if (list !== undefined) return valuesOf(list.argChoices, nameOf(list.flags), io);
  const position = given.filter((word, index) => !word.startsWith('-') && !options.some((option) => option.required && stands(option, given[index - 1] ?? ''))).length;
  const { registeredArguments: declared } = command;
  const argument = declared[position] ?? (declared.at(-1)?.variadic ? declared.at(-1) : undefined);
  return argument === undefined ? [] : valuesOf(argument.argChoices, argument.name(), io);
}

/** @param {readonly import('commander').Option[]} options @param {string[]} given Options already given, which are left out. */
function optionsOf(options, given) {
  return options
    .filter((option) => option.variadic || !given.some((word) => stands(option, word)))
    .map((option) => ({ value: option.long ?? option.short ?? '', description: option.description }));
}

/** @param {import('commander').Option} option @param {string} word */
function stands({ short, long }, word) {
  return word === short || word === long;
}

/** Returns the name of an option's value: `dir` of `--to <dir>`. @param {string} flags */
function nameOf(flags) {
  return /[<[]([\w-]+)/.exec(flags)?.[1] ?? '';
}

/**
 * @param {string[] | undefined} choices
 * @param {string} name
 * @param {Output} io
 * @returns {Promise<Candidate[] | Paths>}
 */
async function valuesOf(choices, name, io) {
  if (choices !== undefined) return choices.map((value) => ({ value, description: '' }));
  if (DIRECTORIES.has(name)) return 'dirs';
  if (FILES.has(name)) return 'files';
  return SESSIONS.has(name) ? sessions(io) : [];
}

/** Returns the newest sessions by their shortened ids. @param {Output} io @returns {Promise<Candidate[]>} */
async function sessions(io) {
  const { loadAddon } = require('./addon.js');
  const { nameOf: named } = require('./sessions.js');
  const { truncated } = require('./text.js');
  const { shortIds } = require('./wording.js');
  const { sessions: found } = await loadAddon().list({ limit: MOST_SESSIONS });
  const short = shortIds(found.map(({ id }) => id));
  return found.map((session) => ({ value: short.get(session.id) ?? session.id, description: truncated(io.clean(named(session)), NAME), isSession: true }));
}

/**
 * Returns a candidate in the form that the script of the shell reads.
 *
 * @param {Candidate} candidate
 * @param {string | undefined} shell
 * @param {boolean} isListed Whether it is one of several.
 */
function lineOf({ value, description, isSession }, shell, isListed) {
  if (shell === 'zsh') return `${value.replaceAll('\\', '\\\\').replaceAll(':', '\\:')}:${description}`;
  if (shell === 'fish') return `${value}\t${description}`;
  // Bash has no descriptions: Bash lists the text after the id but never inserts it, because the ids already differ.
  return isSession && isListed && description !== '' ? `${value}  ${description}` : value;
}

module.exports = { SHELLS, complete, scriptOf };
