// `report`: the outcome of stopped sessions, through the command, with incidents and a journal as the product writes them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { result } from './lib/accounts.mjs';
import { ROOT, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';
import { stoppedSession } from './lib/stopped.mjs';

const require = createRequire(import.meta.url);
const { Ajv2020 } = require('ajv/dist/2020');

const ID = idOf(1);
const HOUR = 3_600_000;

/** @typedef {ReturnType<typeof world>} World */

/** Returns the time this many hours ago. @param {number} hours */
const ago = (hours) => new Date(Date.now() - hours * HOUR).toISOString();

/**
 * Changes an incident on disk, with the checksum that the store requires.
 *
 * @param {World} place @param {string} id @param {Record<string, any>} fields
 */
function change(place, id, fields) {
  const path = join(place.state, 'incidents', `${id}.json`);
  const { check: _old, ...incident } = JSON.parse(readFileSync(path, 'utf8'));
  const changed = { ...incident, ...fields };
  const check = createHash('sha256').update(JSON.stringify(changed)).digest('hex').slice(0, 16);
  writeFileSync(path, JSON.stringify({ ...changed, check }));
  return changed;
}

/**
 * Returns an attempt with a run, as stored in the ledger.
 *
 * @param {World} place
 * @param {string} id
 * @param {any} did
 * @param {Record<string, any>} [fields]
 */
function attempt(place, id, did, fields = {}) {
  const nonce = '20261121T020000000Z-1-1';
  const run = {
    nonce,
    transport: 'print',
    supervisor: { pid: 1, start: '1' },
    child: { pid: 2, start: null },
    bytesBefore: 5,
    sha256Before: '0'.repeat(64),
    snapshot: join(place.state, 'snapshots', id, `${nonce}.jsonl`),
    log: join(place.state, 'runs', id, `${nonce}.log`),
    commitBefore: null, deadlineSeconds: null,
    result: did,
  };
  return { at: ago(2), action: 'resume', answered: 'usage-limit-5h', outcome: 'continued', run, ...fields };
}

/** @param {World} place @param {string[]} [argv] @param {object} [options] */
async function reported(place, argv = [], options = {}) {
  const { status, stdout, stderr } = await place.run(['report', ...argv, '--json'], options);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  const [form, shared] = ['report', 'definitions'].map((name) => JSON.parse(readFileSync(join(ROOT, 'schemas', `${name}.schema.json`), 'utf8')));
  const validate = new Ajv2020({ strict: true, allErrors: true, validateFormats: false, allowUnionTypes: true }).addSchema(shared).compile(form);
  assert.ok(validate(report), JSON.stringify(validate.errors));
  return report;
}

test('a stop that was resumed is listed with what the run did and how it ended', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID });
  const did = result({ endedAt: ago(1), files: ['src/a.rs'], commits: ['1f2e3d4 Add a'], lastWords: 'Done.', denied: 1 });
  const wake = { at: ago(3), action: 'wake', answered: 'overloaded', outcome: 'stopped-again' };
  change(place, ID, {
    phase: 'recovered',
    attempts: [wake, attempt(place, ID, did)],
    evidence: [{ source: 'transcript', fact: 'a turn after the resume finished normally' }],
    plan: { action: 'none', at: null, why: 'the session went on', argv: null },
  });
  const { incidents, project, older } = await reported(place);
  assert.deepEqual([project.dir, older, incidents.length], [place.project, 0, 1]);
  const [account] = incidents;
  assert.deepEqual([account.session, account.kept, account.stop, account.phase, account.why], [ID, 'ledger', 'usage-limit-5h', 'recovered', 'a turn after the resume finished normally']);
  assert.deepEqual(account.attempts.map((/** @type {any} */ { action, outcome }) => [action, outcome]), [['wake', 'stopped-again'], ['resume', 'continued']]);
  assert.deepEqual(account.attempts[1].result, did);
  assert.deepEqual(account.work, { answers: 12, calls: 40, denied: 1, files: ['src/a.rs'], commits: ['1f2e3d4 Add a'], tokens: 84_000 });
  assert.match(account.message, /limit/);
  const { stdout } = await place.run(['report']);
  assert.match(stdout, /^1 stop since .* in ~\/project\.$/m);
  assert.match(stdout, /: 12 answers, 40 tool calls \(1 denied\), 84k tokens; its process exited with 0; it continued\.$/m);
  assert.match(stdout, /^ +Last message: Done\.$/m);
  assert.match(stdout, /^ +Files: src\/a\.rs$/m);
  assert.match(stdout, /^ +Commits: 1f2e3d4 Add a$/m);
});

