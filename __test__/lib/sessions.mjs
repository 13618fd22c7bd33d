// Hand-written sessions and reports in the addon's format: one for every kind of state, and the worst content that transcripts can have.

/** Time of every report in this module. */
export const NOW = '2026-03-02T03:42:00Z';

const HOME = '/home/me';

/** Default group of a session, by its planned action. @type {Record<string, string>} */
const GROUP_OF = { resume: 'needs-you', notify: 'needs-you', wake: 'waiting', client: 'waiting', run: 'waiting' };

/**
 * Returns an ordinary finished session, with the given fields replaced.
 *
 * @param {string} id Its first eight digits.
 * @param {Record<string, any>} [fields]
 */
export function session(id, { stop, next, project, commands, subagents, ...fields } = {}) {
  const whole = `${id}-0000-4000-8000-000000000001`;
  const dir = `${HOME}/work/api`;
  const cwd = project?.cwd ?? project?.dir ?? dir;
  return {
    schema: 'cc-session-recover/session@1',
    id: whole,
    name: null,
    title: 'Move the parser to its own crate',
    project: { dir, cwd, ...project },
    configDir: `${HOME}/.claude`,
    transcript: `${HOME}/.claude/projects/-home-me-work-api/${whole}.jsonl`,
    bytes: 1_234_567,
    oversized: false,
    subagents: { count: 0, bytes: 0, lastActivityAt: null, ...subagents },
    workflows: [],
    conflictCopyOf: null,
    conflictCopies: [],
    copies: [],
    remains: null,
    state: 'completed',
    activity: null,
    group: GROUP_OF[next?.action] ?? (fields.live ? 'running' : 'settled'),
    evidence: [{ source: 'registry', fact: 'no process has it open' }],
    stop: {
      kind: 'finished',
      at: '2026-03-02T03:40:00Z',
      resetsAt: null,
      resetsAtSource: null,
      message: null,
      record: 'c0ffee00-0000-4000-8000-00000000000a',
      evidence: [{ source: 'transcript', fact: 'the last answer ended its turn' }],
      ...stop,
    },
    live: null,
    openAtCrash: null,
    startedAt: '2026-03-01T18:00:00Z',
    lastActivityAt: '2026-03-02T03:40:00Z',
    deletedAfter: '2026-04-01T03:40:00Z',
    retention: { days: 30, decidedBy: null, deletedAfter: '2026-04-01T03:40:00Z', overdue: false },
    loss: null,
    lastPrompt: 'Now run the tests',
    turns: null,
    context: { tokens: 84_000, window: 200_000, percent: 42, advice: 'healthy', next: null },
    model: 'claude-opus-4-8',
    permissionMode: 'acceptEdits',
    gitBranch: 'main',
    clientVersion: '2.1.329',
    paused: false,
    incident: null,
    next: { action: 'none', at: null, reason: 'nothing-pending', why: 'its last turn ended', argv: null, ...next },
    clientContinuesAt: null,
    dailyContinues: null,
    commands: {
      cwd,
      env: {},
      resume: ['claude', `--resume=${whole}`],
      export: ['cc-session-recover', 'export', whole],
      kill: null,
      ...commands,
    },
    ...fields,
    status: statusOf({ group: GROUP_OF[next?.action] ?? (fields.live ? 'running' : 'settled'), ...fields }),
  };
}

/** Returns the status that screens show for such a session. @param {Record<string, any>} fields */
function statusOf({ state = 'completed', group, activity }) {
  if (state === 'current' || state === 'hung' || state === 'empty') return state;
  if (group === 'waiting') return 'waiting';
  if (state === 'orphaned') return group === 'running' ? 'running' : 'interrupted';
  if (state === 'completed') return 'finished';
  return group === 'needs-you' ? 'needs-you' : activity === 'busy' ? 'running' : 'open';
}

