// Many sessions of all kinds on the real client: the client's sweep deletes them, they are restored, and resumed with their history in the
// request. The test makes five; `CC_RECOVER_TEST_SESSIONS=50` makes more.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { scene, step } from './scene.mjs';

const SESSIONS = Number(process.env.CC_RECOVER_TEST_SESSIONS ?? 5);
/** Seconds; longer than a `-p` run lives before it sweeps. */
const LONG_ENOUGH = 20;
const DAYS = 40;

/** Sets old times on everything below a directory. @param {string} directory */
function age(directory) {
  const then = new Date(Date.now() - DAYS * 86_400_000);
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) utimesSync(path.join(entry.parentPath, entry.name), then, then);
}

/** Returns the files of a session, by their paths below the configuration directory. @param {string} configDir @param {string} id */
function filesOf(configDir, id) {
  /** @type {Record<string, Buffer>} */
  const found = {};
  for (const name of ['projects', 'tasks', 'file-history'])
    if (existsSync(path.join(configDir, name)))
      for (const entry of readdirSync(path.join(configDir, name), { recursive: true, encoding: 'utf8' })) {
        const file = path.join(configDir, name, entry);
        if (entry.includes(id) && statSync(file).isFile()) found[path.join(name, entry)] = readFileSync(file);
      }
  return found;
}

test(`${SESSIONS} sessions of all kinds that the client deleted are restored byte for byte and resumed`, { timeout: 3_600_000 }, async (t) => {
  const stage = await scene(t, { subagents: [step.text('The subagent says DELTA.')] });
  if (stage === null) return;
  const { home, api } = stage;
  const large = path.join(home.project, 'large.txt');
  writeFileSync(large, 'a line of a large file that a tool returns whole\n'.repeat(1500));
  const edited = path.join(home.project, 'edited.txt');
  writeFileSync(edited, 'before\n');
  const kinds = [
    () => [],
    () => [step.tool('Bash', { command: `cat ${large}`, description: 'print it' })],
    () => [step.tool('Agent', { description: 'a part', prompt: 'Do the part.', subagent_type: 'general-purpose' })],
    () => [step.tool('Read', { file_path: edited }), step.tool('Write', { file_path: edited, content: `after ${Math.random()}\n` })],
    () => [step.tool('TaskCreate', { subject: 'one', description: 'the first', activeForm: 'doing one' })],
  ];
  /** @type {{id: string, word: string, files: Record<string, Buffer>}[]} */
  const sessions = [];
  for (let number = 0; number < SESSIONS; number++) {
    const word = `WORD-${number}-${Math.random().toString(36).slice(2, 8)}`;
    api.play(...kinds[number % kinds.length](), step.text(`The answer is ${word}-answered.`));
    const { code, stdout } = await stage.once(`Remember ${word}.`, { args: ['--permission-mode', 'bypassPermissions'], env: { IS_SANDBOX: '1' } });
    assert.equal(code, 0, stdout);
    const { session_id: id } = JSON.parse(stdout);
    sessions.push({ id, word, files: filesOf(home.configDir, id) });
  }
  for (const name of ['projects', 'tasks', 'file-history', 'plans']) age(path.join(home.configDir, name));
  rmSync(path.join(home.configDir, '.last-cleanup'), { force: true });
  api.play(step.text('Swept.', { delay: LONG_ENOUGH }));
  await stage.once('A quick question.');
  for (const { id } of sessions) assert.equal(existsSync(home.transcript(id)), false, `${id} was not swept`);
  // If there are several sessions, half of them are compressed before they are restored.
  if (SESSIONS > 1) assert.equal((await stage.cli('prune', '--yes', '--json')).code, 0);

  let parts = 0;
  for (const { id, word, files } of sessions) {
    const restored = await stage.cli('restore', id, '--json');
    assert.equal(restored.code, 0, restored.stderr);
    for (const [name, bytes] of Object.entries(files)) assert.deepEqual(readFileSync(path.join(home.configDir, name)), bytes, `${id}: ${name}`);
    parts += Object.keys(files).length - 1;
    api.play(step.text('And on.'));
    assert.equal((await stage.once('What was the word?', { args: [`--resume=${id}`] })).code, 0);
    const sent = JSON.stringify(api.conversation().at(-1).messages);
    for (const text of [`Remember ${word}.`, `${word}-answered`]) assert.ok(sent.includes(text), `${id} lost ${text}`);
  }
  t.diagnostic(`${sessions.length} sessions with ${parts} other files`);
  if (SESSIONS >= kinds.length) assert.ok(parts > 0, 'no session had files of its own');
});
