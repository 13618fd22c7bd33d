'use strict';

// Words for sessions, shared by all screens: name, color of the status, advice about the context, and the command that resumes a session.
// The facts about a session, including its group, come from the addon.

const { cleaned, truncated } = require('./text.js');
const { commandWords, sizeWords, statusWords, tokenWords } = require('./wording.js');

/** @typedef {import('../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../src/ffi/types.js').Problem} Problem */
/** @typedef {import('../../src/ffi/types.js').SessionState} SessionState */
/** @typedef {import('./output.js').Output} Output */
/** @typedef {import('./output.js').View} View */
/** @typedef {import('./table.js').Below} Below */
/** @typedef {import('../../src/ffi/types.js').SessionGroup} SessionGroup */

/** Maximum width of a session's name in a table. */
const NAME_COLUMNS = 60;

/** Maximum width of a path in a table. */
const PATH_COLUMNS = 60;

/** @param {SessionGroup} group @param {View['colours']} colours */
function styleOf(group, colours) {
  return { 'needs-you': colours.red, waiting: colours.yellow, hung: colours.red, running: colours.green, settled: colours.dim }[group];
}

/** Returns the status in one or two words, coloured by the session's group. @param {Session} session @param {View['colours']} colours */
function stateCell(session, colours) {
  return { text: statusWords(session), style: styleOf(session.group, colours) };
}

/** Returns the name of a session or, without one, its title or last prompt. @param {Session} session */
function nameOf(session) {
  return session.name ?? session.title ?? session.lastPrompt ?? '';
}

/** @param {Session} session */
function directoryOf(session) {
  return session.project.dir ?? session.project.cwd ?? '';
}

/**
 * Returns warnings about a session's size before it is resumed; empty if there are none.
 *
 * @param {Session} session
 * @returns {string[]}
 */
function sizeWarnings({ context, oversized, bytes }) {
  const warnings = [];
  if (context !== null && (context.advice === 'large' || context.advice === 'bloated')) {
    const full = context.percent === null ? `${tokenWords(context.tokens)} tokens` : `${Math.round(context.percent)} % full`;
    const next = context.next ?? (context.advice === 'large' ? 'compact it soon' : 'start a fresh session from the note');
    warnings.push(`context ${full}: ${next}`);
  }
  if (oversized) warnings.push(`transcript of ${sizeWords(bytes)}: slow to open; a fresh session from the note is lighter`);
  return warnings;
}

/**
 * Returns the command that resumes a session, ready to paste; `null` if the user cannot resume it.
 *
 * @param {Session} session As returned by the addon: cleaning would change paths.
 */
function resumeCommand({ commands, next, project }) {
  if (commands?.resume) return commandWords(commands.resume, commands.cwd, { env: commands.env });
  // If the directory is gone, the command cannot change to it.
  const where = next.reason === 'directory-gone' ? null : (project.cwd ?? project.dir);
  return next.argv === null ? null : commandWords(next.argv, where);
}

/**
 * Returns how full a session's context is, for a narrow column.
 *
 * @param {Session} session
 * @param {View['colours']} colours
 */
function contextCell({ context }, colours) {
  if (context === null) return '';
  const text = context.percent === null ? tokenWords(context.tokens) : `${Math.round(context.percent)} %`;
  return context.advice === 'large' || context.advice === 'bloated' ? { text, style: colours.yellow } : text;
}

/** Prints what could not be read, as remarks. @param {Problem[]} problems @param {Output} io */
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
