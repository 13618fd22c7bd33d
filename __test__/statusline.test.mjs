// The status line, through the command that `init --statusline` wrote, run as the client runs it: the output of the other status line is
// passed on byte for byte, ours follows below it, and nothing makes it fail.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, cpSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { hooked, idOf, inTurns, transcriptText } from './lib/hooks.mjs';
import { applyPatch, parsePatch } from 'diff';
import { parse } from 'jsonc-parser';
import { built, hideNode } from './lib/native.mjs';
import { editable, refused, textOf, treeOf } from './lib/settings-files.mjs';

const posix = process.platform === 'win32' && 'the client runs it through another shell there';
const unbuilt = !built && 'the native program is not built: npm run build';
const HOUR = 3600;

/** Our line, with its optional colors. */
const OURS = /(\x1b\[0m)?(\x1b\[\d+m)?5h \d+% · resets [\w ]*\d\d:\d\d( \([^)]+\))?/;

/**
 * Returns a recorded payload with resets in the future.
 *
 * @param {object} [more] Keys to replace.
 * @param {string} [name]
 */
function payload(more = {}, name = '2.1.329-subscriber') {
  const recorded = JSON.parse(readFileSync(join(ROOT, 'fixtures', 'statusline', `${name}.json`), 'utf8'));
  const now = Math.floor(Date.now() / 1000);
  if (recorded.rate_limits) {
    recorded.rate_limits.five_hour.resets_at = now + 4 * HOUR;
    recorded.rate_limits.seven_day.resets_at = now + 90 * HOUR;
  }
  return { ...recorded, ...more };
}

/** Input shared by the whole file, so that a command gets the same bytes alone and wrapped. */
const INPUT = `${JSON.stringify(payload())}\n`;

/** @param {number} five @param {number} [week] @param {number} [seconds] */
function limits(five, week = 17, seconds = 2 * HOUR) {
  const now = Math.floor(Date.now() / 1000);
  return { rate_limits: { five_hour: { used_percentage: five, resets_at: now + seconds }, seven_day: { used_percentage: week, resets_at: now + 90 * HOUR } } };
}

/**
 * Runs a command as the client does: `/bin/sh -c`, the payload and a line end on standard input.
 *
 * @param {ReturnType<typeof world>} place
 * @param {string} command
 * @param {object} [options] `input`: other bytes; `env`: more variables; `cwd`.
 * @returns {Promise<{status: number | null, signal: string | null, stdout: Buffer, stderr: string}>}
 */
function draw(place, command, { input = INPUT, env = {}, cwd = place.project } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', command], { cwd, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project, ...env }, detached: true });
    const chunks = [];
    let stderr = '';
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout: Buffer.concat(chunks), stderr }));
  });
}

/** Installs the status line around a command. @param {ReturnType<typeof world>} place @param {string | null} command */
async function lined(place, command, argv = []) {
  const path = join(place.project, '.claude', 'settings.local.json');
  mkdirSync(join(place.project, '.claude'), { recursive: true });
  if (command !== null) writeFileSync(path, JSON.stringify({ statusLine: { type: 'command', command } }));
  const { status, stderr } = await place.run(['init', '--statusline', ...argv]);
  assert.equal(status, 0, stderr);
  return commandIn(path);
}

/** @param {string} path @returns {string} */
function commandIn(path) {
  return JSON.parse(readFileSync(path, 'utf8')).statusLine.command;
}

/** Returns the file with the quota that was last seen. @param {ReturnType<typeof world>} place */
function seen(place) {
  const dir = join(place.state, 'quota');
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')) : [];
  return names.map((name) => JSON.parse(readFileSync(join(dir, name), 'utf8')));
}

