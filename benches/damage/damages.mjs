// Kinds of damage: what crashes, full disks, power cuts, other programs and newer clients do to a transcript, and what a reader must still
// report. Each kind states its promise:
//
//   whole    everything that the good file reports; nothing is lost
//   verdict  how the session ends; the deciding record is intact
//   cut      what the file reports when it is cut back to its last complete line
//   survives only that there is an answer; the deciding record may be gone

import { recordOf } from './sources.mjs';

const NEWLINE = Buffer.from('\n');
const DEPTH = 100_000;
const LONGEST_RUN = 8192;
/** Bytes of a line that the reader skips: it skips lines longer than 8 MB. */
const OVERLONG = 9_000_000;
/** Messages before the deciding one on which a verdict may depend. */
const MARGIN = 2;

/**
 * @typedef {'whole' | 'verdict' | 'cut' | 'survives'} Keeps
 * @typedef {object} Damage
 * @property {Keeps} keeps
 * @property {number} [weight] Relative frequency; 1 if absent.
 * @property {(source: Subject, random: import('../corpus/random.mjs').Random) => Buffer} apply
 *
 * @typedef {object} Subject A source, and where its deciding records begin.
 * @property {string} name
 * @property {Buffer} bytes
 * @property {Buffer[]} lines
 * @property {number} decided Index of the deciding line; one past the last line if there is no message.
 * @property {number} early Number of lines before everything on which the verdict depends.
 */

/**
 * @param {import('./sources.mjs').Source} source
 * @param {string | null} record Id of the deciding record.
 * @returns {Subject}
 */
export function subject(source, record) {
  const records = source.lines.map(recordOf);
  const found = records.findIndex((value) => value?.uuid === record && record !== null);
  const decided = found === -1 ? source.lines.length : found;
  let first = decided;
  for (let needed = MARGIN; needed > 0 && first > 0; ) {
    first -= 1;
    const value = records[first];
    if (['user', 'assistant'].includes(value?.type) && value.isSidechain !== true) needed -= 1;
  }
  return { ...source, decided, early: found === -1 ? 0 : first };
}

