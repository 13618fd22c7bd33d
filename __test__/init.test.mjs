// `init`, through the real command: what it writes, what it leaves unchanged, what it refuses.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { applyPatch, parsePatch } from 'diff';
import { parse } from 'jsonc-parser';
import { ROOT, world } from './lib/command.mjs';
import { editable, isSubsequence, refused, textOf, treeOf } from './lib/settings-files.mjs';

const windows = process.platform === 'win32';

/** Events that must have a hook. */
const EVENTS = ['SessionStart', 'Stop', 'SubagentStop', 'StopFailure', 'PreCompact', 'Notification', 'SessionEnd', 'UserPromptSubmit'];

/** @param {ReturnType<typeof world>} place @param {string | null} text */
function withSettings(place, text) {
  const path = join(place.project, '.claude', 'settings.json');
  if (text !== null) {
    mkdirSync(join(place.project, '.claude'), { recursive: true });
    writeFileSync(path, text);
  }
  return path;
}

for (const name of editable) {
  test(`${name}: init adds our hooks and nothing else, a second init changes nothing, uninstall restores the bytes`, async (t) => {
    const place = world(t);
    const before = textOf(name, 'before.jsonc');
    const path = withSettings(place, before);

    const first = await place.run(['init']);
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /^Recovery is set up in /);
    const after = readFileSync(path, 'utf8');
    for (const event of EVENTS) assert.ok(parse(after.replace(/^\uFEFF/, '')).hooks[event].length > 0, event);
    const older = name.startsWith('older-') || name.startsWith('duplicates-');
    if (before !== null && !older && !/null\s*$/.test(before)) assert.ok(isSubsequence(before.trim(), after), after);
    if (textOf(name, 'warnings.txt') !== null) assert.match(first.stderr, /^warning: .*disableAllHooks/m);

    const tree = treeOf(place.project);
    const second = await place.run(['init']);
    assert.equal(second.status, 0, second.stderr);
    assert.match(second.stdout, /nothing was changed/);
    assert.deepEqual(treeOf(place.project), tree);

    const undone = await place.run(['uninstall']);
    assert.equal(undone.status, 0, undone.stderr);
    // If the file already contained our entries, its content before the first of them is unknown.
    const expected = older ? textOf(name, 'removed.jsonc') : before;
    if (expected === null) assert.ok(!existsSync(path));
    else assert.equal(readFileSync(path, 'utf8'), expected);
  });
}

for (const name of refused) {
  test(`${name}: init and uninstall exit with 1, name file, line and column, and change nothing`, async (t) => {
    const place = world(t);
    const path = withSettings(place, textOf(name, 'before.jsonc'));
    const tree = treeOf(place.project);
    for (const argv of [['init'], ['init', '--dry-run'], ['init', '--json']]) {
      const { status, stdout, stderr } = await place.run(argv);
      assert.equal(status, 1, stderr);
      if (argv.includes('--json')) assert.match(JSON.parse(stdout).error.code, /^SETTINGS_/);
      else assert.equal(stdout, '');
      assert.match(stderr, /line \d+, column \d+/);
      assert.ok(stderr.includes(path), stderr);
      assert.match(stderr, /\n {2}next: /);
      assert.deepEqual(treeOf(place.project), tree);
    }
  });
}

test('init refuses settings that are not valid UTF-8 with 4 and leaves them unchanged', async (t) => {
  const place = world(t);
  const path = withSettings(place, '');
  const bytes = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]);
  writeFileSync(path, bytes);
  const { status, stderr } = await place.run(['init']);
  assert.equal(status, 4, stderr);
  assert.ok(stderr.includes(path), stderr);
  assert.deepEqual(readFileSync(path), bytes);
});

