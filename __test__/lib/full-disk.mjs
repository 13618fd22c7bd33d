// A program, not a test: keeps sessions in a state directory on a full disk, and prints the result as JSON. It runs in its own mount
// namespace (`unshare -rm`), where DISK is a small file system in memory.
//
//   node full-disk.mjs DISK WORLD       WORLD: JSON of {root, home, claude, project, state, env}; `claude` is on the same disk or not

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';
import { idOf, transcriptText } from './hooks.mjs';

const [disk, world] = process.argv.slice(2);
const { claude, project, state, env } = JSON.parse(world);
const command = (/** @type {string[]} */ ...argv) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), ...argv], { cwd: project, env, encoding: 'utf8' });
  return { status, stdout, stderr };
};
const transcripts = join(claude, 'projects', project.replace(/[^A-Za-z0-9]/g, '-'));
const transcriptOf = (/** @type {number} */ number) => join(transcripts, `${idOf(number)}.jsonl`);
for (const directory of [claude, project, transcripts]) mkdirSync(directory, { recursive: true });
const write = (/** @type {number} */ number) => writeFileSync(transcriptOf(number), transcriptText('finished-interactive', { id: idOf(number), cwd: project }));
const hook = (/** @type {number} */ number) => {
  const input = JSON.stringify({ session_id: idOf(number), cwd: project, hook_event_name: 'Stop', transcript_path: transcriptOf(number) });
  const launcher = join(project, '.claude', 'cc-session-recover', 'hook.js');
  const { status, stdout, stderr } = spawnSync('node', [launcher], { cwd: project, env: { ...env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: project }, input, encoding: 'utf8' });
  return { status, stdout, stderr };
};
const temporary = () => (existsSync(join(state, 'kept')) ? readdirSync(join(state, 'kept'), { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.tmp') || name.includes('.part')) : []);

write(1);
const init = command('init', '--yes');
for (const number of [2, 3]) write(number);
const before = hook(2);
const filler = join(disk, 'filler');
const file = openSync(filler, 'w');
for (let size = 1 << 20; size >= 1; size >>= 1) {
  try {
    for (;;) writeSync(file, Buffer.alloc(size));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOSPC') throw error;
  }
}
closeSync(file);
let isFull = false;
try {
  writeFileSync(join(disk, 'more'), 'x'.repeat(8192));
} catch {
  isFull = true;
}
const full = { hooks: [hook(2), hook(3)], doctor: command('doctor', '--json').stdout, left: temporary() };
const texts = [1, 2, 3].map((number) => readFileSync(transcriptOf(number), 'utf8'));
// Nothing that was kept before is lost while the disk is full; the kept files are still readable.
const aside = [1, 2].map((number) => readFileSync(transcriptOf(number)));
for (const number of [1, 2]) rmSync(transcriptOf(number));
const shown = [1, 2].map((number) => command('show', idOf(number), '--json').status);
rmSync(filler);
rmSync(join(disk, 'more'), { force: true });
writeFileSync(transcriptOf(2), aside[1]);
const after = [hook(2), hook(3)];
for (const number of [2, 3]) rmSync(transcriptOf(number));
const restored = [1, 2, 3].map((number) => command('restore', idOf(number)).status);
const same = [1, 2, 3].map((number) => existsSync(transcriptOf(number)) && readFileSync(transcriptOf(number), 'utf8') === texts[number - 1]);
process.stdout.write(JSON.stringify({ init: init.status, before, isFull, full, shown, after, restored, same, left: temporary() }));
