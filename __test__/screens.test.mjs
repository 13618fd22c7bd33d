// Every screen that shows sessions, at every width, colored and plain: compared with reviewed snapshots, and checked by rules that hold
// for any content. `UPDATE_SNAPSHOTS=1` rewrites the snapshots: review them before committing.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import stringWidth from 'string-width';
import * as told from './lib/accounts.mjs';
import { ROOT, world } from './lib/command.mjs';
import * as doctored from './lib/doctored.mjs';
import * as saved from './lib/exported.mjs';
import * as killed from './lib/killed.mjs';
import { assertAligned, assertScreen, assertShows, assertSteersNothing, plain } from './lib/screen.mjs';
import * as made from './lib/sessions.mjs';
import { terminal } from './lib/terminal.mjs';

process.env.TZ = 'UTC';
process.env.HOME = '/home/me';
const require = createRequire(import.meta.url);
const { printStatus } = require('../bin/lib/screens/status.js');
const { printList } = require('../bin/lib/screens/list.js');
const { printShow } = require('../bin/lib/screens/show.js');
const { printRecall } = require('../bin/lib/screens/recall.js');
const { printCommands, refusalText, resumeLine } = require('../bin/lib/screens/resume.js');
const { printPreview } = require('../bin/lib/screens/preview.js');
const { printReport } = require('../bin/lib/screens/report.js');
const { printRepair } = require('../bin/lib/screens/repair.js');
const { printRestored } = require('../bin/lib/screens/restore.js');
const { printExported } = require('../bin/lib/screens/export.js');
const { printPages } = require('../bin/lib/screens/pages.js');
const { printImported } = require('../bin/lib/screens/import.js');
const { printPruned } = require('../bin/lib/screens/prune.js');
const { printLog } = require('../bin/lib/screens/log.js');
const { killedLines, planLines } = require('../bin/lib/screens/kill.js');
const { boxedLines, choiceOf, flatLines } = require('../bin/lib/screens/rescue.js');
const { printState } = require('../bin/lib/screens/state.js');
const { printDoctor } = require('../bin/lib/screens/doctor.js');
const { printHandoff } = require('../bin/lib/screens/handoff.js');
const { PLAIN, truncated, truncatedPath, widthOf, wrapped } = require('../bin/lib/text.js');
const { commandWords, sizeWords, tokenWords } = require('../bin/lib/wording.js');

const { EVERYTHING, HOSTILE, NOW } = made;
const ALL = [...EVERYTHING, ...HOSTILE];
const SNAPSHOTS = join(ROOT, '__test__', 'snapshots');
const WIDTHS = [40, 80, 120, 200];
const IDS = HOSTILE.map(({ id }) => id.slice(0, 8));

/** @typedef {ReturnType<typeof terminal>['io']} Output */
/** @param {Output} io */
const viewOf = ({ width, colours }) => ({ width, colours });

