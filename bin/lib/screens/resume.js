'use strict';

// Prints how to resume sessions, as lines to paste: one per session on standard output, and the sessions that are not resumed, with the
// reason, on standard error.

const { exitOf } = require('../exit.js');
const { nameOf, printProblems } = require('../sessions.js');
const { truncated } = require('../text.js');
const { commandWords, ownName, readable, shortIds } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').ResumeReport} ResumeReport */
/** @typedef {import('../../../src/ffi/types.js').ResumePlan} ResumePlan */

/** Maximum width of a name in a remark. */
const NAME_COLUMNS = 60;

/**
 * @param {ResumeReport} report
 * @param {import('../output.js').Output} io
 * @returns {number} Exit code: refused if every plan was refused, nothing to do if there was no session.
 */
function printCommands(report, io) {
  const { plans, problems } = report;
  const ids = plans.map(({ session }) => session.id);
  const refused = plans.filter(({ argv, action }) => action === 'refused' || argv === null);
  for (const plan of plans) {
    if (refused.includes(plan)) io.error(refusalText(plan, ids));
    else {
      io.line(resumeLine(plan));
      if (plan.session.copies.length > 0) io.error(copiesText(plan));
    }
  }
  printProblems(problems, io);
  if (plans.length === 0) {
    io.error(`There is nothing to resume.\n  next: ${ownName()} list shows every session`);
  }
  return exitOf.resumeCommands({ plans: plans.length, refused: refused.length });
}

/** Returns which of several transcripts of one session is opened. @param {ResumePlan} plan */
function copiesText(plan) {
  const { session, why } = readable(plan, new Date());
  return `note: session ${session.id} has ${session.copies.length + 1} transcripts: ${why}`;
}

/**
 * Returns the shell line that resumes a session, with directory and environment.
 *
 * @param {ResumePlan} plan
 * @param {NodeJS.Platform} [platform]
 */
function resumeLine({ argv, cwd, env, unset }, platform = process.platform) {
  return commandWords(/** @type {string[]} */ (argv), cwd, { env, unset, platform });
}

/**
 * Returns why a session is not resumed, and what to do instead.
 *
 * @param {ResumePlan} plan
 * @param {string[]} [ids] All ids in the output, so that the short form is unique.
 */
function refusalText(plan, ids = [plan.session.id]) {
  const { session, why, hint } = readable(plan, new Date());
  const name = truncated(nameOf(session), NAME_COLUMNS);
  const id = shortIds(ids).get(session.id) ?? session.id;
  return `${id}${name === '' ? '' : ` “${name}”`} is not resumed: ${why}${hint === null ? '' : `\n  next: ${hint}`}`;
}

module.exports = { printCommands, refusalText, resumeLine };
