// Copies the native program of each platform from `artifacts`, where CI collects them, to the package of that platform, and makes it
// executable again: CI artifacts lose that permission.

import { chmodSync, copyFileSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const built = readdirSync(join(ROOT, 'artifacts'), { recursive: true }).map(String);
for (const platform of readdirSync(join(ROOT, 'npm'))) {
  const { main, files } = JSON.parse(readFileSync(join(ROOT, 'npm', platform, 'package.json'), 'utf8'));
  const name = files.find((/** @type {string} */ file) => file !== main);
  const found = built.find((path) => basename(path) === name);
  if (found === undefined) throw new Error(`no ${name} in artifacts: the build of ${platform} is missing`);
  copyFileSync(join(ROOT, 'artifacts', found), join(ROOT, 'npm', platform, name));
  chmodSync(join(ROOT, 'npm', platform, name), 0o755);
}
