// Ten sessions of one account that one limit stops, each with the plugin's module in its client: no process waits outside the clients,
// one session continues first, and the others follow once that session works.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { scene, step, until } from './scene.mjs';

const SESSIONS = 10;
/** Seconds until the reset, by which all clients must have started and stopped. */
const RESETS_IN = 120;
/** Seconds that the answer to the first continue takes. */
const FIRST_ANSWER = 8;

test('of ten sessions stopped by one limit, one continues first, and the others once it works, each exactly once', async (t) => {
  const stage = await scene(t, { init: false, config: { heartbeat: { graceSeconds: 2, stepSeconds: 0.25 }, notify: { desktop: false } } });
  if (stage === null) return;
  const { code, stdout, stderr } = await stage.cli('plugin', '--json');
  assert.equal(code, 0, stderr);
  const plugin = path.join(JSON.parse(stdout).directory, 'cc-session-recover');
  const reset = Math.ceil(Date.now() / 1000) + RESETS_IN;
  stage.api.play(step.limit('5h', reset), step.think(FIRST_ANSWER, 'The first task is finished.'), step.text('The task is finished.', { times: Infinity }));
  const sessions = Array.from({ length: SESSIONS }, () => stage.open({ args: ['--plugin-dir', plugin] }));
  for (const [index, session] of sessions.entries()) session.prompt(`Do task ${index}.`);
  await until('all stops', () => sessions.every(({ id }) => id && stage.home.incident(id)?.phase === 'waiting'), RESETS_IN / 3);
  await until('no hook', () => stage.hookProcesses().length === 0, 10);
  assert.ok(Date.now() < reset * 1000, 'all of them wait before the reset');

  await until('all continues', () => sessions.every(({ id }) => stage.home.incident(id)?.phase === 'recovered'), 120);
  const refused = stage.api.conversation().filter(({ at }) => at < reset * 1000);
  const [first, second, ...others] = stage.api.conversation(reset * 1000 - 1);
  const continues = [first, second, ...others];
  assert.equal(refused.length, SESSIONS, 'nothing was asked before the reset');
  assert.deepEqual(continues.map(({ status }) => status), continues.map(() => 200), 'none was refused');
  assert.deepEqual(continues.map(({ session }) => session).toSorted(), sessions.map(({ id }) => id).toSorted(), 'each exactly once');
  assert.ok(second.at - first.at >= FIRST_ANSWER * 1000, `the second continued ${second.at - first.at} ms after the first`);
  const gaps = others.map((request, index) => request.at - continues[index + 1].at);
  t.diagnostic(`continued ${continues.map(({ at }) => ((at - reset * 1000) / 1000).toFixed(1)).join(', ')} s after the reset`);
  assert.ok(Math.max(...gaps) < 60_000, `gaps of ${gaps.join(', ')} ms`);
});
