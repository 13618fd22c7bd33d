// Tests that at each configured context limit a lossless copy is made, and notice and advice are given once per session; and that a copy
// is made before every compaction.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256 } from './lib/belongings.mjs';
import { world } from './lib/command.mjs';
import { hooked, idOf, startHook } from './lib/hooks.mjs';

const posix = { skip: process.platform === 'win32' && 'hooks run in a POSIX shell here' };
const SESSION = idOf(1);
const QUIET = { notify: { desktop: false } };

/** @param {import('node:test').TestContext} t @param {object} [config] */
async function scene(t, config = QUIET) {
  const place = world(t);
  const project = await hooked(place, config);
  const transcript = project.transcriptOf(SESSION);
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: SESSION, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(process.pid) };
  /** @param {'Stop' | 'PreCompact'} event @param {Record<string, string>} [more] */
  const hook = async (event, more = {}) => {
    const payload = { session_id: SESSION, transcript_path: transcript, cwd: place.project, hook_event_name: event, last_assistant_message: 'Done.' };
    const { status, stdout, stderr } = await startHook(project.commandOf(event), JSON.stringify(payload), { cwd: place.project, env: { ...env, ...more }, limit: 120 }).ended;
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  };
  /** Writes a turn that read this many tokens. @param {number} tokens @param {string} [model] */
  const turn = (tokens, model = 'claude-haiku-4-5') => {
    const message = { role: 'assistant', model, stop_reason: 'end_turn', content: [{ type: 'text', text: 'Done.' }], usage: { input_tokens: 1000, cache_read_input_tokens: tokens - 1000 } };
    const lines = [
      { parentUuid: null, isSidechain: false, type: 'user', uuid: 'p', timestamp: new Date().toISOString(), sessionId: SESSION, cwd: place.project, version: '2.1.329', message: { role: 'user', content: 'Go on.' } },
      { parentUuid: 'p', isSidechain: false, type: 'assistant', uuid: 'a', timestamp: new Date().toISOString(), sessionId: SESSION, cwd: place.project, version: '2.1.329', message },
    ];
    const before = existsSync(transcript) ? readFileSync(transcript, 'utf8') : '';
    writeFileSync(transcript, `${before}${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}`);
  };
  const snapshots = () => {
    const dir = join(place.state, 'snapshots', SESSION);
    return existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.jsonl')).toSorted().map((name) => join(dir, name)) : [];
  };
  const journal = (/** @type {string} */ event) =>
    existsSync(join(place.state, 'journal.jsonl')) ? readFileSync(join(place.state, 'journal.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line)).filter((entry) => entry.event === event) : [];
  return { place, transcript, hook, turn, snapshots, journal };
}

/** @param {string[]} paths */
const kinds = (paths) => paths.map((path) => /^\d{8}T\d{9}Z-(\w+)\.jsonl$/.exec(path.split('/').at(-1) ?? '')?.[1]);

test('the context watch writes nothing below the first limit', posix, async (t) => {
  const { place, hook, turn, snapshots, journal } = await scene(t);
  for (const tokens of [5_000, 100_000, 159_999]) {
    turn(tokens);
    await hook('Stop');
  }
  assert.deepEqual([snapshots(), journal('context'), existsSync(join(place.state, 'sessions'))], [[], [], false]);
});

test('each context limit creates one lossless copy, one journal entry and advice with the next step', posix, async (t) => {
  const { place, transcript, hook, turn, snapshots, journal } = await scene(t);
  const whole = [];
  for (const tokens of [160_000, 165_000, 185_000, 190_000, 170_000]) {
    turn(tokens);
    await hook('Stop');
    whole.push(readFileSync(transcript));
  }
  assert.deepEqual(kinds(snapshots()), ['large', 'bloated']);
  assert.deepEqual(snapshots().map((path) => sha256(readFileSync(path))), [sha256(whole[0]), sha256(whole[2])]);
  assert.deepEqual(journal('snapshot').map(({ sha256: hash, bytes }) => [hash, bytes]), [whole[0], whole[2]].map((bytes) => [sha256(bytes), bytes.length]));
  const told = journal('context').map(({ session, advice, tokens, window, percent, next }) => [session, advice, tokens, window, percent, next]);
  assert.deepEqual(told, [
    [SESSION, 'large', 160_000, 200_000, 80, 'run /compact in the session soon'],
    [SESSION, 'bloated', 185_000, 200_000, 92.5, 'start a fresh session from the note: start claude and say "Read HANDOFF.md and continue"'],
  ]);
  const { context } = JSON.parse((await place.run(['show', SESSION, '--json'])).stdout);
  assert.equal(context.advice, 'large', 'show says how it is now');
  const name = /([^/]+)\.jsonl$/.exec(snapshots()[0])?.[1] ?? assert.fail('no name');
  const { status, stdout, stderr } = await place.run(['restore', SESSION, '--from', name, '--dry-run', '--json']);
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).chosen, name, 'a person can put it back');
});

test('the context watch uses the configured limits and the window reported by the client', posix, async (t) => {
  const { place, hook, turn, journal } = await scene(t, { ...QUIET, context: { warnPercent: [50, 60] } });
  turn(90_000);
  await hook('Stop');
  assert.deepEqual(journal('context'), []);
  turn(100_000);
  await hook('Stop');
  assert.deepEqual(journal('context').map(({ advice }) => advice), ['large']);
  // This model has a window of a million tokens.
  const { place: other, hook: otherHook, turn: otherTurn, journal: otherJournal } = await scene(t);
  otherTurn(700_000, 'claude-opus-5-5');
  await otherHook('Stop');
  assert.deepEqual(otherJournal('context'), []);
  assert.notEqual(place.state, other.state);
});

test('the context watch ignores subagents and unattended runs', posix, async (t) => {
  const { hook, turn, snapshots } = await scene(t);
  turn(190_000);
  await hook('Stop', { CC_RECOVER_ATTEMPT: 'x', CLAUDE_PID: '' });
  assert.deepEqual(snapshots(), []);
});

test('every compaction is preceded by a copy, whatever the context size, also in an unattended run', posix, async (t) => {
  const { transcript, hook, turn, snapshots } = await scene(t);
  turn(5_000);
  await hook('PreCompact');
  turn(6_000);
  await hook('PreCompact', { CC_RECOVER_ATTEMPT: 'x', CLAUDE_PID: '' });
  assert.deepEqual(kinds(snapshots()), ['compact', 'compact']);
  assert.deepEqual(readFileSync(snapshots()[1]), readFileSync(transcript));
});

test('a copy that cannot be made is recorded once in the journal and stops nothing', posix, async (t) => {
  const { place, hook, turn, journal } = await scene(t);
  writeFileSync(join(place.state, 'snapshots'), 'in the way');
  turn(170_000);
  for (let count = 0; count < 3; count += 1) await hook('Stop');
  assert.equal(journal('hook-failed').length, 1);
  assert.deepEqual(journal('context').map(({ advice }) => advice), ['large']);
});
