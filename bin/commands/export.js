'use strict';

// `export`: saves sessions losslessly, each as a directory or an archive that describes its contents, or writes them as pages to read.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'export',
  summary: 'save sessions losslessly, verified byte for byte, or write them as pages',
  description:
    'Saves transcript, subagents, tool results, tasks, plan, file history and note, with a manifest of sizes and hashes. The session is\nonly read and may be in use: the manifest states up to which length it was exported. Nothing is redacted: keep exports private.\n\nWith --format html or markdown, writes a readable page instead. An HTML page is one self-contained file and runs nothing from the\nsession. Pages shorten long texts and state by how much; only the lossless export is complete. If a directory gets several HTML\npages, an index.html that filters them is written too.',
  arguments: [{ flags: '[session]', description: 'id, at least 3 characters of it, name, title, or path of its transcript' }],
  options: [
    { flags: '-l, --latest', description: 'the most recently active session' },
    { flags: '--active', description: 'every open session' },
    { flags: '-a, --all', description: 'every session on this machine' },
    { flags: '-p, --project <dir>', description: 'only sessions of this project: its directory, or a part of its name' },
    { flags: '-f, --format <kind>', description: 'lossless: every file, byte for byte; html, markdown (md): a readable page', choices: ['lossless', 'html', 'markdown', 'md'], default: 'lossless' },
    { flags: '-t, --to <path>', description: 'directory for exports; for a page also a file (default: in the state directory)' },
    { flags: '--force', description: 'replace an existing page' },
    { flags: '--redact', description: 'replace recognized secrets on a page and omit its pictures' },
    { flags: '-o, --open', description: 'open the page, or the index of several pages, in the default application' },
    { flags: '--archive', description: 'one .tar file per session' },
    { flags: '--hash <kind>', description: 'hash in the manifest (default: sha256); xxh3 is faster and detects accidental changes only', choices: ['sha256', 'xxh3'] },
    { flags: '--log <dir>', description: 'directory of SESSION-LOG-<date>.md (default: the state directory)' },
    { flags: '--dry-run', description: 'print what would be saved' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover export 3f2a9c1d', does: 'export one session' },
    { command: 'cc-session-recover export --active', does: 'export all open sessions before a reboot' },
    { command: 'cc-session-recover export 3f2a9c1d --format html --to page.html', does: 'write one session as a page' },
    { command: 'cc-session-recover export --latest --format html --redact --open', does: 'open the latest session in the browser, with secrets replaced' },
    { command: 'cc-session-recover export --all --to /mnt/backup --archive', does: 'export every session as an archive to another disk' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { pickSession } = require('../lib/dashboard.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { progressOf } = require('../lib/progress.js');
    const { printExported } = require('../lib/screens/export.js');

    const named = args.session !== undefined || args.latest || args.active || args.all;
    if (!named && !args.json) args.session = await pickSession('export', args, io);
    const chosen = [args.session !== undefined, args.latest, args.active, args.all].filter(Boolean).length;
    if (chosen === 0) throw new UsageError('no session given', 'name one that `cc-session-recover list` shows, or give --latest, --active or --all');
    if (chosen > 1) throw new UsageError('a session, --latest, --active and --all cannot be used together', 'use one of them');
    const chooses = {
      ...(args.session === undefined ? {} : { session: args.session }),
      ...(args.latest ? { latest: true } : {}),
      ...(args.active ? { active: true } : {}),
      ...(args.all ? { all: true } : {}),
      ...(args.project === undefined ? {} : { project: resolve(args.project) }),
    };
    if (args.format === 'md') args.format = 'markdown';
    if (args.format !== 'lossless') return writePages(args, chooses, io);
    if (args.force) throw new UsageError('--force requires --format html or markdown', 'omit it: a lossless export never overwrites anything');
    if (args.redact) throw new UsageError('--redact requires --format html or markdown', 'a lossless export keeps every byte');
    if (args.open) throw new UsageError('--open requires --format html or markdown', 'only a page can be opened');
    const options = {
      ...chooses,
      ...(args.to === undefined ? {} : { to: resolve(args.to) }),
      ...(args.archive ? { archive: true } : {}),
      ...(args.hash === undefined ? {} : { hash: args.hash }),
      ...(args.log === undefined ? {} : { log: resolve(args.log) }),
      ...(args.dryRun ? { dryRun: true } : {}),
    };
    const addon = loadAddon();
    const report = await io.during('exporting', addon.exportSessions(options), progressOf(addon));
    if (args.json) io.json(report);
    else printExported(report, io);
    return exitOf.export(report);
  },
};

/**
 * @param {Record<string, any>} args
 * @param {import('../../src/ffi/types.js').ReadingOptions} chooses
 * @param {import('../lib/output.js').Output} io
 */
async function writePages(args, chooses, io) {
  const { loadAddon } = require('../lib/addon.js');
  const { UsageError } = require('../lib/errors.js');
  const { exitOf } = require('../lib/exit.js');
  const { progressOf } = require('../lib/progress.js');
  const { openFile } = require('../lib/opening.js');
  const { printPages } = require('../lib/screens/pages.js');

  const lossless = [args.archive && '--archive', args.hash !== undefined && '--hash', args.log !== undefined && '--log'].filter(Boolean);
  if (args.open && args.dryRun) throw new UsageError('--open and --dry-run cannot be used together', 'a dry run writes no page that could be opened');
  if (lossless.length > 0) throw new UsageError(`${lossless.join(' and ')} cannot be used together with --format`, 'use one of them');
  const options = {
    ...chooses,
    format: args.format,
    ...(args.to === undefined ? {} : { to: resolve(args.to), toDirectory: /[\\/]$/.test(args.to) }),
    ...(args.force ? { force: true } : {}),
    ...(args.redact ? { redact: true } : {}),
    ...(args.dryRun ? { dryRun: true } : {}),
  };
  const addon = loadAddon();
  const report = await io.during('writing', addon.writePages(options), progressOf(addon));
  if (args.json) io.json(report);
  else printPages(report, io);
  const opened = report.index ?? report.pages[0]?.path;
  if (args.open && opened !== undefined) openFile(opened, io);
  return exitOf.pages(report);
}
