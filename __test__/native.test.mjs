// The native program: a waiting session is handed over to it, and waits without it where it is missing or does not start.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT, world } from './lib/command.mjs';
import { built, emptyPath, hideNode, programOf } from './lib/native.mjs';
import { supervised } from './lib/supervised.mjs';
import { endWith, hooked, idOf, livingClient, startHook, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

const skip = process.platform !== 'linux' ? 'a client is played with /proc here' : built ? false : 'the native program is not built: npm run build';

/**
 * A session that stopped at a limit and waits.
 *
 * @param {ReturnType<typeof world>} place
 * @param {{resetsIn?: number, before?: (program: string) => void, more?: Record<string, string>}} [options]
 */
async function waiting(place, { resetsIn = 20, before = () => {}, more = {} } = {}) {
  const { commandOf, transcriptOf } = await hooked(place, { heartbeat: { graceSeconds: 0, stepSeconds: 0.2 }, notify: { desktop: false } });
  const program = programOf(place);
  before(program);
  const id = idOf(1);
  const client = livingClient(place, id);
  writeFileSync(transcriptOf(id), transcriptText('quota-5h-interactive', { id, cwd: place.project, resetsIn }));
  const payload = { session_id: id, hook_event_name: 'StopFailure', transcript_path: transcriptOf(id), cwd: place.project, error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" };
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: id, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(client.pid), ...more };
  const hook = startHook(commandOf('StopFailure'), JSON.stringify(payload), { cwd: place.project, env });
  endWith(place, hook);
  const incident = join(place.state, 'incidents', `${id}.json`);
  const phase = () => existsSync(incident) && JSON.parse(readFileSync(incident, 'utf8')).phase;
  await until(() => phase() === 'waiting', 'it waits');
  return { id, client, hook, program, phase };
}

/** What a process has open besides its standard streams. A file that is closed while the list is read is not in it. @param {number} pid */
const filesOf = (pid) =>
  readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => Number(fd) > 2)
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch (error) {
        if (/** @type {any} */ (error).code === 'ENOENT') return [];
        throw error;
      }
    });

/** Arguments of a process. @param {number} pid */
const wordsOf = (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);

test('the process of the stop hook becomes the native program, with the same process id and nothing but its standard streams open', { skip }, async (t) => {
  const place = world(t);
  const { hook, program } = await waiting(place);
  const pid = /** @type {number} */ (hook.child.pid);
  // Linux shows the new program before its arguments.
  await until(() => readlinkSync(`/proc/${pid}/exe`) === program && wordsOf(pid).length > 0, 'the program waits');
  assert.deepEqual(wordsOf(pid), [program, 'wait', 'project', join(place.project, '.claude', 'cc-session-recover', 'hook.js')]);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  assert.match(status, /^SigBlk:\t0+$/m);
  // Every process that this test starts inherits what the test runner left open.
  const plain = startHook('exec sleep 60', null, { cwd: place.project, env: place.env });
  endWith(place, plain);
  const inherited = await until(() => wordsOf(Number(plain.child.pid))[0] === 'sleep' && filesOf(Number(plain.child.pid)), 'sleep runs');
  // The program opens files for a moment while it waits. What it inherited stays open.
  const leaked = () => filesOf(pid).filter((file) => !inherited.includes(file) && !file.startsWith(place.root));
  await until(() => leaked().length === 0, 'no inherited file is open', 10);
  const { status: code, stdout, stderr } = await hook.ended;
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /automated status report/);
});

/** @type {[string, (program: string) => void][]} */
const unusable = [
  ['is gone', (program) => rmSync(program)],
  ['may not be executed', (program) => chmodSync(program, 0o600)],
  ['has other contents', (program) => writeFileSync(program, '#!/bin/sh\nexit 0\n')],
];
for (const [what, before] of unusable) {
  test(`if the native program ${what}, Node.js waits and continues the session`, { skip }, async (t) => {
    const place = world(t);
    const { hook } = await waiting(place, { before });
    assert.equal(readlinkSync(`/proc/${hook.child.pid}/exe`), process.execPath);
    const { status, stderr } = await hook.ended;
    assert.equal(status, 2);
    assert.match(stderr, /automated status report/);
  });
}

test('a waiting program ends silently when the stop is cancelled', { skip }, async (t) => {
  const place = world(t);
  const { id, hook, program } = await waiting(place, { resetsIn: 600 });
  await until(() => readlinkSync(`/proc/${hook.child.pid}/exe`) === program, 'the program waits');
  assert.equal((await place.run(['cancel', id])).status, 0);
  assert.deepEqual(await hook.ended.then(({ status, stdout, stderr }) => ({ status, stdout, stderr })), { status: 0, stdout: '', stderr: '' });
});

