'use strict';

// Implements `watch --install`, `--uninstall` and `--status`: the addon plans, installs and removes the service that starts the supervisor
// at every login; this module shows it.

const { clean } = require('./text.js');

/** @typedef {import('./output.js').Output} Output */
/** @typedef {import('../../src/ffi/types.js').ServicePlan} ServicePlan */
/** @typedef {import('../../src/ffi/types.js').ServiceReport} ServiceReport */
/** @typedef {import('../../src/ffi/types.js').ServiceStatus} ServiceStatus */
/** @typedef {import('../../src/ffi/types.js').CommandStep} CommandStep */
/** @typedef {{dryRun?: boolean, json?: boolean}} Options */

/** What each service manager calls a service. */
const NOUNS = { systemd: 'systemd unit', launchd: 'launchd agent', schtasks: 'scheduled task' };

/**
 * Installs the service, which starts the supervisor now and at every login.
 *
 * @param {Options} options
 * @param {Output} io
 * @returns {Promise<number>} Exit code.
 */
async function install(options, io) {
  const { loadAddon } = require('./addon.js');
  const { exitOf } = require('./exit.js');
  const { printWarnings } = require('./changes.js');
  const addon = loadAddon();
  const plan = await addon.planService({ wanted: 'install', ...running() });
  if (options.dryRun) {
    if (options.json) io.json({ dryRun: true, ...outline(plan) });
    else {
      // Print only the text of the file, so that the user can redirect it into a file.
      io.write(/** @type {string} */ (plan.file.after));
      io.error(`${plan.file.action === 'keep' ? 'it is already in' : 'it would be written to'} ${clean(plan.file.path)}`);
      for (const step of plan.after) io.error(`then: ${words(step)}`);
      if (plan.unreachable !== null) io.error(`${clean(plan.unreachable)}: you would have to do that yourself`);
      printWarnings(plan.warnings, io);
    }
    return exitOf.shown();
  }
  const report = await io.during('installing the service', addon.applyService(plan));
  if (options.json) {
    io.json(report);
    return exitOf.service({ nothing: false, failed: failed(report) });
  }
  if (!report.changed && report.complete) {
    io.line(`The supervisor already starts at every login, by ${shown(report)}; nothing was changed.`);
  } else if (failed(report)) {
    printFailure(report, io);
  } else {
    io.line(`${report.complete ? 'The supervisor is running and starts at every login.' : 'The service is written, but not enabled yet.'}\n`);
    io.line(`  ${io.colours.dim(shown(report))}`);
    printLeft(report, io);
    io.line(`\nRemove it with \`${require('./wording.js').ownName()} watch --uninstall\`.`);
  }
  printWarnings(report.warnings, io);
  return exitOf.service({ nothing: false, failed: failed(report) });
}

/**
 * Ends the supervisor that the service started and removes the service.
 *
 * @param {Options} options
 * @param {Output} io
 * @returns {Promise<number>} Exit code.
 */
async function uninstall(options, io) {
  const { loadAddon } = require('./addon.js');
  const { exitOf } = require('./exit.js');
  const { printDiff, printWarnings } = require('./changes.js');
  const addon = loadAddon();
  const plan = await addon.planService({ wanted: 'uninstall' });
  const nothing = plan.file.action === 'keep';
  if (options.dryRun) {
    if (options.json) io.json({ dryRun: true, ...outline(plan) });
    else if (nothing) io.error('nothing would be changed');
    else {
      if (plan.unreachable === null) for (const step of plan.before) io.error(`first: ${words(step)}`);
      printDiff([plan.file], '/', io);
      if (plan.unreachable === null) for (const step of plan.after) io.error(`then: ${words(step)}`);
    }
    return exitOf.service({ nothing, failed: false });
  }
  const report = await io.during('removing the service', addon.applyService(plan));
  if (options.json) io.json(report);
  else if (nothing) io.line(`This tool has not installed a ${NOUNS[report.manager]}; nothing was changed.`);
  else if (failed(report)) printFailure(report, io);
  else {
    io.line(`The supervisor no longer starts at login.\n\n  ${io.colours.dim(`removed ${clean(report.file.path)}`)}`);
    if (report.unreachable !== null) io.error(`${clean(report.unreachable)}: a supervisor that runs elsewhere continues until it is stopped`);
  }
  if (!options.json) printWarnings(report.warnings, io);
  return exitOf.service({ nothing, failed: failed(report) });
}

