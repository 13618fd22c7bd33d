// `export`: saves sessions byte for byte through the command, also while they are written to and while every call fails.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { contents, finished, sha256, wholeSession } from './lib/belongings.mjs';
import { ROOT, world } from './lib/command.mjs';
import { idOf, livingClient } from './lib/hooks.mjs';
import { terminal } from './lib/terminal.mjs';

const notLinux = process.platform !== 'linux' && 'Linux only';
const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const has = (/** @type {string} */ program, /** @type {string[]} */ ...args) => spawnSync(program, args).status === 0;
const noStrace = process.platform !== 'linux' || !has('strace', '-V') ? 'there is no strace' : false;
const isRoot = process.getuid?.() === 0;

/** Returns the files of an export, except the manifest and the list of hashes. @param {string} path */
function held(path) {
  const { 'manifest.json': manifest, SHA256SUMS: sums, ...files } = contents(path);
  return { manifest: JSON.parse(String(manifest)), sums: sums === undefined ? null : String(sums), files };
}

test('an export contains every file of the session, byte for byte, with a manifest that lists each', async (t) => {
  const place = world(t);
  const { id, bytes, places, transcript } = wholeSession(place);
  const before = contents(place.home);
  const planned = JSON.parse((await place.run(['export', id, '--dry-run', '--json'])).stdout);
  assert.equal(existsSync(place.state), false, 'nothing is written by a dry run');
  assert.deepEqual([planned.dryRun, planned.exports[0].files, planned.exports[0].digest], [true, 8, null]);
  const { status, stdout, stderr } = await place.run(['export', id, '--json']);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  const [one] = report.exports;
  assert.equal(one.path.startsWith(join(place.state, 'exports')), true);
  assert.match(one.path, new RegExp(`/\\d{8}T\\d{6}Z-LOSSLESS-${id}$`));
  const { manifest, sums, files } = held(one.path);
  assert.deepEqual(files, bytes);
  assert.deepEqual(contents(place.home), before, 'the session is as it was');
  assert.deepEqual([manifest.version, manifest.hash, manifest.session.id, manifest.session.transcript, manifest.session.livePid], [1, 'sha256', id, transcript, null]);
  assert.deepEqual([manifest.session.clientVersion, manifest.session.state, manifest.session.stop], ['2.1.329', 'completed', 'finished']);
  assert.deepEqual(manifest.files.map((/** @type {any} */ { path }) => path).toSorted(), Object.keys(places).toSorted());
  for (const entry of manifest.files) {
    assert.equal(entry.digest, sha256(bytes[entry.path]));
    assert.equal(entry.bytes, bytes[entry.path].length);
    assert.equal(entry.lines, String(bytes[entry.path]).split('\n').length - 1);
  }
  assert.equal(one.digest, sha256(bytes[`${id}.jsonl`]));
  assert.deepEqual([one.transcriptBytes, one.grew, one.skipped, report.failures], [bytes[`${id}.jsonl`].length, false, [], []]);
  assert.equal(sums, manifest.files.map((/** @type {any} */ { digest, path }) => `${digest}  ${path}\n`).join(''));
  const log = readFileSync(report.log, 'utf8');
  assert.match(log, new RegExp(`\\| ${id} \\| ${one.bytes} \\| export \\| verified, in `));
  assert.ok(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').includes('"event":"exported"'));
});

test('exported files are readable only by the owner, whatever the umask', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  const run = (/** @type {string[]} */ ...argv) => spawnSync('sh', ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, COMMAND, ...argv], { cwd: place.project, env: place.env, encoding: 'utf8' });
  assert.equal(run('export', id, '--to', join(place.root, 'elsewhere')).status, 0);
  assert.equal(run('export', id, '--archive').status, 0);
  for (const root of [place.state, join(place.root, 'elsewhere')]) {
    assert.equal(statSync(root).mode & 0o777, 0o700);
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
      assert.equal(mode, entry.isDirectory() ? 0o700 : 0o600, join(entry.parentPath, entry.name));
    }
  }
});

