// The native program under test.

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';

const NAME = process.platform === 'win32' ? 'cc-session-recover.exe' : 'cc-session-recover';

/** Names of the addon and the program beside `index.js`, as a platform package has them. */
export const NATIVE_FILES = readdirSync(ROOT).filter((name) => /^cc-session-recover\.[\w-]+(\.node|\.exe)?$/.test(name));

/** Whether the program is built beside the addon. CI builds it, so a missing one is a failure in CI. */
export const built = Boolean(process.env.CI) || NATIVE_FILES.some((name) => !name.endsWith('.node'));

/** The program in the runtime of a world. @param {ReturnType<typeof import('./command.mjs').world>} place */
export function programOf(place) {
  const [version] = readdirSync(join(place.state, 'runtime'));
  return join(place.state, 'runtime', version, NAME);
}

/** A `PATH` with one empty directory. @param {ReturnType<typeof import('./command.mjs').world>} place */
export function emptyPath(place) {
  const bin = join(place.root, 'bin');
  mkdirSync(bin, { recursive: true });
  return bin;
}

/**
 * Replaces the recorded Node.js with a missing one, so that hooks find none with the returned variables.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 */
export function hideNode(place) {
  const PATH = emptyPath(place);
  const gone = join(place.root, 'gone', 'node');
  writeFileSync(join(place.state, 'start'), `${gone}\n${gone}\n${PATH}\n`);
  return { PATH };
}
