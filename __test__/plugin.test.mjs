// `plugin`, through the real command: what it writes and removes, what it leaves unchanged, and which hooks are active if the settings
// contain ours too.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { applyPatch, parsePatch } from 'diff';
import { ROOT, world } from './lib/command.mjs';
import { NATIVE_FILES } from './lib/native.mjs';
import { endWith, idOf, livingClient, startHook, transcriptText } from './lib/hooks.mjs';
import { treeOf } from './lib/settings-files.mjs';
import { until } from './lib/until.mjs';

const { version } = createRequire(import.meta.url)('../package.json');
const posix = { skip: process.platform === 'win32' && 'modes, links and shells are written otherwise there' };
const ID = 'cc-session-recover@cc-session-recover';
const NAME = 'cc-session-recover';
const FILES = [
  '.claude-plugin/marketplace.json',
  `${NAME}/.claude-plugin/icon.png`,
  `${NAME}/.claude-plugin/plugin.json`,
  `${NAME}/LICENSE`,
  `${NAME}/README.md`,
  `${NAME}/commands/handoff.md`,
  `${NAME}/commands/session-rescue.md`,
  `${NAME}/hooks/${NAME}/hook.js`,
  `${NAME}/hooks/${NAME}/package.json`,
  `${NAME}/hooks/${NAME}/run.sh`,
  `${NAME}/hooks/hooks.json`,
  `${NAME}/hooks/module.js`,
];
/** Lists what a patch shows. The icon is not text. */
const TEXTS = FILES.filter((name) => !name.endsWith('.png'));

/** @param {string} directory */
function filesOf(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(directory.length + 1)).toSorted();
}

/** @param {string} path */
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Returns everything in a world except lock files, which stay. @param {string} root */
const withoutLocks = (root) => Object.fromEntries(Object.entries(treeOf(root)).filter(([path]) => !path.startsWith('state/leases/')));

/** @param {ReturnType<typeof world>} place @param {string[]} argv */
async function written(place, ...argv) {
  const { status, stdout, stderr } = await place.run(['plugin', '--yes', '--json', ...argv]);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  return { report, directory: report.directory, plugin: join(report.directory, NAME) };
}

test('the module shows the times of a reason in the local time zone', async () => {
  // Claude Code loads the file as an ES module.
  const { details, lines } = await import(`data:text/javascript,${encodeURIComponent(readFileSync(join(ROOT, 'plugin', 'module.js'), 'utf8'))}`);
  const at = new Date(2026, 2, 2, 4, 30);
  const why = `it reset at ${at.toISOString()}: type "continue"`;
  const shown = 'it reset at Mar 2 04:30: type "continue"';
  assert.equal(lines({ kind: '5-hour usage limit reached', resetsAt: null, next: 'none', why }, Date.now())[1], shown);
  assert.ok(details({ id: ID, name: null, title: null, project: { dir: '/p', cwd: null }, next: { why, at: null, argv: null } }).includes(shown));
});

test('plugin writes a marketplace with one plugin of this version and prints the next commands', async (t) => {
  const place = world(t);
  const { status, stdout, stderr } = await place.run(['plugin']);
  assert.equal(status, 0, stderr);
  const directory = join(place.state, 'plugin');
  assert.ok(stdout.startsWith(`The plugin is written to ${directory}.\n`), stdout);
  assert.match(stdout, /^create +cc-session-recover\/hooks\/hooks\.json +the hooks$/m);
  assert.match(stdout, /^create +cc-session-recover\/commands\/handoff\.md +\/cc-session-recover:handoff in Claude Code$/m);
  assert.ok(stdout.endsWith(`  claude plugin marketplace add ${directory}\n  claude plugin install ${ID}\n`), stdout);
  assert.deepEqual(filesOf(directory), FILES);
  const market = json(join(directory, '.claude-plugin', 'marketplace.json'));
  assert.deepEqual([market.name, market.plugins.map((/** @type {any} */ plugin) => [plugin.name, plugin.source])], [NAME, [[NAME, `./${NAME}`]]]);
  const manifest = json(join(directory, NAME, '.claude-plugin', 'plugin.json'));
  assert.deepEqual([manifest.name, manifest.version, manifest.license], [NAME, version, 'MIT']);
  assert.equal(readFileSync(join(directory, NAME, 'LICENSE'), 'utf8'), readFileSync(join(ROOT, 'LICENSE'), 'utf8'));
  const journal = readFileSync(join(place.state, 'journal.jsonl'), 'utf8');
  assert.ok(journal.includes('"event":"plugin"'), journal);
  assert.deepEqual(treeOf(place.claude), {}, 'nothing of Claude Code is touched');
  assert.deepEqual(treeOf(place.project), {});
});

