'use strict';

// The screen of a run that resumed a closed session: what it did, and the evidence for that.

const { count, readable, sentence } = require('../wording.js');

/** @type {Record<string, string>} */
const OUTCOMES = { continued: 'continued', 'stopped-again': 'stopped again', 'no-effect': 'did nothing', pending: 'is still running' };

/**
 * @param {import('../../../src/ffi/types.js').RunReport} report
 * @param {import('../output.js').View['colours']} colours
 * @param {Date} [now]
 */
function runLines(report, colours, now = new Date()) {
  const { session, insteadOf, attempt, why, phase } = readable(report, now);
  const result = attempt?.run?.result ?? null;
  const lines = [`${colours.bold(session)} ${OUTCOMES[attempt?.outcome ?? 'pending']}${phase === 'recovered' ? ': its task is finished or waits for you' : ''}.`];
  if (insteadOf !== null) lines.push(`  a new session that continues the work of ${insteadOf}`);
  if (result === null) return [...lines, sentence(why)];
  if (result.denied > 0) lines.push(`  ${colours.yellow(`${result.denied} of ${count(result.calls, 'tool call')} denied${result.deniedCalls.length === 0 ? '' : `: ${result.deniedCalls.join(', ')}`}`)}`);
  lines.push(`  ${count(result.answers, 'answer')}, ${count(result.calls, 'tool call')}, ${result.tokens} tokens; its process ${result.ended}`);
  if (result.files.length > 0) lines.push(`  files    ${result.files.join(', ')}`);
  if (result.commits.length > 0) lines.push(`  commits  ${result.commits.join('; ')}`);
  if (result.hollow !== null) lines.push(`  ${colours.yellow(sentence(result.hollow))}`);
  if (result.damage !== null) lines.push(`  ${colours.red(sentence(result.damage))}`);
  if (result.lastWords !== null) lines.push(`  said     ${result.lastWords.split('\n')[0]}`);
  if (phase !== 'recovered') lines.push(sentence(why));
  return lines;
}

module.exports = { runLines };
