// What changes the time at which a waiting session is continued: usage that is available again early, other sessions of its account, a disk
// that was full at the stop, and a reset that was days away.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { endWith, hooked, idOf, livingClient, startHook, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

const skip = process.platform === 'linux' ? false : 'a client is played with /proc here';
const QUICK = { heartbeat: { graceSeconds: 0, stepSeconds: 0.2 }, notify: { desktop: false } };

/** @param {ReturnType<typeof world>} place @param {string} id */
const incidentOf = (place, id) => JSON.parse(readFileSync(join(place.state, 'incidents', `${id}.json`), 'utf8'));

/** Creates a project whose sessions have clients. @param {ReturnType<typeof world>} place @param {object} [config] */
async function scene(place, config = QUICK) {
  const { commandOf, transcriptOf } = await hooked(place, config);
  /** @param {string} id @param {number} pid @param {object} payload @param {string} event */
  const hook = (id, pid, event, payload = {}) => {
    const input = JSON.stringify({ session_id: id, hook_event_name: event, transcript_path: transcriptOf(id), cwd: place.project, ...payload });
    const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: id, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(pid) };
    const started = startHook(commandOf(event), input, { cwd: place.project, env });
    endWith(place, started);
    return started;
  };
  return {
    transcriptOf,
    hook,
    /** Starts a session with a client. @param {string} id */
    open: async (id) => {
      const client = livingClient(place, id);
      await hook(id, client.pid, 'SessionStart', { source: 'startup' }).ended;
      return client;
    },
    /**
     * Stops the session at a 5-hour limit, after the client continued it `continuations` times.
     *
     * @param {string} id
     * @param {number} pid
     * @param {number} resetsIn
     */
    stop: (id, pid, resetsIn, continuations = 0) => {
      const lines = transcriptText('quota-5h-interactive', { id, cwd: place.project, resetsIn }).split('\n');
      const limit = lines.findLastIndex((line) => line.includes('usage_limit_reached'));
      lines.splice(limit, 0, ...Array.from({ length: continuations }, (_, index) => continuation(id, place.project, index)));
      writeFileSync(transcriptOf(id), lines.join('\n'));
      return hook(id, pid, 'StopFailure', { error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" });
    },
  };
}

/**
 * Returns a prompt and its answer as transcript lines.
 *
 * @param {string} id
 * @param {string} cwd
 * @param {{asked?: number, answered?: number}} [times]
 */
function turn(id, cwd, { asked = Date.now(), answered = asked + 5 } = {}) {
  const head = { isSidechain: false, sessionId: id, cwd, version: '2.1.332', entrypoint: 'cli', userType: 'external' };
  const user = { parentUuid: null, ...head, type: 'user', message: { role: 'user', content: 'hi' }, uuid: idOf(0x91), timestamp: new Date(asked).toISOString() };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 1 } };
  const assistant = { parentUuid: user.uuid, ...head, message, type: 'assistant', uuid: idOf(0x92), timestamp: new Date(answered).toISOString() };
  return `${JSON.stringify(user)}\n${JSON.stringify(assistant)}\n`;
}

/** Returns the prompt of a continuation by the client itself. @param {string} id @param {string} cwd @param {number} index */
function continuation(id, cwd, index) {
  const origin = { isMeta: true, origin: { kind: 'auto-continuation' }, turnOrigin: 'auto_continuation' };
  const message = { role: 'user', content: 'Your claude.ai usage limit has reset. Continue the task.' };
  return JSON.stringify({ type: 'user', uuid: idOf(0xa0 + index), sessionId: id, cwd, timestamp: new Date().toISOString(), version: '2.1.332', entrypoint: 'cli', ...origin, message });
}