test('init copies the program beside the addon, executable only by its user, and repairs a damaged copy', { skip }, async (t) => {
  const place = world(t);
  await hooked(place, {});
  const program = programOf(place);
  assert.equal(statSync(program).mode & 0o777, 0o700);
  const execute = promisify(execFile);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  await execute(program, ['check', version]);
  await assert.rejects(execute(program, ['check', '0.0.0']));
  await assert.rejects(execute(program, ['do-anything']), { code: 2 });
  writeFileSync(program, 'damaged');
  assert.match((await place.run(['doctor'])).stdout, /the runtime of the hooks is damaged/);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  await execute(program, ['check', version]);
});

/**
 * Ends a session that waits, so that its hook starts a supervisor, and returns the process id of the supervisor.
 *
 * @param {ReturnType<typeof world>} place
 * @param {(program: string) => void} [before]
 * @param {Record<string, string>} [more] Variables of the hook.
 */
async function startedByHook(place, before = () => {}, more = {}) {
  const { commandOf, transcriptOf } = await hooked(place, { notify: { desktop: false }, supervisor: { pollSeconds: 1 } });
  assert.equal((await place.run(['init', '--yes', '--unattended'])).status, 0);
  before(programOf(place));
  const id = idOf(1);
  const client = livingClient(place, id);
  writeFileSync(transcriptOf(id), transcriptText('quota-5h-interactive', { id, cwd: place.project, resetsIn: 600 }));
  const payload = { session_id: id, hook_event_name: 'SessionEnd', transcript_path: transcriptOf(id), cwd: place.project, reason: 'prompt_input_exit' };
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: id, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(client.pid), ...more };
  const hook = startHook(commandOf('SessionEnd'), JSON.stringify(payload), { cwd: place.project, env });
  const { status, stdout, stderr } = await hook.ended;
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  // The supervisor runs a file of this world: the native program itself, or the addon that node loads.
  const isOurs = (/** @type {string} */ pid) => {
    try {
      return wordsOf(Number(pid)).some((word) => word.startsWith(join(place.state, 'runtime')));
    } catch {
      return false;
    }
  };
  const supervisors = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs(name));
  const [found] = await until(() => supervisors().length > 0 && supervisors(), 'a supervisor runs');
  const pid = Number(found);
  place.endings.push(() => tryLink(`/proc/${pid}/exe`) !== null && process.kill(pid, 'SIGKILL'));
  return pid;
}

test('a supervisor that a hook starts is the native program', { skip }, async (t) => {
  const place = world(t);
  const pid = await startedByHook(place);
  const program = programOf(place);
  await until(() => tryLink(`/proc/${pid}/exe`) === program && wordsOf(pid).length > 0, 'it is the native program');
  assert.deepEqual(wordsOf(pid), [program, 'supervise']);
});

test('without the native program, a supervisor that a hook starts runs in Node.js', { skip: process.platform !== 'linux' && skip }, async (t) => {
  const place = world(t);
  const pid = await startedByHook(place, (program) => rmSync(program, { force: true }));
  await until(() => tryLink(`/proc/${pid}/exe`) === process.execPath, 'node runs');
  const lease = () => spawnSync(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), 'watch', '--status', '--json'], { env: place.env, encoding: 'utf8' });
  await until(() => JSON.parse(lease().stdout).supervised, 'it supervises');
  assert.equal(tryLink(`/proc/${pid}/exe`), process.execPath);
});

test('what a service starts becomes the native program, which supervises until it is ended and leaves the lease free', { skip }, async (t) => {
  const place = world(t);
  const service = startHook(`exec "${process.execPath}" "${join(ROOT, 'bin', 'cc-session-recover.js')}" watch --all`, '', { cwd: '/', env: { ...place.env, CC_RECOVER_SERVICE: '1' } });
  endWith(place, service);
  const pid = Number(service.child.pid);
  await until(() => wordsOf(pid)[1] === 'serve', 'the program supervises');
  assert.match(readlinkSync(`/proc/${pid}/exe`), /\/cc-session-recover\.[\w-]+$/);
  const isSupervised = async () => JSON.parse((await place.run(['watch', '--status', '--json'])).stdout).supervised;
  await until(isSupervised, 'it supervises');
  process.kill(pid, 'SIGTERM');
  assert.deepEqual(await service.ended.then(({ signal, stdout, stderr }) => ({ signal, stdout, stderr })), { signal: 'SIGTERM', stdout: '', stderr: '' });
  assert.equal(await isSupervised(), false);
});

