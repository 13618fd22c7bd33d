// Hand-written reports of `doctor` for the tests of its screen.

import { NOW } from './sessions.mjs';

const PROJECT = '/home/me/work/api';
const STATE = '/home/me/.local/state/cc-session-recover';
const HOSTILE = '\u001B]0;owned\u0007\u202Eti\ntle 日本語\u001B[2J';

/** @param {string} id @param {'ok' | 'warn' | 'fail'} status @param {string} fact @param {string | null} [path] @param {string | null} [next] */
export const check = (id, status, fact, path = null, next = null) => ({ id, status, fact, path, next });

const FINE = [
  check('node', 'ok', 'Node.js v22.11.0', '/usr/bin/node'),
  check('client', 'ok', 'Claude Code 2.1.329', '/home/me/.local/bin/claude'),
  check('hooks', 'ok', 'all 8 hooks are correct', `${PROJECT}/.claude/settings.json`),
  check('state', 'ok', 'the state directory is writable', STATE),
  check('supervisor', 'ok', 'not needed: closed sessions of this project are not resumed unattended (init --unattended)'),
];

/** @param {any[]} checks @param {Record<string, any>} [fields] */
export function doctorReport(checks, fields = {}) {
  return { schema: 'cc-session-recover/doctor@1', generatedAt: NOW, project: PROJECT, ok: !checks.some(({ status }) => status === 'fail'), checks, ...fields };
}

export const HEALTHY = doctorReport(FINE);

export const ILL = doctorReport([
  ...FINE.slice(0, 2),
  check('hooks', 'fail', 'hooks differ from what this version writes: StopFailure', `${PROJECT}/.claude/settings.json`, 'run cc-session-recover init'),
  check('hooks-allowed', 'fail', 'your organization allows no hooks but its own (allowManagedHooksOnly)', '/etc/claude-code/managed-settings.json', 'ask its administrator; `watch`, `export` and `resume` work without hooks'),
  check('saving', 'warn', 'session 3f2a9c1d has not been saved since 2026-03-02T03:40:00.000Z: there is no transcript, CLAUDE_CODE_SKIP_PROMPT_HISTORY is set in its environment', '/home/me/.claude/projects/-home-me-work-api/3f2a9c1d-0000-4000-8000-000000000001.jsonl', 'unset CLAUDE_CODE_SKIP_PROMPT_HISTORY and start claude again'),
  FINE[3],
  check('quarantine', 'warn', '2 damaged files were set aside; the contents were rebuilt where possible', `${STATE}/quarantine`, 'inspect them, then remove them'),
  FINE[4],
]);

export const HOSTILE_REPORT = doctorReport([check('config', 'fail', `${HOSTILE}: unknown key`, `/x/${HOSTILE}/${'long'.repeat(60)}`, HOSTILE)], { project: `/y/${HOSTILE}` });
