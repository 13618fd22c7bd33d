// Shows what a version of Claude Code changed: `npm run drift -- VERSION` installs it on demand, plays stops, an open session, a wake, a
// plugin's module and, with `--native`, the client's own continuations against the loopback API, and prints the differences from the pinned
// version. It exits with 1 if something changed on which recovery depends. `npm run drift -- --record` observes the pinned version again
// and writes the result to `fixtures/clients/`. Sessions run in throw-away homes with credentials that grant no access.

import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { drifted } from './drift-compare.mjs';
import { VERSIONS, installedClient } from './install.mjs';
import { recordHooks, stageOf } from './observe.mjs';
import { pause, run, step, until } from './scene.mjs';
import { openTerminal } from './terminal.mjs';

/** @typedef {import('./drift-compare.mjs').Observation} Observation */

const PINNED = path.join(import.meta.dirname, '..', '..', 'fixtures', 'clients', `${VERSIONS.current}.json`);
/** Stops and the API's answer for each. */
const STOPS = {
  'limit 5h': step.limitFor('5h', 3600),
  'limit weekly': step.limitFor('weekly', 3 * 86_400),
  overloaded: step.failure('overloaded', { times: 20 }),
  'rate-limit': step.failure('rate-limit', { times: 20 }),
  'server-error': step.failure('server-error', { times: 20 }),
  auth: step.failure('auth', { times: 20 }),
  billing: step.failure('billing', { times: 20 }),
  'context-full': step.failure('context-full', { times: 20 }),
};
/** Number of limits that the client may continue by itself; it gives up after three. */
const WINDOWS = 4;
const WINDOW_SECONDS = 8;
/** Maximum wait for one continuation, in seconds; the longest measured one took 290. */
const LONGEST = 420;

const sorted = (/** @type {Iterable<string>} */ names) => [...new Set(names)].toSorted();

/** Adds the keys of a session's records. @param {Record<string, Set<string>>} found @param {any[]} records */
function addRecords(found, records) {
  const add = (/** @type {string} */ name, /** @type {object} */ value) => {
    found[name] ??= new Set();
    for (const key of Object.keys(value)) found[name].add(key);
  };
  for (const record of records) {
    if (record.isApiErrorMessage === true) continue;
    add(record.subtype ? `${record.type} ${record.subtype}` : record.type, record);
    if (record.message) add(`message of ${record.message.role}`, record.message);
  }
}

/** Replaces numbers, times and ids in a text, so that two runs agree. @param {string} text */
const plain = (text) => text.replaceAll(/req_\w+/g, 'req_#').replaceAll(/\d{1,2}(?::\d\d)?(?:am|pm)/g, '#').replaceAll(/\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w* \d+/g, '#').replaceAll(/\d+/g, '#');

/**
 * Observes finished turns, a tool call, a subagent, a wake and every stop, in sessions without a terminal.
 *
 * @param {string} version
 * @returns {Promise<Pick<Observation, 'payloads' | 'records' | 'stops' | 'registry' | 'statuses' | 'wakes'>>}
 */
