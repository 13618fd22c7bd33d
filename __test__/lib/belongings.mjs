// A hand-written session with every kind of file, and the contents of its export.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { idOf, transcriptText } from './hooks.mjs';

/** @param {string | Buffer} bytes */
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Returns the bytes of every file below a directory, by its path with `/`. @param {string} root @returns {Record<string, Buffer>} */
export function contents(root) {
  if (!existsSync(root)) return {};
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({ parentPath, name }) => [relative(root, join(parentPath, name)).split(sep).join('/'), readFileSync(join(parentPath, name))]));
}

/**
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {{id?: string, more?: string, fixture?: string}} [options] `more`: text after the transcript.
 */
export function wholeSession(place, { id = idOf(1), more = '', fixture = 'finished-interactive' } = {}) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  const transcript = join(directory, `${id}.jsonl`);
  const slug = '{"type":"mode","mode":"default","slug":"quiet-river","sessionId":"' + id + '"}\n';
  const text = `${slug}${transcriptText(fixture, { id, cwd: place.project })}${more}`;
  /** Original path of each file, by its path in the export. @type {Record<string, string>} */
  const places = {
    [`${id}.jsonl`]: transcript,
    [`${id}/subagents/agent-a.jsonl`]: join(directory, id, 'subagents', 'agent-a.jsonl'),
    [`${id}/subagents/agent-a.meta.json`]: join(directory, id, 'subagents', 'agent-a.meta.json'),
    [`${id}/tool-results/b1.txt`]: join(directory, id, 'tool-results', 'b1.txt'),
    'tasks/1.json': join(place.claude, 'tasks', id, '1.json'),
    'file-history/0a1b2c@v1': join(place.claude, 'file-history', id, '0a1b2c@v1'),
    'plans/quiet-river.md': join(place.claude, 'plans', 'quiet-river.md'),
    'HANDOFF.md': join(place.project, 'HANDOFF.md'),
  };
  /** @type {Record<string, Buffer>} */
  const bytes = {};
  for (const [path, file] of Object.entries(places)) {
    mkdirSync(dirname(file), { recursive: true });
    bytes[path] = Buffer.from(path === `${id}.jsonl` ? text : path.endsWith('.txt') ? 'x\u0000é\n'.repeat(30_000) : `${path}\n`);
    writeFileSync(file, bytes[path]);
  }
  return { id, directory, transcript, places, bytes };
}

/** Returns the directories and archives that look like finished exports. @param {string} directory */
export function finished(directory) {
  return existsSync(directory) ? readdirSync(directory).filter((name) => /^\d{8}T\d{6}Z-LOSSLESS-/.test(name)) : [];
}
