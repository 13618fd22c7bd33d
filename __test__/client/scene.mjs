// A scene of a test on the real client: a throw-away home with a project in which this package's own `init` has installed the hooks, a
// loopback API with its scenario, and the client. Everything a scene starts ends with its test, by process id.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VERSIONS, clientOrSkip } from './install.mjs';

const require = createRequire(import.meta.url);
const { startApi, step } = require('../../bin/loopback/api.js');
const { clientEnvironment, openSession } = require('../../bin/loopback/client.js');
const { makeHome } = require('../../bin/loopback/home.js');

export { step };

/** The waits after a real stop, shortened for a test; the policy is the same. */
export const QUICK = {
  heartbeat: { graceSeconds: 1, stepSeconds: 0.25 },
  notify: { desktop: false },
};

/** Path of this package's command line. */
export const CLI = path.join(import.meta.dirname, '..', '..', 'bin', 'cc-session-recover.js');

/**
 * Sets up a scene; returns `null` if the client is unavailable and the test is skipped.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} [options] `version` of the client, `config` of the package, `scenario` and `subagents` of the API, `init: false` to skip
 *   init.
 */
export async function scene(t, { version = VERSIONS.current, config = QUICK, scenario = [], subagents = [], init = true } = {}) {
  const client = await clientOrSkip(t, version);
  if (client === null) return null;
  const home = makeHome({ label: 'ccsr-test', config });
  const api = await startApi({ scenario, subagents });
  const stage = new Scene(client, home, api);
  t.after(() => stage.end());
  // For a failing test, print the requests that the API received.
  t.after(() => {
    if (t.passed === false) t.diagnostic(stage.story());
  });
  if (init) {
    const { code, stderr } = await stage.cli('init', home.project, '--json');
    assert.equal(code, 0, `init failed: ${stderr}`);
  }
  return stage;
}

class Scene {
  constructor(client, home, api) {
    this.client = client;
    this.home = home;
    this.api = api;
    this.endings = [];
  }

  /** Opens a session without a terminal. */
  open(options = {}) {
    const session = openSession({ command: [this.client], home: this.home, api: this.api, ...options });
    this.endings.push(() => session.terminate());
    return session;
  }

  /** Runs the client once with a prompt: `claude -p`. */
  once(prompt, { credential, env, args = [] } = {}) {
    return run(this.client, ['-p', '--output-format', 'json', ...args, prompt], {
      cwd: this.home.project,
      env: clientEnvironment(this.home, this.api, { credential, env }),
    });
  }

  /** Runs this package's command line with the credential and the API of the scene, as in the user's shell. */
  cliWithApi(...args) {
    return run(process.execPath, [CLI, ...args], { cwd: this.home.project, env: clientEnvironment(this.home, this.api, { env: { CC_RECOVER_CLAUDE: this.client } }) });
  }

  /** Runs this package's command line in the scene's home. */
  cli(...args) {
    return run(process.execPath, [CLI, ...args], { cwd: this.home.project, env: this.home.environment() });
  }

  /** Writes a program to the project, for the client's tools to call. */
  program(name, text) {
    const file = path.join(this.home.project, name);
    writeFileSync(file, text);
    chmodSync(file, 0o755);
    return file;
  }

  /** Returns every session of `status --all` as data. */
  async rows() {
    const { code, stdout, stderr } = await this.cli('status', '--all', '--json');
    assert.equal(code, 0, `status failed: ${stderr}`);
    return JSON.parse(stdout).sessions;
  }

