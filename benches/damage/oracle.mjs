// The oracle: what must still be reported about a damaged transcript, based on the report about the good one.

import { linesOf } from './sources.mjs';

/** Fields that describe how the session ends. */
const VERDICT = ['kind', 'at', 'resetsAt', 'resetsAtSource', 'message', 'record'];
/** Further fields that come from the records. */
const TOLD = ['name', 'title', 'lastPrompt', 'lastActivityAt', 'model', 'permissionMode', 'gitBranch', 'clientVersion'];

/** Returns the parts of a report that are compared. `message` is compared unless the damage changed its text. */
export function told(session) {
  return {
    verdict: Object.fromEntries(VERDICT.map((key) => [key, session.stop[key]])),
    rest: { ...Object.fromEntries(TOLD.map((key) => [key, session[key]])), tokens: session.context?.tokens ?? null, cwd: session.project.cwd },
  };
}

/** Returns the bytes up to and including the last line end. */
export function cutBack(bytes) {
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
}

/**
 * Returns what is wrong in a report; `null` if it is right.
 *
 * @param {{keeps: string, damage: string}} promise
 * @param {{session: ReturnType<typeof told>} | {error: {code: string, message: string}}} answer
 * @param {ReturnType<typeof told> | null} good Expected report; `null` if any answer is enough.
 */
export function broken({ keeps, damage }, answer, good) {
  if ('error' in answer) return `${answer.error.code}: ${answer.error.message}`;
  if (keeps === 'survives' || good === null) return null;
  // This damage changes the message text itself.
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

/** The naive reader, as a control: every line is JSON, and the last message decides how the session ended. */
export function naively(bytes) {
  const messages = linesOf(bytes)
    .map((line) => JSON.parse(line.toString()))
    .filter((record) => record.type === 'user' || record.type === 'assistant');
  const last = messages.at(-1);
  return { verdict: { kind: last?.message?.stop_reason ?? 'empty', record: last?.uuid ?? null }, rest: {} };
}
