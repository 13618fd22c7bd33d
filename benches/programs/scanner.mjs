// A long-lived process that scans on demand. Each line on standard input is a JSON command, each answer one line of JSON:
//   {"do": "scan", "options": {...}}   {"ms", "sessions", "total"}
//   {"do": "judge", "corpus": DIR}     how a scan's rows compare with the truth
//   {"do": "memory"}                   {"bytes"}: the most memory this process had at once

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { judged } from '../corpus.mjs';

const { list } = createRequire(import.meta.url)('../../index.js');

const commands = {
  async scan({ options }) {
    const began = performance.now();
    const report = await list(options);
    return { ms: performance.now() - began, sessions: report.sessions.length, total: report.total, problems: report.problems.length };
  },
  async judge({ corpus }) {
    const report = await list({});
    return { ...judged(corpus, report.sessions), problems: report.problems };
  },
  memory: () => ({ bytes: peak() }),
};

/** Most resident memory of this process, in bytes. What `resourceUsage` tells on Linux holds that of the parent before `exec`, too. */
function peak() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[command.do](command))}\n`);
}
