// Runs in Claude Code's own engine (`claude plugin test`) beside the module, with a clock that the tests move. `plugin-engine.test.mjs` copies
// it there and runs it with each client that loads modules.

import { test, expect, mock } from 'claude-code/testing';

const ID = '0a2ac2c4-dce8-44c6-affb-0f7d6e7f797d';
const OTHER = '7b1f8c52-2f0e-4d6b-9a55-000000000002';
const NOW = Date.now();
const RESET = NOW + 60_000;
const DUE = RESET + 2000;
const stopped = { answer: '', durationMs: 1, isAborted: false, turnId: 't1', reason: 'error' } as const;

/** An answer of the native part. The module compares the time of the stop with that of the machine, which the tests do not move. */
const plan = (more = {}) => ({
  next: 'module', generation: 1, stoppedAt: Date.now(), kind: '5-hour usage limit reached', resetsAt: RESET, at: DUE,
  askAgainAt: NOW + 60_000, reading: false, why: '', paused: false, coversMenu: true, prompt: null, ...more,
});
/** The answer before the hook has recorded anything. */
const nothing = { next: 'nobody', generation: 0, stoppedAt: null, kind: null, resetsAt: null, at: null, askAgainAt: NOW + 60_000, reading: false, why: '', paused: false, coversMenu: false, prompt: null };
const granted = () => plan({ prompt: 'continue' });

/** A client without a terminal: `answers` are the native part's, by question. */
const client = (on: any, answers: Record<string, () => object>) => {
  const seen = { session: ID, clock: mock.clock(on, { now: NOW }), asked: [] as string[], sent: [] as string[] };
  on('session.start', () => ({ value: {} }));
  on('turn.start', () => ({ turnId: 't1' }));
  on('turn.complete', () => ({ text: '' }));
  on('session.id', () => ({ value: seen.session }));
  on('env.set', () => ({ value: null }));
  on('process.run', (_: any, { init }: any) => {
    // The other sessions of the machine are asked for without a question.
    const { ask } = init.stdin ? JSON.parse(init.stdin) : { ask: 'sessions' };
    seen.asked.push(ask);
    return { value: { exitCode: 0, stdout: JSON.stringify(answers[ask]?.() ?? {}), stderr: '' } };
  });
  on('prompt.submit', (_: any, { text }: any) => {
    seen.sent.push(text);
    return { text };
  });
  return seen;
};

/** A turn that ends with an error. */
const stop = async ($: any) => {
  await $.turn.start({ turnId: 't1', text: 'Do the task.', origin: { kind: 'composer' } });
  await $.turn.complete(stopped);
};

test('submits once, when the planned time has come and the claim is granted', async ($, on) => {
  const seen = client(on, { plan, claim: granted });
  await stop($);
  await seen.clock.advance(50_000);
  expect(seen.sent).toEqual([]);
  await seen.clock.advance(15_000);
  expect(seen.sent).toEqual(['continue']);
  await seen.clock.advance(120_000);
  expect(seen.sent.length).toBe(1);
});

test('asks again until the hook has recorded the stop', async ($, on) => {
  let answers = 0;
  const seen = client(on, { plan: () => ((answers += 1) < 4 ? nothing : plan()), claim: granted });
  await stop($);
  await seen.clock.advance(70_000);
  expect(seen.sent).toEqual(['continue']);
});

test('takes the record of an earlier turn for no answer', async ($, on) => {
  let answers = 0;
  const seen = client(on, { plan: () => ((answers += 1) < 3 ? plan({ stoppedAt: NOW - 60_000, at: NOW + 1000 }) : plan()), claim: granted });
  await stop($);
  await seen.clock.advance(40_000);
  expect(seen.asked.includes('claim')).toBe(false);
  await seen.clock.advance(30_000);
  expect(seen.sent).toEqual(['continue']);
});

test('submits nothing without a granted claim', async ($, on) => {
  const seen = client(on, { plan, claim: () => plan({ at: NOW + 3_600_000 }) });
  await stop($);
  await seen.clock.advance(120_000);
  expect(seen.asked.includes('claim')).toBe(true);
  expect(seen.sent).toEqual([]);
});

test('submits nothing into another conversation', async ($, on) => {
  const seen = client(on, { plan, claim: granted });
  await stop($);
  await seen.clock.advance(10_000);
  seen.session = OTHER;
  await seen.clock.advance(300_000);
  expect(seen.sent).toEqual([]);
});

test('submits nothing after the user began a turn', async ($, on) => {
  const seen = client(on, { plan, claim: granted });
  await stop($);
  await seen.clock.advance(10_000);
  await $.turn.start({ turnId: 't1', text: 'Something else.', origin: { kind: 'composer' } });
  await seen.clock.advance(300_000);
  expect(seen.sent).toEqual([]);
});

test('leaves a session alone that nobody is to continue, and stops asking', async ($, on) => {
  const seen = client(on, { plan: () => plan({ next: 'nobody', at: null }), claim: granted });
  await stop($);
  await seen.clock.advance(10_000);
  const asked = seen.asked.length;
  await seen.clock.advance(600_000);
  expect([seen.sent.length, seen.asked.length - asked]).toEqual([0, 0]);
});

const other = (id: string, group: string) => ({ id, group, name: 'api', title: null });

test('names in the status line another session that needs the user, and asks for them once in five minutes', async ($, on) => {
  const seen = client(on, { plan: () => nothing, sessions: () => ({ sessions: [other(ID, 'needs-you'), other(OTHER, 'needs-you'), other('x', 'running')] }) });
  const status: (string | undefined)[] = [];
  on('ui.status', (_: any, { text }: any) => {
    status.push(text);
    return { value: null };
  });
  for (let turn = 0; turn < 3; turn += 1) {
    await $.turn.start({ turnId: 't1', text: 'Do the task.', origin: { kind: 'composer' } });
    await $.turn.complete({ ...stopped, reason: 'answer' });
    await seen.clock.advance(5000);
  }
  expect(status).toEqual(['api needs you · /recover']);
  expect(seen.asked.filter((ask) => ask === 'sessions').length).toBe(1);
});
