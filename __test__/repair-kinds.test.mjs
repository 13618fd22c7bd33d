// `repair` of conversations whose lines are intact but which the client does not send completely, through the command.
// client/repair.test.mjs shows that the real client sends them afterwards.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { repairKinds, rewound } from './lib/repair-kinds.mjs';

/** Epoch seconds of a time long ago. */
const QUIET = 1_700_000_000;

/** @param {ReturnType<typeof world>} place @param {{session: string, bytes: Buffer}} one */
function put(place, one) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const transcript = join(directory, `${one.session}.jsonl`);
  writeFileSync(transcript, one.bytes);
  utimesSync(transcript, QUIET, QUIET);
  return transcript;
}

for (const one of repairKinds()) {
  test(`${one.name}: what is found, repaired, and rolled back`, async (t) => {
    const place = world(t);
    const transcript = put(place, one);
    const planned = await place.run(['repair', one.session, '--json']);
    assert.equal(planned.status, one.repairable ? 0 : 6, planned.stderr);
    const report = JSON.parse(planned.stdout);
    for (const name of one.classes) assert.ok(report.findings.some((/** @type {any} */ finding) => finding.class === name), `${name}: ${JSON.stringify(report.findings)}`);
    if (one.classes.length === 0) assert.deepEqual(report.findings, []);
    assert.equal(report.mendable > 0, one.repairable);
    const { status, stderr } = await place.run(['repair', one.session, '--apply']);
    assert.equal(status, one.repairable ? 0 : 6, `what was promised is done: ${stderr}`);
    if (!one.repairable) {
      assert.ok(readFileSync(transcript).equals(one.bytes), 'it keeps its bytes');
      return;
    }
    const again = await place.run(['repair', one.session, '--apply']);
    assert.equal(again.status, 6, `once is enough: ${again.stdout}`);
    assert.equal((await place.run(['repair', one.session, '--rollback'])).status, 0);
    assert.ok(readFileSync(transcript).equals(one.bytes), 'byte for byte');
  });
}

test('repair counts records of another session and names the transcript of that session', async (t) => {
  const place = world(t);
  const one = repairKinds().find(({ classes }) => classes.includes('other-session')) ?? assert.fail('no such kind');
  put(place, one);
  const { others } = JSON.parse((await place.run(['repair', one.session, '--json'])).stdout);
  assert.deepEqual(others.map((/** @type {any} */ { turns, records, transcript }) => [turns, records, transcript]), [[1, 4, null]]);
  const own = put(place, { session: others[0].session, bytes: one.bytes });
  const { others: known } = JSON.parse((await place.run(['repair', one.session, '--json'])).stdout);
  assert.equal(known[0].transcript, own);
});

test('repair reports both branches, and --branch makes the client send the other one', async (t) => {
  const place = world(t);
  const one = rewound();
  const transcript = put(place, one);
  const { branches } = JSON.parse((await place.run(['repair', one.session, '--json'])).stdout);
  assert.deepEqual(
    branches.map((/** @type {any} */ { id, turns, lastWords, sent }) => [id, turns, lastWords, sent]),
    [
      [one.left, 1, 'bad-answered', false],
      [one.right, 1, 'right-answered', true],
    ],
  );
  assert.ok(branches.every((/** @type {any} */ { bytes }) => bytes > 1000));
  const planned = await place.run(['repair', one.session, '--branch', one.left.toUpperCase()]);
  assert.equal(planned.status, 0, planned.stderr);
  assert.ok(planned.stdout.includes(`--branch ${one.left} --apply`), planned.stdout);
  assert.ok(readFileSync(transcript).equals(one.bytes));
  assert.equal((await place.run(['repair', one.session, '--branch', one.left, '--apply'])).status, 0);
  const added = readFileSync(transcript).subarray(one.bytes.length).toString();
  assert.equal(JSON.parse(added).leafUuid, one.left);
  assert.equal((await place.run(['repair', one.session, '--rollback'])).status, 0);
  assert.ok(readFileSync(transcript).equals(one.bytes));
  assert.equal((await place.run(['repair', one.session, '--branch', one.right, '--apply'])).status, 6, 'it is sent already');
  assert.equal((await place.run(['repair', one.session, '--branch', '00000000-0000-4000-8000-000000000000'])).status, 3);
  assert.equal((await place.run(['repair', one.session, '--branch', 'main'])).status, 2);
});
