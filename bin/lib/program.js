'use strict';

// The program: the list of verbs, and how a command line becomes one call of a verb. The module of a verb declares its name and its
// arguments; this module does not know what a verb does.

const { version } = require('../../package.json');
const { RecoverError, explain } = require('./errors.js');
const { EXIT, EXIT_CODES, exitOf } = require('./exit.js');
const { GLOBAL_OPTIONS, readGlobalOptions } = require('./global-options.js');
const { createOutput } = require('./output.js');
const { readPlainLine } = require('./plain-line.js');

/**
 * Exports of a verb's module.
 *
 * @typedef {object} Verb
 * @property {string} name
 * @property {string} [alias] Shorter name.
 * @property {boolean} [hidden] An earlier name that still works but is not in the help.
 * @property {string} summary First line of the help: imperative, no full stop.
 * @property {string} [description] Further lines of help.
 * @property {{flags: string, description: string, choices?: readonly string[]}[]} [arguments] In commander's notation, such as `[dir]`.
 * @property {{flags: string, description: string, conflicts?: string[], default?: unknown, choices?: readonly string[], parse?: (text: string) => unknown}[]} [options]
 * @property {{command: string, does: string}[]} examples
 * @property {(args: Record<string, any>, io: import('./output.js').Output) => Promise<number | void> | number | void} run
 *   Receives arguments and options by name; returns an exit code, or nothing for 0.
 */

/** Verbs in the order of the help, grouped by purpose. */
const GROUPS = /** @type {const} */ ({
  'Every day': ['status', 'list', 'show', 'resume', 'search', 'init'],
  'Set up': ['uninstall', 'plugin', 'config', 'doctor', 'drill', 'completion'],
  Watch: ['watch', 'report', 'log'],
  Continue: ['pause', 'cancel', 'kill', 'rescue'],
  Find: ['handoff', 'state'],
  'Save and repair': ['export', 'import', 'relocate', 'repair', 'restore'],
  Maintain: ['prune', 'forget'],
});

/** Earlier names of what are now options of another verb: `pause --end`, `watch --preview`, `list --prompts`. They are not in the help. */
const EARLIER = ['unpause', 'preview', 'recall'];

/** @type {readonly string[]} */
const VERBS = [...Object.values(GROUPS).flat(), ...EARLIER];

/** Short names of verbs, resolved without loading a module. @type {Record<string, string>} */
const ALIASES = { ls: 'list', st: 'status' };

const ENVIRONMENT = [
  { name: 'CC_RECOVER_STATE_DIR', does: 'directory of incidents, locks and the journal' },
  { name: 'CC_RECOVER_CONFIG', does: 'another configuration file' },
  { name: 'CC_RECOVER_CLAUDE', does: 'absolute path of the Claude Code to use' },
  { name: 'CC_RECOVER_DEBUG', does: 'print stack traces with errors' },
  { name: 'PAGER', does: 'pager of long lists on a terminal (default: less -FRX)' },
  { name: 'NO_COLOR', does: 'no colors' },
  { name: 'FORCE_COLOR', does: 'colors also into a pipe or file' },
];

/**
 * Runs one command line. Sets `process.exitCode`; never ends the process itself, which could truncate output.
 *
 * @param {string[]} argv Arguments without the node binary and the script.
 * @param {NodeJS.Process} process
 */
async function main(argv, process) {
  const io = createOutput(process);
  try {
    const { color, quiet, rest } = readGlobalOptions(argv, (flag) => isOfVerb(flag, argv));
    io.follow({ color, quiet });
    argv = rest;
    // Set it only for a code other than 0: a verb may have set it itself.
    const exitCode = await run(argv, io);
    if (exitCode !== EXIT.done) process.exitCode = exitCode;
  } catch (error) {
    const { lines, report, exitCode } = explain(clarified(error), process.env);
    if (report !== null && asksForJson(argv)) io.line(JSON.stringify(report));
    if (lines.length > 0) io.error(`cc-session-recover: ${lines.map((line) => io.clean(line)).join('\n')}`);
    process.exitCode = exitCode;
  }
}

