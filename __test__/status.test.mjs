// `status`: the report as a person reads it, and the verb itself.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { world } from './lib/command.mjs';
import { stoppedSession } from './lib/stopped.mjs';
import { terminal } from './lib/terminal.mjs';

process.env.TZ = 'UTC';
const require = createRequire(import.meta.url);
const { printCancelled, printStatus } = require('../bin/lib/sessions.js');
const { clock, commandWords, duration, kindWords, nextWords, shortIds, untilWords } = require('../bin/lib/wording.js');

const NOW = '2026-03-02T03:42:00Z';

/** @param {Record<string, any>} fields */
function session({ stop, next, ...fields }) {
  return {
    schema: 'cc-session-recover/session@1',
    id: '3f2a9c1d-0000-4000-8000-000000000001',
    name: null,
    title: 'Move the parser to its own crate',
    project: { dir: '/home/me/work/api', cwd: '/home/me/work/api' },
    configDir: '/home/me/.claude',
    transcript: '/home/me/.claude/projects/x/3f2a9c1d-0000-4000-8000-000000000001.jsonl',
    bytes: 1,
    state: 'active',
    activity: null,
    stop: { kind: 'usage-limit-5h', at: '2026-03-02T03:40:00Z', resetsAt: null, resetsAtSource: null, message: null, evidence: [], ...stop },
    live: null,
    startedAt: null,
    lastActivityAt: null,
    lastPrompt: null,
    turns: null,
    context: null,
    model: null,
    permissionMode: null,
    gitBranch: null,
    clientVersion: null,
    incident: null,
    next: { action: 'none', at: null, why: '', argv: null, ...next },
    ...fields,
  };
}

const WAITING = session({
  stop: { resetsAt: '2026-03-02T05:00:00Z', resetsAtSource: 'exact' },
  next: { action: 'wake', at: '2026-03-02T05:02:30Z', why: 'the limit ends at 05:00' },
});
const ORPHANED = session({
  id: '77aa0000-0000-4000-8000-000000000002',
  title: null,
  name: 'docs',
  state: 'orphaned',
  project: { dir: '/home/me/work/docs', cwd: "/home/me/work/docs/it's here" },
  stop: { kind: 'crashed', at: '2026-03-01T22:00:00Z' },
  next: { action: 'resume', why: 'its process is gone', argv: ['claude', '--resume=77aa0000-0000-4000-8000-000000000002'] },
});
const LIVE = session({
  id: '99bb0000-0000-4000-8000-000000000003',
  title: 'Review',
  activity: 'busy',
  stop: { kind: 'running', at: null },
  lastActivityAt: '2026-03-02T03:41:00Z',
  live: { pid: 4711, tty: 'pts/3', startedAt: null, status: 'busy', waitingFor: null },
});
const FINISHED = session({ id: 'aacc0000-0000-4000-8000-000000000004', state: 'completed', stop: { kind: 'finished' } });

/** @param {any[]} sessions @param {Record<string, any>} [rest] */
function report(sessions, rest = {}) {
  return { schema: 'cc-session-recover/status@1', generatedAt: NOW, project: { dir: '/home/me/work/api', enabled: true }, sessions, problems: [], ...rest };
}

/** @param {any} value @param {Parameters<typeof terminal>[0]} [options] */
function shown(value, options = { columns: 120, env: { NO_COLOR: '1' } }) {
  const screen = terminal(options);
  printStatus(value, screen.io);
  return screen;
}

test('stopped sessions come first, those that need a person on top, each with why, since, until and what is next', () => {
  const { text } = shown(report([LIVE, WAITING, FINISHED, ORPHANED], { project: null }));
  assert.equal(
    text,
    `2 stopped or waiting sessions on this machine

session   name            project         why           since        until                  next
77aa0000  docs            /home/me/work…  crashed       Mar 1 22:00                         resume it by hand
3f2a9c1d  Move the pars…  /home/me/work…  5-hour limit  03:40        05:00 (in 1 h 18 min)  continues by itself at 05:02

77aa0000: its process is gone
  cd '/home/me/work/docs/it'\\''s here' && claude --resume=77aa0000-0000-4000-8000-000000000002

1 live session

session   name    project            doing  since  terminal  process
99bb0000  Review  /home/me/work/api  busy   03:41  pts/3     4711

1 other session with nothing left to do.
`,
  );
});

