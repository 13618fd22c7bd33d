'use strict';

// Everything that is printed goes through here: lines, tables, JSON, progress. Results go to standard output, remarks and
// errors to standard error.

const { stripVTControlCharacters } = require('node:util');
const picocolors = require('picocolors');
const stringWidth = require('string-width');
const { UsageError } = require('./errors.js');

/** @typedef {ReturnType<typeof createOutput>} Output */
/** A cell: its text, and how to colour it once its width is settled. @typedef {string | {text: string, style: (text: string) => string}} Cell */

/** After how many milliseconds a person wants to know that something is still going on. */
const PATIENCE = 1000;

/** Narrowest column before a table is shown as blocks instead. */
const NARROW = 8;

/** Space between columns. */
const GUTTER = '  ';

/**
 * @param {{stdout: any, stderr: any, stdin: any, env: Record<string, string | undefined>}} streams
 *   A process, or the parts of one.
 */
function createOutput({ stdout, stderr, stdin, env }) {
  let broken = false;
  for (const stream of [stdout, stderr]) {
    // Whoever reads has gone away: go on without a word, as success.
    stream.on?.('error', (/** @type {any} */ error) => {
      if (error.code !== 'EPIPE') throw error;
      broken = true;
    });
  }
  const colours = picocolors.createColors(Boolean(stdout.isTTY) && !env.NO_COLOR);
  /** Columns of the terminal; `null` when there is none, and nothing is cut. @type {number | null} */
  const width = stdout.isTTY && stdout.columns > 0 ? stdout.columns : null;

  /** @param {string} text */
  const write = (text) => {
    if (!broken) stdout.write(text);
  };
  /** @param {string} [text] */
  const line = (text = '') => write(`${text}\n`);

  return {
    clean,
    colours,
    width,
    write,
    line,

    /** Whether a person sits at both ends. */
    isTerminal: Boolean(stdout.isTTY && stdin.isTTY),

    /** A remark that is no result. @param {string} text */
    error(text) {
      if (!broken) stderr.write(`${text}\n`);
    },

    /** A value, exactly. @param {unknown} value */
    json(value) {
      line(JSON.stringify(value, null, 2));
    },

    /**
     * A table under a row of headings, in the width there is; as blocks where even narrow columns do not fit.
     *
     * @param {string[]} headings
     * @param {Cell[][]} rows
     * @param {string[]} [yielding] Headings of the columns that are cut before the others.
     */
    table(headings, rows, yielding = []) {
      for (const text of tableLines(headings, rows, yielding, width, colours.dim)) line(text);
    },

    /**
     * A unified diff. Into a file or pipe it goes unchanged, so that `patch` can read it; onto a terminal without anything
     * that could steer it.
     *
     * @param {string} text
     */
    diff(text) {
      if (!stdout.isTTY) return write(text);
      for (const part of text.replace(/\n$/, '').split('\n')) {
        const shown = clean(part, '\t');
        line(part.startsWith('+') ? colours.green(shown) : part.startsWith('-') ? colours.red(shown) : shown);
      }
    },

    /**
     * Says on a terminal what is going on when it takes longer than a second.
     *
     * @template T
     * @param {string} what Such as `reading sessions`.
     * @param {Promise<T>} work
     * @returns {Promise<T>}
     */
    async during(what, work) {
      if (!stderr.isTTY) return work;
      let seconds = 0;
      const timer = setInterval(() => {
        seconds += 1;
        stderr.write(`\r${what} ... ${seconds} s`);
      }, PATIENCE);
      try {
        return await work;
      } finally {
        clearInterval(timer);
        if (seconds > 0) stderr.write('\r\u001B[K');
      }
    },

    /**
     * Asks a question that can be answered with yes or no. An end of input is a no.
     *
     * @param {string} question
     * @returns {Promise<boolean>}
     */
    async confirm(question) {
      if (!stdout.isTTY || !stdin.isTTY) throw new UsageError('there is no terminal to ask on', 'give --yes to go on without being asked');
      const { createInterface } = require('node:readline/promises');
      const terminal = createInterface({ input: stdin, output: stdout });
      const closed = new Promise((resolve) => terminal.once('close', () => resolve('no')));
      try {
        const answer = String(await Promise.race([terminal.question(`${question} [Y/n] `), closed]));
        return /^(y|yes|)$/i.test(answer.trim());
      } catch {
        return false;
      } finally {
        terminal.close();
      }
    },
  };
}

