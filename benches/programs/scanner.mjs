// A long-lived process that scans on demand. Each line on standard input is a JSON command, each answer one line of JSON:
//   {"do": "scan", "options": {...}}   {"ms", "sessions", "total"}
//   {"do": "judge", "corpus": DIR}     how a scan's rows compare with the truth
//   {"do": "doctor", "project": DIR}      {"ms", "checks"}
//   {"do": "memory"}                   {"bytes"}: peak memory of this process

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { judged } from '../corpus.mjs';
import { peakMemory } from './memory.mjs';

const { doctor, list } = createRequire(import.meta.url)('../../index.js');

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
  async doctor({ project }) {
    const began = performance.now();
    const { checks } = await doctor({ project, packageRoot: join(import.meta.dirname, '..', '..') });
    return { ms: performance.now() - began, checks: checks.length };
  },
  memory: () => ({ bytes: peakMemory() }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await commands[command.do](command))}\n`);
}
