// Behavior of the client that decides how the waiting hook is installed: clients before 2.1.268 store a hook's timeout in a 31-bit timer,
// so a timeout that does not fit (over 2,147,483 s, about 24.8 days) ends the hook at once, and nothing can wake the session.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { pause, scene, step, until } from './scene.mjs';

/** Maximum timeout in seconds that fits into the timer of every client. */
const FITS = 2_147_483;

/**
 * Opens a session that stops at once and whose only hook asks to be woken two seconds later. Waits for `expected` requests, or long enough
 * for one if none is expected, and returns the number of requests that follow.
 */
async function wakes(t, version, timeout, expected) {
  const stage = await scene(t, { version, init: false, scenario: [step.limitFor('5h', 1)] });
  if (stage === null) return null;
  const { project } = stage.home;
  const command = 'sleep 2; echo "Continue." >&2; exit 2';
  const hooks = { StopFailure: [{ hooks: [{ type: 'command', command, asyncRewake: true, timeout }] }] };
  mkdirSync(path.join(project, '.claude'));
  writeFileSync(path.join(project, '.claude', 'settings.json'), JSON.stringify({ hooks }));
  const session = stage.open();
  session.prompt('Go.');
  await until('the stop', () => session.results().length === 1, 30);
  const count = () => stage.api.conversation().length - 1;
  if (expected > 0) await until('the wake', () => count() >= expected, 20);
  else await pause(10);
  return count();
}

suite('the timeout of a waiting hook', { concurrency: 3 }, () => {
  for (const [version, timeout, continued] of [
    [VERSIONS.oldestWoken, FITS, 1],
    [VERSIONS.beforeQuotaLimits, FITS, 1],
    [VERSIONS.beforeApiError, FITS, 1],
    [VERSIONS.beforeApiError, FITS + 1, 0],
    [VERSIONS.current, FITS, 1],
    [VERSIONS.current, FITS + 1, 1],
  ]) {
    test(`a hook timeout of ${timeout} s ${continued ? 'lets' : 'does not let'} the hook wake a session of ${version}`, async (t) => {
      const count = await wakes(t, version, timeout, continued);
      if (count !== null) assert.equal(count, continued);
    });
  }
});
