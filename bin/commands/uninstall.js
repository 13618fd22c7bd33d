'use strict';

// `uninstall`: removes what `init` installed, and nothing else.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'uninstall',
  summary: 'remove the hooks from a project',
  description:
    'Restores the original bytes of settings files that have not changed since `init`; from other files it removes only its own entries.\nHANDOFF.md and the records of stopped sessions stay.',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '-a, --all', description: 'remove the tool from this machine: projects, your own settings, plugins, service, runtime and state', conflicts: ['local', 'user'] },
    { flags: '--state', description: 'with --all: remove the state directory even if it contains exports, set-aside files, or text of sessions that exists nowhere else' },
    { flags: '--keep-state', description: 'with --all: do not remove the state directory', conflicts: ['state'] },
    { flags: '--local', description: 'remove the hooks from .claude/settings.local.json', conflicts: ['user'] },
    { flags: '--user', description: 'remove the hooks from your own settings', conflicts: ['local'] },
    { flags: '--dry-run', description: 'print the exact changes and write nothing' },
    { flags: '--json', description: 'print the report as JSON and ask nothing' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { command: 'cc-session-recover uninstall', does: 'remove the hooks from the project in this directory' },
    { command: 'cc-session-recover uninstall --all --dry-run', does: 'print what would be removed from this machine' },
    { command: 'cc-session-recover uninstall --user --dry-run', does: 'print what would be removed from your own settings' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { isChange, printDiff, printSteps, printWarnings, scopeOf, targetOf } = require('../lib/changes.js');
    const { UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');

    if (args.all) {
      if (args.dir !== undefined) throw new UsageError('a directory and --all cannot be used together', 'use one of them');
      return require('../lib/everywhere.js').uninstallAll(args, io);
    }
    if (args.state || args.keepState) throw new UsageError('--state and --keep-state require --all', 'add --all');
    const addon = loadAddon();
    const project = resolve(args.dir ?? '.');
    const scope = scopeOf(args) ?? (await addon.hookScope({ project })).scope;
    const plan = await addon.planUninstall({ project, scope });
    const steps = plan.files;
    const { fromWords, base } = targetOf(plan);
    const nothing = !isChange(steps);

    if (args.dryRun) {
      if (args.json) io.json({ dryRun: true, project: plan.project, scope: plan.scope, changed: !nothing, files: steps, warnings: plan.warnings });
      else printDiff(steps, base, io);
      if (!args.json && nothing) io.error('nothing would be changed');
      if (!args.json) printWarnings(plan.warnings, io);
      return exitOf.change({ changed: !nothing });
    }

    const asks = !nothing && !args.json && !args.yes && io.isTerminal;
    if (asks) {
      io.line(`This would remove recovery from ${fromWords}:\n`);
      printSteps(steps, base, io);
      printWarnings(plan.warnings, io);
      if (!(await io.confirm('\nRemove this?'))) {
        io.line('Nothing was changed.');
        return exitOf.declined();
      }
    }
    const report = await addon.applyUninstall(plan);
    if (args.json) {
      io.json(report);
    } else if (report.changed) {
      io.line(`Removed recovery from ${io.colours.bold(fromWords)}.`);
      if (!asks) {
        io.line();
        printSteps(report.files, base, io);
      }
    } else {
      io.line(`This tool has nothing installed in ${fromWords}; nothing was changed.`);
    }
    if (!args.json && !asks) printWarnings(report.warnings, io);
    return exitOf.change(report);
  },
};
