'use strict';

// The screen of `forget`: what is removed, and what Claude Code still has of the session.

const { printProblems } = require('../sessions.js');
const { cleaned, wrapped } = require('../text.js');
const { count, homely, sizeWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').ForgetReport} ForgetReport */

/** @type {Record<string, string>} */
const KINDS = { kept: 'kept files', snapshots: 'snapshots', outputs: 'outputs of runs', export: 'an export', page: 'a page', record: 'records', incident: 'its stop', event: 'an event of a hook', quarantined: 'a damaged file', note: 'its block in HANDOFF.md', state: 'a saved state', entries: 'its entries in', lock: 'a lock file' };

/** @param {ForgetReport} report @param {import('../output.js').Output} io */
function printForgotten(report, io) {
  io.lines(forgetLines(report, { width: io.width, colours: io.colours }));
  printProblems(report.problems, io);
}

/**
 * @param {ForgetReport} report
 * @param {import('../output.js').View} view
 * @returns {string[]}
 */
function forgetLines(report, { width, colours }) {
  const { dryRun, session, removed, withClaudeCode, elsewhere } = cleaned(report);
  const room = width ?? Infinity;
  const list = (/** @type {string[]} */ items) => items.flatMap((item) => wrapped(item, room - 2).map((line, at) => `${at === 0 ? '  ' : '    '}${line}`));
  const lines = wrapped(`${dryRun ? 'Would remove' : 'Removed'} ${count(removed.length, 'item')} of session ${session}.`, room).map(colours.bold);
  lines.push(...list(removed.map(({ kind, path, bytes }) => `${KINDS[kind] ?? kind}${bytes > 0 ? `, ${sizeWords(bytes)}` : ''}: ${homely(path)}`)));
  if (withClaudeCode.length > 0) lines.push('', ...wrapped('Claude Code still has:', room).map(colours.bold), ...list(withClaudeCode.map(homely)));
  if (elsewhere.length > 0) lines.push('', ...wrapped('These exports and pages are left:', room).map(colours.bold), ...list(elsewhere.map(homely)));
  return lines;
}

module.exports = { printForgotten, forgetLines };
