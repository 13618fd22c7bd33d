// `config`: the configuration in force, where each value comes from, and the errors in a file.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { world } from './lib/command.mjs';
import { hooked } from './lib/hooks.mjs';

/** @param {ReturnType<typeof world>} place @param {{user?: string, project?: string}} texts */
function write(place, { user, project }) {
  if (user !== undefined) writeFileSync(join(place.root, 'config.json'), user);
  if (project === undefined) return;
  mkdirSync(join(place.project, '.claude'), { recursive: true });
  writeFileSync(join(place.project, '.claude', 'session-recover.json'), project);
}

/** @param {ReturnType<typeof world>} place @param {string[]} argv */
async function json(place, argv) {
  const { status, stdout, stderr } = await place.run([...argv, '--json']);
  return { status, stderr, report: JSON.parse(stdout) };
}

test('config prints every value with the file that sets it', async (t) => {
  const place = world(t);
  write(place, { user: '{ // mine\n "heartbeat": {"graceSeconds": 200}, "stops": {"crashed": "ignore"} }', project: '{"enabled": false}' });
  const { status, report } = await json(place, ['config']);
  assert.equal(status, 0);
  const of = (/** @type {string} */ key) => report.values.find((/** @type {any} */ one) => one.key === key);
  assert.deepEqual(of('heartbeat.graceSeconds'), { key: 'heartbeat.graceSeconds', value: 200, default: 150, origin: 'user' });
  assert.deepEqual(of('heartbeat.enabled'), { key: 'heartbeat.enabled', value: false, default: true, origin: 'project' });
  assert.deepEqual(of('stops.crashed'), { key: 'stops.crashed', value: 'ignore', default: 'notify', origin: 'user' });
  assert.equal(of('hungMinutes').origin, 'default');
  const { stdout } = await place.run(['config']);
  assert.match(stdout, /^Your file +.*config\.json: valid\nProject file +.*session-recover\.json: valid$/m);
  assert.match(stdout, /^heartbeat\.graceSeconds +200 +your file$/m);
  assert.match(stdout, /^heartbeat\.enabled +false +project's file$/m);
});

test('config path prints only the path, and config masks the secret part of the webhook', async (t) => {
  const place = world(t);
  assert.equal((await place.run(['config', 'path'])).stdout, `${join(place.root, 'config.json')}\n`);
  write(place, { user: '{"notify": {"webhook": "https://hooks.example.com/T0/secret"}}' });
  for (const argv of [['config'], ['config', '--json']]) {
    const { stdout } = await place.run(argv);
    assert.ok(stdout.includes('https://hooks.example.com/...') && !stdout.includes('secret'), stdout);
  }
});

for (const [what, texts, file, message] of /** @type {const} */ ([
  ['a misspelled key', { user: '{"heartbeat": {"graceSecond": 1}}' }, 'config.json', /heartbeat\.graceSecond: unknown key: did you mean "graceSeconds"\?/],
  ['a misspelled kind of stop', { user: '{"stops": {"usage-limit-week": "notify"}}' }, 'config.json', /stops\.usage-limit-week: is not a kind of stop: did you mean "usage-limit-weekly"\?/],
  ['a value of another type', { user: '{"hungMinutes": "ten"}' }, 'config.json', /hungMinutes: invalid type/],
  ['a misspelled key of the project', { project: '{"enable": false}' }, 'session-recover.json', /enable: unknown key: did you mean "enabled"\?/],
])) {
  test(`config check, status and doctor report ${what} with the file`, async (t) => {
    const place = world(t);
    await hooked(place);
    assert.equal((await place.run(['config', 'check'])).status, 0);
    write(place, texts);
    const { status, report } = await json(place, ['config', 'check']);
    assert.deepEqual([status, report.valid], [1, false]);
    const enabled = report.values.find((/** @type {any} */ one) => one.key === 'heartbeat.enabled');
    assert.deepEqual([enabled.value, enabled.origin], [false, 'invalid']);
    const told = {
      check: (await place.run(['config', 'check'])).stdout,
      status: await place.run(['status']).then(({ stdout, stderr }) => stdout + stderr),
      doctor: (await place.run(['doctor'])).stdout,
    };
    for (const [verb, text] of Object.entries(told)) {
      const line = text.replaceAll(/\s+/g, ' ');
      assert.match(line, new RegExp(message.source.replaceAll('key: did', 'key:? ?.*?did').replaceAll('stop: did', 'stop:? ?.*?did'), 'i'), `${verb}: ${text}`);
      assert.ok(line.includes(file), `${verb}: ${text}`);
    }
  });
}

test('config edit opens the file in the editor with its arguments and validates it afterwards', async (t) => {
  const place = world(t);
  const file = join(place.root, 'config.json');
  const editor = join(place.root, 'my editor.cjs');
  writeFileSync(editor, "const [flag, path] = process.argv.slice(2); require('node:fs').writeFileSync(path, flag === '--good' ? '{\"hungMinutes\": 5}' : '{\"hungMinute\": 5}');");
  const edit = (/** @type {string} */ flag) => place.run(['config', 'edit'], { env: { VISUAL: '', EDITOR: `"${process.execPath}" "${editor}" ${flag}` } });
  const good = await edit('--good');
  assert.deepEqual([good.status, readFileSync(file, 'utf8')], [0, '{"hungMinutes": 5}']);
  if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600);
  const bad = await edit('--bad');
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /did you mean "hungMinutes"\?/);
  const failed = await place.run(['config', 'edit'], { env: { VISUAL: 'false' } });
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /the editor `false` failed\n {2}next: set VISUAL or EDITOR/);
});

test('only config edit creates the configuration file, and the new file is valid', async (t) => {
  const place = world(t);
  const file = join(place.root, 'config.json');
  for (const argv of [['config'], ['config', 'path'], ['config', 'check']]) await place.run(argv);
  assert.equal(existsSync(file), false);
  const { status, stdout } = await place.run(['config', 'edit'], { env: { VISUAL: 'true' } });
  assert.equal(status, 0, stdout);
  assert.match(readFileSync(file, 'utf8'), /^\/\/ Options and their defaults: cc-session-recover config\n\{\n\}\n$/);
});

test('config edit without a terminal starts no editor that the user did not choose', async (t) => {
  const place = world(t);
  const { status, stdout, stderr } = await place.run(['config', 'edit'], { env: { VISUAL: '', EDITOR: '' } });
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /config\.json: no editor can be opened without a terminal\n {2}next: set VISUAL or EDITOR, or edit the file yourself\n$/);
});

test('a misspelled key is printed as it is in the file, and its consequence once', async (t) => {
  const place = world(t);
  writeFileSync(join(place.root, 'config.json'), '{"hartbeat": {}}');
  const { status, stdout } = await place.run(['config', 'check']);
  assert.equal(status, 1);
  assert.match(stdout, /^ {2}hartbeat: unknown key: did you mean "heartbeat"\?/m);
  assert.equal(stdout.match(/recovery is off/gi)?.length, 1, stdout);
});

test('an unknown config action is rejected with the allowed actions', async (t) => {
  const { status, stderr } = await world(t).run(['config', 'chek']);
  assert.equal(status, 2);
  assert.match(stderr, /config takes path, edit or check, not 'chek'/);
});
