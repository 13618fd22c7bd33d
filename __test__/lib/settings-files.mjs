// The hand-written settings files of fixtures/settings, by name, and directory trees as values that can be compared.

import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';

const FIXTURES = join(ROOT, 'fixtures', 'settings');

/** Names of the fixtures that can be edited, and of those that must be refused. */
export const names = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
export const editable = names.filter((name) => !name.startsWith('refused-'));
export const refused = names.filter((name) => name.startsWith('refused-'));

/** The hook entries that the fixtures contain, and the marker that identifies them. */
export const { entries, marker } = JSON.parse(readFileSync(join(FIXTURES, 'entries.json'), 'utf8'));

/**
 * @param {string} name
 * @param {'before.jsonc' | 'after.jsonc' | 'removed.jsonc' | 'refused.txt' | 'warnings.txt'} file
 * @returns {string | null} `null` if there is no such file.
 */
export function textOf(name, file) {
  const path = join(FIXTURES, name, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** Whether one text results from the other by removing characters. @param {string} part @param {string} whole */
export function isSubsequence(part, whole) {
  let at = 0;
  for (let index = 0; index < whole.length; index += 1) if (whole[index] === part[at]) at += 1;
  return at === part.length;
}

/**
 * Returns everything below a directory: path -> kind, mode and content.
 *
 * @param {string} directory
 * @returns {Record<string, string>}
 */
export function treeOf(directory) {
  /** @type {Record<string, string>} */
  const tree = {};
  if (!existsSync(directory)) return tree;
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const whole = join(directory, path);
    const stat = lstatSync(whole);
    const mode = (stat.mode & 0o777).toString(8);
    if (stat.isSymbolicLink()) tree[path] = `link ${readlinkSync(whole)}`;
    else if (stat.isDirectory()) tree[path] = `directory ${mode}`;
    else tree[path] = `file ${mode} ${readFileSync(whole, 'base64')}`;
  }
  return tree;
}
