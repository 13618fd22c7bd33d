// `relocate`: makes verified copies, through the command.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { idOf, livingClient, transcriptText } from './lib/hooks.mjs';

const linux = process.platform !== 'linux';
const ID = idOf(1);

/** @param {ReturnType<typeof world>} place */
function prepared(place) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  const companion = join(directory, ID, 'subagents');
  mkdirSync(companion, { recursive: true });
  const transcript = join(directory, `${ID}.jsonl`);
  writeFileSync(transcript, transcriptText('finished-interactive', { id: ID, cwd: place.project }));
  writeFileSync(join(companion, 'agent-a.jsonl'), '{"type":"user"}\n');
  mkdirSync(join(place.claude, 'tasks', ID), { recursive: true });
  writeFileSync(join(place.claude, 'tasks', ID, '1.json'), '{}');
  const other = join(place.home, 'other');
  mkdirSync(join(other, 'projects'), { recursive: true });
  return { transcript, other };
}

/** Returns every file below a directory with its contents. @param {string} root @returns {Record<string, string>} */
function contents(root) {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(files.map(({ parentPath, name }) => [join(parentPath, name).slice(root.length), readFileSync(join(parentPath, name), 'utf8')]));
}

test('relocate copies a session and its files to another configuration directory, byte for byte', async (t) => {
  const place = world(t);
  const { transcript, other } = prepared(place);
  const before = contents(place.claude);
  const planned = JSON.parse((await place.run(['relocate', ID, '--to', other, '--dry-run', '--json'])).stdout);
  assert.deepEqual(contents(other), {}, 'nothing is written by a dry run');
  const { status, stdout, stderr } = await place.run(['relocate', ID, '--to', other, '--json']);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual(report.files.map((/** @type {any} */ { to }) => to), planned.files.map((/** @type {any} */ { to }) => to));
  assert.equal(report.files.length, 3);
  for (const { from, to, bytes, sha256 } of report.files) {
    assert.deepEqual(readFileSync(to), readFileSync(from));
    assert.equal(statSync(to).size, bytes);
    assert.equal(createHash('sha256').update(readFileSync(to)).digest('hex'), sha256);
    if (process.platform !== 'win32') assert.equal(statSync(to).mode & 0o777, 0o600);
  }
  assert.equal(report.files.at(-1).from, transcript, 'the transcript comes last');
  assert.deepEqual(contents(place.claude), before, 'the original is as it was');
  assert.deepEqual(report.commands.env, { CLAUDE_CONFIG_DIR: other });
  assert.equal(report.commands.cwd, place.project);
  const line = await place.run(['resume', ID, '--print-command'], { env: { CLAUDE_CONFIG_DIR: other } });
  assert.match(line.stdout, new RegExp(`CLAUDE_CONFIG_DIR=${other} claude --resume=${ID}`));
});

test('relocate overwrites nothing, and a second copy is refused', async (t) => {
  const place = world(t);
  const { other } = prepared(place);
  assert.equal((await place.run(['relocate', ID, '--to', other])).status, 0);
  const before = contents(other);
  const { status, stderr } = await place.run(['relocate', ID, '--to', other]);
  assert.equal(status, 4);
  assert.match(stderr, /already exists and is not overwritten/);
  assert.deepEqual(contents(other), before);
});

test('relocate copies a session to another project, where it can be resumed', async (t) => {
  const place = world(t);
  prepared(place);
  const moved = join(place.home, 'moved');
  mkdirSync(moved);
  const { status, stdout, stderr } = await place.run(['relocate', ID, '--to', moved]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /finds the copy/);
  assert.match(stdout, new RegExp(`cd ${moved} && claude --resume=${ID}`));
  assert.match((await place.run(['resume', ID, '--print-command'], { cwd: moved })).stdout, new RegExp(`^cd ${moved} && `));
});

test('relocate does not copy open sessions, existing copies or links', { skip: linux }, async (t) => {
  const place = world(t);
  const { transcript, other } = prepared(place);
  const same = await place.run(['relocate', ID, '--to', place.project]);
  assert.deepEqual([same.status, existsSync(join(place.project, 'projects'))], [6, false]);
  const secret = join(place.root, 'secret');
  writeFileSync(secret, 'x');
  symlinkSync(secret, join(transcript.replace(/\.jsonl$/, ''), 'subagents', 'agent-b.jsonl'));
  const link = await place.run(['relocate', ID, '--to', other]);
  assert.equal(link.status, 4);
  assert.match(link.stderr, /symbolic link/);
  assert.deepEqual(contents(other), {});
  livingClient(place, ID);
  const live = await place.run(['relocate', ID, '--to', other]);
  assert.equal(live.status, 4);
  assert.match(live.stderr, /has it open/);
  assert.deepEqual(contents(other), {});
});

test('a missing directory and a missing argument have different errors than an unknown session', async (t) => {
  const place = world(t);
  const { other } = prepared(place);
  assert.equal((await place.run(['relocate', ID, '--to', join(place.root, 'nowhere')])).status, 3);
  assert.equal((await place.run(['relocate', ID])).status, 2);
  assert.equal((await place.run(['relocate', 'ffffffff', '--to', other])).status, 3);
});
