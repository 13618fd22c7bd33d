// Module layers: modules at the top of `src` import only from lower layers, and the drawing in docs/ARCHITECTURE.md shows the actual
// imports. `UPDATE_SNAPSHOTS=1 node --test __test__/rooms.test.mjs` redraws it.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './lib/command.mjs';

/** Base modules that may import each other: an error names a file, and a file that cannot be read is an error. */
const RIM = new Set(['env', 'error', 'fs']);
/** Modules in the drawing; the others are small and used by almost all. */
const DRAWN = ['store', 'claude', 'session', 'config', 'trust', 'quota', 'notify', 'watch', 'keep', 'note', 'recovery', 'project', 'service', 'report', 'rescue', 'hook', 'statusline', 'tui', 'ffi'];

/** Returns which module imports which, with the importing files; tests do not count. */
function imports() {
  /** @type {Map<string, Map<string, string[]>>} */
  const graph = new Map();
  for (const name of readdirSync(join(ROOT, 'src'), { recursive: true }).map(String).filter((one) => one.endsWith('.rs'))) {
    const room = name.split('/')[0].replace(/\.rs$/, '');
    if (room === 'lib') continue;
    const [code] = readFileSync(join(ROOT, 'src', name), 'utf8').split('#[cfg(test)]\nmod ');
    const into = graph.get(room) ?? graph.set(room, new Map()).get(room);
    for (const [, other] of code.matchAll(/\bcrate::(\w+)/g)) {
      if (other === room || (RIM.has(room) && RIM.has(other))) continue;
      into?.set(other, [...(into.get(other) ?? []), name]);
    }
  }
  return graph;
}

/** Returns a cycle of modules, or null. @param {Map<string, Map<string, string[]>>} graph */
function circle(graph) {
  /** @type {Set<string>} */
  const done = new Set();
  /** @param {string} room @param {string[]} way @returns {string[] | null} */
  const walk = (room, way) => {
    if (way.includes(room)) return [...way.slice(way.indexOf(room)), room];
    if (done.has(room)) return null;
    for (const other of graph.get(room)?.keys() ?? []) {
      const found = walk(other, [...way, room]);
      if (found !== null) return found;
    }
    done.add(room);
    return null;
  };
  for (const room of graph.keys()) {
    const found = walk(room, []);
    if (found !== null) return found;
  }
  return null;
}

/** Returns the drawing, without arrows that follow from others. @param {Map<string, Map<string, string[]>>} graph */
function drawing(graph) {
  /** @param {string} from @param {string} to @param {boolean} direct @returns {boolean} */
  const reaches = (from, to, direct) => [...(graph.get(from)?.keys() ?? [])].some((next) => (next === to ? direct : DRAWN.includes(next) && reaches(next, to, true)));
  const arrows = DRAWN.flatMap((from) => DRAWN.filter((to) => graph.get(from)?.has(to) && !reaches(from, to, false)).map((to) => `  ${from} --> ${to}`));
  return `\`\`\`mermaid\nflowchart TD\n${arrows.toSorted().join('\n')}\n\`\`\``;
}

test('the module groups have no circular imports', () => {
  const graph = imports();
  const found = circle(graph);
  const files = found?.slice(1).map((to, at) => `${found[at]} -> ${to}: ${graph.get(found[at])?.get(to)}`);
  assert.equal(found, null, files?.join('\n'));
});

test('the module diagram in ARCHITECTURE.md is current', () => {
  const path = join(ROOT, 'docs', 'ARCHITECTURE.md');
  const text = readFileSync(path, 'utf8');
  const drawn = /```mermaid\nflowchart TD\n[\s\S]*?```/;
  const wanted = drawing(imports());
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(path, text.replace(drawn, wanted));
  else assert.equal(drawn.exec(text)?.[0], wanted);
});
