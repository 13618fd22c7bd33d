// `repair`: damage in a transcript is reported and repaired, through the command. client/repair.test.mjs shows that the real client opens
// the repaired transcripts.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { brokenSessions, soundSessions } from './lib/broken-sessions.mjs';
import { ROOT, world } from './lib/command.mjs';
import { livingClient } from './lib/hooks.mjs';
import { held, noFlock } from './lib/lease.mjs';

const notLinux = process.platform !== 'linux';
const noStrace = notLinux || spawnSync('strace', ['-V']).status !== 0 ? 'there is no strace' : false;
const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const CASES = brokenSessions();
const GLUED = CASES.find(({ name }) => name === 'glued records (edits)') ?? assert.fail('no such case');
/** Epoch seconds of a time long ago. */
const QUIET = 1_700_000_000;

/** @typedef {import('./lib/broken-sessions.mjs').Case} Case */

/** Writes a session to a world. @param {ReturnType<typeof world>} place @param {{session: string, bytes: Buffer}} one */
function put(place, one) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const transcript = join(directory, `${one.session}.jsonl`);
  writeFileSync(transcript, one.bytes, { mode: 0o640 });
  utimesSync(transcript, QUIET, QUIET);
  return transcript;
}

/** @param {string} transcript */
const besides = (transcript) => readdirSync(dirname(transcript)).filter((name) => name !== transcript.split('/').at(-1));

test('without --apply the plan is printed and nothing is changed; with it the session is repaired, and --rollback restores the bytes', async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  const planned = await place.run(['repair', GLUED.session]);
  assert.equal(planned.status, 0, planned.stderr);
  assert.match(planned.stdout, /^Would repair 1 of 1 finding in .*nothing was changed\.$/m);
  assert.match(planned.stdout, /^line \d+, byte \d+: 2 records on one line \(glued-records\)$/m);
  assert.match(planned.stdout, /repair \S+ --apply$/m);
  assert.deepEqual(readFileSync(transcript), GLUED.bytes);
  const { findings, mendable, dryRun } = JSON.parse((await place.run(['repair', GLUED.session, '--json'])).stdout);
  assert.deepEqual([mendable, dryRun, findings.length], [1, true, 1]);
  const line = GLUED.bytes.toString().split('\n')[findings[0].line - 1];
  assert.equal(GLUED.bytes.subarray(findings[0].offset, findings[0].offset + 40).toString(), line.slice(0, 40), 'line and offset name the same place');

  const applied = await place.run(['repair', GLUED.session, '--apply', '--json']);
  assert.equal(applied.status, 0, applied.stderr);
  const report = JSON.parse(applied.stdout);
  assert.equal(report.repaired, true);
  const repairedBytes = readFileSync(transcript);
  assert.equal(repairedBytes.length, GLUED.bytes.length + 1, 'a line end more, and nothing else');
  for (const text of repairedBytes.toString().trimEnd().split('\n')) JSON.parse(text);
  if (process.platform !== 'win32') assert.equal(statSync(transcript).mode & 0o777, 0o640, 'its mode stays');
  assert.equal(statSync(transcript).mtimeMs, QUIET * 1000, 'and its place in lists');
  assert.deepEqual(readFileSync(join(place.state, 'snapshots', GLUED.session, `${report.kept}.jsonl`)), GLUED.bytes);
  assert.deepEqual(besides(transcript), []);
  assert.ok(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').includes('"event":"repaired"'));
  const again = await place.run(['repair', GLUED.session, '--apply']);
  assert.equal(again.status, 6);
  assert.match(again.stdout, /^Nothing to repair in /);
  assert.deepEqual(readFileSync(transcript), repairedBytes);

  const back = await place.run(report.undo.slice(1));
  assert.equal(back.status, 0, back.stderr);
  assert.deepEqual(readFileSync(transcript), GLUED.bytes);
  assert.equal((await place.run(['repair', GLUED.session, '--rollback'])).status, 6, 'it is back already');
});

