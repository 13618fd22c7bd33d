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
  askAgainAt: NOW + 60_000, reading: false, why: '', dailyContinues: null, paused: false, coversMenu: true, prompt: null, ...more,
});
/** The answer before the hook has recorded anything. */
const nothing = { next: 'nobody', generation: 0, stoppedAt: null, kind: null, resetsAt: null, at: null, askAgainAt: NOW + 60_000, reading: false, why: '', dailyContinues: null, paused: false, coversMenu: false, prompt: null };
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
  const aboutStop = () => seen.asked.filter((ask) => ask !== 'sessions').length;
  const asked = aboutStop();
  await seen.clock.advance(600_000);
  expect([seen.sent.length, aboutStop() - asked]).toEqual([0, 0]);
});

test('keeps a stop while the plugin is off, and continues it once the plugin is on again', async ($, on) => {
  let isOff = true;
  const seen = client(on, { plan: () => (isOff ? { ...nothing, generation: 1, askAgainAt: NOW + 20_000, off: true } : plan()), claim: granted });
  await stop($);
  await seen.clock.advance(90_000);
  expect([seen.sent.length, seen.asked.includes('claim')]).toEqual([0, false]);
  isOff = false;
  await seen.clock.advance(10_000);
  expect(seen.sent).toEqual(['continue']);
});

test('reports a lost grant until it is acknowledged, and claims nothing before', async ($, on) => {
  let claims = 0;
  let reports = 0;
  const seen = client(on, {
    plan,
    claim: () => ((claims += 1) === 1 ? {} : granted()),
    'not-submitted': () => ((reports += 1) < 3 ? {} : plan()),
  });
  await stop($);
  await seen.clock.advance(115_000);
  const about = () => seen.asked.filter((ask) => ask === 'claim' || ask === 'not-submitted');
  expect([about(), seen.sent.length]).toEqual([['claim', 'not-submitted', 'not-submitted'], 0]);
  await seen.clock.advance(40_000);
  expect(about()).toEqual(['claim', 'not-submitted', 'not-submitted', 'not-submitted', 'claim']);
  expect(seen.sent).toEqual(['continue']);
});

const other = (id: string, group: string) => ({ id, group, name: 'api', title: null });

test('names in the status line another session that needs the user, and asks for them once in five minutes, even without a turn', async ($, on) => {
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
  const readings = () => seen.asked.filter((ask) => ask === 'sessions').length;
  expect(readings()).toBe(1);
  await seen.clock.advance(310_000);
  expect([readings(), status.length]).toEqual([2, 2]);
});

/** Draws the band above the prompt after a stop with this plan, and returns its second line. */
const bandOf = async ($: any, on: any, more: object) => {
  const seen = client(on, { plan: () => plan(more) });
  await stop($);
  await seen.clock.advance(1000);
  const props = { hasSurvey: false, isCollapsed: false, isWorking: false, maxRows: 10, bodyColumns: 75, scroll: { offset: 0, bodyRows: 10 } };
  const ui = await $.ui.mount({ plugin: 'cc-session-recover', surface: 'terminal', component: 'AbovePrompt', props });
  return (await ui.findAll({ type: 'Text' }))[1].text;
};

test('the band shows how much of its budget is used where only the module continues the session', async ($, on) => {
  expect(await bandOf($, on, { dailyContinues: { used: 2, limit: 12 } })).toMatch(/^cc-session-recover continues this session at .*; 2 of 12 daily continues used$/);
});

test('the band shows no budget of other sessions', async ($, on) => {
  expect(await bandOf($, on, { dailyContinues: null })).toMatch(/^cc-session-recover continues this session at .* \(in \d+ s\)$/);
});

test('the band shows why a session is left to the user, without keys', async ($, on) => {
  expect(await bandOf($, on, { next: 'user', why: 'Claude Code continued it 3 times in a row' })).toBe('Claude Code continued it 3 times in a row');
});

/** A session of the pane. */
const listed = (id: string, group: string, name: string, more = {}) => ({
  id, group, name, title: null, project: { dir: `/work/${name}`, cwd: null },
  next: { why: `${name}: a reason that is longer than the columns that the row of a session has for it, and more`, at: null, argv: null }, ...more,
});

