// Many hooks that save the states of many sessions of one project at once, while some of them are killed, and a check of the resulting
// states.

import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run } from './command.mjs';

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const NAIVE = join(ROOT, '__test__', 'lib', 'state-writer.cjs');

/** @typedef {{root: string, claude: string, project: string, state: string, env: Record<string, string | undefined>}} Place */
/** @typedef {{session: string, sound: boolean, text: string}} Found */

/**
 * @param {Place} place
 * @param {{sessions: number, rounds: number, killed: number, how?: 'product' | 'naive', random?: () => number, beside?: (round: number) => Promise<string[]>}} options
 *   `killed`: hooks killed per round; `beside`: other work done at the same time in each round; returns what went wrong with it.
 * @returns {Promise<{faults: string[], kills: number, saves: number}>}
 */
export async function statesAtOnce(place, { sessions, rounds, killed, how = 'product', random = Math.random, beside = async () => [] }) {
  const ids = Array.from({ length: sessions }, (_, index) => `${index.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`);
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const transcriptOf = (/** @type {string} */ id) => join(directory, `${id}.jsonl`);
  writeFileSync(join(place.root, 'config.json'), JSON.stringify({ note: { blocks: sessions }, state: { archives: sessions } }));
  const { status, stderr } = await run([COMMAND, 'init', '--yes'], { cwd: place.project, env: place.env });
  if (status !== 0) throw new Error(stderr);
  const launcher = join(place.project, '.claude', 'cc-session-recover', 'hook.js');
  // Run without git, because the test is about the files.
  const env = { ...place.env, PATH: place.root, CLAUDE_PROJECT_DIR: place.project };
  const start = (/** @type {string} */ id, /** @type {number} */ round) => {
    if (how === 'naive') return started([NAIVE, id, place.project, `round ${round}`], env, '');
    return started([launcher], env, JSON.stringify({ session_id: id, transcript_path: transcriptOf(id), cwd: place.project, hook_event_name: 'Stop' }));
  };
  /** @type {Set<string>} */
  const saved = new Set();
  const faults = [];
  let [kills, saves] = [0, 0];
  for (let round = 1; round <= rounds && faults.length < 20; round += 1) {
    for (const id of ids) appendFileSync(transcriptOf(id), turn(id, place.project, `round ${round}`));
    const victims = ids.toSorted(() => random() - 0.5).slice(0, killed);
    const work = beside(round);
    const hooks = new Map(ids.map((id) => [id, start(id, round)]));
    await Promise.all(
      victims.map(async (id) => {
        await new Promise((resolve) => setTimeout(resolve, random() * 1200));
        hooks.get(id)?.kill();
        kills += 1;
      }),
    );
    const alive = [];
    for (const [id, hook] of hooks) {
      if ((await hook.ended) !== 0) continue;
      alive.push(id);
      saved.add(id);
      saves += 1;
    }
    faults.push(...(await work).map((fault) => `round ${round}, beside: ${fault}`));
    const found = how === 'naive' ? naiveStates(place) : await states(place);
    faults.push(...faultsOf(found, saved, alive, round).map((fault) => `round ${round}: ${fault}`));
  }
  if (how === 'product') {
    appendFileSync(transcriptOf(ids[0]), turn(ids[0], place.project, 'the last'));
    await start(ids[0], 0).ended;
    const places = [join(place.project, '.claude', 'session-state'), join(place.project, '.claude', 'session-state', 'archive'), join(place.state, 'states')];
    const left = places.flatMap((dir) => readdirSync(dir)).filter((name) => name.endsWith('-tmp'));
    if (left.length > 0) faults.push(`left behind: ${left.join(', ')}`);
    if (existsSync(join(place.state, 'quarantine'))) faults.push(`damaged: ${readdirSync(join(place.state, 'quarantine')).join(', ')}`);
    const kept = ids.filter((id) => existsSync(join(place.state, 'sessions', id, 'edited-states')));
    if (kept.length > 0) faults.push(`a state of ours was taken for an edited one: ${kept.join(', ')}`);
  }
  return { faults, kills, saves };
}

/** Returns the states as the product reports them. @param {Place} place @returns {Promise<Found[]>} */
async function states(place) {
  const { status, stdout, stderr } = await run([COMMAND, 'state', 'list', '--json'], { cwd: place.project, env: place.env });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout).states.map((/** @type {any} */ { session, sound, path }) => ({ session, sound, text: sound ? readFileSync(path, 'utf8') : '' }));
}

/** @param {string} path */
function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** Returns the states of the naive writer. @param {Place} place @returns {Found[]} */
function naiveStates(place) {
  const directory = join(place.project, '.claude', 'session-state');
  try {
    return Object.entries(JSON.parse(read(join(directory, 'book.json')))).map(([session, { sha256, name }]) => {
      const texts = [read(join(directory, '.last-state.md')), read(join(directory, 'archive', `${name}.md`))];
      const text = texts.find((one) => createHash('sha256').update(one).digest('hex') === sha256);
      return { session, sound: text !== undefined, text: text ?? '' };
    });
  } catch {
    return [];
  }
}

/**
 * Returns what is wrong with the states.
 *
 * @param {Found[]} found
 * @param {Set<string>} saved Sessions that were saved at least once.
 * @param {string[]} alive Sessions whose hook ran to its end in this round.
 * @param {number} round
 */
function faultsOf(found, saved, alive, round) {
  const faults = [];
  for (const { session, sound, text } of found) {
    if (!sound) faults.push(`a state of ${session} is not whole`);
    else if (!text.startsWith('<!-- cc-session-recover:state ') || !text.includes(session) || !text.endsWith('\n')) faults.push(`a state of ${session} is torn`);
  }
  for (const id of saved) if (!found.some(({ session, sound }) => session === id && sound)) faults.push(`${id} is lost`);
  const now = new RegExp(`round ${round}\\b`);
  for (const id of alive) if (!found.some(({ session, text }) => session === id && now.test(text))) faults.push(`${id} is of an earlier round`);
  return faults;
}

/** @param {string} id @param {string} cwd @param {string} text */
function turn(id, cwd, text) {
  const at = new Date().toISOString();
  const shared = { isSidechain: false, timestamp: at, userType: 'external', entrypoint: 'cli', cwd, sessionId: id, version: '2.1.329', gitBranch: 'main' };
  const [prompt, answer] = [crypto.randomUUID(), crypto.randomUUID()];
  const message = { model: 'claude-sonnet-5-5', role: 'assistant', stop_reason: 'end_turn', content: [{ type: 'text', text: `Done: ${text}.` }] };
  return `${JSON.stringify({ parentUuid: null, ...shared, type: 'user', message: { role: 'user', content: text }, uuid: prompt, origin: { kind: 'human' } })}\n${JSON.stringify({ parentUuid: prompt, ...shared, type: 'assistant', message, uuid: answer })}\n`;
}

/** @param {string[]} args @param {Record<string, string | undefined>} env @param {string} input */
function started(args, env, input) {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const ended = new Promise((resolve) => child.once('close', (status) => resolve(status)));
  return { ended, kill: () => child.kill('SIGKILL') };
}
