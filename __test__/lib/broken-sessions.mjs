// Broken sessions: transcripts recorded from the real client, damaged in the same way in every run, each with its remaining good content.
// The content is counted in units: texts, calls and results.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../benches/corpus/random.mjs';
import { ROOT } from './command.mjs';

const NEWLINE = Buffer.from('\n');
const FIXTURES = join(ROOT, 'fixtures', 'transcripts');
/** Intact sessions with several turns, with single and parallel calls, thinking, errors, and one that was resumed. */
const SOURCES = ['edits', 'todos', 'plan', 'resumed-after-quota', 'permission-denied-print'];
const FORKED = 'live-session-forked';
const COMBINED = 24;

/**
 * @typedef {{bytes: Buffer, record: any, own: boolean}} Line `own`: unchanged since the recording.
 * @typedef {{lines: Line[], end: Buffer, gone: Set<string>, more: string[]}} Doc `gone`: ids of records whose content is destroyed.
 * @typedef {{name: string, classes: string[], session: string, bytes: Buffer, good: string[], repairable: boolean, source: string}} Case
 * @typedef {{class: string, repairable: boolean, apply: (doc: Doc, random: Random) => boolean}} Damage `apply` returns whether it found
 *   something to damage.
 */

/** @param {string} name @returns {Doc} */
function read(name) {
  const text = readFileSync(join(FIXTURES, `${name}.jsonl`), 'utf8');
  const lines = text.trimEnd().split('\n').map((line) => ({ bytes: Buffer.from(line), record: JSON.parse(line), own: true }));
  return { lines, end: NEWLINE, gone: new Set(), more: [] };
}

/** @param {Doc} doc */
function bytesOf({ lines, end }) {
  return Buffer.concat(lines.flatMap(({ bytes }, at) => [bytes, at === lines.length - 1 ? end : NEWLINE]));
}

