// Writes a conversation: the records of one session in the formats of the real client, and the truth about them. Key order, key names and
// the fields around a message are those of recorded transcripts (fixtures/transcripts).

import { sentence } from './vocabulary.mjs';

const CLIENT_PROMPT_CHARACTERS = 200;
const LARGEST_CONTEXT = 190_000;
/** Prompts longer than this are cut in the truth file; no comparison needs more. */
const KEPT_PROMPT_CHARACTERS = 2000;

export class Conversation {
  /**
   * @param {{output: import('./output.mjs').Output, random: import('./random.mjs').Random, filler: import('./filler.mjs').Filler,
   *   client: import('./clients.mjs').Client, entrypoint: string, id: string, cwd: string, truth: Record<string, any>, startsAt: number}} parts
   *   `startsAt` in epoch milliseconds.
   */
  constructor({ output, random, filler, client, entrypoint, id, cwd, truth, startsAt }) {
    Object.assign(this, { output, random, filler, client, entrypoint, id, cwd, truth });
    /** Time of the newest record, epoch milliseconds. */
    this.clock = startsAt;
    this.parent = null;
    this.model = random.pick(['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5']);
    this.branch = random.pick(['main', 'master', `feat/${sentence(random, 1)}`, `fix/${random.hex(5)}`, 'HEAD']);
    this.context = random.between(14_000, 23_000);
    this.messages = 0;
    this.files = new Set();
    this.shape = random.hex(64);
    this.lastUser = '';
    /** Title of the session: the record's type, its key and the text; `null` without a title. */
    this.title = null;
    Object.assign(truth, { version: client.version, gitBranch: this.branch });
  }

  // --- pieces

  text(bytes) {
    return this.filler.text(this.random, this.output.pieces, bytes);
  }

  base64(bytes) {
    return this.filler.base64(this.random, this.output.pieces, bytes);
  }

  /** Advances the clock and returns the time of the next record. */
  tick() {
    this.clock += this.random.between(400, 3400);
    return new Date(this.clock).toISOString();
  }

  wait(seconds) {
    this.clock += seconds * 1000;
  }

  /** Epoch seconds of the newest record. */
  get seconds() {
    return Math.floor(this.clock / 1000);
  }

  // --- records of the conversation

  /** Writes a record of the chain: `inner` before its id and time, `outer` after them. */
  chained(inner, outer = {}, sidechain = false) {
    const uuid = this.first ?? this.random.uuid();
    this.first = undefined;
    this.output.record({ parentUuid: this.parent, isSidechain: sidechain, ...inner, uuid, timestamp: this.tick(), ...outer, ...this.surroundings() });
    this.parent = uuid;
    return uuid;
  }

  surroundings() {
    return { userType: 'external', entrypoint: this.entrypoint, cwd: this.cwd, sessionId: this.id, version: this.client.version, gitBranch: this.branch };
  }

  /** Writes a prompt that the user typed. */
  prompt(text) {
    const { truth, random } = this;
    truth.turns += 1;
    truth.lastPrompt = text.slice(0, KEPT_PROMPT_CHARACTERS);
    truth.firstPrompt ??= truth.lastPrompt;
    this.shownPrompt = text;
    const content = random.chance(0.8) ? text : [{ type: 'text', text }];
    const position = { promptIndex: truth.turns, turnIndex: truth.turns };
    const origin = this.client.requests ? { origin: { kind: 'human' }, promptSource: 'typed', turnOrigin: 'human', turnPosition: position } : {};
    this.lastUser = this.chained({ promptId: random.uuid(), type: 'user', message: { role: 'user', content } }, { permissionMode: 'auto', ...origin });
  }

  /** Writes a user record that the user did not type. */
  clientMade(content, outer = {}) {
    this.chained({ type: 'user', message: { role: 'user', content } }, outer);
  }

