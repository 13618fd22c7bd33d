'use strict';

// `resume`: opens a session again, in its directory and with its configuration; or prints how to do so, or why it is refused.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'resume',
  summary: 'resume a session in its own directory, or print the command',
  description: 'Refuses a session that is open, because two clients of one session would fork its conversation.',
  arguments: [{ flags: '[session]', description: 'id, at least 3 characters of it, name or title' }],
  options: [
    { flags: '-l, --latest', description: 'the most recently active session that can be resumed' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--all-crashed', description: 'with --print-command: every session that was open when its client or the machine crashed' },
    { flags: '--now', description: 'run it now without a terminal, verify the result and print what it did', conflicts: ['allCrashed', 'printCommand', 'dryRun'] },
    { flags: '--with <launcher>', description: 'start this program instead of claude, with its first arguments, such as "ccs work"' },
    { flags: '--fresh', description: 'start a new session with the handoff note of this one', conflicts: ['allCrashed'] },
    { flags: '--print-command', description: 'print the command instead of running it' },
    { flags: '--dry-run', description: 'the same as --print-command' },
    { flags: '--json', description: 'print the plan as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover resume 3f2a9c1d', does: 'resume it in this terminal' },
    { command: 'cc-session-recover resume --latest --project .', does: 'resume the latest session of this project' },
    { command: 'cc-session-recover resume 3f2a9c1d --now', does: 'run one turn without a terminal' },
    { command: 'cc-session-recover resume 3f2a9c1d --fresh', does: 'continue its work in a new session with an empty context' },
    { command: 'cc-session-recover resume 3f2a9c1d --with "ccs work"', does: 'resume it with a launcher and its profile' },
    { command: 'cc-session-recover resume --all-crashed --print-command', does: 'print one command for each session that was open at a crash' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { pickSession } = require('../lib/dashboard.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { openSession } = require('../lib/opening.js');
    const { printCommands, refusalText } = require('../lib/screens/resume.js');

    if (args.now) return runNow(args, io);
    const printed = args.printCommand || args.dryRun;
    if (args.allCrashed && !printed && !args.json) throw new UsageError('one terminal cannot open several sessions', 'add --print-command and open each in its own terminal');
    if (!printed && !args.json && !io.isTerminal) throw new UsageError('opening a session needs a terminal', 'add --print-command to get the command instead');
    const chooses = args.session === undefined && !args.latest && !args.allCrashed && !printed && !args.json;
    const session = chooses ? await pickSession('resume', args, io) : args.session;
    const report = await io.during(
      'reading sessions',
      loadAddon().planResume({
        ...(session === undefined ? {} : { session }),
        ...(args.latest ? { latest: true } : {}),
        ...(args.allCrashed ? { allCrashed: true } : {}),
        ...(args.project === undefined ? {} : { project: resolve(args.project) }),
        ...(args.with === undefined ? {} : { with: args.with }),
        ...(args.fresh ? { fresh: true } : {}),
      }),
    );
    if (args.json) {
      io.json(report);
      return exitOf.resume(report);
    }
    if (printed) return printCommands(report, io);
    const [plan] = report.plans;
    if (plan.action === 'refused') {
      io.error(refusalText(plan));
      return exitOf.refused();
    }
    return openSession(report);
  },
};

/**
 * Resumes the session without a terminal and waits for the end of the run.
 *
 * @param {Record<string, any>} args
 * @param {import('../lib/output.js').Output} io
 */
async function runNow(args, io) {
  const { loadAddon } = require('../lib/addon.js');
  const { exitOf } = require('../lib/exit.js');
  const { runLines } = require('../lib/screens/run.js');
  const report = await io.during(
    'the session continues',
    loadAddon().resumeNow({
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.with === undefined ? {} : { with: args.with }),
      ...(args.fresh ? { fresh: true } : {}),
    }),
  );
  if (args.json) io.json(report);
  else io.lines(runLines(report, io.colours));
  return exitOf.run(report);
}
