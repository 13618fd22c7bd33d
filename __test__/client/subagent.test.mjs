// A failing subagent is not a stop of the session, on the real client: the main turn continues, and nothing may be recorded or continued.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { never, scene, step, until } from './scene.mjs';

suite('a failing subagent', { concurrency: 2 }, () => {
  for (const [words, failure] of [
    ['an overloaded service', step.failure('overloaded', { times: Infinity })],
    ['a usage limit', step.limitFor('5h', 3)],
  ]) {
    test(`a subagent stopped by ${words} leaves no incident and causes no wake`, async (t) => {
      const agent = { description: 'Look around', prompt: 'Look around.', subagent_type: 'general-purpose', run_in_background: false };
      const stage = await scene(t, { scenario: [step.tool('Agent', agent), step.text('The main turn is finished.')], subagents: [failure] });
      if (stage === null) return;
      const session = stage.open({ env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
      session.prompt('Send a subagent.');
      await until('the end of the turn', () => session.results().length === 1, 30);
      assert.equal(session.results()[0].is_error, false);
      assert.ok(stage.api.requests.some(({ kind, status }) => kind === 'subagent' && status >= 400), 'a subagent did fail');
      const seen = stage.api.conversation().length;
      await never('an incident', () => stage.home.incident(session.id), 3);
      await never('a continue', () => stage.api.conversation().length > seen, 5);
      assert.ok(!stage.home.handoff().includes(session.id), 'no block in HANDOFF.md');
      assert.deepEqual(stage.hookProcesses(), []);
    });
  }
});
