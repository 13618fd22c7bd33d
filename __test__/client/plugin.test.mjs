// The plugin in the real client: it is valid, installs without a network, its hooks continue a session after a limit, its commands are
// available, and together with hooks in settings nothing is done twice.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { pause, run, scene, step, until } from './scene.mjs';

const ID = 'cc-session-recover@cc-session-recover';

/** Runs the client's own command line in a scene. */
function claude(stage, ...args) {
  const env = stage.home.environment({ ANTHROPIC_API_KEY: 'sk-ant-api03-loopback-only-not-a-credential', ANTHROPIC_BASE_URL: stage.api.url, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' });
  return run(stage.client, args, { cwd: stage.home.project, env });
}

/** Creates a scene with the plugin, installed by the commands that `plugin` prints. */
async function withPlugin(t, { init = false, to = undefined, ...options } = {}) {
  const stage = await scene(t, { init, ...options });
  if (stage === null) return null;
  const { code, stdout, stderr } = await stage.cli('plugin', '--json', ...(to === undefined ? [] : ['--to', path.join(stage.home.root, to)]));
  assert.equal(code, 0, stderr);
  const { directory, next } = JSON.parse(stdout);
  for (const [, ...words] of next) {
    const ran = await claude(stage, ...words);
    assert.equal(ran.code, 0, `${words.join(' ')}: ${ran.stdout}${ran.stderr}`);
  }
  return Object.assign(stage, { directory, plugin: path.join(directory, 'cc-session-recover') });
}

/** Runs a session through a limit of some seconds and returns what it left. */
async function overALimit(stage, options = {}) {
  stage.api.play(step.limitFor('5h', 15), step.text('The task is finished.', { times: 9 }));
  const session = stage.open(options);
  session.prompt('Do the task.');
  await until('the session', () => session.id, 30);
  await stage.stop(session.id);
  const refusedAt = stage.api.conversation().at(-1).at;
  const waiting = await stage.incident(session.id, ({ phase }) => phase === 'waiting');
  assert.equal(waiting.stop.kind, 'usage-limit-5h');
  await until('the second turn', () => session.results().length === 2, 30);
  await stage.incident(session.id, ({ phase }) => phase === 'recovered');
  await pause(3);
  const journal = readFileSync(path.join(stage.home.stateDir, 'journal.jsonl'), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
  return { session, incident: stage.home.incident(session.id), continues: stage.api.conversation(refusedAt).length, journal: journal.filter((line) => line.session === session.id) };
}

/** Returns the events in a session's journal. */
const told = ({ journal }) => journal.map(({ event }) => event);

/** Returns how often the model received the text for the start of a session. */
const handedOver = (stage) => JSON.stringify(stage.api.requests).split('survives interruptions').length - 1;

suite('the plugin', { concurrency: 2 }, () => {
  for (const version of [VERSIONS.current, VERSIONS.beforeApiError, VERSIONS.beforeQuotaLimits]) {
    test(`the plugin is valid for ${version}, installs offline, is read in place, and is removed completely`, async (t) => {
      const stage = await withPlugin(t, { version });
      if (stage === null) return;
      // 2.1.250 refuses to validate a module with events that it does not know; it still installs the plugin and runs its hooks.
      const validated = version === VERSIONS.beforeApiError ? [stage.directory] : [stage.directory, stage.plugin];
      for (const what of validated) {
        const { code, stdout, stderr } = await claude(stage, 'plugin', 'validate', ...(version === VERSIONS.current && what === stage.directory ? ['--strict'] : []), what);
        assert.equal(code, 0, `${stdout}${stderr}`);
        assert.match(stdout, /Validation passed/);
      }
      if (version === VERSIONS.current) {
        const { code, stdout } = await claude(stage, 'plugin', 'validate', '--profile', 'directory', '--strict', '--json', stage.plugin);
        assert.equal(code, 0, stdout);
        // Negative control: the same plugin without its README is refused.
        writeFileSync(path.join(stage.plugin, 'README.md'), '');
        assert.equal((await claude(stage, 'plugin', 'validate', '--profile', 'directory', stage.plugin)).code, 1);
      }
      assert.deepEqual(stage.api.conversation(), [], 'no model was asked');
      const again = JSON.parse((await stage.cli('plugin', '--dry-run', '--json')).stdout);
      assert.deepEqual(again.next, [], 'Claude Code has it');
      const removed = JSON.parse((await stage.cli('plugin', '--remove', '--json')).stdout);
      for (const [, ...words] of removed.next) assert.equal((await claude(stage, ...words)).code, 0, words.join(' '));
      const settings = JSON.parse(readFileSync(path.join(stage.home.configDir, 'settings.json'), 'utf8'));
      assert.deepEqual([settings.enabledPlugins?.[ID], settings.extraKnownMarketplaces?.['cc-session-recover']], [undefined, undefined]);
    });
  }

  for (const version of [VERSIONS.current, VERSIONS.beforeApiError]) {
    test(`the plugin records a stop without init, continues the session once, and adds its commands (${version})`, async (t) => {
      const stage = await withPlugin(t, { version, to: 'a $(touch bad) "b" \'c\'' });
      if (stage === null) return;
      const { session, incident, continues } = await overALimit(stage);
      assert.equal(continues, 1, 'exactly one continue');
      assert.deepEqual([incident.attempts.length, incident.attempts[0].outcome], [1, 'continued']);
      assert.equal(incident.project, stage.home.project);
      const { slash_commands: commands } = session.lines.find(({ type, subtype }) => type === 'system' && subtype === 'init');
      for (const name of ['session-rescue', 'handoff']) assert.ok(commands.includes(`cc-session-recover:${name}`), commands.join(' '));
      assert.deepEqual(stage.hookProcesses(), [], 'no hook is left behind');
    });
  }

  test('the plugin leaves a session to the project hooks, with one incident and one continuation', async (t) => {
    const both = await withPlugin(t, { init: true });
    if (both === null) return;
    const alone = await scene(t);
    const twice = await scene(t);
    assert.equal((await twice.cli('init', '--user', '--json')).code, 0);
    const [one, other, control] = [await overALimit(both), await overALimit(alone), await overALimit(twice)];
    assert.deepEqual([one.continues, one.incident.attempts.length], [1, 1]);
    assert.deepEqual(new Set(told(one)), new Set(told(other)), 'noted as with the hooks of the project alone');
    assert.equal(handedOver(both), handedOver(alone), 'the model receives it once');
    assert.ok(told(control).length > told(one).length && handedOver(twice) > handedOver(both), 'what was done twice would be seen');
  });

  test('the plugin handles a session whose last --setting-sources excludes the project settings', async (t) => {
    const stage = await withPlugin(t, { init: true });
    if (stage === null) return;
    const { continues, incident } = await overALimit(stage, { args: ['--setting-sources', 'user,project', '--setting-sources', 'user'] });
    assert.deepEqual([continues, incident.attempts.length], [1, 1]);
    assert.equal(JSON.stringify(stage.api.conversation()[0]).split('survives interruptions').length - 1, 1, 'the model receives it once');
  });

  test(`the plugin records such a stop when the client does not pass its process id (${VERSIONS.beforeQuotaLimits})`, async (t) => {
    const stage = await withPlugin(t, { init: true, version: VERSIONS.beforeQuotaLimits });
    if (stage === null) return;
    stage.api.play(step.limitFor('5h', 600));
    const session = stage.open({ args: ['--setting-sources', 'user'] });
    session.prompt('Do the task.');
    await until('the session', () => session.id, 30);
    const { stop } = await stage.incident(session.id, ({ phase }) => phase === 'waiting');
    assert.equal(stop.kind, 'usage-limit-5h');
  });

  test('the plugin works in an ES module project', async (t) => {
    const stage = await withPlugin(t, { to: 'project/tools' });
    if (stage === null) return;
    writeFileSync(path.join(stage.home.project, 'package.json'), '{"type":"module"}');
    const { continues } = await overALimit(stage);
    assert.equal(continues, 1);
  });

  test('the plugin does nothing when it is disabled in Claude Code', async (t) => {
    const stage = await withPlugin(t);
    if (stage === null) return;
    assert.equal((await claude(stage, 'plugin', 'disable', ID)).code, 0);
    stage.api.play(step.limitFor('5h', 4), step.text('The task is finished.', { times: 9 }));
    const session = stage.open();
    session.prompt('Do the task.');
    await until('the session', () => session.id, 30);
    await stage.stop(session.id);
    await pause(3);
    assert.equal(stage.home.incident(session.id), null);
  });
});
