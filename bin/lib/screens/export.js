'use strict';

// The screen of `export`: what was saved and where, what was skipped, and what failed.

const { NAME_COLUMNS } = require('../sessions.js');
const { tableLines } = require('../table.js');
const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { commandWords, count, homely, ownName, shortIds, sizeWords, stateName } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').ExportReport} ExportReport */
/** @typedef {import('../../../src/ffi/types.js').ExportedSession} ExportedSession */
/** @typedef {import('../output.js').View} View */

/**
 * @param {ExportReport} report
 * @param {import('../output.js').Output} io
 */
function printExported(report, io) {
  io.lines(exportLines(report, { width: io.width, colours: io.colours }));
  for (const line of failureLines(report)) io.error(io.clean(line));
  if (!report.dryRun && report.log === null) io.error('warning: the session log could not be written; the exports are complete');
}

/** Returns what could not be exported, each with the next step. @param {Pick<ExportReport, 'failures'>} report */
function failureLines(report) {
  return report.failures.flatMap(({ session, path, message, hint }) => {
    const what = `${session ?? 'This directory'} is not exported: ${path === null || message.includes(path) ? '' : `${path}: `}${message}`;
    return hint === null ? [what] : [what, `  next: ${hint}`];
  });
}

/**
 * @param {ExportReport} report
 * @param {View} view
 * @returns {string[]}
 */
function exportLines(report, { width, colours }) {
  const { dryRun, to, hash, exports, failures, bytes, log } = cleaned(report);
  const room = width ?? Infinity;
  const lines = wrapped(summary(), room).map(colours.bold);
  if (exports.length === 1) {
    lines.push(`  ${colours.dim(truncatedPath(homely(exports[0].path), Math.max(room - 2, 1)))}`, '', ...facts(exports[0]));
  } else {
    lines.push(`  ${colours.dim(truncatedPath(homely(to), Math.max(room - 2, 1)))}`);
    if (exports.length > 0) lines.push('', ...table());
  }
  const left = exports.flatMap(({ skipped }) => skipped);
  if (left.length > 0) {
    lines.push('', ...wrapped(`${count(left.length, 'file')} ${dryRun ? 'would be' : left.length === 1 ? 'was' : 'were'} left:`, room).map(colours.yellow));
    for (const { path, why } of left) lines.push(...wrapped(`${homely(path)} ${why}`, room - 2).map((line) => `  ${line}`));
  }
  if (!dryRun && exports.length > 0) {
    lines.push('', ...wrapped('Restore a session with:', room));
    // The user copies this line, so it is never cut; cleaning would change a path.
    lines.push(`  ${colours.cyan(commandWords([...ownName().split(' '), 'import', report.exports[0].path]))}`);
    if (log !== null) lines.push('', ...wrapped(`Logged in ${homely(log)}.`, room).map(colours.dim));
  }
  return lines;

  function summary() {
    if (exports.length === 0) return `Nothing ${dryRun ? 'can be' : 'was'} exported: ${count(failures.length, 'session')} failed.`;
    const failed = failures.length === 0 ? '' : `; ${count(failures.length, 'session')} ${dryRun ? 'cannot be' : 'could not be'}`;
    const what = exports.length === 1 ? exports[0].session : count(exports.length, 'session');
    const files = count(exports.reduce((sum, one) => sum + one.files, 0), 'file');
    if (dryRun) return `Would export ${what}: ${files}, ${sizeWords(bytes)}${failed}.`;
    return `Exported ${what}: ${files}, ${sizeWords(bytes)}, read back and compared byte for byte${failed}.`;
  }

  /** @param {ExportedSession} one */
  function facts(one) {
    const words = [];
    if (one.livePid !== null) words.push(`Process ${one.livePid} has it open: what it writes from now on is not in it.`);
    const lengths = one.transcriptLines === null ? sizeWords(one.transcriptBytes) : `${one.transcriptBytes} bytes, ${count(one.transcriptLines, 'line')}`;
    words.push(`Transcript: ${lengths}${one.grew ? ' (copied part only; the transcript has grown since)' : ''}.`);
    if (one.digest !== null) words.push(`${hash === 'sha256' ? 'SHA-256' : 'XXH3'} ${one.digest}`);
    return words.flatMap((line) => wrapped(line, room));
  }

  function table() {
    const ids = shortIds(exports.map(({ session }) => session));
    const columns = [
      { heading: 'session' },
      { heading: 'state' },
      { heading: 'files', right: true },
      { heading: 'size', right: true },
      { heading: 'name', least: 8, most: NAME_COLUMNS, yields: true },
    ];
    const rows = exports.map((one) => ({
      cells: [ids.get(one.session) ?? one.session, stateName(one.state), String(one.files), sizeWords(one.bytes), one.title ?? ''],
    }));
    return tableLines(columns, [{ rows }], width, colours.dim).flat();
  }
}

module.exports = { exportLines, failureLines, printExported };
