// Sessions that outlive Claude Code's retention: what is kept, when, and how it is restored, through hooks and the command.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { endWith, hooked, idOf, startHook, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';
import { held, noFlock } from './lib/lease.mjs';

const posix = process.platform === 'win32' ? 'hooks run in a POSIX shell here' : false;
const ID = idOf(1);

/** @param {ReturnType<typeof world>} place @param {string} [directory] */
const transcriptsOf = (place, directory = place.project) => join(place.claude, 'projects', directory.replace(/[^A-Za-z0-9]/g, '-'));

/** Writes a finished session to a directory. @param {ReturnType<typeof world>} place @param {number} number @param {string} [directory] */
function session(place, number, directory = place.project) {
  const path = join(transcriptsOf(place, directory), `${idOf(number)}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, transcriptText('finished-interactive', { id: idOf(number), cwd: directory }));
  return path;
}

/** Returns the ids of the kept sessions. @param {ReturnType<typeof world>} place */
const keptIn = (place) => (existsSync(join(place.state, 'kept')) ? readdirSync(join(place.state, 'kept')).filter((name) => name.includes('-4000-')).toSorted() : []);

/** Starts a hook of the session and returns it. @param {ReturnType<typeof world>} place @param {string} command @param {object} payload */
async function runHook(place, command, payload) {
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: 'session_id' in payload ? String(payload.session_id) : ID, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(process.pid) };
  const hook = startHook(command, JSON.stringify({ session_id: ID, cwd: place.project, ...payload }), { cwd: place.project, env, limit: 120 });
  endWith(place, hook);
  return hook;
}

test('init keeps the sessions of the project and its subdirectories, and reports how many', async (t) => {
  const place = world(t);
  const inside = join(place.project, 'api');
  for (const [number, directory] of /** @type {const} */ ([[1, place.project], [2, inside], [3, join(place.home, 'elsewhere')]])) session(place, number, directory);
  const { status, stdout, stderr } = await place.run(['init', '--yes']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /2 existing sessions are kept when Claude Code deletes them/);
  assert.deepEqual(keptIn(place), [idOf(1), idOf(2)]);
  assert.equal(statSync(join(place.state, 'kept', ID, '1', `${ID}.jsonl`)).nlink, 2, 'it takes no room');
  assert.match((await place.run(['init', '--yes'])).stdout, /nothing was changed/);
});

test('after init --no-keep neither init nor its hooks keep sessions, and init --keep reverts that', { skip: posix }, async (t) => {
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

test('the hook of a stop keeps the session before it waits', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  writeFileSync(transcriptOf(ID), transcriptText('quota-mid-turn-interactive', { id: ID, cwd: place.project }));
  const payload = { hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit · resets 3:15am (UTC)", transcript_path: transcriptOf(ID) };
  const hook = await runHook(place, commandOf('StopFailure'), payload);
  const description = join(place.state, 'kept', ID, 'kept.json');
  await until(() => existsSync(description), 'the session is kept');
  hook.child.kill('SIGKILL');
  await hook.ended;
  rmSync(transcriptOf(ID));
  const { status, stderr } = await place.run(['restore', ID, '--json']);
  assert.equal(status, 0, stderr);
  assert.match(readFileSync(transcriptOf(ID), 'utf8'), /limit/);
});

/** Creates a session that the hooks kept and Claude Code deleted. @param {ReturnType<typeof world>} place @param {number} [number] */
async function deleted(place, number = 1) {
  const transcript = session(place, number);
  const text = readFileSync(transcript);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  rmSync(transcript);
  return { transcript, text };
}

test('prune compresses a transcript that Claude Code deleted, and restore returns every byte', async (t) => {
  const place = world(t);
  const { transcript, text } = await deleted(place);
  const pruned = JSON.parse((await place.run(['prune', '--json', '--yes'])).stdout);
  assert.equal(pruned.packed.files, 1);
  assert.ok(pruned.packed.after * 3 < pruned.packed.before, JSON.stringify(pruned.packed));
  assert.equal(existsSync(join(place.state, 'kept', ID, '1', `${ID}.jsonl`)), false);
  assert.equal(statSync(join(place.state, 'kept', ID, '1', `${ID}.jsonl.zst`)).mode & 0o777, 0o600);
  const { status, stderr } = await place.run(['restore', ID, '--json']);
  assert.equal(status, 0, stderr);
  assert.deepEqual(readFileSync(transcript), text);
});

/** Creates a deleted session with two files beside its transcript. @param {ReturnType<typeof world>} place */
async function deletedWithCompanions(place) {
  const beside = join(transcriptsOf(place), ID, 'tool-results');
  mkdirSync(beside, { recursive: true });
  for (const name of ['b1.txt', 'b2.txt']) writeFileSync(join(beside, name), name);
  const { transcript, text } = await deleted(place);
  rmSync(join(transcriptsOf(place), ID), { recursive: true });
  return { transcript, text, beside };
}

test('restore recreates the directory that Claude Code removed with its last transcript', async (t) => {
  const place = world(t);
  const { transcript, text } = await deletedWithCompanions(place);
  rmSync(dirname(transcript), { recursive: true });
  const { status, stderr } = await place.run(['restore', ID]);
  assert.equal(status, 0, stderr);
  assert.deepEqual(readFileSync(transcript), text);
  if (process.platform !== 'win32') assert.equal(statSync(dirname(transcript)).mode & 0o777, 0o700);
  // Outside a configuration directory nothing is created.
  rmSync(place.claude, { recursive: true });
  const refused = await place.run(['restore', ID]);
  assert.deepEqual([refused.status, existsSync(place.claude)], [1, false]);
  assert.match(refused.stderr, /could not open the directory: no such file or directory/);
});

test('restore places the other files before the transcript, so that a failure leaves the session restorable', async (t) => {
  const place = world(t);
  const { transcript, text, beside } = await deletedWithCompanions(place);
  writeFileSync(dirname(beside), 'a file where the directory belongs');
  assert.equal((await place.run(['restore', ID])).status, 1);
  assert.equal(existsSync(transcript), false);
  rmSync(dirname(beside));
  const { status, stdout, stderr } = await place.run(['restore', ID, '--json']);
  assert.deepEqual([status, JSON.parse(stdout).companions], [0, 2], stderr);
  assert.deepEqual(readFileSync(transcript), text);
  assert.deepEqual(['b1.txt', 'b2.txt'].map((name) => readFileSync(join(beside, name), 'utf8')), ['b1.txt', 'b2.txt']);
});

test('restore completes the other files of a session whose transcript is back, and what a killed restore left', async (t) => {
  const place = world(t);
  const { transcript, text, beside } = await deletedWithCompanions(place);
  writeFileSync(transcript, text);
  mkdirSync(beside, { recursive: true });
  writeFileSync(join(beside, 'b1.txt'), 'of the user');
  writeFileSync(join(beside, '.b2.txt.4194304-0.cc-recover-tmp'), 'b');
  const planned = await place.run(['restore', ID, '--dry-run']);
  assert.match(planned.stdout, /^Would restore the missing files of \S+; its transcript already equals snapshot kept\.$/m);
  // An unfinished line is a change of the transcript, although it adds no line.
  writeFileSync(transcript, `${text}{"type":`);
  const cut = await place.run(['restore', ID, '--from', 'kept', '--dry-run']);
  assert.match(cut.stdout.replaceAll(/\s+/g, ' '), /Would restore \S+ from snapshot kept; the current transcript would be stored as a snapshot first\./);
  writeFileSync(transcript, text);
  const { status, stdout, stderr } = await place.run(['restore', ID]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Restored 1 missing file of \S+; its transcript already equals snapshot kept\.$/m);
  assert.deepEqual(readdirSync(beside).map((name) => [name, readFileSync(join(beside, name), 'utf8')]), [['b1.txt', 'of the user'], ['b2.txt', 'b2.txt']]);
  assert.deepEqual(readFileSync(transcript), text);
  assert.equal((await place.run(['restore', ID])).status, 3, 'then nothing is left to restore');
});

test('prune removes kept deleted sessions by age and total size, and reports them first', async (t) => {
  const place = world(t);
  await deleted(place);
  const shown = JSON.parse((await place.run(['prune', '--kept-days', '0', '--dry-run', '--json'])).stdout);
  assert.deepEqual(shown.removed.map((/** @type {any} */ one) => [one.kind, one.session]), [['kept', ID]]);
  assert.deepEqual(keptIn(place), [ID]);
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"keptMaxTotal":10}}');
  const doctor = JSON.parse((await place.run(['doctor', '--json'])).stdout);
  assert.match(doctor.checks.find((/** @type {any} */ check) => check.id === 'kept').fact, /1 session that Claude Code deleted kept, 1 MB; retention\.keptMaxTotal/);
  assert.equal((await place.run(['prune', '--yes'])).status, 0);
  assert.deepEqual(keptIn(place), []);
});

test('forget and prune remove what a killed forget or import left under a temporary name', { skip: posix }, async (t) => {
  const place = world(t);
  session(place, 2);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  // No process has this id.
  const left = (/** @type {string} */ id) => join(place.state, 'kept', `.${id}.${2 ** 30}.cc-recover-tmp`);
  const unpacked = join(place.state, `importing-${2 ** 30}`);
  for (const directory of [left(ID), left(idOf(2)), unpacked]) {
    mkdirSync(directory);
    writeFileSync(join(directory, 'session.jsonl'), 'conversation');
  }
  const plan = JSON.parse((await place.run(['forget', ID, '--dry-run', '--json'])).stdout);
  assert.deepEqual(plan.removed.map((/** @type {any} */ one) => [one.kind, one.path]), [['kept', left(ID)]]);
  assert.ok(existsSync(left(ID)) && existsSync(unpacked));
  const { status, stdout } = await place.run(['forget', ID, '--yes', '--json']);
  assert.equal(status, 0, stdout);
  assert.deepEqual(holding(place.state, ID), []);
  for (const directory of [left(idOf(2)), unpacked]) mkdirSync(directory, { recursive: true });
  const pruned = JSON.parse((await place.run(['prune', '--yes', '--json'])).stdout);
  assert.deepEqual(pruned.removed.map((/** @type {any} */ one) => [one.kind, one.path]), [['leftover', left(idOf(2))]]);
  assert.deepEqual([left(ID), left(idOf(2)), unpacked].filter((path) => existsSync(path)), []);
  assert.deepEqual(keptIn(place), [idOf(2)]);
});

test('a deleted session is listed, explained, found by its conversation and prompts, and recalled', async (t) => {
  const place = world(t);
  await deleted(place);
  const typed = { display: 'paint the shed GREENISH', pastedContents: {}, timestamp: Date.now() - 86_400_000, project: place.project, sessionId: idOf(2) };
  writeFileSync(join(place.claude, 'history.jsonl'), `${JSON.stringify({ ...typed, display: 'buy paint' })}\n${JSON.stringify(typed)}\n`);
  const list = JSON.parse((await place.run(['list', '--gone', '--json'])).stdout);
  assert.deepEqual(list.sessions, []);
  const [kept, other] = list.gone;
  assert.deepEqual([kept.id, kept.kept.files, kept.restore, other.id, other.kept, other.typed], [ID, 1, ['cc-session-recover', 'restore', ID], idOf(2), null, 2]);
  assert.deepEqual([other.project, other.prompts.map((/** @type {any} */ prompt) => prompt.text)], [place.project, ['buy paint', 'paint the shed GREENISH']]);
  assert.match((await place.run(['list', '--gone'])).stdout, /2 sessions without a transcript[\s\S]*GREENISH/);
  const show = await place.run(['show', idOf(2)]);
  assert.equal(show.status, 3);
  assert.match(show.stderr, /is gone; its last prompt was "paint the shed GREENISH"; it ran in .*; 2 prompts were typed in it/);
  const resume = await place.run(['resume', ID.slice(0, 8), '--print-command']);
  assert.equal(resume.status, 3);
  assert.match(resume.stderr, /Claude Code deleted the transcript[\s\S]*cc-session-recover restore/);
  const hits = JSON.parse((await place.run(['search', 'greenish', '--ignore-case', '--json'])).stdout).hits;
  assert.deepEqual(hits.map((/** @type {any} */ hit) => [hit.id, hit.line, hit.gone, hit.role]), [[idOf(2), 2, true, 'user']]);
  const said = 'parser';
  const before = JSON.parse((await place.run(['search', said, '--json'])).stdout).hits.filter((/** @type {any} */ hit) => hit.id === ID);
  assert.ok(before.length > 0 && before.every((/** @type {any} */ hit) => hit.gone));
  await place.run(['prune', '--yes']);
  const after = JSON.parse((await place.run(['search', said, '--json'])).stdout).hits.filter((/** @type {any} */ hit) => hit.id === ID);
  assert.equal(after.length, before.length, 'compressed as well');
  assert.ok(after.every((/** @type {any} */ hit) => existsSync(hit.transcript)));
  assert.deepEqual(readdirSync(join(place.state, 'kept')).filter((name) => name.startsWith('.')), [], 'nothing unpacked is left');
  const recall = JSON.parse((await place.run(['recall', '--json'])).stdout);
  assert.deepEqual(recall.gone.map((/** @type {any} */ one) => one.id), [ID, idOf(2)]);
  assert.match((await place.run(['recall'])).stdout, /gone {2}only typed prompts are left[\s\S]*GREENISH/);
});

/** Returns the files of a directory whose name or content contains a text. @param {string} directory @param {string} text */
const holding = (directory, text) =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(directory, name);
    return name.includes(text) || (statSync(path).isFile() && readFileSync(path).includes(text));
  });

test('forget removes a session from every file of this tool and reports what Claude Code still has', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const OTHER = idOf(2);
  for (const [number, id] of /** @type {const} */ ([[1, ID], [2, OTHER]])) {
    const transcript = session(place, number);
    for (const event of ['SessionStart', 'Stop', 'SubagentStop', 'PreCompact', 'SessionEnd']) {
      const payload = { session_id: id, hook_event_name: event, transcript_path: transcript, source: 'startup', reason: 'other', trigger: 'auto', agent_id: 'a1', agent_transcript_path: '' };
      await (await runHook(place, commandOf(event), payload)).ended;
    }
    writeFileSync(transcriptOf(id), transcriptText('quota-mid-turn-interactive', { id, cwd: place.project }));
    const ended = { session_id: id, hook_event_name: 'SessionEnd', reason: 'other', transcript_path: transcriptOf(id) };
    await (await runHook(place, commandOf('SessionEnd'), ended)).ended;
    for (const argv of [['export', id], ['export', id, '--to', join(place.home, 'backup')], ['export', id, '--format', 'html'], ['handoff', id, '--write'], ['pause', id]]) {
      const { status, stderr } = await place.run(argv);
      assert.equal(status, 0, `${argv.join(' ')}: ${stderr}`);
    }
  }
  // Files that other versions and verbs leave there, in their original form.
  for (const lock of ['lock', 'waiter', 'watch', 'run', 'kept']) writeFileSync(join(place.state, 'leases', `${ID}.${lock}`), '');
  mkdirSync(join(place.state, 'snapshots', ID), { recursive: true });
  writeFileSync(join(place.state, 'snapshots', ID, '20261121T020000Z.jsonl'), 'x');
  const moved = await place.run(['relocate', ID, '--to', join(place.home, 'backup')]);
  assert.equal(moved.status, 0, moved.stderr);
  writeFileSync(join(place.claude, 'history.jsonl'), `${JSON.stringify({ display: 'x', timestamp: 1, project: place.project, sessionId: ID })}\n`);

  const others = holding(place.state, OTHER).map((name) => name.replace(/\d{8}T\d+Z/g, ''));
  for (const part of ['journal.jsonl', 'moves.json', 'paused.json', 'leases', 'kept', 'exports', 'pages', 'states', 'SESSION-LOG', 'sessions', 'incidents', 'snapshots']) {
    assert.ok(holding(place.state, ID).some((name) => name.startsWith(part)), `nothing of it is in ${part}, so nothing is proved`);
  }
  assert.notDeepEqual(holding(join(place.project, '.claude', 'session-state'), ID), []);
  assert.match((await place.run(['forget', ID, '--dry-run'])).stdout, /\n {2}~\/\.claude\/projects\//, 'as every other screen names it');
  const plan = JSON.parse((await place.run(['forget', ID, '--dry-run', '--json'])).stdout);
  assert.ok(holding(place.state, ID).length > 10, 'a dry run removes nothing');
  const { status, stdout, stderr } = await place.run(['forget', ID.slice(0, 8), '--yes', '--json']);
  assert.equal(status, 0, stderr || stdout);
  const report = JSON.parse(stdout);
  assert.deepEqual(report.removed, plan.removed);
  assert.deepEqual(report.problems, []);
  // The hashes of another session's export cover these files, so they stay unchanged and are reported.
  const left = holding(place.state, ID);
  assert.ok(left.every((name) => name.startsWith('exports') && name.includes(OTHER) && name.endsWith('HANDOFF.md')), left.join(' '));
  assert.deepEqual(report.elsewhere.slice(1), left.map((name) => join(place.state, name)));
  assert.deepEqual(holding(join(place.project, '.claude'), ID), []);
  assert.ok(!readFileSync(join(place.project, 'HANDOFF.md'), 'utf8').includes(ID));
  assert.deepEqual(holding(place.state, OTHER).map((name) => name.replace(/\d{8}T\d+Z/g, '')), others, 'the other session is left alone');
  const log = JSON.parse((await place.run(['log', '--json', '--verify'])).stdout);
  assert.ok(log.chain === undefined || log.chain.sound, JSON.stringify(log.chain));
  assert.ok(existsSync(transcriptOf(ID)), 'nothing of Claude Code is removed');
  assert.ok(report.withClaudeCode.includes(transcriptOf(ID)));
  assert.ok(report.withClaudeCode.includes(`prompts typed in it, in ${join(place.claude, 'history.jsonl')}`));
  assert.equal(dirname(report.elsewhere[0]), join(place.home, 'backup'));
  assert.equal((await place.run(['forget', idOf(9), '--yes'])).status, 3);
});

test('forget reports a file of a newer version without changing it, and removes the rest', async (t) => {
  const place = world(t);
  session(place, 1);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const index = join(place.state, 'states', `${'0'.repeat(16)}.json`);
  const newer = `{\n  "version": 99,\n  "states": [\n    { "session": "${ID}" }\n  ]\n}\n`;
  mkdirSync(dirname(index), { recursive: true });
  writeFileSync(index, newer);
  const { stdout } = await place.run(['forget', ID, '--yes', '--json']);
  const report = JSON.parse(stdout);
  assert.deepEqual(report.problems.map((/** @type {any} */ one) => one.code), ['STATE_NEWER']);
  assert.equal(readFileSync(index, 'utf8'), newer);
  assert.ok(!report.removed.some((/** @type {any} */ one) => one.path === index));
  assert.deepEqual(holding(place.state, ID), [join('states', `${'0'.repeat(16)}.json`)]);
});

test('forget leaves a lock file whose lock another process owns, and reports it', { skip: posix || noFlock }, async (t) => {
  const place = world(t);
  session(place, 1);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const lock = join(place.state, 'leases', `${ID}.watch`);
  await held(place, `${ID}.watch`);
  const { ino } = statSync(lock);
  const report = JSON.parse((await place.run(['forget', ID, '--yes', '--json'])).stdout);
  assert.deepEqual(report.problems.map((/** @type {any} */ one) => one.code), ['STATE_LOCKED']);
  assert.equal(statSync(lock).ino, ino);
  assert.deepEqual(holding(place.state, ID), [join('leases', `${ID}.watch`)]);
});

test('forget removes damaged hook events, and its dry run only lists them', async (t) => {
  const place = world(t);
  session(place, 1);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const event = join(place.state, 'spool', `${ID}.1780000000000-1-0.json`);
  mkdirSync(dirname(event), { recursive: true });
  writeFileSync(event, '{ torn');
  const plan = JSON.parse((await place.run(['forget', ID, '--dry-run', '--json'])).stdout);
  assert.ok(plan.removed.some((/** @type {any} */ one) => one.path === event && one.kind === 'event'));
  assert.equal(readFileSync(event, 'utf8'), '{ torn');
  assert.ok(!existsSync(join(place.state, 'quarantine')));
  const report = JSON.parse((await place.run(['forget', ID, '--yes', '--json'])).stdout);
  assert.deepEqual([report.removed, report.problems], [plan.removed, []]);
  assert.deepEqual(holding(place.state, ID), []);
});

test('a transcript deleted while its session is open is reported by the hook, status, show and doctor', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const lines = transcriptText('finished-interactive', { id: ID, cwd: place.project }).split('\n');
  const half = lines.findIndex((line) => line.includes('"type":"assistant"')) + 1;
  writeFileSync(transcriptOf(ID), `${lines.slice(0, half).join('\n')}\n`);
  const stop = { hook_event_name: 'Stop', transcript_path: transcriptOf(ID) };
  await (await runHook(place, commandOf('Stop'), stop)).ended;
  assert.equal(JSON.parse((await place.run(['show', ID, '--json'])).stdout).loss, null);
  rmSync(transcriptOf(ID));
  writeFileSync(transcriptOf(ID), lines.slice(half).join('\n'));
  await (await runHook(place, commandOf('Stop'), stop)).ended;
  assert.deepEqual(JSON.parse((await place.run(['show', ID, '--json'])).stdout).loss, { lost: 'headless', restorable: true });
  assert.match((await place.run(['show', ID])).stdout, /lost[\s\S]*beginning[\s\S]*--from kept/);
  const log = JSON.parse((await place.run(['log', '--json'])).stdout);
  assert.ok(JSON.stringify(log).includes('transcript-changed'));
  const doctor = JSON.parse((await place.run(['doctor', '--json'])).stdout);
  assert.match(doctor.checks.find((/** @type {any} */ check) => check.id === 'kept').next, /restore .* --from kept/);
  const [prompt] = lines.slice(0, half).filter((line) => line.includes('"type":"user"')).map((line) => JSON.parse(line).message.content);
  const found = async () => JSON.parse((await place.run(['search', typeof prompt === 'string' ? prompt.slice(0, 20) : prompt[0].text.slice(0, 20), '--json'])).stdout).hits.map((/** @type {any} */ hit) => hit.gone);
  assert.deepEqual([...new Set(await found())], [true], 'what it lost is found in what was kept');
  const at = Date.now() / 1000 - 600;
  utimesSync(transcriptOf(ID), at, at);
  assert.equal((await place.run(['restore', ID, '--json'])).status, 0);
  assert.equal(readFileSync(transcriptOf(ID), 'utf8'), lines.join('\n'));
  assert.deepEqual([...new Set(await found())], [false], 'and is found once after it came back');
});

test('restore --from kept joins the lost beginning with turns that no hook has kept', { skip: posix }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const beginning = transcriptText('finished-interactive', { id: ID, cwd: place.project });
  writeFileSync(transcriptOf(ID), beginning);
  await (await runHook(place, commandOf('Stop'), { hook_event_name: 'Stop', transcript_path: transcriptOf(ID) })).ended;
  const newest = [['NEWEST', 7], ['and one more', 8]].map(([content, parent]) => `${JSON.stringify({ parentUuid: idOf(Number(parent)), type: 'user', uuid: idOf(Number(parent) + 1), message: { role: 'user', content } })}\n`).join('');
  for (const compressed of [false, true]) {
    rmSync(transcriptOf(ID));
    if (compressed) assert.equal((await place.run(['prune', '--yes'])).status, 0);
    writeFileSync(transcriptOf(ID), newest);
    const at = Date.now() / 1000 - 600;
    utimesSync(transcriptOf(ID), at, at);
    for (const from of [[], ['--from', 'kept']]) {
      const planned = await place.run(['restore', ID, ...from, '--dry-run', '--json']);
      const kept = JSON.parse(planned.stdout).snapshots.find((/** @type {any} */ snapshot) => snapshot.name === 'kept');
      assert.equal(kept?.bytes, beginning.length + newest.length, planned.stderr);
    }
    const { status, stderr } = await place.run(['restore', ID, '--from', 'kept', '--json']);
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(transcriptOf(ID), 'utf8'), beginning + newest);
  }
});

test('doctor names the file of another project that lowers the retention limit, and the edit', async (t) => {
  const place = world(t);
  writeFileSync(join(place.claude, 'settings.json'), '{"cleanupPeriodDays": 99999}');
  const other = join(place.home, 'cloned');
  session(place, 2, other);
  mkdirSync(join(other, '.claude'), { recursive: true });
  writeFileSync(join(other, '.claude', 'settings.json'), '{"cleanupPeriodDays": 1}');
  const check = JSON.parse((await place.run(['doctor', '--json'])).stdout).checks.find((/** @type {any} */ one) => one.id === 'retention');
  assert.deepEqual([check.status, check.path], ['warn', join(other, '.claude', 'settings.json')]);
  assert.match(check.fact, /1 days[\s\S]*lowers the limit for all projects/);
  assert.match(check.next, /remove "cleanupPeriodDays": 1 from it/);
});

test('resume suggests restore for a kept session whose transcript is gone but whose other files remain', async (t) => {
  const place = world(t);
  const transcript = session(place, 1);
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const beside = join(transcriptsOf(place), ID, 'tool-results');
  mkdirSync(beside, { recursive: true });
  writeFileSync(join(beside, 'b1.txt'), 'x');
  rmSync(transcript);
  const { status, stderr } = await place.run(['resume', ID, '--print-command']);
  assert.equal(status, 3, stderr);
  assert.match(stderr, new RegExp(`restore it: cc-session-recover restore ${ID}`));
  assert.doesNotMatch(stderr, /cannot be resumed/);
  assert.equal((await place.run(['restore', ID])).status, 0);
});

test('a kept deleted session is found by its title, linked or compressed, and export --all includes it', async (t) => {
  const place = world(t);
  session(place, 2);
  const transcript = session(place, 1);
  writeFileSync(transcript, `${JSON.stringify({ type: 'ai-title', aiTitle: 'Paint the shed', sessionId: ID })}\n`, { flag: 'a' });
  const { text } = await deleted(place, 3);
  assert.equal((await place.run(['show', 'paint the shed', '--json'])).status, 0);
  rmSync(transcript);
  const everywhere = async () => {
    for (const name of ['paint the shed', 'The Shed']) {
      const shown = await place.run(['show', name, '--json']);
      assert.equal(shown.status, 0, shown.stderr);
      assert.equal(JSON.parse(shown.stdout).id, ID);
    }
    const resume = await place.run(['resume', 'Paint the shed', '--print-command']);
    assert.equal(resume.status, 3);
    assert.match(resume.stderr, new RegExp(`restore ${ID}`));
    for (const format of [[], ['--format', 'html']]) {
      for (const dry of [['--dry-run'], []]) {
        const { status, stdout, stderr } = await place.run(['export', '--all', '--json', ...format, ...dry]);
        assert.equal(status, 0, stderr);
        const report = JSON.parse(stdout);
        assert.deepEqual((report.exports ?? report.pages).map((/** @type {any} */ one) => one.session).toSorted(), [1, 2, 3].map(idOf));
        assert.deepEqual(report.failures, []);
        if (report.exports && !dry.length) {
          const { path } = report.exports.find((/** @type {any} */ one) => one.session === idOf(3));
          assert.deepEqual(readFileSync(join(path, `${idOf(3)}.jsonl`)), text);
        }
      }
    }
  };
  await everywhere();
  assert.equal((await place.run(['prune', '--yes'])).status, 0);
  await everywhere();
  assert.match((await place.run(['list', '--gone'])).stdout, /Paint the shed/);
  assert.deepEqual(readdirSync(join(place.state, 'kept')).filter((name) => name.startsWith('.')), [], 'nothing unpacked is left');
  const restored = await place.run(['restore', 'Paint the shed', '--json']);
  assert.equal(restored.status, 0, restored.stderr);
  assert.ok(existsSync(transcript));
});

test('show, handoff, export, pages, search and recall read a kept deleted session, linked or compressed', async (t) => {
  const place = world(t);
  const transcript = session(place, 1);
  const subagent = join(transcriptsOf(place), ID, 'subagents', 'agent-a1.jsonl');
  mkdirSync(dirname(subagent), { recursive: true });
  const answer = { type: 'assistant', uuid: 'u1', sessionId: ID, isSidechain: true, timestamp: new Date().toISOString(), message: { role: 'assistant', content: [{ type: 'text', text: 'the kangaroo is in the subagent' }] } };
  writeFileSync(subagent, `${JSON.stringify(answer)}\n`);
  const text = readFileSync(transcript);
  /** Returns the reports of every verb. */
  const told = async () => {
    const json = async (/** @type {string[]} */ ...argv) => {
      const { status, stdout, stderr } = await place.run([...argv, '--json']);
      assert.equal(status, 0, `${argv.join(' ')}: ${stderr}`);
      return JSON.parse(stdout);
    };
    const shown = await json('show', ID.slice(0, 8));
    const handoff = await json('handoff', ID);
    const exported = (await json('export', ID)).exports[0];
    const archived = (await json('export', ID, '--archive')).exports[0];
    const pages = [];
    for (const format of ['html', 'markdown']) pages.push(readFileSync((await json('export', ID, '--format', format)).pages[0].path, 'utf8'));
    const search = (await json('search', 'kangaroo')).hits;
    const recall = await json('recall');
    return { shown, handoff, exported, archived, pages, search, recall };
  };
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const before = await told();
  for (const form of ['linked', 'compressed']) {
    rmSync(transcript, { force: true });
    rmSync(dirname(dirname(subagent)), { recursive: true, force: true });
    if (form === 'compressed') assert.ok(JSON.parse((await place.run(['prune', '--yes', '--json'])).stdout).packed.files >= 2);
    const after = await told();
    const { shown } = after;
    assert.deepEqual([shown.id, shown.transcript, shown.turns, shown.lastPrompt, shown.subagents.count], [ID, transcript, before.shown.turns, before.shown.lastPrompt, 1], form);
    assert.deepEqual([shown.loss, shown.commands.resume, shown.deletedAfter], [{ lost: 'gone', restorable: true }, null, null]);
    assert.match((await place.run(['show', ID])).stdout, /Claude Code deleted its transcript[\s\S]*restore/);
    assert.equal(after.handoff.text.includes('.open-'), false);
    assert.match(after.handoff.text, new RegExp(`cc-session-recover restore ${ID}`));
    assert.deepEqual(after.handoff.sources, before.handoff.sources);
    assert.deepEqual(readFileSync(join(after.exported.path, `${ID}.jsonl`)), text);
    assert.deepEqual([after.exported.digest, after.exported.files, after.exported.transcript], [before.exported.digest, before.exported.files, transcript]);
    assert.deepEqual([after.archived.digest, after.archived.files], [before.archived.digest, before.archived.files]);
    for (const page of after.pages) {
      assert.ok(page.includes('kangaroo') && page.includes(`cc-session-recover restore ${ID}`) && !page.includes('.open-'), form);
    }
    assert.deepEqual(after.search.map((/** @type {any} */ hit) => [hit.id, hit.subagent, hit.gone]), [[ID, true, true]], form);
    assert.ok(existsSync(after.search[0].transcript));
    assert.equal((await place.run(['show', after.search[0].transcript])).status, 0, 'by the path that a search names');
    const [recalled] = after.recall.gone;
    assert.deepEqual([recalled.id, recalled.prompts], [ID, before.recall.recalled[0].prompts]);
    assert.deepEqual(readdirSync(join(place.state, 'kept')).filter((name) => name.startsWith('.')), [], 'nothing unpacked is left');
    assert.equal(existsSync(transcript), false, 'nothing is brought back');
  }
  const moved = await place.run(['import', (await told()).exported.path, '--project', place.project]);
  assert.equal(moved.status, 0, moved.stderr);
  assert.deepEqual(readFileSync(transcript), text);
});

test('show fails for a deleted session that was not kept, and lists the sessions when an id is ambiguous', async (t) => {
  const place = world(t);
  const [one, other] = [session(place, 1), session(place, 2)];
  assert.equal((await place.run(['init', '--yes', '--no-keep'])).status, 0);
  rmSync(one);
  assert.equal((await place.run(['show', ID])).status, 3);
  writeFileSync(one, transcriptText('finished-interactive', { id: ID, cwd: place.project }));
  assert.equal((await place.run(['init', '--keep', '--yes'])).status, 0);
  rmSync(one);
  rmSync(other);
  const { status, stderr } = await place.run(['show', '0000']);
  assert.equal(status, 3);
  assert.match(stderr, new RegExp(`matches 2 deleted sessions:\n {2}${ID.slice(0, 8)}.*\n {2}${idOf(2).slice(0, 8)}`));
});
