'use strict';

// `recall`: the earlier name of `list --prompts`.

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'recall',
  hidden: true,
  summary: 'list what recent sessions worked on (the same as list --prompts)',
  options: [
    { flags: '-n, --recent <number>', description: 'number of sessions (default: 20)', parse: numberOf },
    { flags: '-p, --project <dir>', description: 'only this project: its directory, or a part of its name' },
    { flags: '--since <when>', description: 'only sessions active since then: 90m, 36h, 2d, 1w, yesterday, monday, a date or a time' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover recall --recent 5', does: 'list the last five sessions' },
    { command: 'cc-session-recover recall --since 1w --project .', does: 'list the last week in this project' },
  ],

  run: (args, io) => require('../lib/recalling.js').recall(args, io),
};

/** @param {string} text */
function numberOf(text) {
  const { UsageError } = require('../lib/errors.js');
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--recent takes a number from 1, not '${text}'`, 'for example --recent 10');
  return Number(text);
}
