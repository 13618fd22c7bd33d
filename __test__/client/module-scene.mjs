// Scenes with the plugin's module in a real client, which stops at a limit of some seconds and waits.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scene, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** Seconds after the reset at which the module acts. */
export const GRACE = 4;
export const CONFIG = { heartbeat: { graceSeconds: GRACE, stepSeconds: 0.25 }, notify: { desktop: false } };
export const finished = () => step.text('The task is finished.', { times: 9 });

/**
 * Creates a scene whose clients load the plugin from the directory that `plugin` wrote. Its hooks start `slow` seconds late, the questions
 * of its module do not.
 */
export async function withModule(t, { broken = false, slow = 0, ...options } = {}) {
  const stage = await scene(t, { init: false, config: CONFIG, ...options });
  if (stage === null) return null;
  const { code, stdout, stderr } = await stage.cli('plugin', '--json');
  assert.equal(code, 0, stderr);
  const plugin = path.join(JSON.parse(stdout).directory, 'cc-session-recover');
  if (broken) appendFileSync(path.join(plugin, 'hooks', 'module.js'), '\nexport const = 1;\n');
  if (slow) {
    const launcher = path.join(plugin, 'hooks', 'cc-session-recover', 'run.sh');
    writeFileSync(launcher, `case \${ccsr_line-} in module*) ;; *) sleep ${slow} ;; esac\n${readFileSync(launcher, 'utf8')}`);
  }
  return Object.assign(stage, { plugin, args: ['--permission-mode', 'manual', '--plugin-dir', plugin] });
}

/** Opens a client in a terminal that meets a limit of some seconds and waits. @param options Of the terminal. */
export async function limited(t, stage, seconds = 25, options = {}) {
  stage.api.play(step.limitFor('5h', seconds), finished());
  const terminal = await openTerminal(t, stage, { args: stage.args, ...options });
  if (terminal === null) return null;
  const { sessionId: id } = await terminal.session();
  await terminal.type('Do the task.');
  const { stop } = await stage.incident(id, ({ phase, plan }) => phase === 'waiting' && plan.action === 'wake', 20);
  return { terminal, id, resetsAt: Date.parse(stop.resetsAt), refusedAt: stage.api.conversation().at(-1).at };
}

/** Waits until the stop hook has recorded the stop and ended. */
export const noHookWaits = (stage) => until('no hook', () => stage.hookProcesses().length === 0, 10);
/** Waits until a time in milliseconds since the epoch. */
export const past = (ms) => until('the time', () => Date.now() > ms, 240);
/** Counts the prompts of the module in a transcript. */
export const byPlugin = (stage, id) => stage.home.records(id).filter((record) => record.origin?.kind === 'plugin').length;
