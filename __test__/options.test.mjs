// Option objects of the API: unknown options are refused, so that a misspelled `dryRun` deletes nothing.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, run } from './lib/command.mjs';

/** Functions with options, from the declarations. */
const FUNCTIONS = [...readFileSync(join(ROOT, 'index.d.ts'), 'utf8').matchAll(/^export declare function (\w+)\(options\??: (\w+)/gm)].map((match) => match[1]);

/** Calls an exported function in a separate process with its own home. @param {string} call @param {string} home */
async function called(call, home) {
  const code = `const api = require(${JSON.stringify(ROOT)}); const answer = (value) => console.log(JSON.stringify(value));
    Promise.resolve().then(() => ${call}).then((value) => answer({ value }), ({ code, message, hint, exitCode }) => answer({ code, message, hint, exitCode }));`;
  const env = { PATH: process.env.PATH, HOME: home, USERPROFILE: home, LOCALAPPDATA: home, CC_RECOVER_STATE_DIR: join(home, 'state'), CLAUDE_CONFIG_DIR: join(home, '.claude') };
  return JSON.parse((await run(['-e', code], { cwd: home, env })).stdout);
}

/** @param {import('node:test').TestContext} t */
function homeOf(t) {
  const home = mkdtempSync(join(tmpdir(), 'ccsr-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

test('every API function rejects an unknown option with the usage code', async (t) => {
  const home = homeOf(t);
  assert.ok(FUNCTIONS.length >= 25 && FUNCTIONS.includes('prune') && FUNCTIONS.includes('exportSessions'), String(FUNCTIONS));
  const calls = FUNCTIONS.map((name) => `api.${name}({ frobnicate: true }).then(() => null, (error) => error)`);
  const { value } = await called(`Promise.all([${calls}]).then((all) => all.map((error) => error && [error.code, error.exitCode, error.message]))`, home);
  for (const [index, name] of FUNCTIONS.entries()) assert.deepEqual(value[index], ['USAGE', 2, 'unknown option "frobnicate"'], name);
});

test('a misspelled dryRun deletes nothing and the error suggests the right name; the right one lists it', async (t) => {
  const home = homeOf(t);
  const snapshots = join(home, 'state', 'snapshots', '00000001-0000-4000-8000-000000000000');
  mkdirSync(snapshots, { recursive: true });
  const names = ['20200101T000000Z', '20200102T000000Z'].map((name) => join(snapshots, `${name}.jsonl`));
  for (const name of names) writeFileSync(name, '{}\n');
  for (const misspelled of ['dryrun', 'dry_run', 'dryRunn']) {
    const { code, hint } = await called(`api.prune({ ${misspelled}: true, snapshotsDays: 1 })`, home);
    assert.deepEqual([code, hint], ['USAGE', 'did you mean "dryRun"?'], misspelled);
    for (const name of names) assert.equal(readFileSync(name, 'utf8'), '{}\n');
  }
  const nested = await called(`api.killSession({ target: 'x', expected: { pid: 1, startToken: '', session: '', sesion: '' } })`, home);
  assert.deepEqual([nested.code, nested.hint], ['USAGE', 'did you mean "session"?']);
  assert.equal((await called('api.prune([])', home)).code, 'USAGE');
  const { value } = await called('api.prune({ dryRun: true, snapshotsDays: 1 })', home);
  assert.ok(value, 'the right one is accepted');
});
