// Options that every verb accepts, short names of verbs, and the pager.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { transcriptText } from './lib/hooks.mjs';
import { stoppedSession } from './lib/stopped.mjs';
import { terminal } from './lib/terminal.mjs';

const require = createRequire(import.meta.url);
const { readGlobalOptions } = require('../bin/lib/global-options.js');
const { pagerCommand } = require('../bin/lib/pager.js');
const { VERBS, verbNamed } = require('../bin/lib/program.js');

const COLOURED = /\u001B\[/;

test('colors follow --color, NO_COLOR, FORCE_COLOR and the terminal, in this order of precedence', async (t) => {
  const { run } = world(t);
  const isColoured = async (/** @type {string[]} */ argv, /** @type {Record<string, string>} */ env) => COLOURED.test((await run(argv, { env })).stdout);
  for (const [argv, env, expected] of /** @type {[string[], Record<string, string>, boolean][]} */ ([
    [['status'], {}, false],
    [['status'], { FORCE_COLOR: '1' }, true],
    [['status'], { FORCE_COLOR: '0' }, false],
    [['status'], { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    [['status', '--color=always'], { NO_COLOR: '1' }, true],
    [['--color=always', 'st'], {}, true],
    [['status', '--color=never'], { FORCE_COLOR: '1' }, false],
    [['status', '--no-color'], { FORCE_COLOR: '1' }, false],
  ])) assert.equal(await isColoured(argv, env), expected, `${argv.join(' ')} ${JSON.stringify(env)}`);
  const { status, stderr } = await run(['status', '--color=pink']);
  assert.equal(status, 2);
  assert.match(stderr, /--color takes auto, always or never, not 'pink'\n {2}next: /);
});

test('--quiet suppresses warnings, and is passed to a verb that has its own --quiet', () => {
  const words = (/** @type {string[]} */ argv, /** @type {boolean} */ own) => readGlobalOptions(argv, () => own);
  assert.deepEqual(words(['doctor', '--quiet'], true), { color: 'auto', quiet: false, rest: ['doctor', '--quiet'] });
  assert.deepEqual(words(['list', '-q'], false), { color: 'auto', quiet: true, rest: ['list'] });
  assert.deepEqual(words(['search', '--', '--quiet', '--color=x'], false), { color: 'auto', quiet: false, rest: ['search', '--', '--quiet', '--color=x'] });
  const { io, streams } = terminal();
  io.follow({ color: 'auto', quiet: true });
  io.remark('a file could not be read');
  io.error('an error');
  assert.equal(streams.stderr.text, 'an error\n');
});

test('aliases of verbs and options behave like the original', async (t) => {
  const { run } = world(t);
  for (const [one, other] of [['ls', 'list'], ['st', 'status']]) assert.deepEqual(await run([one]), await run([other]), one);
  assert.deepEqual(await run(['-v']), await run(['--version']));
});

test('a short option has the same meaning in every verb', () => {
  /** @type {Map<string, Set<string>>} */
  const meanings = new Map();
  for (const { options = [] } of VERBS.map(verbNamed)) {
    for (const { flags } of options) {
      const [, short, long] = /^(-\w), (--[\w-]+)/.exec(flags) ?? [];
      if (short !== undefined) meanings.set(short, (meanings.get(short) ?? new Set()).add(long));
    }
  }
  const several = [...meanings].filter(([, longs]) => longs.size > 1).map(([short, longs]) => [short, [...longs].toSorted()]);
  // `-n` is a number of sessions in both cases; `recall` names it differently.
  assert.deepEqual(several, [['-n', ['--limit', '--recent']]]);
});

test('the pager is $PAGER, run in a shell only when it needs one', { skip: process.platform === 'win32' }, () => {
  assert.deepEqual(pagerCommand(undefined), ['less', ['-FRX']]);
  assert.deepEqual(pagerCommand('most -s'), ['most', ['-s']]);
  assert.deepEqual(pagerCommand('LESS=F less | cat'), ['sh', ['-c', 'LESS=F less | cat']]);
  assert.equal(pagerCommand(''), null);
  assert.equal(pagerCommand('cat'), null);
});

test('a long list is paged on a terminal, but not in a pipe or as JSON', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  for (let number = 1; number <= 12; number += 1) {
    const id = `${String(number).padStart(8, '0')}-0000-4000-8000-000000000000`;
    writeFileSync(join(directory, `${id}.jsonl`), transcriptText('finished-interactive', { id, cwd: place.project }));
  }
  const paged = join(place.root, 'paged');
  const posing = join(place.root, 'terminal.cjs');
  writeFileSync(posing, "for (const name of ['stdin', 'stdout']) Object.assign(process[name], { isTTY: true, columns: 100, rows: Number(process.env.TEST_ROWS) });\n");
  const list = (/** @type {string[]} */ argv, rows = 8) => place.run(argv, { node: ['--require', posing], env: { TERM: 'xterm', TEST_ROWS: String(rows), PAGER: `cat > '${paged}'`, NO_COLOR: '1' } });
  const { status, stdout } = await list(['list']);
  assert.deepEqual([status, stdout], [0, '']);
  assert.equal(readFileSync(paged, 'utf8').match(/^0000/gm)?.length, 12);
  writeFileSync(paged, '');
  assert.equal((await list(['list'], 40)).stdout.match(/^0000/gm)?.length, 12, 'it fits');
  assert.equal(JSON.parse((await list(['list', '--json'])).stdout).sessions.length, 12);
  assert.equal(readFileSync(paged, 'utf8'), '');
  assert.equal((await place.run(['list'], { env: { PAGER: `cat > '${paged}'` } })).stdout.match(/^0000/gm)?.length, 12);
  const missing = await place.run(['list'], { node: ['--require', posing], env: { TERM: 'xterm', TEST_ROWS: '8', PAGER: 'no-such-pager', NO_COLOR: '1' } });
  assert.equal(missing.stdout.match(/^0000/gm)?.length, 12, 'a pager that is not installed hides nothing');
});

test('unpause of one session during a global pause prints the command that ends the global pause', async (t) => {
  const place = world(t);
  const id = '3f2a9c1d-0000-4000-8000-000000000001';
  await stoppedSession(place, { id });
  assert.equal((await place.run(['pause', '3f2a'])).stdout, 'Session 3f2a9c1d is paused.\n');
  assert.equal((await place.run(['pause', '--all'])).stdout, 'Everything is paused.\n');
  const still = await place.run(['pause', '--end', '3f2a']);
  assert.deepEqual([still.status, still.stdout], [0, 'Session 3f2a9c1d is still paused, because all sessions are. End that pause with:\n  cc-session-recover pause --end\n']);
  assert.deepEqual((await place.run(['unpause', '3f2a'])).status, 6);
  assert.equal((await place.run(['pause', '--end', '--all'])).stdout, 'Everything is no longer paused.\n');
  assert.equal((await place.run(['pause', '--end', '3f2a'])).stdout, 'Session 3f2a9c1d was not paused.\n');
  assert.equal((await place.run(['pause'])).status, 2, 'what to pause has to be named');
  for (const paused of ['3f2a', '--all']) {
    assert.equal((await place.run(['pause', paused])).status, 0);
    assert.equal((await place.run(['pause', '--end'])).stdout, 'Everything is no longer paused.\n');
  }
  const again = await place.run(['pause', '--end']);
  assert.deepEqual([again.status, again.stdout], [6, 'Nothing was paused.\n']);
});