/** Runs `/recover` and draws its pane, whose body has `bodyColumns`. */
const recover = async ($: any, on: any, bodyColumns: number, answer: object) => {
  const seen = client(on, { plan: () => nothing, sessions: () => answer });
  const opened: any[] = [];
  on('ui.open', (_: any, pane: any) => {
    opened.push(pane);
    return { value: { isPlaced: true } };
  });
  const { text } = await $.command.run({ command: 'recover', args: '' });
  const props = { title: 'Sessions', isFocused: true, bodyColumns, placement: 'inline', scroll: { offset: 0, bodyRows: 20 } };
  const ui = await $.ui.mount({ plugin: 'cc-session-recover', surface: 'terminal', component: 'Pane', requestId: 'cc-session-recover', props });
  return { seen, opened, text, ui };
};

/** The lines of a pane: the text of each Text and the label of each Button, in their order. */
const linesOf = async (ui: any) => {
  const { children } = (await ui.find({ type: 'Box' })) ?? { children: [] };
  return children.map((one: any) => one.props?.label ?? [one.children ?? one.props?.children].flat().join(''));
};

const SESSIONS = [
  listed('run', 'running', 'site'),
  listed('old', 'settled', 'docs'),
  listed('ask', 'needs-you', 'api', { next: { why: 'it needs you', at: new Date(NOW + 7_200_000).toISOString(), argv: ['claude', '--resume=ask'] } }),
  listed('wait', 'waiting', 'parser'),
  listed('hang', 'hung', 'load'),
];

for (const bodyColumns of [75, 115]) {
  test(`/recover lists the sessions by group within ${bodyColumns} columns`, async ($, on) => {
    const { opened, text, ui } = await recover($, on, bodyColumns, { sessions: SESSIONS });
    expect(opened.length).toBe(1);
    expect(opened[0]).toMatchObject({ id: 'cc-session-recover', focus: true, closeOnEscape: true });
    expect(text).toBe('Enter shows a session, Esc closes the list');
    const lines = await linesOf(ui);
    const heads = lines.map((line: string) => line.trim().split(' ')[0]);
    expect(heads).toEqual(['Needs', 'api', 'Waiting', 'parser', 'Hung', 'load', 'Running', 'site', 'Recent', 'docs']);
    const widest = Math.max(...lines.map((line: string) => line.length));
    expect(widest).toBeLessThanOrEqual(bodyColumns);
    expect(widest).toBeGreaterThan(bodyColumns - 4);
    expect(lines[3]).toMatch(/parser .*: a reason .*…$/);
  });
}

test('/recover shows the details of the session whose row is pressed, and b returns to the list', async ($, on) => {
  const { seen, ui } = await recover($, on, 75, { sessions: SESSIONS });
  const rows = await ui.findAll({ type: 'Button' });
  expect(rows.map(({ key, props }: any) => [key, props.autoFocus])).toEqual([['ask', true], ['wait', undefined], ['hang', undefined], ['run', undefined], ['old', undefined]]);
  await ui.press({ key: 'ask' });
  const shown = await linesOf(ui);
  expect(shown.slice(0, 4)).toEqual(['api', 'Session ask', 'Directory /work/api', 'it needs you']);
  expect(shown[4]).toMatch(/^At (([A-Z][a-z]{2} \d+|\d{4}-\d\d-\d\d) )?\d\d:\d\d$/);
  expect(shown.slice(5)).toEqual(['Command: claude --resume=ask', 'Back to the list']);
  expect((await ui.find({ key: 'back' }))?.props).toMatchObject({ hotkey: 'b', autoFocus: true });
  await ui.press({ key: 'back' });
  expect((await linesOf(ui))[0]).toBe('Needs you');
  expect(seen.asked.filter((ask) => ask === 'sessions').length).toBe(1);
});

for (const [what, answer, expected] of [
  ['an unreadable answer', {}, /could not be read.*cc-session-recover status/],
  ['no sessions', { sessions: [] }, /^No session is stopped, waiting or running\.$/],
] as const) {
  test(`/recover shows ${what}`, async ($, on) => {
    const { ui } = await recover($, on, 75, answer);
    expect((await ui.find({ type: 'Text' }))?.text).toMatch(expected);
  });
}
