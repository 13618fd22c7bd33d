// The oracle: what must still be told about a damaged transcript, in terms of what was told about the good one.

import { linesOf } from './sources.mjs';

/** How it ends. */
const VERDICT = ['kind', 'at', 'resetsAt', 'resetsAtSource', 'message', 'record'];
/** Everything else that is read from the records. */
const TOLD = ['name', 'title', 'lastPrompt', 'lastActivityAt', 'model', 'permissionMode', 'gitBranch', 'clientVersion'];

/** What counts of a report. `message` is compared where its text was not changed. */
export function told(session) {
  return {
    verdict: Object.fromEntries(VERDICT.map((key) => [key, session.stop[key]])),
    rest: { ...Object.fromEntries(TOLD.map((key) => [key, session[key]])), tokens: session.context?.tokens ?? null, cwd: session.project.cwd },
  };
}

/** The part of the bytes that stands before the last line end. */
export function cutBack(bytes) {
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
}

/**
 * What is wrong about a report; `null` when nothing is.
 *
 * @param {{keeps: string, damage: string}} promise
 * @param {{session: ReturnType<typeof told>} | {error: {code: string, message: string}}} answer
 * @param {ReturnType<typeof told> | null} good What has to be told; `null` where only an answer is owed.
 */
export function broken({ keeps, damage }, answer, good) {
  if ('error' in answer) return `${answer.error.code}: ${answer.error.message}`;
  if (keeps === 'survives' || good === null) return null;
  // The words themselves were changed.
  const unlike = damage === 'half a character in what decides' ? ['message'] : [];
  const parts = keeps === 'verdict' ? ['verdict'] : ['verdict', 'rest'];
  for (const part of parts) {
    for (const [key, wanted] of Object.entries(good[part])) {
      const got = answer.session[part][key];
      if (!unlike.includes(key) && got !== wanted) return `${key}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`;
    }
  }
  return null;
}

/** A reader as one would write it first: every line is JSON, and the last message tells how it ended. For the control. */
export function naively(bytes) {
  const messages = linesOf(bytes)
    .map((line) => JSON.parse(line.toString()))
    .filter((record) => record.type === 'user' || record.type === 'assistant');
  const last = messages.at(-1);
  return { verdict: { kind: last?.message?.stop_reason ?? 'empty', record: last?.uuid ?? null }, rest: {} };
}