test('repair leaves the bytes of a transcript without repairable damage and exits with 6', async (t) => {
  const place = world(t);
  const harmless = CASES.filter(({ repairable }) => !repairable);
  assert.ok(harmless.length >= 8);
  for (const one of [...soundSessions(), ...harmless]) {
    const transcript = put(place, one);
    const { status, stdout, stderr } = await place.run(['repair', transcript, '--apply', '--json']);
    assert.equal(status, 6, `${one.name}: ${stderr}${stdout}`);
    assert.deepEqual(readFileSync(transcript), one.bytes, one.name);
    const { findings, repaired } = JSON.parse(stdout);
    assert.equal(repaired, false);
    for (const kind of one.classes) assert.ok(findings.some((/** @type {any} */ finding) => finding.class === kind && finding.mend === null), `${one.name}: ${kind}`);
    assert.deepEqual(besides(transcript).filter((name) => name.includes('tmp')), []);
  }
});

test('every broken session is repaired by one run, and rolled back to its bytes', async (t) => {
  const place = world(t);
  for (const one of CASES.filter(({ repairable }, at) => repairable && at % 4 === 0)) {
    const transcript = put(place, one);
    const { status, stderr } = await place.run(['repair', transcript, '--apply']);
    assert.equal(status, 0, `${one.name}: ${stderr}`);
    assert.equal((await place.run(['repair', transcript])).status, 6, one.name);
    const back = await place.run(['repair', transcript, '--rollback']);
    assert.equal(back.status, 0, `${one.name}: ${back.stderr}`);
    assert.deepEqual(readFileSync(transcript), one.bytes, one.name);
  }
});

test('repair --rollback refuses a session that continued after the repair', async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  assert.equal((await place.run(['repair', GLUED.session, '--apply'])).status, 0);
  appendFileSync(transcript, '{"type":"mode","mode":"normal"}\n');
  const grown = readFileSync(transcript);
  const { status, stderr } = await place.run(['repair', GLUED.session, '--rollback']);
  assert.equal(status, 4);
  assert.match(stderr, /continued after it was repaired\n {2}next: `cc-session-recover restore \S+ --from \S+-repair`/);
  assert.deepEqual(readFileSync(transcript), grown);
});

test('while a client has the session open nothing is repaired, but the plan is printed', { skip: notLinux }, async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  const client = livingClient(place, GLUED.session);
  const { status, stdout, stderr } = await place.run(['repair', GLUED.session, '--apply']);
  assert.deepEqual([status, stdout], [4, '']);
  assert.match(stderr, new RegExp(`process ${client.pid} has it open`));
  const planned = await place.run(['repair', GLUED.session]);
  assert.equal(planned.status, 0);
  assert.match(planned.stdout, new RegExp(`It cannot be repaired now: process ${client.pid} has it open`));
  assert.deepEqual(readFileSync(transcript), GLUED.bytes);
  await client.kill();
  assert.equal((await place.run(['repair', GLUED.session, '--apply'])).status, 0, 'the control');
});

test('repair --apply refuses a transcript that was written a moment ago', async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  const now = Date.now() / 1000;
  utimesSync(transcript, now, now);
  const { status, stderr } = await place.run(['repair', GLUED.session, '--apply']);
  assert.equal(status, 4);
  assert.match(stderr, /something wrote to it \d+ s ago, and may do so again\n {2}next: run it again in \d+ s/);
  assert.deepEqual(readFileSync(transcript), GLUED.bytes);
  assert.deepEqual(readdirSync(place.state).filter((name) => name === 'snapshots'), []);
});

test('nothing is repaired during an unattended run', { skip: noFlock }, async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  const end = await held(place, `${GLUED.session}.run`);
  const { status, stderr } = await place.run(['repair', GLUED.session, '--apply']);
  assert.equal(status, 4);
  assert.match(stderr, /an unattended run of the session is in progress/);
  assert.deepEqual(readFileSync(transcript), GLUED.bytes);
  // Control: after the run has ended, the repair is written.
  await end();
  assert.equal((await place.run(['repair', GLUED.session, '--apply'])).status, 0);
  assert.notDeepEqual(readFileSync(transcript), GLUED.bytes);
});

