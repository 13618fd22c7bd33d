// Runs the hooks as the client does: any input is allowed, they print nothing, and no stop is lost.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { built, hideNode } from './lib/native.mjs';
import { endWith, hooked, idOf, inTurns, livingClient, startHook, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

const linux = process.platform === 'linux' ? false : 'a client is played with /proc here';
const posix = process.platform === 'win32' ? 'hooks run in a POSIX shell here' : false;
const SESSION = idOf(1);

/** @param {object} more */
const payloadOf = (more) => ({ session_id: SESSION, hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit · resets 3:15am (UTC)", ...more });

/** Returns the environment of a hook. @param {ReturnType<typeof world>} place @param {Record<string, string | undefined>} [more] */
const hookEnv = (place, more = {}) => ({ ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: SESSION, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(process.pid), ...more });

/** Returns all files below a directory with their contents; other entries are listed, not read. @param {string} directory */
function listing(directory) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(directory, name);
    const stat = lstatSync(path);
    if (stat.isFile()) found[name] = readFileSync(path, 'base64');
    else found[name] = stat.isSymbolicLink() ? `link ${readlinkSync(path)}` : `mode ${stat.mode.toString(8)}`;
  }
  return found;
}

/** @param {ReturnType<typeof world>} place @param {string} id */
const incidentOf = (place, id) => JSON.parse(readFileSync(join(place.state, 'incidents', `${id}.json`), 'utf8'));

// ---- Input ---------------------------------------------------------------------------------------------------------------

/**
 * Inputs that no client would send.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string} transcripts
 * @returns {[string, string | Buffer | null][]}
 */
function brokenInputs(place, transcripts) {
  const at = (/** @type {string} */ path, more = {}) => JSON.stringify(payloadOf({ transcript_path: path, ...more }));
  const own = (/** @type {string} */ name) => join(transcripts, name);
  symlinkSync('/etc/passwd', own(`${idOf(2)}.jsonl`));
  execFileSync('mkfifo', [own(`${idOf(3)}.jsonl`)]);
  mkdirSync(own(`${idOf(4)}.jsonl`));
  writeFileSync(own(`${idOf(5)}.jsonl`), Buffer.from([0, 255, 254, 10, 123, 10, 0]));
  const good = own(`${SESSION}.jsonl`);
  const ids = ['../x', '../../../etc/passwd', 'a/b', '--settings=evil.json', '-p', 'a\0b', '', ' ', 'x'.repeat(100_000), SESSION.toUpperCase(), `${SESSION}\n`, null, 7, {}, ['x']];
  const paths = ['/etc/shadow', '/dev/zero', '/dev/stdin', '/proc/self/mem', `${transcripts}/../../../../etc/passwd`, join(place.project, `${SESSION}.jsonl`), `${SESSION}.jsonl`, '', '\0', null, 1, own('x'.repeat(5000)), join(transcripts, 'deeper', `${SESSION}.jsonl`)];
  return [
    ['nothing', ''],
    ['an open standard input', null],
    ['a blank', ' \n'],
    ['no JSON', 'hello'],
    ['half an object', '{"session_id":'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '1e999'],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x80, 0x7b, 0x7d])],
    ['NUL bytes', Buffer.alloc(4096)],
    ['10 MB of blanks', Buffer.alloc(10 * 1024 * 1024, 32)],
    ['10 MB in a field', at(good, { last_assistant_message: 'x'.repeat(10 * 1024 * 1024) })],
    ['depth 100,000', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['a lone surrogate', `{"session_id":"\\ud800","hook_event_name":"Stop"}`],
    ['a byte order mark', `\uFEFF${at(good)}`],
    ['an event of nobody', at(good, { hook_event_name: 'PreToolUse' })],
    ['an event that is no text', at(good, { hook_event_name: 3 })],
    ['an error that is no text', at(good, { error: { a: 1 } })],
    ...ids.map((id) => /** @type {[string, string]} */ ([`id ${JSON.stringify(id)?.slice(0, 30)}`, at(good, { session_id: id })])),
    ...paths.map((path) => /** @type {[string, string]} */ ([`path ${JSON.stringify(path)?.slice(0, 40)}`, at(/** @type {any} */ (path))])),
    ['a transcript that is missing', at(own(`${idOf(9)}.jsonl`), { session_id: idOf(9) })],
    ['a transcript that is a link', at(own(`${idOf(2)}.jsonl`), { session_id: idOf(2) })],
    ['a transcript that is a pipe', at(own(`${idOf(3)}.jsonl`), { session_id: idOf(3) })],
    ['a transcript that is a directory', at(own(`${idOf(4)}.jsonl`), { session_id: idOf(4) })],
    ['a transcript of garbage', at(own(`${idOf(5)}.jsonl`), { session_id: idOf(5) })],
    ['the end of a session without a transcript', at(own(`${idOf(10)}.jsonl`), { session_id: idOf(10), hook_event_name: 'SessionEnd', reason: 'x\u001b[2J' })],
  ];
}

