'use strict';
// A Messages API on 127.0.0.1 that plays a scenario: each request of the main conversation takes the next step (an answer, a tool call, a
// usage limit, a failure, a dropped connection), so that a stop can be staged without quota, network or a real credential. It records every
// request with its time, which is the only proof that the client sent nothing between a stop and its reset.

const { EventEmitter } = require('node:events');
const http = require('node:http');

/** @typedef {import('node:http').IncomingMessage} IncomingMessage */
/** @typedef {import('node:http').ServerResponse} ServerResponse */
/** @typedef {'5h' | 'weekly' | 'opus' | 'sonnet' | 'overage'} LimitKind */
/** @typedef {'rate-limit' | 'overloaded' | 'server-error' | 'auth' | 'forbidden' | 'billing' | 'context-full' | 'bad-request'} FailureKind */
/**
 * How the API answers one request. `times` (a count or `Infinity`) repeats a step, `until` (epoch seconds) repeats it until that second,
 * `delay` delays the answer by that many seconds.
 *
 * @typedef {object} Step
 * @property {'text' | 'tool' | 'think' | 'limit' | 'failure' | 'drop' | 'hang'} reply
 * @property {number} [times]
 * @property {number} [until]
 * @property {number} [delay]
 * @property {number} [left] Remaining repeats, counted down by the API.
 * @property {string} [text]
 * @property {string} [name] Name of a tool.
 * @property {object} [input] Input of a tool.
 * @property {string} [say] Text before a tool call.
 * @property {LimitKind | FailureKind} [kind]
 * @property {number} [resetsAt] Epoch seconds.
 * @property {number} [seconds] Seconds from the first refused request to the reset; or the duration of a thinking answer.
 * @property {number} [every] Seconds between two events of a thinking answer.
 * @property {'delta' | 'ping'} [sign] Kind of event that a thinking answer sends meanwhile.
 * @property {number} [status]
 * @property {string} [message]
 * @property {Record<string, string>} [headers]
 * @property {'before' | 'middle'} [when]
 */
/** @typedef {Partial<Step>} More */
/** A request as the API received it. @typedef {ReturnType<typeof describe>} RequestRecord */

/** Largest accepted request body in bytes; a real first request is 50 to 120 KB. */
const BODY_LIMIT = 64 * 1024 * 1024;

/** Output tokens that every answer reports. */
const OUTPUT_TOKENS = 42;

/** The client's names of the limits, by the word that a scenario uses. @type {Record<LimitKind, string>} */
const LIMIT_CLAIMS = {
  '5h': 'five_hour',
  weekly: 'seven_day',
  opus: 'seven_day_opus',
  sonnet: 'seven_day_sonnet',
  overage: 'overage',
};

/**
 * Failures of the real service: status, error type and the message that the client recognizes.
 *
 * @type {Record<FailureKind, [number, string, string]>}
 */
const FAILURES = {
  'rate-limit': [429, 'rate_limit_error', 'This request would exceed the rate limit for your organization.'],
  overloaded: [529, 'overloaded_error', 'Overloaded'],
  'server-error': [500, 'api_error', 'Internal server error'],
  auth: [401, 'authentication_error', 'invalid x-api-key'],
  forbidden: [403, 'permission_error', 'OAuth authentication is currently not allowed for this organization.'],
  billing: [
    400,
    'invalid_request_error',
    'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
  ],
  'context-full': [400, 'invalid_request_error', 'prompt is too long: 1048577 tokens > 1000000 maximum'],
  'bad-request': [400, 'invalid_request_error', 'messages: something about this request is invalid'],
};

