'use strict';

// The screen of `doctor`: a line for each check, with its path and the next step.

const { cleaned, widthOf, wrapped } = require('../text.js');
const { count, homely } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').DoctorReport} DoctorReport */
/** @typedef {import('../../../src/ffi/types.js').DoctorCheck} DoctorCheck */

const GUTTER = '  ';
/** Minimum width of the facts beside the names; with less room they are printed below them. */
const NARROWEST = 30;

/**
 * @param {DoctorReport} report
 * @param {import('../output.js').Output} io
 * @param {{quiet?: boolean}} [options]
 */
function printDoctor(report, io, options) {
  io.lines(doctorLines(report, { width: io.width, colours: io.colours }, options));
}

/**
 * @param {DoctorReport} report
 * @param {import('../output.js').View} view
 * @param {{quiet?: boolean}} [options] `quiet`: only what is not in order, and no line when everything is.
 * @returns {string[]}
 */
function doctorLines(report, { width, colours }, { quiet = false } = {}) {
  const { checks, project } = cleaned(report);
  const room = width ?? Infinity;
  const shown = quiet ? checks.filter(({ status }) => status !== 'ok') : checks;
  if (quiet && shown.length === 0) return [];
  const lines = wrapped(verdict(checks, homely(project)), room).map(colours.bold);
  if (shown.length === 0) return lines;
  /** @type {Record<DoctorCheck['status'], {word: string, style: (text: string) => string}>} */
  const standings = { ok: { word: 'ok', style: colours.green }, warn: { word: 'warn', style: colours.yellow }, fail: { word: 'FAIL', style: colours.red } };
  const names = Math.max(...shown.map(({ id }) => widthOf(id)));
  const margin = 'FAIL'.length + names + 2 * GUTTER.length;
  const beside = room - margin >= NARROWEST;
  lines.push('');
  for (const { id, status, fact, path, next } of shown) {
    const { word, style } = standings[status];
    const indent = ' '.repeat(beside ? margin : 2 * GUTTER.length);
    const columns = room - indent.length;
    const told = [
      ...wrapped(fact, columns),
      ...(path === null ? [] : wrapped(homely(path), columns).map(colours.dim)),
      ...(next === null ? [] : wrapped(`next: ${next}`, columns).map(colours.cyan)),
    ];
    const head = style(word.padEnd('FAIL'.length)) + GUTTER + (beside ? id.padEnd(names) + GUTTER : id);
    if (beside) lines.push(head + told[0], ...told.slice(1).map((line) => indent + line));
    else lines.push(head, ...told.map((line) => indent + line));
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
