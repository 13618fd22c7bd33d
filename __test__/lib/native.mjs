// The native program under test.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';

const NAME = process.platform === 'win32' ? 'cc-session-recover.exe' : 'cc-session-recover';

/** Names of the addon and the program beside `index.js`, as a platform package has them. */
export const NATIVE_FILES = readdirSync(ROOT).filter((name) => /^cc-session-recover\.[\w-]+(\.node|\.exe)?$/.test(name));

/** Whether the program is built beside the addon. CI builds it, so a missing one is a failure there. */
export const built = Boolean(process.env.CI) || NATIVE_FILES.some((name) => !name.endsWith('.node'));

/** The program in the runtime of a world. @param {ReturnType<typeof import('./command.mjs').world>} place */
export function programOf(place) {
  const [version] = readdirSync(join(place.state, 'runtime'));
  return join(place.state, 'runtime', version, NAME);
}
