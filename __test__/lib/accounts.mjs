// Hand-written accounts in the addon's format: one for every outcome of an incident, and the worst content that transcripts can have.

import { HOSTILE, NOW } from './sessions.mjs';

const DIR = '/home/me/work/api';
/** Default group of a stop, by its phase. @type {Record<string, string>} */
const GROUP_OF = { recovered: 'continued', 'moved-on': 'continued', waiting: 'waiting', attempting: 'running', cancelled: 'ended' };
const STORE = '/home/me/.local/state/cc-session-recover/snapshots';

/** @param {string} id Its first eight digits. @param {Record<string, any>} [fields] */
export function account(id, { next, commands, work, ...fields } = {}) {
  const session = `${id}-0000-4000-8000-000000000001`;
  return {
    session,
    name: null,
    title: 'Move the parser to its own crate',
    project: { dir: DIR, cwd: DIR },
    transcript: `/home/me/.claude/projects/-home-me-work-api/${session}.jsonl`,
    kept: 'ledger',
    stop: 'usage-limit-5h',
    message: "You've hit your session limit · resets 5am (UTC)",
    stoppedAt: '2026-03-01T21:58:00Z',
    resetsAt: '2026-03-02T00:00:00Z',
    attempts: [],
    work: { answers: 0, calls: 0, denied: 0, files: [], commits: [], tokens: 0, ...work },
    phase: 'recovered',
    endedAt: '2026-03-02T00:40:00Z',
    why: 'a turn after the resume finished normally',
    group: GROUP_OF[fields.phase ?? 'recovered'],
    needsYou: false,
    next: { action: 'none', at: null, reason: 'nothing-pending', why: 'no pending work', argv: null, ...next },
    commands: { cwd: DIR, env: {}, resume: ['claude', `--resume=${session}`], export: null, kill: null, ...commands },
    ...fields,
  };
}

/** @param {Record<string, any>} [fields] */
export function result(fields = {}) {
  return { endedAt: '2026-03-02T00:40:00Z', ended: 'exited with 0', answers: 12, calls: 40, denied: 0, deniedCalls: [], deniedLast: false, files: [], commits: [], tokens: 84_000, lastWords: null, hollow: null, hollowReason: null, damage: null, damageReason: null, ...fields };
}

/** @param {string} id @param {any} made @param {Record<string, any>} [fields] */
export function run(id, made, fields = {}) {
  return { at: '2026-03-02T00:01:30Z', action: 'resume', outcome: 'continued', snapshot: `${STORE}/${id}/20260302T000130000Z-812-1.jsonl`, result: made, ...fields };
}

const FILES = ['src/parser.rs', 'src/lib.rs', 'Cargo.toml'];
const COMMITS = ['1f2e3d4 Move the parser', '5a6b7c8 Share it with the server'];

export const RECOVERED = account('3f2a9c1d', {
  attempts: [
    { at: '2026-03-01T22:00:00Z', action: 'wake', outcome: 'stopped-again', snapshot: null, result: null },
    run('3f2a9c1d', result({ denied: 2, files: FILES, commits: COMMITS, lastWords: 'The parser is a crate of its own, and its tests pass.\nNothing else changed.' })),
  ],
  work: { answers: 12, calls: 40, denied: 2, files: FILES, commits: COMMITS, tokens: 84_000 },
});

export const HOLLOW = account('77aa0000', {
  name: 'docs',
  project: { dir: '/home/me/work/docs', cwd: '/home/me/work/docs' },
  stop: 'overloaded',
  resetsAt: null,
  phase: 'held',
  attempts: [run('77aa0000', result({ answers: 0, calls: 3, denied: 3, tokens: 900, hollow: 'every tool call was denied' }), { outcome: 'no-effect' })],
  work: { calls: 3, denied: 3, tokens: 900 },
  why: 'two runs did nothing: every tool call was denied',
  group: 'needs-you',
  needsYou: true,
  next: { action: 'resume', reason: 'runs-did-nothing', why: 'two runs did nothing: every tool call was denied', argv: ['claude', '--resume=x'] },
});

