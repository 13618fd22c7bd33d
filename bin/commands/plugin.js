'use strict';

// `plugin`: writes hooks and commands as a plugin that Claude Code installs itself, or removes them. Rust plans and writes.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'plugin',
  summary: 'write the plugin for Claude Code, or remove it',
  description:
    'Writes a directory that Claude Code can install from: a marketplace with one plugin, which has the hooks of init and\nthe commands /cc-session-recover:session-rescue and /cc-session-recover:handoff. Its hooks run in every project, except where init added hooks to the settings.\nPrints the two commands that install it.',
  options: [
    { flags: '--to <dir>', description: 'directory to write to (default: plugin in the state directory)' },
    { flags: '--remove', description: 'remove the plugin; files that you edited stay' },
    { flags: '--dry-run', description: 'print the exact changes and write nothing' },
    { flags: '--json', description: 'print the report as JSON and ask nothing' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { command: 'cc-session-recover plugin', does: 'write the plugin, or update it after an upgrade' },
    { command: 'cc-session-recover plugin --dry-run', does: 'print what would be written' },
    { command: 'cc-session-recover plugin --to ~/claude-plugins', does: 'write it to another directory' },
    { command: 'cc-session-recover plugin --remove', does: 'remove the plugin' },
  ],

  async run(args, io) {
    const { PACKAGE_ROOT, addonFile, loadAddon } = require('../lib/addon.js');
    const { isChange, printDiff, printSteps, printWarnings } = require('../lib/changes.js');
    const { exitOf } = require('../lib/exit.js');

    const addon = loadAddon();
    const plan = await addon.planPlugin({
      ...(args.to === undefined ? {} : { to: resolve(args.to) }),
      remove: args.remove === true,
      packageRoot: PACKAGE_ROOT,
      addon: addonFile(),
      node: process.execPath,
    });
    const { directory, remove, files, warnings, next } = plan;
    const nothing = !isChange(files);
    const shown = io.clean(directory);

    if (args.dryRun) {
      if (args.json) io.json({ dryRun: true, directory, remove, changed: !nothing, files, warnings, next });
      else {
        printDiff(files, directory, io);
        if (nothing) io.error('nothing would be changed');
        printWarnings(warnings, io);
      }
      return exitOf.change({ changed: !nothing });
    }

    if (!nothing && !args.json && !args.yes && io.isTerminal) {
      io.line(`This would ${remove ? 'remove the plugin from' : 'write the plugin to'} ${shown}:\n`);
      printSteps(files, directory, io);
      printWarnings(warnings, io);
      if (!(await io.confirm('\nGo on?'))) {
        io.line('Nothing was changed.');
        return exitOf.declined();
      }
    }
    const report = await addon.applyPlugin(plan);
    if (args.json) io.json(report);
    else printDone(report, io);
    return exitOf.change(report);
  },
};

/**
 * @param {import('../../src/ffi/types.js').PluginReport} report
 * @param {import('../lib/output.js').Output} io
 */
function printDone({ directory, remove, changed, files, warnings, next }, io) {
  const { printSteps, printWarnings } = require('../lib/changes.js');
  const { commandWords } = require('../lib/wording.js');
  const shown = io.clean(directory);
  if (!changed) io.line(remove ? `Nothing of the plugin is in ${shown}; nothing was changed.` : `The plugin is already in ${shown}; nothing was changed.`);
  else {
    io.line(`The plugin is ${remove ? 'removed from' : 'written to'} ${io.colours.bold(shown)}.\n`);
    printSteps(files, directory, io);
  }
  printWarnings(warnings, io);
  if (next.length > 0) {
    io.line(`\nNext, ${remove ? 'remove it from Claude Code' : 'install it in Claude Code'}:\n`);
    for (const command of next) io.line(`  ${io.clean(commandWords(command))}`);
  } else if (changed && !remove) {
    io.line('\nNew sessions load it from there; open sessions load it after /reload-plugins.');
  }
}