/** @param {number} pid @param {Record<string, any>} [fields] */
export function live(pid, fields = {}) {
  return {
    pid,
    tty: 'pts/3',
    kind: 'interactive',
    proof: 'registry',
    startedAt: '2026-03-02T01:00:00Z',
    status: 'busy',
    waitingFor: null,
    job: null,
    cpuPercent: null,
    children: [],
    place: fields.job ? `background job ${fields.job}` : fields.tty === null ? `process ${pid}` : (fields.tty ?? 'pts/3'),
    others: [],
    ...fields,
  };
}

const LIMIT = { kind: 'usage-limit-5h', resetsAt: '2026-03-02T05:00:00Z', resetsAtSource: 'exact' };
const HELD = { resume: null, kill: ['cc-session-recover', 'kill', '3f2a9c1d'] };

export const CRASHED = session('77aa0000', {
  name: 'docs',
  state: 'orphaned',
  project: { dir: `${HOME}/work/docs`, cwd: `${HOME}/work/docs/it's here` },
  lastActivityAt: '2026-03-01T21:58:00Z',
  bytes: 61_400_000,
  oversized: true,
  stop: {
    kind: 'crashed',
    at: '2026-03-01T21:58:00Z',
    evidence: [
      { source: 'transcript', fact: 'a tool was called and has no result' },
      { source: 'registry', fact: 'process 812 is entered and gone' },
    ],
  },
  evidence: [
    { source: 'process', fact: 'process 812 does not exist' },
    { source: 'clock', fact: 'the machine was started after its last record' },
  ],
  openAtCrash: { died: 'machine', at: '2026-03-01T21:58:30Z', evidence: [{ source: 'clock', fact: 'the machine was started at 22:04' }] },
  next: { action: 'resume', why: 'its process is gone in the middle of a turn', argv: ['claude', '--resume=77aa0000-0000-4000-8000-000000000001'] },
  context: { tokens: 184_000, window: 200_000, percent: 92, advice: 'bloated', next: 'start a fresh session from HANDOFF.md' },
  subagents: { count: 3, bytes: 4_200_000, lastActivityAt: '2026-03-01T21:57:00Z' },
});

export const PERMISSION = session('5511aaaa', {
  title: 'Release notes for version 3',
  state: 'active',
  activity: 'waiting',
  group: 'needs-you',
  project: { dir: `${HOME}/work/site` },
  stop: { kind: 'waiting', at: '2026-03-02T03:20:00Z' },
  live: live(5120, { tty: 'pts/7', status: 'waiting', waitingFor: 'permission prompt' }),
  deletedAfter: null,
  retention: null,
  next: { action: 'none', why: 'a person is asked' },
  commands: HELD,
});

export const WAITING = session('3f2a9c1d', {
  state: 'active',
  activity: 'idle',
  stop: { ...LIMIT, message: "You've hit your session limit · resets 5am (UTC)" },
  live: live(4711, { status: 'idle', children: [{ pid: 4720, command: 'node', startedAt: '2026-03-02T01:00:04Z' }] }),
  clientContinuesAt: '2026-03-02T05:00:00Z',
  deletedAfter: null,
  retention: null,
  turns: 14,
  next: { action: 'wake', at: '2026-03-02T05:02:30Z', why: '5-hour usage limit reached; it resets at 2026-03-02T05:00:00.000Z (known exactly); Claude Code may continue it first, within 150 s' },
  context: { tokens: 142_000, window: 200_000, percent: 71, advice: 'large', next: 'run /compact in the session soon' },
  commands: HELD,
  incident: {
    version: 1,
    session: '3f2a9c1d-0000-4000-8000-000000000001',
    generation: 3,
    project: `${HOME}/work/api`,
    configDir: `${HOME}/.claude`,
    transcript: `${HOME}/.claude/projects/-home-me-work-api/3f2a9c1d-0000-4000-8000-000000000001.jsonl`,
    stop: { ...LIMIT, at: '2026-03-02T03:40:00Z', message: null, record: null, evidence: [] },
    permissionMode: 'acceptEdits',
    model: 'claude-opus-4-8',
    contextTokens: 142000,
    cwd: `${HOME}/work/api`,
    clientVersion: '2.1.329',
    entrypoint: 'cli',
    claudePid: 4711,
    claudeStart: '118342',
    createdAt: '2026-03-02T03:40:00Z',
    updatedAt: '2026-03-02T03:40:02Z',
    firstStopAt: '2026-03-02T02:11:00Z',
    phase: 'waiting',
    attempts: [
      { at: '2026-03-02T02:12:00Z', action: 'wake', answered: 'overloaded', outcome: 'stopped-again' },
      { at: '2026-03-02T02:14:00Z', action: 'wake', answered: 'overloaded', outcome: 'continued' },
    ],
    cycles: ['2026-03-02T02:12:00Z', '2026-03-02T02:14:00Z'],
    plan: { action: 'wake', at: '2026-03-02T05:02:30Z', reason: 'awaiting-reset', why: '5-hour usage limit reached', argv: null },
    evidence: [],
  },
});

