'use strict';

// `rescue`: the dashboard with open sessions first, or with --flat a line menu of the sessions that are open or have pending work. With
// flags it does not ask.

const { exitOf } = require('../lib/exit.js');

/** Flags that choose the action of the verb. */
const DEEDS = /** @type {const} */ (['status', 'export', 'kill', 'resume']);

/** @typedef {import('../../src/ffi/types.js').Session} Session */
/** @typedef {import('../lib/output.js').Output} Output */
/** @typedef {import('../lib/menu.js').Menu} Menu */

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'rescue',
  summary: 'export, end, resume or inspect open sessions in the dashboard',
  description:
    'Opens the dashboard with open sessions first. e exports, k ends, Enter resumes, s shows, ? lists the other keys. Before it ends a\nsession, it shows and exports the session and asks you. With --status, --export, --kill or --resume it does not ask.',
  arguments: [{ flags: '[session]', description: 'with --export or --resume: only this session' }],
  options: [
    { flags: '--status', description: 'print the list of sessions', conflicts: ['export', 'kill', 'resume'] },
    { flags: '--export', description: 'export every open session, or the named one', conflicts: ['kill', 'resume'] },
    { flags: '--kill <target>', description: 'export and end the session of this terminal, process or name', conflicts: ['resume'] },
    { flags: '--resume', description: 'resume the named session; without a name, print the commands for all sessions that were open at a crash' },
    { flags: '--tree', description: 'with --kill: also end the processes that its tools started' },
    { flags: '--force', description: 'with --kill: kill the process if it still runs after 10 s' },
    { flags: '--flat', description: 'print plain lines, for screen readers' },
    { flags: '--dry-run', description: 'with --export or --kill: print what would be done' },
    { flags: '--json', description: 'print the report of --status, --export, --kill or --resume as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover rescue', does: 'open the dashboard with open sessions first' },
    { command: 'cc-session-recover rescue --status --flat', does: 'print the list as plain lines' },
    { command: 'cc-session-recover rescue --kill pts/3 --dry-run', does: 'print what would be ended in that terminal' },
    { command: 'cc-session-recover rescue --kill pts/3 --force', does: 'export and end that session, by force if needed' },
  ],

  async run(args, io) {
    const { UsageError } = require('../lib/errors.js');
    const deed = DEEDS.find((name) => args[name] !== undefined && args[name] !== false);
    if (args.session !== undefined && deed !== 'export' && deed !== 'resume') throw new UsageError('a session requires --export or --resume', 'give one of them, or choose it in the menu');
    if (deed !== 'kill' && (args.force || args.tree)) throw new UsageError('--force and --tree require --kill', 'name what to end: --kill <tty>');
    if (args.dryRun && deed !== 'export' && deed !== 'kill') throw new UsageError('--dry-run requires --export or --kill');
    if (deed === undefined) {
      if (args.json) throw new UsageError('--json requires --status, --export, --kill or --resume', 'add --status');
      if (!io.isTerminal) throw new UsageError('the menu needs a terminal', 'add --status, --export, --kill <tty> or --resume');
      const { canOpen, openDashboard } = require('../lib/dashboard.js');
      if (!args.flat && canOpen(io)) return openDashboard(io, { purpose: 'rescue' });
      return menu(io);
    }
    return DEED[deed](args, io);
  },
};

const DEED = {
  /** @param {Record<string, any>} args @param {Output} io */
  async status(args, io) {
    const report = await sessionsNow(io);
    if (args.json) io.json(report);
    else io.lines(linesOf(report, args, io));
    printLeftOut(report, args, io);
  },

  /** @param {Record<string, any>} args @param {Output} io */
  export: ({ session, dryRun, json }, io) => verb('export').run({ session, active: session === undefined, dryRun, json, hash: 'sha256', format: 'lossless' }, io),

  /** @param {Record<string, any>} args @param {Output} io */
  kill: ({ kill: target, force, tree, dryRun, json }, io) => verb('kill').run({ target, force, tree, dryRun, json, export: true, yes: true }, io),

  /** @param {Record<string, any>} args @param {Output} io */
  resume({ session, json }, io) {
    const printCommand = session === undefined || !io.isTerminal;
    return verb('resume').run({ session, allCrashed: session === undefined, printCommand, json }, io);
  },
};

/** @param {'export' | 'kill' | 'resume'} name @returns {import('../lib/program.js').Verb} */
function verb(name) {
  return require(`./${name}.js`);
}

/** Reads the sessions of all projects, live ones first. @param {Output} io */
async function sessionsNow(io) {
  const { loadAddon } = require('../lib/addon.js');
  const report = await io.during('reading sessions', loadAddon().status({ all: true }));
  const { sessions } = report;
  const live = sessions.filter((/** @type {Session} */ session) => session.live !== null);
  return { ...report, sessions: [...live, ...sessions.filter((/** @type {Session} */ session) => session.live === null)] };
}

/**
 * @param {import('../../src/ffi/types.js').StatusReport} report
 * @param {Record<string, any>} args
 * @param {Output} io
 */
function linesOf({ sessions, generatedAt }, args, io) {
  const { boxedLines, flatLines } = require('../lib/screens/rescue.js');
  const view = { width: io.width, colours: io.colours };
  return (args.flat ? flatLines : boxedLines)(sessions, view, new Date(generatedAt));
}

/** @param {import('../../src/ffi/types.js').StatusReport} report @param {Record<string, any>} args @param {Output} io */
function printLeftOut({ problems }, args, io) {
  const { printProblems } = require('../lib/sessions.js');
  if (!args.json) printProblems(problems, io);
}

