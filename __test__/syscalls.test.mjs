// What the system sees of this tool, recorded by strace: where it writes, what it connects to, and how it makes a file durable.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { hooked, idOf, transcriptText } from './lib/hooks.mjs';
import { built, hideNode, programOf } from './lib/native.mjs';
import { supervised } from './lib/supervised.mjs';
import { recorded, untraceable } from './lib/traced.mjs';
import { until } from './lib/until.mjs';

/** @typedef {ReturnType<typeof world>} World */
/** @typedef {import('./lib/traced.mjs').Call} Call */

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const ID = idOf(1);
const ARMS = /** @type {const} */ (['node', 'native']);
const options = (/** @type {string} */ arm) => ({ skip: untraceable || (arm === 'native' && !built && 'the native program is not built'), timeout: 600_000 });

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

// ---- Where it writes -----------------------------------------------------------------------------------------------------

const CHANGES = ['?open', '?openat', '?openat2', '?creat', '?truncate', 'ftruncate', '?rename', '?renameat', '?renameat2', '?mkdir', '?mkdirat', '?rmdir', '?unlink', '?unlinkat', '?link', '?linkat', '?symlink', '?symlinkat', '?mknod', '?mknodat', '?chmod', 'fchmod', '?fchmodat', '?chown', 'fchown', '?fchownat'];

/**
 * Returns the paths that calls created, opened for writing, replaced, removed or changed, with temporary files under the name they replace.
 *
 * @param {Call[]} calls
 */
function written(calls) {
  const changing = calls.filter(({ name, text, failed }) => !failed && (!/^(open|openat|openat2)$/.test(name) || /\bO_(WRONLY|RDWR|CREAT|TRUNC|APPEND)\b/.test(text)));
  const paths = changing.flatMap(({ name, paths: all }) => (/^(link|symlink)/.test(name) ? all.slice(-1) : all));
  const final = paths.map((path) => join(dirname(path), basename(path).replace(/^\.(.+)\.\d+-\d+\.cc-recover-tmp$/, '$1')));
  return [...new Set(final)].toSorted();
}

/**
 * Returns the paths outside the places that SECURITY.md names: the files that `init` lists, HANDOFF.md, `.claude/session-state`, the
 * directory of the launcher, and the state directory.
 *
 * @param {World} place
 * @param {string[]} listed
 * @param {string[]} paths
 */
function outside(place, listed, paths) {
  const files = new Set([...listed, ...listed.map(dirname), join(place.project, 'HANDOFF.md'), '/dev/null']);
  const directories = [place.state, ...['session-state', 'cc-session-recover'].map((name) => join(place.project, '.claude', name))];
  return paths.filter((path) => !files.has(path) && !directories.some((directory) => path === directory || path.startsWith(`${directory}/`)));
}

for (const arm of ARMS) {
  test(`init, a hook, the supervisor, export and uninstall write only to the places that SECURITY.md names (${arm})`, options(arm), async (t) => {
    const place = world(t);
    execFileSync('git', ['init', '-q', place.project]);
    const { program, starts, stop } = await supervised(place);
    assert.equal((await place.run(['uninstall', '--yes'])).status, 0);
    const planned = JSON.parse((await place.run(['init', '--unattended', '--dry-run', '--json'])).stdout);
    /** @type {string[]} */
    const listed = planned.files.map((/** @type {any} */ { path }) => path);
    const trace = async (/** @type {string} */ what, /** @type {string[]} */ words, rest = {}) => {
      const { status, stderr, calls } = await recorded(place, words, CHANGES, rest);
      assert.equal(status, 0, `${what}: ${stderr}`);
      // The client that the supervisor starts writes its own files.
      const paths = written(calls.filter((call) => call.program !== program));
      assert.ok(paths.some((path) => path.startsWith(`${place.state}/`)), `${what}: the trace shows what was written`);
      assert.deepEqual(outside(place, listed, paths), [], what);
      return paths;
    };
    assert.ok((await trace('init', command('init', '--unattended', '--yes'))).includes(join(place.project, '.claude', 'settings.json')));
    const { words, env, input } = stopHook(place, stopScene(place), arm);
    const byHook = await trace('StopFailure', words, { env, input });
    assert.ok(byHook.includes(join(place.project, 'HANDOFF.md')) && byHook.includes(join(place.state, 'incidents', `${ID}.json`)));
    stop(idOf(2));
    await trace('supervise', arm === 'native' ? [programOf(place), 'supervise'] : command('watch', '--until-done', '--json'));
    assert.equal(starts(idOf(2)).length, 1, 'the supervisor resumed the session');
    await trace('export', command('export', idOf(2)));
    await trace('uninstall', command('uninstall', '--yes'));
  });
}

