'use strict';

// A table: rows of aligned cells at any width, in groups that share their columns. With too little room it first cuts cells, then leaves
// out columns, and finally prints every row as several short lines.

const { truncated, widthOf, wrapped } = require('./text.js');

/** A text, and the style to apply after its width is known. @typedef {{text: string, style: (text: string) => string}} Styled */
/** @typedef {string | Styled} Cell */

/**
 * @typedef {object} Column
 * @property {string} heading
 * @property {boolean} [right] Aligned to the right, for numbers.
 * @property {number} [least] Minimum width after cutting; never cut if absent.
 * @property {number} [most] Maximum width.
 * @property {boolean} [yields] Cut before the other columns.
 * @property {number} [leave] May be left out; the column with the highest number goes first.
 * @property {(text: string, columns: number) => string} [cut] Cuts a cell; at its end if absent.
 * @property {(text: string, heading: string) => string} [alone] Text of a cell without a heading above it.
 */

/**
 * A line below a row. With `copy`, it is never cut or wrapped.
 *
 * @typedef {Styled & {copy?: boolean}} Below
 */

/** @typedef {{cells: Cell[], below?: Below[]}} Row */

/**
 * Rows under one line of headings.
 *
 * @typedef {object} Group
 * @property {Row[]} rows
 * @property {(Cell | undefined)[]} [headings] Replace the headings of the columns.
 */

const GUTTER = '  ';

/** Indentation of lines that belong to the row above. */
const INDENT = '  ';

/**
 * @param {Column[]} columns
 * @param {Group[]} groups
 * @param {number | null} width Columns of the terminal; with `null` only cells wider than `most` are cut.
 * @param {(text: string) => string} dim Style of the headings.
 * @returns {string[][]} The lines of each group.
 */
function tableLines(columns, groups, width, dim) {
  const texts = groups.flatMap((group) => group.rows.map((row) => row.cells.map(textOf)));
  const filled = [...columns.keys()].filter((column) => texts.some((row) => row[column] !== ''));
  const natural = columns.map((column, index) => {
    const least = Math.max(...groups.map((group) => widthOf(headingOf(group, index))));
    return texts.reduce((widest, row) => Math.max(widest, widthOf(bounded(row[index], column))), least);
  });
  const chosen = chosenColumns(columns, filled, natural, width);
  return groups.map((group) => (chosen === null ? flow(group) : grid(group, chosen)));

  /** @param {Group} group @param {number} index */
  function headingOf(group, index) {
    return textOf(group.headings?.[index] ?? columns[index].heading);
  }

  /** @param {Group} group @param {{shown: number[], widths: number[]}} layout */
  function grid(group, { shown, widths }) {
    /** @param {(index: number) => Cell} cellOf @param {boolean} [heading] */
    const line = (cellOf, heading = false) => {
      const parts = shown.map((index, place) => {
        const cell = cellOf(index);
        const text = (heading ? truncated : (columns[index].cut ?? truncated))(textOf(cell), widths[index]);
        const space = ' '.repeat(widths[index] - widthOf(text));
        const styled = text === '' ? '' : styleOf(cell)(text);
        if (columns[index].right) return space + styled;
        return place === shown.length - 1 ? styled : styled + space;
      });
      return parts.join(GUTTER).trimEnd();
    };
    const indent = ' '.repeat((widths[shown[0]] ?? 0) + GUTTER.length);
    return [
      line((index) => group.headings?.[index] ?? { text: columns[index].heading, style: dim }, true),
      ...group.rows.flatMap((row) => [line((index) => row.cells[index]), ...below(row, indent)]),
    ];
  }

  /** @param {Group} group */
  function flow(group) {
    const room = /** @type {number} */ (width);
    const title = group.headings?.[0];
    const lines = title === undefined ? [] : [styleOf(title)(truncated(textOf(title), room))];
    for (const [index, row] of group.rows.entries()) {
      if (title === undefined && index > 0) lines.push('');
      lines.push(...flowing(row.cells, group, room), ...below(row, INDENT));
    }
    return lines;
  }

  /** @param {Cell[]} cells @param {Group} group @param {number} room */
  function flowing(cells, group, room) {
    /** @type {string[]} */
    const lines = [];
    let line = '';
    let used = 0;
    for (const index of filled) {
      const { alone, cut } = columns[index];
      const text = textOf(cells[index]);
      if (text === '') continue;
      const worded = alone === undefined ? bounded(text, columns[index]) : alone(text, headingOf(group, index));
      if (used > 0 && used + GUTTER.length + widthOf(worded) > room) {
        lines.push(line);
        line = '';
        used = 0;
      }
      const before = used > 0 ? GUTTER : lines.length > 0 ? INDENT : '';
      const shown = (cut ?? truncated)(worded, room - used - before.length);
      line += before + styleOf(cells[index])(shown);
      used += before.length + widthOf(shown);
    }
    return [...lines, line];
  }

  /** @param {Row} row @param {string} indent */
  function below(row, indent) {
    return (row.below ?? []).flatMap((line) => {
      if (line.copy) return [indent + line.style(line.text)];
      return wrapped(line.text, width === null ? Infinity : Math.max(width - indent.length, 1)).map((text) => indent + line.style(text));
    });
  }
}

/**
 * Returns the columns to show and the width of each, or `null` if even the required ones do not fit.
 *
 * @param {Column[]} columns
 * @param {number[]} filled
 * @param {number[]} natural
 * @param {number | null} width
 */
function chosenColumns(columns, filled, natural, width) {
  const least = columns.map((column, index) => Math.min(natural[index], column.least ?? natural[index]));
  const shown = [...filled];
  for (;;) {
    const available = width === null ? Infinity : width - GUTTER.length * (shown.length - 1);
    if (sum(shown.map((index) => least[index])) <= available) return { shown, widths: fitted(available) };
    const leaving = shown.filter((index) => columns[index].leave !== undefined);
    if (leaving.length === 0) return null;
    const last = leaving.reduce((one, other) => (Number(columns[other].leave) > Number(columns[one].leave) ? other : one));
    shown.splice(shown.indexOf(last), 1);
  }

  /** Narrows the widest of the columns that yield, then the widest of all. @param {number} available */
  function fitted(available) {
    const widths = [...natural];
    for (const giving of [shown.filter((index) => columns[index].yields), shown]) {
      while (sum(shown.map((index) => widths[index])) > available) {
        const givers = giving.filter((index) => widths[index] > least[index]);
        if (givers.length === 0) break;
        widths[givers.reduce((widest, index) => (widths[index] > widths[widest] ? index : widest))] -= 1;
      }
    }
    return widths;
  }
}

/** @param {string} text @param {Column} column */
function bounded(text, { most, cut = truncated }) {
  return most === undefined ? text : cut(text, most);
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

module.exports = { INDENT, tableLines };
