// Which changes `npm run drift` reports as relevant for recovery. The observations are made by `client/drift.mjs` with the real client.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { drifted } from './client/drift-compare.mjs';
import { VERSIONS } from './client/install.mjs';

const pinned = JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'fixtures', 'clients', `${VERSIONS.current}.json`), 'utf8'));

/** Returns the pinned observation with a change. @param {(seen: any) => void} change */
const changed = (change) => {
  const seen = structuredClone({ ...pinned, version: '9.9.9' });
  change(seen);
  return drifted(pinned, seen);
};
const without = (/** @type {string[]} */ list, /** @type {string} */ name) => list.splice(list.indexOf(name), 1);

test('the pinned client has every feature that recovery needs, and does not differ from itself', () => {
  assert.deepEqual(drifted(pinned, pinned), []);
  assert.deepEqual([pinned.version, pinned.wakes, pinned.module], [VERSIONS.current, true, true]);
});

for (const [what, relied, change] of /** @type {[string, boolean, (seen: any) => void][]} */ ([
  ['a hook event that the hooks use is gone', true, (seen) => without(seen.hookEvents, 'StopFailure')],
  ['a hook event is new', false, (seen) => seen.hookEvents.push('Later')],
  ['the payload of a stop lacks its transcript', true, (seen) => without(seen.payloads.StopFailure, 'transcript_path')],
  ['a payload has one key more', false, (seen) => seen.payloads.Stop.push('later')],
  ['records lack their parent', true, (seen) => without(seen.records.user, 'parentUuid')],
  ['a record lacks a key that nothing reads', false, (seen) => without(seen.records.user, 'sentAtMs')],
  ['a type of record that is read is gone', true, (seen) => delete seen.records['last-prompt']],
  ['a type of record is new', false, (seen) => (seen.records.later = ['type'])],
  ['the registry lacks the start time', true, (seen) => without(seen.registry, 'procStart')],
  ['a status is not seen any more', true, (seen) => without(seen.statuses, 'idle')],
  ['a limit has no exact reset', true, (seen) => without(seen.stops['limit 5h'].keys, 'quotaLimits')],
  ['a stop has another error word', true, (seen) => (seen.stops.auth.error = 'unknown')],
  ['a stop leaves no record', true, (seen) => delete seen.stops.overloaded],
  ['a stop is worded differently', false, (seen) => (seen.stops['limit 5h'].text = 'No more for now')],
  ['a hook wakes no session', true, (seen) => (seen.wakes = false)],
  ['no module is loaded', true, (seen) => (seen.module = false)],
])) {
  test(`drift check, ${what}: ${relied ? 'a failure' : 'reported without failure'}`, () => {
    const moved = changed(change);
    assert.equal(moved.length, 1, JSON.stringify(moved));
    assert.equal(moved[0].relied, relied, moved[0].what);
  });
}

test("the drift check compares the delays and the cap of client continuations only where both were measured", () => {
  const with3 = { ...pinned, native: { delays: [47, 82, 290], capped: true } };
  const against = (/** @type {any} */ native) => drifted(with3, { ...with3, native }).map(({ relied }) => relied);
  assert.deepEqual(against({ delays: [60, 76, 300], capped: true }), []);
  assert.deepEqual(against({ delays: [60, 76, 301], capped: true }), [true]);
  assert.deepEqual(against({ delays: [60, 76], capped: true }), [true]);
  assert.deepEqual(against({ delays: [60, 76, 80], capped: false }), [true]);
  assert.deepEqual(against(null), []);
});
