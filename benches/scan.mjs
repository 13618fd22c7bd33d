// A scan of all sessions: against its floor, against `ccusage`, over twice the bytes, and in memory. Every row is first compared with the
// truth: a fast but wrong scan does not count.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';
import { floorProgram } from './programs/floor.mjs';
import { peer } from './programs/peer.mjs';

const CCUSAGE = '20.0.24';
const CLI = join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js');
const SCANNER = join(import.meta.dirname, 'programs', 'scanner.mjs');
const MEGABYTE = 1024 * 1024;

/** Corpora of the two sizes; `half` has as many sessions as `doubled` and half the bytes. */
const CORPORA = {
  quick: { scanned: { sessions: 300, 'bytes-total': '200M', projects: 20, seed: 1 }, doubled: { sessions: 300, 'bytes-total': '200M', projects: 20, seed: 2 }, half: '100M' },
  full: { scanned: { sessions: 10_000, 'bytes-total': '10G', projects: 40, seed: 1 }, doubled: { sessions: 1000, 'bytes-total': '2G', projects: 40, seed: 2 }, half: '1G' },
};
const ROUNDS = { quick: { floor: 40, ccusage: 5, doubled: 40 }, full: { floor: 25, ccusage: 3, doubled: 25 } };

/**
 * @param {{full?: boolean, corpus?: string}} [options] `corpus`: a directory to scan instead of the cached ones.
 * @returns {Promise<import('./pairs.mjs').Figure[]>}
 */
export async function run({ full = false, corpus } = {}) {
  const size = full ? 'full' : 'quick';
  const corpora = CORPORA[size];
  const rounds = ROUNDS[size];
  const home = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const directory = corpus ?? (await cached(`${size}-scanned`, corpora.scanned));
    const env = surroundings(home, directory);
    const { sessions } = readTruth(directory);
    return [
      await rows(env, directory),
      ...(await overFloor(env, directory, rounds.floor)),
      await overCcusage(env, rounds.ccusage),
      await twiceTheBytes(home, await cached(`${size}-half`, { ...corpora.doubled, 'bytes-total': corpora.half }), await cached(`${size}-doubled`, corpora.doubled), rounds.doubled),
      ...(await memory(env, sessions.length)),
    ];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Returns an environment without the user's settings: its own home, the corpus as Claude Code's directory, no state. */
export function surroundings(home, corpus) {
  const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_)/.test(name));
  return { ...Object.fromEntries(clean), HOME: home, USERPROFILE: home, CLAUDE_CONFIG_DIR: corpus, CC_RECOVER_STATE_DIR: join(home, 'state'), CC_RECOVER_CONFIG: join(home, 'config.json') };
}

const scanner = (env) => new Dialogue(process.execPath, [SCANNER], env);

/** Returns the milliseconds of one scan, as measured by the scanning process. */
async function scanned(process, options = {}) {
  return (await process.call({ do: 'scan', options })).ms;
}

/** Compares every row with the truth. */
async function rows(env, corpus) {
  const process = scanner(env);
  const { checked, wrong, extra, first, byCause, problems } = await process.call({ do: 'judge', corpus });
  await process.end();
  for (const line of first) console.log(`  wrong: ${line}`);
  if (wrong > 0) console.log(`  causes: ${JSON.stringify(byCause)}`);
  if (problems.length > 0) console.log(`  problems: ${problems.length}, the first: ${JSON.stringify(problems[0])}`);
  const shown = `${wrong} wrong${extra.length > 0 ? `, ${extra.length} unknown` : ''}`;
  return { what: `rows of ${checked} sessions`, anchor: 'the truth', shown, ok: wrong + extra.length + problems.length === 0 };
}

/** Compares a scan in a process that has everything loaded with just reading all tails. */
async function overFloor(env, corpus, rounds) {
  const floor = new Dialogue(floorProgram(), [corpus], env);
  const ours = scanner(env);
  const read = async () => Number((await floor.ask('')).split(' ')[0]) / 1000;
  const figures = [];
  try {
    await floor.next();
    for (const [what, options, bar] of [
      ['scan, one row returned', { limit: 1 }, { most: 1.5 }],
      // This measures both the scan and the conversion of its rows to objects.
      ['scan, and all rows as objects', {}, undefined],
    ]) {
      const measured = await pairs(read, () => scanned(ours, options), rounds);
      figures.push({ what, anchor: 'stat + last 64 KB, 2 threads', ...shown(measured), bar });
    }
  } finally {
    await Promise.all([floor.end(), ours.end()]);
  }
  return figures;
}

/** Compares the whole command with the whole `ccusage` command, which also reads every session. */
async function overCcusage(env, rounds) {
  const what = 'status --all --json, whole process';
  let program;
  try {
    program = await peer('ccusage', CCUSAGE);
  } catch (error) {
    return { what, anchor: `ccusage ${CCUSAGE}`, why: `cannot be installed: ${String(error.stderr || error.message).trim().split('\n').at(-1)}` };
  }
  const theirs = () => timed(program, ['session', '--json', '--offline'], env);
  const ours = () => timed(process.execPath, [CLI, 'status', '--all', '--json'], env);
  const { theirs: their, ours: our, ratio, minima } = await pairs(theirs, ours, rounds, 1);
  // The ratio is inverted, so that it states how many times faster the command is.
  return { what, anchor: `ccusage ${CCUSAGE}`, ...shown({ theirs: their, ours: our, ratio: 1 / ratio, minima: 1 / minima }), bar: { least: 20 } };
}

/** Compares the same number of sessions with twice the bytes. */
async function twiceTheBytes(home, small, large, rounds) {
  const [half, whole] = [small, large].map((corpus) => scanner(surroundings(home, corpus)));
  try {
    const measured = await pairs(() => scanned(half), () => scanned(whole), rounds);
    return { what: 'scan of twice the bytes', anchor: 'as many sessions', ...shown(measured), bar: { most: 1.1 } };
  } finally {
    await Promise.all([half.end(), whole.end()]);
  }
}

/** Returns the memory of a scan: the peak minus that with only the addon loaded. */
async function memory(env, sessions) {
  const peak = async (commands) => {
    const process = scanner(env);
    for (const command of commands) await process.call(command);
    const { bytes } = await process.call({ do: 'memory' });
    await process.end();
    return bytes;
  };
  const idle = await peak([]);
  const allowed = 32 * MEGABYTE + 1024 * sessions;
  const figures = [];
  for (const [what, options] of [
    ['memory of a scan, all rows as objects', {}],
    ['memory of a scan, one row returned', { limit: 1 }],
  ]) {
    const bytes = (await peak([{ do: 'scan', options }])) - idle;
    figures.push({ what, anchor: '32 MB + 1 KB a session', theirs: `${Math.round(allowed / MEGABYTE)} MB`, ours: `${Math.round(bytes / MEGABYTE)} MB`, ratio: bytes / allowed, bar: { most: 1 } });
  }
  return figures;
}

const shown = ({ theirs, ours, ratio, minima }) => ({ theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima });

/** Returns the milliseconds of a whole process; its output is discarded. */
function timed(file, args, env) {
  return new Promise((done, failed) => {
    const began = performance.now();
    const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'], shell: process.platform === 'win32' && file.endsWith('.cmd') });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
    child.on('error', failed);
    child.on('close', (status) => {
      if (status === 0) done(performance.now() - began);
      else failed(new Error(`${file} ended with ${status}: ${errors.trim()}`));
    });
  });
}
