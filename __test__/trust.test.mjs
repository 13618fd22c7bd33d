// A project cannot decide what the hooks run or where they write: neither variables of its settings, nor programs and packages in it, nor
// directory links. The hooks of a project also apply to sessions started below it and in its worktrees.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { idOf, startHook } from './lib/hooks.mjs';
import { programOf } from './lib/native.mjs';
import { treeOf } from './lib/settings-files.mjs';

const posix = process.platform === 'win32' ? 'hooks run in a POSIX shell here' : false;

/** Returns the command of the first hook of an event. @param {string} file @param {string} event @returns {string} */
const commandIn = (file, event) => JSON.parse(readFileSync(file, 'utf8')).hooks[event][0].hooks[0].command;

/**
 * Runs the hook of a started session and returns whether it registered the session.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string} command
 * @param {{dir?: string, env?: Record<string, string | undefined>}} [options]
 */
async function registers(place, command, { dir = place.project, env = {} } = {}) {
  const id = idOf(1 + Math.floor(Math.random() * 1e9));
  const input = JSON.stringify({ hook_event_name: 'SessionStart', source: 'startup', session_id: id, transcript_path: join(place.claude, 'projects', '-p', `${id}.jsonl`), cwd: dir });
  const ended = await startHook(command, input, { cwd: dir, env: { ...place.env, CLAUDE_PROJECT_DIR: dir, CLAUDE_CODE_SESSION_ID: id, ...env } }).ended;
  assert.equal(ended.status, 0, ended.stderr);
  assert.equal(ended.stderr, '');
  return existsSync(join(place.state, 'sessions', id, 'session.json'));
}

