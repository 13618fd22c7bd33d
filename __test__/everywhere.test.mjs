// `init --all` and `uninstall --all`: every place with hooks on the machine, and the home directory, which is not a project.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';

/** Returns every path below a directory, with the text of each file. @param {string} dir @returns {Record<string, string>} */
function tree(dir) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (lstatSync(path).isDirectory()) Object.assign(found, { [path]: '' }, tree(path));
    else found[path] = readFileSync(path, 'utf8');
  }
  return found;
}

/** Returns a world with two projects, with hooks in both and in the user's own settings. @param {import('node:test').TestContext} t */
async function everywhere(t) {
  const place = world(t);
  const other = join(place.home, 'other');
  mkdirSync(other);
  writeFileSync(join(place.claude, 'settings.json'), '{\n  // mine\n  "model": "opus"\n}\n');
  const state = join(place.home, '.local', 'state', 'cc-session-recover');
  const run = (/** @type {string[]} */ argv) => place.run(argv, { env: { CC_RECOVER_STATE_DIR: state } });
  const before = tree(place.home);
  for (const argv of [['init', '--yes'], ['init', other, '--local', '--yes'], ['init', '--user', '--yes']]) assert.equal((await run(argv)).status, 0);
  return { place, other, state, run, before };
}

test('uninstall --all restores the home directory to its state before init', async (t) => {
  const { place, run, before } = await everywhere(t);
  const installed = tree(place.home);
  assert.notDeepEqual(installed, before);
  const dry = await run(['uninstall', '--all', '--dry-run']);
  assert.equal(dry.status, 0, dry.stderr);
  for (const what of ['project', 'other', 'your own settings', 'and the state directory']) assert.ok(dry.stdout.includes(what), dry.stdout);
  assert.deepEqual(tree(place.home), installed, 'a dry run changes nothing');
  assert.equal((await run(['uninstall', '--all'])).status, 2, 'without a terminal it needs --yes');
  const { status, stdout, stderr } = await run(['uninstall', '--all', '--yes']);
  assert.equal(status, 0, stdout + stderr);
  assert.deepEqual(tree(place.home), before);
  assert.equal((await run(['uninstall', '--all', '--yes'])).status, 6, 'then there is nothing to do');
});

test('uninstall --all lists each file once, also where the hooks of a repository are in two settings files', async (t) => {
  const place = world(t);
  spawnSync('git', ['init', '-q'], { cwd: place.project, env: place.env });
  assert.equal((await place.run(['init', '--everyone', '--yes'])).status, 0);
  assert.equal((await place.run(['init', '--all', '--yes'])).status, 6, 'everything is current');
  const { stdout } = await place.run(['uninstall', '--all', '--dry-run', '--json']);
  const { places } = JSON.parse(stdout);
  const paths = places.flatMap((/** @type {any} */ { files }) => files.map((/** @type {any} */ { path }) => path));
  assert.ok(paths.some((/** @type {string} */ path) => path.endsWith('settings.local.json')), stdout);
  assert.deepEqual(paths, [...new Set(paths)]);
  assert.equal((await place.run(['uninstall', '--all', '--yes'])).status, 0);
  assert.equal(existsSync(join(place.project, '.claude')), false);
});

test('init --all adds nothing that the user left out: no hooks, no commands', async (t) => {
  const place = world(t);
  assert.equal((await place.run(['init', '--no-hooks', '--no-commands', '--statusline', '--yes'])).status, 0);
  assert.equal((await place.run(['init', '--all', '--yes'])).status, 6);
  assert.doesNotMatch(readFileSync(join(place.project, '.claude', 'settings.local.json'), 'utf8'), /StopFailure/);
  const other = join(place.home, 'other');
  mkdirSync(other);
  assert.equal((await place.run(['init', other, '--no-commands', '--statusline', '--yes'])).status, 0);
  assert.equal((await place.run(['init', '--all', '--yes'])).status, 6);
  assert.equal(existsSync(join(other, '.claude', 'commands')), false);
  assert.equal((await place.run(['uninstall', '--all', '--yes'])).status, 0);
  assert.equal(existsSync(join(place.project, '.claude', 'settings.local.json')), false);
});

test('uninstall --all retains exports in the state directory unless --state is given', async (t) => {
  const { state, run } = await everywhere(t);
  mkdirSync(join(state, 'exports', 'one'), { recursive: true });
  const refused = await run(['uninstall', '--all', '--yes', '--json']);
  const report = JSON.parse(refused.stdout);
  assert.deepEqual([refused.status, report.stateRemoved, report.changed], [1, false, true]);
  assert.match(report.failures[0].error.hint, /--state/);
  assert.equal((await run(['uninstall', '--all', '--yes', '--state'])).status, 0);
  assert.equal(existsSync(state), false);
});

