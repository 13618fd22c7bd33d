// Every session is found once, under its own name and with all its files, wherever a client, a tool or the user has put them.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { playClient } from './lib/clients.mjs';
import { world } from './lib/command.mjs';
import { idOf, transcriptText } from './lib/hooks.mjs';

/** @typedef {ReturnType<typeof world>} World */

const windows = process.platform === 'win32';

/** @param {string} path */
const encoded = (path) => path.replace(/[^A-Za-z0-9]/g, '-');

/** @param {World} place @param {string} id @param {{cwd?: string, dir?: string, name?: string}} [options] */
function session(place, id, { cwd = place.project, dir = encoded(cwd), name = id } = {}) {
  const path = join(place.claude, 'projects', dir, `${name}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, transcriptText('finished-interactive', { id, cwd }));
  return path;
}

/** @param {string} id @param {string} text */
function agent(id, text) {
  const first = randomUUID();
  const head = { isSidechain: true, agentId: 'a1', sessionId: id, cwd: '/w', version: '2.0.60', timestamp: '2026-11-20T08:00:00.000Z' };
  const records = [
    { ...head, uuid: first, parentUuid: null, type: 'user', message: { role: 'user', content: 'look for it' } },
    { ...head, uuid: randomUUID(), parentUuid: first, type: 'assistant', message: { role: 'assistant', model: 'm', content: [{ type: 'text', text }] } },
  ];
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** @param {string} path @param {string} text */
function put(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** @param {World} place @param {string[]} argv @param {object} [options] */
async function json(place, argv, options = {}) {
  const done = await place.run([...argv, '--json'], options);
  return { ...done, report: JSON.parse(done.stdout === '' ? done.stderr : done.stdout) };
}

/** @param {World} place @param {string} name */
function directory(place, name) {
  const path = join(place.root, name);
  mkdirSync(path, { recursive: true });
  return path;
}

test('a session id with capitals is listed, found in either case, searched, shown and exported', async (t) => {
  const place = world(t);
  const id = '3F2A9C1D-0B4E-4C7A-9D11-AA22BB33CC44';
  session(place, id);
  assert.deepEqual((await json(place, ['list'])).report.sessions.map((/** @type {any} */ one) => one.id), [id]);
  for (const name of [id, id.toLowerCase(), '3f2a', '3F2A']) assert.equal((await json(place, ['show', name])).report.id, id, name);
  assert.equal((await place.run(['resume', id.toLowerCase(), '--print-command'])).status, 0);
  assert.equal((await json(place, ['export', '--all', '--to', join(place.root, 'x')])).report.exports.length, 1);
});

test('every verb separates two projects with one encoded name by the recorded directory', async (t) => {
  const place = world(t);
  const [dash, slash] = [directory(place, 'data-analysis'), directory(place, 'data/analysis')];
  assert.equal(encoded(dash), encoded(slash));
  const ids = new Map([
    [dash, idOf(1)],
    [slash, idOf(2)],
  ]);
  for (const [cwd, id] of ids) session(place, id, { cwd });
  for (const [cwd, id] of ids) {
    const only = (/** @type {any[]} */ sessions) => assert.deepEqual(sessions.map((one) => one.id), [id], cwd);
    only((await json(place, ['list', '-p', cwd])).report.sessions);
    only((await json(place, ['recall', '-p', cwd])).report.recalled.map((/** @type {any} */ one) => one.session));
    only((await json(place, ['resume', '--latest', '-p', cwd])).report.plans.map((/** @type {any} */ one) => one.session));
    only([(await json(place, ['handoff'], { cwd })).report.session]);
    const { hits } = (await json(place, ['search', 'fix the parser', '--project', cwd])).report;
    assert.deepEqual(new Set(hits.map((/** @type {any} */ hit) => hit.id)), new Set([id]), cwd);
  }
});

test('a transcript directory reachable under two names is listed once', { skip: windows }, async (t) => {
  const place = world(t);
  session(place, idOf(1));
  const renamed = directory(place, 'renamed');
  symlinkSync(encoded(place.project), join(place.claude, 'projects', encoded(renamed)));
  assert.equal((await json(place, ['list'])).report.sessions.length, 1);
  assert.equal((await json(place, ['list', '-p', renamed])).report.sessions.length, 1);
  for (const argv of [['show'], ['repair'], ['resume', '--print-command'], ['handoff']]) {
    assert.ok([0, 6].includes((await place.run([argv[0], idOf(1), ...argv.slice(1)], { cwd: place.home })).status), argv[0]);
  }
  // The old path of the project no longer exists: the other name of the directory shows where it is now.
  const linked = join(place.claude, 'projects', encoded(renamed), `${idOf(1)}.jsonl`);
  renameSync(place.project, join(place.root, 'gone'));
  const { report } = await json(place, ['resume', linked], { cwd: renamed });
  assert.equal(report.plans[0].cwd, renamed);
  mkdirSync(place.project);
});

test('subagents of every layout are counted, searched, exported and written to pages', async (t) => {
  const place = world(t);
  const path = session(place, idOf(1));
  const own = path.replace('.jsonl', '');
  const places = [join(own, 'subagents', 'agent-a.jsonl'), join(own, 'subagents', 'wf', 'agent-b.jsonl'), join(own, 'subagents', 'workflows', 'wf_1', 'agent-c.jsonl'), join(dirname(path), 'agent-d.jsonl')];
  for (const [index, file] of places.entries()) put(file, agent(idOf(1), `NEEDLE${index}`));
  put(join(own, 'subagents', 'workflows', 'wf_1', 'journal.jsonl'), '{}\n');
  session(place, idOf(2));
  const { report } = await json(place, ['show', idOf(1)]);
  assert.equal(report.subagents.count, places.length);
  assert.equal((await json(place, ['show', idOf(2)])).report.subagents.count, 0, 'they belong to the session that they name');
  const hits = (await json(place, ['search', 'NEEDLE'])).report.hits;
  assert.deepEqual(new Set(hits.map((/** @type {any} */ hit) => hit.transcript)), new Set(places));
  assert.ok(hits.every((/** @type {any} */ hit) => hit.id === idOf(1) && hit.subagent));
  const { report: exported } = await json(place, ['export', idOf(1), '--to', join(place.root, 'x')]);
  const names = readdirSync(exported.exports[0].path, { recursive: true }).map(String);
  for (const letter of 'abcd') assert.ok(names.some((name) => name.endsWith(`agent-${letter}.jsonl`)), letter);
  const page = join(place.root, 'page.md');
  assert.equal((await place.run(['export', idOf(1), '--format', 'markdown', '--to', page])).status, 0);
  for (const [index] of places.entries()) assert.ok(readFileSync(page, 'utf8').includes(`NEEDLE${index}`), String(index));
  const to = directory(place, 'elsewhere');
  assert.equal((await place.run(['relocate', idOf(1), '--to', to])).status, 0);
  assert.equal((await json(place, ['show', idOf(1)], { cwd: to })).report.subagents.count, places.length);
});

test('after relocate to a renamed project, resume works from anywhere by id and by path', async (t) => {
  for (const [before, after] of [
    ['my-app', 'new-app'],
    // Both names have the same encoding: nothing is copied, but the new directory is recorded.
    ['my-app', 'my_app'],
  ]) {
    const place = world(t);
    const old = directory(place, before);
    const path = session(place, idOf(1), { cwd: old });
    const now = join(place.root, after);
    renameSync(old, now);
    const refused = await place.run(['resume', idOf(1), '--print-command'], { cwd: place.home });
    assert.equal(refused.status, 4);
    assert.match(refused.stderr, /relocate/);
    assert.equal((await place.run(['relocate', idOf(1), '--to', now], { cwd: place.home })).status, 0);
    const copy = join(place.claude, 'projects', encoded(now), `${idOf(1)}.jsonl`);
    assert.deepEqual(readFileSync(copy), readFileSync(path), 'byte for byte');
    for (const argv of [[idOf(1)], [copy], [idOf(1), '-p', now], ['--latest']]) {
      const { status, stdout, stderr } = await place.run(['resume', ...argv, '--print-command'], { cwd: place.home });
      assert.equal(status, 0, stderr);
      assert.ok(stdout.includes(now), `${argv}: ${stdout}`);
    }
    assert.equal((await json(place, ['list', '-p', now])).report.sessions.length, 1);
  }
});

test('a client resumed by path has only the session at that path open, not one with the same id elsewhere', { skip: process.platform !== 'linux' }, async (t) => {
  const [place, other] = [world(t), world(t)];
  const [path, its] = [session(place, idOf(1)), session(other, idOf(1))];
  await playClient(other, idOf(1), { argv: ['-p', '--resume', its], registered: false });
  const ask = (/** @type {string} */ id) => place.run(['resume', id, '--print-command'], { cwd: place.home });
  const free = await ask(idOf(1));
  assert.equal(free.status, 0, free.stderr);
  const client = await playClient(other, idOf(1), { argv: ['-p', '--resume', path], registered: false });
  const taken = await ask(idOf(1));
  assert.equal(taken.status, 4);
  assert.ok(taken.stderr.includes(`process ${client.pid}`), taken.stderr);
});

test('an id in two projects is ambiguous unless the current directory selects one, and the other is named', async (t) => {
  const place = world(t);
  const [one, other] = [directory(place, 'one'), directory(place, 'other')];
  const paths = [one, other].map((cwd) => session(place, idOf(1), { cwd }));
  const asked = await place.run(['resume', idOf(1), '--print-command'], { cwd: place.home });
  assert.equal(asked.status, 3);
  for (const path of paths) assert.ok(asked.stderr.includes(path));
  const { status, stdout, stderr } = await place.run(['resume', idOf(1), '--print-command'], { cwd: other });
  assert.equal(status, 0);
  assert.ok(stdout.includes(other));
  assert.ok(stderr.includes(paths[0]), 'the other one is named');
  assert.deepEqual((await json(place, ['show', idOf(1)], { cwd: one })).report.copies, [paths[1]]);
});

test('every verb reads the first record of a file with a byte order mark', async (t) => {
  const place = world(t);
  const path = join(place.claude, 'projects', encoded(place.project), `${idOf(1)}.jsonl`);
  const record = { parentUuid: null, isSidechain: false, type: 'user', message: { role: 'user', content: 'the FIRSTNEEDLE prompt' }, uuid: idOf(7), timestamp: '2026-11-20T08:00:00.000Z', sessionId: idOf(1), cwd: place.project, version: '2.1.332', entrypoint: 'cli' };
  put(path, `\u{feff}${JSON.stringify(record)}\n`);
  const { report } = await json(place, ['show', idOf(1)]);
  assert.equal(report.turns, 1);
  assert.match(report.lastPrompt, /FIRSTNEEDLE/);
  assert.equal(report.startedAt, '2026-11-20T08:00:00.000Z');
  assert.equal((await json(place, ['search', 'FIRSTNEEDLE'])).report.total, 1);
  assert.match((await place.run(['recall'])).stdout, /FIRSTNEEDLE/);
  assert.match((await place.run(['handoff', idOf(1)])).stdout, /FIRSTNEEDLE/);
  const page = join(place.root, 'page.md');
  await place.run(['export', idOf(1), '--format', 'markdown', '--to', page]);
  assert.match(readFileSync(page, 'utf8'), /FIRSTNEEDLE/);
});

test('show of a transcript without a conversation lists what remains and offers no resume command', async (t) => {
  for (const [why, text] of [
    ['empty-file', ''],
    ['no-messages', `${JSON.stringify({ type: 'custom-title', customTitle: 'my long work', sessionId: idOf(0xe3f) })}\n`],
  ]) {
    const place = world(t);
    const path = join(place.claude, 'projects', encoded(place.project), `${idOf(0xe3f)}.jsonl`);
    put(path, text);
    put(join(path.replace('.jsonl', ''), 'subagents', 'agent-a.jsonl'), agent(idOf(0xe3f), 'half of it'));
    const { report } = await json(place, ['show', idOf(0xe3f)]);
    assert.equal(report.state, 'empty');
    assert.equal(report.remains.why, why);
    assert.deepEqual(report.remains.left.map((/** @type {any} */ one) => [one.kind, one.count]), [['subagents', 1]]);
    assert.equal(report.commands.resume, null);
    const { stdout } = await place.run(['show', idOf(0xe3f)]);
    assert.match(stdout, /lost/);
    assert.doesNotMatch(stdout, /claude --resume|COMPLETED/);
    assert.equal((await place.run(['resume', idOf(0xe3f), '--print-command'])).status, 4);
    assert.equal((await place.run(['export', idOf(0xe3f), '--to', join(place.root, 'x')])).status, 0);
  }
});

test('show and export name the remaining file for every id in the search results', async (t) => {
  const place = world(t);
  const projects = join(place.claude, 'projects', encoded(place.project));
  put(join(projects, idOf(1), 'subagents', 'agent-a.jsonl'), agent(idOf(1), 'NEEDLE'));
  put(join(projects, 'agent-b.jsonl'), agent(idOf(2), 'NEEDLE'));
  put(join(projects, 'agent-c.jsonl'), agent('', 'NEEDLE'));
  const { hits } = (await json(place, ['search', 'NEEDLE'])).report;
  assert.deepEqual(new Set(hits.map((/** @type {any} */ hit) => hit.id)), new Set([idOf(1), idOf(2), 'agent-c']));
  for (const { id, transcript } of hits) {
    for (const verb of ['show', 'export']) {
      const { status, stderr } = await place.run([verb, id]);
      assert.equal(status, 3, stderr);
      assert.ok(stderr.includes(transcript), stderr);
    }
  }
});

test('conflict copies are not listed as sessions, are named by show and doctor, and can be read by path', async (t) => {
  const place = world(t);
  const path = session(place, idOf(1));
  const names = [' 2', ' (conflicted copy)', '.sync-conflict-20261120-080000-ABCDEFG'].map((rest) => idOf(1) + rest);
  const copies = names.map((name) => join(dirname(path), `${name}.jsonl`));
  for (const copy of copies) cpSync(path, copy);
  assert.equal((await json(place, ['list'])).report.sessions.length, 1);
  const { report } = await json(place, ['show', idOf(1)]);
  assert.deepEqual(report.conflictCopies.map((/** @type {any} */ copy) => copy.path).toSorted(), copies.toSorted());
  assert.ok(report.conflictCopies.every((/** @type {any} */ copy) => copy.newestAt === report.lastActivityAt));
  const doctor = (await json(place, ['doctor'])).report.checks.filter((/** @type {any} */ check) => check.id === 'conflict-copies');
  assert.deepEqual(doctor.map((/** @type {any} */ check) => check.path).toSorted(), copies.toSorted());
  for (const copy of copies) {
    const shown = (await json(place, ['show', copy])).report;
    assert.equal(shown.conflictCopyOf, idOf(1));
    assert.equal(shown.commands.resume, null);
    assert.ok([0, 6].includes((await place.run(['repair', copy])).status));
    assert.equal((await place.run(['export', copy, '--to', join(place.root, 'x')])).status, 0);
    assert.equal((await place.run(['resume', copy, '--print-command'])).status, 3);
    assert.equal((await place.run(['repair', copy, '--apply'])).status, 4);
  }
});

test('a timestamp in the future does not make a session the latest', async (t) => {
  const place = world(t);
  session(place, idOf(1));
  const ahead = session(place, idOf(2));
  appendFileSync(ahead, readFileSync(ahead, 'utf8').trimEnd().split('\n').findLast((line) => line.includes('"type":"assistant"'))?.replaceAll(/"timestamp":"[^"]*"/g, `"timestamp":"${new Date(Date.now() + 7_200_000).toISOString()}"`).concat('\n') ?? '');
  assert.equal((await json(place, ['show', '--latest'])).report.id, idOf(1));
  assert.equal((await json(place, ['resume', '--latest'])).report.plans[0].session.id, idOf(1));
  assert.equal((await json(place, ['handoff'])).report.session.id, idOf(1));
});

test('export --all exports what it can read, reports the rest and fails', { skip: windows }, async (t) => {
  const place = world(t);
  const path = session(place, idOf(1));
  symlinkSync(join(place.root, 'gone'), join(dirname(path), `${idOf(2)}.jsonl`));
  for (const format of ['lossless', 'html']) {
    const { status, report } = await json(place, ['export', '--all', '--format', format, '--to', `${join(place.root, format)}/`]);
    assert.equal(status, 1);
    assert.deepEqual(report.failures.map((/** @type {any} */ one) => one.session), [idOf(2)]);
    assert.equal((report.exports ?? report.pages).length, 1);
  }
});

test('import of an export from another system suggests --project and prints no unusable command', async (t) => {
  const place = world(t);
  const path = session(place, idOf(1), { cwd: 'C:\\Users\\dev\\my-app' });
  const { report } = await json(place, ['export', idOf(1), '--to', join(place.root, 'x')]);
  rmSync(path);
  const first = await place.run(['import', report.exports[0].path]);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /--project/);
  assert.doesNotMatch(first.stdout, /claude --resume/);
  const to = directory(place, 'here');
  assert.match((await place.run(['import', report.exports[0].path, '--project', to])).stdout, /claude --resume/);
  const { status, stdout, stderr } = await place.run(['resume', idOf(1), '--print-command'], { cwd: place.home });
  assert.equal(status, 0, stderr);
  assert.ok(stdout.includes(to));
});

