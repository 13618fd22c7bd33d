// Acceptance test, run by hand: `node __test__/client/ten-runs.mjs [runs]`. Each run sets up a new project with `init`, lets a real session
// reach a limit, and prints how far from the planned second it continued, how often, and whether anything was sent in between.

import { createRequire } from 'node:module';
import path from 'node:path';
import { VERSIONS, installedClient } from './install.mjs';
import { pause, run, until } from './scene.mjs';

const require = createRequire(import.meta.url);
const { startApi, step } = require('../../bin/loopback/api.js');
const { openSession } = require('../../bin/loopback/client.js');
const { makeHome } = require('../../bin/loopback/home.js');

const CLI = path.join(import.meta.dirname, '..', '..', 'bin', 'cc-session-recover.js');
const LARGEST_DRIFT = 5;
/** Seconds to watch after the second turn for an unwanted one. */
const QUIET = 5;

async function oneRun(client) {
  const home = makeHome({ label: 'ccsr-ten', config: { heartbeat: { graceSeconds: 1 }, notify: { desktop: false } } });
  const api = await startApi({ scenario: [step.limitFor('5h', 6), step.text('The task is finished.', { times: Infinity })] });
  let session = null;
  try {
    const init = await run(process.execPath, [CLI, 'init', home.project, '--json'], { cwd: home.project, env: home.environment() });
    if (init.code !== 0) throw new Error(`init failed: ${init.stderr}`);
    session = openSession({ command: [client], home, api });
    session.prompt('Do the task.');
    const incident = await until('the plan', () => {
      const value = session.id && home.incident(session.id);
      return value?.plan?.action === 'wake' ? value : null;
    }, 30);
    const refusedAt = api.conversation().at(-1).at;
    await until('the second turn', () => session.results().length >= 2, 40);
    await pause(QUIET);
    const after = api.conversation(refusedAt);
    return {
      drift: (after[0].at - Date.parse(incident.plan.at)) / 1000,
      continues: after.length,
      early: after.filter(({ at }) => at < Date.parse(incident.stop.resetsAt)).length,
      finished: session.results()[1].is_error === false,
    };
  } finally {
    await session?.terminate();
    await api.close();
    home.remove();
  }
}

const runs = Number(process.argv[2] ?? 10);
const client = await installedClient(VERSIONS.current);
process.stdout.write(`Claude Code ${VERSIONS.current}\nrun  drift (s)  continues  duplicates  requests while waiting\n`);
let worst = 0;
let good = 0;
for (let number = 1; number <= runs; number += 1) {
  try {
    const { drift, continues, early, finished } = await oneRun(client);
    worst = Math.max(worst, Math.abs(drift));
    if (finished && continues === 1 && early === 0 && drift >= 0 && drift <= LARGEST_DRIFT) good += 1;
    const cells = [String(number).padStart(3), drift.toFixed(2).padStart(9), String(continues).padStart(9), String(continues - 1).padStart(10), String(early).padStart(22)];
    process.stdout.write(`${cells.join('  ')}\n`);
  } catch (error) {
    process.stdout.write(`${String(number).padStart(3)}  ${error.message}\n`);
  }
}
process.stdout.write(`${good} of ${runs} as they should be; largest drift ${worst.toFixed(2)} s\n`);
process.exitCode = good === runs ? 0 : 1;
