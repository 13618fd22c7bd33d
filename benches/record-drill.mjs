// `node benches/record-drill.mjs [--client PATH]`: runs the drill with the real client and writes what it printed to docs/drill.svg, as an
// animation that takes as long as the drill did. Viewers that do not animate show the last state. Light and dark follow the viewer.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const COLUMNS = 96;
/** Size of a cell, margins and the font, in pixels. */
const [CELL, LINE, MARGIN, FONT] = [8.4, 21, 22, 14];

/** @typedef {{at: number, text: string}} Printed A line, and when it was printed, in seconds. */

/** @param {string[]} more Further words of the command. @returns {Promise<Printed[]>} */
export async function recorded(more = []) {
  const home = mkdtempSync(join(tmpdir(), 'ccsr-drill-'));
  const began = performance.now();
  /** @type {Printed[]} */
  const lines = [];
  try {
    const drill = spawn(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), 'drill', ...more], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => drill.once('close', resolve));
    for await (const text of createInterface({ input: drill.stdout })) lines.push({ at: (performance.now() - began) / 1000, text: shown(text) });
    const status = await ended;
    if (status !== 0) throw new Error(`the drill ended with ${status}`);
    return lines;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Formats the output as a terminal of this width shows it. The path of the client is omitted, because it is irrelevant to the drill. @param {string} text */
function shown(text) {
  const line = text.replace(/(Claude Code [\d.]+) \(.*\)$/, '$1');
  return line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line;
}

/** @param {Printed[]} printed */
export function svgOf(printed) {
  const lines = [{ at: 0, text: '$ cc-session-recover drill' }, ...printed];
  const [width, height] = [Math.ceil(COLUMNS * CELL + 2 * MARGIN), Math.ceil(lines.length * LINE + 2 * MARGIN)];
  const spoken = printed.map(({ text }) => text.trim()).filter((text) => text !== '').join('. ');
  const rows = lines.filter(({ text }) => text !== '').map(({ at, text }) => {
    const y = MARGIN + lines.findIndex((line) => line.at === at && line.text === text) * LINE + FONT;
    const parts = /^(✓)( +[\d.]+ s  )(\S+)( +)(.*)$/.exec(text);
    const inner = parts === null ? escaped(text) : `<tspan class="ok">${parts[1]}</tspan><tspan class="dim">${parts[2]}</tspan><tspan class="step">${parts[3]}</tspan>${parts[4]}${escaped(parts[5])}`;
    const kind = text.startsWith('$') ? ' class="step"' : text.startsWith('Recovery works') ? ' class="ok"' : '';
    return `  <text x="${MARGIN}" y="${y}"${kind} style="animation-delay:${at.toFixed(1)}s">${inner}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
  <title id="title">A terminal with the drill. ${escaped(spoken)}</title>
  <style>
    svg { --back: #fbfaf7; --ink: #24262c; --dim: #62656d; --ok: #1d6b3c; --line: #d9d5ca; }
    @media (prefers-color-scheme: dark) { svg { --back: #16181d; --ink: #e2e3e7; --dim: #9da1ab; --ok: #93d3ab; --line: #343946; } }
    rect { fill: var(--back); stroke: var(--line); }
    text { font: ${FONT}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: var(--ink); white-space: pre; animation: appear .15s backwards; }
    .ok { fill: var(--ok); } .dim { fill: var(--dim); } .step { font-weight: 600; }
    @keyframes appear { from { opacity: 0; } }
    @media (prefers-reduced-motion: reduce) { text { animation: none; } }
  </style>
  <rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10"/>
${rows.join('\n')}
</svg>
`;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { client: { type: 'string' } } });
  const lines = await recorded(values.client === undefined ? [] : ['--client', values.client]);
  const file = join(ROOT, 'docs', 'drill.svg');
  writeFileSync(file, svgOf(lines));
  console.log(`${file}: ${lines.length} lines`);
}