/** The programs that handle the hooks: Node.js, and the native program if no Node.js is found. @type {['node' | 'native', string | false][]} */
const ARMS = [
  ['node', posix],
  ['native', posix || (!built && 'the native program is not built: npm run build')],
];

for (const [arm, skip] of ARMS) test(`1,000 malformed hook calls exit with 0 within 2 s, print nothing and write only to the state directory (${arm})`, { skip, timeout: 900_000 }, async (t) => {
  const place = world(t);
  const { transcripts, commandOf } = await hooked(place);
  const path = arm === 'native' ? hideNode(place) : {};
  const inputs = brokenInputs(place, transcripts);
  const taken = join(place.root, 'taken');
  writeFileSync(taken, '');
  // No client runs: a hook whose client runs waits for the transcript.
  const plain = (/** @type {Record<string, string | undefined>} */ more) => ({ cwd: place.project, env: hookEnv(place, { CLAUDE_PID: '4194304', ...path, ...more }) });
  const drop = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;
  /** @type {[string, {cwd: string, env: Record<string, string | undefined>, as?: string[]}][]} */
  const surroundings = [
    ['as always', plain({})],
    ['without a client', plain({ CLAUDE_PID: undefined })],
    ['with a client that is no number', plain({ CLAUDE_PID: '-1; rm x' })],
    ['a state directory that is missing', plain({ CC_RECOVER_STATE_DIR: join(place.root, 'missing', 'state') })],
    ['a state directory that is a file', plain({ CC_RECOVER_STATE_DIR: taken })],
    ['a state directory that is relative', plain({ CC_RECOVER_STATE_DIR: 'state' })],
    ['HOME unset', plain({ HOME: undefined, CC_RECOVER_STATE_DIR: undefined, CLAUDE_CONFIG_DIR: undefined })],
    ['a project that does not exist', plain({ CLAUDE_PROJECT_DIR: join(place.root, 'nowhere') })],
    ['a configuration that is broken', plain({ CC_RECOVER_CONFIG: taken })],
  ];
  // The other user may not start the program of this one.
  if (drop && arm === 'node') surroundings.push(['a state directory of another user', { ...plain({}), as: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] }]);
  chmodSync(place.root, 0o755);
  const before = listing(place.home);
  const tasks = [];
  for (let count = 0; count < 1000; count += 1) {
    const [what, input] = inputs[count % inputs.length];
    const [where, options] = surroundings[Math.floor(count / inputs.length) % surroundings.length];
    const event = ['StopFailure', 'Stop', 'SessionEnd'][count % 3];
    tasks.push(async () => ({ what: `${what}, ${where}`, ...(await startHook(commandOf(event), input, { ...options, limit: 60 }).ended) }));
  }
  const results = await inTurns(tasks, 4);
  // Four at once and a machine under load can each make one call slow. An input that makes the hook slow does so every time.
  for (const index of results.keys()) {
    for (let tries = 0; tries < 5 && results[index].status === 0 && results[index].seconds > 2; tries += 1) results[index] = await tasks[index]();
  }
  const wrong = results.filter(({ status, stdout, stderr, seconds }) => status !== 0 || stdout !== '' || stderr !== '' || seconds > 2);
  assert.deepEqual(wrong, []);
  assert.equal(results.length, 1000);
  assert.deepEqual(listing(place.home), before);
  assert.equal(existsSync(join(place.root, 'missing')), false, 'an unknown state directory is not made');
});

