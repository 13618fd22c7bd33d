// `kill`: saves and ends the matching client, and nothing else. The tests signal only processes that they started.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { finished, wholeSession } from './lib/belongings.mjs';
import { lives, nativeOf, playClient, startOf } from './lib/clients.mjs';
import { ROOT, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const skip = process.platform !== 'linux' && 'Linux only';
const isRoot = process.getuid?.() === 0;
const noNamespaces = skip || (spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status !== 0 && 'process-id namespaces need rights that are not there');

const events = (/** @type {any} */ place) => readFileSync(join(place.state, 'journal.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));

/** @param {string} line */
const sh = (line) => ['sh', '-c', line];

/** @param {any} place @param {string[]} before @param {Record<string, unknown>} told */
function rounds(place, before, told) {
  const argv = [...before, process.execPath, join(ROOT, '__test__', 'lib', 'kill-rounds.cjs'), JSON.stringify(told)];
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { cwd: place.project, env: place.env, encoding: 'utf8', maxBuffer: 16e6 });
  assert.equal(status, 0, stderr);
  return /** @type {{outcome: string, hit: boolean, naive?: boolean, control?: boolean}[]} */ (JSON.parse(stdout));
}

suite('kill', { skip }, () => {
  test('kill without a terminal requires --yes, and --dry-run only reports', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const client = await playClient(place, id);
    const silent = await place.run(['kill', id]);
    assert.deepEqual([silent.status, silent.stdout], [2, '']);
    assert.match(silent.stderr, /add --yes/);
    assert.equal((await place.run(['kill', id, '--json'])).status, 2);
    const looked = JSON.parse((await place.run(['kill', id, '--dry-run', '--json'])).stdout);
    assert.deepEqual([looked.dryRun, looked.outcome, looked.expected.pid, looked.expected.startToken, looked.signals, looked.exports], [true, 'planned', client.pid, client.start, [], []]);
    assert.equal(existsSync(place.state), false, 'nothing is written by a look');
    assert.ok(lives(client));
    const { status, stdout, stderr } = await place.run(['kill', id.slice(0, 8), '--yes', '--json']);
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual(await client.gone, { code: null, signal: 'SIGTERM' });
    assert.deepEqual([report.outcome, report.signals.map((/** @type {any} */ { pid, signal }) => [pid, signal])], ['ended', [[client.pid, 'TERM']]]);
    assert.deepEqual(report.commands.resume, ['claude', `--resume=${id}`]);
    assert.deepEqual([finished(join(place.state, 'exports')).length, report.exports[0].livePid], [1, client.pid]);
    assert.deepEqual(events(place).map(({ event }) => event), ['exported', 'kill-signal', 'kill']);
    assert.match(readFileSync(report.log, 'utf8'), new RegExp(`\\| ${id} \\| \\d+ \\| kill \\| process ${client.pid} ended, saved in `));
    for (const name of readdirSync(place.state, { recursive: true })) assert.equal(statSync(join(place.state, String(name))).mode & 0o077, 0, String(name));
    assert.equal((await place.run(['kill', id, '--yes'])).status, 6);
  });

  test('kill leaves the process alone when the export fails, and --no-export skips the export', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const client = await playClient(place, id);
    const file = join(place.root, 'file');
    writeFileSync(file, '');
    for (const to of [file, join(place.claude, 'projects', 'x')]) {
      const { status, stdout, stderr } = await place.run(['kill', id, '--yes', '--force', '--tree', '--to', to]);
      assert.notEqual(status, 0, stdout);
      assert.match(stderr, /it could not be saved, so it was not ended/);
      assert.ok(lives(client));
    }
    assert.ok(!events(place).some(({ event }) => event === 'kill-signal'));
    assert.equal((await place.run(['kill', id, '--yes', '--to', file, '--no-export'])).status, 0);
    assert.deepEqual(await client.gone, { code: null, signal: 'SIGTERM' });
  });

  test('kill ends a client that ignores SIGTERM only with --force', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const client = await playClient(place, id, { deaf: true });
    const patient = await place.run(['kill', String(client.pid), '--yes']);
    assert.equal(patient.status, 1);
    assert.match(patient.stdout, /is still running after 10 s/);
    assert.ok(lives(client));
    const forced = JSON.parse((await place.run(['kill', String(client.pid), '--yes', '--force', '--json'])).stdout);
    assert.deepEqual([forced.outcome, forced.signals.map((/** @type {any} */ { signal }) => signal)], ['killed', ['TERM', 'KILL']]);
    assert.deepEqual(await client.gone, { code: null, signal: 'SIGKILL' });
  });

  test('kill --tree lists the tools of a client and ends them', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const client = await playClient(place, id, { tool: ['sh', '-c', 'sleep 600 & wait'] });
    // A child has the name of the shell until it runs its own program.
    await until(async () => {
      const { children } = JSON.parse((await place.run(['kill', id, '--dry-run', '--tree', '--json'])).stdout);
      return children.some((/** @type {any} */ { command }) => command === 'sleep');
    }, 'the tool runs');
    const report = JSON.parse((await place.run(['kill', id, '--yes', '--tree', '--json'])).stdout);
    assert.deepEqual(report.children.map((/** @type {any} */ { command, fate }) => [command, fate]), [['sh', 'ended'], ['sleep', 'ended']]);
    assert.equal(report.signals.length, 3);
    for (const { pid, startToken } of report.children) assert.notEqual(startOf(pid), startToken);
    await client.gone;
  });

  test('kill never ends background-session helpers or processes that only resemble a client', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    for (const argv of [['daemon', 'run', '--origin', 'transient'], ['bg-pty-host', '--bg-pty-host', '/s', '200', '50'], ['bg-spare', '--bg-spare', '/s'], ['mcp', 'serve']]) {
      const alike = await playClient(place, id, { argv });
      for (const target of [id, String(alike.pid)]) {
        const { status, stderr } = await place.run(['kill', target, '--yes', '--force', '--no-export']);
        assert.equal(status, 4, `${argv} ${stderr}`);
      }
      assert.ok(lives(alike), argv.join(' '));
      rmSync(join(place.claude, 'sessions', `${alike.pid}.json`));
    }
    // Any other program is refused, whatever its record contains.
    const other = spawn('sleep', ['600'], { stdio: 'ignore' });
    place.endings.push(() => other.kill('SIGKILL'));
    const { status } = await place.run(['kill', String(other.pid), '--yes', '--force', '--no-export']);
    assert.deepEqual([status, other.exitCode, other.signalCode], [4, null, null]);
  });

  test('kill ends a background session with claude stop and sends no signal', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const worker = await playClient(place, id, { fields: { kind: 'bg', jobId: 'a1b2c3d4' } });
    const claude = join(place.root, 'claude');
    const log = join(place.root, 'stop.json');
    writeFileSync(claude, `#!${process.execPath}\nrequire('node:fs').writeFileSync(${JSON.stringify(log)}, JSON.stringify([process.argv.slice(2), process.env.CLAUDE_CONFIG_DIR ?? null, process.env.CLAUDECODE ?? null]));\nprocess.kill(${worker.pid}, 'SIGUSR2');\n`);
    chmodSync(claude, 0o755);
    const { status, stdout, stderr } = await place.run(['kill', id, '--yes', '--json'], { env: { CC_RECOVER_CLAUDE: claude, CLAUDECODE: '1' } });
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.way, report.outcome, report.signals], ['stop', 'ended', []]);
    assert.deepEqual(JSON.parse(readFileSync(log, 'utf8')), [['stop', 'a1b2c3d4'], null, null]);
    assert.deepEqual(await worker.gone, { code: null, signal: 'SIGUSR2' });
  });

  test('kill run below a client in any of 20 process shapes does not end that client; a naive kill does', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const said = join(place.root, 'said');
    const script = join(place.root, 'run.sh');
    const own = `'${process.execPath}' '${COMMAND}' kill ${id} --yes --force --no-export > '${said}' 2>&1; echo "exit $?" >> '${said}'`;
    writeFileSync(script, `#!/bin/sh\n${own}\n`);
    chmodSync(script, 0o755);
    const both = { without: ['CLAUDE_PID', 'CLAUDE_CODE_SESSION_ID', 'CLAUDECODE'] };
    /** @type {[string, string[], Record<string, any>?][]} */
    const shapes = [
      ['directly', [script]],
      ['in a shell', sh(`${script}; true`)],
      ['three shells down', sh(`sh -c "sh -c '${script}; true'; true"; true`)],
      ['in a subshell', sh(`( ( ${script}; true ) ; true )`)],
      ['in a pipe', sh(`${script} | cat`)],
      ['in the background of a shell', sh(`${script} & wait`)],
      ['without the variables', [script], both],
      ['without the variables, two shells down', sh(`sh -c '${script}; true'; true`), both],
      ['without its id', [script], { without: ['CLAUDE_PID'] }],
      ['without its session', [script], { without: ['CLAUDE_CODE_SESSION_ID'] }],
      ['in a session of its own', ['setsid', '-w', script]],
      ['in a session of its own, without the variables', ['setsid', '-w', script], both],
      ['orphaned', sh(`(setsid ${script} &)`)],
      ['orphaned, with the id only', sh(`(setsid ${script} &)`), { without: ['CLAUDE_CODE_SESSION_ID'] }],
      ['orphaned, with the session only', sh(`(setsid ${script} &)`), { without: ['CLAUDE_PID'] }],
      ['detached', [script], { detached: true }],
      ['with nohup', ['nohup', script]],
      ['with a time limit', ['timeout', '300', script]],
      ['by xargs', sh(`echo ${script} | xargs -n1 sh -c '"$0"; true'`)],
      ['by env with few variables', sh(`env -i PATH="$PATH" HOME="$HOME" CLAUDE_CONFIG_DIR="$CLAUDE_CONFIG_DIR" CC_RECOVER_STATE_DIR="$CC_RECOVER_STATE_DIR" ${script}; true`)],
    ];
    assert.equal(shapes.length, 20);
    for (const [shape, tool, more] of shapes) {
      const client = await playClient(place, id, { tool, ...more });
      const answer = () => (existsSync(said) ? /exit (\d+)/.exec(readFileSync(said, 'utf8'))?.[1] : undefined);
      await until(answer, `${shape}: the answer`);
      assert.equal(answer(), '4', `${shape}: ${existsSync(said) ? readFileSync(said, 'utf8') : 'nothing was said'}`);
      assert.ok(lives(client), shape);
      client.child.kill('SIGKILL');
      await client.gone;
      rmSync(said);
    }
    const naive = await playClient(place, id, { tool: sh('sleep 0.2; kill $PPID') });
    assert.deepEqual(await naive.gone, { code: null, signal: 'SIGTERM' });
  });

  test('kill signals no other process in 500 rounds of reused process ids', { skip: noNamespaces }, (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    wholeSession(place, { id: idOf(2) });
    const told = rounds(place, ['unshare', '-pf', '--mount-proc'], { kind: 'reused', rounds: 500, native: nativeOf(place.root), session: id, other: idOf(2) });
    assert.deepEqual([told.length, told.filter(({ hit }) => hit).length], [500, 0]);
    const tried = told.filter(({ control }) => control === undefined);
    for (const { outcome } of tried) assert.ok(['CHANGED_MEANWHILE', 'NOTHING_TO_DO', 'KILL_REFUSED', 'SESSION_NOT_FOUND'].includes(outcome), outcome);
    assert.deepEqual([tried.length, tried.every(({ naive }) => naive)], [480, true], 'whoever remembers the id alone ends the other every time');
    assert.ok(told.filter(({ control }) => control !== undefined).every(({ control, outcome }) => control && outcome === 'ended'), 'the same client is ended where its id was not reused');
  });

  test('kill signals no client of another user in 100 attempts', { skip: skip || (!isRoot && 'root only') }, (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const native = nativeOf(place.root);
    chmodSync(place.root, 0o755);
    const told = rounds(place, [], { kind: 'foreign', rounds: 100, native, session: id, other: id });
    assert.deepEqual([told.length, told.filter(({ hit }) => hit).length, told.every(({ naive }) => naive)], [100, 0, true]);
    for (const { outcome } of told) assert.equal(outcome, 'KILL_REFUSED');
  });

  test('a target that matches nothing, or several sessions, is refused with what exists', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const one = await playClient(place, id);
    const two = await playClient(place, id);
    const both = await place.run(['kill', id, '--yes']);
    assert.equal(both.status, 3);
    for (const { pid } of [one, two]) assert.ok(both.stderr.includes(String(pid)), both.stderr);
    for (const [target, expected] of [['pts/9999', 3], ['zzzz', 3], ['4194305', 3], ['1', 4]]) {
      assert.equal((await place.run(['kill', String(target), '--yes'])).status, expected, String(target));
    }
    assert.ok(lives(one) && lives(two));
  });
});

