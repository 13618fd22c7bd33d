// A long-lived process that exports on demand. Each line on standard input is a JSON command, each answer one line of JSON:
//   {"do": "export", "options": {...}}   {"ms", "path", "bytes"}
//   {"do": "page", "options": {...}}     {"ms", "path", "bytes"}
//   {"do": "parse", "path"}              {"ms", "records"}: reading a file line by line and parsing each
//   {"do": "memory"}                     {"bytes"}: peak memory of this process

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { peakMemory } from './memory.mjs';

const { exportSessions, writePages } = createRequire(import.meta.url)('../../index.js');

const commands = {
  async export({ options }) {
    const began = performance.now();
    const { exports } = await exportSessions(options);
    return { ms: performance.now() - began, path: exports[0].path, bytes: exports[0].bytes };
  },
  async page({ options }) {
    const began = performance.now();
    const { pages } = await writePages(options);
    return { ms: performance.now() - began, path: pages[0].path, bytes: pages[0].bytes };
  },
  parse({ path }) {
    const began = performance.now();
    const bytes = readFileSync(path);
    let records = 0;
    for (let from = 0, end = bytes.indexOf(10); end >= 0; from = end + 1, end = bytes.indexOf(10, from)) {
      JSON.parse(bytes.toString('utf8', from, end));
      records += 1;
    }
    return { ms: performance.now() - began, records };
  },
  memory: () => ({ bytes: peakMemory() }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[command.do](command))}\n`);
}
