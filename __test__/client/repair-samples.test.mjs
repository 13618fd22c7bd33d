// Generated conversations and damage (`src/rescue/repair/property`) on the real client: what it sends before a repair and after it. The
// model in the Rust tests checks 20,000 of them; this test opens some, to show that the model behaves like the client.
//
// CC_RECOVER_REPAIR_SAMPLES=200 opens the first 200 samples, CC_RECOVER_REPAIR_SEEDS=93,132 exactly these. With CC_RECOVER_REPAIR_KEEP=DIR
// the test writes each sample that fails, its repair and both requests of the client to that directory.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../lib/command.mjs';
import { refusals } from '../lib/conversation-rules.mjs';
import { scene } from './scene.mjs';

const SEEDS = process.env.CC_RECOVER_REPAIR_SEEDS?.split(',').map(Number) ?? [...Array(Number(process.env.CC_RECOVER_REPAIR_SAMPLES ?? 3)).keys()];
const KEEP = process.env.CC_RECOVER_REPAIR_KEEP;
const GENERATOR = 'rescue::repair::property::samples_for_the_real_client';
/** Epoch seconds of a time long ago. */
const QUIET = 1_700_000_000;

/** Writes the samples; returns `false` if cargo is not installed. @param {string} directory */
function generated(directory) {
  const env = { ...process.env, CC_RECOVER_REPAIR_KEEP: directory, CC_RECOVER_REPAIR_SEEDS: SEEDS.join(',') };
  const made = spawnSync('cargo', ['test', '--locked', '--lib', '--', '--ignored', '--exact', GENERATOR], { cwd: ROOT, env, encoding: 'utf8' });
  if (made.error !== undefined) return false;
  assert.equal(made.status, 0, made.stderr);
  return true;
}

/** Returns the words in the messages that were sent. @param {any} messages @returns {Set<number>} */
const wordsIn = (messages) => new Set([...JSON.stringify(messages ?? []).matchAll(/word(\d+);/g)].map(([, number]) => Number(number)));

test(`the client sends all turns of ${SEEDS.length} repaired generated sessions and none that the user left`, { timeout: 3_600_000 }, async (t) => {
  const stage = await scene(t, { init: false, config: { supervisor: { pollSeconds: 0 }, notify: { desktop: false } } });
  if (stage === null) return;
  const directory = mkdtempSync(path.join(tmpdir(), 'ccsr-samples-'));
  t.after(() => rmSync(directory, { recursive: true }));
  if (!generated(directory)) {
    if (process.env.CI) assert.fail('there is no cargo');
    t.skip('there is no cargo');
    return;
  }
  const projects = path.join(stage.home.configDir, 'projects', stage.home.project.replaceAll(/[^a-zA-Z0-9]/g, '-'));
  mkdirSync(projects, { recursive: true });
  const failures = [];
  let hidden = 0;
  for (const seed of SEEDS) {
    const source = path.join(directory, `${seed}.jsonl`);
    const { session, damages, live, beside, left, foreign } = JSON.parse(readFileSync(path.join(directory, `${seed}.json`), 'utf8'));
    const file = path.join(projects, `${session}.jsonl`);
    const opened = async () => {
      const seen = stage.api.conversation().length;
      await stage.once('GO-ON-PLEASE', { credential: 'key', args: [`--resume=${session}`] });
      return stage.api.conversation().slice(seen).findLast((/** @type {any} */ one) => JSON.stringify(one.messages).includes('GO-ON-PLEASE'))?.messages ?? null;
    };
    const place = () => {
      copyFileSync(source, file);
      utimesSync(file, QUIET, QUIET);
    };
    place();
    const sentBefore = await opened();
    const before = wordsIn(sentBefore);
    place();
    const { code, stdout, stderr } = await stage.cli('repair', session, '--apply', '--json');
    // No link may stay broken on the grounds that the client would send less after the repair.
    const refused = JSON.parse(stdout || '{}').findings?.filter((/** @type {any} */ one) => one.class === 'broken-link' && one.mend === null) ?? [];
    const repaired = path.join(directory, 'repaired');
    copyFileSync(file, repaired);
    const sent = await opened();
    const after = wordsIn(sent);
    if (live.some((/** @type {number} */ word) => !before.has(word))) hidden += 1;
    const wrong = {
      'exit code': code === 0 || code === 6 ? [] : [code, stderr],
      'no longer sent': [...live, ...beside].filter((/** @type {number} */ word) => before.has(word) && !after.has(word)),
      'left as it is': refused.map((/** @type {any} */ one) => one.line),
      'not sent': live.filter((/** @type {number} */ word) => !before.has(word) && !after.has(word)),
      'back though the user had left it': left.filter((/** @type {number} */ word) => after.has(word) && !before.has(word)),
      'of another session': live.length === 0 ? [] : foreign.filter((/** @type {number} */ word) => after.has(word)),
      'refused by the API': sent === null ? ['nothing was sent'] : refusals(sent),
    };
    if (code === 0) {
      copyFileSync(repaired, file);
      const back = await stage.cli('repair', session, '--rollback', '--json');
      if (back.code !== 0 || !readFileSync(file).equals(readFileSync(source))) failures.push(`sample ${seed}: rolled back with exit ${back.code} ${back.stderr}`);
    }
    if (KEEP !== undefined && Object.values(wrong).some((found) => found.length > 0)) {
      copyFileSync(source, path.join(KEEP, `${seed}.jsonl`));
      copyFileSync(repaired, path.join(KEEP, `${seed}-repaired.jsonl`));
      writeFileSync(path.join(KEEP, `${seed}-sent.json`), JSON.stringify({ before: sentBefore, after: sent }, null, 1));
    }
    for (const [what, found] of Object.entries(wrong)) if (found.length > 0) failures.push(`sample ${seed} (${damages.join(', ')}): ${what}: ${found.join(' ')}`);
    rmSync(file);
    rmSync(path.join(stage.home.stateDir, 'snapshots'), { recursive: true, force: true });
  }
  t.diagnostic(`${SEEDS.length} samples: the client lost turns of ${hidden}; ${failures.length} failures after the repair`);
  assert.deepEqual(failures, []);
});
