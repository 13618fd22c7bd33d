'use strict';

// `unpause`: the earlier name of `pause --end`.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'unpause',
  hidden: true,
  summary: 'end the pause of sessions (the same as pause --end)',
  arguments: [{ flags: '[session]', description: 'session id, the first 3 or more characters of one, or a name' }],
  options: [
    { flags: '-a, --all', description: 'everything, including sessions that were paused one by one' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [{ command: 'cc-session-recover unpause --all', does: 'everything' }],
  run: (args, io) => require('../lib/pausing.js').change(args, io, true),
};
