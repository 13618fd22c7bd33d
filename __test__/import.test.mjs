// `import`: an export is restored as a resumable session, through the command; anything that differs from the exported bytes is refused.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contents, wholeSession } from './lib/belongings.mjs';
import { ROOT, world } from './lib/command.mjs';
import { idOf, livingClient } from './lib/hooks.mjs';

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const notLinux = process.platform !== 'linux' && 'Linux only';
const noTar = spawnSync('tar', ['--version']).status !== 0 && 'there is no tar';
const noStrace = process.platform !== 'linux' || spawnSync('strace', ['-V']).status !== 0 ? 'there is no strace' : false;

/** Creates a session, exports it and deletes it. @param {import('node:test').TestContext} t @param {string[]} more */
async function deleted(t, ...more) {
  const place = world(t);
  const session = wholeSession(place);
  const { status, stdout, stderr } = await place.run(['export', session.id, ...more, '--json']);
  assert.equal(status, 0, stderr);
  const saved = JSON.parse(stdout).exports[0].path;
  for (const part of ['projects', 'tasks', 'file-history', 'plans']) rmSync(join(place.claude, part), { recursive: true });
  return { place, session, saved, exports: contents(join(place.state, 'exports')) };
}

/** Returns the files of the session by their paths in Claude Code's directory. @param {Awaited<ReturnType<typeof deleted>>} scene */
function files({ place, session }) {
  return Object.fromEntries(Object.entries(session.places).filter(([path]) => path !== 'HANDOFF.md').map(([path, file]) => [file.slice(place.claude.length + 1), session.bytes[path]]));
}

for (const archive of [false, true]) {
  test(`import restores a deleted session byte for byte from ${archive ? 'an archive' : 'a directory'}`, async (t) => {
    const scene = await deleted(t, ...(archive ? ['--archive'] : []));
    const { place, session, saved } = scene;
    const planned = await place.run(['import', saved, '--dry-run', '--json']);
    assert.equal(planned.status, 0, planned.stderr);
    assert.deepEqual(contents(place.claude), {}, 'nothing is written by a dry run');
    const { status, stdout, stderr } = await place.run(['import', saved, '--json']);
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual(contents(place.claude), files(scene));
    assert.deepEqual(report.files, JSON.parse(planned.stdout).files);
    assert.equal(report.files.at(-1).to, session.transcript, 'the transcript comes last');
    assert.deepEqual(report.left.map((/** @type {any} */ { path }) => path), ['HANDOFF.md']);
    assert.deepEqual([report.commands.cwd, report.commands.resume], [place.project, ['claude', `--resume=${session.id}`]]);
    if (process.platform !== 'win32') for (const { to } of report.files) assert.equal(statSync(to).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(place.state).filter((name) => name.startsWith('importing')), [], 'nothing unpacked is left');
    assert.deepEqual(contents(join(place.state, 'exports')), scene.exports, 'the export is as it was');
    assert.match(readFileSync(report.log, 'utf8'), new RegExp(`\\| ${session.id} \\| \\d+ \\| import \\| verified, in `));
    const again = await place.run(['import', saved]);
    assert.equal(again.status, 6);
    assert.match(again.stderr, /already exists, byte for byte/);
  });
}

test('import writes a session into another project and another configuration directory', async (t) => {
  const scene = await deleted(t, '--hash', 'xxh3');
  const { place, session, saved } = scene;
  const moved = join(place.home, 'moved');
  const other = join(place.home, 'other');
  for (const directory of [moved, other]) mkdirSync(directory);
  const { status, stdout, stderr } = await place.run(['import', saved, '--project', moved, '--config-dir', other]);
  assert.equal(status, 0, stderr);
  assert.match(stdout, new RegExp(`cd ${moved} && CLAUDE_CONFIG_DIR=${other} claude --resume=${session.id}`));
  assert.deepEqual(readFileSync(join(other, 'projects', moved.replace(/[^A-Za-z0-9]/g, '-'), `${session.id}.jsonl`)), session.bytes[`${session.id}.jsonl`]);
  assert.deepEqual(contents(place.claude), {});
  const shown = JSON.parse((await place.run(['show', session.id, '--json'], { env: { CLAUDE_CONFIG_DIR: other } })).stdout);
  assert.equal(shown.bytes, session.bytes[`${session.id}.jsonl`].length);
});

