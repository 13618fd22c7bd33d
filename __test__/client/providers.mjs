// Closed sessions of two providers and several accounts on one machine, at the same time: which endpoint and credential each request of a
// resumed session uses. `node __test__/client/providers.mjs 20` runs twenty and prints the figures.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { VERSIONS, installedClient } from './install.mjs';
import { run, until } from './scene.mjs';

const require = createRequire(import.meta.url);
const { startApi, step } = require('../../bin/loopback/api.js');
const { clientEnvironment } = require('../../bin/loopback/client.js');
const { makeHome } = require('../../bin/loopback/home.js');

const CLI = path.join(import.meta.dirname, '..', '..', 'bin', 'cc-session-recover.js');
const CONFIG = { notify: { desktop: false }, supervisor: { marginSeconds: 0.5, jitterSeconds: 0.5, pollSeconds: 1 } };

/** Writes a login as `claude /login` does. */
function logIn(configDir, number) {
  mkdirSync(configDir, { recursive: true });
  const token = `sk-ant-oat01-login-${number}`;
  const oauth = { accessToken: token, refreshToken: `refresh-${number}`, expiresAt: Date.now() + 36e6, scopes: ['user:inference', 'user:profile'], subscriptionType: 'max', rateLimitTier: 'default_claude_max_5x' };
  writeFileSync(path.join(configDir, '.credentials.json'), JSON.stringify({ claudeAiOauth: oauth }), { mode: 0o600 });
  const account = { accountUuid: `00000000-0000-4000-8000-00000000000${number}`, emailAddress: `u${number}@example.com`, organizationUuid: `10000000-0000-4000-8000-00000000000${number}` };
  writeFileSync(path.join(configDir, '.claude.json'), JSON.stringify({ hasCompletedOnboarding: true, oauthAccount: account }));
  return token;
}

/**
 * Stops `count` sessions, distributed over the accounts, closes them, and lets supervisors resume them.
 *
 * @returns what went wrong, and who was resumed.
 */
export async function night(client, count, { seconds = 10 + count * 10 } = {}) {
  const home = makeHome({ label: 'ccsr-providers', config: CONFIG });
  const scenario = () => [step.text('The task is finished now.', { times: Infinity })];
  const apis = [await startApi({ scenario: scenario() }), await startApi({ scenario: scenario() })];
  const dirs = [1, 2].map((number) => path.join(home.dir, '.ccs', 'instances', `account-${number}`));
  const tokens = dirs.map((dir, index) => logIn(dir, index + 1));
  const gateway = path.join(home.dir, '.claude');
  const accounts = [
    { name: 'login 1', api: apis[0], credential: tokens[0], env: { CLAUDE_CONFIG_DIR: dirs[0] } },
    { name: 'login 2', api: apis[0], credential: tokens[1], env: { CLAUDE_CONFIG_DIR: dirs[1] } },
    { name: 'gateway token 3', api: apis[1], credential: 'token-3', env: { CLAUDE_CONFIG_DIR: gateway, ANTHROPIC_AUTH_TOKEN: 'token-3' } },
    { name: 'gateway token 4', api: apis[1], credential: 'token-4', env: { CLAUDE_CONFIG_DIR: gateway, ANTHROPIC_AUTH_TOKEN: 'token-4' } },
  ];
  /** The environment omits the credential of the other tests: each account has its own. */
  const environment = ({ api, env }) => {
    const { CLAUDE_CODE_OAUTH_TOKEN: _, ...rest } = clientEnvironment(home, api, { env: { CC_RECOVER_CLAUDE: client, CLAUDE_CODE_MAX_RETRIES: '0' } });
    return { ...rest, ...env };
  };
  try {
    const ready = await run(process.execPath, [CLI, 'init', home.project, '--unattended', '--json'], { cwd: home.project, env: home.environment() });
    if (ready.code !== 0) throw new Error(ready.stderr);
    const stopped = new Map();
    for (let index = 0; index < count; index += 1) {
      const account = accounts[index % accounts.length];
      account.api.play(step.limitFor('5h', seconds), ...scenario());
      const { stdout, stderr } = await run(client, ['-p', '--output-format', 'json', `Do task ${index} of ${account.name}.`], { cwd: home.project, env: environment(account) });
      const line = stdout.trim().split('\n').at(-1);
      if (!line.startsWith('{')) throw new Error(`${stdout}${stderr}`);
      stopped.set(JSON.parse(line).session_id, account);
    }
    const resumed = () => [...stopped.keys()].filter((id) => home.incident(id)?.phase === 'recovered');
    await until('every session', () => resumed().length === count, seconds + 60 + count * 6, () => JSON.stringify([...stopped].map(([id, { name }]) => [name, home.incident(id)?.phase, home.incident(id)?.plan.why]), null, 1));
    const wrong = [];
    const asked = apis.flatMap((api) => api.requests.filter(({ session }) => stopped.has(session)).map((request) => ({ api, request })));
    for (const { api, request } of asked) {
      const account = stopped.get(request.session);
      if (api !== account.api) wrong.push(`${account.name}: at the other endpoint`);
      if (request.credential !== account.credential) wrong.push(`${account.name}: with ${request.credential}`);
    }
    return { sessions: count, resumed: resumed().length, requests: asked.length, wrong };
  } finally {
    for (const pid of inhabitants(home)) kill(pid);
    for (const api of apis) await api.close();
    home.remove();
  }
}

/** Returns the processes of this home, found by their environment. */
function inhabitants(home) {
  const own = execFileSync('sh', ['-c', 'grep -lz "^HOME=$0$" /proc/[0-9]*/environ 2>/dev/null || true', home.dir], { encoding: 'utf8' });
  return own.split('\n').filter(Boolean).map((file) => Number(file.split('/')[2])).filter((pid) => pid !== process.pid);
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

if (process.argv[1] === import.meta.filename) {
  const count = Number(process.argv[2] ?? 20);
  const client = process.env.CC_RECOVER_CLAUDE ?? (await installedClient(VERSIONS.current));
  process.stdout.write(`${JSON.stringify(await night(client, count), null, 1)}\n`);
}