/** A session that only this tool continues, because the client has reached its own maximum. */
export const BEYOND = session('3f2a9c1e', {
  title: 'Long refactoring',
  state: 'active',
  activity: 'idle',
  stop: LIMIT,
  live: live(4712, { status: 'idle' }),
  dailyContinues: { used: 2, limit: 12 },
  deletedAfter: null,
  retention: null,
  next: { action: 'wake', at: '2026-03-02T05:00:05Z', why: '5-hour usage limit reached; it resets at 2026-03-02T05:00:00.000Z (known exactly); answer the limit menu if it is open, because it blocks the session' },
  commands: { ...HELD, kill: ['cc-session-recover', 'kill', '3f2a9c1e'] },
});

export const GUESSED = session('0badcafe', {
  title: 'Weekly report',
  state: 'active',
  activity: 'idle',
  project: { dir: `${HOME}/work/reports` },
  stop: { ...LIMIT, resetsAt: '2026-03-02T09:00:00Z', resetsAtSource: 'guess' },
  live: live(4801, { tty: null, kind: 'background', job: 'a1b2c3d4', status: 'idle' }),
  clientContinuesAt: '2026-03-02T09:00:00Z',
  next: { action: 'client', at: '2026-03-02T09:00:00Z', why: 'Claude Code continues it while it stays open' },
  commands: { resume: ['claude', 'attach', 'a1b2c3d4'], kill: ['cc-session-recover', 'kill', '0badcafe-0000-4000-8000-000000000001'] },
});

export const HUNG = session('4444dead', {
  title: 'Load test',
  state: 'hung',
  activity: 'busy',
  group: 'hung',
  project: { dir: `${HOME}/work/load` },
  lastActivityAt: '2026-03-02T03:10:00Z',
  stop: { kind: 'running', at: null },
  live: live(4444, { tty: 'pts/9', cpuPercent: 0 }),
  evidence: [
    { source: 'transcript', fact: 'nothing was written for 32 min' },
    { source: 'process', fact: 'no tool runs below it, and it used no processor time' },
  ],
  commands: { resume: null, kill: ['cc-session-recover', 'kill', '4444dead'] },
});

export const CURRENT = session('99bb0000', {
  title: 'Review the scan',
  state: 'current',
  activity: 'busy',
  stop: { kind: 'running', at: null },
  lastActivityAt: '2026-03-02T03:41:00Z',
  live: live(4900),
  commands: HELD,
});

export const IDLE = session('99bb1111', {
  name: 'scratch',
  state: 'active',
  activity: 'idle',
  project: { dir: `${HOME}/notes` },
  stop: { at: '2026-03-02T00:11:00Z' },
  live: live(4901, { tty: 'pts/12', status: 'idle' }),
  commands: HELD,
});

export const FINISHED = session('aacc0000', { title: null, lastPrompt: 'Thanks, that is all', bytes: 48_213 });