/** @type {[string, (io: Output) => unknown][]} */
const SCREENS = [
  ['status', (io) => printStatus(made.statusReport(EVERYTHING, { project: null, accounts: made.ACCOUNTS.slice(0, 1) }), io)],
  ['status-of-a-project', (io) => printStatus(made.statusReport(EVERYTHING, { project: { dir: '/home/me/work/api', enabled: false }, recovery: made.recovery({ setup: 'not-set-up', projects: 0, unattended: 0 }), accounts: made.ACCOUNTS }), io)],
  ['status-hostile', (io) => printStatus(made.statusReport(ALL, { project: null, accounts: [...made.ACCOUNTS, made.account('/\u001B[2J\u202E日本語', [42, '2026-03-02T05:00:00Z'], null)] }), io)],
  ['status-empty', (io) => printStatus(made.statusReport([]), io)],
  ['status-recovered', (io) => printStatus(made.statusReport([], { accounts: made.ACCOUNTS.slice(0, 1), recovery: made.recovery({ lastRecovered: { session: made.CRASHED.id, name: 'docs', project: '/home/me/work/docs', stop: 'usage-limit-5h', at: '2026-03-02T03:02:00Z', by: 'run' } }) }), io)],
  ['status-paused', (io) => printStatus(made.statusReport([made.WAITING], { project: null, recovery: made.recovery({ projects: 4, unattended: 2, pausedAll: true, paused: 1 }) }), io)],
  ['status-beyond-cap', (io) => printStatus(made.statusReport([made.BEYOND]), io)],
  ['status-switched-off', (io) => printStatus(made.statusReport([], { recovery: made.recovery({ setup: 'switched-off' }) }), io)],
  ['status-nothing-owed', (io) => printStatus(made.statusReport([made.FINISHED, made.INTERRUPTED]), io)],
  ['list', (io) => printList(made.listReport(EVERYTHING, { total: 122 }), io)],
  ['list-hostile', (io) => printList(made.listReport(ALL), io)],
  ['list-of-a-project', (io) => printList(made.listReport(EVERYTHING, { project: { dir: '/home/me/work/api', enabled: true } }), io)],
  ['list-empty', (io) => printList(made.listReport([]), io)],
  ['list-nothing-matches', (io) => printList(made.listReport([]), io, ['--state hung orphaned', '--name \u001B[31mred'])],
  ['show-crashed', (io) => printShow(made.CRASHED, io, new Date(NOW))],
  ['show-beyond-cap', (io) => printShow(made.BEYOND, io, new Date(NOW))],
  ['show-waiting', (io) => printShow(made.WAITING, io, new Date(NOW))],
  ['show-background', (io) => printShow(made.GUESSED, io, new Date(NOW))],
  ['show-hung', (io) => printShow(made.HUNG, io, new Date(NOW))],
  ['show-unknown', (io) => printShow(made.UNKNOWN, io, new Date(NOW))],
  ['show-hostile', (io) => HOSTILE.forEach((session) => printShow(session, io, new Date(NOW)))],
  ['recall', (io) => printRecall(made.recallReport(EVERYTHING), io)],
  ['recall-hostile', (io) => printRecall(made.recallReport(HOSTILE), io)],
  ['recall-empty', (io) => printRecall(made.recallReport([]), io)],
  ['resume', (io) => printCommands(made.resumeReport(EVERYTHING), io)],
  ['resume-hostile', (io) => printCommands(made.resumeReport(HOSTILE), io)],
  ['report', (io) => printReport(told.accountReport(told.ACCOUNTS, { project: null, older: 2 }), io)],
  ['report-of-a-project', (io) => printReport(told.accountReport(told.ACCOUNTS), io)],
  ['report-hostile', (io) => printReport(told.accountReport(told.HOSTILE_ACCOUNTS, { project: null }), io)],
  ['report-empty', (io) => printReport(told.accountReport([]), io)],
  ['restore', (io) => printRestored(told.restoreReport(), io)],
  ['restore-planned', (io) => printRestored(told.restoreReport({ dryRun: true, chosen: '20260302T000130000Z-812-3' }), io)],
  ['restore-done', (io) => printRestored(told.restoreReport({ chosen: '20260302T000130000Z-812-3', restored: true, kept: '20260302T034200000Z-restore', undo: ['cc-session-recover', 'restore', told.RECOVERED.session, '--from', '20260302T034200000Z-restore'] }), io)],
  ['repair-planned', (io) => printRepair(told.repairReport(), io)],
  ['repair-held', (io) => printRepair(told.repairReport({ subagents: [], held: 'process 4711 has it open' }), io)],
  ['repair-done', (io) => printRepair(told.repairReport({ dryRun: false, subagents: [], repaired: true, kept: '20260302T034200000Z-repair', undo: ['cc-session-recover', 'repair', told.RECOVERED.session, '--rollback'] }), io)],
  ['repair-nothing', (io) => printRepair(told.repairReport({ findings: [], mendable: 0, subagents: [] }), io)],
  ['repair-hostile', (io) => printRepair(told.repairReport({ transcript: '/x/\u001b[2J\u202e.jsonl', mendable: 0, findings: [{ class: 'stub', line: 1, offset: 0, what: '\u001b]0;x\u0007 it contains no message of a conversation', client: 'x\ny', mend: null, lost: null }], more: 4, subagents: [] }), io)],
  ['export', (io) => printExported(saved.exportReport([saved.LIVE]), io)],
  ['export-planned', (io) => printExported(saved.exportReport([{ ...saved.LIVE, digest: null, transcriptLines: null, grew: false }], { dryRun: true, log: null }), io)],
  ['export-several', (io) => printExported(saved.exportReport(saved.SEVERAL, { failures: [saved.FAILURE] }), io)],
  ['export-failed', (io) => printExported(saved.exportReport([], { failures: [saved.FAILURE] }), io)],
  ['export-hostile', (io) => printExported(saved.exportReport(saved.HOSTILE_EXPORTS), io)],
  ['pages', (io) => printPages(saved.readingReport([saved.page('3f2a9c1d', { livePid: 4711, replaced: true })]), io)],
  ['pages-planned', (io) => printPages(saved.readingReport([saved.page('3f2a9c1d', { bytes: null, shown: null })], { dryRun: true, format: 'markdown' }), io)],
  ['pages-several', (io) => printPages(saved.readingReport([saved.page('3f2a9c1d'), saved.page('77aa0000', { title: null })], { failures: [saved.FAILURE] }), io)],
  ['pages-failed', (io) => printPages(saved.readingReport([], { failures: [saved.FAILURE] }), io)],
  ['pages-hostile', (io) => printPages(saved.readingReport(saved.HOSTILE_EXPORTS.map(({ session, title, path }) => saved.page(session.slice(0, 8), { title, path }))), io)],
  ['import', (io) => printImported(saved.importReport(), io)],
  ['import-planned', (io) => printImported(saved.importReport({ dryRun: true, title: null, left: [] }), io)],
  ['kill-planned', (io) => io.lines(planLines(killed.PLANNED, viewOf(io)))],
  ['kill-planned-nothing-on-disk', (io) => io.lines(planLines(killed.FRESH, viewOf(io)))],
  ['kill', (io) => io.lines(killedLines(killed.KILLED, viewOf(io)))],
  ['kill-still-alive', (io) => io.lines(killedLines(killed.DEAF, viewOf(io)))],
  ['kill-background', (io) => io.lines([...planLines(killed.BACKGROUND, viewOf(io)), ...killedLines({ ...killed.BACKGROUND, outcome: 'gone' }, viewOf(io))])],
  ['kill-hostile', (io) => io.lines(killed.HOSTILE.flatMap((report) => planLines(report, viewOf(io)).concat(killedLines(report, viewOf(io)))))],
  ['rescue', (io) => io.lines(boxedLines(EVERYTHING, viewOf(io), new Date(NOW)))],
  ['rescue-hostile', (io) => io.lines(boxedLines(ALL, viewOf(io), new Date(NOW)))],
  ['rescue-empty', (io) => io.lines(boxedLines([], viewOf(io), new Date(NOW)))],
  ['rescue-choices', (io) => io.lines(EVERYTHING.map((session) => choiceOf(session, io.width ?? 80)))],
  ['rescue-choices-hostile', (io) => io.lines(HOSTILE.map((session) => choiceOf(session, io.width ?? 80)))],
  ['prune', (io) => printPruned(saved.pruneReport(), io)],
  ['prune-nothing', (io) => printPruned(saved.pruneReport({ removed: [], removedBytes: 0, kept: 1 }), io)],
  ['log', (io) => printLog(saved.logReport(), io)],
  ['log-sound', (io) => printLog(saved.logReport({ entries: [], total: 0, chain: saved.CHAIN }), io)],
  ['log-broken', (io) => printLog(saved.logReport({ chain: saved.BROKEN }), io)],
  ['preview', (io) => printPreview(made.previewReport([made.CRASHED, made.WAITING]), io)],
  ['preview-empty', (io) => printPreview(made.previewReport([]), io)],
  ['preview-hostile', (io) => printPreview(made.previewReport(HOSTILE), io)],
  ['doctor', (io) => printDoctor(doctored.HEALTHY, io)],
  ['doctor-all', (io) => printDoctor(doctored.ILL, io, { all: true })],
  ['doctor-ill', (io) => printDoctor(doctored.ILL, io)],
  ['doctor-quiet', (io) => [doctored.HEALTHY, doctored.ILL].forEach((report) => printDoctor(report, io, { quiet: true }))],
  ['doctor-hostile', (io) => printDoctor(doctored.HOSTILE_REPORT, io)],
  ['handoff-written', (io) => printHandoff(told.handoffReport(made.WAITING, { kept: [`/home/me/.local/state/cc-session-recover/sessions/${made.WAITING.id}/edited-notes/0123456789abcdef.md`] }), io, true)],
  ['state-list', (io) => printState(told.stateReport(), 'list', io)],
  ['state-list-empty', (io) => printState(told.stateReport({ states: [], directory: null, enabled: false }), 'list', io)],
  ['state-list-hostile', (io) => printState(told.stateReport({ foreign: true, project: HOSTILE[0].project.dir, directory: `${HOSTILE[0].project.dir}/.claude/session-state`, states: HOSTILE.map(({ id, title }) => told.savedState(id, { name: title, unfinished: true, tasksOpen: 1 })) }), 'list', io)],
  ['state-restored', (io) => printState(told.stateReport({ chosen: '20260302T021000000Z-77aa0000', restored: true, kept: '/home/me/.local/state/cc-session-recover/sessions/77aa0000-0000-4000-8000-000000000001/edited-states/0123456789abcdef.md' }), 'restore', io)],
  ['state-restore-planned', (io) => printState(told.stateReport({ chosen: '20260302T021000000Z-77aa0000', restored: true, dryRun: true }), 'restore', io)],
  ['handoff-hostile', (io) => HOSTILE.forEach((session) => printHandoff(told.handoffReport(session, { file: `${session.project.dir}/HANDOFF.md`, enabled: false, written: false }), io, true))],
];

