// The client's own continuation of a five-hour limit, in a terminal of the real client. The client goes first; our hook wakes the session
// only if the client did not continue it, so the API counts exactly one continuation in either case.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { QUICK, pause, scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

const NATIVE = /Your claude\.ai usage limit has reset/;

/** Opens a terminal session that stops at a limit. */
async function stopped(t, config, seconds, { settings, shows = /continuing automatically/i } = {}) {
  const stage = await scene(t, { config, scenario: [step.limitFor('5h', seconds), step.text('The task is finished.', { times: 9 })] });
  if (stage === null) return null;
  if (settings) writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify(settings));
  const terminal = await openTerminal(t, stage);
  if (terminal === null) return null;
  const { sessionId } = await terminal.session();
  await terminal.type('Do the task.');
  const incident = await stage.incident(sessionId, ({ phase }) => phase === 'waiting', 20);
  await terminal.shows(shows);
  return { stage, terminal, id: sessionId, incident, refusedAt: stage.api.conversation().at(-1).at };
}

suite('continuation by the client itself', { concurrency: 2, timeout: 1_800_000 }, () => {
  test('a session that the client continues is left alone and continues once', async (t) => {
    // The default grace period: longer than the client's own random delay of 30 to 90 s, which it checks every 30 s.
    const { heartbeat, ...rest } = QUICK;
    const scenery = await stopped(t, { ...rest, heartbeat: { ...heartbeat, graceSeconds: 150 } }, 5);
    if (scenery === null) return;
    const { stage, id, incident, refusedAt } = scenery;
    const first = await until('the continue', () => stage.api.conversation(refusedAt)[0], 145);
    const late = (first.at - Date.parse(incident.stop.resetsAt)) / 1000;
    t.diagnostic(`the client continued ${late.toFixed(1)} s after the reset`);
    assert.match(first.users.join('\n'), NATIVE);
    await until('the incident to close', () => /^(recovered|moved-on)$/.test(stage.home.incident(id).phase), 30);
    await until('our own second to pass', () => Date.now() > Date.parse(incident.plan.at) + 5000, 180);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
    assert.deepEqual(stage.hookProcesses(), [], 'the waiting hook has ended');
    assert.ok(!stage.home.handoff().includes(id), 'the block is gone');
  });

  test('the client continuation is blocked after a short grace woke the session, which continues once', async (t) => {
    const scenery = await stopped(t, { ...QUICK, heartbeat: { graceSeconds: 4, stepSeconds: 0.25 } }, 25);
    if (scenery === null) return;
    const { stage, terminal, id, refusedAt } = scenery;
    await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
    await terminal.shows(/UserPromptSubmit operation blocked by hook/, 40);
    await pause(5);
    const continues = stage.api.conversation(refusedAt);
    assert.equal(continues.length, 1, 'exactly one continue');
    assert.doesNotMatch(continues[0].users.join('\n'), NATIVE);
  });

  test('with the setting off the hook continues once, after the user has answered the limit menu, and not before', async (t) => {
    const config = { ...QUICK, heartbeat: { graceSeconds: 4, stepSeconds: 0.25 } };
    const scenery = await stopped(t, config, 25, { settings: { autoContinueAtUsageLimit: false }, shows: /What do you want to do/ });
    if (scenery === null) return;
    const { stage, terminal, id, incident, refusedAt } = scenery;
    await stage.incident(id, ({ heldBack }) => heldBack?.reason === 'dialog', 15);
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 10_000, 60);
    assert.equal(stage.api.conversation(refusedAt).length, 0, 'nothing is sent while the menu is open');
    assert.match((await stage.cli('status', '--all')).stdout.replaceAll(/\s+/g, ' '), /menu is open/);
    await terminal.press('Enter');
    await stage.incident(id, ({ phase }) => phase === 'recovered', 40);
    // Wait longer than a continuation by the client would take.
    await until('the time of the client to pass', () => Date.now() > Date.parse(incident.stop.resetsAt) + 125_000, 145);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
  });

  test('and is cancelled with Esc is woken once after the grace where `escapeCancels` is off', async (t) => {
    const scenery = await stopped(t, { ...QUICK, heartbeat: { graceSeconds: 4, stepSeconds: 0.25, escapeCancels: false } }, 25);
    if (scenery === null) return;
    const { stage, terminal, id, incident, refusedAt } = scenery;
    await terminal.press('Escape');
    await terminal.shows(/cancelled/i);
    const first = await until('the wake', () => stage.api.conversation(refusedAt)[0], 40);
    const drift = (first.at - Date.parse(incident.plan.at)) / 1000;
    assert.ok(drift >= 0 && drift <= 30, `woken ${drift} s from the planned second`);
    assert.doesNotMatch(first.users.join('\n'), NATIVE);
    await stage.incident(id, ({ phase }) => phase === 'recovered', 15);
    // Wait longer than the client's own continuation would take.
    await until('the time of the client to pass', () => Date.now() > Date.parse(incident.stop.resetsAt) + 125_000, 145);
    await pause(1);
    assert.equal(stage.api.conversation(refusedAt).length, 1, 'exactly one continue');
  });

  test('and is cancelled with Esc is not woken by us either', async (t) => {
    const scenery = await stopped(t, { ...QUICK, heartbeat: { graceSeconds: 4, stepSeconds: 0.25 } }, 25);
    if (scenery === null) return;
    const { stage, terminal, id, incident, refusedAt } = scenery;
    await terminal.press('Escape');
    await terminal.shows(/cancelled/i);
    await stage.incident(id, ({ phase }) => phase === 'cancelled', 30);
    await until('the planned second to pass', () => Date.now() > Date.parse(incident.plan.at) + 5000, 60);
    assert.equal(stage.api.conversation(refusedAt).length, 0);
    const { stdout } = await stage.cli('status', '--all');
    assert.match(stdout, /Esc/);
  });
});
