'use strict';

// The changes that `init` and `uninstall` are about to make or have made: printed as a list, as a unified diff and as the report of a dry
// run. Both verbs print them in the same way.

const { relative, isAbsolute, sep } = require('node:path');
const { createTwoFilesPatch } = require('diff');
const { clean, widthOf, wrapped } = require('./text.js');
const { homely } = require('./wording.js');

/** @typedef {import('../../src/ffi/types.js').FileStep} FileStep */
/** @typedef {import('./output.js').Output} Output */

/** Width of the longest action, and of the gap between columns. */
const ACTION = 'replace'.length;
const GUTTER = 2;

/** Fewest columns of a reason. */
const NARROWEST = 20;

/** @param {FileStep[]} steps */
function isChange(steps) {
  return steps.some((step) => step.action !== 'keep');
}

/**
 * Prints one line per file: the action, the path and the reason.
 *
 * @param {FileStep[]} steps
 * @param {string | null} project Paths inside it are printed relative to it, other paths in the home directory from `~`.
 * @param {Output} io
 */
function printSteps(steps, project, io) {
  const rows = steps.map((step) => [
    { text: step.action, style: step.action === 'keep' ? io.colours.dim : io.colours.green },
    clean(homely(shownPath(step.path, project))),
    { text: clean(step.why), style: io.colours.dim },
  ]);
  if (rows.length === 0) return;
  const [files, reasons] = [Math.max(...rows.map(([, file]) => widthOf(String(file)))), Math.max(...steps.map(({ why }) => widthOf(clean(why))))];
  const width = io.width ?? Infinity;
  if (ACTION + files + reasons + 2 * GUTTER <= width) return io.table(['', 'file', 'why'], rows, ['why']);
  // No reason is cut. If the terminal is too narrow for both, the reason is printed below its file.
  const indent = ' '.repeat(ACTION + GUTTER);
  for (const [index, { action, why }] of steps.entries()) {
    const { style } = /** @type {{style: (text: string) => string}} */ (rows[index][0]);
    io.line(`${style(action.padEnd(ACTION))}${' '.repeat(GUTTER)}${rows[index][1]}`);
    for (const line of wrapped(clean(why), Math.max(width - indent.length, NARROWEST))) io.line(indent + io.colours.dim(line));
  }
}

/**
 * Prints a unified diff of every file that would change. Names have the form that `git apply` and `patch -p1` expect in the project's
 * directory; files elsewhere keep their absolute path.
 *
 * @param {FileStep[]} steps
 * @param {string | null} project
 * @param {Output} io
 */
function printDiff(steps, project, io) {
  for (const { action, path, why, before, after } of steps) {
    if (action === 'keep') continue;
    if (before === after) {
      // The step is about a directory or a file that is not text.
      io.error(`${action} ${clean(shownPath(path, project))}: ${clean(why)}`);
      continue;
    }
    const name = shownPath(path, project).replaceAll('\\', '/');
    const from = before === null ? '/dev/null' : isAbsolute(name) ? name : `a/${name}`;
    const to = after === null ? '/dev/null' : isAbsolute(name) ? name : `b/${name}`;
    const patch = createTwoFilesPatch(from, to, before ?? '', after ?? '');
    // The first line is a separator that no tool needs.
    io.diff(patch.replace(/^=+\n/, ''));
  }
}

/** @param {string[]} warnings @param {Output} io */
function printWarnings(warnings, io) {
  for (const warning of warnings) io.remark(`${io.colours.yellow('warning')}: ${clean(warning)}`);
}

/**
 * Returns the words for what a plan or a report is about, and the directory that paths are printed relative to.
 *
 * @param {{scope: string, project: string}} of
 * @returns {{inWords: string, fromWords: string, base: string | null}}
 */
function targetOf({ scope, project }) {
  if (scope === 'user') return { inWords: 'for all your projects', fromWords: 'your own settings', base: null };
  return { inWords: `in ${clean(project)}`, fromWords: clean(project), base: project };
}

/** @param {string} path @param {string | null} project */
function shownPath(path, project) {
  if (project === null) return path;
  const inside = relative(project, path);
  return inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? path : inside;
}

/**
 * Returns the scope that an option names; `undefined` without such an option.
 *
 * @param {{local?: boolean, user?: boolean, everyone?: boolean}} args
 * @returns {'project' | 'local' | 'user' | undefined}
 */
function scopeOf({ local, user, everyone }) {
  return user ? 'user' : local ? 'local' : everyone ? 'project' : undefined;
}

module.exports = { isChange, printDiff, printSteps, printWarnings, scopeOf, targetOf };