/** Returns the units of a message. @param {any} message @returns {string[]} */
export function unitsOf({ content }) {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
  return blocks.flatMap((/** @type {any} */ block) => {
    if (block.type === 'text') return block.text.trim() === '' || /^<system-reminder>|^\[text removed/.test(block.text) ? [] : [`text ${block.text.trim()}`];
    if (block.type === 'tool_use') return [`call ${block.id} ${JSON.stringify(block.input)}`];
    if (block.type === 'tool_result') return [`result ${block.tool_use_id} ${typeof block.content === 'string' ? block.content : JSON.stringify(block.content)}`];
    if (block.type === 'thinking') return [`thinking ${block.thinking}`];
    return [];
  });
}

/** @param {any} record */
const isTurn = (record) => (record?.type === 'user' || record?.type === 'assistant') && record.isSidechain !== true;
/** @param {any} record @param {string} type */
const holds = (record, type) => isTurn(record) && Array.isArray(record.message?.content) && record.message.content.some((/** @type {any} */ block) => block.type === type);

/**
 * Picks a line that no damage has changed yet; with `middle`, only one that an answer follows.
 *
 * @param {Doc} doc @param {Random} random @param {(record: any) => boolean} fits
 */
function pick(doc, random, fits, middle = true) {
  const last = doc.lines.findLastIndex(({ record }) => record?.type === 'assistant');
  const found = doc.lines.map((line, at) => ({ line, at })).filter(({ line, at }) => line.own && fits(line.record) && (!middle || at < last));
  return found.length === 0 ? null : random.pick(found).at;
}

/** @param {Doc} doc @param {number} at @param {(record: any) => void} change */
function rewrite(doc, at, change) {
  const record = structuredClone(doc.lines[at].record);
  change(record);
  doc.lines[at] = { bytes: Buffer.from(JSON.stringify(record)), record, own: false };
}

/** @param {Doc} doc @param {number} at */
function lose(doc, at) {
  doc.gone.add(doc.lines[at].record.uuid);
}

/**
 * Defines a damage of one line.
 *
 * @param {string} kind
 * @param {boolean} repairable
 * @param {(record: any) => boolean} fits
 * @param {(doc: Doc, at: number, random: Random) => void} apply
 * @param {boolean} [middle]
 * @returns {Damage}
 */
function damage(kind, repairable, fits, apply, middle = true) {
  return {
    class: kind,
    repairable,
    apply(doc, random) {
      const at = pick(doc, random, fits, middle);
      if (at === null) return false;
      apply(doc, at, random);
      return true;
    },
  };
}

/** @param {Doc} doc @param {number} at @param {Buffer} bytes */
function put(doc, at, bytes) {
  doc.lines[at] = { ...doc.lines[at], bytes, own: false };
}

/** Joins two lines into one. @param {Doc} doc @param {number} at @param {Buffer} first */
function glue(doc, at, first = doc.lines[at].bytes) {
  const [, next] = doc.lines.splice(at, 2, { bytes: Buffer.concat([first, doc.lines[at + 1].bytes]), record: null, own: false });
  return next;
}

/** Kinds of damage to single lines. @type {Record<string, Damage>} */
export const DAMAGES = {
  'torn line of a text': damage('torn-line', true, (record) => holds(record, 'text') && record.type === 'assistant', (doc, at) => {
    lose(doc, at);
    put(doc, at, doc.lines[at].bytes.subarray(0, 200));
  }),
  'torn line of a call': damage('torn-line', true, (record) => holds(record, 'tool_use'), (doc, at) => {
    lose(doc, at);
    put(doc, at, doc.lines[at].bytes.subarray(0, 300));
  }),
  'torn line of a result': damage('torn-line', true, (record) => holds(record, 'tool_result'), (doc, at) => {
    lose(doc, at);
    put(doc, at, doc.lines[at].bytes.subarray(0, 150));
  }),
  'a line of noise': damage('torn-line', false, isTurn, (doc, at) => void doc.lines.splice(at, 0, { bytes: Buffer.from([0x80, 0xff, 0x7b, 0x22]), record: null, own: false })),
  'glued records': damage('glued-records', true, isTurn, (doc, at) => void glue(doc, at)),
  'a torn line glued to the next': {
    class: 'buried-record',
    repairable: true,
    apply(doc, random) {
      const fits = doc.lines.findIndex(({ own, record }, at) => own && !isTurn(record) && doc.lines[at + 1]?.own && isTurn(doc.lines[at + 1].record));
      if (fits === -1) return false;
      glue(doc, fits, doc.lines[fits].bytes.subarray(0, random.between(20, 60)));
      return true;
    },
  },
  'NUL in front of a record': damage('nul-bytes', true, isTurn, (doc, at, random) => put(doc, at, Buffer.concat([Buffer.alloc(random.between(1, 600)), doc.lines[at].bytes]))),
  'NUL in a text': damage('nul-bytes', true, (record) => holds(record, 'text') && record.type === 'assistant', (doc, at) => {
    const bytes = Buffer.from(doc.lines[at].bytes);
    bytes.fill(0, bytes.indexOf('"text":"') + 9, bytes.indexOf('"text":"') + 11);
    lose(doc, at);
    put(doc, at, bytes);
  }),
  'a line of NUL': damage('torn-line', false, isTurn, (doc, at) => void doc.lines.splice(at, 0, { bytes: Buffer.alloc(512), record: null, own: false })),
  'bytes that are no text': damage('invalid-utf8', false, (record) => holds(record, 'text') && record.type === 'assistant', (doc, at) => {
    const bytes = Buffer.from(doc.lines[at].bytes);
    bytes[bytes.indexOf('"text":"') + 9] = 0xff;
    lose(doc, at);
    put(doc, at, bytes);
  }),
  'lost call': damage('orphan-result', true, (record) => holds(record, 'tool_use'), (doc, at) => {
    lose(doc, at);
    doc.lines.splice(at, 1);
  }),
  'lost result': damage('orphan-call', true, (record) => holds(record, 'tool_result'), (doc, at) => {
    lose(doc, at);
    doc.lines.splice(at, 1);
  }),
  'lost call, closed up': damage('orphan-result', true, (record) => holds(record, 'tool_use'), closedUp),
  'lost result, closed up': damage('orphan-call', true, (record) => holds(record, 'tool_result'), closedUp),
  'lost attachment': {
    class: 'broken-link',
    repairable: true,
    apply(doc) {
      // Take the first attachment after the prompt: there the client's guess loses the prompt.
      const at = doc.lines.findIndex(({ own, record }) => own && record?.type === 'attachment' && record.attachment.type !== 'environment');
      if (at === -1 || doc.lines[at - 1].record === null) return false;
      doc.lines.splice(at, 1);
      return true;
    },
  },
  'thinking without a signature': damage('unsigned-thinking', true, (record) => holds(record, 'thinking'), (doc, at, random) => {
    lose(doc, at);
    const how = random.pick([undefined, '', null, 'no base64!']);
    rewrite(doc, at, ({ message }) => (message.content[0].signature = how));
  }),
  'empty thinking without a signature': damage('unsigned-thinking', true, (record) => holds(record, 'thinking'), (doc, at) => {
    lose(doc, at);
    rewrite(doc, at, ({ message }) => Object.assign(message.content[0], { thinking: '', signature: '' }));
  }),
  'a parent that is not there': damage('broken-link', true, (record) => isTurn(record) && record.parentUuid !== null, (doc, at, random) => rewrite(doc, at, (record) => (record.parentUuid = random.uuid()))),
  'no parent in the middle': damage('broken-link', true, (record) => record?.type === 'assistant', (doc, at) => rewrite(doc, at, (record) => (record.parentUuid = null))),
  'a record that follows itself': damage('broken-link', true, (record) => record?.type === 'assistant', (doc, at) => rewrite(doc, at, (record) => (record.parentUuid = record.uuid))),
  'records that follow each other in a ring': damage('broken-link', true, (record) => record?.type === 'assistant', (doc, at) => {
    const last = doc.lines.findLast(({ record }) => record?.type === 'assistant');
    rewrite(doc, at, (record) => (record.parentUuid = last?.record.uuid));
  }),
  'a record without an id': damage('unnamed-record', true, (record) => record?.type === 'assistant' && !holds(record, 'tool_use'), (doc, at) => rewrite(doc, at, (record) => delete record.uuid)),
  'arguments that are no object': damage('malformed-input', true, (record) => holds(record, 'tool_use'), (doc, at) => {
    lose(doc, at);
    rewrite(doc, at, ({ message }) => (message.content.find((/** @type {any} */ block) => block.type === 'tool_use').input = 'ls'));
  }),
  'a result that is too large': damage('oversize-result', true, (record) => holds(record, 'tool_result'), (doc, at) => {
    lose(doc, at);
    rewrite(doc, at, ({ message }) => (message.content[0].content = 'é\n'.repeat(1_200_000)));
  }),
  'an image that is too large': damage('oversize-image', true, (record) => holds(record, 'tool_result'), (doc, at) => {
    lose(doc, at);
    rewrite(doc, at, ({ message }) => (message.content[0].content = [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: `iVBORw0KGgo${'A'.repeat(6e6)}` } }]));
  }),
};

