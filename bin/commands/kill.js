'use strict';

// `kill`: ends the owner process of a session after saving the session, and nothing else.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'kill',
  summary: 'export a session and end the process that has it open',
  description:
    'Shows what would be ended and asks. Exports the session first; if the export fails, ends nothing. The process gets 10 s to close\nits session. Refuses the session that you are in, ancestors of this command, processes of other users, and the daemons and hosts of\nClaude Code. Ends a background session with `claude stop`.',
  arguments: [{ flags: '[target]', description: 'a terminal (pts/3), a process id, or a session: id, at least 3 characters of it, name or title' }],
  options: [
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--tree', description: 'also end the processes that its tools started' },
    { flags: '--force', description: 'kill the process if it still runs after 10 s; unwritten data is lost' },
    { flags: '--no-export', description: 'do not export the session first' },
    { flags: '-t, --to <dir>', description: 'directory for the export (default: exports in the state directory)' },
    { flags: '--log <dir>', description: 'directory of SESSION-LOG-<date>.md (default: the state directory)' },
    { flags: '--dry-run', description: 'print what would be ended and what may be lost' },
    { flags: '--json', description: 'print the report as JSON; needs --yes or --dry-run' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { command: 'cc-session-recover kill pts/3', does: 'end the session in that terminal' },
    { command: 'cc-session-recover kill 3f2a9c1d --dry-run', does: 'print what would be ended and what may be lost' },
    { command: 'cc-session-recover kill 4711 --tree --force --yes', does: 'end a hung session and its tools without asking' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { pickSession } = require('../lib/dashboard.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { Interrupted, end, toldIfInterrupted } = require('../lib/killing.js');
    const { killedLines, planLines } = require('../lib/screens/kill.js');

    const asks = !args.yes && !args.dryRun;
    const target = args.target ?? (asks && !args.json ? await pickSession('kill', args, io) : undefined);
    if (target === undefined) throw new UsageError("missing required argument 'target'", 'name a terminal, a process id or a session that `cc-session-recover status` shows');
    if (asks && args.json) throw new UsageError('--json cannot ask for confirmation', 'add --yes to end it, or --dry-run to see what would be ended');
    if (asks && !io.isTerminal) throw new UsageError('cannot ask for confirmation without a terminal', 'add --yes to end it without a question, or --dry-run to see what would be ended');
    const options = {
      target,
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.export ? {} : { export: false }),
      ...(args.to === undefined ? {} : { to: resolve(args.to) }),
      ...(args.log === undefined ? {} : { log: resolve(args.log) }),
      ...(args.force ? { force: true } : {}),
      ...(args.tree ? { tree: true } : {}),
    };
    const view = { width: io.width, colours: io.colours };
    const plan = await io.during('reading sessions', loadAddon().killSession({ ...options, dryRun: true }));
    if (args.dryRun) {
      if (args.json) io.json(plan);
      else io.lines(planLines(plan, view));
      return exitOf.shown();
    }
    if (!args.json) io.lines([...planLines(plan, view), '']);
    if (asks && !(await io.confirm('End it?', false))) {
      io.line('Nothing was done.');
      return exitOf.declined();
    }
    try {
      const print = (/** @type {any} */ report) => (args.json ? io.json(report) : io.lines(killedLines(report, view)));
      const askAgain = async () => asks && io.confirm('\nEnd it by force? Unwritten data is lost.', false);
      const report = await toldIfInterrupted(end(plan, options, io, askAgain), print);
      print(report);
      return exitOf.kill(report);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      return exitOf.left();
    }
  },
};