test('a stop is recorded even when the client is suspended before it writes to its hook', { skip: linux }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const path = transcriptOf(SESSION);
  writeFileSync(path, transcriptText('quota-5h-interactive', { id: SESSION, cwd: place.project, resetsIn: 5000 }));
  const client = livingClient(place, SESSION);
  const late = startHook(commandOf('StopFailure'), null, { cwd: place.project, env: hookEnv(place, { CLAUDE_PID: String(client.pid) }) });
  endWith(place, late);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  assert.equal(late.child.exitCode, null);
  late.child.stdin.end(JSON.stringify(payloadOf({ transcript_path: path, cwd: place.project })));
  await until(() => existsSync(join(place.state, 'incidents', `${SESSION}.json`)) && incidentOf(place, SESSION).phase === 'waiting', 'it waits');
  // Negative control: without a client no transcript will be written.
  const without = await startHook(commandOf('StopFailure'), null, { cwd: place.project, env: hookEnv(place, { CLAUDE_PID: '4194304' }), limit: 60 }).ended;
  assert.equal(without.status, 0);
});

test('the check for malformed calls detects a hook that trusts its input (control)', { skip: posix }, async (t) => {
  const place = world(t);
  const naive = join(place.root, 'naive.js');
  writeFileSync(naive, `const p = JSON.parse(require('fs').readFileSync(0, 'utf8')); require('fs').writeFileSync(p.cwd + '/seen', p.session_id);`);
  const broken = await startHook(`node ${naive}`, 'hello', { cwd: place.project, env: hookEnv(place) }).ended;
  assert.notEqual(broken.status, 0);
  assert.notEqual(broken.stderr, '');
  const before = listing(place.home);
  await startHook(`node ${naive}`, JSON.stringify({ cwd: place.project, session_id: 'x' }), { cwd: place.project, env: hookEnv(place) }).ended;
  assert.notDeepEqual(listing(place.home), before);
});

test('hooks copied into a project that was not enabled do nothing', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const copy = join(place.home, 'copy');
  cpSync(place.project, copy, { recursive: true });
  writeFileSync(transcriptOf(SESSION), transcriptText('auth-interactive', { id: SESSION, cwd: copy }));
  const before = listing(place.root);
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), cwd: copy, error: 'authentication_failed' }));
  const run = () => startHook(commandOf('StopFailure'), input, { cwd: copy, env: hookEnv(place, { CLAUDE_PROJECT_DIR: copy }) }).ended;
  assert.equal((await run()).status, 0);
  assert.deepEqual(listing(place.root), before);
  // Negative control: in the enabled project the same call leaves an incident.
  await startHook(commandOf('StopFailure'), input, { cwd: place.project, env: hookEnv(place) }).ended;
  assert.equal(incidentOf(place, SESSION).stop.kind, 'auth');
});

test('hooks work in CommonJS and ES module projects and with a broken package.json', { skip: posix }, async (t) => {
  for (const text of ['{"type":"module"}', '{"type":"commonjs"}', '{"type":', '']) {
    const place = world(t);
    writeFileSync(join(place.project, 'package.json'), text);
    writeFileSync(join(place.claude, 'package.json'), text);
    const { commandOf, transcriptOf } = await hooked(place);
    writeFileSync(transcriptOf(SESSION), transcriptText('auth-interactive', { id: SESSION, cwd: place.project }));
    const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), error: 'authentication_failed' }));
    const run = async (/** @type {string} */ command) => (await startHook(command, input, { cwd: place.project, env: hookEnv(place) }).ended).stderr;
    assert.equal(await run(commandOf('StopFailure')), '', text);
    assert.equal(incidentOf(place, SESSION).stop.kind, 'auth', text);
    // The same must hold for the user's own hooks.
    assert.equal((await place.run(['init', '--user', '--yes'])).status, 0);
    const own = JSON.parse(readFileSync(join(place.claude, 'settings.json'), 'utf8')).hooks.StopFailure[0].hooks[0].command;
    rmSync(join(place.state, 'incidents'), { recursive: true });
    assert.equal((await place.run(['uninstall', '--yes'])).status, 0);
    assert.equal(await run(own), '', text);
    assert.equal(incidentOf(place, SESSION).stop.kind, 'auth', text);
    // Negative control: without the package.json beside it, node refuses a launcher below a package.json that is not JSON.
    rmSync(join(place.claude, 'cc-session-recover', 'package.json'));
    rmSync(join(place.state, 'incidents'), { recursive: true });
    await run(own);
    assert.equal(existsSync(join(place.state, 'incidents', `${SESSION}.json`)), text.endsWith('}'), text);
  }
});