/** @param {(io: Output) => unknown} print @param {Parameters<typeof terminal>[0]} options */
function shown(print, options) {
  const screen = terminal(options);
  print(screen.io);
  return screen;
}

/**
 * Screens of hostile input have no snapshot: the rules below decide. What each of them must show at every width, whatever surrounds it.
 *
 * @type {Map<string, string[]>}
 */
const HOSTILE_SCREENS = new Map([
  ['status-hostile', ['need you', ...IDS, '日本語']],
  ['list-hostile', [...IDS, 'crashed']],
  ['show-hostile', [...HOSTILE.map(({ id }) => id), 'claude --resume=']],
  ['recall-hostile', IDS],
  ['resume-hostile', [...IDS, 'claude --resume=', 'is not resumed']],
  ['report-hostile', [...IDS, 'claude --resume=', 'tokens']],
  ['repair-hostile', ['it contains no message of a conversation', '/x/.jsonl', 'and 4 more']],
  ['export-hostile', ['e0e0e0e0', 'e0e0e0e1', 'is a symbolic link']],
  ['pages-hostile', ['e0e0e0e0', 'e0e0e0e1', '日本語']],
  ['kill-hostile', killed.HOSTILE.flatMap(({ expected, session }) => [`process ${expected.pid}`, session.id])],
  ['rescue-hostile', IDS],
  ['rescue-choices-hostile', IDS],
  ['preview-hostile', HOSTILE.map(({ id }) => id)],
  ['doctor-hostile', ['config', 'unknown key']],
  ['state-list-hostile', IDS],
  ['handoff-hostile', ['HANDOFF.md']],
]);

