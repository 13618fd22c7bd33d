// `prune`: only copies of this tool's own go, the oldest, after they were shown.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contents, wholeSession } from './lib/belongings.mjs';
import { world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';

const DAY = 86_400_000;

/** @param {ReturnType<typeof world>} place */
function copies(place) {
  const exports = join(place.state, 'exports');
  const snapshots = join(place.state, 'snapshots');
  /** An export of so many days ago. @param {number} days @param {string} [id] @param {number} [bytes] */
  const exported = (days, id = idOf(1), bytes = 1000) => {
    const at = new Date(Date.now() - days * DAY).toISOString().replace(/[-:]|\.\d+/g, '');
    const path = join(exports, `${at}-LOSSLESS-${id}`);
    mkdirSync(join(path, 'tasks'), { recursive: true });
    writeFileSync(join(path, `${id}.jsonl`), 'x'.repeat(bytes));
    return path;
  };
  /** A snapshot of so many days ago. @param {number} days @param {string} [id] */
  const snapshot = (days, id = idOf(1)) => {
    const path = join(snapshots, id, `s${days}.jsonl`);
    mkdirSync(join(snapshots, id), { recursive: true });
    writeFileSync(path, 'y'.repeat(500));
    writeFileSync(`${path}.sha256`, `0  s${days}.jsonl\n`);
    const at = (Date.now() - days * DAY) / 1000;
    utimesSync(path, at, at);
    return path;
  };
  return { exports, snapshots, exported, snapshot };
}

/** @param {{path: string}[]} removed */
const paths = (removed) => removed.map(({ path }) => path).toSorted();

test('what is old goes, the newest of each session stays, and nothing before it was shown', async (t) => {
  const place = world(t);
  const { exported, snapshot } = copies(place);
  const old = [exported(100), exported(91), snapshot(20), snapshot(15)];
  const kept = [exported(89), exported(400, idOf(2)), snapshot(3), snapshot(300, idOf(3))];
  const session = wholeSession(place);
  const claude = contents(place.claude);
  const before = contents(place.state);
  const planned = await place.run(['prune', '--dry-run', '--json']);
  assert.equal(planned.status, 0, planned.stderr);
  assert.deepEqual(paths(JSON.parse(planned.stdout).removed), old.toSorted());
  assert.deepEqual(contents(place.state), before, 'nothing is deleted by a dry run');
  const asked = await place.run(['prune']);
  assert.equal(asked.status, 2);
  assert.match(asked.stderr, /there is no terminal to ask on\n {2}next: give --yes/);
  assert.deepEqual(contents(place.state), before);
  const { status, stdout, stderr } = await place.run(['prune', '--yes', '--json']);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual([paths(report.removed), report.kept, report.problems], [old.toSorted(), 4, []]);
  for (const path of old) assert.equal(existsSync(path) || existsSync(`${path}.sha256`), false, path);
  for (const path of kept) assert.equal(existsSync(path), true, path);
  assert.deepEqual(contents(place.claude), claude, `nothing of ${session.id} is touched`);
  assert.ok(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').includes('"event":"pruned"'));
  assert.equal((await place.run(['prune', '--yes'])).status, 6);
});

test('the configuration says how long, the command line before it, and nonsense is refused', async (t) => {
  const place = world(t);
  const { exported } = copies(place);
  const old = exported(20);
  exported(1);
  const removed = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout).removed.length;
  assert.equal(await removed(), 0);
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"exportsDays":7}}');
  assert.equal(await removed(), 1);
  assert.equal(await removed('--exports-days', '30'), 0);
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"exportsDays":"never"}}');
  const { status, stderr } = await place.run(['prune', '--yes']);
  assert.equal(status, 1);
  assert.match(stderr, /retention\.exportsDays is no number of days/);
  assert.equal(existsSync(old), true);
  for (const argv of [['--keep', '1.5'], ['--exports-days', '-1'], ['--max-total', 'much'], ['--most', '']]) assert.equal((await place.run(['prune', ...argv])).status, 2, argv.join(' '));
});

test('by count and by size the oldest go first', async (t) => {
  const place = world(t);
  const { exported } = copies(place);
  const all = [5, 4, 3, 2, 1].map((days) => exported(days));
  const plan = async (/** @type {string[]} */ ...argv) => paths(JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout).removed);
  assert.deepEqual(await plan('--most', '3'), all.slice(0, 2));
  assert.deepEqual(await plan('--max-total', '2.5kB'), all.slice(0, 3));
  assert.deepEqual(await plan('--max-total', '0'), all.slice(0, 4), 'the newest stays');
  assert.deepEqual(await plan('--max-total', '0', '--keep', '0'), all);
  const { stdout } = await place.run(['prune', '--most', '1', '--yes']);
  assert.match(stdout, /^Deleted 4 copies of 4\.0 kB\. 1 copy of 1\.0 kB stays\.$/m);
  assert.deepEqual(readdirSync(join(place.state, 'exports')).length, 1);
});

test('what has another name, is a link, or is elsewhere is never touched', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { exports, snapshots, exported, snapshot } = copies(place);
  exported(500);
  snapshot(500);
  const victim = join(place.root, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'precious'), 'x');
  const name = `20200101T000000Z-LOSSLESS-${idOf(9)}`;
  symlinkSync(victim, join(exports, name));
  mkdirSync(join(exports, `mine-LOSSLESS-${idOf(9)}`));
  mkdirSync(join(exports, 'notes'));
  symlinkSync(victim, join(snapshots, idOf(9)));
  writeFileSync(join(victim, 'x.jsonl'), 'x');
  symlinkSync(join(victim, 'precious'), join(snapshots, idOf(1), 'z.jsonl'));
  // Inside of an export that goes, too.
  symlinkSync(victim, join(exported(600), 'out'));
  const { status, stdout, stderr } = await place.run(['prune', '--keep', '0', '--exports-days', '0', '--snapshots-days', '0', '--yes', '--json']);
  assert.equal(JSON.parse(stdout).removed.length, 3, stderr);
  assert.equal(status, 0);
  assert.deepEqual(readdirSync(victim).toSorted(), ['precious', 'x.jsonl']);
  assert.deepEqual(readdirSync(exports).toSorted(), [name, `mine-LOSSLESS-${idOf(9)}`, 'notes'].toSorted());
  // The whole directory may be one.
  const away = join(place.root, 'away');
  renameSync(exports, away);
  symlinkSync(away, exports);
  exported(700);
  const linked = await place.run(['prune', '--keep', '0', '--yes']);
  assert.equal(linked.status, 4);
  assert.match(linked.stderr, /nothing behind a link is deleted/);
  assert.equal(readdirSync(away).length, 4);
});

test('what was never finished goes, unless somebody is at it', { skip: process.platform !== 'linux' }, async (t) => {
  const place = world(t);
  const { exports } = copies(place);
  const left = join(exports, `.20261121T000000Z-LOSSLESS-${idOf(1)}.${spawnSync('true').pid}.part`);
  const busy = join(exports, `.20261121T000000Z-LOSSLESS-${idOf(1)}.${process.pid}.part`);
  for (const path of [left, busy]) mkdirSync(path, { recursive: true });
  const { status, stdout } = await place.run(['prune', '--yes', '--json']);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout).removed.map((/** @type {any} */ { kind, path }) => [kind, path]), [['leftover', left]]);
  assert.deepEqual([existsSync(left), existsSync(busy)], [false, true]);
});