test('the plugin has the same hooks and commands as init, independent of its location', async (t) => {
  const place = world(t);
  const { plugin } = await written(place);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const inProject = readFileSync(join(place.project, '.claude', 'settings.json'), 'utf8');
  // The two sets of hooks differ only in how they find the launcher.
  const { hooks } = JSON.parse(inProject, (key, value) => (key === 'command' ? value.replace(/^ccsr_js=\.claude.*? ccsr_js=\$d\/\$ccsr_js;/, () => 'ccsr_js="${CLAUDE_PLUGIN_ROOT}/hooks/cc-session-recover/hook.js";') : value));
  assert.equal(hooks.UserPromptSubmit.length, 1);
  assert.deepEqual(json(join(plugin, 'hooks', 'hooks.json')).hooks, hooks);
  for (const name of ['handoff.md', 'session-rescue.md']) {
    assert.equal(readFileSync(join(plugin, 'commands', name), 'utf8'), readFileSync(join(place.project, '.claude', 'commands', name), 'utf8'));
  }
});

test('plugin --dry-run writes nothing, and its diff is exactly what plugin then writes', async (t) => {
  const place = world(t);
  const before = treeOf(place.root);
  const { status, stdout, stderr } = await place.run(['plugin', '--dry-run']);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^create .*runtime.*: what the hooks run$/m);
  assert.deepEqual(treeOf(place.root), before);
  const { directory } = await written(place);
  const patches = parsePatch(stdout);
  assert.deepEqual(patches.map((patch) => String(patch.newFileName).slice(2)).toSorted(), TEXTS);
  for (const patch of patches) assert.equal(readFileSync(join(directory, String(patch.newFileName).slice(2)), 'utf8'), applyPatch('', patch), patch.newFileName);
  const again = await place.run(['plugin', '--dry-run']);
  assert.deepEqual([again.status, again.stdout], [6, '']);
  assert.match(again.stderr, /nothing would be changed/);
});

test('a second plugin run reports that nothing changed, exits with 6 and changes nothing', async (t) => {
  const place = world(t);
  await written(place);
  const before = treeOf(place.root);
  const { status, stdout } = await place.run(['plugin']);
  assert.equal(status, 6);
  assert.match(stdout, /^The plugin is already in .*plugin; nothing was changed\.$/m);
  const report = JSON.parse((await place.run(['plugin', '--json'])).stdout);
  assert.deepEqual([report.changed, report.files.length, report.files.every((/** @type {any} */ step) => step.action === 'keep')], [false, FILES.length, true]);
  assert.deepEqual(treeOf(place.root), before);
});

test('plugin --json prints the plan and the report with the commands left for the user', async (t) => {
  const place = world(t);
  const plan = JSON.parse((await place.run(['plugin', '--dry-run', '--json'])).stdout);
  assert.deepEqual([plan.dryRun, plan.changed, plan.remove], [true, true, false]);
  assert.ok(!existsSync(join(place.state, 'plugin')));
  const { report, directory } = await written(place);
  assert.deepEqual([report.changed, report.directory, report.warnings], [true, join(place.state, 'plugin'), []]);
  assert.deepEqual(report.next, [['claude', 'plugin', 'marketplace', 'add', directory], ['claude', 'plugin', 'install', ID]]);
});

/** Returns the command of another version of the package. @param {ReturnType<typeof world>} place */
function newer(place) {
  const root = join(place.root, 'newer');
  mkdirSync(root);
  for (const name of ['bin', 'plugin', 'package.json', 'LICENSE', 'index.js', ...NATIVE_FILES]) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction');
  for (const name of ['bin/hook.js', 'LICENSE']) appendFileSync(join(root, name), '// Newer.\n');
  return join(root, 'bin', 'cc-session-recover.js');
}