/** Other status lines that show something. @type {[string, string][]} */
const SHAPES = [
  ['one line', 'echo branch main'],
  ['no line end', 'printf main'],
  ['several lines, blank ones and indented ones', "printf 'one\\n\\n   two\\n\\n'"],
  ['colours', "printf '\\033[31mred\\033[0m plain\\n'"],
  ['a colour that is left open', "printf '\\033[1;38;5;214mopen\\n'"],
  ['a link that is left open', "printf '\\033]8;;https://example.invalid\\007link'"],
  ['UTF-8, wide and joined characters', "echo 'größe 日本語 👩‍💻 ⎇ main'"],
  ['bytes that are no UTF-8', "printf '\\377\\376 x\\200\\n'"],
  ['a NUL and other control characters', "printf 'a\\000b\\tc\\r\\n'"],
  ['quotes, dollars, backticks and backslashes', `a="it's"; b='"$HOME"'; echo "$a" $b \`echo c\` '\\' "\\$x"`],
  ['several lines of script with a here-document', "x=1\ncat <<'END'\nhere $x 'quoted'\nEND\necho after"],
  ['a pipeline over its input', "cat | sed -n 's/.*\"display_name\":\"\\([^\"]*\\)\".*/\\1/p' | tr a-z A-Z"],
  ['its whole input, as it came', 'cat'],
  ['the first bytes of its input', 'head -c 7'],
  ['its input not read at all', 'exec 0<&-; echo deaf'],
  ['a slow one', 'sleep 0.7; echo late'],
  ['its environment', "env | grep -v '^\\(_\\|SHLVL\\|PWD\\|OLDPWD\\)=' | sort"],
  ['its directory, name and arguments', 'pwd; echo "$0" "$#"'],
  ['standard error beside it', 'echo shown; echo hidden >&2'],
  ['three million bytes', "head -c 3000000 /dev/zero | tr '\\0' x"],
  ['a word that begins with a dash', 'echo -- -n'],
  ['a program of its own', `${JSON.stringify(process.execPath)} -e 'process.stdin.on("data", (d) => console.log(d.length))'`],
];

for (const [what, command] of SHAPES) {
  test(`the wrapped status line shows ${what} unchanged, followed by our line`, { skip: posix }, async (t) => {
    const place = world(t);
    const alone = await draw(place, command);
    assert.equal(alone.status, 0, alone.stderr);
    const both = await draw(place, await lined(place, command));
    assert.equal(both.status, 0, both.stderr);
    assert.equal(both.stderr, alone.stderr);
    assert.ok(both.stdout.subarray(0, alone.stdout.length).equals(alone.stdout), 'the bytes of the other one come first, all of them');
    const rest = both.stdout.subarray(alone.stdout.length).toString();
    const escapes = alone.stdout.includes('\x1b]8;') ? '\x1b]8;;\x07\x1b[0m' : alone.stdout.includes('\x1b') ? '\x1b[0m' : '';
    const end = alone.stdout.at(-1) === 10 ? '' : '\n';
    assert.ok(rest.startsWith(`${end}${escapes}5h 42% · resets `), JSON.stringify(rest));
    assert.match(rest, /\((?:4 h|3 h \d+ min)\)\n$/);
  });

  test(`the wrapped status line shows ${what} as if alone when the runtime or launcher is missing`, { skip: posix }, async (t) => {
    const place = world(t);
    const alone = await draw(place, command);
    const ours = await lined(place, command);
    rmSync(join(place.state, 'runtime'), { recursive: true });
    assert.deepEqual(await draw(place, ours), alone, 'without the runtime');
    rmSync(join(place.project, '.claude', 'cc-session-recover'), { recursive: true });
    assert.deepEqual(await draw(place, ours), alone, 'without the launcher');
  });
}

for (const [what, command] of [
  ['fails after it printed', 'echo half; exit 3'],
  ['is not found', 'no-such-program-anywhere 2>/dev/null'],
  ['is killed', 'echo half; kill -9 $$'],
  ['prints nothing', 'true'],
  ['prints blanks only', "printf ' \\n\\n'"],
  ['is not valid shell syntax', 'if then ( 2>/dev/null'],
]) {
  test(`when the wrapped status line ${what}, only our line is shown, and without ours it ends as alone`, { skip: posix }, async (t) => {
    const place = world(t);
    const alone = await draw(place, command);
    const ours = await lined(place, command);
    const { status, stdout } = await draw(place, ours);
    assert.equal(status, 0);
    assert.match(stdout.toString(), new RegExp(`^${OURS.source}\\n$`));
    // With an API key we have nothing to show.
    const bare = await draw(place, ours, { input: JSON.stringify(payload({}, '2.1.329-key')) });
    const code = alone.status ?? 128 + 9;
    assert.deepEqual([bare.status, bare.stdout.toString()], [code, alone.stdout.toString()]);
  });
}

test('without the runtime a wrapped status line that fails keeps its output and exit code', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo half; exit 3');
  rmSync(join(place.state, 'runtime'), { recursive: true });
  const { status, stdout } = await draw(place, ours);
  assert.deepEqual([status, stdout.toString()], [3, 'half\n']);
});

