'use strict';

// Implements `init --all` and `uninstall --all`: the same as without `--all`, for each place on this machine where the hooks are installed.

const { clean } = require('./text.js');

/** @typedef {import('./output.js').Output} Output */
/** @typedef {import('../../src/ffi/types.js').FileStep} FileStep */
/** @typedef {{what: string, files: FileStep[], warnings: string[], apply: () => Promise<unknown>}} Part What happens to one place. */
/** @typedef {{what: string, error: import('../../src/ffi/types.js').ErrorReport['error']}} Failure */
/** @typedef {{dryRun?: boolean, json?: boolean, yes?: boolean, state?: boolean, keepState?: boolean}} Options */

/**
 * Writes the entries, launchers and runtime of this version to every place where the hooks are installed.
 *
 * @param {Options} args
 * @param {Output} io
 */
async function refreshAll(args, io) {
  const { PACKAGE_ROOT, addonFile, loadAddon } = require('./addon.js');
  const addon = loadAddon();
  const running = { packageRoot: PACKAGE_ROOT, addon: addonFile(), node: process.execPath };
  const { places, plugins } = await addon.setups();
  const found = await planned([
    ...inScopes(places).map(({ project, scope, what, parts }) => ({ what, plan: () => addon.planInit({ project, scope, ...parts, ...running }), apply: addon.applyInit })),
    ...plugins.map((to) => ({ what: `the plugin in ${to}`, plan: () => addon.planPlugin({ to, ...running }), apply: addon.applyPlugin })),
  ]);
  return finished(found, args, io, { question: 'Refresh these?', nothing: 'Everything that is set up is current; nothing was changed.', done: 'Refreshed' });
}

/**
 * Removes everything of this tool from the machine, its state last.
 *
 * @param {Options} args
 * @param {Output} io
 */
async function uninstallAll(args, io) {
  const { PACKAGE_ROOT, addonFile, loadAddon } = require('./addon.js');
  const addon = loadAddon();
  const { places, plugins, state } = await addon.setups();
  const found = await planned([
    // The service comes first, so that it starts nothing while the rest is removed.
    { what: 'the service', plan: async () => serviceSteps(await addon.planService({ wanted: 'uninstall' })), apply: addon.applyService },
    ...inScopes(places).map(({ project, scope, what }) => ({ what, plan: () => addon.planUninstall({ project, scope }), apply: addon.applyUninstall })),
    ...plugins.map((to) => ({ what: `the plugin in ${to}`, plan: () => addon.planPlugin({ to, remove: true, packageRoot: PACKAGE_ROOT, addon: addonFile() }), apply: addon.applyPlugin })),
  ]);
  const removeState = { state, remove: addon.removeState };
  return finished(found, args, io, { question: 'Remove all of this?', nothing: 'Nothing is set up on this machine.', done: 'Removed', removeState });
}

/** Converts the plan of the service to the form of the other plans. @param {import('../../src/ffi/types.js').ServicePlan} plan */
function serviceSteps(plan) {
  return { ...plan, files: [plan.file] };
}

/** @param {import('../../src/ffi/types.js').SetupPlace[]} places */
function inScopes(places) {
  return places
    .filter(({ exists }) => exists)
    .flatMap(({ project, scopes, hooks, statusLine, commands }) =>
      scopes.map((scope) => ({ project: project ?? process.cwd(), scope, what: project ?? 'your own settings', parts: { hooks, statusLine, commands } })),
    );
}

/**
 * @param {{what: string, plan: () => Promise<any>, apply: (plan: any) => Promise<unknown>}[]} places
 * @returns {Promise<{parts: Part[], failures: Failure[]}>}
 */
async function planned(places) {
  /** @type {Part[]} */
  const parts = [];
  /** @type {Failure[]} */
  const failures = [];
  for (const { what, plan, apply } of places) {
    try {
      const made = await plan();
      // Plan again when applying: the scopes of one project share files, so an earlier part may have changed them.
      parts.push({ what, files: made.files, warnings: made.warnings, apply: async () => apply(await plan()) });
    } catch (error) {
      failures.push(failureOf(what, error));
    }
  }
  return { parts, failures };
}

