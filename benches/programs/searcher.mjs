// A long-lived process that searches on demand. Each line on standard input is a JSON command, each answer one line of JSON:
//   {"do": "search", "options": {...}}   {"ms", "total", "sessions", "problems"}
//   {"do": "memory"}                     {"bytes"}: peak memory of this process

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { peakMemory } from './memory.mjs';

const { search } = createRequire(import.meta.url)('../../index.js');

const commands = {
  async search({ options }) {
    const began = performance.now();
    const { total, sessions, problems } = await search(options);
    return { ms: performance.now() - began, total, sessions, problems: problems.length };
  },
  memory: () => ({ bytes: peakMemory() }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[command.do](command))}\n`);
}
