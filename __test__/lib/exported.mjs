// Hand-written reports of `export`, `import`, `prune` and `log` for the tests of their screens.

import { NOW, session as made } from './sessions.mjs';

const STATE = '/home/me/.local/state/cc-session-recover';
const DIGEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const HOSTILE = '\u001B]0;owned\u0007\u202Eti\ntle 日本語\u001B[2J';

/** @param {string} id Its first eight digits. @param {Record<string, any>} [fields] */
export function exported(id, fields = {}) {
  const { id: session, title, state, transcript } = made(id);
  return {
    session,
    title,
    state,
    transcript,
    path: `${STATE}/exports/20260302T034200Z-LOSSLESS-${session}`,
    files: 7,
    bytes: 1_302_993,
    transcriptBytes: 1_234_567,
    transcriptLines: 912,
    digest: DIGEST,
    grew: false,
    livePid: null,
    skipped: [],
    ...fields,
  };
}

/** @param {any[]} exports @param {Record<string, any>} [fields] */
export function exportReport(exports, fields = {}) {
  const bytes = exports.reduce((sum, one) => sum + one.bytes, 0);
  return { schema: 'cc-session-recover/export@1', generatedAt: NOW, dryRun: false, to: `${STATE}/exports`, archive: false, hash: 'sha256', exports, failures: [], bytes, log: `${STATE}/SESSION-LOG-2026-03-02.md`, ...fields };
}

export const LIVE = exported('3f2a9c1d', { state: 'active', grew: true, livePid: 4711, skipped: [{ path: '/home/me/.claude/tasks/x/link', why: 'is a symbolic link, which is not followed' }] });

export const SEVERAL = [LIVE, exported('77aa0000', { state: 'orphaned', title: 'Rewrite the scheduler so that it never starves the small jobs again', bytes: 61_400_000 }), exported('aacc0000', { title: null })];

export const HOSTILE_EXPORTS = [exported('e0e0e0e0', { title: HOSTILE, path: `/x/${HOSTILE}`, skipped: [{ path: `/y/${HOSTILE}`, why: 'is a symbolic link, which is not followed' }] }), exported('e0e0e0e1', { title: HOSTILE.repeat(40) })];

export const FAILURE = { session: '77aa0000-0000-4000-8000-000000000001', path: '/home/me/t.jsonl', code: 'VERIFICATION_FAILED', message: 'was truncated, rewritten or replaced while it was being copied', hint: 'try again', exitCode: 5 };

/** @param {string} id Its first eight digits. @param {Record<string, any>} [fields] */
export function page(id, fields = {}) {
  const { id: session, title, state, transcript } = made(id);
  const shown = { turns: 41, calls: 512, stops: 2, subagents: 3, damagedLines: 0, cutTexts: 17, leftBytes: 402_331, leftPictures: 1 };
  return { session, title, state, transcript, transcriptBytes: 1_234_567, path: `${STATE}/pages/20260302T034200Z-READING-${session}.html`, replaced: false, bytes: 702_993, shown, livePid: null, ...fields };
}

/** @param {any[]} pages @param {Record<string, any>} [fields] */
export function readingReport(pages, fields = {}) {
  const bytes = pages.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  return { schema: 'cc-session-recover/reading@1', generatedAt: NOW, dryRun: false, format: 'html', to: `${STATE}/pages`, redacted: false, pages, index: null, failures: [], bytes, ...fields };
}

/** @param {Record<string, any>} [fields] */
export function importReport(fields = {}) {
  const { id, title, transcript } = made('3f2a9c1d');
  return {
    schema: 'cc-session-recover/import@1',
    generatedAt: NOW,
    dryRun: false,
    export: LIVE.path,
    exportedAt: NOW,
    session: id,
    title,
    configDir: '/home/me/.claude',
    cwd: '/home/me/work/api',
    files: [{ path: `${id}.jsonl`, to: transcript, bytes: 1_234_567, digest: DIGEST }],
    bytes: 1_234_567,
    left: [{ path: 'HANDOFF.md', why: 'is not imported into a project: copy it by hand if you need it' }],
    commands: { cwd: '/home/me/work/api', env: {}, resume: ['claude', `--resume=${id}`], export: null, kill: null },
    hint: null,
    log: `${STATE}/SESSION-LOG-2026-03-02.md`,
    ...fields,
  };
}

/** @param {Record<string, any>} [fields] */
export function pruneReport(fields = {}) {
  const { id } = made('3f2a9c1d');
  const removed = [
    { kind: 'export', session: id, path: LIVE.path, madeAt: '2025-11-02T03:42:00Z', bytes: 1_302_993, why: 'is older than 90 days' },
    { kind: 'snapshot', session: made('77aa0000').id, path: `${STATE}/snapshots/x/s.jsonl`, madeAt: '2026-02-02T03:42:00Z', bytes: 61_400_000, why: 'exceeds the total size limit' },
    { kind: 'page', session: id, path: `${STATE}/pages/20251102T034200Z-READING-${id}.html`, madeAt: '2025-11-02T03:42:00Z', bytes: 4_812_000, why: 'is older than 90 days' },
    { kind: 'record', session: made('77aa0000').id, path: `${STATE}/sessions/${made('77aa0000').id}`, madeAt: '2026-02-20T03:42:00Z', bytes: 612, why: 'its transcript is gone' },
    { kind: 'leftover', session: id, path: `${STATE}/exports/.x.1.part`, madeAt: null, bytes: 12, why: 'was never finished' },
  ];
  return { schema: 'cc-session-recover/prune@1', generatedAt: NOW, dryRun: true, rules: { exportsDays: 90, snapshotsDays: 14, pagesDays: 90, outputsDays: 30, recordsDays: 90, keptDays: 365, keptMaxTotal: 5_000_000_000, keep: 1, most: null, maxBytes: null }, removed, removedBytes: 67_515_617, kept: 12, keptBytes: 48_213_000, packed: { files: 2, before: 48_213_000, after: 1_913_000 }, problems: [], ...fields };
}

/** @param {Record<string, any>} [fields] */
export function logReport(fields = {}) {
  const { id } = made('3f2a9c1d');
  const entries = [
    { at: '2026-03-01T22:00:00Z', event: 'incident', session: id, pid: 812, sentence: 'Stopped: 5-hour limit; this tool continues it at 05:02.', fields: { phase: 'waiting', kind: 'usage-limit-5h', prev: DIGEST } },
    { at: '2026-03-02T03:42:00Z', event: 'exported', session: id, pid: 5120, sentence: `Exported the session to ${LIVE.path} (7 files).`, fields: { path: LIVE.path, files: 7, none: null, prev: DIGEST } },
    { at: null, event: HOSTILE, session: null, pid: null, sentence: `${HOSTILE}: text ${HOSTILE}, list [1,2].`, fields: { text: HOSTILE, list: [1, 2] } },
  ];
  return { schema: 'cc-session-recover/log@1', generatedAt: NOW, path: `${STATE}/journal.jsonl`, entries, total: 40, chain: null, ...fields };
}

export const CHAIN = { sound: true, lines: 412, chained: 400, unchained: 12, breaks: [], head: DIGEST };

export const BROKEN = { ...CHAIN, sound: false, breaks: [{ path: `${STATE}/journal.jsonl`, line: 77, why: 'does not match the line before it: a line was changed, removed or inserted' }] };
