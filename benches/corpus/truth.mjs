// The truth about a corpus, and what the product must report about each session that no process has open.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientsCut } from './conversation.mjs';
import { ENDINGS } from './endings.mjs';

const SHOWN_CHARACTERS = 200;
const FIRST_FOUND = 5;
/** An old message does not name its window, so both readings are right. */
const ALSO_RIGHT = { quota_legacy_epoch: ['usage-limit-5h'] };

/** @returns {{meta: Record<string, any>, sessions: Record<string, any>[]}} */
export function readTruth(corpus) {
  return JSON.parse(readFileSync(join(corpus, 'truth.json'), 'utf8'));
}

/**
 * Returns what must be reported for a row of truth. `undefined` if a row of an older corpus does not record it.
 *
 * @returns {{kind: string, resetsAt: string | null | undefined, contextTokens: number | null, lastPrompt: string | null, title: string | null}}
 */
export function expectedOf(row) {
  return {
    kind: ENDINGS[row.ending].kind,
    resetsAt: expectedReset(row),
    contextTokens: row.contextTokens,
    lastPrompt: row.lastPrompt === null ? null : oneLine(row.lastPrompt),
    title: row.title === null || row.titleSource === 'first-prompt' ? null : oneLine(row.title),
  };
}

function expectedReset(row) {
  const known = row.resetKnown;
  // Corpora older than `resetKnown`: all clients gave the exact second, except the one that had it only in its text.
  if (known === undefined) return row.ending === 'quota_legacy_text' ? undefined : moment(row.resetsAt);
  return moment(known?.at ?? null);
}

/** Returns a text as the product shows it: on one line, cut to its maximum length with an ellipsis. */
function oneLine(text) {
  const characters = [...text.replace(/\s+/g, ' ').trim()];
  return characters.length > SHOWN_CHARACTERS ? `${characters.slice(0, SHOWN_CHARACTERS - 1).join('').trimEnd()}…` : characters.join('');
}

/** Converts epoch seconds to the product's format. */
function moment(seconds) {
  return seconds === null ? null : new Date(seconds * 1000).toISOString();
}

/**
 * Returns the differences between a report and the truth.
 *
 * @param {Record<string, any>} row
 * @param {Record<string, any> | undefined} session Session as the product reports it; `undefined` if it does not know the session.
 * @returns {{field: string, wanted: unknown, got: unknown}[]}
 */
export function differences(row, session) {
  if (session === undefined) return [{ field: 'session', wanted: row.sessionId, got: undefined }];
  const expected = expectedOf(row);
  const reported = { kind: session.stop.kind, resetsAt: session.stop.resetsAt, contextTokens: session.context?.tokens ?? null, lastPrompt: session.lastPrompt, title: session.title };
  return Object.entries(expected)
    .filter(([field, wanted]) => wanted !== undefined && reported[field] !== wanted && !alsoRight(row, field, reported[field]))
    .map(([field, wanted]) => ({ field, wanted, got: reported[field] }));
}

/**
 * Whether a different value is right too: the client cuts a prompt by UTF-16 units, may split a character, and the rest of its cut is
 * accepted.
 */
function alsoRight(row, field, got) {
  if (field === 'kind') return ALSO_RIGHT[row.ending]?.includes(got) ?? false;
  if (field !== 'lastPrompt' || row.lastPrompt === null || typeof got !== 'string') return false;
  const cut = clientsCut(row.lastPrompt);
  return [cut.toWellFormed(), cut.replace(/\p{Surrogate}/gu, '')].some((text) => oneLine(text) === got);
}

/**
 * Compares all sessions of a corpus with its truth.
 *
 * @param {string} corpus
 * @param {Record<string, any>[]} sessions
 * @returns {{checked: number, wrong: number, extra: string[], first: string[], byCause: Record<string, number>}}
 */
export function judged(corpus, sessions) {
  const reported = new Map(sessions.map((session) => [session.id, session]));
  const rows = readTruth(corpus).sessions;
  const byCause = {};
  const first = [];
  let wrong = 0;
  for (const row of rows) {
    const found = differences(row, reported.get(row.sessionId));
    if (found.length > 0) wrong += 1;
    for (const { field, wanted, got } of found) {
      const cause = `${row.ending}: ${field}`;
      byCause[cause] = (byCause[cause] ?? 0) + 1;
      if (byCause[cause] === 1 && first.length < FIRST_FOUND) first.push(`${cause}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)} in ${row.path}`);
    }
  }
  const known = new Set(rows.map((row) => row.sessionId));
  const extra = sessions.map((session) => session.id).filter((id) => !known.has(id));
  return { checked: rows.length, wrong, extra, first, byCause };
}