test('export --archive writes one file that any tar extracts to the same bytes', { skip: !has('tar', '--version') && 'there is no tar' }, async (t) => {
  const place = world(t);
  const { id, bytes } = wholeSession(place, { more: '{"type":"mode"}\n'.repeat(40_000) });
  const { stdout, stderr, status } = await place.run(['export', id, '--archive', '--json']);
  assert.equal(status, 0, stderr);
  const [{ path }] = JSON.parse(stdout).exports;
  assert.deepEqual(readdirSync(join(place.state, 'exports')), [`${path.split('/').at(-1)}`], 'the directory it was made from is gone');
  const out = join(place.root, 'out');
  mkdirSync(out);
  const unpacked = spawnSync('tar', ['-xf', path, '-C', out], { encoding: 'utf8' });
  assert.equal(unpacked.status, 0, unpacked.stderr);
  assert.deepEqual(held(join(out, readdirSync(out)[0])).files, bytes);
});

test('the manifest records the xxh3 hash, and exports made in the same second get different names', async (t) => {
  const place = world(t);
  const { id, bytes } = wholeSession(place);
  const runs = await Promise.all(Array.from({ length: 4 }, () => place.run(['export', id, '--hash', 'xxh3', '--json'])));
  const paths = runs.map(({ status, stdout, stderr }) => {
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout).exports[0].path;
  });
  assert.equal(new Set(paths).size, 4);
  for (const path of paths) {
    const { manifest, sums, files } = held(path);
    assert.deepEqual([manifest.hash, sums, files], ['xxh3', null, bytes]);
    assert.match(manifest.files[0].digest, /^[0-9a-f]{32}$/);
  }
  if (has('xxhsum', '--version')) {
    const summed = spawnSync('xxhsum', ['-H2', join(paths[0], `${id}.jsonl`)], { encoding: 'utf8' }).stdout.split(' ')[0];
    assert.equal(summed, held(paths[0]).manifest.files[0].digest);
  }
});

test('--all and --active export sessions in parallel, and one failure does not stop the others', { skip: notLinux }, async (t) => {
  const place = world(t);
  const open = wholeSession(place);
  const other = wholeSession(place, { id: idOf(2) });
  livingClient(place, open.id);
  const active = JSON.parse((await place.run(['export', '--active', '--json'])).stdout);
  assert.deepEqual(active.exports.map((/** @type {any} */ { session, livePid }) => [session, typeof livePid]), [[open.id, 'number']]);
  rmSync(join(place.claude, 'tasks', idOf(2)), { recursive: true });
  writeFileSync(join(place.claude, 'tasks', idOf(2)), 'in the way');
  const all = await place.run(['export', '--all', '--json']);
  assert.equal(all.status, 0, all.stderr);
  const report = JSON.parse(all.stdout);
  assert.deepEqual(report.exports.map((/** @type {any} */ { session }) => session).toSorted(), [open.id, other.id]);
  if (isRoot && has('setpriv', '--version')) {
    // Run as another user, who cannot read one directory.
    spawnSync('chown', ['-R', '65534:65534', place.root]);
    chmodSync(join(other.directory, other.id, 'tool-results'), 0o000);
    const denied = spawnSync('setpriv', ['--reuid=65534', '--clear-groups', process.execPath, COMMAND, 'export', '--all', '--json'], { cwd: place.project, env: place.env, encoding: 'utf8' });
    assert.equal(denied.status, 1, denied.stderr);
    const told = JSON.parse(denied.stdout);
    assert.deepEqual(told.exports.map((/** @type {any} */ { session }) => session), [open.id]);
    assert.deepEqual(told.failures.map((/** @type {any} */ { session, code, exitCode }) => [session, code, exitCode]), [[other.id, 'IO', 1]]);
  }
});