test('after three continuations by the client, status shows the budget of this tool, or that beyondClientCap leaves the session to the user', { skip }, async (t) => {
  for (const beyondClientCap of [true, false]) {
    const place = world(t);
    const { open, stop } = await scene(place, { ...QUICK, heartbeat: { ...QUICK.heartbeat, beyondClientCap } });
    const id = idOf(1);
    const client = await open(id);
    const waiting = stop(id, client.pid, beyondClientCap ? 5000 : 2, 3);
    await until(() => existsSync(join(place.state, 'incidents', `${id}.json`)) && incidentOf(place, id).phase === 'waiting', 'it waits');
    if (!beyondClientCap) {
      await until(() => incidentOf(place, id).heldBack?.reason === 'client-cap', 'it is held');
      await until(() => Date.now() > Date.parse(incidentOf(place, id).plan.at) + 3000, 'the planned time');
      assert.equal(waiting.child.exitCode, null, 'the hook still waits');
      assert.deepEqual(incidentOf(place, id).attempts, []);
    }
    const report = async () => JSON.parse((await place.run(['status', '--json'])).stdout).sessions.find((/** @type {any} */ one) => one.id === id);
    // The incident is on disk a moment before its waiting process is.
    const { next, dailyContinues } = await until(async () => {
      const shown = await report();
      return shown.next.reason !== 'waiter-gone' && shown;
    }, 'status sees the waiting hook');
    const expected = beyondClientCap ? ['wake', 'awaiting-reset', { used: 0, limit: 12 }] : ['notify', 'client-cap-reached', null];
    assert.deepEqual([next.action, next.reason, dailyContinues], expected);
    const { stdout } = await place.run(['status']);
    assert.match(stdout.replaceAll(/\s+/g, ' '), beyondClientCap ? /0 of 12 daily continues used/ : /continued it 3 times in a row, and heartbeat\.beyondClientCap is false/);
    await client.kill();
    assert.equal((await waiting.ended).status, 0);
  }
});

test('a turn of the same account that was asked and answered after the stop makes the wait due', { skip }, async (t) => {
  const place = world(t);
  const { open, stop, transcriptOf } = await scene(place);
  const [own, other] = [idOf(1), idOf(2)];
  const client = await open(own);
  await open(other);
  const waiting = stop(own, client.pid, 5000);
  await until(() => existsSync(join(place.state, 'incidents', `${own}.json`)) && incidentOf(place, own).phase === 'waiting', 'it waits');
  const stopped = Date.parse(incidentOf(place, own).stop.at);
  // Negative control: an answer requested before the stop may have been in progress when the limit was reached.
  writeFileSync(transcriptOf(other), turn(other, place.project, { asked: stopped - 4000, answered: Date.now() }));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(incidentOf(place, own).phase, 'waiting');
  appendFileSync(transcriptOf(other), turn(other, place.project));
  const { status, stderr } = await waiting.ended;
  assert.equal(status, 2);
  assert.match(stderr, /automated status report/);
  const { early, plan, stop: { resetsAt } } = incidentOf(place, own);
  assert.deepEqual([early.session, early.source, plan.reason], [other, 'turn', 'reset-early']);
  assert.ok(Date.parse(plan.at) < Date.parse(resetsAt) - 4_000_000);
});

test('of two due sessions of one account one is woken first, and the other seconds after the first one works', { skip }, async (t) => {
  const place = world(t);
  const { open, stop, transcriptOf } = await scene(place);
  const ids = [idOf(1), idOf(2)];
  const clients = await Promise.all(ids.map((id) => open(id)));
  const hooks = ids.map((id, index) => stop(id, clients[index].pid, 20));
  const first = await Promise.race(hooks.map(async ({ ended }, index) => ({ index, ...(await ended) })));
  assert.equal(first.status, 2);
  const [early, late] = [ids[first.index], ids[1 - first.index]];
  // Negative control: the first session shows no activity, so the other one waits although it is due.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  assert.deepEqual(incidentOf(place, late).attempts, []);
  assert.ok(Date.parse(incidentOf(place, late).plan.at) < Date.now());
  appendFileSync(transcriptOf(early), turn(early, place.project));
  assert.equal((await hooks[1 - first.index].ended).status, 2);
  const [one, two] = [early, late].map((id) => Date.parse(incidentOf(place, id).attempts[0].at));
  assert.ok(two - one >= 1000, `${two - one} ms apart`);
});

test('a stop that cannot be written is written once there is space again, while the client is running', { skip }, async (t) => {
  const place = world(t);
  const { open, stop } = await scene(place);
  const client = await open(idOf(1));
  const incidents = join(place.state, 'incidents');
  rmSync(incidents, { recursive: true, force: true });
  // Simulate a full disk: neither the incident nor the event in the spool can be written.
  const spool = join(place.state, 'spool');
  for (const dir of [incidents, spool]) {
    rmSync(dir, { recursive: true, force: true });
    writeFileSync(dir, '');
  }
  const waiting = stop(idOf(1), client.pid, 5000);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  for (const dir of [incidents, spool]) rmSync(dir);
  await until(() => existsSync(join(incidents, `${idOf(1)}.json`)) && incidentOf(place, idOf(1)).phase === 'waiting', 'it waits');
  assert.equal(waiting.child.exitCode, null);
  // The waiting hook would write to the directories that are taken away next.
  waiting.child.kill('SIGKILL');
  await waiting.ended;
  // Negative control: without a client the hook waits for nothing.
  for (const dir of [incidents, spool]) {
    if (existsSync(dir)) renameSync(dir, `${dir}.kept`);
    writeFileSync(dir, '');
  }
  const other = livingClient(place, idOf(2));
  await other.kill();
  const { status, seconds } = await stop(idOf(2), other.pid, 5000).ended;
  assert.equal(status, 0);
  assert.ok(seconds < 60, `${seconds} s`);
});

