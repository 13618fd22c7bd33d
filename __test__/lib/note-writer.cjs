'use strict';

// A process that writes one session's block to HANDOFF.md for each round it receives: through the addon, or naively, without locks and
// without replacing the file atomically.

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { createInterface } = require('node:readline');

const [how, session, project] = process.argv.slice(2);
const { handoff } = require('../../index.js');

async function write() {
  if (how === 'product') return (await handoff({ session, write: true })).written;
  const { text } = await handoff({ session });
  const file = join(project, 'HANDOFF.md');
  const before = readFileSync(file, 'utf8');
  // Lets writers of the same round meet, however loaded the machine is.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  const [begin, end] = ['begin', 'end'].map((word) => `<!-- cc-session-recover:${word} ${session} -->\n`);
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  const block = begin + text + end;
  writeFileSync(file, from < 0 || to < from ? before + block : before.slice(0, from) + block + before.slice(to + end.length));
  return true;
}

(async () => {
  process.stdout.write('ready\n');
  for await (const round of createInterface({ input: process.stdin })) process.stdout.write(`${round} ${await write()}\n`);
})();