test('another directory at the path of an enabled project is not treated as enabled', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  writeFileSync(transcriptOf(SESSION), transcriptText('auth-interactive', { id: SESSION, cwd: place.project }));
  renameSync(place.project, `${place.project}-old`);
  cpSync(`${place.project}-old`, place.project, { recursive: true });
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), error: 'authentication_failed' }));
  const { status } = await startHook(commandOf('StopFailure'), input, { cwd: place.project, env: hookEnv(place) }).ended;
  assert.equal(status, 0);
  assert.equal(existsSync(join(place.state, 'incidents')), false);
});

test('the launcher exits silently when the runtime is missing', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  rmSync(join(place.state, 'runtime'), { recursive: true });
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION) }));
  const { status, stdout, stderr } = await startHook(commandOf('StopFailure'), input, { cwd: place.project, env: hookEnv(place) }).ended;
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

/** Returns the entries of a directory that other users may access. @param {string} directory */
const readableByOthers = (directory) => readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => (lstatSync(join(directory, name)).mode & 0o077) !== 0);

test('hooks write files that only the owner can read, whatever the umask', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  // The client writes transcripts with mode 0600, and a kept file is a hard link to the same file.
  writeFileSync(transcriptOf(SESSION), transcriptText('auth-interactive', { id: SESSION, cwd: place.project }), { mode: 0o600 });
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), error: 'authentication_failed' }));
  const [note, states] = [join(place.project, 'HANDOFF.md'), join(place.project, '.claude', 'session-state')];
  assert.equal(lstatSync(note).mode & 0o777, 0o600, 'init created the note');
  rmSync(note);
  for (const event of ['SessionStart', 'StopFailure']) {
    await startHook(`umask 000; ${commandOf(event)}`, input.replace('"StopFailure"', JSON.stringify(event)), { cwd: place.project, env: hookEnv(place) }).ended;
  }
  assert.deepEqual([readableByOthers(place.state), readableByOthers(states)], [[], []]);
  assert.equal(lstatSync(states).mode & 0o077, 0);
  assert.ok(existsSync(join(states, '.last-state.md')));
  assert.equal(lstatSync(note).mode & 0o777, 0o600, 'the hook created the note');
  assert.equal(lstatSync(place.state).mode & 0o077, 0);
  assert.ok(existsSync(join(place.state, 'incidents', `${SESSION}.json`)) && existsSync(join(place.state, 'sessions', SESSION, 'session.json')));
});

// ---- Concurrent hooks ----------------------------------------------------------------------------------------------------

test('fifty concurrent stops leave fifty incidents, an intact HANDOFF.md and an empty spool', { skip: posix, timeout: 400_000 }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  writeFileSync(join(place.project, 'HANDOFF.md'), '# Mine\n\nkeep this\n');
  const ids = Array.from({ length: 50 }, (_, index) => idOf(100 + index));
  for (const id of ids) writeFileSync(transcriptOf(id), transcriptText('auth-interactive', { id, cwd: place.project }));
  const ends = await Promise.all(
    ids.map((id) => {
      const input = JSON.stringify(payloadOf({ session_id: id, transcript_path: transcriptOf(id), error: 'authentication_failed', last_assistant_message: 'Invalid API key' }));
      return startHook(commandOf('StopFailure'), input, { cwd: place.project, env: hookEnv(place) }).ended;
    }),
  );
  assert.deepEqual(ends.filter(({ status, stdout, stderr }) => status !== 0 || stdout !== '' || stderr !== ''), []);
  for (const id of ids) {
    const incident = incidentOf(place, id);
    assert.deepEqual([incident.session, incident.stop.kind, incident.phase, incident.plan.action], [id, 'auth', 'held', 'notify']);
  }
  assert.equal(existsSync(join(place.state, 'spool')) && readdirSync(join(place.state, 'spool')).length > 0, false);
  const note = readFileSync(join(place.project, 'HANDOFF.md'), 'utf8');
  assert.ok(note.startsWith('# Mine\n\nkeep this\n'));
  const begins = [...note.matchAll(/^<!-- cc-session-recover:begin (\S+) -->$/gm)].map(([, id]) => id);
  const finishes = [...note.matchAll(/^<!-- cc-session-recover:end (\S+) -->$/gm)].map(([, id]) => id);
  assert.equal(begins.length, 5);
  assert.deepEqual(begins, finishes);
  assert.equal(new Set(begins).size, 5);
});

