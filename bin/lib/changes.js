'use strict';

// The changes that `init` and `uninstall` are about to make or have made: as a list, as a unified diff, and as the report of
// a dry run. Both verbs show them in the same way.

const { relative, isAbsolute, sep } = require('node:path');
const { createTwoFilesPatch } = require('diff');
const { clean } = require('./text.js');

/** @typedef {import('../../src/ffi/types.js').FileStep} FileStep */
/** @typedef {import('./output.js').Output} Output */

/** @param {FileStep[]} steps */
function isChange(steps) {
  return steps.some((step) => step.action !== 'keep');
}

/**
 * Prints one line a file: what happens to it, where it is, why.
 *
 * @param {FileStep[]} steps
 * @param {string} project Paths in it are shown from there.
 * @param {Output} io
 */
function printSteps(steps, project, io) {
  const rows = steps.map((step) => [
    { text: step.action, style: step.action === 'keep' ? io.colours.dim : io.colours.green },
    clean(shownPath(step.path, project)),
    { text: clean(step.why), style: io.colours.dim },
  ]);
  if (rows.length > 0) io.table(['', 'file', 'why'], rows, ['why']);
}

/**
 * Prints a unified diff of every file that would change. Names are as `git apply` and `patch -p1` want them in the project's
 * directory; files elsewhere keep their whole path.
 *
 * @param {FileStep[]} steps
 * @param {string} project
 * @param {Output} io
 */
function printDiff(steps, project, io) {
  for (const { action, path, why, before, after } of steps) {
    if (action === 'keep') continue;
    if (before === after) {
      // A directory, or a file that is no text.
      io.error(`${action} ${clean(shownPath(path, project))}: ${clean(why)}`);
      continue;
    }
    const name = shownPath(path, project).replaceAll('\\', '/');
    const from = before === null ? '/dev/null' : isAbsolute(name) ? name : `a/${name}`;
    const to = after === null ? '/dev/null' : isAbsolute(name) ? name : `b/${name}`;
    const patch = createTwoFilesPatch(from, to, before ?? '', after ?? '');
    // Its first line is a ruler that no tool needs.
    io.diff(patch.replace(/^=+\n/, ''));
  }
}

/** @param {string[]} warnings @param {Output} io */
function printWarnings(warnings, io) {
  for (const warning of warnings) io.remark(`${io.colours.yellow('warning')}: ${clean(warning)}`);
}

/** @param {string} path @param {string} project */
function shownPath(path, project) {
  const inside = relative(project, path);
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? path : inside;
}

/** @param {{local?: boolean, user?: boolean}} args @returns {'project' | 'local' | 'user'} */
function scopeOf({ local, user }) {
  return user ? 'user' : local ? 'local' : 'project';
}

module.exports = { isChange, printDiff, printSteps, printWarnings, scopeOf };
