// Whole processes against the minimum of node, `node -e 0`: the time that a user waits for a verb, in the layout of the published package.
// The sessions are in the page cache.
// `NODE_EXTRA_CA_CERTS` is removed, because with it every node process parses certificates first, which makes all ratios smaller.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { surroundings } from './scan.mjs';

const ROOT = join(import.meta.dirname, '..');
const ROUNDS = 40;

/** @type {{words: string[], most?: number}[]} Commands without `most` are for information. */
const COMMANDS = [
  { words: ['--version'], most: 1.15 },
  { words: ['status', '--all'], most: 1.6 },
  { words: ['status', '--all', '--json'] },
  { words: ['status'], most: 1.6 },
  { words: ['list'] },
  { words: ['status', '--help'] },
];

/** @returns {Promise<import('./pairs.mjs').Figure[]>} */
export async function run() {
  const home = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const corpus = await cached('quick-scanned', { sessions: 300, 'bytes-total': '200M', projects: 20, seed: 1 });
    const { NODE_EXTRA_CA_CERTS: _, ...env } = surroundings(home, corpus);
    const cli = packaged(join(home, 'package'));
    const figures = [];
    for (const { words, most } of COMMANDS) {
      const { theirs, ours, ratio, minima } = await pairs(() => timed(['-e', '0'], home, env), () => timed([cli, ...words], home, env), ROUNDS);
      figures.push({
        what: `${words.join(' ')}, 300 sessions`,
        anchor: 'node -e 0',
        theirs: milliseconds(theirs),
        ours: milliseconds(ours),
        ratio,
        minima,
        ...(most === undefined ? {} : { bar: { most } }),
      });
    }
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Lays the files of the package out as npm installs them, and returns the path of the command. @param {string} directory */
function packaged(directory) {
  for (const name of ['bin', 'index.js', 'package.json']) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  for (const name of ['node_modules', ...readdirSync(ROOT).filter((one) => one.endsWith('.node'))]) symlinkSync(join(ROOT, name), join(directory, name));
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'tools', 'bundle.mjs'), join(directory, 'bin', 'bundled')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return join(directory, 'bin', 'cc-session-recover.js');
}

/**
 * Returns the milliseconds of a process; its output is discarded.
 *
 * @param {string[]} argv
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 */
function timed(argv, cwd, env) {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr.trim()}`);
  return took;
}
