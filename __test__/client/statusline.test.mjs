// The status line in the real client: it shows the quota that the API reported, below the other status line.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { alive, pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** Returns what the scene's state records about the quota. */
function seen(stage) {
  const dir = path.join(stage.home.stateDir, 'quota');
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')) : [];
  return names.map((name) => JSON.parse(readFileSync(path.join(dir, name), 'utf8')));
}

/** Creates a scene with a status line in the project's local settings, and ours around it. */
async function lined(t, { command = 'echo "the other one of $(cat | wc -l)"', version, init = ['--statusline'] } = {}) {
  const stage = await scene(t, { version });
  if (stage === null) return null;
  mkdirSync(path.join(stage.home.project, '.claude'), { recursive: true });
  const local = path.join(stage.home.project, '.claude', 'settings.local.json');
  if (command !== null) writeFileSync(local, JSON.stringify({ statusLine: { type: 'command', command, padding: 1 } }));
  const { code, stderr } = await stage.cli('init', stage.home.project, '--json', ...init);
  assert.equal(code, 0, stderr);
  return stage;
}

suite('the status line of a real client', { concurrency: 2 }, () => {
  for (const version of [VERSIONS.current, VERSIONS.beforeQuotaLimits, VERSIONS.oldestWoken]) {
    test(`${version}: the usage sent by the API is shown below the wrapped status line and stored`, async (t) => {
      const stage = await lined(t, { version });
      if (stage === null) return;
      const terminal = await openTerminal(t, stage);
      if (terminal === null) return;
      await terminal.shows(/the other one of 1/);
      assert.doesNotMatch(await terminal.screen(), /5h \d+%/, 'before the first answer nothing is known');
      await terminal.type('Say something short, please.');
      await terminal.shows(/the other one of 1\s*\n\s*5h 42% · resets (?:[A-Z][a-z]{2} )?\d\d:\d\d \((?:4 h|3 h \d+ min)\)/);
      const [account] = await until('what was seen', () => seen(stage).filter(({ fiveHour }) => fiveHour !== null).length === 1 && seen(stage));
      assert.equal(account.fiveHour.usedPercent, 42);
      assert.equal(account.sevenDay.usedPercent, 17);
      assert.equal(account.configDir, stage.home.configDir);
      const [[model, size]] = Object.entries(account.windows);
      assert.match(model, /^claude-/);
      assert.ok([200_000, 1_000_000].includes(size), `${model}: ${size}`);
    });
  }

  test('after a limit the status line shows the full window, the countdown and the waiting session', async (t) => {
    const stage = await lined(t);
    if (stage === null) return;
    stage.api.play(step.text('A first answer.'), step.limitFor('5h', 600));
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    await terminal.type('Say something short, please.');
    await terminal.shows(/5h 42%/);
    await terminal.type('Now go on until the limit.');
    await terminal.shows(/the other one of 1\s*\n\s*5h 100% · resets (?:[A-Z][a-z]{2} )?\d\d:\d\d \((9|10) min\)/);
    const { sessionId } = await terminal.session();
    await stage.incident(sessionId, ({ phase }) => phase === 'waiting');
    // Any redraw shows the waiting session; here the terminal changes its size.
    await terminal.tmux('resize-window', '-t', 'scene', '-x', '100', '-y', '40');
    await terminal.shows(/5h 100% [^\n]*\| 1 waiting, next \d\d:\d\d/);
    const [account] = seen(stage);
    assert.equal(account.fiveHour.usedPercent, 100);
  });

  test('with an API key only the wrapped status line is shown', async (t) => {
    const stage = await lined(t);
    if (stage === null) return;
    const state = path.join(stage.home.configDir, '.claude.json');
    const approved = { customApiKeyResponses: { approved: ['sk-ant-api03-loopback-only-not-a-credential'.slice(-20)], rejected: [] } };
    writeFileSync(state, JSON.stringify({ ...JSON.parse(readFileSync(state, 'utf8')), ...approved }));
    const terminal = await openTerminal(t, stage, { credential: 'key' });
    if (terminal === null) return;
    await terminal.shows(/the other one of 1/);
    await terminal.type('Say something short, please.');
    await until('the size of the context', () => Object.keys(seen(stage)[0]?.windows ?? {}).length === 1);
    await pause(1);
    assert.doesNotMatch(await terminal.screen(), /5h \d+%/);
    assert.match(await terminal.screen(), /the other one of 1/);
  });

  test('the client hides a failing wrapped status line, and our line is shown', async (t) => {
    const stage = await lined(t, { command: 'echo half-a-line; exit 3' });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    await terminal.type('Say something short, please.');
    await terminal.shows(/5h 42%/);
    assert.doesNotMatch(await terminal.screen(), /half-a-line/);
  });

  test('the user status line is wrapped with its padding when the project has none', async (t) => {
    const stage = await lined(t, { command: null });
    if (stage === null) return;
    writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ statusLine: { type: 'command', command: "printf 'of the user\\n\\nline two\\n'", padding: 5 } }));
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    await terminal.type('Say something short, please.');
    await terminal.shows(/\n {7,}of the user\s*\n {7,}line two\s*\n {7,}5h 42%/);
  });

  test('a slow status line that the client abandoned is ended with its child processes', async (t) => {
    const stage = await lined(t, { command: null });
    if (stage === null) return;
    const pids = path.join(stage.home.root, 'pids');
    writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ statusLine: { type: 'command', command: `echo $$ >> ${pids}; exec sleep 120` } }));
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const started = () => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n').map(Number) : []);
    await until('the first', () => started().length >= 1, 15);
    await terminal.type('Say something short, please.');
    await until('the second', () => started().length >= 2, 15);
    const [first] = started();
    await until('the end of the first', () => !alive(first), 10);
  });

  test('after uninstall only the original status line is shown', async (t) => {
    const stage = await lined(t);
    if (stage === null) return;
    const { code, stderr } = await stage.cli('uninstall', stage.home.project, '--yes');
    assert.equal(code, 0, stderr);
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    await terminal.type('Say something short, please.');
    await until('the answer', () => stage.api.conversation().length === 1);
    await pause(2);
    assert.match(await terminal.screen(), /the other one of 1/);
    assert.doesNotMatch(await terminal.screen(), /5h \d+%/);
  });
});
