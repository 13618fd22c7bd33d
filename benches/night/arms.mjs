// Who continues the sessions of a night: Claude Code alone, this package, and programs of others. Each arm has its own home and its
// own defaults; what it is given is what its documentation tells a user to do once.

import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { run } from '../../__test__/client/scene.mjs';
import { pythonPeer } from './peers.mjs';

const CLI = path.join(import.meta.dirname, '..', '..', 'bin', 'cc-session-recover.js');

/**
 * @typedef {object} NightArm
 * @property {string} id Name on the command line and in the results.
 * @property {string} name
 * @property {boolean} [closed] The user closes the terminal after the stop.
 * @property {string} setup What the user does once, before the night.
 * @property {(stage: any) => Promise<void>} [prepare] Sets the arm up in a home.
 * @property {(stage: any) => {program?: string, args?: string[]}} [client] How the session is opened.
 * @property {(stage: any, terminal: any) => Promise<void>} [attend] Starts what runs beside the terminal.
 */

async function own(stage, ...words) {
  const { code, stdout, stderr } = await run(process.execPath, [CLI, ...words, '--json'], { cwd: stage.home.project, env: stage.home.environment() });
  if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A supervised run gets neither the address of the API nor the token from a terminal that is closed: both are in the user's settings. */
function keepLogin(stage) {
  const { ANTHROPIC_BASE_URL, CLAUDE_CODE_OAUTH_TOKEN, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC, DISABLE_AUTOUPDATER } = stage.environment;
  const env = { ANTHROPIC_BASE_URL, CLAUDE_CODE_OAUTH_TOKEN, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC, DISABLE_AUTOUPDATER };
  writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ env }));
}

async function writePlugin(stage) {
  const { directory, next } = await own(stage, 'plugin');
  for (const [, ...words] of next) await promisify(execFile)(stage.claude, words, { cwd: stage.home.project, env: stage.environment });
  return directory;
}

/** @type {NightArm[]} */
export const ARMS = [
  { id: 'native', name: 'Claude Code alone', setup: 'nothing' },
  { id: 'hooks', name: 'cc-session-recover, hooks', setup: '`init`', prepare: (stage) => own(stage, 'init', stage.home.project) },
  { id: 'module', name: 'cc-session-recover, plugin', setup: '`plugin`, `claude plugin install`', prepare: writePlugin },
  {
    id: 'claudekeeper',
    name: 'claudekeeper',
    setup: 'tmux, `claudekeeper setup`, `claudekeeper watch on`',
    async prepare(stage) {
      stage.peer = await pythonPeer('claudekeeper');
      stage.environment.CLAUDEKEEPER_HOME = path.join(stage.home.root, 'claudekeeper');
      await promisify(execFile)(stage.peer.program('claudekeeper'), ['watch', 'on'], { env: stage.environment });
    },
    async attend(stage, terminal) {
      const env = { ...stage.environment, CLAUDEKEEPER_TMUX_SOCKET_PATH: terminal.socket };
      const daemon = spawn(stage.peer.program('claudekeeper'), ['daemon'], { env, stdio: 'ignore' });
      stage.endings.push(() => daemon.kill('SIGKILL'));
    },
  },
  {
    id: 'automode',
    name: 'automode-cli',
    setup: '`automode install`',
    async prepare(stage) {
      stage.peer = await pythonPeer('automode-cli');
    },
    client: (stage) => ({ program: stage.peer.program('automode'), args: ['claude'] }),
  },
  { id: 'native-closed', name: 'Claude Code alone', closed: true, setup: 'nothing', prepare: async (stage) => keepLogin(stage) },
  {
    id: 'hooks-closed',
    name: 'cc-session-recover, hooks',
    closed: true,
    setup: '`init --unattended`',
    async prepare(stage) {
      keepLogin(stage);
      await own(stage, 'init', stage.home.project, '--unattended');
    },
  },
  {
    id: 'module-closed',
    name: 'cc-session-recover, plugin',
    closed: true,
    setup: '`init --unattended`, `plugin`, `claude plugin install`',
    async prepare(stage) {
      keepLogin(stage);
      await writePlugin(stage);
      await own(stage, 'init', stage.home.project, '--unattended');
    },
  },
];
