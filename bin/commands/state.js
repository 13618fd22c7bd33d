'use strict';

// `state`: what sessions of a project were doing, as it was saved: the last state, all that are kept, one put back in front.

const { resolve } = require('node:path');

/** What can be done with states. */
const ACTIONS = ['show', 'list', 'restore'];

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'state',
  summary: 'show, list or put back what sessions of a project were doing',
  description:
    'A state is saved to .claude/session-state whenever a session comes to rest: at the end of a turn, before a compaction, at a\nstop, at its end. The same session gets it back when it is resumed or compacted; a new one is told where it is.\n\nshow prints the last one, or the one that is named. list shows all that are kept. restore makes one the last again.',
  arguments: [
    { flags: '[action]', description: 'show, list or restore (default: show)' },
    { flags: '[state]', description: 'name of a state or a beginning of it; for show also the beginning of a session id' },
  ],
  options: [
    { flags: '-p, --project <dir>', description: 'the project in this directory' },
    { flags: '--dry-run', description: 'with restore: show what would be put back, and change nothing' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover state', does: 'the last state of this project' },
    { command: 'cc-session-recover state show 3f2a9c1d', does: 'the newest state of one session' },
    { command: 'cc-session-recover state list', does: 'every state that is kept' },
    { command: 'cc-session-recover state restore 20261121T0200 --dry-run', does: 'what putting an older one back would do' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { printState } = require('../lib/screens/state.js');

    const { action = 'show', state } = args;
    if (!ACTIONS.includes(action)) throw new UsageError(`state has no '${action}'`, `give one of ${ACTIONS.join(', ')}`);
    if (args.dryRun && action !== 'restore') throw new UsageError(`--dry-run with ${action}`, `${action} changes nothing anyway; leave --dry-run out`);
    if (action === 'list' && state !== undefined) throw new UsageError('list takes no state', `run state show ${state}`);
    const options = {
      action,
      ...(state === undefined ? {} : { state }),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const report = await io.during('reading saved states', loadAddon().state(options));
    if (args.json) io.json(report);
    else printState(report, action, io);
  },
};