test('init --dry-run writes nothing, and its diff is exactly what init then writes', async (t) => {
  const place = world(t);
  withSettings(place, textOf('foreign-hook-on-the-same-event', 'before.jsonc'));
  const before = treeOf(place.root);
  const { status, stdout, stderr } = await place.run(['init', '--dry-run']);
  assert.equal(status, 0, stderr);
  assert.deepEqual(treeOf(place.root), before);

  const patches = parsePatch(stdout);
  assert.ok(patches.length >= 2, stdout);
  /** @type {Record<string, string>} */
  const predicted = {};
  for (const patch of patches) {
    const name = String(patch.newFileName).replace(/^b\//, '');
    const old = patch.oldFileName === '/dev/null' ? '' : readFileSync(join(place.project, name), 'utf8');
    predicted[name] = String(applyPatch(old, patch));
  }
  await place.run(['init']);
  for (const [name, text] of Object.entries(predicted)) assert.equal(readFileSync(join(place.project, name), 'utf8'), text, name);
  assert.ok('.claude/settings.json' in predicted);

  const again = await place.run(['init', '--dry-run']);
  assert.equal(again.stdout, '');
  assert.match(again.stderr, /nothing would be changed/);
});

test('init --json prints the report, and init --dry-run --json prints the plan', async (t) => {
  const place = world(t);
  const plan = JSON.parse((await place.run(['init', '--dry-run', '--json'])).stdout);
  assert.equal(plan.dryRun, true);
  assert.equal(plan.changed, true);
  assert.ok(!existsSync(join(place.project, '.claude')));
  const report = JSON.parse((await place.run(['init', '--json'])).stdout);
  assert.equal(report.project, place.project);
  assert.equal(report.scope, 'project');
  assert.equal(report.changed, true);
  assert.ok(report.files.some((/** @type {any} */ file) => file.path === join(place.project, '.claude', 'settings.json') && file.action === 'create'));
  const again = JSON.parse((await place.run(['init', '--json'])).stdout);
  assert.equal(again.changed, false);
});

test('init lists what it wrote and prints the next steps', async (t) => {
  const { stdout } = await world(t).run(['init']);
  assert.match(stdout, /^create +\.claude\/settings\.json/m);
  assert.match(stdout, /^create +\.claude\/cc-session-recover\/hook\.js/m);
  for (const verb of ['drill', 'status', 'uninstall']) assert.match(stdout, new RegExp(`^\\S.*cc-session-recover(?:\\.js)? ${verb} `, 'm'));
  assert.match(stdout, /within seconds/);
  assert.match(stdout, /does not trust/);
});

test('init sets up the directory given as argument, whatever the working directory', async (t) => {
  const place = world(t);
  assert.equal((await place.run(['init', 'project'], { cwd: place.home })).status, 0);
  assert.ok(existsSync(join(place.project, '.claude', 'settings.json')));
});

test('init refuses a missing directory or a file, and prints the path', async (t) => {
  const place = world(t);
  writeFileSync(join(place.project, 'file'), '');
  for (const name of ['missing', 'file']) {
    const { status, stdout, stderr } = await place.run(['init', name]);
    assert.notEqual(status, 0);
    assert.equal(stdout, '');
    assert.ok(stderr.includes(join(place.project, name)), stderr);
    assert.doesNotMatch(stderr, /internal error|\n\s+at /);
  }
});

test('init --local writes settings.local.json and leaves settings.json unchanged', async (t) => {
  const place = world(t);
  const path = withSettings(place, '{}\n');
  assert.equal((await place.run(['init', '--local'])).status, 0);
  assert.equal(readFileSync(path, 'utf8'), '{}\n');
  assert.ok(parse(readFileSync(join(place.project, '.claude', 'settings.local.json'), 'utf8')).hooks.StopFailure);
});

test('init --user writes the user settings of the configuration directory and no project settings', async (t) => {
  const place = world(t);
  writeFileSync(join(place.claude, 'settings.json'), '{\n\t"model": "opus"\n}\n');
  const { status, stderr } = await place.run(['init', '--user']);
  assert.equal(status, 0, stderr);
  const after = readFileSync(join(place.claude, 'settings.json'), 'utf8');
  assert.ok(parse(after).hooks.StopFailure);
  assert.ok(after.startsWith('{\n\t"model": "opus",\n\t"hooks": {\n'));
  assert.ok(!existsSync(join(place.project, '.claude', 'settings.json')));
  assert.equal((await place.run(['uninstall', '--user'])).status, 0);
  assert.equal(readFileSync(join(place.claude, 'settings.json'), 'utf8'), '{\n\t"model": "opus"\n}\n');
});

test('init --no-hooks writes no settings and no launcher', async (t) => {
  const place = world(t);
  const { status, stderr } = await place.run(['init', '--no-hooks']);
  assert.equal(status, 0, stderr);
  assert.ok(!existsSync(join(place.project, '.claude', 'settings.json')));
  assert.ok(!existsSync(join(place.project, '.claude', 'cc-session-recover')));
});

test('init excludes its files from commits unless they are shared', async (t) => {
  for (const share of [false, true]) {
    const place = world(t);
    mkdirSync(join(place.project, '.git', 'info'), { recursive: true });
    writeFileSync(join(place.project, '.git', 'HEAD'), 'ref: refs/heads/main\n');
    mkdirSync(join(place.project, '.git', 'objects'));
    mkdirSync(join(place.project, '.git', 'refs'));
    const path = join(place.project, '.git', 'info', 'exclude');
    writeFileSync(path, '# mine\n*.log\n');
    const { status, stderr } = await place.run(['init', ...(share ? ['--share'] : [])]);
    assert.equal(status, 0, stderr);
    const text = readFileSync(path, 'utf8');
    assert.ok(text.startsWith('# mine\n*.log\n'));
    assert.equal(text.includes('HANDOFF.md'), !share);
    assert.equal((await place.run(['uninstall'])).status, 0);
    assert.equal(readFileSync(path, 'utf8'), '# mine\n*.log\n');
  }
});

test('init refuses a read-only settings file with 4 and leaves it unchanged', { skip: windows && 'modes are not kept there' }, async (t) => {
  const place = world(t);
  const path = withSettings(place, '{}\n');
  chmodSync(path, 0o444);
  const { status, stderr } = await place.run(['init']);
  assert.equal(status, 4, stderr);
  assert.ok(stderr.includes(path), stderr);
  assert.match(stderr, /\n {2}next: /);
  assert.equal(readFileSync(path, 'utf8'), '{}\n');
  assert.equal(statSync(path).mode & 0o777, 0o444);
});

// ---- Symbolic links ------------------------------------------------------------------------------------------------------

/** @param {ReturnType<typeof world>} place @param {string} target */
function linkedSettings(place, target) {
  const path = join(place.project, '.claude', 'settings.json');
  mkdirSync(join(place.project, '.claude'), { recursive: true });
  symlinkSync(target, path);
  return path;
}

test('init follows a settings link to a file inside the project and preserves the link', { skip: windows && 'links need rights there' }, async (t) => {
  const place = world(t);
  mkdirSync(join(place.project, 'config'));
  writeFileSync(join(place.project, 'config', 'claude.json'), '{\n  "model": "opus"\n}\n');
  const path = linkedSettings(place, '../config/claude.json');
  const { status, stderr } = await place.run(['init']);
  assert.equal(status, 0, stderr);
  assert.equal(readlinkSync(path), '../config/claude.json');
  assert.ok(parse(readFileSync(join(place.project, 'config', 'claude.json'), 'utf8')).hooks.StopFailure);
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.equal(readlinkSync(path), '../config/claude.json');
  assert.equal(readFileSync(path, 'utf8'), '{\n  "model": "opus"\n}\n');
});

test('init refuses project settings that link outside the project with 4 and leaves the target unchanged', { skip: windows && 'links need rights there' }, async (t) => {
  const place = world(t);
  const outside = join(place.home, 'elsewhere.json');
  writeFileSync(outside, '{}\n');
  linkedSettings(place, outside);
  const { status, stdout, stderr } = await place.run(['init']);
  assert.equal(status, 4, stderr);
  assert.equal(stdout, '');
  assert.equal(readFileSync(outside, 'utf8'), '{}\n');
});

test('init refuses a .claude directory that links outside the project with 4', { skip: windows && 'links need rights there' }, async (t) => {
  const place = world(t);
  const outside = join(place.home, 'elsewhere');
  mkdirSync(outside);
  symlinkSync(outside, join(place.project, '.claude'));
  const { status, stderr } = await place.run(['init']);
  assert.equal(status, 4, stderr);
  assert.deepEqual(treeOf(outside), {});
});

test('init --user follows a settings link to a file below the home directory and preserves link and mode', { skip: windows && 'links need rights there' }, async (t) => {
  const place = world(t);
  const target = join(place.home, 'dotfiles', 'claude-settings.json');
  mkdirSync(join(place.home, 'dotfiles'));
  writeFileSync(target, '{}\n', { mode: 0o640 });
  chmodSync(target, 0o640);
  symlinkSync(target, join(place.claude, 'settings.json'));
  const { status, stderr } = await place.run(['init', '--user']);
  assert.equal(status, 0, stderr);
  assert.ok(lstatSync(join(place.claude, 'settings.json')).isSymbolicLink());
  assert.equal(statSync(target).mode & 0o777, 0o640);
  assert.ok(parse(readFileSync(target, 'utf8')).hooks.StopFailure);
});

test('init --user refuses user settings that link outside the home directory with 4', { skip: windows && 'links need rights there' }, async (t) => {
  const place = world(t);
  const target = join(place.root, 'outside.json');
  writeFileSync(target, '{}\n');
  symlinkSync(target, join(place.claude, 'settings.json'));
  const { status, stderr } = await place.run(['init', '--user']);
  assert.equal(status, 4, stderr);
  assert.equal(readFileSync(target, 'utf8'), '{}\n');
});

test('init refuses a dangling or circular settings link and does not follow it', { skip: windows && 'links need rights there' }, async (t) => {
  for (const target of ['settings.json', '../missing.json']) {
    const place = world(t);
    const path = linkedSettings(place, target);
    const { status, stderr } = await place.run(['init']);
    assert.ok(status === 1 || status === 4, stderr);
    assert.doesNotMatch(stderr, /internal error/);
    assert.equal(readlinkSync(path), target);
  }
});

// ---- Confirmation --------------------------------------------------------------------------------------------------------

/**
 * Runs the command on a terminal and types an answer to each question.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string[]} argv
 * @param {string[]} answers
 */
function onTerminal(place, argv, answers) {
  const command = [process.execPath, join(ROOT, 'bin', 'cc-session-recover.js'), ...argv].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { cwd: place.project, env: { ...place.env, TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  let answered = 0;
  const left = [...answers];
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
    if (left.length > 0 && /\[Y\/n\]|\[1\]:/.test(text.slice(answered))) {
      answered = text.length;
      child.stdin.write(/** @type {string} */ (left.shift()));
    }
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, text })));
}

