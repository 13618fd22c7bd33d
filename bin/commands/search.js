'use strict';

// `search`: finds where a text occurs in the sessions.

const { resolve } = require('node:path');

const ROLES = ['user', 'assistant', 'tool', 'system'];

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'search',
  summary: 'search the conversations of all sessions',
  description:
    'Searches the transcripts of every project and of their subagents (marked ↳): prompts, answers, tool inputs, tool results and messages of ' +
    'the client. The text matches as it was written, even though transcripts escape quotes, line breaks and tabs. One hit is one ' +
    'prompt, answer, tool input or tool result.',
  arguments: [{ flags: '<text>', description: 'text to search for; with --regex, a regular expression' }],
  options: [
    { flags: '-i, --ignore-case', description: 'ignore case' },
    { flags: '--regex', description: 'treat the text as a regular expression; ^ and $ match at line boundaries' },
    { flags: '--role <role>', description: `only these roles, separated by commas: ${ROLES.join(', ')}`, parse: rolesOf },
    { flags: '--since <time>', description: 'only hits since then: 90m, 36h, 2d, 1w, a date or a time' },
    { flags: '--project <dir>', description: 'only this project' },
    { flags: '--tool-results', description: 'include long tool results, which Claude Code stores in separate files' },
    { flags: '--limit <number>', description: 'number of hits, 0 for all (default: 100)', parse: limitOf },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover search "connection refused"', does: 'search every session, most recent first' },
    { command: 'cc-session-recover search -i todo --role user --since 2d', does: 'search your prompts of the last two days' },
    { command: "cc-session-recover search --regex 'TODO|FIXME' --project .", does: 'search this project with a regular expression' },
    { command: "cc-session-recover search needle --json | jq -r '.hits[].id'", does: 'print the session ids, for a script' },
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
    else await printHits(report, options, io);
  },
};

/** @param {string} text @param {string[]} [before] Roles from earlier uses of the option. */
function rolesOf(text, before = []) {
  const { UsageError } = require('../lib/errors.js');
  const roles = text.split(',').map((role) => role.trim().toLowerCase());
  const unknown = roles.find((role) => !ROLES.includes(role));
  if (unknown !== undefined) throw new UsageError(`unknown role "${unknown}"`, `give one or more of ${ROLES.join(', ')}`);
  return [...before, ...roles];
}

/** @param {string} text */
function limitOf(text) {
  const { UsageError } = require('../lib/errors.js');
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--limit takes a whole number, not "${text}"`, 'give a number such as 20, or 0 for all hits');
  return Number(text);
}
