'use strict';

// The list of `rescue`: every session that is open or has pending work, in a box, or line by line for a screen reader.

const { nameOf, stateCell, styleOf } = require('../sessions.js');
const { tableLines } = require('../table.js');
const { cleaned, truncated, widthOf, wrapped } = require('../text.js');
const { count, doingWords, duration, ownName, shortIds, sizeWords, stateWords, statusWords, terminalWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').Session} Session */
/** @typedef {import('../output.js').View} View */

/** Colour sequences, which take no columns. */
const STYLE = /\u001B\[[0-9;]*m/g;

/** Width of the sides of the box and the space inside them. */
const FRAME = '│ '.length * 2;

/** Width without a terminal, such as in a pipe. */
const WIDEST = 100;

/**
 * @param {Session[]} reported
 * @param {View} view
 * @param {Date} now
 * @returns {string[]}
 */
function boxedLines(reported, { width, colours }, now) {
  const sessions = cleaned(reported);
  const room = Math.max((width ?? WIDEST) - FRAME, 16);
  const ids = shortIds(reported.map(({ id }) => id));
  const columns = [
    { heading: 'tty' },
    { heading: 'pid', right: true },
    { heading: 'session' },
    { heading: 'size', right: true },
    { heading: 'active', leave: 1 },
    { heading: 'state' },
    { heading: 'name', least: 8, most: 60, yields: true, leave: 2 },
  ];
  const rows = sessions.map((session) => ({
    cells: [
      session.live === null ? '–' : terminalWords(session.live),
      session.live === null ? '–' : String(session.live.pid),
      ids.get(session.id) ?? session.id,
      sizeWords(session.bytes),
      agoWords(session, now),
      stateCell(session, colours),
      nameOf(session),
    ],
  }));
  const inside = sessions.length === 0 ? wrapped('No session is open, and none has unfinished work.', room) : tableLines(columns, [{ rows }], room, colours.dim).flat();
  const widest = Math.max(...inside.map(plainWidth), Math.min(room, 40));
  const title = truncated(` ${summaryOf(reported)} `, widest);
  return [
    `╭${colours.bold(title)}${'─'.repeat(Math.max(widest + 2 - widthOf(title), 0))}╮`,
    ...inside.map((line) => `│ ${line}${' '.repeat(Math.max(widest - plainWidth(line), 0))} │`),
    `╰${'─'.repeat(widest + 2)}╯`,
  ];
}

/** @param {string} line */
function plainWidth(line) {
  return widthOf(line.replaceAll(STYLE, ''));
}

/** @param {Session[]} sessions */
function summaryOf(sessions) {
  const live = sessions.filter(({ live: owner }) => owner !== null).length;
  return `Sessions: ${live} open, ${sessions.length - live} closed with pending work`;
}

/**
 * Returns one line per session, in words only, so that a screen reader gets everything.
 *
 * @param {Session[]} reported
 * @param {View} view
 * @param {Date} now
 * @returns {string[]}
 */
function flatLines(reported, { colours }, now) {
  const ids = shortIds(reported.map(({ id }) => id));
  const lines = cleaned(reported).map((session, index) => {
    const { live } = session;
    const where = live === null ? 'closed' : `${live.tty === null ? terminalWords(live) : `terminal ${live.tty}`}, process ${live.pid}`;
    const ago = agoWords(session, now);
    const words = [`session ${ids.get(session.id)}`, where, sizeWords(session.bytes), ...(ago === '' ? [] : [`active ${ago}`]), stateWords(session.state), doingWords(session)];
    return `${index + 1}. ${styleOf(session.group, colours)(nameOf(session) === '' ? 'without a name' : truncated(nameOf(session), 60))}: ${words.filter((word) => word !== '').join(', ')}`;
  });
  return [`${summaryOf(reported)}. ${count(reported.length, 'session')} in this list.`, ...lines];
}

/**
 * Returns one line per session without a transcript, with what remains of it and how to restore it.
 *
 * @param {import('../../../src/ffi/types.js').GoneSession[]} reported
 * @param {View} view
 * @param {Date} now
 * @returns {string[]}
 */
function flatGoneLines(reported, { colours }, now) {
  const ids = shortIds(reported.map(({ id }) => id));
  return cleaned(reported).map(({ id, name, title, prompts, lastAt, kept, typed }, index) => {
    const called = name ?? title ?? prompts.at(-1)?.text ?? 'without a name';
    const left = kept === null ? `only ${count(typed, 'typed prompt')} left` : `all of it is kept, ${sizeWords(kept.bytes)}, restore it with ${ownName()} restore ${ids.get(id)}`;
    const ago = lastAt === null ? [] : [`last used ${duration(now.getTime() - Date.parse(lastAt))} ago`];
    return `${index + 1}. ${colours.dim(truncated(called, 60))}: ${[`session ${ids.get(id)}`, ...ago, left].join(', ')}`;
  });
}

/** @param {Session} session @param {Date} now */
function agoWords({ lastActivityAt }, now) {
  return lastActivityAt === null ? '' : `${duration(now.getTime() - Date.parse(lastActivityAt))} ago`;
}

/** Returns a session as a line of a menu. @param {Session} reported @param {number} columns */
function choiceOf(reported, columns) {
  const session = cleaned(reported);
  const where = session.live === null ? 'closed' : terminalWords(session.live);
  return truncated(`${session.id.slice(0, 8)}  ${where}  ${statusWords(session)}  ${nameOf(session)}`.trimEnd(), Math.max(columns, 20));
}

module.exports = { boxedLines, choiceOf, flatGoneLines, flatLines };
