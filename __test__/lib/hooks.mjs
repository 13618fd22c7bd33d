// Hooks as the client runs them: the command from the settings that `init` wrote, run by /bin/sh, with the payload on standard input and
// the environment of a client.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, replaceFile } from './command.mjs';

/**
 * Installs the hooks in a project.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {object} [config]
 */
export async function hooked(place, config = {}) {
  writeFileSync(join(place.root, 'config.json'), JSON.stringify(config));
  const { status, stderr } = await place.run(['init', '--yes']);
  assert.equal(status, 0, stderr);
  const settings = JSON.parse(readFileSync(join(place.project, '.claude', 'settings.json'), 'utf8'));
  const transcripts = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(transcripts, { recursive: true });
  return {
    transcripts,
    transcriptOf: (/** @type {string} */ id) => join(transcripts, `${id}.jsonl`),
    /** Returns the hook command of an event. @param {string} event @returns {string} */
    commandOf: (event) => settings.hooks[event][0].hooks[0].command,
  };
}

/** @param {number} number */
export const idOf = (number) => `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

/**
 * Returns a recorded transcript with its own id, directory and times.
 *
 * @param {string} fixture Name in fixtures/transcripts.
 * @param {{id: string, cwd: string, resetsIn?: number}} session
 */
export function transcriptText(fixture, { id, cwd, resetsIn = 5000 }) {
  const recorded = readFileSync(join(ROOT, 'fixtures', 'transcripts', `${fixture}.jsonl`), 'utf8');
  const lines = recorded.split('\n').map((line) => {
    if (line === '') return line;
    const record = JSON.parse(line);
    if (record.sessionId) record.sessionId = id;
    if (record.cwd) record.cwd = cwd;
    if (record.timestamp) record.timestamp = new Date().toISOString();
    if (record.quotaLimits) record.quotaLimits.resetsAt = Math.floor(Date.now() / 1000) + resetsIn;
    return JSON.stringify(record);
  });
  return lines.join('\n');
}

/**
 * Starts a process that stands in for the client and registers it with its start time.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {string} session
 */
export function livingClient(place, session, [program, ...words] = ['sleep', '600']) {
  const child = spawn(program, words, { stdio: 'ignore' });
  const pid = /** @type {number} */ (child.pid);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const kill = () => child.kill('SIGKILL') && gone;
  place.endings.push(kill);
  const register = (/** @type {string} */ holds) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const procStart = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    mkdirSync(join(place.claude, 'sessions'), { recursive: true });
    const record = { pid, sessionId: holds, cwd: place.project, startedAt: Date.now(), procStart, version: '2.1.329', kind: 'interactive', entrypoint: 'cli', status: 'idle' };
    replaceFile(join(place.claude, 'sessions', `${pid}.json`), JSON.stringify(record));
  };
  register(session);
  return { pid, register, kill };
}

/**
 * Starts a hook.
 *
 * @param {string} command
 * @param {string | Buffer | null} input `null` leaves standard input open and silent.
 * @param {{cwd: string, env: Record<string, string | undefined>, as?: string[], limit?: number}} options `as`: words before the shell;
 *   `limit`: seconds until the hook is killed.
 */
export function startHook(command, input, { as = [], limit = 0, ...options }) {
  const began = performance.now();
  const [file, ...args] = [...as, '/bin/sh', '-c', command];
  const child = spawn(file, args, { ...options, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  // A hook that has read enough leaves the rest of its input unread.
  child.stdin.on('error', () => {});
  if (input !== null) child.stdin.end(input);
  const ended = new Promise((resolve, reject) => {
    const overdue = limit > 0 ? setTimeout(() => endGroup(child.pid), limit * 1000) : undefined;
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(overdue);
      child.stdin.destroy();
      resolve({ status, signal, stdout, stderr, seconds: (performance.now() - began) / 1000 });
    });
  });
  return { child, ended };
}

/** Ends a process group that may have ended already. @param {number | undefined} pid */
function endGroup(pid) {
  try {
    process.kill(-(pid ?? 0), 'SIGKILL');
  } catch (error) {
    if (/** @type {any} */ (error).code !== 'ESRCH') throw error;
  }
}

/**
 * Ends a hook together with its world.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {ReturnType<typeof startHook>} hook
 */
export function endWith(place, { child, ended }) {
  place.endings.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
}

/**
 * Runs tasks, at most `atOnce` at a time.
 *
 * @template T
 * @param {(() => Promise<T>)[]} tasks
 * @param {number} atOnce
 * @returns {Promise<T[]>}
 */
export async function inTurns(tasks, atOnce) {
  /** @type {T[]} */
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < tasks.length) {
      const index = next;
      next += 1;
      results[index] = await tasks[index]();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
