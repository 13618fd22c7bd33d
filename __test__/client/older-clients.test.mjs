// Older real clients, which report less: the stop is still recorded, a guessed reset is marked as a guess, and what the plan and `status`
// announce is what happens.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** Returns the epoch seconds of a full minute at least this many seconds ahead: older clients report the reset to the minute. */
function fullMinute(ahead) {
  return Math.ceil((Date.now() / 1000 + ahead) / 60) * 60;
}

const CASES = [
  { version: VERSIONS.beforeApiError, source: 'exact', knows: 'has no status word in its registry' },
  { version: VERSIONS.beforeQuotaLimits, source: 'guess', knows: 'reports the reset only in its text' },
  { version: VERSIONS.oldestWoken, source: 'guess', knows: 'does not pass its process id to hooks' },
];

suite('a usage limit in an older client', { concurrency: 4 }, () => {
  for (const { version, source, knows } of CASES) {
    test(`a limit in a client that ${knows} (${version}) is recorded and continued as planned`, async (t) => {
      const resetsAt = fullMinute(30);
      const stage = await scene(t, { version, scenario: [step.limit('5h', resetsAt), step.text('The task is finished.', { times: 9 })] });
      if (stage === null) return;
      const session = stage.open();
      session.prompt('Do the task.');
      const stop = await stage.stop(session.id ?? (await until('the session', () => session.id, 30)));
      assert.equal(stop.quotaLimits !== undefined, source === 'exact', 'the client is of the intended version');
      const refusedAt = stage.api.conversation().at(-1).at;

      const incident = await stage.incident(session.id, ({ plan }) => plan?.action === 'wake');
      assert.equal(incident.stop.kind, 'usage-limit-5h');
      assert.equal(incident.stop.resetsAtSource, source);
      assert.equal(Date.parse(incident.stop.resetsAt), resetsAt * 1000);
      const status = await stage.status(session.id);
      assert.equal(status.clientVersion, version);
      assert.equal(status.stop.resetsAtSource, source);
      assert.deepEqual([status.next.action, status.next.why], [incident.plan.action, incident.plan.why]);
      await until('the block in HANDOFF.md', () => stage.home.handoff().includes(session.id));

      // A guess is rounded down to the minute, so the wake may come a minute later.
      const settled = Math.max(resetsAt * 1000, Date.parse(incident.plan.at ?? incident.stop.resetsAt)) + 8000;
      await until('the announced time to pass', () => Date.now() > settled, 200);
      await until('the announced wake', () => stage.api.conversation(refusedAt).length > 0, 20);
      await pause(5);
      const after = stage.api.conversation(refusedAt);
      assert.equal(after.length, 1, 'exactly one continue');
      const drift = (after[0].at - Date.parse(incident.plan.at)) / 1000;
      assert.ok(drift >= 0 && drift <= 60, `woken ${drift} s from the planned second`);
      await stage.incident(session.id, ({ phase }) => phase === 'recovered');
      await pause(2);
      assert.ok(!stage.home.handoff().includes(session.id), 'the block is gone once the work went on');
      assert.deepEqual(stage.hookProcesses(), []);
    });
  }

  test(`a client with a limit menu (${VERSIONS.beforeQuotaLimits}) is woken once after the menu was closed`, async (t) => {
    const resetsAt = fullMinute(30);
    const stage = await scene(t, { version: VERSIONS.beforeQuotaLimits, scenario: [step.limit('5h', resetsAt), step.text('The task is finished.', { times: 9 })] });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const { sessionId } = await terminal.session();
    await terminal.type('Do the task.');
    await terminal.shows(/What do you want to do/);
    const incident = await stage.incident(sessionId, ({ plan }) => plan?.action === 'wake', 20);
    const refusedAt = stage.api.conversation().at(-1).at;
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 4000, 180);
    assert.equal(stage.api.conversation(refusedAt).length, 0, 'the menu holds it');
    await terminal.press('Enter');
    await until('the continue', () => stage.api.conversation(refusedAt).length > 0, 20);
    await stage.incident(sessionId, ({ phase }) => phase === 'recovered');
    await pause(3);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
  });

  test(`status reports a limit in a one-shot run of an older client (${VERSIONS.beforeQuotaLimits})`, async (t) => {
    const stage = await scene(t, { version: VERSIONS.beforeQuotaLimits, scenario: [step.limit('5h', fullMinute(30))] });
    if (stage === null) return;
    const { code, stdout } = await stage.once('Do the task.');
    assert.equal(code, 1, stdout);
    const { session_id: id } = JSON.parse(stdout);
    const status = await stage.status(id);
    assert.equal(status.stop.kind, 'usage-limit-5h');
    assert.equal(status.stop.resetsAtSource, 'guess');
    assert.equal(status.live, null);
  });
});
