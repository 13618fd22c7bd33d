// Tests of the dashboard, driven by keys in a separate terminal: a tmux server on its own socket in the throw-away home.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { finished } from './lib/belongings.mjs';
import { ended, lives, playClient } from './lib/clients.mjs';
import { ROOT, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';
import { stoppedSession } from './lib/stopped.mjs';

const COMMAND = join(ROOT, 'bin', 'cc-session-recover.js');
const skip = process.platform !== 'linux' ? 'Linux only' : spawnSync('tmux', ['-V']).status !== 0 && 'tmux is not installed';

let servers = 0;

/**
 * Starts a shell in a terminal. It prints `exit <code>` after each command.
 *
 * @param {import('./lib/command.mjs').world extends (...words: any[]) => infer P ? P : never} place
 * @param {readonly [number, number]} size
 * @param {Record<string, string>} [env]
 */
async function terminal(place, [columns, rows] = [100, 30], env = {}) {
  servers += 1;
  const socket = join(place.root, `dashboard-${servers}`);
  const tmux = (/** @type {string[]} */ ...words) =>
    new Promise((resolve) =>
      execFile('tmux', ['-S', socket, ...words], { env: { ...place.env, ...env, TERM: 'xterm-256color', TMUX: undefined, LC_ALL: 'C.UTF-8' } }, (_error, stdout) => resolve(String(stdout))),
    );
  place.endings.push(() => tmux('kill-server'));
  await tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'shown', '-x', String(columns), '-y', String(rows), '-c', place.project, 'env -u TMUX PS1="$ " sh');
  await tmux('set-option', '-g', 'default-terminal', 'xterm-256color');
  let last = '';
  const screen = async () => (last = await tmux('capture-pane', '-p', '-t', 'shown'));
  /**
   * Waits until one screen has all of `patterns` and none of `without`: parts of a screen are read and drawn one after the other.
   *
   * @param {RegExp | RegExp[]} patterns
   * @param {RegExp[]} [without]
   */
  const shows = async (patterns, without = []) => {
    const all = [patterns].flat();
    for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
      await screen();
      if (all.every((pattern) => pattern.test(last)) && !without.some((pattern) => pattern.test(last))) return last;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return assert.fail(`${all.join(' and ')}${without.map((pattern) => `, without ${pattern},`).join('')} was not seen:\n${last}`);
  };
  const type = (/** @type {string} */ text) => tmux('send-keys', '-t', 'shown', '-l', text);
  const press = (/** @type {string[]} */ ...keys) => tmux('send-keys', '-t', 'shown', ...keys);
  return {
    tmux,
    screen,
    shows,
    type,
    press,
    /** Returns the screen with colors and other styles. */
    styled: () => tmux('capture-pane', '-p', '-e', '-t', 'shown'),
    /** @param {string} line */
    async run(line) {
      await type(`${line}; echo exit $?`);
      await press('Enter');
    },
    /** Whether the terminal shows its alternate screen, and whether the program has requested the mouse. */
    modes: async () => (await tmux('display-message', '-p', '-t', 'shown', '#{alternate_on} #{mouse_any_flag} #{cursor_flag}')).trim(),
  };
}

/** Returns the command line of the dashboard for the shell. */
const dashboard = (/** @type {string} */ words = '') => `'${process.execPath}' '${COMMAND}' ${words}`;

/**
 * Has the shell store the settings of the terminal in a file.
 *
 * @param {Awaited<ReturnType<typeof terminal>>} shell
 * @param {any} place
 * @param {string} name
 */
async function settings(shell, place, name) {
  servers += 1;
  const file = join(place.root, `${name}-${servers}`);
  await shell.run(`clear; stty -a > '${file}'; echo stored`);
  await shell.shows(/^stored$/m);
  await shell.run('clear');
  return readFileSync(file, 'utf8');
}

