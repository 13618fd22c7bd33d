'use strict';

// `state`: the saved states of a project's sessions: shows the last one, lists all, or restores an older one as the last.

const { resolve } = require('node:path');

/** Actions of the verb, by name. */
const ACTIONS = ['show', 'list', 'restore'];

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'state',
  summary: 'show, list or restore the saved states of sessions in a project',
  description:
    'Hooks save a state to .claude/session-state at the end of a turn, before a compaction, at a stop and at the end of a session.\nThe session receives it when it is resumed or compacted; a new session receives its path.\n\n`show` prints the latest or the named state, `list` lists all, `restore` makes one the latest again.',
  arguments: [
    { flags: '[action]', description: 'show, list or restore (default: show)' },
    { flags: '[state]', description: 'name of a state, or a prefix of it; for show also a session id' },
  ],
  options: [
    { flags: '-p, --project <dir>', description: 'directory of the project (default: this one)' },
    { flags: '--dry-run', description: 'with restore: print what would be restored' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover state', does: 'print the latest state of this project' },
    { command: 'cc-session-recover state show 3f2a9c1d', does: 'print the newest state of one session' },
    { command: 'cc-session-recover state list', does: 'list every saved state' },
    { command: 'cc-session-recover state restore 20261121T0200 --dry-run', does: 'print what would be restored' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { printState } = require('../lib/screens/state.js');

    const { action = 'show', state } = args;
    if (!ACTIONS.includes(action)) throw new UsageError(`unknown action '${action}'`, `give one of ${ACTIONS.join(', ')}`);
    if (args.dryRun && action !== 'restore') throw new UsageError('--dry-run requires restore', `omit --dry-run: ${action} changes nothing`);
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
