// A session whose client was closed after a stop, on the real client: it is resumed once when what stopped it is over, in its own
// directory, mode and model, verified, and told about.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { createRequire } from 'node:module';
import { QUICK, scene, step, until } from './scene.mjs';

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
    assert.deepEqual(stage.inhabitants(), []);
  });
});
