// Programs of others that continue Claude Code after a limit. Those in a public registry are installed on demand into the user's cache,
// never as a dependency; the rest are listed with the reason.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const PEERS = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'cc-session-recover', 'peers');
const execute = promisify(execFile);

/** Peers that run, with the version and the month of its release. */
export const PYTHON_PEERS = {
  claudekeeper: { version: '0.3.1', released: '2026-08', how: 'a daemon that reads the tmux pane and types into it' },
  'automode-cli': { version: '0.1.1', released: '2026-07', how: 'starts Claude Code in a pseudo-terminal, reads the screen and types into it' },
};

/** Peers that do not run here, and why. */
export const ABSENT_PEERS = [
  { name: 'claude-auto-retry', why: 'not found on npm on 2026-11-30' },
  { name: 'claude-auto-continue', why: 'not found on npm on 2026-11-30' },
  { name: 'autoclaude (henryaj)', why: 'needs a Go toolchain, which was not available' },
  { name: 'claude-codex-queue 0.3.1 (2026-08)', why: 'PyPI: continues sessions of Claude Desktop and VS Code on Windows, not of a terminal' },
  { name: 'claude-auto-resume (terryso)', why: 'in no registry; it starts Claude Code with every permission granted, which this bench does not do' },
];

/** Installs a peer into a virtual environment of its own. */
export async function pythonPeer(name) {
  const { version } = PYTHON_PEERS[name];
  const directory = path.join(PEERS, `${name}-${version}`);
  const bin = path.join(directory, 'bin');
  if (!existsSync(path.join(bin, 'python3'))) {
    await mkdir(PEERS, { recursive: true });
    // A virtual environment contains its own path, so it is made in place; one that is not complete is removed.
    try {
      await execute('python3', ['-m', 'venv', directory]);
      await execute(path.join(bin, 'pip'), ['install', '--quiet', '--disable-pip-version-check', `${name}==${version}`], { timeout: 180_000 });
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw new Error(`${name} ${version} cannot be installed: ${String(error.stderr || error.message).trim().split('\n').at(-1)}`, { cause: error });
    }
  }
  return { program: (command) => path.join(bin, command) };
}