test('an upgrade of the package updates the files of the earlier plugin and nothing else', async (t) => {
  const place = world(t);
  const { plugin, directory } = await written(place);
  const before = treeOf(directory);
  const { status, stdout, stderr } = await place.run(['plugin', '--json'], { bin: newer(place) });
  assert.equal(status, 0, stderr);
  const launcher = join(plugin, 'hooks', NAME, 'hook.js');
  const changed = JSON.parse(stdout).files.filter((/** @type {any} */ step) => step.action !== 'keep');
  assert.deepEqual(changed.map((/** @type {any} */ step) => [step.action, step.path]), [launcher, join(plugin, 'LICENSE'), ...['session-rescue.md', 'handoff.md'].map((name) => join(plugin, 'commands', name)), join(place.state, 'projects', 'plugin.json')].map((path) => ['replace', path]));
  assert.match(readFileSync(launcher, 'utf8'), /\n\/\/ Newer\.\n$/);
  // Go back to this version; the record is that of the newer one.
  await written(place);
  assert.deepEqual(treeOf(directory), before);
});

test('any version recognizes what a killed plugin run of any version left behind', { skip: (process.platform !== 'linux' || spawnSync('strace', ['-V']).status !== 0) && 'there is no strace' }, async (t) => {
  for (const fresh of [true, false]) {
    let killed = 0;
    let renamed = 0;
    for (const when of [2, 3, 4, 6, 8, 10]) {
      const place = world(t);
      const other = newer(place);
      // The runtime is also installed by a rename, so install it first.
      assert.equal((await place.run(['plugin', '--yes', '--to', join(place.home, 'x')], { bin: other })).status, 0);
      if (!fresh) await written(place);
      const directory = join(place.state, 'plugin');
      const inject = ['-f', '-qq', '-o', join(place.root, 'trace'), '-e', 'trace=rename,renameat,renameat2', '-e', `inject=rename,renameat,renameat2:signal=KILL:when=${when}`];
      const { signal } = spawnSync('strace', [...inject, process.execPath, other, 'plugin', '--yes'], { cwd: place.project, env: place.env });
      if (signal === 'SIGKILL') killed += 1;
      if (existsSync(directory)) renamed += 1;
      const launcher = join(directory, NAME, 'hooks', NAME, 'hook.js');
      if (when % 4 === 0) {
        const again = await place.run(['plugin', '--yes']);
        assert.ok([0, 6].includes(again.status ?? -1), `${when}: ${again.stderr}`);
        assert.deepEqual([filesOf(directory), readFileSync(launcher, 'utf8').includes('// Newer.')], [FILES, false]);
      }
      const removed = await place.run(['plugin', '--remove', '--yes']);
      assert.deepEqual([existsSync(directory), removed.stderr.includes('was edited')], [false, false], `${when}: ${removed.stdout}${removed.stderr}`);
    }
    assert.ok(killed > 0 && renamed > 1, `killed ${killed}, begun ${renamed}`);
  }
});

for (const name of ['.claude-plugin/marketplace.json', `${NAME}/hooks/hooks.json`, `${NAME}/.claude-plugin/plugin.json`]) {
  test(`plugin refuses a ${name} that it did not write with 4 and writes nothing`, async (t) => {
    const place = world(t);
    const to = join(place.home, 'plugins');
    mkdirSync(dirname(join(to, name)), { recursive: true });
    writeFileSync(join(to, name), '{"name":"mine"}\n');
    const before = withoutLocks(place.root);
    for (const argv of [['--dry-run'], ['--yes'], ['--json']]) {
      const { status, stdout, stderr } = await place.run(['plugin', '--to', to, ...argv]);
      assert.equal(status, 4, stderr);
      if (argv.includes('--json')) assert.equal(JSON.parse(stdout).error.code, 'PATH_REFUSED');
      else assert.equal(stdout, '');
      assert.ok(stderr.includes(join(to, name)), stderr);
      assert.match(stderr, /would be overwritten[\s\S]*\n {2}next: /);
    }
    assert.deepEqual(withoutLocks(place.root), before);
    const removed = await place.run(['plugin', '--to', to, '--remove', '--yes']);
    assert.equal(removed.status, 6, removed.stderr);
    assert.equal(readFileSync(join(to, name), 'utf8'), '{"name":"mine"}\n');
  });
}

