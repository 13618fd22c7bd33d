// Stops that resolve by themselves, on the real client: the session is continued on a schedule, and given up if that does not help.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { QUICK, never, pause, scene, step, until } from './scene.mjs';

/** The client's own retries are off: these tests begin where they end. */
const env = { CLAUDE_CODE_MAX_RETRIES: '0' };

const seconds = (count) => count / 60;
const config = {
  ...QUICK,
  retry: { scheduleMinutes: [seconds(2), seconds(3), seconds(3)], rateLimitMinutes: [seconds(2), seconds(3)], slowMinutes: seconds(3), giveUpHours: 1 },
};
/** The first wait is long enough that a hook which starts late still waits. */
const patient = { ...config, retry: { ...config.retry, scheduleMinutes: [seconds(12), seconds(12)], rateLimitMinutes: [seconds(12), seconds(12)] } };

const CASES = [
  ['an API key that is refused for its rate', 'rate-limit', step.failure('rate-limit')],
  ['an overloaded service', 'overloaded', step.failure('overloaded')],
  ['a server error', 'server-error', step.failure('server-error')],
  ['a connection that drops before an answer', 'network', step.drop('before')],
  // The client itself retries once if an answer breaks off.
  ['a connection that drops in the middle of an answer', 'network', step.drop('middle', { times: 2 })],
];

suite('a session stopped by a transient error', { concurrency: 3 }, () => {
  for (const [words, kind, failure] of CASES) {
    test(`a session stopped by ${words} is continued once after the first wait of the schedule`, async (t) => {
      const stage = await scene(t, { config: patient, scenario: [failure, step.text('Done now.')] });
      if (stage === null) return;
      const session = stage.open({ credential: 'key', env });
      session.prompt('Do the task.');
      await until('the stop', () => session.results().length === 1, 30);
      const stopped = stage.api.conversation().at(-1);
      const incident = await stage.incident(session.id, ({ phase }) => phase === 'waiting');
      assert.equal(incident.stop.kind, kind);
      assert.equal(incident.stop.resetsAt ?? null, null);
      assert.equal(incident.plan.action, 'wake');
      await until('the second turn', () => session.results().length === 2, 20);
      const [next] = stage.api.conversation(stopped.at);
      const drift = (next.at - Date.parse(incident.plan.at)) / 1000;
      assert.ok(drift >= 0 && drift <= 60, `woken ${drift} s from the planned second`);
      assert.equal(session.results()[1].is_error, false);
      await stage.incident(session.id, ({ phase }) => phase === 'recovered');
      await pause(2);
      assert.equal(stage.api.conversation(stopped.at).length, 1, 'exactly one continue');
    });
  }

  test('an overload that does not end is tried again by the schedule, and given up after the configured hours', async (t) => {
    const short = { ...config, retry: { ...config.retry, giveUpHours: 45 / 3600 } };
    const stage = await scene(t, { config: short, scenario: [step.failure('overloaded', { times: Infinity })] });
    if (stage === null) return;
    const session = stage.open({ credential: 'key', env });
    session.prompt('Do the task.');
    const incident = await until('giving up', () => {
      const value = session.id && stage.home.incident(session.id);
      return value?.phase === 'given-up' ? value : null;
    }, 90);
    assert.equal(incident.plan.reason, 'gave-up-waiting');
    assert.ok(incident.attempts.length > config.retry.scheduleMinutes.length, `${incident.attempts.length} attempts`);
    assert.deepEqual(new Set(incident.attempts.map(({ outcome }) => outcome)), new Set(['stopped-again']));
    assert.equal(incident.plan.action, 'notify');
    const requests = stage.api.conversation();
    assert.equal(requests.length, 1 + incident.attempts.length);
    await never('another attempt', () => stage.api.conversation().length > requests.length, 6);
    const status = await stage.status(session.id);
    assert.equal(status.incident.phase, 'given-up');
    assert.ok(stage.home.handoff().includes(session.id), 'the note stays');
  });

  test('a persistent rate limit is given up after the configured hours', async (t) => {
    const short = { ...config, retry: { ...config.retry, giveUpHours: 30 / 3600 } };
    const stage = await scene(t, { config: short, scenario: [step.failure('rate-limit', { times: Infinity })] });
    if (stage === null) return;
    const session = stage.open({ credential: 'key', env });
    session.prompt('Do the task.');
    await until('giving up', () => session.id && stage.home.incident(session.id)?.phase === 'given-up', 60);
    const seen = stage.api.conversation().length;
    assert.ok(seen >= 3 && seen <= 13, `${seen} requests within 30 seconds of waits of 2 and 3`);
    await never('another attempt', () => stage.api.conversation().length > seen, 6);
  });
});
