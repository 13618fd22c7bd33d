// `drill` with the real client, the first command that a new user runs.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { VERSIONS, clientOrSkip } from './install.mjs';
import { run } from './scene.mjs';

const CLI = path.join(import.meta.dirname, '..', '..', 'bin', 'cc-session-recover.js');

test('drill recovers a session of the real client and reports its version', async (t) => {
  const client = await clientOrSkip(t, VERSIONS.current);
  if (client === null) return;
  const { code, stdout, stderr } = await run(process.execPath, [CLI, 'drill', '--client', client, '--json', '--reset-in', '5'], {});
  const lines = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(code, 0, stdout + stderr);
  const done = lines.at(-1);
  assert.equal(done.client.version, VERSIONS.current);
  assert.equal(done.continues, 1);
  assert.equal(done.requests, 3);
});
