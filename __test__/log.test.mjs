// `log`: shows the journal, and whether it is unchanged.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sha256, wholeSession } from './lib/belongings.mjs';
import { world } from './lib/command.mjs';
import { endWith, hooked, idOf, inTurns, livingClient, startHook, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

/** @param {ReturnType<typeof world>} place */
const journalOf = (place) => join(place.state, 'journal.jsonl');

/** @param {ReturnType<typeof world>} place @param {string[]} argv */
async function told(place, ...argv) {
  const { status, stdout, stderr } = await place.run(['log', ...argv, '--json']);
  return { status, stderr, ...JSON.parse(stdout) };
}

test('the log prints what was done, and each line has the hash of the line before it', async (t) => {
  const place = world(t);
  const empty = await place.run(['log', '--verify']);
  assert.deepEqual([empty.status, empty.stderr], [0, '']);
  assert.match(empty.stdout, /^This tool has recorded no event yet\./);
  const one = wholeSession(place);
  const two = wholeSession(place, { id: idOf(2) });
  for (const { id } of [one, two, one]) assert.equal((await place.run(['export', id])).status, 0);
  const { entries, total, chain } = await told(place, '--verify');
  assert.deepEqual([total, chain.sound, chain.lines, chain.chained, chain.unchained, chain.breaks], [3, true, 3, 3, 0, []]);
  assert.deepEqual(entries.map((/** @type {any} */ { event, session }) => [event, session]), [['exported', one.id], ['exported', two.id], ['exported', one.id]]);
  const lines = readFileSync(journalOf(place), 'utf8').trimEnd().split('\n');
  assert.deepEqual(entries.map((/** @type {any} */ { fields }) => fields.prev), [null, sha256(lines[0]), sha256(lines[1])]);
  assert.equal(chain.head, sha256(lines[2]));
  assert.deepEqual((await told(place, '--session', two.id.slice(0, 8))).entries.length, 1);
  assert.deepEqual((await told(place, '--event', 'imported', 'exported', '--limit', '2')).entries.length, 2);
  assert.equal((await told(place, '--event', 'imported')).total, 0);
  assert.equal((await told(place, '--since', '2020-01-01')).total, 3);
  assert.equal((await told(place, '--since', '2199-01-01')).total, 0);
  assert.match((await place.run(['log'])).stdout, /^\S.* {2}00000001 {2}Exported the session to \S+ \(8 files\)\.\n/);
  assert.equal((await place.run(['log', '--limit', 'x'])).status, 2);
  assert.equal((await place.run(['log', '--since', 'x'])).status, 2);
});

test('a line that was changed, removed, inserted or moved exits with 5; the journal itself is left alone', async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  for (let run = 0; run < 4; run += 1) assert.equal((await place.run(['export', id])).status, 0);
  const good = readFileSync(journalOf(place), 'utf8');
  const lines = good.trimEnd().split('\n');
  const forged = JSON.stringify({ at: '2026-11-21T00:00:00.000Z', event: 'exported', session: id });
  for (const [what, wrong, line] of /** @type {[string, string[], number][]} */ ([
    ['changed', [lines[0], lines[1].replace('"files":8', '"files":9'), lines[2], lines[3]], 3],
    ['taken out', [lines[0], lines[2], lines[3]], 2],
    ['moved', [lines[1], lines[0], lines[2], lines[3]], 2],
    ['put in', [lines[0], forged, lines[1], lines[2], lines[3]], 2],
    ['put in at the end', [...lines, forged], 5],
    ['cut', [lines[0], lines[1].slice(0, 50), lines[2], lines[3]], 2],
  ])) {
    writeFileSync(journalOf(place), `${wrong.join('\n')}\n`);
    const { status, chain } = await told(place, '--verify');
    assert.deepEqual([status, chain.sound, chain.breaks[0].line], [5, false, line], what);
    assert.match((await place.run(['log', '--verify'])).stdout, /The journal was changed or damaged: /);
    assert.equal((await place.run(['log'])).status, 0, 'without --verify it is only shown');
  }
  writeFileSync(journalOf(place), good);
  assert.equal((await told(place, '--verify')).status, 0);
});

