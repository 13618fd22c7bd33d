// The ways in which a closed session is resumed besides `-p`, on the real client: in the background, where the user can attach to it, and
// in a new window of a terminal.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { suite, test } from 'node:test';
import { openBackground } from './background.mjs';
import { CLI, QUICK, kill, run, scene, step, until } from './scene.mjs';

const { clientEnvironment } = createRequire(import.meta.url)('../../bin/loopback/client.js');
const SOON = { ...QUICK, supervisor: { marginSeconds: 0.5, jitterSeconds: 0.5, pollSeconds: 1 } };

/** Runs a one-shot session that stops at a limit, in a project whose sessions may be resumed in this way. */
async function stopped(t, transport, { prepare = () => ({}) } = {}) {
  const stage = await scene(t, { config: { ...SOON, unattended: { transport } }, scenario: [step.limitFor('5h', 4), step.text('The task is finished now.', { times: 5 })] });
  if (stage === null) return null;
  const background = openBackground(stage);
  const { ANTHROPIC_BASE_URL, CLAUDE_CODE_OAUTH_TOKEN } = clientEnvironment(stage.home, stage.api);
  writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ env: { ANTHROPIC_BASE_URL, CLAUDE_CODE_OAUTH_TOKEN, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1' } }));
  const env = prepare(stage);
  // Processes that a hook starts have the PATH from the time of `init`.
  const { code, stderr } = await run(process.execPath, [CLI, 'init', stage.home.project, '--unattended', '--json'], { cwd: stage.home.project, env: { ...stage.home.environment(), ...env } });
  assert.equal(code, 0, stderr);
  const { stdout } = await stage.once('Do the task.', { env });
  return { stage, background, env, id: JSON.parse(stdout).session_id };
}

/** Runs the supervisor until nothing is pending. */
async function watched(stage, env = {}) {
  const { code, stderr } = await run(process.execPath, [CLI, 'watch', '--until-done', '--json'], { cwd: stage.home.project, env: clientEnvironment(stage.home, stage.api, { env }) });
  assert.equal(code, 0, stderr);
}

/** Asserts what must hold for a resumed session. */
function wentOn(stage, id, transport) {
  const { phase, attempts } = stage.home.incident(id);
  assert.deepEqual([phase, attempts.length], ['recovered', 1], JSON.stringify(attempts, null, 1));
  const [{ run: made }] = attempts;
  assert.deepEqual([made.transport, made.result.answers, made.result.hollow, made.result.damage, made.result.lastWords], [transport, 1, null, null, 'The task is finished now.']);
  assert.equal(stage.api.conversation().length, 2, 'one request before the limit, one after');
  return made;
}

suite('closed sessions in other transports', { concurrency: 2 }, () => {
  test('a closed session continues in the background if configured, and the user can attach to it', async (t) => {
    const place = await stopped(t, 'background');
    if (place === null) return;
    const { stage, background, id } = place;
    await watched(stage);
    const made = wentOn(stage, id, 'background');
    assert.match(made.result.ended, /its turn ended, and process \d+ keeps it open/);
    const worker = background.registered().find(({ sessionId }) => sessionId === id);
    assert.equal(worker?.kind, 'bg', JSON.stringify(background.registered()));
    const plan = JSON.parse((await stage.cli('resume', id, '--json')).stdout).plans[0];
    assert.deepEqual([plan.action, plan.argv], ['attach', ['claude', 'attach', worker.jobId]]);
    // The session is open now: the supervisor must not start anything for it.
    await watched(stage);
    assert.equal(stage.api.conversation().length, 2);
  });

  test('a session is handed over to a new session with an empty context on request, and stays unchanged', async (t) => {
    const stage = await scene(t, { scenario: [step.limitFor('5h', 2), step.text('I go on from the note.', { times: 5 })] });
    if (stage === null) return;
    const { stdout } = await stage.once('Write the parser of the configuration.');
    const { session_id: old } = JSON.parse(stdout);
    const before = stage.home.records(old);
    const reset = stage.errorRecords(old).at(-1).quotaLimits.resetsAt * 1000;
    await until('the end of the limit', () => Date.now() > reset + 500);
    const { code, stdout: told, stderr } = await stage.cliWithApi('resume', old, '--now', '--fresh', '--json');
    assert.equal(code, 0, `${told}${stderr}`);
    const report = JSON.parse(told);
    assert.deepEqual([report.insteadOf, report.phase, report.attempt.run.result.answers, report.attempt.run.result.damage], [old, 'recovered', 1, null]);
    assert.notEqual(report.session, old);
    const request = stage.api.conversation().at(-1);
    assert.match(request.lastUser, /Continue the unfinished work that is described below/);
    assert.match(request.lastUser, /Write the parser of the configuration\./);
    assert.deepEqual(stage.home.records(old), before, 'the old session is as it was');
    assert.equal(stage.home.records(report.session).at(-1).sessionId, report.session);
    const [plan] = JSON.parse((await stage.cliWithApi('resume', old, '--fresh', '--json')).stdout).plans;
    assert.deepEqual([plan.action, plan.argv.length, plan.argv[0]], ['resume', 2, 'claude']);
    assert.match(plan.argv[1], /Write the parser of the configuration\./);
  });

  test('a closed session continues in a new terminal window if configured', async (t) => {
    let socket = '';
    const place = await stopped(t, 'terminal', {
      prepare(stage) {
        // In this test a new window is a tmux pane; on a desktop it would be opened by `x-terminal-emulator -e`.
        const bin = path.join(stage.home.root, 'bin');
        socket = `ccsr-${path.basename(stage.home.root)}`;
        mkdirSync(bin, { recursive: true });
        writeFileSync(path.join(bin, 'x-terminal-emulator'), `#!/bin/sh\nshift\nexec tmux -L '${socket}' -f /dev/null new-session -d -x 120 -y 40 "$@"\n`);
        chmodSync(path.join(bin, 'x-terminal-emulator'), 0o755);
        stage.endings.push(() => run('tmux', ['-L', socket, 'kill-server'], { cwd: stage.home.root, env: process.env }));
        return { DISPLAY: ':99', PATH: `${bin}:${process.env.PATH}` };
      },
    });
    if (place === null) return;
    const { stage, background, env, id } = place;
    await watched(stage, env);
    wentOn(stage, id, 'terminal');
    const window = await until('the open window', () => background.registered().find(({ sessionId }) => sessionId === id));
    assert.equal(window.kind, 'interactive');
    stage.endings.push(() => kill(window.pid));
    const plan = JSON.parse((await stage.cli('resume', id, '--json')).stdout).plans[0];
    assert.equal(plan.action, 'refused');
    assert.match(plan.why, /has it open, in terminal pts\//);
  });
});
