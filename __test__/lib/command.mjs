// Runs the real command in an isolated world: a temporary home, configuration, state and working directory, and none of the variables that
// a surrounding Claude Code session may have set.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');

/**
 * Creates a world that is removed after the test.
 *
 * @param {import('node:test').TestContext} t
 */
export function world(t) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ccsr-')));
  /** Functions that end the processes of this world, newest last: nothing may write to it while it is removed. @type {(() => unknown)[]} */
  const endings = [];
  t.after(async () => {
    for (const end of endings.toReversed()) await end();
    rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  const home = join(root, 'home');
  const claude = join(home, '.claude');
  const project = join(home, 'project');
  const state = join(root, 'state');
  for (const directory of [claude, project]) mkdirSync(directory, { recursive: true });
  const inherited = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_|NO_COLOR|FORCE_COLOR|NODE_)/.test(name));
  const env = {
    ...Object.fromEntries(inherited),
    HOME: home,
    USERPROFILE: home,
    LOCALAPPDATA: join(root, 'local'),
    CLAUDE_CONFIG_DIR: claude,
    CC_RECOVER_STATE_DIR: state,
    CC_RECOVER_CONFIG: join(root, 'config.json'),
    TZ: 'UTC',
  };
  return {
    root,
    endings,
    home,
    claude,
    project,
    state,
    env,
    /**
     * @param {string[]} argv
     * @param {{cwd?: string, env?: Record<string, string>, bin?: string, node?: string[]}} [options]
     */
    run: (argv, options = {}) =>
      run([...(options.node ?? []), options.bin ?? COMMAND, ...argv], { cwd: options.cwd ?? project, env: { ...env, ...options.env } }),
  };
}

/**
 * Writes a file that another process may be reading: it sees the old or the new content, never a part.
 *
 * @param {string} path
 * @param {string} text
 */
export function replaceFile(path, text) {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/**
 * @param {string[]} argv Arguments of node.
 * @param {{cwd: string, env: Record<string, string | undefined>}} options
 * @returns {Promise<{status: number | null, signal: string | null, stdout: string, stderr: string}>}
 */
export function run(argv, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}
