'use strict';

// `pause`: nothing is resumed for a session, or for any, until `pause --end`.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'pause',
  summary: 'pause recovery of a session, or of all',
  description: 'Pauses open and closed sessions from now on; `pause --end` resumes their plans. Claude Code\'s own continuation in an open window is not paused.',
  arguments: [{ flags: '[session]', description: 'session id, the first 3 or more characters of one, or a name' }],
  options: [
    { flags: '-a, --all', description: 'everything' },
    { flags: '--end', description: 'end the pause; with --all also that of sessions that were paused one by one' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover pause --all', does: 'everything, for tonight' },
    { command: 'cc-session-recover pause 3f2a9c1d', does: 'one session' },
    { command: 'cc-session-recover pause --end --all', does: 'end every pause' },
  ],
  run: (args, io) => require('../lib/pausing.js').change(args, io, args.end === true),
};
