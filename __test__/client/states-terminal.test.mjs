// A client in a terminal, in every possible state: `status --all --json` reports the state, the activity, the stop and the process.

import assert from 'node:assert/strict';
import path from 'node:path';
import { suite, test } from 'node:test';
import { alive, descendants, kill, pause, scene, step, until } from './scene.mjs';
import { ASKS, SHORT, WORK, allows, becomesHung, delegate, inTerminal, neverHung, tells, work } from './states.mjs';
import { openTerminal } from './terminal.mjs';

/** Creates a scene with a client in a terminal that was given a task; returns `null` if the test is skipped. */
async function atWork(t, { args = ASKS, prompt = 'Do the task.', env, config = SHORT, init = false, ...options } = {}) {
  const stage = await scene(t, { init, config, ...options });
  if (stage === null) return null;
  stage.program('work.sh', WORK);
  const terminal = await openTerminal(t, stage, { args, env });
  if (terminal === null) return null;
  const { sessionId: id } = await terminal.session();
  if (prompt !== null) await terminal.type(prompt);
  const { pid } = terminal;
  return { stage, terminal, id, pid };
}

/** Waits until the API has received this many requests. */
function asked(stage, count = 1) {
  return until(`request ${count}`, () => stage.api.requests.filter(({ kind }) => kind === 'main' || kind === 'subagent').length >= count, 20);
}

/** Waits until the client's tool runs, and returns the descendants of the client. */
async function toolRuns(stage, pid) {
  const programs = await until('the tool', async () => {
    const below = await descendants(pid);
    return below.some(({ command }) => command === 'sleep') && below;
  });
  stage.endings.push(() => programs.forEach((program) => kill(program.pid)));
  return programs;
}

const QUESTION = {
  questions: [
    {
      question: 'Which of them?',
      header: 'Choice',
      multiSelect: false,
      options: [
        { label: 'This', description: 'The first' },
        { label: 'That', description: 'The second' },
      ],
    },
  ],
};