export const DAMAGED = account('5511aaaa', {
  title: 'Release notes for version 3',
  phase: 'held',
  attempts: [run('5511aaaa', result({ ended: 'ended by signal 9', damage: 'its conversation forked' }), { outcome: 'no-effect' })],
  work: { answers: 12, calls: 40, tokens: 84_000 },
  group: 'needs-you',
  needsYou: true,
  next: { action: 'resume', reason: 'transcript-damaged', why: 'its conversation forked; `cc-session-recover restore 5511aaaa` restores the snapshot' },
});

export const WAITS = account('0badcafe', { title: 'Weekly report', phase: 'waiting', endedAt: null, resetsAt: '2026-03-02T05:00:00Z', why: '5-hour usage limit reached', next: { action: 'wake', at: '2026-03-02T05:02:30Z', why: '5-hour usage limit reached' } });

export const RUNNING = account('4444dead', { title: 'Load test', phase: 'attempting', endedAt: null, attempts: [run('4444dead', null, { outcome: 'pending' })], why: 'told to go on', next: { why: 'an unattended run of the session is in progress' } });

export const MOVED_ON = account('99bb0000', { kept: 'journal', stop: 'network', message: null, resetsAt: null, phase: 'moved-on', why: 'a person went on in the session', commands: { cwd: null, resume: null } });

export const CANCELLED = account('aacc0000', { title: null, phase: 'cancelled', why: 'cancelled by the user' });

export const GIVEN_UP = account('deadbeef', { stop: 'server-error', phase: 'given-up', attempts: Array.from({ length: 3 }, (_, index) => ({ at: `2026-03-01T22:0${index}:00Z`, action: 'wake', outcome: 'stopped-again', snapshot: null, result: null })), group: 'needs-you', needsYou: true, next: { action: 'resume', why: 'six attempts failed: try it by hand' } });

export const ACCOUNTS = [RECOVERED, HOLLOW, DAMAGED, WAITS, RUNNING, MOVED_ON, CANCELLED, GIVEN_UP];

export const HOSTILE_ACCOUNTS = HOSTILE.map(({ id, title, name, lastPrompt, project }, index) =>
  account(id.slice(0, 8), {
    title,
    name,
    project,
    why: lastPrompt,
    attempts: [run(id, result({ files: [title, `${project.dir}/a`], commits: [lastPrompt], lastWords: title, hollow: lastPrompt, damage: title, ended: lastPrompt }))],
    work: { answers: 1, files: [title, `${project.dir}/a`], commits: [lastPrompt], tokens: 5_000_000 },
    group: index % 2 === 0 ? 'needs-you' : 'continued',
    needsYou: index % 2 === 0,
    next: { action: index % 2 === 0 ? 'resume' : 'none', why: lastPrompt },
    phase: index % 2 === 0 ? 'held' : 'recovered',
    commands: { cwd: project.dir, env: { CLAUDE_CONFIG_DIR: `${project.dir}/.claude` } },
  }),
);

/** @param {any[]} incidents @param {Record<string, any>} [fields] */
export function accountReport(incidents, fields = {}) {
  return { schema: 'cc-session-recover/report@1', generatedAt: NOW, since: '2026-03-01T03:42:00Z', project: { dir: DIR, enabled: true }, incidents, older: 0, problems: [], ...fields };
}

/** Returns a report of `restore`. @param {Record<string, any>} [fields] */
export function restoreReport(fields = {}) {
  const session = RECOVERED.session;
  const kept = (/** @type {string} */ name, /** @type {Record<string, any>} */ more) => ({ name, path: `${STORE}/${session}/${name}.jsonl`, takenAt: '2026-03-02T00:01:30Z', bytes: 1_234_567, sha256: '0'.repeat(64), sound: true, isPrefix: true, linesSince: 48, ...more });
  return {
    schema: 'cc-session-recover/restore@1',
    generatedAt: NOW,
    dryRun: false,
    session,
    transcript: RECOVERED.transcript,
    snapshots: [
      kept('20260302T000130000Z-812-4', { linesSince: 0 }),
      kept('20260302T000130000Z-812-3', {}),
      kept('20260301T000130000Z-812-2', { takenAt: '2026-03-01T00:01:30Z', isPrefix: false, linesSince: -1, bytes: 900 }),
      kept('20260201T000130000Z-812-1', { takenAt: '2026-02-01T00:01:30Z', sound: false, isPrefix: false, linesSince: 2 }),
      kept('old', { takenAt: null, isPrefix: null, linesSince: null, sound: null }),
    ],
    chosen: null,
    alreadyEqual: false,
    restored: false,
    kept: null,
    undo: null,
    commands: RECOVERED.commands,
    ...fields,
  };
}

