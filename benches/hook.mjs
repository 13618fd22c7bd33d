// A hook as a whole process, from its launcher to its exit, against `node -e 0`. Figures to reach: at most 1.10 for `Stop` without an
// incident, and for `StopFailure` up to the durable record (two fsyncs: the incident's file and its directory). The status line is
// started like a hook and is measured beside them, alone and around a command that only reads its input.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PAIRS = 100;
const SESSION = '00000001-0000-4000-8000-000000000001';
const CLI = join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js');

export async function run() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ccsr-bench-')));
  try {
    const home = join(root, 'home');
    const project = join(home, 'project');
    const claude = join(home, '.claude');
    mkdirSync(project, { recursive: true });
    mkdirSync(claude);
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|npm_|NODE_)/.test(name)));
    const env = { ...clean, HOME: home, CLAUDE_CONFIG_DIR: claude, CC_RECOVER_STATE_DIR: join(root, 'state'), CC_RECOVER_CONFIG: join(root, 'config.json'), CLAUDE_PROJECT_DIR: project, CLAUDE_PID: String(process.pid) };
    const init = spawnSync(process.execPath, [CLI, 'init', project, '--statusline', '--json'], { env, encoding: 'utf8' });
    if (init.status !== 0) throw new Error(init.stderr);
    const settings = JSON.parse(readFileSync(join(project, '.claude', 'settings.json'), 'utf8'));
    const launcher = join(project, '.claude', 'cc-session-recover', 'hook.js');
    const payload = { session_id: SESSION, transcript_path: join(claude, 'projects', 'x', `${SESSION}.jsonl`), cwd: project };
    const cases = [
      ['Stop', { ...payload, hook_event_name: 'Stop' }, env],
      ['StopFailure, to the record', { ...payload, hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" }, { ...env, CC_RECOVER_ATTEMPT: 'bench' }],
    ];
    calls(env, launcher, cases[0][1]);
    row(['', 'node -e 0', 'hook', 'ratio', 'of minima']);
    for (const [name, input, environment] of cases) {
      pair(name, ['node', '-e', '0'], ['node', launcher], input, environment);
      // As the client starts it: the shell is on both sides.
      const command = settings.hooks[input.hook_event_name][0].hooks[0].command;
      pair(`${name}, through sh`, ['/bin/sh', '-c', 'exec node -e 0'], ['/bin/sh', '-c', command], input, environment);
    }
    const line = join(project, '.claude', 'cc-session-recover', 'statusline.js');
    const five_hour = { used_percentage: 42, resets_at: Math.floor(Date.now() / 1000) + 7200 };
    const shown = { ...payload, model: { id: 'claude-bench' }, context_window: { context_window_size: 200000 }, rate_limits: { five_hour } };
    pair('status line', ['node', '-e', '0'], ['node', line], shown, env, true);
    pair('status line around `cat`', ['node', '-e', '0'], ['node', line, 'cat >/dev/null'], shown, env, true);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function pair(name, anchor, subject, input, env, prints = false) {
  const times = [[], []];
  const text = JSON.stringify(input);
  for (let round = -5; round < PAIRS; round += 1) {
    // A B, B A: whatever drifts hits both alike.
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const side of order) {
      const [file, ...args] = side === 0 ? anchor : subject;
      const began = performance.now();
      const { status, stdout, stderr } = spawnSync(file, args, { input: text, env });
      const took = performance.now() - began;
      if (status !== 0 || stderr.length > 0 || (stdout.length > 0) !== (prints && side === 1)) throw new Error(`${name}: ended with ${status}: ${stderr}`);
      if (round >= 0) times[side].push(took);
    }
  }
  const [a, b] = times.map((list) => list.toSorted((x, y) => x - y));
  const [middle, ours] = [a, b].map((list) => list[list.length >> 1]);
  row([name, `${middle.toFixed(1)} ms`, `${ours.toFixed(1)} ms`, `${(ours / middle).toFixed(3)}x`, `${(b[0] / a[0]).toFixed(3)}x`]);
}

/** File system calls beyond those of node itself, where strace is there to count them. */
function calls(env, launcher, input) {
  const count = (args) => {
    const { status, stderr } = spawnSync('strace', ['-f', '-qq', '-e', 'trace=file', 'node', ...args], { env, input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1e8 });
    return status === 0 ? stderr.split('\n').filter((line) => /\(/.test(line)).length : null;
  };
  const plain = count(['-e', '0']);
  const hook = count([launcher]);
  if (plain === null || hook === null) console.log('  (no strace: file system calls are not counted)');
  else console.log(`  file system calls by path: ${hook} in a Stop hook, ${plain} in node -e 0`);
}

function row([name, ...cells]) {
  console.log(`  ${name.padEnd(38)}${cells.map((cell) => cell.padStart(12)).join('')}`);
}
