// A client without a terminal (`-p`, and the open session of an SDK), in every possible state.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { CLI, alive, descendants, kill, scene, step, until } from './scene.mjs';
import { SHORT, WORK, allows, becomesHung, delegate, inPrint, neverHung, tells, work } from './states.mjs';

const require = createRequire(import.meta.url);
const { clientEnvironment } = require('../../bin/loopback/client.js');

/** Creates a scene with an open session that was given a task; returns `null` if the test is skipped. */
async function atWork(t, { args = [], config = SHORT, servers, ...options } = {}) {
  const stage = await scene(t, { init: false, config, ...options });
  if (stage === null) return null;
  stage.program('work.sh', WORK);
  const more = servers ? ['--strict-mcp-config', '--mcp-config', quietServer(stage)] : [];
  const session = stage.open({ args: [...args, ...more] });
  session.prompt('Do the task.');
  await asked(stage);
  const id = await until('the session', () => session.id, 30);
  await until('its registration', () => stage.home.registered(id));
  return { stage, session, id, pid: session.pid };
}

/** Waits until the API has received this many requests. */
function asked(stage, count = 1) {
  return until(`request ${count}`, () => stage.api.requests.filter(({ kind }) => kind === 'main' || kind === 'subagent').length >= count, 30);
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

function quietServer(stage) {
  const file = path.join(stage.home.root, 'servers.json');
  const server = { type: 'stdio', command: process.execPath, args: [path.join(import.meta.dirname, 'quiet-server.mjs')] };
  writeFileSync(file, JSON.stringify({ mcpServers: { quiet: server } }));
  return file;
}

const busy = (pid, more) => ({ state: 'active', activity: 'busy', stop: 'running', pid, live: inPrint({ status: 'busy', ...more }) });
const idle = (pid) => ({ state: 'active', activity: 'idle', stop: 'finished', pid, live: inPrint({ status: 'idle' }) });
const gone = (state, stop, crashed) => ({ state, activity: null, stop, pid: null, crashed });

suite('a client without a terminal', { concurrency: 5 }, () => {
  test('a one-shot client is active and busy while it runs, and then completed', async (t) => {
    const stage = await scene(t, { init: false, config: SHORT, scenario: [step.text('Answered.', { delay: 15 })] });
    if (stage === null) return;
    const id = randomUUID();
    const child = spawn(stage.client, ['-p', '--session-id', id, 'Do the task.'], {
      cwd: stage.home.project,
      env: clientEnvironment(stage.home, stage.api),
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    stage.endings.push(() => kill(child.pid));
    const ended = new Promise((resolve) => child.once('close', resolve));
    await tells(stage, id, busy(child.pid));
    assert.equal(await ended, 0);
    const row = await stage.shown(id);
    assert.deepEqual([row.state, row.activity, row.stop.kind, row.live, row.openAtCrash], ['completed', null, 'finished', null, null]);
  });

  test('a client open between two turns is active and idle', async (t) => {
    const play = await atWork(t, { scenario: [step.text('Answered.')] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await tells(stage, id, idle(pid));
    await neverHung(stage, id, pid);
    await tells(stage, id, idle(pid));
  });

  test('a client whose API never answers is hung after the threshold, and not before', async (t) => {
    const play = await atWork(t, { scenario: [step.hang({ times: 9 })] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await becomesHung(stage, id, { pid, live: inPrint({ status: 'busy', children: [] }) });
  });

  test('a client whose API never answers is hung even if it has a server of its own running', async (t) => {
    const play = await atWork(t, { scenario: [step.hang({ times: 9 })], servers: true });
    if (play === null) return;
    const { stage, id, pid } = play;
    assert.ok((await descendants(pid)).some(({ command }) => command === path.basename(process.execPath)), 'the server lives');
    await becomesHung(stage, id, { pid, live: inPrint({ status: 'busy', children: [path.basename(process.execPath)] }) });
  });

  test('a client whose API never answers is not hung before the default threshold of ten minutes', async (t) => {
    const play = await atWork(t, { scenario: [step.hang({ times: 9 })], config: { ...SHORT, hungMinutes: undefined } });
    if (play === null) return;
    const { stage, id, pid } = play;
    await neverHung(stage, id, pid);
  });

  for (const sign of ['delta', 'ping']) {
    test(`a client that thinks for long is active and busy, never hung (only a ${sign} arrives)`, async (t) => {
      const play = await atWork(t, { scenario: [step.think(240, 'Answered.', { every: 1, sign })] });
      if (play === null) return;
      const { stage, id, pid } = play;
      await tells(stage, id, busy(pid));
      await neverHung(stage, id, pid);
    });
  }

  test('a client whose tool runs for long is active and busy with that program, never hung', async (t) => {
    const play = await atWork(t, { scenario: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, id, pid } = play;
    await toolRuns(stage, pid);
    await tells(stage, id, busy(pid, { children: ['sleep'] }));
    await neverHung(stage, id, pid);
    await tells(stage, id, busy(pid, { children: ['sleep'] }));
  });

  test('a client whose tool is a slow server is active and busy, never hung', async (t) => {
    const play = await atWork(t, { scenario: [step.tool('mcp__quiet__wait', {})], servers: true, args: allows('mcp__quiet__wait') });
    if (play === null) return;
    const { stage, id, pid } = play;
    await until('the call', () => stage.home.records(id).some(({ message }) => JSON.stringify(message ?? '').includes('mcp__quiet__wait')));
    await tells(stage, id, busy(pid));
    await neverHung(stage, id, pid);
  });

  test('a client whose subagent thinks for long is active and busy, never hung', async (t) => {
    const play = await atWork(t, { scenario: [delegate()], subagents: [step.think(240, 'Looked.', { every: 1 })] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await asked(stage, 2);
    await tells(stage, id, busy(pid));
    await neverHung(stage, id, pid);
  });

  test('a client suspended during a turn is hung until it is continued with SIGCONT', async (t) => {
    const play = await atWork(t, { scenario: [step.think(240, 'Answered.', { every: 1 })] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await tells(stage, id, busy(pid));
    process.kill(pid, 'SIGSTOP');
    stage.endings.push(() => alive(pid) && process.kill(pid, 'SIGCONT'));
    // The answer arrives, but the stopped process does not read it.
    const row = await tells(stage, id, { state: 'hung', activity: 'busy', stop: 'running', pid, live: inPrint({ status: 'busy' }) });
    assert.ok(row.evidence.some(({ source, fact }) => source === 'process' && /stopped|suspended/.test(fact)), JSON.stringify(row.evidence));
    process.kill(pid, 'SIGCONT');
    await tells(stage, id, busy(pid));
  });

  test('a suspended idle client is not hung', async (t) => {
    const play = await atWork(t, { scenario: [step.text('Answered.')] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await tells(stage, id, idle(pid));
    process.kill(pid, 'SIGSTOP');
    stage.endings.push(() => alive(pid) && process.kill(pid, 'SIGCONT'));
    await neverHung(stage, id, pid);
  });

  test('a client killed during a request is orphaned, and active once resumed under the same id', async (t) => {
    const play = await atWork(t, { scenario: [step.hang(), step.think(240, 'Answered.', { every: 1 })] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await until('the prompt in the transcript', () => stage.home.records(id).some(({ type }) => type === 'user'));
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, gone('orphaned', 'crashed', 'client'));
    const again = stage.open({ args: ['--resume', id] });
    again.prompt('Go on.');
    await asked(stage, 2);
    await tells(stage, id, busy(again.pid));
    assert.notEqual(again.pid, pid);
  });

  test('a client killed while its tool ran is orphaned even if the tool still runs', async (t) => {
    const play = await atWork(t, { scenario: [work()], args: allows('Bash') });
    if (play === null) return;
    const { stage, id, pid } = play;
    const programs = await toolRuns(stage, pid);
    kill(pid);
    await until('its end', () => !alive(pid));
    await tells(stage, id, gone('orphaned', 'crashed', 'client'));
    assert.ok(programs.some((program) => program.command === 'sleep' && alive(program.pid)), 'the tool lives');
  });

  test('a client ended with SIGTERM during a request is orphaned and reported as closed', async (t) => {
    const play = await atWork(t, { scenario: [step.hang()] });
    if (play === null) return;
    const { stage, id, pid } = play;
    await until('the prompt in the transcript', () => stage.home.records(id).some(({ type }) => type === 'user'));
    process.kill(pid, 'SIGTERM');
    await until('its end', () => !alive(pid));
    await tells(stage, id, gone('orphaned', 'closed'));
  });

  test('a session that asks for its own status is the current one', async (t) => {
    const rows = path.join('out', 'rows.json');
    const command = `mkdir -p out && '${process.execPath}' '${CLI}' status --all --json > ${rows}`;
    const play = await atWork(t, { scenario: [step.tool('Bash', { command, description: 'Ask' }), step.text('Asked.')], args: allows('Bash') });
    if (play === null) return;
    const { stage, session, id, pid } = play;
    await until('the end of the turn', () => session.results().length === 1, 30);
    const { sessions } = JSON.parse(readFileSync(path.join(stage.home.project, rows), 'utf8'));
    const own = sessions.find((row) => row.id === id);
    assert.deepEqual([own?.state, own?.activity, own?.stop.kind, own?.live?.pid], ['current', 'busy', 'running', pid]);
    await tells(stage, id, idle(pid));
  });
});
