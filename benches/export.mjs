// Compares a verified export of one large session with `cp` of its transcript, with either hash, and measures its memory. Both sides start
// with the original in the page cache. An export is on the disk when it ends; `cp` leaves that to the system unless `sync` of the copy
// follows, so it is measured both ways.

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
      for (const synced of [true, false]) figures.push(await against(root, env, transcript, hash, synced, most, ROUNDS[full ? 'full' : 'quick']));
    }
    return [...figures, await memory(env)];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Writes a transcript of real records with this many bytes. */
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
  return { what: `export of 500 MB, ${hash}`, anchor: synced ? 'cp, synced' : 'cp', theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima, bar: { most } };
}

/** Removes what one side has written and flushes the disk, so that the other side does not pay for it. */
function settle(path) {
  rmSync(path, { recursive: true });
  spawnSync('sync');
}

/** Returns how much the peak memory of an export exceeds that of finding the session and planning the same export. */
async function memory(env) {
  const exporter = new Dialogue(process.execPath, [EXPORTER], env);
  await exporter.call({ do: 'export', options: { session: ID, dryRun: true } });
  const before = (await exporter.call({ do: 'memory' })).bytes;
  const { path } = await exporter.call({ do: 'export', options: { session: ID } });
  const after = (await exporter.call({ do: 'memory' })).bytes;
  await exporter.end();
  rmSync(path, { recursive: true });
  const more = Math.max(after - before, 0) / MEGABYTE;
  return { what: 'memory of an export of 500 MB', anchor: 'planning it', theirs: `${(before / MEGABYTE).toFixed(1)} MB`, ours: `${(after / MEGABYTE).toFixed(1)} MB`, shown: `+${more.toFixed(1)} MB`, ok: more <= 16 };
}