/** Format and control characters: C0 and C1, soft hyphen, bidirectional marks and isolates, line separators, byte order mark, tags. */
const UNSEEN = /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;

/**
 * Text from a file or another program without anything that could steer a terminal or reorder what a person reads. White space
 * becomes single spaces.
 *
 * @param {string} text
 * @param {string} [except] Characters to let through.
 */
function clean(text, except = '') {
  return stripVTControlCharacters(text)
    .replace(/\r?\n/g, ' ')
    .replace(UNSEEN, (character) => (except.includes(character) ? character : character === '\t' ? ' ' : ''))
    .toWellFormed();
}

/**
 * {@link clean} for every text in a value.
 *
 * @template T
 * @param {T} value
 * @returns {T}
 */
function cleaned(value) {
  if (typeof value === 'string') return /** @type {any} */ (clean(value));
  if (Array.isArray(value)) return /** @type {any} */ (value.map(cleaned));
  if (value === null || typeof value !== 'object') return value;
  return /** @type {any} */ (Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleaned(item)])));
}

/**
 * Text cut to a display width, with an ellipsis where something is gone.
 *
 * @param {string} text
 * @param {number} columns
 */
function truncated(text, columns) {
  if (stringWidth(text) <= columns) return text;
  if (columns < 1) return '';
  let kept = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const next = used + stringWidth(segment);
    if (next > columns - 1) break;
    kept += segment;
    used = next;
  }
  return `${kept}…`;
}

/**
 * @param {string[]} headings
 * @param {Cell[][]} rows
 * @param {string[]} yielding
 * @param {number | null} width
 * @param {(text: string) => string} dim
 * @returns {string[]}
 */
function tableLines(headings, rows, yielding, width, dim) {
  const natural = headings.map((heading, column) => Math.max(stringWidth(heading), ...rows.map((row) => stringWidth(textOf(row[column])))));
  const available = width === null ? Infinity : width - GUTTER.length * (headings.length - 1);
  const first = fitted(natural, available, (column) => yielding.includes(headings[column]));
  const widths = fitted(first, available, () => true);
  if (sum(widths) > available) return blocks(headings, rows, /** @type {number} */ (width), dim);
  /** @param {Cell[]} cells */
  const joined = (cells) => {
    const parts = cells.map((cell, column) => {
      const shown = truncated(textOf(cell), widths[column]);
      const space = column === cells.length - 1 ? '' : ' '.repeat(widths[column] - stringWidth(shown));
      return styleOf(cell)(shown) + space;
    });
    return parts.join(GUTTER).trimEnd();
  };
  return [joined(headings.map((heading) => ({ text: heading, style: dim }))), ...rows.map(joined)];
}

/**
 * Widths of columns, brought nearer to what there is by taking from the widest of some of them; none gets narrower than
 * {@link NARROW}.
 *
 * @param {number[]} natural
 * @param {number} available
 * @param {(column: number) => boolean} gives
 * @returns {number[]}
 */
function fitted(natural, available, gives) {
  const widths = [...natural];
  for (let over = sum(widths) - available; over > 0; over -= 1) {
    const givers = [...widths.keys()].filter((column) => gives(column) && widths[column] > NARROW);
    if (givers.length === 0) break;
    widths[givers.reduce((widest, column) => (widths[column] > widths[widest] ? column : widest))] -= 1;
  }
  return widths;
}

/**
 * One row below the other, one cell a line.
 *
 * @param {string[]} headings
 * @param {Cell[][]} rows
 * @param {number} width
 * @param {(text: string) => string} dim
 */
function blocks(headings, rows, width, dim) {
  return rows.flatMap((row, index) => [
    ...(index === 0 ? [] : ['']),
    ...row.flatMap((cell, column) => {
      if (textOf(cell) === '') return [];
      const label = truncated(`${headings[column]}: `, width);
      const rest = width - stringWidth(label);
      return [dim(label) + styleOf(cell)(truncated(textOf(cell), rest))];
    }),
  ]);
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** @param {Cell} cell */
function textOf(cell) {
  return typeof cell === 'string' ? cell : cell.text;
}

/** @param {Cell} cell */
function styleOf(cell) {
  return typeof cell === 'string' ? (/** @type {string} */ text) => text : cell.style;
}

module.exports = { clean, cleaned, createOutput, truncated };
