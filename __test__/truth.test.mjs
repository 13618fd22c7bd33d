// Whatever state a session is in, `status`, `list`, `show`, `report`, `preview`, `handoff`, HANDOFF.md and the status line agree on it: the
// group, what happens next and why, and the command for the user.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceFile, world } from './lib/command.mjs';
import { endWith, hooked, idOf, livingClient, startHook, transcriptText } from './lib/hooks.mjs';
import { supervised } from './lib/supervised.mjs';
import { until } from './lib/until.mjs';

const skip = process.platform !== 'linux';

/** Groups of `report`, by the group of a session. @type {Record<string, string[]>} */
const REPORTED = {
  'needs-you': ['needs-you'],
  hung: ['needs-you'],
  waiting: ['waiting'],
  running: ['running', 'continued', 'ended'],
  settled: ['continued', 'ended'],
};

/** @typedef {ReturnType<typeof world>} World */
/** @typedef {{group: string, state: string, action: string, reason: string, why: string, resume: string | null, next: string}} Told */

/** Removes Markdown characters and line breaks from a text. @param {string} text */
const bare = (text) => text.replaceAll(/[`'\\*_]/g, '').replaceAll(/\s+/g, ' ');

/**
 * Returns what the verbs report about a session, after checking that they agree.
 *
 * @param {World} place @param {string} id @param {string} what
 * @param {{note?: boolean | 'outdated', env?: Record<string, string>}} [options] `note`: HANDOFF.md must contain it; if it does, it must
 *   agree in any case, unless it is `outdated`, because no process is left that could update it.
 * @returns {Promise<Told>}
 */
async function told(place, id, what, { note = true, env = {} } = {}) {
  const json = async (/** @type {string[]} */ argv) => {
    const { status, stdout, stderr } = await place.run([...argv, '--json'], { cwd: place.root, env });
    // Exit code 6: no session waits.
    if (argv[0] === 'preview' && status === 6) return { sessions: [] };
    assert.equal(status, 0, `${what}: ${argv.join(' ')}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const [show, status, list, report, preview, handoff] = await Promise.all([['show', id], ['status', '--all'], ['list'], ['report', '--all'], ['preview'], ['handoff', id]].map(json));
  const of = (/** @type {any[]} */ all) => all.find((one) => (one.id ?? one.session) === id);
  const inStatus = of(status.sessions);
  const views = Object.entries({ status: inStatus, list: of(list.sessions), handoff: handoff.session });
  for (const [verb, view] of views) {
    if (verb === 'status' && show.group === 'settled' && view === undefined) continue;
    for (const field of ['group', 'state', 'activity', 'next', 'commands', 'paused']) assert.deepEqual(view?.[field], show[field], `${what}: ${field} in ${verb}`);
  }
  assert.equal(inStatus !== undefined || show.group === 'settled', true, `${what}: status leaves it out`);
  const accounted = of(report.incidents);
  if (accounted !== undefined) {
    assert.ok(REPORTED[show.group].includes(accounted.group), `${what}: ${accounted.group} in report, ${show.group} in show`);
    assert.deepEqual([accounted.next, accounted.commands, accounted.needsYou], [show.next, show.commands, accounted.group === 'needs-you'], `${what}: report`);
  }
  const previewed = of(preview.sessions);
  if (previewed !== undefined) assert.deepEqual([previewed.group, previewed.plan], [show.group, show.next], `${what}: preview`);
  if (show.incident !== null && !['recovered', 'moved-on', 'superseded'].includes(show.incident.phase)) {
    assert.ok(accounted !== undefined && previewed !== undefined, `${what}: report and preview know it`);
  }
  // The words must agree too: the same sentence on every screen and in the note.
  const sentences = bare(show.next.why);
  // Times are RFC 3339 in JSON and local on screens.
  const timeless = sentences.split(/\d{4}-\d\d-\d\dT/)[0].slice(0, 60);
  const screens = await Promise.all([['show', id], ['status', '--all'], ['report', '--all'], ['preview', id]].map((argv) => place.run(argv, { cwd: place.root, env })));
  const [shown, , reported, previewScreen] = screens.map(({ stdout }) => bare(stdout).toLowerCase());
  const short = timeless.toLowerCase();
  assert.ok(shown.includes(short), `${what}: show says ${shown}`);
  if (['needs-you', 'hung'].includes(show.group) && accounted !== undefined) assert.ok(reported.includes(short), `${what}: report says ${reported}`);
  if (previewed !== undefined) assert.ok(previewScreen.includes(short), `${what}: preview says ${previewScreen}`);
  assert.ok(bare(handoff.text).includes(timeless) || handoff.session.stop.kind === 'finished', `${what}: handoff says ${nextOf(handoff.text)}, not ${sentences}`);
  const file = join(place.project, 'HANDOFF.md');
  const block = existsSync(file) ? (new RegExp(`begin ${id} -->\n([\\s\\S]*?)<!-- cc-session-recover:end`).exec(readFileSync(file, 'utf8'))?.[1] ?? null) : null;
  if (note === true) assert.ok(block !== null, `${what}: no block in HANDOFF.md`);
  if (block !== null && note !== 'outdated') {
    assert.equal(nextOf(block), nextOf(handoff.text), `${what}: HANDOFF.md`);
    assert.equal(block.includes('claude --resume'), handoff.text.includes('claude --resume'), `${what}: the command in HANDOFF.md`);
  }
  if (show.live !== null) assert.doesNotMatch(`${handoff.text} ${block ?? ''}`, /claude --resume/, `${what}: opening it a second time forks it`);
  const { next, commands } = show;
  return { group: show.group, state: show.state, action: next.action, reason: next.reason, why: next.why, resume: (commands.resume ?? next.argv)?.join(' ') ?? null, next: nextOf(handoff.text) };
}

/** Returns what happens next according to a note. @param {string} text */
const nextOf = (text) => bare(/What happens next: (.*)/.exec(text)?.[1] ?? '');

/** @param {World} place @param {string} id */
const incidentOf = (place, id) => {
  const path = join(place.state, 'incidents', `${id}.json`);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null;
};

/** Returns the compared columns of a row. @param {Told} row */
const row = ({ group, state, action, reason }) => [group, state, action, reason];

const ID = idOf(0x71);

/** @param {World} place @param {{config?: Record<string, any>, resetsIn?: number}} [options] */
async function openSession(place, { config = {}, resetsIn = 5000 } = {}) {
  const quick = { heartbeat: { graceSeconds: 0, stepSeconds: 0.1 }, notify: { desktop: false }, ...config };
  const { commandOf, transcriptOf } = await hooked(place, quick);
  const client = livingClient(place, ID);
  const transcript = transcriptOf(ID);
  writeFileSync(transcript, transcriptText('quota-5h-interactive', { id: ID, cwd: place.project, resetsIn }));
  const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: ID, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(client.pid) };
  const fire = (/** @type {string} */ event, more = {}) =>
    startHook(commandOf(event), JSON.stringify({ session_id: ID, hook_event_name: event, transcript_path: transcript, cwd: place.project, ...more }), { cwd: place.project, env });
  const hook = fire('StopFailure', { error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit · resets 3:15am (UTC)" });
  endWith(place, hook);
  await until(() => incidentOf(place, ID)?.phase === 'waiting' && existsSync(join(place.project, 'HANDOFF.md')), 'the hook waits');
  const configure = (/** @type {object} */ more) => replaceFile(join(place.root, 'config.json'), JSON.stringify({ ...quick, ...more, heartbeat: { ...quick.heartbeat, .../** @type {any} */ (more).heartbeat } }));
  return { client, hook, fire, transcript, configure };
}

/** Changes the registry record of a client. @param {World} place @param {number} pid @param {Record<string, any>} fields */
function registered(place, pid, fields) {
  const path = join(place.claude, 'sessions', `${pid}.json`);
  replaceFile(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...fields }));
}

