// `resume`, `recall` and the sessions that were open at a crash, through the command.

import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { idOf, livingClient, transcriptText } from './lib/hooks.mjs';

const linux = process.platform !== 'linux';

/**
 * Writes a session's transcript where the client would store it.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string} fixture
 * @param {{id: string, cwd?: string, home?: string}} options
 */
function session(place, fixture, { id, cwd = place.project, home = place.claude }) {
  const directory = join(home, 'projects', cwd.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${id}.jsonl`);
  writeFileSync(path, transcriptText(fixture, { id, cwd }));
  return path;
}

/** @param {{status: number | null, stdout: string, stderr: string}} result */
function answer({ status, stdout, stderr }) {
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** Creates a `claude` that records how it was started. @param {ReturnType<typeof world>} place */
function recordingClient(place) {
  const program = join(place.root, 'bin', 'claude');
  const record = join(place.root, 'started');
  mkdirSync(join(place.root, 'bin'), { recursive: true });
  writeFileSync(program, `#!/bin/sh\n{ pwd; printf '%s\\n' "$@"; echo "config=$CLAUDE_CONFIG_DIR"; echo "child=$CLAUDECODE"; } > ${record}\nexit 7\n`);
  chmodSync(program, 0o755);
  return { program, record };
}

/**
 * Runs a command line in a separate terminal.
 *
 * @param {string[]} argv
 * @param {{cwd: string, env: Record<string, string | undefined>}} options
 */
function onTerminal(argv, options) {
  const line = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
}

test('the printed command opens the session in its directory with its configuration directory', async (t) => {
  const place = world(t);
  const [id, other] = [idOf(1), idOf(2)];
  session(place, 'finished-interactive', { id });
  const instance = join(place.home, '.ccs', 'instances', 'work');
  session(place, 'finished-print', { id: other, home: instance });
  assert.equal((await place.run(['resume', id, '--print-command'])).stdout, `cd ${place.project} && claude --resume=${id}\n`);
  const elsewhere = await place.run(['resume', other.slice(0, 36), '--print-command'], { cwd: place.home });
  assert.equal(elsewhere.stdout, `cd ${place.project} && CLAUDE_CONFIG_DIR=${instance} claude --resume=${other}\n`);
  // The command removes the variables with which a client marks its child processes.
  const inside = await place.run(['resume', id, '--dry-run'], { env: { CLAUDECODE: '1', CLAUDE_CODE_SESSION_ID: other } });
  assert.match(inside.stdout, /env -u CLAUDECODE -u CLAUDE_CODE_SESSION_ID/);
});

test('a session that was resumed elsewhere is resumed where it was started', async (t) => {
  const place = world(t);
  const id = idOf(3);
  const path = session(place, 'finished-interactive', { id });
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const last = lines.findLastIndex((line) => line.includes('"type":"assistant"'));
  lines[last] = JSON.stringify({ ...JSON.parse(lines[last]), cwd: place.home });
  writeFileSync(path, `${lines.join('\n')}\n`);
  const [plan] = answer(await place.run(['resume', id, '--json'])).plans;
  assert.deepEqual([plan.cwd, plan.action], [place.project, 'resume']);
  assert.match(plan.why, /in which it was started/);
});

test('resume on a terminal starts the client and returns its exit code', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(4);
  session(place, 'finished-interactive', { id });
  const { program, record } = recordingClient(place);
  const env = { ...place.env, CC_RECOVER_CLAUDE: program, CLAUDECODE: '1' };
  const { status, output } = await onTerminal([process.execPath, join(ROOT, 'bin', 'cc-session-recover.js'), 'resume', id], { cwd: place.home, env });
  assert.equal(status, 7, output);
  assert.deepEqual(readFileSync(record, 'utf8').split('\n').slice(0, 4), [place.project, `--resume=${id}`, `config=${place.claude}`, 'child=']);
});

