// `npm run bench [-- name ...] [-- --full] [-- --corpus DIR]`: runs the benches, all of them without a name, and prints their figures
// with the bars they have to reach. Each measures its subject side by side with an anchor in the same run; nothing is asserted by the
// clock, so a missed bar ends with code 5 and not in a test. `--full` takes the large corpora (12 GB in the directory for temporary
// files, made once).

import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reached } from './pairs.mjs';

const BENCHES = ['hook', 'kept', 'scan', 'search', 'note', 'handoff', 'export', 'pages', 'startup'];
const MISSED = 5;

const known = BENCHES.filter((name) => existsSync(join(import.meta.dirname, `${name}.mjs`)));
const { values, positionals } = parseArgs({ options: { full: { type: 'boolean', default: false }, corpus: { type: 'string' } }, allowPositionals: true });
const wanted = positionals.length > 0 ? positionals : known;
const unknown = wanted.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(', ')}; there are: ${known.join(', ')}`);
  process.exitCode = 2;
} else {
  console.log(`node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} processors`);
  const figures = [];
  for (const name of wanted) {
    console.log(`${name} ...`);
    const bench = await import(`./${name}.mjs`);
    // A bench exports `run`, or a function of its own name.
    const own = (await (bench.run ?? bench[name])(values)) ?? [];
    figures.push(...own);
  }
  print(figures);
  if (figures.some((figure) => reached(figure) === false)) process.exitCode = MISSED;
}

/** One aligned table. */
function print(figures) {
  const lines = [['', 'against', 'theirs', 'ours', 'ratio', 'of minima', 'bar', ''], ...figures.map(cells)];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  console.log('');
  for (const line of lines) {
    const shown = line.map((cell, column) => (column < 2 || column === 7 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])));
    console.log(shown.join('  ').trimEnd());
  }
}

function cells(figure) {
  const { most, least } = figure.bar ?? {};
  const bar = most === undefined ? (least === undefined ? '' : `>= ${least}x`) : `<= ${most}x`;
  const verdict = { true: 'reached', false: figure.why ?? 'MISSED', null: '' }[String(reached(figure))];
  return [figure.what, figure.anchor, figure.theirs ?? '', figure.ours ?? '', figure.shown ?? times(figure.ratio), times(figure.minima), bar, verdict];
}

function times(ratio) {
  return ratio === undefined ? '' : `${ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(3)}x`;
}
