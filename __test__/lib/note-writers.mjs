// Many processes that write notes of many sessions into one HANDOFF.md at once, while some of them are killed, and a check of the resulting
// file.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from './command.mjs';

const WRITER = join(ROOT, '__test__', 'lib', 'note-writer.cjs');

/** The model's part of the file: two kinds of line ends, a single marker, half a conflict, and only one line end at the end. */
export const MODEL_PART = '# Handoff\r\n\r\n## Goal\r\n\r\nMove the parser — été\r\n\n## Done\n\n<!-- cc-session-recover:begin lost -->\n=======\n\n## Next exact action\n\nrun `npm test`\n';

/** @typedef {{root: string, claude: string, project: string, state: string, env: Record<string, string | undefined>}} Place */

/**
 * @param {Place} place
 * @param {{sessions: number, rounds: number, killed: number, how?: 'product' | 'naive', random?: () => number}} options `killed`: processes
 *   killed per round.
 * @returns {Promise<{faults: string[], kills: number, writes: number}>}
 */
export async function writeAtOnce(place, { sessions, rounds, killed, how = 'product', random = Math.random }) {
  const ids = idsOf(sessions);
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const transcriptOf = (/** @type {string} */ id) => join(directory, `${id}.jsonl`);
  writeFileSync(join(place.root, 'config.json'), JSON.stringify({ note: { blocks: sessions } }));
  writeFileSync(join(place.project, 'HANDOFF.md'), MODEL_PART);
  for (const id of ids) writeFileSync(transcriptOf(id), '');

  // Run without git, because the test is about the file.
  const env = { ...place.env, PATH: place.root };
  const start = (/** @type {string} */ id) => new Writer([WRITER, how, id, place.project], env);
  const writers = new Map(ids.map((id) => [id, start(id)]));
  /** @type {Set<string>} */
  const noted = new Set();
  const faults = [];
  let [kills, writes] = [0, 0];
  try {
    for (let round = 1; round <= rounds && faults.length < 20; round += 1) {
      await Promise.all([...writers.values()].map((writer) => writer.ready));
      for (const id of ids) appendFileSync(transcriptOf(id), record(id, place.project, `round ${round}`));
      const victims = ids.toSorted(() => random() - 0.5).slice(0, killed);
      const answers = new Map(ids.map((id) => [id, writers.get(id)?.write(round)]));
      await Promise.all(
        victims.map(async (id) => {
          await new Promise((resolve) => setTimeout(resolve, random() * 400));
          await writers.get(id)?.kill();
          kills += 1;
        }),
      );
      const alive = [];
      for (const [id, answer] of answers) {
        if ((await answer) === undefined) continue;
        alive.push(id);
        noted.add(id);
        writes += 1;
      }
      faults.push(...faultsOf(readFileSync(join(place.project, 'HANDOFF.md'), 'utf8'), { how, noted, alive: alive.filter((id) => !victims.includes(id)), round }).map((fault) => `round ${round}: ${fault}`));
      for (const id of victims) writers.set(id, start(id));
    }
    // One more write must remove what the killed writers left behind.
    if (how === 'product') {
      appendFileSync(transcriptOf(ids[0]), record(ids[0], place.project, 'the last'));
      await writers.get(ids[0])?.write(0);
      const left = readdirSync(place.project).filter((name) => name !== 'HANDOFF.md');
      if (left.length > 0) faults.push(`left behind: ${left.join(', ')}`);
      const kept = ids.filter((id) => existsSync(join(place.state, 'sessions', id, 'edited-notes')));
      if (kept.length > 0) faults.push(`a block of ours was taken for an edited one: ${kept.join(', ')}`);
    }
  } finally {
    await Promise.all([...writers.values()].map((writer) => writer.kill()));
  }
  return { faults, kills, writes };
}

/**
 * Starts writers of notes that run beside another test on the same sessions; the other test writes the transcripts.
 *
 * @param {Place} place
 * @param {{sessions: number, killed: number, random?: () => number}} options
 */