const terminals = { skip: process.platform !== 'linux' && 'played with script(1) of util-linux' };

test('init on a terminal shows its plan and asks, and writes nothing after a no', terminals, async (t) => {
  const place = world(t);
  const { status, text } = await onTerminal(place, ['init'], ['1\n', 'n\n']);
  assert.equal(status, 1, text);
  assert.match(text, /settings\.json/);
  assert.match(text, /Nothing was written/);
  assert.ok(!existsSync(join(place.project, '.claude')));
});

test('on a terminal yes continues, and --yes asks nothing', terminals, async (t) => {
  const place = world(t);
  const asked = await onTerminal(place, ['init'], ['2\n', 'y\n']);
  assert.equal(asked.status, 0, asked.text);
  assert.ok(existsSync(join(place.project, '.claude', 'settings.json')));
  const { status, text } = await onTerminal(place, ['uninstall', '--yes'], []);
  assert.equal(status, 0, text);
  assert.doesNotMatch(text, /\[Y\/n\]/);
});

test('on a terminal Enter sets recovery up only for you; a later init and uninstall keep to that', terminals, async (t) => {
  const place = world(t);
  const first = await onTerminal(place, ['init'], ['\n', 'y\n']);
  assert.equal(first.status, 0, first.text);
  assert.match(first.text, /Who should the hooks apply to\?/);
  const [own, shared] = ['settings.local.json', 'settings.json'].map((name) => join(place.project, '.claude', name));
  assert.deepEqual([existsSync(own), existsSync(shared)], [true, false]);
  const again = await onTerminal(place, ['init'], []);
  assert.equal(again.status, 0, again.text);
  assert.doesNotMatch(again.text, /Who should/);
  assert.match(again.text, /nothing was changed/);
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.ok(!existsSync(own) || !readFileSync(own, 'utf8').includes('cc-session-recover'));
});