test('plugin preserves and names an edited command on update and on removal', async (t) => {
  const place = world(t);
  const { plugin, directory } = await written(place);
  const path = join(plugin, 'commands', 'handoff.md');
  writeFileSync(path, `${readFileSync(path, 'utf8')}\nAnd be brief.\n`);
  rmSync(join(plugin, 'README.md'));
  const again = await place.run(['plugin', '--yes']);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /warning: .*handoff\.md was not written by this tool and is left unchanged/);
  assert.ok(existsSync(join(plugin, 'README.md')));
  const gone = await place.run(['plugin', '--remove', '--yes']);
  assert.equal(gone.status, 0, gone.stderr);
  assert.match(gone.stderr, /handoff\.md was edited, so it was not removed/);
  assert.deepEqual(filesOf(directory), [`${NAME}/commands/handoff.md`]);
});

test('plugin in a directory with other files leaves those files unchanged', async (t) => {
  const place = world(t);
  const to = join(place.home, 'plugins');
  mkdirSync(join(to, NAME, 'commands'), { recursive: true });
  writeFileSync(join(to, 'mine.txt'), 'x');
  writeFileSync(join(to, NAME, 'commands', 'mine.md'), 'x');
  const before = treeOf(to);
  await written(place, '--to', 'plugins/../plugins');
  assert.ok(!existsSync(join(place.project, 'plugins', 'mine.txt')));
  assert.equal((await place.run(['plugin', '--remove', '--yes', '--to', join(place.project, 'plugins')])).status, 0);
  const { directory } = await written(place, '--to', to);
  assert.equal(directory, to);
  assert.deepEqual(filesOf(to), [...FILES, 'mine.txt', `${NAME}/commands/mine.md`].toSorted());
  assert.equal((await place.run(['plugin', '--remove', '--yes', '--to', to])).status, 0);
  assert.deepEqual(treeOf(to), before);
});

test('plugin --remove leaves no plugin files behind, and a second run has nothing to do', async (t) => {
  const place = world(t);
  const { directory } = await written(place);
  const before = treeOf(place.root);
  const dry = await place.run(['plugin', '--remove', '--dry-run']);
  assert.equal(dry.status, 0);
  assert.equal(parsePatch(dry.stdout).filter((patch) => patch.newFileName === '/dev/null').length, TEXTS.length);
  assert.deepEqual(treeOf(place.root), before);
  const { status, stdout, stderr } = await place.run(['plugin', '--remove', '--yes']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^remove +\.claude-plugin\/marketplace\.json/m);
  assert.ok(!existsSync(directory) && !existsSync(join(place.state, 'projects', 'plugin.json')));
  const again = await place.run(['plugin', '--remove', '--yes']);
  assert.equal(again.status, 6);
  assert.match(again.stdout, /^Nothing of the plugin is in .*; nothing was changed\.$/m);
  const elsewhere = await written(place, '--to', join(place.home, 'p'));
  const named = await place.run(['plugin', '--remove', '--yes']);
  assert.equal(named.status, 6);
  assert.ok(named.stderr.includes(`the plugin is in ${elsewhere.directory}: name it with --to`), named.stderr);
});