/** Where a link leads, unless its process is gone. @param {string} path */
function tryLink(path) {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

test('without Node.js, the native program records a stop, waits and continues the session', { skip }, async (t) => {
  const place = world(t);
  const { hook, program } = await waiting(place, { before: () => hideNode(place), more: { PATH: emptyPath(place), NODE_OPTIONS: '--require=x', XDG_STATE_HOME: '/elsewhere', CC_RECOVER_STATE_DIR: '/elsewhere' } });
  const pid = Number(hook.child.pid);
  await until(() => wordsOf(pid)[1] === 'wait', 'the program waits');
  assert.equal(readlinkSync(`/proc/${pid}/exe`), program);
  const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  const value = (/** @type {string} */ name) => env.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  assert.deepEqual(['CC_RECOVER_STATE_DIR', 'NODE_OPTIONS', 'XDG_STATE_HOME', 'CC_RECOVER_PINNED'].map(value), [place.state, undefined, place.env.XDG_STATE_HOME, undefined]);
  const { status, stdout, stderr } = await hook.ended;
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /automated status report/);
});

test('without Node.js and the native program, a hook does nothing and exits with 0', { skip }, async (t) => {
  const place = world(t);
  const { commandOf } = await hooked(place, {});
  const variables = hideNode(place);
  rmSync(programOf(place));
  const payload = { session_id: idOf(1), hook_event_name: 'StopFailure', transcript_path: join(place.root, 'x.jsonl'), cwd: place.project, error: 'rate_limit' };
  const hook = startHook(commandOf('StopFailure'), JSON.stringify(payload), { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project, ...variables } });
  const { status, stdout, stderr } = await hook.ended;
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  assert.equal(existsSync(join(place.state, 'incidents', `${idOf(1)}.json`)), false);
});

test('a supervisor that a hook starts without node leaves the process group and the terminal session of the hook', { skip }, async (t) => {
  const place = world(t);
  const pid = await startedByHook(place, () => hideNode(place), { PATH: emptyPath(place) });
  await until(() => wordsOf(pid).join(' ') === `${programOf(place)} supervise`, 'it is the native program');
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  assert.deepEqual([group, session], [String(pid), String(pid)]);
  assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
});

test('doctor reports that hooks run without Node.js, and fails if nothing can run them', { skip }, async (t) => {
  const place = world(t);
  await hooked(place, {});
  const variables = hideNode(place);
  const doctor = () => spawnSync(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), 'doctor', '--json'], { cwd: place.project, env: { ...place.env, ...variables }, encoding: 'utf8' });
  const check = () => JSON.parse(doctor().stdout).checks.find((/** @type {{id: string}} */ one) => one.id === 'node');
  const { status, fact } = check();
  assert.equal(status, 'warn');
  assert.match(fact, /hooks run the native program/);
  rmSync(programOf(place));
  assert.equal(check().status, 'fail');
});

/** A text without the times in it. @param {string} text */
const plain = (text) => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(/\d{13}/g, 'TIME');

/** The questions of the plugin's module. @type {[string, string, object | null][]} */
const questions = [
  ['the plan of an unknown session', 'module', { ask: 'plan', session: idOf(9) }],
  ['all sessions', 'module-sessions', null],
  ['the pause of an unknown session', `module-pause ${idOf(9)}`, null],
];
for (const [what, line, question] of questions) {
  test(`the native program answers ${what} as node does`, { skip }, async (t) => {
    const place = world(t);
    await hooked(place, {});
    const program = programOf(place);
    const launcher = join(place.project, '.claude', 'cc-session-recover', 'hook.js');
    const command = `ccsr_js='${launcher}'; ccsr_line='${line}'; . '${join(launcher, '..', 'run.sh')}'`;
    const answer = () => spawnSync('/bin/sh', ['-c', command], { cwd: place.project, env: place.env, input: question ? JSON.stringify(question) : '', encoding: 'utf8' });
    const started = join(place.root, 'started');
    const native = answer();
    // With a program that does not start, node answers.
    writeFileSync(program, `#!/bin/sh\necho >> '${started}'\nexit 1\n`);
    const node = answer();
    assert.ok(existsSync(started), 'the program is tried first');
    assert.equal(native.status, 0);
    assert.equal(plain(native.stdout), plain(node.stdout));
    assert.match(native.stdout, /^\{/);
  });
}

test('a run is judged by its transcript if the supervisor inherited an ignored SIGCHLD and gets no exit status', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place);
  const id = idOf(0xd01);
  scene.stop(id);
  // dash leaves the signal as it is.
  const supervisor = startHook(`exec bash -c "trap '' CHLD; exec '${programOf(place)}' supervise"`, '', { cwd: '/', env: place.env });
  endWith(place, supervisor);
  assert.equal((await supervisor.ended).status, 0);
  const { phase, attempts } = scene.incident(id);
  assert.deepEqual([phase, scene.starts(id).length], ['recovered', 1]);
  assert.equal(attempts[0].run.result.ended, 'ended without a known status');
});
