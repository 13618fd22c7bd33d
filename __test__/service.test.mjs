// The service that starts the supervisor at every login, through `watch --install | --uninstall | --status`.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT, run, world } from './lib/command.mjs';
import { NATIVE_FILES } from './lib/native.mjs';

const UNIT = '.config/systemd/user/cc-session-recover.service';
const NAME = 'cc-session-recover.service';
const elsewhere = process.platform === 'linux' ? false : 'units are for Linux';
/** A directory name with characters that are special to systemd, XML and shells, and one without quotation marks. */
const UNQUOTED = 'a dir 100% $HOME %h ${PATH} <&> ü漢';
const HOSTILE = 'a dir 100% $HOME %h ${PATH} "q" \'s\' <&> ü漢 \\x41';

/** @typedef {ReturnType<typeof world>} Place */

/**
 * Returns the addon's plan with these variables, for a package and a node other than the running ones.
 *
 * @param {Place} place @param {Record<string, unknown>} options @param {Record<string, string>} [env]
 */
async function planned(place, options, env = {}) {
  const code = `require(${JSON.stringify(ROOT)}).planService(${JSON.stringify(options)}).then((plan) => console.log(JSON.stringify(plan)), (error) => console.log(JSON.stringify({ failed: error.code, message: error.message })))`;
  const { stdout, stderr } = await run(['-e', code], { cwd: place.project, env: { ...place.env, ...env } });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** Creates a package and a node in this directory. @param {string} directory */
function installed(directory) {
  const packageRoot = join(directory, 'lib', 'cc-session-recover');
  mkdirSync(join(packageRoot, 'bin'), { recursive: true });
  writeFileSync(join(packageRoot, 'bin', 'cc-session-recover.js'), '');
  const node = join(directory, 'node');
  writeFileSync(node, '#!/bin/sh\n', { mode: 0o755 });
  return { packageRoot, node };
}

/** Runs systemd's verification of a unit. @param {Place} place @param {string} text */
function verified(place, text) {
  const directory = join(place.root, 'verify');
  const runtime = join(place.root, 'run');
  for (const made of [directory, runtime]) mkdirSync(made, { recursive: true, mode: 0o700 });
  const file = join(directory, NAME);
  writeFileSync(file, text);
  const { status, stderr, error } = spawnSync('systemd-analyze', ['--user', 'verify', file], { env: { ...place.env, XDG_RUNTIME_DIR: runtime }, encoding: 'utf8' });
  assert.equal(error, undefined, 'systemd-analyze is needed: it is in the package systemd');
  return { status, stderr };
}

/**
 * Returns how systemd reads a unit: its variables, and the words of its command before dollar signs are expanded.
 *
 * @param {Place} place
 */
function asRead(place) {
  const { stdout } = spawnSync('systemd-analyze', ['--user', 'verify', join(place.root, 'verify', NAME)], { env: { ...place.env, XDG_RUNTIME_DIR: join(place.root, 'run'), SYSTEMD_LOG_LEVEL: 'debug' }, encoding: 'utf8' });
  const variables = [...stdout.matchAll(/^\s*Environment: (.*)$/gm)].map(([, text]) => text);
  const line = /^\s*Command Line: (.*)$/m.exec(stdout)?.[1] ?? '';
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => bare ?? quoted.replace(/\\(.)/g, '$1'));
  return { variables, words };
}

/**
 * Creates a login with a user manager whose systemctl calls are recorded; it enables and disables units like the real one.
 *
 * @param {Place} place @param {string} [extra] Lines to run first in its script.
 */