test('open session: all views agree when it waits, is paused, disabled, closed or cancelled, or has a menu open', { skip, timeout: 600_000 }, async (t) => {
  const place = world(t);
  const { client, configure } = await openSession(place);
  const settled = (/** @type {string} */ reason) =>
    until(async () => {
      const { text, session } = JSON.parse((await place.run(['handoff', ID, '--json'], { cwd: place.root })).stdout);
      const block = readFileSync(join(place.project, 'HANDOFF.md'), 'utf8');
      return session.next.reason === reason && nextOf(block) === nextOf(text);
    }, `HANDOFF.md follows ${reason}`);

  // The hook takes its lease a moment after its incident is on disk.
  await settled('awaiting-reset');
  assert.deepEqual(row(await told(place, ID, 'waiting')), ['waiting', 'active', 'wake', 'awaiting-reset']);

  registered(place, client.pid, { status: 'waiting', waitingFor: 'dialog open' });
  await settled('dialog-open');
  assert.deepEqual(row(await told(place, ID, 'a menu is open')), ['needs-you', 'active', 'notify', 'dialog-open']);
  registered(place, client.pid, { status: 'idle', waitingFor: undefined });
  await settled('awaiting-reset');

  await place.run(['pause', ID]);
  await settled('paused');
  assert.deepEqual(row(await told(place, ID, 'paused')), ['waiting', 'active', 'none', 'paused']);
  await place.run(['unpause', ID]);
  await settled('awaiting-reset');

  configure({ heartbeat: { enabled: false } });
  await settled('client-continues');
  assert.deepEqual(row(await told(place, ID, 'switched off')), ['waiting', 'active', 'client', 'client-continues']);
  configure({});
  await settled('awaiting-reset');

  await client.kill();
  await until(() => incidentOf(place, ID).phase === 'held', 'the hook sees that the client is gone');
  await settled('client-closed');
  const closed = await told(place, ID, 'closed');
  assert.deepEqual(row(closed), ['needs-you', 'orphaned', 'resume', 'client-closed']);
  assert.equal(closed.resume, `claude --resume=${ID}`);

  const elsewhere = join(place.root, 'moved');
  renameSync(place.project, elsewhere);
  const gone = await told(place, ID, 'directory gone', { note: false });
  assert.deepEqual(row(gone), ['needs-you', 'orphaned', 'resume', 'directory-gone']);
  assert.match(gone.why, new RegExp(`${place.project} .*relocate`));
  assert.equal(gone.resume, `cc-session-recover relocate ${ID}`);
  renameSync(elsewhere, place.project);

  await place.run(['cancel', ID]);
  assert.deepEqual(row(await told(place, ID, 'cancelled')), ['settled', 'orphaned', 'none', 'cancelled']);
});

