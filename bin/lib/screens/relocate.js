'use strict';

// The screen of `relocate`: what is copied, which client sees the original and which the copy, and how to resume the copy.

const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { commandWords, count, homely, sentence, sizeWords } = require('../wording.js');

/**
 * @param {import('../../../src/ffi/types.js').RelocateReport} report
 * @param {import('../output.js').Output} io
 */
function printRelocated(report, io) {
  const { dryRun, session, files, cwd, transcript, visibility } = cleaned(report);
  const width = io.width ?? Infinity;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const copied = `${dryRun ? 'Would copy' : 'Copied'} ${session}: ${count(files.length, 'file')}, ${sizeWords(bytes)}${dryRun ? '' : ', compared byte for byte'}.`;
  const words = files.length > 0 ? copied : `${session} ${dryRun ? 'would belong' : 'belongs'} to ${homely(cwd)} from now on.`;
  for (const line of wrapped(words, width)) io.line(io.colours.bold(line));
  io.line(`  ${io.colours.dim(truncatedPath(homely(transcript), width - 2))}`);
  io.line();
  for (const fact of visibility) {
    for (const [index, line] of wrapped(sentence(fact), width - 2).entries()) io.line(`${index === 0 ? '- ' : '  '}${line}`);
  }
  io.line();
  io.line(dryRun ? 'It would be resumed with:' : `Resume ${files.length > 0 ? 'the copy' : 'it'} with:`);
  // The user copies this line, so it is never cut; cleaning would change a path.
  const { commands } = report;
  io.line(`  ${io.colours.cyan(commandWords(/** @type {string[]} */ (commands.resume), commands.cwd, { env: commands.env }))}`);
}

module.exports = { printRelocated };
