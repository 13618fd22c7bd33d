// The real client, saving and not saving: a session whose transcript does not grow while turns end is reported within two turns, and one
// that is saved is not.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { QUICK, pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

const ANSWERS = ['A first answer of the model.', 'A second answer, quite another.', 'A third one, with a "quote".', 'And a fourth.', 'A fifth.'];
const CONFIG = { ...QUICK, saving: { waitSeconds: 2 } };

/** Starts a receiver of notices, as the user would get them. */
async function listener(t) {
  const posted = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => (text += part));
    request.on('end', () => {
      posted.push(JSON.parse(text));
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { posted, webhook: `http://127.0.0.1:${server.address().port}/notices` };
}

async function watched(t, { version = VERSIONS.current, waitSeconds = CONFIG.saving.waitSeconds } = {}) {
  const { posted, webhook } = await listener(t);
  const stage = await scene(t, { version, config: { ...CONFIG, saving: { waitSeconds }, notify: { desktop: false, webhook } }, scenario: ANSWERS.map((text) => step.text(text)) });
  if (stage === null) return null;
  const stored = (name) => {
    const dir = path.join(stage.home.stateDir, 'sessions');
    const files = existsSync(dir) ? readdirSync(dir).map((id) => path.join(dir, id, name)) : [];
    return files.filter((file) => existsSync(file)).map((file) => JSON.parse(readFileSync(file, 'utf8')));
  };
  const journal = () => {
    const file = path.join(stage.home.stateDir, 'journal.jsonl');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line)) : [];
  };
  const told = () => journal().filter(({ event }) => event === 'not-saved');
  const saving = async () => JSON.parse((await stage.cli('doctor', stage.home.project, '--json')).stdout).checks.filter(({ id }) => id === 'saving');
  const directory = path.join(stage.home.project, '.claude', 'cc-session-recover', 'unsaved');
  const flags = () => (existsSync(directory) ? readdirSync(directory) : []);
  /** Whether any part of the warning was sent to the model. */
  const sent = () => JSON.stringify(stage.api.requests).includes(WARNING);
  return Object.assign(stage, { posted, stored, told, saving, flags, sent });
}

/** Warning that the user sees before a prompt. */
const WARNING = 'Claude Code is not saving a session';

/** Returns how often the terminal has shown the warning, including scrolled-off lines. Its lines may break anywhere. */
async function warnings(terminal) {
  const { stdout } = await terminal.tmux('capture-pane', '-p', '-S', '-', '-t', 'scene');
  return stdout.replace(/\s+/g, ' ').split(`UserPromptSubmit says: cc-session-recover: ${WARNING}`).length - 1;
}

/** Runs a turn of a stream up to its result. */
async function turn(session, prompt) {
  const before = session.results().length;
  session.prompt(prompt);
  await until(`the answer to ${prompt}`, () => session.results().length > before, 30);
}

/** Maximum seconds to wait for what a hook reports after a turn. */
const SECONDS = 30;

