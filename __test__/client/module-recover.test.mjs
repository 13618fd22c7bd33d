// The pane that `/recover` opens in the real client, above the prompt at 80 columns and beside the conversation at 120.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { limited, withModule } from './module-scene.mjs';
import { pause, until } from './scene.mjs';

suite('the pane of the module', { concurrency: 2 }, () => {
  for (const columns of [80, 120]) {
    test(`/recover lists the sessions, shows one with Enter, and returns with b, at ${columns} columns`, async (t) => {
      const stage = await withModule(t);
      const here = stage && (await limited(t, stage, 600, { columns }));
      if (!here) return;
      const { terminal, id, refusedAt } = here;
      await terminal.shows(/Claude Code continues this session itself/);
      await terminal.type('/recover');
      await terminal.shows(/Waiting\s*[│|]?\s*\n/);
      await terminal.shows(/5-hour usage/);
      await pause(1);
      await terminal.press('Enter');
      await terminal.shows(new RegExp(`Session ${id}`));
      await terminal.shows(/Back to the list/);
      await pause(1);
      await terminal.press('b');
      await until('the list', async () => !/Back to the list/.test(await terminal.screen()) && /Waiting/.test(terminal.last), 10, () => terminal.last);
      await terminal.press('Escape');
      await until('the closed pane', async () => !/^.*Waiting\s*[│|]?\s*$/m.test(await terminal.screen()), 10, () => terminal.last);
      assert.equal(stage.api.conversation(refusedAt).length, 0, 'the pane sends nothing');
      assert.equal(stage.home.incident(id).phase, 'waiting', 'Esc closes the pane and cancels nothing');
    });
  }
});