/** @param {number} minutes */
function minutesAgo(minutes) {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

/** Writes a finished session to the project. @param {any} place @param {string} id @param {string} prompt */
function finishedSession(place, id, prompt) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const common = { sessionId: id, cwd: place.project, version: '2.1.329', isSidechain: false, userType: 'external' };
  const lines = [
    { ...common, type: 'user', uuid: `${id.slice(0, 8)}-0000-4000-8000-00000000000a`, parentUuid: null, timestamp: minutesAgo(9), message: { role: 'user', content: prompt } },
    {
      ...common,
      type: 'assistant',
      uuid: `${id.slice(0, 8)}-0000-4000-8000-00000000000b`,
      parentUuid: `${id.slice(0, 8)}-0000-4000-8000-00000000000a`,
      timestamp: minutesAgo(8),
      message: { id: 'msg_1', role: 'assistant', type: 'message', model: 'claude-opus-4-8', stop_reason: 'end_turn', content: [{ type: 'text', text: `All done: ${prompt}` }], usage: { input_tokens: 1200, output_tokens: 5 } },
    },
  ];
  const path = join(directory, `${id}.jsonl`);
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

/** A color of the text or of its background. */
const COLOUR = /\u001B\[(?:[\d;]*;)?(?:[34][0-8]|9[0-7]|10[0-7])[;m]/;

const STOPPED = idOf(1);
const FINISHED = idOf(2);
const KEPT = idOf(3);
const TYPED = idOf(4);

/** Returns a world with a session that needs the user and one that is finished. @param {any} t */
async function populated(t) {
  const place = world(t);
  await stoppedSession(place, { id: STOPPED });
  finishedSession(place, FINISHED, 'rewrite the billing module');
  return place;
}

/** Returns the same world with a deleted session that is kept, and one with only its prompts left. @param {any} t */
async function withDeleted(t) {
  const place = await populated(t);
  const transcript = finishedSession(place, KEPT, 'paint the shed');
  const text = readFileSync(transcript, 'utf8');
  assert.equal((await place.run(['init', '--yes'])).status, 0);
  assert.ok(existsSync(join(place.state, 'kept', KEPT)), 'the hooks keep it');
  rmSync(transcript);
  const typed = { display: 'sketch the LOGO', pastedContents: {}, timestamp: Date.now() - 86_400_000, project: place.project, sessionId: TYPED };
  writeFileSync(join(place.claude, 'history.jsonl'), `${JSON.stringify(typed)}\n`);
  return { place, transcript, text };
}

suite('dashboard', { skip }, () => {
  /** World shared by the tests that change nothing. @type {Awaited<ReturnType<typeof populated>>} */
  let shared;
  /** @type {(() => unknown)[]} */
  const endings = [];
  before(async () => {
    shared = await populated({ after: (/** @type {() => unknown} */ end) => endings.push(end) });
  });
  after(async () => {
    for (const end of endings) await end();
  });

  test('the dashboard groups sessions, shows a preview, filters, explains its keys and restores the terminal', async () => {
    const place = shared;
    const shell = await terminal(place);
    const untouched = await settings(shell, place, 'before');
    const modes = await shell.modes();

    await shell.run(dashboard());
    await shell.shows([/Recent \(1\)/, /Needs you \(1\)/, /What happens next/, /5-hour limit/]);
    assert.match(await shell.modes(), /^1 1/);

    await shell.press('f');
    await shell.type('billing');
    await shell.shows([/filter: billing/, /rewrite the billing module/], [/Needs you/]);
    await shell.shows(/All done: rewrite the billing module/);
    await shell.press('Escape');
    await shell.shows(/Needs you \(1\)/);

    await shell.press('?');
    await shell.shows(/resume it here/);
    await shell.press('x');
    await shell.shows(/\? help/);

    await shell.press('q');
    await shell.shows(/exit 0/);
    assert.equal(await shell.modes(), modes);
    assert.equal(await settings(shell, place, 'after'), untouched);
  });

  test('the dashboard searches all transcripts and shows hits in context', async () => {
    const place = shared;
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Recent \(1\)/);
    await shell.press('/');
    await shell.type('all done');
    await shell.press('Enter');
    await shell.shows([/1 hits? for “all done”/, /All done: rewrite/]);
    await shell.press('Escape');
    await shell.shows(/Needs you \(1\)/);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('a dashboard action runs its verb on the normal screen, and Enter restores the previous view', async () => {
    const place = shared;
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Recent \(1\)/);
    await shell.press('f');
    await shell.type('billing');
    await shell.press('Enter');
    await shell.press('s');
    await shell.shows([/Press Enter to return to the dashboard/, new RegExp(FINISHED)]);
    assert.match(await shell.modes(), /^0 0 1/);
    await shell.press('Enter');
    await shell.shows(/filter “billing”/);
    await shell.press('Escape');
    // Wait here: a key that follows an Escape at once would be read with Alt.
    await shell.shows(/Needs you \(1\)/);
    await shell.press('c');
    await shell.shows(/Cancel the recovery\? y \/ n/);
    await shell.press('n');
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('a session written while the dashboard is open appears in it', async (t) => {
    const place = await populated(t);
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Recent \(1\)/);
    finishedSession(place, idOf(3), 'a session that came later');
    await shell.shows([/Recent \(2\)/, /a session that came later/]);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('the dashboard pauses and cancels the recovery of the selected session', async (t) => {
    const place = await populated(t);
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Needs you \(1\)/);
    await shell.press('p');
    await shell.shows(/is paused\.[^]*Press Enter/);
    await shell.press('Enter');
    await shell.shows(/Paused: nothing continues it/);
    await shell.press('p');
    await shell.shows(/is no longer paused\.[^]*Press Enter/);
    await shell.press('Enter');
    await shell.shows(/Needs you \(1\)/);
    await shell.press('c');
    await shell.press('y');
    await shell.shows(/Press Enter to return/);
    const { stdout } = await place.run(['status', '--json']);
    const one = JSON.parse(stdout).sessions.find((/** @type {{id: string}} */ { id }) => id === STOPPED);
    assert.ok(one === undefined || one.group === 'settled', 'cancelled');
    await shell.press('Enter');
    await shell.shows(/Recent \(2\)/);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('the dashboard exports, prints the note, checks the transcript and prints the command for a new window', async (t) => {
    const place = await populated(t);
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Needs you \(1\)/);
    for (const [key, result] of /** @type {[string, RegExp][]} */ ([
      ['e', /LOSSLESS-00000001/],
      ['h', /To continue by hand/],
      ['r', /\d+ lines, \d+ records/],
      ['w', /Run this in a new window:\s+cd .*claude --resume=\s*00000001/],
    ])) {
      await shell.press(key);
      await shell.shows(new RegExp(`${result.source}[^]*Press Enter to return`));
      await shell.press('Enter');
      await shell.shows(/Needs you \(1\)/);
    }
    assert.equal(finished(join(place.state, 'exports')).length, 1);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('Enter in the dashboard opens the session in the terminal, and the dashboard returns afterwards', async (t) => {
    const place = await populated(t);
    const claude = join(place.root, 'claude');
    writeFileSync(claude, `#!${process.execPath}\nconsole.log('resumed', process.argv.slice(2).join(' '), process.stdin.isTTY === true);\n`);
    chmodSync(claude, 0o755);
    const shell = await terminal(place, [100, 30], { CC_RECOVER_CLAUDE: claude });
    await shell.run(dashboard());
    await shell.shows(/Needs you \(1\)/);
    await shell.press('Enter');
    await shell.shows(new RegExp(`resumed --resume=${STOPPED} true\\s+Press Enter to return`));
    await shell.press('Enter');
    await shell.shows(/Recent \(1\)/);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('the dashboard asks before it ends the process of a session, and shows where an open session runs', async (t) => {
    const place = await populated(t);
    const client = await playClient(place, FINISHED);
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Running \(1\)/);
    await shell.press('End');
    await shell.press('Enter');
    await shell.shows(new RegExp(`It is open already: continue in process ${client.pid}`));
    await shell.press('k');
    await shell.shows(/End it\? \[y\/N\]/);
    await shell.press('Enter');
    await shell.shows(/Nothing was done\.[^]*Press Enter to return/);
    assert.ok(lives(client));
    await shell.press('Enter');
    await shell.shows(/Running \(1\)/);
    await shell.press('k');
    await shell.shows(/End it\? \[y\/N\]/);
    await shell.type('y');
    await shell.press('Enter');
    await shell.shows(/Press Enter to return/);
    assert.ok(await ended(client));
    await shell.press('Enter');
    await shell.shows(/Recent \(1\)/);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('the dashboard shows and previews a kept deleted session and restores it after confirmation', async (t) => {
    const { place, transcript, text } = await withDeleted(t);
    const shell = await terminal(place, [120, 40]);
    await shell.run(dashboard());
    await shell.shows([/Deleted, kept \(1\)[^]*Deleted, prompts only \(1\)/, /Recent \(1\)[^]*Deleted, kept/]);
    await shell.press('d');
    await shell.shows(/Claude Code deleted the transcript; all of it is kept[^]*All done: paint the shed/);
    await shell.press('e');
    await shell.shows(/LOSSLESS-00000003[^]*Press Enter to return/);
    await shell.press('Enter');
    await shell.shows(/b restore {2}/);
    await shell.press('b');
    await shell.shows(/Restore this session\? y \/ n/);
    await shell.press('n');
    await shell.shows(/b restore {2}/);
    assert.equal(existsSync(transcript), false, 'nothing is restored without a yes');
    await shell.press('b');
    await shell.press('y');
    await shell.shows(/Restored 00000003-[^]*from snapshot kept[^]*Press Enter to return/);
    assert.equal(readFileSync(transcript, 'utf8'), text);
    await shell.press('Enter');
    await shell.shows([/Recent \(2\)[^]*Deleted, prompts only \(1\)/, /^> .*paint the shed/m], [/Deleted, kept/]);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('the dashboard shows, filters and finds prompts of a deleted session at 40 columns without colors', async (t) => {
    const { place } = await withDeleted(t);
    const shell = await terminal(place, [40, 15], { NO_COLOR: '1' });
    await shell.run(dashboard());
    await shell.shows(/Recent \(1\)/);
    await shell.press('f');
    await shell.type('sketch logo');
    await shell.shows(/Deleted, prompts only \(1\)\s+^> sketch the LOGO[^]*filter: sketch logo/m);
    await shell.press('Enter');
    await shell.press('Space');
    await shell.shows(/Nothing is left to resume/);
    assert.doesNotMatch(await shell.styled(), COLOUR);
    await shell.press('b');
    await shell.shows(/Only typed prompts are left/);
    await shell.press('s');
    await shell.shows(/was "sketch the LOGO"; it ran in[^]*Press Enter to return/);
    await shell.press('Enter');
    await shell.shows(/filter “sketch logo”/);
    await shell.press('Escape');
    await shell.shows(/Needs you/);
    await shell.press('/');
    await shell.type('paint the shed');
    await shell.press('Enter');
    await shell.shows(/2 hits for/);
    await shell.press('Space');
    await shell.shows(/Found[^]*all\s+of it is kept/);
    await shell.press('C-c');
    await shell.shows(/exit 130/);
  });

  test('the mouse selects a session and scrolls the conversation in the dashboard', async () => {
    const shell = await terminal(shared, [100, 12]);
    await shell.run(dashboard());
    const lines = (await shell.shows([/Recent \(1\)/, /Needs you \(1\)/, /rewrite the billing/])).split('\n');
    const line = lines.findIndex((text) => text.includes('rewrite the billing'));
    await shell.type(`\u001B[<0;5;${line + 1}M\u001B[<0;5;${line + 1}m`);
    await shell.shows(/> rewrite the billing module/);
    await shell.shows([/1 to \d+ of/, /Why/]);
    await shell.type('\u001B[<65;80;5M');
    await shell.shows(/4 to \d+ of/);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('Tab in the dashboard toggles between all projects and the current one', async () => {
    const shell = await terminal(shared);
    await shell.run(dashboard());
    await shell.shows(/^All projects[^]*Recent \(1\)/m);
    await shell.press('Tab');
    await shell.shows(/^project [^]*Recent \(1\)/m);
    await shell.press('Tab');
    await shell.shows(/^All projects[^]*Recent \(1\)/m);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  test('the dashboard names the command that ends a global pause', async (t) => {
    const place = await populated(t);
    await place.run(['pause', '--all']);
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Paused: nothing continues it/);
    await shell.press('p');
    await shell.shows(/pause --end[^]*Press Enter/);
    await shell.press('Enter');
    await shell.shows(/1\)/);
    await shell.press('q');
    await shell.shows(/exit 0/);
  });

  for (const signal of ['TERM', 'HUP']) {
    test(`the dashboard restores the terminal after SIG${signal}`, async () => {
      const place = shared;
      const shell = await terminal(place);
      const untouched = await settings(shell, place, 'before');
      const modes = await shell.modes();
      const pid = join(place.root, `pid-${signal}`);
      await shell.run(`sh -c 'echo $$ > "${pid}"; exec ${dashboard().replaceAll("'", '"')}'`);
      await shell.shows(/Recent \(1\)/);
      process.kill(Number(readFileSync(pid, 'utf8')), `SIG${signal}`);
      await shell.shows(/exit 1(?:43|29)/);
      assert.equal(await shell.modes(), modes);
      assert.equal(await settings(shell, place, 'after'), untouched);
    });
  }

  test('Ctrl-Z suspends the dashboard, and fg redraws it', async () => {
    const place = shared;
    const shell = await terminal(place);
    const untouched = await settings(shell, place, 'before');
    const modes = await shell.modes();
    await shell.type(dashboard());
    await shell.press('Enter');
    await shell.shows(/Recent \(1\)/);
    await shell.press('C-z');
    await shell.shows(/Stopped|suspended/i);
    assert.equal(await shell.modes(), modes);
    assert.equal(await settings(shell, place, 'stopped'), untouched);
    await shell.run('fg');
    await shell.shows(/Needs you \(1\)/);
    assert.match(await shell.modes(), /^1 1/);
    await shell.press('q');
    await shell.shows(/exit 0/);
    assert.equal(await settings(shell, place, 'after'), untouched);
  });

  test('Ctrl-C exits the dashboard with the exit code of an interrupted program', async () => {
    const place = shared;
    const shell = await terminal(place);
    await shell.run(dashboard());
    await shell.shows(/Recent \(1\)/);
    await shell.press('C-c');
    await shell.shows(/exit 130/);
  });

  test('the dashboard uses no colors with NO_COLOR and marks the selected row', async () => {
    const place = shared;
    const coloured = await terminal(place);
    await coloured.run(dashboard());
    await coloured.shows(/Recent \(1\)/);
    assert.match(await coloured.styled(), COLOUR, 'the control: colours without it');

    const plain = await terminal(place, [100, 30], { NO_COLOR: '1' });
    await plain.run(dashboard());
    await plain.shows([/Recent \(1\)/, /^> /m]);
    assert.doesNotMatch(await plain.styled(), COLOUR);
  });

  test('Space toggles between list and preview in the dashboard at 40 columns', async () => {
    const place = shared;
    const shell = await terminal(place, [40, 15]);
    await shell.run(dashboard());
    await shell.shows(/Recent \(1\)/, [/Overview/]);
    await shell.press('Space');
    await shell.shows(/Overview/, [/Recent/]);
    await shell.press('Space');
    await shell.shows(/Recent \(1\)/);
    await shell.tmux('resize-window', '-t', 'shown', '-x', '120', '-y', '40');
    await shell.shows([/Overview/, /Recent \(1\)/]);
    await shell.press('q');
  });

  for (const verb of ['show', 'resume', 'export', 'handoff', 'kill']) {
    test(`${verb} without a session opens a picker, and leaving the picker does nothing`, async () => {
      const shell = await terminal(shared);
      await shell.run(dashboard(verb));
      await shell.shows([/Recent \(1\)/, new RegExp(`Choose a session: ${verb}`)]);
      await shell.press('k');
      await shell.shows(/Enter chooses the selected session/);
      await shell.press('Escape');
      await shell.shows(/exit 2/);
      assert.match(await shell.modes(), /^0 0 1/);
    });
  }

  test('show prints the session chosen in the picker', async () => {
    const shell = await terminal(shared);
    // With a pager, the shell would continue only after q.
    await shell.run(`PAGER=cat ${dashboard('show')}`);
    await shell.shows(/Recent \(1\)/);
    await shell.press('f');
    await shell.type('billing');
    await shell.press('Enter');
    await shell.shows(/filter “billing”/);
    await shell.press('Enter');
    await shell.shows([/exit 0/, new RegExp(FINISHED)]);
  });

  for (const [words, scope] of /** @type {const} */ ([['status --watch --every 0.2', /^project/m], ['status --all --watch', /^All projects/m]])) {
    test(`${words} opens a read-only dashboard, and Ctrl-C is its normal exit`, async () => {
      const place = shared;
      const logged = (await place.run(['log', '--json'])).stdout;
      const shell = await terminal(place);
      const modes = await shell.modes();
      await shell.run(dashboard(words));
      assert.doesNotMatch(await shell.shows([/Needs you \(1\)[^]*What happens next/, scope, /^read-only {2}\? help/m]), /Enter resumes|Press p/);
      for (const key of ['p', 'c', 'e', 'k', 'r', 'b', 'o', 'w', 'Enter']) {
        await shell.press(key);
        await shell.shows(/This view is read-only: /);
        await shell.press('v');
        await shell.shows(/^read-only {2}\? help/m);
      }
      await shell.press('?');
      assert.doesNotMatch(await shell.shows(/Keys, read-only/), /resume it here/);
      await shell.press('C-c');
      await shell.shows(/exit 0/);
      assert.equal(await shell.modes(), modes);
      assert.equal((await place.run(['log', '--json'])).stdout.replace(/"generatedAt": "[^"]+"/, ''), logged.replace(/"generatedAt": "[^"]+"/, ''));
    });
  }

  test('status --watch of a missing directory exits with 3', async () => {
    const shell = await terminal(shared);
    await shell.run(dashboard('status no-such-directory --watch'));
    await shell.shows(/does not exist[^]*exit 3/);
  });

  test('without a terminal the command prints the status', async () => {
    const place = shared;
    const [without, status] = [await place.run([]), await place.run(['status'])];
    assert.deepEqual([without.status, without.stderr], [0, '']);
    assert.equal(without.stdout.replace(/\d+ (?:min|s)/g, ''), status.stdout.replace(/\d+ (?:min|s)/g, ''));
  });

  test('--flat prints all sessions as plain lines', async () => {
    const place = shared;
    const { status, stdout } = await place.run(['--flat']);
    assert.equal(status, 0);
    assert.match(stdout, /1\. .*5-hour limit/);
    assert.match(stdout, /Recent: 1 session\.\n1\. .*finished/);
    assert.doesNotMatch(stdout, /\u001B/);
  });

  test('--flat lists deleted sessions with what remains of each and the command that restores it', async (t) => {
    const { place } = await withDeleted(t);
    const { status, stdout } = await place.run(['--flat']);
    assert.equal(status, 0);
    assert.match(stdout, /Deleted by Claude Code: 2 sessions\.\n1\. .*: session 00000003, .*all of it is kept, \d+ B, restore it with cc-session-recover restore 00000003\n2\. sketch the LOGO: session 00000004, last used 1 d.* ago, only 1 typed prompt left\n/);
  });
});