test('resume --with uses the launcher in place of claude, and reports a missing launcher', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(5);
  session(place, 'finished-interactive', { id });
  const { program, record } = recordingClient(place);
  const env = { ...place.env, PATH: `${join(place.root, 'bin')}:${place.env.PATH}` };
  const printed = await place.run(['resume', id, '--with', 'claude work', '--print-command'], { env });
  assert.equal(printed.stdout, `cd ${place.project} && ${program} work --resume=${id}\n`);
  const { status, output } = await onTerminal([process.execPath, join(ROOT, 'bin', 'cc-session-recover.js'), 'resume', id, '--with', 'claude work'], { cwd: place.home, env });
  assert.equal(status, 7, output);
  assert.deepEqual(readFileSync(record, 'utf8').split('\n').slice(0, 3), [place.project, 'work', `--resume=${id}`]);
  const [plan] = answer(await place.run(['resume', id, '--with', './claude', '--json'], { env, cwd: join(place.root, 'bin') }).then((result) => ({ ...result, status: result.status === 4 ? 0 : result.status }))).plans;
  assert.deepEqual([plan.action, plan.why], ['refused', 'cannot find ./claude on PATH outside the project']);
});

test('resume does not start a client inside the project', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(5);
  session(place, 'finished-interactive', { id });
  const { record } = recordingClient(place);
  mkdirSync(join(place.project, 'bin'));
  symlinkSync(join(place.root, 'bin', 'claude'), join(place.project, 'bin', 'claude'));
  writeFileSync(join(place.project, 'claude'), '#!/bin/sh\ntouch ran\n', { mode: 0o755 });
  const node = join(place.root, 'node');
  mkdirSync(node);
  symlinkSync(process.execPath, join(node, 'node'));
  const env = { ...place.env, PATH: `${join(place.project, 'bin')}:${place.project}:/usr/bin:/bin` };
  if (['/usr/bin/claude', '/bin/claude'].some(existsSync)) return t.skip('a claude is installed among the system programs');
  const { status, output } = await onTerminal([process.execPath, join(ROOT, 'bin', 'cc-session-recover.js'), 'resume', id], { cwd: place.project, env });
  assert.equal(status, 3, output);
  assert.match(output, /cannot find claude on PATH outside the project/);
  assert.equal(existsSync(record) || existsSync(join(place.project, 'ran')), false);
});

test('resume refuses a session that is already open', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(6);
  session(place, 'finished-interactive', { id });
  const client = livingClient(place, id);
  const { status, stdout, stderr } = await place.run(['resume', id, '--print-command']);
  assert.deepEqual([status, stdout], [4, '']);
  assert.match(stderr, new RegExp(`process ${client.pid} has it open`));
  assert.match(stderr, /next: /);
  // A session in the background can be opened by attaching to it.
  const record = join(place.claude, 'sessions', `${client.pid}.json`);
  writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, 'utf8')), kind: 'bg', jobId: id.slice(0, 8) }));
  assert.match((await place.run(['resume', id, '--print-command'])).stdout, new RegExp(`claude attach ${id.slice(0, 8)}\n$`));
  await client.kill();
  assert.equal((await place.run(['resume', id, '--print-command'])).status, 0);
});

test('resume of a session whose directory is gone suggests relocate', async (t) => {
  const place = world(t);
  const id = idOf(7);
  session(place, 'finished-interactive', { id, cwd: join(place.home, 'gone') });
  const { status, stderr } = await place.run(['resume', id, '--print-command']);
  assert.equal(status, 4);
  assert.match(stderr, /does not exist[^]*relocate/);
});

test('resume finds a session by id, id prefix, name and --latest', async (t) => {
  const place = world(t);
  const [one, two] = ['aaaa1111-0000-4000-8000-000000000001', 'aaaa2222-0000-4000-8000-000000000002'];
  session(place, 'renamed', { id: one });
  session(place, 'finished-print', { id: two });
  const found = async (/** @type {string[]} */ ...words) => answer(await place.run(['resume', ...words, '--json'])).plans[0].session.id;
  assert.equal(await found(one), one);
  assert.equal(await found('aaaa2'), two);
  assert.equal(await found('My Parser'), one);
  assert.equal(await found('my parser'), one);
  assert.ok([one, two].includes(await found('--latest')));
  const ambiguous = await place.run(['resume', 'aaaa', '--json']);
  assert.equal(ambiguous.status, 3);
  for (const id of [one, two]) assert.ok(ambiguous.stderr.includes(`  ${id.slice(0, 8)}  `), ambiguous.stderr);
  assert.equal((await place.run(['resume', 'no such thing', '--json'])).status, 3);
  assert.equal((await place.run(['resume', 'aa', '--json'])).status, 3);
  assert.equal((await place.run(['resume', '--json'])).status, 2);
  assert.equal((await place.run(['resume', one])).status, 2, 'there is no terminal');
  assert.equal((await place.run(['resume', '--all-crashed'])).status, 2);
  assert.equal((await place.run(['show', 'aaaa'])).status, 3);
});

