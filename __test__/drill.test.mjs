// Tests of `drill` through the command line, with the stub client. `client/drill.test.mjs` runs it with the real client.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { until } from './lib/until.mjs';

const BIN = path.join(import.meta.dirname, '..', 'bin');
const CLI = path.join(BIN, 'cc-session-recover.js');
const STUB = path.join(BIN, 'loopback', 'stub-client.js');
const STEPS = ['client', 'hooks', 'session', 'limit', 'incident', 'handoff', 'wait', 'wake', 'continued', 'once', 'done'];

/** Creates a place for the files of a drill: its temporary directory, and a PATH without a claude. */
function place(t) {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'ccsr-dt-')));
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const env = { ...process.env, TMPDIR: dir, TEMP: dir, TMP: dir, PATH: withoutClaude(process.env.PATH), NO_COLOR: '1' };
  delete env.CC_RECOVER_CLAUDE;
  return { dir, env };
}

function withoutClaude(value) {
  return value.split(path.delimiter).filter((dir) => !existsSync(path.join(dir, 'claude'))).join(path.delimiter);
}

function drill({ dir, env }, ...args) {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, 'drill', ...args], { cwd: dir, env, timeout: 400_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr, lines: stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)) });
    });
  });
}

function isGone(pid) {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Creates a program that acts as the client: the stub, after a line of shell. */
function client({ dir }, before) {
  const file = path.join(dir, 'claude-in-test');
  writeFileSync(file, `#!/bin/sh\n${before}\nexec '${process.execPath}' '${STUB}' "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

suite('drill', { concurrency: 3 }, () => {
  test('drill shows each recovery step, exits with 0 and leaves no files behind', async (t) => {
    const where = place(t);
    const { code, lines, stderr } = await drill(where, '--stub', '--json', '--reset-in', '2');
    assert.equal(code, 0, stderr + JSON.stringify(lines.at(-2)));
    assert.deepEqual(lines.map(({ step }) => step), STEPS);
    assert.ok(lines.every(({ ok }) => ok === true));
    for (const { at } of lines.slice(0, -1)) assert.match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const done = lines.at(-1);
    assert.equal(done.client.name, 'stub');
    assert.equal(done.requests, 3);
    assert.equal(done.continues, 1);
    assert.deepEqual(readdirSync(where.dir), [], 'the throw-away home is gone');
  });

  test('drill reports that claude is missing and uses the stub client', async (t) => {
    const { code, stdout, stderr } = await drill(place(t), '--reset-in', '2');
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /no claude on PATH: using the stub client/);
    assert.match(stdout, /Recovery works here: the stub client/);
    assert.doesNotMatch(stdout, /\u001B|\r/, 'no terminal codes into a pipe');
  });

  test('drill fails when the stop is not detected, names the step and retains its temporary home', async (t) => {
    const where = place(t);
    // Negative control: a client that has lost its hooks must fail.
    const file = client(where, 'rm -rf .claude/cc-session-recover');
    const fails = async (seconds) => {
      const { code, lines } = await drill(where, '--client', file, '--json', '--reset-in', '1', '--timeout', String(seconds));
      assert.equal(code, 1);
      return { seconds, done: lines.at(-1), failed: lines.find(({ ok }) => !ok) };
    };
    // On a machine under load, the time may be over before the session has stopped.
    let played = await fails(10);
    while (['hooks', 'session', 'limit'].includes(played.failed.step) && played.seconds < 200) played = await fails(played.seconds * 3);
    const { seconds, done, failed } = played;
    assert.equal(failed.step, 'incident', JSON.stringify(failed));
    assert.match(failed.detail, new RegExp(`not seen within ${seconds} s`));
    assert.deepEqual([done.step, done.ok, done.continues], ['done', false, 0]);
    assert.ok(existsSync(done.kept), 'the home is kept for inspection');
  });

  test('drill fails when the client exits at once, and prints the last words of the client', async (t) => {
    const where = place(t);
    const file = client(where, 'echo "no such luck" >&2; exit 7');
    const { code, stdout } = await drill(where, '--client', file);
    assert.equal(code, 1);
    assert.match(stdout, /✗ .*session .*exit code 7.*no such luck/);
    assert.match(stdout, /Kept for inspection: /);
  });

  test('drill --keep retains its temporary home', async (t) => {
    const where = place(t);
    const { code, lines } = await drill(where, '--stub', '--json', '--keep', '--reset-in', '1');
    assert.equal(code, 0);
    assert.ok(existsSync(path.join(lines.at(-1).kept, 'project', 'HANDOFF.md')) || existsSync(lines.at(-1).kept));
  });

  test('drill ends the processes it started when it is interrupted', async (t) => {
    const where = place(t);
    const child = spawn(process.execPath, [CLI, 'drill', '--stub', '--json', '--reset-in', '60'], { cwd: where.dir, env: where.env, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    const stub = await new Promise((resolve) => {
      child.stdout.on('data', (chunk) => {
        text += chunk;
        const pid = /process (\d+)/.exec(text)?.[1];
        if (pid && text.includes('"handoff"')) resolve(Number(pid));
      });
      child.once('close', () => resolve(null));
    });
    assert.ok(stub, `no session was opened: ${text}`);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 1);
    // Its parent is gone too, so it stays in the process table until the system reaps it.
    await until(() => isGone(stub), 'the client has ended');
    assert.deepEqual(readdirSync(where.dir), [], 'the throw-away home is gone');
  });

  test('drill rejects unusable options with exit code 2', async (t) => {
    const where = place(t);
    for (const args of [['--reset-in', 'soon'], ['--timeout', '0'], ['--client', 'claude'], ['--client', '/nowhere/claude'], ['--stub', '--client', process.execPath]]) {
      const { code, stderr } = await drill(where, ...args);
      assert.equal(code, 2, args.join(' '));
      assert.doesNotMatch(stderr, /\n\s+at /);
    }
    assert.deepEqual(readdirSync(where.dir), []);
  });
});
