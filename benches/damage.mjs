#!/usr/bin/env node
// Damages transcripts: makes thousands from good ones, in the same way in every run, has the product read them in a separate process, and
// checks what it must still report. `__test__/damaged.test.mjs` runs it.
//
//   node benches/damage.mjs [--cases 10000] [--seed 1] [--keep DIR] [--gigabyte]

import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freeBytes } from './corpus.mjs';
import { Random } from './corpus/random.mjs';
import { DAMAGES, subject } from './damage/damages.mjs';
import { broken, cutBack, naively } from './damage/oracle.mjs';
import { sources } from './damage/sources.mjs';
import { Dialogue } from './programs/dialogue.mjs';

const INSPECTOR = join(import.meta.dirname, 'programs', 'inspector.mjs');
const BATCH = 200;
/** A batch takes less than a hundredth of this; a process that is silent for longer hangs. */
const WATCHDOG_SECONDS = 120;
const GIGABYTE = 1e9;
/** Number of cases that the naive reader also gets. */
export const CONTROLLED = 500;
const FAILED_VERIFICATION = 5;

/**
 * @typedef {object} Examination
 * @property {number} cases
 * @property {number} failed
 * @property {Record<string, {cases: number, failed: number, first: string | null}>} byDamage
 * @property {number} memory Peak memory of the reading process in bytes, minus that with only the addon loaded.
 * @property {number} naive How many of the first {@link CONTROLLED} cases the naive reader fails.
 */

/**
 * Creates, reads and judges damaged transcripts.
 *
 * @param {{cases?: number, seed?: number, keep?: string, progress?: (done: number) => void}} [options] `keep`: directory for the failing
 *   ones.
 * @returns {Promise<Examination>}
 */