test('init --user and its uninstall name your own settings and not the directory in which they ran', async (t) => {
  const place = world(t);
  const done = await place.run(['init', '--user']);
  assert.match(done.stdout, /^Recovery is set up for all your projects\.\n/);
  assert.match(done.stdout, /^create {2}~[\\/]\.claude[\\/]settings\.json /m);
  assert.match((await place.run(['init', '--user'])).stdout, /^Everything is already set up for all your projects; /);
  const here = await place.run(['uninstall']);
  assert.deepEqual([here.status, here.stderr], [6, 'warning: the hooks in your own settings work here too: cc-session-recover uninstall --user removes them\n']);
  assert.match((await place.run(['uninstall', '--user'])).stdout, /^Removed recovery from your own settings\.\n/);
  assert.match((await place.run(['uninstall', '--user'])).stdout, /^This tool has nothing installed in your own settings; /);
});

test('init that only changes the consent does not list files that stay as they are', async (t) => {
  const place = world(t);
  assert.equal((await place.run(['init'])).status, 0);
  const { status, stdout } = await place.run(['init', '--unattended']);
  assert.equal(status, 0);
  assert.match(stdout, /^Recovery is set up in .*\.\n\nClosed sessions of this project are resumed unattended/);
  assert.doesNotMatch(stdout, /^keep|^Next:/m);
});

