// Memory of an idle client after one turn, with and without the plugin's module. The first module of any plugin starts an engine inside
// the client; a second one shares it. Linux with tmux.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { VERSIONS, installedClient } from '../__test__/client/install.mjs';
import { pause, run as execute } from '../__test__/client/scene.mjs';
import { openTerminal } from '../__test__/client/terminal.mjs';
import { median } from './pairs.mjs';

const require = createRequire(import.meta.url);
const { startApi, step } = require('../bin/loopback/api.js');
const { makeHome } = require('../bin/loopback/home.js');

const CLI = path.join(import.meta.dirname, '..', 'bin', 'cc-session-recover.js');
const ROUNDS = 3;
/** Seconds after the turn, during which the client becomes idle. */
const REST = 12;
const SKIP = { skip: (why) => { throw new Error(why); } };

/** Which plugins a client loads. */
const CASES = {
  'no module': [],
  'a module that does nothing': ['other'],
  'ours alone': ['own'],
  'ours beside another module': ['other', 'own'],
};

/** @returns {Promise<import('./pairs.mjs').Figure[]>} */
export async function run() {
  if (process.platform !== 'linux') throw new Error('the memory of a client is read from /proc and needs Linux');
  const client = await installedClient(VERSIONS.current);
  const sizes = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, plugins] of Object.entries(CASES)) sizes[name].push(await residentAtRest(client, plugins));
  }
  const [without, other, first, both] = Object.values(sizes).map((list) => median(list.toSorted((a, b) => a - b)));
  return [
    figure('our module, the first', 'no module', without, first),
    figure('our module, the second', 'one other module', other, both),
    figure('a module that does nothing', 'no module', without, other),
  ];
}

function figure(what, anchor, theirs, ours) {
  return { what: `client memory, ${what}`, anchor, theirs: `${theirs} MB`, ours: `${ours} MB`, shown: `+${ours - theirs} MB` };
}

async function residentAtRest(client, plugins) {
  const home = makeHome({ label: 'ccsr-mem', config: { notify: { desktop: false } } });
  const api = await startApi({ otherwise: step.text('Done.') });
  const stage = { home, api, client, endings: [] };
  try {
    const args = [];
    for (const plugin of plugins) args.push('--plugin-dir', plugin === 'own' ? await own(home) : idle(home));
    const terminal = await openTerminal(SKIP, stage, { args });
    await terminal.type('Do the task.');
    await terminal.shows(/Done\./, 60);
    await pause(REST);
    return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${terminal.pid}/status`, 'utf8'))?.[1]) / 1024);
  } finally {
    for (const end of stage.endings.toReversed()) await end();
    await api.close();
    home.remove();
  }
}

async function own(home) {
  const { code, stdout, stderr } = await execute(process.execPath, [CLI, 'plugin', '--json'], { cwd: home.project, env: home.environment() });
  if (code !== 0) throw new Error(stderr);
  return path.join(JSON.parse(stdout).directory, 'cc-session-recover');
}

/** A plugin whose module only passes an event on. */
function idle(home) {
  const plugin = path.join(home.root, 'idle');
  mkdirSync(path.join(plugin, '.claude-plugin'), { recursive: true });
  mkdirSync(path.join(plugin, 'hooks'));
  writeFileSync(path.join(plugin, '.claude-plugin', 'plugin.json'), JSON.stringify({ name: 'idle', version: '1.0.0', description: 'Does nothing.' }));
  writeFileSync(path.join(plugin, 'hooks', 'hooks.json'), JSON.stringify({ modules: ['./module.js'] }));
  writeFileSync(path.join(plugin, 'hooks', 'module.js'), "export function register(on) {\n  on('session.start', async ($, e, next) => next(e));\n}\n");
  return plugin;
}
