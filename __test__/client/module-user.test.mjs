// What a user does at the keyboard while the plugin's module waits: Esc, a dialog, another session, /compact, their own prompt, or
// removing the plugin. Each test states what the API received and what the screen showed.

import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { emptyPath, hideNode } from '../lib/native.mjs';
import { CONFIG, GRACE, byPlugin, finished, limited, noHookWaits, past, withModule } from './module-scene.mjs';
import { pause, run, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** The latest measured start of the client's own continuation is 106 s after the reset. */
const CLIENT_ACTS = 115_000;
/** Time after the reset by which the module has acted. */
const MODULE_ACTS = (GRACE + 6) * 1000;
/** The client's own prompt. */
const NATIVE = /Your claude\.ai usage limit has reset/;

const texts = (requests) => requests.map(({ lastUser }) => lastUser ?? '');
/** Sessions that have a transcript. */
const transcripts = (stage) => {
  const projects = path.join(stage.home.configDir, 'projects');
  return readdirSync(projects).flatMap((name) => readdirSync(path.join(projects, name)).filter((file) => file.endsWith('.jsonl')));
};
/** Records of a conversation that have two successors: the conversation was forked there. */
function forks(stage, id) {
  const said = stage.home.records(id).filter(({ type, isSidechain }) => (type === 'user' || type === 'assistant') && !isSidechain);
  const parents = said.map(({ parentUuid }) => parentUuid).filter((parent) => parent !== null);
  return parents.filter((parent, index) => parents.indexOf(parent) !== index);
}

async function waits(t, options, seconds) {
  const stage = await withModule(t, options);
  const here = stage && (await limited(t, stage, seconds));
  if (!here) return null;
  await noHookWaits(stage);
  await here.terminal.shows(/Claude Code continues this session itself/);
  return { stage, ...here };
}

/** A limited session with the plugin installed from its marketplace, as a user installs it, and a way to run the client's own commands. */
async function installed(t, seconds) {
  const stage = await withModule(t);
  if (stage === null) return null;
  const env = stage.home.environment({ ANTHROPIC_API_KEY: 'sk-ant-api03-loopback-only-not-a-credential', ANTHROPIC_BASE_URL: stage.api.url, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' });
  const claude = async (...words) => {
    const { code, stdout, stderr } = await run(stage.client, words, { cwd: stage.home.project, env });
    assert.equal(code, 0, `${words.join(' ')}: ${stdout}${stderr}`);
  };
  const { next } = JSON.parse((await stage.cli('plugin', '--json')).stdout);
  for (const [, ...words] of next) await claude(...words);
  stage.args = ['--permission-mode', 'manual'];
  const here = await limited(t, stage, seconds);
  if (!here) return null;
  await here.terminal.shows(/Continue now/);
  await noHookWaits(stage);
  assert.equal((await stage.status(here.id)).next.action, 'wake');
  return { stage, claude, ...here };
}
const noBand = (terminal) => until('the end of the band', async () => !/Continue now/.test(await terminal.screen()), 70);

suite('the user and the module', { concurrency: 2, timeout: 3_600_000 }, () => {
  test('Esc on the countdown of the client cancels the continue of the module too', async (t) => {
    const here = await waits(t, {}, 35);
    if (!here) return;
    const { stage, terminal, id, resetsAt, refusedAt } = here;
    await terminal.press('Escape');
    await terminal.shows(/Automatic continue cancelled/);
    await stage.incident(id, ({ phase }) => phase === 'cancelled', 60);
    await until('the end of the band', async () => !/Continue now/.test(await terminal.screen()), 10);
    const { stdout } = await stage.cli('status', '--all');
    assert.match(stdout, /Esc/);
    await past(resetsAt + CLIENT_ACTS);
    assert.deepEqual([byPlugin(stage, id), texts(stage.api.conversation(refusedAt))], [0, []]);
  });

  for (const [command, dialog] of [['/model', /Select model|Switch between/i], ['/rate-limit-options', /What do you want to do/]]) {
    test(`nothing is submitted while ${command} is open at the due time, and the session continues once after it is closed`, async (t) => {
      const here = await waits(t, {}, 35);
      if (!here) return;
      const { stage, terminal, id, resetsAt, refusedAt } = here;
      // The module attributes a menu in the first seconds after the stop to the client.
      await pause(4);
      await terminal.type(command);
      await terminal.shows(dialog);
      await until('the dialog in the registry', () => stage.home.registered(id)?.status === 'waiting', 10);
      await past(resetsAt + MODULE_ACTS + 4000);
      assert.match(await terminal.screen(), dialog);
      assert.deepEqual([byPlugin(stage, id), texts(stage.api.conversation(refusedAt))], [0, []], 'nothing is sent while it is open');
      const { next } = await stage.status(id);
      assert.equal(next.action, 'notify');
      assert.match(next.why, /a menu is open/);
      await terminal.press('Escape');
      const closedAt = Date.now();
      const first = await until('the continue', () => stage.api.conversation(refusedAt)[0], 60);
      await stage.incident(id, ({ phase }) => phase === 'recovered', 20);
      const who = NATIVE.test(first.users.join('\n')) ? 'the client' : 'the module';
      t.diagnostic(`continued ${((first.at - closedAt) / 1000).toFixed(1)} s after it was closed, by ${who}`);
      await pause(5);
      assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
      assert.equal(byPlugin(stage, id), who === 'the module' ? 1 : 0);
    });
  }

  test('the module submits nothing into the session that /resume opens', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    stage.api.play(step.text('The other task is finished.'));
    const before = await openTerminal(t, stage);
    if (before === null) return;
    const { sessionId: other } = await before.session();
    await before.type('Do the other task.');
    await before.shows(/The other task is finished/);
    await before.end();
    const here = await limited(t, stage, 40);
    if (!here) return;
    const { terminal, id, resetsAt, refusedAt } = here;
    await noHookWaits(stage);
    await terminal.type(`/resume ${other}`);
    await until('the other session', async () => (await terminal.session()).sessionId === other, 15);
    await terminal.shows(/The other task is finished/);
    await past(resetsAt + MODULE_ACTS);
    assert.deepEqual(texts(stage.api.conversation(refusedAt)), []);
    assert.deepEqual([byPlugin(stage, id), byPlugin(stage, other)], [0, 0]);
    assert.doesNotMatch(await terminal.screen(), /Continue now/);
    assert.equal((await stage.shown(id)).next.action, 'resume');
    assert.equal(stage.home.incident(id).phase, 'held');
  });

  test('/compact while the stop waits is refused by the API, and the session still continues exactly once', async (t) => {
    const stage = await withModule(t);
    if (stage === null) return;
    stage.api.play(step.text('Answered.', { times: 9 }));
    const terminal = await openTerminal(t, stage, { args: stage.args });
    if (terminal === null) return;
    const { sessionId: id } = await terminal.session();
    for (const number of [1, 2, 3]) {
      await terminal.type(`Do part ${number}.`);
      await until(`turn ${number}`, () => stage.home.records(id).filter(({ type }) => type === 'assistant').length === number, 20);
      await until('the end of the turn', () => stage.home.registered(id)?.status === 'idle', 10);
    }
    stage.api.play(step.limitFor('5h', 45), finished());
    await terminal.type('Do the task.');
    const { stop } = await stage.incident(id, ({ phase, plan }) => phase === 'waiting' && plan.action === 'wake', 20);
    await noHookWaits(stage);
    const [resetsAt, refusedAt] = [Date.parse(stop.resetsAt), stage.api.requests.at(-1).at];
    await terminal.type('/compact');
    await until('the refused compaction', () => stage.api.requests.some(({ at, status }) => at > refusedAt && at < resetsAt && status === 429), 20);
    await terminal.shows(/Error during compaction/);
    await until('the continue', () => stage.api.requests.some(({ at, status }) => at > resetsAt && status === 200), 45);
    await stage.incident(id, ({ phase }) => phase === 'recovered', 20);
    await pause(5);
    assert.equal(stage.api.requests.filter(({ at }) => at > refusedAt && at < resetsAt).length, 1, 'the compaction is asked for once');
    assert.equal(stage.api.conversation(resetsAt).length, 1, 'exactly one continue');
    assert.deepEqual(forks(stage, id), []);
  });

  test('the module of a plugin that is disabled while it waits submits nothing, and status leaves the session to the client', async (t) => {
    const here = await installed(t, 40);
    if (!here) return;
    const { stage, claude, terminal, id, resetsAt, refusedAt } = here;
    await claude('plugin', 'disable', 'cc-session-recover@cc-session-recover');
    const { next: after } = await stage.status(id);
    assert.deepEqual([after.action, after.reason], ['client', 'waiter-gone']);
    assert.match(after.why, /Claude Code continues it/);
    await noBand(terminal);
    await past(resetsAt + MODULE_ACTS);
    assert.deepEqual([byPlugin(stage, id), stage.home.incident(id).attempts], [0, []]);
    assert.ok(stage.api.conversation(refusedAt).length <= 1);
  });

  test('the module of a plugin that is disabled and enabled again while it waits continues the session once', async (t) => {
    const here = await installed(t, 140);
    if (!here) return;
    const { stage, claude, terminal, id, resetsAt, refusedAt } = here;
    await claude('plugin', 'disable', 'cc-session-recover@cc-session-recover');
    await noBand(terminal);
    await claude('plugin', 'enable', 'cc-session-recover@cc-session-recover');
    await terminal.shows(/Continue now/, 70);
    assert.equal((await stage.status(id)).next.action, 'wake');
    await past(resetsAt + MODULE_ACTS);
    assert.deepEqual([byPlugin(stage, id), stage.api.conversation(refusedAt).length], [1, 1]);
    assert.deepEqual(forks(stage, id), []);
  });

  test('after the plugin is deleted while its module waits, status leaves the session to the client, which continues it once', async (t) => {
    const here = await waits(t, {}, 35);
    if (!here) return;
    const { stage, terminal, id, resetsAt, refusedAt } = here;
    rmSync(path.dirname(stage.plugin), { recursive: true });
    await terminal.shows(/hooks\/module\.js unloaded/);
    assert.doesNotMatch(await terminal.screen(), /Continue now/);
    const { next } = await stage.status(id);
    assert.deepEqual([next.action, next.reason], ['client', 'waiter-gone']);
    assert.match(next.why, /Claude Code continues it/);
    const first = await until('the continue', () => stage.api.conversation(refusedAt)[0], 100);
    assert.match(first.users.join('\n'), NATIVE);
    t.diagnostic(`the client continued ${((first.at - resetsAt) / 1000).toFixed(1)} s after the reset`);
    await pause(5);
    assert.deepEqual([byPlugin(stage, id), stage.api.conversation(refusedAt).length], [0, 1]);
  });

  test('the hooks without a node on their PATH record the stop and continue the session once', async (t) => {
    const stage = await scene(t, { config: CONFIG });
    if (stage === null) return;
    const place = { root: stage.home.root, state: stage.home.stateDir };
    const bin = emptyPath(place);
    for (const name of ['sh', 'bash', 'git', 'tmux', 'ps']) {
      const { stdout } = await run('/bin/sh', ['-c', `command -v ${name}`], {});
      symlinkSync(stdout.trim(), path.join(bin, name));
    }
    const env = hideNode(place);
    stage.api.play(step.limitFor('5h', 25), finished());
    const terminal = await openTerminal(t, stage, { env });
    if (terminal === null) return;
    const { sessionId: id } = await terminal.session();
    await terminal.type('Do the task.');
    const { stop } = await stage.incident(id, ({ phase, plan }) => phase === 'waiting' && plan.action === 'wake', 20);
    const refusedAt = stage.api.conversation().at(-1).at;
    const [waiter, ...others] = await until('the one hook that waits', () => {
      const hooks = stage.hookProcesses();
      return hooks.length === 1 && hooks;
    }, 10);
    assert.equal(others.length, 0);
    assert.equal(path.basename(readlinkSync(`/proc/${waiter.pid}/exe`)), 'cc-session-recover');
    await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
    assert.ok(Date.now() > Date.parse(stop.resetsAt));
    await pause(3);
    const continues = stage.api.conversation(refusedAt);
    assert.equal(continues.length, 1, 'exactly one continue');
    assert.doesNotMatch(continues[0].users.join('\n'), NATIVE);
  });

  test('a prompt that the user types at the due time and the continue of the module follow one another, without a fork', async (t) => {
    for (const offset of [200, 1200]) {
      const here = await waits(t, {}, 35);
      if (!here) return;
      const { stage, terminal, id, refusedAt } = here;
      const due = Date.parse(stage.home.incident(id).plan.at);
      const words = 'The user continues here.';
      await terminal.tmux('send-keys', '-t', 'scene', '-l', words);
      await terminal.shows(/The user continues here/);
      await pause(Math.max(0, due + offset - Date.now()) / 1000);
      await terminal.press('Enter');
      await until('the prompt of the user', () => stage.api.conversation(refusedAt).some(({ users }) => users.join('\n').includes(words)), 30);
      await pause(6);
      const requests = stage.api.conversation(refusedAt);
      const continues = byPlugin(stage, id);
      t.diagnostic(`${offset} ms: ${continues} by the module, ${requests.length} requests, ${stage.home.incident(id).phase}`);
      assert.ok(continues <= 1 && requests.length === 1 + continues, stage.story());
      assert.deepEqual(forks(stage, id), []);
      assert.equal(transcripts(stage).length, 1);
      const { attempts, phase } = stage.home.incident(id);
      assert.match(phase, /^(recovered|moved-on)$/);
      assert.equal(attempts.filter(({ outcome }) => outcome === 'continued').length, continues);
    }
  });
});
