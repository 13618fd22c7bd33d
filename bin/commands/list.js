'use strict';

// `list`: every session of this machine in one table.

const { resolve } = require('node:path');
const { KINDS, STATUSES } = require('../lib/wording.js');

/** Maximum number of sessions shown without --limit. The JSON has all. */
const LIMIT = 50;

/** More sessions than there can be. */
const ALL = 1_000_000_000;

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'list',
  alias: 'ls',
  summary: 'list sessions of every project, most recent first',
  options: [
    { flags: '-s, --state <states...>', description: 'only these states, named as in the list', choices: Object.values(STATUSES).map(hyphened), parse: several },
    { flags: '--stop <kinds...>', description: 'only these kinds of stops, named as in the list, or a part of the name such as limit', choices: Object.keys(KINDS), parse: several },
    { flags: '-p, --project <dir>', description: 'only this project: its directory, or a part of its name' },
    { flags: '--since <when>', description: 'only sessions active since then: 90m, 36h, 2d, 1w, yesterday, monday, a date or a time' },
    { flags: '--name <text>', description: 'only sessions with this text in their name, title or newest prompt' },
    { flags: '--larger-than <size>', description: 'only sessions with a transcript larger than this, such as 50MB' },
    { flags: '--open-at-crash', description: 'only sessions that were open when the machine or their client crashed' },
    { flags: '--gone', description: 'list sessions without a transcript, and what is left of each' },
    { flags: '--prompts', description: 'what each session was asked, first and last, instead of a table (default: 20 sessions)', conflicts: ['state', 'stop', 'name', 'largerThan', 'openAtCrash', 'gone', 'sort', 'reverse'] },
    { flags: '--sort <key>', description: 'sort by this key', choices: ['activity', 'size', 'context', 'name', 'project', 'state'] },
    { flags: '-r, --reverse', description: 'reverse the order' },
    { flags: '-n, --limit <number>', description: `number of sessions, 0 for all (default: ${LIMIT}, all with --json)`, parse: numberOf },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover list --state interrupted hung', does: 'list interrupted and hung sessions' },
    { command: 'cc-session-recover list --since 2d --sort size', does: 'list the sessions of the last two days by size' },
    { command: 'cc-session-recover list --open-at-crash', does: 'list sessions that were open at a crash' },
    { command: 'cc-session-recover list --prompts --since 1w', does: 'what you worked on this week' },
    { command: 'cc-session-recover list --gone', does: 'list deleted sessions and what is left of them' },
    { command: "cc-session-recover list --json | jq -r '.sessions[].id'", does: 'print the ids, for a script' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { printList } = require('../lib/screens/list.js');

    if (args.prompts) {
      const { limit, project, since, json } = args;
      return require('../lib/recalling.js').recall({ project, since, json, ...(limit === undefined ? {} : { recent: limit === 0 ? ALL : limit }) }, io);
    }
    const limit = args.limit ?? (args.json ? 0 : LIMIT);
    const options = {
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
      ...(args.state === undefined ? {} : { states: args.state }),
      ...(args.stop === undefined ? {} : { stops: args.stop }),
      ...(args.since === undefined ? {} : { since: args.since }),
      ...(args.name === undefined ? {} : { name: args.name }),
      ...(args.largerThan === undefined ? {} : { largerThan: args.largerThan }),
      ...(args.openAtCrash ? { openAtCrash: true } : {}),
      ...(args.gone ? { gone: true } : {}),
      ...(args.sort === undefined ? {} : { sort: args.sort }),
      ...(args.reverse ? { reverse: true } : {}),
      ...(limit > 0 ? { limit } : {}),
    };
    const report = await io.during('reading sessions', loadAddon().list(options));
    if (args.json) io.json(report);
    else await printList(report, io, filtersOf(args));
  },
};

/** Collects the values of an option that takes several; Rust interprets them. @param {string} text @param {string[]} [before] */
function several(text, before = []) {
  return [...before, text];
}

/** Joins words with hyphens, so that they can be typed without quotes. @param {string} words */
function hyphened(words) {
  return words.replaceAll(' ', '-');
}

/** @param {string} text */
function numberOf(text) {
  const { UsageError } = require('../lib/errors.js');
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--limit takes a whole number, not '${text}'`, 'give 0 for all of them');
  return Number(text);
}

/** Returns the filters as the user typed them, to name them if no session passes. @param {Record<string, any>} args */
function filtersOf(args) {
  const texts = [];
  if (args.state !== undefined) texts.push(`--state ${args.state.join(' ')}`);
  if (args.stop !== undefined) texts.push(`--stop ${args.stop.join(' ')}`);
  if (args.since !== undefined) texts.push(`--since ${args.since}`);
  if (args.name !== undefined) texts.push(`--name ${args.name}`);
  if (args.largerThan !== undefined) texts.push(`--larger-than ${args.largerThan}`);
  if (args.openAtCrash) texts.push('--open-at-crash');
  if (args.gone) texts.push('--gone');
  return texts;
}
