// `cancel`, through the real command.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { world } from './lib/command.mjs';

test('with nothing waited for, cancel --all says so and ends with 6', async (t) => {
  const { run } = world(t);
  const { status, stdout, stderr } = await run(['cancel', '--all']);
  assert.equal(status, 6, stderr);
  assert.equal(stdout, 'Nothing is waited for; nothing was cancelled.\n');
});

test('--json prints the report, empty as it may be', async (t) => {
  const { run } = world(t);
  const { status, stdout } = await run(['cancel', '--all', '--json', '--dry-run']);
  assert.equal(status, 6);
  assert.deepEqual(JSON.parse(stdout), { dryRun: true, cancelled: [] });
});

test('a session that nobody knows ends with 3 and names it', async (t) => {
  const { run } = world(t);
  const { status, stdout, stderr } = await run(['cancel', '3f2a9c1d-0000-4000-8000-000000000001']);
  assert.equal(status, 3, stderr);
  assert.equal(stdout, '');
  assert.ok(stderr.includes('3f2a9c1d'), stderr);
});

for (const hostile of ['../../etc', '--settings=x', '3f2', '%00', '3F2A/..', 'x'.repeat(5000)]) {
  test(`${JSON.stringify(hostile.slice(0, 20))} is no session, and nothing else either`, async (t) => {
    const { run } = world(t);
    const { status, stderr } = await run(['cancel', '--', hostile]);
    assert.ok(status === 2 || status === 3, `${status} ${stderr}`);
    assert.doesNotMatch(stderr, /internal error/);
  });
}