test('a journal of an earlier version continues as a chain', async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  mkdirSync(place.state, { recursive: true });
  const old = [1, 2].map((n) => JSON.stringify({ at: `2026-11-2${n}T00:00:00.000Z`, event: 'incident', pid: 1, session: id, n }));
  writeFileSync(journalOf(place), `${old.join('\n')}\n`);
  assert.equal((await place.run(['export', id])).status, 0);
  const { status, entries, chain } = await told(place, '--verify');
  assert.deepEqual([status, entries.length, chain.unchained, chain.chained], [0, 3, 2, 1]);
  writeFileSync(journalOf(place), readFileSync(journalOf(place), 'utf8').replace('"n":2', '"n":3'));
  assert.equal((await told(place, '--verify')).status, 5);
});

test('concurrent commands write one chain, and a torn line is its only break', async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  await inTurns(Array.from({ length: 12 }, () => async () => assert.equal((await place.run(['export', id, '--hash', 'xxh3'])).status, 0)), 6);
  const whole = await told(place, '--verify');
  assert.deepEqual([whole.status, whole.chain.lines, whole.chain.unchained], [0, 12, 0]);
  appendFileSync(journalOf(place), '{"at":"2026-11-');
  assert.equal((await place.run(['export', id])).status, 0);
  const torn = await told(place, '--verify');
  assert.deepEqual([torn.status, torn.chain.lines, torn.chain.breaks.length], [5, 14, 1]);
});

const linux = { skip: process.platform !== 'linux' && 'a client is played with /proc here' };

test('the log names what Claude Code does by itself, in order of time', linux, async (t) => {
  const place = world(t);
  const id = idOf(1);
  const { commandOf, transcriptOf } = await hooked(place, { notify: { desktop: false }, heartbeat: { stepSeconds: 0.2 } });
  const client = livingClient(place, id);
  const hook = (/** @type {string} */ event, /** @type {object} */ payload) => {
    const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: id, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(client.pid) };
    const started = startHook(commandOf(event), JSON.stringify({ session_id: id, hook_event_name: event, transcript_path: transcriptOf(id), cwd: place.project, ...payload }), { cwd: place.project, env });
    endWith(place, started);
    return started;
  };
  writeFileSync(transcriptOf(id), transcriptText('quota-5h-interactive', { id, cwd: place.project, resetsIn: 5000 }));
  const waiting = hook('StopFailure', { error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" });
  const incident = join(place.state, 'incidents', `${id}.json`);
  await until(() => existsSync(incident) && JSON.parse(readFileSync(incident, 'utf8')).phase === 'waiting', 'it waits');
  for (const kind of ['quota_auto_resume_stale', 'quota_auto_resume_fired']) await hook('Notification', { notification_type: kind, message: 'x' }).ended;
  await hook('SessionEnd', { reason: 'prompt_input_exit' }).ended;
  await client.kill();
  await waiting.ended;
  const { entries } = await told(place, '--session', id);
  const times = entries.map((/** @type {any} */ { at }) => at);
  assert.deepEqual(times, times.toSorted());
  const text = entries.map((/** @type {any} */ { sentence }) => sentence).join('\n');
  const inOrder = [
    /^Stopped: 5-hour limit\.$/m,
    /^Claude Code continues the session at .*\d\d:\d\d; if it has not by .*\d\d:\d\d, this tool does\.$/m,
    /^Claude Code waits for you to press Enter, because the machine slept past the reset\.$/m,
    /^Claude Code continues the session by itself\.$/m,
    /^Claude Code ended \(prompt_input_exit\)\.$/m,
    /^The session needs you: /m,
  ];
  let rest = text;
  for (const sentence of inOrder) {
    const at = rest.search(sentence);
    assert.notEqual(at, -1, `${sentence} in\n${text}`);
    rest = rest.slice(at + 1);
  }
});