test('a session that continues meanwhile is exported as its beginning, of the length that is stated', async (t) => {
  const place = world(t);
  const { id, transcript } = wholeSession(place, { more: '{"type":"mode","mode":"default"}\n'.repeat(200_000) });
  const writer = spawn(process.execPath, ['-e', 'const { appendFileSync } = require("node:fs"); const pause = new Int32Array(new SharedArrayBuffer(4)); for (let n = 0; ; n += 1) { appendFileSync(process.argv[1], JSON.stringify({ type: "mode", n, text: "x".repeat(n % 4000) }) + "\\n"); Atomics.wait(pause, 0, 0, 1); }', transcript], { stdio: 'ignore' });
  const gone = new Promise((resolve) => writer.once('exit', resolve));
  try {
    const before = statSync(transcript).size;
    while (statSync(transcript).size === before) await new Promise((resolve) => setTimeout(resolve, 20));
    // On a machine under load the writer may pause for as long as an export takes.
    for (let [round, grown] = [0, 0]; grown < 3; round += 1) {
      assert.ok(round < 60, `it grew in ${grown} of ${round} exports`);
      const { status, stdout, stderr } = await place.run(['export', id, '--json']);
      assert.equal(status, 0, stderr);
      const [one] = JSON.parse(stdout).exports;
      const copied = readFileSync(join(one.path, `${id}.jsonl`));
      grown += one.grew ? 1 : 0;
      assert.equal(copied.length, one.transcriptBytes);
      assert.deepEqual(readFileSync(transcript).subarray(0, copied.length).equals(copied), true);
      assert.equal(one.digest, sha256(copied));
      assert.equal(copied.at(-1), 10, 'at the end of a line');
    }
  } finally {
    writer.kill('SIGKILL');
    await gone;
  }
});

test('a file that is rewritten all the time exits with 5, and no export is made of it', async (t) => {
  const place = world(t);
  const { id, transcript } = wholeSession(place, { more: '{"type":"mode","mode":"default"}\n'.repeat(400_000) });
  const text = readFileSync(transcript, 'utf8');
  const texts = [1, 2, 3].map((n) => text.replaceAll('default', `plan${n}`));
  const script = 'const { readFileSync, writeFileSync } = require("node:fs"); const text = readFileSync(process.argv[1], "utf8"); const texts = [1, 2, 3].map((n) => text.replaceAll("default", "plan" + n)); for (let n = 0; ; n += 1) writeFileSync(process.argv[1], texts[n % 3])';
  const writer = spawn(process.execPath, ['-e', script, transcript], { stdio: 'ignore' });
  const gone = new Promise((resolve) => writer.once('exit', resolve));
  try {
    await new Promise((resolve) => setTimeout(resolve, 500));
    let refused = 0;
    for (let run = 0; run < 60 && refused === 0; run += 1) {
      const { status, stdout, stderr } = await place.run(['export', transcript, '--json']);
      if (status === 0) {
        // The file may stay unchanged between two writes for as long as a copy takes.
        const copied = readFileSync(join(JSON.parse(stdout).exports[0].path, `${id}.jsonl`), 'utf8');
        assert.ok([text, ...texts].some((one) => one.startsWith(copied)), 'the beginning of one text');
        rmSync(JSON.parse(stdout).exports[0].path, { recursive: true });
        continue;
      }
      refused += 1;
      assert.equal(status, 5, stderr);
      assert.equal(JSON.parse(stdout).error.code, 'VERIFICATION_FAILED');
      assert.match(stderr, /was truncated, rewritten or replaced while it was being (copied|exported)\n {2}next: /);
      assert.deepEqual(readdirSync(join(place.state, 'exports')), []);
      assert.match(readFileSync(join(place.state, readdirSync(place.state).find((name) => name.startsWith('SESSION-LOG')) ?? ''), 'utf8'), new RegExp(`\\| ${id} \\|  \\| export \\| FAILED: was truncated`));
    }
    assert.equal(refused, 1);
  } finally {
    writer.kill('SIGKILL');
    await gone;
  }
});