async function observeSessions(version) {
  const { stage, end } = await stageOf(version);
  try {
    const payloads = recordHooks(stage);
    /** @type {Record<string, Set<string>>} */
    const records = {};
    /** @type {Observation['stops']} */
    const stops = {};
    /** @type {Set<string>} */
    const [registry, statuses] = [new Set(), new Set()];
    const look = () => {
      const dir = path.join(stage.home.configDir, 'sessions');
      for (const name of existsSync(dir) ? readdirSync(dir).filter((one) => one.endsWith('.json')) : []) {
        try {
          const value = JSON.parse(readFileSync(path.join(dir, name), 'utf8'));
          for (const key of Object.keys(value)) registry.add(key);
          if (value.status) statuses.add(value.status);
        } catch {
          // The client is still writing this file.
        }
      }
    };
    const watching = setInterval(look, 100);
    let wakes = false;
    for (const [kind, refusal] of Object.entries(STOPS)) {
      const first = kind === 'limit 5h';
      stage.api.play(...(first ? [step.tool('Bash', { command: 'echo drift', description: 'Prints a word' }), step.text('Done.'), step.limitFor('5h', 2), step.text('Continued.', { times: 9 })] : [refusal]));
      const session = stage.open({ credential: kind === 'billing' || kind === 'rate-limit' ? 'key' : 'subscriber', args: ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash'], env: { CLAUDE_CODE_MAX_RETRIES: '1' } });
      session.prompt('Do the task.');
      await until(`the session of ${kind}`, () => session.id, 30);
      if (first) {
        await until('the first turn', () => session.results().length === 1, 30);
        session.prompt('Go on with it.');
      }
      const stop = await stage.stop(session.id, 60);
      stops[kind] = { error: stop.error ?? null, keys: sorted(Object.keys(stop)), text: plain(stop.message?.content?.[0]?.text ?? '') };
      if (first) {
        wakes = await until('the wake', () => stage.answersAfter(session.id, stop).length > 0, 10).then(() => true, () => false);
      }
      await session.terminate();
      await pause(0.5);
      addRecords(records, stage.home.records(session.id));
    }
    clearInterval(watching);
    /** @type {Record<string, Set<string>>} */
    const keys = {};
    // A hook that ended with its client may have received no input.
    for (const payload of payloads().filter(({ hook_event_name: event }) => event !== undefined)) {
      keys[payload.hook_event_name] ??= new Set();
      for (const key of Object.keys(payload)) keys[payload.hook_event_name].add(key);
    }
    const lists = (/** @type {Record<string, Set<string>>} */ sets) => Object.fromEntries(Object.keys(sets).toSorted().map((name) => [name, sorted(sets[name])]));
    return { payloads: lists(keys), records: lists(records), stops, registry: sorted(registry), statuses: sorted(statuses), wakes };
  } finally {
    await end();
  }
}

/** Whether a plugin's module is loaded, and can start a process. @param {string} version */
async function observeModule(version) {
  const { stage, end } = await stageOf(version);
  try {
    const plugin = path.join(stage.home.root, 'plugin');
    const mark = path.join(stage.home.root, 'loaded');
    const program = path.join(stage.home.root, 'mark');
    writeFileSync(program, `#!/bin/sh\n: > ${mark}\n`);
    chmodSync(program, 0o755);
    mkdirSync(path.join(plugin, '.claude-plugin'), { recursive: true });
    mkdirSync(path.join(plugin, 'hooks'));
    writeFileSync(path.join(plugin, '.claude-plugin', 'plugin.json'), JSON.stringify({ name: 'drift', version: '1.0.0', description: 'Marks that it was loaded' }));
    writeFileSync(path.join(plugin, 'hooks', 'hooks.json'), JSON.stringify({ hooks: {}, modules: ['./module.js'] }));
    writeFileSync(path.join(plugin, 'hooks', 'module.js'), `export function register(on) {\n  on('session.start', async ($, e, next) => {\n    await $.process.run([${JSON.stringify(program)}], {});\n    return next(e);\n  });\n}\n`);
    await stage.once('Say a word.', { args: ['--plugin-dir', plugin] });
    return existsSync(mark);
  } finally {
    await end();
  }
}

/**
 * Observes the client's own continuations, one limit after the other, in a terminal.
 *
 * @param {string} version
 * @returns {Promise<Observation['native']>}
 */
async function observeNative(version) {
  const { stage, surrogate, end } = await stageOf(version);
  try {
    const terminal = await openTerminal(/** @type {any} */ (surrogate), stage);
    if (terminal === null) return null;
    stage.api.play(step.limitFor('5h', WINDOW_SECONDS));
    await terminal.type('Do the task.');
    const { sessionId } = await terminal.session();
    const delays = [];
    for (let window = 0; window < WINDOWS; window += 1) {
      const stops = await until('a stop', () => (stage.errorRecords(sessionId).length > window ? stage.errorRecords(sessionId) : null), 30);
      const resetsAt = stops.at(-1).quotaLimits?.resetsAt ?? Math.ceil(Date.parse(stops.at(-1).timestamp) / 1000) + WINDOW_SECONDS;
      const refused = stage.api.conversation().at(-1).at;
      stage.api.play(step.limitFor('5h', WINDOW_SECONDS));
      const next = await until('a continuation', () => stage.api.conversation(refused)[0], LONGEST / 3).catch(() => null);
      if (next === null) return { delays, capped: true };
      delays.push(Math.round(next.at / 1000 - resetsAt));
      process.stderr.write(`  continued by itself ${delays.at(-1)} s after reset ${delays.length}\n`);
    }
    return { delays, capped: false };
  } finally {
    await end();
  }
}

/** Returns the names of hook events, from the longest list of them in the program. @param {string} program */
function eventsIn(program) {
  const text = readFileSync(realpathSync(program)).toString('latin1');
  const lists = text.match(/\["PreToolUse"(?:,"[A-Za-z]+")+\]/g) ?? [];
  return sorted(JSON.parse(lists.reduce((longest, list) => (list.length > longest.length ? list : longest), '[]')));
}

/** Returns the native program of the npm package, which its launcher names. @param {string} program */
function nativeProgram(program) {
  const scope = path.join(path.dirname(program), '..', '@anthropic-ai');
  for (const name of readdirSync(scope)) {
    for (const file of ['claude', 'claude.exe', 'cli.js']) {
      const candidate = path.join(scope, name, file);
      if (name !== 'claude-code' && existsSync(candidate)) return candidate;
    }
  }
  const own = path.join(scope, 'claude-code', 'cli.js');
  return existsSync(own) ? own : program;
}

/** @param {string} version @param {{native: boolean}} options @returns {Promise<Observation>} */
async function observe(version, { native }) {
  process.stderr.write(`Claude Code ${version}: installing\n`);
  const program = await installedClient(version);
  const { stdout } = await run(program, ['--version'], {});
  process.stderr.write(`Claude Code ${version}: sessions and stops (${stdout.trim()})\n`);
  const [sessions, module, continued] = await Promise.all([observeSessions(version), observeModule(version), native ? observeNative(version) : null]);
  return { version, hookEvents: eventsIn(nativeProgram(program)), ...sessions, module, native: continued };
}

/** Returns one line per kind of change, because many stops change in the same way. @param {ReturnType<typeof drifted>} moved */
function lines(moved) {
  /** @type {Map<string, string[]>} */
  const places = new Map();
  for (const { where, what, relied } of moved) {
    const stopped = /^stop (.*)$/.exec(where);
    const key = `${relied ? '!' : ' '} ${stopped ? 'stop' : where}\0${what}`;
    places.set(key, [...(places.get(key) ?? []), ...(stopped ? [stopped[1]] : [])]);
  }
  return [...places].map(([key, stops]) => {
    const [where, what] = key.split('\0');
    return `${where}${stops.length === 0 ? '' : ` ${stops.length === Object.keys(STOPS).length ? '(each)' : stops.join(', ')}`}: ${what}`;
  });
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { record: { type: 'boolean' }, native: { type: 'boolean', default: false }, json: { type: 'boolean' } } });
if (values.record) {
  writeFileSync(PINNED, `${JSON.stringify(await observe(VERSIONS.current, { native: values.native }), null, 2)}\n`);
  process.stdout.write(`recorded ${path.relative(process.cwd(), PINNED)}\n`);
} else if (positionals.length !== 1 || !/^\d+\.\d+\.\d+$/.test(positionals[0])) {
  process.stderr.write('usage: npm run drift -- VERSION [--native] [--json]\n       npm run drift -- --record [--native]\n');
  process.exitCode = 2;
} else {
  const pinned = JSON.parse(readFileSync(PINNED, 'utf8'));
  const seen = await observe(positionals[0], { native: values.native });
  const moved = drifted(pinned, seen);
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ pinned: pinned.version, seen, moved }, null, 2)}\n`);
  } else {
    process.stdout.write(`${seen.version} against ${pinned.version}: ${moved.length === 0 ? 'nothing moved' : `${moved.length} moved, ${moved.filter(({ relied }) => relied).length} of them that recovery rests on`}\n`);
    for (const line of lines(moved)) process.stdout.write(`${line}\n`);
    if (seen.native) process.stdout.write(`  the client continued by itself ${seen.native.delays.join(', ')} s after its resets${seen.native.capped ? ', then no more' : ''}\n`);
  }
  process.exitCode = moved.some(({ relied }) => relied) ? 1 : 0;
}
