// `npm run bench [name ...]`: runs the benches of this directory, all of them without a name. Each measures its subject side by side
// with an anchor in the same run and prints ratios; nothing is asserted by the clock. Quote the ratio of the medians, with that
// of the minima beside it: on a busy machine the minima are the steadier of the two.

import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename } from 'node:path';

const own = basename(import.meta.filename);
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.mjs') && file !== own)
  .map((file) => basename(file, '.mjs'));
const wanted = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = wanted.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  console.log(`node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} processors`);
  for (const name of wanted) {
    console.log(`\n${name}`);
    const { run } = await import(`./${name}.mjs`);
    await run();
  }
}