for (const [name, print] of SCREENS) {
  const essential = HOSTILE_SCREENS.get(name);
  if (essential === undefined) {
    test(`${name} matches its snapshot`, { skip: process.platform === 'win32' && 'home directories and shells are written otherwise there' }, () => {
      const views = /** @type {const} */ ([['80 columns, coloured', shown(print, { columns: 80 })], ['into a pipe', shown(print, { tty: false })]]);
      const text = views
        .map(([view, screen]) => `════ ${view}\n${screen.text}${screen.remarks === '' ? '' : `──── remarks\n${screen.remarks}`}`)
        .join('\n')
        .replaceAll('\u001B', '␛');
      const file = join(SNAPSHOTS, `${name}.txt`);
      if (process.env.UPDATE_SNAPSHOTS) {
        mkdirSync(SNAPSHOTS, { recursive: true });
        writeFileSync(file, text);
      }
      assert.ok(existsSync(file), `${file} is missing: write it with UPDATE_SNAPSHOTS=1`);
      assert.equal(text, readFileSync(file, 'utf8'));
    });
  } else {
    test(`${name} shows what matters at every width and in a pipe, and controls no terminal`, () => {
      for (const options of [...WIDTHS.map((columns) => ({ columns })), { tty: false }]) {
        const screen = shown(print, options);
        assertSteersNothing(screen.text + screen.remarks);
        assertShows(screen.text + screen.remarks, essential);
      }
    });
  }

  for (const columns of [20, 31, ...WIDTHS, 250]) {
    test(`${name} fits into ${columns} columns, emits no control characters, and is colored only on a terminal`, () => {
      const coloured = shown(print, { columns }).text;
      const bare = shown(print, { columns, env: { NO_COLOR: '1' } }).text;
      assertScreen(coloured, columns);
      assert.ok(!bare.includes('\u001B'));
      assert.equal(plain(coloured), bare);
      assert.equal(shown(print, { columns, env: { TERM: 'dumb' } }).text, bare);
      assert.ok(!shown(print, { tty: false }).text.includes('\u001B'));
    });
  }
}

/** @type {Record<string, 'left' | 'right'>} */
const HEADINGS = { state: 'left', why: 'left', what: 'left', since: 'left', continues: 'left', 'silent for': 'left', terminal: 'left', process: 'right', name: 'left', project: 'left', active: 'left', size: 'right', context: 'right', stopped: 'left', now: 'left', answers: 'right', files: 'right', commits: 'right', tokens: 'right' };

for (const columns of [80, 100, 120, 160, 200, 250]) {
  for (const name of ['status', 'status-hostile', 'list', 'list-hostile', 'list-of-a-project', 'report', 'report-of-a-project', 'report-hostile']) {
    test(`the columns of ${name} are aligned at ${columns} columns`, () => {
      const print = /** @type {(io: Output) => unknown} */ (new Map(SCREENS).get(name));
      const rows = assertAligned(shown(print, { columns, env: { NO_COLOR: '1' } }).text, HEADINGS);
      assert.ok(rows >= (name === 'report-hostile' ? 6 : 7), `${rows} rows`);
    });
  }
}