/** Edits the records of a session so that it began an hour ago with its own prompt. */
const edit = (/** @type {string} */ name) => (/** @type {any} */ record) => {
  const at = record.isApiErrorMessage || !record.timestamp ? {} : { timestamp: new Date(Date.parse(record.timestamp) - 3_600_000).toISOString() };
  return record.type === 'user' && typeof record.message.content === 'string' ? { ...record, ...at, message: { ...record.message, content: `${record.message.content} ${name}` } } : { ...record, ...at };
};

test('closed sessions under a supervisor: all views agree on waiting, paused, failed, continued and cancelled', { skip, timeout: 600_000 }, async (t) => {
  const place = world(t);
  const ids = { waiting: idOf(0x801), paused: idOf(0x802), cancelled: idOf(0x803), denied: idOf(0x804), failed: idOf(0x805), again: idOf(0x806), continued: idOf(0x807) };
  const scene = await supervised(place, {
    delay: 0,
    by: { [ids.denied]: [{ behavior: 'denied' }], [ids.failed]: [{ behavior: 'auth' }], [ids.again]: [{ behavior: 'limit', resetsIn: 5000 }] },
    config: { notify: { desktop: false }, note: { blocks: 20 }, retry: { scheduleMinutes: [0.02, 0.02], rateLimitMinutes: [0.02, 0.02], slowMinutes: 0.05 } },
  });
  const stop = (/** @type {[string, string][]} */ some) => some.forEach(([name, id]) => scene.stop(id, { resetsIn: ['waiting', 'paused', 'cancelled'].includes(name) ? 5000 : -1, edit: edit(name) }));
  // A limit applies to every session of the account, so the sessions that must run before it are stopped first.
  const last = new Set(['again', 'waiting', 'paused', 'cancelled']);
  stop(Object.entries(ids).filter(([name]) => !last.has(name)));
  const watch = spawn(process.execPath, [join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js'), 'watch', '--json'], { cwd: place.project, env: place.env, stdio: 'ignore' });
  const ended = new Promise((resolve) => watch.once('exit', resolve));
  place.endings.push(() => watch.kill('SIGKILL') && ended);
  const phase = (/** @type {string} */ id) => incidentOf(place, id)?.phase;
  await until(() => phase(ids.denied) === 'held' && phase(ids.failed) === 'held' && phase(ids.continued) === 'recovered', 'the runs have ended', 120);
  stop([['again', ids.again]]);
  await until(() => phase(ids.again) === 'waiting' && incidentOf(place, ids.again).attempts.length > 0, 'it met a limit again');
  stop(Object.entries(ids).filter(([name]) => last.has(name) && name !== 'again'));
  await until(() => phase(ids.waiting) === 'waiting' && phase(ids.cancelled) === 'waiting' && phase(ids.paused) === 'waiting', 'they wait');
  await place.run(['cancel', ids.cancelled]);
  await place.run(['pause', ids.paused]);
  await until(() => nextOf(readFileSync(join(place.project, 'HANDOFF.md'), 'utf8').split(ids.paused).slice(1).join(' ')).includes('paused'), 'the note says that it is paused');

  const table = async () => {
    /** @type {Record<string, Told>} */
    const all = {};
    for (const [name, id] of Object.entries(ids)) all[name] = await told(place, id, name, { note: false });
    return all;
  };
  const all = await table();
  assert.deepEqual(Object.fromEntries(Object.entries(all).map(([name, one]) => [name, row(one)])), {
    waiting: ['waiting', 'orphaned', 'run', 'awaiting-reset'],
    paused: ['waiting', 'orphaned', 'none', 'paused'],
    cancelled: ['settled', 'orphaned', 'none', 'cancelled'],
    denied: ['needs-you', 'completed', 'resume', 'runs-did-nothing'],
    failed: ['needs-you', 'orphaned', 'resume', 'run-failed'],
    again: ['waiting', 'orphaned', 'run', 'awaiting-reset'],
    continued: ['settled', 'completed', 'none', 'nothing-pending'],
  });
  assert.match(all.denied.why, /denied/);
  const { stdout } = await place.run(['report', '--all'], { cwd: place.root });
  assert.match(stdout, /tool calls? (was|were) denied/);

  watch.kill('SIGTERM');
  await ended;
  const alone = await told(place, ids.waiting, 'without a supervisor', { note: 'outdated' });
  assert.deepEqual(row(alone), ['needs-you', 'orphaned', 'resume', 'no-supervisor']);
});

/** Writes the client's own record of a cancelled countdown (2.1.332). @param {string} transcript @param {string} cwd */
function escaped(transcript, cwd) {
  const records = readFileSync(transcript, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const { uuid: parentUuid, version } = records.findLast(({ uuid }) => uuid);
  const record = { parentUuid, isSidechain: false, type: 'system', subtype: 'informational', content: 'Automatic continue cancelled (send a prompt after the reset to continue)', level: 'warning', isMeta: false, sessionId: ID, cwd, version, uuid: 'e5ca0000-0000-4000-8000-000000000001', timestamp: new Date().toISOString() };
  appendFileSync(transcript, `${JSON.stringify(record)}\n`);
}

test('open session: all views agree when it is open twice, cancelled with Esc, or continued by the user', { skip, timeout: 600_000 }, async (t) => {
  const place = world(t);
  const { client, hook, fire, transcript } = await openSession(place);
  const noted = (/** @type {string} */ reason) =>
    until(async () => {
      const { text, session } = JSON.parse((await place.run(['handoff', ID, '--json'], { cwd: place.root })).stdout);
      return session.next.reason === reason && nextOf(readFileSync(join(place.project, 'HANDOFF.md'), 'utf8')) === nextOf(text);
    }, `HANDOFF.md follows ${reason}`);

  const second = livingClient(place, ID);
  await noted('open-twice');
  assert.deepEqual(row(await told(place, ID, 'open in two windows')), ['needs-you', 'active', 'notify', 'open-twice']);
  await second.kill();
  await noted('awaiting-reset');

  escaped(transcript, place.project);
  await hook.ended;
  const cancelled = await told(place, ID, 'cancelled with Esc');
  assert.deepEqual(row(cancelled), ['running', 'active', 'none', 'cancelled-with-esc']);
  assert.match(cancelled.why, /Esc/);

  const { uuid: parentUuid, version } = readFileSync(transcript, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line)).findLast(({ uuid }) => uuid);
  const common = { isSidechain: false, userType: 'external', cwd: place.project, sessionId: ID, version, gitBranch: '' };
  const [prompt, answer] = ['e5ca0000-0000-4000-8000-000000000002', 'e5ca0000-0000-4000-8000-000000000003'];
  const records = [
    { ...common, parentUuid, type: 'user', message: { role: 'user', content: 'go on' }, uuid: prompt, timestamp: new Date().toISOString() },
    { ...common, parentUuid: prompt, type: 'assistant', message: { id: 'msg_9', role: 'assistant', model: 'claude-sonnet-5-5', type: 'message', content: [{ type: 'text', text: 'Done.' }], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } }, uuid: answer, timestamp: new Date().toISOString() },
  ];
  appendFileSync(transcript, records.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const ended = fire('Stop', { last_assistant_message: 'Done.' });
  endWith(place, ended);
  await ended.ended;
  assert.deepEqual(row(await told(place, ID, 'continued by its user', { note: false })), ['running', 'active', 'none', 'nothing-pending']);
  await client.kill();
});

test('closed sessions that waiting cannot fix or that wait for days each have their own reason and action', { skip, timeout: 600_000 }, async (t) => {
  const place = world(t);
  const kinds = { billing: 'billing-print', login: 'auth-print', full: 'prompt-too-long-print', far: 'quota-weekly-print' };
  const ids = Object.fromEntries(Object.keys(kinds).map((name, at) => [name, idOf(0x901 + at)]));
  const scene = await supervised(place, { delay: 0, config: { notify: { desktop: false }, note: { blocks: 20 } } });
  for (const [name, fixture] of Object.entries(kinds)) scene.stop(ids[name], { fixture, resetsIn: 90 * 3600, edit: edit(name) });
  const watch = spawn(process.execPath, [join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js'), 'watch', '--json'], { cwd: place.project, env: place.env, stdio: 'ignore' });
  const ended = new Promise((resolve) => watch.once('exit', resolve));
  place.endings.push(() => watch.kill('SIGKILL') && ended);
  await until(() => Object.values(ids).every((id) => incidentOf(place, id)?.phase === 'held'), 'each is held');
  /** @type {Record<string, string[]>} */
  const all = {};
  for (const [name, id] of Object.entries(ids)) all[name] = row(await told(place, id, name, { note: false }));
  assert.deepEqual(all, {
    billing: ['needs-you', 'orphaned', 'notify', 'credit-needed'],
    login: ['needs-you', 'orphaned', 'notify', 'login-needed'],
    full: ['needs-you', 'orphaned', 'notify', 'context-full'],
    far: ['needs-you', 'orphaned', 'notify', 'reset-far-away'],
  });
});
