// The published package: its files, what it runs on installation, and that it works where it is installed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT, world } from './lib/command.mjs';

const execute = promisify(execFile);
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** @param {string[]} argv @param {string} cwd */
function npmRun(argv, cwd) {
  return execute(npm, argv, { cwd, shell: process.platform === 'win32', maxBuffer: 1 << 24 });
}

test('the package has no install scripts', () => {
  for (const script of ['preinstall', 'install', 'postinstall', 'preprepare', 'postprepare']) assert.equal(manifest.scripts[script], undefined, script);
  for (const platform of readdirSync(join(ROOT, 'npm'))) {
    assert.equal(JSON.parse(readFileSync(join(ROOT, 'npm', platform, 'package.json'), 'utf8')).scripts, undefined, platform);
  }
});

test('no dependency has an install script', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const running = Object.entries(packages).filter(([, entry]) => entry.hasInstallScript && !entry.dev && !entry.devOptional);
  assert.deepEqual(running.map(([path]) => path).filter(Boolean), []);
});

test('dependencies are pinned to exact versions, and the lock file contains no registry address', () => {
  for (const wanted of Object.values({ ...manifest.dependencies, ...manifest.devDependencies })) assert.match(wanted, /^\d+\.\d+\.\d+$/);
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  for (const [path, entry] of Object.entries(lock.packages)) assert.equal(entry.resolved, undefined, path);
});

test('the files that a hook loads need no npm dependency', () => {
  const seen = new Set();
  /** @param {string} path */
  const follow = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, wanted] of readFileSync(path, 'utf8').matchAll(/\brequire\(\s*['"]([^'"]+)['"]\s*\)/g)) {
      if (wanted.startsWith('node:') || builtinModules.includes(wanted)) continue;
      assert.ok(wanted.startsWith('.'), `${relative(ROOT, path)} requires ${wanted}`);
      const target = resolve(dirname(path), wanted);
      // Do not follow the generated loader of the native addon: it names the platform packages of this package.
      if (target !== join(ROOT, 'index.js') && target !== ROOT && target.endsWith('.js')) follow(target);
    }
  };
  for (const launcher of ['hook.js', 'statusline.js']) follow(join(ROOT, 'bin', launcher));
  assert.ok(seen.size > 1);
});

test('the packed package installs without scripts in an empty directory and works there', async (t) => {
  const { root, env, run, project } = world(t);
  // A script of npm writes these files before it packs, and scripts are off here.
  await execute(process.execPath, [join(ROOT, 'tools', 'bundle.mjs')]);
  const [packed] = JSON.parse((await npmRun(['pack', '--json', '--ignore-scripts', '--pack-destination', root], ROOT)).stdout);
  const files = packed.files.map((/** @type {{path: string}} */ file) => file.path);
  for (const path of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'index.js', 'index.d.ts', 'bin/hook.js', 'bin/statusline.js', 'bin/run.sh', 'bin/cc-session-recover.js', 'bin/bundled/status.js', 'man/cc-session-recover.1', 'plugin/module.js', 'plugin/icon.png', 'docs/json.md', 'schemas/status.schema.json']) {
    assert.ok(files.includes(path), `${path} is not in the package`);
  }
  for (const path of files) assert.match(path, /^(bin\/.*|man\/cc-session-recover\.1|plugin\/(module\.js|icon\.png)|schemas\/\w+\.schema\.json|docs\/[a-z]+\.md|index\.(js|d\.ts)|[\w-]+\.[\w-]+(\.node|\.exe)?|[A-Z]+(\.md)?|package\.json)$/, `${path} should not be in the package`);

  const empty = join(root, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'package.json'), '{}\n');
  await npmRun(['install', join(root, packed.filename), '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], empty);
  const bin = join(empty, 'node_modules', 'cc-session-recover', 'bin', 'cc-session-recover.js');
  assert.equal((await run(['--version'], { bin })).stdout, `${manifest.version}\n`);
  for (const words of [['status'], ['st', '--all'], ['status', '--all', '--json'], ['status', '--every', '3'], ['status', '--help'], ['list'], ['list', '--limit', 'x'], ['show', '3f2a9c1d'], ['show', '--json']]) {
    const [installed, source] = [await run(words, { bin }), await run(words)].map(({ status, stdout, stderr }) => ({ status, stdout: stdout.replace(/"generatedAt": "[^"]*"/, ''), stderr }));
    assert.deepEqual(installed, source, words.join(' '));
  }
  const dry = await run(['init', '--dry-run'], { bin, env: { PATH: env.PATH ?? '' } });
  assert.equal(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, /^\+\+\+ b\/\.claude\/settings\.json$/m);
  assert.deepEqual(readdirSync(project), []);
});
