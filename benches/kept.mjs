// Kept sessions: how they slow down `list`, `doctor` and the hook at the end of a turn, how long `init --user` takes to keep all sessions
// of a machine, and how much disk space they take while Claude Code still has its own files. Bars: a list of 10,000 sessions at most 1.2
// with 5,000 of them kept, `doctor` likewise, the hook 1.1, and 0.1 % of the disk.

import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { idOf, transcriptText } from '../__test__/lib/hooks.mjs';
import { cached, readTruth } from './corpus.mjs';
import { milliseconds, pairs } from './pairs.mjs';
import { Dialogue } from './programs/dialogue.mjs';

const CLI = join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js');
const SCANNER = join(import.meta.dirname, 'programs', 'scanner.mjs');
const SIZES = {
  quick: { sessions: 10_000, 'bytes-total': '300M', median: '20K', max: '2M', big: [], projects: 40, subagents: 0, seed: 7 },
  full: { sessions: 10_000, 'bytes-total': '10G', projects: 40, seed: 1 },
};
const ROUNDS = { list: 7, doctor: 5, hook: 40 };
/** Maximum share of the disk space. */
const MOST_DISK = 0.001;

/** @param {{full?: boolean}} [options] @returns {Promise<import('./pairs.mjs').Figure[]>} */
export async function run({ full = false } = {}) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ccsr-bench-')));
  try {
    const corpus = await cached(full ? 'full-scanned' : 'quick-kept', full ? SIZES.full : SIZES.quick);
    const claude = join(root, 'claude');
    // The files are links, because the sessions are only read; `init` writes to new files.
    linked(join(corpus, 'projects'), join(claude, 'projects'));
    const env = surroundings(root, claude, 'without');
    const kept = { ...env, CC_RECOVER_STATE_DIR: join(root, 'kept') };
    const began = performance.now();
    const init = spawnSync(process.execPath, [CLI, 'init', '--user', '--yes', '--json'], { env: kept, encoding: 'utf8', maxBuffer: 1e8 });
    const took = performance.now() - began;
    if (init.status !== 0) throw new Error(init.stderr);
    const { kept: count, warnings } = JSON.parse(init.stdout);
    const { sessions } = readTruth(corpus);
    const figures = [{ what: `init --user, ${sessions.length} sessions kept`, anchor: '', ours: milliseconds(took), shown: `${count} kept`, ok: count === sessions.length && warnings.every((one) => !one.includes('kept')) }];
    const directory = join(kept.CC_RECOVER_STATE_DIR, 'kept');
    const ids = readdirSync(directory).filter((name) => name.includes('-')).toSorted();
    for (const id of ids.slice(ids.length / 2)) rmSync(join(directory, id), { recursive: true });
    figures.push(...disk(directory, sessions));
    const [plain, ours] = [env, kept].map((variables) => new Dialogue(process.execPath, [SCANNER], variables));
    for (const [what, command, rounds, bar] of [
      ['list, 5,000 of 10,000 sessions kept', { do: 'scan', options: {} }, ROUNDS.list, { most: 1.2 }],
      ['list --gone, the same', { do: 'scan', options: { gone: true } }, ROUNDS.list, { most: 1.2 }],
      ['doctor, the same', { do: 'doctor', project: root }, ROUNDS.doctor, { most: 1.2 }],
    ]) {
      const { theirs, ours: subject, ratio, minima } = await pairs(asked(plain, command), asked(ours, command), rounds);
      figures.push({ what, anchor: 'none kept', theirs: milliseconds(theirs), ours: milliseconds(subject), ratio, minima, bar });
    }
    await Promise.all([plain.end(), ours.end()]);
    figures.push(await hook(root));
    return figures;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const asked = (process, command) => async () => (await process.call(command)).ms;

function linked(from, to) {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linked(source, target);
    else if (entry.isFile()) linkSync(source, target);
    else cpSync(source, target);
  }
}

function surroundings(root, claude, state) {
  const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_|NODE_)/.test(name));
  return { ...Object.fromEntries(clean), HOME: root, USERPROFILE: root, CLAUDE_CONFIG_DIR: claude, CC_RECOVER_STATE_DIR: join(root, state), CC_RECOVER_CONFIG: join(root, 'config.json') };
}

