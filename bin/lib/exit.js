'use strict';

// Defines every exit code of the command line. The numbers and the code of each error come from `src/error.rs`; a test there writes
// `exit-codes.json`.

const { exits: EXIT, errors } = require('./exit-codes.json');

/** Descriptions of the exit codes in the help. */
const EXIT_CODES = [
  { code: EXIT.done, means: 'done' },
  { code: EXIT.failed, means: 'failed' },
  { code: EXIT.usage, means: 'usage' },
  { code: EXIT.notFound, means: 'not found or ambiguous' },
  { code: EXIT.refused, means: 'refused for safety' },
  { code: EXIT.unverified, means: 'verification failed' },
  { code: EXIT.nothingToDo, means: 'nothing to do' },
];

/**
 * Returns the exit code for an error. Errors that exist only in the command line, such as `BINDING_MISSING`, are plain failures.
 *
 * @param {string} code
 * @returns {number}
 */
function exitOfError(code) {
  return /** @type {Record<string, number>} */ (errors)[code] ?? EXIT.failed;
}

/** For a verb that acts: whether there was anything to do. @param {boolean} acted */
const ofAction = (acted) => (acted ? EXIT.done : EXIT.nothingToDo);
/** @param {boolean} succeeded */
const ofSuccess = (succeeded) => (succeeded ? EXIT.done : EXIT.failed);
/** @param {boolean} verified */
const ofVerification = (verified) => (verified ? EXIT.done : EXIT.unverified);
/** The failure with the highest exit code decides. @param {{failures: {exitCode: number}[]}} report */
const ofFailures = ({ failures }) => Math.max(EXIT.done, ...failures.map(({ exitCode }) => exitCode));

/** Exit codes by outcome: one entry for each verb, and those that several verbs share. */
const exitOf = {
  /** Commander throws after it has printed the help, the version or an error. @param {string} code */
  commander: (code) => (['commander.version', 'commander.help', 'commander.helpDisplayed'].includes(code) ? EXIT.done : EXIT.usage),
  /** The user answered no. */
  declined: () => EXIT.failed,
  /** Output without an action: a dry run, or a view that the user closed. */
  shown: () => EXIT.done,
  /** The requested action is not safe. */
  refused: () => EXIT.refused,
  /** The user left a menu with Ctrl-C, Esc or at the end of input. */
  left: () => EXIT.interrupted,

  /** @param {import('../../src/ffi/types.js').CancelReport} report */
  cancel: ({ cancelled }) => ofAction(cancelled.length > 0),
  /** `config check` and `config edit`. @param {import('../../src/ffi/types.js').ConfigurationReport} report */
  config: ({ valid }) => (valid ? EXIT.done : exitOfError('CONFIG_INVALID')),
  /** @param {import('../../src/ffi/types.js').DoctorReport} report */
  doctor: ({ ok }) => ofSuccess(ok),
  /** @param {boolean} recovered */
  drill: (recovered) => ofSuccess(recovered),
  /** @param {import('../../src/ffi/types.js').ExportReport} report */
  export: (report) => ofFailures(report),
  /** @param {import('../../src/ffi/types.js').ForgetReport} report */
  forget: ({ problems }) => ofSuccess(problems.length === 0),
  /** @param {import('../../src/ffi/types.js').KillReport} report */
  kill: ({ outcome }) => ofSuccess(outcome !== 'still-alive'),
  /** @param {import('../../src/ffi/types.js').LogReport} report Without `--verify` the chain is `null`. */
  log: ({ chain }) => ofVerification(chain === null || chain.sound),
  /** @param {import('../../src/ffi/types.js').ReadingReport} report */
  pages: (report) => ofFailures(report),
  /** `pause` and `unpause`. @param {import('../../src/ffi/types.js').PauseReport} report */
  pause: ({ changed }) => ofAction(changed),
  /** `plugin` and `uninstall`. @param {{changed: boolean}} change */
  change: ({ changed }) => ofAction(changed),
  /** `init --all` and `uninstall --all`. @param {{changed: boolean, failures: unknown[]}} report */
  changeOfAll: ({ changed, failures }) => (failures.length > 0 ? EXIT.failed : ofAction(changed)),
  /** @param {import('../../src/ffi/types.js').PreviewReport} report */
  preview: ({ sessions }) => ofAction(sessions.length > 0),
  /** @param {import('../../src/ffi/types.js').PruneReport} report */
  prune: ({ removed, packed, problems }) => (problems.length > 0 ? EXIT.failed : ofAction(removed.length > 0 || packed.files > 0)),
  /** @param {import('../../src/ffi/types.js').RepairReport} report */
  repair: ({ mendable, switches, rolledBack }) => ofAction(mendable !== 0 || Boolean(switches) || Boolean(rolledBack)),
  /** @param {import('../../src/ffi/types.js').RestoreReport} report */
  restore: ({ chosen, dryRun }) => (chosen === null && !dryRun ? EXIT.notFound : EXIT.done),
  /** `resume --json`: refused if every plan is refused. @param {import('../../src/ffi/types.js').ResumeReport} report */
  resume: ({ plans }) => (plans.length > 0 && plans.every(({ action }) => action === 'refused') ? EXIT.refused : EXIT.done),
  /** `resume --print-command`. @param {{plans: number, refused: number}} counts */
  resumeCommands: ({ plans, refused }) => (plans > 0 && refused === plans ? EXIT.refused : ofAction(plans > 0)),
  /** `resume --now`. @param {import('../../src/ffi/types.js').RunReport} report */
  run: ({ attempt }) => ofVerification(attempt?.outcome === 'continued'),
  /** `watch --install` and `watch --uninstall`. @param {{nothing: boolean, failed: boolean}} service */
  service: ({ nothing, failed }) => (nothing ? EXIT.nothingToDo : ofSuccess(!failed)),
};

module.exports = { EXIT, EXIT_CODES, exitOf, exitOfError };