test('a command that a person needs is never cut, however narrow the terminal', () => {
  const { text } = shown(report([ORPHANED]), { columns: 20, env: { NO_COLOR: '1' } });
  assert.ok(text.includes(' && claude --resume=77aa0000-0000-4000-8000-000000000002\n'));
});

for (const columns of [24, 40, 80, 120]) {
  test(`the tables fit into ${columns} columns`, () => {
    const { text } = shown(report([WAITING, LIVE], { project: null }), { columns, env: { NO_COLOR: '1' } });
    for (const line of text.split('\n').slice(2, -1)) assert.ok(stringWidth(line) <= Math.max(columns, 46), `${columns}: ${line}`);
  });
}

test('nothing stopped is said in a line, with where else to look', () => {
  const { text } = shown(report([]));
  assert.equal(text, 'No stopped or waiting sessions in /home/me/work/api.\nSessions of all projects: cc-session-recover status --all\n');
});

test('a project without hooks is told how to get them', () => {
  const { text } = shown(report([], { project: { dir: '/home/me/my work', enabled: false } }));
  assert.match(text, /Recovery is not set up here.*: cc-session-recover init '\/home\/me\/my work'$/m);
});

test('what could not be read is told beside the result', () => {
  const { text, remarks } = shown(report([WAITING], { problems: [{ path: '/a/b.jsonl', code: 'IO', message: 'permission denied' }] }));
  assert.ok(!text.includes('permission denied'));
  assert.equal(remarks, 'warning: /a/b.jsonl: permission denied\n');
});

test('titles and paths cannot steer the terminal', () => {
  const evil = session({ title: '\u001B]0;owned\u0007\u001B[2Jti\u202Etle', project: { dir: '/x\u001B[31m', cwd: null }, next: { action: 'notify', why: 'a\nb\u0007', argv: ['claude', '\u001B[2J'] } });
  const { text } = shown(report([evil], { project: null }));
  assert.doesNotMatch(text, /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E]/);
  assert.ok(text.includes('title'));
});

test('a guessed reset is marked, a past one is over', () => {
  const now = new Date(NOW);
  assert.equal(untilWords(WAITING, now), '05:00 (in 1 h 18 min)');
  assert.equal(untilWords(session({ stop: { resetsAt: '2026-03-04T05:00:00Z', resetsAtSource: 'guess' } }), now), '~Mar 4 05:00 (in 2 d 1 h)');
  assert.equal(untilWords(session({ stop: { resetsAt: '2026-03-02T03:00:00Z', resetsAtSource: 'exact' } }), now), '03:00 (over)');
  assert.equal(untilWords(session({}), now), '');
});

test('what happens next has its time: at for what goes by itself, from for what a person does', () => {
  const now = new Date(NOW);
  const words = (/** @type {any} */ next) => nextWords({ why: '', argv: null, ...next }, now);
  assert.equal(words({ action: 'wake', at: '2026-03-02T05:02:30Z' }), 'continues by itself at 05:02');
  assert.equal(words({ action: 'wake', at: '2026-03-02T03:00:00Z' }), 'continues by itself now');
  assert.equal(words({ action: 'client', at: null }), 'Claude Code continues it');
  assert.equal(words({ action: 'resume', at: '2026-03-02T05:00:00Z' }), 'resume it by hand from 05:00 on');
  assert.equal(words({ action: 'resume', at: '2026-03-02T03:00:00Z' }), 'resume it by hand');
  assert.equal(words({ action: 'none', at: '2026-03-02T05:00:00Z' }), '');
});

test('lengths of time have at most two units', () => {
  const lengths = [0, 59_400, 61_000, 300_000, 3_599_000, 4_680_000, 90_000_000].map(duration);
  assert.deepEqual(lengths, ['0 s', '59 s', '1 min 1 s', '5 min', '59 min', '1 h 18 min', '1 d 1 h']);
});

test('a time of another day has its date', () => {
  assert.equal(clock(new Date('2026-03-02T23:59:00Z'), new Date(NOW)), '23:59');
  assert.equal(clock(new Date('2026-03-01T23:59:00Z'), new Date(NOW)), 'Mar 1 23:59');
  assert.equal(clock(new Date('2025-12-31T23:59:00Z'), new Date(NOW)), '2025-12-31 23:59');
});

