'use strict';

// The screen of `prune`: what is removed and why, and what stays.

const { printProblems } = require('../sessions.js');
const { tableLines } = require('../table.js');
const { cleaned, wrapped } = require('../text.js');
const { clock, count, shortIds, sizeWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').PruneReport} PruneReport */

/** @type {Record<string, string>} */
const KINDS = { export: 'export', snapshot: 'snapshot', page: 'page', output: 'output', record: 'record', kept: 'deleted session', leftover: 'unfinished' };

/**
 * @param {PruneReport} report
 * @param {import('../output.js').Output} io
 */
function printPruned(report, io) {
  io.lines(pruneLines(report, { width: io.width, colours: io.colours }));
  printProblems(report.problems, io);
}

/**
 * @param {PruneReport} report
 * @param {import('../output.js').View} view
 * @returns {string[]}
 */
function pruneLines(report, { width, colours }) {
  const { dryRun, removed, removedBytes, kept, keptBytes, packed, rules } = cleaned(report);
  const room = width ?? Infinity;
  const stay = kept === 0 ? 'Nothing is retained' : `${count(kept, 'item')} of ${sizeWords(keptBytes)} ${kept === 1 ? 'is' : 'are'} retained`;
  const why = `Exports are kept for ${days(rules.exportsDays)}, snapshots for ${days(rules.snapshotsDays)}, pages for ${days(rules.pagesDays)}, outputs of runs for ${days(rules.outputsDays)}, the newest ${rules.keep === 1 ? 'of each' : `${rules.keep} of each`} session whatever its age; records for ${days(rules.recordsDays)}, sessions that Claude Code deleted for ${days(rules.keptDays)}.`;
  const compressed = packed.files === 0 ? [] : wrapped(`Compressed ${count(packed.files, 'file')} of sessions that Claude Code deleted: from ${sizeWords(packed.before)} to ${sizeWords(packed.after)}.`, room);
  if (removed.length === 0) return [...wrapped(`Nothing ${dryRun ? 'would be deleted' : 'was deleted'}. ${stay}.`, room).map(colours.bold), ...compressed, ...wrapped(why, room).map(colours.dim)];
  const words = `${dryRun ? 'Would delete' : 'Deleted'} ${count(removed.length, 'item')} of ${sizeWords(removedBytes)}. ${stay}.`;
  const now = new Date(report.generatedAt);
  const ids = shortIds(removed.map(({ session }) => session));
  const columns = [{ heading: 'what' }, { heading: 'session' }, { heading: 'made' }, { heading: 'size', right: true }, { heading: 'why', least: 12, yields: true }];
  const rows = removed.map((one) => ({
    cells: [KINDS[one.kind] ?? one.kind, ids.get(one.session) ?? one.session, one.madeAt === null ? '' : clock(new Date(one.madeAt), now), sizeWords(one.bytes), one.why],
  }));
  return [...wrapped(words, room).map(colours.bold), ...compressed, ...wrapped(why, room).map(colours.dim), '', ...tableLines(columns, [{ rows }], width, colours.dim).flat()];
}

/** @param {number} number */
function days(number) {
  return count(number, 'day');
}

module.exports = { printPruned, pruneLines };
