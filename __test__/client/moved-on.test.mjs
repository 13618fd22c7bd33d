// A stop that must not be continued any more, on the real client: the user continued, left, closed or cancelled the session. A wake goes to
// the process, not to the conversation, so a late one would reach whatever is open then.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { QUICK, alive, never, pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

async function stoppedSession(stage, seconds) {
  stage.api.play(step.limitFor('5h', seconds), step.text('Answered.', { times: 9 }));
  const session = stage.open();
  session.prompt('Do the task.');
  await until('the stop', () => session.results().length === 1, 30);
  const incident = await stage.incident(session.id, ({ phase }) => phase === 'waiting');
  return { session, incident };
}

suite('a session that moved on', { concurrency: 3 }, () => {
  test('no wake comes after the user continued before it was due', async (t) => {
    const stage = await scene(t, { config: { ...QUICK, heartbeat: { graceSeconds: 20, stepSeconds: 0.25 } } });
    if (stage === null) return;
    const { session, incident } = await stoppedSession(stage, 3);
    await until('the reset', () => Date.now() > Date.parse(incident.stop.resetsAt), 10);
    session.prompt('Go on, please.');
    await until('the second turn', () => session.results().length === 2, 20);
    const answered = stage.api.conversation().length;
    await stage.incident(session.id, ({ phase }) => phase === 'moved-on');
    await until('the hook to end', () => stage.hookProcesses().length === 0, 10);
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 3000, 40);
    assert.equal(stage.api.conversation().length, answered, 'the user went on alone');
    assert.ok(!stage.home.handoff().includes(session.id), 'the block is gone');
  });

  test('a prompt during the limit replaces the wait with one for the new stop, which wakes once', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const { session, incident } = await stoppedSession(stage, 20);
    session.prompt('Try again.');
    await until('the second refusal', () => session.results().length === 2, 20);
    await until('the third turn', () => session.results().length === 3, 30);
    assert.equal(session.results()[2].is_error, false);
    const late = stage.api.conversation(Date.parse(incident.stop.resetsAt) - 1);
    await pause(4);
    assert.equal(stage.api.conversation(Date.parse(incident.stop.resetsAt) - 1).length, late.length);
    assert.equal(late.length, 1, 'two stops, one continue');
  });

  test('no wake comes after `cancel`', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const { session, incident } = await stoppedSession(stage, 20);
    const seen = stage.api.conversation().length;
    const { code, stderr } = await stage.cli('cancel', session.id);
    assert.equal(code, 0, stderr);
    assert.equal(stage.home.incident(session.id).phase, 'cancelled');
    await until('the hook to end', () => stage.hookProcesses().length === 0, 10);
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 3000, 20);
    assert.equal(stage.api.conversation().length, seen);
    const status = await stage.status(session.id);
    assert.notEqual(status?.next.action, 'wake');
  });

  test('no wake comes into the new conversation after `/clear`', async (t) => {
    const stage = await scene(t, { config: { ...QUICK, heartbeat: { graceSeconds: 4, stepSeconds: 0.25 } }, scenario: [step.limitFor('5h', 25)] });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const { sessionId } = await terminal.session();
    await terminal.type('Do the task.');
    const incident = await stage.incident(sessionId, ({ phase }) => phase === 'waiting', 20);
    await terminal.type('/clear');
    const fresh = await until('the new conversation', async () => {
      const entry = await terminal.session();
      return entry.sessionId !== sessionId && entry;
    });
    await until('the hook to end', () => stage.hookProcesses().length === 0, 15);
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 5000, 30);
    assert.equal(stage.api.conversation().length, 1, 'the API saw the refused request only');
    assert.equal(stage.home.incident(fresh.sessionId), null);
    // The task is unfinished, and the user can resume its session by hand.
    const after = stage.home.incident(sessionId);
    assert.notEqual(after.plan.action, 'wake');
  });

  test('when the terminal was closed; the incident stays and names the command that continues it', async (t) => {
    const stage = await scene(t, { scenario: [step.limitFor('5h', 25)] });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const { sessionId } = await terminal.session();
    await terminal.type('Do the task.');
    const incident = await stage.incident(sessionId, ({ phase }) => phase === 'waiting', 20);
    await terminal.end();
    assert.ok(!alive(terminal.pid));
    await until('the hook to end', () => stage.hookProcesses().length === 0, 15);
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 3000, 20);
    assert.equal(stage.api.conversation().length, 1, 'the API saw the refused request only');
    const status = await stage.status(sessionId);
    assert.equal(status.live, null);
    assert.equal(status.stop.kind, 'usage-limit-5h');
    assert.equal(status.next.action, 'resume');
    assert.ok(status.next.argv.includes(`--resume=${sessionId}`), status.next.argv.join(' '));
    assert.ok(stage.home.handoff().includes(sessionId), 'the note stays');
  });

  test('no wake comes after the client was killed, and the remaining hook exits', async (t) => {
    const stage = await scene(t, { config: { ...QUICK, heartbeat: { graceSeconds: 3, stepSeconds: 0.25 } } });
    if (stage === null) return;
    const { session } = await stoppedSession(stage, 20);
    session.child.kill('SIGKILL');
    await session.ended;
    await until('the hook to end', () => stage.hookProcesses().length === 0, 20);
    const status = await stage.status(session.id);
    assert.equal(status.live, null);
    assert.equal(status.next.action, 'resume');
    await never('a continue', () => stage.api.conversation().length > 1, 2);
  });
});
