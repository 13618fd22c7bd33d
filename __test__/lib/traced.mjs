// A supervisor that is killed at a chosen system call: started as the hook starts it, under strace, which kills the whole process as it
// enters the call. strace detaches from its children when they execute another program, so that only the supervisor is killed.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path, { join } from 'node:path';
import { ROOT } from './command.mjs';
import { built, programOf } from './native.mjs';

/** Calls that change files, locks or processes. The question mark is needed because not every architecture has all names. */
const CALLS = ['flock', 'write', 'fsync', 'fdatasync', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'ftruncate', 'chmod', 'fchmod', 'link', 'linkat', 'pipe2', 'fork', 'vfork', 'clone', 'clone3', 'wait4', 'waitid', 'kill'];
const PROCESSES = new Set(['fork', 'vfork', 'clone', 'clone3', 'wait4', 'waitid', 'kill']);

const SUPERVISE = 'var m = { exports: {} }; process.dlopen(m, process.argv[1]); m.exports.supervise();';

/** Why tracing is impossible here, or `false`. */
export const untraceable = (() => {
  if (process.platform !== 'linux') return 'strace is a program of Linux';
  const tried = spawnSync('strace', ['-f', '--detach-on=execve', '-o', '/dev/null', '-e', 'trace=flock', '-e', 'inject=flock:signal=KILL:when=9', process.execPath, '-e', '0'], { encoding: 'utf8' });
  if (tried.error) return 'strace is not installed';
  return tried.status === 0 ? false : `strace cannot be used here: ${tried.stderr.trim().split('\n').at(-1)}`;
})();

/** Returns the command line that starts a supervisor as the hook does. @param {ReturnType<typeof import('./command.mjs').world>} place */
export const superviseWords = (place) => (built ? [programOf(place), 'supervise'] : superviseWordsOfNode(place));

/** As {@link superviseWords}, where the platform package has no program. @param {ReturnType<typeof import('./command.mjs').world>} place */
export function superviseWordsOfNode(place) {
  const [version] = readdirSync(join(place.state, 'runtime'));
  return [process.execPath, '-e', SUPERVISE, join(place.state, 'runtime', version, 'addon.node')];
}

/** Returns the command line that starts one attempt at the user's request. @param {string} id */
export const resumeNowWords = (id) => [process.execPath, join(ROOT, 'bin', 'cc-session-recover.js'), 'resume', id, '--now', '--json'];

/**
 * Starts a program under strace.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {string[]} program Its command line.
 * @param {string[]} expressions strace expressions: what to do at which calls.
 * @returns {{log: () => string, ended: Promise<{status: number | null, signal: string | null}>}}
 */
export function traced(place, program, expressions) {
  const log = join(place.root, `strace-${place.endings.length}.log`);
  const words = ['-f', '-y', '-qq', '--detach-on=execve', '-e', 'signal=none', '-o', log, ...expressions.flatMap((one) => ['-e', one])];
  const child = spawn('strace', [...words, ...program], { cwd: place.project, env: place.env, stdio: 'ignore' });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
  place.endings.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  return { log: () => (existsSync(log) ? readFileSync(log, 'utf8') : ''), ended };
}

/**
 * A moment at which a supervisor can be killed: as one of its threads enters the n-th call of that name.
 *
 * @typedef {{call: string, nth: number, text: string}} Point
 */

/**
 * Returns the points of one undisturbed supervisor. strace counts per thread, so a thread's n-th call can be hit only if no other thread
 * has made as many before.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {string[]} program
 * @returns {Promise<Point[]>}
 */
