'use strict';

// `preview`: the earlier name of `watch --preview`.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'preview',
  hidden: true,
  summary: 'print what would be started for closed sessions (the same as watch --preview)',
  description: 'Starts nothing and writes nothing. `watch` uses the same plan.',
  arguments: [{ flags: '[session]', description: 'session id, at least 3 characters of it, or a name (default: all)' }],
  options: [{ flags: '--json', description: 'print the report as JSON' }],
  examples: [
    { command: 'cc-session-recover preview', does: 'preview every stopped session' },
    { command: "cc-session-recover preview 3f2a9c1d --json | jq '.sessions[0].launch.argv'", does: 'print the arguments of the run' },
  ],

  run: (args, io) => require('../lib/previewing.js').preview(args, io),
};