export function notesBeside(place, { sessions, killed, random = Math.random }) {
  const ids = idsOf(sessions);
  writeFileSync(join(place.project, 'HANDOFF.md'), MODEL_PART);
  const env = { ...place.env, PATH: place.root };
  const start = (/** @type {string} */ id) => new Writer([WRITER, 'product', id, place.project], env);
  const writers = new Map(ids.map((id) => [id, start(id)]));
  /** @type {Set<string>} */
  const noted = new Set();
  return {
    /** Runs one round of all writers and returns what is wrong with the file afterwards. @param {number} round */
    async round(round) {
      await Promise.all([...writers.values()].map((writer) => writer.ready));
      const victims = ids.toSorted(() => random() - 0.5).slice(0, killed);
      const answers = new Map(ids.map((id) => [id, writers.get(id)?.write(round)]));
      for (const id of victims) setTimeout(() => writers.get(id)?.kill(), random() * 400);
      const alive = [];
      for (const [id, answer] of answers) if ((await answer) !== undefined) alive.push(id);
      for (const id of alive) noted.add(id);
      for (const id of victims) {
        await writers.get(id)?.kill();
        writers.set(id, start(id));
      }
      return faultsOf(readFileSync(join(place.project, 'HANDOFF.md'), 'utf8'), { how: 'product', noted, alive: alive.filter((id) => !victims.includes(id)), round });
    },
    end: () => Promise.all([...writers.values()].map((writer) => writer.kill())),
  };
}

/** Returns the ids of this many sessions. @param {number} sessions */
function idsOf(sessions) {
  return Array.from({ length: sessions }, (_, index) => `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`);
}

/**
 * Returns what is wrong with the file.
 *
 * @param {string} text
 * @param {{how: string, noted: Set<string>, alive: string[], round: number}} expected
 */
function faultsOf(text, { how, noted, alive, round }) {
  const faults = [];
  const blocks = new Map();
  const pattern = /^<!-- cc-session-recover:begin ([0-9a-f-]{36}) -->\r?\n([\s\S]*?)^<!-- cc-session-recover:end ([0-9a-f-]{36}) -->\r?\n/gm;
  const rest = text.replace(pattern, (_, id, body, end) => {
    if (id !== end) faults.push(`${id} ends as ${end}`);
    if (blocks.has(id)) faults.push(`${id} twice`);
    blocks.set(id, body.replaceAll('\r\n', '\n'));
    return '';
  });
  if (rest !== MODEL_PART) faults.push(`the model's part changed: ${JSON.stringify(rest.slice(0, 200))}`);
  for (const id of noted) if (!blocks.has(id)) faults.push(`${id} is lost`);
  for (const [id, body] of blocks) {
    const [, words, sum] = /^([\s\S]*)\n<!-- cc-session-recover:sum (\w+) -->\n$/.exec(body) ?? [];
    const whole = sum !== undefined && createHash('sha256').update(words).digest('hex').startsWith(sum);
    if (how === 'product' && !whole) faults.push(`${id} is not whole`);
    if (alive.includes(id) && !body.includes(`round ${round}\n`)) faults.push(`${id} is of an earlier round`);
  }
  return faults;
}

/** @param {string} id @param {string} cwd @param {string} text */
function record(id, cwd, text) {
  const at = new Date().toISOString();
  const shared = { isSidechain: false, timestamp: at, userType: 'external', entrypoint: 'cli', cwd, sessionId: id, version: '2.1.329', gitBranch: 'main' };
  return `${JSON.stringify({ parentUuid: null, ...shared, type: 'user', message: { role: 'user', content: text }, uuid: crypto.randomUUID(), origin: { kind: 'human' } })}\n`;
}

class Writer {
  #child;
  /** @type {((answer: string | undefined) => void)[]} */
  #waiting = [];
  #closed = false;
  #ended;

  /** @param {string[]} args @param {Record<string, string | undefined>} env */
  constructor(args, env) {
    this.#child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => {});
    this.ready = this.#next();
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.(line));
    this.#ended = new Promise((resolve) =>
      this.#child.once('close', () => {
        this.#closed = true;
        for (const answer of this.#waiting) answer(undefined);
        resolve(undefined);
      }),
    );
  }

  /** @returns {Promise<string | undefined>} */
  #next() {
    // A writer that has ended does not answer any more.
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends a round and returns the answer; `undefined` if the writer is killed before. @param {number} round */
  write(round) {
    const answer = this.#next();
    this.#child.stdin.write(`${round}\n`);
    return answer;
  }

  kill() {
    this.#child.kill('SIGKILL');
    return this.#ended;
  }
}
