// Waiting for what another process does.

import assert from 'node:assert/strict';

/** Default limit in seconds. A machine under load is many times slower than a quiet one, and a test that waits does not measure speed. */
const PATIENCE = 180;

/**
 * Waits until `check` returns something, and returns that.
 *
 * @template T
 * @param {() => T | Promise<T>} check
 * @param {string} [what] What the failure names.
 * @param {number} [seconds]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(check, what = String(check), seconds = PATIENCE) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) assert.fail(`not seen within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
