// `signal`: an aborted call stops in the core, leaves nothing behind, and rejects with the reason of its signal.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contents, finished, wholeSession } from './lib/belongings.mjs';
import { ROOT, run, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';

const BEGIN = `
const api = require(${JSON.stringify(join(ROOT, 'index.js'))});
const { getEventListeners } = require('node:events');
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
/** Returns how a call ended: its result, or the name, code and message of its error. */
const end = (call) => call.then(() => 'resolved', (error) => error instanceof Error ? [error.name, error.code ?? null, error.message] : error);
`;

/** Runs a program in the world. @param {ReturnType<typeof world>} place @param {string} code @param {Record<string, string>} [more] */
async function program(place, code, more = {}) {
  const { status, stdout, stderr } = await run(['-e', `${BEGIN}(async () => {${code}})();`], { cwd: place.project, env: { ...place.env, ...more } });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** A session with one file so large that no copy of it ends before its caller can abort it. @param {ReturnType<typeof world>} place */
function largeSession(place) {
  const session = wholeSession(place);
  truncateSync(session.places[`${session.id}/tool-results/b1.txt`], 192 * 1024 * 1024);
  return session;
}

/** Waits in the caller's thread until the core has begun to copy, then aborts. */
const ABORT_ONCE = (/** @type {string} */ condition) => `while (!(() => { const { done, total } = api.rescueProgress(); return ${condition}; })());
  controller.abort(reason);`;

test('an export that is aborted while it copies stops there and leaves nothing; the same export without an abort is complete (control)', async (t) => {
  const place = world(t);
  const { id } = largeSession(place);
  const exports = join(place.state, 'exports');
  const [outcome] = await program(
    place,
    `const controller = new AbortController();
     const reason = new Error('enough');
     const call = api.exportSessions({ session: '${id}', signal: controller.signal });
     ${ABORT_ONCE('done > 0')}
     const same = await call.then(() => null, (error) => error === reason);
     const { done, total } = api.rescueProgress();
     say([same, done > 0 && done < total, getEventListeners(controller.signal, 'abort').length]);`,
  );
  assert.deepEqual(outcome, [true, true, 0]);
  assert.deepEqual(readdirSync(exports), [], 'neither an export nor an unfinished one');
  const journal = join(place.state, 'journal.jsonl');
  assert.equal(existsSync(journal) && /"event":"export/.test(readFileSync(journal, 'utf8')), false);
  const [control] = await program(place, `say([await end(api.exportSessions({ session: '${id}', signal: new AbortController().signal })), api.rescueProgress()]);`);
  assert.equal(control[0], 'resolved');
  assert.equal(control[1].done, control[1].total);
  assert.equal(finished(exports).length, 1);
});

test('an archive and an import that are aborted, while they verify or while they copy, leave nothing', async (t) => {
  const place = world(t);
  const { id } = largeSession(place);
  const [exported] = await program(place, `say((await api.exportSessions({ session: '${id}' })).exports[0].path);`);
  const before = contents(join(place.state, 'exports'));
  const other = join(place.root, 'other');
  mkdirSync(other);
  const outcomes = await program(
    place,
    `const reason = 'a text';
     for (const [start, condition] of [
       [(signal) => api.exportSessions({ session: '${id}', archive: true, to: ${JSON.stringify(join(place.root, 'archives'))}, signal }), 'first'],
       [(signal) => api.importSession({ export: ${JSON.stringify(exported)}, configDir: ${JSON.stringify(other)}, signal }), 'first'],
       [(signal) => api.importSession({ export: ${JSON.stringify(exported)}, configDir: ${JSON.stringify(other)}, signal }), 'second'],
     ]) {
       const controller = new AbortController();
       const call = start(controller.signal);
       if (condition === 'first') { ${ABORT_ONCE('done > 0 && done < total')} } else { ${ABORT_ONCE('total > 0 && done > total / 2 && done < total')} }
       say(await end(call));
     }`,
  );
  assert.deepEqual(outcomes, ['a text', 'a text', 'a text'], 'any value can be the reason');
  assert.deepEqual(readdirSync(join(place.root, 'archives')), []);
  assert.deepEqual(readdirSync(other, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ name }) => name), []);
  assert.deepEqual(Object.keys(contents(join(place.state, 'exports'))), Object.keys(before));
  assert.deepEqual(await program(place, `say(await end(api.importSession({ export: ${JSON.stringify(exported)}, configDir: ${JSON.stringify(other)} })));`), ['resolved'], 'the control');
});

/** Calls that read or write, each with options that make it do something in the world below. */
const CALLS = (/** @type {string} */ id, /** @type {string} */ export_) => [
  `api.list({ signal })`,
  `api.status({ all: true, signal })`,
  `api.show({ session: '${id}', signal })`,
  `api.recall({ signal })`,
  `api.report({ all: true, signal })`,
  `api.search({ text: 'x', signal })`,
  `api.log({ signal })`,
  `api.exportSessions({ session: '${id}', signal })`,
  `api.exportSessions({ all: true, signal })`,
  `api.writePages({ session: '${id}', signal })`,
  `api.importSession({ export: ${JSON.stringify(export_)}, configDir: process.env.OTHER, signal })`,
  `api.repair({ session: '${id}', apply: true, signal })`,
  `api.prune({ keep: 0, most: 0, signal })`,
  `api.relocate({ session: '${id}', to: process.env.OTHER, configDir: true, signal })`,
  `api.forget({ session: '${id}', signal })`,
  `api.watch({ signal })`,
];

test('a call whose signal is already aborted does nothing; without the signal each of them does (control)', async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  const other = join(place.root, 'other');
  mkdirSync(other);
  const [kept] = await program(place, `say((await api.exportSessions({ session: '${id}', to: ${JSON.stringify(join(place.root, 'kept'))} })).exports[0].path);`);
  await program(place, `await api.removeState();`);
  const before = contents(place.root);
  const calls = CALLS(id, kept);
  const outcomes = await program(place, `const signal = AbortSignal.abort();\n${calls.map((call) => `say(await end(${call}));`).join('\n')}`, { OTHER: other });
  assert.deepEqual(outcomes, calls.map(() => ['AbortError', 20, 'This operation was aborted']));
  assert.deepEqual(contents(place.root), before, 'nothing was written');
  assert.equal(existsSync(place.state), false);
  const done = await program(place, `const signal = undefined;\n${calls.slice(0, 11).map((call) => `say(await end(${call}));`).join('\n')}`, { OTHER: other });
  assert.deepEqual(done, Array.from({ length: 11 }, () => 'resolved'));
  assert.notDeepEqual(contents(place.root), before);
});

