// `status`: the report as the user reads it, and the verb itself.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { stoppedSession } from './lib/stopped.mjs';
import { terminal } from './lib/terminal.mjs';

process.env.TZ = 'UTC';
process.env.HOME = '/home/me';
const require = createRequire(import.meta.url);
const { printCancelled } = require('../bin/lib/screens/cancel.js');
const { printStatus } = require('../bin/lib/screens/status.js');
const { watch } = require('../bin/lib/watch.js');
const { clock, commandWords, duration, kindWords, nextWords, shortIds, sizeWords, tokenWords, untilWords } = require('../bin/lib/wording.js');

const { NOW, session, statusReport, ...made } = await import('./lib/sessions.mjs');

/** @param {any} value @param {Parameters<typeof terminal>[0]} [options] */
function shown(value, options = { columns: 120, env: { NO_COLOR: '1' } }) {
  const screen = terminal(options);
  printStatus(value, screen.io);
  return screen;
}

test('status shows the reason and command of a session that needs you and the countdown of a waiting one', () => {
  const { text } = shown(statusReport([made.FINISHED, made.WAITING, made.CRASHED], { project: null }));
  assert.equal(
    text,
    `Recovery is on in 1 project, unattended runs are on, no session is paused.
On this machine: 1 needs you, 1 waiting

Needs you  state        why           since          terminal  process  name                              project
77aa0000   interrupted  crashed       Mar 1 21:58                       docs                              ~/work/docs
           Its process is gone in the middle of a turn.
           Context 92 % full: start a fresh session from HANDOFF.md.
           Transcript of 61 MB: slow to open; a fresh session from the note is lighter.
           cd '/home/me/work/docs/it'\\''s here' && claude --resume=77aa0000-0000-4000-8000-000000000001

1 session was open when the machine went down. To print the command that resumes it:
  cc-session-recover resume --all-crashed --print-command

Waiting    state        why           continues      terminal  process  name                              project
3f2a9c1d   waiting      5-hour limit  in 1 h 20 min  pts/3        4711  Move the parser to its own crate  ~/work/api
           5-hour limit resets at 05:00; Claude Code continues this at 05:00; if it has not by 05:02, this tool does.
           Context 71 % full: run /compact in the session soon.

1 other session (1 finished): cc-session-recover list
`,
  );
});

test('status without stopped sessions prints one line that suggests where else to look', () => {
  const { text } = shown(statusReport([]));
  assert.equal(text, 'Recovery is on here, unattended runs are on, no session is paused.\nNo stopped or waiting sessions in ~/work/api.\n\nSessions of all projects:\n  cc-session-recover status --all\n');
  assert.match(shown(statusReport([], { project: null })).text, /^Recovery .*\nNo stopped or waiting sessions on this machine\.\n\n.*\n {2}cc-session-recover list\n$/);
});

test('a pause is named where recovery is not set up, above the command that ends it', () => {
  const { text } = shown(statusReport([], { project: { dir: '/home/me/work', enabled: false }, recovery: made.recovery({ setup: 'not-set-up', projects: 0, unattended: 0, pausedAll: true }) }));
  assert.match(text, /^Recovery is not set up here: stops are not detected\. All sessions are paused\.\n {2}cc-session-recover pause --end\n/);
});

test('a project without hooks gets the command that installs them', () => {
  const { text } = shown(statusReport([], { project: { dir: '/home/me/my work', enabled: false }, recovery: made.recovery({ setup: 'not-set-up', projects: 0, unattended: 0 }) }));
  assert.match(text, /^Recovery is not set up here: stops are not detected\.\n[^]*^Set up recovery here with:\n {2}cc-session-recover init '\/home\/me\/my work'$/m);
});

test('files that could not be read are listed with the result', () => {
  const { text, remarks } = shown(statusReport([made.WAITING], { problems: [{ path: '/a/b.jsonl', code: 'IO', message: 'permission denied' }] }));
  assert.ok(!text.includes('permission denied'));
  assert.equal(remarks, 'warning: /a/b.jsonl: permission denied\n');
});