/** @type {Record<string, Damage>} */
export const DAMAGES = {
  'cut at any byte': { keeps: 'cut', weight: 6, apply: ({ bytes }, random) => bytes.subarray(0, random.between(0, bytes.length)) },
  'last line end missing': { keeps: 'cut', apply: ({ bytes }) => bytes.subarray(0, bytes.length - 1) },
  'end overwritten with NUL': {
    keeps: 'cut',
    apply({ bytes }, random) {
      const from = Math.max(0, bytes.length - random.between(1, 4096));
      return Buffer.concat([bytes.subarray(0, from), Buffer.alloc(bytes.length - from)]);
    },
  },
  'NUL behind the end': { keeps: 'whole', apply: ({ bytes }, random) => Buffer.concat([bytes, Buffer.alloc(random.between(1, LONGEST_RUN))]) },
  'NUL in front of a line': { keeps: 'whole', apply: (source, random) => inserted(source, random, Buffer.alloc(random.between(1, LONGEST_RUN))) },
  'a line of NUL': { keeps: 'whole', apply: (source, random) => inserted(source, random, line(Buffer.alloc(random.between(1, LONGEST_RUN)))) },
  'a line of noise': { keeps: 'whole', weight: 2, apply: (source, random) => inserted(source, random, line(noise(random, random.between(1, 2000)))) },
  'empty lines': {
    keeps: 'whole',
    apply: ({ lines }, random) => Buffer.concat(lines.flatMap((own) => [own, Buffer.from(random.pick(['', '', '\n', '\n\n\n', '  \t \n', '\r\n']))])),
  },
  'line ends of Windows': { keeps: 'whole', apply: ({ lines }) => Buffer.concat(lines.flatMap((own) => [own.subarray(0, -1), Buffer.from('\r\n')])) },
  'byte order mark': { keeps: 'verdict', apply: ({ bytes }) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]) },
  'a record twice': { keeps: 'whole', apply: (source, random) => inserted(source, random, null) },
  'glued records': {
    keeps: 'whole',
    weight: 3,
    apply(source, random) {
      const at = random.below(Math.max(1, source.lines.length - 1));
      return Buffer.concat(source.lines.map((own, index) => (index === at && index < source.lines.length - 1 ? own.subarray(0, -1) : own)));
    },
  },
  'all records glued in pairs': { keeps: 'whole', apply: ({ lines }) => Buffer.concat(lines.map((own, at) => (at % 2 === 0 && at < lines.length - 1 ? own.subarray(0, -1) : own))) },
  'shuffled keys': { keeps: 'whole', weight: 3, apply: ({ lines }, random) => Buffer.concat(lines.map((own) => rewritten(own, (record) => shuffled(record, random)))) },
  'blanks between all tokens': { keeps: 'whole', apply: ({ lines }) => Buffer.concat(lines.map((own) => rewritten(own, (record) => record, ' '))) },
  'everything escaped': { keeps: 'whole', apply: ({ lines }) => Buffer.concat(lines.map(escaped)) },
  'unknown records and keys': {
    keeps: 'whole',
    apply: ({ lines }, random) => Buffer.concat(lines.flatMap((own) => [rewritten(own, (record) => ({ ...record, [`new${random.hex(4)}`]: { a: [1, null, 'x'] } })), Buffer.from(`{"type":"new-${random.hex(4)}","uuid":"${random.uuid()}"}\n`)])),
  },
  'a line 100,000 deep': { keeps: 'whole', apply: (source, random) => inserted(source, random, deep(random)) },
  'a record with a value 100,000 deep': { keeps: 'verdict', apply: (source, random) => early(source, random, () => deepRecord(random)) },
  'half a character in what decides': { keeps: 'verdict', weight: 2, apply: (source, random) => withLoneSurrogate(source, random) },
  'half characters in front': { keeps: 'verdict', apply: (source, random) => early(source, random, (own) => loneSurrogate(own, random)) },
  'broken UTF-8 in front': { keeps: 'verdict', weight: 2, apply: (source, random) => early(source, random, (own) => brokenText(own, random)) },
  'flipped bytes in front': { keeps: 'verdict', weight: 4, apply: (source, random) => flipped(source, random, earlyBytes(source)) },
  'torn line in front': { keeps: 'verdict', weight: 2, apply: (source, random) => early(source, random, (own) => line(own.subarray(0, random.below(own.length)))) },
  'torn line glued to the next': { keeps: 'verdict', weight: 2, apply: (source, random) => early(source, random, (own) => own.subarray(0, random.below(own.length))) },
  'lines in front out of order': { keeps: 'verdict', apply: (source, random) => Buffer.concat([...order(source.lines.slice(0, source.early), random), ...source.lines.slice(source.early)]) },
  'wrong types in front': { keeps: 'verdict', weight: 4, apply: (source, random) => early(source, random, (own) => rewritten(own, (record) => mistyped(record, random))) },
  'huge numbers in front': { keeps: 'verdict', weight: 2, apply: (source, random) => early(source, random, (own) => hugeNumbers(own, random)) },
  'flipped bytes anywhere': { keeps: 'survives', weight: 4, apply: (source, random) => flipped(source, random, source.bytes.length) },
  'wrong types anywhere': { keeps: 'survives', weight: 4, apply: (source, random) => Buffer.concat(source.lines.map((own) => (random.chance(0.3) ? rewritten(own, (record) => mistyped(record, random)) : own))) },
  'huge numbers anywhere': { keeps: 'survives', apply: (source, random) => Buffer.concat(source.lines.map((own) => hugeNumbers(own, random))) },
  'noise alone': { keeps: 'survives', apply: (_, random) => noise(random, random.between(0, 20_000)) },
  'an overlong line': { keeps: 'verdict', weight: 0.02, apply: (source, random) => inserted(source, random, line(Buffer.alloc(OVERLONG, random.pick(['a', '"', '{', '[', '\\'])))) },
};

// --- where

/** Inserts something before a random line or after the last one; `null` repeats the preceding line. */
function inserted({ lines }, random, what) {
  const at = random.between(what === null ? 1 : 0, lines.length);
  return Buffer.concat([...lines.slice(0, at), what ?? lines[at - 1], ...lines.slice(at)]);
}

/** Changes some of the lines before everything on which the verdict depends. */
function early({ lines, early: count }, random, change) {
  return Buffer.concat(lines.map((own, at) => (at < count && random.chance(0.4) ? change(own) : own)));
}

function earlyBytes({ lines, early: count }) {
  // The line end before the deciding part stays.
  return Math.max(0, lines.slice(0, count).reduce((sum, own) => sum + own.length, 0) - 1);
}

// --- what

function flipped({ bytes }, random, below) {
  const damaged = Buffer.from(bytes);
  if (below > 0) for (let left = random.between(1, 40); left > 0; left -= 1) damaged[random.below(below)] ^= 1 << random.below(8);
  return damaged;
}

