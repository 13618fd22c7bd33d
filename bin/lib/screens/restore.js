'use strict';

// The screen of `restore`: the snapshots of a session compared with its transcript, what was restored, and how to undo it.

const { tableLines } = require('../table.js');
const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { clock, commandWords, count, homely, ownName, sizeWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').KeptSnapshot} KeptSnapshot */
/** @typedef {import('../../../src/ffi/types.js').RestoreReport} RestoreReport */
/** @typedef {import('../output.js').View} View */

/**
 * @param {RestoreReport} report
 * @param {import('../output.js').Output} io
 */
function printRestored(report, io) {
  io.lines(restoreLines(report, { width: io.width, colours: io.colours }));
}

/**
 * @param {RestoreReport} report
 * @param {View} view
 * @returns {string[]}
 */
function restoreLines(report, { width, colours }) {
  const { session, transcript, snapshots, chosen, restored, alreadyEqual, companions, kept } = cleaned(report);
  const room = width ?? Infinity;
  const now = new Date(report.generatedAt);
  const lines = wrapped(summary(), room).map(colours.bold);
  lines.push(`  ${colours.dim(truncatedPath(homely(transcript), Math.max(room - 2, 1)))}`, '');
  if (!restored) lines.push(...table(), '');
  if (restored && kept !== null) lines.push(...wrapped(`The previous transcript is stored as snapshot ${kept}. To restore it:`, room), copy(commandWords(/** @type {string[]} */ (report.undo))), '');
  const { resume, cwd, env } = report.commands;
  if (restored && resume !== null) lines.push(...wrapped('Resume the session with:', room), copy(commandWords(resume, cwd, { env })), '');
  if (chosen === null) lines.push('Restore one with:', copy(`${ownName()} restore ${session} --from <snapshot>`), '');
  return lines.slice(0, -1);

  function summary() {
    if (restored) return `Restored ${session} from snapshot ${chosen}: ${sizeWords(chosenOne().bytes)}, read back and compared.`;
    if (alreadyEqual && !report.dryRun) return `Restored ${count(companions, 'missing file')} of ${session}; its transcript already equals snapshot ${chosen}.`;
    if (alreadyEqual) return `Would restore the missing files of ${session}; its transcript already equals snapshot ${chosen}.`;
    if (chosen !== null) return `Would restore ${session} from snapshot ${chosen}; the current transcript would be stored as a snapshot first.`;
    return `${count(snapshots.length, 'snapshot')} of ${session}; nothing was changed.`;
  }

  function chosenOne() {
    return /** @type {KeptSnapshot} */ (snapshots.find(({ name }) => name === chosen));
  }

  function table() {
    const columns = [
      { heading: 'snapshot', least: 12 },
      { heading: 'taken' },
      { heading: 'size', right: true },
      { heading: 'transcript since then', least: 16, yields: true },
    ];
    const rows = snapshots.map((snapshot) => ({
      cells: [
        { text: snapshot.name, style: snapshot.name === chosen ? colours.bold : String },
        snapshot.takenAt === null ? '' : clock(new Date(snapshot.takenAt), now),
        sizeWords(snapshot.bytes),
        sinceCell(snapshot),
      ],
    }));
    return tableLines(columns, [{ rows }], width, colours.dim).flat();
  }

  /** @param {KeptSnapshot} snapshot */
  function sinceCell({ sound, isPrefix, linesSince }) {
    if (sound === false) return { text: 'this snapshot is damaged', style: colours.red };
    if (isPrefix === null || linesSince === null) return { text: 'is gone', style: colours.red };
    if (!isPrefix) return { text: `was rewritten${linesSince === 0 ? '' : `, ${count(Math.abs(linesSince), 'line')} ${linesSince > 0 ? 'more' : 'fewer'}`}`, style: colours.red };
    if (linesSince === 0) return { text: 'is the same', style: colours.dim };
    return { text: `grew by ${count(linesSince, 'line')}`, style: colours.green };
  }

  /** @param {string} command */
  function copy(command) {
    return `  ${colours.cyan(command)}`;
  }
}

module.exports = { printRestored, restoreLines };