/** Steps of a scenario. A step answers one request unless `times` or `until` of {@link Step} says otherwise. */
const step = {
  /**
   * Ends the turn with a text.
   *
   * @param {string} text
   * @param {More} [more]
   * @returns {Step}
   */
  text: (text, more) => ({ reply: 'text', text, ...more }),
  /**
   * Calls a tool; the next request of the conversation carries its result.
   *
   * @param {string} name
   * @param {object} input
   * @param {More} [more]
   * @returns {Step}
   */
  tool: (name, input, more) => ({ reply: 'tool', name, input, ...more }),
  /**
   * Thinks for `seconds` before it ends the turn with a text. `every` (default 2 s) sets the interval between events, `sign` their kind: a
   * `delta` of the thinking, or only a `ping` that keeps the connection open.
   *
   * @param {number} seconds
   * @param {string} text
   * @param {More} [more]
   * @returns {Step}
   */
  think: (seconds, text, more) => ({ reply: 'think', seconds, text, every: 2, sign: 'delta', ...more }),
  /**
   * A subscriber's usage limit: refuses every request before `resetsAt` (epoch seconds); after that the next step answers.
   *
   * @param {LimitKind} kind
   * @param {number} resetsAt
   * @param {More} [more]
   * @returns {Step}
   */
  limit: (kind, resetsAt, more) => ({ reply: 'limit', kind, resetsAt, until: resetsAt, ...more }),
  /**
   * A usage limit that resets `seconds` after the first request that it refuses.
   *
   * @param {LimitKind} kind
   * @param {number} seconds
   * @param {More} [more]
   * @returns {Step}
   */
  limitFor: (kind, seconds, more) => ({ reply: 'limit', kind, seconds, ...more }),
  /**
   * One of the {@link FAILURES}. `message` and `status` replace the default values; `headers` are added.
   *
   * @param {FailureKind} kind
   * @param {More} [more]
   * @returns {Step}
   */
  failure: (kind, more) => ({ reply: 'failure', kind, ...more }),
  /**
   * Cuts the connection: `before` an answer begins, or in the `middle` of one.
   *
   * @param {'before' | 'middle'} when
   * @param {More} [more]
   * @returns {Step}
   */
  drop: (when, more) => ({ reply: 'drop', when, ...more }),
  /**
   * Accepts the request and never answers it; with `when: 'middle'` it begins an answer and never ends it.
   *
   * @param {More} [more]
   * @returns {Step}
   */
  hang: (more) => ({ reply: 'hang', ...more }),
};

/**
 * Starts the API on a free port of 127.0.0.1.
 *
 * @param {object} options
 * @param {Step[]} [options.scenario] Steps for the main conversation, in order; then `otherwise`.
 * @param {Step[]} [options.subagents] Steps for requests of subagents.
 * @param {Step} [options.otherwise] Step for a request whose list is used up; a short text by default.
 * @returns {Promise<LoopbackApi>}
 */
function startApi({ scenario = [], subagents = [], otherwise = step.text('Done.') } = {}) {
  return new LoopbackApi(scenario, subagents, otherwise).listen();
}

