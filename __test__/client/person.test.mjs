// Stops that waiting does not resolve, on the real client: nothing is continued, and the note and `status` say what the user must do.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { QUICK, never, scene, step, until } from './scene.mjs';

/** Waits so short that an unwanted continuation would come within the test. */
const config = {
  ...QUICK,
  retry: { scheduleMinutes: [1 / 60, 1 / 60], rateLimitMinutes: [1 / 60], slowMinutes: 1 / 60, giveUpHours: 1 },
};

const CASES = [
  ['a refused API key', 'auth', 'key', step.failure('auth', { times: Infinity }), /log ?in|key/i],
  ['a subscriber who is logged out', 'auth', 'subscriber', step.failure('auth', { times: Infinity }), /log ?in/i],
  ['an organisation that forbids it', 'auth', 'subscriber', step.failure('forbidden', { times: Infinity }), /./],
  ['used-up credit', 'billing', 'key', step.failure('billing', { times: Infinity }), /credit|plan/i],
  ['a prompt that is too long', 'context-full', 'key', step.failure('context-full', { times: Infinity }), /compact|new/i],
  ['a request the API refuses', 'request-error', 'key', step.failure('bad-request', { times: Infinity }), /./],
];

suite('a session stopped by an error that needs the user', { concurrency: 3 }, () => {
  for (const [words, kind, credential, failure, advice] of CASES) {
    test(`a session stopped by ${words} is never continued, and the user gets the next step`, async (t) => {
      const stage = await scene(t, { config, scenario: [failure] });
      if (stage === null) return;
      const session = stage.open({ credential, env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
      session.prompt('Do the task.');
      await until('the stop', () => session.results().length === 1, 30);
      const stopped = stage.api.conversation().at(-1);
      const incident = await stage.incident(session.id, ({ plan }) => plan?.action === 'notify');
      // The client itself calls a 400 without a known meaning `unknown`.
      if (kind === 'request-error') assert.match(incident.stop.kind, /^(request-error|unknown)$/);
      else assert.equal(incident.stop.kind, kind);
      assert.equal(incident.phase, 'held');
      assert.equal(incident.plan.at, null);
      assert.match(incident.plan.why, advice);
      const status = await stage.status(session.id);
      assert.equal(status.next.action, 'notify');
      assert.equal(status.next.why, incident.plan.why);
      await until('the advice in HANDOFF.md', () => stage.home.handoff().includes(session.id));
      await until('the hook to end', () => stage.hookProcesses().length === 0, 15);
      await never('a continue', () => stage.api.conversation(stopped.at).length > 0, 5);
    });
  }
});
