// A long-lived process that exports on demand. Each line on standard input is a JSON command, each answer one line of JSON:
//   {"do": "export", "options": {...}}   {"ms", "path", "bytes"}
//   {"do": "memory"}                     {"bytes"}: the most memory this process had at once

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { peakMemory } from './memory.mjs';

const { exportSessions } = createRequire(import.meta.url)('../../index.js');

const commands = {
  async export({ options }) {
    const began = performance.now();
    const { exports } = await exportSessions(options);
    return { ms: performance.now() - began, path: exports[0].path, bytes: exports[0].bytes };
  },
  memory: () => ({ bytes: peakMemory() }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[command.do](command))}\n`);
}