export const INTERRUPTED = session('aacc1111', {
  title: 'Try the other allocator',
  state: 'orphaned',
  stop: { kind: 'interrupted', at: '2026-02-27T16:20:00Z' },
  lastActivityAt: '2026-02-27T16:20:00Z',
  context: null,
});

/** A session about which only its location is known. */
export const UNKNOWN = session('deadbeef', {
  title: null,
  project: { dir: null, cwd: null },
  configDir: null,
  bytes: 0,
  state: 'orphaned',
  evidence: [],
  stop: { kind: 'unknown', at: null, record: null, evidence: [] },
  startedAt: null,
  lastActivityAt: null,
  deletedAfter: null,
  retention: null,
  lastPrompt: null,
  context: null,
  model: null,
  permissionMode: null,
  gitBranch: null,
  clientVersion: null,
  next: { why: '' },
  commands: { cwd: null, resume: null, export: null },
});

/** Hostile texts from others in titles, names, prompts and paths. */
const WORST = [
  ['日本語のセッション：パーサーを移動する', 'テストを実行してください', `${HOME}/仕事/解析器`],
  ['👩‍👩‍👧 family 🇩🇪 flag 🫠 new ❤️ heart 1️⃣ key 👍🏽 skin', '🧑‍💻 go', `${HOME}/work/🚀`],
  ['Zä̈́̂̃lgȍ́̂̃̄̅̆̇ n̈öü', 'é̂̃'.repeat(40), `${HOME}/work/Zo\u0308e`],
  ['راجع الاختبارات من فضلك', 'שלום עולם', `${HOME}/work/مشروع`],
  ['\u001B]0;owned\u0007ti\u202Etle\u2066\u001B[2J\u001B[31m red\u009B1m\rover\b\b', 'a\nb\u0000c\u200Bd', `${HOME}/work/\u001B[31mred\u202E and\nline`],
  ['long '.repeat(800), 'x'.repeat(4000), `${HOME}/work/${'deeply-nested-directory/'.repeat(12)}end`],
];

export const HOSTILE = WORST.map(([title, lastPrompt, dir], index) =>
  session(`e0e0e0e${index}`, {
    title,
    lastPrompt,
    name: index === 4 ? '\u001B[8mhidden' : null,
    gitBranch: title.slice(0, 60),
    project: { dir, cwd: dir },
    state: index % 2 === 0 ? 'orphaned' : 'active',
    activity: index % 2 === 0 ? null : 'busy',
    live: index % 2 === 0 ? null : live(6000 + index, { tty: `pts/${index}`, children: [{ pid: 7000, command: title, startedAt: null }] }),
    stop: { kind: index % 2 === 0 ? 'crashed' : 'running', message: title, evidence: [{ source: 'transcript', fact: title }] },
    next: index % 2 === 0 ? { action: 'resume', why: lastPrompt, argv: ['claude', `--resume=e0e0e0e${index}-0000-4000-8000-000000000001`] } : {},
    commands: { env: { CLAUDE_CONFIG_DIR: `${dir}/.claude` } },
  }),
);

/** One session of every kind. */
export const EVERYTHING = [FINISHED, CURRENT, WAITING, HUNG, CRASHED, GUESSED, IDLE, PERMISSION, INTERRUPTED, UNKNOWN];

/** @param {[number, string] | null} told */
function quotaWindow(told) {
  return told === null ? null : { usedPercent: told[0], resetsAt: told[1] };
}

/** @param {string} configDir @param {[number, string] | null} fiveHour @param {[number, string] | null} sevenDay */
export function account(configDir, fiveHour, sevenDay, seenAt = '2026-03-02T03:41:10Z') {
  return { configDir, fiveHour: quotaWindow(fiveHour), sevenDay: quotaWindow(sevenDay), seenAt };
}

/** Two accounts with current windows, and one whose windows have since reset. */
export const ACCOUNTS = [
  account(`${HOME}/.ccs/instances/work`, [100, '2026-03-02T05:00:00Z'], [91.5, '2026-03-07T09:00:00Z']),
  account(`${HOME}/.ccs/instances/old`, [3, '2026-03-01T05:00:00Z'], null, '2026-03-01T04:41:10Z'),
  account(`${HOME}/.claude`, null, [7.2, '2026-03-04T09:00:00Z'], '2026-03-01T21:41:10Z'),
];