test('an input of eight megabytes reaches the wrapped status line completely', { skip: posix }, async (t) => {
  const place = world(t);
  const input = JSON.stringify({ ...payload(), more: 'x'.repeat(8 << 20) });
  const { status, stdout } = await draw(place, await lined(place, 'wc -c | tr -d " "'), { input });
  assert.equal(status, 0);
  assert.equal(stdout.toString().split('\n')[0], String(Buffer.byteLength(input)));
});

test('a full pipe that does not block gets the whole status line once its reader continues', { skip: posix, timeout: 300_000 }, async (t) => {
  const place = world(t);
  const other = "head -c 1000000 /dev/zero | tr '\\0' x; echo";
  const ours = await lined(place, other);
  const fifo = join(place.root, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = spawn('/bin/sh', ['-c', 'exec 3<"$1"; echo open >&2; sleep 1; exec cat <&3', 'sh', fifo], { stdio: ['ignore', 'pipe', 'pipe'] });
  place.endings.push(() => reader.kill('SIGKILL'));
  const chunks = [];
  reader.stdout.on('data', (chunk) => chunks.push(chunk));
  const read = new Promise((resolve) => reader.once('close', resolve));
  // Opened for reading too, because a fifo without a reader cannot be opened without blocking.
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  await new Promise((resolve) => reader.stderr.once('data', resolve));
  // Node.js makes the standard streams of a child blocking, but not its other files.
  const child = spawn('/bin/sh', ['-c', `exec >&3 3>&-\n${ours}`], { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project }, stdio: ['pipe', 'ignore', 'pipe', fd] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  closeSync(fd);
  child.stdin?.end(INPUT);
  assert.equal(await ended, 0);
  await read;
  const text = Buffer.concat(chunks).toString();
  assert.deepEqual([text.indexOf('\n'), /[^x\n]/.exec(text)?.index], [1_000_000, 1_000_001]);
  assert.match(text.slice(1_000_001), new RegExp(`^${OURS.source}\n$`));
});

test('a wrapped status line that never stops printing is ended, and our line is shown', { skip: posix, timeout: 300_000 }, async (t) => {
  const place = world(t);
  const { status, stdout } = await draw(place, await lined(place, 'yes'));
  assert.equal(status, 0);
  assert.match(stdout.toString(), new RegExp(`^${OURS.source}\\n$`));
});

test('ending the process group also ends the wrapped status line', { skip: posix, timeout: 300_000 }, async (t) => {
  const place = world(t);
  const mark = join(place.root, 'pid');
  const ours = await lined(place, `echo $$ > ${mark}; exec sleep 300`);
  const child = spawn('/bin/sh', ['-c', ours], { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project }, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin.end(JSON.stringify(payload()));
  while (!existsSync(mark) || readFileSync(mark, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 20));
  const pid = Number(readFileSync(mark, 'utf8'));
  process.kill(-(child.pid ?? 0), 'SIGTERM');
  await ended;
  const gone = () => {
    try {
      process.kill(pid, 0);
      // A zombie that has not been reaped counts as dead.
      return existsSync(`/proc/${pid}/stat`) && / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return true;
    }
  };
  while (!gone()) await new Promise((resolve) => setTimeout(resolve, 20));
});

// ---- Choice of the wrapped status line -------------------------------------------------------------------------------------

/** @param {string} path @param {string} text */
function says(path, text) {
  writeFileSync(path, JSON.stringify({ statusLine: { type: 'command', command: `echo ${text}` } }));
}

test('without a status line in the local settings, that of the project or the user is wrapped', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, null);
  const first = async () => (await draw(place, ours)).stdout.toString().split('\n')[0];
  assert.match(await first(), /^5h/);
  says(join(place.claude, 'settings.json'), 'user');
  assert.equal(await first(), 'user');
  const shared = join(place.project, '.claude', 'settings.json');
  const hooks = JSON.parse(readFileSync(shared, 'utf8'));
  writeFileSync(shared, `\uFEFF${JSON.stringify({ ...hooks, statusLine: { type: 'command', command: 'echo project' } })}`);
  assert.equal(await first(), 'project');
  // The client rejects settings with a comment in them, so we do too.
  writeFileSync(shared, '{ // comment\n "statusLine": {"type": "command", "command": "echo broken"} }');
  assert.equal(await first(), 'user');
  rmSync(join(place.state, 'runtime'), { recursive: true });
  assert.equal((await draw(place, ours)).stdout.toString(), 'user\n');
});

test('our status line in the user settings is not drawn twice', { skip: posix }, async (t) => {
  const place = world(t);
  says(join(place.claude, 'settings.json'), "it\\'s the user");
  assert.equal((await place.run(['init', '--user', '--statusline'])).status, 0);
  const ours = await lined(place, null);
  const text = (await draw(place, ours)).stdout.toString();
  assert.match(text, /^it's the user\n5h 42%[^\n]*\n$/);
  // The user's own status line, in another project.
  const other = join(place.home, 'other');
  mkdirSync(other);
  const elsewhere = await draw(place, commandIn(join(place.claude, 'settings.json')), { cwd: other, env: { CLAUDE_PROJECT_DIR: other } });
  assert.match(elsewhere.stdout.toString(), /^it's the user\n5h 42%[^\n]*\n$/);
});

test('a copied project that was not enabled shows only the wrapped status line', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other');
  const copy = join(place.home, 'copy');
  cpSync(place.project, copy, { recursive: true });
  const before = treeOf(place.state);
  const { status, stdout } = await draw(place, ours, { cwd: copy, env: { CLAUDE_PROJECT_DIR: copy } });
  assert.deepEqual([status, stdout.toString()], [0, 'other\n']);
  assert.deepEqual(treeOf(place.state), before);
});

// ---- Displayed line ------------------------------------------------------------------------------------------------------

test('with an API key the status line shows no quota, and the context size is still stored', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other');
  const { stdout } = await draw(place, ours, { input: JSON.stringify(payload({}, '2.1.329-key')) });
  assert.equal(stdout.toString(), 'other\n');
  const [file] = seen(place);
  assert.deepEqual([file.fiveHour, file.sevenDay, file.windows], [null, null, { 'claude-opus-5-5': 1000000 }]);
});

test('week and context usage are shown when notable, colored by severity', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, null);
  const input = JSON.stringify(payload({ ...limits(81, 96), context_window: { context_window_size: 200000, used_percentage: 83 } }));
  const text = (await draw(place, ours, { input })).stdout.toString();
  assert.match(text, /^\x1b\[33m5h 81% · resets [^|]+\x1b\[0m \| \x1b\[31mweek 96% · resets [^|]+\x1b\[0m \| \x1b\[33mcontext 83%\x1b\[0m\n$/);
  const plain = (await draw(place, ours, { input, env: { NO_COLOR: '1' } })).stdout.toString();
  assert.equal(plain, text.replace(/\x1b\[\d+m/g, ''));
  for (const columns of [40, 60, 80, 120]) {
    const narrow = (await draw(place, ours, { input, env: { NO_COLOR: '1', COLUMNS: String(columns) } })).stdout.toString();
    assert.ok(narrow.startsWith('5h 81%') && narrow.length <= columns - 3, narrow);
  }
});

test('an expired window shows nothing, and a full one shows its countdown', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, null);
  const show = async (/** @type {object} */ more) => (await draw(place, ours, { input: JSON.stringify(payload(more)), env: { NO_COLOR: '1' } })).stdout.toString();
  assert.match(await show(limits(100, 17, 12 * 60)), /^5h 100% · resets (\w+ )?\d\d:\d\d \(12 min\)\n$/);
  rmSync(join(place.state, 'quota'), { recursive: true });
  assert.equal(await show(limits(100, 17, -1)), '');
});

test('an idle session shows the usage that a working session reported for the new window', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, null);
  const show = async (/** @type {object} */ more) => (await draw(place, ours, { input: JSON.stringify(payload(more)), env: { NO_COLOR: '1' } })).stdout.toString();
  await show(limits(12));
  assert.match(await show(limits(99, 17, -600)), /^5h 12% · resets /);
  assert.equal(seen(place)[0].fiveHour.usedPercent, 12);
});

test('waiting sessions of the project are counted, with the time of the first', { skip: posix, timeout: 300_000 }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place, { heartbeat: { enabled: true } });
  const ours = await lined(place, null);
  const show = async () => (await draw(place, ours, { env: { NO_COLOR: '1' } })).stdout.toString();
  assert.doesNotMatch(await show(), /waiting/);
  const ids = [1, 2].map(idOf);
  for (const [index, id] of ids.entries()) {
    writeFileSync(transcriptOf(id), transcriptText('quota-5h-interactive', { id, cwd: place.project, resetsIn: 3000 + index * 600 }));
    const report = { session_id: id, transcript_path: transcriptOf(id), cwd: place.project, hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit" };
    // This tool itself resumed the session: its hook records the stop and does not wait.
    await draw(place, commandOf('StopFailure'), { input: JSON.stringify(report), env: { CC_RECOVER_ATTEMPT: 'test' } });
  }
  const incidents = ids.map((id) => JSON.parse(readFileSync(join(place.state, 'incidents', `${id}.json`), 'utf8')));
  const active = incidents.filter(({ phase }) => ['open', 'waiting', 'attempting'].includes(phase));
  assert.equal(active.length, 2, JSON.stringify(incidents.map(({ phase }) => phase)));
  assert.match(await show(), / \| 2 waiting(, next \d\d:\d\d)?\n$/);
  // Stops of another project are not counted here.
  const other = join(place.home, 'other');
  mkdirSync(other);
  assert.equal((await place.run(['init', '--statusline', other])).status, 0);
  const elsewhere = await draw(place, ours, { cwd: other, env: { CLAUDE_PROJECT_DIR: other, NO_COLOR: '1' } });
  assert.doesNotMatch(elsewhere.stdout.toString(), /waiting/);
});

// ---- Stored quota --------------------------------------------------------------------------------------------------------

test('usage is stored privately per configuration directory and rewritten only when it changes', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, null);
  const second = join(place.home, '.claude-work');
  mkdirSync(second);
  const show = (/** @type {object} */ more, env = {}) => draw(place, `umask 000; ${ours}`, { input: JSON.stringify(payload(more)), env });
  const told = limits(50);
  await show(told);
  await show(limits(9), { CLAUDE_CONFIG_DIR: second });
  const files = seen(place);
  assert.deepEqual(files.map(({ fiveHour }) => fiveHour.usedPercent).toSorted(), [50, 9].toSorted());
  assert.deepEqual(files.map(({ configDir }) => configDir).toSorted(), [place.claude, second].toSorted());
  const dir = join(place.state, 'quota');
  for (const name of readdirSync(dir)) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
  assert.equal(statSync(dir).mode & 0o777, 0o700);

  const inodes = () => readdirSync(dir).map((name) => statSync(join(dir, name)).ino);
  const used = (/** @type {number} */ percent) => ({ rate_limits: { ...told.rate_limits, five_hour: { ...told.rate_limits.five_hour, used_percentage: percent } } });
  // Show one changed value first: the first change proves that the session got an answer, and the file is written for that.
  await show(used(50.2));
  const before = inodes();
  await show(told);
  await show(used(50.9));
  assert.deepEqual(inodes(), before);
  await show(used(51.3));
  assert.notDeepEqual(inodes(), before);
});

