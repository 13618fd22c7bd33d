// Saved states on the real client: what the next request to the API contains after a compaction, a resume, a clear and a new start.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { QUICK, kill, scene, step, until } from './scene.mjs';
import { WORK, allows, work } from './states.mjs';
import { openTerminal } from './terminal.mjs';

const GIVEN = /cc-session-recover: this session was (resumed|compacted)\. What it was doing/g;
const POINTED = /cc-session-recover: (unfinished work of earlier sessions in this project|what the session before this one did)/g;

/** Returns how often a request contains a text, anywhere in the conversation. */
function carried(request, what) {
  return [...JSON.stringify(request.messages).matchAll(what)].length;
}

/** Returns the last state of the scene's project. */
function lastState(stage) {
  const file = path.join(stage.home.project, '.claude', 'session-state', '.last-state.md');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Creates a session that has done some work and is closed. */
async function worked(stage, prompt) {
  const { code, stdout, stderr } = await stage.once(prompt);
  assert.equal(code, 0, stderr);
  const { session_id: id } = JSON.parse(stdout);
  await until('the saved state', () => lastState(stage).includes(id), 15);
  return id;
}

/** Returns the request that a run of the client sent. */
async function asked(stage, prompt, args) {
  const before = stage.api.requests.length;
  const { code, stderr } = await stage.once(prompt, { args });
  assert.equal(code, 0, stderr);
  return stage.api.requests.slice(before).findLast(({ kind }) => kind === 'main');
}

suite('the saved state of a session', { concurrency: 2 }, () => {
  test('a resumed session receives its state once, again when it changed, and a new session gets a pointer', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const id = await worked(stage, 'Measure the quokka twice.');
    const first = await asked(stage, 'And now?', [`--resume=${id}`]);
    assert.equal(carried(first, GIVEN), 1);
    assert.ok(JSON.stringify(first.messages).includes('### Task: the first prompt'));
    const second = await asked(stage, 'And then?', [`--resume=${id}`]);
    assert.equal(carried(second, GIVEN), 2, 'the first one stays in the conversation, the second is of a later moment');
    const [one, two] = [...JSON.stringify(second.messages).matchAll(/this session was resumed\. What it was doing as of [^,]+/g)].map(([text]) => text);
    assert.notEqual(one, two);

    const fresh = await asked(stage, 'Something else.', []);
    assert.deepEqual([carried(fresh, GIVEN), carried(fresh, POINTED)], [0, 1]);
    assert.ok(!JSON.stringify(fresh.messages).includes('quokka'), 'no word of another conversation');
    assert.ok(JSON.stringify(fresh.messages).includes('.claude/session-state/.last-state.md'));
  });

  test('a session receives its state once after /compact, and none after /clear', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    await terminal.type('Measure the quokka twice.');
    const { sessionId: id } = await terminal.session();
    await until('the saved state', () => lastState(stage).includes(id), 20);
    await terminal.type('Once more, please.');
    await until('the second answer', () => stage.api.conversation().length >= 2, 20);
    await until('the state of the second turn', () => lastState(stage).includes('Once more, please.'), 20);
    const compacted = Date.now();
    await terminal.type('/compact');
    await terminal.shows(/compacted/i, 40);
    await until('the hand-over', () => JSON.stringify(stage.home.records(id)).includes('this session was compacted'), 20);
    await terminal.type('What comes next?');
    const next = await until('the next request', () => stage.api.conversation(compacted).find(({ messages }) => JSON.stringify(messages).includes('What comes next?')), 20);
    assert.equal(carried(next, GIVEN), 1);
    assert.ok(JSON.stringify(next.messages).includes('What it was doing as of'));

    await until('the answer', () => lastState(stage).includes('What comes next?'), 20);
    await terminal.type('/clear');
    const cleared = Date.now();
    await until('another session', async () => (await terminal.session()).sessionId !== id, 20);
    await terminal.type('A new matter.');
    const later = await until('the request after it', () => stage.api.conversation(cleared).find(({ messages }) => JSON.stringify(messages).includes('A new matter.')), 20);
    assert.deepEqual([carried(later, GIVEN), carried(later, POINTED)], [0, 0]);
  });

  test('the states and note blocks of two sessions in one project are separate', async (t) => {
    const stage = await scene(t, { scenario: [step.limitFor('weekly', 3 * 86_400)], config: { ...QUICK } });
    if (stage === null) return;
    const sessions = ['Measure the quokka twice.', 'Weigh the wombat.'].map((prompt) => {
      const session = stage.open();
      session.prompt(prompt);
      return session;
    });
    for (const session of sessions) await until('the stop', () => session.results().length === 1, 40);
    const ids = sessions.map(({ id }) => id);
    await until('two blocks', () => ids.every((id) => stage.home.handoff().includes(`:begin ${id} `)), 20);
    const { states } = await until('two states', async () => {
      const report = JSON.parse((await stage.cli('state', 'list', '--json')).stdout);
      return ids.every((id) => report.states.some(({ session, sound }) => session === id && sound)) ? report : null;
    }, 20);
    for (const [index, word] of ['quokka', 'wombat'].entries()) {
      const { path: file } = states.find(({ session }) => session === ids[index]);
      const text = readFileSync(file, 'utf8');
      assert.ok(text.includes(word) && !text.includes(['wombat', 'quokka'][index]), file);
    }
  });

  test('the state of a client killed during a turn is built from its transcript on resume', async (t) => {
    const stage = await scene(t, { scenario: [step.text('Measured.'), work()] });
    if (stage === null) return;
    stage.program('work.sh', WORK);
    const session = stage.open({ args: allows('Bash') });
    session.prompt('Measure the quokka twice.');
    await until('the saved state', () => session.id !== null && lastState(stage).includes(session.id), 40);
    session.prompt('Measure it again.');
    await until('the open call', () => stage.home.records(session.id).some(({ type, message }) => type === 'assistant' && message.content.some((/** @type {any} */ part) => part.type === 'tool_use')), 30);
    kill(session.pid);
    await session.ended;
    const next = await asked(stage, 'Go on.', [`--resume=${session.id}`]);
    const text = JSON.stringify(next.messages);
    assert.equal(carried(next, GIVEN), 1);
    assert.ok(text.includes('read from its transcript') && text.includes('In flight when it stopped'), text.slice(-3000));
  });

  test('a saved state leaves nothing to commit in git', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    await worked(stage, 'Measure the quokka twice.');
    const { execFileSync } = await import('node:child_process');
    const dirty = execFileSync('git', ['status', '--porcelain', '--untracked-files=all'], { cwd: stage.home.project, env: stage.home.environment(), encoding: 'utf8' });
    assert.ok(!dirty.includes('session-state'), dirty);
    assert.ok(readdirSync(path.join(stage.home.project, '.claude', 'session-state')).includes('.last-state.md'));
  });
});
