// Pinned Claude Code clients for the tests, installed on demand with npm into the user's cache, once per version. The list has only
// versions that the product treats differently. A machine that cannot install one skips its tests with the reason; a CI run fails instead.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/**
 * `current`: what users have. `firstModule`: loads a plugin's module without being asked to. `beforeApiError`: has `quotaLimits`, but no
 * status word in the registry. `beforeQuotaLimits`: reports the reset only in its text. `beforeStartToken`: registers only itself in a
 * terminal, without the start time of its process. `beforeRegistry`: registers nothing.
 */
export const VERSIONS = {
  current: '2.1.332',
  firstModule: '2.1.286',
  beforeApiError: '2.1.250',
  beforeQuotaLimits: '2.1.200',
  oldestWoken: '2.1.120',
  beforeStartToken: '2.1.79',
  beforeRegistry: '2.1.45',
};

const CLIENTS = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'cc-session-recover', 'clients');
const PACKAGE = '@anthropic-ai/claude-code';
const PROGRAM = process.platform === 'win32' ? [PACKAGE, 'bin', 'claude.exe'] : ['.bin', 'claude'];
const INSTALL_MINUTES = 5;

/** Returns the path of a pinned client's program; installs it first if necessary. Several processes may ask at the same time. */
export async function installedClient(version) {
  const dir = path.join(CLIENTS, version);
  const program = path.join(dir, 'node_modules', ...PROGRAM);
  if (existsSync(program)) return program;
  // Install into a temporary directory and rename it, so that a visible directory is always complete.
  const making = path.join(CLIENTS, `.${version}-${randomUUID()}`);
  try {
    await mkdir(making, { recursive: true });
    await writeFile(path.join(making, 'package.json'), JSON.stringify({ private: true }));
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    await promisify(execFile)(npm, ['install', '--no-audit', '--no-fund', '--no-package-lock', '--save-exact', `${PACKAGE}@${version}`], {
      cwd: making,
      shell: process.platform === 'win32',
      timeout: INSTALL_MINUTES * 60_000,
    });
    await rename(making, dir).catch((error) => {
      // Another process was faster, and its copy is equivalent.
      if (!existsSync(program)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  if (!existsSync(program)) throw new Error(`npm installed ${PACKAGE}@${version} without ${path.relative(dir, program)}`);
  return program;
}

/**
 * Returns a pinned client for a test. If it cannot be installed, skips the test with the reason and returns `null`; in CI the test fails.
 */
export async function clientOrSkip(t, version) {
  try {
    return await installedClient(version);
  } catch (error) {
    const why = `Claude Code ${version} cannot be installed: ${String(error.stderr || error.message).trim().split('\n').at(-1)}`;
    if (process.env.CI) throw new Error(why, { cause: error });
    t.skip(why);
    return null;
  }
}

// Running `node install.mjs` installs all of them ahead of the tests.
if (process.argv[1] === import.meta.filename) {
  for (const version of Object.values(VERSIONS)) process.stdout.write(`${version} ${await installedClient(version)}\n`);
}