test('list --open-at-crash lists sessions whose client was killed until they are reopened or end normally', { skip: linux }, async (t) => {
  const place = world(t);
  const [killed, idle, ended] = [idOf(11), idOf(12), idOf(13)];
  const clients = [killed, idle, ended].map((id) => livingClient(place, id));
  session(place, 'killed-mid-turn', { id: killed });
  session(place, 'quota-5h-interactive', { id: idle });
  session(place, 'finished-interactive', { id: ended });
  const listed = async () => answer(await place.run(['list', '--open-at-crash', '--json'])).sessions.map((/** @type {any} */ { id }) => id).toSorted();
  assert.deepEqual(await listed(), [], 'they are open');
  for (const client of clients) await client.kill();
  assert.deepEqual(await listed(), [killed, idle], 'the third has the mark of a graceful end');
  assert.equal(answer(await place.run(['show', idle, '--json'])).openAtCrash.died, 'client');
  const lines = await place.run(['resume', '--all-crashed', '--print-command']);
  assert.equal(lines.status, 0, lines.stderr);
  assert.deepEqual(lines.stdout.trimEnd().split('\n').map((line) => line.split('=').at(-1)).toSorted(), [killed, idle]);
  assert.match((await place.run(['status', '--all'])).stdout, /resume --all-crashed --print-command/);
  livingClient(place, idle);
  assert.deepEqual(await listed(), [killed]);
});

test('after a restart of the machine, sessions that were open are reported as crashed with it', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(14);
  const path = session(place, 'quota-5h-interactive', { id });
  // Pretend that it happened before the machine was started.
  const booted = Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
  const before = new Date((booted - 3600) * 1000).toISOString();
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"timestamp":"[^"]+"/g, `"timestamp":"${before}"`));
  mkdirSync(join(place.claude, 'sessions'), { recursive: true });
  const record = { pid: 4_000_000, sessionId: id, cwd: place.project, startedAt: (booted - 7200) * 1000, procStart: '1', version: '2.1.329', kind: 'interactive', status: 'idle' };
  writeFileSync(join(place.claude, 'sessions', '4000000.json'), JSON.stringify(record));
  const [{ openAtCrash }] = answer(await place.run(['list', '--open-at-crash', '--json'])).sessions;
  assert.equal(openAtCrash.died, 'machine');
  assert.ok(openAtCrash.evidence.length >= 2);
});

test('recall prints the first and the latest prompt, latest session first', async (t) => {
  const place = world(t);
  session(place, 'finished-interactive', { id: idOf(21) });
  session(place, 'renamed', { id: idOf(22) });
  const { recalled } = answer(await place.run(['recall', '--json']));
  assert.equal(recalled.length, 2);
  const renamed = recalled.find((/** @type {any} */ one) => one.session.id === idOf(22));
  assert.equal(renamed.prompts[0].text, 'run the tests for the parser');
  assert.equal(renamed.prompts.at(-1).text, 'third prompt');
  assert.equal(answer(await place.run(['recall', '--recent', '1', '--json'])).recalled.length, 1);
  assert.equal(answer(await place.run(['recall', '--since', '2999-01-01', '--json'])).recalled.length, 0);
  const shown = await place.run(['recall']);
  assert.match(shown.stdout, /My Parser/);
  assert.match(shown.stdout, /third prompt/);
});

