// Who continues a stop: the client before the plugin's module in the default order, and the hooks once the module is gone.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { byPlugin, finished, limited, noHookWaits, past, withModule } from './module-scene.mjs';
import { step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** Seconds after the reset at which the module acts with the default configuration. */
const DEFAULT_GRACE = 150;
/** The client's own prompt. */
const NATIVE = /Your claude\.ai usage limit has reset/;

suite('the order of the arms', { concurrency: 2, timeout: 3_600_000 }, () => {
  test('with the default configuration the client continues first, and the module then submits nothing', async (t) => {
    const stage = await withModule(t, { config: { notify: { desktop: false } } });
    const here = stage && (await limited(t, stage));
    if (!here) return;
    const { terminal, id, resetsAt, refusedAt } = here;
    await noHookWaits(stage);
    await terminal.shows(/Claude Code continues this session itself/);
    const due = Date.parse(stage.home.incident(id).plan.at);
    assert.ok(due >= resetsAt + DEFAULT_GRACE * 1000, `the module acts ${(due - resetsAt) / 1000} s after the reset`);
    await stage.incident(id, ({ phase }) => phase === 'recovered', DEFAULT_GRACE + 40);
    await past(due + 8000);
    const continues = stage.api.conversation(refusedAt);
    assert.equal(continues.length, 1, 'exactly one continue');
    t.diagnostic(`continued ${((continues[0].at - resetsAt) / 1000).toFixed(1)} s after the reset`);
    // The client's own delay has been seen to be longer than that of the module, which then continues instead.
    assert.equal(byPlugin(stage, id), NATIVE.test(continues[0].users.join('\n')) ? 0 : 1);
  });

  test('settings hooks wait themselves when the plugin was deleted and only its variable is left', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    assert.equal((await stage.cli('init', stage.home.project, '--json')).code, 0);
    stage.api.play(step.text('Answered.'));
    const terminal = await openTerminal(t, stage, { args: stage.args });
    if (terminal === null) return;
    const { sessionId: id } = await terminal.session();
    await terminal.type('Do the first task.');
    await terminal.shows(/Answered/);
    await until('the end of the turn', () => stage.home.registered(id)?.status === 'idle', 10);
    rmSync(path.dirname(stage.plugin), { recursive: true });
    stage.api.play(step.limitFor('5h', 25), finished());
    await terminal.type('Do the task.');
    const { stop } = await stage.incident(id, ({ phase, plan }) => phase === 'waiting' && plan.action === 'wake', 20);
    const refusedAt = stage.api.conversation().at(-1).at;
    await until('the one hook that waits', () => stage.hookProcesses().length === 1, 10);
    await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
    await past(Date.parse(stop.resetsAt) + 10_000);
    assert.deepEqual([byPlugin(stage, id), stage.api.conversation(refusedAt).length], [0, 1], 'exactly one continue');
  });
});
