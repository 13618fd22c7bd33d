// `npm run bench -- night [--windows N] [--only arm,arm]`: a compressed night of usage limits for Claude Code alone, for this package, and for
// programs of others. All arms run side by side; they mostly wait. With every arm measured, the results are written to
// `benches/night/results.json`, and docs/benchmarks.md and docs/night.svg are drawn from them. `--only` measures some arms again and
// leaves the results of the others as they are. A missed window ends with code 5 only for our own arms.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { VERSIONS, installedClient } from '../__test__/client/install.mjs';
import { pause } from '../__test__/client/scene.mjs';
import { ARMS } from './night/arms.mjs';
import { machineClass, writeNight } from './night/page.mjs';
import { playNight } from './night/play.mjs';

const RESULTS = path.join(import.meta.dirname, 'night', 'results.json');
const WINDOWS = 6;
/** Clients do not start at the same moment, so that none of them is late for its first window. */
const STAGGER = 4;
const MODES = ['work', 'finish'];

/** @returns {Promise<import('./pairs.mjs').Figure[]>} */
export async function run({ windows = String(WINDOWS), only } = {}) {
  if (process.platform !== 'linux') throw new Error('the night reads /proc and needs Linux');
  const wanted = only?.split(',');
  const nights = ARMS.flatMap((arm) => MODES.map((mode) => ({ arm, mode, key: `${arm.id} ${mode}` }))).filter(({ arm, key }) => !wanted || wanted.includes(arm.id) || wanted.includes(key.replace(' ', ':')));
  const client = await installedClient(VERSIONS.current);
  const began = Date.now();
  const played = await Promise.all(
    nights.map(async ({ arm, mode, key }, index) => {
      await pause(index * STAGGER);
      const report = (line) => console.log(`  ${((Date.now() - began) / 1000).toFixed(0).padStart(5)} s  ${key}: ${line}`);
      try {
        return [key, await playNight(arm, { client, windows: Number(windows), finishes: mode === 'finish', report })];
      } catch (error) {
        report(error.message);
        return [key, { failed: error.message.split('\n')[0] }];
      }
    }),
  );
  const before = wanted && existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
  const results = {
    client: VERSIONS.current,
    windows: Number(windows),
    measuredAt: new Date().toISOString().slice(0, 10),
    machine: machineClass(),
    ...(before.note ? { note: before.note } : {}),
    nights: { ...before.nights, ...Object.fromEntries(played) },
  };
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  writeNight(results, ARMS);
  return played.map(([key, result]) => figure(key, result));
}

function figure(key, result) {
  if (result.failed) return { what: `night, ${key}`, anchor: '', why: result.failed };
  const { continued, wanted, tooMany, early, latest } = result;
  const exact = continued === wanted && tooMany === 0 && early === 0;
  const isOurs = /^(hooks|module)/.test(key);
  const ours = `${continued} of ${wanted}, ${tooMany} too many, ${early} early`;
  return { what: `night, ${key}`, anchor: 'each window once', ours, shown: latest === null ? '' : `latest ${Math.round(latest)} s`, ...(isOurs ? { ok: exact, why: 'MISSED' } : {}) };
}