const WAITING = { heartbeat: { graceSeconds: 0, stepSeconds: 0.2 } };

test('fifty reports of one stop create one waiter, one incident and one wake', { skip: linux, timeout: 400_000 }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place, WAITING);
  const client = livingClient(place, SESSION);
  writeFileSync(transcriptOf(SESSION), transcriptText('quota-5h-interactive', { id: SESSION, cwd: place.project, resetsIn: 60 }));
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), cwd: place.project }));
  const hooks = Array.from({ length: 50 }, () => startHook(commandOf('StopFailure'), input, { cwd: place.project, env: hookEnv(place, { CLAUDE_PID: String(client.pid) }) }));
  let running = hooks.length;
  for (const { ended } of hooks) ended.then(() => (running -= 1));
  await until(() => running === 1, 'one waiter is left');
  const ends = await Promise.all(hooks.map(({ ended }) => ended));
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), [...Array(49).fill(0), 2]);
  const wake = ends.find(({ status }) => status === 2);
  assert.match(wake.stderr, /automated status report/);
  assert.equal(wake.stdout, '');
  const incident = incidentOf(place, SESSION);
  assert.deepEqual([incident.phase, incident.attempts.length], ['attempting', 1]);
  assert.ok(Date.parse(incident.attempts[0].at) >= Date.parse(incident.stop.resetsAt), 'not before the reset');
});

test('the client continuation is blocked once after our wake, and no other prompt is blocked', { skip: linux, timeout: 200_000 }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place, WAITING);
  const client = livingClient(place, SESSION);
  writeFileSync(transcriptOf(SESSION), transcriptText('quota-5h-interactive', { id: SESSION, cwd: place.project, resetsIn: 2 }));
  const env = hookEnv(place, { CLAUDE_PID: String(client.pid), CLAUDE_CODE_SESSION_ID: SESSION, CLAUDE_CODE_ENTRYPOINT: 'cli' });
  const submit = (prompt) => {
    const input = JSON.stringify({ ...payloadOf({ transcript_path: transcriptOf(SESSION), cwd: place.project }), hook_event_name: 'UserPromptSubmit', prompt });
    return startHook(commandOf('UserPromptSubmit'), input, { cwd: place.project, env }).ended;
  };
  const native = 'Your claude.ai usage limit has reset. Continue the task you were working on.';
  assert.equal((await submit(native)).stdout, '', 'nothing was continued yet');
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), cwd: place.project }));
  assert.equal((await startHook(commandOf('StopFailure'), input, { cwd: place.project, env }).ended).status, 2);
  assert.equal((await submit('<task-notification>done</task-notification>')).stdout, '');
  const refused = await submit(native);
  assert.equal(refused.status, 0);
  assert.equal(JSON.parse(refused.stdout).decision, 'block');
  assert.equal((await submit(native)).stdout, '', 'once');
});

// ---- Events during the wait ----------------------------------------------------------------------------------------------

/**
 * Starts a session that waits for its reset.
 *
 * @param {ReturnType<typeof world>} place
 * @param {{resetsIn?: number, config?: object, more?: object, env?: Record<string, string>}} [options] `more`: fields of the payload.
 */
