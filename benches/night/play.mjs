// One night of one arm: the real client meets a usage limit again and again, each window a minute or so long. Every request of the
// conversation is seen by the loopback API, which is the only witness of who continued, when, and how often.

import { mkdirSync, readFileSync, readdirSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pause } from '../../__test__/client/scene.mjs';
import { openTerminal } from '../../__test__/client/terminal.mjs';

const require = createRequire(import.meta.url);
const { startApi, step } = require('../../bin/loopback/api.js');
const { clientEnvironment } = require('../../bin/loopback/client.js');
const { makeHome } = require('../../bin/loopback/home.js');

/** A limit resets at a full minute, as real ones do, and not sooner than this. Programs that read the screen see no seconds. */
const SHORTEST_WINDOW = 20;
/** The client's own wait fires up to 290 s after a reset. What has not continued by then needs the user. */
const LATEST = 360;
/** How long after a continue another one of the same stop is looked for, in seconds. */
const SETTLE = 110;
const SAMPLE_EVERY = 3;
/** Seconds between the stop and the closing of the terminal, in which the user sees it. */
const CLOSES_AFTER = 8;
const SKIP = { skip: (why) => { throw new Error(why); } };

/**
 * Plays a night. `finishes`: each continued turn ends well and the user gives the next piece of work, so everything that is sent
 * after it is a continue too many. Otherwise the next limit follows each continue at once.
 *
 * @param {import('./arms.mjs').NightArm} arm
 */
export async function playNight(arm, { client, windows: wanted, finishes, report }) {
  const home = makeHome({ label: 'ccsr-night', config: { notify: { desktop: false } } });
  const api = await startApi();
  const bin = path.join(home.root, 'bin');
  mkdirSync(bin);
  symlinkSync(realpathSync(client), path.join(bin, 'claude'));
  const environment = clientEnvironment(home, api, { env: { PATH: `${bin}${path.delimiter}${process.env.PATH}` } });
  const stage = { home, api, environment, claude: path.join(bin, 'claude'), client: path.join(bin, 'claude'), endings: [] };
  const night = new Night(stage, { finishes, wanted, report });
  try {
    await arm.prepare?.(stage);
    await (arm.closed ? night.closed(arm) : night.open(arm));
    return night.result();
  } finally {
    night.stopSampling();
    for (const end of stage.endings.toReversed()) await Promise.resolve(end()).catch(() => {});
    for (const { pid } of inhabitants(home)) endProcess(pid);
    await api.close();
    home.remove();
  }
}

class Night {
  constructor(stage, { finishes, wanted, report }) {
    this.stage = stage;
    this.finishes = finishes;
    this.wanted = wanted;
    this.report = report;
    /** @type {{reset: number, stoppedAt: number, early: number, continues: {at: number, by: string}[]}[]} */
    this.windows = [];
    this.samples = [];
    this.screen = '';
    this.sampler = null;
    stage.api.on('request', (record) => this.#seen(record));
  }

  /** The scenario of the next window: a limit, then an answer. */
  arm() {
    const now = Date.now() / 1000;
    const reset = Math.ceil((now + SHORTEST_WINDOW) / 60) * 60;
    const answer = this.finishes ? step.text('The work of this window is done.') : step.tool('Read', { file_path: path.join(this.stage.home.project, 'README.md') });
    this.reset = reset;
    this.isArmed = true;
    this.stage.api.play(step.limit('5h', reset), answer);
  }

  #seen(record) {
    if (record.kind !== 'main') return;
    const window = this.windows.at(-1);
    if (record.answer === 'limit 5h') {
      if (this.isArmed) {
        this.isArmed = false;
        this.windows.push({ reset: this.reset * 1000, stoppedAt: record.at, early: 0, continues: [] });
      } else {
        window.early += 1;
        this.report(`request ${((window.reset - record.at) / 1000).toFixed(1)} s before a reset by ${author(record)}`);
      }
      return;
    }
    if (!window) return;
    // A tool result belongs to the turn that is continued already.
    if (!this.finishes && record.answer !== 'tool') return;
    window.continues.push({ at: record.at, by: author(record) });
    this.report(`window ${this.windows.length} continued ${((record.at - window.reset) / 1000).toFixed(1)} s after the reset by ${author(record)}`);
    if (!this.finishes && this.windows.length < this.wanted) this.arm();
  }

  /** Every window of the night has come. */
  isOver() {
    return this.windows.length >= this.wanted;
  }