test('list reports an unreadable directory and lists the rest', { skip: linux || process.getuid?.() !== 0 }, async (t) => {
  const place = world(t);
  session(place, 'finished-interactive', { id: idOf(31) });
  const closed = join(place.claude, 'projects', '-closed');
  mkdirSync(closed, { mode: 0o700 });
  writeFileSync(join(place.claude, 'projects', 'x'), '');
  execFileSync('chmod', ['-R', 'a+rX', place.root]);
  chmodSync(closed, 0o000);
  const nobody = ['--reuid=65534', '--clear-groups', process.execPath, join(ROOT, 'bin', 'cc-session-recover.js'), 'list', '--json'];
  const readable = existsSync('/usr/bin/setpriv');
  if (!readable) return t.skip('setpriv is not installed');
  const result = execFileSync('setpriv', nobody, { env: { ...place.env, CC_RECOVER_STATE_DIR: join(place.root, 'nobody') }, cwd: '/' });
  const report = JSON.parse(result.toString());
  assert.deepEqual(report.sessions.map((/** @type {any} */ { id }) => id), [idOf(31)]);
  assert.ok(report.problems.some((/** @type {any} */ { path }) => path === closed), JSON.stringify(report.problems));
  chmodSync(closed, 0o700);
});

test('list, recall and status report that there are no sessions', async (t) => {
  const place = world(t);
  for (const argv of [['list'], ['recall'], ['status', '--all']]) {
    const { status, stdout } = await place.run(argv);
    assert.equal(status, 0);
    assert.match(stdout, /[Nn]o /, argv.join(' '));
  }
  rmSync(place.claude, { recursive: true });
  assert.equal((await place.run(['list'])).status, 0);
  assert.ok(readdirSync(place.root).includes('home') && realpathSync(place.root) === place.root);
});

test('resume selects the copy that a client started here would open, and a path selects any copy', async (t) => {
  const place = world(t);
  const id = idOf(41);
  const own = session(place, 'finished-interactive', { id });
  const other = join(place.home, '.ccs', 'instances', 'work');
  const copy = session(place, 'finished-interactive', { id, home: other });
  const plan = async (/** @type {string} */ name, options = {}) => answer(await place.run(['resume', name, '--json'], options)).plans[0];
  assert.equal((await plan(id)).session.transcript, own);
  assert.equal((await plan(copy)).session.transcript, copy);
  assert.equal((await plan(id, { env: { CLAUDE_CONFIG_DIR: other } })).session.transcript, copy);
  // Two transcripts in one configuration directory: that of the current directory is chosen, otherwise the id is ambiguous.
  const elsewhere = join(place.home, 'moved');
  mkdirSync(elsewhere);
  const moved = session(place, 'finished-interactive', { id, cwd: elsewhere });
  assert.equal((await plan(id, { cwd: elsewhere })).session.transcript, moved);
  assert.equal((await plan(id)).session.transcript, own);
  const ambiguous = await place.run(['resume', id, '--json'], { cwd: place.home });
  assert.equal(ambiguous.status, 3);
  assert.ok(ambiguous.stderr.includes(own) && ambiguous.stderr.includes(moved), ambiguous.stderr);
  assert.match(ambiguous.stderr, /next: give the path/);
});

test('resume of a session in the default configuration directory unsets the variable of another one', async (t) => {
  const place = world(t);
  const id = idOf(42);
  session(place, 'finished-interactive', { id });
  const other = join(place.root, 'other');
  mkdirSync(other);
  const { stdout } = await place.run(['resume', id, '--print-command'], { env: { CLAUDE_CONFIG_DIR: other } });
  assert.equal(stdout, `cd ${place.project} && env -u CLAUDE_CONFIG_DIR claude --resume=${id}\n`);
  const shown = answer(await place.run(['show', id, '--json'], { env: { CLAUDE_CONFIG_DIR: other } }));
  assert.deepEqual(shown.commands.resume.slice(0, 3), ['env', '-u', 'CLAUDE_CONFIG_DIR']);
});

test('a session whose records name another directory is resumed by its transcript path', async (t) => {
  const place = world(t);
  const id = idOf(43);
  const path = session(place, 'finished-interactive', { id, cwd: join(place.home, 'moved') });
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(join(place.home, 'moved'), place.project));
  const [plan] = answer(await place.run(['resume', id, '--json'])).plans;
  assert.deepEqual([plan.cwd, plan.argv], [place.project, ['claude', `--resume=${path}`]]);
});