test('status lists sessions that can be resumed now before those that can be resumed later', () => {
  const later = session('11110000', { state: 'orphaned', next: { action: 'resume', at: '2026-03-02T05:00:00Z', why: 'the client is closed' } });
  const { text } = shown(statusReport([later, made.CRASHED]));
  assert.ok(text.indexOf('77aa0000') < text.indexOf('11110000'));
  assert.match(text, /From 05:00 on \(in 1 h 18 min\): the client is closed\./);
});

test('status shows and explains every one of many sessions that need you, also in a pipe', () => {
  const many = Array.from({ length: 30 }, (_, index) => session(`${index + 10_000_000}`, { state: 'orphaned', stop: { kind: 'crashed', at: `2026-03-01T10:${index + 10}:00Z` }, next: { action: 'resume', why: 'its process is gone' } }));
  const { text } = shown(statusReport(many));
  const ids = [...text.matchAll(/^\d{8}(?= )/gm)].map(([id]) => id);
  assert.deepEqual(ids, many.map(({ id }) => id.slice(0, 8)).toReversed());
  assert.equal(text.match(/--resume=/g)?.length, 30);
  assert.equal(shown(statusReport(many), { tty: false }).text.match(/--resume=/g)?.length, 30);
});

test('status shows a session report of an older addon', () => {
  const { openAtCrash, commands, subagents, evidence, oversized, ...older } = session('22220000', { next: { action: 'resume', why: 'its process is gone', argv: ['claude', '--resume=x'] } });
  assert.ok([openAtCrash, commands, subagents, evidence, oversized].every((field) => field !== undefined));
  assert.match(shown(statusReport([older])).text, /^ +cd \/home\/me\/work\/api && claude --resume=x$/m);
});

test('a guessed reset time is marked, and a past one is shown as over', () => {
  const now = new Date(NOW);
  assert.equal(untilWords(made.WAITING, now), '05:00 (in 1 h 18 min)');
  assert.equal(untilWords(session('00000000', { stop: { resetsAt: '2026-03-04T05:00:00Z', resetsAtSource: 'guess' } }), now), '~Mar 4 05:00 (in 2 d 1 h)');
  assert.equal(untilWords(session('00000000', { stop: { resetsAt: '2026-03-02T03:00:00Z', resetsAtSource: 'exact' } }), now), '03:00 (over)');
  assert.equal(untilWords(session('00000000'), now), '');
});

test('the next step prints at for automatic steps and from for steps of the user', () => {
  const now = new Date(NOW);
  const words = (/** @type {any} */ next) => nextWords({ why: '', argv: null, ...next }, now);
  assert.equal(words({ action: 'wake', at: '2026-03-02T05:02:30Z' }), 'this tool continues it at 05:02');
  assert.equal(words({ action: 'wake', at: '2026-03-02T03:00:00Z' }), 'this tool continues it now');
  const before = (/** @type {any} */ next, /** @type {string} */ at) => nextWords({ why: '', argv: null, ...next }, now, at);
  assert.equal(before({ action: 'wake', at: '2026-03-02T05:03:00Z' }, '2026-03-02T05:00:00Z'), 'Claude Code continues this at 05:00; if it has not by 05:03, this tool does');
  assert.equal(before({ action: 'client', at: '2026-03-02T05:00:00Z' }, '2026-03-02T05:00:00Z'), 'Claude Code continues this at 05:00; this tool does not');
  assert.equal(before({ action: 'wake', at: '2026-03-02T03:43:00Z' }, '2026-03-02T03:41:00Z'), 'Claude Code continues this now; if it has not by 03:43, this tool does');
  assert.equal(words({ action: 'client', at: null }), 'Claude Code continues it');
  assert.equal(words({ action: 'resume', at: '2026-03-02T05:00:00Z' }), 'resume it by hand from 05:00 on');
  assert.equal(words({ action: 'resume', at: '2026-03-02T03:00:00Z' }), 'resume it by hand');
  assert.equal(words({ action: 'none', at: '2026-03-02T05:00:00Z' }), '');
});