async function waiting(place, { resetsIn = 5000, config = WAITING, more = {}, env = {} } = {}) {
  const { commandOf, transcriptOf } = await hooked(place, config);
  const client = livingClient(place, SESSION);
  writeFileSync(transcriptOf(SESSION), transcriptText('quota-5h-interactive', { id: SESSION, cwd: place.project, resetsIn }));
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), cwd: place.project, ...more }));
  const start = (variables = {}) => startHook(commandOf('StopFailure'), input, { cwd: place.project, env: hookEnv(place, { CLAUDE_PID: String(client.pid), ...env, ...variables }) });
  const hook = start();
  endWith(place, hook);
  const path = join(place.state, 'incidents', `${SESSION}.json`);
  await until(() => existsSync(path) && incidentOf(place, SESSION).phase === 'waiting', 'it waits');
  const status = async () => JSON.parse((await place.run(['status', '--json'])).stdout).sessions.find((/** @type {any} */ { id }) => id === SESSION);
  return { client, hook, start, status, transcript: transcriptOf(SESSION) };
}

/** Payloads of a stop whose other fields are not as documented. @type {[string, object][]} */
const UNEXPECTED = [
  ['half a surrogate pair in its message', { last_assistant_message: "You've hit your 5-hour limit \ud83d" }],
  ['details that are an object', { error_details: { type: 'rate_limit_error' } }],
  ['an error that is an object', { error: { type: 'rate_limit' } }],
  ['a message of content blocks', { last_assistant_message: [{ type: 'text', text: 'limit' }] }],
  ['a working directory that is a number', { cwd: 5 }],
  ['an empty agent id', { agent_id: '' }],
];

for (const [what, more] of UNEXPECTED) test(`a stop with ${what} is recorded and waited for`, { skip: linux }, async (t) => {
  const place = world(t);
  const { hook } = await waiting(place, { more });
  assert.equal(hook.child.exitCode, null);
  assert.equal(incidentOf(place, SESSION).stop.kind, 'usage-limit-5h');
});

test('hooks accept the transcript of a client whose CLAUDE_CONFIG_DIR contains dots', { skip: linux }, async (t) => {
  const place = world(t);
  const { hook } = await waiting(place, { env: { CLAUDE_CONFIG_DIR: `${place.claude}/x/./../` } });
  assert.equal(hook.child.exitCode, null);
});

test('status detects a killed waiting hook, and the next stop is waited for again', { skip: linux }, async (t) => {
  const place = world(t);
  const { hook, start, status } = await waiting(place);
  // The hook takes its lease a moment after the plan is written.
  await until(async () => (await status()).next.action === 'wake', 'status sees the waiting hook');
  hook.child.kill('SIGKILL');
  await hook.ended;
  const { next } = await status();
  assert.equal(next.action, 'client', 'Claude Code still continues a usage limit itself');
  assert.match(next.why, /no longer waits for the session/);
  const second = start();
  endWith(place, second);
  await until(() => incidentOf(place, SESSION).generation === 2 && incidentOf(place, SESSION).phase === 'waiting', 'the next one waits');
});

test('when the client exits, the hook ends silently and the incident names the command that continues it', { skip: linux }, async (t) => {
  const place = world(t);
  const { client, hook } = await waiting(place);
  await client.kill();
  const { status, stdout, stderr } = await hook.ended;
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  const { phase, plan } = incidentOf(place, SESSION);
  assert.deepEqual([phase, plan.action, plan.argv.at(-1)], ['held', 'resume', `--resume=${SESSION}`]);
});

test('when the client switches to another conversation, the hook writes nothing to it', { skip: linux }, async (t) => {
  const place = world(t);
  const { client, hook } = await waiting(place, { resetsIn: 15 });
  client.register(idOf(77));
  const { status, stderr } = await hook.ended;
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.deepEqual(incidentOf(place, SESSION).attempts, []);
});

test('uninstall ends the wait of a hook and cancels its incident', { skip: linux }, async (t) => {
  const place = world(t);
  const { hook } = await waiting(place);
  assert.equal((await place.run(['uninstall', '--yes'])).status, 0);
  assert.equal((await hook.ended).status, 0);
  assert.equal(incidentOf(place, SESSION).phase, 'cancelled');
});

