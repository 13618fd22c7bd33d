// Hand-written reports of `kill` for the tests of its screens.

import { LIVE } from './exported.mjs';
import * as made from './sessions.mjs';

/** @param {any} session @param {Record<string, any>} [fields] */
export function killReport(session, fields = {}) {
  return {
    schema: 'cc-session-recover/kill@1',
    generatedAt: made.NOW,
    dryRun: false,
    expected: { pid: session.live.pid, startToken: '118342', session: session.id },
    tty: session.live.tty,
    startedAt: session.live.startedAt,
    way: 'signal',
    session,
    risks: [],
    children: [],
    outcome: 'planned',
    signals: [],
    exports: [],
    exported: null,
    commands: null,
    notes: [],
    log: null,
    ...fields,
  };
}

const TOOLS = [
  { pid: 4720, startToken: '118400', command: 'node', startedAt: '2026-03-02T01:00:04Z', fate: 'running' },
  { pid: 4731, startToken: '118455', command: 'make', startedAt: null, fate: 'running' },
  { pid: 4740, startToken: '118460', command: 'claude', startedAt: null, fate: 'kept' },
];

const RISKS = ['It is in the middle of a turn: the current answer, and results that tools have not returned yet, are lost.', '2 processes run below it, and may continue without it; --tree ends them too.'];

export const PLANNED = killReport(made.WAITING, { dryRun: true, risks: RISKS, children: TOOLS, notes: ['if left alone, it would continue by itself'] });

export const FRESH = { ...killReport(made.IDLE, { dryRun: true, risks: ['It has no conversation yet, so there is nothing to resume.'] }), session: null, tty: null, startedAt: null };

const RESUME = { cwd: '/home/me/work/api', env: {}, resume: ['claude', `--resume=${made.WAITING.id}`], export: null, kill: null };

export const KILLED = killReport(made.WAITING, {
  children: [{ ...TOOLS[0], fate: 'ended' }, { ...TOOLS[1], fate: 'left' }, TOOLS[2]],
  outcome: 'ended',
  signals: [{ pid: 4711, signal: 'TERM', at: made.NOW }],
  exports: [LIVE],
  commands: RESUME,
  notes: ['one tool process still runs; --tree ends them too'],
  log: '/home/me/.local/state/cc-session-recover/SESSION-LOG-2026-03-02.md',
});

export const DEAF = { ...KILLED, outcome: 'still-alive', commands: null, notes: [], children: [] };

export const BACKGROUND = killReport(made.GUESSED, { way: 'stop', risks: [] });

export const HOSTILE = made.HOSTILE.filter(({ live }) => live !== null).map((session) => killReport(session, { risks: [session.title], notes: [session.lastPrompt], outcome: 'killed', exported: `/x/${session.title}/end`, children: [{ pid: 1, startToken: '1', command: session.title, startedAt: null, fate: 'left' }] }));
