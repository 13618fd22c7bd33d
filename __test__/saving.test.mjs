// Whether sessions are saved: a turn whose answer is not in its transcript is noticed by the hook at its end, reported once, and kept
// in a shadow log.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { hooked, idOf, startHook } from './lib/hooks.mjs';

const posix = { skip: process.platform === 'win32' && 'hooks run in a POSIX shell here' };
const linux = { skip: process.platform !== 'linux' && 'the environment of a client is read from /proc' };
const SESSION = idOf(1);
const QUICK = { saving: { waitSeconds: 0.3 }, notify: { desktop: false } };

/** A project with hooks, and the end of a turn in it. @param {import('node:test').TestContext} t @param {object} [config] */
async function scene(t, config = QUICK) {
  const place = world(t);
  const project = await hooked(place, config);
  const transcript = project.transcriptOf(SESSION);
  const base = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: SESSION, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_CODE_CHILD_SESSION: '1', CLAUDE_PID: String(process.pid) };
  /** @param {string} said @param {Record<string, string>} [env] @param {object} [more] */
  const stop = (said, env = {}, more = {}) => {
    const payload = { session_id: SESSION, transcript_path: transcript, cwd: place.project, hook_event_name: 'Stop', last_assistant_message: said, ...more };
    return startHook(project.commandOf('Stop'), JSON.stringify(payload), { cwd: place.project, env: { ...base, ...env }, limit: 30 }).ended;
  };
  const file = (/** @type {string} */ name) => join(place.state, 'sessions', SESSION, name);
  const stored = (/** @type {string} */ name) => (existsSync(file(name)) ? JSON.parse(readFileSync(file(name), 'utf8')) : null);
  const journal = () => (existsSync(join(place.state, 'journal.jsonl')) ? readFileSync(join(place.state, 'journal.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line)) : []);
  return { place, transcript, stop, file, stored, told: () => journal().filter(({ event }) => event === 'not-saved'), journal };
}

/** @param {string} text @param {string} [at] */
const answer = (text, at = new Date().toISOString()) => `${JSON.stringify({ parentUuid: null, isSidechain: false, type: 'assistant', uuid: 'u', timestamp: at, sessionId: SESSION, version: '2.1.329', message: { role: 'assistant', model: 'claude-x', stop_reason: 'end_turn', content: [{ type: 'text', text }], usage: { input_tokens: 10 } } })}\n`;

/** @param {{status: number, stdout: string, stderr: string}} ended */
const silent = ({ status, stdout, stderr }) => assert.deepEqual([status, stdout, stderr], [0, '', '']);

test('a session that is saved leaves no trace, however often a turn ends', posix, async (t) => {
  const { transcript, stop, stored, told } = await scene(t);
  let text = '';
  for (const said of ['One.', 'Two, with "quotes" and\nlines.', 'Three']) {
    text += answer(`${said}  \n`);
    writeFileSync(transcript, text);
    silent(await stop(said));
  }
  assert.deepEqual([stored('saving.json'), stored('shadow.json'), told()], [null, null, []]);
});

test('an answer that comes into the transcript a little later is saved', posix, async (t) => {
  const { transcript, stop, stored } = await scene(t, { ...QUICK, saving: { waitSeconds: 10 } });
  writeFileSync(transcript, answer('Earlier.'));
  const ended = stop('Late.');
  setTimeout(() => writeFileSync(transcript, answer('Earlier.') + answer('Late.')), 400);
  const { seconds, ...rest } = await ended;
  silent(rest);
  assert.equal(stored('saving.json'), null);
  assert.ok(seconds < 8, `the hook ended ${seconds} s later, not when its time was over`);
});

test('a transcript that no longer grows is reported at the second turn, once, and what is said is kept', posix, async (t) => {
  const { place, transcript, stop, file, stored, told } = await scene(t);
  writeFileSync(transcript, answer('One.'));
  writeFileSync(join(place.claude, 'history.jsonl'), `${JSON.stringify({ display: 'use ghp_0123456789abcdefghijABCDEFGHIJ0123 please', timestamp: Date.now(), project: place.project, sessionId: SESSION })}\n`);
  silent(await stop('Two.'));
  assert.deepEqual([stored('saving.json').misses, told()], [1, []]);
  for (const said of ['Three.', 'Four.']) silent(await stop(said));
  assert.equal(told().length, 1);
  assert.deepEqual([told()[0].session, told()[0].why, told()[0].markers], [SESSION, 'not-in-it', []]);
  const { said, forgotten } = stored('shadow.json');
  assert.deepEqual([said.map((/** @type {any} */ { who }) => who), forgotten], [['person', 'claude', 'claude', 'claude'], 0]);
  assert.match(said[0].text, /^use \[removed: .*\] please$/);
  assert.deepEqual(said.slice(1).map((/** @type {any} */ { text }) => text), ['Two.', 'Three.', 'Four.']);
  for (const name of ['saving.json', 'shadow.json']) assert.equal(statSync(file(name)).mode & 0o777, 0o600, name);
  const { status, stdout } = await place.run(['doctor', '--json']);
  const check = JSON.parse(stdout).checks.find((/** @type {any} */ { id }) => id === 'saving');
  assert.deepEqual([status, check.status, check.path], [1, 'fail', transcript]);
  assert.ok(check.fact.includes(`session ${SESSION.slice(0, 8)} is not saved since `) && check.fact.includes('its transcript no longer grows') && check.fact.includes(file('shadow.json')), check.fact);
  // It is saved again.
  writeFileSync(transcript, answer('One.') + answer('Five.'));
  silent(await stop('Five.'));
  assert.notEqual(stored('saving.json').savedAgainAt, null);
  const after = JSON.parse((await place.run(['doctor', '--json'])).stdout).checks.find((/** @type {any} */ { id }) => id === 'saving');
  assert.equal(after.status, 'ok', JSON.stringify(after));
});

test('a transcript that grows is not reported, in whatever form its answers stand there', posix, async (t) => {
  const { transcript, stop, told } = await scene(t);
  let text = '';
  for (const said of ['One.', 'Two.', 'Three.']) {
    text += answer('In other words.');
    writeFileSync(transcript, text);
    silent(await stop(said));
  }
  assert.deepEqual(told(), []);
});

test('a transcript that is not there, or cannot be read, is reported at the first turn', posix, async (t) => {
  for (const why of ['no-transcript', 'unreadable']) {
    const { transcript, stop, told } = await scene(t);
    if (why === 'unreadable') mkdirSync(transcript);
    silent(await stop('One.'));
    silent(await stop('Two.'));
    assert.deepEqual(told().map((/** @type {any} */ entry) => entry.why), [why]);
  }
});

test('the status line says that the session is not saved, first and as long as it is so', posix, async (t) => {
  const { place, transcript, stop } = await scene(t);
  assert.equal((await place.run(['init', '--yes', '--statusline'])).status, 0);
  const line = join(place.project, '.claude', 'cc-session-recover', 'statusline.js');
  const drawn = (/** @type {string} */ id) => spawnSync(process.execPath, [line], { input: JSON.stringify({ session_id: id, model: { id: 'm' }, context_window: { context_window_size: 200_000, used_percentage: 75 } }), env: { ...place.env, NO_COLOR: '1', CLAUDE_PROJECT_DIR: place.project }, encoding: 'utf8' }).stdout;
  assert.equal(drawn(SESSION), 'context 75%\n');
  await stop('One.');
  assert.equal(drawn(SESSION), 'not saved: run cc-session-recover doctor | context 75%\n');
  for (const other of [idOf(2), '../x', '']) assert.equal(drawn(other), 'context 75%\n', other);
  writeFileSync(transcript, answer('Two.'));
  await stop('Two.');
  assert.equal(drawn(SESSION), 'context 75%\n');
});

test('a variable that switches saving off is named, and what a person switched off is kept nowhere else', posix, async (t) => {
  const { place, transcript, stop, stored, told } = await scene(t, { ...QUICK, saving: { waitSeconds: 60 } });
  const { seconds, ...rest } = await stop('One.', { CLAUDE_CODE_SKIP_PROMPT_HISTORY: '1' });
  silent(rest);
  assert.ok(seconds < 30, 'nobody waits for what will not come');
  assert.deepEqual(told().map((/** @type {any} */ { why, markers }) => [why, markers]), [['no-transcript', ['skip-prompt-history']]]);
  assert.equal(stored('shadow.json'), null);
  const { checks } = JSON.parse((await place.run(['doctor', '--json'])).stdout);
  const check = checks.find((/** @type {any} */ { path }) => path === transcript);
  assert.deepEqual([check.id, check.status, check.next], ['saving', 'warn', 'unset CLAUDE_CODE_SKIP_PROMPT_HISTORY and start claude again']);
  assert.match(check.fact, /CLAUDE_CODE_SKIP_PROMPT_HISTORY is set in its environment$/);
});

test('the mark of another client is looked for where it counts: in what the client itself was started with', { ...posix, ...linux }, async (t) => {
  for (const [inherited, markers] of /** @type {[boolean, string[]][]} */ ([[true, ['child-session']], [false, []]])) {
    const { place, stop, told } = await scene(t);
    const client = spawn('sleep', ['600'], { stdio: 'ignore', env: { PATH: process.env.PATH, ...(inherited ? { CLAUDE_CODE_CHILD_SESSION: '1' } : {}) } });
    place.endings.push(() => client.kill('SIGKILL'));
    silent(await stop('One.', { CLAUDE_PID: String(client.pid) }));
    assert.deepEqual(told().map((/** @type {any} */ entry) => entry.markers), [markers]);
  }
});

test('one notice is sent of a session that is not saved, and none of what was said', posix, async (t) => {
  /** @type {any[]} */
  const posted = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (part) => (text += part));
    request.on('end', () => response.end(void posted.push(JSON.parse(text))));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  t.after(() => server.close());
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const { stop } = await scene(t, { ...QUICK, notify: { desktop: false, webhook: `http://127.0.0.1:${port}/x` } });
  for (const said of ['A secret plan.', 'Another one.', 'A third.']) silent(await stop(said));
  assert.deepEqual(posted.map(({ kind, session, title }) => [kind, session, title]), [['not-saved', SESSION, null]]);
  assert.equal(posted[0].text, 'Claude Code is not saving a session: in project. It cannot be resumed as it is. Run cc-session-recover doctor to see why.');
});

test('nobody is told of what a program does on purpose', posix, async (t) => {
  const { stop, told, journal } = await scene(t, { ...QUICK, notify: { desktop: false, webhook: 'http://127.0.0.1:9/x' } });
  silent(await stop('One.', { CLAUDE_CODE_SKIP_PROMPT_HISTORY: '1', CLAUDE_CODE_ENTRYPOINT: 'sdk-cli' }));
  assert.equal(told().length, 1, 'it is in the journal');
  assert.deepEqual(journal().filter(({ event }) => event.startsWith('notif')), []);
});

test('it can be switched off, and does nothing within a run of ours, for a subagent, or for a turn that said nothing', posix, async (t) => {
  const off = await scene(t, { ...QUICK, saving: { watch: false } });
  silent(await off.stop('One.'));
  assert.equal(off.stored('saving.json'), null);
  const on = await scene(t, { ...QUICK, saving: { waitSeconds: 0, shadowLog: false } });
  silent(await on.stop('One.', { CC_RECOVER_ATTEMPT: 'x' }));
  silent(await on.stop('One.', {}, { agent_id: 'a' }));
  silent(await on.stop(' \n'));
  assert.equal(on.stored('saving.json'), null);
  silent(await on.stop('One.'));
  assert.notEqual(on.stored('saving.json'), null);
  assert.equal(on.stored('shadow.json'), null, 'the shadow log can be switched off alone');
});