for (const [transport, isOver, waits] of /** @type {[string, boolean, boolean][]} */ ([['print', false, false], ['background', false, false], ['print', true, false], ['background', true, true], ['terminal', true, true]])) test(`a stop in the client of ${isOver ? 'an ended' : 'a running'} ${transport} run is ${waits ? 'waited for' : 'recorded but not waited for'}`, { skip: linux }, async (t) => {
  const place = world(t);
  const { hook, start } = await waiting(place);
  hook.child.kill('SIGKILL');
  await hook.ended;
  // The state that the supervisor leaves: during the run, or after it, when its client is still open.
  const path = join(place.state, 'incidents', `${SESSION}.json`);
  const { check: _, ...known } = incidentOf(place, SESSION);
  const at = new Date().toISOString();
  const result = { endedAt: at, ended: 'its turn ended', answers: 1, calls: 0, denied: 0, files: [], commits: [], tokens: 1, lastWords: null, hollow: null, damage: null };
  const run = { nonce: 'n1', transport, supervisor: { pid: 1, start: null }, child: null, bytesBefore: 0, sha256Before: '', snapshot: '/s', log: '/l', commitBefore: null, deadlineSeconds: 60, result: isOver ? result : null };
  const left = { ...known, phase: isOver ? 'recovered' : 'attempting', attempts: [{ at, action: 'resume', answered: 'usage-limit-5h', outcome: isOver ? 'continued' : 'pending', run }] };
  writeFileSync(path, JSON.stringify({ ...left, check: createHash('sha256').update(JSON.stringify(left)).digest('hex').slice(0, 16) }));
  for (const generation of [2, 3]) {
    const again = start({ CC_RECOVER_ATTEMPT: 'n1' });
    endWith(place, again);
    if (!waits) {
      assert.equal((await again.ended).status, 0);
      assert.deepEqual([incidentOf(place, SESSION).stop.kind, incidentOf(place, SESSION).generation, incidentOf(place, SESSION).phase], ['usage-limit-5h', 2, 'open']);
      return;
    }
    await until(() => incidentOf(place, SESSION).generation === generation && incidentOf(place, SESSION).phase === 'waiting', 'it waits');
    assert.equal(again.child.exitCode, null);
    again.child.kill('SIGKILL');
    await again.ended;
  }
});

/** Returns how often a thread has waited; 0 for one that ends meanwhile. @param {string} path Of its status in /proc. */
function switchesOf(path) {
  try {
    return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(/** @type {any} */ (error).code)) return 0;
    throw error;
  }
}

test('a waiting hook wakes up a few times right after the stop, then at most once every 30 s', { skip: linux, timeout: 200_000 }, async (t) => {
  const place = world(t);
  const { hook } = await waiting(place, { config: {} });
  const switches = () => {
    let sum = 0;
    for (const task of readdirSync(`/proc/${hook.child.pid}/task`)) {
      sum += switchesOf(`/proc/${hook.child.pid}/task/${task}/status`);
    }
    return sum;
  };
  const commOf = () => readFileSync(`/proc/${hook.child.pid}/comm`, 'utf8').trim();
  // The native program takes over a moment after the incident is written.
  const expected = built ? 'cc-session-reco' : 'node';
  await until(() => commOf() === expected, 'the hook itself is watched');
  await new Promise((resolve) => setTimeout(resolve, 2000));
  // One check reads some files and the registry, and each read may block once. Between checks the hook must not wake up. A hook that polls
  // does so all the time, while on a machine under load the checks right after the stop may come late.
  const counts = [];
  while (counts.length < 3 && !counts.some((count) => count <= 30)) {
    const before = switches();
    await new Promise((resolve) => setTimeout(resolve, 28_000));
    counts.push(switches() - before);
  }
  assert.ok(counts.some((count) => count <= 30), `${counts.join(', ')} times awake in 28 s`);
});

