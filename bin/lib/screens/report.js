'use strict';

// The screen of `report`: sessions that need you first, then those that wait, run or continued, and the rest; for each stop its time and
// reason, the attempts and what they did, and the end.

const { NAME_COLUMNS, PATH_COLUMNS, printProblems, resumeCommand } = require('../sessions.js');
const { tableLines } = require('../table.js');
const { truncatedPath, widthOf, wrapped } = require('../text.js');
const { clock, count, homely, kindWords, nextWords, ownName, readable, sentence, shortIds, tokenWords } = require('../wording.js');

const WORDS = require('../words.json');

/** @typedef {import('../../../src/ffi/types.js').AccountReport} AccountReport */
/** @typedef {import('../../../src/ffi/types.js').IncidentAccount} IncidentAccount */
/** @typedef {import('../../../src/ffi/types.js').TriedAttempt} TriedAttempt */
/** @typedef {import('../output.js').View} View */
/** @typedef {import('../table.js').Below} Below */

/** The groups in the order of their urgency: title, words for the summary, color. */
const GROUPS = /** @type {const} */ ([
  { group: 'needs-you', title: 'Needs you', one: 'needs you', many: 'need you', colour: 'red' },
  { group: 'waiting', title: 'Waiting', one: 'waiting', many: 'waiting', colour: 'yellow' },
  { group: 'running', title: 'Running', one: 'running', many: 'running', colour: 'green' },
  { group: 'continued', title: 'Continued', one: 'continued', many: 'continued', colour: 'green' },
  { group: 'ended', title: 'Ended', one: 'ended', many: 'ended', colour: 'dim' },
]);

/** Maximum number of files and of commits listed per incident. */
const NAMED = 8;

/**
 * @param {AccountReport} report
 * @param {import('../output.js').Output} io
 */
function printReport(report, io) {
  return io.page(reportLines(report, { width: io.width, colours: io.colours }), () => printProblems(report.problems, io));
}

/**
 * @param {AccountReport} report
 * @param {View} view
 * @returns {string[]}
 */
