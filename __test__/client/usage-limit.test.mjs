// The main job on the real client: an open session meets a usage limit, waits without a request to the API, and continues by itself, once.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { QUICK, never, pause, scene, step, until } from './scene.mjs';

/** Plays a task whose first request calls a tool, so that the limit comes in the middle of work. */
function task(stage, limit) {
  stage.api.play(
    step.tool('Write', { file_path: `${stage.home.project}/plan.md`, content: '1. go\n' }, { say: 'Writing the plan first.' }),
    limit,
    step.text('The task is finished.'),
  );
  const session = stage.open({ args: ['--permission-mode', 'acceptEdits'] });
  session.prompt('Write a plan into plan.md, then carry it out.');
  return until('the session', () => session.id, 30).then(() => session);
}

suite('a usage limit in an open session', { concurrency: 3 }, () => {
  test('of five hours is waited for and the session continues by itself, once, within five seconds of the planned second', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const session = await task(stage, step.limitFor('5h', 25));
    const stop = await stage.stop(session.id);
    const { resetsAt } = stop.quotaLimits;
    const refusedAt = stage.api.conversation().at(-1).at;

    const waiting = await stage.incident(session.id, ({ phase }) => phase === 'waiting');
    assert.equal(waiting.stop.kind, 'usage-limit-5h');
    assert.equal(Date.parse(waiting.stop.resetsAt), resetsAt * 1000, 'the reset is the one of the client');
    assert.equal(waiting.stop.resetsAtSource, 'exact');
    assert.equal(waiting.plan.action, 'wake');
    assert.equal(Date.parse(waiting.plan.at), (resetsAt + QUICK.heartbeat.graceSeconds) * 1000);
    await until('the block in HANDOFF.md', () => stage.home.handoff().includes(session.id));
    const status = await stage.status(session.id);
    assert.equal(status.stop.kind, 'usage-limit-5h');
    assert.equal(status.next.action, 'wake');
    assert.equal(status.live?.pid, stage.home.registered(session.id).pid);

    await until('the second turn', () => session.results().length === 2, 30);
    // What the client needs between the wake and its request depends on the machine.
    const [planned, woken, asked] = [waiting.plan.at, stage.home.incident(session.id).attempts[0].at, stage.api.conversation(refusedAt)[0].at].map((at) => new Date(at).getTime() / 1000);
    assert.ok(woken >= planned && woken <= planned + 5, `woken ${woken - planned} s from the planned second`);
    assert.ok(asked >= planned && asked <= planned + 60, `asked ${asked - planned} s from the planned second`);
    assert.equal(session.results()[1].is_error, false);
    assert.equal(stage.answersAfter(session.id, stop).at(-1).message.content[0].text, 'The task is finished.');

    await stage.incident(session.id, ({ phase }) => phase === 'recovered');
    await until('the block to leave HANDOFF.md', () => !stage.home.handoff().includes(session.id));
    await pause(3);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
    assert.deepEqual(stage.hookProcesses(), [], 'no hook is left behind');
  });

  test('a session that meets a limit again after the wake waits for the new reset', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const session = await task(stage, step.limitFor('5h', 3));
    stage.api.queues.main.splice(2, 0, step.limitFor('5h', 4));
    await until('the third turn', () => session.results().length === 3, 45);
    assert.deepEqual(session.results().map((result) => result.is_error), [true, true, false]);
    const stops = stage.errorRecords(session.id);
    assert.equal(stops.length, 2);
    assert.notEqual(stops[0].quotaLimits.resetsAt, stops[1].quotaLimits.resetsAt);
    await stage.incident(session.id, ({ phase }) => phase === 'recovered');
    await pause(2);
    assert.equal(stage.api.conversation().length, 4, 'one request for each: tool call, limit, second limit, answer');
  });

  test('a weekly limit is recorded and notified, and not continued unless the user configured it', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const session = await task(stage, step.limitFor('weekly', 2 * 86_400));
    const stop = await stage.stop(session.id);
    const refusedAt = stage.api.conversation().at(-1).at;
    const incident = await stage.incident(session.id, ({ plan }) => plan?.action === 'notify');
    assert.equal(incident.stop.kind, 'usage-limit-weekly');
    assert.equal(incident.phase, 'held');
    assert.equal(Date.parse(incident.stop.resetsAt), stop.quotaLimits.resetsAt * 1000);
    const status = await stage.status(session.id);
    assert.equal(status.next.action, 'notify');
    assert.match(status.next.why, /week/i);
    await until('the block in HANDOFF.md', () => stage.home.handoff().includes(session.id));
    await never('a continue', () => stage.api.conversation(refusedAt).length > 0, 8);
  });

  test('a weekly limit is continued when the user configured it', async (t) => {
    const stage = await scene(t, { config: { ...QUICK, stops: { 'usage-limit-weekly': 'resume' } } });
    if (stage === null) return;
    const session = await task(stage, step.limitFor('weekly', 4));
    const stop = await stage.stop(session.id);
    const refusedAt = stage.api.conversation().at(-1).at;
    await until('the second turn', () => session.results().length === 2, 30);
    assert.ok(stage.api.conversation(refusedAt)[0].at >= stop.quotaLimits.resetsAt * 1000, 'not before the reset');
    await stage.incident(session.id, ({ phase }) => phase === 'recovered');
    await pause(2);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
  });

  test('a limit of one model is waited for like any other', async (t) => {
    const stage = await scene(t, { config: { ...QUICK, stops: { 'usage-limit-other': 'resume', 'usage-limit-weekly': 'resume' } } });
    if (stage === null) return;
    const session = await task(stage, step.limitFor('opus', 4));
    const stop = await stage.stop(session.id);
    const incident = await stage.incident(session.id, ({ stop: { resetsAtSource } }) => resetsAtSource === 'exact');
    assert.equal(incident.stop.kind, 'usage-limit-opus');
    assert.equal(Date.parse(incident.stop.resetsAt), stop.quotaLimits.resetsAt * 1000);
    await until('the second turn', () => session.results().length === 2, 30);
  });
});