  /** Writes one block of an answer; all blocks of an answer have the same message id. */
  answer(block, stopReason) {
    this.messages += 1;
    this.truth.assistantRecords += 1;
    const message = { id: this.messageId, type: 'message', role: 'assistant', model: this.model, content: [block], stop_reason: stopReason, stop_sequence: null, usage: this.usage(), stop_details: null };
    this.chained({ message, apiBlockIndex: 0, requestId: `req_${this.random.hex(20)}`, type: 'assistant' }, { effort: 'medium', madeBy: 'model' });
  }

  words(bytes, stopReason, needle) {
    const filler = this.text(bytes);
    // A needle comes before the filler, inside the same text block; both are one string of the record.
    this.answer({ type: 'text', text: needle === undefined ? filler : new Joined(needle, filler) }, stopReason);
  }

  thinking(bytes) {
    this.answer({ type: 'thinking', thinking: this.text(bytes), signature: this.base64(this.random.between(400, 2400)) }, null);
  }

  call(name, input) {
    const id = `toolu_01${this.random.hex(22)}`;
    this.truth.toolUses += 1;
    this.answer({ type: 'tool_use', id, name, input }, 'tool_use');
    return id;
  }

  /** Writes the result of a call. `detail` is the client's own form of it. */
  result(id, content, detail, outer = {}) {
    const block = { tool_use_id: id, type: 'tool_result', content, ...(this.random.chance(0.05) && { is_error: true }) };
    this.chained({ promptId: this.random.hex(8), type: 'user', message: { role: 'user', content: [block] } }, { toolUseResult: detail, sourceToolAssistantUUID: this.parent, ...outer });
  }