/** A running API: `url`, the `requests` received so far, and the rest of the scenario. Emits `request` with each record. */
class LoopbackApi extends EventEmitter {
  /** @param {Step[]} scenario @param {Step[]} subagents @param {Step} otherwise */
  constructor(scenario, subagents, otherwise) {
    super();
    /** Set once the server listens. */
    this.url = '';
    /** @type {RequestRecord[]} */
    this.requests = [];
    this.otherwise = otherwise;
    /** @type {{main: Step[], subagent: Step[]}} */
    this.queues = { main: [...scenario], subagent: [...subagents] };
    this.server = http.createServer((request, response) => this.#take(request, response));
    // A client keeps its connections open, and the server's own timeout must not end a hanging step.
    this.server.requestTimeout = 0;
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', () => resolve(undefined));
    });
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.server.address());
    this.url = `http://127.0.0.1:${port}`;
    return this;
  }

  /** Replaces the remaining steps of the main conversation. @param {Step[]} steps */
  play(...steps) {
    this.queues.main = steps;
  }

  /** Returns the requests of the main conversation, oldest first; with `since` (epoch milliseconds) only those after that time. */
  conversation(since = 0) {
    return this.requests.filter((record) => record.kind === 'main' && record.at > since);
  }

  /** Closes the server and all its connections. */
  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** @param {IncomingMessage} request @param {ServerResponse} response */
  #take(request, response) {
    const at = Date.now();
    /** @type {Buffer[]} */
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > BODY_LIMIT) request.destroy();
      else chunks.push(chunk);
    });
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('end', () => {
      const body = parse(Buffer.concat(chunks));
      const record = describe(request, body, at, this.requests.length + 1);
      this.requests.push(record);
      this.#answer(record, body, response);
      this.emit('request', record);
    });
  }

  /** @param {RequestRecord} record @param {any} body @param {ServerResponse} response */
  #answer(record, body, response) {
    if (record.kind === 'other') {
      if (record.method === 'HEAD' || record.method === 'OPTIONS') return send(response, 200, null);
      return sendError(response, record, 404, 'not_found_error', 'Not found');
    }
    if (body === null) return sendError(response, record, 400, 'invalid_request_error', 'The body is not a JSON object.');
    if (record.kind === 'count') return send(response, 200, { input_tokens: 1200 });
    // Requests for titles and other side questions must not use up the scenario.
    const next = record.kind === 'helper' ? step.text('Drill') : this.#next(record.kind, record.at);
    record.answer = next.kind ? `${next.reply} ${next.kind}` : next.reply;
    const play = () => this.#play(next, record, body, response);
    if (next.delay) setTimeout(play, next.delay * 1000).unref();
    else play();
  }

  /**
   * Returns the step for a request and removes a step that is used up.
   *
   * @param {'main' | 'subagent'} kind
   * @param {number} at Arrival of the request.
   * @returns {Step}
   */
  #next(kind, at) {
    const queue = this.queues[kind];
    while (queue.length > 0) {
      if (queue[0].reply === 'limit' && queue[0].seconds !== undefined) {
        const { kind: limit, seconds, ...more } = queue[0];
        queue[0] = step.limit(/** @type {LimitKind} */ (limit), Math.ceil(at / 1000 + seconds), more);
      }
      const head = queue[0];
      if (head.until !== undefined) {
        if (at < head.until * 1000) return head;
        queue.shift();
        continue;
      }
      const left = (head.left ?? head.times ?? 1) - 1;
      if (left > 0) queue[0] = { ...head, left };
      else queue.shift();
      return head;
    }
    return this.otherwise;
  }

  /** @param {Step} next @param {RequestRecord} record @param {any} body @param {ServerResponse} response */
  #play(next, record, body, response) {
    switch (next.reply) {
      case 'text':
        return sendMessage(response, record, body, [{ type: 'text', text: next.text }], 'end_turn');
      case 'tool': {
        /** @type {object[]} */
        const content = next.say ? [{ type: 'text', text: next.say }] : [];
        content.push({ type: 'tool_use', id: `toolu_${record.number}`, name: next.name, input: next.input });
        return sendMessage(response, record, body, content, 'tool_use');
      }
      case 'think':
        return sendThinking(response, record, body, next);
      case 'limit':
        return sendLimit(response, record, next);
      case 'failure': {
        const [status, type, message] = FAILURES[/** @type {FailureKind} */ (next.kind)];
        return sendError(response, record, next.status ?? status, type, next.message ?? message, next.headers);
      }
      case 'drop': {
        if (next.when === 'middle') {
          beginText(response, record, body);
          setTimeout(() => response.destroy(), 50);
          return undefined;
        }
        return response.socket?.resetAndDestroy();
      }
      case 'hang':
        if (next.when === 'middle') beginText(response, record, body);
        return undefined;
      default:
        throw new Error(`no such step: ${next.reply}`);
    }
  }
}

/**
 * Describes a request: its sender, its session and the text of the user's last message.
 *
 * @param {IncomingMessage} request
 * @param {any} body
 * @param {number} at Epoch milliseconds.
 * @param {number} number
 */
function describe(request, body, at, number) {
  const path = (request.url ?? '').split('?')[0];
  /** @type {{role: string, content: unknown}[]} */
  const messages = Array.isArray(body?.messages) ? body.messages : [];
  const users = messages.filter((message) => message.role === 'user').map(textOf);
  return {
    number,
    at,
    method: request.method,
    path,
    kind: kindOf(request, path, body),
    auth: request.headers.authorization ? 'subscriber' : request.headers['x-api-key'] ? 'key' : 'none',
    /** Credential of the request; never a real one. */
    credential: request.headers.authorization?.replace(/^Bearer /, '') ?? only(request.headers['x-api-key']),
    client: request.headers['user-agent'] ?? null,
    session: only(request.headers['x-claude-code-session-id']),
    agent: only(request.headers['x-claude-code-agent-id']),
    model: /** @type {string | null} */ (body?.model ?? null),
    stream: body?.stream === true,
    /** The conversation as it was sent, oldest first. */
    messages,
    /** Texts of the user messages, oldest first. */
    users,
    lastUser: users.at(-1) ?? null,
    /** HTTP status of the answer. @type {number | null} */
    status: null,
    /** Name of the step that answered. @type {string | null} */
    answer: null,
  };
}

/**
 * `main`: the conversation itself. `subagent`: sent on behalf of one (header `x-claude-code-agent-id`, clients 2.1.200 to 2.1.329).
 * `helper`: a side question such as a title, which offers no tools. `count`: token counting. `other`: anything else.
 *
 * @param {IncomingMessage} request
 * @param {string} path
 * @param {any} body
 * @returns {'main' | 'subagent' | 'helper' | 'count' | 'other'}
 */