function reportLines(report, { width, colours }) {
  const now = new Date(report.generatedAt);
  const { project, incidents, older } = readable(report, now);
  // Commands use the report as returned by the addon: cleaning would change a path.
  const commands = new Map(incidents.map((account, index) => [account, resumeCommand(/** @type {any} */ (report.incidents[index]))]));
  const short = shortIds(incidents.map(({ session }) => session));
  const groups = GROUPS.map((kind) => ({ kind, members: incidents.filter((account) => account.group === kind.group) })).filter(({ members }) => members.length > 0);
  const { dim } = colours;

  const lines = summary();
  for (const table of tableLines(columns(), groups.map(tableGroup), width, dim)) lines.push('', ...table);
  // A stop is recorded only where the hooks ran; `status` finds the others in the transcripts.
  if (incidents.length === 0 && older === 0) lines.push('', ...wrap('Interrupted sessions, also without a recorded stop:'), copy(`${ownName()} status${project === null ? ' --all' : ''}`));
  if (older > 0) lines.push('', ...wrap(`${count(older, 'older stop')} still ${older === 1 ? 'needs' : 'need'} you:`), copy(`${ownName()} status${project === null ? ' --all' : ''}`));
  return lines;

  function summary() {
    const since = `since ${clock(new Date(report.since), now)}`;
    const counts = groups.map(({ kind, members }) => `${members.length} ${members.length === 1 ? kind.one : kind.many}`).join(', ');
    const words = incidents.length === 0 ? `No stop was recorded ${since}` : `${count(incidents.length, 'stop')} ${since}: ${counts}`;
    if (project === null) return wrap(`On this machine: ${incidents.length === 0 ? `no stop was recorded ${since}` : words}.`).map(colours.bold);
    const room = width === null ? Infinity : Math.max(width - widthOf(words) - 5, 12);
    return wrap(`${words} in ${truncatedPath(homely(project.dir), room)}.`).map(colours.bold);
  }

  /** @returns {import('../table.js').Column[]} */
  function columns() {
    const all = [
      { heading: 'session' },
      { heading: 'stopped' },
      { heading: 'why', least: 12 },
      { heading: 'now', least: 11 },
      { heading: 'answers', right: true, leave: 2, alone: labelled },
      { heading: 'files', right: true, leave: 3, alone: labelled },
      { heading: 'commits', right: true, leave: 3, alone: labelled },
      { heading: 'tokens', right: true, leave: 4, alone: labelled },
      { heading: 'name', least: 14, most: NAME_COLUMNS, yields: true },
    ];
    return project === null ? [...all, { heading: 'project', least: 14, most: PATH_COLUMNS, yields: true, leave: 1, cut: truncatedPath }] : all;
  }

  /** @param {(typeof groups)[number]} group */
  function tableGroup({ kind, members }) {
    const paint = colours[kind.colour];
    return {
      headings: [{ text: kind.title, style: (/** @type {string} */ text) => colours.bold(paint(text)) }],
      rows: members.map((account) => ({ cells: cells(account, paint), below: below(account) })),
    };
  }

  /** @param {IncidentAccount} account @param {(text: string) => string} paint */
  function cells(account, paint) {
    const { work, phase, endedAt } = account;
    const all = [
      short.get(account.session) ?? account.session,
      clock(new Date(account.stoppedAt), now),
      kindWords(account.stop),
      { text: `${WORDS.phases[phase] ?? phase}${endedAt === null ? '' : ` ${clock(new Date(endedAt), now)}`}`, style: paint },
      numberOf(work.answers),
      numberOf(work.files.length),
      numberOf(work.commits.length),
      work.tokens === 0 ? '' : tokenWords(work.tokens),
      account.name ?? account.title ?? '',
    ];
    return project === null ? [...all, homely(account.project.dir ?? account.project.cwd ?? '')] : all;
  }

  /** @param {IncidentAccount} account @returns {Below[]} */
  function below(account) {
    const { attempts, work, needsYou, next, clientContinuesAt, why, endedAt } = account;
    /** @type {Below[]} */
    const denied = work.denied === 0 ? [] : [{ text: deniedWords(account), style: colours.yellow }];
    /** @type {Below[]} */
    const told = attempts.map((tried) => ({ text: triedWords(tried), style: dim }));
    // The reason already states what the last run did.
    const reason = needsYou ? next.reason : null;
    const hollow = reason === 'runs-did-nothing' ? attempts.at(-1)?.result?.hollow : null;
    const damage = reason === 'transcript-damaged' ? attempts.at(-1)?.result?.damage : null;
    for (const { result } of attempts) {
      if (result?.hollow && result.hollow !== hollow) told.push({ text: sentence(`a run did nothing: ${result.hollow}`), style: colours.yellow });
      if (result?.damage && result.damage !== damage) told.push({ text: sentence(`the transcript is damaged: ${result.damage}`), style: colours.red });
    }
    const last = attempts.findLast(({ result }) => result?.lastWords)?.result?.lastWords;
    if (last) told.push({ text: `Last message: ${last}`, style: String });
    if (work.files.length > 0) told.push({ text: `Files: ${named(work.files, ', ')}`, style: String });
    if (work.commits.length > 0) told.push({ text: `Commits: ${named(work.commits, '; ')}`, style: String });
    const damaged = attempts.some(({ result }) => result?.damage);
    if (needsYou) told.push({ text: sentence(next.why), style: damaged ? colours.red : String });
    else if (endedAt === null) told.push({ text: sentence(nextWords(next, now, clientContinuesAt) || next.why), style: String });
    else told.push({ text: sentence(why), style: dim });
    const command = needsYou ? (commands.get(account) ?? null) : null;
    if (command !== null) told.push({ text: command, style: colours.cyan, copy: true });
    // Denied tool calls come before the run's own last words.
    return [...denied, ...told].filter(({ text }) => text !== '');
  }

  /** @param {IncidentAccount} account */
  function deniedWords({ attempts, work }) {
    const calls = [...new Set(attempts.flatMap(({ result }) => result?.deniedCalls ?? []))];
    return `${work.denied} of ${count(work.calls, 'tool call')} ${work.denied === 1 ? 'was' : 'were'} denied${calls.length === 0 ? '' : `: ${named(calls, ', ')}`}.`;
  }

  /** @param {TriedAttempt} tried */
  function triedWords({ at, action, outcome, result }) {
    const begun = `${clock(new Date(at), now)} ${action === 'wake' ? 'continued' : 'resumed'}`;
    if (result === null) return `${begun}: ${WORDS.outcomes[outcome]}.`;
    const denied = result.denied > 0 ? ` (${result.denied} denied)` : '';
    const did = `${count(result.answers, 'answer')}, ${count(result.calls, 'tool call')}${denied}, ${tokenWords(result.tokens)} tokens`;
    const until = result.endedAt === null ? '' : ` until ${clock(new Date(result.endedAt), now)}`;
    return `${begun}${until}: ${did}; its process ${result.ended}; ${WORDS.outcomes[outcome]}.`;
  }

  /** @param {string} text */
  function wrap(text) {
    return wrapped(text, width ?? Infinity);
  }

  /** @param {string} command */
  function copy(command) {
    return `  ${colours.cyan(command)}`;
  }
}

/** Returns a number as text, and an empty text for 0. @param {number} value */
function numberOf(value) {
  return value === 0 ? '' : String(value);
}

/** @param {string[]} names @param {string} between */
function named(names, between) {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(between) + (more > 0 ? `${between}and ${more} more` : '');
}

/** @param {string} text @param {string} heading */
function labelled(text, heading) {
  return `${heading} ${text}`;
}

module.exports = { printReport, reportLines };