test('init without a terminal keeps to the scope that is set up, and only an option adds the other one', async (t) => {
  const place = world(t);
  const [own, shared] = ['settings.local.json', 'settings.json'].map((name) => join(place.project, '.claude', name));
  assert.equal((await place.run(['init', '--local'])).status, 0);
  const again = await place.run(['init', '--yes']);
  assert.match(again.stdout, /nothing was changed/);
  assert.deepEqual([existsSync(own), existsSync(shared)], [true, false]);
  assert.equal((await place.run(['init', '--everyone'])).status, 0);
  assert.ok(existsSync(shared));
});

test('init refuses the root of the file system with 4', { skip: windows && 'a drive has another root' }, async (t) => {
  const { status, stdout, stderr } = await world(t).run(['init', '/', '--dry-run']);
  assert.deepEqual([status, stdout], [4, '']);
  assert.match(stderr, /\/: is the root of the file system, not a project\n {2}next: run cc-session-recover init --user/);
});

test('on a terminal init in the home directory explains what that means and offers --user', terminals, async (t) => {
  const place = world(t);
  const home = place.env.HOME;
  const declined = await onTerminal(place, ['init', home], ['n\n']);
  assert.equal(declined.status, 1, declined.text);
  assert.match(declined.text, /This is your home directory: its settings apply to all your projects\./);
  const agreed = await onTerminal(place, ['init', home], ['y\n', 'y\n']);
  assert.equal(agreed.status, 0, agreed.text);
  assert.match(readFileSync(join(place.env.CLAUDE_CONFIG_DIR, 'settings.json'), 'utf8'), /cc-session-recover/);
});

