// A reporter of Node's test runner: one line for each test that ran and passed, with its file and its title. `tools/claims.mjs` reads it.

import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {AsyncIterable<import('node:test/reporters').TestEvent>} events */
export default async function* passed(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:pass' || data.skip || data.todo || !data.file) continue;
    yield `${relative(ROOT, data.file).replaceAll('\\', '/')}\t${data.name}\n`;
  }
}
