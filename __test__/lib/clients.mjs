// Simulated clients: a program at the path of Claude Code's, registered like a client. It does what a test requests, and the test ends it
// by its process id.

import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './command.mjs';
import { until } from './until.mjs';

/** What a simulated client does: `argv` of a shell line that it starts as its tool, and whether it reacts to SIGTERM. */
const CLIENT = `
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const told = JSON.parse(process.env.PLAYED);
// A real client is registered before it starts a tool.
while (told.record && !existsSync(told.record.replace('PID', process.pid))) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
if (told.deaf) process.on('SIGTERM', () => {});
if (told.tool) {
  const env = { ...process.env, CLAUDECODE: '1', CLAUDE_PID: String(process.pid), CLAUDE_CODE_SESSION_ID: told.session };
  for (const name of told.without ?? []) delete env[name];
  const tool = spawn(told.tool[0], told.tool.slice(1), { env, stdio: told.output ? ['ignore', 'inherit', 'inherit'] : 'ignore', detached: told.detached === true });
  if (told.detached) tool.unref();
}
setInterval(() => {}, 1000);
process.stdout.write('ready\\n');
`;

/** @param {number} pid Process id. The result is field 22 of its stat, as in the registry; `null` if the process is gone. */
export function startOf(pid) {
  let stat;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ['Z', 'X'].includes(fields[0]) ? null : fields[19];
}

/** Whether the process that a test started is still the same one. @param {{pid: number, start: string}} one */
export function lives({ pid, start }) {
  return startOf(pid) === start;
}

/**
 * Waits up to `seconds` for the end of a process, checked as by `lives`, and returns whether it has ended.
 *
 * @param {{pid: number, start: string}} one
 */
export async function ended(one, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    if (!lives(one)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return !lives(one);
}

/**
 * Creates a program at the path where Claude Code is installed.
 *
 * @param {string} root
 */
export function programOf(root) {
  const dir = join(root, 'node_modules', '@anthropic-ai', 'claude-code');
  mkdirSync(dir, { recursive: true });
  const script = join(dir, 'cli.js');
  writeFileSync(script, CLIENT);
  return script;
}

/** Creates a native program as the client: a copy of `sleep`. @param {string} root @param {string} [name] */
export function nativeOf(root, name = 'claude') {
  const dir = join(root, 'claude-code', 'bin');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, name);
  if (!existsSync(file)) copyFileSync('/bin/sleep', file);
  chmodSync(file, 0o755);
  return file;
}

/**
 * Writes a client's own registry record.
 *
 * @param {string} config
 * @param {{pid: number, start: string}} one
 * @param {string} session
 * @param {Record<string, unknown>} [fields]
 */
export function register(config, { pid, start }, session, fields = {}) {
  mkdirSync(join(config, 'sessions'), { recursive: true });
  const record = { pid, sessionId: session, cwd: '/', startedAt: Date.now(), procStart: start, version: '2.1.329', kind: 'interactive', entrypoint: 'cli', status: 'idle', ...fields };
  replaceFile(join(config, 'sessions', `${pid}.json`), JSON.stringify(record));
}

/**
 * Starts a client and registers it.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {string} session
 * @param {{deaf?: boolean, tool?: string[], without?: string[], detached?: boolean, output?: boolean, as?: string[], argv?: string[], fields?: Record<string, unknown>, registered?: boolean, env?: Record<string, string>}} [options]
 */
export async function playClient(place, session, { deaf = false, tool, without, detached, output, as = [], argv = [], fields = {}, registered = true, env = {} } = {}) {
  const [file, ...words] = [...as, process.execPath, programOf(place.root), ...argv];
  const record = registered && as.length === 0 ? join(place.claude, 'sessions', 'PID.json') : null;
  const child = spawn(file, words, { env: { ...place.env, ...env, PLAYED: JSON.stringify({ deaf, tool, without, detached, output, session, record }) }, cwd: place.project, stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = /** @type {number} */ (child.pid);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const gone = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  // Until this process has reaped its child, no other process can get the child's id.
  place.endings.push(() => (child.exitCode === null && child.signalCode === null ? child.kill('SIGKILL') && gone : undefined));
  const start = /** @type {string} */ (startOf(pid));
  if (registered) register(place.claude, { pid, start }, session, { cwd: place.project, ...fields });
  await until(() => said.includes('ready') || child.exitCode !== null || child.signalCode !== null, 'the client is ready');
  return {
    pid,
    start,
    gone,
    child,
    get said() {
      return said.replace('ready\n', '');
    },
  };
}
