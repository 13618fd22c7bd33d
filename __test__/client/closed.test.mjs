// A session whose client was closed after a stop, on the real client: it is resumed once when what stopped it is over, in its own
// directory, mode and model, verified, and told about.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { createRequire } from 'node:module';
import { QUICK, pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

const { clientEnvironment } = createRequire(import.meta.url)('../../bin/loopback/client.js');

/** The supervisor's waits, cut to what a test can wait for. */
const SOON = { ...QUICK, supervisor: { marginSeconds: 0.5, jitterSeconds: 0.5, pollSeconds: 1 } };

/** A project whose closed sessions may go on without a person. */
async function agreed(t, options = {}) {
  const stage = await scene(t, { config: SOON, ...options });
  if (stage === null) return null;
  // As on a person's machine, credential and API are there for whoever starts the client: hooks do not get the token.
  const { ANTHROPIC_BASE_URL, CLAUDE_CODE_OAUTH_TOKEN } = clientEnvironment(stage.home, stage.api);
  writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ env: { ANTHROPIC_BASE_URL, CLAUDE_CODE_OAUTH_TOKEN } }));
  const { code, stderr } = await stage.cli('init', stage.home.project, '--unattended', '--json');
  assert.equal(code, 0, stderr);
  return stage;
}

/** Looks after everything until nothing is owed; its looks. */
async function watched(stage, ...args) {
  const { code, stdout, stderr } = await stage.cliWithApi('watch', '--until-done', '--json', ...args);
  assert.equal(code, 0, stderr);
  return stdout.trim().split('\n').map((line) => JSON.parse(line));
}

const incidentOf = (stage, id) => JSON.parse(readFileSync(path.join(stage.home.stateDir, 'incidents', `${id}.json`), 'utf8'));

/** Parents with more than one child among the messages of the conversation. */
function forks(records) {
  const children = new Map();
  for (const record of records.filter(({ parentUuid, isSidechain }) => parentUuid && !isSidechain)) children.set(record.parentUuid, (children.get(record.parentUuid) ?? 0) + 1);
  return [...children].filter(([, count]) => count > 1);
}

/** The same, or `null` while nothing is noted. */
const noted = (stage, id) => (existsSync(path.join(stage.home.stateDir, 'incidents', `${id}.json`)) ? incidentOf(stage, id) : null);

/** Waits until an incident is in one of these phases. */
const reaches = (stage, id, phases, seconds = 60) =>
  until(`${phases} of ${id}`, () => {
    const incident = noted(stage, id);
    return incident !== null && phases.includes(incident.phase) ? incident : null;
  }, seconds, () => JSON.stringify(noted(stage, id), null, 1));

/** Stops a one-shot run and gives its session id. */
async function stopped(stage, options) {
  const { stdout } = await stage.once('Do the task.', options);
  return JSON.parse(stdout).session_id;
}

const recovered = step.text('The task is finished now.', { times: 5 });