test('every hostile screen has rules in place of a snapshot, and they fail for a screen that copies its input or leaves something out', () => {
  assert.deepEqual([...HOSTILE_SCREENS.keys()].toSorted(), SCREENS.map(([name]) => name).filter((name) => name.endsWith('-hostile')).toSorted());
  const copies = HOSTILE.map(({ id, title, lastPrompt }) => `${id} ${title} ${lastPrompt}`);
  assert.ok(copies.some((line) => throws(() => assertSteersNothing(line))));
  for (const control of ['\u001B[2J', '\u001B]0;x\u0007', '\u0008', '\u009B2J', '\r', '\u202E', '\u200B']) assert.throws(() => assertSteersNothing(`a${control}b`), JSON.stringify(control));
  assert.throws(() => assertScreen('x'.repeat(81), 80), /81 > 80/);
  for (const [name, words] of HOSTILE_SCREENS) {
    const { text, remarks } = shown(/** @type {(io: Output) => unknown} */ (new Map(SCREENS).get(name)), { columns: 40 });
    for (const word of words) assert.throws(() => assertShows(plain(text + remarks).replaceAll(/\s+/g, '').replaceAll(word.replaceAll(/\s+/g, ''), ''), words), /is not on the screen/, `${name}: ${word}`);
  }
});

/** @param {() => void} check */
function throws(check) {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}

test('the alignment check rejects a table padded by characters instead of columns', () => {
  const lines = ['session   what        name', ...HOSTILE.map(({ id, title }) => `${id.slice(0, 8)}  ${title.slice(0, 10).padEnd(10)}  x`)];
  assert.throws(() => assertAligned(lines.join('\n'), HEADINGS), /name at/);
  assert.throws(() => assertScreen('a\u202Eb', 80));
  assert.throws(() => assertScreen('日本語', 5), /6 > 5/);
});

test('every session of a report appears on the screen at any width', () => {
  for (const columns of WIDTHS) {
    const status = shown((io) => printStatus(made.statusReport(ALL, { project: null }), io), { columns }).text;
    const list = shown((io) => printList(made.listReport(ALL), io), { columns }).text;
    for (const { id } of ALL) assert.ok(list.includes(id.slice(0, 8)), id);
    for (const { id } of ALL.filter((one) => ![made.FINISHED, made.INTERRUPTED, made.UNKNOWN].includes(one))) assert.ok(status.includes(id.slice(0, 8)), id);
  }
});

test('status lists sessions that need you first, then waiting, hung and running ones', () => {
  const { text } = shown((io) => printStatus(made.statusReport(EVERYTHING, { project: null }), io), { columns: 120, env: { NO_COLOR: '1' } });
  const places = ['On this machine: 2 need you, 2 waiting, 1 hung, 2 running', 'Needs you', 'Waiting', 'Hung', 'Running', '3 other sessions'].map((part) => text.indexOf(part));
  assert.ok(!places.includes(-1));
  assert.deepEqual(places, places.toSorted((one, other) => one - other));
});

test('status prints aligned usage per account and omits windows that have reset', () => {
  const at = (/** @type {number} */ columns, /** @type {unknown[]} */ accounts) =>
    shown((io) => printStatus(made.statusReport(EVERYTHING, { accounts }), io), { columns, env: { NO_COLOR: '1' } }).text.split('\n');
  assert.deepEqual(at(160, made.ACCOUNTS).slice(0, 4), [
    'Recovery is on here, unattended runs are on, no session is paused.',
    '~/.ccs/instances/work  5 h: 100 % used, resets 05:00 (in 1 h 18 min)  7 d: 91 % used, resets Mar 7 09:00 (in 5 d 5 h)  as of 03:41',
    `~/.claude              ${' '.repeat(47)}7 d: 7 % used, resets Mar 4 09:00 (in 2 d 5 h)   as of Mar 1 21:41`,
    '~/work/api: 2 need you, 2 waiting, 1 hung, 2 running',
  ]);
  const [first] = made.ACCOUNTS;
  assert.equal(at(200, [first])[0], 'Recovery is on here, unattended runs are on, no session is paused.  5 h: 100 % used, resets 05:00 (in 1 h 18 min)  7 d: 91 % used, resets Mar 7 09:00 (in 5 d 5 h)  as of 03:41');
  assert.deepEqual(at(40, [first]).slice(0, 3), ['Recovery is on here, unattended runs are', 'on, no session is paused.', '5 h: 100 % used  7 d: 91 % used']);
});

