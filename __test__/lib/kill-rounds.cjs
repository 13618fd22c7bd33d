'use strict';

// Runs many kills in one process, in the world named by its environment: of ids that now belong to another process, and of processes of
// another user. Prints the outcome of every round. It signals only processes that it started, by their id.

const { spawn } = require('node:child_process');
const { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { once } = require('node:events');
const addon = require('../../index.js');

const { kind, rounds, native, session, other } = JSON.parse(process.argv[2]);
const sessions = join(process.env.CLAUDE_CONFIG_DIR, 'sessions');

const startOf = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
};

function start(options = {}) {
  const child = spawn(native, ['600'], { stdio: 'ignore', ...options });
  child.ended = once(child, 'exit');
  return child;
}

function register(pid, holds) {
  mkdirSync(sessions, { recursive: true });
  const record = { pid, sessionId: holds, cwd: '/', startedAt: Date.now(), procStart: startOf(pid), version: '2.1.329', kind: 'interactive', entrypoint: 'cli', status: 'idle' };
  writeFileSync(join(sessions, `${pid}.json`), JSON.stringify(record));
}

const forget = () => readdirSync(sessions).forEach((name) => rmSync(join(sessions, name)));

async function end(child) {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await child.ended;
}

const tried = (options) => addon.killSession({ export: false, force: true, ...options }).then(({ outcome }) => outcome, ({ code }) => code);

/** Starts a process with an id that another process had before. */
async function reuse(pid) {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    const child = start();
    if (child.pid === pid) return child;
    await end(child);
  }
  throw new Error(`${pid} was not given again`);
}

async function reused(round) {
  const client = start();
  const { pid } = client;
  register(pid, session);
  const plan = await addon.killSession({ target: session, dryRun: true });
  // Control: the id still belongs to the same process; everything else is equal.
  if (round % 25 === 24) {
    const outcome = await tried({ target: session, expected: plan.expected });
    await client.ended;
    return { outcome, hit: false, control: client.signalCode === 'SIGTERM' };
  }
  await end(client);
  // The kernel counts start times in hundredths of a second; wait, so that the reused id gets another start time.
  await new Promise((resolve) => setTimeout(resolve, 15));
  const bystander = await reuse(pid);
  if (round % 3 === 1) register(pid, other);
  if (round % 3 === 2) register(pid, session);
  const target = [session, String(pid)][round % 2];
  const outcome = await tried({ target, expected: plan.expected, tree: true });
  const hit = bystander.exitCode !== null || bystander.signalCode !== null || startOf(pid) === plan.expected.startToken;
  // A tool that remembers only the id ends the wrong process.
  process.kill(pid, 'SIGTERM');
  await bystander.ended;
  return { outcome, hit, naive: bystander.signalCode === 'SIGTERM' };
}

async function foreign(round) {
  const client = start({ uid: 65_534 - (round % 7), gid: 65_534 });
  register(client.pid, session);
  const outcome = await tried({ target: [session, String(client.pid)][round % 2], tree: true });
  const hit = client.exitCode !== null || client.signalCode !== null;
  // Only our own check prevents this kill: the kernel allows it to root.
  process.kill(client.pid, 'SIGTERM');
  await client.ended;
  return { outcome, hit, naive: client.signalCode === 'SIGTERM' };
}

(async () => {
  const told = [];
  for (let round = 0; round < rounds; round += 1) {
    told.push(await (kind === 'reused' ? reused : foreign)(round));
    forget();
  }
  process.stdout.write(JSON.stringify(told));
})();
