'use strict';

// Measures, sanitizes, cuts and wraps text for a terminal.
//
// Widths are taken per grapheme from the Unicode tables that Node.js carries itself. string-width needs a third more time for the first
// text that is not plain, on every screen that has one; a test compares every character with it. wrap-ansi does not break paths
// after a slash.

const { stripVTControlCharacters } = require('node:util');

/** Format and control characters: C0 and C1, soft hyphen, bidirectional marks and isolates, line separators, byte order mark, tags. */
const UNSEEN = /[\u0000-\u001F\u007F-\u009F\u00AD\u061C\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E007F}]/gu;

/** Characters that occupy no column. */
const WIDTHLESS = String.raw`[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Mn}\p{Me}[\p{Cf}--[\u0600-\u0605\u06DD\u0890\u0891\u08E2\u{110BD}\u{110CD}]]]`;

/** Characters that take two columns: East Asian Wide and Fullwidth, and characters with emoji presentation by default. */
const WIDE = String.raw`[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Bopo}\p{sc=Yiii}\p{sc=Tang}\p{sc=Nshu}\p{sc=Kits}\p{Emoji_Presentation}\u2329\u232A\u2630-\u2637\u268A-\u268F\u2E80-\u303E\u309B\u309C\u30A0\u30FB\u30FC\u3190-\u3247\u3250-\u33FF\u4DC0-\u4DFF\uFE10-\uFE19\uFE30-\uFE6B\uFF01-\uFF60\uFFE0-\uFFE6\u{1D300}-\u{1D356}\u{1D360}-\u{1D376}\u{1F200}-\u{1F265}]`;

/** Halfwidth forms of wide scripts, the inner parts of Hangul syllables, and tone marks. */
const NARROW = /[\u02EA\u02EB\u1160-\u11FF\uD7B0-\uD7FB\uFF61-\uFFDC]/u;

const ASCII = /^[ -~]*$/;

/** Letters, marks, arrows and lines that are each a grapheme of one column: most of the text on a screen. */
const PLAIN = /^[ -~\u00A1-\u00AC\u00AE-\u02E9\u2010-\u2027\u2030-\u205E\u2190-\u2319\u2500-\u25FC]*$/;

// Loading the Unicode tables of these takes longer than a short command runs, and most screens need none of them. They are given as strings
// because the engine loads the tables of a regular expression literal together with the file.

const graphemesOf = once(() => new Intl.Segmenter());
const widthless = once(() => new RegExp(WIDTHLESS, 'v'));
const wide = once(() => new RegExp(WIDE, 'u'));
/** More than six marks on one letter, which no script needs: they would cover the lines above and below. */
const heaped = once(() => new RegExp(String.raw`(\p{M}{6})\p{M}+`, 'gu'));
/** A Hangul letter: the rest of its grapheme is in the same cell. */
const hangul = once(() => new RegExp(String.raw`^\p{sc=Hang}`, 'u'));
const picture = once(() => new RegExp(String.raw`^(?:\p{RGI_Emoji}|\p{RI}{1,2}|[\d#*]\uFE0F|\p{ExtPict}\uFE0F)|\u200D\p{ExtPict}`, 'v'));

/** @template T @param {() => T} make @returns {() => T} */
function once(make) {
  /** @type {T | undefined} */
  let made;
  return () => (made ??= make());
}

/** Splits a text into graphemes. @param {string} text @returns {Iterable<{segment: string, index: number}>} */
function graphemes(text) {
  if (PLAIN.test(text)) return characters(text);
  return graphemesOf().segment(text);
}

/** @param {string} text */
function* characters(text) {
  for (let index = 0; index < text.length; index += 1) yield { segment: text[index], index };
}

/** Whether a terminal shows the characters as one emoji. @param {string} grapheme */
function isPicture(grapheme) {
  return picture().test(grapheme);
}

/**
 * Returns the columns that a text takes on a terminal. Tabs and control characters count as 0: the text must not contain any.
 *
 * @param {string} text
 */
function widthOf(text) {
  if (PLAIN.test(text)) return text.length;
  const plain = text.includes('\u001B') ? stripVTControlCharacters(text) : text;
  let width = 0;
  for (const { segment } of graphemes(plain)) width += graphemeWidth(segment);
  return width;
}

/** Cache of grapheme widths: a screen has few different ones. @type {Map<string, number>} */
const met = new Map();