/** The row of a numbered session. */
const ROW = /^0{5}\d{3} /gm;

test('status prints fifty sessions per group and the command that lists the others, also in a pipe', () => {
  const crashed = Array.from({ length: 73 }, (_, index) => ({ ...made.CRASHED, id: `${String(index).padStart(8, '0')}-0000-4000-8000-000000000000`, openAtCrash: null }));
  const piped = (/** @type {number} */ number) => shown((io) => printStatus(made.statusReport([...crashed.slice(0, number), made.HUNG], { project: { dir: '/x y', enabled: true } }), io), { tty: false }).text;
  assert.equal(piped(50).match(ROW)?.length, 50);
  assert.doesNotMatch(piped(50), / more:/);
  assert.equal(piped(73).match(ROW)?.length, 50);
  assert.match(piped(73), /\nand 23 more: cc-session-recover list --stop crashed --project '\/x y'\n\nHung/);
  assert.match(piped(73), /73 need you, 1 hung/);
  assert.equal(shown((io) => printStatus(made.statusReport(crashed), io), { columns: 120, env: { NO_COLOR: '1' } }).text.match(ROW)?.length, 50);
});

test('list colors the state by its meaning', () => {
  const { text } = shown((io) => printList(made.listReport(EVERYTHING), io), { columns: 120 });
  const colourOf = (/** @type {string} */ id) => new RegExp(`^${id}  \u001B\\[(\\d+)m[a-z]+`, 'm').exec(text)?.[1];
  assert.deepEqual(
    ['77aa0000', '5511aaaa', '4444dead', '3f2a9c1d', '99bb0000', 'aacc0000'].map(colourOf),
    ['31', '31', '31', '33', '32', '2'],
  );
});

test('commands are printed in full at any width, with the directory and variables they need', () => {
  const session = made.session('77aa0000', { project: { dir: '/x y' }, state: 'orphaned', next: { action: 'resume', why: 'gone' }, commands: { env: { CLAUDE_CONFIG_DIR: '/c d' } } });
  const command = commandWords(session.commands.resume, '/x y', { env: session.commands.env });
  assert.ok(shown((io) => printStatus(made.statusReport([session]), io), { columns: 20 }).text.includes(command));
  assert.ok(shown((io) => printShow(session, io), { columns: 20 }).text.includes(command));
  assert.equal(commandWords(['claude', '--resume=x'], '/x y', { env: { CLAUDE_CONFIG_DIR: '/c d' }, platform: 'linux' }), "cd '/x y' && CLAUDE_CONFIG_DIR='/c d' claude --resume=x");
});