test('plugin recognizes its files by their bytes when its record is lost', async (t) => {
  const place = world(t);
  const { directory } = await written(place);
  const record = join(place.state, 'projects', 'plugin.json');
  installed(place, directory);
  const check = async () => JSON.parse((await place.run(['doctor', '--json'])).stdout).checks.find((/** @type {any} */ { id }) => id === 'plugin');
  assert.equal((await check()).status, 'ok');
  for (const lose of [() => rmSync(record), () => writeFileSync(record, '{"version":1')]) {
    lose();
    const { status, fact, next } = await check();
    assert.deepEqual([status, next], ['fail', `run cc-session-recover plugin --to '${directory}'`], fact);
    const planned = await place.run(['plugin', '--dry-run', '--json']);
    const changes = JSON.parse(planned.stdout).files.filter((/** @type {any} */ { action }) => action !== 'keep');
    assert.deepEqual([planned.status, changes.map((/** @type {any} */ { path }) => path)], [0, [record]]);
    const again = await place.run(['plugin', '--yes', '--json']);
    assert.deepEqual([again.status, JSON.parse(again.stdout).changed], [0, true], 'the record is made again');
    assert.equal((await check()).status, 'ok');
  }
  rmSync(join(place.state, 'projects', 'plugin.json'));
  assert.equal((await place.run(['plugin', '--remove', '--yes'])).status, 0);
  assert.ok(!existsSync(join(directory, NAME)));
});

test('plugin refuses a file, a link, and the Claude Code directory as target with 4', posix, async (t) => {
  const place = world(t);
  const file = join(place.home, 'file');
  writeFileSync(file, 'x');
  const linked = join(place.home, 'linked');
  const victim = join(place.home, 'victim');
  mkdirSync(victim);
  mkdirSync(linked);
  symlinkSync(victim, join(linked, NAME));
  const dangling = join(place.home, 'dangling');
  symlinkSync(join(place.home, 'nowhere'), dangling);
  for (const to of [file, linked, dangling, join(place.claude, 'plugins', 'x')]) {
    const { status, stderr } = await place.run(['plugin', '--to', to, '--yes']);
    assert.equal(status, 4, stderr);
    assert.match(stderr, /\n {2}next: /);
  }
  assert.deepEqual([readdirSync(victim), readFileSync(file, 'utf8'), existsSync(join(place.claude, 'plugins'))], [[], 'x', false]);
});

test('a failed write leaves no plugin files and no record of the plugin', { skip: posix.skip || (process.getuid?.() === 0 && 'root may write anywhere') }, async (t) => {
  const place = world(t);
  const to = join(place.home, 'plugins');
  mkdirSync(join(to, '.claude-plugin'), { recursive: true });
  chmodSync(join(to, '.claude-plugin'), 0o500);
  const { status } = await place.run(['plugin', '--to', to, '--yes']);
  assert.equal(status, 1);
  assert.deepEqual(filesOf(to), []);
  assert.ok(!existsSync(join(place.state, 'projects', 'plugin.json')));
  chmodSync(join(to, '.claude-plugin'), 0o700);
  assert.equal((await place.run(['plugin', '--to', to, '--yes'])).status, 0);
});

// ---- Claude Code's settings ---------------------------------------------------------------------------------------------

/**
 * Writes what Claude Code writes when it installs the plugin.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string} directory
 * @param {boolean} [on]
 */
function installed(place, directory, on = true) {
  const settings = { extraKnownMarketplaces: { [NAME]: { source: { source: 'directory', path: directory } } }, enabledPlugins: { [ID]: on } };
  writeFileSync(join(place.claude, 'settings.json'), JSON.stringify(settings));
}

test('the next commands of plugin depend on what is installed in Claude Code', async (t) => {
  const place = world(t);
  const { directory } = await written(place);
  const next = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['plugin', '--dry-run', '--json', ...argv])).stdout).next.map((/** @type {string[]} */ words) => words.slice(2).join(' '));
  installed(place, directory);
  assert.deepEqual(await next(), []);
  assert.deepEqual(await next('--remove'), [`uninstall ${ID}`, `marketplace remove ${NAME}`]);
  installed(place, directory, false);
  assert.deepEqual(await next(), [`install ${ID}`]);
  installed(place, place.home);
  assert.deepEqual(await next(), [`marketplace remove ${NAME}`, `marketplace add ${directory}`, `install ${ID}`]);
  assert.deepEqual(await next('--remove'), []);
});

