'use strict';

// The screen of `preview`: one section per session, with the exact command line of the process.

const { printProblems } = require('../sessions.js');
const { wrapped } = require('../text.js');
const { commandWords, homely, kindWords, nextWords, readable, sentence } = require('../wording.js');

/** Width of the labels. */
const LABEL = 11;
/** Minimum width of a text beside its label; with less room it is printed below the label. */
const NARROWEST = 24;

/**
 * @param {import('../../../src/ffi/types.js').PreviewReport} report
 * @param {import('../output.js').Output} io
 */
function printPreview(report, io) {
  io.lines(previewLines(report, { width: io.width, colours: io.colours }));
  printProblems(report.problems, io);
}

/**
 * @param {import('../../../src/ffi/types.js').PreviewReport} report
 * @param {import('../output.js').View} view
 * @returns {string[]}
 */
function previewLines(report, { width, colours }) {
  const now = new Date(report.generatedAt);
  const { sessions } = readable(report, now);
  const room = width ?? Infinity;
  const { bold, dim, green, yellow } = colours;
  const beside = room - LABEL >= NARROWEST;
  const indent = ' '.repeat(beside ? LABEL : 4);
  /** @param {string} label @param {string} text @param {(text: string) => string} [style] */
  const entry = (label, text, style = String) => {
    const lines = wrapped(text, room - indent.length).map(style);
    return beside ? lines.map((line, index) => (index === 0 ? `  ${label}`.padEnd(LABEL) : indent) + line) : [`  ${label}`, ...lines.map((line) => indent + line)];
  };
  if (sessions.length === 0) return wrapped('No recorded stop is waiting, so nothing would be started.', room);
  /** @type {string[]} */
  const lines = [];
  for (const [index, one] of sessions.entries()) {
    if (index > 0) lines.push('');
    lines.push(
      ...wrapped(one.session, room).map(bold),
      ...entry('stop', kindWords(one.stop)),
      ...(one.project === null ? [] : entry('project', homely(one.project))),
      ...(one.openIn === null ? [] : entry('open in', `${one.openIn}: nothing is started for it`)),
      ...entry('plan', `${nextWords(one.plan, now) || 'nothing'}: ${one.plan.why}`),
      ...(one.verdict === 'ready' ? entry('now', 'could be started', green) : entry('now', one.why === null ? one.verdict : sentence(one.why), yellow)),
    );
    if (one.launch === null) continue;
    const { argv, cwd, env, unset, permissionMode, may, loweredFrom, deadlineSeconds } = one.launch;
    const prompt = argv.indexOf('--') + 1;
    const lowered = loweredFrom === null ? '' : ` (lowered from ${loweredFrom}, which no unattended run gets)`;
    // The command uses the report as returned by the addon: cleaning would change a path.
    const command = commandWords(/** @type {NonNullable<typeof one.launch>} */ (report.sessions[index].launch).argv.slice(0, prompt));
    lines.push(
      ...entry('in', homely(cwd)),
      ...entry('mode', `${permissionMode}${lowered}: ${may}`, loweredFrom === null ? String : yellow),
      ...entry('at most', `${Math.round(deadlineSeconds / 60)} min`),
      ...entry('sets', Object.keys(env).join(' ')),
      ...entry('unsets', unset.join(' ')),
      // A command that is copied is not wrapped.
      ...(beside ? [`${'  runs'.padEnd(LABEL)}${command}`] : ['  runs', indent + command]),
      ...wrapped(argv.slice(prompt).join(' '), room - indent.length).map((line) => indent + dim(line)),
    );
  }
  return lines;
}

module.exports = { printPreview };
