// `uninstall`, through the real command. The tests of `init` check, file by file, what it restores after an unmodified `init`.

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

test('uninstall leaves nothing of init in an unchanged project', async (t) => {
  const { place } = await installed(t, null);
  const { status, stdout, stderr } = await place.run(['uninstall']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Removed recovery from /);
  assert.deepEqual(Object.keys(treeOf(place.project)).filter((name) => name !== 'HANDOFF.md' && name !== '.claude'), []);
});

test('uninstall removes only our entries from edited settings and preserves every other byte', async (t) => {
  const { place, path } = await installed(t, textOf('foreign-hook-on-the-same-event', 'before.jsonc'));
  const touched = readFileSync(path, 'utf8').replace('"model": "opus"', '"model": "sonnet", // cheaper\n  "env": { "A": "1" }');
  writeFileSync(path, touched);
  const { status, stderr } = await place.run(['uninstall']);
  assert.equal(status, 0, stderr);
  const expected = textOf('foreign-hook-on-the-same-event', 'before.jsonc')?.replace('"model": "opus"', '"model": "sonnet", // cheaper\n  "env": { "A": "1" }');
  assert.equal(readFileSync(path, 'utf8'), expected);
});

test('uninstall preserves a hook that the user added beside ours, and its list', async (t) => {
  const { place, path } = await installed(t, null);
  const settings = JSON.parse(readFileSync(path, 'utf8'));
  settings.hooks.Stop.push({ hooks: [{ type: 'command', command: 'say done' }] });
  writeFileSync(path, JSON.stringify(settings));
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.deepEqual(parse(readFileSync(path, 'utf8')), { hooks: { Stop: [{ hooks: [{ type: 'command', command: 'say done' }] }] } });
});

test('uninstall refuses broken settings with 1 and leaves them unchanged', async (t) => {
  const { place, path } = await installed(t, '{}\n');
  const broken = readFileSync(path, 'utf8').replace('}\n]', '\n]').slice(0, -4);
  writeFileSync(path, broken);
  const { status, stderr } = await place.run(['uninstall']);
  assert.equal(status, 1, stderr);
  assert.ok(stderr.includes(path), stderr);
  assert.equal(readFileSync(path, 'utf8'), broken);
});

test('uninstall succeeds when the settings file is gone', async (t) => {
  const { place, path } = await installed(t, null);
  const { rmSync } = await import('node:fs');
  rmSync(path);
  const { status, stderr } = await place.run(['uninstall']);
  assert.equal(status, 0, stderr);
  assert.ok(!existsSync(path));
});

test('uninstall --dry-run shows the diff and writes nothing', async (t) => {
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

test('uninstall --json prints the report', async (t) => {
  const { place } = await installed(t, null);
  const report = JSON.parse((await place.run(['uninstall', '--json'])).stdout);
  assert.equal(report.project, place.project);
  assert.equal(report.changed, true);
});

test('uninstall without a setup reports that, exits with 6 and changes nothing', async (t) => {
  const place = world(t);
  writeFileSync(join(place.project, 'file'), 'x');
  const before = treeOf(place.project);
  const { status, stdout } = await place.run(['uninstall']);
  assert.equal(status, 6);
  assert.match(stdout, /^This tool has nothing installed in .*; nothing was changed\.$/m);
  assert.equal((await place.run(['uninstall', '--dry-run'])).status, 6);
  assert.deepEqual(treeOf(place.project), before);
});

test('a second uninstall has nothing to do, and init works again afterwards', async (t) => {
  const { place, path } = await installed(t, '{}\n');
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.equal((await place.run(['uninstall'])).status, 6);
  assert.equal((await place.run(['init'])).status, 0);
  assert.ok(parse(readFileSync(path, 'utf8')).hooks.StopFailure);
});
