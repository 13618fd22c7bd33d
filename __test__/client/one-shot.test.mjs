// A stop of a one-shot run (`claude -p`), on the real client: the client ends its StopFailure hook about 200 ms after the start, and the
// stop must be on disk by then.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { pause, scene, step } from './scene.mjs';

/** Returns the sessions with an incident. */
function noted(home) {
  try {
    return readdirSync(path.join(home.stateDir, 'incidents')).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
  } catch {
    return [];
  }
}

suite('one-shot runs that stop', { concurrency: 2 }, () => {
  for (const [words, scenario, kind] of [
    ['at a usage limit', [step.limitFor('5h', 3600)], 'usage-limit-5h'],
    ['at a weekly limit', [step.limitFor('weekly', 3 * 86_400)], 'usage-limit-weekly'],
  ]) {
    test(`a one-shot run stopped ${words} leaves a durable incident with the exact reset and the resume command`, async (t) => {
      const stage = await scene(t, { scenario });
      if (stage === null) return;
      const ids = [];
      const isWritten = () => stage.home.handoff().includes(ids.at(-1));
      // The client ends its hooks after five seconds. Under load a hook may not have written the note by then.
      while (ids.length < 3 && (ids.length === 0 || !isWritten())) {
        const { code, stdout } = await stage.once('Do the task.');
        assert.equal(code, 1, stdout);
        const { session_id: id } = JSON.parse(stdout);
        ids.push(id);
        assert.deepEqual(noted(stage.home).toSorted(), ids.toSorted());
        const stop = stage.errorRecords(id).at(-1);
        // `status` may read what the killed hook had no time for.
        const status = await stage.status(id);
        assert.equal(status.stop.kind, kind);
        assert.equal(Date.parse(status.stop.resetsAt), stop.quotaLimits.resetsAt * 1000);
        assert.equal(status.stop.resetsAtSource, 'exact');
        assert.equal(status.live, null);
        assert.match(status.next.action, /^(resume|notify)$/);
        assert.ok(status.next.argv.includes(`--resume=${id}`), String(status.next.argv));
        for (let waited = 0; waited < 20 && !isWritten(); waited += 1) await pause(1);
      }
      assert.ok(isWritten(), 'the block in HANDOFF.md');
      assert.deepEqual(stage.hookProcesses(), [], 'no hook is left behind');
      assert.equal(stage.api.conversation().length, ids.length);
    });
  }

  test('ten one-shot runs in a row each record their stop', async (t) => {
    const stage = await scene(t, { scenario: [step.limitFor('5h', 3600)] });
    if (stage === null) return;
    const ids = [];
    for (let run = 0; run < 10; run += 1) ids.push(JSON.parse((await stage.once('Do the task.')).stdout).session_id);
    assert.deepEqual(noted(stage.home).toSorted(), ids.toSorted());
  });
});