test('links, pipes and devices among the files are reported and skipped, and nothing behind them is read', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { id, directory, bytes } = wholeSession(place);
  const secret = join(place.root, 'secret');
  mkdirSync(secret);
  writeFileSync(join(secret, 'key'), 'SECRET');
  const companion = join(directory, id);
  symlinkSync(join(secret, 'key'), join(companion, 'tool-results', 'link.txt'));
  symlinkSync(secret, join(companion, 'subagents', 'linked'));
  spawnSync('mkfifo', [join(companion, 'pipe')]);
  rmSync(join(place.project, 'HANDOFF.md'));
  symlinkSync(join(secret, 'key'), join(place.project, 'HANDOFF.md'));
  rmSync(join(place.claude, 'file-history', id), { recursive: true });
  symlinkSync(secret, join(place.claude, 'file-history', id));
  const { status, stdout, stderr } = await place.run(['export', id, '--json']);
  assert.equal(status, 0, stderr);
  const [one] = JSON.parse(stdout).exports;
  const { files, manifest } = held(one.path);
  const { 'HANDOFF.md': _note, 'file-history/0a1b2c@v1': _old, ...rest } = bytes;
  assert.deepEqual(files, rest);
  assert.equal(one.skipped.length, 5);
  assert.deepEqual(manifest.skipped, one.skipped);
  const screen = await place.run(['export', id]);
  assert.match(screen.stdout, /5 files were left:/);
  // A transcript that is a symbolic link is not a session.
  const away = join(place.root, 'away.jsonl');
  writeFileSync(away, bytes[`${id}.jsonl`]);
  rmSync(join(directory, `${id}.jsonl`));
  symlinkSync(away, join(directory, `${id}.jsonl`));
  const linked = await place.run(['export', id]);
  assert.notEqual(linked.status, 0);
  assert.match(linked.stderr, /symbolic link/);
});

test("export refuses Claude Code directories and a target that is an existing file", async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  const before = contents(place.claude);
  for (const to of [join(place.claude, 'projects', 'x'), place.claude, join(place.claude, 'a', 'b')]) {
    const { status, stderr } = await place.run(['export', id, '--to', to]);
    assert.equal(status, 4);
    assert.match(stderr, /is inside Claude Code's own directory/);
  }
  assert.equal((await place.run(['export', id, '--to', join(place.project, 'HANDOFF.md')])).status, 4);
  assert.deepEqual(contents(place.claude), before);
});

test('export accepts one selection at a time and lists the possible selections', async (t) => {
  const place = world(t);
  const none = await place.run(['export']);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /no session given/);
  assert.equal((await place.run(['export', '--all', '--active'])).status, 2);
  assert.equal((await place.run(['export', '--latest', '--all'])).status, 2);
  assert.equal((await place.run(['export', 'ffffffff'])).status, 3);
  assert.equal((await place.run(['export', '--all'])).status, 6);
  assert.equal((await place.run(['export', '--all', '--hash', 'md5'])).status, 2);
  assert.equal(existsSync(join(place.state, 'exports')), false);
});

test('an export removes what a killed export left behind', { skip: notLinux }, async (t) => {
  const place = world(t);
  const { id } = wholeSession(place);
  const exports = join(place.state, 'exports');
  const dead = spawnSync('true').pid;
  const left = join(exports, `.20261121T020000Z-LOSSLESS-${id}.${dead}.part`);
  const living = join(exports, `.20261121T020000Z-LOSSLESS-${id}.${process.pid}.part`);
  for (const directory of [left, living, join(exports, '.mine')]) mkdirSync(directory, { recursive: true });
  writeFileSync(join(left, `${id}.jsonl`), 'half');
  assert.equal((await place.run(['export', id])).status, 0);
  assert.deepEqual([existsSync(left), existsSync(living), existsSync(join(exports, '.mine'))], [false, true, true]);
});