/** Whether the verb of the command line has an option of this name. @param {string} flag @param {string[]} argv */
function isOfVerb(flag, argv) {
  const name = argv.map((word) => ALIASES[word] ?? word).find((word) => VERBS.includes(word));
  return name !== undefined && (verbNamed(name).options ?? []).some(({ flags }) => flags.split(/[ ,]+/).includes(flag));
}

/** Returns the command line with the verb under its own name. @param {string[]} argv */
function lineOf([word, ...rest]) {
  const named = (/** @type {string} */ name) => ALIASES[name] ?? name;
  if (word !== 'help' || rest.length === 0 || rest[0].startsWith('-')) return [named(word), ...rest];
  // commander's own `help` prints the help of the program for a word that is no verb, as if the word were known.
  const verb = named(rest[0]);
  return VERBS.includes(verb) ? [verb, '--help'] : [verb];
}

/** Whether `--json` is among the options; words after `--` are not options. @param {string[]} argv */
function asksForJson(argv) {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

/**
 * @param {string[]} argv
 * @param {import('./output.js').Output} io
 * @returns {Promise<number>}
 */
async function run(argv, io) {
  /** @type {number} */
  let exitCode = EXIT.done;
  // `--flat` is not declared as an option of the program: commander would then withhold it from the verbs that have an option of this
  // name.
  if (argv.length === 1 && argv[0] === '--flat') return require('./dashboard.js').printFlat(io);
  if (argv.length === 0) {
    const { canOpen, openDashboard } = require('./dashboard.js');
    if (canOpen(io)) return openDashboard(io);
  }
  // Without a verb and without a terminal the verb is `status`.
  const line = argv.length === 0 ? ['status'] : lineOf(argv);
  if (line[0] === '__complete') {
    await require('./completion.js').complete(line.slice(1), io);
    return EXIT.done;
  }
  if (VERBS.includes(line[0])) {
    const verb = verbNamed(line[0]);
    const args = readPlainLine(verb, line.slice(1));
    if (args !== null) return (await verb.run(args, io)) ?? EXIT.done;
  }
  const program = programOf(line[0], io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(line, { from: 'user' });
  } catch (error) {
    const { code } = /** @type {any} */ (error);
    if (typeof code !== 'string' || !code.startsWith('commander.')) throw error;
    // commander has already printed the help or the version.
    exitCode = exitOf.commander(code);
    if (exitCode === EXIT.done) return exitCode;
    throw require('./usage.js').usageError(/** @type {any} */ (error), line[0], VERBS.includes(line[0]) ? verbNamed(line[0]) : null, line.slice(1));
  }
  return exitCode;
}

/**
 * @param {string} first First word of the command line: if it is a verb, only that verb's module is loaded.
 * @param {import('./output.js').Output} io
 * @param {(exitCode: number) => void} finished
 */
function programOf(first, io, finished) {
  const { Command } = require('commander');
  const program = new Command('cc-session-recover')
    .description('Keeps long Claude Code sessions alive: records why a session stopped, waits until the limit has reset, and continues the same session exactly once.')
    .version(version, '-v, --version', 'print the version')
    // Options of the program must come before the verb, because each verb may have options of the same names.
    .enablePositionalOptions()
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [verb]', 'print help for a verb')
    .usage('[verb] [options]')
    .addHelpText('after', `\nExamples:\n${examplesText(OVERVIEW)}\n${surroundings()}`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.write(text),
      writeErr: (text) => io.error(text.trimEnd()),
      // `usage.js` reports errors.
      outputError: () => {},
      getOutHelpWidth: () => io.width ?? 100,
    });
  for (const { flags, description } of GLOBAL_OPTIONS) program.option(flags, description);
  for (const [group, names] of Object.entries({ ...GROUPS, Earlier: EARLIER })) {
    for (const name of names.filter((one) => !VERBS.includes(first) || one === first)) {
      const verb = verbNamed(name);
      const command = commandFor(verb, io, finished).helpGroup(`${group}:`);
      program.addCommand(command.copyInheritedSettings(program), { hidden: verb.hidden === true });
    }
  }
  return program;
}