test('import overwrites no existing file and writes nothing else beside it', async (t) => {
  const scene = await deleted(t);
  const { place, session, saved } = scene;
  for (const path of [`${session.id}.jsonl`, 'tasks/1.json', `${session.id}/tool-results/b1.txt`]) {
    const file = session.places[path];
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, 'newer');
    const before = contents(place.claude);
    const { status, stderr } = await place.run(['import', saved]);
    assert.equal(status, 4, path);
    assert.match(stderr, /already exists, differs from the export, and is not overwritten\n {2}next: /);
    assert.deepEqual(contents(place.claude), before);
    rmSync(file);
  }
  // A plan of the same name may belong to another session; an existing file with equal bytes does not block the import.
  mkdirSync(join(place.claude, 'plans'), { recursive: true });
  writeFileSync(join(place.claude, 'plans', 'quiet-river.md'), 'another');
  writeFileSync(session.places['tasks/1.json'], session.bytes['tasks/1.json']);
  const { status, stdout } = await place.run(['import', saved, '--json']);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout).left.map((/** @type {any} */ { path }) => path), ['plans/quiet-river.md', 'HANDOFF.md']);
  assert.equal(readFileSync(join(place.claude, 'plans', 'quiet-river.md'), 'utf8'), 'another');
});

test('import does not follow links in the place of session files', { skip: process.platform === 'win32' }, async (t) => {
  const { place, session, saved } = await deleted(t);
  const away = join(place.root, 'away');
  mkdirSync(away);
  for (const part of ['tasks', 'file-history']) {
    mkdirSync(join(place.claude, part), { recursive: true });
    symlinkSync(away, join(place.claude, part, session.id));
    const { status, stderr } = await place.run(['import', saved]);
    assert.equal(status, 4, stderr);
    rmSync(join(place.claude, part), { recursive: true });
  }
  mkdirSync(session.directory, { recursive: true });
  symlinkSync(join(away, 'x'), session.transcript);
  assert.equal((await place.run(['import', saved])).status, 4);
  assert.deepEqual(readdirSync(away), []);
});