test('the commands that init names can be typed: by name where that is on PATH, else by their path', async (t) => {
  const place = world(t);
  const bare = await place.run(['init']);
  assert.match(bare.stdout, new RegExp(`node ${ROOT.replaceAll(/[^\w/-]/g, '.')}bin.cc-session-recover\\.js drill`));
  assert.equal((await place.run(['uninstall'])).status, 0);
  const bin = join(place.root, 'bin on path');
  mkdirSync(bin);
  writeFileSync(join(bin, process.platform === 'win32' ? 'cc-session-recover.cmd' : 'cc-session-recover'), '', { mode: 0o755 });
  const named = await place.run(['init'], { env: { PATH: [bin, place.env.PATH].join(delimiter) } });
  assert.match(named.stdout, /^cc-session-recover drill/m);
});

test('init treats an end of input as a no', terminals, async (t) => {
  const place = world(t);
  const { status, text } = await onTerminal(place, ['init'], ['\u0004']);
  assert.equal(status, 1, text);
  assert.ok(!existsSync(join(place.project, '.claude')));
});

const COMMANDS = ['session-rescue.md', 'handoff.md'];

test('init writes slash commands, excludes them from commits and updates them; uninstall removes them', async (t) => {
  const place = world(t);
  spawnSync('git', ['init', '-q', place.project]);
  const dir = join(place.project, '.claude', 'commands');
  const looked = await place.run(['init', '--dry-run']);
  for (const name of COMMANDS) assert.match(looked.stdout, new RegExp(`^\\+\\+\\+ b/\\.claude/commands/${name}$`, 'm'));
  assert.equal(existsSync(dir), false);
  assert.equal((await place.run(['init'])).status, 0);
  const excluded = readFileSync(join(place.project, '.git', 'info', 'exclude'), 'utf8').split('\n');
  for (const name of COMMANDS) {
    const text = readFileSync(join(dir, name), 'utf8');
    assert.match(text, /^---\ndescription: .+\nargument-hint: ".+"\nallowed-tools: Bash\(\/\S+ \/\S+cc-session-recover\.js [^\n]+\)\n---\n/);
    assert.doesNotMatch(text, /__SELF__|rescue --kill:/);
    assert.ok(excluded.includes(`/.claude/commands/${name}`), name);
  }
  assert.match((await place.run(['init'])).stdout, /nothing was changed/);
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.equal(existsSync(dir), false);
  assert.doesNotMatch(readFileSync(join(place.project, '.git', 'info', 'exclude'), 'utf8'), /commands/);
});

test('slash commands run where cc-session-recover is on no PATH, and use its name where it is', async (t) => {
  const place = world(t);
  const text = () => readFileSync(join(place.project, '.claude', 'commands', 'session-rescue.md'), 'utf8');
  assert.equal((await place.run(['init'])).status, 0);
  const [, command] = /^allowed-tools: Bash\((.*?):\*\)/m.exec(text()) ?? [];
  const shell = spawnSync('/bin/sh', ['-c', command], { cwd: place.project, env: { ...place.env, PATH: '/nowhere' }, encoding: 'utf8' });
  assert.equal(shell.status, 0, `${command}: ${shell.stderr}`);
  const bin = join(place.root, 'bin');
  const packages = join(place.project, 'node_modules', '.bin');
  for (const dir of [bin, packages]) {
    mkdirSync(dir, { recursive: true });
    symlinkSync(join(ROOT, 'bin', 'cc-session-recover.js'), join(dir, 'cc-session-recover'));
  }
  const paths = text();
  assert.equal((await place.run(['init'], { env: { PATH: `${packages}:${place.env.PATH}` } })).status, 0);
  assert.equal(text(), paths);
  assert.equal((await place.run(['init'], { env: { PATH: `${bin}:${place.env.PATH}` } })).status, 0);
  assert.match(text(), /^allowed-tools: Bash\(cc-session-recover rescue --status:\*\)/m);
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.equal(existsSync(join(place.project, '.claude', 'commands')), false);
});

