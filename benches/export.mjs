// A verified export of one large session against `cp` of its transcript, with either hash, and the memory it takes. Both sides begin with
// the original in the cache of files. An export is on the disk when it is done, so `cp` is followed by `sync` of the copy; against `cp` alone,
// which leaves that to the system, the figures are for information.

import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';

const MEGABYTE = 1024 * 1024;
const ID = '3f2a9c1d-0000-4000-8000-000000000001';
const EXPORTER = join(import.meta.dirname, 'programs', 'exporter.mjs');
const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'transcripts', 'finished-interactive.jsonl');
const ROUNDS = { quick: 9, full: 25 };

/** @param {{full?: boolean}} [options] @returns {Promise<import('./pairs.mjs').Figure[]>} */
export async function run({ full = false } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const config = join(root, '.claude');
    const transcript = join(config, 'projects', '-w', `${ID}.jsonl`);
    mkdirSync(join(config, 'projects', '-w'), { recursive: true });
    session(transcript, 500 * 1e6);
    const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_)/.test(name));
    const env = { ...Object.fromEntries(clean), HOME: root, USERPROFILE: root, CLAUDE_CONFIG_DIR: config, CC_RECOVER_STATE_DIR: join(root, 'state'), CC_RECOVER_CONFIG: join(root, 'config.json') };
    const figures = [];
    for (const [hash, most] of [['xxh3', 1.25], ['sha256', 3]]) {
      for (const synced of [true, false]) figures.push(await against(root, env, transcript, hash, synced, synced ? most : undefined, ROUNDS[full ? 'full' : 'quick']));
    }
    return [...figures, await memory(root, env, transcript)];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A transcript of so many bytes, of real records. */
function session(path, bytes) {
  const record = readFileSync(FIXTURE);
  const block = Buffer.concat(Array.from({ length: Math.ceil((8 * MEGABYTE) / record.length) }, () => record));
  const file = openSync(path, 'w');
  for (let written = 0; written < bytes; written += block.length) writeSync(file, block);
  closeSync(file);
}

async function against(root, env, transcript, hash, synced, most, rounds) {
  const exporter = new Dialogue(process.execPath, [EXPORTER], env);
  const copy = join(root, 'copy.jsonl');
  const command = synced ? 'cp "$1" "$2" && sync "$2"' : 'cp "$1" "$2"';
  const anchor = () => {
    const began = performance.now();
    const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', transcript, copy], { encoding: 'utf8' });
    const took = performance.now() - began;
    if (status !== 0) throw new Error(stderr);
    settle(copy);
    return took;
  };
  const subject = async () => {
    const { ms, path } = await exporter.call({ do: 'export', options: { session: ID, hash } });
    settle(path);
    return ms;
  };
  const { theirs, ours, ratio, minima } = await pairs(anchor, subject, rounds, 1);
  await exporter.end();
  const bar = most === undefined ? {} : { bar: { most } };
  return { what: `export of 500 MB, ${hash}`, anchor: synced ? 'cp, synced' : 'cp', theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima, ...bar };
}

/** What one side has written must not be flushed at the cost of the other. */
function settle(path) {
  rmSync(path, { recursive: true });
  spawnSync('sync');
}

/** Most memory of a process that has exported the session, beyond one that has exported nothing of size. */
async function memory(root, env, transcript) {
  const peak = async (config) => {
    const exporter = new Dialogue(process.execPath, [EXPORTER], { ...env, CLAUDE_CONFIG_DIR: config, HOME: join(config, '..') });
    const { path } = await exporter.call({ do: 'export', options: { session: ID } });
    const { bytes } = await exporter.call({ do: 'memory' });
    await exporter.end();
    rmSync(path, { recursive: true });
    return bytes;
  };
  const small = join(root, 'small', '.claude');
  mkdirSync(join(small, 'projects', '-w'), { recursive: true });
  session(join(small, 'projects', '-w', `${ID}.jsonl`), 1);
  const [least, large] = [await peak(small), await peak(join(transcript, '..', '..', '..'))];
  const more = (large - least) / MEGABYTE;
  return { what: 'memory of an export of 500 MB', anchor: 'one of 8 MB', theirs: `${(least / MEGABYTE).toFixed(1)} MB`, ours: `${(large / MEGABYTE).toFixed(1)} MB`, shown: `+${more.toFixed(1)} MB`, ok: more <= 16 };
}
