'use strict';
// A Claude Code client inside a throw-away home: finds the program and opens a session. The session uses stream-json on its pipes, and its
// input stays open, which keeps it alive between turns as a terminal would. This module ends only the process that it started.

const { EventEmitter } = require('node:events');
const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { RecoverError } = require('../lib/errors.js');

/** @typedef {ReturnType<typeof import('./home.js').makeHome>} ThrowAwayHome */
/** @typedef {Awaited<ReturnType<typeof import('./api.js').startApi>>} LoopbackApi */
/** How a process ended. @typedef {{code: number | null, signal: NodeJS.Signals | null, error?: Error}} Ending */

/** Credentials that grant no access. The form decides how the client treats a refusal: only subscribers have usage limits. */
const CREDENTIALS = {
  subscriber: { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-loopback-only-not-a-credential' },
  key: { ANTHROPIC_API_KEY: 'sk-ant-api03-loopback-only-not-a-credential' },
};

/** Arguments of an open session without a terminal. */
const OPEN_SESSION = ['-p', '--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];

/**
 * Finds the user's client: `CC_RECOVER_CLAUDE` (an absolute path) or, by default, `claude` on `PATH`, but never inside `project`, because
 * a project must not decide which program is started.
 *
 * @param {{env?: Record<string, string | undefined>, project?: string}} [where]
 * @returns {string | null} Absolute path, or `null` when there is none.
 * @throws {Error} with `code` and `hint` when `CC_RECOVER_CLAUDE` names a file that cannot be started.
 */
function findClient({ env = process.env, project = process.cwd() } = {}) {
  const named = env.CC_RECOVER_CLAUDE;
  if (named) {
    if (!path.isAbsolute(named) || !isProgram(named)) throw noSuchClient('CC_RECOVER_CLAUDE', named);
    return named;
  }
  const names = process.platform === 'win32' ? ['claude.exe'] : ['claude'];
  for (const dir of (env.PATH ?? env.Path ?? '').split(path.delimiter)) {
    if (!path.isAbsolute(dir) || inside(dir, project)) continue;
    for (const name of names) {
      const file = path.join(dir, name);
      if (isProgram(file) && !inside(fs.realpathSync(file), project)) return file;
    }
  }
  return null;
}

/**
 * Returns the error for a client that the user named and that cannot be started.
 *
 * @param {string} where Option or variable that named it.
 * @param {string} named
 */
function noSuchClient(where, named) {
  const wrong = !path.isAbsolute(named) ? 'is not an absolute path' : isFile(named) ? 'names a file that is not executable' : 'names no file';
  // A wrong option is a usage error; a wrong variable means that the client was not found.
  return new RecoverError(where.startsWith('--') ? 'USAGE' : 'CLIENT_NOT_FOUND', `${where} ${wrong}`, { path: named, hint: `set ${where} to the absolute path of claude` });
}

/** Whether the file can be executed. @param {string} file */
function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return isFile(file);
  } catch {
    return false;
  }
}

/** @param {string} file */
function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}

