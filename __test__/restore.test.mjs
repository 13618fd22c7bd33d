// `restore`: replaces a transcript with a snapshot, through the command.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { idOf, livingClient, transcriptText } from './lib/hooks.mjs';
import { held, noFlock } from './lib/lease.mjs';
import { stoppedSession } from './lib/stopped.mjs';

const notLinux = process.platform !== 'linux';
const ID = idOf(1);

/** @param {string | Buffer} bytes */
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Creates a session whose transcript grew after its snapshots were taken. @param {ReturnType<typeof world>} place */
function prepared(place) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const transcript = join(directory, `${ID}.jsonl`);
  const before = transcriptText('finished-interactive', { id: ID, cwd: place.project });
  const after = before + transcriptText('finished-interactive', { id: ID, cwd: place.project });
  writeFileSync(transcript, after, { mode: 0o640 });
  quiet(transcript);
  return { transcript, before, after, snapshots: join(place.state, 'snapshots', ID), added: after.split('\n').length - before.split('\n').length };
}

/** Sets the file time of a transcript to one at which no process writes to it anymore. @param {string} transcript */
function quiet(transcript) {
  const at = Date.now() / 1000 - 600;
  utimesSync(transcript, at, at);
}

/**
 * Writes a snapshot as the product does: a copy with its hash beside it.
 *
 * @param {string} directory @param {string} name @param {string} text @param {number} [age] Seconds.
 */
