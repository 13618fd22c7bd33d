// Tests of the command itself: verbs, help, usage errors, errors of the addon, and all output.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { ROOT, run, world } from './lib/command.mjs';
import { terminal } from './lib/terminal.mjs';

const require = createRequire(import.meta.url);
const { explain } = require('../bin/lib/errors.js');
const { missingBinding, platformOf } = require('../bin/lib/addon.js');
const { clean, truncated } = require('../bin/lib/output.js');

const VERBS = ['init', 'uninstall', 'plugin', 'status', 'list', 'show', 'search', 'handoff', 'cancel', 'watch', 'repair', 'export', 'import', 'prune', 'log'];
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

test('--version prints the version of the package', async (t) => {
  assert.deepEqual(await world(t).run(['--version']), { status: 0, signal: null, stdout: `${version}\n`, stderr: '' });
});

test('--help lists every verb, the exit codes and the environment variables', async (t) => {
  const { status, stdout } = await world(t).run(['--help']);
  assert.equal(status, 0);
  for (const verb of VERBS) assert.match(stdout, new RegExp(`^  ${verb}[ |]`, 'm'));
  const groups = [...stdout.matchAll(/^([A-Z][\w ]+):$/gm)].map(([, title]) => title);
  assert.deepEqual(groups, ['Options', 'Every day', 'Set up', 'Watch', 'Continue', 'Find', 'Save and repair', 'Maintain', 'Commands', 'Examples', 'Environment']);
  for (const name of ['CC_RECOVER_STATE_DIR', 'CC_RECOVER_CONFIG', 'CC_RECOVER_CLAUDE', 'CC_RECOVER_DEBUG', 'NO_COLOR', 'FORCE_COLOR', 'PAGER']) assert.ok(stdout.includes(name), name);
  assert.match(stdout, /0 done, 1 failed, 2 usage, 3 not found or ambiguous, 4 refused for safety, 5 verification failed, 6 nothing to do/);
});

for (const verb of VERBS) {
  test(`${verb} --help prints examples and works without the native addon`, async (t) => {
    const { status, stdout } = await world(t).run([verb, '--help'], { node: ['--require', withoutNative(t)] });
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`Examples:\n  cc-session-recover ${verb}`));
  });
}

for (const [what, argv, message] of /** @type {const} */ ([
  ['an unknown verb', ['statsu'], /unknown command 'statsu'\n {2}next: did you mean status\? `.*cc-session-recover --help` shows its options\n$/],
  ['help for an unknown verb', ['help', 'statsu'], /unknown command 'statsu'\n {2}next: did you mean status\?/],
  ['an unknown option', ['init', '--dry-rum'], /unknown option '--dry-rum'\n {2}next: did you mean --dry-run\? `.*cc-session-recover init --help` shows its options\n$/],
  ['an option without a verb', ['--jsom'], /unknown option '--jsom'/],
  ['the beginning of an option', ['resume', '--print'], /unknown option '--print'\n {2}next: did you mean --print-command\?/],
  ['the word version', ['version'], /unknown command 'version'\n {2}next: .*--version prints it\n$/],
  ['an unknown action with a value', ['config', 'get', 'x'], /: config takes path, edit or check, not 'get'\n {2}next: /],
  ['an unknown action', ['config', 'get'], /: config takes path, edit or check, not 'get'\n {2}next: /],
  ['an unknown value of an option', ['export', '--format', 'pdf'], /: --format takes lossless, html, markdown or md, not 'pdf'\n {2}next: /],
  ['no shell for the completion', ['completion'], /missing required argument 'shell'\n {2}next: give bash, zsh or fish\n$/],
  ['an argument too many', ['status', 'a', 'b'], /too many arguments/],
  ['--local with --user', ['init', '--local', '--user'], /'--local' cannot be used with option '--user'/],
  ['--user with --local on uninstall', ['uninstall', '--user', '--local'], /cannot be used with/],
  ['cancel without a session', ['cancel'], /no session given/],
  ['cancel with a session and --all', ['cancel', '3f2a9c1d', '--all'], /cannot be used together/],
  ['list with an unknown state', ['list', '--state', 'dead'], /unknown state "dead"[^]*next: give one of: this session, needs you, waiting, hung, running, open, interrupted, finished, empty/],
  ['list with an unknown kind of stop', ['list', '--stop', 'elephant'], /unknown kind of stop "elephant"[^]*next: give one of: finished, 5-hour limit/],
  ['list with a limit that is no number', ['list', '--limit', 'ten'], /--limit takes a whole number, not 'ten'/],
  ['show without a session', ['show'], /no session given/],
  ['show with a session and --latest', ['show', '3f2a9c1d', '--latest'], /cannot be used together/],
  ['recall of no sessions', ['recall', '--recent', '0'], /--recent takes a number from 1/],
  ['--every without --watch', ['status', '--every', '3'], /--every requires --watch/],
  ['status with a directory and --all', ['status', '.', '--all'], /cannot be used together/],
])) {
  test(`${what} exits with 2 and reports the error with the next step`, async (t) => {
    const { status, stdout, stderr } = await world(t).run([...argv]);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^cc-session-recover: /);
    assert.match(stderr, message);
    assert.match(stderr, /\n {2}next: /);
  });
}

