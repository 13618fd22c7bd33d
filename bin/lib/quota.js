'use strict';

// Shows the share of its quota that each account has used, as Claude Code does: one line per account. A window that has reset since the
// client reported it is left out.

const { truncated, truncatedPath, widthOf } = require('./text.js');
const { clock, duration, homely } = require('./wording.js');

/** @typedef {import('../../src/ffi/types.js').Account} Account */
/** @typedef {import('../../src/ffi/types.js').QuotaWindow} QuotaWindow */

/** Maximum width of a configuration directory, in columns. */
const DIRECTORY = 30;

/** Columns of a directory that are enough to recognize it, and the minimum width. */
const ENOUGH = 16;
const LEAST = 6;

/**
 * @param {Account[]} accounts Accounts with cleaned texts.
 * @param {number | null} width
 * @param {Date} now
 * @returns {string[]} Aligned lines, in the longest form that fits.
 */
function quotaLines(accounts, width, now) {
  const current = (/** @type {QuotaWindow | null} */ window) => (window !== null && new Date(window.resetsAt) > now ? window : null);
  const known = accounts
    .map((account) => ({ ...account, fiveHour: current(account.fiveHour), sevenDay: current(account.sevenDay) }))
    .filter(({ fiveHour, sevenDay }) => fiveHour !== null || sevenDay !== null);
  const room = width ?? Infinity;
  const names = known.length > 1 ? known.map(({ configDir }) => homely(configDir)) : known.map(() => '');
  const longest = Math.min(DIRECTORY, Math.max(0, ...names.map(widthOf)));
  for (const words of [wholeWords, shortWords, usedWords]) {
    const told = inLine(
      known.map(({ fiveHour, sevenDay, seenAt }) => [
        fiveHour === null ? '' : `5 h: ${words(fiveHour, now)}`,
        sevenDay === null ? '' : `7 d: ${words(sevenDay, now)}`,
        words === wholeWords ? `as of ${clock(new Date(seenAt), now)}` : '',
      ]),
    );
    // The directories get the room that the figures leave.
    const left = room - Math.max(0, ...told.map(widthOf)) - (longest > 0 ? 2 : 0);
    if (left < Math.min(longest, ENOUGH) && words !== usedWords) continue;
    const most = Math.min(longest, Math.max(left, LEAST));
    return inLine(told.map((line, index) => [truncatedPath(names[index], most), line])).map((line) => truncated(line, room));
  }
  return [];
}

/** @param {QuotaWindow} window @param {Date} now */
function wholeWords(window, now) {
  return `${shortWords(window, now)} (in ${duration(Date.parse(window.resetsAt) - now.getTime())})`;
}

/** @param {QuotaWindow} window @param {Date} now */
function shortWords(window, now) {
  return `${usedWords(window)}, resets ${clock(new Date(window.resetsAt), now)}`;
}

/** @param {QuotaWindow} window */
function usedWords({ usedPercent }) {
  // Rounded down, so that only an exhausted window shows 100 %.
  return `${Math.min(Math.max(Math.floor(usedPercent), 0), 100)} % used`;
}

/** Joins rows to lines with aligned cells; columns that are empty in every row are left out. @param {string[][]} rows */
function inLine(rows) {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column]))));
  return rows.map((row) => {
    const cells = row.map((cell, column) => (widths[column] === 0 ? '' : `${cell}${' '.repeat(widths[column] - widthOf(cell))}  `));
    return cells.join('').trimEnd();
  });
}

module.exports = { quotaLines };
