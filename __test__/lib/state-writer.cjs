'use strict';

// Saves the state of one session naively, without locks and without replacing the file atomically: the stress test on saved states must
// catch this.

const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const [session, project, text] = process.argv.slice(2);
const directory = join(project, '.claude', 'session-state');
const [last, book] = [join(directory, '.last-state.md'), join(directory, 'book.json')];
const hashOf = (/** @type {string} */ words) => createHash('sha256').update(words).digest('hex');
mkdirSync(join(directory, 'archive'), { recursive: true });
/** Lets writers that started at the same time meet, however loaded the machine is. */
const meet = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
/** @type {Record<string, {sha256: string, name: string}>} */
const states = existsSync(book) ? JSON.parse(readFileSync(book, 'utf8')) : {};
if (existsSync(last)) {
  const before = readFileSync(last, 'utf8');
  const owner = Object.entries(states).find(([, { sha256 }]) => sha256 === hashOf(before));
  if (owner !== undefined && owner[0] !== session) writeFileSync(join(directory, 'archive', `${owner[1].name}.md`), before);
}
meet();
const words = `<!-- cc-session-recover:state ${session} -->\n\nSaved.\n\n${session}\n${text}\n`;
states[session] = { sha256: hashOf(words), name: session };
writeFileSync(book, JSON.stringify(states));
writeFileSync(last, words);
