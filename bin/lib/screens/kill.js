'use strict';

// The screens of `kill`: which processes would be ended and what may be lost, and the outcome.

const { directoryOf, nameOf } = require('../sessions.js');
const { cleaned, truncated, truncatedPath, wrapped } = require('../text.js');
const { clock, commandWords, doingWords, duration, homely, ownName, sentence, sizeWords, stateWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').KillReport} KillReport */
/** @typedef {import('../../../src/ffi/types.js').KillChild} KillChild */
/** @typedef {import('../output.js').View} View */

/** Width of the labels and the space after them, in columns. */
const LABEL = 10;

/** Minimum width of values beside their labels; with less room they are printed below them. */
const BESIDE = 34;

/** Maximum width of a displayed name, in columns. */
const NAMED = 200;

/**
 * Returns the lines about the processes that would be ended.
 *
 * @param {KillReport} report
 * @param {View} view
 * @returns {string[]}
 */
function planLines(report, { width, colours }) {
  const { expected, tty, startedAt, way, session, risks, children, notes, generatedAt } = cleaned(report);
  const room = width ?? Infinity;
  const now = new Date(generatedAt);
  const where = tty === null ? '' : ` in ${tty}`;
  const age = startedAt === null ? '' : `, started ${duration(now.getTime() - Date.parse(startedAt))} ago`;
  const how = way === 'stop' ? ', in the background' : '';
  /** @type {[string, string[]][]} */
  const entries = [
    ['session', [expected.session, ...(session === null || nameOf(session) === '' ? [] : [`“${truncated(nameOf(session), NAMED)}”`])]],
    ['process', [`${expected.pid}${where}${how}${age}`]],
  ];
  if (session !== null) {
    const active = session.lastActivityAt === null ? '' : `, active ${clock(new Date(session.lastActivityAt), now)}`;
    const directory = directoryOf(session);
    entries.push(['state', [[stateWords(session.state), doingWords(session)].filter((word) => word !== '').join(', ')]]);
    entries.push(['size', [`${sizeWords(session.bytes)}${active}`]]);
    if (directory !== '') entries.push(['project', [homely(directory)]]);
  }
  const tools = toolWords(children);
  if (tools.length > 0) entries.push(['below it', tools]);
  if (risks.length > 0) entries.push(['at risk', risks]);
  if (notes.length > 0) entries.push(['note', notes.map(sentence)]);
  const lines = entries.flatMap(([label, texts]) => labelled(label, texts));
  return [...wrapped('This would be ended:', room).map(colours.bold), '', ...lines];

  /** @param {string} label @param {string[]} texts */
  function labelled(label, texts) {
    const style = label === 'at risk' ? colours.yellow : (/** @type {string} */ text) => text;
    const beside = room - LABEL - 1 >= BESIDE;
    const rows = texts.flatMap((text) => wrapped(text, beside ? room - LABEL - 1 : room));
    if (!beside) return [colours.dim(label), ...rows.map(style)];
    return rows.map((text, index) => `${colours.dim((index === 0 ? label : '').padEnd(LABEL))} ${style(text)}`.trimEnd());
  }
}

/** @param {KillChild[]} some */
function named(some) {
  return some.map(({ command, pid }) => `${command} (${pid})`).join(', ');
}

/** @param {KillChild[]} children */
function toolWords(children) {
  const running = children.filter(({ fate }) => fate !== 'kept');
  const kept = children.filter(({ fate }) => fate === 'kept');
  return [...(running.length > 0 ? [named(running)] : []), ...(kept.length > 0 ? [`never ended: ${named(kept)}`] : [])];
}

/**
 * Returns the lines about the outcome.
 *
 * @param {KillReport} report
 * @param {View} view
 * @returns {string[]}
 */
function killedLines(report, { width, colours }) {
  const { expected, outcome, way, children, exports, exported, notes, log } = cleaned(report);
  const room = width ?? Infinity;
  const how = {
    planned: 'Nothing was done.',
    ended: `Ended process ${expected.pid}${way === 'stop' ? ' with `claude stop`' : ''}; its session is closed.`,
    killed: `Ended process ${expected.pid} by force; its session is closed.`,
    'still-alive': `Process ${expected.pid} was asked to end and is still running after 10 s.`,
    gone: `Process ${expected.pid} had ended by itself; nothing was sent to it.`,
  }[outcome];
  const lines = wrapped(how, room).map(outcome === 'still-alive' ? colours.red : colours.bold);
  const ended = children.filter(({ fate }) => fate === 'ended' || fate === 'killed');
  const left = children.filter(({ fate }) => fate === 'left');
  if (ended.length > 0) lines.push(...wrapped(`Also ended ${ended.length === 1 ? 'one process' : `${ended.length} processes`} below it.`, room));
  if (left.length > 0) lines.push(...wrapped(`Still running: ${toolWords(left).join(', ')}.`, room).map(colours.yellow));
  const saved = [...exports.map(({ path }) => path), ...(exported === null ? [] : [exported])];
  for (const path of saved) lines.push(...wrapped('Exported first, verified byte for byte:', room), `  ${colours.dim(truncatedPath(homely(path), Math.max(room - 2, 1)))}`);
  for (const note of notes) lines.push(...wrapped(sentence(note), room).map(colours.yellow));
  if (outcome === 'still-alive') {
    lines.push('', ...wrapped('By force:', room), `  ${colours.cyan(commandWords([...ownName().split(' '), 'kill', expected.session, '--force']))}`);
  }
  const { commands } = report;
  if (commands?.resume) {
    // The user copies this line, so it is never cut; cleaning would change a path.
    lines.push('', ...wrapped('Open it again with:', room), `  ${colours.cyan(commandWords(commands.resume, commands.cwd, { env: commands.env }))}`);
  }
  if (log !== null) lines.push('', ...wrapped(`Logged in ${homely(log)}.`, room).map(colours.dim));
  return lines;
}

module.exports = { killedLines, planLines };
