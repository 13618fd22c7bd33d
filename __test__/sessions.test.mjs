// A session that is odd, damaged or foreign never hides the others, and is never mistaken for something else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { idOf, livingClient, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

const linux = process.platform !== 'linux';

/** @param {ReturnType<typeof world>} place @param {string} fixture @param {string} id @param {string} [claude] */
function session(place, fixture, id, claude = place.claude) {
  const directory = join(claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${id}.jsonl`);
  writeFileSync(path, transcriptText(fixture, { id, cwd: place.project }));
  return path;
}

/** @param {ReturnType<typeof world>} place @param {string[]} argv @param {object} [options] */
async function rows(place, argv = ['list'], options = {}) {
  const { status, stdout, stderr } = await place.run([...argv, '--json'], options);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

test('a directory whose name is not valid UTF-8 does not hide other sessions', { skip: linux }, async (t) => {
  const place = world(t);
  session(place, 'finished-interactive', idOf(1));
  const odd = Buffer.concat([Buffer.from(join(place.claude, 'projects', '-odd-')), Buffer.from([0xff])]);
  mkdirSync(odd);
  writeFileSync(Buffer.concat([odd, Buffer.from(`/${idOf(2)}.jsonl`)]), readFileSync(session(place, 'finished-print', idOf(3))));
  assert.equal((await rows(place)).sessions.length, 3);
  assert.equal((await place.run(['list'])).status, 0);
});

test('an implausible reset time is ignored', async (t) => {
  const place = world(t);
  for (const [index, resetsAt] of [8_210_266_876_799, 1_795_238_210_629, -1].entries()) {
    const path = session(place, 'quota-5h-print', idOf(index + 1));
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"resetsAt":\d+/g, `"resetsAt":${resetsAt}`));
  }
  const { sessions } = await rows(place);
  assert.deepEqual(sessions.map((/** @type {any} */ { stop }) => [stop.kind, stop.resetsAtSource === 'exact']), Array.from({ length: 3 }, () => ['usage-limit-5h', false]));
  assert.equal((await place.run(['status', '--all'])).status, 0);
});

test('a registry record with odd values still proves its client, and an unreadable record is reported', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(1);
  session(place, 'finished-interactive', id);
  const client = livingClient(place, id);
  const path = join(place.claude, 'sessions', `${client.pid}.json`);
  const record = JSON.parse(readFileSync(path, 'utf8'));
  for (const odd of [{ startedAt: 1_795_228_210_629.5 }, { name: {} }, { procStart: Number(record.procStart) }, { status: 7 }, { startedAt: 1e15, statusUpdatedAt: 1e15 }]) {
    writeFileSync(path, JSON.stringify({ ...record, ...odd }));
    const [{ state }] = (await rows(place)).sessions;
    assert.equal(state, 'active', JSON.stringify(odd));
  }
  writeFileSync(path, '{"pid":');
  const { problems } = await rows(place);
  assert.ok(problems.some((/** @type {any} */ problem) => problem.path === path && /may have a session open/.test(problem.message)));
});

test('of two clients with one session open the busy one is the owner, and the other is named', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(1);
  session(place, 'finished-interactive', id);
  const [one, two] = [livingClient(place, id), livingClient(place, id)];
  const path = join(place.claude, 'sessions', `${one.pid}.json`);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), status: 'busy' }));
  const [{ live, activity, evidence }] = (await rows(place)).sessions;
  assert.deepEqual([live.pid, activity], [one.pid, 'busy']);
  assert.match(JSON.stringify(evidence), new RegExp(`process ${two.pid} has it open( in \\S+)? too`));
});

test('clients of several configuration directories that share a store are detected', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(1);
  session(place, 'finished-interactive', id);
  const instance = join(place.home, '.ccs', 'instances', 'work');
  mkdirSync(join(instance, 'sessions'), { recursive: true });
  symlinkSync(join(place.claude, 'projects'), join(instance, 'projects'));
  const client = livingClient({ ...place, claude: instance }, id);
  const { sessions } = await rows(place);
  assert.deepEqual(sessions.map((/** @type {any} */ { state, live }) => [state, live?.pid]), [['active', client.pid]]);
});

test('the session that a command runs in is the current one, even if its process is not visible', async (t) => {
  const place = world(t);
  const id = idOf(1);
  session(place, 'killed-mid-turn', id);
  const inside = { env: { CLAUDE_CODE_SESSION_ID: id } };
  const [{ state, openAtCrash }] = (await rows(place, ['list'], inside)).sessions;
  assert.deepEqual([state, openAtCrash], ['current', null]);
  const { status, stderr } = await place.run(['resume', id, '--print-command'], inside);
  assert.equal(status, 4);
  assert.match(stderr, /the session you are in/);
});

test('a client in another process-id space may have a session open: nothing is reported as crashed', async (t) => {
  const place = world(t);
  const id = idOf(1);
  session(place, 'killed-mid-turn', id);
  mkdirSync(join(place.claude, 'sessions'), { recursive: true });
  writeFileSync(join(place.claude, 'sessions', '7.json'), JSON.stringify({ pid: 7, sessionId: id, procStart: '1', pidDomain: 'linux:0:pid:[1]', startedAt: Date.now() }));
  const [{ stop, openAtCrash, commands }] = (await rows(place)).sessions;
  if (process.platform === 'linux') assert.deepEqual([stop.kind, openAtCrash, commands.resume], ['unknown', null, null]);
});

test('a program that is only named claude does not have a session open', { skip: linux }, async (t) => {
  const place = world(t);
  const child = spawn('bash', ['-c', 'exec -a claude sleep 60'], { cwd: place.project, stdio: 'ignore' });
  place.endings.push(() => child.kill('SIGKILL'));
  await until(() => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith('claude\0'), 'it has the name');
  session(place, 'finished-interactive', idOf(1));
  const [{ state, live }] = (await rows(place)).sessions;
  assert.deepEqual([state, live], ['completed', null]);
});

test('a client without a registry owns the session it names only in its own configuration directory', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(1);
  const transcript = session(place, 'finished-interactive', id);
  const program = join(place.root, 'claude');
  writeFileSync(program, `#!${process.execPath}\nconsole.log('ready'); setInterval(() => {}, 1000);\n`);
  chmodSync(program, 0o755);
  const [other, shared, linked] = ['other', 'shared', 'linked'].map((name) => join(place.root, name));
  // A session with the same id, a store that is shared completely, and one with a single shared project.
  session(place, 'finished-interactive', id, other);
  mkdirSync(shared);
  symlinkSync(join(place.claude, 'projects'), join(shared, 'projects'));
  mkdirSync(join(linked, 'projects'), { recursive: true });
  symlinkSync(dirname(transcript), join(linked, 'projects', basename(dirname(transcript))));
  const states = [];
  for (const [config, named] of [[join(place.root, 'none'), id], [other, id], [other, transcript], [place.claude, id], [shared, id], [linked, id]]) {
    const client = spawn(program, [`--resume=${named}`], { cwd: place.project, env: { ...place.env, CLAUDE_CONFIG_DIR: config }, stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(client, 'exit');
    place.endings.push(() => client.kill('SIGKILL'));
    await once(client.stdout, 'data');
    const [{ live, commands }] = (await rows(place)).sessions;
    states.push([live?.pid === client.pid, live?.proof ?? null, commands.resume === null]);
    client.kill('SIGKILL');
    await gone;
  }
  const [free, held] = [[false, null, false], [true, 'processes', true]];
  assert.deepEqual(states, [free, free, held, held, held, held]);
});

test('a question of a closed session needs the user', async (t) => {
  const place = world(t);
  session(place, 'waiting-question', idOf(1));
  const path = session(place, 'waiting-question', idOf(1));
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"timestamp":"[^"]+"/g, `"timestamp":"${new Date().toISOString()}"`));
  const [{ next, state }] = (await rows(place, ['status', '--all'])).sessions;
  assert.deepEqual([state, next.action], ['orphaned', 'resume']);
  assert.match(next.why, /asked you a question/);
});

test('commands never use a directory that is gone or not absolute', async (t) => {
  const place = world(t);
  for (const [index, cwd] of [join(place.home, 'gone'), '-', '-e'].entries()) {
    const path = session(place, 'finished-interactive', idOf(index + 1));
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`"cwd":${JSON.stringify(place.project)}`, `"cwd":${JSON.stringify(cwd)}`));
  }
  for (const { commands } of (await rows(place, ['list'], { cwd: place.home })).sessions) assert.deepEqual([commands.cwd, commands.resume, commands.export !== null], [null, null, true]);
});