test('a printed command passes its arguments to a shell unchanged, whatever they contain', { skip: process.platform === 'win32' && 'there is no bash' }, async () => {
  const { spawnSync } = await import('node:child_process');
  const argv = [process.execPath, '-p', 'JSON.stringify([process.argv.slice(1), process.env.SET, process.env.TAKEN ?? null])', '--', "it's", '$(touch x)', 'a\nb\u001B[31m\\', '=x', '~', '\u202Eq', "'\u0007'", '日本', ''];
  const command = commandWords(argv, '/', { env: { SET: 'one two\u0001' }, unset: ['TAKEN'], platform: 'linux' });
  assert.doesNotMatch(command, /[\u0000-\u001F\u202E]/);
  const { stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8', env: { ...process.env, TAKEN: '1' } });
  assert.equal(stderr, '');
  assert.deepEqual(JSON.parse(stdout), [argv.slice(4), 'one two\u0001', null]);
});

test('commands use PowerShell syntax on Windows', () => {
  const words = commandWords(['claude', '--resume=x', "it's", 'a$b'], 'C:\\my work', { env: { CLAUDE_CONFIG_DIR: 'C:\\c' }, unset: ['CLAUDECODE'], platform: 'win32' });
  assert.equal(words, "Set-Location -LiteralPath 'C:\\my work'; Remove-Item Env:CLAUDECODE -ErrorAction Ignore; $env:CLAUDE_CONFIG_DIR = 'C:\\c'; claude --resume=x 'it''s' 'a$b'");
  assert.equal(commandWords(['C:\\Program Files\\claude.exe'], null, { platform: 'win32' }), "& 'C:\\Program Files\\claude.exe'");
});

test('resume prints one shell line per session, and refusals as remarks with the reason', () => {
  const { plans } = made.resumeReport([made.CRASHED, made.GUESSED, made.CURRENT]);
  const screen = terminal({ columns: 40 });
  assert.equal(printCommands(made.resumeReport([made.CRASHED, made.GUESSED, made.CURRENT]), screen.io), 0);
  assert.deepEqual(screen.text.trimEnd().split('\n'), plans.slice(0, 2).map((/** @type {any} */ plan) => resumeLine(plan)));
  assert.equal(screen.remarks, '99bb0000 “Review the scan” is not resumed: process 4900 has it open in pts/3\n  next: go to that terminal\n');
  assert.equal(refusalText({ ...plans[2], why: 'a\u001B[31mb', hint: null }), '99bb0000 “Review the scan” is not resumed: ab');
});

test('resume exits with 4 when every session is refused and with 6 when there are none', () => {
  assert.equal(printCommands(made.resumeReport([made.CURRENT]), terminal().io), 4);
  const screen = terminal();
  assert.equal(printCommands(made.resumeReport([]), screen.io), 6);
  assert.equal(screen.text, '');
  assert.match(screen.remarks, /nothing to resume\.\n {2}next: /);
});

test('files that could not be read are listed without control characters', () => {
  const problems = [{ path: '/a/\u001B[2Jb.jsonl', code: 'IO', message: 'permission denied' }];
  const { text, remarks } = shown((io) => printList(made.listReport(EVERYTHING, { problems }), io), { env: { NO_COLOR: '1' } });
  assert.ok(!text.includes('permission denied'));
  assert.equal(remarks, 'warning: /a/b.jsonl: permission denied\n');
});

// ---- The verbs ---------------------------------------------------------------------------------------------------------

/**
 * Runs the real command with an addon that returns a given report and prints on standard error the options of the call.
 *
 * @param {import('node:test').TestContext} t
 * @param {any} report
 */
function asked(t, report) {
  const place = world(t);
  const answering = join(place.root, 'answering.cjs');
  writeFileSync(
    answering,
    `if (process.env.POSING) Object.assign(process.stdout, { isTTY: true, columns: 100 });
const Module = require('node:module');
const load = Module._load;
process.dlopen = () => {
  throw new Error('the test replaces the addon');
};
const answer = async (options) => {
  process.stderr.write(JSON.stringify(options));
  return ${JSON.stringify(report)};
};
Module._load = function (request, ...rest) {
  return request.endsWith('/index.js') ? { list: answer, show: answer, recall: answer } : load.call(this, request, ...rest);
};
`,
  );
  return { ...place, ask: (/** @type {string[]} */ argv, /** @type {Record<string, string>} */ env = {}) => place.run(argv, { env, node: ['--require', answering] }) };
}

test('list passes its options to the API and prints the table or exactly the report', async (t) => {
  const report = made.listReport(EVERYTHING);
  const { ask, project } = asked(t, report);
  const bare = await ask(['list']);
  assert.equal(bare.stderr, '{"limit":50}');
  assert.equal(bare.status, 0);
  assert.equal((await ask(['list', '--json'])).stderr, '{}');
  assert.match(bare.stdout, /^session +state +what .*\n(.*\n){9}deadbeef .*\n$/);
  const full = ['--state', 'hung', 'orphaned', '--stop', 'crashed', '--project', '.', '--since', '2d', '--name', 'x', '--larger-than', '50MB', '--sort', 'size', '--reverse', '--limit', '5', '--open-at-crash', '--json'];
  const { stdout, stderr } = await ask(['list', ...full]);
  assert.deepEqual(JSON.parse(stderr), { project, states: ['hung', 'orphaned'], stops: ['crashed'], since: '2d', name: 'x', largerThan: '50MB', openAtCrash: true, sort: 'size', reverse: true, limit: 5 });
  assert.equal(stdout, `${JSON.stringify(report, null, 2)}\n`);
  assert.equal((await ask(['list', '--limit', '0'])).stderr, '{}');
  // By default a terminal gets at most 50 sessions.
  assert.equal((await ask(['list'], { POSING: '1' })).stderr, '{"limit":50}');
  assert.equal((await ask(['list', '--limit', '0'], { POSING: '1' })).stderr, '{}');
  assert.equal((await ask(['list', '--json'], { POSING: '1' })).stderr, '{}');
});

test('list without sessions names the scope and the filters, and exits with 0', async (t) => {
  const { ask } = asked(t, made.listReport([]));
  const { status, stdout } = await ask(['list', '--state', 'hung', '--since', '2d']);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'No sessions in any project on this machine match --state hung --since 2d.\nRemove a filter to see more.\n' });
});

