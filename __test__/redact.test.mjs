// Secrets: no secret that a session says, runs, reads or names is in a file of this tool, in a notice, or on the screen.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import { ROOT, world } from './lib/command.mjs';
import { idOf, startHook } from './lib/hooks.mjs';
import { looks, supervised } from './lib/supervised.mjs';

const skip = process.platform === 'win32' ? 'hooks are run through /bin/sh' : false;

/** Returns random numbers from a fixed seed, the same in every run. */
function dice() {
  let state = 0x5eed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * One secret of every kind: the text before its random part, the part's alphabet and length, and the text after it.
 *
 * @type {[string, string, string, number, string?][]}
 */
const KINDS = [
  ['anthropic', 'sk-ant-api03-', LETTERS, 95],
  ['openai', 'sk-proj-', LETTERS, 120],
  ['hugging face', 'hf_', LETTERS, 34],
  ['aws id', 'AKIA', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16],
  ['aws secret', 'AWS_SECRET_ACCESS_KEY=', LETTERS, 40],
  ['google', 'AIza', LETTERS, 35],
  ['google secret', 'GOCSPX-', LETTERS, 28],
  ['digitalocean', 'dop_v1_', '0123456789abcdef', 64],
  ['github', 'ghp_', LETTERS, 36],
  ['github fine-grained', 'github_pat_', LETTERS, 82],
  ['gitlab', 'glpat-', LETTERS, 20],
  ['npm', 'npm_', LETTERS, 36],
  ['pypi', 'pypi-AgEIcHlwaS5vcmc', LETTERS, 120],
  ['rubygems', 'rubygems_', '0123456789abcdef', 48],
  ['docker', 'dckr_pat_', LETTERS, 27],
  ['vault', 'hvs.', LETTERS, 90],
  ['slack', 'xoxb-123456789012-123456789012-', LETTERS, 24],
  ['slack webhook', 'https://hooks.slack.com/services/T0ABCDEFG/B0ABCDEFG/', LETTERS, 24],
  ['telegram', '1234567890:AA', LETTERS, 33],
  ['sendgrid', 'SG.abcdefghijklmnopqrstuv.', LETTERS, 43],
  ['mailgun', 'key-', '0123456789abcdef', 32],
  ['twilio', 'SK', '0123456789abcdef', 32],
  ['stripe', 'sk_live_', LETTERS, 24],
  ['shopify', 'shpat_', '0123456789abcdef', 32],
  ['databricks', 'dapi', '0123456789abcdef', 32],
  ['sentry', 'sntryu_', '0123456789abcdef', 64],
  ['linear', 'lin_api_', LETTERS, 40],
  ['jwt', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.', LETTERS, 43],
  ['private key', '-----BEGIN RSA PRIVATE KEY-----\n', LETTERS, 64, '\n-----END RSA PRIVATE KEY-----'],
  ['url password', 'postgres://app:', LETTERS, 24, '@db.example.com/app'],
  ['.env', 'DB_PASSWORD=', LETTERS, 20],
  ['yaml', 'client_secret: ', LETTERS, 40],
  ['json', '"api_key": "', LETTERS, 40, '"'],
  ['bearer', 'Authorization: Bearer ', LETTERS, 40],
  ['basic', 'Authorization: Basic ', LETTERS, 32],
  ['cookie', 'Cookie: session=', LETTERS, 40],
  ['option', 'deploy --token ', LETTERS, 32, ' --yes'],
  ['high entropy', 'ENCRYPTION_KEY=', '0123456789abcdef', 64],
];

/** @typedef {{kind: string, text: string, random: string}} Secret */

/** Returns a new secret of each kind. @param {() => number} roll @returns {Secret[]} */
function secrets(roll) {
  return KINDS.map(([kind, before, letters, count, after = '']) => {
    // Begin with a digit, an upper-case and a lower-case letter, as almost every secret contains them.
    const start = letters === LETTERS ? 'q7Wx' : '';
    const random = start + Array.from({ length: count - start.length }, () => letters[Math.floor(roll() * letters.length)]).join('');
    return { kind, text: `${before}${random}${after}`, random };
  });
}

/**
 * Returns pieces of these secrets in a text: six consecutive characters of the random part; ten if it is hex, because fewer may be the
 * time of day in a name, or part of a hash. @param {string} text @param {Secret[]} all
 */
function leaks(text, all) {
  return all.flatMap(({ kind, random }) => {
    const body = random.startsWith('q7Wx') ? random.slice(4) : random;
    const length = /^[0-9a-f]+$/.test(random) ? 10 : 6;
    const at = Array.from({ length: body.length - length + 1 }, (_, index) => body.slice(index, index + length)).find((piece) => text.includes(piece));
    return at ? [`${kind}: ${at}`] : [];
  });
}

/** Returns all files below a directory. @param {string} directory @returns {string[]} */
const filesIn = (directory) =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Returns the records of a transcript full of secrets. @param {any[]} records @param {Record<string, Secret[]>} all @param {string} cwd */
function filled(records, all, cwd) {
  const user = records.find(({ type }) => type === 'user');
  const base = { isSidechain: false, userType: 'external', entrypoint: 'cli', cwd, sessionId: user.sessionId, version: user.version, gitBranch: `fix/${all.branch[8].text}` };
  let time = Date.parse(user.timestamp) - 60_000;
  let last = null;
  const line = (/** @type {any} */ record) => {
    time += 20;
    const uuid = `${String(time).slice(-8)}-0000-4000-8000-000000000000`;
    const made = { parentUuid: last, ...base, uuid, timestamp: new Date(time).toISOString(), ...record };
    last = uuid;
    return made;
  };
  const say = (/** @type {string} */ text) => line({ type: 'user', message: { role: 'user', content: text } });
  const answer = (/** @type {any[]} */ content) => line({ type: 'assistant', requestId: `req_${time}`, message: { id: `msg_${time}`, role: 'assistant', model: 'claude-x', type: 'message', content, stop_reason: 'tool_use', usage: { input_tokens: 1, output_tokens: 1 } } });
  const result = (/** @type {string} */ id, /** @type {string} */ content) => line({ type: 'user', message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content }] } });
  const made = [];
  for (const { text } of all.prompts) made.push(say(`use this: ${text}\nand go on`));
  // Secrets at the limits where texts are cut: each begins before the limit and ends after it.
  for (const [index, { text }] of all.cut.entries()) made.push(say(`${'word '.repeat([46, 38, 298, 797][index % 4])}${text} end`));
  // Secrets that are broken over two lines.
  for (const { kind, text, random } of all.broken.filter((one) => one.kind !== 'private key')) {
    const at = text.indexOf(random) + Math.floor(random.length / 2);
    made.push(say(`${kind}:\n${text.slice(0, at)}\n${text.slice(at)}\nthat is all`));
  }
  all.commands.forEach(({ text }, index) => {
    made.push(answer([{ type: 'tool_use', id: `toolu_c${index}`, name: 'Bash', input: { command: `export X=1; ${text}` } }]));
    made.push(result(`toolu_c${index}`, `running\n${all.results[index].text}`));
  });
  all.files.forEach(({ text }, index) => {
    made.push(answer([{ type: 'tool_use', id: `toolu_f${index}`, name: 'Write', input: { file_path: `${cwd}/${text}.txt`, content: text } }]));
    made.push(result(`toolu_f${index}`, 'File created'));
  });
  made.push(answer([{ type: 'tool_use', id: 'toolu_t', name: 'TodoWrite', input: { todos: all.todos.map(({ text }) => ({ content: `put ${text} in`, status: 'pending', activeForm: 'x' })) } }]), result('toolu_t', 'ok'));
  made.push(answer([{ type: 'tool_use', id: 'toolu_p', name: 'ExitPlanMode', input: { plan: all.plan.map(({ text }) => `- ${text}`).join('\n') } }]), result('toolu_p', 'User has approved your plan'));
  made.push(answer([{ type: 'text', text: all.words.map(({ text }) => text).join('\n') }]));
  made.push(...all.open.slice(0, 4).map(({ text }, index) => answer([{ type: 'tool_use', id: `toolu_o${index}`, name: 'Bash', input: { command: text } }])));
  // The record of the stop comes last.
  const failure = records.findLast(({ isApiErrorMessage }) => isApiErrorMessage);
  const told = { ...failure, parentUuid: last };
  told.message = { ...failure.message, content: [{ type: 'text', text: `${failure.message.content[0].text} ${all.error[8].text}` }] };
  const sessionId = user.sessionId;
  return [
    { type: 'summary', summary: all.title[1].text, leafUuid: last },
    ...made,
    { type: 'custom-title', customTitle: `name ${all.title[0].text} ${all.title[15].text}`, sessionId },
    { type: 'ai-title', aiTitle: `title ${'x'.repeat(50)} ${all.title[9].text}`, sessionId },
    told,
  ];
}

