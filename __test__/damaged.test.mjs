// Damaged transcripts: whatever a file contains, the report arrives, takes little memory, and the good lines still count.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTROLLED, examine, readGigabyte, roomForGigabyte } from '../benches/damage.mjs';
import { DAMAGES } from '../benches/damage/damages.mjs';

const CASES = 10_000;
/** Bytes above a process that has only loaded the addon. */
const MEMORY = 64 * 1024 * 1024;
const PATIENCE = { timeout: 900_000 };

test(`${CASES} damaged transcripts are read without a panic or a hang, and no intact line is lost`, PATIENCE, async (t) => {
  const { cases, byDamage, memory, naive } = await examine({ cases: CASES });
  assert.equal(cases, CASES);

  for (const name of Object.keys(DAMAGES)) {
    await t.test(name, () => {
      assert.ok(byDamage[name].cases > 0, 'no transcript was damaged like this');
      assert.equal(byDamage[name].failed, 0, `${byDamage[name].failed} of ${byDamage[name].cases}, the first: ${byDamage[name].first}`);
    });
  }
  await t.test('reading damaged transcripts uses at most 64 MB', () => assert.ok(memory <= MEMORY, `${memory} bytes`));
  await t.test('a naive reader that parses every line as JSON fails the damage check', () => {
    assert.ok(naive > CONTROLLED / 4, `it failed ${naive} of ${CONTROLLED} only`);
  });
});

test('a line of one gigabyte hides no record before or after it', PATIENCE, async (t) => {
  if (!roomForGigabyte()) {
    const why = 'no room for a file of a gigabyte among the temporary files';
    if (process.env.CI) assert.fail(why);
    return t.skip(why);
  }
  for (const { where, why, memory } of await readGigabyte()) {
    assert.equal(why, null, where);
    assert.ok(memory <= MEMORY, `${where}: ${memory} bytes`);
  }
});