test('doctor and status report the plugin as on, off, partial, or next to settings hooks', posix, async (t) => {
  const place = world(t);
  const check = async () => JSON.parse((await place.run(['doctor', '--json'])).stdout).checks.filter((/** @type {any} */ { id }) => id === 'plugin' || id === 'setup').map((/** @type {any} */ { id, status, next }) => [id, status, next]);
  const enabled = async () => JSON.parse((await place.run(['status', '--json'])).stdout).project.enabled;
  assert.deepEqual([await check(), await enabled()], [[['setup', 'fail', 'run cc-session-recover init']], false]);
  const { directory, plugin } = await written(place);
  const [[id, status, advice]] = await check();
  assert.deepEqual([id, status], ['plugin', 'fail']);
  assert.ok(advice.includes(`claude plugin marketplace add '${directory}'`), advice);
  installed(place, directory);
  assert.deepEqual([await check(), await enabled()], [[['plugin', 'ok', null]], true]);
  writeFileSync(join(plugin, 'README.md'), 'mine');
  assert.deepEqual(await check(), [['plugin', 'ok', null]]);
  rmSync(join(plugin, 'hooks', NAME, 'hook.js'));
  assert.deepEqual((await check())[0].slice(0, 2), ['plugin', 'fail']);
  await written(place);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  assert.deepEqual(await check(), [['plugin', 'ok', null]]);
});

// ---- Hooks --------------------------------------------------------------------------------------------------------------

/** Returns the plugin's hooks as the client runs them. @param {ReturnType<typeof world>} place @param {string} plugin */
function hooksOf(place, plugin) {
  const { hooks } = json(join(plugin, 'hooks', 'hooks.json'));
  const transcripts = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(transcripts, { recursive: true });
  /** Writes a stop to the session's transcript and runs the stop hook. @param {string} id @param {Record<string, string>} [env] */
  const stop = async (id, env = {}) => {
    const transcript = join(transcripts, `${id}.jsonl`);
    writeFileSync(transcript, transcriptText('quota-5h-interactive-exited', { id, cwd: place.project }));
    const payload = json(join(ROOT, 'fixtures', 'hook-payloads', 'stopfailure-usage-limit-5h.json'));
    const input = JSON.stringify({ ...payload, session_id: id, transcript_path: transcript, cwd: place.project });
    const hook = startHook(hooks.StopFailure[0].hooks[0].command, input, { cwd: place.project, env: { ...place.env, CLAUDE_PLUGIN_ROOT: plugin, CLAUDE_PROJECT_DIR: place.project, ...env } });
    endWith(place, hook);
    return hook.ended;
  };
  return { stop, noted: (/** @type {string} */ id) => existsSync(join(place.state, 'incidents', `${id}.json`)) };
}

/** Returns the phase of a session's stop. @param {ReturnType<typeof world>} place @param {string} id */
function phaseOf(place, id) {
  try {
    return json(join(place.state, 'incidents', `${id}.json`)).phase;
  } catch {
    return null;
  }
}

test('plugin hooks record a stop in any project, also when the path contains shell characters', posix, async (t) => {
  const place = world(t);
  for (const [index, to] of [join(place.state, 'plugin'), join(place.home, 'a $(touch bad) "b" \'c\' `d`')].entries()) {
    const { plugin } = await written(place, '--to', to);
    const { stop, noted } = hooksOf(place, plugin);
    const { status, stdout, stderr } = await stop(idOf(index + 1));
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
    assert.ok(noted(idOf(index + 1)));
  }
  assert.ok(!existsSync(join(place.project, 'bad')));
});

test('the plugin launcher works inside an ES module project', posix, async (t) => {
  const place = world(t);
  writeFileSync(join(place.project, 'package.json'), '{"type":"module"}');
  const { plugin } = await written(place, '--to', join(place.project, 'tools', 'claude'));
  const { stop, noted } = hooksOf(place, plugin);
  assert.equal((await stop(idOf(1))).stderr, '');
  assert.ok(noted(idOf(1)));
});

test('plugin hooks do nothing on another machine or after the plugin was removed', posix, async (t) => {
  const place = world(t);
  const { plugin } = await written(place);
  const { stop, noted } = hooksOf(place, plugin);
  // A variable does not change the state directory; the value in the launcher counts.
  const other = await stop(idOf(1), { CC_RECOVER_STATE_DIR: join(place.root, 'other') });
  assert.deepEqual([other.status, other.stdout, other.stderr, existsSync(join(place.root, 'other'))], [0, '', '', false]);
  rmSync(join(place.state, 'projects', 'plugin.json'));
  assert.equal((await stop(idOf(2))).status, 0);
  assert.deepEqual([noted(idOf(1)), noted(idOf(2))], [true, false]);
});

