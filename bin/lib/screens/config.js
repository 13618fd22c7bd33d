'use strict';

// The screens of `config`: the files with their errors, and every value with the file that sets it.

const { cleaned, widthOf, wrapped } = require('../text.js');
const { homely } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').ConfigurationReport} ConfigurationReport */
/** @typedef {import('../output.js').Output} Output */

/** Columns of a value, and of its origin, that a table needs beside the keys. */
const VALUE = 16;
const ORIGIN = 12;

/** @type {Record<import('../../../src/ffi/types.js').ConfigOrigin, string>} */
const ORIGINS = { default: 'default', user: 'your file', project: "project's file", invalid: 'off: a file is invalid' };

/** @param {ConfigurationReport} report @param {Output} io */
function printConfiguration(report, io) {
  printFiles(report, io);
  io.line();
  const values = cleaned(report.values);
  const keys = Math.max(0, ...values.map(({ key }) => widthOf(key)));
  const rows = values.map(({ key, value, origin }) => {
    const style = origin === 'default' ? io.colours.dim : origin === 'invalid' ? io.colours.red : io.colours.green;
    return /** @type {const} */ ([key, JSON.stringify(value), { text: ORIGINS[origin], style }]);
  });
  if (io.width === null || keys + VALUE + ORIGIN <= io.width) return io.table(['key', 'value', 'from'], rows.map((cells) => [...cells]), ['value']);
  // A truncated key could not be copied into a file, so its value is printed below it.
  for (const [key, value, { text, style }] of rows) io.lines([key, ...wrapped(`${value}, ${text}`, io.width - 2).map((line) => `  ${style(line)}`)]);
}

/** @param {ConfigurationReport} report @param {Output} io */
function printFiles(report, io) {
  const { files } = cleaned(report);
  for (const { origin, path, exists, problem } of files) {
    const standing = problem === null ? (exists ? 'valid' : 'not found') : io.colours.red('invalid');
    io.line(`${origin === 'user' ? 'Your file   ' : 'Project file'}  ${homely(path)}: ${standing}`);
    if (problem === null) continue;
    io.lines(wrapped(problem.message, (io.width ?? Infinity) - 2).map((line) => `  ${line}`));
    // The message of an invalid value says so itself.
    if (problem.code !== 'CONFIG_INVALID') io.line('  automatic recovery is off until the file can be read');
  }
}

module.exports = { printConfiguration, printFiles };
