// Limits of runs: how long they may take, how many are allowed per night, and who may start them.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { ROOT, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';
import { looks, mostAtOnce, supervised } from './lib/supervised.mjs';

const skip = process.platform !== 'linux';

test('a run that outlives its supervisor is ended at its time limit, and the next run resumes the session', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place, { runs: [{ behavior: 'hangs' }, { behavior: 'works' }], config: { supervisor: { maxRunMinutes: 0.15 } } });
  const id = idOf(0xb01);
  scene.stop(id);
  await later(150);
  const first = spawn(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), 'watch', '--until-done'], { cwd: place.project, env: place.env, stdio: 'ignore' });
  const ended = new Promise((resolve) => first.once('close', resolve));
  place.endings.push(() => {
    first.kill('SIGKILL');
    return ended;
  });
  // Wait until the run has started and its supervisor has recorded the process.
  while (scene.starts(id).length === 0 || scene.incident(id).attempts[0]?.run.child === null) await later(20);
  first.kill('SIGKILL');
  await ended;
  looks(await place.run(['watch', '--until-done', '--json']));
  const { phase, attempts } = scene.incident(id);
  assert.equal(phase, 'recovered');
  assert.deepEqual(attempts.map((/** @type {any} */ { run }) => [run.deadlineSeconds, run.result.ended.split(':')[0]]), [[9, 'ended with unknown exit status'], [9, 'exited with 0']]);
  assert.equal(mostAtOnce(scene.clientLog(), id), 1);
  const journal = readFileSync(join(place.state, 'journal.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const stopped = journal.find(({ event }) => event === 'run-stopped');
  assert.deepEqual([stopped?.session, stopped?.kill], [id, false]);
});

test('no more runs are made in a night than nightlyCap allows, and the rest is listed with why it waits', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place, { config: { nightlyCap: 1 } });
  const ids = [idOf(0xb11), idOf(0xb12)];
  // Give each run its own first prompt: of runs with the same one only the newest counts.
  for (const id of ids) scene.stop(id, { edit: (record) => (record.type === 'user' ? { ...record, message: { ...record.message, content: `Task ${id}` } } : record) });
  await later(150);
  const last = looks(await place.run(['watch', '--once', '--json'])).at(-1);
  assert.equal(scene.starts('').length + ids.flatMap((id) => scene.starts(id)).length, 1);
  assert.deepEqual(last.sessions.map((/** @type {any} */ { phase, waits }) => [phase, waits]), [['waiting', 'nightlyCap is reached']]);
});

test('a session whose transcript was rewritten during a run is held with the restore command', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place, { runs: [{ behavior: 'rewrites' }] });
  const id = idOf(0xb21);
  const transcript = scene.stop(id);
  const before = readFileSync(transcript);
  await later(150);
  looks(await place.run(['watch', '--until-done', '--json']));
  const { phase, plan } = scene.incident(id);
  assert.equal(phase, 'held');
  const [, command] = /cc-session-recover (restore .*)` restores the snapshot/.exec(plan.why) ?? assert.fail(plan.why);
  const restored = await place.run(command.split(' '));
  assert.equal(restored.status, 0, restored.stderr);
  assert.deepEqual(readFileSync(transcript), before);
});

test('a run uses the launcher and arguments that the user configured', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place);
  const id = idOf(0xb31);
  scene.stop(id);
  await later(150);
  const launcher = join(place.root, 'bin', 'ccs');
  writeFileSync(launcher, `#!/bin/sh\nprofile=$1; shift\necho "$profile" > '${join(place.root, 'profile')}'\nexec '${scene.program}' "$@"\n`);
  chmodSync(launcher, 0o755);
  const env = { ...place.env, PATH: `${join(place.root, 'bin')}:${place.env.PATH}`, CC_RECOVER_CLAUDE: undefined };
  const ran = await place.run(['resume', id, '--now', '--with', 'ccs work', '--json'], { env });
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(JSON.parse(ran.stdout).phase, 'recovered');
  assert.equal(readFileSync(join(place.root, 'profile'), 'utf8'), 'work\n');
  assert.equal(scene.starts(id).length, 1);
  const unknown = await place.run(['resume', id, '--now', '--with', 'no-such-launcher'], { env });
  assert.equal(unknown.status, 3);
  assert.match(unknown.stderr, /cannot find no-such-launcher on PATH outside the project/);
});

/** @type {[string, Record<string, unknown>, string, number, RegExp][]} */
const ENDS = [
  ['continues the session', { behavior: 'works' }, 'continued', 0, / continued: its task is finished or waits for you\.$/m],
  ['adds nothing to the transcript', { behavior: 'nothing' }, 'no-effect', 5, / did nothing\.$/m],
  ['meets the limit again', { behavior: 'limit', resetsIn: 600 }, 'stopped-again', 5, / stopped again\.$/m],
];
for (const [what, behavior, outcome, status, line] of ENDS) {
  test(`resume --now exits with ${status} when the run ${what}`, { skip }, async (t) => {
    const place = world(t);
    const scene = await supervised(place, { runs: [behavior] });
    const [id, other] = [idOf(0xb51), idOf(0xb52)];
    for (const one of [id, other]) scene.stop(one, { edit: (record) => (record.type === 'user' ? { ...record, message: { ...record.message, content: `Task ${one}` } } : record) });
    await later(150);
    const asJson = await place.run(['resume', id, '--now', '--json']);
    assert.deepEqual([asJson.status, JSON.parse(asJson.stdout).attempt.outcome], [status, outcome], asJson.stderr);
    const asText = await place.run(['resume', other, '--now']);
    assert.equal(asText.status, status, asText.stderr);
    assert.match(asText.stdout, line);
  });
}

test('watch checks again as soon as a file changes, before the next poll', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place, { config: { supervisor: { pollSeconds: 30 } } });
  const id = idOf(0xb41);
  scene.stop(id, { resetsIn: 3600 });
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), 'watch', '--json'], { cwd: place.project, env: place.env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  place.endings.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const lines = () => output.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  // After sending its first notices the supervisor waits longer between passes.
  const calm = () => lines().find(({ looksAgainIn }) => looksAgainIn > 20_000);
  while (calm() === undefined) await later(20);
  const first = calm();
  assert.deepEqual(first.sessions.map((/** @type {any} */ one) => [one.id, one.paused]), [[id, false]]);
  const paused = await place.run(['pause', id]);
  assert.equal(paused.status, 0, paused.stderr);
  const shows = () => lines().find(({ sessions }) => sessions[0]?.paused);
  while (shows() === undefined) await later(20);
  assert.ok(Date.parse(shows().generatedAt) < Date.parse(first.looksAgainAt), `${shows().generatedAt} is not before ${first.looksAgainAt}`);
  child.kill('SIGTERM');
  await ended;
  assert.equal(child.exitCode, 0);
});