test('a session that only the history of prompts still names is reported as gone', async (t) => {
  const place = world(t);
  const id = idOf(44);
  writeFileSync(join(place.claude, 'history.jsonl'), `${JSON.stringify({ display: 'fix the tests', timestamp: Date.now(), project: place.project, sessionId: id })}\n`);
  const { status, stderr } = await place.run(['resume', id, '--json']);
  assert.equal(status, 3);
  assert.match(stderr, /transcript of .* is gone; its last prompt was "fix the tests"/);
});

test('resume --latest selects the latest session that can be resumed, or reports why none can', { skip: linux }, async (t) => {
  const place = world(t);
  const [plain, gone, open] = [idOf(51), idOf(52), idOf(53)];
  const made = [
    { id: plain, cwd: place.project, minutes: 30 },
    { id: gone, cwd: join(place.home, 'gone'), minutes: 20 },
    { id: open, cwd: place.project, minutes: 10 },
  ].map(({ id, cwd, minutes }) => {
    const path = session(place, 'finished-interactive', { id, cwd });
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"timestamp":"[^"]+"/g, `"timestamp":"${new Date(Date.now() - minutes * 60_000).toISOString()}"`));
    return path;
  });
  const client = livingClient(place, open);
  const latest = async (/** @type {string[]} */ ...more) => (await place.run(['resume', '--latest', '--print-command', ...more])).stdout;
  assert.equal(await latest(), `cd ${place.project} && claude --resume=${plain}\n`);
  rmSync(/** @type {string} */ (made[0]));
  const refused = await place.run(['resume', '--latest', '--print-command']);
  assert.equal(refused.status, 4);
  assert.match(refused.stderr, /has it open/);
  await client.kill();
  assert.equal(await latest(), `cd ${place.project} && claude --resume=${open}\n`);
});

test('recall omits sessions without a conversation', async (t) => {
  const place = world(t);
  const [said, silent] = [idOf(54), idOf(55)];
  session(place, 'finished-interactive', { id: said });
  const path = session(place, 'finished-interactive', { id: silent });
  writeFileSync(path, `${readFileSync(path, 'utf8').split('\n').filter((line) => !/"type":"(user|assistant)"/.test(line) && !line.includes('last-prompt')).join('\n')}`);
  writeFileSync(join(place.claude, 'history.jsonl'), `${JSON.stringify({ display: '/model', timestamp: Date.now(), project: place.project, sessionId: silent })}\n`);
  const { stdout } = await place.run(['recall']);
  assert.ok(stdout.includes(said.slice(0, 8)));
  assert.doesNotMatch(stdout, /nothing said yet|\/model/);
  assert.equal(answer(await place.run(['list', '--json'])).sessions.length, 2);
});

test('resume reports a client that was named but cannot be started, and exits with 3', { skip: linux }, async (t) => {
  const place = world(t);
  const id = idOf(56);
  session(place, 'finished-interactive', { id });
  const { program } = recordingClient(place);
  chmodSync(program, 0o644);
  const env = { ...place.env, CC_RECOVER_CLAUDE: program };
  const argv = [process.execPath, join(ROOT, 'bin', 'cc-session-recover.js')];
  const { status, output } = await onTerminal([...argv, 'resume', id], { cwd: place.home, env });
  assert.equal(status, 3, output);
  assert.ok(output.includes(`${program}: CC_RECOVER_CLAUDE names a file that is not executable`), output);
  const printed = await place.run(['resume', id, '--print-command'], { env: { CC_RECOVER_CLAUDE: program } });
  assert.deepEqual([printed.status, printed.stdout], [0, `cd ${place.project} && claude --resume=${id}\n`]);
  assert.match(printed.stderr, /warning: .*not executable/);
  const drilled = await place.run(['drill'], { env: { CC_RECOVER_CLAUDE: program } });
  assert.equal(drilled.status, 3, drilled.stderr);
  assert.match(drilled.stderr, /CC_RECOVER_CLAUDE names a file that is not executable\n {2}next: /);
});