function snapshotOf(directory, name, text, age = 0) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${name}.jsonl`);
  writeFileSync(path, text, { mode: 0o600 });
  writeFileSync(`${path}.sha256`, `${sha256(text)}  ${name}.jsonl\n`);
  const at = Date.now() / 1000 - age;
  utimesSync(path, at, at);
  return path;
}

/** @param {string} directory */
const namesIn = (directory) => readdirSync(directory).toSorted();

test('a named snapshot is restored, the replaced bytes are kept, and the command that restore prints undoes it', async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots, added } = prepared(place);
  snapshotOf(snapshots, '20261121T020000000Z-1-1', before);
  const planned = JSON.parse((await place.run(['restore', ID, '--from', 'latest', '--dry-run', '--json'])).stdout);
  assert.deepEqual([planned.dryRun, planned.restored, planned.chosen, planned.kept], [true, false, '20261121T020000000Z-1-1', null]);
  assert.equal(readFileSync(transcript, 'utf8'), after, 'nothing is changed by a dry run');
  assert.equal(namesIn(snapshots).length, 2);
  const { status, stdout, stderr } = await place.run(['restore', ID, '--from', 'latest', '--json']);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.equal(report.restored, true);
  assert.deepEqual(report.snapshots.map((/** @type {any} */ { sound, isPrefix, linesSince }) => ({ sound, isPrefix, linesSince })), [{ sound: true, isPrefix: true, linesSince: added }]);
  assert.equal(readFileSync(transcript, 'utf8'), before);
  if (process.platform !== 'win32') assert.equal(statSync(transcript).mode & 0o777, 0o640, 'the mode of the transcript stays');
  const kept = join(snapshots, `${report.kept}.jsonl`);
  assert.equal(readFileSync(kept, 'utf8'), after);
  if (process.platform !== 'win32') assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.equal(readFileSync(`${kept}.sha256`, 'utf8'), `${sha256(after)}  ${report.kept}.jsonl\n`);
  assert.deepEqual(report.commands.resume, ['claude', `--resume=${ID}`]);
  assert.ok(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').includes('"event":"restored"'));
  const undone = await place.run(report.undo.slice(1));
  assert.equal(undone.status, 0, undone.stderr);
  assert.match(undone.stdout, /^Restored .* read back and compared\.$/m);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.deepEqual(readdirSync(join(transcript, '..')), [`${ID}.jsonl`], 'nothing temporary is left beside it');
});

test('restore with several snapshots lists them, newest first, and requires a choice', async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots, added } = prepared(place);
  snapshotOf(snapshots, '20261120T000000000Z-1-1', before.replace('"type"', '"tipe"'), 7200);
  snapshotOf(snapshots, '20261121T000000000Z-1-2', before, 3600);
  snapshotOf(snapshots, '20261121T010000000Z-1-3', after, 60);
  const listed = await place.run(['restore', ID]);
  assert.equal(listed.status, 3);
  const rows = listed.stdout.split('\n').filter((line) => line.startsWith('2026'));
  assert.deepEqual(rows.map((line) => line.split(' ')[0]), ['20261121T010000000Z-1-3', '20261121T000000000Z-1-2', '20261120T000000000Z-1-1']);
  assert.match(rows[0], / is the same$/);
  assert.match(rows[1], new RegExp(` grew by ${added} lines$`));
  assert.match(rows[2], new RegExp(` was rewritten, ${added} lines more$`));
  assert.match(listed.stdout, / restore \S+ --from <snapshot>$/m);
  assert.equal((await place.run(['restore', ID, '--dry-run', '--json'])).status, 0);
  const ambiguous = await place.run(['restore', ID, '--from', '20261121']);
  assert.equal(ambiguous.status, 3);
  assert.match(ambiguous.stderr, /matches several snapshots\n {2}next: there are 20261121T01/);
  assert.equal((await place.run(['restore', ID, '--from', '../../x'])).status, 3);
  assert.equal((await place.run(['restore', ID, '--from', 'latest'])).status, 6, 'it is that already');
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.equal(namesIn(snapshots).length, 6);
  const { status, stderr } = await place.run(['restore', ID, '--from', '20261121T00']);
  assert.equal(status, 0, stderr);
  assert.equal(readFileSync(transcript, 'utf8'), before);
});

test('without --from restore picks the only snapshot only if it has every record of the transcript', async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots } = prepared(place);
  snapshotOf(snapshots, 'one-1', before);
  // The snapshot has each record of the second text, but only once.
  for (const more of [after, before + before]) {
    writeFileSync(transcript, more);
    quiet(transcript);
    const { status, stdout } = await place.run(['restore', ID]);
    assert.equal(status, 3);
    assert.match(stdout, /^1 snapshot of .*; nothing was changed\.$/m);
    assert.match(stdout, / restore \S+ --from <snapshot>$/m);
    assert.equal(readFileSync(transcript, 'utf8'), more);
  }
  // A transcript that only lost its end, or its beginning, is contained in the snapshot.
  for (const part of [before.slice(0, before.length / 2), before.slice(before.indexOf('\n') + 1)]) {
    writeFileSync(transcript, part);
    quiet(transcript);
    const { status: done, stderr } = await place.run(['restore', ID]);
    assert.equal(done, 0, stderr);
    assert.equal(readFileSync(transcript, 'utf8'), before);
    rmSync(transcript);
    rmSync(snapshots, { recursive: true });
    snapshotOf(snapshots, 'one-1', before);
  }
});

test('restore refuses a transcript that was written a moment ago, except by restore itself', async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots } = prepared(place);
  snapshotOf(snapshots, 'one-1', before);
  writeFileSync(transcript, after);
  const argv = ['restore', ID, '--from', 'one-1'];
  const { status, stderr } = await place.run(argv);
  assert.equal(status, 4);
  assert.match(stderr, /something wrote to it \d+ s ago, and may do so again\n {2}next: run it again in \d+ s/);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.equal(namesIn(snapshots).length, 2, 'and no snapshot is taken of it');
  quiet(transcript);
  const done = JSON.parse((await place.run([...argv, '--json'])).stdout);
  assert.equal((await place.run(done.undo.slice(1))).status, 0, 'undoes it at once');
  assert.equal(readFileSync(transcript, 'utf8'), after);
});

test('a snapshot whose bytes have changed is not restored', async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots } = prepared(place);
  const path = snapshotOf(snapshots, '20261121T020000000Z-1-1', before);
  writeFileSync(path, before.replace('"type"', '"tipe"'));
  const { status, stdout, stderr } = await place.run(['restore', ID, '--from', 'latest']);
  assert.deepEqual([status, stdout], [5, '']);
  assert.match(stderr, /has changed since the snapshot was taken/);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.equal(namesIn(snapshots).length, 2, 'and nothing is kept for it');
  // Control: with its original bytes the snapshot is accepted.
  writeFileSync(path, before);
  assert.equal((await place.run(['restore', ID, '--from', 'latest'])).status, 0);
  assert.equal(readFileSync(transcript, 'utf8'), before);
});

test('while a client has the session open nothing is restored, but the snapshots can be listed', { skip: notLinux }, async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots } = prepared(place);
  snapshotOf(snapshots, 'one-1', before);
  const client = livingClient(place, ID);
  for (const argv of [['restore', ID, '--from', 'one-1'], ['restore', ID, '--from', 'one-1', '--dry-run']]) {
    const { status, stderr } = await place.run(argv);
    assert.equal(status, 4);
    assert.match(stderr, new RegExp(`process ${client.pid} has it open`));
  }
  snapshotOf(snapshots, 'two-2', after);
  assert.equal((await place.run(['restore', ID, '--dry-run'])).status, 0);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.equal(namesIn(snapshots).length, 4);
  await client.kill();
  assert.equal((await place.run(['restore', ID, '--from', 'one-1'])).status, 0);
});

test('nothing is restored during an unattended run', { skip: noFlock }, async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots } = prepared(place);
  snapshotOf(snapshots, 'one-1', before);
  const end = await held(place, `${ID}.run`);
  const { status, stderr } = await place.run(['restore', ID, '--from', 'one-1']);
  assert.equal(status, 4);
  assert.match(stderr, /an unattended run of the session is in progress/);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  await end();
  assert.equal((await place.run(['restore', ID, '--from', 'one-1'])).status, 0);
});

test('restore leaves the transcript unchanged and no file behind when the file system is full', { skip: notLinux }, async (t) => {
  const place = world(t);
  const { transcript, before, after, snapshots } = prepared(place);
  snapshotOf(snapshots, 'one-1', before);
  const command = join(ROOT, 'bin', 'cc-session-recover.js');
  // Files of at most 4 kB, and the signal for larger ones is ignored, so that a write fails as on a full disk.
  const bounded = (/** @type {number} */ blocks) => spawnSync('sh', ['-c', `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`, 'sh', process.execPath, command, 'restore', ID, '--from', 'one-1'], { cwd: place.project, env: place.env, encoding: 'utf8' });
  assert.ok(after.length > 16 * 1024);
  const { status, stderr } = bounded(8);
  assert.equal(status, 1, stderr);
  assert.match(stderr, /could not copy: file too large/);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.deepEqual(namesIn(snapshots), ['one-1.jsonl', 'one-1.jsonl.sha256']);
  assert.deepEqual(readdirSync(join(transcript, '..')), [`${ID}.jsonl`]);
  assert.equal(bounded(100_000).status, 0, 'with room it continues');
});

test('a transcript that is gone is restored to the path that its incident names', async (t) => {
  const place = world(t);
  const { transcript } = await stoppedSession(place, { id: ID });
  const text = readFileSync(transcript, 'utf8');
  snapshotOf(join(place.state, 'snapshots', ID), 'one-1', text);
  rmSync(transcript);
  const { status, stdout, stderr } = await place.run(['restore', ID, '--json']);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual([report.kept, report.undo, report.snapshots[0].isPrefix], [null, null, null]);
  assert.equal(readFileSync(transcript, 'utf8'), text);
  const shown = JSON.parse((await place.run(['show', ID, '--json'])).stdout);
  assert.ok(shown.incident.evidence.some((/** @type {any} */ { fact }) => fact.includes('restored from snapshot kept')));
});

test('a session without snapshots and an unknown session have different errors', async (t) => {
  const place = world(t);
  const { transcript, after } = prepared(place);
  const none = await place.run(['restore', ID]);
  assert.equal(none.status, 3);
  assert.match(none.stderr, /session .* has no snapshot\n {2}next: /);
  const unknown = await place.run(['restore', 'ffffffff']);
  assert.equal(unknown.status, 3);
  assert.match(unknown.stderr, /no session begins with/);
  assert.equal((await place.run(['restore'])).status, 2);
  assert.equal(readFileSync(transcript, 'utf8'), after);
  assert.equal(existsSync(join(place.state, 'snapshots')), false);
});