function kindOf(request, path, body) {
  if (request.method !== 'POST') return 'other';
  if (path === '/v1/messages/count_tokens') return 'count';
  if (path !== '/v1/messages') return 'other';
  if (request.headers['x-claude-code-agent-id']) return 'subagent';
  return (body?.tools ?? []).some((/** @type {any} */ tool) => tool.name === 'Bash') ? 'main' : 'helper';
}

/** Returns the value of a header that occurs only once. @param {string | string[] | undefined} header */
function only(header) {
  return typeof header === 'string' ? header : null;
}

/** @param {{content: any}} message */
function textOf(message) {
  if (typeof message.content === 'string') return message.content;
  const blocks = /** @type {any[]} */ (message.content ?? []);
  return blocks.filter(({ type }) => type === 'text').map(({ text }) => text).join('\n');
}

/** @param {Buffer} bytes */
function parse(bytes) {
  try {
    const value = JSON.parse(bytes.toString('utf8'));
    return value !== null && typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/** @param {ServerResponse} response @param {number} status @param {unknown} value @param {Record<string, string>} [headers] */
function send(response, status, value, headers = {}) {
  const text = value === null ? '' : JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

/**
 * @param {ServerResponse} response
 * @param {RequestRecord} record
 * @param {number} status
 * @param {string} type
 * @param {string} message
 * @param {Record<string, string>} [headers]
 */
function sendError(response, record, status, type, message, headers = {}) {
  record.status = status;
  const request_id = `req_${record.number}`;
  send(response, status, { type: 'error', error: { type, message }, request_id }, { 'request-id': request_id, ...headers });
}

/**
 * Sends a usage-limit refusal as a subscriber gets it. The client reads the limit from the `anthropic-ratelimit-unified-*` headers, not
 * from the body.
 *
 * @param {ServerResponse} response
 * @param {RequestRecord} record
 * @param {Step} limit
 */
function sendLimit(response, record, { kind, resetsAt = 0 }) {
  const claim = LIMIT_CLAIMS[/** @type {LimitKind} */ (kind)];
  const fiveHour = claim === 'five_hour';
  const headers = unifiedHeaders({
    status: 'rejected',
    reset: resetsAt,
    claim,
    fiveHour: fiveHour ? ['rejected', 1, resetsAt] : ['allowed', 0.42, resetsAt],
    sevenDay: fiveHour ? ['allowed', 0.17, resetsAt + 4 * 86400] : ['rejected', 1, resetsAt],
  });
  headers['retry-after'] = String(Math.max(1, Math.ceil(resetsAt - Date.now() / 1000)));
  headers['x-should-retry'] = 'false';
  sendError(response, record, 429, 'rate_limit_error', "This request would exceed your account's rate limit. Please try again later.", headers);
}

/**
 * Returns a subscriber's quota headers: for each window its status, the share used (0 to 1) and the reset (epoch seconds).
 *
 * @param {{status: string, reset: number, claim: string, fiveHour: [string, number, number], sevenDay: [string, number, number]}} quota
 * @returns {Record<string, string>}
 */
function unifiedHeaders({ status, reset, claim, fiveHour, sevenDay }) {
  const name = 'anthropic-ratelimit-unified';
  return {
    [`${name}-status`]: status,
    [`${name}-reset`]: String(reset),
    [`${name}-representative-claim`]: claim,
    [`${name}-fallback-percentage`]: '0.5',
    [`${name}-overage-status`]: 'rejected',
    [`${name}-overage-disabled-reason`]: 'org_level_disabled',
    [`${name}-5h-status`]: fiveHour[0],
    [`${name}-5h-utilization`]: String(fiveHour[1]),
    [`${name}-5h-reset`]: String(fiveHour[2]),
    [`${name}-7d-status`]: sevenDay[0],
    [`${name}-7d-utilization`]: String(sevenDay[1]),
    [`${name}-7d-reset`]: String(sevenDay[2]),
  };
}

/** @param {RequestRecord} record @returns {Record<string, string>} */
function successHeaders(record) {
  const headers = { 'request-id': `req_${record.number}` };
  if (record.auth !== 'subscriber') return headers;
  const now = Math.floor(record.at / 1000);
  const reset = now + 4 * 3600;
  return {
    ...headers,
    ...unifiedHeaders({
      status: 'allowed',
      reset,
      claim: 'five_hour',
      fiveHour: ['allowed', 0.42, reset],
      sevenDay: ['allowed', 0.17, now + 4 * 86400],
    }),
  };
}

/** @param {RequestRecord} record @param {any} body */
function blankMessage(record, body) {
  return {
    id: `msg_${String(record.number).padStart(6, '0')}`,
    type: 'message',
    role: 'assistant',
    model: body.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 1200, cache_creation_input_tokens: 0, cache_read_input_tokens: 8000, output_tokens: 1 },
  };
}

/** @param {ServerResponse} response @param {RequestRecord} record @param {any} body */
function beginStream(response, record, body) {
  record.status = 200;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...successHeaders(record) });
  event(response, 'message_start', { message: blankMessage(record, body) });
}

