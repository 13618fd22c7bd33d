// Clients of the real program, started by these tests: `kill` ends them and they are resumed afterwards; processes that it must not end
// keep running.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { openBackground } from './background.mjs';
import { alive, descendants, kill, run, scene, step, until, wordsOf } from './scene.mjs';
import { ASKS, SHORT, WORK, allows, tells, work } from './states.mjs';
import { startOf } from '../lib/clients.mjs';
import { openTerminal } from './terminal.mjs';
import { createRequire } from 'node:module';

const { clientEnvironment } = createRequire(import.meta.url)('../../bin/loopback/client.js');
const CLI = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../bin/cc-session-recover.js');

/** Creates a launcher of our command and returns a PATH with its directory. */
function onPath(stage) {
  const dir = path.join(stage.home.root, 'bin');
  mkdirSync(dir, { recursive: true });
  writeFileSync(path.join(dir, 'cc-session-recover'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`);
  chmodSync(path.join(dir, 'cc-session-recover'), 0o755);
  return `${dir}${path.delimiter}${process.env.PATH}`;
}

/** Returns a step in which the model runs a command line. */
const calls = (command) => step.tool('Bash', { command, description: 'Rescue' });

suite('kill of a real client', { concurrency: 2 }, () => {
  test('in a terminal, with a tool that runs: it is saved, ends as on its own, and continues when it is resumed', async (t) => {
    const stage = await scene(t, { init: false, config: SHORT, scenario: [step.text('The word is ALPHA.'), work()] });
    if (stage === null) return;
    stage.program('work.sh', WORK);
    const terminal = await openTerminal(t, stage, { args: allows('Bash') });
    if (terminal === null) return;
    const { pid } = terminal;
    const { sessionId: id } = await terminal.session();
    await terminal.type('Say the word.');
    await tells(stage, id, { state: 'active', activity: 'idle', stop: 'finished', pid }, 30);
    await terminal.type('Do the work.');
    const tools = await until('the tool', async () => {
      const below = await descendants(pid);
      return below.some(({ command }) => command === 'sleep') && below;
    }, 30);
    stage.endings.push(() => tools.forEach((tool) => kill(tool.pid)));

    const looked = JSON.parse((await stage.cli('kill', terminal.tty, '--dry-run', '--json')).stdout);
    assert.deepEqual([looked.expected.pid, looked.expected.session, looked.tty, looked.way], [pid, id, terminal.tty, 'signal']);
    assert.ok(looked.risks.some((risk) => risk.includes('in the middle of a turn')), looked.risks.join(' '));
    assert.ok(looked.children.some(({ command, fate }) => command === 'sleep' && fate === 'running'));

    const { code, stdout, stderr } = await stage.cli('kill', terminal.tty, '--yes', '--tree', '--json');
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.equal(report.outcome, 'ended');
    assert.deepEqual([report.signals[0].pid, report.signals[0].signal], [pid, 'TERM']);
    t.diagnostic(`children: ${JSON.stringify(report.children.map(({ command, fate }) => [command, fate]))}, signals: ${report.signals.length}`);
    assert.ok(report.children.every(({ fate }) => fate === 'ended'));
    assert.ok(startOf(pid) === null && tools.every((tool) => startOf(tool.pid) === null));
    assert.ok(!existsSync(path.join(stage.home.configDir, 'sessions', `${pid}.json`)), 'it took its record away itself');
    const saved = JSON.parse(readFileSync(path.join(report.exports[0].path, 'manifest.json'), 'utf8'));
    const now = readFileSync(stage.home.transcript(id));
    const then = readFileSync(path.join(report.exports[0].path, `${id}.jsonl`));
    assert.deepEqual(now.subarray(0, then.length), then, 'what was saved is the beginning of what is there');
    assert.equal(saved.session.livePid, pid);
    assert.equal((await stage.shown(id)).live, null);

    assert.deepEqual(report.commands.resume, ['claude', `--resume=${id}`]);
    stage.api.play(step.text('BRAVO follows.'));
    const resumed = await stage.once('And the next word?', { args: [`--resume=${id}`] });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(JSON.parse(resumed.stdout).result, /BRAVO/);
    assert.ok(JSON.stringify(stage.api.conversation().at(-1).messages).includes('ALPHA'), 'with all that was said before');
  });

  test('`claude stop` ends a background worker, and kill refuses daemon, hosts and spares', async (t) => {
    const stage = await scene(t, { init: false, config: SHORT, scenario: [step.text('Answered.')] });
    if (stage === null) return;
    const background = openBackground(stage);
    const one = await background.start('Do the first task.', ...ASKS);
    await tells(stage, one.id, { state: 'active', activity: 'idle', stop: 'finished', pid: one.pid }, 30);
    const helpers = () => stage.inhabitants().map(({ pid }) => ({ pid, line: wordsOf(pid) })).filter(({ line }) => line.some((word) => word === 'daemon' || word === 'bg-pty-host' || word === 'bg-spare' || word === '--bg-spare'));
    const refused = [];
    // A spare process that became the worker keeps its command line, so skip it.
    for (const { pid, line } of helpers().filter((helper) => helper.pid !== one.pid)) {
      const { code, stderr } = await stage.cli('kill', String(pid), '--yes', '--force', '--no-export');
      // A spare process may have ended by itself in the meantime.
      if (code === 3 && !alive(pid)) continue;
      assert.equal(code, 4, `${line.join(' ')}: ${stderr}`);
      assert.ok(alive(pid) || line.some((word) => word.endsWith('bg-spare')), line.join(' '));
      refused.push(line.slice(0, 3).join(' '));
    }
    t.diagnostic(`refused: ${refused.length}`);
    assert.ok(refused.length >= 2);
    const { code, stdout, stderr } = await run(process.execPath, [CLI, 'kill', one.id, '--yes', '--json'], { cwd: stage.home.project, env: clientEnvironment(stage.home, stage.api, { env: { CC_RECOVER_CLAUDE: stage.client } }) });
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.way, report.outcome, report.signals, report.exports.length], ['stop', 'ended', [], 1]);
    assert.equal(startOf(one.pid), null);
    assert.ok(helpers().some(({ line }) => line.includes('daemon')), 'the daemon lives');
    stage.api.play(step.text('BRAVO.'));
    const resumed = await stage.once('Go on.', { args: [`--resume=${one.id}`] });
    assert.equal(resumed.code, 0, resumed.stderr);
  });

  test('from within its own session it is refused, and the session continues', async (t) => {
    const stage = await scene(t, { init: false, config: SHORT });
    if (stage === null) return;
    stage.program('end-me.sh', `#!/bin/sh\ncc-session-recover kill "$CLAUDE_CODE_SESSION_ID" --yes --force --no-export 2>&1; echo "exit $?"\ncc-session-recover kill "$CLAUDE_PID" --yes --force --no-export 2>&1; echo "exit $?"\n`);
    stage.api.play(step.tool('Bash', { command: './end-me.sh', description: 'End' }), step.text('Still here.'));
    const { code, stdout, stderr } = await stage.once('End yourself.', { args: [...ASKS, '--allowed-tools=Bash'], env: { PATH: onPath(stage) } });
    assert.equal(code, 0, stderr);
    const { result, session_id: id } = JSON.parse(stdout);
    assert.equal(result, 'Still here.');
    const told = JSON.stringify(stage.home.records(id));
    assert.equal(told.match(/exit 4/g)?.length >= 2, true, told.slice(-2000));
    assert.match(told, /it is the session you are in/);
  });

  test('/session-rescue lists without a permission prompt and ends nothing without permission', async (t) => {
    const stage = await scene(t, { config: SHORT });
    if (stage === null) return;
    const env = { PATH: onPath(stage) };
    // `init` ran where the command is on no PATH, so the slash commands name the package by its paths.
    const slashCommand = readFileSync(path.join(stage.home.project, '.claude', 'commands', 'session-rescue.md'), 'utf8');
    const own = /Bash\((.*) rescue --status:\*\)/.exec(slashCommand)?.[1] ?? assert.fail(slashCommand);
    stage.api.play(calls(`${own} rescue --status --flat`), step.text('Listed.'));
    const listed = await stage.once('/session-rescue --status', { args: ASKS, env });
    const list = JSON.parse(listed.stdout);
    assert.deepEqual([list.result, list.permission_denials], ['Listed.', []], 'a look needs no permission');
    assert.match(JSON.stringify(stage.home.records(list.session_id)), /Sessions: 1 open/);
    assert.match(JSON.stringify(stage.api.conversation().at(-1).messages), /Run one of the `[^`]* rescue` commands/, 'the client knows the command');

    stage.api.play(calls(`${own} rescue --dry-run --kill 4194305`), calls(`${own} rescue --kill 4194305 --force`), step.text('Not ended.'));
    const asked = JSON.parse((await stage.once('/session-rescue --kill 4194305 --force', { args: ASKS, env })).stdout);
    assert.deepEqual(asked.permission_denials.map(({ tool_input: { command } }) => command), [`${own} rescue --kill 4194305 --force`], 'ending does');

    stage.api.play(calls(`${own} handoff --write`), step.text('Noted.'));
    const noted = JSON.parse((await stage.once('/handoff', { args: ASKS, env })).stdout);
    assert.deepEqual([noted.result, noted.permission_denials], ['Noted.', []]);
  });
});