test('a stub is reported with where a copy may be; a missing session and options that cannot be used together have errors', async (t) => {
  const place = world(t);
  const session = '12345678-0000-4000-8000-000000000001';
  const bytes = Buffer.from(`{"type":"mode","mode":"normal","sessionId":"${session}"}\n{"type":"last-prompt","lastPrompt":"x","sessionId":"${session}"}\n`);
  const transcript = put(place, { session, bytes });
  const { status, stdout } = await place.run(['repair', transcript, '--apply']);
  assert.equal(status, 6);
  assert.match(stdout, /it contains no message of a conversation \(stub\)/);
  assert.match(stdout, /A snapshot or an export may have a copy/);
  assert.deepEqual(readFileSync(transcript), bytes);
  assert.equal((await place.run(['repair', 'ffffffff'])).status, 3);
  assert.equal((await place.run(['repair'])).status, 2);
  assert.equal((await place.run(['repair', transcript, '--apply', '--rollback'])).status, 2);
  const none = await place.run(['repair', transcript, '--rollback']);
  assert.equal(none.status, 3);
  assert.match(none.stderr, /no snapshot from a repair of this session is retained/);
});

test('damage in the transcript of a subagent is reported and left as it is', async (t) => {
  const place = world(t);
  const [sound] = soundSessions();
  const transcript = put(place, sound);
  const directory = join(transcript.replace(/\.jsonl$/, ''), 'subagents');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, 'agent-a1.jsonl');
  const record = (/** @type {string} */ uuid, /** @type {string | null} */ parentUuid, /** @type {string} */ type) => JSON.stringify({ parentUuid, isSidechain: true, agentId: 'a1', type, message: { role: type, content: [{ type: 'text', text: 'x' }] }, uuid, timestamp: '2026-01-01T00:00:00.000Z', sessionId: sound.session });
  const bytes = `${record('u1', null, 'user')}\n${record('u2', 'u1', 'assistant')}${record('u3', 'u2', 'user')}\n`;
  writeFileSync(file, bytes);
  const { status, stdout } = await place.run(['repair', sound.session, '--apply', '--json']);
  assert.equal(status, 6);
  const { subagents } = JSON.parse(stdout);
  assert.deepEqual(subagents.map((/** @type {any} */ one) => [one.path, one.findings.map((/** @type {any} */ finding) => [finding.class, finding.line, finding.mend])]), [[file, [['glued-records', 2, null]]]]);
  assert.equal(readFileSync(file, 'utf8'), bytes);
  assert.match((await place.run(['repair', sound.session])).stdout, /In the transcript of a subagent/);
});

/**
 * Runs the command under strace, which makes a call fail or kills the command at it.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string[]} inject
 * @param {string[]} argv
 */
function injected(place, inject, argv) {
  return spawnSync('strace', ['-f', '-o', '/dev/null', ...inject, process.execPath, COMMAND, ...argv], { cwd: place.project, env: place.env, encoding: 'utf8' });
}

