'use strict';

// `watch`: the supervisor in the foreground. The addon runs the passes and resumes sessions; this module schedules the passes and draws
// them.

const { realpathSync } = require('node:fs');
const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'watch',
  summary: 'resume closed sessions once the limit or failure that stopped them has passed',
  description:
    'Resumes closed sessions of projects that were set up with `init --unattended`: each once, without a terminal, after its limit has\nreset. One watch per user does the work; a second one only displays it. A started run continues when watch exits; the next watch\nverifies it.',
  arguments: [{ flags: '[dirs...]', description: 'only these projects (default: all with `init --unattended`)' }],
  options: [
    { flags: '-a, --all', description: 'all projects (default)' },
    { flags: '--once', description: 'resume what is due now, wait for these runs, and exit' },
    { flags: '--until-done', description: 'exit when no session has pending work' },
    { flags: '--preview [session]', description: 'print what would be started for closed sessions, when and why; starts and writes nothing', conflicts: ['install', 'uninstall', 'status', 'once', 'untilDone', 'all', 'dryRun'] },
    { flags: '--install', description: 'start watch now and at every login, as a user service', conflicts: ['uninstall', 'status', 'once', 'untilDone', 'all'] },
    { flags: '--uninstall', description: 'stop that service and remove it', conflicts: ['install', 'status', 'once', 'untilDone', 'all'] },
    { flags: '--status', description: 'show whether the service is installed, enabled and running', conflicts: ['once', 'untilDone', 'all', 'dryRun'] },
    { flags: '--dry-run', description: 'with --install or --uninstall: print what would be written or removed', conflicts: ['once', 'untilDone'] },
    { flags: '--json', description: 'print one line of JSON per pass, or the report of the service' },
  ],
  examples: [
    { command: 'cc-session-recover watch', does: 'watch all projects until Ctrl-C' },
    { command: 'cc-session-recover watch --until-done', does: 'exit when no session has pending work' },
    { command: 'cc-session-recover watch --once --json', does: 'run one pass, for your own timer' },
    { command: 'cc-session-recover watch --preview', does: 'print what it would start, and start nothing' },
    { command: 'cc-session-recover watch --install', does: 'start now and at every login' },
    { command: 'cc-session-recover watch --status', does: 'check the service' },
  ],

  async run(args, io) {
    const { addonFile, loadAddon } = require('../lib/addon.js');
    const { RecoverError, UsageError } = require('../lib/errors.js');
    const { watchLines } = require('../lib/screens/watch.js');
    const { problemLines } = require('../lib/sessions.js');

    const dirs = args.dirs ?? [];
    const service = args.install ? 'install' : args.uninstall ? 'uninstall' : args.status ? 'status' : null;
    if (args.preview !== undefined) {
      if (dirs.length > 0) throw new UsageError('--preview takes a session, and no directories', 'put the session after --preview, or omit the directories');
      return require('../lib/previewing.js').preview({ session: args.preview === true ? undefined : args.preview, json: args.json }, io);
    }
    if (service !== null && dirs.length > 0) throw new UsageError('the service supervises all projects', 'omit the directories');
    if (service !== null) return require('../lib/service.js')[service](args, io);
    if (args.dryRun) throw new UsageError('--dry-run requires --install or --uninstall', '`watch --preview` prints what would be resumed');
    if (args.all && dirs.length > 0) throw new UsageError('directories and --all cannot be used together', 'use one of them');
    const projects = dirs.map((/** @type {string} */ dir) => {
      try {
        return realpathSync(resolve(dir));
      } catch {
        throw new RecoverError('PROJECT_NOT_FOUND', 'does not exist', { path: resolve(dir), hint: 'name the directory of a project' });
      }
    });
    const addon = loadAddon();
    // Nothing reads the output below in a service, and the native program needs a tenth of this process's memory.
    if (process.env.CC_RECOVER_SERVICE && projects.length === 0 && !args.json && !args.once && !args.untilDone) addon.serveNatively(addonFile() ?? '');
    const runPass = () => addon.watch({ projects });
    const ends = new AbortController();
    const end = () => {
      ends.abort();
      addon.watchWake();
    };
    process.once('SIGINT', end).once('SIGTERM', end).once('SIGHUP', end);
    const view = { width: io.width, colours: io.colours };
    const drawn = io.screen !== null && !args.json && !args.once;
    let report = await runPass();
    if (drawn) {
      const { watch } = require('../lib/watch.js');
      process.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', end);
      await watch({
        screen: /** @type {any} */ (io.screen),
        first: report,
        // The screen updates countdowns itself; a new pass runs when a file was written or the next pass is due.
        read: async () => {
          await addon.watchPause(report.looksAgainIn);
          // Start nothing more after the user has ended the command.
          if (!ends.signal.aborted) report = await runPass();
          return report;
        },
        every: 0,
        draw: (value, now) => [...watchLines(value, { width: io.width, colours: io.colours }, now), '', ...problemLines(value.problems, view)],
        more: (hidden) => `${hidden} more lines below`,
      });
      end();
      return;
    }
    let shown = '';
    for (;;) {
      const changed = told(report);
      if (args.json) io.line(JSON.stringify(report));
      else if (changed !== shown) io.lines([...watchLines(report, view), '']);
      shown = changed;
      const busy = report.sessions.some(({ running }) => running);
      if (ends.signal.aborted) return;
      if (args.once && !busy && !report.due) return;
      if (args.untilDone && !report.pending) return;
      await addon.watchPause(args.once ? Math.min(report.looksAgainIn, 500) : report.looksAgainIn);
      if (ends.signal.aborted) return;
      report = await runPass();
    }
  },
};

/** Returns the part of a pass report whose change is printed. @param {import('../../src/ffi/types.js').WatchReport} report */
function told({ sessions, own, supervisor }) {
  return JSON.stringify([own, supervisor, sessions.map(({ id, phase, next, running, waits, paused }) => [id, phase, next.action, next.at, running, waits, paused])]);
}
