// The plugin's module in the real client: it waits in the client instead of a hook process, continues a stop exactly once, and if it cannot
// load, the hooks do so.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { GRACE, byPlugin, finished, limited, noHookWaits, past, withModule } from './module-scene.mjs';
import { pause, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

suite('the module', { concurrency: 2 }, () => {
  test('the module waits without a process, shows the plan, continues once, and replaces the client continuation', async (t) => {
    const stage = await withModule(t);
    const here = stage && (await limited(t, stage));
    if (!here) return;
    const { terminal, id, resetsAt, refusedAt } = here;
    await terminal.shows(/Claude Code continues this session itself/);
    await noHookWaits(stage);
    const shown = await stage.status(id);
    assert.equal(shown.next.action, 'wake', 'status knows that a hook waits');
    await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
    assert.equal(byPlugin(stage, id), 1);
    const { attempts } = stage.home.incident(id);
    assert.deepEqual(attempts.map(({ action, outcome }) => [action, outcome]), [['wake', 'continued']]);
    // The client's own continuation would come 36 to 106 s after the reset.
    await past(resetsAt + 115_000);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
  });

  test('the module pauses and cancels with its keys and then submits nothing', async (t) => {
    const stage = await withModule(t);
    const here = stage && (await limited(t, stage, 35));
    if (!here) return;
    const { terminal, id, resetsAt, refusedAt } = here;
    await terminal.shows(/2: Pause/);
    await pause(1);
    await terminal.press('2');
    await terminal.shows(/Continue as planned/);
    await until('the pause in status', async () => (await stage.status(id)).next.action === 'none');
    await terminal.press('3');
    await stage.incident(id, ({ phase }) => phase === 'cancelled', 15);
    await past(resetsAt + (GRACE + 6) * 1000);
    assert.deepEqual([byPlugin(stage, id), stage.api.conversation(refusedAt).length], [0, 0]);
  });

  test('the module submits nothing into the conversation started by /clear', async (t) => {
    const stage = await withModule(t);
    const here = stage && (await limited(t, stage, 30));
    if (!here) return;
    const { terminal, id, resetsAt, refusedAt } = here;
    await terminal.type('/clear');
    await until('the other session', async () => (await terminal.session()).sessionId !== id, 15);
    await past(resetsAt + (GRACE + 6) * 1000);
    assert.equal(stage.api.conversation(refusedAt).length, 0);
    assert.equal(stage.home.incident(id).phase, 'held');
  });

  test('the module continues a session without a terminal, and one before its time with a key', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    stage.api.play(step.limitFor('5h', 6), finished());
    const session = stage.open({ args: ['--plugin-dir', stage.plugin] });
    session.prompt('Do the task.');
    await until('the session', () => session.id, 30);
    await stage.stop(session.id);
    await until('the second turn', () => session.results().length === 2, 40);
    await stage.incident(session.id, ({ phase }) => phase === 'recovered');
    assert.equal(byPlugin(stage, session.id), 1);
    const here = await limited(t, stage, 600);
    if (!here) return;
    stage.api.play(finished());
    await here.terminal.shows(/1: Continue now/);
    await pause(1);
    await here.terminal.press('1');
    await until('the prompt', () => byPlugin(stage, here.id) === 1, 20);
  });

  test('the module answers the limit menu of the client and continues right after the reset', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ autoContinueAtUsageLimit: false }));
    const here = await limited(t, stage);
    if (!here) return;
    const { terminal, id, refusedAt } = here;
    await stage.incident(id, ({ phase }) => phase === 'recovered', 30);
    assert.deepEqual([byPlugin(stage, id), stage.api.conversation(refusedAt).length], [1, 1]);
    assert.doesNotMatch(await terminal.screen(), /What do you want to do/);
    assert.ok(stage.home.incident(id).limitMenuAt, 'the menu was seen');
  });

  test('the module waits for a hook that records the stop seconds later, with and without the limit menu', async (t) => {
    for (const withMenu of [true, false]) {
      const stage = await withModule(t, { slow: 3 });
      if (stage === null) return;
      if (withMenu) writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ autoContinueAtUsageLimit: false }));
      const here = await limited(t, stage, 30);
      if (!here) return;
      const { terminal, id, refusedAt } = here;
      if (!withMenu) await terminal.shows(/Claude Code continues this session itself/);
      await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
      assert.equal(stage.api.conversation(refusedAt).length, 1);
      assert.equal(byPlugin(stage, id), 1);
    }
  });

  test('continues a client once that was suspended over the reset', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    // tmux continues a stopped process of its own pane at once, so the client runs below a shell.
    stage.client = stage.program('client.sh', `#!/bin/sh\n'${stage.client}' "$@"\n`);
    stage.api.play(step.limitFor('5h', 30), finished());
    const terminal = await openTerminal(t, stage, { args: stage.args });
    if (terminal === null) return;
    const sessions = path.join(stage.home.configDir, 'sessions');
    const { pid, sessionId: id } = await until('the registered session', () => {
      try {
        return JSON.parse(readFileSync(path.join(sessions, readdirSync(sessions).find((name) => /^\d+\.json$/.test(name)) ?? ''), 'utf8'));
      } catch {
        // The record does not exist yet, or is being written.
        return null;
      }
    }, 10);
    await terminal.type('Do the task.');
    const { stop } = await stage.incident(id, ({ phase, plan }) => phase === 'waiting' && plan.action === 'wake', 20);
    await noHookWaits(stage);
    const [resetsAt, refusedAt] = [Date.parse(stop.resetsAt), stage.api.conversation().at(-1).at];
    process.kill(pid, 'SIGSTOP');
    await past(resetsAt + 30_000);
    assert.equal(stage.api.conversation(refusedAt).length, 0, 'a suspended client asks nothing');
    process.kill(pid, 'SIGCONT');
    const resumedAt = Date.now();
    await stage.incident(id, ({ phase }) => phase === 'recovered', 60);
    // The client's own continuation comes a minute after it runs again.
    await past(resumedAt + 90_000);
    const continues = stage.api.conversation(refusedAt);
    assert.equal(continues.length, 1, 'exactly one continue');
    t.diagnostic(`continued ${((continues[0].at - resumedAt) / 1000).toFixed(1)} s after the client ran again, by ${byPlugin(stage, id) === 1 ? 'the module' : 'the client'}`);
  });

  test('the hooks handle the stop when Claude Code refuses the module', async (t) => {
    const stage = await withModule(t, { broken: true });
    const here = stage && (await limited(t, stage));
    if (!here) return;
    const { id, refusedAt } = here;
    await until('the one hook that waits', () => stage.hookProcesses().length === 1, 10);
    await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
    assert.deepEqual([byPlugin(stage, id), stage.api.conversation(refusedAt).length], [0, 1]);
  });

  test('settings hooks detect the module and leave the waiting to it', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    assert.equal((await stage.cli('init', stage.home.project, '--json')).code, 0);
    const here = await limited(t, stage);
    if (!here) return;
    await noHookWaits(stage);
    await stage.incident(here.id, ({ phase }) => phase === 'recovered', 40);
    assert.deepEqual([byPlugin(stage, here.id), stage.api.conversation(here.refusedAt).length], [1, 1]);
  });
});
