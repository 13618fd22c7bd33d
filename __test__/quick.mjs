// `npm run test:quick`: the test files that start no real client, no supervisor, no hooks, and generate no corpora.
//
// The list is derived from imports: a file is left out if it, or a module that it imports, is one of STARTERS or is in `__test__/client` or
// `benches`. `npm run test:quick -- --list` prints the list.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './lib/command.mjs';

const TESTS = join(ROOT, '__test__');
/** Modules that start processes which a test then waits for: supervisors, clients and hooks. */
const STARTERS = new Set(['supervised', 'traced', 'clients', 'hooks'].map((name) => join('__test__', 'lib', `${name}.mjs`)));
// A drill starts a client and a hook but imports neither module.
STARTERS.add(join('__test__', 'drill.test.mjs'));
/** Tests in these directories take minutes: a client of about 200 MB, generated transcripts. */
const SLOW_DIRECTORIES = [join('__test__', 'client') + sep, `benches${sep}`];

/** @param {string} file */
const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

/** Returns the files of this repository that a file imports, including itself. @param {string} file @param {Set<string>} [known] */
function reached(file, known = new Set()) {
  if (known.has(file)) return known;
  known.add(file);
  for (const [, target] of read(file).matchAll(/\b(?:from|import\(|require\()\s*'(\.[^']+\.[cm]?js)'/g)) {
    reached(join(dirname(file), target), known);
  }
  return known;
}

/** Returns the paths of the quick test files, relative to the root of the repository. */
export function quickTests() {
  const files = readdirSync(TESTS).filter((name) => name.endsWith('.test.mjs'));
  const slow = (/** @type {string} */ file) => STARTERS.has(file) || SLOW_DIRECTORIES.some((directory) => file.startsWith(directory));
  return files.filter((name) => ![...reached(join(TESTS, name))].some((file) => slow(relative(ROOT, file)))).map((name) => join('__test__', name));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = quickTests();
  if (process.argv.includes('--list')) process.stdout.write(`${files.join('\n')}\n`);
  else process.exitCode = spawnSync(process.execPath, ['--test', '--test-reporter=dot', `--test-concurrency=${availableParallelism() + 1}`, ...process.argv.slice(2), ...files], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
}
