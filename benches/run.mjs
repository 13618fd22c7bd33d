// `npm run bench [-- name ...] [-- --full] [-- --corpus DIR]`: runs the benches, all of them without a name, and prints their figures
// with the bars they have to reach. Each measures its subject side by side with an anchor in the same run; nothing is asserted by the
// clock, so a missed bar ends with code 5 and not in a test. `--write` also writes the figures into docs/benchmarks.md. `--full` takes the large corpora (12 GB in the directory for temporary
// files, made once).

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineClass, writeSection } from './night/page.mjs';
import { reached } from './pairs.mjs';

const BENCHES = ['client', 'hook', 'kept', 'scan', 'search', 'note', 'handoff', 'export', 'pages', 'startup'];
/** Runs only when it is named: it takes most of an hour. */
const LONG = ['night'];
const MISSED = 5;

const known = BENCHES.filter((name) => existsSync(join(import.meta.dirname, `${name}.mjs`)));
const { values, positionals } = parseArgs({ options: { full: { type: 'boolean', default: false }, corpus: { type: 'string' }, windows: { type: 'string' }, only: { type: 'string' }, write: { type: 'boolean', default: false } }, allowPositionals: true });
const wanted = positionals.length > 0 ? positionals : known;
const unknown = wanted.filter((name) => ![...known, ...LONG].includes(name));

if (unknown.length > 0) {
  console.error(`no bench named ${unknown.join(', ')}; there are: ${[...known, ...LONG].join(', ')}`);
  process.exitCode = 2;
} else {
  console.log(`node ${process.version}, ${process.platform} ${process.arch}, ${cpus().length} processors`);
  const figures = [];
  for (const name of wanted) {
    console.log(`${name} ...`);
    const bench = await import(`./${name}.mjs`);
    // A bench exports `run`, or a function named like the bench.
    const own = (await (bench.run ?? bench[name])(values)) ?? [];
    figures.push(...own);
  }
  print(figures);
  if (values.write) writeSpeed(figures);
  if (figures.some((figure) => reached(figure) === false)) process.exitCode = MISSED;
}

/** Prints the figures as an aligned table. */
function print(figures) {
  const lines = [['', 'against', 'theirs', 'ours', 'ratio', 'of minima', 'bar', ''], ...figures.map(cells)];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  console.log('');
  for (const line of lines) {
    const shown = line.map((cell, column) => (column < 2 || column === 7 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])));
    console.log(shown.join('  ').trimEnd());
  }
}

/** The section of docs/benchmarks.md; figures of benches that did not run now stay. */
function writeSpeed(figures) {
  const file = join(import.meta.dirname, 'figures.json');
  const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const rows = { ...before, ...Object.fromEntries(figures.filter(({ what }) => !what.startsWith('night')).map((figure) => [figure.what, cells(figure)])) };
  writeFileSync(file, `${JSON.stringify(rows, null, 1)}\n`);
  const table = [['', 'against', 'theirs', 'ours', 'ratio', 'of minima', 'bar', ''], Array.from({ length: 8 }, () => '---'), ...Object.values(rows)];
  const text = [
    '## Speed and memory',
    '',
    `Each figure is measured in turn with what it is compared with, in one run: the ratio of the medians, and that of the fastest rounds. ${machineClass()},`,
    `Node ${process.version}, ${new Date().toISOString().slice(0, 10)}; other programs ran on the machine, so compare ratios rather than times.`,
    '`npm run bench -- --write` measures everything again (an hour), with names only these: `npm run bench -- hook startup --write`.',
    '',
    ...table.map((row) => `| ${row.join(' | ')} |`),
  ];
  writeSection('speed', text.join('\n'));
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
