'use strict';

// `handoff`: the note of a session, printed, written to HANDOFF.md, or prepared for another reader.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'handoff',
  summary: 'print the handoff note of a session, or write it to HANDOFF.md',
  description:
    'Generates the note from the transcript and git, without a model request: the task, what was done, what was in progress, and what is\nnext. Without a session, you choose one on a terminal; with an option or in a pipe it is the most recently active session of this project. Recognized secrets are removed.',
  arguments: [{ flags: '[session]', description: 'session id, at least 3 characters of it, name or title' }],
  options: [
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '--write', description: 'write it to HANDOFF.md of its project, as a separate block', conflicts: ['for', 'essential'] },
    { flags: '--for <reader>', description: 'paste: for any assistant. resume: the first prompt of a fresh session', choices: ['paste', 'resume'], conflicts: ['essential'] },
    { flags: '--essential', description: 'for any assistant, at most 4,000 characters' },
    { flags: '--dry-run', description: 'with --write: print what would be written' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover handoff --project .', does: 'print the note of the latest session of this project' },
    { command: 'cc-session-recover handoff 3f2a9c1d --write', does: 'write it to HANDOFF.md' },
    { command: 'cc-session-recover handoff --essential | pbcopy', does: 'continue with another assistant' },
    { command: 'claude "$(cc-session-recover handoff 3f2a9c1d --for resume)"', does: 'continue in a fresh session' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { canOpen, pickSession } = require('../lib/dashboard.js');
    const { UsageError } = require('../lib/errors.js');
    const { printHandoff } = require('../lib/screens/handoff.js');

    if (args.dryRun && !args.write) throw new UsageError('--dry-run requires --write', 'omit --dry-run: without --write nothing is changed');
    // With any of these options, take the last session of this project without asking.
    const plain = args.session === undefined && args.project === undefined && !args.write && !args.for && !args.essential && !args.json;
    if (plain && canOpen(io)) {
      args.session = await pickSession('handoff', args, io);
      if (args.session === undefined) throw new UsageError('no session was chosen', 'name one that `cc-session-recover list` shows');
    }
    const form = args.essential ? 'essential' : (args.for ?? 'note');
    const options = {
      form,
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.write ? { write: true } : {}),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const report = await io.during('reading the session', loadAddon().handoff(options));
    if (args.json) io.json(report);
    else printHandoff(report, io, Boolean(args.write));
  },
};
