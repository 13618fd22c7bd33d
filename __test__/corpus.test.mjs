// Compares what the command reports about every session of a machine with the truth of generated corpora, row by row.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { expectedOf, generate, judged, readTruth } from '../benches/corpus.mjs';
import { ENDINGS } from '../benches/corpus/endings.mjs';
import { world } from './lib/command.mjs';

const CORPUS = { sessions: 300, 'bytes-total': '60M', projects: 12 };
const SEEDS = [1, 2];

for (const seed of SEEDS) {
  test(`list reports every session of a generated corpus correctly (seed ${seed})`, async (t) => {
    const { root, run } = world(t);
    const corpus = join(root, 'corpus');
    await generate({ ...CORPUS, seed, out: corpus });
    const { status, stdout, stderr } = await run(['list', '--json'], { env: { CLAUDE_CONFIG_DIR: corpus } });
    assert.equal(status, 0, stderr);
    const { sessions, problems } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    const { checked, wrong, extra, first, byCause } = judged(corpus, sessions);
    assert.equal(checked, CORPUS.sessions);
    assert.deepEqual(extra, [], 'sessions that are none');
    assert.equal(wrong, 0, `${first.join('\n')}\n${JSON.stringify(byCause, null, 2)}`);
  });
}

test('the corpus check detects a wrong, a missing and an invented session', async (t) => {
  const { root } = world(t);
  const corpus = join(root, 'corpus');
  await generate({ sessions: 20, median: '5K', max: '50K', out: corpus });
  const right = readTruth(corpus).sessions.map(asReported);
  assert.deepEqual(judged(corpus, right), { checked: 20, wrong: 0, extra: [], first: [], byCause: {} });

  const [first, second, ...others] = right;
  const lie = { ...first, context: { tokens: 1 }, stop: { ...first.stop, kind: 'unknown' } };
  const { wrong, extra, byCause } = judged(corpus, [lie, ...others, { ...second, id: 'nobody' }]);
  assert.equal(wrong, 2);
  assert.deepEqual(extra, ['nobody']);
  assert.equal(Object.values(byCause).reduce((a, b) => a + b), 3, JSON.stringify(byCause));
});

test('the corpus is the same for the same options, whatever the number of workers, and differs by seed', async (t) => {
  const { root } = world(t);
  const made = async (name, options) => {
    const out = join(root, name);
    await generate({ sessions: 40, median: '20K', projects: 4, ...options, out });
    return readTruth(out).sessions.map(({ path }) => [path, readFileSync(join(out, path), 'base64')]);
  };
  const one = await made('one', { jobs: 1 });
  assert.deepEqual(await made('three', { jobs: 3 }), one);
  assert.notDeepEqual(await made('other', { jobs: 1, seed: 9 }), one);
});

test('the checked corpora contain every ending, and each ending names its kind of stop', async (t) => {
  const { root } = world(t);
  const seen = new Set();
  for (const seed of SEEDS) {
    const out = join(root, String(seed));
    await generate({ ...CORPUS, 'bytes-total': '3M', median: '10K', seed, out });
    for (const { ending } of readTruth(out).sessions) seen.add(ending);
  }
  assert.deepEqual([...seen].toSorted(), Object.keys(ENDINGS).toSorted());
});

/** Returns a row of truth as the correct report of its session. */
function asReported(row) {
  const expected = expectedOf(row);
  return { id: row.sessionId, stop: { kind: expected.kind, resetsAt: expected.resetsAt }, context: expected.contextTokens === null ? null : { tokens: expected.contextTokens }, lastPrompt: expected.lastPrompt, title: expected.title };
}
