// Rules for a screen, whatever its content. Widths are those of string-width, not those of the code under test.

import assert from 'node:assert/strict';
import stringWidth from 'string-width';

/** Colors, the only control sequences that a screen may contain. */
const COLOUR = /\u001B\[(?:[0-9]|[1-9][0-9])m/g;

/** Characters that could control a terminal, hide text, or reorder it. */
const FORBIDDEN = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u00AD\u061C\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]/u;

/** Lines that the user copies, with an optional label before them. */
const COPIED = /^ *(?:(?:resume|attach|export|kill|runs) +)?(?:cd |env |(?:\/[\w/]+\/)?claude |CLAUDE_CONFIG_DIR=|cc-session-recover |file:\/\/)/;

/** @param {string} text */
export function plain(text) {
  return text.replaceAll(COLOUR, '');
}

/** No control character and no escape sequence besides our colours. @param {string} text */
export function assertSteersNothing(text) {
  assert.doesNotMatch(plain(text), FORBIDDEN);
}

/** Every one of these words is on the screen, also one that a narrow screen wraps. @param {string} text @param {string[]} words */
export function assertShows(text, words) {
  const unwrapped = plain(text).replaceAll(/\s+/g, '');
  for (const word of words) assert.ok(unwrapped.includes(word.replaceAll(/\s+/g, '')), `“${word}” is not on the screen`);
}

/**
 * @param {string} text
 * @param {number} columns
 */
export function assertScreen(text, columns) {
  assertSteersNothing(text);
  for (const line of plain(text).split('\n')) {
    assert.equal(line, line.trimEnd());
    if (!COPIED.test(line)) assert.ok(stringWidth(line) <= columns, `${stringWidth(line)} > ${columns}: ${line}`);
  }
}

/**
 * Asserts that every cell of a table is aligned with its heading.
 *
 * @param {string} text
 * @param {Record<string, 'left' | 'right'>} headings Possible columns, and the side to which each is aligned.
 * @returns {number} Number of rows that were compared with headings.
 */
export function assertAligned(text, headings) {
  let rows = 0;
  /** @type {{heading: string, start: number, end: number}[]} */
  let columns = [];
  for (const line of plain(text).split('\n')) {
    const words = [...line.matchAll(/\S+(?: \S+)*/g)];
    if (words.length >= 3 && words.slice(1).every(([word]) => word in headings)) {
      columns = words.map(({ 0: heading, index }) => ({ heading, start: index, end: index + heading.length }));
    } else if (/^[0-9a-f]{8,} {2}/.test(line) && columns.length > 0) {
      rows += 1;
      const cells = cellsOf(line);
      for (const { heading, start, end } of columns) {
        const gutter = headings[heading] === 'right' ? [end, end + 1] : [start - 2, start - 1];
        for (const place of gutter) assert.ok((cells[place] ?? ' ') === ' ', `${heading} at ${place}: ${line}`);
      }
    }
  }
  return rows;
}

/** Returns the character in each column of the terminal. @param {string} line */
function cellsOf(line) {
  /** @type {string[]} */
  const cells = [];
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    const width = stringWidth(segment);
    for (let part = 0; part < width; part += 1) cells.push(part === 0 ? segment : 'wide');
  }
  return cells;
}
