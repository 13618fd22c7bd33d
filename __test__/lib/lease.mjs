// A lease that another process owns.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Why a test with such a lease is skipped; `false` if `flock` is installed. */
export const noFlock = spawnSync('flock', ['--version']).status !== 0 && 'there is no flock';

/**
 * Holds a lease until the returned function is called or the test ends.
 *
 * @param {{state: string, endings: (() => unknown)[]}} place @param {string} name
 */
export async function held(place, name) {
  const leases = join(place.state, 'leases');
  mkdirSync(leases, { recursive: true });
  const owner = spawn('flock', [join(leases, name), 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const gone = new Promise((resolve) => owner.once('exit', resolve));
  const end = () => {
    owner.stdin.end();
    return gone;
  };
  place.endings.push(end);
  await new Promise((resolve) => owner.stdout.once('data', resolve));
  return end;
}