test('short ids are as long as it takes to tell them apart', () => {
  const ids = ['3f2a9c1d-aaaa-4000-8000-000000000001', '3f2a9c1d-aabb-4000-8000-000000000002'];
  assert.deepEqual([...shortIds(ids).values()], ['3f2a9c1d-aaa', '3f2a9c1d-aab']);
});

test('a command can be pasted into a shell', () => {
  assert.equal(commandWords(['claude', '--resume=x', '']), "claude --resume=x ''");
  assert.equal(commandWords(['a b', '$(rm)', "it's"], '/tmp/x y'), "cd '/tmp/x y' && 'a b' '$(rm)' 'it'\\''s'");
});

test('every kind of stop has words of its own', async () => {
  const { readFileSync } = await import('node:fs');
  const types = readFileSync(new URL('../src/ffi/types.d.ts', import.meta.url), 'utf8');
  const kinds = [.../export type StopKind =([\s\S]*?)\n\n/.exec(types)[1].matchAll(/'([\w-]+)'/g)].map(([, kind]) => kind);
  assert.equal(kinds.length, 20);
  assert.equal(new Set(kinds.map(kindWords)).size, kinds.length);
  assert.ok(kinds.every((kind) => kindWords(kind) !== '' && !kindWords(kind).includes('-limit-')));
});

test('what was cancelled is told with what it was waiting for', () => {
  const screen = terminal({ tty: false });
  const cancelled = [{ session: WAITING.id, project: '/home/me/work/api', phase: 'waiting', plan: { ...WAITING.next, at: '2099-01-01T05:00:00Z' } }];
  printCancelled({ dryRun: true, cancelled }, screen.io);
  assert.match(screen.text, /^Would no longer be continued:\n\nsession {3}project {12}was\n3f2a9c1d {2}\/home\/me\/work\/api {2}continues by itself at 2099-01-01 05:00\n$/);
});

// ---- The verb ----------------------------------------------------------------------------------------------------------

test('status in a project without sessions says so and ends with 0', async (t) => {
  const { run, project } = world(t);
  const { status, stdout, stderr } = await run(['status']);
  assert.equal(status, 0, stderr);
  assert.ok(stdout.startsWith(`No stopped or waiting sessions in ${project}.\n`), stdout);
});

test('without a verb it is status', async (t) => {
  const { run } = world(t);
  assert.deepEqual(await run([]), await run(['status']));
});

test('status --json prints exactly the report', async (t) => {
  const { run, project } = world(t);
  const { status, stdout, stderr } = await run(['status', '--json']);
  assert.equal(status, 0, stderr);
  const value = JSON.parse(stdout);
  assert.equal(value.schema, 'cc-session-recover/status@1');
  assert.deepEqual(value.project, { dir: project, enabled: false });
  assert.deepEqual(value.sessions, []);
  assert.deepEqual(value.problems, []);
  assert.equal(stdout, `${JSON.stringify(value, null, 2)}\n`);
});

test('a session that stopped at its limit is shown with the reset and the command that resumes it', async (t) => {
  const place = world(t);
  const id = '3f2a9c1d-0000-4000-8000-000000000001';
  const { resetsAt, transcript } = await stoppedSession(place, { id });
  const value = JSON.parse((await place.run(['status', '--json'])).stdout);
  assert.deepEqual(value.project, { dir: place.project, enabled: true });
  assert.equal(value.sessions.length, 1);
  const [found] = value.sessions;
  assert.equal(found.id, id);
  assert.equal(found.transcript, transcript);
  assert.equal(found.stop.kind, 'usage-limit-5h');
  assert.equal(Date.parse(found.stop.resetsAt), resetsAt.getTime());
  assert.equal(found.stop.resetsAtSource, 'exact');
  assert.equal(found.next.action, 'resume');

  for (const argv of [['status'], ['status', '--all']]) {
    const { status, stdout, stderr } = await place.run(argv);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^1 stopped or waiting session /);
    assert.match(stdout, /^3f2a9c1d .*5-hour limit .*\(in 1 h 2\d min\) +resume it by hand from /m);
    assert.ok(stdout.includes(`  cd ${commandWords([place.project])} && claude --resume=${id}\n`), stdout);
  }
});
