// Conversations of each kind that `repair` handles beyond damaged lines, built record by record: what the client must send of each after
// the repair, and what it must not send. `repair-kinds.test.mjs` runs the command on them, `client/repair.test.mjs` the real client.

import { createHash } from 'node:crypto';

const FOREIGN = '5e551000-0000-4000-8000-00000000f0e1';
const MB = 1024 * 1024;

/**
 * @typedef {object} Kind
 * @property {string} name
 * @property {string} session
 * @property {Buffer} bytes
 * @property {string[]} classes Findings that are reported.
 * @property {boolean} repairable
 * @property {string[]} sent Words that the client sends after the repair.
 * @property {string[]} away Words that it sends neither before nor after.
 * @property {string[]} lost Words that it does not send before the repair.
 */

/** A conversation, written in the client's format. */
export class Conversation {
  /** @type {any[]} */
  records = [];
  /** @type {string | null} */
  head = null;
  entrypoint = 'cli';
  #clock = Date.parse('2026-11-28T08:00:00Z');

  constructor(/** @type {string} */ name) {
    this.session = uuid(name);
    this.name = name;
  }

  link(/** @type {object} */ record, parent = this.head) {
    this.#clock += 2000;
    const id = uuid(`${this.name} ${this.records.length}`);
    const fields = { isSidechain: false, userType: 'external', entrypoint: this.entrypoint, cwd: '/work', sessionId: this.session, version: '2.1.332', gitBranch: 'main', timestamp: new Date(this.#clock).toISOString() };
    this.records.push({ parentUuid: parent, ...fields, ...record, uuid: id });
    this.head = id;
    return id;
  }

  later(/** @type {number} */ hours) {
    this.#clock += hours * 3_600_000;
    return this;
  }

  user(/** @type {any} */ content, rest = {}) {
    return this.link({ type: 'user', message: { role: 'user', content }, ...rest });
  }

  assistant(/** @type {any} */ block, message = `msg_${this.records.length}`, stop = 'end_turn') {
    const usage = { input_tokens: 12, output_tokens: 4 };
    return this.link({ type: 'assistant', message: { id: message, type: 'message', role: 'assistant', model: 'claude-opus-4-8', content: [block], stop_reason: stop, stop_sequence: null, usage } });
  }

  call(/** @type {string} */ id, name = 'Bash', message = `msg_${this.records.length}`) {
    const input = name === 'Skill' ? { skill: 'example' } : { command: 'ls', description: 'list' };
    return this.assistant({ type: 'tool_use', id, name, input }, message, 'tool_use');
  }

  result(/** @type {string} */ id, /** @type {any} */ content, call = this.head) {
    return this.link({ type: 'user', sourceToolAssistantUUID: call, toolUseResult: {}, message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content }] } }, call);
  }

  turn(/** @type {string} */ word, tool = `toolu_${this.records.length}`) {
    this.user(`${word}-asked`, { origin: { kind: 'human' }, promptSource: 'typed' });
    this.call(tool);
    this.result(tool, `${word}-result`);
    return this.assistant({ type: 'text', text: `${word}-answered` });
  }

  compact(/** @type {string} */ word) {
    this.link({ type: 'system', subtype: 'compact_boundary', content: 'Conversation compacted', isMeta: false, level: 'info', logicalParentUuid: this.head, compactMetadata: { trigger: 'manual', preTokens: 1000 } }, null);
    return this.user(`This session is being continued from a previous conversation: ${word}`, { isCompactSummary: true, isVisibleInTranscriptOnly: true });
  }

  get bytes() {
    return Buffer.from(this.records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  }
}