  /** Writes an error in place of an answer. */
  failure(text, fields) {
    const usage = { output_tokens_details: null, input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 }, service_tier: null };
    const message = { diagnostics: null, id: this.random.uuid(), container: null, model: '<synthetic>', role: 'assistant', stop_details: null, stop_reason: 'stop_sequence', stop_sequence: '', type: 'message', usage, content: [{ type: 'text', text }], context_management: null };
    const uuid = this.random.uuid();
    this.output.record({ parentUuid: this.parent, isSidechain: false, type: 'assistant', uuid, timestamp: this.tick(), message, requestId: `req_${this.random.hex(20)}`, ...fields, isApiErrorMessage: true, ...this.surroundings() });
    this.parent = uuid;
  }

  system(subtype, inner) {
    this.chained({ type: 'system', subtype, ...inner });
  }

  attachment(type, inner, bytes) {
    if (!this.client.attachments) return;
    this.chained({ attachment: { type, ...inner }, type: 'attachment' }, { rendered: [{ content: this.text(bytes) }], renderedRole: 'system' });
  }

  promptSnapshot(withTools) {
    if (!this.client.attachments) return;
    const tools = withTools && { tools: Array.from({ length: 18 }, (_, at) => ({ name: `Tool${at}`, description: this.text(2500), schema: { type: 'object', properties: { a: { type: 'string' } } } })) };
    this.chained({ attachment: { type: 'prompt_snapshot', systemPrompt: [this.text(7000)], ...tools, reminderFold: false, echoWireToolInputs: false }, type: 'attachment' });
  }

  // --- records beside the conversation

  /** Writes the records of one request to the API. */
  request() {
    this.messageId = `msg_01${this.random.hex(22)}`;
    this.context = Math.min(LARGEST_CONTEXT, this.context + this.random.below(2500));
    if (!this.client.requests) return;
    const { random } = this;
    const ephemeral = { type: 'ephemeral', ttl: '1h' };
    this.output.record({
      type: 'api-request',
      sessionId: this.id,
      id: random.uuid(),
      timestamp: this.tick(),
      version: this.client.version,
      querySource: this.entrypoint === 'cli' ? 'repl_main_thread' : 'sdk',
      shapeHash: this.shape,
      params: { model: this.model, betas: ['claude-code-20250219', 'interleaved-thinking-2025-05-14'], max_tokens: 128000, thinking: { type: 'adaptive', display: 'updates' }, output_config: { effort: 'medium' } },
      keep: this.messages,
      tail: [random.hex(64), random.hex(64)],
      cacheControl: [{ path: ['system', 0], value: ephemeral }, { path: ['messages', 1, 'content', 0], value: ephemeral }],
      requestDigest: random.hex(64),
    });
  }

  requestShape() {
    if (!this.client.requests) return;
    const tools = Array.from({ length: 14 }, (_, at) => ({ name: `Tool${at}`, description: this.text(2400) }));
    this.output.record({ type: 'api-request-shape', sessionId: this.id, shapeHash: this.shape, timestamp: this.tick(), version: this.client.version, shape: { system: [{ type: 'text', text: this.text(7000) }], tools } });
  }

  requestBlob() {
    if (!this.client.requests) return;
    this.output.record({ type: 'api-request-blob', sessionId: this.id, hash: this.random.hex(64), message: { role: 'user', content: [{ type: 'text', text: this.text(this.random.between(300, 2800)) }] } });
  }

  /** Writes the batch of metadata that the client appends at every checkpoint. */
  checkpoint() {
    if (this.shownPrompt !== undefined) this.output.record({ type: 'last-prompt', lastPrompt: clientsCut(this.shownPrompt), leafUuid: this.parent, sessionId: this.id });
    if (this.title !== null && this.title.type !== 'summary') this.titleRecord();
    this.modes();
  }

  modes() {
    if (!this.client.requests) return;
    this.output.record({ type: 'mode', mode: 'normal', sessionId: this.id });
    this.output.record({ type: 'permission-mode', permissionMode: 'auto', sessionId: this.id });
    this.output.record({ type: 'atis-latch', atis: '', sessionId: this.id });
  }

  titleRecord() {
    const { type, key, text } = this.title;
    if (type === 'summary') {
      // The record must name a message of this file; the title of another file's message belongs to another session.
      if (this.parent === null) this.first = this.random.uuid();
      this.output.record({ type, summary: text, leafUuid: this.parent ?? this.first });
      return;
    }
    this.output.record({ type, [key]: text, sessionId: this.id });
    // A name that the user gave is written in both forms.
    if (type === 'custom-title') this.output.record({ type: 'agent-name', agentName: text, sessionId: this.id });
  }

  fileSnapshot(backups, update) {
    const messageId = update ? this.lastUser : this.random.uuid();
    this.output.record({ type: 'file-history-snapshot', messageId, snapshot: { messageId, trackedFileBackups: backups, timestamp: this.tick() }, isSnapshotUpdate: update });
  }

  /** Writes the record of a process that ends normally. */
  costState() {
    const { random } = this;
    this.output.record({ type: 'cost-state', sessionId: this.id, totalCostUSD: random.below(4e7) / 1e6, totalAPIDuration: random.below(1e6), totalLinesAdded: random.below(4000), totalLinesRemoved: random.below(2000), totalDuration: random.below(1e7), modelUsage: {}, hasUnknownModelCost: false });
  }

  /** Returns the usage of the last answer; its input is the size of the context, which the truth records. */
  usage() {
    const { random } = this;
    const input = random.between(1, 2000);
    const created = random.below(3000);
    const read = Math.max(0, this.context - input - created);
    Object.assign(this.truth, { contextTokens: input + created + read, model: this.model });
    return { input_tokens: input, cache_creation_input_tokens: created, cache_read_input_tokens: read, output_tokens: random.between(1, 1500), server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 }, service_tier: 'standard', cache_creation: { ephemeral_1h_input_tokens: created, ephemeral_5m_input_tokens: 0 }, inference_geo: '', speed: 'standard' };
  }
}

/** Returns a prompt as the client stores it in `last-prompt`: on one line, cut by UTF-16 units, which may split a character. */
export function clientsCut(prompt) {
  const line = prompt.replace(/\s+/g, ' ').trim();
  return line.length > CLIENT_PROMPT_CHARACTERS ? `${line.slice(0, CLIENT_PROMPT_CHARACTERS).trim()}…` : line;
}

/** A text before filler, as one JSON string. */
class Joined {
  constructor(before, piece) {
    Object.assign(this, { before, piece });
  }

  toJSON() {
    return `${this.before} ${this.piece.toJSON()}`;
  }
}