/** Creates a program that leaves a marker file. @param {string} path @param {string} mark */
function marker(path, mark) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho ran >'${mark}'\n`);
  chmodSync(path, 0o755);
}

/** Returns every hook command of a place, by where it is installed. @param {ReturnType<typeof world>} place */
async function lines(place) {
  for (const argv of [['init'], ['init', '--user'], ['plugin']]) {
    const { status, stderr } = await place.run([...argv, '--yes']);
    assert.equal(status, 0, stderr);
  }
  const plugin = join(place.state, 'plugin', 'cc-session-recover');
  return {
    plugin,
    commands: {
      project: commandIn(join(place.project, '.claude', 'settings.json'), 'SessionStart'),
      user: commandIn(join(place.claude, 'settings.json'), 'SessionStart'),
      plugin: commandIn(join(plugin, 'hooks', 'hooks.json'), 'SessionStart'),
    },
  };
}

test('environment variables set by a project change neither state nor runtime and select no program', { skip: posix }, async (t) => {
  const place = world(t);
  const { commands, plugin } = await lines(place);
  const evil = join(place.project, 'evil');
  const mark = join(place.root, 'mark');
  const script = join(evil, 'mark.cjs');
  marker(join(evil, 'bin', 'node'), mark);
  writeFileSync(script, `require('fs').writeFileSync(${JSON.stringify(mark)}, 'ran')`);
  for (const runtime of readdirSync(join(place.state, 'runtime'))) {
    // This is not an addon: loading it would fail, and the hook would do nothing.
    mkdirSync(join(evil, 'runtime', runtime), { recursive: true });
    writeFileSync(join(evil, 'runtime', runtime, 'addon.node'), 'x');
  }
  const hostile = {
    CC_RECOVER_STATE_DIR: evil,
    CC_RECOVER_CONFIG: join(evil, 'config.json'),
    CC_RECOVER_PATH: join(evil, 'bin'),
    XDG_STATE_HOME: evil,
    XDG_CONFIG_HOME: evil,
    XDG_RUNTIME_DIR: evil,
    NODE_OPTIONS: `--require=${script}`,
    PATH: `${join(evil, 'bin')}:${process.env.PATH}`,
    ccsr_js: script,
    ccsr_node: join(evil, 'bin', 'node'),
  };
  const before = treeOf(evil);
  for (const [whose, command] of Object.entries(commands)) {
    // The plugin does nothing for a session that has hooks in settings, so remove those first.
    if (whose === 'plugin') for (const scope of [[], ['--user']]) assert.equal((await place.run(['uninstall', '--yes', ...scope])).status, 0);
    assert.ok(await registers(place, command, { env: { ...hostile, CLAUDE_PLUGIN_ROOT: plugin } }), whose);
    assert.deepEqual(treeOf(evil), before, whose);
    assert.ok(!existsSync(mark), whose);
  }
  // Negative controls: without protection both would have run.
  execFileSync(process.execPath, ['-e', '0'], { env: { NODE_OPTIONS: hostile.NODE_OPTIONS } });
  assert.ok(existsSync(mark));
  rmSync(mark);
  spawnSync('/bin/sh', ['-c', 'node -e 0'], { env: { PATH: hostile.PATH } });
  assert.ok(existsSync(mark));
});

test('a package in the project is never loaded, even if nothing is installed', { skip: posix }, async (t) => {
  const place = world(t);
  const { commands } = await lines(place);
  const mark = join(place.root, 'mark');
  const planted = join(place.project, 'node_modules', 'cc-session-recover');
  mkdirSync(planted, { recursive: true });
  writeFileSync(join(planted, 'index.js'), `require('fs').writeFileSync(${JSON.stringify(mark)}, 'ran')`);
  renameSync(join(place.state, 'runtime'), join(place.root, 'gone'));
  assert.equal(await registers(place, commands.project), false);
  const line = join(place.project, '.claude', 'cc-session-recover', 'hook.js');
  spawnSync(process.execPath, [line], { input: '{}', env: place.env });
  assert.ok(!existsSync(mark));
  // Negative control: the package can be resolved from the launcher.
  execFileSync(process.execPath, ['-e', `require('module').createRequire(${JSON.stringify(line)})('cc-session-recover')`]);
  assert.ok(existsSync(mark));
});

test('hooks use the node that ran init when the client has none, and doctor reports a missing node', { skip: posix }, async (t) => {
  const place = world(t);
  const { commands } = await lines(place);
  const empty = join(place.root, 'empty');
  mkdirSync(empty);
  assert.ok(await registers(place, commands.project, { env: { PATH: empty } }));

  const start = join(place.state, 'start');
  const [, , path] = readFileSync(start, 'utf8').split('\n');
  assert.equal(path, place.env.PATH);
  writeFileSync(start, `${join(empty, 'node')}\n${join(empty, 'node')}\n${path}\n`);
  // It would handle the hook where no node is found.
  rmSync(programOf(place), { force: true });
  assert.equal(await registers(place, commands.project, { env: { PATH: empty } }), false);
  const bin = join(place.root, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  assert.ok(await registers(place, commands.project, { env: { PATH: bin } }), 'one that was installed later');
  const inside = join(place.project, 'bin');
  mkdirSync(inside);
  symlinkSync(process.execPath, join(inside, 'node'));
  assert.equal(await registers(place, commands.project, { env: { PATH: inside } }), false, 'not one in the project');

  const nodeOf = async (/** @type {string} */ PATH) => JSON.parse((await place.run(['doctor', '--json'], { env: { PATH } })).stdout).checks.find((/** @type {any} */ { id }) => id === 'node');
  assert.equal((await nodeOf(empty)).status, 'fail');
  assert.match((await nodeOf(empty)).next, /cc-session-recover init/);
  assert.equal((await nodeOf(bin)).status, 'warn');
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  assert.equal((await nodeOf(empty)).status, 'ok');
});

test('a hook command exits silently when nothing or only an older launcher is installed', { skip: posix }, async (t) => {
  const place = world(t);
  const { commands } = await lines(place);
  const elsewhere = join(place.home, 'elsewhere');
  mkdirSync(elsewhere);
  for (const dir of [elsewhere, '/', '']) assert.equal(await registers(place, commands.project, { env: { CLAUDE_PROJECT_DIR: dir } }), false, dir);
  rmSync(join(place.project, '.claude', 'cc-session-recover', 'run.sh'));
  assert.equal(await registers(place, commands.project), false);
});

// ---- Subdirectories and worktrees ----------------------------------------------------------------------------------------

/** @param {ReturnType<typeof world>} place @param {string[]} argv */
const git = (place, ...argv) => execFileSync('git', ['-C', place.project, '-c', 'user.name=a', '-c', 'user.email=a@b', ...argv], { env: place.env, stdio: ['ignore', 'pipe', 'ignore'] });

test('a session in a subdirectory or worktree runs the project hooks, and doctor reports whether it does', { skip: posix }, async (t) => {
  const place = world(t);
  git(place, 'init', '-q');
  const local = join(place.project, '.claude', 'settings.local.json');
  mkdirSync(dirname(local));
  writeFileSync(local, '{\n  "model": "opus"\n}\n');
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const command = commandIn(join(place.project, '.claude', 'settings.json'), 'SessionStart');
  assert.equal(commandIn(local, 'SessionStart'), command, 'the client runs a command that two files name once');
  git(place, 'add', '-A');
  git(place, 'commit', '-qm', 'x');
  assert.doesNotMatch(String(git(place, 'ls-files')), /settings\.local|cc-session-recover/);

  const below = join(place.project, 'apps', 'my api');
  const linked = join(place.root, 'linked');
  const inner = join(place.project, '.claude', 'worktrees', 'feat');
  mkdirSync(below, { recursive: true });
  git(place, 'worktree', 'add', '-q', linked);
  git(place, 'worktree', 'add', '-q', inner);
  const relative = join(inner, 'deep');
  mkdirSync(relative);
  for (const dir of [place.project, below, linked, inner, relative]) assert.ok(await registers(place, command, { dir }), dir);
  writeFileSync(join(inner, '.git'), `gitdir: ../../../.git/worktrees/feat\n`);
  assert.ok(await registers(place, command, { dir: inner }), 'git writes relative paths when it is asked to');

  const coverage = async (/** @type {string} */ cwd) => JSON.parse((await place.run(['doctor', '--json'], { cwd })).stdout).checks.find((/** @type {any} */ { id }) => id === 'coverage');
  for (const dir of [place.project, below, linked, inner]) assert.equal((await coverage(dir)).status, 'ok', dir);
  const kept = readFileSync(local, 'utf8');
  writeFileSync(local, '{}\n');
  assert.equal((await coverage(place.project)).status, 'warn');
  const lost = await coverage(below);
  assert.equal(lost.status, 'fail');
  assert.match(lost.next, /init --user/);
  assert.equal((await coverage(linked)).status, 'ok', 'its own settings.json is committed');
  rmSync(join(linked, '.claude', 'settings.json'));
  assert.equal((await coverage(linked)).status, 'fail');

  writeFileSync(local, kept);
  assert.equal((await place.run(['uninstall', '--yes'])).status, 0);
  assert.equal(readFileSync(local, 'utf8'), '{\n  "model": "opus"\n}\n');
});

test('init warns where sessions in subdirectories run no hooks and suggests init --user', async (t) => {
  const place = world(t);
  const { stderr } = await place.run(['init', '--yes']);
  assert.match(stderr, /^warning: sessions started in a subdirectory of .* run no hooks, because it is not in a git repository: .*init --user$/m);
  assert.ok(!existsSync(join(place.project, '.claude', 'settings.local.json')));
});

// ---- Directory links -----------------------------------------------------------------------------------------------------

for (const link of ['.claude/cc-session-recover', '.claude/commands', '.claude', '.git/info']) {
  for (const inside of [false, true]) {
    test(`init and uninstall refuse ${link} that links ${inside ? 'within' : 'out of'} the project with 4 and change nothing behind it`, { skip: posix && 'links need rights there' }, async (t) => {
      const place = world(t);
      const victim = join(inside ? place.project : place.home, 'victim');
      mkdirSync(victim);
      for (const name of ['package.json', 'hook.js', 'run.sh', 'handoff.md', 'session-rescue.md', 'exclude']) writeFileSync(join(victim, name), 'mine\n');
      git(place, 'init', '-q');
      rmSync(join(place.project, '.git', 'info'), { recursive: true });
      mkdirSync(dirname(join(place.project, link)), { recursive: true });
      symlinkSync(victim, join(place.project, link));
      const before = treeOf(place.project);
      const outside = treeOf(victim);
      const { status, stderr } = await place.run(['init', '--yes']);
      assert.equal(status, 4, stderr);
      assert.match(stderr, /\n {2}next: /);
      if (link !== '.git/info') assert.equal((await place.run(['uninstall', '--yes'])).status, 4);
      assert.deepEqual([treeOf(place.project), treeOf(victim)], [before, outside]);
    });
  }
}

test('uninstall does not follow a directory that became a link after init', { skip: posix && 'links need rights there' }, async (t) => {
  const place = world(t);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const own = join(place.project, '.claude', 'commands');
  const victim = join(place.home, 'victim');
  renameSync(own, victim);
  symlinkSync(victim, own);
  const before = treeOf(victim);
  const { status, stderr } = await place.run(['uninstall', '--yes']);
  assert.equal(status, 4, stderr);
  assert.deepEqual(treeOf(victim), before);
});

test('init --user writes user commands through a link into the home directory', { skip: posix && 'links need rights there' }, async (t) => {
  const place = world(t);
  const dotfiles = join(place.home, 'dotfiles');
  mkdirSync(dotfiles);
  symlinkSync(dotfiles, join(place.claude, 'commands'));
  assert.equal((await place.run(['init', '--user', '--yes'])).status, 0);
  assert.deepEqual(readdirSync(dotfiles).toSorted(), ['handoff.md', 'session-rescue.md']);
  assert.equal((await place.run(['uninstall', '--user', '--yes'])).status, 0);
  assert.deepEqual(readdirSync(dotfiles), []);
});
