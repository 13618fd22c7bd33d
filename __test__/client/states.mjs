// Shared by the tests on states of sessions: a configuration with a short threshold, a tool and a subagent that take long, and checks of
// what a row of `status --all --json` reports about a known client.

import assert from 'node:assert/strict';
import { pause, step, until } from './scene.mjs';

/** Seconds without activity after which these tests count a busy session as hung. */
export const THRESHOLD = 5;

/** Configuration with `THRESHOLD` as `hungMinutes`. */
export const SHORT = { hungMinutes: THRESHOLD / 60, heartbeat: { graceSeconds: 3600 }, notify: { desktop: false } };

/** A program that works longer than any test; the client itself refuses a bare `sleep`. */
export const WORK = '#!/bin/sh\nsleep 600\n';

/** Returns a step that calls that program. */
export const work = () => step.tool('Bash', { command: './work.sh', description: 'Work' });

/** Arguments of a client that asks before it uses a tool; the newer default mode needs a judge, which the loopback API does not have. */
export const ASKS = ['--permission-mode', 'manual'];

/** Arguments of a client that may use `tool` without asking. */
export const allows = (tool) => [...ASKS, '--allowed-tools', tool];

/** Returns a step that starts a subagent. */
export const delegate = () =>
  step.tool('Agent', { description: 'Look around', prompt: 'Look around.', subagent_type: 'general-purpose', run_in_background: false });

/**
 * Waits until `status` reports the expected facts about a session, and checks everything that depends on them.
 *
 * @param {object} stage
 * @param {string} id
 * @param {{state: string, activity?: string | null, stop: string, pid: number | null, waitingFor?: string | null, crashed?: 'client'}} expected
 *   `pid` is `null` if no process may be named; `live` has the other fields of a live process. Without `activity` any value is accepted.
 * @param {number} [seconds]
 */
export async function tells(stage, id, expected, seconds = 15) {
  const { live = {}, crashed = null, ...core } = expected;
  const wanted = { waitingFor: null, ...core };
  let row = null;
  await until(
    `${JSON.stringify(wanted)} of ${id}`,
    async () => {
      row = (await stage.rows()).find((session) => session.id === id) ?? null;
      return row !== null && Object.entries(wanted).every(([key, value]) => gist(row)[key] === value);
    },
    seconds,
    () => `but ${JSON.stringify(row === null ? null : { ...gist(row), live: row.live, evidence: row.evidence, stop: row.stop })}`,
  );
  assertProved(row, { pid: core.pid, live, crashed });
  return row;
}

/** Returns a short summary of a session. */
function gist({ state, activity, stop, live }) {
  return { state, activity, stop: stop.kind, pid: live?.pid ?? null, waitingFor: live?.waitingFor ?? null };
}

/** Asserts the evidence for a verdict, and the facts about the process besides its id. */
function assertProved(row, { pid, live, crashed }) {
  const words = `of ${JSON.stringify({ state: row.state, evidence: row.evidence, live: row.live })}`;
  assert.ok(row.evidence.length > 0, `no evidence ${words}`);
  for (const { source, fact } of row.evidence) assert.ok(source !== '' && fact !== '', `empty evidence ${words}`);
  assert.ok(row.stop.evidence.length > 0, `no evidence of the stop ${words}`);
  assert.equal(row.openAtCrash?.died ?? null, crashed, `openAtCrash ${JSON.stringify(row.openAtCrash)} ${words}`);
  if (pid === null) {
    assert.equal(row.live, null, words);
    assert.equal(row.commands.kill, null, 'nothing to kill');
    return;
  }
  const { children = [], ...rest } = live;
  const seen = Object.fromEntries(Object.keys(rest).map((key) => [key, row.live[key]]));
  assert.deepEqual(seen, rest, words);
  const age = Date.now() - Date.parse(row.live.startedAt);
  assert.ok(age > 0 && age < 600_000, `started ${row.live.startedAt} ${words}`);
  for (const command of children) assert.ok(row.live.children.some((child) => child.command === command && child.pid > 0), `no child ${command} ${words}`);
  assert.notEqual(row.commands.kill, null, 'it can be killed');
}

/** Returns the other fields of a live process in a terminal. */
export const inTerminal = (terminal, more = {}) => ({ kind: 'interactive', proof: 'registry', tty: terminal.tty, ...more });

/** Returns the other fields of a live process without a registry, which only the process table shows. */
export const inTable = (tty) => ({ kind: tty === null ? 'print' : 'interactive', proof: 'processes', tty, status: null });

/** Returns the other fields of a live process without a terminal. */
export const inPrint = (more = {}) => ({ kind: 'print', proof: 'registry', tty: null, ...more });

/**
 * Watches a session at work for more than three times the threshold: it must never be reported as hung, and its process must stay the same.
 *
 * @param {object} stage
 * @param {string} id
 * @param {number} pid
 */
export async function neverHung(stage, id, pid) {
  const deadline = Date.now() + THRESHOLD * 3300;
  let looks = 0;
  while (Date.now() < deadline || looks < 3) {
    const row = (await stage.rows()).find((session) => session.id === id);
    assert.ok(row, `${id} is not told of`);
    assert.equal(row.state, 'active', JSON.stringify({ live: row.live, evidence: row.evidence, stop: row.stop }));
    assert.equal(row.live?.pid, pid);
    looks += 1;
    await pause(0.5);
  }
}

/**
 * Asserts that a session whose last message is in its transcript becomes hung, and not before the threshold.
 *
 * @param {object} stage
 * @param {string} id
 * @param {{pid: number, live: object}} expected
 */
export async function becomesHung(stage, id, { pid, live }) {
  const since = await until('the prompt in the transcript', () => {
    const message = stage.home.records(id).findLast(({ type }) => type === 'user' || type === 'assistant');
    return message !== undefined && Date.parse(message.timestamp);
  });
  for (;;) {
    const row = (await stage.rows()).find((session) => session.id === id);
    // Ignore this row if the threshold passed while `status` was running.
    if (Date.now() - since >= THRESHOLD * 1000) break;
    assert.notEqual(row?.state, 'hung', `hung after ${(Date.now() - since) / 1000} s: ${JSON.stringify(row?.evidence)}`);
    await pause(0.3);
  }
  const row = await tells(stage, id, { state: 'hung', activity: 'busy', stop: 'running', pid, live }, 12);
  assert.equal(typeof row.live.cpuPercent, 'number', 'what decided was measured');
}