/** Returns a finding of `repair`. @param {string} kind @param {number} line @param {Record<string, any>} more */
function finding(kind, line, more) {
  return { class: kind, line, offset: line * 1234, what: 'a tool result without its call', client: 'leaves the call and its result out', mend: 'a call that says so is inserted before it', lost: 'the arguments of the call', ...more };
}

/** Returns a report of `repair`. @param {Record<string, any>} [fields] */
export function repairReport(fields = {}) {
  return {
    schema: 'cc-session-recover/repair@1',
    generatedAt: NOW,
    dryRun: true,
    session: RECOVERED.session,
    transcript: RECOVERED.transcript,
    bytes: 1_234_567,
    lines: 812,
    records: 811,
    findings: [
      finding('glued-records', 12, { what: '2 records on one line', client: 'skips the whole line and loses them', mend: 'each is put on its own line', lost: null }),
      finding('orphan-result', 207, {}),
      ...Array.from({ length: 7 }, (_, at) => finding('torn-line', 300 + at, { what: '480 bytes that are not a record', client: 'skips it', mend: null, lost: 'its content' })),
    ],
    more: 0,
    mendable: 2,
    branches: [],
    others: [],
    switches: false,
    branch: null,
    subagents: [{ path: `${DIR}/subagents/agent-a1.jsonl`, findings: [finding('torn-end', 3, { what: 'the file ends in 20 bytes that are not a record', client: 'skips it, and ends the line before it writes more', mend: null, lost: 'its content' })], more: 0 }],
    held: null,
    repaired: false,
    rolledBack: false,
    kept: null,
    undo: null,
    commands: RECOVERED.commands,
    ...fields,
  };
}

/** Returns a report of `handoff`. @param {any} session @param {Record<string, any>} [fields] */
export function handoffReport(session, fields = {}) {
  return { schema: 'cc-session-recover/handoff@1', generatedAt: NOW, session, form: 'note', text: '## Session `x`\n\n- State: finished its turn\n', characters: 44, leftOut: [], sources: [session.transcript], file: `${DIR}/HANDOFF.md`, enabled: true, dryRun: false, written: true, kept: [], problems: [], ...fields };
}

/** @param {string} id @param {Record<string, any>} [fields] */
export function savedState(id, fields = {}) {
  const name = fields.name ?? `20260302T034200510Z-${id.slice(0, 8)}`;
  return { name, session: id, savedAt: '2026-03-02T03:42:00.510Z', moment: 'turn-ended', asOf: '2026-03-02T03:41:59Z', kind: 'finished', unfinished: false, tasksOpen: 0, tasksDone: 0, inFlight: 0, failing: 0, files: 0, last: false, sound: true, path: `${DIR}/.claude/session-state/archive/${name}.md`, ...fields };
}

/** Returns a report of `state`. @param {Record<string, any>} [fields] */
export function stateReport(fields = {}) {
  const [first, second, third] = ['3f2a9c1d', '77aa0000', '3f2a9c1d'].map((id) => `${id}-0000-4000-8000-000000000001`);
  return {
    schema: 'cc-session-recover/state@1',
    generatedAt: NOW,
    project: DIR,
    enabled: true,
    directory: `${DIR}/.claude/session-state`,
    states: [
      savedState(first, { moment: 'stopped', kind: 'usage-limit-5h', unfinished: true, tasksOpen: 2, tasksDone: 3, inFlight: 1, failing: 1, last: true }),
      savedState(second, { name: '20260302T021000000Z-77aa0000', savedAt: '2026-03-02T02:10:00Z', moment: 'session-ended' }),
      savedState(third, { name: '20260301T231000000Z-3f2a9c1d-2', savedAt: '2026-03-01T23:10:00Z', moment: 'compacting', sound: false }),
    ],
    foreign: false,
    chosen: null,
    text: null,
    dryRun: false,
    restored: false,
    kept: null,
    ...fields,
  };
}
