// `doctor`: a project that was just set up passes all checks, and every possible fault is reported with its file and the next step.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { hooked, idOf, livingClient } from './lib/hooks.mjs';

const linux = { skip: process.platform !== 'linux' && 'processes are registered with their start time there' };
const posix = { skip: process.platform === 'win32' && 'modes, links and shells are written otherwise there' };

/**
 * Creates a project with the hooks installed, and a client of the given version.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} [options]
 */
async function scene(t, { version = '2.1.329', setUp = true, args = /** @type {string[]} */ ([]) } = {}) {
  const place = world(t);
  const client = join(place.root, 'clients', version, 'claude');
  mkdirSync(join(client, '..'), { recursive: true });
  writeFileSync(client, '#!/bin/sh\n');
  chmodSync(client, 0o755);
  writeFileSync(join(client, '..', 'package.json'), JSON.stringify({ name: '@anthropic-ai/claude-code', version }));
  place.env.CC_RECOVER_CLAUDE = client;
  if (setUp) await hooked(place);
  if (args.length > 0) assert.equal((await place.run(['init', '--yes', ...args])).status, 0);
  const doctor = async (/** @type {Record<string, string>} */ env = {}, /** @type {string[]} */ argv = []) => {
    const { status, stdout, stderr } = await place.run(['doctor', '--json', ...argv], { env });
    assert.equal(stderr, '');
    const report = JSON.parse(stdout);
    assert.equal(report.ok, status === 0);
    return { status, report, of: (/** @type {string} */ id) => report.checks.filter((/** @type {any} */ check) => check.id === id), bad: report.checks.filter((/** @type {any} */ check) => check.status !== 'ok') };
  };
  /** Returns the only check that is not `ok`. */
  const only = async (/** @type {Record<string, string>} */ env = {}) => {
    const { status, bad } = await doctor(env);
    assert.equal(bad.length, 1, JSON.stringify(bad, null, 1));
    assert.equal(status, bad[0].status === 'fail' ? 1 : 0);
    assert.notEqual(bad[0].next, null, 'it says what to do next');
    return bad[0];
  };
  const settings = join(place.project, '.claude', 'settings.json');
  return { place, client, settings, doctor, only };
}

