// Sessions that outlive Claude Code's retention: what is kept, when, and how it is brought back, through hooks and the command.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { endWith, hooked, idOf, startHook, transcriptText } from './lib/hooks.mjs';

const posix = process.platform === 'win32' ? 'hooks run in a POSIX shell here' : false;
const ID = idOf(1);

/** @param {ReturnType<typeof world>} place @param {string} [directory] */
const transcriptsOf = (place, directory = place.project) => join(place.claude, 'projects', directory.replace(/[^A-Za-z0-9]/g, '-'));

/** A finished session. @param {ReturnType<typeof world>} place @param {number} number @param {string} [directory] */
function session(place, number, directory = place.project) {
  const path = join(transcriptsOf(place, directory), `${idOf(number)}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, transcriptText('finished-interactive', { id: idOf(number), cwd: directory }));
  return path;
}

/** Ids that are kept. @param {ReturnType<typeof world>} place */
const keptIn = (place) => (existsSync(join(place.state, 'kept')) ? readdirSync(join(place.state, 'kept')).filter((name) => name.includes('-4000-')).toSorted() : []);

/** Runs a hook of the session to its end. @param {ReturnType<typeof world>} place @param {string} command @param {object} payload */
async function runHook(place, command, payload) {
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: ID, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(process.pid) };
  const hook = startHook(command, JSON.stringify({ session_id: ID, cwd: place.project, ...payload }), { cwd: place.project, env, limit: 30 });
  endWith(place, hook);
  return hook;
}

test('init keeps the sessions of its project and of directories below it, and says how many', async (t) => {
  const place = world(t);
  const inside = join(place.project, 'api');
  for (const [number, directory] of /** @type {const} */ ([[1, place.project], [2, inside], [3, join(place.home, 'elsewhere')]])) session(place, number, directory);
  const { status, stdout, stderr } = await place.run(['init', '--yes']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /2 sessions are kept from Claude Code's retention/);
  assert.deepEqual(keptIn(place), [idOf(1), idOf(2)]);
  assert.equal(statSync(join(place.state, 'kept', ID, '1', `${ID}.jsonl`)).nlink, 2, 'it takes no room');
  assert.match((await place.run(['init', '--yes'])).stdout, /nothing was changed/);
});

test('init --no-keep keeps nothing, nor do its hooks, and init --keep takes that back', { skip: posix }, async (t) => {
  const place = world(t);
  session(place, 1);
  assert.equal((await place.run(['init', '--yes', '--no-keep'])).status, 0);
  const { commandOf, transcriptOf } = await hooked(place);
  const payload = { hook_event_name: 'SessionEnd', reason: 'other', transcript_path: transcriptOf(ID) };
  await (await runHook(place, commandOf('SessionEnd'), payload)).ended;
  assert.deepEqual(keptIn(place), []);
  const again = JSON.parse((await place.run(['init', '--keep', '--json'])).stdout);
  assert.equal(again.kept, 1);
  assert.deepEqual(keptIn(place), [ID]);
});

test('a stop keeps the session before it waits', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  writeFileSync(transcriptOf(ID), transcriptText('quota-mid-turn-interactive', { id: ID, cwd: place.project }));
  const payload = { hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit · resets 3:15am (UTC)", transcript_path: transcriptOf(ID) };
  const hook = await runHook(place, commandOf('StopFailure'), payload);
  const description = join(place.state, 'kept', ID, 'kept.json');
  for (let tries = 0; tries < 400 && !existsSync(description); tries++) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(existsSync(description));
  hook.child.kill('SIGKILL');
  rmSync(transcriptOf(ID));
  const { status, stderr } = await place.run(['restore', ID, '--json']);
  assert.equal(status, 0, stderr);
  assert.match(readFileSync(transcriptOf(ID), 'utf8'), /limit/);
});