for (const [arm, skip] of ARMS) test(`a hook killed at any time leaves the old or the new incident, and the next hook works (${arm})`, { skip, timeout: 600_000 }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  // The native program takes a fraction of the time that node needs to start.
  const [first, step] = arm === 'native' ? [1, 0.5] : [30, 1.5];
  writeFileSync(transcriptOf(SESSION), transcriptText('auth-interactive', { id: SESSION, cwd: place.project }));
  const input = JSON.stringify(payloadOf({ transcript_path: transcriptOf(SESSION), error: 'authentication_failed' }));
  const command = commandOf('StopFailure');
  const options = { cwd: place.project, env: hookEnv(place, arm === 'native' ? hideNode(place) : {}) };
  const path = join(place.state, 'incidents', `${SESSION}.json`);
  let generation = 0;
  for (let round = 0; round < 60; round += 1) {
    const { child, ended } = startHook(command, input, options);
    await new Promise((resolve) => setTimeout(resolve, first + round * step));
    child.kill('SIGKILL');
    await ended;
    if (existsSync(path)) {
      const incident = incidentOf(place, SESSION);
      assert.ok(incident.generation >= generation && incident.check, 'whole, and not older than before');
      generation = incident.generation;
    }
  }
  assert.equal((await startHook(command, input, options).ended).status, 0);
  const incident = incidentOf(place, SESSION);
  assert.ok(incident.generation > generation);
  assert.deepEqual([incident.stop.kind, incident.phase], ['auth', 'held']);
  assert.equal(existsSync(join(place.state, 'quarantine')), false);
});

// ---- Through the public interface ----------------------------------------------------------------------------------------

test('every recorded payload and transcript is classified as its file name says', async () => {
  const require = createRequire(import.meta.url);
  const { inspect, readPayload } = require('../index.js');
  /** @type {[RegExp, string | null][]} */
  const kinds = [
    [/^subagent-429/, null],
    [/429/, 'rate-limit'],
    [/^auth|^oauth/, 'auth'],
    [/^billing/, 'billing'],
    [/^dropped|^connection-dropped|^stream-cut/, 'network'],
    [/^malformed|^server/, 'server-error'],
    [/^max-output/, 'output-limit'],
    [/^overloaded/, 'overloaded'],
    [/^prompt-too-long/, 'context-full'],
    [/^invalid|^model|^refusal/, 'request-error'],
    [/5h|^quota-mid-turn/, 'usage-limit-5h'],
    [/weekly-opus/, 'usage-limit-opus'],
    [/weekly/, 'usage-limit-weekly'],
    [/^interrupted|^sigint/, 'interrupted'],
    [/^killed|^dangling|^torn/, 'crashed'],
    [/^sigterm|^sighup/, 'closed'],
    [/^waiting/, 'waiting'],
    [/^auto-continued|^compacted|^edits|^finished|^live|^permission-denied|^plan|^renamed|^resumed|^todos/, 'finished'],
  ];
  const kindOf = (/** @type {string} */ name) => (kinds.find(([pattern]) => pattern.test(name)) ?? assert.fail(name))[1];
  const payloads = join(ROOT, 'fixtures', 'hook-payloads');
  let count = 0;
  for (const file of readdirSync(payloads).filter((name) => name.startsWith('stopfailure-'))) {
    const reading = readPayload(readFileSync(join(payloads, file), 'utf8'));
    assert.equal(reading.kind, kindOf(file.slice('stopfailure-'.length)), file);
    count += 1;
  }
  const transcripts = join(ROOT, 'fixtures', 'transcripts');
  for (const file of readdirSync(transcripts).filter((name) => name.endsWith('.jsonl'))) {
    const waits = file.startsWith('waiting');
    const session = await inspect({ transcript: join(transcripts, file), alive: waits, status: waits ? 'waiting' : null });
    assert.equal(session.stop.kind, kindOf(file), file);
    const recorded = [...readFileSync(join(transcripts, file), 'utf8').matchAll(/"quotaLimits":\{"status":"rejected","resetsAt":(\d+)/g)].at(-1);
    if (session.stop.kind.startsWith('usage-limit')) {
      assert.equal(Date.parse(session.stop.resetsAt) / 1000, Number(recorded?.[1]), file);
      assert.equal(session.stop.resetsAtSource, 'exact', file);
    }
    count += 1;
  }
  assert.equal(count, 19 + 50);
});
