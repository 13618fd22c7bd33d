// A client in a terminal, for tests of what only a user at a keyboard can do. The terminal is a separate tmux server on its own socket in
// the throw-away home, so that it does not affect any other tmux on the machine.

import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { alive, run, until } from './scene.mjs';

const require = createRequire(import.meta.url);
const { clientEnvironment } = require('../../bin/loopback/client.js');

/** Number of terminals so far. Each is a separate server. */
let opened = 0;

/** Opens the client of a scene in a terminal and waits for its prompt. Returns `null` if tmux is not installed and the test is skipped. */
export async function openTerminal(t, stage, { credential, env = {}, args = [], columns = 110 } = {}) {
  const { code } = await run('tmux', ['-V'], {});
  if (code !== 0) {
    const why = 'tmux is not installed';
    if (process.env.CI && process.platform !== 'win32') throw new Error(why);
    t.skip(why);
    return null;
  }
  const sockets = path.join(stage.home.root, 'tmux');
  mkdirSync(sockets, { recursive: true });
  opened += 1;
  const environment = clientEnvironment(stage.home, stage.api, { credential, env: { TERM: 'xterm-256color', TMUX: undefined, ...env } });
  const terminal = new Terminal(path.join(sockets, String(opened)), environment, stage);
  const words = [stage.client, ...args].map((word) => `'${word}'`).join(' ');
  await terminal.tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'scene', '-x', String(columns), '-y', '40', '-c', stage.home.project, `exec ${words}`);
  const [pid, tty] = (await terminal.tmux('display-message', '-p', '-t', 'scene', '#{pane_pid} #{pane_tty}')).stdout.trim().split(' ');
  terminal.pid = Number(pid);
  terminal.tty = tty.replace('/dev/', '');
  stage.endings.push(() => terminal.end());
  await until('the prompt of the terminal client', async () => /^\s*[>❯]/m.test(await terminal.screen()), 20, () => terminal.last);
  return terminal;
}

class Terminal {
  constructor(socket, environment, stage) {
    this.socket = socket;
    this.environment = environment;
    this.stage = stage;
    this.last = '';
    /** Process id of the client. */
    this.pid = null;
    /** Its terminal, such as `pts/3`. */
    this.tty = null;
  }

  tmux(...args) {
    return run('tmux', ['-S', this.socket, ...args], { env: this.environment });
  }

  async screen() {
    const { stdout } = await this.tmux('capture-pane', '-p', '-t', 'scene');
    this.last = stdout;
    return stdout;
  }

  /** Presses keys by their tmux names, such as `Enter` or `Escape`. */
  press(...keys) {
    return this.tmux('send-keys', '-t', 'scene', ...keys);
  }

  /** Types a line and sends it. */
  async type(text) {
    await this.tmux('send-keys', '-t', 'scene', '-l', text);
    await until('the typed text', async () => (await this.screen()).includes(text.slice(0, 30)), 20);
    await this.press('Enter');
  }

  /** Waits for a text on the screen. */
  shows(pattern, seconds = 15) {
    return until(`${pattern} on the screen`, async () => pattern.test(await this.screen()), seconds, () => this.last);
  }

  /** Waits for the client's own registry record and returns it. */
  session(seconds = 10) {
    const file = path.join(this.stage.home.configDir, 'sessions', `${this.pid}.json`);
    return until(
      'the registered session',
      () => {
        try {
          return JSON.parse(readFileSync(file, 'utf8'));
        } catch {
          // The record does not exist yet, or is being written.
          return null;
        }
      },
      seconds,
    );
  }

  /** Closes the window as a user closes a terminal: the client gets SIGHUP. */
  async end() {
    await this.tmux('kill-server');
    await until('the end of the client', () => !alive(this.pid), 10);
  }
}