/** Returns every file below a directory with its bytes and its time. @param {string} dir */
const everything = (dir) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).toSorted().map((name) => {
    const path = join(dir, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    return [name, stat?.mtimeMs, stat?.isFile() ? readFileSync(path, 'base64') : null];
  });

test('doctor passes in a project that was just set up, and changes nothing', posix, async (t) => {
  const { place, doctor } = await scene(t);
  const before = everything(place.root);
  const { status, report, bad } = await doctor();
  assert.deepEqual([status, bad], [0, []]);
  assert.equal(report.project, place.project);
  const ids = report.checks.map((/** @type {any} */ { id }) => id);
  assert.deepEqual(ids, ['node', 'client', 'hooks', 'runtime', 'launcher', 'coverage', 'ran', 'hooks-allowed', 'config', 'saving', 'retention', 'note', 'state', 'privacy', 'journal', 'incidents', 'spool', 'quarantine', 'supervisor', 'credential']);
  const { stdout, status: shown } = await place.run(['doctor', '--all']);
  assert.equal(shown, 0);
  assert.match(stdout, /^Everything is in order for recovery in ~?.*project: 20 checks\.\n\nok {4}node {10} *Node\.js v/);
  const short = await place.run(['doctor']);
  assert.match(short.stdout, /^Everything is in order for recovery in ~?.*project: 20 checks\.\n\nok {4}20 checks passed \(--all prints each\)\n$/);
  assert.deepEqual(await place.run(['doctor', '--quiet']), { status: 0, signal: null, stdout: '', stderr: '' });
  assert.deepEqual(everything(place.root), before);
});

test('in the home directory doctor suggests init --user, because init refuses to set up that directory', posix, async (t) => {
  const { place } = await scene(t, { setUp: false });
  const { stdout } = await place.run(['doctor', '--json'], { cwd: place.home });
  const setup = JSON.parse(stdout).checks.find((/** @type {any} */ { id }) => id === 'setup');
  assert.equal(setup.next, 'run cc-session-recover init --user');
  assert.equal((await place.run(['init', '--user', '--yes'], { cwd: place.home })).status, 0);
});

test('the fact of each passed check is a whole sentence', posix, async (t) => {
  const { doctor } = await scene(t);
  const { of } = await doctor();
  assert.deepEqual([of('incidents')[0].fact, of('journal')[0].fact], ['0 unfinished stops recorded', 'the journal is intact (1 line)']);
});

/** Returns the names of the checks that a screen lists. @param {string} text */
const idsOf = (text) => [...text.matchAll(/^(?:FAIL|warn|ok {2}) {2}([a-z-]+)/gm)].map(([, id]) => id);

test('doctor prints what fails first, then what warns, and then how many checks passed', posix, async (t) => {
  const { place, doctor } = await scene(t);
  rmSync(join(place.project, '.claude', 'cc-session-recover'), { recursive: true });
  chmodSync(place.state, 0o755);
  const { report } = await doctor();
  const inOrder = ['fail', 'warn', 'ok'].flatMap((status) => report.checks.filter((/** @type {any} */ check) => check.status === status));
  assert.notDeepEqual(inOrder, report.checks, 'the JSON keeps the order of the checks');
  const all = await place.run(['doctor', '--all']);
  assert.deepEqual(idsOf(all.stdout), inOrder.map(({ id }) => id));
  const short = await place.run(['doctor']);
  const wrong = inOrder.filter(({ status }) => status !== 'ok');
  assert.deepEqual(idsOf(short.stdout), wrong.map(({ id }) => id));
  assert.ok(short.stdout.endsWith(`\n\nok    ${report.checks.length - wrong.length} checks passed (--all prints each)\n`), short.stdout);
});

test('doctor finds the project from a subdirectory and accepts another directory as argument', posix, async (t) => {
  const { place, doctor } = await scene(t);
  mkdirSync(join(place.project, 'deeper'));
  const { stdout } = await place.run(['doctor', '--json'], { cwd: join(place.project, 'deeper') });
  assert.equal(JSON.parse(stdout).project, place.project);
  const { status, of } = await doctor({}, [place.home]);
  assert.deepEqual([status, of('setup')[0].status, of('setup')[0].next], [1, 'fail', 'run cc-session-recover init --user']);
});

test('doctor reports only that recovery is not set up where no hooks are installed', posix, async (t) => {
  const { only } = await scene(t, { setUp: false });
  const { id, fact, next } = await only();
  assert.deepEqual([id, fact, next], ['setup', 'recovery is not set up here', 'run cc-session-recover init']);
});

/** @type {[string, (scene: Awaited<ReturnType<typeof scene>>) => unknown, {id: string, status: 'warn' | 'fail', fact: RegExp, path?: RegExp}][]} */
const ILLS = [
  ['a hook that the user edited', ({ settings }) => writeFileSync(settings, readFileSync(settings, 'utf8').replace('"timeout": 10', '"timeout": 11')), { id: 'hooks', status: 'fail', fact: /^hooks differ from what this version writes: SessionStart$/, path: /settings\.json$/ }],
  ['a hook that is gone', ({ settings }) => { const value = JSON.parse(readFileSync(settings, 'utf8')); delete value.hooks.StopFailure; writeFileSync(settings, JSON.stringify(value)); }, { id: 'hooks', status: 'fail', fact: /^hooks are missing: StopFailure$/ }],
  ['hooks that are all gone', ({ settings }) => writeFileSync(settings, '{}'), { id: 'hooks', status: 'fail', fact: /no longer in it/ }],
  ['a settings file that is gone', ({ settings }) => unlinkSync(settings), { id: 'hooks', status: 'fail', fact: /no longer exists/ }],
  ['a runtime that is gone', ({ place }) => rmSync(join(place.state, 'runtime'), { recursive: true }), { id: 'runtime', status: 'fail', fact: /is missing/, path: /runtime/ }],
  ['a runtime that is damaged', ({ place }) => { const dir = join(place.state, 'runtime'); const file = join(dir, readdirSync(dir)[0], 'addon.node'); const bytes = readFileSync(file); bytes[bytes.length >> 1] ^= 255; writeFileSync(file, bytes); }, { id: 'runtime', status: 'fail', fact: /is damaged/, path: /runtime/ }],
  ['a session in which no hook ran', ({ place }) => { const dir = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-')); mkdirSync(dir, { recursive: true }); writeFileSync(join(dir, `${idOf(7)}.jsonl`), `${JSON.stringify({ type: 'user', timestamp: new Date(Date.now() + 60_000).toISOString(), sessionId: idOf(7) })}\n`); }, { id: 'ran', status: 'fail', fact: /^no hook has run since init, although 1 session was started here$/, path: /projects/ }],
  ['a runtime of another version', ({ place }) => { const dir = join(place.state, 'runtime'); const [name] = readdirSync(dir); rmSync(join(dir, name), { recursive: true }); mkdirSync(join(dir, '0.0.1-000000000000'), { mode: 0o700 }); }, { id: 'runtime', status: 'warn', fact: /a different version/ }],
  ['a launcher that is gone', ({ place }) => unlinkSync(join(place.project, '.claude', 'cc-session-recover', 'hook.js')), { id: 'launcher', status: 'fail', fact: /is missing/, path: /hook\.js$/ }],
  ['a launcher that was changed', ({ place }) => appendFileSync(join(place.project, '.claude', 'cc-session-recover', 'hook.js'), '// mine\n'), { id: 'launcher', status: 'warn', fact: /differs from what this version writes/ }],
  ['hooks that are switched off in the project', ({ place }) => writeFileSync(join(place.project, '.claude', 'settings.local.json'), '{"disableAllHooks": true}'), { id: 'hooks-allowed', status: 'fail', fact: /hooks are disabled/, path: /settings\.local\.json$/ }],
  ['hooks that are switched off by the user', ({ place }) => writeFileSync(join(place.claude, 'settings.json'), '{"disableAllHooks": true}'), { id: 'hooks-allowed', status: 'fail', fact: /hooks are disabled/, path: /\.claude\/settings\.json$/ }],
  ['settings of the user that cannot be read', ({ place }) => writeFileSync(join(place.claude, 'settings.json'), '{"model": '), { id: 'hooks-allowed', status: 'fail', fact: /cannot be read/ }],
  ['a configuration that is not valid', ({ place }) => writeFileSync(join(place.root, 'config.json'), '{"heartbeats": {}}'), { id: 'config', status: 'fail', fact: /heartbeats/, path: /config\.json$/ }],
  ['a graceSeconds within the window of the client', ({ place }) => writeFileSync(join(place.root, 'config.json'), '{"heartbeat": {"graceSeconds": 10}}'), { id: 'config', status: 'warn', fact: /graceSeconds is 10, .* this tool waits for it anyway/, path: /config\.json$/ }],
  ['a narrowing of the project that is not valid', ({ place }) => writeFileSync(join(place.project, '.claude', 'session-recover.json'), '{"launcher": "x"}'), { id: 'config', status: 'fail', fact: /launcher/, path: /session-recover\.json$/ }],
  ['transcripts that are deleted after two days', ({ place }) => writeFileSync(join(place.claude, 'settings.json'), '{"cleanupPeriodDays": 2}'), { id: 'retention', status: 'warn', fact: /for 2 days/ }],
  ['a note with an unresolved merge', ({ place }) => appendFileSync(join(place.project, 'HANDOFF.md'), '<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n'), { id: 'note', status: 'warn', fact: /unresolved merge/ }],
  ['a note that is gone', ({ place }) => unlinkSync(join(place.project, 'HANDOFF.md')), { id: 'note', status: 'warn', fact: /HANDOFF\.md does not exist/ }],
  ['files that others may read', ({ place }) => chmodSync(join(place.state, 'journal.jsonl'), 0o644), { id: 'privacy', status: 'warn', fact: /other users .* 1 path /, path: /journal\.jsonl$/ }],
  ['a journal that was edited', ({ place }) => appendFileSync(join(place.state, 'journal.jsonl'), '{"event":"forged"}\n'), { id: 'journal', status: 'warn', fact: /broken in 1 place$/ }],
  ['a damaged incident', ({ place }) => { mkdirSync(join(place.state, 'incidents'), { recursive: true, mode: 0o700 }); writeFileSync(join(place.state, 'incidents', `${idOf(9)}.json`), '{', { mode: 0o600 }); }, { id: 'incidents', status: 'warn', fact: /damaged/ }],
  ['an event that was never processed', ({ place }) => { const dir = join(place.state, 'spool'); mkdirSync(dir, { recursive: true, mode: 0o700 }); const file = join(dir, `${idOf(9)}.1-1-1.json`); writeFileSync(file, '{}', { mode: 0o600 }); utimesSync(file, 1, 1); }, { id: 'spool', status: 'warn', fact: /^hook events that were never processed: 1$/ }],
  ['a file in quarantine', ({ place }) => { mkdirSync(join(place.state, 'quarantine'), { mode: 0o700 }); writeFileSync(join(place.state, 'quarantine', 'x.json'), '{', { mode: 0o600 }); }, { id: 'quarantine', status: 'warn', fact: /^1 damaged file was set aside/ }],
];

for (const [what, spoil, wanted] of ILLS) {
  test(`${what} is reported with the file and what to do next, and nothing else is`, posix, async (t) => {
    const made = await scene(t);
    assert.deepEqual((await made.doctor()).bad, [], 'all was in order before');
    await spoil(made);
    const check = await made.only();
    assert.deepEqual([check.id, check.status], [wanted.id, wanted.status], JSON.stringify(check));
    assert.match(check.fact, wanted.fact);
    if (wanted.path !== undefined) assert.match(check.path, wanted.path);
  });
}

test('a link in place of the note, and two sets of hooks, are reported', posix, async (t) => {
  const { place, doctor } = await scene(t);
  unlinkSync(join(place.project, 'HANDOFF.md'));
  symlinkSync('/etc/passwd', join(place.project, 'HANDOFF.md'));
  const { status, of } = await doctor();
  assert.deepEqual([status, of('note')[0].status], [1, 'fail']);
  assert.match(of('note')[0].fact, /is a symbolic link/);
  assert.deepEqual([of('hooks')[0].status, of('hooks')[0].next], ['warn', 'repair HANDOFF.md and run cc-session-recover doctor again']);
  unlinkSync(join(place.project, 'HANDOFF.md'));
  writeFileSync(join(place.project, 'HANDOFF.md'), Buffer.from([255, 254, 0]));
  assert.match((await doctor()).of('note')[0].fact, /not UTF-8/);
  unlinkSync(join(place.project, 'HANDOFF.md'));
  assert.equal((await place.run(['init', '--yes', '--user'])).status, 0);
  assert.match((await doctor()).of('setup')[0].fact, /in 2 settings files/);
});

test('a directory that does not exist is not examined', async (t) => {
  const place = world(t);
  const { status, stderr } = await place.run(['doctor', join(place.root, 'none')]);
  assert.equal(status, 3);
  assert.match(stderr, /none: does not exist\n {2}next: name the directory of a project\n/);
});

test('a client that is too old or missing is reported with what it cannot do', posix, async (t) => {
  for (const [version, status, fact] of /** @type {[string, string, RegExp][]} */ ([['2.1.79', 'warn', /no hook can wake/], ['2.1.45', 'warn', /do not record how an answer ended/], ['2.1.200', 'warn', /does not continue by itself/], ['2.1.250', 'ok', /2\.1\.250/]])) {
    const { doctor } = await scene(t, { version });
    const [check] = (await doctor()).of('client');
    assert.equal(check.status, status, version);
    assert.match(check.fact, fact);
  }
  const { doctor } = await scene(t);
  const { of, bad } = await doctor({ CC_RECOVER_CLAUDE: '/nothing/claude' });
  const [check] = of('client');
  assert.deepEqual([check.id, check.status, check.path], ['client', 'fail', '/nothing/claude']);
  // The launcher records the variables that are in force at `init`, so it differs from what this environment would write.
  assert.deepEqual(bad.map((/** @type {any} */ { id }) => id), ['client', 'launcher']);
});

test('doctor reports the environment variables that keep a client from saving sessions', posix, async (t) => {
  const { place, only, doctor } = await scene(t);
  const skip = await only({ CLAUDE_CODE_SKIP_PROMPT_HISTORY: '1' });
  assert.deepEqual([skip.id, skip.status], ['saving', 'fail']);
  const child = await only({ CLAUDE_CODE_CHILD_SESSION: '1', CLAUDE_PID: '999999999' });
  assert.deepEqual([child.id, child.status], ['saving', 'warn']);
  // If the client still runs, its variables are no sign of a fault.
  assert.deepEqual((await doctor({ CLAUDE_CODE_CHILD_SESSION: '1', CLAUDE_PID: String(process.pid) })).bad, []);
  assert.deepEqual((await doctor({ CLAUDE_CODE_CHILD_SESSION: '1', CLAUDE_CODE_FORCE_SESSION_PERSISTENCE: '1' })).bad, []);
  writeFileSync(join(place.claude, 'settings.json'), '{"cleanupPeriodDays": 0}');
  const { status, of } = await doctor();
  assert.equal(status, 1);
  assert.match(of('saving')[0].fact, /cleanupPeriodDays is 0/);
});

test('doctor requires a supervisor and a login for unattended runs, and does not read the credentials file', posix, async (t) => {
  const { place, doctor } = await scene(t, { args: ['--unattended'] });
  const bare = await doctor();
  assert.equal(bare.status, 1);
  assert.deepEqual(bare.bad.map((/** @type {any} */ { id, status }) => [id, status]), process.platform === 'darwin' ? [['supervisor', 'warn']] : [['supervisor', 'warn'], ['credential', 'fail']]);
  const credentials = join(place.claude, '.credentials.json');
  writeFileSync(credentials, 'x', { mode: 0o000 });
  const [check] = (await doctor()).of('credential');
  assert.deepEqual([check.status, check.path], ['ok', credentials]);
  unlinkSync(credentials);
  assert.equal((await doctor({ ANTHROPIC_API_KEY: 'sk-never-shown' })).of('credential')[0].status, process.platform === 'darwin' ? 'ok' : 'warn');
  writeFileSync(join(place.claude, 'settings.json'), '{"apiKeyHelper": "/bin/true"}');
  assert.equal((await doctor()).of('credential')[0].status, 'ok');
});

test('a state directory that cannot be written is reported', { skip: process.platform === 'win32' || process.getuid?.() === 0 ? 'everything can be written by root' : false }, async (t) => {
  const { place, doctor } = await scene(t);
  chmodSync(place.state, 0o500);
  t.after(() => chmodSync(place.state, 0o700));
  assert.equal((await doctor()).of('state')[0].status, 'fail');
});

test('a state directory that is a file is reported, and a missing one is not', posix, async (t) => {
  const { place, doctor } = await scene(t, { setUp: false });
  assert.equal(existsSync(place.state), false);
  assert.equal((await doctor()).of('state')[0].status, 'ok');
  writeFileSync(place.state, '');
  const [check] = (await doctor()).of('state');
  assert.deepEqual([check.status, check.path], ['fail', place.state]);
});

test('in the home directory doctor finds the client that is installed below it', posix, async (t) => {
  const place = world(t);
  const bin = join(place.env.HOME, '.local', 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'claude'), '#!/bin/sh\necho "2.1.332 (Claude Code)"\n', { mode: 0o755 });
  const env = { PATH: `${bin}:${place.env.PATH}` };
  const clientIn = async (/** @type {string} */ cwd) => JSON.parse((await place.run(['doctor', '--json'], { cwd, env })).stdout).checks.find((/** @type {any} */ { id }) => id === 'client');
  assert.equal((await clientIn(place.env.HOME)).path, join(bin, 'claude'));
  // A project below the home directory never provides the client that runs.
  assert.notEqual((await clientIn(join(place.env.HOME, '.local'))).path, join(bin, 'claude'));
});

test('names what continues each open session, and why the module of the plugin is not loaded', linux, async (t) => {
  const { place, doctor } = await scene(t, { setUp: false });
  const client = livingClient(place, idOf(7));
  const arm = async () => (await doctor()).of('session').map((/** @type {any} */ { status, fact }) => [status, fact.replace(/^\S+ in process \d+: /, '')]);
  assert.deepEqual(await arm(), [['warn', 'nothing continues it']]);
  await hooked(place);
  assert.deepEqual(await arm(), [['ok', 'a hook waits and continues it']]);

  const { directory } = JSON.parse((await place.run(['plugin', '--json'])).stdout);
  const settings = (/** @type {object} */ more) => writeFileSync(join(place.claude, 'settings.json'), JSON.stringify({ extraKnownMarketplaces: { 'cc-session-recover': { source: { source: 'directory', path: directory } } }, enabledPlugins: { 'cc-session-recover@cc-session-recover': true }, ...more }));
  settings({});
  assert.match((await arm())[0][1], /^a hook waits and continues it; no module: its client was started before the plugin was installed/);
  assert.equal((await doctor()).of('module')[0].status, 'ok');

  // The question that the module asks when its session starts.
  const launcher = join(directory, 'cc-session-recover', 'hooks', 'cc-session-recover', 'hook.js');
  const env = { ...place.env, CLAUDE_PROJECT_DIR: place.project, CLAUDE_PID: String(client.pid) };
  const asked = spawnSync(process.execPath, [launcher, 'module'], { env, input: JSON.stringify({ ask: 'plan', session: idOf(7) }), encoding: 'utf8' });
  assert.equal(JSON.parse(asked.stdout).next, 'nobody');
  assert.deepEqual(await arm(), [['ok', "the plugin's module waits and continues it"]]);
  // The same client after /clear.
  client.register(idOf(8));
  assert.deepEqual(await arm(), [['ok', "the plugin's module waits and continues it"]]);

  settings({ disableAllHooks: true });
  const { of } = await doctor();
  assert.deepEqual(of('module').map((/** @type {any} */ { status, path }) => [status, path]), [['warn', join(place.claude, 'settings.json')]]);
  assert.match(of('session')[0].fact, /nothing continues it/);
});

test('init mentions the plugin if Claude Code would load its module', async (t) => {
  for (const [version, offered] of /** @type {[string, boolean][]} */ ([['2.1.286', true], ['2.1.285', false]])) {
    const { place } = await scene(t, { setUp: false, version });
    const { status, stdout, stderr } = await place.run(['init', '--yes']);
    assert.equal(status, 0, stderr);
    assert.equal(/can also load the plugin \(`[^`]* plugin`\)/.test(stdout), offered, stdout);
  }
});
