// A note of a long session: against reading and parsing the last 8 MB of its transcript and asking git, over twenty times the bytes,
// and in memory. The transcripts are sessions of the corpus, of 50 MB, 500 MB and 1 GB.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';

const ROOT = join(import.meta.dirname, '..');
const MEGABYTE = 1024 * 1024;
const SIZES = { quick: [50, 500, 1000], full: [50, 500, 1000] };
const ROUNDS = { quick: 25, full: 60 };

/**
 * @param {{full?: boolean}} [options]
 * @returns {Promise<import('./pairs.mjs').Figure[]>}
 */
export async function run({ full = false } = {}) {
  const size = full ? 'full' : 'quick';
  const sizes = SIZES[size];
  const corpus = await cached('notes', { sessions: 1, median: '300K', big: sizes, max: '1100M', 'bytes-total': '1552M', projects: 1, subagents: 0, seed: 5 });
  const { sessions } = readTruth(corpus);
  const paths = sizes.map((wanted) => join(corpus, sessions.toSorted((a, b) => Math.abs(a.bytes - wanted * 1e6) - Math.abs(b.bytes - wanted * 1e6))[0].path));
  const program = built();
  const home = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const tree = repository(home);
    const start = () => new Dialogue(program, [tree, ...paths], { ...process.env, HOME: home });
    const dialogue = start();
    const time = (what, number) => async () => Number((await dialogue.ask(`${what} ${number}`)).split(' ')[0]) / 1000;
    const figures = [
      { what: 'note of 500 MB', anchor: 'read + parse of the last 8 MB, and git', ...shown(await pairs(time('floor', 1), time('note', 1), ROUNDS[size])), bar: { most: 1.3 } },
      { what: 'note of 1 GB', anchor: 'note of 50 MB', ...shown(await pairs(time('note', 0), time('note', 2), ROUNDS[size])), bar: { most: 1.1 } },
    ];
    await dialogue.end();
    figures.push(await memory(start));
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const shown = ({ theirs, ours, ratio, minima }) => ({ theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima });

/** The most a process of its own needs for a note of 500 MB, all of it counted. */
async function memory(start) {
  const dialogue = start();
  const [, bytes] = (await dialogue.ask('note 1')).split(' ').map(Number);
  await dialogue.end();
  const allowed = 32 * MEGABYTE;
  return { what: 'memory of a process that makes a note of 500 MB', anchor: '32 MB', theirs: '32 MB', ours: `${(bytes / MEGABYTE).toFixed(1)} MB`, ratio: bytes / allowed, bar: { most: 1 } };
}

/** A repository with some changes. @param {string} home */
function repository(home) {
  const tree = join(home, 'project');
  const git = (...args) => {
    const { status, stderr } = spawnSync('git', args, { cwd: home, env: { ...process.env, HOME: home, GIT_CONFIG_NOSYSTEM: '1' }, encoding: 'utf8' });
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  };
  git('init', '-q', '-b', 'main', tree);
  for (let file = 0; file < 200; file += 1) writeFileSync(join(tree, `file-${file}.txt`), `${file}\n`);
  git('-C', tree, 'add', '.');
  git('-C', tree, '-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit', '-q', '-m', 'first');
  for (let file = 0; file < 20; file += 1) writeFileSync(join(tree, `file-${file}.txt`), 'changed\n');
  return tree;
}

/** The program, built as released. */
function built() {
  const { status, stdout, stderr } = spawnSync('cargo', ['bench', '--locked', '--no-run', '--bench', 'note', '--message-format', 'json'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * MEGABYTE });
  if (status !== 0) throw new Error(`benches/note.rs cannot be built: ${stderr}`);
  const messages = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return messages.find(({ target, executable }) => executable && target?.name === 'note').executable;
}
