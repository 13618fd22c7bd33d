// What hooks write to a project stays out of git, however the hooks were installed, and `uninstall` restores git's exclude file.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { hooked, idOf, startHook, transcriptText } from './lib/hooks.mjs';
import { held, noFlock } from './lib/lease.mjs';
import { treeOf } from './lib/settings-files.mjs';

const posix = { skip: process.platform === 'win32' && 'hooks run in a POSIX shell here' };
const ID = idOf(1);

/** @param {ReturnType<typeof world>} place @param {string} cwd @param {string[]} argv */
const git = (place, cwd, ...argv) => execFileSync('git', ['-c', 'user.name=A', '-c', 'user.email=a@example.com', '-c', 'protocol.file.allow=always', ...argv], { cwd, encoding: 'utf8', env: { ...place.env, GIT_CONFIG_NOSYSTEM: '1' } });

/** Returns what git would add. @param {ReturnType<typeof world>} place @param {string} cwd */
const untracked = (place, cwd) => git(place, cwd, 'status', '--porcelain', '--untracked-files=all');

/**
 * Runs the hooks of one stop and of the end of its session.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string} cwd
 * @param {any} hooks The hooks of a settings file.
 * @param {Record<string, string>} [env]
 */
async function stop(place, cwd, hooks, env = {}) {
  const transcripts = join(place.claude, 'projects', cwd.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(transcripts, { recursive: true });
  const transcript = join(transcripts, `${ID}.jsonl`);
  writeFileSync(transcript, transcriptText('auth-interactive', { id: ID, cwd }));
  for (const event of ['StopFailure', 'SessionEnd']) {
    const input = JSON.stringify({ session_id: ID, transcript_path: transcript, cwd, hook_event_name: event, error: 'authentication_failed', reason: 'other' });
    const { status, stderr } = await startHook(hooks[event][0].hooks[0].command, input, { cwd, env: { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: cwd, CLAUDE_PID: String(process.pid), ...env }, limit: 30 }).ended;
    assert.deepEqual([status, stderr], [0, ''], event);
  }
  assert.ok(existsSync(join(cwd, 'HANDOFF.md')), 'the hook wrote the note');
  assert.ok(existsSync(join(cwd, '.claude', 'session-state', '.last-state.md')), 'the hook saved the state');
}

/** @param {string} file */
const hooksIn = (file) => JSON.parse(readFileSync(file, 'utf8')).hooks;

/**
 * Directories of a repository that sessions run in, and the repository's exclude file.
 *
 * @type {Record<string, (place: ReturnType<typeof world>) => {cwd: string, info: string}>}
 */
const REPOSITORIES = {
  'a working tree': (place) => (git(place, place.project, 'init', '-q'), { cwd: place.project, info: join(place.project, '.git', 'info') }),
  'a subdirectory': (place) => {
    git(place, place.project, 'init', '-q');
    mkdirSync(join(place.project, 'sub dir'));
    return { cwd: join(place.project, 'sub dir'), info: join(place.project, '.git', 'info') };
  },
  'a linked worktree': (place) => {
    git(place, place.project, 'init', '-q');
    git(place, place.project, 'commit', '-q', '--allow-empty', '-m', 'one');
    git(place, place.project, 'worktree', 'add', '-q', '../linked');
    return { cwd: join(place.home, 'linked'), info: join(place.project, '.git', 'info') };
  },
  'a submodule': (place) => {
    const origin = join(place.home, 'origin');
    git(place, place.home, 'init', '-q', origin);
    git(place, origin, 'commit', '-q', '--allow-empty', '-m', 'one');
    git(place, place.project, 'init', '-q');
    git(place, place.project, 'submodule', '--quiet', 'add', origin, 'inner');
    return { cwd: join(place.project, 'inner'), info: join(place.project, '.git', 'modules', 'inner', 'info') };
  },
  'a repository without an exclude file': (place) => (git(place, place.project, 'init', '-q', '--template='), { cwd: place.project, info: join(place.project, '.git', 'info') }),
  'an exclude file without a final line end': (place) => {
    git(place, place.project, 'init', '-q');
    appendFileSync(join(place.project, '.git', 'info', 'exclude'), 'mine');
    return { cwd: place.project, info: join(place.project, '.git', 'info') };
  },
};

for (const [what, repository] of Object.entries(REPOSITORIES)) {
  test(`user-level hooks keep the note out of git in ${what}, and uninstall restores the exclude file`, posix, async (t) => {
    const place = world(t);
    const { cwd, info } = repository(place);
    const before = treeOf(info);
    assert.equal((await place.run(['init', '--user', '--yes'])).status, 0);
    await stop(place, cwd, hooksIn(join(place.claude, 'settings.json')));
    assert.equal(untracked(place, cwd), '');
    assert.equal(readFileSync(join(info, 'exclude'), 'utf8').match(/HANDOFF\.md$/gm)?.length, 1);
    await stop(place, cwd, hooksIn(join(place.claude, 'settings.json')));
    assert.equal(readFileSync(join(info, 'exclude'), 'utf8').match(/HANDOFF\.md$/gm)?.length, 1, 'added once');
    const planned = JSON.parse((await place.run(['uninstall', '--user', '--dry-run', '--json'])).stdout);
    assert.ok(planned.files.some((/** @type {any} */ { path }) => path === join(info, 'exclude')), 'the plan lists the file');
    assert.equal((await place.run(['uninstall', '--user', '--yes'])).status, 0);
    assert.deepEqual(treeOf(info), before);
    assert.match(untracked(place, cwd), /^\?\? .*HANDOFF\.md"?$/m, 'only these lines kept the note out');
  });
}

test('uninstall removes the lines of two projects of one repository', posix, async (t) => {
  const place = world(t);
  const { cwd, info } = REPOSITORIES['a subdirectory'](place);
  const before = treeOf(info);
  assert.equal((await place.run(['init', '--user', '--yes'])).status, 0);
  for (const project of [cwd, place.project]) await stop(place, project, hooksIn(join(place.claude, 'settings.json')));
  assert.deepEqual(readFileSync(join(info, 'exclude'), 'utf8').match(/^.*HANDOFF\.md$/gm), ['/sub dir/HANDOFF.md', '/HANDOFF.md']);
  assert.equal((await place.run(['uninstall', '--user', '--yes'])).status, 0);
  assert.deepEqual(treeOf(info), before);
});

test('init and uninstall do not change an exclude file that another process is changing', { skip: posix.skip || noFlock }, async (t) => {
  const place = world(t);
  git(place, place.project, 'init', '-q');
  const file = join(place.project, '.git', 'info', 'exclude');
  const lock = `project-${createHash('sha256').update(file).digest('hex').slice(0, 16)}.lock`;
  const settings = join(place.claude, 'settings.json');
  /** @type {[string, () => Promise<unknown>, string[]][]} */
  const changes = [
    ['init', async () => {}, ['init']],
    ['uninstall', async () => place.run(['init', '--yes']), ['uninstall']],
    ['uninstall --user', async () => (await place.run(['init', '--user', '--yes']), stop(place, place.project, hooksIn(settings))), ['uninstall', '--user']],
  ];
  for (const [what, before, verb] of changes) {
    await before();
    const tree = treeOf(place.project);
    const release = await held(place, lock);
    const refused = await place.run([...verb, '--yes']);
    assert.deepEqual([refused.status, /is locked by another process/.test(refused.stderr)], [1, true], what);
    assert.deepEqual(treeOf(place.project), tree, what);
    await release();
    assert.equal((await place.run([...verb, '--yes'])).status, 0, what);
    if (what !== 'uninstall --user') await place.run(['uninstall', '--yes']);
  }
});

test('uninstall --all restores the exclude file and removes the state with its record', posix, async (t) => {
  const place = world(t);
  const { cwd, info } = REPOSITORIES['a working tree'](place);
  const before = treeOf(info);
  assert.equal((await place.run(['init', '--user', '--yes'])).status, 0);
  await stop(place, cwd, hooksIn(join(place.claude, 'settings.json')));
  assert.notDeepEqual(treeOf(info), before);
  const { status, stderr } = await place.run(['uninstall', '--all', '--yes', '--state']);
  assert.equal(status, 0, stderr);
  assert.deepEqual(treeOf(info), before);
  assert.equal(existsSync(place.state), false);
});

test('plugin hooks keep the note out of git, and plugin --remove restores the exclude file', posix, async (t) => {
  const place = world(t);
  const { cwd, info } = REPOSITORIES['a working tree'](place);
  const before = treeOf(info);
  const { directory } = JSON.parse((await place.run(['plugin', '--yes', '--json'])).stdout);
  const plugin = join(directory, 'cc-session-recover');
  await stop(place, cwd, hooksIn(join(plugin, 'hooks', 'hooks.json')), { CLAUDE_PLUGIN_ROOT: plugin });
  assert.equal(untracked(place, cwd), '');
  assert.equal((await place.run(['plugin', '--remove', '--yes'])).status, 0);
  assert.deepEqual(treeOf(info), before);
  assert.equal(existsSync(directory), false);
});

test('after a later git init, the hooks of a project keep what they write out of git', posix, async (t) => {
  const place = world(t);
  await hooked(place);
  git(place, place.project, 'init', '-q');
  const before = treeOf(join(place.project, '.git', 'info'));
  const hooks = hooksIn(join(place.project, '.claude', 'settings.json'));
  assert.match(untracked(place, place.project), /HANDOFF\.md/, 'init could not exclude it');
  await stop(place, place.project, hooks);
  assert.doesNotMatch(untracked(place, place.project), /HANDOFF\.md|session-state|\.claude\/cc-session-recover/);
  assert.equal((await place.run(['uninstall', '--yes'])).status, 0);
  assert.deepEqual(treeOf(join(place.project, '.git', 'info')), before);
  assert.deepEqual(Object.keys(treeOf(place.project)).filter((name) => !name.startsWith('.git')), ['HANDOFF.md']);
});

test('init and the hooks add lines to one exclude file, and one uninstall removes both', posix, async (t) => {
  const place = world(t);
  const { cwd, info } = REPOSITORIES['an exclude file without a final line end'](place);
  const before = treeOf(info);
  await hooked(place);
  // The user edits the file between the two.
  writeFileSync(join(info, 'exclude'), readFileSync(join(info, 'exclude'), 'utf8').replace('/HANDOFF.md\n', ''));
  await stop(place, cwd, hooksIn(join(cwd, '.claude', 'settings.json')));
  assert.doesNotMatch(untracked(place, cwd), /HANDOFF\.md/);
  assert.equal((await place.run(['uninstall', '--yes'])).status, 0);
  assert.deepEqual(treeOf(info), before);
});

test('with init --share, git sees the note, which everyone may read, and the exclude file stays as it is', posix, async (t) => {
  const place = world(t);
  const { cwd, info } = REPOSITORIES['a working tree'](place);
  const before = treeOf(info);
  assert.equal((await place.run(['init', '--share', '--yes'])).status, 0);
  await stop(place, cwd, hooksIn(join(cwd, '.claude', 'settings.json')));
  assert.match(untracked(place, cwd), /^\?\? HANDOFF\.md$/m);
  assert.deepEqual(treeOf(info), before);
  assert.equal(statSync(join(cwd, 'HANDOFF.md')).mode & 0o777, 0o644);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  assert.ok([0, 6].includes((await place.run(['init', '--all', '--yes'])).status ?? -1));
  assert.deepEqual(treeOf(info), before, 'a later init without --share leaves it shared');
  const { checks } = JSON.parse((await place.run(['doctor', '--json'])).stdout);
  assert.deepEqual(checks.filter((/** @type {any} */ { id, status }) => id === 'hooks' && status !== 'ok'), []);
});