/** @param {any[]} sessions @param {Record<string, any>} [fields] */
export function statusReport(sessions, fields = {}) {
  return { schema: 'cc-session-recover/status@1', generatedAt: NOW, project: { dir: `${HOME}/work/api`, enabled: true }, recovery: recovery(), accounts: [], sessions, problems: [], ...fields };
}

/**
 * Returns the recovery status: on in one project, with unattended runs, unless `fields` says otherwise.
 *
 * @param {Record<string, any>} [fields]
 */
export function recovery(fields = {}) {
  return { setup: 'on', everywhere: false, projects: 1, unattended: 1, pausedAll: false, paused: 0, lastRecovered: null, ...fields };
}

/** @param {any[]} sessions @param {Record<string, any>} [fields] */
export function listReport(sessions, fields = {}) {
  const { recovery: _, ...report } = statusReport(sessions, { project: null });
  return { ...report, total: sessions.length, ...fields };
}

/** @param {any[]} sessions */
export function recallReport(sessions) {
  const recalled = sessions.map((one) => ({
    session: one,
    prompts: [
      { text: 'Read the design and move the parser to its own crate, with its tests, so that the command line and the server can share it', at: one.startedAt },
      ...(one.lastPrompt === null ? [] : [{ text: one.lastPrompt, at: one.lastActivityAt }]),
    ],
  }));
  return { schema: 'cc-session-recover/recall@1', generatedAt: NOW, recalled, gone: [], problems: [] };
}

/** @param {any[]} sessions */
export function resumeReport(sessions) {
  const unset = ['CLAUDECODE', 'CLAUDE_CODE_SESSION_ID'];
  const plans = sessions.map((one) => {
    const refused = one.live !== null && one.live.kind !== 'background';
    return {
      session: one,
      action: refused ? 'refused' : one.live === null ? 'resume' : 'attach',
      argv: refused ? null : one.live === null ? ['claude', `--resume=${one.id}`] : ['claude', 'attach', one.live.job],
      program: refused ? null : '/usr/local/bin/claude',
      cwd: one.project.cwd,
      env: one.commands.env,
      unset: refused ? [] : unset,
      why: refused ? `process ${one.live.pid} has it open in ${one.live.tty}` : 'no process has it open',
      hint: refused ? 'go to that terminal' : null,
    };
  });
  return { schema: 'cc-session-recover/resume@1', generatedAt: NOW, plans, problems: [] };
}

/** @param {any[]} sessions */
export function previewReport(sessions) {
  const previews = sessions.map((one, index) => ({
    session: one.id,
    project: one.project.dir,
    stop: one.stop.kind,
    group: one.group,
    plan: { ...one.next, why: `5-hour usage limit reached; it resets at 2026-03-02T05:00:00.000Z` },
    verdict: index === 0 ? 'ready' : 'not-yet',
    why: index === 0 ? null : `the limit resets at 2026-03-02T05:00:00.000Z`,
    openIn: one.live?.tty ?? null,
    launch: {
      argv: ['/usr/local/bin/claude', '-p', `--resume=${one.id}`, '--permission-mode', 'auto', '--', 'Status report: the session was stopped.'],
      cwd: one.project.cwd,
      env: { CLAUDE_CODE_RETRY: '1' },
      unset: ['CLAUDECODE', 'CLAUDE_CODE_SESSION_ID'],
      transport: 'print',
      permissionMode: 'auto',
      may: 'it may edit files and run commands that the client itself allows',
      loweredFrom: index === 0 ? null : 'bypassPermissions',
      deadlineSeconds: 7200,
    },
  }));
  return { schema: 'cc-session-recover/preview@1', generatedAt: NOW, sessions: previews, problems: [] };
}