test('forty concurrent status lines leave one valid file and no other', { skip: posix, timeout: 400_000 }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other');
  const now = Math.floor(Date.now() / 1000) + HOUR;
  const tasks = Array.from({ length: 40 }, (_, index) => () => {
    const rate_limits = { five_hour: { used_percentage: index + 1, resets_at: now } };
    return draw(place, ours, { input: JSON.stringify(payload({ rate_limits })) });
  });
  const ends = await inTurns(tasks, 8);
  assert.deepEqual(ends.filter(({ status, stderr, stdout }) => status !== 0 || stderr !== '' || !stdout.toString().startsWith('other\n5h ')), []);
  await draw(place, ours, { input: JSON.stringify(payload({ rate_limits: { five_hour: { used_percentage: 77, resets_at: now } } })) });
  assert.deepEqual(readdirSync(join(place.state, 'quota')).length, 1);
  assert.equal(seen(place)[0].fiveHour.usedPercent, 77);
  assert.equal(existsSync(join(place.state, 'quarantine')), false);
});

test('for any input and environment the status line exits with 0 and shows the wrapped status line', { skip: posix, timeout: 600_000 }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other');
  const taken = join(place.root, 'taken');
  writeFileSync(taken, 'not a directory');
  const nested = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
  const inputs = ['', '\n', 'hello', '{', '[]', 'null', nested, Buffer.from([0xff, 0, 0xfe]), JSON.stringify({ rate_limits: 7, model: [], context_window: null }), JSON.stringify(payload(limits(1e9, -5))), JSON.stringify(payload({ model: { id: '\u001b]0;x\u0007'.repeat(999) } }))];
  const surroundings = [{}, { CC_RECOVER_STATE_DIR: taken }, { CC_RECOVER_STATE_DIR: 'relative' }, { HOME: '', CC_RECOVER_STATE_DIR: '', CLAUDE_CONFIG_DIR: '' }, { COLUMNS: '-3' }, { COLUMNS: '0' }, { TZ: 'Nowhere/At-All' }];
  const tasks = inputs.flatMap((input) => surroundings.map((env) => async () => ({ input: String(input).slice(0, 40), env, ...(await draw(place, ours, { input, env })) })));
  const wrong = (await inTurns(tasks, 4)).filter(({ status, stdout, stderr }) => status !== 0 || stderr !== '' || stdout.toString().split('\n')[0] !== 'other');
  assert.deepEqual(wrong, []);
});