test('a run that did nothing is listed as such, with what the user does about it', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID });
  const did = result({ answers: 0, hollow: 'every tool call was denied' });
  const why = 'two runs did nothing: every tool call was denied';
  change(place, ID, { phase: 'held', attempts: [attempt(place, ID, did, { outcome: 'no-effect' })], plan: { action: 'resume', at: null, why, argv: ['claude', `--resume=${ID}`] } });
  const [account] = (await reported(place)).incidents;
  assert.deepEqual([account.needsYou, account.next.action, account.next.why, account.work.answers], [true, 'resume', why, 0]);
  assert.deepEqual(account.commands.resume, ['claude', `--resume=${ID}`]);
  const { stdout } = await place.run(['report']);
  assert.match(stdout, /: 1 needs you in /);
  assert.match(stdout, /^ +Two runs did nothing: every tool call was denied\.$/m);
  assert.match(stdout, new RegExp(`^ +cd ${place.project} && claude --resume=${ID}$`, 'm'));
});

test('times in a reason are local on screens and pages, and RFC 3339 in JSON', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID });
  const at = '2026-03-02T04:00:00.000Z';
  change(place, ID, { phase: 'held', plan: { action: 'notify', at: null, why: `it reset at ${at}: type "continue"`, argv: null } });
  const [account] = (await reported(place)).incidents;
  assert.match(account.why, new RegExp(at));
  const { stdout } = await place.run(['report'], { env: { TZ: 'Asia/Kolkata' } });
  assert.match(stdout, /It reset at [^:]*09:30: type "continue"\./);
  assert.doesNotMatch(stdout, new RegExp(at));
  const to = join(place.root, 'night.html');
  assert.equal((await place.run(['report', '--format', 'html', '--to', to])).status, 0);
  const page = readFileSync(to, 'utf8');
  assert.ok(page.includes(`it reset at <time class="full" datetime="${at}">2026-03-02 04:00</time>: type`), page);
});

test('report omits incidents before the requested time and counts those that still need the user', async (t) => {
  const place = world(t);
  for (const number of [1, 2, 3]) await stoppedSession(place, { id: idOf(number) });
  const long = { updatedAt: ago(50), createdAt: ago(60), firstStopAt: ago(60) };
  for (const [number, fields] of /** @type {const} */ ([[1, { phase: 'recovered' }], [2, { phase: 'held' }], [3, { phase: 'waiting' }]])) {
    const { stop } = JSON.parse(readFileSync(join(place.state, 'incidents', `${idOf(number)}.json`), 'utf8'));
    change(place, idOf(number), { ...long, ...fields, stop: { ...stop, at: ago(60) } });
  }
  const report = await reported(place);
  assert.deepEqual(report.incidents.map((/** @type {any} */ { session, endedAt }) => [session, endedAt]), [[idOf(3), null]], 'a stop that still waits is reported whatever its age');
  assert.equal(report.older, 1);
  assert.ok(Math.abs(Date.parse(report.generatedAt) - Date.parse(report.since) - 24 * HOUR) < 1000);
  assert.match((await place.run(['report'])).stdout, /^1 older stop still needs you:\n {2}cc-session-recover status$/m);
  const week = await reported(place, ['--since', '1w']);
  assert.deepEqual([week.incidents.length, week.older], [3, 0]);
});

test('an incident that a later stop of the session has replaced is read from the journal', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID });
  const did = result({ endedAt: ago(0), answers: 3, tokens: 7000 });
  const incident = change(place, ID, { phase: 'recovered' });
  const line = (/** @type {string} */ event, /** @type {Record<string, any>} */ fields) => appendFileSync(join(place.state, 'journal.jsonl'), `${JSON.stringify({ at: ago(2), event, pid: 1, session: ID, ...fields })}\n`);
  const entry = { generation: 1, stop: incident.stop.kind, plan: incident.plan, attempts: 1, fact: 'woken' };
  line('incident', { ...entry, from: 'held', phase: 'attempting' });
  line('run-begun', { nonce: 'n-1', argv: [], cwd: place.project });
  line('run-ended', { nonce: 'n-1', result: did });
  line('incident', { ...entry, from: 'attempting', phase: 'recovered', fact: 'a turn after the resume finished normally' });
  // Control: as long as there is no later stop, the ledger still has it.
  assert.deepEqual((await reported(place)).incidents.map((/** @type {any} */ { kept }) => kept), ['ledger']);
  await stoppedSession(place, { id: ID });
  const { incidents } = await reported(place);
  assert.deepEqual(incidents.map((/** @type {any} */ { kept }) => kept).toSorted(), ['journal', 'ledger']);
  const past = incidents.find((/** @type {any} */ { kept }) => kept === 'journal');
  assert.deepEqual([past.session, past.phase, past.why, past.needsYou, past.work.answers], [ID, 'recovered', 'a turn after the resume finished normally', false, 3]);
  assert.deepEqual(past.attempts.map((/** @type {any} */ { action, outcome }) => [action, outcome]), [['resume', 'continued']]);
  assert.deepEqual(past.attempts[0].result, did);
  assert.equal(past.project.dir, place.project);
  assert.deepEqual((await reported(place, ['--since', '1h'])).incidents.map((/** @type {any} */ { kept }) => kept), ['ledger'], 'what ended before is left out');
});