test('a time that has just come counts as reached, and one a millisecond later does not', () => {
  const now = new Date(NOW);
  const later = new Date(now.getTime() + 1).toISOString();
  const next = (/** @type {string} */ action, /** @type {string} */ at) => nextWords(/** @type {any} */ ({ action, at, why: '', argv: null }), now);
  const reset = (/** @type {string} */ at) => untilWords(session('00000000', { stop: { resetsAt: at, resetsAtSource: 'exact' } }), now);
  assert.deepEqual([next('wake', NOW), next('wake', later)], ['this tool continues it now', 'this tool continues it at 03:42']);
  assert.deepEqual([next('resume', NOW), next('resume', later)], ['resume it by hand', 'resume it by hand from 03:42 on']);
  assert.deepEqual([reset(NOW), reset(later)], ['03:42 (over)', '03:42 (in 0 s)']);
});

test('a session whose stop is more than a day ahead of the clock sorts last, and a smaller difference changes nothing', () => {
  const stopped = (/** @type {string} */ id, /** @type {number} */ hours) =>
    session(id, { state: 'orphaned', stop: { kind: 'crashed', at: new Date(Date.parse(NOW) + hours * 3_600_000).toISOString() }, next: { action: 'resume', why: 'its process is gone' } });
  const { text } = shown(statusReport([stopped('10000000', 25), stopped('20000000', -2), stopped('30000000', 23), stopped('40000000', -1)]));
  assert.deepEqual([...text.matchAll(/^\d{8}(?= )/gm)].map(([id]) => id), ['30000000', '40000000', '20000000', '10000000']);
});

test('a time on another day includes the date', () => {
  assert.equal(clock(new Date('2026-03-02T23:59:00Z'), new Date(NOW)), '23:59');
  assert.equal(clock(new Date('2026-03-01T23:59:00Z'), new Date(NOW)), 'Mar 1 23:59');
  assert.equal(clock(new Date('2025-12-31T23:59:00Z'), new Date(NOW)), '2025-12-31 23:59');
});

test('short ids are as long as needed to be unique', () => {
  const ids = ['3f2a9c1d-aaaa-4000-8000-000000000001', '3f2a9c1d-aabb-4000-8000-000000000002'];
  assert.deepEqual([...shortIds(ids).values()], ['3f2a9c1d-aaa', '3f2a9c1d-aab']);
});

test('a printed command is quoted for a shell', () => {
  assert.equal(commandWords(['claude', '--resume=x', '']), "claude --resume=x ''");
  assert.equal(commandWords(['a b', '$(rm)', "it's"], '/tmp/x y'), "cd '/tmp/x y' && 'a b' '$(rm)' 'it'\\''s'");
});

test('durations, sizes and tokens are printed as in the table with which the addon is tested', () => {
  const table = require('./lib/measures.json');
  for (const [length, words] of table.milliseconds) assert.equal(duration(length), words, `${length} ms`);
  for (const [bytes, words] of table.bytes) assert.equal(sizeWords(bytes), words, `${bytes} bytes`);
  for (const [tokens, words] of table.tokens) assert.equal(tokenWords(tokens), words, `${tokens} tokens`);
});

test('every kind of stop has its own label', async () => {
  const { readFileSync } = await import('node:fs');
  const types = readFileSync(new URL('../src/ffi/types.d.ts', import.meta.url), 'utf8');
  const kinds = [.../export type StopKind =([\s\S]*?)\n\n/.exec(types)[1].matchAll(/'([\w-]+)'/g)].map(([, kind]) => kind);
  assert.equal(kinds.length, 23);
  assert.equal(new Set(kinds.map(kindWords)).size, kinds.length);
  assert.ok(kinds.every((kind) => kindWords(kind) !== '' && !kindWords(kind).includes('-limit-')));
});

test('a cancelled wait is printed with what it waited for', () => {
  const screen = terminal({ tty: false });
  const cancelled = [{ session: made.WAITING.id, project: '/home/me/work/api', phase: 'waiting', plan: { ...made.WAITING.next, at: '2099-01-01T05:00:00Z' } }];
  printCancelled({ dryRun: true, cancelled }, screen.io);
  assert.match(screen.text, /^Would no longer be continued:\n\nsession {3}project {5}was\n3f2a9c1d {2}~\/work\/api {2}this tool continues it at 2099-01-01 05:00\n$/);
});

// ---- The verb ----------------------------------------------------------------------------------------------------------

test('status in a project without sessions prints a notice and exits with 0', async (t) => {
  const { run } = world(t);
  const { status, stdout, stderr } = await run(['status']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^Recovery is not set up here: stops are not detected\.\nNo stopped or waiting sessions in ~\/project\.\n/);
});