test('a newer usage file is left alone, a damaged one is quarantined, and the quota is still shown', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other');
  await draw(place, ours);
  const [name] = readdirSync(join(place.state, 'quota'));
  const path = join(place.state, 'quota', name);
  for (const [text, kept] of [['{"version":99}', true], ['{"version":1', false]]) {
    writeFileSync(path, text);
    const { status, stdout } = await draw(place, ours);
    assert.equal(status, 0);
    assert.match(stdout.toString(), /^other\n5h 42%/);
    assert.equal(readFileSync(path, 'utf8') === text, kept, text);
  }
  const quarantine = join(place.state, 'quarantine');
  assert.deepEqual(readdirSync(quarantine).map((file) => readFileSync(join(quarantine, file), 'utf8')), ['{"version":1']);
});

test('without node the native program draws what node draws', { skip: posix || unbuilt }, async (t) => {
  for (const [command, beneath] of [['echo other; read line; echo "$line"; echo $NODE_OPTIONS $CC_RECOVER_PATH $CC_RECOVER_PINNED; exit 0', null], [null, 'echo beneath; read line']]) {
    const place = world(t);
    const ours = await lined(place, command);
    if (beneath !== null) writeFileSync(join(place.project, '.claude', 'settings.json'), JSON.stringify({ statusLine: { type: 'command', command: beneath } }));
    const env = { NODE_OPTIONS: '--no-warnings', ...hideNode(place) };
    const native = await draw(place, ours, { env });
    rmSync(join(place.state, 'start'));
    const node = await draw(place, ours, { env: { ...env, PATH: String(process.env.PATH) } });
    assert.equal(native.stdout.toString(), node.stdout.toString());
    assert.match(native.stdout.toString(), new RegExp(OURS));
    assert.match(native.stdout.toString(), command === null ? /^beneath\n/ : /^other\n.*\n--no-warnings\n/);
    assert.deepEqual([native.status, native.stderr], [0, '']);
  }
});