suite('saving of a real client', { concurrency: 2 }, () => {
  test('a saved session is not reported in a stream or a terminal', async (t) => {
    // A client under load may take seconds to write an answer.
    const waitSeconds = 8;
    const stage = await watched(t, { waitSeconds });
    if (stage === null) return;
    const session = stage.open();
    for (const prompt of ['One, please.', 'Two, please.']) await turn(session, prompt);
    const terminal = await openTerminal(t, stage);
    if (terminal !== null) {
      await terminal.type('Three, please.');
      await terminal.shows(/A third one/);
      // Wait longer than a hook waits for an answer.
      await pause(waitSeconds + 2);
      // The prompt is longer than a pipe buffer, and the hook reads none of it.
      const paste = path.join(stage.home.root, 'paste');
      writeFileSync(paste, `Four, please. ${'x y '.repeat(25_000)}`);
      await terminal.tmux('load-buffer', '-b', 'paste', paste);
      await terminal.tmux('paste-buffer', '-p', '-b', 'paste', '-t', 'scene');
      await terminal.shows(/Pasted text|x y/);
      await terminal.press('Enter');
      await terminal.shows(/And a fourth/);
      assert.equal(await warnings(terminal), 0);
      assert.doesNotMatch(await terminal.screen(), /hook (failed|error)/i);
    }
    await pause(waitSeconds + 2);
    assert.deepEqual([stage.flags(), session.lines.filter(({ subtype }) => subtype === 'informational')], [[], []]);
    assert.deepEqual([stage.stored('saving.json'), stage.stored('shadow.json'), stage.told(), stage.posted], [[], [], [], []]);
    assert.deepEqual((await stage.saving()).map(({ status }) => status), ['ok']);
  });

  test('a transcript that becomes unwritable is reported within two turns, and the conversation is retained', async (t) => {
    const stage = await watched(t);
    if (stage === null) return;
    const session = stage.open();
    await turn(session, 'One, please.');
    const transcript = await until('the transcript', () => stage.home.transcript(session.id));
    await until('the first answer in it', () => readFileSync(transcript, 'utf8').includes(ANSWERS[0]));
    await pause(1);
    if (!lock(t, stage, transcript)) return;
    const bytes = statSync(transcript).size;
    await turn(session, 'Two, please.');
    await until('the first miss', () => stage.stored('saving.json').length === 1, SECONDS);
    await turn(session, 'Three, please.');
    await until('the report', () => stage.told().length === 1, SECONDS);
    assert.equal(statSync(transcript).size, bytes, 'it did not grow');
    const [{ why, misses }] = stage.stored('saving.json');
    assert.deepEqual([why, misses], ['not-in-it', 2]);
    const [{ said }] = await until('the shadow log', () => stage.stored('shadow.json').length === 1 && stage.stored('shadow.json'));
    assert.deepEqual(said.filter(({ who }) => who === 'claude').map(({ text }) => text), ANSWERS.slice(1, 3));
    await until('the notice', () => stage.posted.length === 1);
    assert.equal(stage.posted[0].kind, 'not-saved');
    const [check] = await stage.saving();
    assert.deepEqual([check.status, check.path], ['fail', transcript]);
    // The next prompt shows the warning in the stream.
    assert.deepEqual(stage.flags(), [session.id]);
    for (const prompt of ['Four, please.', 'Five, please.']) await turn(session, prompt);
    const lines = session.lines.filter(({ type, subtype }) => type === 'system' && subtype === 'informational');
    assert.deepEqual(lines.map(({ content }) => content.includes(WARNING) && content.includes(transcript)), [true], JSON.stringify(lines));
    assert.deepEqual([stage.flags(), stage.sent()], [[], false]);
  });

  test('a transcript that was replaced is reported at once', async (t) => {
    const stage = await watched(t);
    if (stage === null) return;
    const session = stage.open();
    await turn(session, 'One, please.');
    const transcript = await until('the transcript', () => stage.home.transcript(session.id));
    await until('the first answer in it', () => readFileSync(transcript, 'utf8').includes(ANSWERS[0]));
    await pause(1);
    renameSync(transcript, `${transcript}.away`);
    mkdirSync(transcript);
    await turn(session, 'Two, please.');
    await until('the report', () => stage.told().length === 1, SECONDS);
    assert.deepEqual(stage.told().map(({ why, session: id }) => [why, id]), [['unreadable', session.id]]);
  });

  test('the variable that disables saving is reported in a terminal by notification and status line', async (t) => {
    const stage = await watched(t);
    if (stage === null) return;
    assert.equal((await stage.cli('init', stage.home.project, '--statusline', '--json')).code, 0);
    const terminal = await openTerminal(t, stage, { env: { CLAUDE_CODE_SKIP_PROMPT_HISTORY: '1' } });
    if (terminal === null) return;
    await terminal.type('One, please.');
    await terminal.shows(/A first answer/);
    await until('the report', () => stage.told().length === 1, SECONDS);
    const { sessionId } = await terminal.session();
    assert.deepEqual(stage.told().map(({ session, why, markers }) => [session, why, markers]), [[sessionId, 'no-transcript', ['skip-prompt-history']]]);
    assert.equal(stage.home.transcript(sessionId), null);
    await until('the notice', () => stage.posted.length === 1);
    await terminal.type('Two, please.');
    await terminal.shows(/A second answer/);
    assert.equal(await warnings(terminal), 1, await terminal.screen());
    await terminal.type('Three, please.');
    await terminal.shows(/A third one/);
    assert.deepEqual([await warnings(terminal), stage.flags(), stage.sent()], [1, [], false]);
    await terminal.shows(/not saved: run cc-session-recover doctor/);
    await pause(3);
    assert.deepEqual([stage.told().length, stage.posted.length, stage.stored('shadow.json')], [1, 1, []], 'once, and nothing is kept of what a person wants nowhere');
    const [check] = await stage.saving();
    assert.match(check.fact, /CLAUDE_CODE_SKIP_PROMPT_HISTORY is set in its environment/);
  });

  for (const version of [VERSIONS.beforeApiError, VERSIONS.beforeQuotaLimits, VERSIONS.oldestWoken]) {
    test(`an unsaved session in ${version} is reported once before the next prompt`, async (t) => {
      const stage = await watched(t, { version });
      if (stage === null) return;
      const terminal = await openTerminal(t, stage);
      if (terminal === null) return;
      await terminal.type('One, please.');
      await terminal.shows(/A first answer/);
      const { sessionId } = await terminal.session();
      const transcript = await until('the transcript', () => stage.home.transcript(sessionId));
      await pause(3);
      assert.equal(await warnings(terminal), 0);
      renameSync(transcript, `${transcript}.away`);
      mkdirSync(transcript);
      await terminal.type('Two, please.');
      await terminal.shows(/A second answer/);
      await until('the flag', () => stage.flags().includes(sessionId), SECONDS);
      for (const [prompt, answer] of [['Three, please.', /A third one/], ['Four, please.', /And a fourth/]]) {
        await terminal.type(prompt);
        await terminal.shows(answer);
        assert.deepEqual([await warnings(terminal), stage.flags(), stage.sent()], [1, [], false]);
      }
    });
  }

  test('a run with --no-session-persistence is journaled and sends no notification', async (t) => {
    const stage = await watched(t);
    if (stage === null) return;
    const session = stage.open({ args: ['--no-session-persistence'] });
    await turn(session, 'One, please.');
    await until('the line of the journal', () => stage.told().length === 1, SECONDS);
    assert.deepEqual(stage.told()[0].markers, ['no-session-persistence']);
    await pause(1);
    assert.deepEqual([stage.posted, stage.stored('shadow.json'), stage.flags()], [[], [], []]);
    assert.deepEqual((await stage.saving()).map(({ status }) => status), ['warn']);
  });
});

/**
 * Removes the write permission of a file; for root, who does not need it, the file system makes the file immutable. Returns whether that
 * works here.
 */
function lock(t, stage, file) {
  const root = process.getuid() === 0;
  const set = (locked) => {
    if (root) execFileSync('chattr', [locked ? '+i' : '-i', file], { stdio: 'ignore' });
    else chmodSync(file, locked ? 0o400 : 0o600);
  };
  try {
    set(true);
  } catch (error) {
    t.skip(`this file system cannot keep root from writing: ${error.message}`);
    return false;
  }
  // Restores write access before the home is removed.
  stage.endings.push(() => set(false));
  return true;
}
