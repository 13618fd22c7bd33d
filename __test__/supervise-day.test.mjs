// A supervisor that waits for a day in a project with 1,000 transcripts. The day passes 3,600 times as fast (libfaketime), so passes are as
// much more frequent; every half hour another session stops and the user continues an earlier one. `CC_RECOVER_TEST_IDLE=1` also observes
// one minute of real time in which nothing happens.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { world } from './lib/command.mjs';
import { idOf, transcriptText } from './lib/hooks.mjs';
import { supervised } from './lib/supervised.mjs';
import { superviseWords } from './lib/traced.mjs';
import { until } from './lib/until.mjs';

const FASTER = 3600;
const HOURS = 24;
const SESSIONS = 1000;
const HOUR = 3600_000;
const DAY = 24 * 3600;

const library = ['/usr/lib/*/faketime/libfaketimeMT.so.1', '/usr/lib64/faketime/libfaketimeMT.so.1', '/usr/lib/faketime/libfaketimeMT.so.1'].flatMap((pattern) => found(pattern))[0];
/** The boot clock is not faked: a stop is due only if both clocks agree. @type {Record<string, string>} */
const FASTER_ENV = { LD_PRELOAD: library ?? '', FAKETIME: `+0 x${FASTER}`, FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' };

/** Why time cannot be accelerated here, or `false`. */
const slow = (() => {
  if (process.platform !== 'linux') return 'time is made to pass faster by libfaketime, and processes are read from /proc: Linux only';
  if (library === undefined) return 'libfaketime is not installed';
  const code = 'const began = Date.now(); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50); console.log(Date.now() - began);';
  const { stdout } = spawnSync(process.execPath, ['-e', code], { env: { ...process.env, ...FASTER_ENV }, encoding: 'utf8' });
  return Number(stdout) > 10_000 ? false : 'libfaketime does not work with this node';
})();

/** Returns the paths that match a pattern with one star, which stands for a directory. @param {string} pattern @returns {string[]} */
function found(pattern) {
  const [before, after] = pattern.split('*');
  if (after === undefined) return existsSync(pattern) ? [pattern] : [];
  return existsSync(before) ? readdirSync(before).map((name) => `${before}${name}${after}`).filter((path) => existsSync(path)) : [];
}

/**
 * Starts a supervisor in a project with many transcripts that need no work, and one session whose limit resets in three days.
 *
 * @param {import('node:test').TestContext} t
 * @param {{age?: number, env?: Record<string, string>, poll?: number}} how `age`: seconds since the many transcripts were last written;
 *   `poll`: real seconds between two passes.
 */
async function waiting(t, { age = 0, env = {}, poll = 30 }) {
  const place = world(t);
  const scene = await supervised(place, { config: { stops: { 'usage-limit-weekly': 'resume' }, supervisor: { pollSeconds: poll } } });
  const text = transcriptText('finished-print', { id: idOf(0), cwd: place.project });
  for (let index = 1; index <= SESSIONS; index += 1) {
    const path = join(scene.transcripts, `${idOf(index)}.jsonl`);
    writeFileSync(path, text.replaceAll(idOf(0), idOf(index)));
    if (age > 0) utimesSync(path, Date.now() / 1000 - age, Date.now() / 1000 - age);
  }
  const session = idOf(0xffff);
  scene.stop(session, { fixture: 'quota-weekly-print', resetsIn: 3 * DAY });
  const [file, ...args] = superviseWords(place);
  const began = Date.now();
  const child = spawn(file, args, { cwd: '/', env: { ...place.env, ...env }, stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('close', resolve));
  place.endings.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  const pid = /** @type {number} */ (child.pid);
  return { place, scene, session, pid, runs: () => child.exitCode === null && child.signalCode === null, now: () => began + (Date.now() - began) * FASTER };
}

/** Returns the resident kilobytes of a process; the value in /proc's `status` lags behind. @param {number} pid */
const memory = (pid) => Number(/Rss:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
/** Returns the number of open files. @param {number} pid */
const files = (pid) => readdirSync(`/proc/${pid}/fd`).length;
/** Returns the processor time in clock ticks, including ended threads. @param {number} pid */
const ticks = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
};
/** Returns how often each thread has waited. @param {number} pid @returns {Map<string, number>} */
const waits = (pid) => new Map(readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
  try {
    return [[thread, Number(/\nvoluntary_ctxt_switches:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'))?.[1])]];
  } catch {
    // The thread has ended.
    return [];
  }
}));
/** Returns the bytes and the number of files of a directory, in which files may be replaced meanwhile. @param {string} directory */
function size(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return { files: entries.length, bytes: entries.reduce((sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0) };
}

/** Returns in what the process has grown since the first sample. @param {{rss: number, fds: number}[]} samples */
function grown(samples) {
  const [first, last] = [samples[0], samples[samples.length - 1]];
  const most = Math.max(...samples.map(({ rss }) => rss));
  return [
    ...(most - first.rss > 1024 ? [`memory: ${first.rss} -> ${most} kB`] : []),
    ...(last.fds > first.fds ? [`open files: ${first.fds} -> ${last.fds}`] : []),
  ];
}

test('the supervisor does not grow in memory, open files or disk use during a day of waiting', { skip: slow }, async (t) => {
  const { place, scene, session, pid, runs, now } = await waiting(t, { env: FASTER_ENV, poll: 30 / FASTER });
  const stamped = (/** @type {any} */ record) => (record.timestamp ? { ...record, timestamp: new Date(now()).toISOString() } : record);
  const stop = (/** @type {string} */ id) => scene.stop(id, { fixture: 'quota-weekly-print', resetsIn: 4 * DAY, edit: stamped });
  const phaseOf = (/** @type {string} */ id) => existsSync(join(place.state, 'incidents', `${id}.json`)) && scene.incident(id).phase;
  // The process has its usual size once it has read all transcripts and handled a stop that its user continued.
  await until(() => phaseOf(session) === 'waiting');
  const first = idOf(0x10000);
  const transcript = stop(first);
  await until(() => phaseOf(first) === 'waiting');
  goesOn(transcript, stamped);
  await until(() => phaseOf(first) === 'moved-on');
  const began = now();
  const hour = (/** @type {number} */ number) => later(Math.max(0, (began + number * HOUR - now()) / FASTER));
  /** @type {{rss: number, fds: number, bytes: number, files: number}[]} */
  const samples = [];
  let changes = 0;
  for (let half = 1; half <= 2 * HOURS; half += 1) {
    await hour(half / 2);
    assert.equal(runs(), true, `it ended after ${half / 2} hours`);
    if (half % 2 === 0) {
      // A pass has files open. On a machine under load one takes longer, so look until they are closed again.
      let fds = Infinity;
      for (let look = 0; look < 10 || (look < 400 && fds > (samples[0]?.fds ?? Infinity)); look += 1) {
        fds = Math.min(fds, files(pid));
        await later(5);
      }
      samples.push({ rss: memory(pid), fds, ...size(place.state) });
    }
    // Start no new stops near the end, so that the last incidents are closed in time.
    if (half > 2 * HOURS - 4) continue;
    stop(idOf(0x10000 + half));
    if (half > 2) goesOn(join(scene.transcripts, `${idOf(0x10000 + half - 2)}.jsonl`), stamped);
    changes += 1;
  }
  const phases = () => readdirSync(join(place.state, 'incidents')).filter((name) => name.endsWith('.json')).map((name) => scene.incident(name.replace('.json', '')).phase);
  const isDone = (/** @type {string[]} */ all) => all.length === changes + 2 && all.filter((phase) => phase === 'moved-on').length === changes - 1;
  await until(() => isDone(phases()), `${changes + 1} sessions, of which all but two moved on`, 30);
  assert.equal(scene.incident(session).phase, 'waiting');
  const [morning, last] = [samples[0], samples.at(-1)];
  const journal = readFileSync(join(place.state, 'journal.jsonl'), 'utf8').split('\n').length;
  t.diagnostic(`it has waited ${waits(pid).get(String(pid))} times`);
  t.diagnostic(`memory after each hour, in kB: ${samples.map(({ rss }) => rss).join(' ')}`);
  t.diagnostic(`open files: ${samples.map(({ fds }) => fds).join(' ')}`);
  t.diagnostic(`state: ${morning.files} files, ${morning.bytes} bytes -> ${last.files} files, ${last.bytes} bytes; ${journal} lines of journal, ${changes} sessions`);
  assert.deepEqual(grown(samples), []);
  // Passes that find nothing new write nothing: the amount written depends on the number of changes.
  assert.equal(journal <= 6 * changes, true, `${journal} lines of journal`);
  assert.equal(last.files - morning.files <= 3 * changes, true, 'files of state');
  assert.equal(last.bytes - morning.bytes <= 8192 * changes, true, 'bytes of state');
});

test('the growth check detects a process that accumulates memory and files (control)', { skip: slow }, async (t) => {
  const kept = 'const { openSync } = require("node:fs"); const kept = []; setInterval(() => kept.push(openSync("/dev/null"), Buffer.alloc(65536, 1)), 10);';
  const child = spawn(process.execPath, ['-e', kept], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  const pid = /** @type {number} */ (child.pid);
  const samples = [];
  for (let count = 0; count < 3; count += 1) {
    await later(700);
    samples.push({ rss: memory(pid), fds: files(pid) });
  }
  assert.deepEqual(grown(samples).map((text) => text.split(':')[0]), ['memory', 'open files']);
});

test('the idle supervisor uses less than 0.5 % of a processor and wakes no other thread', { skip: process.env.CC_RECOVER_TEST_IDLE === '1' ? process.platform !== 'linux' : 'CC_RECOVER_TEST_IDLE=1 watches a minute' }, async (t) => {
  const { pid, runs } = await waiting(t, {});
  await later(5000);
  const [before, used] = [waits(pid), ticks(pid)];
  await later(60_000);
  assert.equal(runs(), true);
  const waited = [...waits(pid)].map(([thread, count]) => [thread === String(pid) ? 'main' : thread, count - (before.get(thread) ?? 0)]);
  t.diagnostic(`processor time: ${ticks(pid) - used} ticks of 10 ms; waits: ${waited.map(([thread, count]) => `${thread} ${count}`).join(', ')}`);
  assert.equal(ticks(pid) - used < 30, true, 'it used half a per cent of a processor');
  assert.deepEqual(waited.filter(([thread, count]) => thread !== 'main' && Number(count) > 0), [], 'a thread that has nothing to do was woken');
});

/** Writes that the user continues a session and its turn ends. @param {string} transcript @param {(record: any) => any} stamped */
function goesOn(transcript, stamped) {
  const records = readFileSync(transcript, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const asked = records.find(({ type }) => type === 'user');
  const [uuid, answer] = ['d0000000-0000-4000-8000-000000000001', 'd0000000-0000-4000-8000-000000000002'];
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } };
  const added = [{ ...asked, parentUuid: records.findLast((one) => one.uuid).uuid, uuid }, { ...asked, type: 'assistant', message, parentUuid: uuid, uuid: answer }];
  appendFileSync(transcript, added.map((record) => `${JSON.stringify(stamped(record))}\n`).join(''));
}