/**
 * Lists the sessions, asks for an action and runs it, until the user leaves.
 *
 * @param {Output} io
 */
async function menu(io) {
  const { explain } = require('../lib/errors.js');
  const { Interrupted } = require('../lib/killing.js');
  const { flatMenu } = require('../lib/menu.js');
  const { choiceOf } = require('../lib/screens/rescue.js');

  const asked = flatMenu(io);
  for (;;) {
    const report = await sessionsNow(io);
    io.lines(linesOf(report, { flat: true }, io));
    printLeftOut(report, {}, io);
    const choices = report.sessions.map((/** @type {Session} */ session) => ({ value: session.id, label: choiceOf(session, (io.width ?? 80) - 8) }));
    const id = await asked.choose('Which session?', [...choices, { value: 'again', label: 'refresh', key: 'l' }, { value: 'quit', label: 'quit', key: 'q' }]);
    if (id === null) return left(io);
    if (id === 'quit') return exitOf.shown();
    const session = report.sessions.find((/** @type {Session} */ one) => one.id === id);
    if (session === undefined) continue;
    try {
      if ((await act(session, asked, io)) === null) return left(io);
    } catch (error) {
      if (error instanceof Interrupted) return left(io);
      // Report the error and continue with the other sessions.
      for (const line of explain(error, process.env).lines) io.error(io.clean(line));
    }
    io.line();
  }
}

/** @param {Output} io */
function left(io) {
  io.line('Nothing more was done.');
  return exitOf.left();
}

/**
 * Asks what to do with a session and does it.
 *
 * @param {Session} session
 * @param {Menu} asked
 * @param {Output} io
 * @returns {Promise<unknown>} `null` if the user wants to leave.
 */
async function act(session, asked, io) {
  const { commands, live } = session;
  const choices = [
    { value: 'export', label: 'Export', hint: 'save it, verified byte for byte', key: 'e' },
    ...(commands.kill === null ? [] : [{ value: 'kill', label: 'Kill', hint: 'save it, then end its process', key: 'k' }]),
    ...(commands.resume === null ? [] : [{ value: 'resume', label: live === null ? 'Resume' : 'Attach', hint: 'open it here', key: 'r' }]),
    { value: 'show', label: 'Show', hint: 'everything about it', key: 's' },
    { value: 'skip', label: 'Skip', hint: 'back to the list', key: 'b' },
  ];
  const deed = await asked.choose('What do you want to do?', choices);
  if (deed === null) return null;
  switch (deed) {
    case 'export':
      return exported(session, io);
    case 'kill':
      return killed(session, asked, io);
    case 'resume':
      return resumed(session, io);
    case 'show':
      return shown(session, io);
    default:
      return undefined;
  }
}

/** @param {Session} session @param {Output} io */
async function exported(session, io) {
  const { loadAddon } = require('../lib/addon.js');
  const { toldIfInterrupted, whole } = require('../lib/killing.js');
  const { progressOf } = require('../lib/progress.js');
  const { printExported } = require('../lib/screens/export.js');
  const addon = loadAddon();
  const print = (/** @type {any} */ report) => printExported(report, io);
  print(await toldIfInterrupted(whole(() => io.during('exporting', addon.exportSessions({ session: session.transcript }), progressOf(addon))), print));
}

/** @param {Session} session @param {Menu} asked @param {Output} io */
async function killed(session, asked, io) {
  const { loadAddon } = require('../lib/addon.js');
  const { end, toldIfInterrupted } = require('../lib/killing.js');
  const { killedLines, planLines } = require('../lib/screens/kill.js');
  const view = { width: io.width, colours: io.colours };
  const target = { target: session.id };
  const plan = await io.during('reading sessions', loadAddon().killSession({ ...target, dryRun: true }));
  io.lines(planLines(plan, view));
  const tools = plan.children.some((/** @type {{fate: string}} */ { fate }) => fate === 'running');
  const answer = await asked.choose('End it? It is saved first.', [
    { value: 'no', label: 'No, leave it', key: 'n' },
    { value: 'yes', label: 'Yes, end it', key: 'y' },
    ...(tools ? [{ value: 'tree', label: 'Yes, and the processes below it', key: 't' }] : []),
  ]);
  if (answer === null) return null;
  if (answer === 'no') return void io.line('Nothing was done.');
  const askAgain = async () => {
    const again = await asked.choose('End it by force? Unwritten data is lost.', [
      { value: 'no', label: 'No, leave it', key: 'n' },
      { value: 'yes', label: 'Yes, by force', key: 'y' },
    ]);
    return again === 'yes';
  };
  const print = (/** @type {any} */ report) => io.lines(killedLines(report, view));
  print(await toldIfInterrupted(end(plan, { ...target, ...(answer === 'tree' ? { tree: true } : {}) }, io, askAgain), print));
}

/** @param {Session} session @param {Output} io */
async function resumed(session, io) {
  const { loadAddon } = require('../lib/addon.js');
  const { openSession } = require('../lib/opening.js');
  const { refusalText } = require('../lib/screens/resume.js');
  const report = await io.during('reading sessions', loadAddon().planResume({ session: session.transcript }));
  const [plan] = report.plans;
  if (plan.action === 'refused') return void io.error(refusalText(plan));
  await openSession(report);
}

/** @param {Session} session @param {Output} io */
async function shown(session, io) {
  const { loadAddon } = require('../lib/addon.js');
  const { printShow } = require('../lib/screens/show.js');
  printShow(await io.during('reading the session', loadAddon().show({ session: session.transcript })), io);
}