/** @param {string} what @param {unknown} error @returns {Failure} */
function failureOf(what, error) {
  const { explain } = require('./errors.js');
  const { report } = explain(error, {});
  if (report === null) throw error;
  return { what, error: report.error };
}

/**
 * Shows the plan, asks for confirmation, and applies it.
 *
 * @param {{parts: Part[], failures: Failure[]}} found
 * @param {Options} args
 * @param {Output} io
 * @param {{question: string, nothing: string, done: string, removeState?: {state: import('../../src/ffi/types.js').StateStock, remove: (options: {copies: boolean}) => Promise<boolean>}}} words
 */
async function finished({ parts, failures }, args, io, { question, nothing, done, removeState }) {
  const { isChange, printSteps, printWarnings } = require('./changes.js');
  const { exitOf } = require('./exit.js');
  const changing = parts.filter(({ files }) => isChange(files));
  const asks = !args.json && !args.yes && io.isTerminal;
  if (!args.json && !args.dryRun && !asks && !args.yes && changing.length > 0) {
    const { UsageError } = require('./errors.js');
    throw new UsageError('cannot ask for confirmation without a terminal', 'add --yes to continue without a question, or --dry-run to see what would be done');
  }
  if (!args.json) {
    for (const [index, { what, files, warnings }] of changing.entries()) {
      if (index > 0) io.line();
      io.line(io.colours.bold(`${clean(what)}:`));
      printSteps(files.filter(({ action }) => action !== 'keep'), what, io);
      printWarnings(warnings, io);
    }
    if (changing.length === 0) io.line(nothing);
  }
  const wantsState = removeState?.state.exists === true && args.keepState !== true;
  if (args.dryRun) {
    if (args.json) io.json({ dryRun: true, places: changing.map(({ what, files, warnings }) => ({ what, files, warnings })), state: wantsState ? removeState?.state : null, failures });
    else if (wantsState) io.line(`${changing.length > 0 ? '\n' : ''}and the state directory ${clean(removeState?.state.dir ?? '')}${stockWords(removeState?.state)}`);
    printFailures(failures, args, io);
    return exitOf.changeOfAll({ changed: changing.length > 0 || wantsState, failures });
  }
  if (changing.length > 0 && asks && !(await io.confirm(`\n${question}`))) {
    io.line('Nothing was changed.');
    return exitOf.declined();
  }
  for (const { what, apply } of changing) {
    try {
      await apply();
    } catch (error) {
      failures.push(failureOf(what, error));
    }
  }
  let stateRemoved = false;
  if (wantsState && failures.length === 0 && removeState !== undefined) {
    const { state, remove } = removeState;
    const agreed = !asks || (await io.confirm(`\nAlso remove the state directory ${clean(state.dir)}${stockWords(state)}?`, false));
    try {
      if (agreed) stateRemoved = await remove({ copies: args.state === true || asks });
    } catch (error) {
      failures.push(failureOf(state.dir, error));
    }
  }
  const changed = changing.length > 0 || stateRemoved;
  if (args.json) io.json({ changed, places: changing.map(({ what, files, warnings }) => ({ what, files, warnings })), stateRemoved, failures });
  else if (changed) io.line(`${done}: ${[...changing.map(({ what }) => clean(what)), ...(stateRemoved ? ['the state directory'] : [])].join(', ')}.`);
  printFailures(failures, args, io);
  return exitOf.changeOfAll({ changed, failures });
}

/** Describes what is lost if the state directory is removed. @param {import('../../src/ffi/types.js').StateStock | undefined} state */
function stockWords(state) {
  const { count } = require('./wording.js');
  if (state === undefined || state.onlyCopies + state.setAside + state.exports === 0) return '';
  return `, with text of ${count(state.onlyCopies, 'session')} that exists nowhere else, ${count(state.setAside, 'set-aside file')} and ${count(state.exports, 'export')}`;
}

/** @param {Failure[]} failures @param {Options} args @param {Output} io */
function printFailures(failures, args, io) {
  if (args.json) return;
  for (const { what, error } of failures) {
    io.error(`cc-session-recover: ${clean(what)}: ${clean(error.message)}`);
    if (error.hint !== null) io.error(`  next: ${clean(error.hint)}`);
  }
}

module.exports = { refreshAll, uninstallAll };
