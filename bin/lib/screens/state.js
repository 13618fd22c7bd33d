'use strict';

// Prints the result of `state`: one state exactly as it was saved, all states as a table, or the outcome of a restore.

const { tableLines } = require('../table.js');
const { clean, cleaned, truncatedPath, wrapped } = require('../text.js');
const { clock, count, homely, kindWords, ownName, shortIds } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').SavedState} SavedState */
/** @typedef {import('../../../src/ffi/types.js').StateReport} StateReport */
/** @typedef {import('../output.js').View} View */

/** @type {Record<string, string>} */
const MOMENTS = { 'turn-ended': 'a turn ended', 'subagent-ended': 'a subagent ended', compacting: 'compaction', stopped: 'it stopped', 'session-ended': 'it ended' };

/**
 * @param {StateReport} report
 * @param {'show' | 'list' | 'restore'} action
 * @param {import('../output.js').Output} io
 */
function printState(report, action, io) {
  const view = { width: io.width, colours: io.colours };
  if (action === 'list') return io.lines(listLines(report, view));
  if (action === 'restore') return io.lines(restoredLines(report, view));
  const { text, states, chosen, foreign } = report;
  io.lines((text ?? '').trimEnd().split('\n').map((line) => clean(line, '\t')));
  const edited = states.some(({ name, sound }) => name === chosen && !sound);
  if (edited || (chosen === null && foreign)) io.error('\nThis file was edited after it was saved, or came with the project. It is not passed to the model.');
  return undefined;
}

/**
 * @param {StateReport} report
 * @param {View} view
 * @returns {string[]}
 */
function listLines(report, { width, colours }) {
  const { states, foreign, enabled, directory, project } = cleaned(report);
  const room = width ?? Infinity;
  const place = `  ${colours.dim(truncatedPath(homely(directory ?? project), Math.max(room - 2, 1)))}`;
  const told = states.length === 0 ? 'No state is saved in this project.' : `${count(states.length, 'saved state')}, newest first:`;
  const lines = [...wrapped(told, room).map(colours.bold), place];
  if (foreign) lines.push('', ...wrapped('The file of the last state was edited after it was saved, or came with the project. It is not passed to the model.', room).map(colours.yellow));
  if (states.length > 0) lines.push('', ...table());
  if (!enabled) lines.push('', ...wrapped('Recovery is not set up in this project, so none is saved. To set it up:', room), `  ${colours.cyan(`${ownName()} init`)}`);
  return lines;

  function table() {
    const now = new Date(report.generatedAt);
    const ids = shortIds(states.map(({ session }) => session));
    const columns = [
      { heading: 'state' },
      { heading: 'session', leave: 4 },
      { heading: 'saved' },
      { heading: 'when', leave: 3 },
      { heading: 'status', least: 12, yields: true },
      { heading: 'open', least: 8, yields: true, leave: 1 },
    ];
    const rows = states.map((state) => ({
      cells: [
        { text: state.name, style: state.last ? colours.bold : String },
        ids.get(state.session) ?? state.session,
        clock(new Date(state.savedAt), now),
        MOMENTS[state.moment] ?? state.moment,
        standing(state),
        openWords(state),
      ],
    }));
    return tableLines(columns, [{ rows }], width, colours.dim).flat();
  }

  /** @param {SavedState} state */
  function standing({ sound, kind, unfinished }) {
    if (!sound) return { text: 'edited since then', style: colours.red };
    return { text: kindWords(kind), style: unfinished ? colours.yellow : String };
  }
}

/** Returns what was unfinished. @param {SavedState} state */
function openWords({ tasksOpen, tasksDone, inFlight, failing }) {
  return [
    tasksOpen > 0 ? `${tasksOpen} of ${count(tasksOpen + tasksDone, 'task')}` : '',
    inFlight > 0 ? count(inFlight, 'call') : '',
    failing > 0 ? count(failing, 'failing check') : '',
  ].filter(Boolean).join(', ');
}

/**
 * @param {StateReport} report
 * @param {View} view
 * @returns {string[]}
 */
function restoredLines(report, { width, colours }) {
  const { chosen, dryRun, states, kept } = cleaned(report);
  const room = width ?? Infinity;
  const state = states.find(({ name }) => name === chosen);
  const of = state === undefined ? '' : `, of session ${state.session.slice(0, 8)}`;
  const words = dryRun ? `${chosen}${of}, would become the last state, and the current one would be archived.` : `${chosen}${of}, is now the last state. New sessions in this project receive it.`;
  const lines = wrapped(words, room).map(colours.bold);
  if (kept !== null) lines.push('', ...wrapped('The previous one had been edited by hand and is kept in', room), `  ${truncatedPath(homely(kept), Math.max(room - 2, 1))}`);
  return lines;
}

module.exports = { listLines, printState, restoredLines };
