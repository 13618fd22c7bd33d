// Sources: the good transcripts to damage. Transcripts recorded from the real client, and small generated ones, also in the formats of
// older clients.

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from '../corpus.mjs';

const FIXTURES = join(import.meta.dirname, '..', '..', 'fixtures', 'transcripts');
const GENERATED = { sessions: 60, median: '12K', sigma: 0.8, max: '60K', projects: 3, subagents: 0, torn: 0, nul: 0, jobs: 1 };

/**
 * @typedef {object} Source
 * @property {string} name
 * @property {Buffer} bytes
 * @property {Buffer[]} lines With their line ends.
 */

/** Returns all sources, in the same order in every run. */
export async function sources(seed) {
  const recorded = readdirSync(FIXTURES)
    .filter((file) => file.endsWith('.jsonl'))
    .toSorted()
    .map((file) => source(`fixtures/${file}`, readFileSync(join(FIXTURES, file))));
  return [...recorded, ...(await generated(seed))];
}

async function generated(seed) {
  const out = mkdtempSync(join(tmpdir(), 'ccsr-sources-'));
  try {
    await generate({ ...GENERATED, seed, out });
    const { sessions } = JSON.parse(readFileSync(join(out, 'truth.json'), 'utf8'));
    return sessions.filter((row) => row.bytes > 0).map((row) => source(`${row.ending} ${row.sessionId.slice(0, 8)}`, readFileSync(join(out, row.path))));
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** @returns {Source} */
function source(name, bytes) {
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  return { name, bytes: whole, lines: linesOf(whole) };
}

/** Splits bytes into lines with their ends; bytes after the last end are a line too. */
export function linesOf(bytes) {
  const lines = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0x0a, from);
    const to = end === -1 ? bytes.length : end + 1;
    lines.push(bytes.subarray(from, to));
    from = to;
  }
  return lines;
}

/** Returns the record of a line, or `null`. */
export function recordOf(line) {
  try {
    return JSON.parse(line.toString());
  } catch {
    return null;
  }
}