/** Kinds of damage to a whole file, or to its end. @type {Record<string, Damage>} */
export const ENDS = {
  'torn end': {
    class: 'torn-end',
    repairable: false,
    apply(doc) {
      const at = doc.lines.findLastIndex(({ record }) => record?.type === 'assistant');
      lose(doc, at);
      doc.lines.length = at + 1;
      put(doc, at, doc.lines[at].bytes.subarray(0, 250));
      doc.end = Buffer.alloc(0);
      return true;
    },
  },
  'NUL at the end': {
    class: 'torn-end',
    repairable: false,
    apply(doc, random) {
      doc.end = Buffer.concat([NEWLINE, Buffer.alloc(random.between(1, 4096))]);
      return true;
    },
  },
  'no end of the last line': {
    class: 'unended-line',
    repairable: false,
    apply(doc) {
      doc.end = Buffer.alloc(0);
      return true;
    },
  },
  'no time at the end': damage('missing-time', true, (record) => record?.type === 'assistant', (doc) => {
    const at = doc.lines.findLastIndex(({ record }) => isTurn(record));
    rewrite(doc, at, (record) => delete record.timestamp);
  }),
  'lost beginning': {
    class: 'lost-start',
    repairable: true,
    apply(doc) {
      const at = doc.lines.findIndex(({ record }) => record?.type === 'assistant');
      for (const { record } of doc.lines.splice(0, at)) if (record !== null) doc.gone.add(record.uuid);
      return true;
    },
  },
  'no parents at all': {
    class: 'broken-link',
    repairable: true,
    apply(doc) {
      doc.lines.forEach(({ record }, at) => record?.uuid !== undefined && rewrite(doc, at, (own) => (own.parentUuid = null)));
      return true;
    },
  },
};