/** Removes what could draw our line, and returns the variables. @param {ReturnType<typeof world>} place */
function bareShell(place) {
  const env = hideNode(place);
  rmSync(join(place.state, 'runtime'), { recursive: true });
  return env;
}

test('without node and without the native program the shell alone runs the wrapped status line', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other; read line; echo "$line"');
  const { status, stdout } = await draw(place, ours, { env: bareShell(place), input: 'in\n' });
  assert.deepEqual([status, stdout.toString()], [0, 'other\nin\n']);
  const bare = world(t);
  const line = await lined(bare, null);
  const nothing = await draw(bare, line, { env: bareShell(bare) });
  assert.deepEqual([nothing.status, nothing.stdout.toString(), nothing.stderr], [0, '', '']);
});

test('a moved project still shows the wrapped status line', { skip: posix }, async (t) => {
  const place = world(t);
  const ours = await lined(place, 'echo other');
  const moved = join(place.home, 'moved');
  renameSync(place.project, moved);
  const { status, stdout } = await draw(place, ours, { cwd: moved, env: { CLAUDE_PROJECT_DIR: moved } });
  assert.deepEqual([status, stdout.toString()], [0, 'other\n']);
});

// ---- Installation and removal -----------------------------------------------------------------------------------------------

const MARKER = 'cc-session-recover/statusline.js';

/** @param {string} text */
const valueOf = (text) => parse(text.replace(/^\uFEFF/, ''));

/** Ways to install it, used in turn. */
const WAYS = [['--statusline'], ['--local', '--statusline'], ['--no-hooks', '--statusline']];