function withManager(place, extra = '') {
  const runtime = join(place.root, 'run');
  mkdirSync(join(runtime, 'systemd'), { recursive: true, mode: 0o700 });
  writeFileSync(join(runtime, 'systemd', 'private'), '');
  const bin = join(place.root, 'manager bin');
  mkdirSync(bin);
  const log = join(place.root, 'systemctl.log');
  const wants = join(place.home, dirname(UNIT), 'default.target.wants');
  const active = join(place.root, 'active');
  writeFileSync(
    join(bin, 'systemctl'),
    `#!/bin/sh
echo "$*" >> '${log}'
${extra}
case "$*" in
  "--user enable --now ${NAME}") mkdir -p '${wants}' && ln -s '${join(place.home, UNIT)}' '${wants}/${NAME}' && touch '${active}' ;;
  "--user disable --now ${NAME}") rm -f '${wants}/${NAME}' '${active}' ;;
  "--user restart ${NAME}") touch '${active}' ;;
  "--user is-active --quiet ${NAME}") test -e '${active}' || exit 3 ;;
esac
`,
    { mode: 0o755 }
  );
  const env = { XDG_RUNTIME_DIR: runtime, PATH: `${bin}:${place.env.PATH}` };
  const changes = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').filter((line) => !line.includes('is-active')) : []);
  return { env, bin, changes };
}

/** Doubles the dollar signs, as in arguments of a unit. @param {string} text */
function doubled(text) {
  return text.replaceAll('$', '$$$$');
}

/** Escapes a text for XML content. @param {string} text */
function plain(text) {
  const names = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name) => names[/** @type {keyof typeof names} */ (name)]);
}

/** Copies the running package and returns the path of its command. @param {string} root */
function copy(root) {
  for (const name of ['bin', 'index.js', 'package.json', ...NATIVE_FILES]) cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return join(root, 'bin', 'cc-session-recover.js');
}

/** Returns every path below a directory. @param {string} directory */
function below(directory) {
  return existsSync(directory) ? readdirSync(directory, { recursive: true }).map(String).toSorted() : [];
}

test('the systemd unit passes systemd-analyze verify for any path of node and the package', { skip: elsewhere }, async (t) => {
  const place = world(t);
  for (const name of ['plain', UNQUOTED, HOSTILE]) {
    const where = installed(join(place.root, name));
    const plan = await planned(place, { wanted: 'install', ...where }, { PATH: `/usr/bin:${join(place.root, HOSTILE)}`, CC_RECOVER_CONFIG: join(place.root, HOSTILE, 'c.json') });
    assert.deepEqual(verified(place, plan.file.after), { status: 0, stderr: '' });
    const { variables, words } = asRead(place);
    const path = [...new Set(['/usr/bin', join(place.root, HOSTILE), join(place.root, name)])].join(':');
    assert.deepEqual(variables.slice(0, 2), [`PATH=${path}`, `CC_RECOVER_STATE_DIR=${place.state}`]);
    assert.ok(variables.includes(`CC_RECOVER_CONFIG=${join(place.root, HOSTILE, 'c.json')}`), variables.join('\n'));
    assert.deepEqual(words.slice(-3), [doubled(join(where.packageRoot, 'bin', 'cc-session-recover.js')), 'watch', '--all']);
    assert.equal(words.at(-4), name === HOSTILE ? doubled(where.node) : where.node);
    // Negative control: systemd checks the exact path of node and names it if it is gone. Behind env(1) the path is only an argument.
    if (name === HOSTILE) continue;
    rmSync(where.node);
    const gone = verified(place, plan.file.after);
    assert.notEqual(gone.status, 0);
    assert.ok(gone.stderr.includes(`${where.node} is not executable`), gone.stderr);
  }
  const plan = await planned(place, { wanted: 'install', ...installed(join(place.root, 'plain')) });
  assert.match(verified(place, plan.file.after.replace('Nice=10', 'Nicer=10')).stderr, /Unknown key (?:name )?'Nicer'/);
});

