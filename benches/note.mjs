// The note of a long session: against reading and parsing the last 8 MB of its transcript and running git, over twenty times the bytes, and
// in memory. The transcripts are sessions of the corpus of 500 MB and 1 GB; that of 50 MB is the end of the latter, so that only the length
// differs.

import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';

const ROOT = join(import.meta.dirname, '..');
const MEGABYTE = 1024 * 1024;
const SIZES = [500, 1000];
const SHORT = 50e6;
const ROUNDS = { quick: 40, full: 100 };

/**
 * @param {{full?: boolean}} [options]
 * @returns {Promise<import('./pairs.mjs').Figure[]>}
 */
export async function run({ full = false } = {}) {
  const rounds = full ? ROUNDS.full : ROUNDS.quick;
  const corpus = await cached('notes', { sessions: 1, median: '300K', big: SIZES, max: '1100M', 'bytes-total': '1502M', projects: 1, subagents: 0, seed: 5 });
  const { sessions } = readTruth(corpus);
  const [long, longest] = SIZES.map((wanted) => join(corpus, sessions.toSorted((a, b) => Math.abs(a.bytes - wanted * 1e6) - Math.abs(b.bytes - wanted * 1e6))[0].path));
  const program = built();
  const home = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const tree = repository(home);
    const short = join(home, 'short.jsonl');
    writeFileSync(short, endOf(longest, SHORT));
    const start = () => new Dialogue(program, [tree, short, long, longest], { ...process.env, HOME: home });
    const dialogue = start();
    const time = (what, number) => async () => Number((await dialogue.ask(`${what} ${number}`)).split(' ')[0]) / 1000;
    const figures = [
      { what: 'note of 500 MB', anchor: 'read + parse of the last 8 MB, and git', ...shown(await pairs(time('floor', 1), time('note', 1), rounds)), bar: { most: 1.3 } },
      { what: 'note of 1 GB, without git', anchor: 'note of 50 MB', ...shown(await pairs(time('conversation', 0), time('conversation', 2), rounds)), bar: { most: 1.1 } },
    ];
    await dialogue.end();
    figures.push(await memory(start));
    return figures;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

const shown = ({ theirs, ours, ratio, minima }) => ({ theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima });

/** Returns the total peak memory of a process that writes a note of 500 MB. */
async function memory(start) {
  const dialogue = start();
  const [, bytes] = (await dialogue.ask('note 1')).split(' ').map(Number);
  await dialogue.end();
  const allowed = 32 * MEGABYTE;
  return { what: 'memory of a process that makes a note of 500 MB', anchor: '32 MB', theirs: '32 MB', ours: `${(bytes / MEGABYTE).toFixed(1)} MB`, ratio: bytes / allowed, bar: { most: 1 } };
}

/** Returns the last lines of a file, about `bytes` bytes. @param {string} path @param {number} bytes */
function endOf(path, bytes) {
  const file = openSync(path, 'r');
  try {
    const end = Buffer.alloc(bytes);
    readSync(file, end, 0, bytes, fstatSync(file).size - bytes);
    return end.subarray(end.indexOf(10) + 1);
  } finally {
    closeSync(file);
  }
}

/** Creates a repository with some changes. @param {string} home */
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
