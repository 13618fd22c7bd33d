// Background sessions of the real client: the worker of each session is reported, and the daemon, the hosts of its terminals and the spare
// workers are not mistaken for sessions.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { openBackground } from './background.mjs';
import { scene, step, until, wordsOf } from './scene.mjs';
import { ASKS, SHORT, WORK, becomesHung, neverHung, tells, work } from './states.mjs';

const worker = ({ job }, status, more = {}) => ({ kind: 'background', proof: 'registry', job, status, ...more });

/** Waits until the API has received this prompt. */
function asked(stage, prompt) {
  return until(`the request of ${prompt}`, () => stage.api.conversation().some(({ lastUser }) => lastUser?.endsWith(prompt)), 30);
}

suite('a background session', { concurrency: 2 }, () => {
  test('a background session is reported with its worker as idle, thinking and never hung, and waiting', async (t) => {
    const stage = await scene(t, { init: false, config: SHORT, scenario: [step.text('Answered.'), step.think(240, 'Answered.', { every: 1 }), work()] });
    if (stage === null) return;
    stage.program('work.sh', WORK);
    const background = openBackground(stage);

    const first = await background.start('Do the first task.', ...ASKS);
    await tells(stage, first.id, { state: 'active', activity: 'idle', stop: 'finished', pid: first.pid, live: worker(first, 'idle') });
    const second = await background.start('Do the second task.', ...ASKS);
    await asked(stage, 'Do the second task.');
    await tells(stage, second.id, { state: 'active', activity: 'busy', stop: 'running', pid: second.pid, live: worker(second, 'busy') });
    const third = await background.start('Do the third task.', ...ASKS);
    const waits = { state: 'active', activity: 'waiting', stop: 'waiting', pid: third.pid, waitingFor: 'permission prompt' };
    await tells(stage, third.id, { ...waits, live: worker(third, 'waiting') }, 30);
    await neverHung(stage, second.id, second.pid);
    await neverHung(stage, third.id, third.pid);

    const rows = await stage.rows();
    const pids = rows.map(({ live }) => live?.pid).toSorted((one, other) => one - other);
    assert.deepEqual(pids, [first.pid, second.pid, third.pid].toSorted((one, other) => one - other), 'a row for each session and no other');
    const lines = stage.inhabitants().map(({ pid }) => wordsOf(pid).join(' '));
    for (const helper of ['daemon run', 'bg-pty-host']) assert.ok(lines.some((line) => line.includes(helper)), `${helper} runs`);
    for (const { commands, live } of rows) assert.deepEqual(commands.resume, ['claude', 'attach', live.job]);

    const { code, stderr } = await background.claude('stop', first.job);
    assert.equal(code, 0, stderr);
    await until('the end of the worker', async () => (await stage.rows()).every((row) => row.live?.pid !== first.pid));
    const row = await stage.shown(first.id);
    assert.deepEqual([row.state, row.activity, row.stop.kind, row.live], ['completed', null, 'finished', null]);
  });

  test('a background session whose API never answers is hung after the threshold, then orphaned without its daemon', async (t) => {
    const stage = await scene(t, { init: false, config: SHORT, scenario: [step.hang({ times: 9 })] });
    if (stage === null) return;
    const background = openBackground(stage);
    const session = await background.start('Do the task.', ...ASKS);
    await asked(stage, 'Do the task.');
    await becomesHung(stage, session.id, { pid: session.pid, live: worker(session, 'busy') });
    const { code, stderr } = await background.claude('daemon', 'stop', '--any');
    assert.equal(code, 0, stderr);
    await tells(stage, session.id, { state: 'orphaned', activity: null, stop: 'closed', pid: null }, 30);
  });
});
