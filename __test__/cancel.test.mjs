// Tests of `cancel` through the real command.

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { stoppedSession } from './lib/stopped.mjs';
import { treeOf } from './lib/settings-files.mjs';

test('cancel --all with no pending work prints a notice and exits with 6', async (t) => {
  const { run } = world(t);
  const { status, stdout, stderr } = await run(['cancel', '--all']);
  assert.equal(status, 6, stderr);
  assert.equal(stdout, 'No session is waiting; nothing was cancelled.\n');
});

test('cancel --json prints the report even when it is empty', async (t) => {
  const { run } = world(t);
  const { status, stdout } = await run(['cancel', '--all', '--json', '--dry-run']);
  assert.equal(status, 6);
  assert.deepEqual(JSON.parse(stdout), { dryRun: true, cancelled: [] });
});

test('cancel of an unknown session exits with 3 and prints the id', async (t) => {
  const { run } = world(t);
  const { status, stdout, stderr } = await run(['cancel', '3f2a9c1d-0000-4000-8000-000000000001']);
  assert.equal(status, 3, stderr);
  assert.equal(stdout, '');
  assert.ok(stderr.includes('3f2a9c1d'), stderr);
});

for (const hostile of ['../../etc', '--settings=x', '3f2', '%00', '3F2A/..', 'x'.repeat(5000)]) {
  test(`cancel rejects ${JSON.stringify(hostile.slice(0, 20))} as a session without an internal error`, async (t) => {
    const { run } = world(t);
    const { status, stderr } = await run(['cancel', '--', hostile]);
    assert.ok(status === 2 || status === 3, `${status} ${stderr}`);
    assert.doesNotMatch(stderr, /internal error/);
  });
}

test('cancel stops waiting for a session, and cancel --dry-run changes nothing', async (t) => {
  const place = world(t);
  const id = '3f2a9c1d-0000-4000-8000-000000000001';
  const { transcript } = await stoppedSession(place, { id });
  const before = treeOf(place.root);

  const dry = await place.run(['cancel', '3f2a', '--dry-run']);
  assert.equal(dry.status, 0, dry.stderr);
  assert.match(dry.stdout, /^Would no longer be continued:\n\n.*\n3f2a9c1d /);
  assert.deepEqual(treeOf(place.root), before);

  const report = JSON.parse((await place.run(['cancel', '3f2a', '--json'])).stdout);
  assert.equal(report.dryRun, false);
  assert.deepEqual(report.cancelled.map((/** @type {any} */ one) => one.session), [id]);
  assert.equal(treeOf(place.root)[relative(place.root, transcript)], before[relative(place.root, transcript)]);

  assert.equal((await place.run(['cancel', '3f2a'])).status, 6);
  assert.equal((await place.run(['cancel', '--all'])).status, 6);
  assert.match((await place.run(['status'])).stdout, /^No stopped or waiting sessions /m);
});

test('cancel --all cancels every session, and an ambiguous id prefix exits with 3', async (t) => {
  const place = world(t);
  const ids = ['3f2a9c1d-0000-4000-8000-000000000001', '3f2a9c1d-0000-4000-8000-000000000002'];
  for (const id of ids) await stoppedSession(place, { id });
  const ambiguous = await place.run(['cancel', '3f2a9c1d']);
  assert.equal(ambiguous.status, 3, ambiguous.stderr);
  const { status, stdout } = await place.run(['cancel', '--all', '--json']);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout).cancelled.map((/** @type {any} */ one) => one.session).toSorted(), ids);
});

test('cancel finds a session by the name the user gave it', async (t) => {
  const place = world(t);
  const id = '3f2a9c1d-0000-4000-8000-000000000001';
  const { transcript } = await stoppedSession(place, { id });
  appendFileSync(transcript, `${JSON.stringify({ type: 'agent-name', agentName: 'My Parser', sessionId: id })}\n`);
  const unknown = await place.run(['cancel', 'my lexer']);
  assert.equal(unknown.status, 3, unknown.stderr);
  const report = JSON.parse((await place.run(['cancel', 'my parser', '--json'])).stdout);
  assert.deepEqual(report.cancelled.map((/** @type {any} */ one) => one.session), [id]);
});