  async open(arm) {
    const terminal = await this.#terminal(arm);
    this.startSampling();
    this.arm();
    await typeInto(terminal, 'Do the work until it is done.');
    while ((await this.#nextWindow(() => terminal.screen())) && !(this.isOver() && this.windows.at(-1).continues.length > 0)) {
      if (!this.finishes) continue;
      if (this.isOver()) break;
      if (this.windows.at(-1).continues.length === 0) {
        // The user comes back, leaves the menu and continues.
        await terminal.press('Escape');
        await pause(2);
      }
      this.arm();
      await typeInto(terminal, 'Do the next piece of work.');
    }
    this.screen = await terminal.screen();
  }

  async closed(arm) {
    this.startSampling();
    do {
      const terminal = await this.#terminal(arm);
      this.arm();
      await typeInto(terminal, 'Do the work until it is done.');
      const number = this.windows.length;
      await patiently(60, () => this.windows.length > number);
      await pause(CLOSES_AFTER);
      await terminal.end();
      while (await this.#nextWindow()) {
        if (this.finishes || (this.isOver() && this.windows.at(-1).continues.length > 0)) break;
      }
    } while (this.finishes && !this.isOver());
  }

  /** Waits for the end of the newest window; `false` where the night ends with it. */
  async #nextWindow(screen) {
    await patiently(90, () => !this.isArmed);
    if (this.isArmed || this.windows.length === 0) {
      this.screen = (await screen?.()) ?? '';
      return false;
    }
    const number = this.windows.length;
    const window = this.windows.at(-1);
    const over = () => window.continues.length > 0 || this.windows.length > number || (!screen && Date.now() > window.stoppedAt + 30_000 && inhabitants(this.stage.home).length === 0);
    await patiently((window.reset - Date.now()) / 1000 + LATEST, over);
    const continued = window.continues.length > 0;
    if (continued && this.finishes) await pause(SETTLE);
    if (!continued) {
      this.screen = (await screen?.()) ?? '';
      this.report(`window ${number} was not continued`);
    }
    return continued || this.finishes;
  }

  async #terminal(arm) {
    const { program = this.stage.claude, args = [] } = arm.client?.(this.stage) ?? {};
    this.stage.client = program;
    const { PATH } = this.stage.environment;
    const terminal = await openTerminal(SKIP, this.stage, { args, env: { PATH } });
    await arm.attend?.(this.stage, terminal);
    return terminal;
  }

  startSampling() {
    const sample = () => {
      const window = this.windows.at(-1);
      // While it waits: the hook has recorded the stop, and no client has continued it.
      const waits = window && window.continues.length === 0 && Date.now() > window.stoppedAt + 12_000;
      if (waits) this.samples.push(takeSample(this.stage));
    };
    this.sampler = setInterval(sample, SAMPLE_EVERY * 1000);
  }

  stopSampling() {
    clearInterval(this.sampler);
  }

  result() {
    const { wanted } = this;
    const continued = this.windows.filter(({ continues }) => continues.length > 0);
    return {
      wanted,
      continued: continued.length,
      tooMany: this.windows.reduce((sum, { continues }) => sum + Math.max(0, continues.length - 1), 0),
      early: this.windows.reduce((sum, { early }) => sum + early, 0),
      latest: continued.length === 0 ? null : Math.max(...continued.map(({ reset, continues }) => (continues[0].at - reset) / 1000)),
      by: [...new Set(this.windows.flatMap(({ continues }) => continues.map(({ by }) => by)))],
      processes: middle(this.samples.map(({ extra }) => extra)),
      extraMegabytes: middle(this.samples.map(({ extraMegabytes }) => extraMegabytes)),
      clientMegabytes: middle(this.samples.map(({ clientMegabytes }) => clientMegabytes)),
      windows: this.windows.map(({ reset, continues, early }) => ({ after: continues.map(({ at }) => Number(((at - reset) / 1000).toFixed(1))), by: continues.map(({ by }) => by), early })),
      screen: continued.length < wanted ? this.screen.trim().split('\n').slice(-16).join('\n') : '',
      menu: /What do you want to do\?/.test(this.screen),
    };
  }
}

const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;

/** Who wrote the prompt of a request, by the words each of them uses (Claude Code 2.1.332). */
function author({ messages }) {
  const text = JSON.stringify(messages.findLast(({ role }) => role === 'user') ?? '');
  if (/plugin sent a message|surfaces a prompt a plugin submits/.test(text)) return 'plugin';
  if (/Your claude\.ai usage limit has reset/.test(text)) return 'client';
  if (/Stop hook feedback|task-notification/.test(text)) return 'hook';
  if (/cc-session-recover/.test(text)) return 'run';
  return 'keystrokes';
}

async function typeInto(terminal, text) {
  await terminal.tmux('send-keys', '-t', 'scene', '-l', text);
  await pause(0.8);
  await terminal.press('Enter');
}

async function patiently(seconds, look) {
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until && !look()) await pause(0.25);
}

function takeSample({ home, claude }) {
  const program = realpathSync(claude);
  const all = inhabitants(home).filter(({ name }) => !name.startsWith('tmux'));
  const clients = all.filter(({ pid }) => programOf(pid) === program);
  const others = all.filter((one) => !clients.includes(one));
  const megabytes = (list) => Math.round(list.reduce((sum, { pid }) => sum + resident(pid), 0) / 1024);
  return { extra: others.length, extraMegabytes: megabytes(others), clientMegabytes: megabytes(clients) };
}

/** Processes of a home that live, by the variable in their environment (Linux). */
function inhabitants(home) {
  const found = [];
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (Number(name) === process.pid || !readFileSync(`/proc/${name}/environ`, 'utf8').includes(`${home.root}/`)) continue;
      found.push({ pid: Number(name), name: readFileSync(`/proc/${name}/comm`, 'utf8').trim() });
    } catch {
      // Ended, or not ours to read.
    }
  }
  return found;
}

function programOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}

/** Resident memory in KiB. */
function resident(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

function endProcess(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
