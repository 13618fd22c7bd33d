#!/usr/bin/env node
// Generates a corpus: a configuration directory full of sessions in the formats of the real client and in realistic sizes, with the truth
// about each session.
//
//   node benches/corpus.mjs --out DIR [--sessions 1000] [--bytes-total 2G] [--median 300K] [--max 250M] [--big 50,200] [--projects 12]
//        [--seed 1] [--jobs 2] [--now 1795226400] [--subagents 0.25] [--images 0.004] [--torn 0.03] [--nul 0.003] [--quiet]
//
// DIR becomes a CLAUDE_CONFIG_DIR: DIR/projects/<encoded cwd>/<id>.jsonl, <id>/subagents/agent-*.jsonl and <id>/tool-results/*.txt beside
// them, DIR/history.jsonl, and DIR/truth.json ({meta, sessions}; one session per line). The same options give the same bytes, whatever
// --jobs is. All texts are generated. `expectedOf` of corpus/truth.mjs returns what the product must report for a row.

import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { completed, fromArguments } from './corpus/options.mjs';
import { plan } from './corpus/plan.mjs';
import { encodedDirectory } from './corpus/session.mjs';
import { NEEDLES } from './corpus/vocabulary.mjs';

export { differences, expectedOf, judged, readTruth } from './corpus/truth.mjs';

/** Increase this if the same options give different bytes. */
const GENERATION = 2;
/** Bytes to leave free on the disk. */
const SPARE = 2e9;
const BYTES_OF_A_SMALL_FILE = 2000;

/** Directory that retains corpora between runs. */
export const CACHE = join(tmpdir(), 'cc-session-recover-bench');

/** Returns the options that determine the bytes, as stored in the truth file. */
function identity(options) {
  const deciding = Object.entries(options).filter(([name]) => !['out', 'jobs', 'quiet'].includes(name));
  return { generation: GENERATION, ...Object.fromEntries(deciding) };
}

/**
 * Writes a corpus. The options are those of the command line.
 *
 * @param {Record<string, unknown>} given
 * @returns {Promise<Record<string, any>>} `meta` of its truth file.
 */
export async function generate(given) {
  const options = completed(given);
  options.out = resolve(options.out);
  const planned = plan(options);
  for (const project of planned.projects) mkdirSync(join(options.out, 'projects', encodedDirectory(project), 'memory'), { recursive: true });
  const rows = await written(options, planned.sessions);
  const meta = metaOf(options, planned, rows);
  writeFileSync(join(options.out, 'history.jsonl'), history(rows));
  const lines = rows.map((row) => JSON.stringify(row)).join(',\n');
  writeFileSync(join(options.out, 'truth.json'), `{"meta":${JSON.stringify(meta)},\n"sessions":[\n${lines}\n]}\n`);
  return meta;
}

/**
 * Returns the directory of a corpus with these options: an existing one, or a new one.
 *
 * @param {string} name Directory below {@link CACHE}.
 * @param {Record<string, unknown>} given
 */
export async function cached(name, given) {
  const options = completed(given);
  const directory = join(CACHE, name);
  const truth = join(directory, 'truth.json');
  if (existsSync(truth)) {
    const { identity: kept } = JSON.parse(/^\{"meta":(.*),$/m.exec(readFileSync(truth, 'utf8'))?.[1] ?? '{}');
    if (JSON.stringify(kept) === JSON.stringify(identity(options))) return directory;
    rmSync(directory, { recursive: true });
  }
  const needed = (options['bytes-total'] ?? options.sessions * options.median * 3) * 1.15;
  const missing = needed + SPARE - freeBytes(CACHE);
  if (missing > 0) throw new Error(`a corpus of ${megabytes(needed)} needs ${megabytes(missing)} more on the disk of ${CACHE}`);
  rmSync(directory, { recursive: true, force: true });
  await generate({ ...given, out: directory });
  return directory;
}

/** Returns the free bytes on the file system of a directory, or of its nearest existing parent. */
export function freeBytes(directory) {
  let existing = directory;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

const megabytes = (bytes) => `${Math.ceil(bytes / 1e6)} MB`;

/** Has the workers write all sessions and returns their rows in the order of the plan. */
async function written(options, sessions) {
  const shares = Array.from({ length: Math.max(1, options.jobs) }, () => ({ bytes: 0, sessions: [] }));
  for (const session of sessions.toSorted((a, b) => b.bytes - a.bytes)) {
    const least = shares.reduce((a, b) => (b.bytes < a.bytes ? b : a));
    least.bytes += session.bytes + BYTES_OF_A_SMALL_FILE;
    least.sessions.push(session);
  }
  const rows = await Promise.all(shares.map((share) => work(options, share.sessions)));
  const byId = new Map(rows.flat().map((row) => [row.sessionId, row]));
  return sessions.map((session) => byId.get(session.id));
}

function work(options, sessions) {
  return new Promise((done, failed) => {
    const worker = new Worker(new URL('corpus/worker.mjs', import.meta.url), { workerData: { options, sessions } });
    worker.on('message', done);
    worker.on('error', failed);
  });
}

function metaOf(options, { sigma }, rows) {
  const sizes = rows.map((row) => row.bytes).toSorted((a, b) => a - b);
  const sum = (key) => rows.reduce((total, row) => total + row[key], 0);
  const count = (key) => {
    const counts = {};
    for (const row of rows) counts[row[key]] = (counts[row[key]] ?? 0) + 1;
    return counts;
  };
  const share = (part) => sizes[Math.floor(sizes.length * part)];
  const needles = Object.entries(NEEDLES).map(([name, text]) => {
    const hits = rows.map((row) => row.needles[name] ?? 0).filter(Boolean);
    return [name, { text, sessions: hits.length, occurrences: hits.reduce((a, b) => a + b, 0) }];
  });
  return {
    identity: identity(options),
    sigma: Number(sigma.toFixed(4)),
    sessions: rows.length,
    bytes: sum('bytes'),
    bytesSubagents: sum('subagentBytes'),
    median: share(0.5),
    p90: share(0.9),
    p99: share(0.99),
    max: sizes.at(-1),
    lines: sum('lines'),
    subagentFiles: sum('subagentFiles'),
    torn: rows.filter((row) => row.torn).length,
    endings: count('ending'),
    states: count('state'),
    needles: Object.fromEntries(needles),
  };
}

/** Returns the text of Claude Code's own list of typed prompts. */
function history(rows) {
  return rows
    .filter((row) => row.lastPrompt !== null)
    .toSorted((a, b) => a.mtime - b.mtime)
    .map((row) => `${JSON.stringify({ display: row.lastPrompt.slice(0, 200), pastedContents: {}, timestamp: row.mtime * 1000, project: row.project, sessionId: row.sessionId })}\n`)
    .join('');
}

if (process.argv[1] === import.meta.filename) {
  try {
    const options = fromArguments(process.argv.slice(2));
    if (options.out === '') throw new RangeError('--out DIR is needed');
    const began = Date.now();
    const meta = await generate(options);
    if (!options.quiet) console.log(JSON.stringify({ ...meta, seconds: (Date.now() - began) / 1000 }, null, 1));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`${error.message}\n\n${readFileSync(import.meta.filename, 'utf8').split('\n').slice(4, 6).join('\n').replaceAll('// ', '')}`);
    process.exitCode = 2;
  }
}
