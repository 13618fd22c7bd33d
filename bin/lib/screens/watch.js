'use strict';

// The screen of `watch`: which sessions are supervised, when they continue, and how the last run ended.

const { tableLines } = require('../table.js');
const { truncatedPath } = require('../text.js');
const { clock, count, duration, homely, kindWords, readable, sentence, shortIds } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').WatchReport} WatchReport */
/** @typedef {import('../../../src/ffi/types.js').WatchedSession} WatchedSession */
/** @typedef {import('../output.js').View} View */

/** Maximum width of a project's path, in columns. */
const PATH_COLUMNS = 32;

/**
 * @param {WatchReport} report
 * @param {View} view
 * @param {Date} [now]
 * @returns {string[]}
 */
function watchLines(report, { width, colours }, now = new Date(report.generatedAt)) {
  const { sessions, own, supervisor } = readable(report, now);
  const short = shortIds(sessions.map(({ id }) => id));
  const head = own ? `Supervising ${count(sessions.length, 'closed session')}.` : `Process ${supervisor} already supervises closed sessions. These are its sessions.`;
  if (sessions.length === 0) return [head, colours.dim(own ? 'No work is pending. Sessions of projects set up with `init --unattended` appear here when they stop.' : 'No work is pending.')];
  const [table] = tableLines(
    [
      { heading: 'session' },
      { heading: 'stopped by' },
      { heading: 'next' },
      { heading: 'when' },
      { heading: 'runs', right: true },
      { heading: 'last run' },
      { heading: 'project', most: PATH_COLUMNS, cut: truncatedPath },
    ],
    [
      {
        rows: sessions.map((session) => ({
          cells: [
            short.get(session.id) ?? session.id,
            kindWords(session.stop),
            { text: nextWord(session), style: styleOf(session, colours) },
            whenWords(session, now),
            session.runs === 0 ? '' : String(session.runs),
            session.last ?? '',
            homely(session.project ?? ''),
          ],
          below: explained(session).map((text) => ({ text, style: colours.dim })),
        })),
      },
    ],
    width,
    colours.dim,
  );
  return [head, '', ...table];
}

/** @param {WatchedSession} session */
function nextWord({ running, paused, phase, next }) {
  if (running) return 'runs';
  if (paused) return 'paused';
  if (phase === 'cancelled') return 'cancelled';
  if (phase === 'attempting') return 'runs';
  return { run: 'resume', wake: 'wake (open)', client: 'Claude Code', resume: 'needs you', notify: 'needs you', none: 'nothing' }[next.action] ?? next.action;
}

/** @param {WatchedSession} session @param {View['colours']} colours */
function styleOf(session, colours) {
  const word = nextWord(session);
  if (word === 'needs you') return colours.red;
  if (word === 'runs') return colours.green;
  return word === 'resume' || word === 'wake (open)' ? colours.yellow : colours.dim;
}

/** @param {WatchedSession} session @param {Date} now */
function whenWords({ next, running, phase }, now) {
  if (running || phase === 'attempting' || next.at === null || next.action === 'none') return '';
  const at = new Date(next.at);
  return at <= now ? 'now' : `${clock(at, now)}, in ${duration(at.getTime() - now.getTime())}`;
}

/** Returns why the session is not started, or what it needs. @param {WatchedSession} session @returns {string[]} */
function explained({ waits, next, running }) {
  if (running) return [];
  if (waits !== null && next.action === 'run') return [`Waits: ${waits}.`];
  return next.action === 'resume' || next.action === 'notify' ? [sentence(next.why)] : [];
}

module.exports = { watchLines };
