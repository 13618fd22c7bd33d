// docs/benchmarks.md and docs/night.svg from the results. Each bench rewrites its own section of the page.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { ABSENT_PEERS, PYTHON_PEERS } from './peers.mjs';

const DOCS = path.join(import.meta.dirname, '..', '..', 'docs');
const PAGE = path.join(DOCS, 'benchmarks.md');
const DRAWING = path.join(DOCS, 'night.svg');

/** Replaces the text between the two marks of a section. */
export function writeSection(name, text) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '# Benchmarks\n';
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  const section = `${begin}\n\n${text.trim()}\n\n${end}`;
  writeFileSync(PAGE, from < 0 || to < from ? `${page.trimEnd()}\n\n${section}\n` : page.slice(0, from) + section + page.slice(to + end.length));
}

/** Whether the directory for temporary files is below a mount. */
const holds = ([, mount]) => `${tmpdir()}/`.startsWith(mount === '/' ? '/' : `${mount}/`);

/** What a reader needs to know of the machine, without its name. */
export function machineClass() {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').trim().split('\n').map((line) => line.split(' ')) : [];
  const [, , fileSystem] = mounts.filter(holds).toSorted((a, b) => b[1].length - a[1].length)[0] ?? [];
  const system = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }[process.platform] ?? process.platform;
  return [`${cpus().length} cores`, system, fileSystem].filter(Boolean).join(', ');
}

const MODES = [
  ['work', 'The next limit follows each continue', 'The task runs into limit after limit. A second continue of the same stop meets the next limit: it counts as a request before a reset.'],
  ['finish', 'Each continued turn ends, and the user gives the next piece of work', 'Whatever is sent in the 110 seconds after a continue is a continue too many.'],
];

export function writeNight(results, arms) {
  const text = ['## A night of usage limits', '', ...introduction(results), ''];
  for (const [mode, heading, explanation] of MODES) {
    const rows = rowsOf(results, arms, mode);
    if (rows.length === 0) continue;
    text.push(`### ${heading}`, '', explanation, '', ...table(rows), '');
  }
  text.push(...others());
  writeSection('night', text.join('\n'));
  writeFileSync(DRAWING, drawing(results, arms));
}

function rowsOf(results, arms, mode) {
  return arms.map((arm) => ({ arm, result: results.nights[`${arm.id} ${mode}`] })).filter(({ result }) => result !== undefined);
}

function introduction({ client, windows, measuredAt, machine, note }) {
  return [
    '![Seconds from the reset of a limit until the session continued, for each arm](night.svg)',
    '',
    `Claude Code ${client} in a terminal, against a Messages API on 127.0.0.1 that refuses every request until the limit resets. A night has ${windows}`,
    `windows of 20 to 80 seconds, each with its reset at a full minute. Every arm runs with its default settings. The arms run side by side`,
    `(${machine}, on which other programs ran, ${measuredAt}). The API counts the requests; nothing here is what a program reports about itself.`,
    '',
    'A closed terminal is closed after the stop. The table has the median of processes and memory while a session waits. Real windows last for hours: a program',
    `that repeats its own prompt after 90 seconds meets the next limit here, and would not in a real night.${note ? ` ${note}` : ''}`,
    '',
    '`npm run bench -- night` measures it again (40 minutes, Linux with tmux) and writes this section and the drawing.',
  ];
}

function table(rows) {
  const head = ['', 'terminal', 'continued', 'too many', 'before a reset', 'latest start', 'extra processes', 'their memory', 'client memory', 'set up once', 'then the user'];
  const lines = rows.map(({ arm, result }) => [
    versioned(arm, result),
    arm.closed ? 'closed' : 'open',
    ...(result.failed ? [`not measured: ${result.failed}`, '', '', '', '', '', ''] : figures(result)),
    arm.setup,
    result.failed ? '' : duty(arm, result),
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

function figures({ continued, wanted, tooMany, early, latest, processes, extraMegabytes, clientMegabytes }) {
  return [
    `${continued} of ${wanted}`,
    String(tooMany),
    String(early),
    latest === null ? '' : `${Math.round(latest)} s`,
    String(processes),
    processes === 0 ? '' : `${extraMegabytes} MB`,
    clientMegabytes === 0 ? '' : `${clientMegabytes} MB`,
  ];
}

function versioned({ id, name }) {
  const peer = PYTHON_PEERS[name];
  return peer && id in { claudekeeper: 1, automode: 1 } ? `${name} ${peer.version} (${peer.released})` : name;
}

/** What is left to the user, by how the night ended. */
function duty(arm, { continued, wanted, menu }) {
  if (continued === wanted) return 'nothing';
  if (arm.closed) return 'opens each session and types a prompt';
  return menu ? 'answers the limit menu and types a prompt' : 'types a prompt';
}

function others() {
  return [
    'Programs of others, from public registries:',
    '',
    ...Object.entries(PYTHON_PEERS).map(([name, { version, released, how }]) => `- ${name} ${version} (${released}): ${how}.`),
    '',
    'Not measured:',
    '',
    ...ABSENT_PEERS.map(({ name, why }) => `- ${name}: ${why}.`),
  ];
}

const [LEFT, TOP, ROW, WIDTH, LAST] = [250, 46, 26, 560, 360];

/** A row for each arm; a dot for each window, at the seconds from its reset to the continue. */
function drawing(results, arms) {
  const rows = MODES.flatMap(([mode, heading]) => [{ heading }].concat(rowsOf(results, arms, mode).filter(({ result }) => !result.failed)));
  const x = (seconds) => LEFT + (Math.min(Math.max(seconds, 0), LAST) / LAST) * WIDTH;
  const height = TOP + rows.length * ROW + 30;
  const marks = [];
  for (const seconds of [0, 60, 120, 180, 240, 300, 360]) {
    marks.push(`<line x1="${x(seconds)}" y1="${TOP - 10}" x2="${x(seconds)}" y2="${height - 26}" stroke="#8888" stroke-width="0.5"/>`);
    marks.push(`<text x="${x(seconds)}" y="${height - 10}" text-anchor="middle">${seconds} s</text>`);
  }
  rows.forEach(({ heading, arm, result }, index) => {
    const y = TOP + index * ROW + 6;
    if (heading) return marks.push(`<text x="8" y="${y + 4}" font-weight="bold">${heading}</text>`);
    marks.push(`<text x="16" y="${y + 4}">${arm.name}${arm.closed ? ', closed' : ''}</text>`);
    for (const { after } of result.windows) {
      after.forEach((seconds, nth) => marks.push(`<circle cx="${x(seconds).toFixed(1)}" cy="${y}" r="5" fill="${nth === 0 ? '#2da44e' : '#cf222e'}" fill-opacity="0.75"/>`));
    }
    const missed = result.wanted - result.continued;
    marks.push(`<text x="${LEFT + WIDTH + 14}" y="${y + 4}" fill="${missed === 0 ? '#2da44e' : '#cf222e'}">${result.continued} of ${result.wanted}</text>`);
    return undefined;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 90} ${height}" font-family="sans-serif" font-size="12" fill="#768390" role="img" aria-label="Seconds from the reset of a limit until the session continued">
<text x="${LEFT}" y="16">Seconds from the reset until the session continued. Green: the continue. Red: a continue too many.</text>
${marks.join('\n')}
</svg>
`;
}
