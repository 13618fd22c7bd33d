// `rescue`: the dashboard with open sessions first and the flat menu, driven by keys in a terminal (a separate tmux server on its own
// socket), and its flags without a terminal.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import stringWidth from 'string-width';
import { finished, wholeSession } from './lib/belongings.mjs';
import { ended, lives, playClient } from './lib/clients.mjs';
import { ROOT, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const skip = process.platform !== 'linux' ? 'Linux only' : spawnSync('tmux', ['-V']).status !== 0 && 'tmux is not installed';
const SIZES = /** @type {const} */ ([[80, 24], [120, 40]]);

let servers = 0;

/**
 * Opens the menu in a separate terminal.
 *
 * @param {import('node:test').TestContext} t
 * @param {ReturnType<typeof world>} place
 * @param {string[]} argv
 * @param {readonly [number, number]} size
 */
async function opened(t, place, argv, [columns, rows]) {
  // Use a new socket each time: a server that is just ending would still accept connections.
  const socket = join(place.root, `tmux-${(servers += 1)}`);
  const tmux = (/** @type {string[]} */ ...words) =>
    new Promise((resolve) => execFile('tmux', ['-S', socket, ...words], { env: { ...place.env, TERM: 'xterm-256color', TMUX: undefined, LC_ALL: 'C.UTF-8' } }, (_error, stdout) => resolve(stdout)));
  place.endings.push(() => tmux('kill-server'));
  const line = [process.execPath, COMMAND, ...argv].map((word) => `'${word}'`).join(' ');
  await tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'menu', '-x', String(columns), '-y', String(rows), '-c', place.project, `sh -c "trap : INT; ${line}; echo exit \\$?; exec sleep 600"`);
  let last = '';
  const screen = async () => (last = String(await tmux('capture-pane', '-p', '-t', 'menu')));
  return {
    screen,
    press: (/** @type {string[]} */ ...keys) => tmux('send-keys', '-t', 'menu', ...keys),
    /** Returns everything that was printed, including what has scrolled off the screen. */
    everything: async () => String(await tmux('capture-pane', '-p', '-S', '-2000', '-t', 'menu')),
    /** @param {RegExp} pattern */
    async shows(pattern, seconds = 120) {
      for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
        if (pattern.test(await screen())) return last;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return assert.fail(`${pattern} was not seen:\n${last}`);
    },
  };
}

const events = (/** @type {any} */ place) => (existsSync(join(place.state, 'journal.jsonl')) ? readFileSync(join(place.state, 'journal.jsonl'), 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line).event) : []);

/** Asserts that no incomplete export is left. @param {any} place */
function assertWhole(place) {
  const dir = join(place.state, 'exports');
  if (existsSync(dir)) assert.deepEqual(readdirSync(dir).filter((name) => name.startsWith('.')), []);
}