function noise(random, length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = random.below(256);
  return bytes;
}

/** Makes the bytes one line, whatever they contain. */
function line(bytes) {
  const single = Buffer.from(bytes.map((byte) => (byte === 0x0a ? 0x20 : byte)));
  return Buffer.concat([single, NEWLINE]);
}

function rewritten(own, change, indent) {
  const record = recordOf(own);
  if (record === null || typeof record !== 'object') return own;
  const text = JSON.stringify(change(record), null, indent);
  return Buffer.from(`${indent === undefined ? text : text.replaceAll('\n', ' ')}\n`);
}

function order(values, random) {
  const list = [...values];
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [list[at], list[other]] = [list[other], list[at]];
  }
  return list;
}

function shuffled(value, random) {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, random));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(order(Object.entries(value), random).map(([key, item]) => [key, shuffled(item, random)]));
}

/** Writes every character of every string as `\uXXXX`, in keys too. */
function escaped(own) {
  const record = recordOf(own);
  if (record === null) return own;
  const text = JSON.stringify(record).replace(/"(?:[^"\\]|\\.)*"/g, (string) => `"${escapes(JSON.parse(string))}"`);
  return Buffer.from(`${text}\n`);
}

function escapes(text) {
  let escapedText = '';
  for (let at = 0; at < text.length; at += 1) escapedText += `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return escapedText;
}

function deep(random) {
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ]);
  return Buffer.from(`${open.repeat(DEPTH)}${random.chance(0.5) ? `0${close.repeat(DEPTH)}` : ''}\n`);
}

function deepRecord(random) {
  const key = random.pick(['content', 'message', 'toolUseResult', 'timestamp', 'error', 'quotaLimits', 'origin', 'type']);
  const nested = '['.repeat(DEPTH) + ']'.repeat(DEPTH);
  return Buffer.from(`{"type":"${random.pick(['user', 'assistant', 'system'])}","${key}":${nested},"uuid":"${random.uuid()}","message":{"content":${nested}}}\n`);
}

/** Adds an escape that is half a character, as written by a client that cuts text by UTF-16 units. */
function loneSurrogate(own, random) {
  const half = random.pick(['\\ud83d', '\\udc00', '\\ud83dx', '\\udfff\\ud800']);
  const record = recordOf(own);
  if (record === null) return own;
  const text = JSON.stringify({ ...record, slug: 'HALF', message: marked(record.message) });
  return Buffer.from(`${text.replaceAll('HALF', half)}\n`);
}

/** Returns the message with a placeholder for it after its text. */
function marked(message) {
  if (typeof message?.content === 'string') return { ...message, content: `${message.content} HALF` };
  if (!Array.isArray(message?.content)) return message;
  return { ...message, content: message.content.map((block) => (typeof block?.text === 'string' ? { ...block, text: `${block.text} HALF` } : block)) };
}

function withLoneSurrogate({ lines, decided }, random) {
  return Buffer.concat(lines.map((own, at) => (at === decided ? loneSurrogate(own, random) : own)));
}

function brokenText(own, random) {
  const damaged = Buffer.from(own);
  const bad = random.pick([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80], [0xe2, 0x28]]);
  const at = random.below(Math.max(1, own.length - bad.length - 1));
  damaged.set(bad.slice(0, Math.max(0, own.length - 1 - at)), at);
  return damaged;
}

const STRANGE = [null, true, -1, 0, 1e21, '', 'text', [], {}, [[]], { type: 'text' }, [null], { kind: 7 }];

/** Gives some known keys values of another type, on every level. */
function mistyped(value, random, depth = 0) {
  if (value === null || typeof value !== 'object' || depth > 3) return random.chance(0.3) ? random.pick(STRANGE) : value;
  if (Array.isArray(value)) return value.map((item) => mistyped(item, random, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, random.chance(0.15) ? random.pick(STRANGE) : mistyped(item, random, depth + 1)]));
}

function hugeNumbers(own, random) {
  const huge = () => random.pick(['1e999', '-1e999', '99999999999999999999999999', '18446744073709551616', '-9223372036854775809', '0.1e-400', `1${'0'.repeat(400)}`]);
  return Buffer.from(own.toString().replace(/:(-?\d+(?:\.\d+)?)(?=[,}\]])/g, (number) => (random.chance(0.5) ? `:${huge()}` : number)));
}