test('show and recall pass their options to the API', async (t) => {
  const show = asked(t, made.CRASHED);
  const shownSession = await show.ask(['show', '77aa', '--project', '.']);
  assert.deepEqual(JSON.parse(shownSession.stderr), { session: '77aa', project: show.project });
  assert.match(shownSession.stdout, /^docs\n77aa0000-0000-4000-8000-000000000001\ninterrupted {2}crashed\n/);
  assert.deepEqual(JSON.parse((await show.ask(['show', '--latest'])).stderr), { latest: true });
  assert.equal((await show.ask(['show', '--latest', '--json'])).stdout, `${JSON.stringify(made.CRASHED, null, 2)}\n`);
  const recall = asked(t, made.recallReport([made.CRASHED]));
  const recalled = await recall.ask(['recall', '--recent', '3', '--since', '1w']);
  assert.deepEqual(JSON.parse(recalled.stderr), { recent: 3, since: '1w' });
  assert.match(recalled.stdout, /^docs\n77aa0000 {2}interrupted {2}crashed {2}/);
});

// ---- Text --------------------------------------------------------------------------------------------------------------

test('widthOf() agrees with string-width for every single character', () => {
  const wrong = [];
  for (let code = 0x20; code < 0x110000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    if (/\p{Assigned}/u.test(character) && widthOf(character) !== stringWidth(character)) wrong.push(code.toString(16));
  }
  assert.deepEqual(wrong, []);
});

test('widthOf() agrees with string-width for pairs of simple characters', () => {
  const alone = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((character) => PLAIN.test(character));
  assert.ok(alone.length > 1000);
  const some = alone.filter((_, index) => index % 13 === 0);
  const wrong = some.flatMap((one) => some.filter((other) => widthOf(one + other) !== stringWidth(one + other)).map((other) => one + other));
  assert.deepEqual(wrong, []);
});

test('widthOf() agrees with string-width for multi-part characters', () => {
  const parts = ['👩‍👩‍👧', '👩🏽‍❤️‍💋‍👨🏿', '🐻‍❄️', '🇩🇪', '🇩', '1️⃣', '❤️', '❤', '👍🏽', '🫠', '⌚︎', '☂️', 'é', 'ก็', 'นำ', 'क्षि', '한글', '각', 'ﾊﾞ', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'مَرْحَبًا', 'x̂̂̂', 'மொ', 'မြန်မာ', 'ខ្មែរ', '۝1', 'ᅟ', '\u001B[31mred\u001B[39m'];
  for (const text of [...parts, parts.join(''), parts.toReversed().join(' ')]) assert.equal(widthOf(text), stringWidth(text), text);
});

test('cut and wrapped text fits the width, and wrapping loses only spaces', () => {
  const texts = [...HOSTILE.map(({ title }) => title.replaceAll(/[\u0000-\u001F]/g, '')), 'a bb ccc dddd', '/home/me/very/long/path/to/a/file.jsonl', '', ' '];
  for (const text of texts) {
    for (const columns of [2, 3, 7, 20, 80, 1000]) {
      assert.ok(stringWidth(truncated(text, columns)) <= columns, text);
      assert.ok(stringWidth(truncatedPath(text, columns)) <= columns, text);
      const lines = wrapped(text, columns);
      for (const line of lines) assert.ok(stringWidth(line) <= columns, `${columns}: ${line}`);
      assert.equal(lines.join('').replaceAll(' ', ''), text.replaceAll(' ', ''));
    }
  }
  assert.deepEqual(wrapped('~/.claude/projects/-w/3f2a.jsonl', 22), ['~/.claude/projects/-w/', '3f2a.jsonl']);
  assert.equal(truncatedPath('/home/me/work/deep/deeper/deepest/api', 24), '/home/…eeper/deepest/api');
});

test('sizes and token counts have at most three significant digits', () => {
  assert.deepEqual([0, 999, 1000, 1234, 48_213, 999_499, 999_500, 61_400_000, 2.5e9, 4e15].map(sizeWords), ['0 B', '999 B', '1.0 kB', '1.2 kB', '48 kB', '999 kB', '1.0 MB', '61 MB', '2.5 GB', '4000 TB']);
  assert.deepEqual([0, 999, 1000, 184_321, 999_499, 1_000_000, 1_250_000].map(tokenWords), ['0', '999', '1k', '184k', '999k', '1M', '1.3M']);
});

test('the flat list prints one line per session without control or box-drawing characters', () => {
  const { text } = shown((io) => io.lines(flatLines(ALL, viewOf(io), new Date(NOW))), { columns: 80, env: { NO_COLOR: '1' } });
  assert.equal(text.trimEnd().split('\n').length, ALL.length + 1);
  assert.doesNotMatch(text, /[\u2500-\u257F\u25A0-\u25FF]/);
  assertScreen(text, 1000);
});
