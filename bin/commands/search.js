'use strict';

// `search`: where a text was said.

const { resolve } = require('node:path');

const ROLES = ['user', 'assistant', 'tool', 'system'];

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'search',
  summary: 'find a text in what was said in all sessions',
  description:
    'Looks through the transcripts of every project and of subagents (marked ↳) for what people, models, tools and the client said. ' +
    'A text is found as it was said, however the transcript writes it: with quotes, line ends and tabs, which are escaped there, and ' +
    'in any script. One hit is one prompt, answer, tool input or tool result.',
  arguments: [{ flags: '<text>', description: 'the text; with --regex a regular expression' }],
  options: [
    { flags: '-i, --ignore-case', description: 'upper and lower case are the same' },
    { flags: '--regex', description: 'the text is a regular expression; ^ and $ are the ends of a line' },
    { flags: '--role <role>', description: `only what they said: ${ROLES.join(', ')}; several with commas`, parse: rolesOf },
    { flags: '--since <time>', description: 'a date, a time, or how long ago: 90m, 36h, 2d, 1w' },
    { flags: '--project <dir>', description: 'one project instead of all' },
    { flags: '--tool-results', description: 'also long tool results that Claude Code stored in files of their own' },
    { flags: '--limit <number>', description: 'hits that are shown, 0 for all (default: 100)', parse: limitOf },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover search "connection refused"', does: 'every session, the latest first' },
    { command: 'cc-session-recover search -i todo --role user --since 2d', does: 'what you said in the last two days' },
    { command: "cc-session-recover search --regex 'TODO|FIXME' --project .", does: 'a regular expression in this project' },
    { command: "cc-session-recover search needle --json | jq -r '.hits[].id'", does: 'for programs' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { printHits } = require('../lib/hits.js');

    const { text, regex, ignoreCase, role: roles, since, limit, toolResults } = args;
    const project = args.project === undefined ? undefined : resolve(args.project);
    const given = Object.entries({ regex, ignoreCase, roles, since, project, limit, toolResults }).filter(([, value]) => value !== undefined);
    const options = { text, ...Object.fromEntries(given) };
    const report = await io.during('searching', loadAddon().search(options));
    if (args.json) io.json(report);
    else printHits(report, options, io);
  },
};

/** @param {string} text @param {string[]} [before] Roles of the same option given before. */
function rolesOf(text, before = []) {
  const { UsageError } = require('../lib/errors.js');
  const roles = text.split(',').map((role) => role.trim().toLowerCase());
  const unknown = roles.find((role) => !ROLES.includes(role));
  if (unknown !== undefined) throw new UsageError(`there is no role "${unknown}"`, `give one or more of ${ROLES.join(', ')}`);
  return [...before, ...roles];
}

/** @param {string} text */
function limitOf(text) {
  const { UsageError } = require('../lib/errors.js');
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--limit takes a whole number, not "${text}"`, 'give a number such as 20, or 0 for all hits');
  return Number(text);
}
