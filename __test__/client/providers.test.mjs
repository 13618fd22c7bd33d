// Sessions of several providers and accounts on one machine, on the real client.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSIONS, clientOrSkip } from './install.mjs';
import { night } from './providers.mjs';

const skip = process.platform !== 'linux';

test('closed sessions of two providers and four accounts each continue with their own, and with no other', { skip }, async (t) => {
  const client = await clientOrSkip(t, VERSIONS.current);
  if (client === null) return;
  const { resumed, wrong, requests } = await night(client, 4);
  assert.deepEqual(wrong, []);
  assert.equal(resumed, 4);
  assert.ok(requests >= 8, `${requests} requests`);
});
