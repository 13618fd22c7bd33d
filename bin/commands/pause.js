'use strict';

// `pause`: stops resuming one session, or all of them, until `pause --end`.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'pause',
  summary: 'pause recovery of one session or of all',
  description: 'Pauses open and closed sessions; `pause --end` resumes their plans. Does not pause Claude Code\'s own continuation in an open window.',
  arguments: [{ flags: '[session]', description: 'session id, at least 3 characters of it, or a name' }],
  options: [
    { flags: '-a, --all', description: 'pause every session' },
    { flags: '--end', description: 'end the pause of the session; without one, every pause' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover pause --all', does: 'pause every session until `pause --end`' },
    { command: 'cc-session-recover pause 3f2a9c1d', does: 'pause one session' },
    { command: 'cc-session-recover pause --end', does: 'end every pause' },
  ],
  run: (args, io) => require('../lib/pausing.js').change(args, io, args.end === true),
};