suite('a client in a terminal', { concurrency: 5 }, () => {
  test('a terminal client that answered is active and idle with its turn finished', async (t) => {
    const play = await atWork(t, { scenario: [step.text('Answered.')], args: [...ASKS, '--name', 'the named one'] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    const row = await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal, { status: 'idle', children: [] }) });
    assert.equal(row.name, 'the named one');
    await terminal.type('/rename another name');
    await until('the new name', async () => (await stage.rows()).find((session) => session.id === id)?.name === 'another name');
  });

  test('a terminal client that thinks for long is active and busy, never hung', async (t) => {
    const play = await atWork(t, { scenario: [step.think(240, 'Answered.', { every: 1 })] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await asked(stage);
    await tells(stage, id, { state: 'active', activity: 'busy', stop: 'running', pid, live: inTerminal(terminal, { status: 'busy' }) });
    await neverHung(stage, id, pid);
  });

  test('a terminal client that waits for a permission is active and waiting, never hung', async (t) => {
    const play = await atWork(t, { scenario: [work()] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    const waits = { state: 'active', activity: 'waiting', stop: 'waiting', pid, waitingFor: 'permission prompt', live: inTerminal(terminal, { status: 'waiting' }) };
    await tells(stage, id, waits);
    await neverHung(stage, id, pid);
    await tells(stage, id, waits);
  });

  test('a terminal client that waits for an answer is active and waiting, never hung', async (t) => {
    const play = await atWork(t, { scenario: [step.tool('AskUserQuestion', QUESTION)] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    const waits = { state: 'active', activity: 'waiting', stop: 'waiting', pid, waitingFor: 'input needed', live: inTerminal(terminal, { status: 'waiting' }) };
    await tells(stage, id, waits);
    await neverHung(stage, id, pid);
  });

  test('a terminal client that waits for a limit is active and idle, with the exact reset time', async (t) => {
    const resetsAt = Math.floor(Date.now() / 1000) + 3600;
    // Install the hooks with `init`, so that the waiting one is a child of the client.
    const play = await atWork(t, { init: true, scenario: [step.limit('5h', resetsAt)] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await stage.incident(id, ({ plan }) => plan?.action !== undefined, 20);
    const row = await tells(stage, id, { state: 'active', activity: 'idle', stop: 'usage-limit-5h', pid, live: inTerminal(terminal, { status: 'idle' }) });
    assert.equal(Date.parse(row.stop.resetsAt), resetsAt * 1000);
    assert.equal(row.stop.resetsAtSource, 'exact');
    await neverHung(stage, id, pid);
  });

  test('a terminal client that shows the weekly limit menu is active and waiting', async (t) => {
    const resetsAt = Math.floor(Date.now() / 1000) + 3 * 86_400;
    const play = await atWork(t, { scenario: [step.limit('weekly', resetsAt)] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    const row = await tells(stage, id, {
      state: 'active',
      activity: 'waiting',
      stop: 'usage-limit-weekly',
      pid,
      waitingFor: 'dialog open',
      live: inTerminal(terminal, { status: 'waiting' }),
    });
    assert.equal(Date.parse(row.stop.resetsAt), resetsAt * 1000);
  });

  for (const [words, hang] of [
    ['never answers', step.hang({ times: 9 })],
    ['begins an answer and falls silent', step.hang({ when: 'middle', times: 9 })],
  ]) {
    test(`a terminal client whose API ${words} is hung after the threshold, and not before`, async (t) => {
      const play = await atWork(t, { scenario: [hang] });
      if (play === null) return;
      const { stage, terminal, id, pid } = play;
      await asked(stage);
      await becomesHung(stage, id, { pid, live: inTerminal(terminal, { status: 'busy', children: [] }) });
      // The user interrupts it, and it is no longer hung.
      await terminal.press('Escape');
      await until('the end of the hang', async () => {
        const row = (await stage.rows()).find((session) => session.id === id);
        return row?.state === 'active' && row.activity === 'idle';
      });
    });
  }

  test('a terminal client whose tool runs for long is active and busy with that program, never hung', async (t) => {
    const play = await atWork(t, { scenario: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await toolRuns(stage, pid);
    const busy = { state: 'active', activity: 'busy', stop: 'running', pid, live: inTerminal(terminal, { status: 'busy', children: ['sleep'] }) };
    await tells(stage, id, busy);
    await neverHung(stage, id, pid);
    await tells(stage, id, busy);
  });

  test('a terminal client that left a background program running is active with its turn finished, never hung', async (t) => {
    const server = step.tool('Bash', { command: './work.sh', description: 'Serve', run_in_background: true });
    const play = await atWork(t, { scenario: [server, step.text('Started.')], args: allows('Bash') });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await toolRuns(stage, pid);
    await terminal.shows(/Started\./);
    // Run one more turn with a tool, some seconds later: the program is then older than the newest call, like a development server.
    await pause(4);
    stage.api.play(step.tool('Read', { file_path: path.join(stage.home.project, 'README.md') }), step.text('Answered.'));
    await terminal.type('And the next task.');
    await terminal.shows(/Answered\./);
    const serves = { state: 'active', stop: 'finished', pid, live: inTerminal(terminal, { status: 'shell', children: ['sleep'] }) };
    await tells(stage, id, serves);
    await neverHung(stage, id, pid);
    await tells(stage, id, serves);
  });

  test('a terminal client whose subagent thinks for long is active and busy, never hung', async (t) => {
    const play = await atWork(t, { scenario: [delegate(), step.text('Sent.')], subagents: [step.think(240, 'Looked.', { every: 1 })] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    // The client moves the subagent to the background and ends its own turn.
    await asked(stage, 3);
    await tells(stage, id, { state: 'active', activity: 'busy', stop: 'running', pid, live: inTerminal(terminal, { status: 'busy' }) });
    await neverHung(stage, id, pid);
  });

  test('a terminal client whose subagent runs a long tool is active and busy, never hung', async (t) => {
    const play = await atWork(t, { scenario: [delegate(), step.text('Sent.')], subagents: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await toolRuns(stage, pid);
    await tells(stage, id, { state: 'active', activity: 'busy', stop: 'running', pid, live: inTerminal(terminal, { status: 'busy', children: ['sleep'] }) });
    await neverHung(stage, id, pid);
  });

  test('a terminal client that the user interrupted is active and idle', async (t) => {
    const play = await atWork(t, { scenario: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await toolRuns(stage, pid);
    await terminal.press('Escape');
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'interrupted', pid, live: inTerminal(terminal, { status: 'idle' }) });
  });

  test('a terminal client killed during a turn is orphaned, and idle once resumed', async (t) => {
    const play = await atWork(t, { scenario: [step.text('Answered.'), step.hang()] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal) });
    await terminal.type('Now the second task.');
    await asked(stage, 2);
    await until('the prompt in the transcript', () => stage.home.records(id).some(({ type, message }) => type === 'user' && JSON.stringify(message).includes('second task')));
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
    // Reopen the session: another process with the same session id, for which no automatic step is planned.
    const again = await openTerminal(t, stage, { args: [...ASKS, '--resume', id] });
    await until('the resumed session', async () => (await again.session()).sessionId === id);
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'crashed', pid: again.pid, live: inTerminal(again, { status: 'idle' }) });
    assert.notEqual(again.pid, pid);
  });

  test('a terminal client killed while its tool ran is orphaned even if the tool still runs', async (t) => {
    const play = await atWork(t, { scenario: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, id, pid } = play;
    const programs = await toolRuns(stage, pid);
    // The client writes to the transcript a moment after it has started the tool.
    await until('the call in the transcript', () => JSON.stringify(stage.home.records(id)).includes('"tool_use"'));
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
    assert.ok(programs.some((program) => program.command === 'sleep' && alive(program.pid)), 'the tool lives');
  });

  test('a terminal client whose window was closed while its tool ran is orphaned and reported as closed', async (t) => {
    const play = await atWork(t, { scenario: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await toolRuns(stage, pid);
    await terminal.end();
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'closed', pid: null });
  });

  test('a terminal client whose window was closed before any answer is orphaned and reported as interrupted', async (t) => {
    const play = await atWork(t, { scenario: [step.think(240, 'Answered.', { every: 1 })] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await tells(stage, id, { state: 'active', activity: 'busy', stop: 'running', pid, live: inTerminal(terminal) });
    await terminal.end();
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'interrupted', pid: null });
  });

  test('a terminal client that started a new conversation owns the new one, and the old one is completed', async (t) => {
    const play = await atWork(t, { scenario: [step.text('Answered.', { times: 2 })] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal) });
    await terminal.type('/clear');
    const fresh = await until('the new conversation', async () => {
      const { sessionId } = await terminal.session();
      return sessionId !== id && sessionId;
    });
    await terminal.type('Another task.');
    await tells(stage, fresh, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal, { status: 'idle' }) });
    const old = await stage.shown(id);
    assert.deepEqual([old.state, old.activity, old.stop.kind, old.live, old.openAtCrash], ['completed', null, 'finished', null, null]);
  });

  test('a terminal client is not confused with another one in the same directory', async (t) => {
    const play = await atWork(t, { scenario: [step.text('Answered.'), work()] });
    if (play === null) return;
    const { stage, terminal, id, pid } = play;
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal) });
    const other = await openTerminal(t, stage, { args: ASKS });
    const { sessionId } = await other.session();
    await other.type('Do the other task.');
    const waits = { state: 'active', activity: 'waiting', stop: 'waiting', pid: other.pid, waitingFor: 'permission prompt' };
    await tells(stage, sessionId, { ...waits, live: inTerminal(other, { status: 'waiting' }) });
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal) });
    kill(other.pid);
    await until('its end', () => !alive(other.pid));
    await tells(stage, sessionId, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid, live: inTerminal(terminal) });
  });
});
