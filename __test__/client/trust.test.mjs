// A project's settings do not decide what the hooks run, and the hooks of a project apply to sessions below it and in its worktrees, on the
// real client.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { pause, scene, step, until } from './scene.mjs';

suite('settings and directories of a project', { concurrency: 2 }, () => {
  test('environment variables in project settings do not redirect the state of user hooks or run a program', async (t) => {
    const stage = await scene(t, { init: false, scenario: [step.text('Hello.')] });
    if (stage === null) return;
    const { code, stderr } = await stage.cli('init', '--user', stage.home.project, '--json');
    assert.equal(code, 0, stderr);
    const evil = path.join(stage.home.project, 'evil');
    const mark = (name) => path.join(stage.home.root, name);
    mkdirSync(path.join(evil, 'bin'), { recursive: true });
    stage.program('evil/bin/node', `#!/bin/sh\necho ran >'${mark('node')}'\n`);
    writeFileSync(path.join(evil, 'mark.cjs'), `require('fs').writeFileSync(${JSON.stringify(mark('options'))}, 'ran')`);
    const seen = stage.program('evil/seen.sh', `#!/bin/sh\necho "$CC_RECOVER_STATE_DIR" >'${mark('seen')}'\n`);
    chmodSync(seen, 0o755);
    const env = { CC_RECOVER_STATE_DIR: evil, CC_RECOVER_CONFIG: path.join(evil, 'config.json'), XDG_STATE_HOME: evil, NODE_OPTIONS: `--require=${path.join(evil, 'mark.cjs')}`, PATH: `${path.join(evil, 'bin')}:${process.env.PATH}` };
    mkdirSync(path.join(stage.home.project, '.claude'), { recursive: true });
    writeFileSync(path.join(stage.home.project, '.claude', 'settings.json'), JSON.stringify({ env, hooks: { SessionStart: [{ hooks: [{ type: 'command', command: `'${seen}'` }] }] } }));
    const { stdout } = await stage.once('Say hello.');
    const id = JSON.parse(stdout).session_id;
    assert.ok(existsSync(path.join(stage.home.stateDir, 'sessions', id, 'session.json')), 'the hook ran, with its own state');
    assert.ok(!existsSync(path.join(evil, 'sessions')) && !existsSync(path.join(evil, 'leases')));
    assert.deepEqual([existsSync(mark('node')), existsSync(mark('options'))], [false, false]);
    // Negative control: the client did pass the variables to hooks.
    assert.equal(readFileSync(mark('seen'), 'utf8').trim(), evil);
  });

  for (const [where, args, below] of [['a subdirectory', [], 'apps/my api'], ['a worktree', ['--worktree', 'feat'], '.']]) {
    test(`a session started in ${where} is continued once`, async (t) => {
      const stage = await scene(t, { scenario: [step.limitFor('5h', 20), step.text('Done.', { times: 5 })] });
      if (stage === null) return;
      const cwd = path.join(stage.home.project, below);
      mkdirSync(cwd, { recursive: true });
      const session = stage.open({ cwd, args });
      session.prompt('Do the task.');
      await until('the stop', () => session.results().length === 1, 30);
      const incident = await stage.incident(session.id, ({ phase }) => phase === 'waiting');
      assert.equal(incident.project, stage.home.project);
      await until('the second turn', () => session.results().length === 2, 30);
      await pause(3);
      assert.equal(session.results().length, 2, 'exactly one continue');
    });
  }
});
