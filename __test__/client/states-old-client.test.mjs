// Clients that keep no registry, or one without a start time, are found in the process table; programs that only look like a client are
// not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { alive, kill, run, scene, step, until } from './scene.mjs';
import { SHORT, inTable, inTerminal, tells } from './states.mjs';
import { openTerminal } from './terminal.mjs';

/** Work that lasts longer than any test and is not a hang. */
const THINKS = step.think(240, 'Answered.', { every: 1 });

/** Returns the id of the session that began with a prompt: without a registry, only the transcript has it. */
function begunWith(stage, prompt) {
  return until(`the transcript of ${prompt}`, async () => {
    const { stdout } = await run('grep', ['-rl', '--include=*.jsonl', prompt, path.join(stage.home.configDir, 'projects')], {});
    const file = stdout.split('\n').find((name) => !path.basename(name).startsWith('agent-') && name !== '');
    return file !== undefined && path.basename(file, '.jsonl');
  });
}

/** Starts a program in the project, in the scene's home, that runs as long as the test. */
async function companion(stage, file, args) {
  const child = spawn(file, args, { cwd: stage.home.project, env: stage.home.environment(), stdio: 'ignore' });
  stage.endings.push(() => kill(child.pid));
  await until('the companion', () => alive(child.pid));
  return child.pid;
}

/** Starts programs that resemble a client in their names or arguments, and that keep running in the project. */
async function lookalikes(stage) {
  const dir = path.join(stage.home.root, 'bin');
  mkdirSync(dir);
  const { stdout } = await run('which', ['sleep'], {});
  copyFileSync(stdout.trim(), path.join(dir, 'claude'));
  return [
    await companion(stage, path.join(dir, 'claude'), ['600']),
    await companion(stage, 'sh', ['-c', 'sleep 600; :', 'claude']),
    await companion(stage, 'tail', ['-f', '/dev/null', path.join(stage.home.configDir, '.claude.json')]),
    await companion(stage, process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'claude']),
  ];
}

suite('a client without a registry', { concurrency: 4 }, () => {
  test(`a client in a terminal (${VERSIONS.beforeRegistry}) is found in the process table`, async (t) => {
    const stage = await scene(t, { version: VERSIONS.beforeRegistry, init: false, config: SHORT, scenario: [step.text('Answered.', { delay: 1 }), THINKS] });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const { pid, tty } = terminal;
    await terminal.type('Do the task.');
    await terminal.shows(/Answered\./);
    const id = await begunWith(stage, 'Do the task.');
    const row = await tells(stage, id, { state: 'active', stop: 'finished', pid, live: inTable(tty) });
    assert.match(String(row.activity), /^(idle|null)$/);
    await terminal.type('Now the second task.');
    await until('the second request', () => stage.api.conversation().length === 2);
    const busy = await tells(stage, id, { state: 'active', stop: 'running', pid, live: inTable(tty) });
    assert.match(String(busy.activity), /^(busy|null)$/);
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
  });

  test(`a client in a terminal (${VERSIONS.beforeRegistry}) is not confused with another one in the same directory`, async (t) => {
    const stage = await scene(t, { version: VERSIONS.beforeRegistry, init: false, config: SHORT, scenario: [THINKS, THINKS] });
    if (stage === null) return;
    const first = await openTerminal(t, stage);
    if (first === null) return;
    await first.type('Do the first task.');
    const one = await begunWith(stage, 'Do the first task.');
    await tells(stage, one, { state: 'active', stop: 'running', pid: first.pid, live: inTable(first.tty) });
    // This client started after the other session, so it cannot be that session's process.
    const second = await openTerminal(t, stage);
    await second.type('Do the other task.');
    const other = await begunWith(stage, 'Do the other task.');
    await tells(stage, other, { state: 'active', stop: 'running', pid: second.pid, live: inTable(second.tty) });
    await tells(stage, one, { state: 'active', stop: 'running', pid: first.pid, live: inTable(first.tty) });
    kill(first.pid);
    await until('its end', () => !alive(first.pid));
    await tells(stage, one, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
    await tells(stage, other, { state: 'active', stop: 'running', pid: second.pid, live: inTable(second.tty) });
  });

  test(`a client without a terminal (${VERSIONS.beforeStartToken}) is found in the process table`, async (t) => {
    const stage = await scene(t, { version: VERSIONS.beforeStartToken, init: false, config: SHORT, scenario: [step.text('Answered.'), THINKS] });
    if (stage === null) return;
    const session = stage.open();
    const { pid } = session;
    session.prompt('Do the task.');
    await until('the answer', () => session.results().length === 1, 30);
    const { id } = session;
    assert.equal(stage.home.registered(id), null, 'the client is of the intended version');
    await tells(stage, id, { state: 'active', stop: 'finished', pid, live: inTable(null) });
    session.prompt('Now the second task.');
    await begunWith(stage, 'Now the second task.');
    await tells(stage, id, { state: 'active', stop: 'running', pid, live: inTable(null) });
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
  });

  test(`a record without a start time (${VERSIONS.beforeStartToken}) is trusted only while its process runs`, async (t) => {
    const stage = await scene(t, { version: VERSIONS.beforeStartToken, init: false, config: SHORT, scenario: [THINKS] });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage);
    if (terminal === null) return;
    const record = await terminal.session();
    assert.equal(record.procStart, undefined, 'the client is of the intended version');
    await terminal.type('Do the task.');
    const { sessionId: id } = record;
    const { pid } = terminal;
    await begunWith(stage, 'Do the task.');
    await tells(stage, id, { state: 'active', stop: 'running', pid, live: { ...inTerminal(terminal), status: null } });
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
  });

  for (const version of [VERSIONS.current, VERSIONS.beforeStartToken]) {
    test(`no shell, editor or program of the same name is mistaken for a client that is gone (${version})`, async (t) => {
      const stage = await scene(t, { version, init: false, config: SHORT, scenario: [THINKS] });
      if (stage === null) return;
      // Some lookalikes start before the session and one after it.
      const before = await lookalikes(stage);
      assert.deepEqual(await stage.rows(), []);
      const session = stage.open();
      session.prompt('Do the task.');
      const id = await begunWith(stage, 'Do the task.');
      await tells(stage, id, { state: 'active', stop: 'running', pid: session.pid });
      kill(session.pid);
      await until('its end', () => !alive(session.pid));
      const after = await companion(stage, 'sh', ['-c', 'sleep 600; :', 'claude', '--resume', id]);
      await tells(stage, id, { state: 'orphaned', activity: null, stop: 'crashed', pid: null, crashed: 'client' });
      for (const pid of [...before, after]) assert.ok(alive(pid), 'the lookalikes live');
    });
  }
});
