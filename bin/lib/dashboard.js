'use strict';

// The dashboard, which opens when the command runs in a terminal without a verb. The addon draws it; this module runs the verb that the
// user chose and opens it again. The same view lets the user choose a session for a verb that was given none.

const { constants } = require('node:os');
const { resolve } = require('node:path');
const { loadAddon } = require('./addon.js');
const { explain } = require('./errors.js');
const { EXIT, exitOf } = require('./exit.js');

/** @typedef {import('./output.js').Output} Output */
/** @typedef {import('../../src/ffi/types.js').DashboardOptions} DashboardOptions */
/** @typedef {import('../../src/ffi/types.js').DashboardOutcome} DashboardOutcome */

/** Maximum number of recent and of deleted sessions in the plain-line view. */
const MOST_FLAT = 50;

/** Signals that would end the process. */
const ENDINGS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);

/** Whether the terminal can show a view and read keys. @param {Output} io */
function canOpen(io) {
  return io.isTerminal && io.screen !== null;
}

/**
 * Shows the dashboard until the user leaves it.
 *
 * @param {Output} io
 * @param {Omit<DashboardOptions, 'picker' | 'colour'>} [options] In a dashboard for `watch`, Ctrl-C is the normal way to leave, not a
 *   failure.
 * @returns {Promise<number>} Exit code.
 */
async function openDashboard(io, options = {}) {
  let { view } = options;
  for (;;) {
    const { action, session, view: left } = await shown({ ...options, ...(view === undefined ? {} : { view }) }, io);
    view = left;
    if (session === null) return action === 'interrupt' && options.purpose !== 'watch' ? exitOf.left() : exitOf.shown();
    try {
      const exitCode = await ACTIONS[action](session, io);
      // The user pressed Ctrl-C while a process was being ended: that is complete, and the user wants to leave.
      if (action === 'kill' && exitCode === exitOf.left()) return exitOf.left();
    } catch (error) {
      for (const line of explain(error, process.env).lines) io.error(io.clean(line));
    }
    io.line();
    if ((await io.ask('Press Enter to return to the dashboard. ')) === null) return exitOf.left();
  }
}

/**
 * Lets the user choose the session for a verb that was called without one.
 *
 * @param {NonNullable<DashboardOptions['picker']>} verb
 * @param {{project?: string}} args With a project, only its sessions are shown at first.
 * @param {Output} io
 * @returns {Promise<string | undefined>} `undefined` if none was chosen, or there is no terminal.
 */
async function pickSession(verb, { project }, io) {
  if (!canOpen(io)) return undefined;
  const within = project === undefined ? {} : { project: resolve(project), view: /** @type {const} */ ({ scope: 'project' }) };
  const { session } = await shown({ picker: verb, ...within }, io);
  return session ?? undefined;
}

/**
 * Shows the dashboard once. On a signal it releases the terminal before the signal takes its usual effect.
 *
 * @param {DashboardOptions} options
 * @param {Output} io
 * @returns {Promise<DashboardOutcome>}
 */
async function shown(options, io) {
  const addon = loadAddon();
  /** @type {[NodeJS.Signals, () => void][]} */
  const listeners = ENDINGS.map((signal) => [signal, () => endBy(signal)]);
  if ('SIGTSTP' in constants.signals) listeners.push(['SIGTSTP', suspend], ['SIGCONT', continueDrawing]);
  const stopListening = () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
  for (const [signal, listener] of listeners) process.on(signal, listener);
  try {
    return await addon.dashboard({ ...options, colour: io.colours.isColorSupported });
  } finally {
    stopListening();
  }

  /** @param {NodeJS.Signals} signal */
  function endBy(signal) {
    addon.releaseTerminal();
    stopListening();
    process.kill(process.pid, signal);
  }

  function suspend() {
    addon.releaseTerminal();
    process.kill(process.pid, 'SIGSTOP');
  }

  function continueDrawing() {
    addon.reclaimTerminal();
    // The addon waits for keys; this signal makes it redraw.
    process.kill(process.pid, 'SIGWINCH');
  }
}

