// Clients that are played: a program that lies where Claude Code's would, registered as a client registers itself. It does what a
// test asks of it, and is ended with the test by its id.

import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a client that is played does: `argv` of a shell line that it starts as its tool, and whether it heeds SIGTERM. */
const CLIENT = `
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const told = JSON.parse(process.env.PLAYED);
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

/** @param {number} pid Field 22 of its stat, as the registry has it; `null` when it is gone. */
export function startOf(pid) {
  if (!existsSync(`/proc/${pid}/stat`)) return null;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ['Z', 'X'].includes(fields[0]) ? null : fields[19];
}

/** Whether the process a test started is still that one. @param {{pid: number, start: string}} one */
export function lives({ pid, start }) {
  return startOf(pid) === start;
}

/** Whether the native process runs still, as `lives`, but waits up to some seconds for its end. @param {{pid: number, start: string}} one */
export async function ended(one, seconds = 5) {
  for (const until = Date.now() + seconds * 1000; Date.now() < until; ) {
    if (!lives(one)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return !lives(one);
}

/**
 * A program as Claude Code's lies on a disk.
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

/** The same as a native program: a copy of `sleep`. @param {string} root @param {string} [name] */
export function nativeOf(root, name = 'claude') {
  const dir = join(root, 'claude-code', 'bin');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, name);
  if (!existsSync(file)) copyFileSync('/bin/sleep', file);
  chmodSync(file, 0o755);
  return file;
}

/**
 * Writes what a client writes of itself.
 *
 * @param {string} config
 * @param {{pid: number, start: string}} one
 * @param {string} session
 * @param {Record<string, unknown>} [fields]
 */
export function register(config, { pid, start }, session, fields = {}) {
  mkdirSync(join(config, 'sessions'), { recursive: true });
  const record = { pid, sessionId: session, cwd: '/', startedAt: Date.now(), procStart: start, version: '2.1.329', kind: 'interactive', entrypoint: 'cli', status: 'idle', ...fields };
  writeFileSync(join(config, 'sessions', `${pid}.json`), JSON.stringify(record));
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
  const child = spawn(file, words, { env: { ...place.env, ...env, PLAYED: JSON.stringify({ deaf, tool, without, detached, output, session }) }, cwd: place.project, stdio: ['ignore', 'pipe', 'pipe'] });
  const pid = /** @type {number} */ (child.pid);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const gone = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  // Of this test's own child nobody else can have the id before its end was seen here.
  place.endings.push(() => (child.exitCode === null && child.signalCode === null ? child.kill('SIGKILL') && gone : undefined));
  const start = /** @type {string} */ (startOf(pid));
  if (registered) register(place.claude, { pid, start }, session, { cwd: place.project, ...fields });
  for (const until = Date.now() + 20_000; !said.includes('ready') && Date.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 10));
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