/** Sends the beginning of an answer that never ends. @param {ServerResponse} response @param {RequestRecord} record @param {any} body */
function beginText(response, record, body) {
  beginStream(response, record, body);
  event(response, 'content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  event(response, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'So far' } });
}

/**
 * Streams a thinking block slowly, then a text, and ends the turn. A client that did not ask for a stream gets everything at the end.
 *
 * @param {ServerResponse} response
 * @param {RequestRecord} record
 * @param {any} body
 * @param {Step} thinking
 */
function sendThinking(response, record, body, { seconds = 0, every = 2, sign, text = '' }) {
  const streams = body.stream === true;
  if (streams) {
    beginStream(response, record, body);
    event(response, 'content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } });
    event(response, 'content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: 'Let me see.' } });
  }
  const life = setInterval(() => {
    if (!streams) return;
    if (sign === 'ping') event(response, 'ping', {});
    else event(response, 'content_block_delta', { index: 0, delta: { type: 'thinking_delta', thinking: ' And further.' } });
  }, every * 1000);
  const end = setTimeout(() => {
    clearInterval(life);
    if (!streams) return sendMessage(response, record, body, [{ type: 'text', text }], 'end_turn');
    event(response, 'content_block_delta', { index: 0, delta: { type: 'signature_delta', signature: 'bG9vcGJhY2s=' } });
    event(response, 'content_block_stop', { index: 0 });
    return endMessage(response, body, [{ type: 'text', text }], 'end_turn', 1);
  }, seconds * 1000);
  response.on('close', () => {
    clearInterval(life);
    clearTimeout(end);
  });
}

/** @param {ServerResponse} response @param {string} type @param {object} data */
function event(response, type, data) {
  response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
}

/**
 * @param {ServerResponse} response
 * @param {RequestRecord} record
 * @param {any} body
 * @param {any[]} content
 * @param {string} stopReason
 */
function sendMessage(response, record, body, content, stopReason) {
  if (body.stream !== true) {
    record.status = 200;
    const message = { ...blankMessage(record, body), content, stop_reason: stopReason };
    message.usage.output_tokens = OUTPUT_TOKENS;
    return send(response, 200, message, successHeaders(record));
  }
  beginStream(response, record, body);
  return endMessage(response, body, content, stopReason);
}

/**
 * Streams the rest of an answer; its blocks are numbered from `first`.
 *
 * @param {ServerResponse} response
 * @param {any} body
 * @param {any[]} content
 * @param {string} stopReason
 * @param {number} [first]
 */
function endMessage(response, body, content, stopReason, first = 0) {
  content.forEach((block, place) => {
    const index = first + place;
    const tool = block.type === 'tool_use';
    event(response, 'content_block_start', { index, content_block: tool ? { ...block, input: {} } : { type: 'text', text: '' } });
    const delta = tool ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) } : { type: 'text_delta', text: block.text };
    event(response, 'content_block_delta', { index, delta });
    event(response, 'content_block_stop', { index });
  });
  const delta = { stop_reason: stopReason, stop_sequence: null, ...safetyCheck(body, content) };
  event(response, 'message_delta', { delta, usage: { output_tokens: OUTPUT_TOKENS } });
  event(response, 'message_stop', {});
  return response.end();
}

/**
 * Answers the safety check of tool calls, without which a client in mode `auto` runs no tool (2.1.332). It approves every call.
 *
 * @param {any} body
 * @param {any[]} content
 */
function safetyCheck(body, content) {
  const asked = Array.isArray(body.safeguards) ? body.safeguards.find((/** @type {any} */ one) => one?.type === 'dangerous_tool_use') : undefined;
  if (asked === undefined) return {};
  const calls = content.filter(({ type }) => type === 'tool_use');
  const tool_uses = Object.fromEntries(calls.map(({ id }) => [id, { type: 'evaluated', outcome: 'not_flagged' }]));
  return { safeguard_results: [{ type: asked.type, status: { type: 'available', tool_uses } }] };
}

module.exports = { startApi, step };
