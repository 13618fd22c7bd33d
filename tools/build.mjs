// Builds the addon and the native program beside it: `node tools/build.mjs [--release] [options of napi build]`. Both use `napi build`,
// which can cross-compile. The program is built without the feature `node`, and its release with the profile `program`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TARGET = join(ROOT, 'target');
const options = process.argv.slice(2);
const isRelease = options.includes('--release');
const { binaryName } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).napi;

/** Runs `napi build` once and returns its duration in seconds. @param {string[]} words */
async function build(words) {
  const began = Date.now();
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/@napi-rs/cli/dist/cli.js'), 'build', ...words], { cwd: ROOT, stdio: 'inherit' });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`napi build ended with ${code ?? signal}`);
  return ((Date.now() - began) / 1000).toFixed(0);
}

// A separate directory, because the addon's contains files of several targets, and cargo writes to its own.
const output = join(TARGET, 'napi-program');
const smaller = options.flatMap((option) => (option === '--release' ? ['--profile', 'program'] : [option]));
const ofProgram = [...smaller, '--bin', binaryName, '--no-default-features', '--features', 'native', '--no-js', '--output-dir', output];
const addonBuild = () => build([...options, '--platform']);
// Linking a release takes minutes on one thread, so both are built in parallel, each in its own target directory, because a build locks it.
const [addonTime, programTime] = isRelease
  ? await Promise.all([addonBuild(), build([...ofProgram, '--target-dir', join(TARGET, 'native')])])
  : [await addonBuild(), await build(ofProgram)];

// The newest addon is the one for the target that was just built.
const [addon] = readdirSync(ROOT)
  .filter((name) => name.startsWith(`${binaryName}.`) && name.endsWith('.node'))
  .toSorted((one, other) => statSync(join(ROOT, other)).mtimeMs - statSync(join(ROOT, one)).mtimeMs);
const ending = addon.includes('win32') ? '.exe' : '';
const program = join(ROOT, addon.replace(/\.node$/, ending));
rmSync(program, { force: true });
renameSync(join(output, `${binaryName}${ending}`), program);
process.stderr.write(`addon ${addonTime} s, native program ${programTime} s\n`);
