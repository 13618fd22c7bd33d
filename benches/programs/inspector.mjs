// A long-lived process that reads single transcripts on demand: {"paths": [...]} is answered with the report or the error of each, and with
// the peak memory of the process.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { told } from '../damage/oracle.mjs';
import { peakMemory } from './memory.mjs';

const { inspect } = createRequire(import.meta.url)('../../index.js');

for await (const line of createInterface({ input: process.stdin })) {
  const answers = [];
  for (const path of JSON.parse(line).paths) {
    try {
      answers.push({ session: told(await inspect({ transcript: path, alive: false })) });
    } catch (error) {
      answers.push({ error: { code: error.code ?? 'UNNAMED', message: error.message } });
    }
  }
  process.stdout.write(`${JSON.stringify({ answers, peak: peakMemory() })}\n`);
}
