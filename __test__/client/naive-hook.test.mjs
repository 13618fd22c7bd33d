// The negative control of the other tests in this directory: on the real client, a hook that simply sleeps and wakes makes every mistake
// that ours must not make, and the counts of those tests show it.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** Creates a scene with a hook that wakes the session this many seconds after any stop, without any check. */
async function naiveScene(t, seconds, scenario) {
  const stage = await scene(t, { init: false, scenario });
  if (stage === null) return null;
  const { project } = stage.home;
  const command = `sleep ${seconds}; echo "Naive wake." >&2; exit 2`;
  mkdirSync(path.join(project, '.claude'));
  const hooks = { StopFailure: [{ hooks: [{ type: 'command', command, asyncRewake: true, timeout: 600 }] }] };
  writeFileSync(path.join(project, '.claude', 'settings.json'), JSON.stringify({ hooks }));
  return stage;
}

suite('a hook that wakes without checks (control)', { concurrency: 4 }, () => {
  test('a naive hook prompts while the limit still applies', async (t) => {
    const stage = await naiveScene(t, 1, [step.limitFor('5h', 20)]);
    if (stage === null) return;
    const session = stage.open();
    session.prompt('Do the task.');
    const stop = await stage.stop(await until('the session', () => session.id, 30));
    await until('the second turn', () => session.results().length >= 2, 20);
    const early = stage.api.conversation().filter(({ at }) => at < stop.quotaLimits.resetsAt * 1000);
    assert.ok(early.length >= 2, 'a request came between the stop and the reset');
  });

  test('a naive hook continues a session that the user already continued', async (t) => {
    const stage = await naiveScene(t, 20, [step.limitFor('5h', 2), step.text('Answered.', { times: 9 })]);
    if (stage === null) return;
    const session = stage.open();
    session.prompt('Do the task.');
    await until('the stop', () => session.results().length === 1, 30);
    await pause(3);
    session.prompt('Go on, please.');
    await until('the second turn', () => session.results().length === 2, 20);
    const answered = stage.api.conversation().length;
    await until('one request too many', () => stage.api.conversation().length > answered, 20);
  });

  test('a naive hook prompts in the new conversation after `/clear`', async (t) => {
    const stage = await naiveScene(t, 20, [step.limitFor('5h', 6)]);
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const { sessionId } = await terminal.session();
    await terminal.type('Do the task.');
    await stage.stop(sessionId);
    await terminal.type('/clear');
    const stray = await until('a request in the new conversation', () => stage.api.conversation().find(({ session }) => session !== sessionId), 20);
    assert.match(stray.lastUser, /Naive wake/);
  });

  test('a naive hook continues after a subagent failed', async (t) => {
    const agent = { description: 'Look around', prompt: 'Look around.', subagent_type: 'general-purpose', run_in_background: false };
    const stage = await naiveScene(t, 2, [step.tool('Agent', agent), step.text('The main turn is finished.')]);
    if (stage === null) return;
    stage.api.queues.subagent = [step.failure('overloaded', { times: Infinity })];
    const session = stage.open({ env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
    session.prompt('Send a subagent.');
    await until('the end of the turn', () => session.results().length === 1, 30);
    const answered = stage.api.conversation().length;
    await until('one request too many', () => stage.api.conversation().length > answered, 10);
  });
});

test('a session without hooks stays stopped', async (t) => {
  const stage = await scene(t, { init: false, scenario: [step.limitFor('5h', 2)] });
  if (stage === null) return;
  const session = stage.open();
  session.prompt('Do the task.');
  await until('the stop', () => session.results().length === 1, 30);
  await pause(8);
  assert.equal(stage.api.conversation().length, 1);
});
