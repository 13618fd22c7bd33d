'use strict';

// The screen of `log`: a line for everything that was decided or done, and whether the chain of the journal holds.

const { tableLines } = require('../table.js');
const { cleaned, wrapped } = require('../text.js');
const { clock, count, homely, shortIds } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').LogReport} LogReport */

/**
 * @param {LogReport} report
 * @param {import('../output.js').Output} io
 */
function printLog(report, io) {
  io.lines(logLines(report, { width: io.width, colours: io.colours }));
}

/**
 * @param {LogReport} report
 * @param {import('../output.js').View} view
 * @returns {string[]}
 */
function logLines(report, { width, colours }) {
  const { entries, total, chain, path } = cleaned(report);
  const room = width ?? Infinity;
  const now = new Date(report.generatedAt);
  const lines = [];
  if (entries.length === 0) {
    lines.push(...wrapped(total === 0 ? `Nothing that fits was noted in ${homely(path)}.` : `${count(total, 'entry').replace(/entrys$/, 'entries')} fit.`, room));
  } else {
    const ids = shortIds(entries.flatMap(({ session }) => (session === null ? [] : [session])));
    const columns = [{ heading: 'when' }, { heading: 'event' }, { heading: 'session' }, { heading: 'details', least: 16, yields: true }];
    const rows = entries.map(({ at, event, session, fields }) => ({
      cells: [at === null ? '' : clock(new Date(at), now), event, session === null ? '' : (ids.get(session) ?? session), details(fields)],
    }));
    lines.push(...tableLines(columns, [{ rows }], width, colours.dim).flat());
    if (entries.length < total) lines.push(...wrapped(`and ${total - entries.length} earlier: give --limit 0 for all`, room).map(colours.dim));
  }
  if (chain !== null) {
    const checked = `${count(chain.lines, 'line')}${chain.unchained === 0 ? '' : `, ${chain.unchained} of them without a hash of the one before`}`;
    lines.push('');
    if (chain.sound) lines.push(...wrapped(`The journal is as it was written: ${checked}.`, room).map(colours.green));
    else lines.push(...wrapped(`The journal was changed, or damaged: ${checked}.`, room).map(colours.red));
    for (const one of chain.breaks) lines.push(...wrapped(`${homely(one.path)}, line ${one.line}: ${one.why}`, room - 2).map((line) => `  ${line}`));
  }
  return lines;
}

/** What was noted, in one line: the hash of the line before is for programs. @param {Record<string, unknown>} fields */
function details(fields) {
  const words = Object.entries(fields).filter(([name, value]) => name !== 'prev' && value !== null);
  return words.map(([name, value]) => `${name} ${typeof value === 'string' ? homely(value) : JSON.stringify(value)}`).join(', ');
}

module.exports = { logLines, printLog };