for (const [index, name] of editable.entries()) {
  const argv = WAYS[index % WAYS.length];
  test(`${name}: init ${argv.join(' ')} changes the status line of the local settings, a second one nothing, and uninstall restores the bytes`, async (t) => {
    const place = world(t);
    const path = join(place.project, '.claude', 'settings.local.json');
    const before = textOf(name, 'before.jsonc');
    mkdirSync(join(place.project, '.claude'));
    if (before !== null) writeFileSync(path, before);
    const was = valueOf(before ?? '');

    const first = await place.run(['init', ...argv]);
    assert.equal(first.status, 0, first.stderr);
    const now = valueOf(readFileSync(path, 'utf8'));
    assert.ok(now.statusLine.command.includes(MARKER));
    const both = argv.includes('--local');
    assert.equal(now.hooks?.StopFailure !== undefined || name.startsWith('older-'), both || was?.hooks?.StopFailure !== undefined || name.startsWith('older-'));
    if (!both) {
      if (was?.statusLine !== undefined) assert.deepEqual({ ...now, statusLine: { ...now.statusLine, command: was.statusLine.command } }, was);
      else assert.deepEqual({ ...now, statusLine: undefined }, { ...was, statusLine: undefined });
    }
    assert.equal(existsSync(join(place.project, '.claude', 'settings.json')), argv[0] === '--statusline');
    assert.equal(existsSync(join(place.project, '.claude', 'cc-session-recover', 'hook.js')), !argv.includes('--no-hooks'));

    const tree = treeOf(place.project);
    for (const again of [argv, argv.filter((word) => word !== '--statusline')]) {
      const { status, stdout, stderr } = await place.run(['init', ...again]);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /nothing was changed/);
      assert.deepEqual(treeOf(place.project), tree);
    }

    const undone = await place.run(['uninstall', ...(both ? ['--local'] : [])]);
    assert.equal(undone.status, 0, undone.stderr);
    // If the file already contained our entries, its content before the first of them is unknown.
    const expected = name.startsWith('older-') || name.startsWith('duplicates-') ? textOf(name, 'removed.jsonc') : before;
    if (expected === null) assert.ok(!existsSync(path));
    else assert.equal(readFileSync(path, 'utf8'), expected);
    assert.ok(!existsSync(join(place.project, '.claude', 'cc-session-recover')));
  });
}

for (const name of refused) {
  test(`${name}: init --statusline exits with 1, names file, line and column, and changes nothing`, async (t) => {
    const place = world(t);
    const path = join(place.project, '.claude', 'settings.local.json');
    mkdirSync(join(place.project, '.claude'));
    writeFileSync(path, String(textOf(name, 'before.jsonc')));
    const tree = treeOf(place.project);
    const { status, stdout, stderr } = await place.run(['init', '--statusline']);
    assert.equal(status, 1, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /line \d+, column \d+/);
    assert.ok(stderr.includes(path), stderr);
    assert.deepEqual(treeOf(place.project), tree);
  });
}

test('--user puts it into the user settings, beside the hooks, and uninstall --user restores the bytes', async (t) => {
  const place = world(t);
  const path = join(place.claude, 'settings.json');
  const before = '{\n\t"statusLine": {"type": "command", "command": "date", "padding": 0, "refreshInterval": 10}\n}\n';
  writeFileSync(path, before);
  assert.equal((await place.run(['init', '--user', '--statusline'])).status, 0);
  const { statusLine, hooks } = valueOf(readFileSync(path, 'utf8'));
  assert.deepEqual({ ...statusLine, command: 'date' }, { type: 'command', command: 'date', padding: 0, refreshInterval: 10 });
  assert.ok(hooks.StopFailure);
  assert.ok(!existsSync(join(place.project, '.claude')));
  assert.equal((await place.run(['uninstall', '--user'])).status, 0);
  assert.equal(readFileSync(path, 'utf8'), before);
  assert.ok(!existsSync(join(place.claude, 'cc-session-recover')));
});

test('a new status line refreshes every minute unless it wraps one of the user settings', async (t) => {
  for (const [user, expected] of [[null, 60], ['date', undefined]]) {
    const place = world(t);
    if (user !== null) writeFileSync(join(place.claude, 'settings.json'), JSON.stringify({ statusLine: { type: 'command', command: user } }));
    await lined(place, null);
    const { statusLine } = valueOf(readFileSync(join(place.project, '.claude', 'settings.local.json'), 'utf8'));
    assert.equal(statusLine.refreshInterval, expected);
  }
});

test('uninstall removes only our part from settings that changed since', async (t) => {
  const place = world(t);
  const path = join(place.project, '.claude', 'settings.local.json');
  await lined(place, "echo 'mine'");
  const changed = valueOf(readFileSync(path, 'utf8'));
  writeFileSync(path, `${JSON.stringify({ model: 'opus', ...changed, statusLine: { ...changed.statusLine, padding: 4 } }, null, 2)}\n`);
  assert.equal((await place.run(['uninstall'])).status, 0);
  const expected = { model: 'opus', statusLine: { type: 'command', command: "echo 'mine'", padding: 4 } };
  assert.equal(readFileSync(path, 'utf8'), `${JSON.stringify(expected, null, 2)}\n`);
});

