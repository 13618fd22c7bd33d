// The page of a session of 50 MB: against reading and parsing the same bytes in the same kind of process, its memory, and how a browser
// handles it: opening, scrolling to the end, searching.

import { mkdirSync, mkdtempSync, linkSync, copyFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { browser, chromium } from '../__test__/lib/chromium.mjs';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';

const MEGABYTE = 1024 * 1024;
const EXPORTER = join(import.meta.dirname, 'programs', 'exporter.mjs');
const ROUNDS = { quick: 7, full: 25 };
const SIZE = 50;

/** @param {{full?: boolean}} [options] @returns {Promise<import('./pairs.mjs').Figure[]>} */
export async function run({ full = false } = {}) {
  const corpus = await cached('pages', { sessions: 1, median: '300K', big: [SIZE], max: '1100M', 'bytes-total': '51M', projects: 1, subagents: 0, torn: 0, nul: 0, seed: 7 });
  const { sessions } = readTruth(corpus);
  const largest = join(corpus, sessions.toSorted((a, b) => b.bytes - a.bytes)[0].path);
  const root = mkdtempSync(join(tmpdir(), 'ccsr-bench-'));
  try {
    const config = join(root, '.claude');
    const directory = join(config, 'projects', '-w');
    mkdirSync(directory, { recursive: true });
    const transcript = join(directory, basename(largest));
    try {
      linkSync(largest, transcript);
    } catch {
      copyFileSync(largest, transcript);
    }
    const session = basename(largest, '.jsonl');
    const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_)/.test(name));
    const env = { ...Object.fromEntries(clean), HOME: root, USERPROFILE: root, CLAUDE_CONFIG_DIR: config, CC_RECOVER_STATE_DIR: join(root, 'state'), CC_RECOVER_CONFIG: join(root, 'config.json') };
    const figures = [];
    for (const format of ['html', 'markdown']) figures.push(await against(env, root, transcript, session, format, ROUNDS[full ? 'full' : 'quick']));
    figures.push(await memory(env, root, session, statSync(transcript).size));
    return [...figures, ...(await opened(join(root, 'page.html')))];
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function against(env, root, path, session, format, rounds) {
  const exporter = new Dialogue(process.execPath, [EXPORTER], env);
  const anchor = async () => (await exporter.call({ do: 'parse', path })).ms;
  const subject = async () => (await exporter.call({ do: 'page', options: { session, format, to: join(root, `page.${format}`), force: true } })).ms;
  const { theirs, ours, ratio, minima } = await pairs(anchor, subject, rounds, 1);
  await exporter.end();
  return { what: `${format} of ${SIZE} MB`, anchor: 'reading and parsing it', theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima, bar: { most: 2 } };
}

/** Returns how much the peak memory of writing the page exceeds that of planning it. */
async function memory(env, root, session, size) {
  const exporter = new Dialogue(process.execPath, [EXPORTER], env);
  const to = join(root, 'page.html');
  await exporter.call({ do: 'page', options: { session, to, force: true, dryRun: true } });
  const before = (await exporter.call({ do: 'memory' })).bytes;
  await exporter.call({ do: 'page', options: { session, to, force: true } });
  const after = (await exporter.call({ do: 'memory' })).bytes;
  await exporter.end();
  const more = Math.max(after - before, 0) / MEGABYTE;
  return { what: `memory of html of ${(size / 1e6).toFixed(0)} MB`, anchor: 'planning it', theirs: `${(before / MEGABYTE).toFixed(1)} MB`, ours: `${(after / MEGABYTE).toFixed(1)} MB`, shown: `+${more.toFixed(1)} MB`, ok: more <= 16 };
}

const figure = (what, ours, shown = '') => ({ what, anchor: '', ours, shown });

/** Measures the page in a browser. @param {string} path @returns {Promise<import('./pairs.mjs').Figure[]>} */
async function opened(path) {
  const what = `opening html of ${SIZE} MB in Chromium`;
  if (chromium === null) return [{ what, anchor: '', shown: 'there is no Chromium' }];
  /** @type {(() => unknown)[]} */
  const ends = [];
  try {
    const page = await browser({ after: (end) => ends.push(end) }).open(path);
    const timed = (expression) => page.value(`(async () => { const began = performance.now(); const told = await (async () => { ${expression} })(); return [performance.now() - began, told]; })()`);
    const frame = 'await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));';
    const [toEnd, far] = await timed(`let y = -1; while (scrollY !== y) { y = scrollY; scrollTo(0, document.documentElement.scrollHeight); ${frame} } return Math.round(scrollY);`);
    const [steps, slowest] = await timed(`let most = 0; scrollTo(0, 0); for (let step = 0; step < 200; step += 1) { const began = performance.now(); scrollBy(0, 700); ${frame} most = Math.max(most, performance.now() - began); } return most;`);
    const find = (words) => timed(`const box = document.getElementById('find'); box.value = ${JSON.stringify(words)}; document.documentElement.dataset.found = ''; box.dispatchEvent(new Event('input')); while (!document.documentElement.dataset.found) await new Promise((done) => setTimeout(done, 5)); return document.getElementById('found').value;`);
    const [common, commonHits] = await find('error');
    const [rare, rareHits] = await find('there is no such text anywhere');
    const bytes = readFileSync(path).length;
    if (page.deeds.length > 0) throw new Error(page.deeds.join('\n'));
    return [
      figure(what, milliseconds(page.took), `${(bytes / 1e6).toFixed(1)} MB of page`),
      figure('  going to its end', milliseconds(toEnd), `${far} pixels`),
      figure('  200 screens, the slowest', milliseconds(slowest), milliseconds(steps)),
      figure('  finding a common word', milliseconds(common), commonHits),
      figure('  finding what is not there', milliseconds(rare), rareHits),
    ];
  } finally {
    for (const end of ends) await end();
  }
}