test('one project is reported alone, and everything with --all', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID });
  const other = join(place.home, 'other');
  mkdirSync(other);
  assert.deepEqual((await reported(place, [other])).incidents, []);
  assert.match((await place.run(['report', other])).stdout, /^No stop was recorded since .* in ~\/other\.\n\nInterrupted sessions, also without a recorded stop:\n {2}.*cc-session-recover status\n$/);
  assert.equal((await reported(place, ['--all'], { cwd: other })).incidents.length, 1);
  assert.equal((await reported(place, [join(place.project)], { cwd: other })).incidents.length, 1);
});

test('report still shows the rest when a transcript is missing or an incident is damaged', async (t) => {
  const place = world(t);
  const { transcript } = await stoppedSession(place, { id: ID });
  await stoppedSession(place, { id: idOf(2) });
  await stoppedSession(place, { id: idOf(3) });
  rmSync(transcript);
  writeFileSync(join(place.state, 'incidents', `${idOf(2)}.json`), '{"version":1}');
  writeFileSync(join(place.state, 'journal.1.jsonl'), '\u0000 no line\n{"event":"incident"}\n');
  const report = await reported(place);
  assert.deepEqual(report.incidents.map((/** @type {any} */ { session }) => session).toSorted(), [ID, idOf(3)]);
  assert.ok(report.problems.some((/** @type {any} */ { path }) => path.includes(idOf(2))));
});

test('report rejects an invalid time, an invalid directory, and a directory with --all', async (t) => {
  const place = world(t);
  const when = await place.run(['report', '--since', 'someday']);
  assert.equal(when.status, 2);
  assert.match(when.stderr, /neither a time nor a duration\n {2}next: give a date/);
  assert.equal((await place.run(['report', join(place.root, 'nowhere')])).status, 3);
  assert.equal((await place.run(['report', '.', '--all'])).status, 2);
});

test('show lists the runs of an incident', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID });
  const made = attempt(place, ID, result({ endedAt: ago(1) }), { outcome: 'pending' });
  change(place, ID, { phase: 'attempting', attempts: [made] });
  const shown = JSON.parse((await place.run(['show', ID, '--json'])).stdout);
  assert.deepEqual(shown.incident.attempts[0].run, made.run);
});

test('report --format html writes stops, waits, runs and who continued as a timeline', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: ID, title: 'Move <the> parser' });
  const did = result({ endedAt: ago(1), files: ['src/a.rs'], commits: ['1f2e3d4 Add a'] });
  change(place, ID, {
    phase: 'recovered',
    attempts: [{ at: ago(3), action: 'wake', answered: 'overloaded', outcome: 'stopped-again' }, attempt(place, ID, did)],
    evidence: [{ source: 'transcript', fact: 'a turn after the resume <ended> well' }],
  });
  const to = join(place.root, 'night.html');
  const { status, stdout, stderr } = await place.run(['report', '--format', 'html', '--to', to, '--json']);
  assert.equal(status, 0, stderr);
  const page = JSON.parse(stdout);
  const text = readFileSync(to, 'utf8');
  assert.deepEqual([page.path, page.bytes, page.stops, page.sessions], [to, Buffer.byteLength(text), 1, 1]);
  for (const kind of ['wait', 'run', 'continued', 'reset', 'stop']) assert.match(text, new RegExp(`<rect class="${kind}" x="[\\d.]+"`), kind);
  for (const words of ['continued in its window: it stopped again', 'resumed unattended: it continued', '1 changed file, 1 commit', '<strong>continued</strong>: a turn after the resume &lt;ended&gt; well']) assert.ok(text.includes(words), words);
  assert.doesNotMatch(text, /<the>|style="|https?:/);
  const again = await place.run(['report', '--format', 'html', '--to', to]);
  assert.deepEqual([again.status, /already exists/.test(again.stderr)], [4, true]);
  assert.equal((await place.run(['report', '--format', 'html', '--to', to, '--force'])).status, 0);
  for (const argv of [['--format', 'html'], ['--to', to], ['--open']]) assert.equal((await place.run(['report', ...argv])).status, 2, argv.join(' '));
});

test('report --format html without stops writes a page that says so', async (t) => {
  const place = world(t);
  const to = join(place.root, 'quiet.html');
  const { status, stdout } = await place.run(['report', '--all', '--format', 'html', '--to', to]);
  assert.deepEqual([status, stdout.includes('Wrote 0 stops of 0 sessions.')], [0, true]);
  assert.ok(readFileSync(to, 'utf8').includes('No stop was recorded in this time.'));
});
