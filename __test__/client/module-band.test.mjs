// The band of the plugin's module in the real client at 80 and 120 columns, with the client's own lines around it, and its keys while a
// draft is in the prompt box.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { limited, noHookWaits, withModule } from './module-scene.mjs';
import { pause, until } from './scene.mjs';

/** The band and the client's own lines below it, with times replaced. */
const SCREENS = {
  80: [
    '5-hour usage limit reached; it resets at TIME [-]',
    'Claude Code continues this session itself. If it has not by TIME,',
    'cc-session-recover does (in TIME)',
    '1: Continue now 2: Pause 3: Do not continue (empty prompt only)',
    '❯',
    '⚠ Usage limit reached · limit resets TIME',
    'Continuing automatically at TIME · Esc to cancel',
  ],
  120: [
    '5-hour usage limit reached; it resets at TIME [-]',
    'Claude Code continues this session itself. If it has not by TIME, cc-session-recover does (in TIME)',
    '1: Continue now 2: Pause 3: Do not continue (empty prompt only)',
    '❯',
    '⚠ Usage limit reached · limit resets TIME',
    'Continuing automatically at TIME · Esc to cancel',
  ],
};

/** Returns the lines from the band to the bottom of a screen, without rules and times, and without the effort and mode lines of the client. */
function band(screen) {
  const lines = screen.split('\n').map((line) => line.replace(/\s+/g, ' ').trim());
  return lines
    .slice(lines.findIndex((line) => /it resets at/.test(line)))
    .filter((line) => line !== '' && !/^─+$|\/effort$|mode on ·/.test(line))
    .map((line) => line.replace(/(?<=resets at |not by )(?:[A-Z][a-z]{2} \d+ )?\d\d:\d\d/, 'TIME').replace(/(?<=\(in )\d+ (?:s|min)/, 'TIME'))
    .map((line) => line.replace(/(?<=limit resets ).*$/, 'TIME').replace(/(?<=automatically at ).*(?= ·)/, 'TIME'));
}

/** Returns the lines of a screen without the client's notices, which come and go below the band. */
function withoutNotices(lines, screen) {
  return lines.filter((line, index) => index < screen.indexOf('❯') || screen.includes(line));
}

suite('the band of the module', { concurrency: 2 }, () => {
  for (const columns of [80, 120]) {
    test(`the band shows the plan and leaves a draft and its digits as typed, at ${columns} columns`, async (t) => {
      const stage = await withModule(t);
      const here = stage && (await limited(t, stage, 600, { columns }));
      if (!here) return;
      const { terminal, id, refusedAt } = here;
      await noHookWaits(stage);
      await terminal.shows(/2: Pause/);
      await terminal.shows(/Continuing automatically at/);
      assert.deepEqual(withoutNotices(band(await terminal.screen()), SCREENS[columns]), SCREENS[columns]);
      const draft = 'a draft';
      await terminal.tmux('send-keys', '-t', 'scene', '-l', draft);
      await terminal.shows(/[>❯]\s*a draft/);
      for (const key of ['1', '2', '3', 'b']) {
        await terminal.tmux('send-keys', '-t', 'scene', '-l', key);
        await pause(0.5);
      }
      await terminal.shows(/[>❯]\s*a draft123b/);
      await pause(2);
      assert.match(await terminal.screen(), /2: Pause/, 'the digits press nothing while a draft is in the box');
      assert.equal((await stage.status(id)).next.action, 'wake');
      assert.equal(stage.home.incident(id).phase, 'waiting');
      assert.equal(stage.api.conversation(refusedAt).length, 0);
      await terminal.press('C-u');
      await until('the empty box', async () => !/a draft/.test(await terminal.screen()), 10, () => terminal.last);
      await pause(1);
      await terminal.press('2');
      await terminal.shows(/Continue as planned/);
      await until('the pause in status', async () => (await stage.status(id)).next.action === 'none');
      assert.equal(stage.api.conversation(refusedAt).length, 0, 'the keys send nothing');
    });
  }
});