test('a name that equals the id prefix of another session is ambiguous', async (t) => {
  const place = world(t);
  const path = session(place, 'renamed', 'aaaa1111-0000-4000-8000-000000000001');
  session(place, 'finished-interactive', 'feedbeef-0000-4000-8000-000000000001');
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('My Parser', 'feed'));
  const { status, stderr } = await place.run(['show', 'feed']);
  assert.equal(status, 3);
  assert.match(stderr, /^ {2}(?:feedbeef|aaaa1111) {2}.*\n {2}(?:feedbeef|aaaa1111) {2}/m);
});

test('a future timestamp is shown, but does not sort its session first or keep it under needs you', async (t) => {
  const place = world(t);
  const [wrong, right] = [idOf(1), idOf(2)];
  const ahead = new Date(Date.now() + 400 * 86_400_000).toISOString();
  const path = session(place, 'killed-mid-turn', wrong);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"timestamp":"[^"]+"/g, `"timestamp":"${ahead}"`));
  const old = new Date(Date.now() - 30 * 86_400_000);
  utimesSync(path, old, old);
  const other = session(place, 'finished-interactive', right);
  writeFileSync(other, readFileSync(other, 'utf8').replace(/"timestamp":"[^"]+"/g, `"timestamp":"${new Date(Date.now() - 3_600_000).toISOString()}"`));
  const { sessions } = await rows(place);
  assert.deepEqual(sessions.map((/** @type {any} */ { id, lastActivityAt }) => [id, lastActivityAt === ahead]), [[right, false], [wrong, true]]);
  assert.deepEqual((await rows(place, ['list', '--since', '1d'])).sessions.map((/** @type {any} */ { id }) => id), [right]);
  assert.deepEqual((await rows(place, ['status', '--all'])).sessions, []);
  assert.deepEqual((await rows(place, ['recall'])).recalled.map((/** @type {any} */ { session: { id } }) => id), [right, wrong]);
  // Negative control: with a plausible time the session is reported.
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(ahead, new Date().toISOString()));
  assert.deepEqual((await rows(place, ['status', '--all'])).sessions.map((/** @type {any} */ { id }) => id), [wrong]);
});

