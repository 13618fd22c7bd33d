'use strict';

// The screen of `doctor`: a line for each check, with its path and the next step.

const { widthOf, wrapped } = require('../text.js');
const { count, homely, readable } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').DoctorReport} DoctorReport */
/** @typedef {import('../../../src/ffi/types.js').DoctorCheck} DoctorCheck */

const GUTTER = '  ';
/** Minimum width of the facts beside the names; with less room they are printed below them. */
const NARROWEST = 30;

/** The checks in the order in which they are printed, and the word for each. */
const STATUSES = /** @type {const} */ ([
  { status: 'fail', word: 'FAIL', colour: 'red' },
  { status: 'warn', word: 'warn', colour: 'yellow' },
  { status: 'ok', word: 'ok', colour: 'green' },
]);

/**
 * @param {DoctorReport} report
 * @param {import('../output.js').Output} io
 * @param {{quiet?: boolean, all?: boolean}} [options]
 */
function printDoctor(report, io, options) {
  io.lines(doctorLines(report, { width: io.width, colours: io.colours }, options));
}

/**
 * @param {DoctorReport} report
 * @param {import('../output.js').View} view
 * @param {{quiet?: boolean, all?: boolean}} [options] `quiet`: only what is not in order, and no line when everything is. `all`: each
 *   passed check too, which otherwise are one line.
 * @returns {string[]}
 */
function doctorLines(report, { width, colours }, { quiet = false, all = false } = {}) {
  const { checks, project } = readable(report, new Date(report.generatedAt));
  const room = width ?? Infinity;
  const shown = STATUSES.flatMap(({ status, word, colour }) => (status === 'ok' && !all ? [] : checks.filter((check) => check.status === status).map((check) => ({ check, word, colour }))));
  if (quiet && shown.length === 0) return [];
  const lines = wrapped(verdict(checks, homely(project)), room).map(colours.bold);
  const names = Math.max(0, ...shown.map(({ check }) => widthOf(check.id)));
  const margin = 'FAIL'.length + names + 2 * GUTTER.length;
  const beside = room - margin >= NARROWEST;
  if (shown.length > 0) lines.push('');
  for (const { check, word, colour } of shown) {
    const { id, fact, path, next } = check;
    const indent = ' '.repeat(beside ? margin : 2 * GUTTER.length);
    const columns = room - indent.length;
    const told = [
      ...wrapped(fact, columns),
      ...(path === null ? [] : wrapped(homely(path), columns).map(colours.dim)),
      ...(next === null ? [] : wrapped(`next: ${next}`, columns).map(colours.cyan)),
    ];
    const head = colours[colour](word.padEnd('FAIL'.length)) + GUTTER + (beside ? id.padEnd(names) + GUTTER : id);
    if (beside) lines.push(head + told[0], ...told.slice(1).map((line) => indent + line));
    else lines.push(head, ...told.map((line) => indent + line));
  }
  const passed = checks.filter(({ status }) => status === 'ok').length;
  if (!quiet && !all && passed > 0) {
    const [first, ...more] = wrapped(`${count(passed, 'check')} passed (--all prints each)`, room - 'FAIL'.length - GUTTER.length);
    lines.push('', colours.green('ok'.padEnd('FAIL'.length)) + GUTTER + first, ...more.map((line) => ' '.repeat('FAIL'.length) + GUTTER + line));
  }
  return lines;
}

/** @param {DoctorCheck[]} checks @param {string} project */
function verdict(checks, project) {
  const number = (/** @type {DoctorCheck['status']} */ wanted) => checks.filter(({ status }) => status === wanted).length;
  const [failed, warned] = [number('fail'), number('warn')];
  if (failed === 0 && warned === 0) return `Everything is in order for recovery in ${project}: ${count(checks.length, 'check')}.`;
  const parts = [failed === 0 ? '' : `${count(failed, 'check')} ${failed === 1 ? 'fails' : 'fail'}`, warned === 0 ? '' : `${count(warned, 'check')} ${warned === 1 ? 'warns' : 'warn'}`];
  return `${failed === 0 ? 'Recovery works' : 'Recovery does not work as intended'} in ${project}: ${parts.filter(Boolean).join(', ')} of ${checks.length}.`;
}

module.exports = { doctorLines, printDoctor };