test('a failed repair leaves the old or the new transcript and no other file', { skip: noStrace }, async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  assert.equal((await place.run(['repair', GLUED.session, '--apply'])).status, 0);
  const repairedBytes = readFileSync(transcript);
  const tally = { failed: 0, done: 0 };
  for (const [calls, error] of [['fsync,fdatasync', 'EIO'], ['rename,renameat,renameat2', 'EACCES'], ['ftruncate,fchmod', 'EPERM']]) {
    for (let when = 1; when <= 4; when += 1) {
      put(place, GLUED);
      const { status } = injected(place, ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${when}`], ['repair', GLUED.session, '--apply']);
      const now = readFileSync(transcript);
      assert.ok(now.equals(GLUED.bytes) || now.equals(repairedBytes), `${calls} ${when}: half of it`);
      if (status === 0) assert.deepEqual(now, repairedBytes, `${calls} ${when}: said to be done`);
      assert.deepEqual(besides(transcript), [], `${calls} ${when}`);
      tally[status === 0 ? 'done' : 'failed'] += 1;
    }
  }
  assert.ok(tally.failed >= 6, `the control: the failures are met ${JSON.stringify(tally)}`);
  // Simulates a full file system: files of at most 4 kB, and the signal for larger ones is ignored.
  put(place, GLUED);
  const full = spawnSync('sh', ['-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'sh', process.execPath, COMMAND, 'repair', GLUED.session, '--apply'], { cwd: place.project, env: place.env, encoding: 'utf8' });
  assert.equal(full.status, 1, full.stderr);
  assert.deepEqual(readFileSync(transcript), GLUED.bytes);
  assert.deepEqual(besides(transcript), []);
});

test('a repair killed at any step leaves the old or the new transcript, and the next repair completes it', { skip: noStrace }, async (t) => {
  const place = world(t);
  const transcript = put(place, GLUED);
  assert.equal((await place.run(['repair', GLUED.session, '--apply'])).status, 0);
  const repairedBytes = readFileSync(transcript);
  const tally = { killed: 0, old: 0, new: 0 };
  for (const call of ['fsync', 'rename', 'fchmod', 'flock']) {
    for (let when = 1; when <= 6; when += 1) {
      put(place, GLUED);
      const { signal, status } = injected(place, ['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${when}`], ['repair', GLUED.session, '--apply']);
      if (signal === null && status === 0) break;
      tally.killed += 1;
      const now = readFileSync(transcript);
      assert.ok(now.equals(GLUED.bytes) || now.equals(repairedBytes), `${call} ${when}: half of it`);
      tally[now.equals(repairedBytes) ? 'new' : 'old'] += 1;
      put(place, GLUED);
      const next = await place.run(['repair', GLUED.session, '--apply']);
      assert.equal(next.status, 0, next.stderr);
      assert.deepEqual(readFileSync(transcript), repairedBytes);
      assert.deepEqual(besides(transcript), [], 'what the killed one left is taken away');
    }
  }
  assert.ok(tally.killed >= 6 && tally.old > 0 && tally.new > 0, `the control: ${JSON.stringify(tally)}`);
});

test('the memory use of repair does not grow with the size of the transcript', { skip: notLinux }, async (t) => {
  const place = world(t);
  const [{ bytes, session }] = soundSessions();
  const lines = bytes.toString().trimEnd().split('\n');
  const filler = Buffer.from(`${JSON.stringify({ type: 'api-request-shape', sessionId: session, shape: 'x'.repeat(60_000) })}\n`.repeat(100));
  const peak = async (/** @type {number} */ megabytes) => {
    const transcript = put(place, { session, bytes: Buffer.from(`${lines[4]}`) });
    const file = openSync(transcript, 'a');
    writeSync(file, `${lines.slice(5).join('\n')}\n`);
    for (let left = megabytes * 1e6; left > 0; left -= filler.length) writeSync(file, filler);
    closeSync(file);
    utimesSync(transcript, QUIET, QUIET);
    const size = statSync(transcript).size;
    const told = `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(join(place.root, 'peak'))}, String(process.resourceUsage().maxRSS * 1024)))`;
    writeFileSync(join(place.root, 'tell.cjs'), told);
    const { status, stderr } = await place.run(['repair', session, '--apply'], { node: ['--require', join(place.root, 'tell.cjs')] });
    assert.equal(status, 0, stderr);
    assert.equal(statSync(transcript).size, size + 1);
    return Number(readFileSync(join(place.root, 'peak'), 'utf8'));
  };
  const small = await peak(1);
  const large = await peak(200);
  t.diagnostic(`${(small / 1e6).toFixed(0)} MB with 1 MB, ${(large / 1e6).toFixed(0)} MB with 200 MB`);
  assert.ok(large - small < 16e6, `${large - small} bytes more`);
});