test('a write elsewhere shows in the trace (control)', options('node'), async (t) => {
  const place = world(t);
  const scene = await hooked(place);
  const { words, env, input } = stopHook(place, scene, 'node');
  const elsewhere = ['planted', 'made', 'moved'].map((name) => join(place.home, name));
  const script = `: > "$HOME/planted"; mkdir "$HOME/made"; mv "$HOME/planted" "$HOME/moved"; chmod 600 "$HOME/moved"; ${words[2]}`;
  const { calls } = await recorded(place, ['/bin/sh', '-c', script], CHANGES, { env, input });
  const listed = [join(place.project, '.git', 'info', 'exclude')];
  assert.deepEqual(outside(place, listed, written(calls)), elsewhere.toSorted());
});

// ---- Durability ----------------------------------------------------------------------------------------------------------

const SYNCS = ['fsync', 'fdatasync', '?rename', '?renameat', '?renameat2'];

/** @param {Call} call @param {number} by The thread. @param {string} path */
const isSync = ({ name, thread, paths }, by, path) => /^f(data)?sync$/.test(name) && thread === by && paths[0] === path;

/**
 * Returns how a file was replaced: `file` if the new file was synced before each rename, `directory` if its directory was afterwards.
 *
 * @param {Call[]} calls
 * @param {RegExp} target
 */
function replacements(calls, target) {
  const done = calls.filter(({ failed }) => !failed);
  return done.flatMap((rename, index) => {
    if (!rename.name.startsWith('rename') || !target.test(rename.paths[1])) return [];
    const [from, to] = rename.paths;
    return [{ file: done.slice(0, index).some((call) => isSync(call, rename.thread, from)), directory: done.slice(index + 1).some((call) => isSync(call, rename.thread, dirname(to))) }];
  });
}

/** Locks a file and returns a function that releases it. @param {World} place @param {string} path */
async function locked(place, path) {
  const child = spawn('flock', ['--exclusive', path, 'sleep', '600'], { stdio: 'ignore', detached: true });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const release = () => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    return ended;
  };
  place.endings.push(release);
  for (let tries = 0; spawnSync('flock', ['--nonblock', path, 'true']).status === 0; tries += 1) {
    assert.ok(tries < 2400, 'the lock is held');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return release;
}

for (const arm of ARMS) {
  test(`a stop is synced before its file is renamed and its directory afterwards, as an incident and in the spool (${arm})`, options(arm), async (t) => {
    const place = world(t);
    const scene = await hooked(place);
    const incidents = replacements(await tracedStop(place, scene, arm, SYNCS), new RegExp(`/incidents/${ID}\\.json$`));
    assert.ok(incidents.length > 0);
    assert.deepEqual(incidents.filter(({ file, directory }) => !file || !directory), []);
    const release = await locked(place, join(place.state, 'leases', `${ID}.lock`));
    const tracing = tracedStop(place, scene, arm, SYNCS);
    // The hook waits for the lock, because its client runs.
    const spool = join(place.state, 'spool');
    await until(() => existsSync(spool) && readdirSync(spool).some((name) => name.endsWith('.json')), 'the stop is in the spool');
    await release();
    const spooled = replacements(await tracing, /\/spool\/[^/]+\.json$/);
    assert.equal(spooled.length, 1);
    assert.deepEqual(spooled, [{ file: true, directory: true }]);
  });

  test(`a file that may be lost is replaced without a sync (${arm}, control)`, options(arm), async (t) => {
    const place = world(t);
    const scene = await hooked(place);
    writeFileSync(scene.transcriptOf(ID), transcriptText('todos', { id: ID, cwd: place.project }), { mode: 0o600 });
    const { env } = stopHook(place, scene, arm);
    const hook = async (/** @type {string} */ event) => {
      writeFileSync(scene.transcriptOf(ID), transcriptText('todos', { id: ID, cwd: place.project }), { mode: 0o600 });
      const input = JSON.stringify({ session_id: ID, transcript_path: scene.transcriptOf(ID), cwd: place.project, hook_event_name: event, source: 'resume' });
      return recorded(place, ['/bin/sh', '-c', scene.commandOf(event)], SYNCS, { env, input });
    };
    await hook('Stop');
    const { calls } = await hook('SessionStart');
    assert.deepEqual(replacements(calls, new RegExp(`/sessions/${ID}/given\\.json$`)), [{ file: false, directory: false }]);
  });
}