/** @param {string} grapheme */
function graphemeWidth(grapheme) {
  if (grapheme.length === 1 && grapheme >= ' ' && grapheme <= '~') return 1;
  const known = met.get(grapheme);
  if (known !== undefined) return known;
  const width = measured(grapheme);
  if (met.size < 20_000) met.set(grapheme, width);
  return width;
}

/** @param {string} grapheme */
function measured(grapheme) {
  // A symbol with the variation selector for text style.
  if (grapheme[1] === '\uFE0E') return 1;
  // For a single character, the other tables already show whether it is wide.
  if (grapheme.length > String.fromCodePoint(/** @type {number} */ (grapheme.codePointAt(0))).length && isPicture(grapheme)) return 2;
  if (hangul().test(grapheme)) return widthless().test(grapheme[0]) ? 0 : NARROW.test(grapheme[0]) ? 1 : 2;
  let width = 0;
  for (const character of grapheme) {
    if (character === '\u200D') break;
    if (!widthless().test(character)) width += wide().test(character) && !NARROW.test(character) ? 2 : 1;
  }
  return width;
}

/**
 * Returns a text without characters that could control a terminal or reorder the visible text. Line breaks and tabs become spaces. Every
 * text from a file or another program must go through it.
 *
 * @param {string} text
 * @param {string} [except] Characters to keep.
 */
function clean(text, except = '') {
  if (ASCII.test(text)) return text;
  return stripVTControlCharacters(text)
    .replace(/\r?\n/g, ' ')
    .replace(UNSEEN, (character) => (except.includes(character) ? character : character === '\t' ? ' ' : ''))
    .replace(heaped(), '$1')
    .toWellFormed();
}

/**
 * Applies {@link clean} to every string in a value.
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
 * Cuts a text to a display width, with an ellipsis if something is cut off.
 *
 * @param {string} text
 * @param {number} columns
 */
function truncated(text, columns) {
  if (text.length <= columns && PLAIN.test(text)) return text;
  if (columns < 1) return '';
  let used = 0;
  let end = 0;
  // Measure only the part that is shown: a title may have any length.
  for (const { segment, index } of graphemes(text)) {
    used += graphemeWidth(segment);
    if (used > columns) return `${text.slice(0, end).trimEnd()}…`;
    if (used < columns) end = index + segment.length;
  }
  return text;
}

/**
 * Cuts a path in the middle: its end identifies it, its beginning shows where it is.
 *
 * @param {string} path
 * @param {number} columns
 */
function truncatedPath(path, columns) {
  if (path.length <= columns && PLAIN.test(path)) return path;
  const parts = [...graphemes(path)].map(({ segment }) => ({ segment, width: graphemeWidth(segment) }));
  if (parts.reduce((sum, { width }) => sum + width, 0) <= columns) return path;
  if (columns < 1) return '';
  let room = columns - 1;
  let begin = '';
  for (const { segment, width } of columns >= 24 ? parts : []) {
    if (widthOf(begin) + width > columns / 4) break;
    begin += segment;
    room -= width;
  }
  let end = '';
  for (const { segment, width } of parts.toReversed()) {
    room -= width;
    if (room < 0) break;
    end = segment + end;
  }
  return `${begin}…${end}`;
}

/**
 * Wraps a text between words; a word that is too long is broken, a path after a slash.
 *
 * @param {string} text
 * @param {number} columns
 * @returns {string[]}
 */
function wrapped(text, columns) {
  if (columns < 1 || widthOf(text) <= columns) return [text.trimEnd()];
  /** @type {string[]} */
  const lines = [];
  let line = '';
  for (const word of text.split(' ').filter(Boolean)) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) <= columns) {
      line += ` ${word}`;
      continue;
    }
    if (line !== '') lines.push(line);
    const parts = broken(word, columns);
    line = /** @type {string} */ (parts.pop());
    lines.push(...parts);
  }
  return [...lines, line];
}

/** Breaks a word into parts that fit. @param {string} word @param {number} columns */
function broken(word, columns) {
  if (widthOf(word) <= columns) return [word];
  const parts = [];
  let part = '';
  let used = 0;
  for (const { segment } of graphemes(word)) {
    const next = graphemeWidth(segment);
    if (part !== '' && used + next > columns) {
      const slash = part.lastIndexOf('/') + 1;
      const end = slash > part.length / 2 ? slash : part.length;
      parts.push(part.slice(0, end));
      part = part.slice(end);
      used = widthOf(part);
    }
    part += segment;
    used += next;
  }
  return [...parts, part];
}

module.exports = { PLAIN, UNSEEN, clean, cleaned, truncated, truncatedPath, widthOf, wrapped };
