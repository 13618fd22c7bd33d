'use strict';

// The screen of `preview`: one section per session, with the exact command line of the process.

const { printProblems } = require('../sessions.js');
const { cleaned } = require('../text.js');
const { commandWords, homely, kindWords, nextWords, sentence } = require('../wording.js');

/**
 * @param {import('../../../src/ffi/types.js').PreviewReport} report
 * @param {import('../output.js').Output} io
 */
function printPreview(report, io) {
  const { sessions, generatedAt, problems } = cleaned(report);
  const now = new Date(generatedAt);
  const { bold, dim, green, yellow } = io.colours;
  if (sessions.length === 0) io.line('No recorded stop is waiting, so nothing would be started.');
  for (const [index, one] of sessions.entries()) {
    if (index > 0) io.line('');
    io.line(`${bold(one.session)}  ${kindWords(one.stop)}`);
    io.line(`  project  ${homely(one.project ?? '')}`);
    if (one.openIn !== null) io.line(`  open in  ${one.openIn}: nothing is started for it`);
    io.line(`  plan     ${nextWords(one.plan, now) || 'nothing'}: ${one.plan.why}`);
    io.line(`  now      ${one.verdict === 'ready' ? green('could be started') : yellow(one.why === null ? one.verdict : sentence(one.why))}`);
    if (one.launch === null) continue;
    const { argv, cwd, env, unset, permissionMode, may, loweredFrom, deadlineSeconds } = one.launch;
    const prompt = argv.indexOf('--') + 1;
    io.line(`  in       ${homely(cwd)}`);
    const lowered = loweredFrom === null ? '' : yellow(` (lowered from ${loweredFrom}, which no unattended run gets)`);
    io.line(`  mode     ${permissionMode}${lowered}: ${may}`);
    io.line(`  at most  ${Math.round(deadlineSeconds / 60)} min`);
    io.line(`  sets     ${Object.keys(env).join(' ')}`);
    io.line(`  unsets   ${unset.join(' ')}`);
    io.line(`  runs     ${commandWords(argv.slice(0, prompt))}`);
    io.line(`           ${dim(argv.slice(prompt).join(' '))}`);
  }
  printProblems(problems, io);
}

module.exports = { printPreview };
