'use strict';

// `config`: shows the configuration in force, and changes it.

const { resolve } = require('node:path');

/** @type {import('../lib/program.js').Verb} */
module.exports = {
  name: 'config',
  summary: 'print the configuration in force, edit it, and check it',
  description:
    '`config` prints every value with the file that it comes from. `config path` prints the path of your file. `config edit` opens it in $VISUAL or $EDITOR and checks it afterwards. `config check` exits with 1 if a file is invalid; an invalid file disables recovery.',
  arguments: [{ flags: '[action]', description: 'path, edit or check (default: print all values)', choices: ['path', 'edit', 'check'] }],
  options: [
    { flags: '-p, --project <dir>', description: 'directory of the project whose file restricts yours (default: this one)' },
    { flags: '--json', description: 'print the report as JSON' },
  ],
  examples: [
    { command: 'cc-session-recover config', does: 'print every value and where it comes from' },
    { command: 'cc-session-recover config edit', does: 'edit your file, then check it' },
    { command: 'cc-session-recover config check', does: 'for a script: exits with 1 if a file is invalid' },
  ],

  async run(args, io) {
    const { loadAddon } = require('../lib/addon.js');
    const { RecoverError, UsageError } = require('../lib/errors.js');
    const { exitOf } = require('../lib/exit.js');
    const { printConfiguration, printFiles } = require('../lib/screens/config.js');

    const { action } = args;
    if (action === 'edit' && args.json) throw new UsageError('an editor and --json cannot be used together', 'run `config check --json` after it');
    const project = resolve(args.project ?? '.');
    const read = (create = false) => loadAddon().configuration({ project, create });
    let report = await read(action === 'edit');
    if (args.json) {
      io.json(report);
      return action === 'check' ? exitOf.config(report) : exitOf.shown();
    }
    if (action === undefined) {
      printConfiguration(report, io);
      return exitOf.shown();
    }
    if (action === 'check') {
      printFiles(report, io);
      return exitOf.config(report);
    }
    const own = report.files.find(({ origin }) => origin === 'user');
    if (own === undefined) throw new RecoverError('IO', 'the path of the configuration file is unknown', { hint: 'set HOME, or CC_RECOVER_CONFIG to an absolute path' });
    if (action === 'path') {
      io.line(own.path);
      return exitOf.shown();
    }
    for (;;) {
      openEditor(own.path, io);
      report = await read();
      printFiles(report, io);
      const failed = report.files.some(({ origin, problem }) => origin === 'user' && problem !== null);
      if (!failed || !io.isTerminal || !(await io.confirm('\nEdit it again?'))) return exitOf.config(report);
    }
  },
};

/** Runs the editor that the user chose, in this terminal, until it ends. @param {string} path @param {import('../lib/output.js').Output} io */
function openEditor(path, io) {
  const { spawnSync } = require('node:child_process');
  const { RecoverError } = require('../lib/errors.js');
  // An editor that the user chose may need no terminal, as in a script.
  if (!io.isTerminal && !process.env.VISUAL && !process.env.EDITOR) {
    throw new RecoverError('EDITOR_FAILED', 'no editor can be opened without a terminal', { path, hint: 'set VISUAL or EDITOR, or edit the file yourself' });
  }
  const editor = process.env.VISUAL || process.env.EDITOR || (process.platform === 'win32' ? 'notepad' : 'vi');
  // Like git and crontab: the variable may contain arguments, so a shell interprets it. The path is passed as a separate argument.
  const { status, error } =
    process.platform === 'win32'
      ? spawnSync(`${editor} "${path}"`, { shell: true, stdio: 'inherit' })
      : spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'editor', path], { stdio: 'inherit' });
  if (error !== undefined || status !== 0) {
    throw new RecoverError('EDITOR_FAILED', `the editor \`${editor}\` failed`, { path, hint: 'set VISUAL or EDITOR to an editor that works, or edit the file yourself', cause: error });
  }
}
