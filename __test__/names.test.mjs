// Names of a session, a project, a state and a stop that the command line accepts.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { transcriptText } from './lib/hooks.mjs';

const API = '3f2a9c1d-0000-4000-8000-000000000001';
const DOCS = '3f2b0000-0000-4000-8000-000000000002';
const SITE = '77aa0000-0000-4000-8000-000000000003';

/** Creates three sessions in three projects: one interrupted by a limit, two finished. @param {import('node:test').TestContext} t */
function sessions(t) {
  const place = world(t);
  const made = [
    [API, 'quota-5h-print', 'api', 'Move the parser'],
    [DOCS, 'finished-interactive', 'api-docs', 'ui'],
    [SITE, 'finished-print', 'site', 'Parser of dates'],
  ];
  for (const [id, fixture, name, title] of made) {
    const cwd = join(place.home, 'work', name);
    const directory = join(place.claude, 'projects', cwd.replace(/[^A-Za-z0-9]/g, '-'));
    for (const dir of [cwd, directory]) mkdirSync(dir, { recursive: true });
    writeFileSync(join(directory, `${id}.jsonl`), `${transcriptText(fixture, { id, cwd })}${JSON.stringify({ type: 'custom-title', customTitle: title, sessionId: id })}\n`);
  }
  const ids = async (/** @type {string[]} */ ...argv) => {
    const { status, stdout, stderr } = await place.run(['list', ...argv, '--json']);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout).sessions.map((/** @type {any} */ { id }) => id).toSorted();
  };
  const shown = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['show', ...argv, '--json'])).stdout).id;
  return { place, ids, shown };
}

test('a session is found by three characters of its id, a short name, or part of its name', async (t) => {
  const { shown } = sessions(t);
  assert.equal(await shown('77a'), SITE);
  assert.equal(await shown('3F2A'), API);
  assert.equal(await shown('ui'), DOCS);
  assert.equal(await shown('move'), API);
});

test('an ambiguous session name is rejected with a row of id, age, project and name for each match', async (t) => {
  const { place } = sessions(t);
  const { status, stdout, stderr } = await place.run(['show', '3f2']);
  assert.deepEqual([status, stdout], [3, '']);
  assert.match(
    stderr,
    /^cc-session-recover: "3f2" matches 2 sessions:\n {2}3f2[ab]\w{4} {2}(?:now|\d+ (?:min|h|d)) +api(?:-docs)? +(?:ui|Move the parser)\n {2}3f2[ab]\w{4} .*\n {2}next: give more characters of the id, or of the name\n$/,
  );
  const parts = await place.run(['show', 'parser', '--json']);
  assert.equal(parts.status, 3);
  const { error } = JSON.parse(parts.stdout);
  assert.equal(error.code, 'SESSION_AMBIGUOUS');
  assert.match(error.message, /^"parser" matches 2 sessions:\n/);
});

test('--project accepts a directory or part of its name', async (t) => {
  const { place, ids } = sessions(t);
  assert.deepEqual(await ids('--project', join(place.home, 'work', 'api')), [API]);
  assert.deepEqual(await ids('--project', 'api'), [API]);
  assert.deepEqual(await ids('--project', 'DOCS'), [DOCS]);
  assert.deepEqual(await ids('--project', 'ste'), [SITE]);
  const { shown } = sessions(t);
  assert.equal(await shown('--latest', '--project', 'site'), SITE);
  const several = await place.run(['list', '--project', 'ap']);
  assert.equal(several.status, 3);
  assert.match(several.stderr, /"ap" matches 2 projects:\n {2}\S+\/work\/api +1 session\n {2}\S+\/work\/api-docs +1 session\n/);
  const none = await place.run(['list', '--project', 'elephant']);
  assert.equal(none.status, 3);
  assert.match(none.stderr, /elephant: does not exist\n {2}next: no project has such a name either/);
});

test('--state and --stop accept screen words and codes in any case', async (t) => {
  const { ids } = sessions(t);
  for (const state of ['interrupted', 'Interrupted', 'ORPHANED']) assert.deepEqual(await ids('--state', state), [API], state);
  for (const state of ['finished', 'completed']) assert.deepEqual(await ids('--state', state), [DOCS, SITE], state);
  assert.deepEqual(await ids('--state', 'waiting'), []);
  for (const stop of ['usage-limit-5h', '5-hour limit', 'limit']) assert.deepEqual(await ids('--stop', stop), [API], stop);
  assert.deepEqual(await ids('--stop', 'limit', 'finished'), [API, DOCS, SITE]);
});

test('--since accepts the name of a day', async (t) => {
  const { ids } = sessions(t);
  for (const day of ['yesterday', 'today', 'Monday']) assert.ok(Array.isArray(await ids('--since', day)), day);
});
