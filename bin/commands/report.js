'use strict';

// `report`: the outcome of every stop since a given time, attended or not.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'report',
  summary: 'report what happened to stopped sessions: attempts, results, and what needs you',
  description: 'Covers the last 24 hours unless --since is given. Sessions that need you come first.',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-a, --all', description: 'every project on this machine' },
    { flags: '--since <when>', description: 'only what happened since then: 90m, 36h, 2d, 1w, yesterday, monday, a date or a time (default: 24h)' },
    { flags: '-f, --format <kind>', description: 'text: print the report; html: write a timeline page', choices: ['text', 'html'], default: 'text' },
    { flags: '-t, --to <path>', description: 'file to write the page to' },
    { flags: '--force', description: 'replace an existing page' },
    { flags: '-o, --open', description: 'open the page in the default application' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover report', does: 'report the last 24 hours of the project in this directory' },
    { command: 'cc-session-recover report --all --since 1w', does: 'report the last week of every project' },
    { command: 'cc-session-recover report --all --format html --to night.html --open', does: 'open the last 24 hours as a timeline in the browser' },
    { command: "cc-session-recover report --json | jq '.incidents[] | select(.needsYou)'", does: 'print the incidents that need you, for a script' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { printReport } = require('../lib/screens/report.js');

    if (args.all && args.dir !== undefined) throw new UsageError('a directory and --all cannot be used together', 'use one of them');
    const options = {
      ...(args.all ? { all: true } : { project: resolve(args.dir ?? '.') }),
      ...(args.since === undefined ? {} : { since: args.since }),
    };
    if (args.format === 'html') return writePage(args, options, io);
    const page = [args.to !== undefined && '--to', args.force && '--force', args.open && '--open'].filter(Boolean);
    if (page.length > 0) throw new UsageError(`${page.join(' and ')} requires --format html`, 'add --format html');
    const report = await io.during('reading sessions', loadAddon().report(options));
    if (args.json) io.json(report);
    else await printReport(report, io);
  },
};

/**
 * @param {Record<string, any>} args
 * @param {import('../../src/ffi/types.js').AccountOptions} options
 * @param {import('../lib/output.js').Output} io
 */
async function writePage(args, options, io) {
  const { pathToFileURL } = require('node:url');
  const { loadAddon } = require('../lib/addon.js');
  const { UsageError } = require('../lib/errors.js');
  const { openFile } = require('../lib/opening.js');
  const { count } = require('../lib/wording.js');

  if (args.to === undefined) throw new UsageError('no destination given', 'add --to <file>: it has the names of sessions and is not deleted by this tool');
  const page = await io.during('writing', loadAddon().writeReportPage({ ...options, to: resolve(args.to), ...(args.force ? { force: true } : {}) }));
  if (args.json) io.json(page);
  else io.lines([io.colours.bold(`Wrote ${count(page.stops, 'stop')} of ${count(page.sessions, 'session')}. Open it in a browser:`), `  ${io.colours.cyan(pathToFileURL(page.path).href)}`]);
  if (args.open) openFile(page.path, io);
}