suite('a closed session', { concurrency: 2 }, () => {
  test('that a usage limit stopped in a one-shot run goes on after the reset, once, and its report is true', async (t) => {
    const stage = await agreed(t, { scenario: [step.limitFor('5h', 6), step.text('The task is finished now.', { times: 5 })] });
    if (stage === null) return;
    const { stdout } = await stage.once('Do the task.');
    const { session_id: id } = JSON.parse(stdout);
    const reset = stage.errorRecords(id).at(-1).quotaLimits.resetsAt * 1000;
    const before = stage.home.records(id);
    await watched(stage);
    const incident = await until('the recovery', () => {
      const now = incidentOf(stage, id);
      return now.phase === 'recovered' ? now : null;
    }, 60);
    const [attempt] = incident.attempts;
    assert.equal(incident.attempts.length, 1);
    assert.deepEqual([attempt.action, attempt.outcome, attempt.run.result.answers, attempt.run.result.hollow, attempt.run.result.damage], ['resume', 'continued', 1, null, null]);
    assert.ok(Date.parse(attempt.at) >= reset, 'not before the reset');
    assert.ok(Date.parse(attempt.at) <= reset + 120_000, 'within 120 s of it');
    const after = stage.home.records(id);
    assert.deepEqual(after.slice(0, before.length), before, 'the transcript only grew');
    assert.deepEqual(forks(after), forks(before));
    assert.equal(stage.api.conversation().filter(({ at }) => at >= reset).length, 1, 'one request after the reset');
    assert.match(attempt.run.result.lastWords, /The task is finished now/);
    assert.ok(!stage.home.handoff().includes(id), 'nothing is owed in HANDOFF.md');
    await until('the supervisor to leave', () => stage.inhabitants().length === 0, 20);
  });

  test('whose terminal was closed goes on in its own directory, mode and model', async (t) => {
    const stage = await agreed(t, { scenario: [step.limitFor('5h', 8), recovered] });
    if (stage === null) return;
    const terminal = await openTerminal(t, stage, { args: ['--permission-mode', 'acceptEdits', '--model', 'claude-haiku-4-5'] });
    if (terminal === null) return;
    const { sessionId: id } = await terminal.session();
    await terminal.type('Do the task.');
    await reaches(stage, id, ['waiting'], 20);
    const before = stage.home.records(id);
    await terminal.end();
    const { attempts, stop } = await reaches(stage, id, ['recovered']);
    assert.equal(attempts.length, 1);
    const { run } = attempts[0];
    assert.ok(Date.parse(attempts[0].at) >= Date.parse(stop.resetsAt));
    const [init] = readFileSync(run.log, 'utf8').split('\n').filter((line) => line.includes('"subtype":"init"')).map((line) => JSON.parse(line));
    assert.deepEqual([init.cwd, init.permissionMode, init.session_id], [stage.home.project, 'acceptEdits', id]);
    const after = stage.home.records(id);
    assert.deepEqual(after.slice(0, before.length), before);
    assert.deepEqual(forks(after), forks(before));
    assert.deepEqual([run.result.answers, run.result.damage, run.result.hollow], [1, null, null]);
  });

  test('that is limited again goes on after the new reset', async (t) => {
    const stage = await agreed(t, { scenario: [step.limitFor('5h', 4), step.limitFor('5h', 7), recovered] });
    if (stage === null) return;
    const id = await stopped(stage);
    const { attempts } = await reaches(stage, id, ['recovered'], 90);
    assert.deepEqual(attempts.map(({ outcome }) => outcome), ['stopped-again', 'continued']);
    const resets = stage.errorRecords(id).map(({ quotaLimits }) => quotaLimits.resetsAt * 1000);
    assert.equal(resets.length, 2);
    for (const [index, reset] of resets.entries()) assert.ok(Date.parse(attempts[index].at) >= reset, `attempt ${index + 1} is not before its reset`);
    assert.equal(stage.api.conversation().length, 3, 'one request each');
  });

  test('goes on after an overload and after a lost connection, by the schedule', async (t) => {
    const config = { ...SOON, retry: { scheduleMinutes: [0.05, 0.05, 0.05] } };
    const stage = await agreed(t, { config, scenario: [step.failure('overloaded'), step.drop('before'), recovered] });
    if (stage === null) return;
    const id = await stopped(stage, { env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
    const { attempts } = await reaches(stage, id, ['recovered', 'held', 'given-up'], 120);
    assert.equal(attempts.at(-1).outcome, 'continued');
    assert.ok(attempts.length <= 3, String(attempts.length));
  });

  for (const [words, failure] of [['a refused credential', 'auth'], ['no credit', 'billing'], ['a full context', 'context-full']]) {
    test(`that ${words} stopped is never started again, and the note says what to do`, async (t) => {
      const stage = await agreed(t, { scenario: [step.failure(failure, { times: 50 })] });
      if (stage === null) return;
      const id = await stopped(stage, { env: { CLAUDE_CODE_MAX_RETRIES: '0' } });
      await until('the note', () => stage.home.handoff().includes(id), 10);
      const requests = stage.api.conversation().length;
      await watched(stage);
      await pause(3);
      assert.equal(stage.api.conversation().length, requests, 'no further request');
      assert.deepEqual(incidentOf(stage, id).attempts, []);
      assert.match(stage.home.handoff(), /person is needed/);
    });
  }

  test('is left to a person after a weekly limit, and goes on where that is asked for', async (t) => {
    for (const [config, phase, runs] of [[SOON, 'held', 0], [{ ...SOON, stops: { 'usage-limit-weekly': 'resume' } }, 'recovered', 1]]) {
      const stage = await agreed(t, { config, scenario: [step.limitFor('weekly', 4), recovered] });
      if (stage === null) return;
      const id = await stopped(stage);
      const incident = await reaches(stage, id, [phase]);
      if (runs === 0) await pause(6);
      assert.equal(incidentOf(stage, id).attempts.length, runs, phase);
      assert.equal(incident.stop.kind, 'usage-limit-weekly');
    }
  });

  test('is held when what decides what runs in its project changed since, and nothing of it runs', async (t) => {
    for (const [name, text] of /** @type {[string, (stage: any) => string][]} */ ([
      ['.claude/settings.local.json', (stage) => JSON.stringify({ hooks: { SessionStart: [{ hooks: [{ type: 'command', command: `touch ${stage.home.root}/planted` }] }] } })],
      ['.mcp.json', (stage) => JSON.stringify({ mcpServers: { planted: { command: 'touch', args: [`${stage.home.root}/planted`] } } })],
      ['.claude/session-recover.json', () => '{}'],
      ['CLAUDE.md', () => 'Do something else.'],
      ['.claude/cc-session-recover/hook.js', (stage) => `require('fs').writeFileSync(${JSON.stringify(`${stage.home.root}/planted`)}, '')`],
    ])) {
      const stage = await agreed(t, { scenario: [step.limitFor('5h', 5), recovered] });
      if (stage === null) return;
      const id = await stopped(stage);
      await reaches(stage, id, ['waiting'], 10);
      writeFileSync(path.join(stage.home.project, name), text(stage));
      const { plan, attempts } = await reaches(stage, id, ['held'], 12).catch((error) => {
        throw new Error(`${name}: ${stage.inhabitants().map(({ pid }) => pid)} ${readFileSync(path.join(stage.home.stateDir, 'journal.jsonl'), 'utf8').slice(-1500)}`, { cause: error });
      });
      assert.match(plan.why, new RegExp(`changed since the stop: ${name.replaceAll('.', '\\.')}`));
      assert.deepEqual(attempts, []);
      assert.equal(existsSync(path.join(stage.home.root, 'planted')), false, name);
      assert.equal(stage.api.conversation().length, 1);
    }
  });

  test('that a person opened again just before is left alone', async (t) => {
    const stage = await agreed(t, { scenario: [step.limitFor('5h', 8), recovered] });
    if (stage === null) return;
    const id = await stopped(stage);
    const terminal = await openTerminal(t, stage, { args: [`--resume=${id}`] });
    if (terminal === null) return;
    await until('the planned second to pass', () => Date.now() > Date.parse(incidentOf(stage, id).plan.at ?? 0) + 4000, 20);
    assert.equal(stage.api.conversation().length, 1, 'nothing was asked');
    assert.deepEqual(incidentOf(stage, id).attempts, []);
  });

  test('goes on at once when a person asks for it, without an agreement', async (t) => {
    const stage = await scene(t, { config: SOON, scenario: [step.limitFor('5h', 2), recovered] });
    if (stage === null) return;
    const id = await stopped(stage);
    await pause(3);
    const { code, stdout, stderr } = await stage.cliWithApi('resume', id.slice(0, 8), '--now', '--json');
    assert.equal(code, 0, stderr + stdout);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.phase, report.attempt.outcome, report.attempt.run.result.answers], ['recovered', 'continued', 1]);
  });

  test('whose supervisor was killed while it worked is not started twice, and is verified by the next one', async (t) => {
    const stage = await agreed(t, { scenario: [step.limitFor('5h', 4), step.think(8, 'The task is finished now.'), recovered] });
    if (stage === null) return;
    const id = await stopped(stage);
    const { attempts } = await reaches(stage, id, ['attempting'], 30);
    process.kill(attempts[0].run.supervisor.pid, 'SIGKILL');
    const incident = await until('the recovery', async () => {
      await watched(stage);
      const now = incidentOf(stage, id);
      return now.phase === 'recovered' ? now : null;
    }, 60);
    assert.equal(incident.attempts.length, 1, JSON.stringify(incident.attempts, null, 1));
    assert.equal(incident.attempts[0].run.result.answers, 1);
    assert.equal(stage.api.conversation().length, 2);
    assert.deepEqual(forks(stage.home.records(id)), []);
  });
});
