'use strict';

// `init`: installs the hooks in a project. Rust plans and writes; this module shows the plan.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'init',
  summary: 'set up recovery in a project',
  description:
    'Adds hooks to the settings of Claude Code without changing anything else in them, and adds a launcher\nand the commands /session-rescue and /handoff to the project. It is safe to run again: after an upgrade it updates only its own entries.',
  arguments: [{ flags: '[dir]', description: 'directory of the project (default: this one)' }],
  options: [
    { flags: '--local', description: 'add the hooks to .claude/settings.local.json, only for you', conflicts: ['user', 'everyone'] },
    { flags: '--everyone', description: 'add the hooks to .claude/settings.json, for everyone in this repository (default without a terminal)', conflicts: ['user'] },
    { flags: '--user', description: 'add the hooks to your own settings, for all your projects', conflicts: ['local'] },
    { flags: '--no-hooks', description: 'do not add the hooks and the launcher' },
    { flags: '--no-commands', description: 'do not add the slash commands /session-rescue and /handoff' },
    { flags: '--statusline', description: 'show the remaining quota below your current status line; written to .claude/settings.local.json (with --user: to your own settings), so that colleagues do not get it' },
    { flags: '--unattended', description: 'allow closed sessions of this project to be resumed unattended', conflicts: ['user', 'attended'] },
    { flags: '--attended', description: 'revoke --unattended', conflicts: ['user'] },
    { flags: '--instruction', description: 'ask the model to keep its part of HANDOFF.md current (default)' },
    { flags: '--no-instruction', description: 'do not ask the model' },
    { flags: '--keep', description: "retain the files of sessions that Claude Code's cleanup deletes (default)" },
    { flags: '--no-keep', description: 'do not retain them' },
    { flags: '--share', description: 'do not add the files to .git/info/exclude, so that they can be committed' },
    { flags: '-a, --all', description: 'update every installation on this machine, for example after an upgrade', conflicts: ['local', 'user', 'unattended', 'attended', 'statusline'] },
    { flags: '--dry-run', description: 'print the exact changes and write nothing' },
    { flags: '--json', description: 'print the report as JSON and ask nothing' },
    { flags: '-y, --yes', description: 'do not ask' },
  ],
  examples: [
    { command: 'cc-session-recover init', does: 'set up the project in this directory; on a terminal, asks for whom' },
    { command: 'cc-session-recover init ~/work/api --local', does: 'set up a project for you alone, with nothing to commit' },
    { command: 'cc-session-recover init --user --statusline', does: 'set up all your projects, with the quota in the status line' },
    { command: 'cc-session-recover init --unattended', does: 'also resume closed sessions unattended' },
    { command: 'cc-session-recover init --all', does: 'update every installation after an upgrade' },
    { command: 'cc-session-recover init --dry-run > init.patch', does: 'save the changes as a patch' },
  ],

  async run(args, io) {
    const { exitOf } = require('../lib/exit.js');
    const { PACKAGE_ROOT, addonFile, loadAddon } = require('../lib/addon.js');
    const { isChange, printDiff, printSteps, printWarnings, scopeOf, targetOf } = require('../lib/changes.js');

    if (args.all) {
      const { UsageError } = require('../lib/errors.js');
      if (args.dir !== undefined) throw new UsageError('a directory and --all cannot be used together', 'use one of them');
      return require('../lib/everywhere.js').refreshAll(args, io);
    }
    const addon = loadAddon();
    const asks = !args.json && !args.yes && !args.dryRun && io.isTerminal;
    const project = resolve(args.dir ?? '.');
    let scope = scopeOf(args);
    if (scope === undefined) {
      const decided = await addon.hookScope({ project });
      const question = asks && args.hooks !== false ? decided.question : null;
      const chosen = question === null ? decided.scope : await askScope(question, io);
      if (chosen === null) return exitOf.declined();
      scope = chosen;
    }
    const plan = await addon.planInit({
      project,
      scope,
      hooks: args.hooks,
      commands: args.commands,
      statusLine: args.statusline === true,
      ...(args.unattended ? { unattended: true } : args.attended ? { unattended: false } : {}),
      ...(args.instruction === undefined ? {} : { instruction: args.instruction }),
      ...(args.keep === undefined ? {} : { keep: args.keep }),
      share: args.share === true,
      packageRoot: PACKAGE_ROOT,
      addon: addonFile(),
      node: process.execPath,
    });
    const { files: steps, warnings } = plan;
    const { inWords, base } = targetOf(plan);

    if (args.dryRun) {
      if (args.json) io.json({ dryRun: true, project: plan.project, scope: plan.scope, changed: isChange(steps), files: steps, warnings });
      else printDiff(steps, base, io);
      if (!args.json && !isChange(steps)) io.error('nothing would be changed');
      if (!args.json) printWarnings(warnings, io);
      return;
    }

    if (isChange(steps) && asks) {
      io.line(`This would set up recovery ${inWords}:\n`);
      printSteps(steps, base, io);
      printWarnings(warnings, io);
      if (!(await io.confirm('\nWrite this?'))) {
        io.line('Nothing was written.');
        return exitOf.declined();
      }
    }
    const report = await addon.applyInit(plan);
    if (args.json) return io.json(report);
    printDone(report, args, io, asks);
    if (!asks) printWarnings(report.warnings, io);
    return;
  },
};

