'use strict';

// Everything about one session, in sections: its identity, how it stopped and the evidence for it, the owner process, its size, the
// attempts, the next step, and the commands to continue it, ready to paste.

const WORDS = require('../words.json');
const { sizeWarnings, stateCell } = require('../sessions.js');
const { truncated, widthOf, wrapped } = require('../text.js');
const { clock, commandWords, count, dailyWords, doingWords, duration, homely, kindWords, nextWords, ownName, readable, remainingWords, sentence, sizeWords, stateWords, stopWords, terminalWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../../src/ffi/types.js').Evidence} Evidence */
/** @typedef {import('../output.js').View} View */
/** A label and its values; the second and later values are printed below the first. @typedef {[string, ...(string | null)[]]} Entry */

/** Width of the labels and the space after them, in columns. */
const LABEL = 10;

/** Minimum width of values beside their labels; with less room they are printed below them. */
const BESIDE = 34;

/** Maximum width of a quoted text, in columns. */
const QUOTED = 400;

/**
 * @param {Session} report
 * @param {import('../output.js').Output} io
 * @param {Date} [now]
 */
function printShow(report, io, now = new Date()) {
  return io.page(showLines(report, { width: io.width, colours: io.colours }, now));
}

/**
 * @param {Session} report
 * @param {View} view
 * @param {Date} now
 * @returns {string[]}
 */
function showLines(report, { width, colours }, now) {
  const session = readable(report, now);
  const { stop, live, context, incident, next, subagents, openAtCrash } = session;
  const room = width ?? Infinity;
  const beside = room - LABEL - 1 >= BESIDE;
  const when = (/** @type {string | null} */ iso) => (iso === null ? null : whenWords(iso));

  const { text: state, style } = stateCell(session, colours);
  const title = session.name ?? session.title ?? session.lastPrompt;
  return [
    ...(title === null ? [] : [colours.bold(truncated(title, Math.min(room, QUOTED)))]),
    ...wrapped(session.id, room).map(colours.dim),
    `${colours.bold(style(state))}  ${truncated(doingWords(session), room - state.length - 2)}`,
    ...section([
      ['state', stateWords(session.state), ...facts(session.evidence)],
      ['stopped', `${stopWords(session)}${stop.at === null ? '' : `, ${when(stop.at)}`}`, ...facts(stop.evidence)],
      ['limit', stop.resetsAt === null ? null : `${stop.resetsAtSource === 'guess' ? '~' : ''}${when(stop.resetsAt)}${stop.resetsAtSource === 'guess' ? ', read from its text' : ''}`],
      ['said', stop.message === null ? null : quoted(stop.message)],
      ['lost', ...lossLines()],
      ['crash', ...crash()],
    ]),
    ...section([
      ['left', ...remainsLines()],
      ['copies', ...session.copies.map((copy) => `another transcript of this session is ${homely(copy)}`), ...conflictLines()],
    ]),
    ...section([['process', ...processLines()]]),
    ...section([
      ['context', ...contextLines()],
      ['size', `${sizeWords(session.bytes)}${session.oversized ? ', unusually large' : ''}`, subagents?.count > 0 ? `${count(subagents.count, 'subagent')} with ${sizeWords(subagents.bytes)}` : null],
      ['workflows', ...workflowLines()],
      ['prompts', session.turns === null ? null : String(session.turns)],
      ['latest', session.lastPrompt === null || session.lastPrompt === title ? null : quoted(session.lastPrompt)],
    ]),
    ...section([
      ['started', when(session.startedAt)],
      ['active', when(session.lastActivityAt)],
      ['deleted', retentionWords(session.retention)],
    ]),
    ...section([
      ['title', session.name === null ? null : session.title],
      ['project', path(session.project.dir)],
      ['directory', session.project.cwd === session.project.dir ? null : path(session.project.cwd)],
      ['branch', session.gitBranch],
      ['model', session.model],
      ['mode', session.permissionMode],
      ['client', session.clientVersion === null ? null : `Claude Code ${session.clientVersion}`],
      ['config', path(session.configDir)],
      ['transcript', path(session.transcript)],
    ]),
    ...section([['recovery', ...incidentLines()]]),
    ...section([['next', ...nextLines()]]),
    ...commandLines(),
  ];

  /** @param {Entry[]} entries @returns {string[]} */
  function section(entries) {
    const lines = entries.flatMap(([label, ...values]) => labelled(label, values.filter((value) => value !== null && value !== '')));
    return lines.length === 0 ? [] : ['', ...lines];
  }

  /** @param {string} label @param {(string | null)[]} values */
  function labelled(label, values) {
    const indent = ' '.repeat(beside ? LABEL + 1 : 2);
    const lines = values.flatMap((value) => {
      const text = /** @type {string} */ (value);
      // A wrapped line keeps the indentation of its first line.
      const inner = /^ *(?:- )?/.exec(text)?.[0].length ?? 0;
      return wrapped(text.slice(inner), room - indent.length - inner).map((part, index) => indent + (index === 0 ? text.slice(0, inner) : ' '.repeat(inner)) + part);
    });
    if (lines.length === 0) return [];
    if (!beside) return [colours.dim(label), ...lines];
    return [colours.dim(label.padEnd(LABEL)) + lines[0].slice(LABEL), ...lines.slice(1)];
  }

  /** @param {Evidence[] | undefined} evidence */
  function facts(evidence) {
    return (evidence ?? []).map(({ source, fact }) => `- ${truncated(fact, QUOTED)} (${source})`);
  }

  function remainsLines() {
    const { remains } = session;
    if (remains === null) return [];
    const why = remains.why === 'empty-file' ? 'its transcript is empty (0 bytes)' : 'its transcript contains no conversation';
    return [
      `${why}; if there was one, it is lost here, and Claude Code refuses to resume it`,
      ...remains.left.map((one) => `- ${remainingWords(one.kind, one.count)}, ${sizeWords(one.bytes)}: ${homely(one.path)}`),
      remains.typed === null ? null : `- its newest prompt in the history of Claude Code: ${quoted(remains.typed)}`,
      remains.restore === null
        ? `an export or a backup of it can be restored with ${ownName()} import`
        : `${commandWords([...ownName().split(' '), ...remains.restore.slice(1)])} lists the snapshots of its transcript`,
    ];
  }

  function conflictLines() {
    const { conflictCopyOf, conflictCopies } = session;
    return [
      conflictCopyOf === null ? null : `this file is a conflict copy of session ${conflictCopyOf}; Claude Code does not open it`,
      ...conflictCopies.map((copy) => `conflict copy, ${sizeWords(copy.bytes)}, ${copy.newestAt === null ? 'without messages' : `newest message ${whenWords(copy.newestAt)}`}: ${homely(copy.path)}`),
    ];
  }

  function workflowLines() {
    const agents = (/** @type {string} */ words, /** @type {string[]} */ labels) => (labels.length === 0 ? null : `- ${labels.length} ${words}: ${truncated(labels.join(', '), QUOTED)}`);
    return (session.workflows ?? []).flatMap((run) => [
      run.id,
      agents('finished', run.finished),
      agents('refused by the limit', run.refused),
      agents('cut off or still running', run.cut),
      agents('failed', run.failed),
      run.resumeCall === null ? null : `- unless Claude Code itself has paused the run and still lives, it continues with ${run.resumeCall}`,
    ]);
  }

  function crash() {
    if (!openAtCrash) return [];
    const died = openAtCrash.died === 'machine' ? 'was open when the machine went down' : 'was open when its client died';
    return [`${died}${openAtCrash.at === null ? '' : `, ${when(openAtCrash.at)}`}`, ...facts(openAtCrash.evidence)];
  }

  function processLines() {
    if (live === null) return ['no process has it open'];
    const children = live.children ?? [];
    const details = [
      terminalWords(live),
      live.status,
      live.waitingFor,
      live.cpuPercent === null || live.cpuPercent === undefined ? null : `${Math.round(live.cpuPercent)} % of a processor`,
      live.job === null || live.job === undefined ? null : `job ${live.job}`,
    ].filter((part) => part !== null);
    return [
      `${live.pid}: ${details.join(', ')}`,
      live.startedAt === null ? null : `since ${when(live.startedAt)}`,
      live.proof === 'registry' ? "known from Claude Code's registry and its start time" : 'known from the process table alone',
      ...(children.length === 0 ? [] : ['below it:']),
      ...children.map((child) => `  ${child.pid} ${truncated(child.command, QUOTED)}${child.startedAt === null ? '' : `, since ${when(child.startedAt)}`}`),
    ];
  }

  function contextLines() {
    if (context === null) return ['unknown'];
    const tokens = context.tokens.toLocaleString('en');
    const full = context.percent === null ? '' : `${Math.round(context.percent)} %: `;
    const advice = context.advice === null || context.advice === 'healthy' ? '' : `, ${context.advice}`;
    return [`${full}${tokens}${context.window === null ? '' : ` of ${context.window.toLocaleString('en')}`} tokens${advice}`, ...sizeWarnings({ ...session, oversized: false }).map(() => sentence(context.next ?? ''))];
  }

  function incidentLines() {
    if (incident === null) return [];
    const stops = incident.generation > 1 ? `, stop ${incident.generation} of this session` : '';
    return [
      `${WORDS.phases[incident.phase] ?? incident.phase} since ${when(incident.updatedAt)}${stops}`,
      ...incident.attempts.map(({ at, action, answered, outcome }) => `- ${clock(new Date(at), now)} ${action} after ${kindWords(answered)}: ${WORDS.outcomes[outcome] ?? outcome}`),
    ];
  }

  function nextLines() {
    if (next.action === 'none' && session.group !== 'needs-you' && session.clientContinuesAt === null) return [next.why === '' ? null : sentence(next.why)];
    const words = nextWords(next, now, session.clientContinuesAt);
    const left = next.at === null ? 0 : Date.parse(next.at) - now.getTime();
    const isSaid = left <= 0 && next.action === 'resume' && WORDS.reasonsWithStepByHand.includes(next.reason);
    return [words === '' || isSaid ? null : `${words}${left > 0 ? ` (in ${duration(left)})` : ''}`, session.dailyContinues === null ? null : sentence(dailyWords(session.dailyContinues)), next.why === '' ? null : sentence(next.why)];
  }

  /** The commands use the report as returned by the addon: cleaning would change a path. */
  function commandLines() {
    const { commands } = report;
    if (!commands) return [];
    const { cwd, env } = commands;
    const wanted = /** @type {[string, string[] | null][]} */ ([
      [live !== null && live.kind === 'background' ? 'attach' : 'resume', commands.resume],
      ['export', commands.export],
      ['kill', commands.kill],
    ]);
    const lines = wanted.flatMap(([label, argv]) => {
      if (argv === null) return [];
      // This tool's own commands find the session from any directory.
      const own = argv[0] === 'cc-session-recover';
      const command = colours.cyan(own ? commandWords([...ownName().split(' '), ...argv.slice(1)]) : commandWords(argv, cwd, { env }));
      return beside ? [`${colours.dim(label.padEnd(LABEL))} ${command}`] : [colours.dim(label), `  ${command}`];
    });
    return lines.length === 0 ? [] : ['', ...lines];
  }

  function lossLines() {
    const { loss } = session;
    if (loss === null || loss === undefined) return [];
    const what = { gone: 'Claude Code deleted its transcript', shorter: 'its transcript is shorter than before', headless: 'the beginning of its transcript: Claude Code deleted the file while the session was open' }[loss.lost];
    return [what, loss.restorable ? `${live === null ? '' : 'close the session, then '}run ${ownName()} restore ${session.id} --from kept` : 'no copy of the lost part was kept'];
  }

  /** @param {import('../../../src/ffi/types.js').Retention | null} retention */
  function retentionWords(retention) {
    if (retention === null) return null;
    const limit = `${count(retention.days, 'day')}${retention.decidedBy === null ? ", Claude Code's default" : `, set in ${path(retention.decidedBy)}`}`;
    if (retention.overdue) return `the next \`claude -p\` deletes it: its limit passed ${when(retention.deletedAfter)} (${limit})`;
    return `by Claude Code ${when(retention.deletedAfter)} if nothing is added (${limit})`;
  }

  /** Returns a time such as `Mar 1 22:00 (5 h 42 min ago)`. @param {string} iso */
  function whenWords(iso) {
    const at = new Date(iso);
    const past = now.getTime() - at.getTime();
    return `${clock(at, now)} (${past >= 0 ? `${duration(past)} ago` : `in ${duration(-past)}`})`;
  }

  /** @param {string} text */
  function quoted(text) {
    return `“${truncated(text, Math.min(QUOTED, Math.max(room * 3, widthOf('…'))))}”`;
  }

  /** @param {string | null} value */
  function path(value) {
    return value === null ? null : homely(value);
  }
}

module.exports = { printShow, showLines };