export async function examine({ cases = 10_000, seed = 1, keep, progress = () => {} } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'ccsr-damaged-'));
  const reader = new Reader(root);
  try {
    const idle = await reader.idle();
    const good = await Promise.all((await sources(seed)).map((source) => understood(reader, source)));
    const random = new Random(seed);
    const result = { cases: 0, failed: 0, byDamage: {}, memory: 0, naive: 0 };
    while (result.cases < cases) {
      const batch = Array.from({ length: Math.min(BATCH, cases - result.cases) }, () => damaged(good, random));
      await judge(reader, batch, result, keep);
      progress(result.cases);
    }
    result.memory = reader.peak - idle;
    return result;
  } finally {
    await reader.end();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Returns a source with the report about it. */
async function understood(reader, source) {
  const [answer] = await reader.read([source.bytes]);
  if ('error' in answer) throw new Error(`${source.name} itself cannot be read: ${answer.error.message}`);
  return { ...subject(source, answer.session.verdict.record), good: answer.session, cuts: new Map() };
}

const WEIGHTS = Object.fromEntries(Object.entries(DAMAGES).map(([name, { weight }]) => [name, weight ?? 1]));

/** Returns one damaged transcript. If a damage changes nothing in a source, it takes another source. */
function damaged(good, random) {
  const damage = random.weighted(WEIGHTS);
  const { keeps, apply } = DAMAGES[damage];
  for (;;) {
    const source = random.pick(good);
    const bytes = apply(source, new Random(random.bits()));
    if (!bytes.equals(source.bytes)) return { source, damage, keeps, bytes };
  }
}

async function judge(reader, batch, result, keep) {
  const answers = await reader.read(batch.map((one) => one.bytes));
  const expected = await expectations(reader, batch);
  for (const [at, one] of batch.entries()) {
    const why = broken(one, answers[at], expected[at]);
    const tally = (result.byDamage[one.damage] ??= { cases: 0, failed: 0, first: null });
    result.cases += 1;
    tally.cases += 1;
    if (result.cases <= CONTROLLED) result.naive += naiveFails(one) ? 1 : 0;
    if (why === null) continue;
    result.failed += 1;
    tally.failed += 1;
    tally.first ??= `${one.source.name}: ${why}`;
    if (keep !== undefined) kept(keep, one, result.cases);
  }
}

/** Returns the expected report of each case. For cut files it reads the file cut back to its last complete line, once per length. */
async function expectations(reader, batch) {
  const wanted = [];
  for (const one of batch) {
    if (one.keeps !== 'cut') {
      wanted.push(one.source.good);
      continue;
    }
    const back = cutBack(one.bytes);
    if (!one.source.cuts.has(back.length)) {
      const [answer] = await reader.read([back]);
      one.source.cuts.set(back.length, answer.session ?? null);
    }
    wanted.push(one.source.cuts.get(back.length));
  }
  return wanted;
}

/** Whether the naive reader breaks the same promise, with its own reading of the good file as the truth. */
function naiveFails({ source, damage, keeps, bytes }) {
  try {
    const answer = { session: naively(bytes) };
    return broken({ keeps, damage }, answer, naively(keeps === 'cut' ? cutBack(bytes) : source.bytes)) !== null;
  } catch {
    return true;
  }
}

function kept(directory, { damage, bytes }, number) {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${damage.replaceAll(/[^a-z0-9]+/gi, '-')}-${number}.jsonl`), bytes);
}

/** The reading process and the files that it reads. */
class Reader {
  peak = 0;
  #root;
  #process;

  constructor(root) {
    this.#root = root;
    const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER)/.test(name));
    const own = { HOME: root, CLAUDE_CONFIG_DIR: join(root, 'claude'), CC_RECOVER_STATE_DIR: join(root, 'state') };
    this.#process = new Dialogue(process.execPath, [INSPECTOR], { ...Object.fromEntries(clean), ...own });
  }

  /** Returns the peak memory before it has read anything. */
  async idle() {
    await this.readFiles([]);
    return this.peak;
  }

  /** Writes the transcripts, has them read, and removes them. */
  async read(transcripts) {
    const directory = mkdtempSync(join(this.#root, 'batch-'));
    const paths = transcripts.map((bytes, at) => {
      const path = join(directory, `00000000-0000-4000-8000-${String(at).padStart(12, '0')}.jsonl`);
      writeFileSync(path, bytes);
      return path;
    });
    try {
      return await this.readFiles(paths);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  async readFiles(paths) {
    let timer;
    const late = new Promise((_, failed) => {
      timer = setTimeout(() => failed(new Error(`no answer for ${WATCHDOG_SECONDS} s: it hangs`)), WATCHDOG_SECONDS * 1000);
    });
    try {
      const { answers, peak } = await Promise.race([this.#process.call({ paths }), late]);
      this.peak = peak;
      return answers;
    } catch (error) {
      this.#process.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  end() {
    return this.#process.end();
  }
}

/** Maximum disk space for the line of a gigabyte, on file systems that do not store sparse files. */
export const GIGABYTE_NEEDS = 2 * GIGABYTE;

/** Whether the disk has room for {@link readGigabyte}. */
export function roomForGigabyte() {
  return freeBytes(tmpdir()) > GIGABYTE_NEEDS;
}

/**
 * Reads transcripts with one line of a gigabyte: at the end, in the middle, at the beginning, and alone. The line is a hole in the file, or
 * text written in blocks.
 *
 * @returns {Promise<{where: string, why: string | null, memory: number}[]>} The error in each, if any, and the memory it took.
 */
export async function readGigabyte(seed = 1) {
  const root = mkdtempSync(join(tmpdir(), 'ccsr-gigabyte-'));
  const reader = new Reader(root);
  try {
    const source = (await sources(seed)).find(({ name }) => name === 'fixtures/quota-5h-print.jsonl');
    const idle = await reader.idle();
    const { good } = await understood(reader, source);
    const found = [];
    for (const [where, parts, expected] of [
      ['behind the records, of NUL', [source.bytes, 'hole', '\n'], good],
      ['between the records, of NUL', [source.lines[0], 'hole', '\n', ...source.lines.slice(1)], good],
      ['behind the records, of text, torn', [source.bytes, '{"type":"user","message":{"content":"', 'text'], good],
      ['in front of the records, of text', ['{"type":"user","message":{"content":"', 'text', '"}}\n', source.bytes], good],
      ['alone', ['hole'], null],
    ]) {
      const path = join(root, '00000000-0000-4000-8000-000000000000.jsonl');
      writeParts(path, parts);
      const [answer] = await reader.readFiles([path]);
      rmSync(path);
      found.push({ where, why: broken({ keeps: 'verdict', damage: where }, answer, expected), memory: reader.peak - idle });
    }
    return found;
  } finally {
    await reader.end();
    rmSync(root, { recursive: true, force: true });
  }
}

function writeParts(path, parts) {
  const file = openSync(path, 'w');
  const block = Buffer.alloc(8e6, 'a');
  let length = 0;
  for (const part of parts) {
    if (part === 'hole') {
      length += GIGABYTE;
      ftruncateSync(file, length);
    } else if (part === 'text') {
      for (let left = GIGABYTE; left > 0; left -= block.length) length += writeSync(file, block, 0, Math.min(left, block.length), length);
    } else {
      const bytes = Buffer.from(part);
      length += writeSync(file, bytes, 0, bytes.length, length);
    }
  }
  closeSync(file);
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { cases: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' }, keep: { type: 'string' }, gigabyte: { type: 'boolean' } } });
  const began = Date.now();
  const result = await examine({ cases: Number(values.cases), seed: Number(values.seed), keep: values.keep });
  for (const [name, { cases, failed, first }] of Object.entries(result.byDamage).toSorted()) {
    if (failed > 0) console.log(`${name}: ${failed} of ${cases}, the first: ${first}`);
  }
  console.log(`${result.failed} of ${result.cases} failed, ${(result.memory / 1e6).toFixed(0)} MB, naive reader: ${result.naive} of ${Math.min(CONTROLLED, result.cases)} failed, ${(Date.now() - began) / 1000} s`);
  if (values.gigabyte) console.log(await readGigabyte());
  if (result.failed > 0) process.exitCode = FAILED_VERIFICATION;
}
