// How a command line starts: what it loads, and that the fast parser returns the same as commander.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { terminal } from './lib/terminal.mjs';

const require = createRequire(import.meta.url);
const { VERBS, programOf, verbNamed } = require('../bin/lib/program.js');
const { readPlainLine } = require('../bin/lib/plain-line.js');

/** Returns lines of switches and words for a verb: no switch, each one, every two, with up to two words. */
function linesOf({ options = [] }) {
  const switches = options.flatMap(({ flags }) => flags.split(', ').map((word) => word.split(' ')[0]));
  const chosen = [[], ...switches.map((one) => [one]), ...switches.flatMap((one) => switches.map((other) => [one, other]))];
  return chosen.flatMap((some) => [some, [...some, 'one'], ['one', ...some], [...some, 'one', 'two']]);
}

/** Returns what commander makes of a line, or `null` if it reports an error. */
async function parsed(verb, line) {
  const { run } = verb;
  let args = null;
  verb.run = (/** @type {any} */ given) => void (args = given);
  try {
    await programOf(verb.name, terminal().io, () => {}).parseAsync([verb.name, ...line], { from: 'user' });
  } catch (error) {
    if (!String(error.code).startsWith('commander.') && error.code !== 'USAGE') throw error;
  } finally {
    verb.run = run;
  }
  return args;
}

test('the fast parser reads switches and words as commander does', async () => {
  let plain = 0;
  for (const name of VERBS) {
    const verb = verbNamed(name);
    for (const line of linesOf(verb)) {
      const args = readPlainLine(verb, line);
      if (args === null) continue;
      plain += 1;
      assert.deepEqual(args, await parsed(verb, line), `${name} ${line.join(' ')}`);
    }
  }
  assert.ok(plain > 1000, `${plain} lines`);
});

test('the fast parser leaves values, defaults, conflicts, help and errors to commander', () => {
  const verb = {
    arguments: [{ flags: '<session>', description: '' }],
    options: [
      { flags: '-a, --all-of-it', description: '' },
      { flags: '--since <when>', description: '' },
      { flags: '--once', description: '', conflicts: ['allOfIt'] },
    ],
  };
  assert.deepEqual(readPlainLine(verb, ['x', '-a']), { session: 'x', allOfIt: true });
  for (const line of [[], ['x', 'y'], ['x', '--since', '2d'], ['x', '--since=2d'], ['x', '--once'], ['x', '--help'], ['x', '--', '-y'], ['x', '-'], ['x', '-ab'], ['x', '--all']]) {
    assert.equal(readPlainLine(verb, line), null, line.join(' '));
  }
  assert.equal(readPlainLine({ options: [{ flags: '--no-keep', description: '' }] }, []), null);
  assert.equal(readPlainLine({ options: [{ flags: '--format <format>', description: '', default: 'html' }] }, []), null);
  assert.equal(readPlainLine({ arguments: [{ flags: '[dirs...]', description: '' }] }, ['x']), null);
});

test('a verb loads neither commander nor other verbs, and --version loads neither', async (t) => {
  const { root, run } = world(t);
  const loaded = join(root, 'loaded.json');
  const list = join(root, 'list.cjs');
  writeFileSync(list, `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(loaded)}, JSON.stringify(Object.keys(require.cache))));`);
  const loads = async (/** @type {string[]} */ argv) => {
    const { status, stderr } = await run(argv, { node: ['--require', list] });
    assert.equal(status, 0, stderr);
    return JSON.parse(readFileSync(loaded, 'utf8')).map((file) => relative(ROOT, file).replaceAll('\\', '/'));
  };
  const all = await loads(['status', '--all', '--json']);
  assert.deepEqual(all.filter((file) => file.includes('commander/')), []);
  assert.deepEqual(all.filter((file) => file.startsWith('bin/commands/')), ['bin/commands/status.js']);
  assert.deepEqual((await loads(['--version'])).filter((file) => /^(bin|node_modules)\//.test(file)), ['bin/cc-session-recover.js']);
});