test('uninstall --all retains text of sessions that exists nowhere else, and set-aside files, unless --state is given', async (t) => {
  const { place, state, run } = await everywhere(t);
  const id = idOf(1);
  const session = join(state, 'sessions', id);
  const transcript = join(place.claude, 'projects', '-w', `${id}.jsonl`);
  mkdirSync(dirname(transcript), { recursive: true });
  // A transcript that lost its beginning, which a hook has kept.
  writeFileSync(transcript, '{"parentUuid":"a","type":"user","uuid":"b"}\n');
  const beginning = '{"parentUuid":null,"type":"user","uuid":"a"}\n';
  const kept = join(state, 'kept', id, '1', `${id}.jsonl`);
  const fields = { version: 1, session: id, transcript, configDir: place.claude, cwd: null, updatedAt: '2026-11-21T02:00:00Z', files: [{ path: `${id}.jsonl`, generation: 1, keptAs: 'link', source: [1, 1], bytes: beginning.length, keptAt: '2026-11-21T02:00:00Z' }] };
  const description = JSON.stringify({ ...fields, check: createHash('sha256').update(JSON.stringify(fields)).digest('hex').slice(0, 16) });
  // Each is one reason to retain the state directory: a file whose text exists only there.
  for (const [only, path, text, described] of /** @type {const} */ ([
    ['text of 1 session ', join(session, 'shadow.json'), '{}'],
    ['text of 1 session ', join(state, 'snapshots', idOf(2), 'one-1.jsonl'), '{}\n'],
    ['text of 1 session ', kept, beginning, description],
    ['text of 1 session ', kept, beginning],
    ['text of 1 session ', kept, beginning, '{"version":1}'],
    ['1 set-aside file ', join(session, 'edited-notes', 'a.md'), 'mine'],
    ['1 set-aside file ', join(session, 'edited-states', 'a.md'), 'mine'],
    ['1 set-aside file ', join(state, 'quarantine', 'a'), '{'],
  ])) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    if (described !== undefined) writeFileSync(join(state, 'kept', id, 'kept.json'), described);
    const dry = await run(['uninstall', '--all', '--dry-run']);
    assert.ok(dry.stdout.includes(only), `${path}: ${dry.stdout}`);
    const { status, stdout } = await run(['uninstall', '--all', '--yes', '--json']);
    assert.deepEqual([status, JSON.parse(stdout).stateRemoved, existsSync(path)], [1, false, true], path);
    assert.match(JSON.parse(stdout).failures[0].error.hint, /--state/);
    rmSync(path === kept ? join(state, 'kept') : path, { recursive: true });
  }
  assert.equal((await run(['uninstall', '--all', '--yes'])).status, 0);
  assert.equal(existsSync(state), false);
});

test('uninstall --all leaves and reports foreign files in the state directory', async (t) => {
  const { state, run } = await everywhere(t);
  writeFileSync(join(state, 'thesis.txt'), 'of somebody');
  const { status, stderr } = await run(['uninstall', '--all', '--yes']);
  assert.deepEqual([status, /which are not removed: thesis\.txt/.test(stderr)], [1, true]);
  assert.deepEqual(tree(state), { [join(state, 'thesis.txt')]: 'of somebody' });
});

test('uninstall --all never removes a Claude Code directory given as the state directory', async (t) => {
  const place = world(t);
  const session = join(place.claude, 'projects', '-w', 'a.jsonl');
  mkdirSync(join(place.claude, 'projects', '-w'), { recursive: true });
  mkdirSync(join(place.claude, 'sessions'), { recursive: true });
  writeFileSync(session, 'x');
  for (const state of [place.claude, place.home]) {
    const { status, stdout, stderr } = await place.run(['uninstall', '--all', '--yes', '--state'], { env: { CC_RECOVER_STATE_DIR: state } });
    assert.deepEqual([status, existsSync(session)], [1, true], stdout + stderr);
    assert.match(stderr, /is not a state directory of this tool/);
  }
});

test('init --all repairs existing setups and changes nothing else', async (t) => {
  const { place, other, run } = await everywhere(t);
  const whole = tree(place.home);
  assert.equal((await run(['init', '--all', '--yes'])).status, 6);
  const launcher = join(other, '.claude', 'cc-session-recover', 'hook.js');
  writeFileSync(launcher, '// of an older version\n');
  const { status, stdout, stderr } = await run(['init', '--all', '--yes']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Refreshed: .*other\.$/m);
  assert.equal(readFileSync(launcher, 'utf8'), whole[launcher]);
});

test('init in the home directory is refused with the reason, and suggests --user', async (t) => {
  const place = world(t);
  const before = tree(place.home);
  const { status, stderr } = await place.run(['init', '--yes'], { cwd: place.home });
  assert.equal(status, 4);
  assert.match(stderr, /applies to all your projects\n {2}next: run cc-session-recover init --user/);
  assert.deepEqual(tree(place.home), before);
});