/**
 * Prints whether the service is installed, enabled and running.
 *
 * @param {Options} options
 * @param {Output} io
 * @returns {Promise<number>} Exit code.
 */
async function status(options, io) {
  const { loadAddon } = require('./addon.js');
  const { exitOf } = require('./exit.js');
  const found = await loadAddon().serviceStatus(running());
  if (options.json) io.json(found);
  else printStatus(found, io);
  return exitOf.shown();
}

/** @param {ServiceStatus} found @param {Output} io */
function printStatus(found, io) {
  const { homely, ownName, sentence } = require('./wording.js');
  const file = found.installed ? homely(found.file) : found.problem === null ? 'none' : 'not ours';
  io.table(
    ['service', ''],
    [
      ['started by', NOUNS[found.manager]],
      ['file', clean(file)],
      ['at every login', answer(found.enabled)],
      ['started now', answer(found.running)],
      ['any supervisor', found.supervised ? 'runs' : 'none runs'],
    ],
  );
  if (found.problem !== null) io.error(clean(found.problem));
  if (found.unreachable !== null && found.installed) io.error(clean(sentence(found.unreachable)));
  if (found.installed && found.current === false) io.error(`The file is not what this version, node and PATH would write; renew it with \`${ownName()} watch --install\`.`);
  if (!found.installed && found.problem === null) io.error(`Start it at every login with \`${ownName()} watch --install\`.`);
}

/** @param {boolean | null} value */
function answer(value) {
  return value === null ? 'unknown' : value ? 'yes' : 'no';
}

/** Returns the running Node.js and package, which the service is to run. */
function running() {
  const { PACKAGE_ROOT } = require('./addon.js');
  return { node: process.execPath, packageRoot: PACKAGE_ROOT };
}

/** Returns the part of a plan that is shown. @param {ServicePlan} plan */
function outline({ manager, wanted, file, before, after, unreachable, warnings }) {
  return { manager, wanted, changed: file.action !== 'keep' || before.length + after.length > 0, file, commands: [...before, ...after], unreachable, warnings };
}

/** @param {ServiceReport} report */
function failed({ commands }) {
  return commands.some(({ done, mayFail }) => done === false && !mayFail);
}

/** @param {ServiceReport} report @param {Output} io */
function printFailure(report, io) {
  const step = report.commands.find(({ done, mayFail }) => done === false && !mayFail);
  io.error(`cc-session-recover: ${words(/** @type {CommandStep} */ (step))}: ${clean(step?.complaint ?? '')}`);
  if (report.file.action !== 'remove') io.error(`  next: fix that, then run it again; the file is in place (${clean(report.file.path)})`);
  else io.error(`  next: the file is removed (${clean(report.file.path)}); run the command above by hand`);
}

/** Prints the commands that the user has to run. @param {ServiceReport} report @param {Output} io */
function printLeft({ commands, unreachable }, io) {
  const left = commands.filter(({ done }) => done === null);
  if (left.length === 0) return;
  io.line(`\n${require('./wording.js').sentence(clean(unreachable ?? ''))} Where it does, run:`);
  for (const step of left) io.line(`  ${io.colours.cyan(words(step))}`);
}

/** @param {CommandStep} step */
function words({ argv }) {
  return require('./wording.js').commandWords(argv);
}

/** @param {ServiceReport} report */
function shown({ manager, file }) {
  return `${NOUNS[manager]}: ${clean(require('./wording.js').homely(file.path))}`;
}

module.exports = { install, status, uninstall };
