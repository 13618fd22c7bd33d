'use strict';

// `recall`: what was worked on lately.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'recall',
  summary: 'list what recent sessions worked on, from titles and prompts',
  options: [
    { flags: '-n, --recent <number>', description: 'number of sessions (default: 20)', parse: numberOf },
    { flags: '-p, --project <dir>', description: 'only this project: its directory, or a part of its name' },
    { flags: '--since <when>', description: 'only sessions active since then: 90m, 36h, 2d, 1w, yesterday, monday, a date or a time' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover recall --recent 5', does: 'the last five sessions' },
    { command: 'cc-session-recover recall --since 1w --project .', does: 'a week in this project' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { printRecall } = require('../lib/screens/recall.js');

    const options = {
      ...(args.recent === undefined ? {} : { recent: args.recent }),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.since === undefined ? {} : { since: args.since }),
    };
    const report = await io.during('reading sessions', loadAddon().recall(options));
    if (args.json) io.json(report);
    else printRecall(report, io);
  },
};

/** @param {string} text */
function numberOf(text) {
  const { UsageError } = require('../lib/errors.js');
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--recent takes a number from 1, not '${text}'`, 'for example --recent 10');
  return Number(text);
}
