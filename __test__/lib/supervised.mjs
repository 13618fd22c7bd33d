// Closed sessions under supervision, and a fake client that the supervisor starts for them.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';
import { transcriptText } from './hooks.mjs';

const QUICK = { supervisor: { marginSeconds: 0, jitterSeconds: 0, pollSeconds: 0.1 } };

/**
 * Enables unattended recovery, with a fake client.
 *
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {{runs?: Record<string, unknown>[], delay?: number, registerAfter?: number, hidden?: boolean, by?: Record<string, Record<string, unknown>[]>, config?: Record<string, any>}} [options]
 *   `runs`: what the n-th run of a session does; `by`: the same for single sessions; `delay`, `registerAfter`: milliseconds; `hidden`: the
 *   client neither registers nor shows the session in the process table; `config`: the user's configuration.
 */
export async function supervised(place, { runs = [{ behavior: 'works' }], delay = 100, registerAfter = 0, hidden = false, by = {}, config = {} } = {}) {
  const bin = join(place.root, 'bin');
  const program = join(bin, 'claude');
  const log = join(place.root, 'client.log');
  mkdirSync(bin);
  writeFileSync(program, `#!${process.execPath}\n${readFileSync(join(ROOT, '__test__', 'lib', 'fake-claude.cjs'), 'utf8')}`);
  chmodSync(program, 0o755);
  writeFileSync(join(bin, 'package.json'), '{"type": "commonjs"}');
  writeFileSync(join(bin, 'fake.json'), JSON.stringify({ log, config: place.claude, delay, registerAfter, runs, hidden, by }));
  writeFileSync(join(place.root, 'config.json'), JSON.stringify({ ...QUICK, ...config, supervisor: { ...QUICK.supervisor, ...config.supervisor } }));
  place.env.CC_RECOVER_CLAUDE = program;
  const ready = await place.run(['init', '--unattended', '--yes']);
  assert.equal(ready.status, 0, ready.stderr);
  const transcripts = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(transcripts, { recursive: true });
  /** Lines that are complete: a client may be writing one. @returns {any[]} */
  const clientLog = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line)) : []);
  // Clients outlive the supervisor, but nothing may outlive its test.
  place.endings.push(async () => {
    const ended = new Set(clientLog().filter(({ event }) => event === 'end').map(({ pid }) => pid));
    for (const { pid } of clientLog().filter(({ event, pid: one }) => event === 'start' && !ended.has(one))) {
      if (isOurs(pid, program)) process.kill(pid, 'SIGKILL');
    }
  });
  return {
    program,
    transcripts,
    clientLog,
    starts: (/** @type {string} */ id) => clientLog().filter((one) => one.event === 'start' && (id === undefined || one.id === id)),
    /**
     * Creates a session that has just stopped, with its client closed.
     *
     * @param {string} id
     * @param {{fixture?: string, resetsIn?: number, edit?: (record: any) => any}} [how]
     */
    stop: (id, { fixture = 'quota-5h-print', resetsIn = -1, edit = (record) => record } = {}) => {
      const transcript = join(transcripts, `${id}.jsonl`);
      const text = transcriptText(fixture, { id, cwd: place.project, resetsIn });
      writeFileSync(transcript, `${text.split('\n').filter(Boolean).map((line) => JSON.stringify(edit(JSON.parse(line)))).join('\n')}\n`);
      return transcript;
    },
    /** @param {string} id */
    incident: (id) => JSON.parse(readFileSync(join(place.state, 'incidents', `${id}.json`), 'utf8')),
    /** @param {string} id */
    logs: (id) => readdirSync(join(place.state, 'runs', id)).map((name) => join(place.state, 'runs', id, name)),
  };
}

function isOurs(/** @type {number} */ pid, /** @type {string} */ program) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(program);
  } catch {
    return false;
  }
}

/** Returns the maximum number of clients that worked on one session at the same time. @param {any[]} log @param {string} id */
export function mostAtOnce(log, id) {
  let now = 0;
  let most = 0;
  for (const { event } of log.filter((one) => one.id === id)) {
    now += event === 'start' ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

/** Returns the messages of the main conversation with more than one child. @param {string} transcript */
export function forks(transcript) {
  /** @type {Map<string, number>} */
  const children = new Map();
  for (const line of readFileSync(transcript, 'utf8').split('\n').filter(Boolean)) {
    const { parentUuid, isSidechain } = JSON.parse(line);
    if (parentUuid && !isSidechain) children.set(parentUuid, (children.get(parentUuid) ?? 0) + 1);
  }
  return [...children].filter(([, count]) => count > 1).map(([uuid]) => uuid);
}

/** Makes a file look older than it is. @param {string} path @param {number} seconds */
export function aged(path, seconds) {
  const at = Date.now() / 1000 - seconds;
  utimesSync(path, at, at);
}

/** Parses lines of JSON. @param {{status: number | null, stdout: string, stderr: string}} result @returns {any[]} */
export function looks({ status, stdout, stderr }) {
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}