test('the launchd agent is a property list with exactly the expected arguments', async (t) => {
  const place = world(t);
  const where = installed(join(place.root, process.platform === 'win32' ? 'a dir' : HOSTILE));
  const state = join(place.root, 'state <&> "q"');
  const plan = await planned(place, { wanted: 'install', manager: 'launchd', ...where }, { CC_RECOVER_STATE_DIR: state });
  assert.equal(plan.file.path, join(place.home, 'Library', 'LaunchAgents', 'com.cc-session-recover.watch.plist'));
  const expected = [where.node, join(where.packageRoot, 'bin', 'cc-session-recover.js'), 'watch', '--all'];
  const strings = [...plan.file.after.matchAll(/<string>(.*)<\/string>/g)].map(([, text]) => plain(text));
  assert.deepEqual(strings.slice(1, 5), expected);
  assert.doesNotMatch(plan.file.after, /<!--(?:(?!-->)[^])*--(?!>)/, 'no comment has two hyphens in it');
  const python = spawnSync('python3', ['-c', 'import plistlib,json,sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))'], { input: plan.file.after, encoding: 'utf8' });
  if (python.error !== undefined) return t.diagnostic('no python3: parsed by the test itself alone');
  assert.equal(python.status, 0, python.stderr);
  const list = JSON.parse(python.stdout);
  assert.deepEqual(list.ProgramArguments, expected);
  assert.equal(list.EnvironmentVariables.CC_RECOVER_STATE_DIR, state);
  assert.deepEqual([list.Label, list.RunAtLoad, list.KeepAlive], ['com.cc-session-recover.watch', true, { SuccessfulExit: false }]);
});

test('watch --install writes node, the command and the PATH of the user, without relative directories', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const { env, bin, changes } = withManager(place);
  const { status, stdout, stderr } = await place.run(['watch', '--install'], { env: { ...env, PATH: `.:rel:${env.PATH}:${place.project}/node_modules/.bin` } });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /The supervisor is running and starts at every login/);
  const text = readFileSync(join(place.home, UNIT), 'utf8');
  assert.ok(text.includes(`ExecStart="${process.execPath}" "${join(ROOT, 'bin', 'cc-session-recover.js')}" "watch" "--all"\n`), text);
  const path = /^Environment="PATH=(.*)"$/m.exec(text)?.[1] ?? '';
  assert.ok(path.startsWith(`${bin}:`), path);
  assert.ok(path.split(':').every((directory) => directory.startsWith('/') && !directory.includes('node_modules/.bin')), path);
  assert.ok(text.includes(`Environment="CC_RECOVER_STATE_DIR=${place.state}"\n`));
  assert.ok(text.includes('Environment="CC_RECOVER_SERVICE=1"\n'));
  assert.equal(statSync(join(place.home, UNIT)).mode & 0o777, 0o644);
  assert.deepEqual(changes(), ['--user daemon-reload', `--user enable --now ${NAME}`]);
  assert.doesNotMatch(text, /network-online/);
});

test('watch --install is idempotent and restarts a changed service, and watch --uninstall removes everything', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const { env, changes } = withManager(place);
  const report = async (/** @type {string[]} */ ...argv) => {
    const { status, stdout, stderr } = await place.run(['watch', ...argv, '--json'], { env });
    return { status, stderr, ...JSON.parse(stdout) };
  };
  assert.deepEqual((({ installed: there, enabled, running, current }) => [there, enabled, running, current])(await report('--status')), [false, false, false, null]);
  assert.equal((await report('--install')).changed, true);
  assert.deepEqual((({ installed: there, enabled, running, current, supervised }) => [there, enabled, running, current, supervised])(await report('--status')), [true, true, true, true, false]);
  const before = changes().length;
  const again = await report('--install');
  assert.deepEqual([again.changed, again.complete, changes().length], [false, true, before]);

  const unit = join(place.home, UNIT);
  writeFileSync(unit, readFileSync(unit, 'utf8').replace('Nice=10', 'Nice=5'));
  assert.equal((await report('--status')).current, false);
  assert.equal((await report('--install')).file.action, 'replace');
  assert.deepEqual(changes().slice(before), ['--user daemon-reload', `--user enable ${NAME}`, `--user restart ${NAME}`]);

  const out = await report('--uninstall');
  assert.deepEqual([out.status, out.changed, out.complete], [0, true, true]);
  assert.deepEqual(changes().slice(-2), [`--user disable --now ${NAME}`, '--user daemon-reload']);
  assert.deepEqual(below(join(place.home, '.config')), []);
  assert.equal((await report('--uninstall')).status, 6);
});