/** Removes a record and links its children to its parent. @param {Doc} doc @param {number} at */
function closedUp(doc, at) {
  const { uuid, parentUuid } = doc.lines[at].record;
  lose(doc, at);
  doc.lines.splice(at, 1);
  doc.lines.forEach(({ record }, place) => record?.parentUuid === uuid && rewrite(doc, place, (own) => (own.parentUuid = parentUuid)));
}

/** @param {string} name @param {string} source @param {string[]} classes @param {Doc} doc @param {boolean} repairable @returns {Case} */
function caseOf(name, source, classes, doc, repairable) {
  const whole = read(source);
  const good = whole.lines.filter(({ record }) => isTurn(record) && !doc.gone.has(record.uuid)).flatMap(({ record }) => unitsOf(record.message));
  const session = whole.lines.find(({ record }) => record.sessionId !== undefined)?.record.sessionId;
  return { name: `${name} (${source})`, classes, session, bytes: bytesOf(doc), good: [...new Set(good)], repairable, source };
}

/** Returns all broken sessions, the same in every run. @returns {Case[]} */
export function brokenSessions(seed = 6) {
  const random = new Random(seed);
  const cases = [];
  for (const [name, kind] of Object.entries({ ...DAMAGES, ...ENDS })) {
    // Apply each damage to the first two sessions in which it finds something.
    let made = 0;
    for (const source of SOURCES) {
      const doc = read(source);
      if (made < 2 && kind.apply(doc, random)) {
        cases.push(caseOf(name, source, [kind.class], doc, kind.repairable));
        made += 1;
      }
    }
  }
  cases.push(caseOf('two clients at once', FORKED, ['fork'], read(FORKED), true));
  while (cases.length < 2 * Object.keys({ ...DAMAGES, ...ENDS }).length + COMBINED) {
    const source = random.pick(['edits', 'edits', 'todos', 'plan']);
    const doc = read(source);
    const names = Object.keys(DAMAGES).filter((name) => name !== 'an image that is too large');
    const applied = [];
    for (let left = random.between(2, 4); left > 0; left -= 1) {
      const name = random.pick(names);
      if (DAMAGES[name].apply(doc, random)) applied.push(name);
    }
    if (applied.length < 2) continue;
    if (random.chance(0.3)) {
      applied.push('torn end');
      ENDS['torn end'].apply(doc, random);
    }
    cases.push(caseOf(applied.join(' + '), source, applied.map((name) => ({ ...DAMAGES, ...ENDS })[name].class), doc, true));
  }
  return cases;
}

/** Returns transcripts in which there is nothing to repair. */
export function soundSessions() {
  return [...SOURCES, 'compacted', 'interrupted', 'killed-mid-turn', 'quota-mid-turn-print', 'resumed-after-kill'].map((source) => caseOf('as recorded', source, [], read(source), false));
}