test('on a terminal the progress is printed after a second', async () => {
  const { io, streams } = terminal({ columns: 80 });
  await io.during('exporting', new Promise((resolve) => setTimeout(resolve, 1300)), () => '12 MB of 500 MB');
  assert.match(streams.stderr.text, /exporting \.\.\. [1-9]\d* s, 12 MB of 500 MB/);
  assert.ok(streams.stderr.text.endsWith('\r\u001B[K'));
});

// ---- Faults ------------------------------------------------------------------------------------------------------------

suite('a failing export leaves no incomplete export and does not change the session', { concurrency: 2 }, () => {
  /** @param {ReturnType<typeof world>} place @param {ReturnType<typeof wholeSession>} session @param {string} directory */
  function assertWhole(place, session, directory) {
    for (const name of finished(directory)) {
      const { files, manifest } = held(join(directory, name));
      assert.deepEqual(files, session.bytes);
      assert.equal(manifest.files.length, 8);
    }
    for (const [path, file] of Object.entries(session.places)) assert.deepEqual(readFileSync(file), session.bytes[path]);
  }

  const calls = /** @type {[string, string, number][]} */ ([
    ['pwrite64', 'ENOSPC', 6],
    ['pwrite64', 'EIO', 2],
    ['fsync', 'EIO', 9],
    ['fsync', 'ENOSPC', 3],
    ['mkdir', 'EACCES', 6],
    ['rename', 'EACCES', 3],
    ['renameat2', 'EIO', 1],
    ['renameat2', 'ENOSPC', 1],
  ]);
  for (const [call, error, times] of calls) {
    test(`each failing ${call} with ${error} leaves no incomplete export`, { skip: noStrace }, async (t) => {
      let failed = 0;
      for (let when = 1; when <= times; when += 1) {
        const place = world(t);
        const session = wholeSession(place);
        const inject = ['-f', '-qq', '-o', join(place.root, 'trace'), '-e', `trace=${call}`, '-e', `inject=${call}:error=${error}:when=${when}`];
        const { status, stdout, stderr } = spawnSync('strace', [...inject, process.execPath, COMMAND, 'export', session.id], { cwd: place.project, env: place.env, encoding: 'utf8' });
        const hit = readFileSync(join(place.root, 'trace'), 'utf8').includes('(INJECTED)');
        const exports = join(place.state, 'exports');
        assertWhole(place, session, exports);
        if (!hit) continue;
        if (status !== 0) {
          failed += 1;
          assert.ok(status === 1 || status === 5, `${status} ${stderr}`);
          assert.equal(stdout, '');
          assert.match(stderr, /^cc-session-recover: .*(could not|not enough disk space|differs from)/);
          if (existsSync(exports)) assert.deepEqual(readdirSync(exports).filter((name) => !name.startsWith('.')), []);
        } else {
          // If only the state or the log could not be written, that is reported and the export is complete.
          assert.equal(finished(exports).length, 1, stderr);
        }
      }
      assert.ok(failed > 0, 'no call was hit');
    });
  }

  test('a full disk during the export leaves no incomplete export', { skip: notLinux || (!isRoot && 'only root mounts') }, async (t) => {
    const place = world(t);
    const session = wholeSession(place);
    const small = join(place.root, 'small');
    mkdirSync(small);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', small]).status !== 0) return t.skip('no tmpfs can be mounted');
    place.endings.push(() => spawnSync('umount', [small]));
    const told = await place.run(['export', session.id, '--to', small]);
    assert.equal(told.status, 1);
    assert.match(told.stderr, /not enough disk space for a copy: \d+ MB needed/);
    assert.deepEqual(readdirSync(small), []);
    // Control: a copy by hand leaves a file with the right name and the wrong length.
    spawnSync('cp', [join(session.directory, session.id, 'tool-results', 'b1.txt'), small]);
    assert.ok(statSync(join(small, 'b1.txt')).size < session.bytes[`${session.id}/tool-results/b1.txt`].length);
    rmSync(join(small, 'b1.txt'));
    assertWhole(place, session, small);
  });

  test('a file size limit during the export leaves no incomplete export', { skip: process.platform === 'win32' }, async (t) => {
    const place = world(t);
    const session = wholeSession(place);
    const bounded = (/** @type {number} */ blocks, /** @type {string[]} */ ...more) =>
      spawnSync('sh', ['-c', `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`, 'sh', process.execPath, COMMAND, 'export', session.id, ...more], { cwd: place.project, env: place.env, encoding: 'utf8' });
    for (const more of [[], ['--archive']]) {
      const { status, stdout, stderr } = bounded(64, ...more);
      assert.deepEqual([status, stdout], [1, ''], stderr);
      assert.match(stderr, /could not write the (copy|archive): file too large/);
      assert.deepEqual(readdirSync(join(place.state, 'exports')), []);
    }
    assertWhole(place, session, join(place.state, 'exports'));
    assert.equal(bounded(100_000).status, 0, 'with room it continues');
    assert.equal(finished(join(place.state, 'exports')).length, 1);
  });

  test('export verifies the copy and fails when it does not contain what was written', { skip: noStrace }, async (t) => {
    const place = world(t);
    const session = wholeSession(place);
    // The ideal fault would be a wrong read from the copy; instead, strace makes one write report success without writing.
    const inject = ['-f', '-qq', '-o', join(place.root, 'trace'), '-e', 'trace=pwrite64', '-e', 'inject=pwrite64:retval=3:when=2'];
    const { status, stdout, stderr } = spawnSync('strace', [...inject, process.execPath, COMMAND, 'export', session.id], { cwd: place.project, env: place.env, encoding: 'utf8' });
    assert.match(readFileSync(join(place.root, 'trace'), 'utf8'), /INJECTED/);
    assert.deepEqual([status, stdout], [5, ''], stderr);
    assert.match(stderr, /the copy differs from what was written to it/);
    assert.deepEqual(readdirSync(join(place.state, 'exports')), []);
  });

  test('an export killed at any write leaves no incomplete export', { skip: noStrace }, async (t) => {
    let killed = 0;
    for (const [call, when] of /** @type {[string, number][]} */ ([['pwrite64', 1], ['pwrite64', 4], ['fsync', 1], ['fsync', 5], ['renameat2', 1], ['rename', 1], ['rename', 2]])) {
      const place = world(t);
      const session = wholeSession(place);
      const inject = ['-f', '-qq', '-o', join(place.root, 'trace'), '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${when}`];
      const { signal } = spawnSync('strace', [...inject, process.execPath, COMMAND, 'export', session.id], { cwd: place.project, env: place.env });
      if (signal === 'SIGKILL') killed += 1;
      assertWhole(place, session, join(place.state, 'exports'));
      const again = await place.run(['export', session.id]);
      assert.equal(again.status, 0, again.stderr);
      assertWhole(place, session, join(place.state, 'exports'));
      assert.deepEqual(readdirSync(join(place.state, 'exports')).filter((name) => name.startsWith('.')), [], 'what was left is swept');
    }
    assert.ok(killed >= 5, `${killed} kills`);
  });
});

test('a truncated transcript that is not growing is exported as it is, with its torn last line', async (t) => {
  const place = world(t);
  const { id, transcript } = wholeSession(place);
  truncateSync(transcript, statSync(transcript).size - 20);
  appendFileSync(transcript, Buffer.from([0, 0xff, 0xfe]));
  const { status, stdout, stderr } = await place.run(['export', id, '--json']);
  assert.equal(status, 0, stderr);
  const [one] = JSON.parse(stdout).exports;
  const { manifest, files } = held(one.path);
  assert.deepEqual(files[`${id}.jsonl`], readFileSync(transcript));
  assert.equal(manifest.files[0].torn, true);
});
