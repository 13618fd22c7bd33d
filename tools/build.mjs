// Builds the addon and the native program beside it: `node tools/build.mjs [--release] [options of napi build]`. Both are built by napi's
// command, which knows how to cross-compile; the program without the feature `node`, and a release of it with the profile `program`.

import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const options = process.argv.slice(2);
const { binaryName } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).napi;

/** @param {string[]} words */
function build(words) {
  const { status, error } = spawnSync(process.execPath, [join(ROOT, 'node_modules/@napi-rs/cli/dist/cli.js'), 'build', ...words], { cwd: ROOT, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`napi build ended with ${status}`);
}

const began = Date.now();
build([...options, '--platform']);
// The newest addon is the one for the target that was just built.
const [addon] = readdirSync(ROOT)
  .filter((name) => name.startsWith(`${binaryName}.`) && name.endsWith('.node'))
  .toSorted((one, other) => statSync(join(ROOT, other)).mtimeMs - statSync(join(ROOT, one)).mtimeMs);
const half = Date.now();
const smaller = options.flatMap((option) => (option === '--release' ? ['--profile', 'program'] : [option]));
// Not the directory of the addon, which has files of several targets, and not one of cargo's.
const output = join(ROOT, 'target', 'napi-program');
build([...smaller, '--bin', binaryName, '--no-default-features', '--features', 'native', '--no-js', '--output-dir', output]);
const ending = addon.includes('win32') ? '.exe' : '';
const program = join(ROOT, addon.replace(/\.node$/, ending));
rmSync(program, { force: true });
renameSync(join(output, `${binaryName}${ending}`), program);
const seconds = (/** @type {number} */ from, /** @type {number} */ to) => `${((to - from) / 1000).toFixed(0)} s`;
process.stderr.write(`addon ${seconds(began, half)}, native program ${seconds(half, Date.now())}\n`);
