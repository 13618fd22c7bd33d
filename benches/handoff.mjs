// Stress test of HANDOFF.md and saved states: 20 processes write the notes of 20 sessions while 20 hooks save their states; some are killed
// in each round, and after every round all files must be intact. The same test with writers without locks must fail, or the stress is too
// weak.

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notesBeside, writeAtOnce } from '../__test__/lib/note-writers.mjs';
import { statesAtOnce } from '../__test__/lib/state-writers.mjs';

const ROUNDS = { quick: 20, full: 200 };

/**
 * @param {{full?: boolean}} [options]
 * @returns {Promise<import('./pairs.mjs').Figure[]>}
 */
export async function run({ full = false } = {}) {
  const rounds = full ? ROUNDS.full : ROUNDS.quick;
  const ours = await within((place) => writeAtOnce(place, { sessions: 20, rounds, killed: 6 }));
  for (const fault of ours.faults.slice(0, 10)) console.log(`  wrong: ${fault}`);
  const naive = await within((place) => writeAtOnce(place, { sessions: 20, rounds: 5, killed: 6, how: 'naive' }));
  const states = await within(async (place) => {
    const notes = notesBeside(place, { sessions: 20, killed: 6 });
    try {
      return await statesAtOnce(place, { sessions: 20, rounds, killed: 6, beside: notes.round });
    } finally {
      await notes.end();
    }
  });
  for (const fault of states.faults.slice(0, 10)) console.log(`  wrong: ${fault}`);
  const careless = await within((place) => statesAtOnce(place, { sessions: 20, rounds: 5, killed: 6, how: 'naive' }));
  return [
    { what: `${rounds} rounds of 20 hooks that save states, ${states.kills} killed, with 20 notes beside`, anchor: 'whole states and notes after each', shown: `${states.faults.length} wrong, ${states.saves} saves`, ok: states.faults.length === 0 },
    { what: 'the same, without a lock', anchor: 'has to go wrong', shown: `${careless.faults.length} wrong`, ok: careless.faults.length > 0 },
    { what: `${rounds} rounds of 20 writers of HANDOFF.md, ${ours.kills} killed`, anchor: 'a whole file after each', shown: `${ours.faults.length} wrong, ${ours.writes} writes`, ok: ours.faults.length === 0 },
    { what: 'the same, without a lock', anchor: 'has to go wrong', shown: `${naive.faults.length} wrong`, ok: naive.faults.length > 0 },
  ];
}

/** @template T @param {(place: import('../__test__/lib/note-writers.mjs').Place) => Promise<T>} work */
async function within(work) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ccsr-bench-')));
  try {
    const home = join(root, 'home');
    const [claude, project, state] = [join(home, '.claude'), join(home, 'project'), join(root, 'state')];
    for (const directory of [claude, project]) mkdirSync(directory, { recursive: true });
    const clean = Object.entries(process.env).filter(([name]) => !/^(CLAUDE|ANTHROPIC|CC_RECOVER|XDG_|npm_)/.test(name));
    const env = { ...Object.fromEntries(clean), HOME: home, USERPROFILE: home, CLAUDE_CONFIG_DIR: claude, CC_RECOVER_STATE_DIR: state, CC_RECOVER_CONFIG: join(root, 'config.json') };
    return await work({ root, claude, project, state, env });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
