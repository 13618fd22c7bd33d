'use strict';

// The screen of `log`: a sentence for each decision and action, and whether the chain of the journal is intact.

const { INDENT } = require('../table.js');
const { cleaned, truncated, widthOf, wrapped } = require('../text.js');
const { clock, count, homely, shortIds } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').LogReport} LogReport */

/** Minimum width of a sentence beside its time. */
const BESIDE = 30;

/**
 * @param {LogReport} report
 * @param {import('../output.js').Output} io
 * @param {boolean} [isFiltered] Only some events were asked for.
 */
function printLog(report, io, isFiltered = false) {
  return io.page(logLines(report, { width: io.width, colours: io.colours }, isFiltered));
}

/**
 * @param {LogReport} report
 * @param {import('../output.js').View} view
 * @param {boolean} [isFiltered]
 * @returns {string[]}
 */
function logLines(report, { width, colours }, isFiltered = false) {
  const { entries, total, chain, path } = cleaned(report);
  const room = width ?? Infinity;
  const now = new Date(report.generatedAt);
  const lines = [];
  if (entries.length === 0) {
    const none = isFiltered ? `No event in ${homely(path)} matches.` : 'This tool has recorded no event yet. It records stops, resumes and changes once recovery is set up.';
    lines.push(...wrapped(total === 0 ? none : `${count(total, 'entry').replace(/entrys$/, 'entries')} match.`, room));
  } else {
    const ids = shortIds(entries.flatMap(({ session }) => (session === null ? [] : [session])));
    const heads = entries.map(({ at, session }) => [at === null ? '' : clock(new Date(at), now), session === null ? '' : (ids.get(session) ?? session)]);
    const widths = [0, 1].map((column) => Math.max(...heads.map((head) => widthOf(head[column]))));
    for (const [index, { sentence }] of entries.entries()) {
      const head = heads[index].map((text, column) => (widths[column] === 0 ? '' : `${text.padEnd(widths[column])}  `)).join('');
      const beside = room - head.length >= BESIDE;
      const [first, ...more] = wrapped(sentence, beside ? room - head.length : room - INDENT.length);
      const indent = beside ? ' '.repeat(head.length) : INDENT;
      if (beside) lines.push(`${head.trim() === '' ? head : colours.dim(head)}${first}`, ...more.map((line) => indent + line));
      else lines.push(...(head.trim() === '' ? [] : [colours.dim(truncated(head.trimEnd(), room))]), ...[first, ...more].map((line) => indent + line));
    }
    if (entries.length < total) lines.push(...wrapped(`and ${total - entries.length} earlier: give --limit 0 for all`, room).map(colours.dim));
  }
  if (chain !== null) {
    const checked = `${count(chain.lines, 'line')}${chain.unchained === 0 ? '' : `, ${chain.unchained} of them without a hash of the one before`}`;
    lines.push('');
    if (chain.sound) lines.push(...wrapped(`The journal is intact: ${checked}.`, room).map(colours.green));
    else lines.push(...wrapped(`The journal was changed or damaged: ${checked}.`, room).map(colours.red));
    for (const one of chain.breaks) lines.push(...wrapped(`${homely(one.path)}, line ${one.line}: ${one.why}`, room - 2).map((line) => `  ${line}`));
  }
  return lines;
}

module.exports = { logLines, printLog };