test('a call that is aborted while it waits for a thread does nothing once it gets one', async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  const code = (/** @type {boolean} */ aborts) => `
    const controller = new AbortController();
    const pause = api.watchPause(600_000);
    const call = end(api.exportSessions({ session: '${id}', signal: controller.signal }));
    if (${aborts}) controller.abort();
    setImmediate(function wake() { api.watchWake(); });
    const timer = setInterval(() => api.watchWake(), 20);
    await pause;
    clearInterval(timer);
    say(await call);`;
  const [aborted] = await program(place, code(true), { UV_THREADPOOL_SIZE: '1' });
  assert.equal(aborted[0], 'AbortError');
  assert.equal(existsSync(join(place.state, 'exports')), false);
  assert.deepEqual(await program(place, code(false), { UV_THREADPOOL_SIZE: '1' }), ['resolved'], 'the control');
  assert.equal(finished(join(place.state, 'exports')).length, 1);
});

test('a list and a search of many sessions stop when they are aborted, and return no partial result', async (t) => {
  const place = world(t);
  const { directory, transcript } = wholeSession(place);
  const text = readFileSync(transcript);
  for (let number = 2; number < 600; number += 1) writeFileSync(join(directory, `${idOf(number)}.jsonl`), text);
  const outcomes = await program(
    place,
    `for (const start of [(signal) => api.list({ signal }), (signal) => api.search({ text: 'x', signal })]) {
       const controller = new AbortController();
       const call = end(start(controller.signal));
       controller.abort();
       say((await call)[0]);
       say(await end(start(new AbortController().signal)));
     }`,
  );
  assert.deepEqual(outcomes, ['AbortError', 'resolved', 'AbortError', 'resolved']);
});

test('a signal that is none is an error of usage, and other options are checked as before', async (t) => {
  const place = world(t);
  const outcomes = await program(
    place,
    `say(await end(api.list({ signal: 1 })));
     say(await end(api.list({ signal: {} })));
     say(await end(api.list({ signal: null })));
     say(await end(api.list({ signals: 1 })));
     say(await end(api.list([])));`,
  );
  assert.deepEqual(outcomes.map((one) => (one === 'resolved' ? one : one[1])), ['USAGE', 'USAGE', 'resolved', 'USAGE', 'USAGE']);
});
