// Checks, after `npm run test:node`, that the test of each claim in docs/claims.md ran and passed: `node tools/claims.mjs`. A test that was
// skipped shows nothing. Exit code 1 if one is missing.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const textOf = (/** @type {string} */ path) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');
const tests = textOf('target/passed-tests.txt').split('\n').map((line) => line.split('\t'));
const claims = [...textOf('docs/claims.md').matchAll(/^\| (?!claim)(.+) \| `([^`]+)`: (.+) \|$/gm)];
const unshown = claims.filter(([, , file, title]) => !tests.some(([from, name]) => from === file && name.includes(title)));

process.stdout.write(`${claims.length - unshown.length} of ${claims.length} claims of README were shown by a test that passed\n`);
for (const [, claim, file, title] of unshown) process.stdout.write(`not shown: ${claim}\n  ${file}: ${title}\n`);
process.exitCode = unshown.length > 0 ? 1 : 0;