test('the first line of status shows setup, unattended and paused state as in the report', async (t) => {
  const place = world(t);
  const first = async (/** @type {string[]} */ ...options) => (await place.run(['status', ...options])).stdout.split('\n')[0];
  const overview = async () => JSON.parse((await place.run(['status', '--json'])).stdout).recovery;
  assert.deepEqual(await overview(), { setup: 'not-set-up', everywhere: false, projects: 0, unattended: 0, pausedAll: false, paused: 0, lastRecovered: null });
  assert.equal(await first('--all'), 'Recovery is not set up in any project: stops are not detected.');
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  assert.equal(await first(), 'Recovery is on here, unattended runs are off, no session is paused.');
  assert.equal(await first('--all'), 'Recovery is on in 1 project, unattended runs are off, no session is paused.');
  assert.equal((await place.run(['pause', '--all'])).status, 0);
  assert.equal(await first(), 'Recovery is on here, unattended runs are off, all sessions are paused.');
  assert.equal((await overview()).pausedAll, true);
  writeFileSync(place.env.CC_RECOVER_CONFIG, JSON.stringify({ version: 1, heartbeat: { enabled: false } }));
  assert.equal(await first(), 'Recovery is switched off here (heartbeat.enabled is false): stops are detected, but not continued. All sessions are paused.');
});