export async function points(place, program) {
  const one = traced(place, program, [`trace=${CALLS.map((call) => `?${call}`).join(',')}`]);
  await one.ended;
  /** @type {Map<string, number>} */
  const made = new Map();
  const seen = new Set();
  const found = [];
  let main = '';
  let begun = false;
  for (const line of one.log().split('\n')) {
    const [, thread, call, rest] = /^(\d+)\s+(\w+)\((.*)$/.exec(line) ?? [];
    if (call === undefined) continue;
    main ||= thread;
    const nth = (made.get(`${thread} ${call}`) ?? 0) + 1;
    made.set(`${thread} ${call}`, nth);
    const ours = rest.includes(place.root);
    // Before its first lock, the supervisor's runtime only starts threads and writes to itself; skip those calls.
    begun ||= ours;
    if (seen.has(`${call} ${nth}`)) continue;
    seen.add(`${call} ${nth}`);
    if (ours || (begun && PROCESSES.has(call))) found.push({ call, nth, text: `${thread === main ? 'main' : 'attempt'}: ${rest.replaceAll(place.root, '')}` });
  }
  return found;
}

/**
 * Runs a program that is killed at the given point. Returns whether it was.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {string[]} program
 * @param {Point} point
 */
export async function killedAt(place, program, { call, nth }) {
  const one = traced(place, program, [`trace=${call}`, `inject=${call}:signal=KILL:when=${nth}`]);
  const { signal } = await one.ended;
  return signal === 'SIGKILL';
}

/**
 * One system call. `paths` are absolute: those of its arguments or, if it has none, that of its descriptor. `program` is the file that the
 * process executed last.
 *
 * @typedef {{at: number, thread: number, program: string, name: string, text: string, paths: string[], failed: boolean}} Call
 */

/**
 * Records system calls of a program and of the processes that it starts, in the order in which they began.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {string[]} program Its command line.
 * @param {string[]} names Names or classes of calls, as strace knows them.
 * @param {{cwd?: string, env?: Record<string, string | undefined>, input?: string}} [options]
 * @returns {Promise<{status: number | null, stdout: string, stderr: string, calls: Call[]}>}
 */
export async function recorded(place, program, names, { cwd = place.project, env = place.env, input = '' } = {}) {
  const logs = mkdtempSync(join(place.root, 'strace-'));
  // One log per thread, because in a common one strace splits a call that another thread interrupts.
  const words = ['-ff', '-y', '-qq', '-ttt', '-s', '4096', '-e', 'signal=none', '-e', `trace=${[...STARTS, ...names].join(',')}`, '-E', `PATH=${env.PATH}`, '-o', join(logs, 'log')];
  const child = spawn('strace', [...words, ...program], { cwd, env: { ...env, PATH: process.env.PATH }, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const calls = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n').flatMap((line) => callOf(line, Number(name.split('.').at(-1)))));
  rmSync(logs, { recursive: true });
  calls.sort((one, other) => one.at - other.at);
  /** @type {Map<number, string>} */
  const programs = new Map();
  for (const call of calls) {
    if (call.name === 'execve' && !call.failed) programs.set(call.thread, call.paths[0]);
    call.program = programs.get(call.thread) ?? '';
    if (/^(v?fork|clone3?)$/.test(call.name)) programs.set(call.result, call.program);
  }
  return { status, stdout, stderr, calls: calls.filter(({ name }) => !STARTS.includes(`?${name}`)) };
}

const STARTS = ['?execve', '?fork', '?vfork', '?clone', '?clone3'];

/** Parses one line of strace. @param {string} line @param {number} thread @returns {(Call & {result: number})[]} */
function callOf(line, thread) {
  const [, at, name, words, result] = /^(\d+\.\d+) (\w+)\((.*)\)\s+= (-?\d+)/.exec(line) ?? [];
  if (name === undefined) return [];
  /** @type {string[]} */
  const paths = [];
  let directory = '';
  // A descriptor is `3</path>`, the working directory `AT_FDCWD</path>`; a path is relative to the descriptor before it.
  for (const [, descriptor, text] of words.matchAll(/(?:AT_FDCWD|\b\d+)<([^>]*)>|"((?:[^"\\]|\\.)*)"/g)) {
    if (descriptor === undefined) paths.push(path.resolve(directory || '/', text));
    else directory = descriptor;
  }
  if (paths.length === 0 && directory !== '') paths.push(directory);
  return [{ at: Number(at), thread, program: '', name, text: `${name}(${words}) = ${result}`, paths, failed: result === '-1', result: Number(result) }];
}