test('with --json an error is also printed to standard output as JSON, with the same exit code', async (t) => {
  const place = world(t);
  for (const [argv, exitCode, code] of /** @type {const} */ ([
    [['show', 'nothing-of-this-name', '--json'], 3, 'SESSION_NOT_FOUND'],
    [['list', '--state', 'dead', '--json'], 2, 'USAGE'],
    [['list', '--no-such-option', '--json'], 2, 'USAGE'],
    [['status', '.', '--all', '--json'], 2, 'USAGE'],
  ])) {
    const { status, stdout, stderr } = await place.run([...argv]);
    assert.equal(status, exitCode, stderr);
    const { schema, error } = JSON.parse(stdout);
    assert.deepEqual([schema, error.code, error.exitCode], ['cc-session-recover/error@1', code, exitCode]);
    assert.ok(stderr.includes(error.message), stderr);
    assert.ok(stderr.includes(`next: ${error.hint}`), 'the JSON has the same next step');
    assert.equal(stdout.trimEnd().split('\n').length, 1);
  }
  const { stdout } = await place.run(['list', '--help', '--json']);
  assert.match(stdout, /^Usage:/, 'help is no error');
  const searched = await place.run(['show', '--', '--json']);
  assert.deepEqual([searched.status, searched.stdout], [3, ''], 'a name that looks like the option');
});

