// Records the fixtures again that need no terminal: `npm run record-fixtures` plays their situations on the pinned client against the loopback
// API, removes personal details, and prints what differs from the committed ones. `--write` replaces these; `--client VERSION` records
// another version; names select fixtures. Fixtures of terminals, menus and killed machines are recorded by hand.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { VERSIONS } from './install.mjs';
import { recordHooks, stageOf } from './observe.mjs';
import { differences, leftIn, sanitiser } from './sanitise.mjs';
import { pause, step, until } from './scene.mjs';

const FIXTURES = path.join(import.meta.dirname, '..', '..', 'fixtures');
const REFUSED = { times: 20 };

/**
 * A situation: what the API answers, the transcript that it leaves as `claude -p`, and the payload of its stop.
 *
 * @type {{steps: any[] | ((project: string) => any[]), credential?: 'subscriber' | 'key', transcript?: string, payload?: string}[]}
 */
const SITUATIONS = [
  { steps: [step.limitFor('5h', 3600)], transcript: 'quota-5h-print', payload: 'stopfailure-usage-limit-5h' },
  { steps: [step.limitFor('weekly', 3 * 86_400)], transcript: 'quota-weekly-print', payload: 'stopfailure-usage-limit-weekly' },
  { steps: [step.limitFor('opus', 3 * 86_400)], transcript: 'quota-weekly-opus-print' },
  { steps: (project) => [step.tool('Bash', { command: 'echo one', description: 'Prints a word' }), step.tool('Write', { file_path: path.join(project, 'a.txt'), content: 'one\n' }), step.limitFor('5h', 3600)], transcript: 'quota-mid-turn-print' },
  { steps: [step.failure('overloaded', REFUSED)], transcript: 'overloaded-print', payload: 'stopfailure-overloaded-529' },
  { steps: [step.failure('rate-limit', REFUSED)], credential: 'key', transcript: 'rate-limit-429-print', payload: 'stopfailure-api-429' },
  { steps: [step.failure('server-error', REFUSED)], transcript: 'server-error-print', payload: 'stopfailure-server-500' },
  { steps: [step.failure('auth', REFUSED)], credential: 'key', transcript: 'auth-print', payload: 'stopfailure-auth-401-key' },
  { steps: [step.failure('auth', REFUSED)], transcript: 'auth-subscriber-print', payload: 'stopfailure-auth-401-subscriber' },
  { steps: [step.failure('forbidden', REFUSED)], payload: 'stopfailure-oauth-403' },
  { steps: [step.failure('billing', REFUSED)], credential: 'key', transcript: 'billing-print', payload: 'stopfailure-billing-400' },
  { steps: [step.failure('context-full', REFUSED)], transcript: 'prompt-too-long-print', payload: 'stopfailure-prompt-too-long' },
  { steps: [step.failure('bad-request', REFUSED)], payload: 'stopfailure-invalid-400' },
  { steps: [step.drop('before', REFUSED)], transcript: 'connection-dropped-print', payload: 'stopfailure-dropped-connection' },
  { steps: [step.drop('middle', REFUSED)], transcript: 'stream-cut-print', payload: 'stopfailure-dropped-midstream' },
];

/** Payloads of one session with a tool call, a stop and a wake: file, event, and which of several. @type {[string, string, (payload: any) => boolean][]} */
const PAYLOADS = [
  ['sessionstart-startup', 'SessionStart', () => true],
  ['userpromptsubmit', 'UserPromptSubmit', ({ prompt }) => !prompt.includes('<')],
  ['userpromptsubmit-asyncrewake', 'UserPromptSubmit', ({ prompt }) => prompt.includes('<')],
  ['pretooluse-bash', 'PreToolUse', () => true],
  ['posttooluse-bash', 'PostToolUse', () => true],
  ['stop-normal', 'Stop', () => true],
];

/** @typedef {{file: string, records: any[]}} Recording */

/** @param {any} stage */
const personalOf = (stage) => ({ home: stage.home.dir, project: stage.home.project, root: stage.home.root, user: userInfo().username === 'root' ? '' : userInfo().username, host: hostname() });

