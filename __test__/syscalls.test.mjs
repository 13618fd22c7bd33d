// What this tool connects to, recorded by strace.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { idOf, transcriptText } from './lib/hooks.mjs';
import { built, hideNode, programOf } from './lib/native.mjs';
import { supervised } from './lib/supervised.mjs';
import { recorded, untraceable } from './lib/traced.mjs';

/** @typedef {ReturnType<typeof world>} World */
/** @typedef {import('./lib/traced.mjs').Call} Call */

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const ID = idOf(1);
const ARMS = /** @type {const} */ (['node', 'native']);
const options = (/** @type {string} */ arm) => ({ skip: untraceable || (arm === 'native' && !built && 'the native program is not built'), timeout: 180_000 });

/** @param {string[]} argv */
const command = (...argv) => [process.execPath, COMMAND, ...argv];

/** Returns what {@link stopHook} needs, in a project that is set up. @param {World} place */
function stopScene(place) {
  const settings = JSON.parse(readFileSync(join(place.project, '.claude', 'settings.json'), 'utf8'));
  const transcripts = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  return {
    transcriptOf: (/** @type {string} */ id) => join(transcripts, `${id}.jsonl`),
    commandOf: (/** @type {string} */ event) => settings.hooks[event][0].hooks[0].command,
  };
}

/**
 * Writes a stopped session and returns the command line, the environment and the input of its hook.
 *
 * @param {World} place
 * @param {Pick<Awaited<ReturnType<typeof import('./lib/hooks.mjs').hooked>>, 'transcriptOf' | 'commandOf'>} scene
 * @param {string} arm
 */
function stopHook(place, { transcriptOf, commandOf }, arm) {
  writeFileSync(transcriptOf(ID), transcriptText('auth-interactive', { id: ID, cwd: place.project }), { mode: 0o600 });
  const input = JSON.stringify({ session_id: ID, transcript_path: transcriptOf(ID), cwd: place.project, hook_event_name: 'StopFailure', error: 'authentication_failed' });
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_PID: String(process.pid), ...(arm === 'native' ? hideNode(place) : {}) };
  return { words: ['/bin/sh', '-c', commandOf('StopFailure')], env, input };
}

/** @param {World} place @param {Parameters<typeof stopHook>[1]} scene @param {string} arm @param {string[]} names */
async function tracedStop(place, scene, arm, names) {
  const { words, env, input } = stopHook(place, scene, arm);
  const result = await recorded(place, words, names, { env, input });
  assert.deepEqual([result.status, result.stderr], [0, '']);
  assert.ok(existsSync(join(place.state, 'incidents', `${ID}.json`)), 'the hook recorded the stop');
  return result.calls;
}

// ---- Network -------------------------------------------------------------------------------------------------------------

/** Calls that name an address or open a socket which is neither local to the machine nor the kernel's list of sockets. @param {Call[]} calls */
const contacts = (calls) => calls.filter(({ text }) => /AF_INET/.test(text) || (text.startsWith('socket(') && !/^socket\((AF_UNIX|AF_NETLINK, [^,]*, NETLINK_SOCK_DIAG)/.test(text))).map(({ text }) => text);

for (const arm of ARMS) {
  test(`a hook, status and watch connect to nothing and listen on nothing (${arm})`, options(arm), async (t) => {
    const place = world(t);
    const supervisor = await supervised(place, { config: { notify: { desktop: false } } });
    const scene = stopScene(place);
    assert.deepEqual(contacts(await tracedStop(place, scene, arm, ['%network'])), [], 'StopFailure');
    supervisor.stop(idOf(2));
    for (const words of [command('status'), arm === 'native' ? [programOf(place), 'supervise'] : command('watch', '--once')]) {
      const { status, stderr, calls } = await recorded(place, words, ['%network']);
      assert.equal(status, 0, stderr);
      assert.deepEqual(contacts(calls), [], words.join(' '));
    }
    assert.equal(supervisor.starts(idOf(2)).length, 1, 'the supervisor resumed the session');
  });

  test(`the supervisor connects to a configured webhook and to nothing else (${arm}, control)`, options(arm), async (t) => {
    const place = world(t);
    /** @type {string[]} */
    const bodies = [];
    const server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text) => bodies.push(text)).on('end', () => response.end());
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
    t.after(() => server.close());
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const { stop, starts } = await supervised(place, { config: { notify: { desktop: false, webhook: `http://127.0.0.1:${port}/x` } } });
    stop(ID);
    const { status, stderr, calls } = await recorded(place, arm === 'native' ? [programOf(place), 'supervise'] : command('watch', '--until-done', '--json'), ['%network']);
    assert.deepEqual([status, starts(ID).length], [0, 1], stderr);
    const connected = contacts(calls).filter((text) => text.startsWith('connect('));
    assert.ok(connected.length > 0 && bodies.length > 0, contacts(calls).join('\n'));
    assert.deepEqual(connected.filter((text) => !text.includes(`sin_port=htons(${port}), sin_addr=inet_addr("127.0.0.1")`)), []);
  });
}
