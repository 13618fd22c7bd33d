// Clients whose transcripts are in the corpus: which records each of them writes, and its wording of a 5-hour limit. The versions are those
// between which a change was observed.

/**
 * @typedef {object} Client
 * @property {string} version
 * @property {boolean} attachments Writes `attachment` records.
 * @property {boolean} quotaLimits Writes the reset as epoch seconds into the error record.
 * @property {boolean} apiError Writes `apiError: "usage_limit_reached"`.
 * @property {boolean} requests Writes `api-request` records and their shapes.
 * @property {boolean} inlineSubagents Writes the messages of subagents to the main transcript and their files beside it.
 * @property {boolean} summaries Writes a `summary` record at the head of the file.
 * @property {boolean} status Writes the HTTP status into the error record.
 * @property {string} window Its name for the 5-hour limit.
 */

/** @type {(version: string, has: Partial<Client>) => Client} */
const client = (version, has) => ({ version, attachments: false, quotaLimits: false, apiError: false, requests: false, inlineSubagents: false, summaries: false, status: true, window: 'session limit', ...has });

export const FIRST = client('1.0.128', { inlineSubagents: true, summaries: true, status: false, window: '5-hour limit' });
export const SECOND = client('2.0.14', { inlineSubagents: true, summaries: true, status: false, window: '5-hour limit' });
export const CURRENT = client('2.1.329', { attachments: true, quotaLimits: true, apiError: true, requests: true, window: '5-hour limit' });

/** Clients older than the request log. */
export const EARLIER = [
  FIRST,
  SECOND,
  client('2.0.76', { inlineSubagents: true, summaries: true, window: 'limit' }),
  client('2.1.112', { inlineSubagents: true, window: 'limit' }),
  client('2.1.200', { attachments: true }),
  client('2.1.250', { attachments: true, quotaLimits: true }),
];
