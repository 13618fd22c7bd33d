'use strict';

// `prune`: deletes old copies, pages, outputs and records of this tool, after showing them.

const { resolve } = require('node:path');

/** @param {string} name @param {boolean} whole */
function number(name, whole) {
  return (/** @type {string} */ text) => {
    const { UsageError } = require('../lib/errors.js');
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < 0 || (whole && !Number.isInteger(value))) {
      throw new UsageError(`${name} takes a ${whole ? 'whole number' : 'number'} from 0, not '${text}'`, '`cc-session-recover prune --help` shows its options');
    }
    return value;
  };
}

const UNITS = /** @type {Record<string, number>} */ ({ '': 1, b: 1, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, t: 1e12, tb: 1e12 });

/** @param {string} text */
function size(text) {
  const { UsageError } = require('../lib/errors.js');
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = digits === undefined ? undefined : UNITS[unit.toLowerCase()];
  if (factor === undefined) throw new UsageError(`--max-total takes a size such as 500MB or 5GB, not '${text}'`, '`cc-session-recover prune --help` shows its options');
  return Math.floor(Number(digits) * factor);
}

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'prune',
  summary: 'delete old exports, snapshots, pages, outputs and records of this tool',
  description:
    'Deletes only files in the state directory: no files of Claude Code, and no exports or pages elsewhere. An output is what an unattended run printed. A record is what hooks recorded about a session. It is deleted by age, or a day after its transcript is gone, unless it is the only copy of something. Unreadable files are never treated as expired or gone.\nPrints what it would delete before it asks. The newest export, snapshot, page and output of each session stay, and so do files that an unfinished run needs, and pages and records of sessions that are open or have pending work.',
  options: [
    { flags: '--exports-days <days>', description: 'delete exports older than this (default: retention.exportsDays of the configuration, or 90)', parse: number('--exports-days', false) },
    { flags: '--snapshots-days <days>', description: 'delete snapshots older than this (default: retention.snapshotsDays, or 14)', parse: number('--snapshots-days', false) },
    { flags: '--pages-days <days>', description: 'delete pages older than this (default: retention.pagesDays, or 90)', parse: number('--pages-days', false) },
    { flags: '--outputs-days <days>', description: 'delete outputs of runs older than this (default: retention.outputsDays, or 30)', parse: number('--outputs-days', false) },
    { flags: '--records-days <days>', description: 'delete records of sessions older than this (default: retention.recordsDays, or 90)', parse: number('--records-days', false) },
    { flags: '--kept-days <days>', description: 'delete retained sessions this many days after their last activity (default: retention.keptDays, or 365)', parse: number('--kept-days', false) },
    { flags: '--keep <number>', description: 'minimum number of exports, snapshots, pages and outputs to retain per session, whatever their age (default: 1)', parse: number('--keep', true) },
    { flags: '--most <number>', description: 'maximum number of each to retain per session', parse: number('--most', true) },
    { flags: '--max-total <size>', description: 'maximum total size of exports, snapshots, pages and outputs; the oldest are deleted first', parse: size },
    { flags: '--dry-run', description: 'print what would be deleted' },
    { flags: '--json', description: 'print the report as JSON; deletes only with --yes' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { command: 'cc-session-recover prune --dry-run', does: 'print what would be deleted' },
    { command: 'cc-session-recover prune --exports-days 30 --max-total 5GB', does: 'delete by age and size, after asking' },
    { command: 'cc-session-recover prune --most 3 --yes', does: 'retain three of each per session, without asking' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { printPruned } = require('../lib/screens/prune.js');

    const rules = {
      ...(args.exportsDays === undefined ? {} : { exportsDays: args.exportsDays }),
      ...(args.snapshotsDays === undefined ? {} : { snapshotsDays: args.snapshotsDays }),
      ...(args.pagesDays === undefined ? {} : { pagesDays: args.pagesDays }),
      ...(args.outputsDays === undefined ? {} : { outputsDays: args.outputsDays }),
      ...(args.recordsDays === undefined ? {} : { recordsDays: args.recordsDays }),
      ...(args.keptDays === undefined ? {} : { keptDays: args.keptDays }),
      ...(args.keep === undefined ? {} : { keep: args.keep }),
      ...(args.most === undefined ? {} : { most: args.most }),
      ...(args.maxTotal === undefined ? {} : { maxBytes: args.maxTotal }),
    };
    const addon = loadAddon();
    const plan = await io.during('reading copies', addon.prune({ ...rules, dryRun: true }));
    const paths = plan.removed.map((/** @type {{path: string}} */ { path }) => resolve(path));
    const asks = !args.dryRun && !args.yes && paths.length > 0;
    if (args.dryRun || (args.json && asks)) {
      if (args.json) io.json(plan);
      else printPruned(plan, io);
      return exitOf.prune(plan);
    }
    if (asks) {
      if (!io.isTerminal) throw new UsageError('cannot ask for confirmation without a terminal', 'add --yes to delete without a question, or --dry-run to see what would be deleted');
      printPruned(plan, io);
      if (!(await io.confirm('\nDelete them?'))) {
        io.line('Nothing was deleted.');
        return exitOf.declined();
      }
    }
    // Delete only what was shown, and nothing that has become old since.
    const report = await io.during('deleting', addon.prune({ ...rules, only: paths }));
    if (args.json) io.json(report);
    else printPruned(report, io);
    return exitOf.prune(report);
  },
};