/** Compares the size of the kept files with that of Claude Code's own: by file length, and by disk blocks including directories. */
function disk(directory, sessions) {
  let [bytes, blocks, kept, of] = [0, 0, 0, 0];
  const byId = new Map(sessions.map((session) => [session.sessionId, session.bytes]));
  const walk = (path) => {
    const meta = lstatSync(path);
    if (!meta.isDirectory()) {
      if (meta.nlink > 1) return;
      bytes += meta.size;
      blocks += meta.blocks * 512;
      return;
    }
    blocks += meta.blocks * 512;
    for (const name of readdirSync(path)) walk(join(path, name));
  };
  for (const id of readdirSync(directory).filter((name) => byId.has(name))) {
    kept += 1;
    of += byId.get(id);
    walk(join(directory, id));
  }
  const share = (part) => `${((100 * part) / of).toFixed(3)} %`;
  const each = `${(bytes / kept).toFixed(0)} bytes a session`;
  // A session grows with its conversation, its description does not. So the share is computed for sessions of 1 MB, the mean on a machine.
  const ofMegabytes = bytes / kept / 1e6;
  return [
    { what: 'disk while linked, sessions of 1 MB', anchor: each, shown: `${(100 * ofMegabytes).toFixed(3)} %`, ok: ofMegabytes <= MOST_DISK },
    { what: 'disk while linked, this corpus', anchor: `${(of / kept / 1000).toFixed(0)} KB a session`, shown: `${share(bytes)}, in blocks ${share(blocks)}` },
  ];
}

/** Measures the hook at the end of a turn with and without keeping sessions. */
async function hook(root) {
  const project = join(root, 'project');
  const claude = join(root, 'hook');
  mkdirSync(project, { recursive: true });
  const env = { ...surroundings(root, claude, 'hook-state'), CLAUDE_PROJECT_DIR: project, CLAUDE_PID: String(process.pid) };
  const init = spawnSync(process.execPath, [CLI, 'init', project, '--json'], { env, encoding: 'utf8' });
  if (init.status !== 0) throw new Error(init.stderr);
  const transcript = join(claude, 'projects', project.replace(/[^A-Za-z0-9]/g, '-'), `${idOf(2)}.jsonl`);
  mkdirSync(dirname(transcript), { recursive: true });
  const text = `${transcriptText('finished-interactive', { id: idOf(2), cwd: project }).trimEnd()}\n`;
  writeFileSync(transcript, text);
  const turn = text.split('\n').filter((line) => /"type":"(user|assistant)"/.test(line)).map((line) => `${line}\n`).join('');
  const input = JSON.stringify({ session_id: idOf(2), transcript_path: transcript, cwd: project, hook_event_name: 'Stop' });
  const config = (name, keep) => {
    const path = join(root, `${name}.json`);
    writeFileSync(path, JSON.stringify({ state: { save: false }, retention: { keep } }));
    return path;
  };
  const launcher = join(project, '.claude', 'cc-session-recover', 'hook.js');
  const once = (path) => () => {
    appendFileSync(transcript, turn);
    const began = performance.now();
    const { status, stderr } = spawnSync('node', [launcher], { input, env: { ...env, CC_RECOVER_CONFIG: path }, encoding: 'utf8' });
    if (status !== 0 || stderr !== '') throw new Error(`the hook ended with ${status}: ${stderr}`);
    return performance.now() - began;
  };
  const { theirs, ours, ratio, minima } = await pairs(once(config('off', false)), once(config('on', true)), ROUNDS.hook);
  const description = join(env.CC_RECOVER_STATE_DIR, 'kept', idOf(2), 'kept.json');
  if (!existsSync(description) || !readFileSync(description, 'utf8').includes(idOf(2))) throw new Error('the hook kept nothing');
  return { what: 'Stop, the session kept', anchor: 'retention.keep off', theirs: milliseconds(theirs), ours: milliseconds(ours), ratio, minima, bar: { most: 1.1 } };
}