test('init and uninstall leave foreign or edited slash commands of the same name unchanged', async (t) => {
  const place = world(t);
  const dir = join(place.project, '.claude', 'commands');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'handoff.md'), 'mine\n');
  const first = await place.run(['init']);
  assert.equal(first.status, 0);
  assert.match(first.stderr, /warning: .*handoff\.md was not written by this tool and is left unchanged/);
  writeFileSync(join(dir, 'session-rescue.md'), `${readFileSync(join(dir, 'session-rescue.md'), 'utf8')}\nAnd be brief.\n`);
  const edited = treeOf(dir);
  assert.match((await place.run(['init'])).stderr, /session-rescue\.md was not written by this tool/);
  const undone = await place.run(['uninstall']);
  assert.equal(undone.status, 0);
  assert.match(undone.stderr, /session-rescue\.md was edited, so it was not removed/);
  assert.deepEqual(treeOf(dir), edited);
});

test('init --no-commands writes no slash commands', async (t) => {
  const place = world(t);
  assert.equal((await place.run(['init', '--no-commands'])).status, 0);
  assert.equal(existsSync(join(place.project, '.claude', 'commands')), false);
});

test('--no-instruction removes the upkeep request from HANDOFF.md and from session start, and preserves user text', async (t) => {
  const place = world(t);
  const file = join(place.project, 'HANDOFF.md');
  const said = async (/** @type {string[]} */ ...argv) => {
    const { status, stderr } = await place.run(['init', '--yes', ...argv]);
    assert.equal(status, 0, stderr);
    const input = JSON.stringify({ hook_event_name: 'SessionStart', source: 'startup', session_id: '00000001-0000-4000-8000-000000000001', transcript_path: join(place.claude, 'projects', '-p', '00000001-0000-4000-8000-000000000001.jsonl') });
    const { stdout } = spawnSync(process.execPath, [join(place.project, '.claude', 'cc-session-recover', 'hook.js')], { input, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project }, encoding: 'utf8' });
    return [/keep the three sections below current/.test(readFileSync(file, 'utf8')), /keep its sections Goal, Done and Next exact action current/.test(stdout)];
  };
  assert.deepEqual(await said(), [true, true]);
  assert.deepEqual(await said('--no-instruction'), [false, false]);
  assert.deepEqual(await said(), [false, false], 'it stays so');
  assert.deepEqual(await said('--instruction'), [true, true]);
  writeFileSync(file, '# Mine\n');
  assert.deepEqual(await said('--no-instruction'), [false, false]);
  assert.equal(readFileSync(file, 'utf8'), '# Mine\n');
});

test('init adds the missing UserPromptSubmit hook to settings of an older version and changes nothing else', async (t) => {
  const place = world(t);
  const path = withSettings(place, '{\n  // mine\n  "model": "opus"\n}\n');
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const whole = readFileSync(path, 'utf8');
  const start = whole.indexOf(',\n    "UserPromptSubmit"');
  const end = whole.indexOf('\n    ]', start) + '\n    ]'.length;
  assert.ok(start > 0 && end > start, whole);
  const older = whole.slice(0, start) + whole.slice(end);
  writeFileSync(path, older);
  const { checks } = JSON.parse((await place.run(['doctor', '--json'])).stdout);
  const check = checks.find((/** @type {any} */ { id }) => id === 'hooks');
  assert.deepEqual([check.status, check.fact], ['fail', 'hooks are missing: UserPromptSubmit']);
  const { stdout } = await place.run(['init', '--dry-run']);
  assert.match(stdout, /^\+ {4}"UserPromptSubmit": \[$/m);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  assert.equal(readFileSync(path, 'utf8'), whole);
});