/** Starts the receivers of notices: a webhook and a desktop notifier. @param {ReturnType<typeof world>} place */
async function listener(place) {
  /** @type {string[]} */
  const bodies = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text) => (body += text));
    request.on('end', () => {
      bodies.push(body);
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  place.endings.push(() => new Promise((resolve) => server.close(resolve)));
  const tools = join(place.root, 'tools');
  const log = join(place.root, 'desktop.log');
  mkdirSync(tools);
  writeFileSync(join(tools, 'notify-send'), `#!/bin/sh\nprintf '%s\\n' "$@" >> '${log}'\n`);
  chmodSync(join(tools, 'notify-send'), 0o755);
  place.env.PATH = `${tools}:${place.env.PATH}`;
  place.env.DISPLAY = ':7';
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/notice`, bodies, desktop: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
}

test('no secret of a session appears in any file of this tool, in a notification or on the screen', { skip }, async (t) => {
  const place = world(t);
  const { url, bodies, desktop } = await listener(place);
  const scene = await supervised(place, { config: { notify: { desktop: true, webhook: url } } });
  const roll = dice();
  const places = ['prompts', 'cut', 'broken', 'commands', 'results', 'files', 'todos', 'plan', 'words', 'open', 'title', 'branch', 'error', 'commits', 'dirty'];
  const all = Object.fromEntries(places.map((name) => [name, secrets(roll)]));
  const every = Object.values(all).flat();

  // Secrets in the repository: a branch, commits and files with secrets in their names.
  const git = (/** @type {string[]} */ ...argv) => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...argv], { cwd: place.project, stdio: 'pipe' });
  git('init', '-q', '-b', `fix-${all.branch[8].text}`);
  for (const { text } of all.commits) git('commit', '-q', '--allow-empty', '-m', `add ${text}`);
  const named = all.dirty.filter(({ text }) => !/[/\n]/.test(text));
  for (const { text } of named) writeFileSync(join(place.project, text), '');

  const id = idOf(0xded);
  const transcript = scene.stop(id);
  const records = readFileSync(transcript, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const text = `${filled(records, all, place.project).map((record) => JSON.stringify(record)).join('\n')}\n`;
  writeFileSync(transcript, text);
  // Positive control: the transcript does contain all of them.
  const present = leaks(text.replaceAll('\\n', '\n'), [...all.prompts, ...all.commands, ...all.results, ...all.words, ...all.plan, ...all.todos]);
  assert.equal(present.length, 6 * KINDS.length);

  const settings = JSON.parse(readFileSync(join(place.project, '.claude', 'settings.json'), 'utf8'));
  const hook = async (/** @type {string} */ event, /** @type {object} */ fields) => {
    const file = event === 'StopFailure' ? 'stopfailure-usage-limit-5h' : 'sessionend-exit';
    const payload = JSON.parse(readFileSync(join(ROOT, 'fixtures', 'hook-payloads', `${file}.json`), 'utf8'));
    const input = JSON.stringify({ ...payload, session_id: id, transcript_path: transcript, cwd: place.project, ...fields });
    const { ended } = startHook(settings.hooks[event][0].hooks[0].command, input, { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project }, limit: 120 });
    const { status, stdout, stderr } = await ended;
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
  };
  await place.run(['pause', '--all']);
  await hook('StopFailure', { last_assistant_message: `You've hit your 5-hour limit. ${all.error.map((one) => one.text).join(' ')}` });
  await hook('SessionEnd', {});
  const note = readFileSync(join(place.project, 'HANDOFF.md'), 'utf8');
  assert.match(note, /\[removed: /);
  await place.run(['unpause', '--all']);
  await later(150);
  looks(await place.run(['watch', '--until-done', '--json']));
  const shown = [];
  for (const argv of [['status'], ['status', '--json'], ['report'], ['report', '--json'], ['list'], ['show', id]]) {
    shown.push([argv.join(' '), (await place.run(argv)).stdout]);
  }

  assert.ok(bodies.length > 0 && desktop().length > 0, 'there was nothing to look through');
  const found = [];
  const look = (/** @type {string} */ what, /** @type {string} */ words) => {
    for (const leak of leaks(words, every)) found.push(`${what}: ${leak}`);
  };
  const ours = filesIn(place.state).filter((path) => !COPIES.some((copy) => relative(place.state, path).startsWith(copy)));
  assert.ok(ours.length > 3);
  const inProject = filesIn(place.project).filter((path) => !relative(place.project, path).startsWith('.git/'));
  // Six characters of a hash may equal those of a secret, so hashes are removed; a secret that looks like a hash stays.
  const known = new Set(every.map(({ random }) => random));
  const unhashed = (/** @type {string} */ words) => words.replaceAll(/\b[0-9a-f]{64}\b/g, (hash) => (known.has(hash) ? hash : ''));
  for (const path of [...ours, ...inProject]) look(relative(place.root, path), unhashed(readFileSync(path, 'utf8')));
  look('webhook', bodies.join('\n'));
  look('desktop', desktop());
  assert.deepEqual(found, []);
  // Snapshots and exports contain the transcript itself, byte by byte, by design.
  const copies = filesIn(join(place.state, 'snapshots')).filter((path) => path.endsWith('.jsonl'));
  assert.ok(copies.some((path) => leaks(readFileSync(path, 'utf8'), all.prompts).length > 0));
  // The screen may show the user what was said, so this is printed as information, not asserted.
  t.diagnostic(`on the screen: ${shown.map(([argv, words]) => `${argv} ${leaks(words, every).join(' + ') || 'none'}`).join(', ')}`);
});

/** Directories with copies of transcripts and of the program. */
const COPIES = ['kept/', 'snapshots/', 'runtime/'];
