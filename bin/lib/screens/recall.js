'use strict';

// The screen of `recall`: recent sessions, each with its first and last prompts.

const { directoryOf, printProblems, stateCell } = require('../sessions.js');
const { cleaned, truncated, truncatedPath, widthOf, wrapped } = require('../text.js');
const { clock, doingWords, homely, ownName, shortIds } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').RecallReport} RecallReport */
/** @typedef {import('../../../src/ffi/types.js').RecalledPrompt} RecalledPrompt */
/** @typedef {import('../output.js').View} View */

/** Maximum width of a prompt if there is no terminal. */
const PROMPT_COLUMNS = 200;

/** Width of a prompt's time, in columns. */
const TIME = 'Feb 27 16:20'.length;

/**
 * @param {RecallReport} report
 * @param {import('../output.js').Output} io
 */
function printRecall(report, io) {
  return io.page(recallLines(report, { width: io.width, colours: io.colours }), () => printProblems(report.problems, io));
}

/**
 * @param {RecallReport} report
 * @param {View} view
 * @returns {string[]}
 */
function recallLines(report, { width, colours }) {
  const { recalled, generatedAt } = cleaned(report);
  const now = new Date(generatedAt);
  const room = width ?? Infinity;
  const { gone = [] } = cleaned(report);
  if (recalled.length === 0 && gone.length === 0) {
    return [...wrapped('No session with a prompt was found. All sessions:', room), `  ${colours.cyan(`${ownName()} list`)}`];
  }
  const short = shortIds(recalled.map(({ session }) => session.id));
  /** @type {string[]} */
  const lines = [];
  for (const { session, prompts } of recalled) {
    const title = session.name ?? session.title;
    const when = session.lastActivityAt === null ? '' : clock(new Date(session.lastActivityAt), now);
    if (lines.length > 0) lines.push('');
    if (title !== null) lines.push(colours.bold(truncated(title, room)));
    lines.push(...flowed([short.get(session.id) ?? session.id, stateCell(session, colours), doingWords(session), when], homely(directoryOf(session))));
    for (const prompt of prompts) lines.push(...promptLine(prompt));
  }
  for (const session of gone) {
    const when = session.lastAt === null ? '' : clock(new Date(session.lastAt), now);
    if (lines.length > 0) lines.push('');
    lines.push(...flowed([session.id.slice(0, 8), 'gone', session.kept === null ? 'only typed prompts are left' : `kept: ${ownName()} restore ${session.id.slice(0, 8)}`, when], session.project === null ? '' : homely(session.project)));
    for (const prompt of session.prompts) lines.push(...promptLine(prompt));
  }
  return lines;

  /** Returns cells, and a path beside or below them. @param {import('../table.js').Cell[]} cells @param {string} path */
  function flowed(cells, path) {
    const parts = cells.map((cell) => (typeof cell === 'string' ? { text: cell, style: String } : cell)).filter(({ text }) => text !== '');
    const words = parts.map(({ text }) => text).join('  ');
    const used = widthOf(words);
    // Cut only if it does not fit, and then without colors.
    const line = used <= room ? parts.map(({ text, style }) => style(text)).join('  ') : truncated(words, room);
    if (path === '') return [line];
    return used + 2 + widthOf(path) <= room ? [`${line}  ${path}`] : [line, `  ${truncatedPath(path, room - 2)}`];
  }

  /** @param {RecalledPrompt} prompt */
  function promptLine({ text, at }) {
    const time = at === null ? '' : clock(new Date(at), now);
    const head = `  ${time.padEnd(TIME)}  `;
    const beside = room - head.length >= 24;
    const most = Math.min(width === null ? PROMPT_COLUMNS : room - (beside ? head.length : 4), PROMPT_COLUMNS);
    const said = truncated(text, most);
    if (beside) return [time === '' ? head + said : colours.dim(head) + said];
    return [...(time === '' ? [] : [`  ${colours.dim(time)}`]), `    ${said}`];
  }
}

module.exports = { printRecall, recallLines };