/** @typedef {import('../../src/ffi/types.js').HookScope} HookScope */

/**
 * Asks the question of the core.
 *
 * @param {import('../../src/ffi/types.js').HookScopeQuestion} question
 * @param {import('../lib/output.js').Output} io
 * @returns {Promise<HookScope | null>} `null` if the user declined.
 */
async function askScope(question, io) {
  switch (question) {
    case 'all-projects':
      io.line('This is your home directory: its settings apply to all your projects.');
      if (await io.confirm('Set up recovery for all your projects (--user)?')) return 'user';
      io.line('Nothing was written. In the directory of a project, init sets up that project.');
      return null;
    case 'for-whom': {
      io.line('Who should the hooks apply to?\n');
      io.line('  1  only for you: .claude/settings.local.json');
      io.line('  2  for everyone in this repository: .claude/settings.json, to be committed\n');
      const answer = await io.ask('1 or 2 [1]: ');
      if (answer === '' || answer === '1') return 'local';
      if (answer === '2') return 'project';
      io.line('Nothing was written.');
      return null;
    }
  }
}

/**
 * @param {import('../../src/ffi/types.js').InitReport} report
 * @param {Record<string, any>} args
 * @param {import('../lib/output.js').Output} io
 * @param {boolean} asked The user has seen the changes and agreed to them.
 */
function printDone(report, args, io, asked) {
  const { isChange, printSteps, targetOf } = require('../lib/changes.js');
  const { wrapped } = require('../lib/text.js');
  const { commandToType } = require('../lib/wording.js');
  const self = commandToType(process.env);
  const { inWords, base } = targetOf(report);
  if (!report.changed) {
    io.line(`Everything is already set up ${inWords}; nothing was changed.`);
    return;
  }
  /** Prints a paragraph after an empty line. @param {string} text */
  const paragraph = (text) => io.lines(['', ...wrapped(text, io.width ?? 120)]);
  io.line(`Recovery is set up ${io.colours.bold(inWords)}.`);
  // Only a setting or the kept sessions changed: nothing of the installation is new.
  const isNew = isChange(report.files);
  if (!asked && isNew) {
    io.line();
    printSteps(report.files, base, io);
  }
  if (args.statusline) paragraph('The status line shows the quota after the next answer of Claude Code. With an API key there is no quota to show.');
  if (report.kept > 0) {
    paragraph(`${report.kept === 1 ? 'One existing session is' : `${report.kept} existing sessions are`} kept when Claude Code deletes ${report.kept === 1 ? 'it' : 'them'}. Until then this takes no disk space.`);
  }
  if (args.unattended) {
    paragraph(
      `Closed sessions of this project are resumed unattended while a supervisor runs. One starts automatically when a session with pending work is closed; \`${self} watch\` starts one now, and \`${self} watch --preview\` prints what it would run.`,
    );
  }
  if (args.attended) paragraph('Closed sessions of this project wait for you again.');
  if (report.offersPlugin) {
    paragraph(
      `This Claude Code can also load the plugin (\`${self} plugin\`): it shows the plan of a stopped session above the prompt, and continues after the third limit in a row. With both, each stop is still handled once.`,
    );
  }
  if (args.hooks === false || !isNew) return;
  paragraph('Next: use `claude` as usual. Open sessions load the hooks within seconds. In a folder that Claude Code does not trust yet, it asks once and lists the hooks.');
  io.line();
  io.table(
    ['command', 'what it does'],
    [
      [`${self} drill`, 'rehearses a stop and its recovery on this machine, without using quota'],
      [`${self} status`, 'shows what is stopped, until when, and what happens next'],
      [`${self} uninstall${report.scope === 'user' ? ' --user' : report.scope === 'local' ? ' --local' : ''}`, 'removes everything that init added'],
    ],
  );
}