/** Holds the lock of a session's incident, as a suspended process would. @param {ReturnType<typeof world>} place @param {string} id @param {number} seconds */
async function holdLock(place, id, seconds) {
  mkdirSync(join(place.state, 'leases'), { recursive: true });
  const holder = spawn('flock', [join(place.state, 'leases', `${id}.lock`), 'sh', '-c', `echo held; sleep ${seconds}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  place.endings.push(() => holder.kill() && ended);
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  return { released: ended };
}

test('a stop reported while another process holds the lock is waited for', { skip }, async (t) => {
  const place = world(t);
  const { open, stop } = await scene(place);
  const client = await open(idOf(1));
  const { released } = await holdLock(place, idOf(1), 5);
  const waiting = stop(idOf(1), client.pid, 5000);
  await released;
  await until(() => existsSync(join(place.state, 'incidents', `${idOf(1)}.json`)) && incidentOf(place, idOf(1)).phase === 'waiting', 'it waits');
  assert.equal(waiting.child.exitCode, null);
  assert.equal(incidentOf(place, idOf(1)).generation, 1, 'the stop counts once');
});

for (const [what, disturb] of /** @type {[string, (place: ReturnType<typeof world>, due: number) => unknown][]} */ ([
  ['another process holds its lock at the planned time', (place, due) => holdLock(place, idOf(1), Math.ceil((due - Date.now()) / 1000) + 3)],
  [
    'its incident is damaged during the wait',
    (place) => {
      const path = join(place.state, 'incidents', `${idOf(1)}.json`);
      writeFileSync(path, readFileSync(path, 'utf8').slice(0, 300));
    },
  ],
])) {
  test(`a session is continued although ${what}`, { skip }, async (t) => {
    const place = world(t);
    const { open, stop } = await scene(place);
    const client = await open(idOf(1));
    const waiting = stop(idOf(1), client.pid, 30);
    await until(() => existsSync(join(place.state, 'leases', `${idOf(1)}.waiter`)) && incidentOf(place, idOf(1)).phase === 'waiting', 'it waits');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const due = Date.parse(incidentOf(place, idOf(1)).plan.at);
    await disturb(place, due);
    assert.ok(Date.now() < due, 'it was disturbed before the planned time');
    assert.equal((await waiting.ended).status, 2);
    assert.deepEqual([incidentOf(place, idOf(1)).phase, incidentOf(place, idOf(1)).attempts.length], ['attempting', 1]);
  });
}

test('a session is waited for once its lease can be taken again', { skip }, async (t) => {
  const place = world(t);
  const { open, stop } = await scene(place);
  const client = await open(idOf(1));
  const lease = join(place.state, 'leases', `${idOf(1)}.waiter`);
  mkdirSync(lease, { recursive: true });
  const waiting = stop(idOf(1), client.pid, 20);
  await until(() => existsSync(join(place.state, 'incidents', `${idOf(1)}.json`)) && incidentOf(place, idOf(1)).phase === 'waiting', 'it is planned');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(waiting.child.exitCode, null, 'the hook does not give up');
  rmSync(lease, { recursive: true });
  assert.equal((await waiting.ended).status, 2);
});

test('a damaged list of paused sessions continues none of them', { skip }, async (t) => {
  const place = world(t);
  const { open, stop } = await scene(place);
  const client = await open(idOf(1));
  const waiting = stop(idOf(1), client.pid, 20);
  await until(() => existsSync(join(place.state, 'incidents', `${idOf(1)}.json`)) && incidentOf(place, idOf(1)).phase === 'waiting', 'it waits');
  assert.equal((await place.run(['pause', '--all'])).status, 0);
  const paused = join(place.state, 'paused.json');
  writeFileSync(paused, readFileSync(paused, 'utf8').slice(0, 30));
  const due = Date.parse(incidentOf(place, idOf(1)).plan.at);
  assert.ok(Date.now() < due, 'it is paused before the planned time');
  await until(() => Date.now() > due + 3000, 'the planned time', 60);
  assert.equal(waiting.child.exitCode, null);
  assert.equal((await place.run(['pause', '--all', '--end'])).status, 0);
  assert.equal((await waiting.ended).status, 2);
});

test('the user is notified again when a distant limit has reset, and status reports it', { skip }, async (t) => {
  const place = world(t);
  const { hook, transcriptOf } = await scene(place, { notify: { desktop: true } });
  const id = idOf(1);
  const day = 86_400_000;
  /** @param {number} resets */
  const write = (resets) => {
    const lines = transcriptText('quota-weekly-interactive', { id, cwd: place.project }).split('\n').filter(Boolean).map((line) => JSON.parse(line));
    for (const record of lines) {
      if (record.timestamp) record.timestamp = new Date(Date.now() - 2 * day).toISOString();
      if (record.quotaLimits) record.quotaLimits.resetsAt = Math.floor(resets / 1000);
    }
    mkdirSync(dirname(transcriptOf(id)), { recursive: true });
    writeFileSync(transcriptOf(id), `${lines.map((record) => JSON.stringify(record)).join('\n')}\n`);
  };
  const sent = () => {
    const path = join(place.state, 'notices.json');
    return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).sent.map((/** @type {any} */ { kind }) => kind) : [];
  };
  const next = async () => JSON.parse((await place.run(['status', '--all', '--json'])).stdout).sessions.find((/** @type {any} */ one) => one.id === id).next;
  const reset = Date.now() + 25_000;
  write(reset);
  await hook(id, 4_194_304, 'SessionEnd', { reason: 'other' }).ended;
  assert.equal((await next()).reason, 'reset-far-away');
  await place.run(['watch', '--once', '--json']);
  assert.deepEqual(sent(), [], 'the control: it has not reset');
  await until(() => Date.now() > reset + 1000, 'the reset');
  assert.equal((await next()).reason, 'reset-passed');
  assert.match((await place.run(['status', '--all'])).stdout, /it reset at/);
  for (let pass = 0; pass < 3; pass += 1) await place.run(['watch', '--once', '--json']);
  assert.deepEqual(sent(), ['limit-reset']);
});

/**
 * Returns the end of a turn that the client wrapped up near a limit, as its own code writes it.
 *
 * @param {string} id
 * @param {string} cwd
 * @param {string[]} notes
 */
function wrappedUp(id, cwd, notes) {
  const head = { isSidechain: false, sessionId: id, cwd, version: '2.1.332', entrypoint: 'cli', userType: 'external', gitBranch: 'main' };
  let clock = Date.now() - 10_000;
  let parent = /** @type {string | null} */ (null);
  const next = (/** @type {object} */ fields) => {
    const uuid = idOf(0x100 + (clock % 0x1000));
    const record = { parentUuid: parent, ...head, ...fields, uuid, timestamp: new Date((clock += 1000)).toISOString() };
    parent = uuid;
    return JSON.stringify(record);
  };
  const lines = [
    next({ type: 'user', promptSource: 'typed', origin: { kind: 'human' }, message: { role: 'user', content: 'Port the parser' } }),
    next({ type: 'system', subtype: 'informational', content: 'Approaching your 5-hour usage limit \u2014 Claude will wrap up the current step.', level: 'notice' }),
    ...notes.map((note) => next({ type: 'user', isMeta: true, turnCompanion: true, usageLimitNote: note, message: { role: 'user', content: '[Usage limit approaching.]' } })),
    next({ type: 'assistant', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content: [{ type: 'text', text: 'Checkpoint. Remaining: the tests' }], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 1 } } }),
  ];
  return `${lines.join('\n')}\n`;
}

test('an open session wrapped up near a limit reports that it does not continue by itself, and what to type', { skip }, async (t) => {
  const place = world(t);
  const { open, hook, transcriptOf } = await scene(place);
  const id = idOf(1);
  const client = await open(id);
  const path = join(place.state, 'incidents', `${id}.json`);
  const next = async () => JSON.parse((await place.run(['status', '--all', '--json'])).stdout).sessions.find((/** @type {any} */ one) => one.id === id)?.next;
  // Negative control: the limit no longer applies to this turn.
  writeFileSync(transcriptOf(id), wrappedUp(id, place.project, ['near_limit', 'release']));
  await hook(id, client.pid, 'Stop', { last_assistant_message: 'Checkpoint. Remaining: the tests' }).ended;
  assert.equal(existsSync(path), false);
  writeFileSync(transcriptOf(id), wrappedUp(id, place.project, ['near_limit']));
  assert.equal((await next()).reason, 'wrapped-up', 'without a hook as well');
  await hook(id, client.pid, 'Stop', { last_assistant_message: 'Checkpoint. Remaining: the tests' }).ended;
  const { stop, plan } = incidentOf(place, id);
  assert.deepEqual([stop.kind, plan.action, plan.reason], ['usage-limit-5h', 'notify', 'wrapped-up']);
  const told = await next();
  assert.deepEqual([told.action, told.reason], ['notify', 'wrapped-up']);
  assert.match(told.why, /type `continue` in/);
  assert.match(readFileSync(join(place.project, 'HANDOFF.md'), 'utf8'), /does not continue by itself: type .continue. in/);
  // Once the client is closed, the session is resumed like after any other stop.
  await client.kill();
  await hook(id, client.pid, 'SessionEnd', { reason: 'other' }).ended;
  const closed = incidentOf(place, id).plan;
  assert.deepEqual([closed.action, closed.reason], ['resume', 'client-closed']);
});

/** Returns the start of an agent in a workflow's journal. @param {number} key */
const started = (key) => JSON.stringify({ type: 'started', key: `v2:${key}`, agentId: `a${key}`, label: `a${key}`, phase: 'P' });

test('a workflow agent refused by a limit is not a stopped session, and show prints the call that continues it', { skip }, async (t) => {
  const place = world(t);
  const { open, hook, transcriptOf } = await scene(place);
  const id = idOf(1);
  const client = await open(id);
  const run = 'wf_01234567-abc';
  const own = transcriptOf(id).replace(/\.jsonl$/, '');
  const dir = join(own, 'subagents', 'workflows', run);
  const script = join(own, 'workflows', 'scripts', `port-${run}.js`);
  for (const at of [dir, dirname(script)]) mkdirSync(at, { recursive: true });
  writeFileSync(script, 'export const meta = {}');
  const journal = ['{"type":"launched"}', started(1), JSON.stringify({ type: 'result', key: 'v2:1', agentId: 'a1', result: 'done' }), started(2), started(3)];
  writeFileSync(join(dir, 'journal.jsonl'), `${journal.join('\n')}\n`);
  const refused = { type: 'assistant', isSidechain: true, agentId: 'a2', sessionId: id, uuid: idOf(5), timestamp: new Date().toISOString(), isApiErrorMessage: true, error: 'rate_limit', apiError: 'usage_limit_reached', apiErrorStatus: 429, quotaLimits: { status: 'rejected', resetsAt: Math.floor(Date.now() / 1000) + 3000, rateLimitType: 'five_hour' }, message: { model: '<synthetic>', content: [{ type: 'text', text: "You've hit your 5-hour limit" }] } };
  writeFileSync(join(dir, 'agent-a2.jsonl'), `${JSON.stringify(refused)}\n`);
  writeFileSync(transcriptOf(id), turn(id, place.project));
  const failure = { error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" };
  await hook(id, client.pid, 'StopFailure', { ...failure, agent_id: 'a2', agent_type: 'workflow-subagent' }).ended;
  assert.equal(existsSync(join(place.state, 'incidents', `${id}.json`)), false);
  const { workflows } = JSON.parse((await place.run(['show', id, '--json'])).stdout);
  const resumeCall = `Workflow({scriptPath: ${JSON.stringify(script)}, resumeFromRunId: "${run}"})`;
  assert.deepEqual(workflows, [{ id: run, finished: ['a1'], refused: ['a2'], cut: ['a3'], failed: [], resumeCall }]);
  const shown = (await place.run(['show', id])).stdout;
  assert.match(shown, /1 finished: a1/);
  assert.match(shown, /1 refused by the limit: a2/);
  assert.match(shown, /resumeFromRunId/);
  // Control: the same failure in the main conversation is a stop.
  const stopped = hook(id, client.pid, 'StopFailure', failure);
  await until(() => existsSync(join(place.state, 'incidents', `${id}.json`)), 'the incident');
  stopped.child.kill('SIGKILL');
});
