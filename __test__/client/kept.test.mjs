// Claude Code's own sweep on the real client: the hooks have kept what it deletes; it is restored, and resumed with its history.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { scene, step, until } from './scene.mjs';

/** Seconds; longer than a `-p` run lives before it sweeps (5 to 6 seconds, measured with 2.1.250 and 2.1.332). */
const LONG_ENOUGH = 20;
const DAYS = 40;

/** Sets the times of everything below a directory back by forty days. @param {string} directory */
function age(directory) {
  const then = new Date(Date.now() - DAYS * 86_400_000);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) utimesSync(path.join(entry.parentPath, entry.name), then, then);
}

/** @param {any} stage */
function sweep(stage) {
  stage.api.play(step.text('Swept.', { delay: LONG_ENOUGH }));
  return stage.once('A quick question.');
}

suite('a session that the client cleanup deletes', { concurrency: 2 }, () => {
  for (const init of [true, false]) {
    test(init ? 'a kept session is restored and resumed with its history after the client deleted it' : 'a session that was not kept is gone after the client deleted it (control)', async (t) => {
      const stage = await scene(t, { init });
      if (stage === null) return;
      const { home, api } = stage;
      writeFileSync(path.join(home.project, 'fact.txt'), 'the number is 4711\n');
      api.play(step.tool('Read', { file_path: path.join(home.project, 'fact.txt') }), step.text('I have read ALPHA.'));
      const { session_id: id } = JSON.parse((await stage.once('Read fact.txt, please.')).stdout);
      const transcript = home.transcript(id);
      const before = readFileSync(transcript);
      age(path.join(home.configDir, 'projects'));
      rmSync(path.join(home.configDir, '.last-cleanup'), { force: true });

      await sweep(stage);
      assert.equal(existsSync(transcript), false, 'the client deleted it');
      const shown = await stage.cli('show', id);
      assert.equal(shown.code, init ? 0 : 3);
      if (init) assert.match(shown.stdout, /Claude Code deleted its transcript[\s\S]*restore/);
      const restored = await stage.cli('restore', id, '--json');
      if (!init) {
        assert.equal(restored.code, 3, restored.stderr);
        return;
      }
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(JSON.parse(restored.stdout).chosen, 'kept');
      assert.deepEqual(readFileSync(transcript), before);
      assert.ok(Date.now() - statSync(transcript).mtimeMs < 60_000, 'the next sweep leaves it alone');
      api.play(step.text('CHARLIE follows.'));
      assert.equal((await stage.once('What did you read?', { args: [`--resume=${id}`] })).code, 0);
      const sent = JSON.stringify(api.conversation().at(-1).messages);
      for (const text of ['Read fact.txt, please.', 'the number is 4711', 'I have read ALPHA.']) assert.ok(sent.includes(text), text);
    });
  }

  test('while it is open is noticed at the next turn, continues in a new file, and the kept one and the new one together have every turn', async (t) => {
    const stage = await scene(t);
    if (stage === null) return;
    const { home, api } = stage;
    api.play(step.text('The first answer is ALPHA.'));
    const session = stage.open();
    session.prompt('Remember the word BEGINNING.');
    await until('the first turn', () => session.results().length === 1, 30);
    const transcript = home.transcript(session.id);
    await until('the kept file', () => existsSync(path.join(home.stateDir, 'kept', session.id, 'kept.json')), 20);
    age(path.join(home.configDir, 'projects'));
    rmSync(path.join(home.configDir, '.last-cleanup'), { force: true });
    await sweep(stage);
    assert.equal(existsSync(transcript), false, 'the client deleted it under the open session');
    const gone = JSON.parse((await stage.cli('show', session.id, '--json')).stdout);
    assert.deepEqual([gone.loss, gone.live !== null, gone.turns], [{ lost: 'gone', restorable: true }, true, 1], 'before the client writes again');
    api.play(step.text('The second answer is BRAVO.'));
    session.prompt('And a second thing.');
    await until('the second turn', () => session.results().length === 2, 30);
    await until('the new file to be kept', () => existsSync(path.join(home.stateDir, 'kept', session.id, '2', `${session.id}.jsonl`)), 20);
    const noticed = () => readFileSync(path.join(home.stateDir, 'journal.jsonl'), 'utf8').split('\n').filter((line) => line.includes('"transcript-changed"') && line.includes(session.id));
    await until('the loss to be noticed', () => noticed().length === 1, 20);
    const open = JSON.parse((await stage.cli('show', session.id, '--json')).stdout);
    assert.deepEqual([open.loss, open.live !== null], [{ lost: 'headless', restorable: true }, true], 'while it is open');
    assert.match((await stage.cli('status')).stdout + (await stage.cli('status')).stderr, /beginning of its transcript is gone[\s\S]*--from kept/);
    await session.terminate();
    // `restore` refuses a transcript that was written a moment ago.
    age(path.dirname(transcript));

    const restored = await stage.cli('restore', session.id, '--from', 'kept', '--json');
    assert.equal(restored.code, 0, restored.stderr);
    api.play(step.text('CHARLIE follows.'));
    assert.equal((await stage.once('What was the word?', { args: [`--resume=${session.id}`] })).code, 0);
    const sent = JSON.stringify(api.conversation().at(-1).messages);
    for (const text of ['BEGINNING', 'ALPHA', 'And a second thing.', 'BRAVO']) assert.ok(sent.includes(text), text);
  });
});
