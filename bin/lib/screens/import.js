'use strict';

// The screen of `import`: what was written where, what stays in the export, and how to resume the session.

const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { commandWords, count, homely, sentence, sizeWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').ImportReport} ImportReport */

/**
 * @param {ImportReport} report
 * @param {import('../output.js').Output} io
 */
function printImported(report, io) {
  io.lines(importLines(report, { width: io.width, colours: io.colours }));
  if (!report.dryRun && report.log === null) io.error('warning: the session log could not be written; the session is imported');
}

/**
 * @param {ImportReport} report
 * @param {import('../output.js').View} view
 * @returns {string[]}
 */
function importLines(report, { width, colours }) {
  const { dryRun, session, title, files, bytes, left, hint } = cleaned(report);
  const room = width ?? Infinity;
  const name = title === null ? '' : ` “${title}”`;
  const done = dryRun ? `The export is intact. Would import ${session}${name}` : `Imported ${session}${name}`;
  const lines = wrapped(`${done}: ${count(files.length, 'file')}, ${sizeWords(bytes)}${dryRun ? '' : ', each verified'}.`, room).map(colours.bold);
  const transcript = files.at(-1);
  if (transcript !== undefined) lines.push(`  ${colours.dim(truncatedPath(homely(transcript.to), Math.max(room - 2, 1)))}`);
  for (const one of left) lines.push(...wrapped(`${one.path} ${one.why}`, room - 2).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  const { resume, cwd, env } = report.commands;
  if (hint !== null) lines.push('', ...wrapped(sentence(hint), room).map(colours.yellow));
  if (resume === null) return lines;
  lines.push('', ...wrapped(dryRun ? 'It would be resumed with:' : 'Resume it with:', room));
  // The user copies this line, so it is never cut; cleaning would change a path.
  lines.push(`  ${colours.cyan(commandWords(resume, cwd, { env }))}`);
  return lines;
}

module.exports = { importLines, printImported };
