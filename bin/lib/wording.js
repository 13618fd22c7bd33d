'use strict';

// Formats the reports of the addon for display: kinds of stops, next steps, times, commands. This module makes no decisions. Rust decides
// what follows from a stop, and `src/report/words.rs` contains the words that the dashboard also prints.

const { homedir } = require('node:os');
const { existsSync } = require('node:fs');
const { delimiter, join, sep } = require('node:path');
const { UNSEEN, clean } = require('./text.js');
const WORDS = require('./words.json');

/** @typedef {import('../../src/ffi/types.js').StopKind} StopKind */
/** @typedef {import('../../src/ffi/types.js').SessionState} SessionState */
/** @typedef {import('../../src/ffi/types.js').LiveProcess} LiveProcess */
/** @typedef {import('../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../src/ffi/types.js').NextStep} NextStep */

/** @type {Record<StopKind, string>} */
const KINDS = WORDS.stops;

/** @type {Record<NextStep['action'], string>} */
const ACTIONS = {
  wake: 'this tool continues it',
  client: 'Claude Code continues it',
  run: 'this tool resumes it unattended',
  resume: 'resume it by hand',
  notify: 'needs you',
  none: '',
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Returns why a session stopped, by the kind of the stop. @param {StopKind} kind */
function kindWords(kind) {
  return KINDS[kind] ?? kind;
}

/**
 * Returns why this session stopped. The transcript does not show whether the prompt was withdrawn or the window closed.
 *
 * @param {Session} session
 */
function stopWords({ state, stop }) {
  return state === 'orphaned' && stop.kind === 'interrupted' ? 'ended before any answer' : kindWords(stop.kind);
}

/**
 * Returns what happens next, and when.
 *
 * @param {NextStep} next
 * @param {Date} now
 * @param {string | null} [clientContinuesAt] When Claude Code itself continues the session; earlier than `next`.
 */
function nextWords(next, now, clientContinuesAt = null) {
  const words = ACTIONS[next.action] ?? next.action;
  const when = (/** @type {Date} */ at) => (at <= now ? 'now' : `at ${clock(at, now)}`);
  if (clientContinuesAt !== null && next.action !== 'resume' && next.action !== 'notify') {
    const first = `Claude Code continues this ${when(new Date(clientContinuesAt))}`;
    if (next.action === 'wake' && next.at !== null) return `${first}; if it has not by ${clock(new Date(next.at), now)}, this tool does`;
    return `${first}; this tool does not`;
  }
  if (next.at === null || words === '') return words;
  const at = new Date(next.at);
  // The user may act at any time from then on, not only at that second.
  if (next.action === 'resume' || next.action === 'notify') return at <= now ? words : `${words} from ${clock(at, now)} on`;
  return `${words} ${when(at)}`;
}

/**
 * Returns how much of the budget of a session beyond Claude Code's own maximum is used. `daily_words` in `src/tui/words.rs` has the same words.
 *
 * @param {{ used: number, limit: number }} continues
 */
function dailyWords({ used, limit }) {
  return `${used} of ${limit} daily continues used`;
}

/**
 * Returns a time in the local time zone: only the time of day for today, with the date otherwise.
 *
 * @param {Date} time
 * @param {Date} now
 */
function clock(time, now) {
  const hour = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (time.toDateString() === now.toDateString()) return hour;
  if (time.getFullYear() === now.getFullYear()) return `${MONTHS[time.getMonth()]} ${time.getDate()} ${hour}`;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${hour}`;
}

/** Fields that contain reasons and evidence. The times in them are RFC 3339, as in the JSON output. */
const REASONS = new Set(['why', 'fact']);

/** Returns a reason or a piece of evidence with its times in the form of {@link clock}. `local_times` in `src/report/words.rs` does the same. @param {string} text @param {Date} now */
function localTimes(text, now) {
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, (time) => (Number.isNaN(Date.parse(time)) ? time : clock(new Date(time), now)));
}

/**
 * Returns a report for display: cleaned as by `cleaned`, and with local times in its reasons and evidence.
 *
 * @template T
 * @param {T} report
 * @param {Date} now
 * @param {string} [field] Name of the field that contains the value.
 * @returns {T}
 */
function readable(report, now, field = '') {
  if (typeof report === 'string') return /** @type {any} */ (REASONS.has(field) ? localTimes(clean(report), now) : clean(report));
  if (Array.isArray(report)) return /** @type {any} */ (report.map((item) => readable(item, now)));
  if (report === null || typeof report !== 'object') return report;
  return /** @type {any} */ (Object.fromEntries(Object.entries(report).map(([key, item]) => [key, readable(item, now, key)])));
}

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, '0');
}

/** Two units, or only the first when there is none of the second. @param {string} first @param {number} number @param {string} unit */
function both(first, number, unit) {
  return number > 0 ? `${first} ${number} ${unit}` : first;
}

/**
 * Returns a duration in at most two units, and omits the second if it is zero: `2 h 13 min`. `src/measure.rs` implements the
 * same rules.
 *
 * @param {number} milliseconds
 */
function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return both(`${days} d`, hours % 24, 'h');
  if (hours > 0) return both(`${hours} h`, minutes % 60, 'min');
  if (minutes > 0) return minutes < 5 ? both(`${minutes} min`, seconds % 60, 's') : `${minutes} min`;
  return `${seconds} s`;
}

/**
 * Returns when the session stopped, or its last activity.
 *
 * @param {Session} session
 * @param {Date} now
 */
function sinceWords(session, now) {
  const iso = session.stop.at ?? session.lastActivityAt;
  return iso === null ? 'unknown' : clock(new Date(iso), now);
}

/**
 * Returns when the limit resets: `05:00 (in 1 h 18 min)`; a guess is marked with a tilde.
 *
 * @param {Session} session
 * @param {Date} now
 */
function untilWords(session, now) {
  const { resetsAt, resetsAtSource } = session.stop;
  if (resetsAt === null) return '';
  const at = new Date(resetsAt);
  const mark = resetsAtSource === 'guess' ? '~' : '';
  const left = at.getTime() - now.getTime();
  return `${mark}${clock(at, now)} (${left > 0 ? `in ${duration(left)}` : 'over'})`;
}

/** @type {Record<import('../../src/ffi/types.js').SessionStatus, string>} */
const STATUSES = WORDS.statuses;

/** Returns a session's status in the user's words. @param {Session} session */
function statusWords({ status, state }) {
  return STATUSES[status] ?? state;
}

/** Returns the name of a state, for reports that have only the state of a session. @param {SessionState} state */
function stateName(state) {
  return /** @type {Record<string, string>} */ (WORDS.states)[state] ?? state;
}

/** What each state means. @type {Record<SessionState, string>} */
const STATES = {
  current: 'the session that runs this command',
  active: 'open',
  hung: 'open and busy, but without a sign of work',
  orphaned: 'closed, with pending work',
  completed: 'closed, and its last turn ended',
  empty: 'closed, and without a conversation in its transcript',
};

/** @type {Record<import('../../src/ffi/types.js').Remaining['kind'], [string, string]>} */
const REMAINING = {
  subagents: ['subagent transcript', 'subagent transcripts'],
  files: ['other file', 'other files'],
  tasks: ['task file', 'task files'],
  'file-history': ['file backup', 'file backups'],
  'conflict-copies': ['conflict copy', 'conflict copies'],
  snapshots: ['snapshot of it', 'snapshots of it'],
};

/**
 * Returns words such as `3 subagent transcripts`.
 *
 * @param {import('../../src/ffi/types.js').Remaining['kind']} kind
 * @param {number} number
 */
function remainingWords(kind, number) {
  const [one, several] = REMAINING[kind] ?? [kind, kind];
  return `${number} ${number === 1 ? one : several}`;
}

/** Returns what a state means, in words. @param {SessionState} state */
function stateWords(state) {
  return STATES[state] ?? state;
}

/** @type {Record<string, string>} */
const WAITED_FOR = {
  'permission prompt': 'asks permission',
  'input needed': 'asks a question',
  'dialog open': 'dialog open',
};

/**
 * Returns what a session is doing, or why it is idle.
 *
 * @param {Session} session
 */
function doingWords(session) {
  const { activity, live, state, stop } = session;
  if (live === null) return state === 'empty' ? 'no conversation' : stopWords(session);
  if (activity === 'waiting') return live.waitingFor === null ? 'waits for you' : (WAITED_FOR[live.waitingFor] ?? live.waitingFor);
  if (state === 'hung') return 'busy, no sign of work';
  if (activity === 'busy') return 'working';
  // The reason for the stop says more than `idle`, except for a finished turn.
  if (activity === 'idle' && stop.kind === 'finished') return 'idle';
  if (stop.kind === 'unknown' && activity !== null) return activity;
  return kindWords(stop.kind);
}

/** @type {Record<LiveProcess['kind'], string>} */
const PROCESS_KINDS = { interactive: 'no terminal', print: 'print (-p)', background: 'background' };

/** Returns where to find a live session: its terminal, or its kind of process. @param {LiveProcess} live */
function terminalWords({ tty, kind }) {
  return tty ?? PROCESS_KINDS[kind] ?? kind;
}

/** Returns bytes in the largest unit that gives a number of at most three digits: `4.2 MB`. @param {number} bytes */
function sizeWords(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (Math.round(size) >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

/** Formats a rounded number of tokens: `184k`, `1.3M`. @param {number} tokens */
function tokenWords(tokens) {
  if (tokens < 1000) return String(tokens);
  if (tokens < 999_500) return `${Math.round(tokens / 1000)}k`;
  const tenths = Math.round(tokens / 1e5);
  return `${tenths % 10 === 0 ? tenths / 10 : (tenths / 10).toFixed(1)}M`;
}

/**
 * Returns a command to paste into a shell: PowerShell on Windows, any shell elsewhere.
 *
 * @param {string[]} argv
 * @param {string | null} [directory] Directory to run it in.
 * @param {{env?: Record<string, string>, unset?: string[], platform?: NodeJS.Platform}} [setting] Variables to set and to remove.
 */
function commandWords(argv, directory = null, { env = {}, unset = [], platform = process.platform } = {}) {
  const set = Object.entries(env);
  if (platform === 'win32') {
    const parts = directory === null ? [] : [`Set-Location -LiteralPath ${powerShellQuoted(directory, true)}`];
    for (const name of unset) parts.push(`Remove-Item Env:${name} -ErrorAction Ignore`);
    for (const [name, value] of set) parts.push(`$env:${name} = ${powerShellQuoted(value, true)}`);
    const words = argv.map((word) => powerShellQuoted(word));
    // PowerShell interprets a quoted word alone as a string, not as a command.
    return [...parts, (words[0]?.startsWith("'") ? '& ' : '') + words.join(' ')].join('; ');
  }
  const taken = unset.length === 0 ? [] : ['env', ...unset.flatMap((name) => ['-u', name])];
  const command = [...taken, ...set.map(([name, value]) => `${name}=${quoted(value)}`), ...argv.map(quoted)].join(' ');
  return directory === null ? command : `cd ${quoted(directory)} && ${command}`;
}

/** Returns the command that the user types to run this program: the npx cache is not on `PATH`. */
function ownName() {
  return isFromNpx() ? `npx cc-session-recover@${require('../../package.json').version}` : 'cc-session-recover';
}

/** npx keeps packages in `_npx/<hash>/` of its cache. */
function isFromNpx() {
  return __dirname.split(sep).includes('_npx');
}

/**
 * Returns what the user types to run this package in any terminal: its name if that is on `PATH`, otherwise `node` with its path.
 *
 * @param {Record<string, string | undefined>} env
 */
function commandToType(env) {
  if (isFromNpx()) return ownName();
  const names = process.platform === 'win32' ? ['cc-session-recover.cmd', 'cc-session-recover.exe'] : ['cc-session-recover'];
  // npm puts directories of packages on the PATH of what it runs, not on the PATH of the user.
  const isThere = (env.PATH ?? env.Path ?? '').split(delimiter).some((dir) => dir !== '' && !dir.endsWith(join('node_modules', '.bin')) && names.some((name) => existsSync(join(dir, name))));
  return isThere ? ownName() : `node ${quoted(join(__dirname, '..', 'cc-session-recover.js'))}`;
}

/** @param {string} word */
function quoted(word) {
  if (/^(?![=~])[\w@%+=:,./-]+$/.test(word)) return word;
  const whole = `'${word.replaceAll("'", "'\\''")}'`;
  if (whole.search(UNSEEN) < 0) return whole;
  // Invisible characters are written as octal bytes, which bash, zsh and ksh read.
  const seen = word.replace(/[\\']/g, '\\$&').replace(UNSEEN, (character) => [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''));
  return `$'${seen}'`;
}

/** @param {string} word @param {boolean} [always] */
function powerShellQuoted(word, always = false) {
  if (!always && /^[\w=:\\./-]+$/.test(word)) return word;
  const whole = `'${word.replace(/['\u2018-\u201B]/g, '$&$&')}'`;
  if (whole.search(UNSEEN) < 0) return whole;
  const seen = word.replace(/[`"$\u201C-\u201E]/g, '`$&').replace(UNSEEN, (character) => `$([char]::ConvertFromUtf32(${character.codePointAt(0)}))`);
  return `"${seen}"`;
}

/** Abbreviates the home directory in a path to `~`. @param {string} path */
function homely(path) {
  const home = homedir();
  if (path === home) return '~';
  return home !== sep && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}

/** @param {number} number @param {string} noun */
function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Makes a fragment a sentence: with a capital letter and a full stop. @param {string} text */
function sentence(text) {
  if (text === '') return '';
  // A name such as `stops.crashed` or `/compact` is not capitalized.
  const begun = /^\p{Ll}[\p{L}'-]*(?=[\s,;:.]|$)/u.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/**
 * Shortens ids to beginnings that are still unique.
 *
 * @param {string[]} ids
 * @returns {Map<string, string>}
 */
function shortIds(ids) {
  let length = 8;
  while (length < 36 && new Set(ids.map((id) => id.slice(0, length))).size < new Set(ids).size) length += 1;
  return new Map(ids.map((id) => [id, id.slice(0, length)]));
}

module.exports = {
  KINDS,
  STATES,
  STATUSES,
  clock,
  commandWords,
  count,
  doingWords,
  duration,
  homely,
  kindWords,
  nextWords,
  readable,
  dailyWords,
  commandToType,
  ownName,
  remainingWords,
  sentence,
  shortIds,
  sinceWords,
  sizeWords,
  stateName,
  stateWords,
  statusWords,
  stopWords,
  terminalWords,
  tokenWords,
  untilWords,
};