/** @param {string} version @param {typeof SITUATIONS[number]} situation @returns {Promise<Recording[]>} */
async function situationOf(version, { steps, credential = 'subscriber', transcript, payload }) {
  const { stage, end } = await stageOf(version);
  try {
    const payloads = recordHooks(stage);
    const sanitised = sanitiser(personalOf(stage));
    stage.api.play(...(typeof steps === 'function' ? steps(stage.home.project) : steps));
    const { stdout } = await stage.once('fix the parser', { credential, args: ['--allowedTools', 'Bash', 'Write', '--'], env: { CLAUDE_CODE_MAX_RETRIES: '1' } });
    const session = /"session_id":"([^"]+)"/.exec(stdout)?.[1] ?? '';
    /** @type {Recording[]} */
    const recordings = [];
    if (transcript !== undefined) recordings.push({ file: `transcripts/${transcript}.jsonl`, records: stage.home.records(session).map((/** @type {any} */ record) => sanitised(record)) });
    const stop = payloads().find(({ hook_event_name: event }) => event === 'StopFailure');
    if (payload !== undefined && stop !== undefined) recordings.push({ file: `hook-payloads/${payload}.json`, records: [sanitiser(personalOf(stage))(stop)] });
    return recordings;
  } finally {
    await end();
  }
}

/** @param {string} version @returns {Promise<Recording[]>} */
async function payloadsOf(version) {
  const { stage, end } = await stageOf(version);
  try {
    const payloads = recordHooks(stage);
    stage.api.play(step.tool('Bash', { command: 'echo one', description: 'Prints a word' }), step.text('Done.'), step.limitFor('5h', 2), step.text('Continued.', { times: 9 }));
    const session = stage.open({ args: ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash'], env: { CLAUDE_CODE_MAX_RETRIES: '1' } });
    session.prompt('fix the parser');
    await until('the first turn', () => session.results().length === 1, 30);
    session.prompt('go on');
    const stop = await stage.stop(session.id, 60);
    await until('the wake', () => stage.answersAfter(session.id, stop).length > 0, 15);
    await session.terminate();
    await pause(0.5);
    return PAYLOADS.flatMap(([file, event, accept]) => {
      const found = payloads().find((/** @type {any} */ one) => one.hook_event_name === event && accept(one));
      return found === undefined ? [] : [{ file: `hook-payloads/${file}.json`, records: [sanitiser(personalOf(stage))(found)] }];
    });
  } finally {
    await end();
  }
}

/** @param {Recording} recording */
function textOf({ file, records }) {
  return file.endsWith('.jsonl') ? records.map((record) => `${JSON.stringify(record)}\n`).join('') : `${JSON.stringify(records[0], null, 2)}\n`;
}

/** @param {string} file @returns {any[]} */
function committed(file) {
  const text = readFileSync(path.join(FIXTURES, file), 'utf8');
  return file.endsWith('.jsonl') ? text.trimEnd().split('\n').map((line) => JSON.parse(line)) : [JSON.parse(text)];
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: 'boolean' }, client: { type: 'string', default: VERSIONS.current } } });
const wanted = (/** @type {(string | undefined)[]} */ names) => positionals.length === 0 || names.some((name) => name !== undefined && positionals.includes(name));
/** @type {Recording[]} */
const recordings = [];
for (const situation of SITUATIONS.filter(({ transcript, payload }) => wanted([transcript, payload]))) {
  process.stderr.write(`${situation.transcript ?? situation.payload}\n`);
  recordings.push(...(await situationOf(values.client, situation)));
}
if (wanted(PAYLOADS.map(([file]) => file))) recordings.push(...(await payloadsOf(values.client)));

let changed = 0;
for (const recording of recordings.filter(({ file }) => wanted([path.basename(file).replace(/\.jsonl?$/, '')]))) {
  const text = textOf(recording);
  const left = leftIn(text, [homedir(), path.dirname(FIXTURES), hostname(), 'ccsr-test-', 'loopback-only'].filter((detail) => detail !== '/root' || text.includes('/root/')));
  if (left.length > 0) throw new Error(`${recording.file} still has ${left.join(', ')}: extend sanitise.mjs`);
  const moved = existsSync(path.join(FIXTURES, recording.file)) ? differences(committed(recording.file), recording.records) : ['+ new'];
  process.stdout.write(`${recording.file}: ${moved.length === 0 ? 'the same forms' : `${moved.length} differ`}\n${moved.map((line) => `  ${line}\n`).join('')}`);
  if (moved.length > 0) changed += 1;
  if (values.write) writeFileSync(path.join(FIXTURES, recording.file), text);
}
const others = ['transcripts', 'hook-payloads'].flatMap((directory) => readdirSync(path.join(FIXTURES, directory), { withFileTypes: true }).filter((entry) => entry.isFile() && /\.jsonl?$/.test(entry.name)).map(({ name }) => `${directory}/${name}`)).filter((file) => !recordings.some((recording) => recording.file === file));
process.stdout.write(`${recordings.length} recorded with ${values.client}, ${changed} differ${values.write ? ', all written' : ''}; ${others.length} others are recorded by hand\n`);