  /** Returns the session that `show` reports, even if there is nothing to do for it. */
  async shown(id) {
    const { code, stdout, stderr } = await this.cli('show', id, '--json');
    assert.equal(code, 0, `show failed: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** Returns what `status` reports about a session. */
  async status(id) {
    const { code, stdout, stderr } = await this.cli('status', this.home.project, '--json');
    assert.equal(code, 0, `status failed: ${stderr}`);
    return JSON.parse(stdout).sessions.find((session) => session.id === id) ?? null;
  }

  /** Returns the running processes of this scene, found by the home in their environment, including orphans. Linux only. */
  inhabitants() {
    return processes().filter(({ pid, environment }) => pid !== process.pid && environment.includes(`HOME=${this.home.dir}\0`));
  }

  /** Waits for the error record with which the session stopped, and returns it. */
  stop(id, seconds = 60) {
    return until(`the stop of ${id}`, () => this.errorRecords(id).at(-1), seconds);
  }

  errorRecords(id) {
    return this.home.records(id).filter((record) => record.isApiErrorMessage === true);
  }

  /** Waits until `accept` agrees to a session's incident, and returns it. */
  incident(id, accept = (incident) => incident.plan?.action !== undefined, seconds = 10) {
    return until(
      `the incident of ${id}`,
      () => {
        const incident = this.home.incident(id);
        return incident !== null && accept(incident) ? incident : null;
      },
      seconds,
      () => JSON.stringify(this.home.incident(id), null, 2),
    );
  }

  /** Returns the real answers of the model after a record of the transcript. */
  answersAfter(id, record) {
    const records = this.home.records(id);
    const index = records.findIndex(({ uuid }) => uuid === record.uuid);
    return records.slice(index + 1).filter((other) => other.type === 'assistant' && other.message?.model !== '<synthetic>');
  }

  /** Returns the running hook processes of this scene: their environment names this home's state directory. Linux only. */
  hookProcesses() {
    return processes().filter(({ pid, environment }) => pid !== process.pid && environment.includes(`CC_RECOVER_STATE_DIR=${this.home.stateDir}\0`) && environment.includes('CLAUDE_PID='));
  }

  /** Returns the requests as text, one line each, with seconds since the first. */
  story() {
    const [first] = this.api.requests;
    return this.api.requests.map((r) => `${((r.at - first.at) / 1000).toFixed(2)} ${r.kind} ${r.answer} ${r.status} ${JSON.stringify(r.lastUser?.slice(-80))}`).join('\n');
  }

  async end() {
    for (const end of this.endings.toReversed()) await end();
    // Supervisors and runs are no child processes of the test; only those of this home are ended.
    for (const { pid } of this.inhabitants()) endProcess(pid);
    await this.api.close();
    this.home.remove();
  }
}

function endProcess(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

/** Factor by which all waits are longer than on a quiet machine: a test that waits does not measure speed. */
const PATIENCE = 3;

/** Waits until `look` finds something, and fails with `what` after the time limit. `seconds` are those of a quiet machine. */
export async function until(what, look, seconds = 10, detail = () => '') {
  const limit = seconds * PATIENCE;
  const deadline = Date.now() + limit * 1000;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (Date.now() > deadline) assert.fail(`not seen within ${limit} s: ${what} ${detail()}`);
    await pause(0.05);
  }
}

/** Fails if something that must not happen happens within this many seconds. */
export async function never(what, look, seconds) {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const found = await look();
    assert.ok(found === null || found === undefined || found === false, `${what} happened`);
    await pause(0.1);
  }
}

export function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Runs a program to its end and returns its exit code and output. */
export function run(file, args, options) {
  return new Promise((resolve) => {
    const child = execFile(file, args, { timeout: 400_000, ...options }, (error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? error?.code ?? null, signal: error?.signal ?? null, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** Returns the block of a session in HANDOFF.md, or `null`. */
export function block(home, id) {
  const handoff = home.handoff();
  return handoff.includes(id) ? handoff : null;
}

function processes() {
  const { readdirSync } = require('node:fs');
  const found = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.push({ pid: Number(name), environment: readFileSync(`/proc/${name}/environ`, 'utf8') });
    } catch {
      // The process has ended, or belongs to another user.
    }
  }
  return found;
}

/** Returns the words of a process's command line; none if it has ended. Linux only. */
export function wordsOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

export function alive(pid) {
  return existsSync(`/proc/${pid}`);
}

/** Returns the descendants of a process, nearest first: `{pid, parent, command}` with the name of the program. */
export async function descendants(pid) {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,comm='], {});
  const table = stdout.split('\n').map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)).filter((match) => match !== null);
  const all = table.map(([, id, parent, command]) => ({ pid: Number(id), parent: Number(parent), command: path.basename(command) }));
  const found = [];
  for (let parents = [pid]; parents.length > 0;) {
    const below = all.filter(({ parent }) => parents.includes(parent));
    found.push(...below);
    parents = below.map((child) => child.pid);
  }
  return found;
}

/** Ends a process that a test started, in whatever state it is; the process may already be gone. */
export function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
