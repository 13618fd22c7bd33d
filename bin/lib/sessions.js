'use strict';

// Sessions as a person reads them: the tables and sentences of `status` and `cancel`. Which sessions are reported, and what
// happens to them, comes from the addon; here they are only put in order and worded.

const { homedir } = require('node:os');
const { sep } = require('node:path');
const { cleaned, truncated } = require('./output.js');
const { commandWords, kindWords, nextWords, ownName, shortIds, sinceWords, untilWords } = require('./wording.js');

/** @typedef {import('../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../src/ffi/types.js').StatusReport} StatusReport */
/** @typedef {import('../../src/ffi/types.js').CancelReport} CancelReport */
/** @typedef {import('./output.js').Output} Output */
/** A column: its heading, and what stands in it for a session. @typedef {[string, (session: Session) => import('./output.js').Cell]} Column */

/** Longest name of a session that is worth a column. */
const NAME_COLUMNS = 40;

/**
 * @param {StatusReport} report
 * @param {Output} io
 */
function printStatus(report, io) {
  const { project, sessions, problems, generatedAt } = cleaned(report);
  const now = new Date(generatedAt);
  const short = shortIds(sessions.map((session) => session.id));
  const stopped = sessions.filter(isOwed).toSorted(byNext);
  const live = sessions.filter((session) => !isOwed(session) && session.live !== null);
  const rest = sessions.length - stopped.length - live.length;
  const where = project === null ? 'on this machine' : `in ${project.dir}`;

  if (stopped.length === 0) io.line(`No stopped or waiting sessions ${where}.`);
  else io.line(io.colours.bold(`${count(stopped.length, 'stopped or waiting session')} ${where}`));
  if (stopped.length > 0) {
    io.line();
    table(stopped, [
      ['why', (session) => ({ text: kindWords(session.stop.kind), style: io.colours.yellow })],
      ['since', (session) => sinceWords(session, now)],
      ['until', (session) => untilWords(session, now)],
      ['next', (session) => nextWords(session.next, now)],
    ]);
    printAdvice(stopped.filter(needsPerson));
  }
  if (live.length > 0) {
    io.line(`\n${io.colours.bold(count(live.length, 'live session'))}\n`);
    table(live, [
      ['doing', (session) => session.activity ?? kindWords(session.stop.kind)],
      ['since', (session) => sinceWords(session, now)],
      ['terminal', (session) => session.live?.tty ?? ''],
      ['process', (session) => String(session.live?.pid ?? '')],
    ]);
  }
  if (rest > 0) io.line(`\n${count(rest, 'other session')} with nothing left to do.`);
  if (project !== null && !project.enabled) {
    io.line(`\nRecovery is not set up here: stops are not noticed. Set it up with: ${ownName()} init ${commandWords([project.dir])}`);
  }
  if (project !== null && sessions.length === 0) io.line(`Sessions of all projects: ${ownName()} status --all`);
  for (const problem of problems) io.error(`${io.colours.yellow('warning')}: ${problem.path === null ? '' : `${problem.path}: `}${problem.message}`);

  /** @param {Session[]} waiting */
  function printAdvice(waiting) {
    for (const session of waiting) {
      io.line(`\n${io.colours.bold(/** @type {string} */ (short.get(session.id)))}: ${session.next.why}`);
      // Never cut: it is there to be copied.
      if (session.next.argv !== null) io.line(`  ${io.colours.cyan(commandWords(session.next.argv, session.project.cwd ?? session.project.dir))}`);
    }
  }

  /** @param {Session[]} rows @param {Column[]} columns */
  function table(rows, columns) {
    /** @type {Column[]} */
    const all = [['session', (session) => short.get(session.id) ?? session.id], ['name', nameOf]];
    if (project === null) all.push(['project', (session) => homely(session.project.dir ?? '')]);
    all.push(...columns);
    io.table(
      all.map(([heading]) => heading),
      rows.map((session) => all.map(([, cell]) => cell(session))),
      ['name', 'project'],
    );
  }
}

/**
 * @param {CancelReport} report
 * @param {Output} io
 */
function printCancelled(report, io) {
  const { cancelled, dryRun } = cleaned(report);
  if (cancelled.length === 0) {
    io.line('Nothing is waited for; nothing was cancelled.');
    return;
  }
  const short = shortIds(cancelled.map(({ session }) => session));
  const now = new Date();
  io.line(`${dryRun ? 'Would no longer be continued' : 'No longer continued'}:\n`);
  io.table(
    ['session', 'project', 'was'],
    cancelled.map(({ session, project, plan }) => [short.get(session) ?? session, homely(project ?? ''), nextWords(plan, now)]),
    ['project'],
  );
}

/** Whether something is still owed to a session: by us, by Claude Code or by a person. @param {Session} session */
function isOwed(session) {
  return session.next.action !== 'none';
}

/** @param {Session} session */
function needsPerson(session) {
  return session.next.action === 'resume' || session.next.action === 'notify';
}

/** Those that need a person first, then by the time at which something happens. @param {Session} one @param {Session} other */
function byNext(one, other) {
  const person = Number(needsPerson(other)) - Number(needsPerson(one));
  return person !== 0 ? person : (one.next.at ?? '').localeCompare(other.next.at ?? '');
}

/** @param {Session} session */
function nameOf(session) {
  return truncated(session.name ?? session.title ?? session.lastPrompt ?? '', NAME_COLUMNS);
}

/** A path with the home directory as `~`. @param {string} path */
function homely(path) {
  const home = homedir();
  return path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}

/** @param {number} number @param {string} noun */
function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

module.exports = { count, homely, printCancelled, printStatus };