/** @param {string} name */
function uuid(name) {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** @param {string} word */
const turnOf = (word) => [`${word}-asked`, `${word}-result`, `${word}-answered`];

/** @param {Conversation} one @param {Partial<Kind>} truth @returns {Kind} */
const kind = (one, truth) => ({ name: one.name, session: one.session, bytes: one.bytes, classes: [], repairable: false, sent: [], away: [], lost: [], ...truth });

/** Returns a conversation that the user rewound from another front end, and the ids of the last records of both branches. */
export function rewound() {
  const one = new Conversation('rewound elsewhere');
  one.entrypoint = 'sdk-cli';
  one.turn('base');
  const fork = one.head;
  const left = one.turn('bad');
  one.later(5).entrypoint = 'cli';
  one.head = fork;
  const right = one.turn('right');
  return { ...kind(one, { classes: ['fork'], sent: ['base', 'right'].flatMap(turnOf), away: turnOf('bad') }), left, right };
}

/** @returns {Kind[]} */
export function repairKinds() {
  const reused = new Conversation('reused tool ids');
  for (const word of ['first', 'second', 'third']) reused.turn(word, 'exec_0');

  const twice = new Conversation('every record twice');
  for (const word of ['first', 'second']) twice.turn(word);
  twice.records = twice.records.flatMap((record) => [record, { ...record, parentUuid: null }]);

  const compacted = new Conversation('a second compaction that follows the time before the first');
  compacted.turn('old');
  const before = compacted.head;
  compacted.compact('SUMMARY-ONE');
  compacted.turn('between');
  compacted.compact('SUMMARY-TWO');
  compacted.head = before;
  compacted.turn('new');

  const images = new Conversation('images that together are too large');
  images.turn('first');
  for (let number = 0; number < 9; number += 1) {
    images.call(`toolu_image_${number}`);
    const data = `iVBORw0KGgo${'A'.repeat(3.5 * MB)}`;
    images.result(`toolu_image_${number}`, [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }]);
  }
  images.assistant({ type: 'text', text: 'seen-all' });
  images.turn('last');

  const skill = (/** @type {string} */ name) => {
    const one = new Conversation(name);
    one.user('go-asked', { origin: { kind: 'human' } });
    const calls = ['Bash', 'Skill', 'Read'].map((tool) => [`toolu_${tool}`, one.call(`toolu_${tool}`, tool, 'msg_parallel')]);
    for (const [id, call] of calls) {
      one.result(id, `${id}-result`, call);
      if (id === 'toolu_Skill') one.user([{ type: 'text', text: 'SKILL-BODY' }], { isMeta: true, sourceToolUseID: id });
    }
    one.assistant({ type: 'text', text: 'all-done' });
    one.turn('more');
    return one;
  };
  const skillWords = ['go-asked', 'toolu_Bash-result', 'toolu_Skill-result', 'toolu_Read-result', 'SKILL-BODY', 'all-done'];
  const sound = skill('a skill among parallel calls');
  const glued = skill('a skill among parallel calls, and a torn line in front of a prompt');
  const lines = glued.bytes.toString().trimEnd().split('\n').map((line) => (line.includes('more-asked') ? `{"parentUuid":"torn${line}` : line));

  const foreign = new Conversation('records of another session at the end');
  for (const word of ['first', 'second']) foreign.turn(word);
  const own = foreign.session;
  foreign.head = null;
  foreign.session = FOREIGN;
  foreign.turn('foreign');
  foreign.session = own;

  const long = new Conversation('a result on a line of more than 32 MiB');
  long.turn('first');
  long.call('toolu_long');
  long.result('toolu_long', `LONG-BEGIN ${'x'.repeat(33 * MB)} LONG-END`);
  long.assistant({ type: 'text', text: 'read-it' });
  long.turn('last');

  return [
    kind(reused, { classes: ['reused-tool-id'], repairable: true, sent: ['first', 'second', 'third'].flatMap(turnOf), lost: ['second-result', 'third-result'] }),
    kind(twice, { classes: ['replayed-record'], repairable: true, sent: ['first', 'second'].flatMap(turnOf), lost: ['first-asked'] }),
    kind(compacted, { classes: ['lost-compaction'], repairable: true, sent: ['SUMMARY-TWO', ...turnOf('new')], lost: ['SUMMARY-TWO'] }),
    kind(images, { classes: ['oversize-images'], repairable: true, sent: [...turnOf('first'), 'seen-all', ...turnOf('last')] }),
    kind(sound, { sent: [...skillWords, ...turnOf('more')] }),
    kind(glued, { bytes: Buffer.from(`${lines.join('\n')}\n`), classes: ['buried-record'], repairable: true, sent: [...skillWords, ...turnOf('more')], lost: ['more-asked'] }),
    rewound(),
    kind(foreign, { classes: ['other-session', 'wrong-end'], repairable: true, sent: ['first', 'second'].flatMap(turnOf), lost: ['second-answered'] }),
    kind(long, { sent: [...turnOf('first'), 'LONG-END', 'read-it', ...turnOf('last')] }),
  ];
}
