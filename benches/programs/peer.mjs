// Third-party programs to compare with, installed on demand with npm into the user's cache; never a dependency.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PEERS = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cc-session-recover', 'peers');
const INSTALL_MINUTES = 3;
const WINDOWS = process.platform === 'win32';

/** Returns the path of a package's program in exactly this version; installs the package first if necessary. */
export async function peer(name, version) {
  const directory = join(PEERS, `${name}-${version}`);
  const program = join('node_modules', '.bin', WINDOWS ? `${name}.cmd` : name);
  if (!existsSync(join(directory, program))) await install(directory, program, `${name}@${version}`);
  return join(directory, program);
}

/** Installs into a temporary directory and renames it, so that a visible directory is always complete. */
async function install(directory, program, wanted) {
  const making = join(PEERS, `.${randomUUID()}`);
  try {
    await mkdir(making, { recursive: true });
    await writeFile(join(making, 'package.json'), JSON.stringify({ private: true }));
    await promisify(execFile)(WINDOWS ? 'npm.cmd' : 'npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', wanted], { cwd: making, shell: WINDOWS, timeout: INSTALL_MINUTES * 60_000 });
    if (!existsSync(join(making, program))) throw new Error(`npm installed ${wanted} without ${program}`);
    await rename(making, directory).catch((error) => {
      // Another process was faster, and its copy is equivalent.
      if (!existsSync(join(directory, program))) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
