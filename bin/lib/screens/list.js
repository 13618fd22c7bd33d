'use strict';

// The list: every session that passes the filters, in one table.

const { NAME_COLUMNS, PATH_COLUMNS, contextCell, directoryOf, nameOf, printProblems, stateCell } = require('../sessions.js');
const { tableLines } = require('../table.js');
const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { clock, count, doingWords, homely, ownName, shortIds, sizeWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../../src/ffi/types.js').ListReport} ListReport */
/** @typedef {import('../output.js').View} View */

/**
 * @param {ListReport} report
 * @param {import('../output.js').Output} io
 * @param {string[]} [filters] Filters as the user typed them: `--state hung`.
 */
function printList(report, io, filters = []) {
  return io.page(listLines(report, { width: io.width, colours: io.colours }, filters), () => printProblems(report.problems, io));
}

/**
 * @param {ListReport} report
 * @param {View} view
 * @param {string[]} filters
 * @returns {string[]}
 */
function listLines(report, { width, colours }, filters) {
  const { sessions, generatedAt, project, total } = cleaned(report);
  const now = new Date(generatedAt);
  const wrap = (/** @type {string} */ text) => wrapped(text, width ?? Infinity);
  if (report.gone?.length > 0) return goneLines(report, { width, colours });
  if (sessions.length === 0) return none();

  const short = shortIds(sessions.map((session) => session.id));
  /** @type {import('../table.js').Column[]} */
  const columns = [
    { heading: 'session' },
    { heading: 'state' },
    { heading: 'what', least: 12 },
    { heading: 'active', alone: (text) => `active ${text}` },
    { heading: 'size', right: true, leave: 2 },
    { heading: 'context', right: true, leave: 1, alone: (text) => `context ${text}` },
    { heading: 'name', least: 20, most: NAME_COLUMNS, yields: true },
    { heading: 'project', least: 14, most: PATH_COLUMNS, yields: true, leave: 3, cut: truncatedPath },
  ];
  const rows = sessions.map((session) => ({
    cells: [
      short.get(session.id) ?? session.id,
      stateCell(session, colours),
      doingWords(session),
      session.lastActivityAt === null ? '' : clock(new Date(session.lastActivityAt), now),
      session.oversized ? { text: sizeWords(session.bytes), style: colours.yellow } : sizeWords(session.bytes),
      contextCell(session, colours),
      nameOf(session),
      // In the list of one project this cell would be the same in every row.
      project === null ? homely(directoryOf(session)) : '',
    ],
  }));
  const lines = tableLines(columns, [{ rows }], width, colours.dim).flat();
  const more = total - sessions.length;
  if (more > 0) lines.push('', ...wrap(`${sessions.length} of ${count(total, 'session')}; all of them with --limit 0.`));
  return lines;

  function none() {
    const where = project === null ? 'in any project on this machine' : `in ${truncatedPath(homely(project.dir), width === null ? Infinity : Math.max(width - 16, 12))}`;
    if (filters.length > 0) return [...wrap(`No sessions ${where} match ${cleaned(filters).join(' ')}.`), ...wrap('Remove a filter to see more.')];
    if (project !== null) return [...wrap(`No sessions ${where}.`), ...wrap('Sessions of all projects:'), `  ${colours.cyan(`${ownName()} list`)}`];
    return [...wrap(`No sessions ${where}.`), ...wrap('Searched: ~/.claude, CLAUDE_CONFIG_DIR, ~/.ccs/instances, and configDirs of the configuration.')];
  }
}

/**
 * Returns the lines about sessions whose transcript is gone.
 *
 * @param {ListReport} report
 * @param {View} view
 * @returns {string[]}
 */
function goneLines(report, { width, colours }) {
  const { gone, generatedAt, total } = cleaned(report);
  const now = new Date(generatedAt);
  const room = width ?? Infinity;
  const short = shortIds(gone.map(({ id }) => id));
  const columns = [{ heading: 'session' }, { heading: 'last' }, { heading: 'left', least: 12 }, { heading: 'name or last prompt', least: 20, most: NAME_COLUMNS, yields: true }, { heading: 'project', least: 14, most: PATH_COLUMNS, yields: true, leave: 1, cut: truncatedPath }];
  const rows = gone.map((session) => ({
    cells: [
      short.get(session.id) ?? session.id,
      session.lastAt === null ? '' : clock(new Date(session.lastAt), now),
      session.kept === null ? (session.typed === 0 ? 'nothing' : count(session.typed, 'prompt')) : `all, ${sizeWords(session.kept.bytes)}`,
      session.name ?? session.title ?? session.prompts.at(-1)?.text ?? '',
      session.project === null ? '' : homely(session.project),
    ],
  }));
  const kept = gone.find((session) => session.kept !== null);
  const lines = [...wrapped(`${count(total, 'session')} without a transcript${gone.length < total ? `, ${gone.length} shown` : ''}.`, room).map(colours.bold), '', ...tableLines(columns, [{ rows }], width, colours.dim).flat()];
  if (kept !== undefined) lines.push('', ...wrapped('Restore the complete ones with:', room), `  ${colours.cyan(`${ownName()} restore ${short.get(kept.id) ?? kept.id}`)}`);
  return lines;
}

module.exports = { listLines, printList };
