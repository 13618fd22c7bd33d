// Stops on an overloaded machine: sessions whose first prompt meets a limit at the same time, and processes that only use processor time.
// `node __test__/client/load.mjs [sessions] [load per processor]` prints the outcome of the stops; exit code 1 if one is not waited for.
// Every client is running, so none of them may be reported as closed.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { VERSIONS, installedClient } from './install.mjs';
import { alive, run } from './scene.mjs';

const require = createRequire(import.meta.url);
const { startApi, step } = require('../../bin/loopback/api.js');
const { openSession } = require('../../bin/loopback/client.js');
const { makeHome } = require('../../bin/loopback/home.js');

const CLI = path.join(import.meta.dirname, '..', '..', 'bin', 'cc-session-recover.js');
const SESSIONS = Number(process.argv[2] ?? 50);
const PER_PROCESSOR = Number(process.argv[3] ?? 10);
/** Maximum seconds until the stops are recorded and planned. */
const PATIENCE = 900;

const client = process.env.CC_RECOVER_CLAUDE ?? (await installedClient(VERSIONS.current));
const home = makeHome({ label: 'ccsr-load', config: { notify: { desktop: false } } });
const api = await startApi({ scenario: [step.limitFor('5h', 7200), step.text('Done.', { times: Infinity })] });
const busy = Array.from({ length: PER_PROCESSOR * cpus().length }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
/** @type {ReturnType<typeof openSession>[]} */
const sessions = [];
try {
  const ready = await run(process.execPath, [CLI, 'init', home.project, '--json'], { cwd: home.project, env: home.environment() });
  if (ready.code !== 0) throw new Error(ready.stderr);
  for (let index = 0; index < SESSIONS; index += 1) sessions.push(openSession({ command: [client], home, api }));
  for (const [index, session] of sessions.entries()) session.prompt(`Do task ${index}.`);
  const phases = () => sessions.map(({ id }) => (id === null ? 'not begun' : (home.incident(id)?.phase ?? 'not stopped')));
  const until = Date.now() + PATIENCE * 1000;
  let most = 0;
  while (phases().some((phase) => ['not begun', 'not stopped', 'open'].includes(phase)) && Date.now() < until) {
    await later(1000);
    most = Math.max(most, loadavg()[0]);
  }
  // A hook that gives up does so within seconds.
  await later(20_000);
  /** @type {Record<string, number>} */
  const counts = {};
  for (const phase of phases()) counts[phase] = (counts[phase] ?? 0) + 1;
  const living = sessions.filter(({ pid }) => alive(pid)).length;
  const table = Object.entries(counts).map(([phase, count]) => `${count} ${phase}`);
  process.stdout.write(`${SESSIONS} stops: ${table.join(', ')}; ${living} clients alive; load ${most.toFixed(0)} on ${cpus().length} processors\n`);
  if (counts.waiting !== SESSIONS) {
    for (const { id } of sessions) {
      const incident = home.incident(id);
      if (incident?.phase !== 'waiting') process.stdout.write(`${id} ${incident?.phase} ${incident?.plan.reason} ${incident?.plan.why}\n`);
    }
    process.exitCode = 1;
  }
} finally {
  for (const one of busy) one.kill('SIGKILL');
  await Promise.all(sessions.map((session) => session.terminate()));
  await api.close();
  home.remove();
}
