// `uninstall`, through the real command. What it gives back after an untouched `init` is tested with `init`, file by file.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'jsonc-parser';
import { world } from './lib/command.mjs';
import { textOf, treeOf } from './lib/settings-files.mjs';

/** @param {import('node:test').TestContext} t @param {string | null} before */
async function installed(t, before) {
  const place = world(t);
  const path = join(place.project, '.claude', 'settings.json');
  if (before !== null) {
    mkdirSync(join(place.project, '.claude'));
    writeFileSync(path, before);
  }
  const { status, stderr } = await place.run(['init']);
  assert.equal(status, 0, stderr);
  return { place, path };
}

test('nothing of init is left in an untouched project', async (t) => {
  const { place } = await installed(t, null);
  const { status, stdout, stderr } = await place.run(['uninstall']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Recovery is taken out of /);
  assert.deepEqual(Object.keys(treeOf(place.project)).filter((name) => name !== 'HANDOFF.md' && name !== '.claude'), []);
});

test('in settings that somebody touched since, only our entries go and every other byte stays', async (t) => {
  const { place, path } = await installed(t, textOf('foreign-hook-on-the-same-event', 'before.jsonc'));
  const touched = readFileSync(path, 'utf8').replace('"model": "opus"', '"model": "sonnet", // cheaper\n  "env": { "A": "1" }');
  writeFileSync(path, touched);
  const { status, stderr } = await place.run(['uninstall']);
  assert.equal(status, 0, stderr);
  const expected = textOf('foreign-hook-on-the-same-event', 'before.jsonc')?.replace('"model": "opus"', '"model": "sonnet", // cheaper\n  "env": { "A": "1" }');
  assert.equal(readFileSync(path, 'utf8'), expected);
});

test('a hook that a person put beside ours stays, and so does its list', async (t) => {
  const { place, path } = await installed(t, null);
  const settings = JSON.parse(readFileSync(path, 'utf8'));
  settings.hooks.Stop.push({ hooks: [{ type: 'command', command: 'say done' }] });
  writeFileSync(path, JSON.stringify(settings));
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.deepEqual(parse(readFileSync(path, 'utf8')), { hooks: { Stop: [{ hooks: [{ type: 'command', command: 'say done' }] }] } });
});

test('settings that were broken since are refused with 1 and left alone', async (t) => {
  const { place, path } = await installed(t, '{}\n');
  const broken = readFileSync(path, 'utf8').replace('}\n]', '\n]').slice(0, -4);
  writeFileSync(path, broken);
  const { status, stderr } = await place.run(['uninstall']);
  assert.equal(status, 1, stderr);
  assert.ok(stderr.includes(path), stderr);
  assert.equal(readFileSync(path, 'utf8'), broken);
});

test('settings that are gone since are no obstacle', async (t) => {
  const { place, path } = await installed(t, null);
  const { rmSync } = await import('node:fs');
  rmSync(path);
  const { status, stderr } = await place.run(['uninstall']);
  assert.equal(status, 0, stderr);
  assert.ok(!existsSync(path));
});

test('--dry-run shows the diff and writes nothing', async (t) => {
  const { place } = await installed(t, '{\n  "model": "opus"\n}\n');
  const before = treeOf(place.root);
  const { status, stdout, stderr } = await place.run(['uninstall', '--dry-run']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^--- a\/\.claude\/settings\.json$/m);
  assert.match(stdout, /^-.*"hooks"/m);
  assert.deepEqual(treeOf(place.root), before);
  const plan = JSON.parse((await place.run(['uninstall', '--dry-run', '--json'])).stdout);
  assert.equal(plan.dryRun, true);
  assert.equal(plan.changed, true);
  assert.deepEqual(treeOf(place.root), before);
});

test('--json prints the report', async (t) => {
  const { place } = await installed(t, null);
  const report = JSON.parse((await place.run(['uninstall', '--json'])).stdout);
  assert.equal(report.project, place.project);
  assert.equal(report.changed, true);
});

test('where nothing of ours is, it says so, ends with 6 and changes nothing', async (t) => {
  const place = world(t);
  writeFileSync(join(place.project, 'file'), 'x');
  const before = treeOf(place.project);
  const { status, stdout } = await place.run(['uninstall']);
  assert.equal(status, 6);
  assert.match(stdout, /^Nothing of ours is in .*; nothing was changed\.$/m);
  assert.equal((await place.run(['uninstall', '--dry-run'])).status, 6);
  assert.deepEqual(treeOf(place.project), before);
});

test('a second uninstall has nothing to do, and init works again after it', async (t) => {
  const { place, path } = await installed(t, '{}\n');
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.equal((await place.run(['uninstall'])).status, 6);
  assert.equal((await place.run(['init'])).status, 0);
  assert.ok(parse(readFileSync(path, 'utf8')).hooks.StopFailure);
});