test('an unsupported Node.js version is reported, and the entry file parses on old versions', async (t) => {
  const { root, env, project } = world(t);
  const old = join(root, 'old.cjs');
  writeFileSync(old, "Object.defineProperty(process.versions, 'node', { value: '16.20.2' });\n");
  const { status, stdout, stderr } = await run(['--require', old, join(ROOT, 'bin', 'cc-session-recover.js'), 'status'], { cwd: project, env });
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /needs Node\.js 20\.12\.0 or newer; this is 16\.20\.2/);
  const source = readFileSync(join(ROOT, 'bin', 'cc-session-recover.js'), 'utf8').replace(/^#!.*|\/\/.*$|\/\*.*?\*\//gm, '');
  assert.doesNotMatch(source, /=>|`|\b(const|let|class|async)\b|\?\.|\?\?/);
});

test('a missing native part is reported with the platform, the package and how to build it', async (t) => {
  const { status, stdout, stderr } = await world(t).run(['status'], { node: ['--require', withoutNative(t)] });
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /the addon for \S+ cannot be loaded \(package cc-session-recover-\S+\)/);
  assert.match(stderr, /next: build it with `npm run build`.*Rust/);
  assert.doesNotMatch(stderr, /\n\s+at /);
});

test('outside a clone a missing native addon is reported with the package to install or the supported platforms', (t) => {
  const { root } = world(t);
  writeFileSync(join(root, 'package.json'), readFileSync(join(ROOT, 'package.json')));
  assert.match(missingBinding(null, root, 'linux-x64-musl').hint, /npm install cc-session-recover-linux-x64-musl/);
  assert.match(missingBinding(null, root, 'freebsd-x64').hint, /there are builds for linux-x64-gnu, .*win32-x64-msvc/);
});

test('every configured build target has a platform package', () => {
  const { napi } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const triple of napi.targets) {
    const platform = platformOf(triple);
    const manifest = JSON.parse(readFileSync(join(ROOT, 'npm', platform, 'package.json'), 'utf8'));
    assert.equal(manifest.name, `cc-session-recover-${platform}`);
    assert.equal(manifest.version, version);
  }
});

test('a stack trace is printed only with CC_RECOVER_DEBUG', async (t) => {
  const { run: command } = world(t);
  const quiet = await command(['cancel']);
  const loud = await command(['cancel'], { env: { CC_RECOVER_DEBUG: '1' } });
  assert.doesNotMatch(quiet.stderr, /\n\s+at /);
  assert.match(loud.stderr, /\n\s+at /);
});

test('a deleted working directory is reported with the next step', { skip: process.platform === 'win32' && 'a directory in use cannot be removed there' }, async (t) => {
  const { root, env } = world(t);
  const gone = join(root, 'gone');
  mkdirSync(gone);
  const script = 'require("node:fs").rmdirSync(process.argv[1]); process.exitCode = require("node:child_process").spawnSync(process.execPath, process.argv.slice(2), { stdio: "inherit" }).status';
  const { status, stderr } = await run(['-e', script, gone, join(ROOT, 'bin', 'cc-session-recover.js'), 'init', '--dry-run'], { cwd: gone, env });
  assert.equal(status, 1);
  assert.match(stderr, /the working directory does not exist\n {2}next: /);
});

test('a reader that closes the pipe early does not cause a failure', async (t) => {
  const { env, project } = world(t);
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), '--help'], { env, cwd: project, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
});

test('an error of the addon is printed from its own fields', () => {
  const error = Object.assign(new Error('two sessions begin with 3f2a'), { code: 'SESSION_AMBIGUOUS', path: '3f2a', hint: 'give more characters', exitCode: 3 });
  const { code, message, path, hint, exitCode } = error;
  const report = { schema: 'cc-session-recover/error@1', error: { code, message, path, hint, exitCode } };
  assert.deepEqual(explain(error, {}), { lines: ['two sessions begin with 3f2a', '  next: give more characters'], report, exitCode: 3 });
  const elsewhere = Object.assign(new Error('permission denied'), { code: 'IO', path: '/a/b', hint: null, exitCode: 1 });
  assert.deepEqual(explain(elsewhere, {}).lines, ['/a/b: permission denied']);
});

test('an unexpected error is reported as an internal error without a stack trace', () => {
  const { lines, exitCode } = explain(new TypeError('x is not a function'), {});
  assert.equal(exitCode, 1);
  assert.deepEqual(lines[0], 'internal error: x is not a function');
  assert.match(lines[1], /CC_RECOVER_DEBUG=1/);
});

// ---- Output ------------------------------------------------------------------------------------------------------------

const HOSTILE = [
  ['an OSC title', '\u001B]0;owned\u0007name', 'name'],
  ['a hyperlink', '\u001B]8;;http://x\u001B\\name\u001B]8;;\u001B\\', 'name'],
  ['colours and cursor moves', '\u001B[31m\u001B[2J\u001B[Hname', 'name'],
  ['C1 controls', '\u009B31mname\u0085', 'name'],
  ['a bidirectional override', '\u202Eeman\u202C', 'eman'],
  ['isolates and marks', '\u2067a\u2069\u200Fb\u061C', 'ab'],
  ['carriage return and backspace', 'safe\rrm -rf\b\b', 'saferm -rf'],
  ['line breaks and tabs', 'one\ntwo\r\nthree\tfour', 'one two three four'],
  ['NUL and DEL', 'a\u0000b\u007F', 'ab'],
  ['a lone surrogate', 'a\uD800b', 'a\uFFFDb'],
  ['invisible tag characters', 'a\u{E0041}\u{E007F}b', 'ab'],
];
for (const [what, text, expected] of HOSTILE) {
  test(`${what} read from a file is stripped before it reaches the terminal`, () => assert.equal(clean(text), expected));
}

test('clean() preserves text in any script', () => {
  for (const text of ['日本語のセッション', 'مرحبا', 'naïve café', '👩‍👩‍👧 🙂', 'x̂']) assert.equal(clean(text), text);
});

test('truncated() cuts by display width and never inside a character', () => {
  assert.equal(truncated('abcdef', 6), 'abcdef');
  assert.equal(truncated('abcdefg', 6), 'abcde…');
  assert.equal(truncated('日本語', 5), '日本…');
  assert.equal(truncated('日本語', 4), '日…');
  assert.equal(truncated('👩‍👩‍👧👩‍👩‍👧', 3), '👩‍👩‍👧…');
  assert.equal(truncated('x', 0), '');
});

const ROWS = [
  ['3f2a9c1d', '日本語のセッション名', '5-hour limit', '05:00 (in 1 h 18 min)'],
  ['77aa', 'é👩‍👩‍👧', 'x', ''],
  ['deadbeef', 'a name that is a good deal longer than any terminal of today would like to show in one go', 'overloaded', '—'],
];
for (const columns of [20, 33, 40, 60, 80, 120, 200]) {
  test(`a table fits into ${columns} columns and its columns are aligned`, () => {
    const screen = terminal({ columns, env: { NO_COLOR: '1' } });
    screen.io.table(['session', 'name', 'why', 'until'], ROWS);
    const lines = screen.text.trimEnd().split('\n');
    for (const line of lines) assert.ok(stringWidth(line) <= columns, `${stringWidth(line)} > ${columns}: ${line}`);
    if (columns < 60) return;
    assert.equal(lines.length, ROWS.length + 1);
    const column = stringWidth(lines[0].slice(0, lines[0].indexOf('why')));
    for (const [index, [, , why]] of ROWS.entries()) {
      const line = lines[index + 1];
      assert.equal(stringWidth(line.slice(0, line.lastIndexOf(why.slice(0, 6)))), column, line);
    }
  });
}

test('a table written to a pipe is neither cut nor colored', () => {
  const screen = terminal({ tty: false });
  screen.io.table(['session', 'name', 'why', 'until'], ROWS);
  assert.ok(screen.text.includes(ROWS[2][1]));
  assert.ok(!screen.text.includes('\u001B'));
});

test('colors are used on a terminal and disabled by NO_COLOR', () => {
  assert.equal(terminal().io.colours.red('x'), '\u001B[31mx\u001B[39m');
  assert.equal(terminal({ env: { NO_COLOR: '1' } }).io.colours.red('x'), 'x');
});

test('a diff is written unchanged to a pipe and without control characters to a terminal', () => {
  const patch = '--- a/x\n+++ b/x\n-\told\r\n+\u001B[2Jnew\n';
  const pipe = terminal({ tty: false });
  pipe.io.diff(patch);
  assert.equal(pipe.text, patch);
  const screen = terminal({ env: { NO_COLOR: '1' } });
  screen.io.diff(patch);
  assert.equal(screen.text, '--- a/x\n+++ b/x\n-\told\n+new\n');
});

test('work of more than a second shows progress, shorter work does not', async () => {
  const screen = terminal();
  await screen.io.during('reading sessions', Promise.resolve());
  assert.equal(screen.remarks, '');
  await screen.io.during('reading sessions', new Promise((resolve) => setTimeout(resolve, 1300)));
  assert.match(screen.remarks, /reading sessions \.\.\. [1-9]\d* s/);
  assert.ok(screen.remarks.endsWith('\r\u001B[K'));
  assert.equal(screen.text, '');
});

/**
 * Returns a module that hides the native addon from `require`, as on a platform without one.
 *
 * @param {import('node:test').TestContext} t
 */
function withoutNative(t) {
  const { root } = world(t);
  const path = join(root, 'without-native.cjs');
  writeFileSync(
    path,
    `const Module = require('node:module');
const load = Module._load;
process.dlopen = () => {
  throw new Error('the test replaces the addon');
};
Module._load = function (request, ...rest) {
  if (request.endsWith('/index.js') || request.endsWith('.node')) throw new Error('Cannot find native binding');
  return load.call(this, request, ...rest);
};
`,
  );
  return path;
}