test('without a user manager it prints exactly what to run, and removes what was enabled before', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const { status, stdout } = await place.run(['watch', '--install']);
  assert.equal(status, 0);
  assert.match(stdout, /not enabled yet/);
  assert.match(stdout, /^ {2}systemctl --user daemon-reload\n {2}systemctl --user enable --now cc-session-recover\.service$/m);
  const shown = await place.run(['watch', '--status']);
  assert.match(shown.stdout, /at every login +no\nstarted now +unknown\n/);
  // Create the links that `systemctl --user enable` creates; another unit beside ours stays.
  const wants = join(place.home, dirname(UNIT), 'default.target.wants');
  mkdirSync(wants);
  symlinkSync(join(place.home, UNIT), join(wants, NAME));
  symlinkSync('/usr/lib/systemd/user/other.service', join(wants, 'other.service'));
  assert.equal((await place.run(['watch', '--uninstall'])).status, 0);
  assert.deepEqual(readdirSync(wants), ['other.service']);
  assert.equal(existsSync(join(place.home, UNIT)), false);
});

test('watch leaves foreign files, links and redirected directories unchanged', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const { env, changes } = withManager(place);
  const unit = join(place.home, UNIT);
  mkdirSync(dirname(unit), { recursive: true });
  writeFileSync(unit, '[Service]\nExecStart=/bin/true\n');
  for (const option of ['--install', '--uninstall']) {
    const { status, stderr } = await place.run(['watch', option], { env });
    assert.equal(status, 4);
    assert.match(stderr, /was not made by cc-session-recover/);
    assert.match(stderr, /next: /);
  }
  assert.equal(readFileSync(unit, 'utf8'), '[Service]\nExecStart=/bin/true\n');
  assert.match((await place.run(['watch', '--status'], { env })).stdout, /file +not ours/);

  rmSync(unit);
  const victim = join(place.root, 'victim');
  writeFileSync(victim, '# Made by cc-session-recover\n');
  symlinkSync(victim, unit);
  assert.equal((await place.run(['watch', '--install'], { env })).status, 4);
  assert.ok(lstatSync(unit).isSymbolicLink());

  rmSync(join(place.home, '.config', 'systemd'), { recursive: true });
  const outside = join(place.root, 'outside');
  mkdirSync(outside);
  symlinkSync(outside, join(place.home, '.config', 'systemd'));
  const led = await place.run(['watch', '--install'], { env });
  assert.equal(led.status, 4);
  assert.match(led.stderr, /leads out of/);
  assert.deepEqual([readdirSync(outside), readFileSync(victim, 'utf8'), changes()], [[], '# Made by cc-session-recover\n', []]);

  // A configuration directory that is itself a link is the user's own choice.
  rmSync(join(place.home, '.config'), { recursive: true });
  symlinkSync(outside, join(place.home, '.config'));
  assert.equal((await place.run(['watch', '--install'], { env })).status, 0);
  assert.ok(existsSync(join(outside, 'systemd', 'user', NAME)));
});

test('watch --install refuses a package in a temporary cache or in an enabled project, and suggests a fix', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const cached = await place.run(['watch', '--install'], { bin: copy(join(place.home, '.npm', '_npx', 'f00', 'node_modules', 'cc-session-recover')) });
  assert.equal(cached.status, 4);
  assert.match(cached.stderr, /temporary copy.*\n.*next: .*npm install --global cc-session-recover/);
  const dependency = copy(join(place.project, 'node_modules', 'cc-session-recover'));
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  const owned = await place.run(['watch', '--install'], { bin: dependency });
  assert.equal(owned.status, 4);
  assert.match(owned.stderr, /belongs to the project/);
  assert.equal(existsSync(join(place.home, '.config')), false);
});

test('a systemctl that fails is reported in its own words, and the exit code shows it', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const { env } = withManager(place, "case \"$*\" in *enable*) echo 'Failed to connect to bus' >&2; exit 1 ;; esac");
  const { status, stderr } = await place.run(['watch', '--install'], { env });
  assert.equal(status, 1);
  assert.match(stderr, /systemctl' --user enable --now cc-session-recover\.service: ended with exit code 1: Failed to connect to bus\n {2}next: /);
});