for (const scope of ['project', 'local', 'user']) {
  test(`the plugin leaves a session to hooks in ${scope} settings, and handles it once they are removed`, posix, async (t) => {
    const place = world(t);
    const { plugin } = await written(place);
    const { stop, noted } = hooksOf(place, plugin);
    const flags = scope === 'project' ? [] : [`--${scope}`];
    assert.equal((await place.run(['init', '--yes', ...flags])).status, 0);
    const { status, stdout, stderr } = await stop(idOf(1));
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
    assert.ok(!noted(idOf(1)));
    // A path through a link names the same project.
    const link = join(place.home, 'link');
    symlinkSync(place.project, link);
    await stop(idOf(2), { CLAUDE_PROJECT_DIR: link });
    assert.ok(!noted(idOf(2)));
    // Hooks that the user removed by hand no longer run.
    const settings = scope === 'user' ? join(place.claude, 'settings.json') : join(place.project, '.claude', scope === 'project' ? 'settings.json' : 'settings.local.json');
    const text = readFileSync(settings, 'utf8');
    writeFileSync(settings, '{}');
    await stop(idOf(3));
    assert.ok(noted(idOf(3)));
    writeFileSync(settings, text);
    assert.equal((await place.run(['uninstall', '--yes', ...flags])).status, 0);
    await stop(idOf(4));
    assert.ok(noted(idOf(4)));
  });
}

test('hooks in settings that the client does not run do not disable the plugin', posix, async (t) => {
  const place = world(t);
  const { plugin } = await written(place);
  const { stop, noted } = hooksOf(place, plugin);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const settings = join(place.project, '.claude', 'settings.json');
  const text = readFileSync(settings, 'utf8');
  const { hooks } = JSON.parse(text);
  const { StopFailure, ...others } = hooks;
  const [{ command }] = StopFailure[0].hooks;
  const forms = {
    'a mistake in the file': text.replace(/}\s*$/, ''),
    'commented out': `/* ${text} */ {}`,
    'somewhere else': JSON.stringify({ permissions: { allow: [`Bash(${command})`] }, hooks: {} }),
    'other events alone': JSON.stringify({ hooks: others }),
  };
  for (const [index, [what, form]] of Object.entries(forms).entries()) {
    writeFileSync(settings, form);
    await stop(idOf(index + 1));
    assert.ok(noted(idOf(index + 1)), what);
  }
  // Positive control: only this event, and a file with comments and a byte order mark.
  for (const [index, form] of [JSON.stringify({ hooks: { StopFailure } }), `\ufeff// mine\n${text}`].entries()) {
    writeFileSync(settings, form);
    await stop(idOf(index + 9));
    assert.ok(!noted(idOf(index + 9)), form);
  }
});

test('the plugin respects how the client was started, also when hooks do not get its process id', { skip: process.platform !== 'linux' }, async (t) => {
  const place = world(t);
  const { plugin } = await written(place);
  const { stop, noted } = hooksOf(place, plugin);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const started = (/** @type {string} */ id, /** @type {string[]} */ ...words) => livingClient(place, id, [process.execPath, '-e', 'setTimeout(() => {}, 600_000)', '--', ...words]);
  started(idOf(1), '--setting-sources', 'user');
  void stop(idOf(1));
  await until(() => noted(idOf(1)));
  assert.ok(noted(idOf(1)), 'the hooks of the project are not read');
  // Controls: in these two cases the hooks of the project are read.
  started(idOf(2), '--setting-sources', 'user', '--setting-sources', 'user,project');
  await stop(idOf(2));
  started(idOf(3));
  await stop(idOf(3));
  assert.deepEqual([noted(idOf(2)), noted(idOf(3))], [false, false]);
});

