'use strict';

// The first screen: whether recovery is on and how much quota is used, then the sessions that need the user, wait, hang or run, and one
// line for the rest.

const { NAME_COLUMNS, PATH_COLUMNS, directoryOf, nameOf, printProblems, resumeCommand, sizeWarnings, stateCell, styleOf } = require('../sessions.js');
const { quotaLines } = require('../quota.js');
const { tableLines } = require('../table.js');
const { truncated, truncatedPath, widthOf, wrapped } = require('../text.js');
const { clock, commandWords, count, dailyWords, doingWords, duration, homely, kindWords, nextWords, ownName, readable, sentence, shortIds, sinceWords, stateName, terminalWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../../src/ffi/types.js').StatusReport} StatusReport */
/** @typedef {import('../output.js').View} View */
/** @typedef {import('../table.js').Below} Below */

/** The groups in the order of their urgency: title, singular and plural for the summary, heading of the third and fourth column. */
const GROUPS = /** @type {const} */ ([
  { group: 'needs-you', title: 'Needs you', one: 'needs you', many: 'need you', doing: 'why', when: 'since' },
  { group: 'waiting', title: 'Waiting', one: 'waiting', many: 'waiting', doing: 'why', when: 'continues' },
  { group: 'hung', title: 'Hung', one: 'hung', many: 'hung', doing: 'what', when: 'silent for' },
  { group: 'running', title: 'Running', one: 'running', many: 'running', doing: 'what', when: 'since' },
]);

/** Maximum number of sessions shown per group. The others are in `list`, and in the JSON. */
const SHOWN = 50;

/** Maximum number of shown commands that repair older sessions. */
const MOST_REPAIRABLE = 3;

const DAY = 86_400_000;

/**
 * @param {StatusReport} report
 * @param {import('../output.js').Output} io
 */
function printStatus(report, io) {
  return io.page(statusLines(report, { width: io.width, colours: io.colours }), () => printProblems(report.problems, io));
}

/**
 * @param {StatusReport} report
 * @param {View} view
 * @param {Date} [now] The time for countdowns; by default the time of the report.
 * @returns {string[]}
 */
function statusLines(report, { width, colours }, now = new Date(report.generatedAt)) {
  const { project, sessions, accounts, recovery } = readable(report, now);
  // Commands use the report as returned by the addon: cleaning would change a path.
  const commands = new Map(sessions.map((session, index) => [session, resumeCommand(report.sessions[index])]));
  const short = shortIds(sessions.map((session) => session.id));
  const inGroup = GROUPS.map((kind) => ({ kind, members: sessions.filter((session) => session.group === kind.group).toSorted(inOrder(now)) }));
  const shown = inGroup.filter(({ members }) => members.length > 0);
  const rest = sessions.filter((session) => session.group === 'settled');
  const { dim } = colours;

  /** @type {string[][]} */
  const parts = [...overviewLines(), summary()];
  for (const [index, table] of tableLines(columns(), shown.map(tableGroup), width, dim).entries()) {
    parts.push([''], table);
    const { kind, members } = shown[index];
    if (members.length > SHOWN) parts.push(wrap(moreWords(members.slice(SHOWN))).map(dim));
    if (kind.group === 'needs-you') parts.push(crashed());
  }
  if (!shown.some(({ kind }) => kind.group === 'needs-you')) parts.push(crashed());
  if (report.older !== undefined && report.older.count > 0) parts.push(['', ...olderLines(report.older), ...repairableLines(report.older.repairable ?? [])]);
  if (rest.length > 0) parts.push(['', ...wrap(restWords())]);
  if (project !== null && !project.enabled) {
    const dir = /** @type {{dir: string}} */ (report.project).dir;
    parts.push(['', ...wrap('Set up recovery here with:'), copy(`${ownName()} init ${commandWords([dir])}`)]);
  }
  if (shown.length === 0) parts.push(recovered());
  if (sessions.length === 0) {
    parts.push(['', ...wrap(project === null ? 'All sessions:' : 'Sessions of all projects:'), copy(`${ownName()} ${project === null ? 'list' : 'status --all'}`)]);
  }
  return parts.flat();

  /** Returns the lines that show whether recovery is on, and the quota, which shares a line if it fits. */
  function overviewLines() {
    const quota = quotaLines(accounts, width, now);
    if (recovery === undefined) return [quota.map(dim)];
    const words = recoveryWords(recovery, project === null);
    const style = recovery.setup !== 'on' || recovery.pausedAll ? colours.yellow : String;
    const [only] = quota.length === 1 ? quotaLines(accounts, null, now) : [];
    const help = recovery.pausedAll ? [copy(`${ownName()} pause --end`)] : [];
    if (only !== undefined && widthOf(words) + 2 + widthOf(only) <= (width ?? Infinity)) return [[`${style(words)}  ${dim(only)}`], help];
    return [wrap(words).map(style), help, quota.map(dim)];
  }

  /** Returns the last recovery, for a report without stopped sessions. */
  function recovered() {
    const last = recovery?.lastRecovered ?? null;
    if (last === null) return [];
    const by = { wake: 'continued by this tool', run: 'resumed unattended by this tool', client: 'continued by Claude Code' }[last.by];
    const name = last.name === null ? '' : `, ${truncated(last.name, NAME_COLUMNS)}`;
    const where = project !== null || last.project === null ? '' : ` in ${homely(last.project)}`;
    return ['', ...wrap(`Last recovered: ${last.session.slice(0, 8)}${name}${where}: ${kindWords(last.stop)}, ${by} at ${clock(new Date(last.at), now)}.`)];
  }

  function summary() {
    const room = (/** @type {number} */ taken) => (width === null ? Infinity : Math.max(width - taken, 12));
    if (shown.length === 0) {
      const words = 'No stopped or waiting sessions ';
      return wrap(`${words}${project === null ? 'on this machine' : `in ${truncatedPath(homely(project.dir), room(widthOf(words) + 4))}`}.`);
    }
    const counts = shown.map(({ kind, members }) => `${members.length} ${members.length === 1 ? kind.one : kind.many}`).join(', ');
    const where = project === null ? 'On this machine' : truncatedPath(homely(project.dir), room(widthOf(counts) + 2));
    return wrap(`${where}: ${counts}`).map(colours.bold);
  }

  /** @returns {import('../table.js').Column[]} */
  function columns() {
    const all = [
      { heading: 'session' },
      { heading: 'state' },
      { heading: 'why', least: 15 },
      { heading: 'since', alone: labelled },
      { heading: 'terminal', leave: 1 },
      { heading: 'process', leave: 3, right: true, alone: labelled },
      { heading: 'name', least: 14, most: NAME_COLUMNS, yields: true },
    ];
    return project === null ? [...all, { heading: 'project', least: 14, most: PATH_COLUMNS, yields: true, leave: 2, cut: truncatedPath }] : all;
  }

  /** @param {(typeof shown)[number]} group */
  function tableGroup({ kind, members }) {
    const style = (/** @type {string} */ text) => colours.bold(styleOf(kind.group, colours)(text));
    return {
      headings: [{ text: kind.title, style }, undefined, { text: kind.doing, style: dim }, { text: kind.when, style: dim }],
      rows: members.slice(0, SHOWN).map((session) => ({ cells: cells(session), below: below(session) })),
    };
  }

  /** @param {Session} session */
  function cells(session) {
    const all = [
      short.get(session.id) ?? session.id,
      stateCell(session, colours),
      doingWords(session),
      whenWords(session),
      session.live === null ? '' : terminalWords(session.live),
      String(session.live?.pid ?? ''),
      nameOf(session),
    ];
    return project === null ? [...all, homely(directoryOf(session))] : all;
  }

  /** @param {Session} session */
  function whenWords(session) {
    const { group } = session;
    const { resetsAt, resetsAtSource } = session.stop;
    if (group === 'waiting') {
      if (session.next.reason === 'paused') return 'paused';
      const at = session.next.at ?? resetsAt;
      if (at === null) return '';
      const left = Date.parse(at) - now.getTime();
      return left <= 0 ? 'now' : `in ${resetsAtSource === 'guess' ? '~' : ''}${duration(left)}`;
    }
    if (group === 'hung') return session.lastActivityAt === null ? 'unknown' : duration(now.getTime() - Date.parse(session.lastActivityAt));
    return sinceWords(session, now);
  }

  /** @param {Session} session @returns {Below[]} */
  function below(session) {
    const { group } = session;
    const command = commands.get(session) ?? null;
    const told = [];
    if (group === 'needs-you' || group === 'hung') told.push({ text: reason(session), style: String });
    if (group === 'waiting') told.push({ text: sentence(outlook(session)), style: dim });
    if (session.next.reason === 'cancelled-with-esc') told.push({ text: sentence(session.next.why), style: dim });
    for (const warning of sizeWarnings(session)) told.push({ text: sentence(warning), style: colours.yellow });
    if (group === 'needs-you' && command !== null) told.push({ text: command, style: colours.cyan, copy: true });
    if (group === 'hung') told.push({ text: `${ownName()} show ${short.get(session.id)}`, style: colours.cyan, copy: true });
    return told.filter(({ text }) => text !== '');
  }

  /** Returns why the user has to act, and what to do. @param {Session} session */
  function reason(session) {
    const { next, live } = session;
    if (next.action !== 'resume' && next.action !== 'notify') {
      if (session.activity === 'waiting' && live !== null) return `Answer it${live.tty === null ? '' : ` in ${live.tty}`}.`;
      return session.evidence?.length > 0 ? sentence(session.evidence.map(({ fact }) => fact).join('; ')) : '';
    }
    const at = next.at === null ? now : new Date(next.at);
    return sentence(at <= now ? next.why : `from ${clock(at, now)} on (in ${duration(at.getTime() - now.getTime())}): ${next.why}`);
  }

  /** Returns when a limit resets, and what happens then. @param {Session} session */
  function outlook({ stop, next, clientContinuesAt, dailyContinues }) {
    const budget = dailyContinues === null ? '' : `; ${dailyWords(dailyContinues)}`;
    const words = `${nextWords(next, now, clientContinuesAt) || next.why}${budget}`;
    if (stop.resetsAt === null || next.reason === 'paused') return next.reason === 'paused' && clientContinuesAt !== null ? `${next.why}; ${words}` : words;
    const at = new Date(stop.resetsAt);
    const guess = stop.resetsAtSource === 'guess' ? '~' : '';
    return `${kindWords(stop.kind)} ${at <= now ? 'reset' : 'resets'} at ${guess}${clock(at, now)}; ${words}`;
  }

  function crashed() {
    const lost = sessions.filter((session) => session.openAtCrash);
    if (lost.length === 0) return [];
    const machine = lost.filter((session) => session.openAtCrash?.died === 'machine').length;
    const what = machine === 0 ? 'when their client died' : machine === lost.length ? 'when the machine went down' : 'when the machine went down or their client died';
    const words = lost.length === 1 ? `1 session was open ${what.replace('their', 'its')}.` : `${lost.length} sessions were open ${what}.`;
    return ['', ...wrap(`${words} ${lost.length === 1 ? 'To print the command that resumes it' : 'To print the commands that resume them'}:`), copy(`${ownName()} resume --all-crashed --print-command`)];
  }

  /** @param {Session[]} hidden */
  function moreWords(hidden) {
    const kinds = [...new Set(hidden.map(({ stop }) => stop.kind))].toSorted();
    const dir = report.project === null ? [] : ['--project', report.project.dir];
    return `and ${hidden.length} more: ${ownName()} ${commandWords(['list', '--stop', ...kinds, ...dir])}`;
  }

  /** Counts the older stops that were not continued, and returns the command that lists them. @param {NonNullable<StatusReport['older']>} older */
  function olderLines({ count: number, stops }) {
    const dir = report.project === null ? [] : ['--project', report.project.dir];
    return [...wrap(`${count(number, 'older stop')}, not continued:`), copy(`${ownName()} ${commandWords(['list', '--stop', ...stops, ...dir])}`)];
  }

  /** Names the older sessions that need `repair`; otherwise the user would have to inspect each one. @param {string[]} ids */
  function repairableLines(ids) {
    if (ids.length === 0) return [];
    const named = ids.slice(0, MOST_REPAIRABLE).map((id) => `  ${colours.cyan(`${ownName()} repair ${id}`)}`);
    const more = ids.length > MOST_REPAIRABLE ? [`  and ${ids.length - MOST_REPAIRABLE} more`] : [];
    return [...wrap(`The API refuses ${ids.length === 1 ? 'one of them' : `${ids.length} of them`} until repaired:`), ...named, ...more];
  }

  function restWords() {
    const states = /** @type {const} */ (['completed', 'orphaned']).map((state) => ({ state: stateName(state), number: rest.filter((session) => session.state === state).length }));
    const kinds = states.filter(({ number }) => number > 0).map(({ state, number }) => `${number} ${state}`);
    const words = `${count(rest.length, shown.length > 0 ? 'other session' : 'session')}${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`;
    const listed = `${words}: ${ownName()} list`;
    return width === null || widthOf(listed) <= width ? listed : `${words}.`;
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

/**
 * Returns in one sentence whether recovery is on.
 *
 * @param {NonNullable<StatusReport['recovery']>} recovery
 * @param {boolean} everyProject The report covers this machine, not one project.
 */
function recoveryWords({ setup, everywhere, projects, unattended, pausedAll, paused }, everyProject) {
  const where = !everyProject ? 'here' : everywhere ? 'in every project' : setup === 'not-set-up' ? 'in any project' : `in ${count(projects, 'project')}`;
  const also = pausedAll ? ' All sessions are paused.' : '';
  if (setup === 'not-set-up') return `Recovery is not set up ${where}: stops are not detected.${also}`;
  if (setup === 'switched-off') return `Recovery is switched off ${where} (heartbeat.enabled is false): stops are detected, but not continued.${also}`;
  const runs = unattended === 0 ? 'unattended runs are off' : everyProject && !(projects === 1 && !everywhere) ? `unattended runs are on in ${unattended === projects && !everywhere ? 'all of them' : count(unattended, 'project')}` : 'unattended runs are on';
  const held = pausedAll ? 'all sessions are paused' : paused > 0 ? `${count(paused, 'session')} ${paused === 1 ? 'is' : 'are'} paused` : 'no session is paused';
  return `Recovery is on ${where}, ${runs}, ${held}.`;
}

/** @param {string} text @param {string} heading */
function labelled(text, heading) {
  return `${heading} ${text}`;
}

/**
 * Returns the time of a stop for sorting. A time more than a day in the future comes from a wrong clock and must not sort first.
 *
 * @param {Session} session
 * @param {Date} now
 */
function since({ stop, lastActivityAt }, now) {
  const at = stop.at ?? lastActivityAt ?? '';
  return Date.parse(at) > now.getTime() + DAY ? '' : at;
}

/** Sorts what can be done now first, then by the time of the next step, then busy sessions, then the latest. @param {Date} now */
function inOrder(now) {
  const due = (/** @type {Session} */ { next }) => (next.at === null || new Date(next.at) <= now ? '' : next.at);
  return (/** @type {Session} */ one, /** @type {Session} */ other) => {
    const times = due(one).localeCompare(due(other));
    if (times !== 0) return times;
    const busy = Number(other.activity === 'busy') - Number(one.activity === 'busy');
    return busy !== 0 ? busy : since(other, now).localeCompare(since(one, now));
  };
}

module.exports = { printStatus, statusLines };
