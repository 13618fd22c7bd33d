'use strict';

// Prints the result of `handoff`: the note exactly as the user pastes it, or what happened to the file after a write.

const { clean, cleaned, truncatedPath, wrapped } = require('../text.js');
const { count, homely, ownName } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').HandoffReport} HandoffReport */
/** @typedef {import('../output.js').View} View */

/**
 * @param {HandoffReport} report
 * @param {import('../output.js').Output} io
 * @param {boolean} writing
 */
function printHandoff(report, io, writing) {
  const { dryRun, text } = report;
  // Print the text unchanged except for control characters, which a terminal would execute.
  if (!writing || dryRun) io.lines(text.trimEnd().split('\n').map((line) => clean(line, '\t')));
  if (!writing) return;
  const lines = writtenLines(report, { width: io.width, colours: io.colours });
  if (dryRun) io.error(`\n${lines.join('\n')}`);
  else io.lines(lines);
}

/**
 * @param {HandoffReport} report
 * @param {View} view
 * @returns {string[]}
 */
function writtenLines(report, { width, colours }) {
  const { session, file, written, dryRun, enabled, kept } = cleaned(report);
  const room = width ?? Infinity;
  const path = truncatedPath(homely(file ?? ''), Math.max(room - 2, 1));
  const note = `the note of ${session.name ?? session.id}`;
  const what = !written ? `${note[0].toUpperCase()}${note.slice(1)} is already in` : dryRun ? `Would write ${note} to` : `Wrote ${note} to`;
  const lines = [...wrapped(what, room).map(colours.bold), `  ${path}`];
  if (kept.length > 0) lines.push('', ...wrapped(`${count(kept.length, 'block')} had been edited by hand. The edited text is kept in`, room), ...kept.map((one) => `  ${truncatedPath(homely(one), Math.max(room - 2, 1))}`));
  if (!enabled) lines.push('', ...wrapped('Recovery is not set up in that project. To set it up:', room), `  ${colours.cyan(`${ownName()} init`)}`);
  return lines;
}

module.exports = { printHandoff, writtenLines };