test('--project finds sessions in subdirectories, also from the root and with truncated names', { skip: linux }, async (t) => {
  const place = world(t);
  const long = join(place.project, ...Array.from({ length: 12 }, () => 'a-long-name-of-a-directory'));
  const [deep, deeper] = [join(long, 'one'), join(long, 'one', 'two')];
  mkdirSync(deeper, { recursive: true });
  const template = readFileSync(session(place, 'finished-interactive', idOf(1)), 'utf8');
  for (const [index, cwd] of [deep, deeper].entries()) {
    // The client's directory name: cut, and with a hash of the whole path.
    let hash = 0;
    for (let at = 0; at < cwd.length; at += 1) hash = (Math.imul(hash, 31) + cwd.charCodeAt(at)) | 0;
    const directory = join(place.claude, 'projects', `${cwd.replace(/[^A-Za-z0-9]/g, '-').slice(0, 200)}-${Math.abs(hash).toString(36)}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${idOf(index + 2)}.jsonl`), template.replaceAll(idOf(1), idOf(index + 2)).replaceAll(JSON.stringify(place.project), JSON.stringify(cwd)));
  }
  const found = async (/** @type {string} */ project) => (await rows(place, ['list', '--project', project])).sessions.map((/** @type {any} */ { id }) => id).toSorted();
  assert.deepEqual(await found('/'), [1, 2, 3].map((number) => idOf(number)));
  assert.deepEqual(await found(place.project), [1, 2, 3].map((number) => idOf(number)));
  assert.deepEqual(await found(long), [2, 3].map((number) => idOf(number)));
  assert.deepEqual(await found(deep), [2, 3].map((number) => idOf(number)));
  assert.deepEqual(await found(deeper), [idOf(3)]);
});

test('a program that outlived its client is named only for its own session', { skip: linux }, async (t) => {
  const place = world(t);
  for (const number of [1, 2]) session(place, 'sigterm-mid-turn', idOf(number));
  const child = spawn('sleep', ['600'], { stdio: 'ignore', env: { PATH: process.env.PATH, CLAUDE_CODE_SESSION_ID: idOf(1) } });
  place.endings.push(() => new Promise((done) => child.once('exit', done) && child.kill()));
  const { sessions } = await rows(place);
  const why = (/** @type {number} */ number) => sessions.find(({ id }) => id === idOf(number)).next.why;
  assert.match(why(1), new RegExp(`still running from it: sleep \\(process ${child.pid}\\)`));
  assert.doesNotMatch(why(2), /still running/);
});