/** @param {string} name @returns {Verb} */
function verbNamed(name) {
  return require(`../commands/${name}.js`);
}

/**
 * @param {Verb} verb
 * @param {import('./output.js').Output} io
 * @param {(exitCode: number) => void} finished
 */
function commandFor(verb, io, finished) {
  const { Argument, Command, Option } = require('commander');
  const command = new Command(verb.name)
    .aliases(verb.alias === undefined ? [] : [verb.alias])
    .summary(verb.summary)
    // Single line breaks become spaces, so that lines wrap at the terminal's width; empty lines separate paragraphs.
    .description(verb.description === undefined ? verb.summary : `${verb.summary}\n\n${verb.description.replace(/(?<!\n)\n(?!\n)/g, ' ')}`)
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', `\nExamples:\n${examplesText(verb.examples)}`);
  for (const { flags, description, choices } of verb.arguments ?? []) {
    const argument = new Argument(flags, description);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  for (const { flags, description, conflicts, default: fallback, choices, parse } of verb.options ?? []) {
    const option = new Option(flags, description);
    if (conflicts !== undefined) option.conflicts(conflicts);
    if (fallback !== undefined) option.default(fallback);
    if (choices !== undefined) option.choices(choices);
    if (parse !== undefined) option.argParser(parse);
    command.addOption(option);
  }
  return command.action(async () => {
    const names = command.registeredArguments.map((argument) => argument.name());
    const positional = Object.fromEntries(names.map((name, index) => [name, command.processedArgs[index]]));
    finished((await verb.run({ ...positional, ...command.opts() }, io)) ?? EXIT.done);
  });
}

const OVERVIEW = [
  { command: 'cc-session-recover', does: 'the dashboard: all sessions on a full screen, with keys to act on them' },
  { command: 'cc-session-recover --flat', does: 'the same sessions as plain lines, for screen readers' },
  { command: 'cc-session-recover init', does: 'set up recovery in this project' },
  { command: 'cc-session-recover status --all', does: 'stopped and waiting sessions of this machine, and what happens next' },
  { command: 'cc-session-recover list --since 2d', does: 'the sessions of the last two days' },
  { command: 'cc-session-recover search "flaky test"', does: 'where something was said, in any session' },
  { command: 'cc-session-recover cancel 3f2a9c1d', does: 'do not continue this session' },
];

/** Last part of the help: environment variables and exit codes. */
function surroundings() {
  const width = Math.max(...ENVIRONMENT.map(({ name }) => name.length));
  const variables = ENVIRONMENT.map(({ name, does }) => `  ${name.padEnd(width)}  ${does}`);
  return ['', 'Environment:', ...variables, '', `Exit codes: ${EXIT_CODES.map(({ code, means }) => `${code} ${means}`).join(', ')}`].join('\n');
}

/** @param {{command: string, does: string}[]} examples */
function examplesText(examples) {
  const width = Math.max(...examples.map(({ command }) => command.length));
  return examples.map(({ command, does }) => `  ${command.padEnd(width)}  ${does}`).join('\n');
}

/**
 * Replaces an error of Node.js that has a known cause with one of ours.
 *
 * @param {any} error
 */
function clarified(error) {
  if (error?.syscall !== 'uv_cwd') return error;
  return new RecoverError('CWD_GONE', 'the working directory does not exist', {
    hint: 'change to a directory that exists and run it again',
    cause: error,
  });
}

module.exports = { ENVIRONMENT, GROUPS, VERBS, main, programOf, verbNamed };
