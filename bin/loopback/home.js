'use strict';
// A throw-away home: a directory with its own HOME, Claude Code configuration, project and state of this package, and the environment that
// keeps a client inside it. A client in it reads nothing of the user's own configuration and writes nothing outside it.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** Variables that would let the user's account, gateway, proxy or running session affect a client in the home. */
const FOREIGN = /^(CLAUDE|ANTHROPIC|CC_RECOVER_|XDG_|AI_AGENT$|NODE_OPTIONS$|(HTTPS?|ALL|NO)_PROXY$)/i;

/**
 * Creates a throw-away home with a project in it.
 *
 * @param {object} [options]
 * @param {string} [options.label] first part of the directory's name; short, because socket paths below it are limited to about 100
 *   characters.
 * @param {object} [options.config] configuration of this package, written to the file the environment names.
 * @param {string} [options.projectName]
 * @returns {ThrowAwayHome}
 */
function makeHome({ label = 'ccsr-drill', config, projectName = 'project' } = {}) {
  const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), `${label}-`)));
  const home = new ThrowAwayHome(root, projectName);
  for (const dir of [home.dir, home.configDir, home.project, home.tempDir]) fs.mkdirSync(dir, { recursive: true });
  if (config !== undefined) fs.writeFileSync(home.configFile, `${JSON.stringify(config, null, 2)}\n`);
  fs.writeFileSync(path.join(home.project, 'README.md'), '# A project to rehearse in\n');
  startRepository(home);
  trustProject(home);
  return home;
}

/** Paths and lifecycle of a throw-away home. */
class ThrowAwayHome {
  /** @param {string} root @param {string} projectName */
  constructor(root, projectName) {
    this.root = root;
    this.dir = path.join(root, 'home');
    this.configDir = path.join(this.dir, '.claude');
    this.project = path.join(root, projectName);
    this.stateDir = path.join(root, 'state');
    this.configFile = path.join(root, 'config.json');
    this.tempDir = path.join(root, 'tmp');
  }

  /**
   * Returns the environment for every process in this home.
   *
   * @param {Record<string, string | undefined>} [more] Added last; `undefined` removes a variable.
   * @returns {Record<string, string>}
   */
  environment(more = {}) {
    const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
    const own = {
      HOME: this.dir,
      USERPROFILE: this.dir,
      TMPDIR: this.tempDir,
      TEMP: this.tempDir,
      TMP: this.tempDir,
      CLAUDE_CONFIG_DIR: this.configDir,
      CC_RECOVER_STATE_DIR: this.stateDir,
      CC_RECOVER_CONFIG: this.configFile,
    };
    /** @type {Record<string, any>} */
    const all = { ...Object.fromEntries(kept), ...own, ...more };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  /**
   * Returns the path of a session's transcript, or `null` while it does not exist. Searches every project directory, because the directory
   * name is a lossy encoding of the path.
   *
   * @param {string} session
   */
  transcript(session) {
    const projects = path.join(this.configDir, 'projects');
    for (const name of entries(projects)) {
      const file = path.join(projects, name, `${session}.jsonl`);
      if (fs.existsSync(file)) return file;
    }
    return null;
  }

  /**
   * Returns the records of a session's transcript, oldest first; lines that do not parse are left out.
   *
   * @param {string} session
   * @returns {any[]}
   */
  records(session) {
    const file = this.transcript(session);
    return file === null ? [] : readLines(file);
  }

  /** Returns the parsed incident file of a session, or `null`. @param {string} session @returns {any} */
  incident(session) {
    return readJson(path.join(this.stateDir, 'incidents', `${session}.json`));
  }

  /** Returns the registry entry of the client that has a session open, or `null`. @param {string} session @returns {any} */
  registered(session) {
    const dir = path.join(this.configDir, 'sessions');
    for (const name of entries(dir)) {
      if (!name.endsWith('.json')) continue;
      const value = readJson(path.join(dir, name));
      if (value?.sessionId === session) return value;
    }
    return null;
  }

  /** Returns the project's HANDOFF.md, or an empty text. */
  handoff() {
    try {
      return fs.readFileSync(path.join(this.project, 'HANDOFF.md'), 'utf8');
    } catch {
      return '';
    }
  }

  /** Removes the home. All its processes must have ended; the retries cover a last write. */
  remove() {
    fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/**
 * Creates a small repository, so that recorded branches and commits are real. Skipped on a machine without git.
 *
 * @param {ThrowAwayHome} home
 */
function startRepository(home) {
  const git = (/** @type {string[]} */ ...args) => execFileSync('git', args, { cwd: home.project, env: home.environment(), stdio: 'ignore' });
  try {
    git('init', '--quiet', '--initial-branch=main');
    git('add', 'README.md');
    git('-c', 'user.name=Drill', '-c', 'user.email=drill@example.invalid', 'commit', '--quiet', '--message=start');
  } catch {
    fs.rmSync(path.join(home.project, '.git'), { recursive: true, force: true });
  }
}

/**
 * Answers in advance the questions that a client asks on its first start, so that a terminal session opens at its prompt.
 *
 * @param {ThrowAwayHome} home
 */
function trustProject(home) {
  const state = {
    hasCompletedOnboarding: true,
    numStartups: 1,
    theme: 'dark',
    projects: { [home.project]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } },
  };
  fs.writeFileSync(path.join(home.configDir, '.claude.json'), JSON.stringify(state, null, 2), { mode: 0o600 });
}

/** @param {string} dir */
function entries(dir) {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}

/** @param {string} file @returns {any} */
function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** @param {string} file @returns {any[]} */
function readLines(file) {
  const records = [];
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    try {
      if (line !== '') records.push(JSON.parse(line));
    } catch {
      // The client is still writing this line.
    }
  }
  return records;
}

module.exports = { makeHome };
