// Measures a hook as a whole process, from its launcher to its exit, against `node -e 0`. Bars: at most 1.10 for `Stop` without an
// incident, for a prompt while no flag is set, and for `StopFailure` up to the durable record (two fsyncs: the incident's file and its
// directory). The status line is started like a hook and is also measured, alone and around a command that only reads its input.
// The native program, which handles a hook where no node is found, may take 0.08 times as long. `SessionStart` may take 1.15 times as long and 30 ms more, on a session of 200 MB; no user waits for the time that `Stop` takes there to
// save its state.

import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { idOf, transcriptText } from '../__test__/lib/hooks.mjs';
import { programOf } from '../__test__/lib/native.mjs';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';

const ROUNDS = 100;
const WARM_UP = 5;
const SESSION = '00000001-0000-4000-8000-000000000001';
const NEW = '00000099-0000-4000-8000-000000000001';
const CLI = join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js');

/** @returns {Promise<import('./pairs.mjs').Figure[]>} */
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
    // A normal end of a turn: the answer is in the transcript, and the context is far from full.
    const transcripts = join(claude, 'projects', project.replace(/[^A-Za-z0-9]/g, '-'));
    const healthy = { ...payload, session_id: idOf(2), transcript_path: join(transcripts, `${idOf(2)}.jsonl`), hook_event_name: 'Stop' };
    mkdirSync(transcripts, { recursive: true });
    const text = transcriptText('finished-interactive', { id: idOf(2), cwd: project }).trimEnd();
    const answer = text.split('\n').map((line) => JSON.parse(line)).findLast(({ type, message }) => type === 'assistant' && message.content.some((block) => block.type === 'text'));
    const said = answer.message.content.find((block) => block.type === 'text').text;
    const stateless = join(root, 'stateless.json');
    writeFileSync(stateless, JSON.stringify({ state: { save: false } }));
    const cases = [
      ['Stop', { ...payload, hook_event_name: 'Stop' }, env],
      // The time to save the state is measured separately below.
      ['Stop, its answer saved', { ...healthy, last_assistant_message: said }, { ...env, CC_RECOVER_CONFIG: stateless }],
      ['StopFailure, to the record', { ...payload, hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" }, { ...env, CC_RECOVER_ATTEMPT: 'bench' }],
    ];
    // Rewrite the transcript, because it is new at the end of a turn.
    const write = () => writeFileSync(healthy.transcript_path, `${transcriptText('finished-interactive', { id: idOf(2), cwd: project }).trimEnd()}\n`);
    write();
    for (const [name, input, environment] of cases.slice(0, 2)) calls(environment, launcher, input, name);
    const figures = [];
    // The client starts hooks through a shell, so both sides include one.
    const shell = (event) => ['/bin/sh', '-c', settings.hooks[event][0].hooks[0].command];
    const anchor = ['/bin/sh', '-c', 'exec node -e 0'];
    for (const [name, input, environment] of cases) {
      write();
      figures.push(await pair(name, ['node', '-e', '0'], ['node', launcher], input, environment));
      figures.push(await pair(`${name}, through sh`, anchor, shell(input.hook_event_name), input, environment));
    }
    // If no Node.js is found, the launcher's script starts the native program, with the values of the launcher in one variable.
    const native = [programOf({ state: env.CC_RECOVER_STATE_DIR }), 'hook', 'project', launcher, ''];
    const pinned = { ...env, CC_RECOVER_PINNED: JSON.stringify({ CC_RECOVER_STATE_DIR: env.CC_RECOVER_STATE_DIR, CC_RECOVER_CONFIG: env.CC_RECOVER_CONFIG }) };
    figures.push({ ...(await pair('Stop, by the native program', ['node', '-e', '0'], native, cases[0][1], pinned)), bar: { most: 0.08 } });
    // The shell itself sees that there is nothing to report and does not start node.
    const prompt = { ...healthy, hook_event_name: 'UserPromptSubmit', prompt: 'go on' };
    figures.push(await pair('UserPromptSubmit, no flag up, through sh', anchor, shell('UserPromptSubmit'), prompt, env));
    figures.push(...(await withStates({ root, claude, project, env, launcher })));
    const line = join(project, '.claude', 'cc-session-recover', 'statusline.js');
    const five_hour = { used_percentage: 42, resets_at: Math.floor(Date.now() / 1000) + 7200 };
    const shown = { ...payload, model: { id: 'claude-bench' }, context_window: { context_window_size: 200000 }, rate_limits: { five_hour } };
    figures.push(await pair('status line', ['node', '-e', '0'], ['node', line], shown, env, true));
    return figures;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Measures the start of a session of 200 MB in a project with the states of eleven sessions, and the end of a turn of it. */
async function withStates({ root, claude, project, env, launcher }) {
  const corpus = await cached('starts', { sessions: 1, median: '300K', big: [200], max: '220M', 'bytes-total': '201M', projects: 1, subagents: 0, seed: 6 });
  const [{ path }] = readTruth(corpus).sessions.toSorted((a, b) => b.bytes - a.bytes);
  const directory = join(claude, 'projects', 'states');
  mkdirSync(directory, { recursive: true });
  const transcriptOf = (id) => join(directory, `${id}.jsonl`);
  copyFileSync(join(corpus, path), transcriptOf(SESSION));
  const payloadOf = (id, more) => ({ session_id: id, transcript_path: transcriptOf(id), cwd: project, ...more });
  const call = (input, variables = env) => {
    const { status, stdout, stderr } = spawnSync('node', [launcher], { input: JSON.stringify(input), env: variables, encoding: 'utf8' });
    if (status !== 0 || stderr !== '') throw new Error(`${input.hook_event_name}: ended with ${status}: ${stderr}`);
    return stdout;
  };
  for (let number = 2; number <= 12; number += 1) {
    const id = `0000000${number.toString(16)}-0000-4000-8000-000000000001`;
    appendFileSync(transcriptOf(id), turnOf(id, project, 'measure'));
    call(payloadOf(id, { hook_event_name: 'Stop' }));
  }
  const start = (source) => payloadOf(SESSION, { hook_event_name: 'SessionStart', source });
  const off = join(root, 'unsaved.json');
  writeFileSync(off, JSON.stringify({ state: { save: false } }));
  const fresh = { ...env, CC_RECOVER_CONFIG: off, CC_RECOVER_STATE_DIR: join(root, 'state') };
  const figures = [];
  const measured = async (name, input, variables) => {
    if (call(input, variables) === '') throw new Error(`${name}: the hook printed nothing`);
    const figure = await pair(name, ['node', '-e', '0'], ['node', launcher], input, variables, true);
    const [theirs, ours] = [figure.theirs, figure.ours].map(Number.parseFloat);
    figures.push({ ...figure, anchor: '1.15 × node -e 0 + 30 ms', ratio: ours / (1.15 * theirs + 30), minima: undefined, bar: { most: 1 } });
  };
  await measured('SessionStart, compacted, read from 200 MB', start('compact'), fresh);
  call(payloadOf(SESSION, { hook_event_name: 'PreCompact', trigger: 'auto' }));
  await measured('SessionStart, compacted, as saved', start('compact'), env);
  await measured('SessionStart, a new session', { ...start('startup'), session_id: NEW, transcript_path: transcriptOf(NEW) }, env);
  const stop = payloadOf(SESSION, { hook_event_name: 'Stop' });
  const more = () => appendFileSync(transcriptOf(SESSION), turnOf(SESSION, project, `measure ${performance.now()}`));
  const ended = await pair('Stop, the state of 200 MB saved', ['node', '-e', '0'], ['node', launcher], stop, env, false, more);
  figures.push({ ...ended, bar: undefined });
  return figures;
}

/** Returns two records of a transcript. */
function turnOf(id, cwd, text) {
  const shared = { isSidechain: false, timestamp: new Date().toISOString(), userType: 'external', entrypoint: 'cli', cwd, sessionId: id, version: '2.1.329' };
  const [prompt, answer] = [crypto.randomUUID(), crypto.randomUUID()];
  const message = { model: 'claude-bench', role: 'assistant', stop_reason: 'end_turn', content: [{ type: 'text', text: 'Done.' }] };
  return `${JSON.stringify({ parentUuid: null, ...shared, type: 'user', message: { role: 'user', content: text }, uuid: prompt, origin: { kind: 'human' } })}\n${JSON.stringify({ parentUuid: prompt, ...shared, type: 'assistant', message, uuid: answer })}\n`;
}

async function pair(name, anchor, subject, input, env, prints = false, before = () => {}) {
  const text = JSON.stringify(input);
  const once = ([file, ...args], printing = false) => {
    before();
    const began = performance.now();
    const { status, stdout, stderr } = spawnSync(file, args, { input: text, env });
    const took = performance.now() - began;
    if (status !== 0 || stderr.length > 0 || stdout.length > 0 !== printing) throw new Error(`${name}: ended with ${status}: ${stderr}`);
    return took;
  };
  const { theirs, ours, ratio, minima } = await pairs(() => once(anchor), () => once(subject, prints), ROUNDS, WARM_UP);
  return { what: name, anchor: 'node -e 0', theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima, bar: { most: 1.1 } };
}

/** Counts the file system calls beyond those of node itself, if strace is installed. */
function calls(env, launcher, input, name) {
  const count = (args) => {
    const { status, stderr } = spawnSync('strace', ['-f', '-qq', '-e', 'trace=file', 'node', ...args], { env, input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1e8 });
    return status === 0 ? stderr.split('\n').filter((line) => /\(/.test(line)).length : null;
  };
  const plain = count(['-e', '0']);
  const hook = count([launcher]);
  if (plain === null || hook === null) console.log('  (no strace: file system calls are not counted)');
  else console.log(`  file system calls by path: ${hook} in ${name}, ${plain} in node -e 0`);
}