/** @type {Record<Exclude<DashboardOutcome['action'], 'pick' | 'quit' | 'interrupt'>, (session: string, io: Output) => Promise<unknown> | unknown> & Record<string, any>} */
const ACTIONS = {
  resume: (session, io) => verbNamed('resume').run({ session }, io),
  'resume-window': resumeInWindow,
  'open-page': openPage,
  export: (session, io) => verbNamed('export').run({ session, format: 'lossless' }, io),
  handoff: (session, io) => verbNamed('handoff').run({ session }, io),
  pause: (session, io) => verbNamed('pause').run({ session }, io),
  unpause: unpaused,
  cancel: (session, io) => verbNamed('cancel').run({ session }, io),
  kill: (session, io) => verbNamed('kill').run({ target: session, export: true }, io),
  repair: repairAfterAsking,
  restore: (session, io) => verbNamed('restore').run({ session }, io),
  show: (session, io) => verbNamed('show').run({ session }, withoutPager(io)),
};

/** The dashboard waits for Enter below what an action printed, so that a pager would ask for a second key. @param {Output} io @returns {Output} */
function withoutPager(io) {
  return Object.create(io, { page: { value: (/** @type {string[]} */ texts, after = () => {}) => (io.lines(texts), after()) } });
}

/** @param {string} name @returns {import('./program.js').Verb} */
function verbNamed(name) {
  return require(`../commands/${name}.js`);
}

/**
 * Resumes a session in a new tmux window; outside tmux the user opens a window and pastes the command.
 *
 * @param {string} session
 * @param {Output} io
 */
async function resumeInWindow(session, io) {
  if (process.env.TMUX) {
    const { spawnSync } = require('node:child_process');
    const command = [process.execPath, process.argv[1], 'resume', session];
    const { status } = spawnSync('tmux', ['new-window', '-c', process.cwd(), ...command], { stdio: 'ignore' });
    if (status === 0) return io.line('It is resumed in a new tmux window.');
  }
  io.line('Run this in a new window:');
  io.line();
  return verbNamed('resume').run({ session, printCommand: true }, io);
}

/** @param {string} session @param {Output} io */
async function unpaused(session, io) {
  await verbNamed('pause').run({ session, end: true }, io);
}

/** Writes the page of the session again and opens it. @param {string} session @param {Output} io */
async function openPage(session, io) {
  const { openFile } = require('./opening.js');
  const { progressOf } = require('./progress.js');
  const { printPages } = require('./screens/pages.js');
  const addon = loadAddon();
  const report = await io.during('writing the page', addon.writePages({ session, format: 'html', force: true }), progressOf(addon));
  printPages(report, io);
  const [page] = report.pages;
  if (page === undefined) return;
  openFile(page.path, io);
}

/** Checks the session without writing anything, and repairs it if the user agrees. @param {string} session @param {Output} io */
async function repairAfterAsking(session, io) {
  if ((await verbNamed('repair').run({ session }, io)) === EXIT.nothingToDo) return;
  if (await io.confirm('\nRepair it now?', false)) await verbNamed('repair').run({ session, apply: true }, io);
}

/**
 * Prints the sessions of the dashboard as plain lines, for screen readers.
 *
 * @param {Output} io
 */
async function printFlat(io) {
  const { flatGoneLines, flatLines } = require('./screens/rescue.js');
  const { printProblems } = require('./sessions.js');
  const { count } = require('./wording.js');
  const addon = loadAddon();
  const status = await io.during('reading sessions', addon.status({ all: true }));
  const list = await io.during('reading sessions', addon.list({ limit: MOST_FLAT }));
  // Print each session once: copies of its transcript and the remains of a stopped session have the same id.
  const known = new Set();
  const once = (/** @type {{id: string}} */ { id }) => !known.has(id) && Boolean(known.add(id));
  const stopped = status.sessions.filter(once);
  const recent = list.sessions.filter(once);
  const view = { width: io.width, colours: io.colours };
  const now = new Date(status.generatedAt);
  io.lines(flatLines(stopped, view, now));
  if (recent.length > 0) io.lines(['', `Recent: ${count(recent.length, 'session')}.`, ...flatLines(recent, view, now).slice(1)]);
  const gone = (await io.during('reading deleted sessions', addon.list({ gone: true }))).gone.filter((session) => session.left !== 'nothing' && once(session));
  if (gone.length > 0) io.lines(['', `Deleted by Claude Code: ${count(gone.length, 'session')}.`, ...flatGoneLines(gone.slice(0, MOST_FLAT), view, now)]);
  printProblems(status.problems, io);
  return exitOf.shown();
}

module.exports = { canOpen, openDashboard, pickSession, printFlat };