/** @param {string} file @param {string} dir */
function inside(file, dir) {
  const relative = path.relative(dir, file);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

/**
 * Returns the client's version, such as `2.1.329`; `null` if the client does not print one within ten seconds.
 *
 * @param {string[]} command Program and first arguments.
 * @param {ThrowAwayHome} home
 */
async function clientVersion(command, home) {
  try {
    const [file, ...args] = command;
    const { stdout } = await promisify(execFile)(file, [...args, '--version'], { env: home.environment(), timeout: 10_000 });
    return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? null;
  } catch {
    return null;
  }
}

/**
 * Returns the environment of a client in `home` that connects only to `api`.
 *
 * @param {ThrowAwayHome} home
 * @param {LoopbackApi} api
 * @param {{credential?: 'subscriber' | 'key', env?: Record<string, string | undefined>}} [options]
 */
function clientEnvironment(home, api, { credential = 'subscriber', env = {} } = {}) {
  return home.environment({
    ...CREDENTIALS[credential],
    ANTHROPIC_BASE_URL: api.url,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    ...env,
  });
}

/**
 * Opens a session in the home's project.
 *
 * @param {object} options
 * @param {string[]} options.command program and first arguments, e.g. `['/usr/bin/claude']`.
 * @param {ThrowAwayHome} options.home
 * @param {LoopbackApi} options.api
 * @param {'subscriber' | 'key'} [options.credential]
 * @param {string[]} [options.args] more arguments.
 * @param {Record<string, string | undefined>} [options.env] more variables.
 * @param {string} [options.cwd] a directory of the project.
 * @returns {OpenSession}
 */
function openSession({ command, home, api, credential, args = [], env, cwd = home.project }) {
  const [file, ...first] = command;
  const child = spawn(file, [...first, ...OPEN_SESSION, ...args], {
    cwd,
    env: clientEnvironment(home, api, { credential, env }),
    stdio: ['pipe', 'pipe', 'pipe'],
    // A Ctrl-C in the terminal reaches only the process that started the client, which then ends the client in order.
    detached: process.platform !== 'win32',
  });
  return new OpenSession(child);
}

/** An open session. Emits `line` with each value of its output and `end` with `{code, signal}`. */
class OpenSession extends EventEmitter {
  /** @param {import('node:child_process').ChildProcessByStdio<import('node:stream').Writable, import('node:stream').Readable, import('node:stream').Readable>} child */
  constructor(child) {
    super();
    this.child = child;
    this.pid = child.pid ?? null;
    /** Session id, known once the first line is read. @type {string | null} */
    this.id = null;
    /** Lines that the session printed, each with `seenAt` (epoch milliseconds). @type {any[]} */
    this.lines = [];
    /** The last output on standard error. */
    this.errors = '';
    /** How the process ended; `null` while it runs. @type {Ending | null} */
    this.result = null;
    /** @type {Promise<Ending>} */
    this.ended = new Promise((resolve) => {
      const end = (/** @type {Ending} */ ending) => {
        if (this.result !== null) return;
        this.result = ending;
        resolve(ending);
        this.emit('end', ending);
      };
      child.once('error', (error) => end({ code: null, signal: null, error }));
      child.once('close', (code, signal) => end({ code, signal }));
    });
    child.stdin.on('error', () => {});
    child.stderr.on('data', (chunk) => {
      this.errors = (this.errors + chunk).slice(-8192);
    });
    let rest = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#read(line);
    });
  }

  /** @param {string} line */
  #read(line) {
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      return;
    }
    value = { ...value, seenAt: Date.now() };
    this.id ??= value.session_id ?? null;
    this.lines.push(value);
    this.emit('line', value);
  }

  /** Sends a prompt as the user. @param {string} text */
  prompt(text) {
    this.child.stdin.write(`${JSON.stringify({ type: 'user', message: { role: 'user', content: text } })}\n`);
  }

  /** Returns the `result` lines so far: one for each turn that ended. */
  results() {
    return this.lines.filter((line) => line.type === 'result');
  }

  /** Ends the session as its user would: closes its input, and ends the process only if that is not enough. */
  async close(patienceSeconds = 8) {
    this.child.stdin.end();
    if (await this.#endsWithin(patienceSeconds)) return this.ended;
    return this.terminate(patienceSeconds);
  }

  /** Ends the session at once: a client whose input is closed still waits for hooks that could wake it. */
  async terminate(patienceSeconds = 8) {
    this.child.kill('SIGTERM');
    if (await this.#endsWithin(patienceSeconds)) return this.ended;
    this.child.kill('SIGKILL');
    return this.ended;
  }

  /** @param {number} seconds @returns {Promise<boolean>} */
  #endsWithin(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), seconds * 1000);
      this.ended.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}

module.exports = { CREDENTIALS, clientEnvironment, clientVersion, findClient, isProgram, noSuchClient, openSession };
