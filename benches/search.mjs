// A search over all transcripts against `rg -aF` on the same files. The hits are first compared with the truth: a fast search that misses
// something does not count. Our hits have line, role, turn and time, and a text that JSON escapes is found; `rg` counts lines that contain
// the bytes. Both read every byte once, so reading alone is the floor of both; it is measured too.

import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';
import { floorProgram } from './programs/floor.mjs';

/** Version of the npm package with the binaries of ripgrep 15. */
const RIPGREP = '1.18.0';
const PEERS = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'cc-session-recover', 'peers');
const CLI = join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js');
const SEARCHER = join(import.meta.dirname, 'programs', 'searcher.mjs');
const MEGABYTE = 1024 * 1024;
const BAR = { most: 0.85 };

/** Same corpora as those of the scan, so that they are generated only once. */
const CORPORA = {
  quick: ['quick-scanned', { sessions: 300, 'bytes-total': '200M', projects: 20, seed: 1 }],
  full: ['full-doubled', { sessions: 1000, 'bytes-total': '2G', projects: 40, seed: 2 }],
};
const ROUNDS = { quick: 30, full: 15 };

/**
 * @param {{full?: boolean, corpus?: string}} [options] `corpus`: a directory to search instead of the cached one.
 * @returns {Promise<import('./pairs.mjs').Figure[]>}
 */
export async function run({ full = false, corpus } = {}) {
  const size = full ? 'full' : 'quick';
  const home = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const directory = corpus ?? (await cached(CORPORA[size][0], CORPORA[size][1]));
    const env = surroundings(home, directory);
    const { needles } = readTruth(directory).meta;
    return [await truth(env, needles), ...(await overRipgrep(env, directory, needles, ROUNDS[size])), await memory(env, needles)];
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Returns an environment without the user's settings: its own home, the corpus as Claude Code's directory, no state. */
function surroundings(home, corpus) {
  const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_|RIPGREP_)/.test(name));
  return { ...Object.fromEntries(clean), HOME: home, USERPROFILE: home, CLAUDE_CONFIG_DIR: corpus, CC_RECOVER_STATE_DIR: join(home, 'state'), CC_RECOVER_CONFIG: join(home, 'config.json') };
}

const searcher = (env) => new Dialogue(process.execPath, [SEARCHER], env);

/** Returns the hits and sessions of every needle. */
async function truth(env, needles) {
  const process = searcher(env);
  let wrong = 0;
  for (const { text, occurrences, sessions } of Object.values(needles)) {
    for (const options of [{ text }, { text: text.toUpperCase(), ignoreCase: true }, { text: escapedForRegex(text), regex: true }]) {
      const found = await process.call({ do: 'search', options });
      if (found.total === occurrences && found.sessions === sessions && found.problems === 0) continue;
      console.log(`  wrong: ${JSON.stringify(options)}: ${JSON.stringify(found)}, not ${occurrences} in ${sessions} sessions`);
      wrong += 1;
    }
  }
  await process.end();
  return { what: `hits of ${Object.keys(needles).length} needles, as text, ignoring case, as expressions`, anchor: 'the truth', shown: `${wrong} wrong`, ok: wrong === 0 };
}