test('import exits with 5 and writes nothing when a byte is changed, added or missing', async (t) => {
  const { place, session, saved } = await deleted(t);
  const pristine = join(place.root, 'pristine');
  cpSync(saved, pristine, { recursive: true });
  /** @type {[string, (path: string) => void][]} */
  const damages = [
    ['a bit', (path) => edit(path, `${session.id}.jsonl`, (bytes) => bytes.fill(bytes[1000] ^ 1, 1000, 1001))],
    ['the end', (path) => edit(path, `${session.id}.jsonl`, (bytes) => bytes.subarray(0, -1))],
    ['one more', (path) => edit(path, 'tasks/1.json', (bytes) => Buffer.concat([bytes, Buffer.from('x')]))],
    ['a file', (path) => rmSync(join(path, 'plans', 'quiet-river.md'))],
    ['the manifest', (path) => rmSync(join(path, 'manifest.json'))],
    ['a hash', (path) => edit(path, 'manifest.json', (bytes) => Buffer.from(String(bytes).replace(/("digest": ")(.)/, (_, before, digit) => before + (digit === '0' ? '1' : '0'))))],
    ['a size', (path) => edit(path, 'manifest.json', (bytes) => Buffer.from(String(bytes).replace('"bytes": ', '"bytes": 1')))],
    ['half the manifest', (path) => edit(path, 'manifest.json', (bytes) => bytes.subarray(0, bytes.length / 2))],
    ['a directory for a file', (path) => rmSync(join(path, 'tasks', '1.json')) ?? mkdirSync(join(path, 'tasks', '1.json'))],
    ...(process.platform === 'win32' ? [] : /** @type {[string, (path: string) => void][]} */ ([
      ['a link for a file', (path) => renameSync(join(path, 'tasks', '1.json'), join(place.root, 'moved.json')) ?? symlinkSync(join(place.root, 'moved.json'), join(path, 'tasks', '1.json'))],
      ['a link for a directory', (path) => renameSync(join(path, 'tasks'), join(place.root, 'moved')) ?? symlinkSync(join(place.root, 'moved'), join(path, 'tasks'))],
    ])),
  ];
  for (const [what, damage] of damages) {
    rmSync(saved, { recursive: true });
    cpSync(pristine, saved, { recursive: true });
    damage(saved);
    const { status, stdout, stderr } = await place.run(['import', saved]);
    assert.deepEqual([status, stdout], [5, ''], `${what}: ${stderr}`);
    assert.deepEqual(contents(place.claude), {}, what);
  }
  rmSync(saved, { recursive: true });
  cpSync(pristine, saved, { recursive: true });
  assert.equal((await place.run(['import', saved])).status, 0, 'the control');
});

/** @param {string} root @param {string} path @param {(bytes: Buffer) => Uint8Array} change */
function edit(root, path, change) {
  writeFileSync(join(root, path), change(readFileSync(join(root, path))));
}

test('import rejects a manifest with a path outside the session even if its checksum is valid', async (t) => {
  const { place, saved } = await deleted(t);
  for (const path of ['../../../../escaped', 'tasks/../../escaped', '/tmp/escaped', 'settings.json', 'projects/x.jsonl', 'tasks/1.json\u0000']) {
    const manifest = JSON.parse(readFileSync(join(saved, 'manifest.json'), 'utf8'));
    const { check: _check, ...body } = manifest;
    body.files[1].path = path;
    const check = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 16);
    const forged = join(place.root, 'forged');
    cpSync(saved, forged, { recursive: true });
    writeFileSync(join(forged, 'manifest.json'), JSON.stringify({ ...body, check }));
    const { status, stderr } = await place.run(['import', forged]);
    assert.equal(status, 4, `${path}: ${stderr}`);
    assert.match(stderr, /which is not a file of this session/);
    assert.deepEqual(contents(place.claude), {});
    rmSync(forged, { recursive: true });
  }
});

test('a manifest of a newer version is reported and left alone', async (t) => {
  const { place, saved } = await deleted(t);
  edit(saved, 'manifest.json', (bytes) => Buffer.from(String(bytes).replace('"version": 1', '"version": 9')));
  const { status, stderr } = await place.run(['import', saved]);
  assert.equal(status, 1);
  assert.match(stderr, /newer version \(format 9\)/);
});

test('import rejects foreign archives, and archives with links, outside paths or missing data', { skip: noTar }, async (t) => {
  const { place, session, saved } = await deleted(t, '--archive');
  const work = join(place.root, 'work');
  mkdirSync(work);
  assert.equal(spawnSync('tar', ['-xf', saved, '-C', work]).status, 0);
  const [name] = readdirSync(work);
  const bytes = readFileSync(saved);
  const packed = join(place.root, 'packed.tar');
  const pack = (/** @type {string[]} */ ...argv) => assert.equal(spawnSync('tar', ['-cf', packed, '-C', work, ...argv]).status, 0);
  /** @type {[string, () => void][]} */
  const cases = [
    ['cut off', () => writeFileSync(packed, bytes.subarray(0, bytes.length / 2))],
    ['no archive', () => writeFileSync(packed, 'x'.repeat(5000))],
    ['empty', () => writeFileSync(packed, '')],
    ['a bit', () => {
      const at = bytes.indexOf('x\u0000é');
      const changed = Buffer.from(bytes);
      changed[at] = 121;
      writeFileSync(packed, changed);
    }],
    ['without its manifest', () => pack(`${name}/${session.id}.jsonl`)],
    ['its manifest last', () => pack(`${name}/${session.id}.jsonl`, `${name}/manifest.json`)],
    ['something more', () => {
      writeFileSync(join(work, name, 'more'), 'x');
      pack(`${name}/manifest.json`, `${name}/more`);
    }],
    ['a link', () => {
      symlinkSync('/etc/passwd', join(work, name, 'link'));
      pack(`${name}/manifest.json`, `${name}/link`);
    }],
    ['a hard link', () => {
      linkSync(join(work, name, 'tasks', '1.json'), join(work, name, 'tasks', '2.json'));
      pack(`${name}/manifest.json`, `${name}/tasks`);
    }],
  ];
  for (const [what, make] of cases) {
    make();
    const { status, stdout, stderr } = await place.run(['import', packed]);
    assert.deepEqual([status, stdout], [5, ''], `${what}: ${stderr}`);
    assert.deepEqual(contents(place.claude), {}, what);
    assert.deepEqual(readdirSync(place.state).filter((one) => one.startsWith('importing')), [], what);
  }
  // Positive control: an archive that another tar has packed in the right order is accepted.
  rmSync(join(work, name, 'tasks', '2.json'));
  pack(`${name}/manifest.json`, `${name}/${session.id}.jsonl`, `${name}/${session.id}`, `${name}/tasks`, `${name}/plans`, `${name}/file-history`, `${name}/HANDOFF.md`);
  const { status, stderr } = await place.run(['import', packed]);
  assert.equal(status, 0, stderr);
});

test('import refuses a session that a client has open', { skip: notLinux }, async (t) => {
  const { place, session, saved } = await deleted(t);
  const client = livingClient(place, session.id);
  const before = contents(place.claude);
  const { status, stderr } = await place.run(['import', saved]);
  assert.equal(status, 4);
  assert.match(stderr, new RegExp(`process ${client.pid} has session`));
  assert.deepEqual(contents(place.claude), before);
  client.register(idOf(7));
  assert.equal((await place.run(['import', saved])).status, 0);
});

test('import leaves no file of the session behind when a write fails', { skip: noStrace }, async (t) => {
  let failed = 0;
  for (const [call, error, times] of /** @type {[string, string, number][]} */ ([['pwrite64', 'ENOSPC', 7], ['fsync', 'EIO', 8], ['linkat', 'EACCES', 7], ['mkdir', 'EACCES', 3]])) {
    const { place, saved } = await deleted(t);
    for (let when = 1; when <= times; when += 2) {
      const inject = ['-f', '-qq', '-o', join(place.root, 'trace'), '-e', `trace=${call}`, '-e', `inject=${call}:error=${error}:when=${when}`];
      const { status, stdout, stderr } = spawnSync('strace', [...inject, process.execPath, COMMAND, 'import', saved], { cwd: place.project, env: place.env, encoding: 'utf8' });
      if (status === 0) break;
      failed += 1;
      assert.deepEqual([status, stdout], [1, ''], stderr);
      assert.deepEqual(contents(place.claude), {}, `${call} ${when}`);
      assert.equal(existsSync(join(place.claude, 'projects')), false, 'nor a directory');
    }
    for (const part of ['projects', 'tasks', 'file-history', 'plans']) rmSync(join(place.claude, part), { recursive: true, force: true });
    assert.equal((await place.run(['import', saved])).status, 0, 'without the fault it is imported');
  }
  assert.ok(failed >= 10, `${failed} faults`);
});

test('a file that is not an export and a missing file have different errors', async (t) => {
  const { place, saved } = await deleted(t);
  const missing = await place.run(['import', join(place.root, 'none')]);
  assert.equal(missing.status, 1);
  assert.match(missing.stderr, /could not open.*\n {2}next: /s);
  const other = await place.run(['import', place.project]);
  assert.equal(other.status, 5);
  assert.match(other.stderr, /is not a complete export: it has no manifest\.json/);
  assert.equal((await place.run(['import', saved, '--config-dir', join(place.root, 'none')])).status, 3);
  assert.equal((await place.run(['import', saved, '--project', join(place.root, 'none')])).status, 3);
  assert.equal((await place.run(['import'])).status, 2);
});
