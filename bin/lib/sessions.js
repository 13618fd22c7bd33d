'use strict';

// Sessions as the user reads them, whatever the screen: what one is called, how its state is coloured, what its context asks
// for, and the command that resumes it. What is true of a session, with its group, comes from the addon.

const { cleaned, truncated } = require('./text.js');
const { commandWords, sizeWords, statusWords, tokenWords } = require('./wording.js');

/** @typedef {import('../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../src/ffi/types.js').Problem} Problem */
/** @typedef {import('../../src/ffi/types.js').SessionState} SessionState */
/** @typedef {import('./output.js').Output} Output */
/** @typedef {import('./output.js').View} View */
/** @typedef {import('./table.js').Below} Below */
/** @typedef {import('../../src/ffi/types.js').SessionGroup} SessionGroup */

/** Widest name of a session in a table. */
const NAME_COLUMNS = 60;

/** Widest path in a table. */
const PATH_COLUMNS = 60;

/** @param {SessionGroup} group @param {View['colours']} colours */
function styleOf(group, colours) {
  return { 'needs-you': colours.red, waiting: colours.yellow, hung: colours.red, running: colours.green, settled: colours.dim }[group];
}

/** The status in a word or two, coloured by what it means for a person. @param {Session} session @param {View['colours']} colours */
function stateCell(session, colours) {
  return { text: statusWords(session), style: styleOf(session.group, colours) };
}

/** What a session is called: its name, its title, or what it was asked last. @param {Session} session */
function nameOf(session) {
  return session.name ?? session.title ?? session.lastPrompt ?? '';
}

/** @param {Session} session */
function directoryOf(session) {
  return session.project.dir ?? session.project.cwd ?? '';
}

/**
 * What to know about a session's size before it goes on; empty when nothing.
 *
 * @param {Session} session
 * @returns {string[]}
 */
function sizeWarnings({ context, oversized, bytes }) {
  const warnings = [];
  if (context !== null && (context.advice === 'large' || context.advice === 'bloated')) {
    const full = context.percent === null ? `${tokenWords(context.tokens)} tokens` : `${Math.round(context.percent)} % full`;
    const next = context.next ?? (context.advice === 'large' ? 'compact it soon' : 'begin a fresh session from the note');
    warnings.push(`context ${full}: ${next}`);
  }
  if (oversized) warnings.push(`transcript of ${sizeWords(bytes)}: slow to open; a fresh session from the note is lighter`);
  return warnings;
}

/**
 * The command that resumes a session, ready to paste; `null` when a person cannot.
 *
 * @param {Session} session As it came from the addon: cleaning would change paths.
 */
function resumeCommand({ commands, next, project }) {
  if (commands?.resume) return commandWords(commands.resume, commands.cwd, { env: commands.env });
  // Where the directory is gone there is nothing to change to.
  const where = next.reason === 'directory-gone' ? null : (project.cwd ?? project.dir);
  return next.argv === null ? null : commandWords(next.argv, where);
}

/**
 * How full a session's context is, for a narrow column.
 *
 * @param {Session} session
 * @param {View['colours']} colours
 */
function contextCell({ context }, colours) {
  if (context === null) return '';
  const text = context.percent === null ? tokenWords(context.tokens) : `${Math.round(context.percent)} %`;
  return context.advice === 'large' || context.advice === 'bloated' ? { text, style: colours.yellow } : text;
}

/** What could not be read, beside the result. @param {Problem[]} problems @param {Output} io */
function printProblems(problems, io) {
  for (const line of problemLines(problems, { width: null, colours: io.colours })) io.remark(line);
}

/** @param {Problem[]} problems @param {View} view */
function problemLines(problems, { width, colours }) {
  return cleaned(problems).map(({ path, message }) => {
    const what = `${path === null || message.includes(path) ? '' : `${path}: `}${message}`;
    return `${colours.yellow('warning')}: ${width === null ? what : truncated(what, Math.max(width - 'warning: '.length, 1))}`;
  });
}

module.exports = { NAME_COLUMNS, PATH_COLUMNS, contextCell, directoryOf, nameOf, printProblems, problemLines, resumeCommand, sizeWarnings, stateCell, styleOf };
