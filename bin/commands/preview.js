'use strict';

// `preview`: exactly what would be started for closed sessions.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'preview',
  summary: 'print what would be started for closed sessions, when and why',
  description: 'Starts and writes nothing. `watch` uses the same plan.',
  arguments: [{ flags: '[session]', description: 'session id, the first 3 or more characters of one, or a name (default: all)' }],
  options: [{ flags: '--json', description: 'print the report as JSON' }],
  examples: [
    { command: 'cc-session-recover preview', does: 'every stopped session' },
    { command: "cc-session-recover preview 3f2a9c1d --json | jq '.sessions[0].launch.argv'", does: 'the arguments, one by one' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { exitOf } = require('../lib/exit.js');
    const { printPreview } = require('../lib/screens/preview.js');
    const report = await io.during('looking', loadAddon().preview(args.session === undefined ? {} : { session: args.session }));
    if (args.json) io.json(report);
    else printPreview(report, io);
    return exitOf.preview(report);
  },
};