test('the command without a verb runs status', async (t) => {
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

test('status shows a session stopped at a limit with the reset time and the resume command', async (t) => {
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
    assert.match(stdout, /: 1 needs you\n/);
    assert.match(stdout, /^3f2a9c1d .*5-hour limit /m);
    assert.match(stdout, /^ +From .*\d\d:\d\d on \(in (?:\d+ h( \d+ min)?|\d+ min)\): /m);
    assert.ok(stdout.includes(` cd ${commandWords([place.project])} && claude --resume=${id}\n`), stdout);
  }
});

// ---- Watching ----------------------------------------------------------------------------------------------------------

/** A terminal screen: its content after everything that was written to it. */
class Page {
  /** @param {number} columns @param {number} rows */
  constructor(columns, rows) {
    Object.assign(this, { columns, rows });
    this.cells = this.blank();
    this.row = 0;
    this.column = 0;
    this.second = false;
    this.ended = '';
  }

  blank() {
    return Array.from({ length: this.rows }, () => Array(this.columns).fill(' '));
  }

  /** @param {string} text */
  write(text) {
    for (const [part] of text.matchAll(/\u001B\[[?\d;]*[A-Za-z]|\r|\n|[^\u001B\r\n]/gu)) {
      if (part === '\u001B[?1049h') this.second = true;
      else if (part === '\u001B[?1049l') this.second = false;
      else if (!this.second && !part.startsWith('\u001B')) this.ended += part;
      else if (!this.second) continue;
      else if (part === '\u001B[2J') this.cells = this.blank();
      else if (part === '\u001B[H') this.row = this.column = 0;
      else if (part === '\u001B[K') this.cells[this.row].fill(' ', Math.min(this.column, this.columns - 1));
      else if (part === '\u001B[J') for (let row = this.row; row < this.rows; row += 1) this.cells[row].fill(' ', row === this.row ? this.column : 0);
      else if (part === '\r') this.column = 0;
      else if (part === '\n') this.row += 1;
      else if (!part.startsWith('\u001B')) {
        if (this.column === this.columns) [this.row, this.column] = [this.row + 1, 0];
        assert.ok(this.row < this.rows, `beyond the last row: ${part}`);
        this.cells[this.row][this.column] = part;
        this.column += 1;
      }
    }
  }

  get text() {
    return this.cells.map((row) => row.join('').trimEnd()).join('\n').trimEnd();
  }
}

/** @param {number} columns @param {number} rows @param {() => string[]} draw @param {() => Promise<any>} [read] */
function watched(columns, rows, draw, read = async () => null) {
  const page = new Page(columns, rows);
  /** @type {string[]} */
  const writes = [];
  const screen = Object.assign(new EventEmitter(), {
    columns,
    rows,
    write: (/** @type {string} */ text) => {
      writes.push(text);
      page.write(text);
    },
  });
  const signals = new EventEmitter();
  const over = watch({ screen, first: null, read, every: 20, draw, more: (hidden) => `${hidden} more` }, signals);
  return { page, writes, screen, signals, over };
}

test('a watched screen clears the previous frame, and the last frame remains after it ends', async () => {
  const frames = [['first line that is long', 'x'.repeat(25), 'foot'], ['short', 'foot'], ['one', 'y'.repeat(20), 'z'.repeat(21), 'foot']];
  let frame = 0;
  const { page, writes, screen, signals, over } = watched(20, 8, () => frames[frame]);
  for (frame of [0, 1, 2, 1, 0]) {
    const before = writes.length;
    screen.emit('resize');
    assert.equal(writes.length, before + 1, 'one write a frame');
    assert.equal(page.text, frames[frame].flatMap((line) => line.match(/.{1,20}/g)).join('\n'));
  }
  signals.emit('SIGINT');
  await over;
  assert.equal(page.second, false);
  assert.equal(page.ended, `${frames[0].join('\n')}\n`);
  assert.equal(signals.listenerCount('SIGINT') + screen.listenerCount('resize'), 0);
});

test('a watched screen is cut to the terminal height and prints the number of hidden lines', async () => {
  const lines = [...Array.from({ length: 30 }, (_, index) => `line ${index}`), 'foot'];
  const { page, screen, signals, over } = watched(20, 10, () => lines);
  assert.equal(page.text, [...lines.slice(0, 8), '22 more', 'foot'].join('\n'));
  Object.assign(screen, { rows: 5 });
  Object.assign(page, { rows: 5 });
  page.cells = page.blank();
  screen.emit('resize');
  assert.equal(page.text, [...lines.slice(0, 3), '27 more', 'foot'].join('\n'));
  signals.emit('SIGTERM');
  await over;
});

test('a watched screen shows refreshed data, and an error ends it with the terminal restored', async () => {
  let readings = 0;
  const { page, over } = watched(40, 10, () => [`read ${readings}`], async () => {
    readings += 1;
    if (readings === 3) throw new Error('gone');
  });
  await assert.rejects(over, /gone/);
  assert.equal(readings, 3);
  assert.equal(page.second, false);
});

test('status --watch redraws on a terminal until Ctrl-C and exits with 0', { skip: process.platform === 'win32' && 'signals of another process are not delivered there' }, async (t) => {
  const { root, env, project } = world(t);
  const posing = join(root, 'terminal.cjs');
  writeFileSync(posing, 'Object.assign(process.stdout, { isTTY: true, columns: 60, rows: 10 });\n');
  const child = spawn(process.execPath, ['--require', posing, join(ROOT, 'bin', 'cc-session-recover.js'), 'status', '--watch', '--every', '0.2'], { cwd: project, env: { ...env, TERM: 'xterm' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const page = new Page(60, 10);
  let interrupted = false;
  child.stdout.setEncoding('utf8').on('data', (text) => {
    page.write(text);
    if (!interrupted && page.text.includes('Ctrl-C ends')) interrupted = child.kill('SIGINT');
  });
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.equal(page.second, false);
  assert.match(page.ended, /^Recovery is not set up here: stops are not detected\.\nNo stopped or waiting sessions in ~\/project\.\n[\s\S]*Ctrl-C ends\n$/);
});

for (const [what, argv, env] of /** @type {const} */ ([
  ['into a pipe', ['--watch'], {}],
  ['with a reading every 0 seconds', ['--watch', '--every', '0'], {}],
  ['with --json', ['--watch', '--json'], {}],
])) {
  test(`status --watch ${what} exits with 2 and suggests an alternative`, async (t) => {
    const { status, stdout, stderr } = await world(t).run(['status', ...argv], { env });
    assert.equal(status, 2);
    if (argv.includes('--json')) assert.equal(JSON.parse(stdout).error.exitCode, 2);
    else assert.equal(stdout, '');
    assert.match(stderr, /\n {2}next: /);
  });
}

test('a terminal that does not support drawing is not watched', () => {
  assert.equal(terminal({ env: { TERM: 'dumb' } }).io.screen, null);
  assert.equal(terminal({ tty: false }).io.screen, null);
  assert.notEqual(terminal().io.screen, null);
});
