'use strict';

// `drill`: shows on this machine that a stopped session continues by itself, without touching the user's own configuration.

const path = require('node:path');
const { UsageError } = require('../lib/errors.js');
const { exitOf } = require('../lib/exit.js');
const { truncated, widthOf } = require('../lib/text.js');
const { clientVersion, findClient, isProgram, noSuchClient } = require('../loopback/client.js');
const { makeHome } = require('../loopback/home.js');
const { REHEARSAL_CONFIG, RehearsalError, rehearse } = require('../loopback/rehearsal.js');

/** @typedef {import('../lib/output.js').Output} Output */
/** @typedef {import('../loopback/rehearsal.js').Step} Step */
/** @typedef {import('../loopback/rehearsal.js').Tick} Tick */
/**
 * Client of a drill: program and first arguments, its version, and whether it is the stub.
 *
 * @typedef {{command: string[], version: string | null, stub: boolean}} Client
 */

const CLI = path.join(__dirname, '..', 'cc-session-recover.js');
const STUB = path.join(__dirname, '..', 'loopback', 'stub-client.js');

/** Signals that end a drill early; the processes that it started are ended first. */
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * @param {{json?: boolean, keep?: boolean, client?: string, stub?: boolean, resetIn: number, timeout: number}} args
 * @param {Output} io
 */
async function run(args, io) {
  if (args.stub && args.client !== undefined) throw new UsageError('--stub and --client cannot be used together', 'use one of them');
  if (args.client !== undefined && (!path.isAbsolute(args.client) || !isProgram(args.client))) throw noSuchClient('--client', args.client);
  const file = args.stub ? null : (args.client ?? findClient());

  const end = new AbortController();
  const onSignal = () => end.abort();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const home = makeHome({ config: REHEARSAL_CONFIG });
  const teller = args.json ? jsonTeller(io) : textTeller(io);
  let ok = false;
  let keep = args.keep === true;
  /** @type {Client} */
  let client = { command: file === null ? [process.execPath, STUB] : [file], version: null, stub: file === null };
  try {
    client = { ...client, version: await io.during('asking the client for its version', clientVersion(client.command, home)) };
    teller.step({ step: 'client', at: new Date().toISOString(), ok: true, detail: clientWords(client, args.stub === true) });
    const played = rehearse({ home, command: client.command, cli: CLI, resetIn: args.resetIn, timeout: args.timeout, signal: end.signal, onTick: teller.tick });
    let next = await played.next();
    for (; !next.done; next = await played.next()) teller.step(next.value);
    ok = true;
    teller.done({ ok, client, ...next.value, kept: keep ? home.root : null });
  } catch (error) {
    if (!(error instanceof RehearsalError)) throw error;
    keep = !end.signal.aborted;
    teller.step({ step: error.step, at: error.at, ok: false, detail: error.message });
    teller.done({ ok, client, requests: error.requests, continues: error.continues, kept: keep ? home.root : null });
  } finally {
    if (!keep) home.remove();
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  }
  return exitOf.drill(ok);
}

/** @param {Client} client @param {boolean} asked Whether the user requested the stub. */
function clientWords({ command, version, stub }, asked) {
  if (stub) return asked ? 'the stub client, as requested' : 'no claude on PATH: using the stub client';
  return `Claude Code ${version ?? 'of unknown version'} (${command[0]})`;
}

/** Outcome of a drill. @typedef {{ok: boolean, client: Client, requests: number, continues: number, kept: string | null}} Ending */

/**
 * Prints one line of JSON per step.
 *
 * @param {Output} io
 */
function jsonTeller(io) {
  return {
    step: (/** @type {Step} */ step) => io.line(JSON.stringify(step)),
    tick: () => {},
    done(/** @type {Ending} */ { ok, client, requests, continues, kept }) {
      const named = { name: client.stub ? 'stub' : 'claude', path: client.stub ? null : client.command[0], version: client.version };
      io.line(JSON.stringify({ step: 'done', ok, client: named, requests, continues, kept }));
    },
  };
}

/**
 * Prints aligned lines with the seconds since the start; on a terminal the last line counts while a step is running.
 *
 * @param {Output} io
 */
function textTeller(io) {
  const started = Date.now();
  const { colours } = io;
  /** Returns the text before the detail. @param {string} mark @param {number} at @param {string} name */
  const head = (mark, at, name) => `${mark} ${((at - started) / 1000).toFixed(1).padStart(5)} s  ${name.padEnd(9)}  `;
  const indent = widthOf(head(' ', started, ''));
  const erase = () => {
    if (io.width !== null) io.write('\r\u001B[K');
  };
  return {
    step(/** @type {Step} */ { step, at, ok, detail }) {
      erase();
      const mark = ok ? colours.green('✓') : colours.red('✗');
      const lines = wrapped(io.clean(detail), io.width === null ? Infinity : Math.max(20, io.width - indent));
      io.line(head(mark, Date.parse(at), step) + lines.join(`\n${' '.repeat(indent)}`));
    },
    tick(/** @type {Tick} */ { step, doing, secondsLeft }) {
      if (io.width === null) return;
      const left = secondsLeft === null ? '' : secondsLeft > 0 ? `, ${secondsLeft} s left` : ', due';
      io.write(`\r${truncated(`${head(' ', Date.now(), step)}${doing}${left} ...`, io.width - 1)}\u001B[K`);
    },
    done(/** @type {Ending} */ { ok, client, requests, continues, kept }) {
      const who = client.stub ? 'the stub client' : `Claude Code ${client.version ?? ''}`.trim();
      io.line();
      io.line(ok ? `Recovery works here: ${who} stopped at a limit and continued without you (${requests} requests, ${continues} continue).` : `The session of ${who} did not continue.`);
      if (kept !== null) io.line(`Kept for inspection: ${kept}`);
    },
  };
}

/**
 * Wraps a text between words to at most `columns` columns; a longer word gets its own line.
 *
 * @param {string} text
 * @param {number} columns
 */
function wrapped(text, columns) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines[lines.length - 1]} ${word}`;
    if (lines.length > 0 && widthOf(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/**
 * @param {string} name
 * @param {number} least
 */
function secondsFrom(name, least) {
  return (/** @type {string} */ text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least) {
      throw new UsageError(`${name} takes a number of seconds of at least ${least}, not "${text}"`);
    }
    return value;
  };
}

module.exports = {
  name: 'drill',
  summary: 'rehearse a stop and its recovery in a temporary home',
  description: [
    'Starts a session of the real claude (or of a stub if there is none) with a dummy credential against a Messages API on',
    'this machine, lets it reach a usage limit that resets within seconds, and watches it continue. Uses no quota and does not',
    'touch your files.',
  ].join(' '),
  options: [
    { flags: '--json', description: 'print one line of JSON for each step' },
    { flags: '--keep', description: 'keep the temporary home and print its path' },
    { flags: '--client <path>', description: 'absolute path of the claude to use' },
    { flags: '--stub', description: 'use the stub client even if there is a claude' },
    { flags: '--reset-in <seconds>', description: 'seconds until the limit resets', default: 8, parse: secondsFrom('--reset-in', 1) },
    { flags: '--timeout <seconds>', description: 'give up after this many seconds', default: 90, parse: secondsFrom('--timeout', 1) },
  ],
  examples: [
    { command: 'cc-session-recover drill', does: 'rehearse with the claude on PATH' },
    { command: 'cc-session-recover drill --reset-in 60', does: 'rehearse a limit that lasts a minute' },
    { command: 'cc-session-recover drill --stub --json', does: 'rehearse without claude, with output for a script' },
  ],
  run,
};