test('uninstall restores the wrapped status line even if our record is lost', async (t) => {
  const place = world(t);
  await lined(place, 'echo mine');
  rmSync(place.state, { recursive: true });
  assert.equal((await place.run(['uninstall'])).status, 0);
  const { statusLine } = valueOf(readFileSync(join(place.project, '.claude', 'settings.local.json'), 'utf8'));
  assert.deepEqual(statusLine, { type: 'command', command: 'echo mine' });
  assert.ok(!existsSync(join(place.project, '.claude', 'cc-session-recover')));
});

test('uninstall --local removes the status line and leaves the project hooks', async (t) => {
  const place = world(t);
  await lined(place, 'echo mine');
  const { status, stderr } = await place.run(['uninstall', '--local']);
  assert.equal(status, 0, stderr);
  assert.equal(readFileSync(join(place.project, '.claude', 'settings.local.json'), 'utf8'), JSON.stringify({ statusLine: { type: 'command', command: 'echo mine' } }));
  assert.deepEqual(readdirSync(join(place.project, '.claude', 'cc-session-recover')), ['hook.js', 'package.json', 'run.sh']);
  assert.ok(valueOf(readFileSync(join(place.project, '.claude', 'settings.json'), 'utf8')).hooks.StopFailure);
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.ok(!existsSync(join(place.project, '.claude', 'settings.json')));
});

test('hooks first and the status line later, in one file: uninstall restores the bytes from before both', async (t) => {
  const place = world(t);
  const path = join(place.project, '.claude', 'settings.local.json');
  mkdirSync(join(place.project, '.claude'));
  writeFileSync(path, '{"model":"opus"}');
  for (const argv of [['init', '--local'], ['init', '--local', '--statusline'], ['init', '--everyone', '--statusline']]) assert.equal((await place.run(argv)).status, 0);
  // Only the hooks of the project are removed: the local settings are a separate choice of the user.
  assert.equal((await place.run(['uninstall'])).status, 0);
  assert.ok(valueOf(readFileSync(path, 'utf8')).statusLine.command.includes(MARKER));
  assert.equal((await place.run(['uninstall', '--local'])).status, 0);
  assert.equal(readFileSync(path, 'utf8'), '{"model":"opus"}');
  assert.deepEqual(readdirSync(join(place.project, '.claude')), ['settings.local.json']);
});

test('init --statusline --dry-run writes nothing and shows exactly what is then written, also as JSON', async (t) => {
  const place = world(t);
  const local = join(place.project, '.claude', 'settings.local.json');
  mkdirSync(join(place.project, '.claude'));
  writeFileSync(local, '{\n  "statusLine": { "type": "command", "command": "date" }\n}\n');
  const before = treeOf(place.root);
  const dry = await place.run(['init', '--statusline', '--dry-run']);
  assert.equal(dry.status, 0, dry.stderr);
  assert.deepEqual(treeOf(place.root), before);
  const patch = parsePatch(dry.stdout).find(({ newFileName }) => newFileName === 'b/.claude/settings.local.json');
  assert.ok(patch, dry.stdout);
  const predicted = applyPatch(readFileSync(local, 'utf8'), patch);

  const plan = JSON.parse((await place.run(['init', '--statusline', '--dry-run', '--json'])).stdout);
  const step = plan.files.find((/** @type {any} */ file) => file.path === local);
  assert.deepEqual([step.action, step.why], ['replace', 'status line']);
  const report = JSON.parse((await place.run(['init', '--statusline', '--json'])).stdout);
  assert.deepEqual(report.files.find((/** @type {any} */ file) => file.path === local), step);
  assert.equal(readFileSync(local, 'utf8'), predicted);

  const out = await place.run(['uninstall', '--dry-run']);
  assert.ok(parsePatch(out.stdout).some(({ newFileName }) => newFileName === 'b/.claude/settings.local.json'), out.stdout);
});

test('the help of --statusline explains why it writes settings that are not shared', async (t) => {
  const { stdout } = await world(t).run(['init', '--help']);
  assert.match(stdout.replace(/\s+/g, ' '), /--statusline .*settings\.local\.json.*colleagues/);
});