suite('rescue', { skip }, () => {
  for (const size of SIZES) {
    const at = size.join('x');

    test(`rescue at ${at} lists open sessions in a box, exports, and asks before a kill`, async (t) => {
      const place = world(t);
      const { id } = wholeSession(place);
      const client = await playClient(place, id);
      const menu = await opened(t, place, ['rescue'], size);
      const list = await menu.shows(/Open sessions \(1\)[\s\S]*╰/);
      assert.match(list, new RegExp(`^│ > .*│[\\s\\S]*^│ {3}process ${client.pid}, .* │`, 'm'));
      for (const line of list.split('\n')) assert.ok(stringWidth(line) <= size[0], line);

      await menu.press('e');
      await menu.shows(/LOSSLESS-00000001[\s\S]*Press Enter to return/);
      assert.equal(finished(join(place.state, 'exports')).length, 1);
      await menu.press('Enter');
      await menu.shows(/Open sessions \(1\)/);

      await menu.press('k');
      await menu.shows(/End it\? \[y\/N\]/);
      await menu.press('Enter');
      await menu.shows(/Nothing was done\.[\s\S]*Press Enter to return/);
      assert.ok(lives(client), 'no is what Enter alone means');
      assert.ok(!events(place).includes('kill-signal'));
      await menu.press('Enter');
      await menu.shows(/Open sessions \(1\)/);

      await menu.press('k');
      await menu.shows(/End it\? \[y\/N\]/);
      await menu.press('y', 'Enter');
      await menu.shows(/(?:Ended process|its session is closed)[\s\S]*Press Enter to return/);
      assert.ok(await ended(client));
      assert.deepEqual(await client.gone, { code: null, signal: 'SIGTERM' });
      assert.equal(finished(join(place.state, 'exports')).length, 2);
      assert.match(await menu.everything(), /claude --resume=00000001/);
      await menu.press('Enter');
      await menu.shows(/Open sessions \(0\)[\s\S]*No session is open\./);
      await menu.press('q');
      await menu.shows(/exit 0/);
      assertWhole(place);
    });

    test(`rescue at ${at} resumes a session in the terminal and returns to the list`, async (t) => {
      const place = world(t);
      // The session was stopped in the middle of its work, so it is in the list without a process.
      const { id } = wholeSession(place, { fixture: 'killed-mid-turn' });
      const claude = join(place.root, 'claude');
      const log = join(place.root, 'resumed.json');
      writeFileSync(claude, `#!${process.execPath}\nrequire('node:fs').writeFileSync(${JSON.stringify(log)}, JSON.stringify([process.argv.slice(2), process.cwd(), process.stdin.isTTY === true]));\nconsole.log('the session was here');\n`);
      chmodSync(claude, 0o755);
      Object.assign(place.env, { CC_RECOVER_CLAUDE: claude });
      const menu = await opened(t, place, ['rescue'], size);
      await menu.shows(/No session is open[\s\S]*^> /m);
      await menu.press('Enter');
      await menu.shows(/the session was here[\s\S]*Press Enter to return/);
      assert.deepEqual(JSON.parse(readFileSync(log, 'utf8')), [[`--resume=${id}`], place.project, true]);
      await menu.press('Enter');
      await menu.shows(/No session is open/);
      await menu.press('C-c');
      await menu.shows(/exit 130/);
    });

    test(`rescue at ${at} leaves nothing half done after Ctrl-C in the list or during a kill`, async (t) => {
      const place = world(t);
      const { id } = wholeSession(place);
      const client = await playClient(place, id, { deaf: true });
      const left = await opened(t, place, ['rescue'], size);
      await left.shows(/Open sessions \(1\)/);
      await left.press('C-c');
      await left.shows(/exit 130/);
      assert.deepEqual([lives(client), events(place), existsSync(join(place.state, 'exports'))], [true, [], false]);
      await /** @type {() => Promise<any>} */ (place.endings.at(-1))();
      // Ctrl-C while the export is running: it is completed, reported and recorded before the menu ends.
      const menu = await opened(t, place, ['rescue'], size);
      await menu.shows(/Open sessions \(1\)/);
      await menu.press('k');
      await menu.shows(/End it\? \[y\/N\]/);
      await menu.press('y', 'Enter');
      await menu.shows(/saving and ending it \.\.\. [1-7] s/);
      await menu.press('C-c');
      await menu.shows(/is still running after 10 s[\s\S]*exit 130/);
      assert.deepEqual(events(place), ['exported', 'kill-signal', 'kill']);
      assert.ok(lives(client), 'it was asked, and nothing more');
      assertWhole(place);
      assert.equal(finished(join(place.state, 'exports')).length, 1);
    });
  }

  test('rescue --flat prints plain lines, and a client that ignores SIGTERM is ended after a second yes', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    const client = await playClient(place, id, { deaf: true });
    const menu = await opened(t, place, ['rescue', '--flat'], [80, 24]);
    const list = await menu.shows(/Which session\? 1 to 1, l for refresh, q for quit:/);
    assert.match(list, new RegExp(`^1\\. .*: session 00000001, .*process ${client.pid}, `, 'm'));
    assert.doesNotMatch(list, /[╭│╰◆●○]/);
    await menu.press('x', 'Enter');
    await menu.shows(/That is not one of the choices\./);
    await menu.press('1', 'Enter');
    await menu.shows(/What do you want to do\? e for Export, k for Kill, s for Show, b for Skip:/);
    await menu.press('k', 'Enter');
    await menu.shows(/End it\? It is saved first\. n for No, leave it, y for Yes, end it:/);
    await menu.press('y', 'Enter');
    await menu.shows(/By force\?|End it by force\?/);
    await menu.press('y', 'Enter');
    await menu.shows(/by force; its session is closed|l for refresh/);
    assert.deepEqual(await client.gone, { code: null, signal: 'SIGKILL' });
    assert.equal(finished(join(place.state, 'exports')).length, 1, 'what was saved for the first try holds');
    await menu.press('q', 'Enter');
    await menu.shows(/exit 0/);
  });

  test('rescue in a pipe shows no menu, and with flags asks nothing', async (t) => {
    const place = world(t);
    const { id } = wholeSession(place);
    wholeSession(place, { id: idOf(2), fixture: 'killed-mid-turn' });
    const client = await playClient(place, id);
    const none = await place.run(['rescue']);
    assert.deepEqual([none.status, none.stdout], [2, '']);
    assert.match(none.stderr, /the menu needs a terminal\n {2}next: add --status/);
    const status = await place.run(['rescue', '--status']);
    assert.equal(status.status, 0, status.stderr);
    assert.match(status.stdout, /^╭ Sessions: 1 open, 1 closed with pending work/);
    const flat = await place.run(['rescue', '--status', '--flat']);
    assert.match(flat.stdout, /^Sessions: 1 open, 1 closed with pending work\. 2 sessions in this list\.\n1\. /);
    const json = JSON.parse((await place.run(['rescue', '--status', '--json'])).stdout);
    assert.deepEqual(json.sessions.map((/** @type {any} */ { id: one }) => one), [id, idOf(2)]);
    assert.equal((await place.run(['rescue', '--export'])).status, 0);
    assert.equal(finished(join(place.state, 'exports')).length, 1);
    const resume = await place.run(['rescue', '--resume', idOf(2)]);
    assert.match(resume.stdout, /claude --resume=00000002/);
    const looked = await place.run(['rescue', '--dry-run', '--kill', String(client.pid)]);
    assert.match(looked.stdout, /^This would be ended:/);
    assert.ok(lives(client));
    assert.equal((await place.run(['rescue', '--kill', String(client.pid), '--force'])).status, 0);
    assert.deepEqual(await client.gone, { code: null, signal: 'SIGTERM' });
    for (const argv of [['--force'], ['x'], ['--dry-run'], ['--json'], ['--status', '--export'], ['--status', 'x']]) assert.equal((await place.run(['rescue', ...argv])).status, 2, argv.join(' '));
  });
});