async function overRipgrep(env, directory, needles, rounds) {
  let rg;
  try {
    rg = await ripgrep();
  } catch (error) {
    return [{ what: 'search', anchor: 'rg -aF', why: `cannot be installed: ${String(error.stderr || error.message).trim().split('\n').at(-1)}` }];
  }
  const theirs = (flags, text, expected) => async () => {
    const { ms, stdout } = await timed(rg, [flags, '--no-config', '--no-ignore', '--hidden', '--no-filename', '--glob', '*.jsonl', ...(flags.includes('n') ? [] : ['--count']), '--', text, join(directory, 'projects')], env, [0, 1]);
    const lines = stdout.split('\n').filter(Boolean);
    const found = flags.includes('n') ? lines.length : lines.reduce((sum, line) => sum + Number(line), 0);
    if (found !== expected) throw new Error(`rg finds ${found} of ${expected} ${text}`);
    return ms;
  };
  const process = searcher(env);
  const floor = new Dialogue(floorProgram(), [directory, 'whole'], env);
  const figures = [];
  const compare = async (what, anchor, their, our, bar) => {
    const { theirs: a, ours: b, ratio, minima } = await pairs(their, our, rounds);
    figures.push({ what, anchor, theirs: milliseconds(a), ours: milliseconds(b), ratio, minima, bar });
  };
  const inProcess = (options) => async () => (await process.call({ do: 'search', options })).ms;
  const whole = (text) => async () => (await timed(globalThis.process.execPath, [CLI, 'search', '--json', '--', text], env, [0])).ms;
  try {
    const { rare, mid, unicode, escaped } = needles;
    await floor.next();
    const read = async () => Number((await floor.ask('')).split(' ')[0]) / 1000;
    await compare('every byte read in 2 threads, none looked at', 'rg -aF, whole process', theirs('-aF', rare.text, rare.occurrences), read);
    for (const [name, { text, occurrences }] of [['a rare text', rare], ['a text in one session of twenty', mid], ['a text beyond ASCII', unicode]]) {
      await compare(`search for ${name}, in process`, 'rg -aF, whole process', theirs('-aF', text, occurrences), inProcess({ text }), BAR);
    }
    await compare('search for a rare text, in process', 'the same with line numbers', theirs('-aFn', rare.text, rare.occurrences), inProcess({ text: rare.text }));
    await compare('search ignoring case, in process', 'rg -aFi, whole process', theirs('-aFi', mid.text.toUpperCase(), mid.occurrences), inProcess({ text: mid.text.toUpperCase(), ignoreCase: true }));
    await compare('search for a rare text, whole process', 'rg -aF, whole process', theirs('-aF', rare.text, rare.occurrences), whole(rare.text));
    // The text in the file is escaped and differs from what was said, so `rg` finds nothing.
    await compare(`search for a text that JSON escapes, in process, ${escaped.occurrences} hits`, 'rg -aF, 0 hits', theirs('-aF', escaped.text.split('\n')[0], 0), inProcess({ text: escaped.text }));
  } finally {
    await Promise.all([floor.end(), process.end()]);
  }
  return figures;
}

/** Returns the memory of searches: the peak minus that with only the addon loaded. A word that occurs everywhere is the worst case. */
async function memory(env, needles) {
  const peak = async (texts) => {
    const process = searcher(env);
    for (const text of texts) await process.call({ do: 'search', options: { text } });
    const { bytes } = await process.call({ do: 'memory' });
    await process.end();
    return bytes;
  };
  const bytes = (await peak([needles.rare.text, needles.escaped.text, 'the'])) - (await peak([]));
  const allowed = 64 * MEGABYTE;
  return { what: 'memory of searches', anchor: '64 MB', theirs: '64 MB', ours: `${Math.round(bytes / MEGABYTE)} MB`, ratio: bytes / allowed, bar: { most: 1 } };
}

function escapedForRegex(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

/** Returns the milliseconds and the output of a whole process. */
function timed(file, args, env, allowed) {
  return new Promise((done, failed) => {
    const began = performance.now();
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.on('error', failed);
    child.on('close', (status) => {
      if (allowed.includes(status)) done({ ms: performance.now() - began, stdout });
      else failed(new Error(`${file} ended with ${status}: ${stderr.trim()}`));
    });
  });
}

/** Returns the path of ripgrep, installed on demand into the user's cache; it is never a dependency. */
async function ripgrep() {
  const directory = join(PEERS, `ripgrep-${RIPGREP}`);
  if (programIn(directory) === undefined) {
    const making = join(PEERS, `.${randomUUID()}`);
    try {
      mkdirSync(making, { recursive: true });
      writeFileSync(join(making, 'package.json'), JSON.stringify({ private: true }));
      const windows = process.platform === 'win32';
      await promisify(execFile)(windows ? 'npm.cmd' : 'npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', `@vscode/ripgrep@${RIPGREP}`], { cwd: making, shell: windows, timeout: 180_000 });
      if (programIn(making) === undefined) throw new Error(`@vscode/ripgrep@${RIPGREP} has no program for this platform`);
      rmSync(directory, { recursive: true, force: true });
      renameSync(making, directory);
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
  }
  return programIn(directory);
}

/** @param {string} directory */
function programIn(directory) {
  const packages = join(directory, 'node_modules', '@vscode');
  if (!existsSync(packages)) return undefined;
  const names = readdirSync(packages).map((name) => join(packages, name, 'bin', process.platform === 'win32' ? 'rg.exe' : 'rg'));
  return names.find((name) => existsSync(name));
}
