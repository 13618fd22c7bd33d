'use strict';

// `unpause`: the earlier name of `pause --end`.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'unpause',
  hidden: true,
  summary: 'end a pause (the same as pause --end)',
  arguments: [{ flags: '[session]', description: 'session id, at least 3 characters of it, or a name' }],
  options: [
    { flags: '-a, --all', description: 'every session, including those that were paused individually' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [{ command: 'cc-session-recover unpause --all', does: 'end every pause' }],
  run: (args, io) => require('../lib/pausing.js').change(args, io, true),
};