test('the decisions of init --no-hooks for a project apply to the plugin there', posix, async (t) => {
  const place = world(t);
  const { plugin } = await written(place);
  assert.equal((await place.run(['init', '--yes', '--no-hooks', '--no-instruction', '--unattended'])).status, 0);
  const { hooks } = json(join(plugin, 'hooks', 'hooks.json'));
  const start = async (/** @type {string} */ project) => {
    const id = idOf(9);
    const input = JSON.stringify({ hook_event_name: 'SessionStart', source: 'startup', session_id: id, transcript_path: join(place.claude, 'projects', '-p', `${id}.jsonl`), cwd: project });
    return (await startHook(hooks.SessionStart[0].hooks[0].command, input, { cwd: project, env: { ...place.env, CLAUDE_PLUGIN_ROOT: plugin, CLAUDE_PROJECT_DIR: project } }).ended).stdout;
  };
  assert.equal(await start(place.project), '');
  const other = join(place.home, 'other');
  mkdirSync(other);
  assert.match(await start(other), /HANDOFF\.md in the project root/);
  const { stop } = hooksOf(place, plugin);
  await stop(idOf(1));
  const incident = json(join(place.state, 'incidents', `${idOf(1)}.json`));
  assert.equal(incident.plan.action, 'run', 'its closed sessions are resumed');
  assert.equal(realpathSync(incident.project), place.project);
});

test('plugin --remove without a plugin changes nothing, also for waiting sessions', posix, async (t) => {
  const place = world(t);
  const { plugin } = await written(place);
  livingClient(place, idOf(1));
  void hooksOf(place, plugin).stop(idOf(1));
  await until(() => phaseOf(place, idOf(1)) === 'waiting');
  rmSync(join(place.state, 'projects'), { recursive: true });
  const nothing = await place.run(['plugin', '--remove', '--yes', '--to', join(place.home, 'elsewhere')]);
  assert.deepEqual([nothing.status, phaseOf(place, idOf(1))], [6, 'waiting']);
  // Control: removing a plugin that exists cancels the stop.
  assert.equal((await place.run(['plugin', '--remove', '--yes'])).status, 0);
  assert.equal(phaseOf(place, idOf(1)), 'cancelled');
});

test('uninstall leaves a session alone that waits under the plugin of another configuration directory', posix, async (t) => {
  const place = world(t);
  const { plugin, directory } = await written(place);
  const claude = join(place.home, 'other-claude');
  mkdirSync(claude);
  const other = { ...place, claude, env: { ...place.env, CLAUDE_CONFIG_DIR: claude } };
  installed(other, directory);
  livingClient(other, idOf(1));
  void hooksOf(other, plugin).stop(idOf(1));
  await until(() => phaseOf(place, idOf(1)) === 'waiting');
  const there = { env: { CLAUDE_CONFIG_DIR: claude } };
  assert.equal((await place.run(['init', '--user', '--yes'])).status, 0);
  assert.equal((await place.run(['uninstall', '--user', '--yes'])).status, 0);
  assert.equal(phaseOf(place, idOf(1)), 'waiting');
  // Control: here the plugin is disabled.
  installed(other, directory, false);
  assert.equal((await place.run(['init', '--user', '--yes'], there)).status, 0);
  assert.equal((await place.run(['uninstall', '--user', '--yes'])).status, 6);
  assert.equal((await place.run(['uninstall', '--user', '--yes'], there)).status, 0);
  assert.equal(phaseOf(place, idOf(1)), 'cancelled');
});

test('uninstall in a project leaves a session that waits under the plugin, and plugin --remove cancels it', posix, async (t) => {
  const place = world(t);
  const { plugin, directory } = await written(place);
  installed(place, directory);
  livingClient(place, idOf(1));
  const { stop } = hooksOf(place, plugin);
  void stop(idOf(1));
  await until(() => phaseOf(place, idOf(1)) === 'waiting');
  assert.equal(phaseOf(place, idOf(1)), 'waiting');
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const undone = await place.run(['uninstall', '--yes']);
  assert.equal(undone.status, 0, undone.stderr);
  assert.match(undone.stderr, /warning: the plugin is enabled in Claude Code/);
  assert.equal(phaseOf(place, idOf(1)), 'waiting');
  assert.equal((await place.run(['plugin', '--remove', '--yes'])).status, 0);
  assert.equal(phaseOf(place, idOf(1)), 'cancelled');
});
