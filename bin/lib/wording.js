'use strict';

// What the reports of the addon are called in words: kinds of stops, next steps, times, commands. Only words; what follows
// from a stop is decided in Rust.

const { sep } = require('node:path');

/** @typedef {import('../../src/ffi/types.js').StopKind} StopKind */
/** @typedef {import('../../src/ffi/types.js').Session} Session */
/** @typedef {import('../../src/ffi/types.js').NextStep} NextStep */

/** @type {Record<StopKind, string>} */
const KINDS = {
  finished: 'finished',
  'usage-limit-5h': '5-hour limit',
  'usage-limit-weekly': 'weekly limit',
  'usage-limit-other': 'usage limit',
  'rate-limit': 'too many requests',
  overloaded: 'service overloaded',
  'server-error': 'server error',
  network: 'connection lost',
  auth: 'not logged in',
  billing: 'credit used up',
  'context-full': 'context full',
  'output-limit': 'answer too long',
  'request-error': 'request refused',
  interrupted: 'interrupted by you',
  waiting: 'waits for an answer',
  running: 'working',
  closed: 'closed in mid-turn',
  crashed: 'crashed',
  empty: 'nothing said yet',
  unknown: 'unknown',
};

/** @type {Record<NextStep['action'], string>} */
const ACTIONS = {
  wake: 'continues by itself',
  client: 'Claude Code continues it',
  resume: 'resume it by hand',
  notify: 'needs you',
  none: '',
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Why a session stopped. @param {StopKind} kind */
function kindWords(kind) {
  return KINDS[kind] ?? kind;
}

/**
 * What happens next, and when.
 *
 * @param {NextStep} next
 * @param {Date} now
 */
function nextWords(next, now) {
  const words = ACTIONS[next.action] ?? next.action;
  if (next.at === null || words === '') return words;
  const at = new Date(next.at);
  // What a person does is done from then on, not at the second.
  if (next.action === 'resume' || next.action === 'notify') return at <= now ? words : `${words} from ${clock(at, now)} on`;
  return `${words} ${at <= now ? 'now' : `at ${clock(at, now)}`}`;
}

/**
 * A time in this machine's zone: the hour today, with the day otherwise.
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

/** @param {number} number */
function two(number) {
  return String(number).padStart(2, '0');
}

/**
 * A length of time in at most two units: `2 h 13 min`.
 *
 * @param {number} milliseconds
 */
function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return seconds < 300 && seconds % 60 > 0 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  return `${seconds} s`;
}

/**
 * When it stopped, or when it was last heard of.
 *
 * @param {Session} session
 * @param {Date} now
 */
function sinceWords(session, now) {
  const iso = session.stop.at ?? session.lastActivityAt;
  return iso === null ? 'unknown' : clock(new Date(iso), now);
}

/**
 * Until when it cannot go on: `05:00 (in 1 h 18 min)`; a guess is marked with a tilde.
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

/**
 * A command as it can be pasted into a shell.
 *
 * @param {string[]} argv
 * @param {string | null} [directory] Where it has to be run.
 */
function commandWords(argv, directory = null) {
  const command = argv.map(quoted).join(' ');
  return directory === null ? command : `cd ${quoted(directory)} && ${command}`;
}

/** What a person types to run this command again: from the cache of npx it is on no path. */
function ownName() {
  return __dirname.split(sep).includes('_npx') ? 'npx cc-session-recover' : 'cc-session-recover';
}

/** @param {string} word */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Beginnings of ids that are long enough to tell the sessions apart.
 *
 * @param {string[]} ids
 * @returns {Map<string, string>}
 */
function shortIds(ids) {
  let length = 8;
  while (length < 36 && new Set(ids.map((id) => id.slice(0, length))).size < new Set(ids).size) length += 1;
  return new Map(ids.map((id) => [id, id.slice(0, length)]));
}

module.exports = { clock, commandWords, duration, kindWords, nextWords, ownName, shortIds, sinceWords, untilWords };
