// What changes when a waiting session is continued: usage that is available again early, other sessions of its account, a disk that
// was full at the stop, and a reset that was days away.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { endWith, hooked, idOf, livingClient, startHook, transcriptText } from './lib/hooks.mjs';

const skip = process.platform === 'linux' ? false : 'a client is played with /proc here';
const QUICK = { heartbeat: { graceSeconds: 0, stepSeconds: 0.2 }, notify: { desktop: false } };

/** @param {ReturnType<typeof world>} place @param {string} id */
const incidentOf = (place, id) => JSON.parse(readFileSync(join(place.state, 'incidents', `${id}.json`), 'utf8'));

/** @param {() => any} check @param {string} what @param {number} [seconds] */
async function until(check, what, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = check();
    if (found) return found;
    if (Date.now() > deadline) assert.fail(`not seen within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A project whose sessions have clients. @param {ReturnType<typeof world>} place @param {object} [config] */
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
    /** A session that starts. @param {string} id */
    open: async (id) => {
      const client = livingClient(place, id);
      await hook(id, client.pid, 'SessionStart', { source: 'startup' }).ended;
      return client;
    },
    /** Its stop at a 5-hour limit. @param {string} id @param {number} pid @param {number} resetsIn */
    stop: (id, pid, resetsIn) => {
      writeFileSync(transcriptOf(id), transcriptText('quota-5h-interactive', { id, cwd: place.project, resetsIn }));
      return hook(id, pid, 'StopFailure', { error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" });
    },
  };
}

/** A prompt and its answer. @param {string} id @param {string} cwd @param {{asked?: number, answered?: number}} [times] */
function turn(id, cwd, { asked = Date.now(), answered = asked + 5 } = {}) {
  const head = { isSidechain: false, sessionId: id, cwd, version: '2.1.332', entrypoint: 'cli', userType: 'external' };
  const user = { parentUuid: null, ...head, type: 'user', message: { role: 'user', content: 'hi' }, uuid: idOf(0x91), timestamp: new Date(asked).toISOString() };
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 1 } };
  const assistant = { parentUuid: user.uuid, ...head, message, type: 'assistant', uuid: idOf(0x92), timestamp: new Date(answered).toISOString() };
  return `${JSON.stringify(user)}\n${JSON.stringify(assistant)}\n`;
}

test('a turn of another session of the account that was asked for and answered after the stop makes the wait due', { skip }, async (t) => {
  const place = world(t);
  const { open, stop, transcriptOf } = await scene(place);
  const [own, other] = [idOf(1), idOf(2)];
  const client = await open(own);
  await open(other);
  const waiting = stop(own, client.pid, 5000);
  await until(() => existsSync(join(place.state, 'incidents', `${own}.json`)) && incidentOf(place, own).phase === 'waiting', 'it waits');
  const stopped = Date.parse(incidentOf(place, own).stop.at);
  // The control: an answer that was asked for before the stop may have been under way when the limit was reached.
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

test('of two sessions of one account that are due together one is woken first, and the other seconds after it works', { skip }, async (t) => {
  const place = world(t);
  const { open, stop, transcriptOf } = await scene(place);
  const ids = [idOf(1), idOf(2)];
  const clients = await Promise.all(ids.map((id) => open(id)));
  const hooks = ids.map((id, index) => stop(id, clients[index].pid, 8));
  const first = await Promise.race(hooks.map(async ({ ended }, index) => ({ index, ...(await ended) })));
  assert.equal(first.status, 2);
  const [early, late] = [ids[first.index], ids[1 - first.index]];
  // The control: nothing is seen of the first one, so the other waits although it is due.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  assert.deepEqual(incidentOf(place, late).attempts, []);
  assert.ok(Date.parse(incidentOf(place, late).plan.at) < Date.now());
  appendFileSync(transcriptOf(early), turn(early, place.project));
  assert.equal((await hooks[1 - first.index].ended).status, 2);
  const [one, two] = [early, late].map((id) => Date.parse(incidentOf(place, id).attempts[0].at));
  assert.ok(two - one >= 5000, `${two - one} ms apart`);
});

test('a stop that cannot be written is written once there is room again, while the client lives', { skip }, async (t) => {
  const place = world(t);
  const { open, stop } = await scene(place);
  const client = await open(idOf(1));
  const incidents = join(place.state, 'incidents');
  rmSync(incidents, { recursive: true, force: true });
  // As on a full disk: neither the incident nor the event in the spool can be written.
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
  // The control: without a client nothing is waited for.
  for (const dir of [incidents, spool]) {
    renameSync(dir, `${dir}.kept`);
    writeFileSync(dir, '');
  }
  const other = livingClient(place, idOf(2));
  await other.kill();
  const { status, seconds } = await stop(idOf(2), other.pid, 5000).ended;
  assert.equal(status, 0);
  assert.ok(seconds < 10, `${seconds} s`);
});

test('a limit that was days away is notified once more when it has reset, and status says so', { skip }, async (t) => {
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
  const reset = Date.now() + 12_000;
  write(reset);
  await hook(id, 4_194_304, 'SessionEnd', { reason: 'other' }).ended;
  assert.equal((await next()).reason, 'reset-far-away');
  await place.run(['watch', '--once', '--json']);
  assert.deepEqual(sent(), [], 'the control: it has not reset');
  await until(() => Date.now() > reset + 1000, 'the reset');
  assert.equal((await next()).reason, 'reset-passed');
  assert.match((await place.run(['status', '--all'])).stdout, /has reset/);
  for (let pass = 0; pass < 3; pass += 1) await place.run(['watch', '--once', '--json']);
  assert.deepEqual(sent(), ['limit-reset']);
});
