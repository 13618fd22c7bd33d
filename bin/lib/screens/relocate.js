'use strict';

// The screen of `relocate`: what is copied, who sees which of both, and how the copy is resumed.

const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { commandWords, count, homely, sentence, sizeWords } = require('../wording.js');

/**
 * @param {import('../../../src/ffi/types.js').RelocateReport} report
 * @param {import('../output.js').Output} io
 */
function printRelocated(report, io) {
  const { dryRun, session, files, visibility } = cleaned(report);
  const width = io.width ?? Infinity;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const target = /** @type {string} */ (files.at(-1)?.to);
  const words = `${dryRun ? 'Would copy' : 'Copied'} ${session}: ${count(files.length, 'file')}, ${sizeWords(bytes)}${dryRun ? '' : ', compared byte for byte'}.`;
  for (const line of wrapped(words, width)) io.line(io.colours.bold(line));
  io.line(`  ${io.colours.dim(truncatedPath(homely(target), width - 2))}`);
  io.line();
  for (const fact of visibility) {
    for (const [index, line] of wrapped(sentence(fact), width - 2).entries()) io.line(`${index === 0 ? '- ' : '  '}${line}`);
  }
  io.line();
  io.line(dryRun ? 'It would be resumed with:' : 'Resume the copy with:');
  // Never cut: it is there to be copied, and cleaning would change a path.
  const { resume, cwd, env } = report.commands;
  io.line(`  ${io.colours.cyan(commandWords(/** @type {string[]} */ (resume), cwd, { env }))}`);
}

module.exports = { printRelocated };