test('watch --install --dry-run prints only the unit on standard output and writes nothing', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const { env, changes } = withManager(place);
  const dry = await place.run(['watch', '--install', '--dry-run'], { env });
  assert.equal(dry.status, 0);
  assert.match(dry.stderr, /it would be written to .*\nthen: .*daemon-reload\nthen: .*enable --now/);
  assert.deepEqual([existsSync(join(place.home, '.config')), existsSync(place.state), changes()], [false, false, []]);
  assert.equal((await place.run(['watch', '--install'], { env })).status, 0);
  assert.equal(readFileSync(join(place.home, UNIT), 'utf8'), dry.stdout);
  const out = await place.run(['watch', '--uninstall', '--dry-run'], { env });
  assert.match(out.stdout, /^-ExecStart=/m);
  assert.ok(existsSync(join(place.home, UNIT)));
});

test('a service plan of another platform is readable but cannot be applied, and a modified plan is rejected', { skip: elsewhere }, async (t) => {
  const place = world(t);
  const where = installed(join(place.root, 'plain'));
  const apply = async (/** @type {unknown} */ plan) => {
    const code = `require(${JSON.stringify(ROOT)}).applyService(${JSON.stringify(plan)}).then((report) => console.log(JSON.stringify(report)), (error) => console.log(JSON.stringify({ failed: error.code })))`;
    return JSON.parse((await run(['-e', code], { cwd: place.project, env: place.env })).stdout);
  };
  const task = await planned(place, { wanted: 'install', manager: 'schtasks', ...where });
  assert.match(task.file.after, /<Arguments>.*cc-session-recover\.js watch --all<\/Arguments>/);
  assert.equal((await apply(task)).failed, 'USAGE');
  const plan = await planned(place, { wanted: 'install', ...where });
  assert.equal((await apply({ ...plan, file: { ...plan.file, after: '# Made by cc-session-recover\n[Service]\nExecStart=/bin/evil\n' } })).failed, 'CHANGED_MEANWHILE');
  assert.equal((await apply({ ...plan, file: { ...plan.file, path: join(place.root, 'x') } })).failed, 'CHANGED_MEANWHILE');
  assert.equal(existsSync(join(place.home, '.config')), false);
  assert.equal((await apply(plan)).changed, true);
});

test('a step that may fail does not fail watch --install, and the failure of a later step is the one reported', async (t) => {
  const place = world(t);
  const answering = join(place.root, 'answering.cjs');
  const steps = [
    { argv: ['launchctl', 'bootout', 'x'], why: '', mayFail: true, done: false, complaint: 'no such process' },
    { argv: ['launchctl', 'bootstrap', 'x'], why: '', mayFail: false, done: true, complaint: null },
  ];
  const installs = (/** @type {object[]} */ commands, complete = true) => {
    const report = { manager: 'launchd', wanted: 'install', changed: true, complete, file: { action: 'create', path: join(place.home, 'x.plist') }, commands, unreachable: null, warnings: [] };
    writeFileSync(
      answering,
      `const Module = require('node:module');
const load = Module._load;
process.dlopen = () => {
  throw new Error('the test replaces the addon');
};
const addon = { planService: async () => ({}), applyService: async () => (${JSON.stringify(report)}) };
Module._load = function (request, ...rest) {
  return request.endsWith('/index.js') ? addon : load.call(this, request, ...rest);
};
`,
    );
    return place.run(['watch', '--install'], { node: ['--require', answering] });
  };
  const done = await installs(steps);
  assert.deepEqual([done.status, done.stderr], [0, '']);
  assert.match(done.stdout, /^The supervisor is running and starts at every login\./);
  const failed = await installs([steps[0], { ...steps[1], done: false, complaint: 'Input/output error' }], false);
  assert.deepEqual([failed.status, failed.stdout], [1, '']);
  assert.match(failed.stderr, /^cc-session-recover: launchctl bootstrap x: Input\/output error\n {2}next: /);
});

test('watch rejects mutually exclusive service options', async (t) => {
  const place = world(t);
  for (const argv of [['--install', '--uninstall'], ['--install', '--status'], ['--status', '--dry-run']]) assert.equal((await place.run(['watch', ...argv])).status, 2, argv.join(' '));
});
