'use strict';
// A Messages API on 127.0.0.1 that plays a scenario: each request of the main conversation takes the next step (an answer,
// a tool call, a usage limit, a failure, a dropped connection), so that a stop can be staged without quota, network or a real credential.
// Every request is kept with its time, which is the only proof that nothing was asked between a stop and its end.

const { EventEmitter } = require('node:events');
const http = require('node:http');

/** Largest request body taken, in bytes; a real first request is 50 to 120 KB. */
const BODY_LIMIT = 64 * 1024 * 1024;

/** Names of the limits as the client knows them, by the word a scenario uses. Seen with clients 2.1.79 to 2.1.329. */
const LIMIT_CLAIMS = {
  '5h': 'five_hour',
  weekly: 'seven_day',
  opus: 'seven_day_opus',
  sonnet: 'seven_day_sonnet',
  overage: 'overage',
};

/** The failures of the real service: status, error type and the message the client recognises. */
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

/**
 * The steps a scenario is made of. Every step answers one request unless it says otherwise:
 * `times` (a count or `Infinity`) repeats it, `until` (epoch seconds) repeats it up to that second.
 */
const step = {
  /** Ends the turn with a text. `delay`: seconds before the answer. */
  text: (text, more) => ({ reply: 'text', text, ...more }),
  /** Calls a tool; the next request of the conversation carries its result. */
  tool: (name, input, more) => ({ reply: 'tool', name, input, ...more }),
  /** A subscriber's usage limit: refuses every request before `resetsAt` (epoch seconds), then gives way to the next step. */
  limit: (kind, resetsAt, more) => ({ reply: 'limit', kind, resetsAt, until: resetsAt, ...more }),
  /** The same, with the reset so many whole seconds after the first request that meets it. */
  limitFor: (kind, seconds, more) => ({ reply: 'limit', kind, seconds, ...more }),
  /** One of the {@link FAILURES}. `message` and `headers` replace or add. */
  failure: (kind, more) => ({ reply: 'failure', kind, ...more }),
  /** Cuts the connection: `before` an answer began, or in the `middle` of one. */
  drop: (when, more) => ({ reply: 'drop', when, ...more }),
  /** Accepts the request and never answers it. */
  hang: (more) => ({ reply: 'hang', ...more }),
};

/**
 * Starts the API on a free port of 127.0.0.1.
 *
 * @param {object} options
 * @param {object[]} [options.scenario] steps for the main conversation, in order; then `otherwise`.
 * @param {object[]} [options.subagents] steps for requests of subagents.
 * @param {object} [options.otherwise] what a request gets once its list is used up; a short text when absent.
 * @returns {Promise<LoopbackApi>}
 */
function startApi({ scenario = [], subagents = [], otherwise = step.text('Done.') } = {}) {
  return new LoopbackApi(scenario, subagents, otherwise).listen();
}

/** A running API: `url`, the `requests` seen so far, and the scenario still to play. Emits `request` with each record. */
class LoopbackApi extends EventEmitter {
  constructor(scenario, subagents, otherwise) {
    super();
    this.url = null;
    this.requests = [];
    this.otherwise = otherwise;
    this.queues = { main: [...scenario], subagent: [...subagents] };
    this.server = http.createServer((request, response) => this.#take(request, response));
    // A client keeps its connections; a hanging step must not be ended by the server's own clock.
    this.server.requestTimeout = 0;
  }

  async listen() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(0, '127.0.0.1', resolve);
    });
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  /** Replaces what is still to be played for the main conversation. */
  play(...steps) {
    this.queues.main = steps;
  }

  /** The requests of the main conversation, oldest first; with `since` (epoch milliseconds) only later ones. */
  conversation(since = 0) {
    return this.requests.filter((record) => record.kind === 'main' && record.at > since);
  }

  /** Ends the server and every connection it holds. */
  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #take(request, response) {
    const at = Date.now();
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

  #answer(record, body, response) {
    if (record.kind === 'other') {
      if (record.method === 'HEAD' || record.method === 'OPTIONS') return send(response, 200, null);
      return sendError(response, record, 404, 'not_found_error', 'Not found');
    }
    if (body === null) return sendError(response, record, 400, 'invalid_request_error', 'The body is no JSON object.');
    if (record.kind === 'count') return send(response, 200, { input_tokens: 1200 });
    // Titles and other side questions of the client must not use up the scenario.
    const next = record.kind === 'helper' ? step.text('Drill') : this.#next(record.kind, record.at);
    record.answer = next.kind ? `${next.reply} ${next.kind}` : next.reply;
    const play = () => this.#play(next, record, body, response);
    if (next.delay) setTimeout(play, next.delay * 1000).unref();
    else play();
  }

  /** The step for a request that arrived at `at`; one that is used up leaves the list. */
  #next(kind, at) {
    const queue = this.queues[kind];
    while (queue.length > 0) {
      if (queue[0].seconds !== undefined) {
        const { kind: limit, seconds, ...more } = queue[0];
        queue[0] = step.limit(limit, Math.ceil(at / 1000 + seconds), more);
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

  #play(next, record, body, response) {
    switch (next.reply) {
      case 'text':
        return sendMessage(response, record, body, [{ type: 'text', text: next.text }], 'end_turn');
      case 'tool': {
        const content = next.say ? [{ type: 'text', text: next.say }] : [];
        content.push({ type: 'tool_use', id: `toolu_${record.number}`, name: next.name, input: next.input });
        return sendMessage(response, record, body, content, 'tool_use');
      }
      case 'limit':
        return sendLimit(response, record, next);
      case 'failure': {
        const [status, type, message] = FAILURES[next.kind];
        return sendError(response, record, next.status ?? status, type, next.message ?? message, next.headers);
      }
      case 'drop': {
        if (next.when === 'middle') {
          beginStream(response, record, body);
          event(response, 'content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
          event(response, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'So far' } });
          setTimeout(() => response.destroy(), 50);
          return undefined;
        }
        return response.socket?.resetAndDestroy();
      }
      case 'hang':
        return undefined;
      default:
        throw new Error(`no such step: ${next.reply}`);
    }
  }
}

/** What a request is: who asked, for which session, and what the user's last message says. */
function describe(request, body, at, number) {
  const path = request.url.split('?')[0];
  const messages = Array.isArray(body?.messages) ? body.messages : [];
  const users = messages.filter((message) => message.role === 'user').map(textOf);
  return {
    number,
    at,
    method: request.method,
    path,
    kind: kindOf(request, path, body),
    auth: request.headers.authorization ? 'subscriber' : request.headers['x-api-key'] ? 'key' : 'none',
    client: request.headers['user-agent'] ?? null,
    session: request.headers['x-claude-code-session-id'] ?? null,
    agent: request.headers['x-claude-code-agent-id'] ?? null,
    model: body?.model ?? null,
    stream: body?.stream === true,
    /** Texts of the user messages, oldest first. */
    users,
    lastUser: users.at(-1) ?? null,
    status: null,
    answer: null,
  };
}

/**
 * `main`: the conversation itself. `subagent`: sent on behalf of one (header `x-claude-code-agent-id`, clients 2.1.200 to 2.1.329).
 * `helper`: a side question such as a title, which offers no tools. `count`: token counting. `other`: anything else.
 */
function kindOf(request, path, body) {
  if (request.method !== 'POST') return 'other';
  if (path === '/v1/messages/count_tokens') return 'count';
  if (path !== '/v1/messages') return 'other';
  if (request.headers['x-claude-code-agent-id']) return 'subagent';
  return (body?.tools ?? []).some((tool) => tool.name === 'Bash') ? 'main' : 'helper';
}

function textOf(message) {
  if (typeof message.content === 'string') return message.content;
  return (message.content ?? []).filter((block) => block.type === 'text').map((block) => block.text).join('\n');
}

function parse(bytes) {
  try {
    const value = JSON.parse(bytes.toString('utf8'));
    return value !== null && typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function send(response, status, value, headers = {}) {
  const text = value === null ? '' : JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

function sendError(response, record, status, type, message, headers = {}) {
  record.status = status;
  const request_id = `req_${record.number}`;
  send(response, status, { type: 'error', error: { type, message }, request_id }, { 'request-id': request_id, ...headers });
}

/** A subscriber's refusal. The client reads the limit from the `anthropic-ratelimit-unified-*` headers, not from the body. */
function sendLimit(response, record, { kind, resetsAt }) {
  const claim = LIMIT_CLAIMS[kind];
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

function beginStream(response, record, body) {
  record.status = 200;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...successHeaders(record) });
  event(response, 'message_start', { message: blankMessage(record, body) });
}

function event(response, type, data) {
  response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
}

function sendMessage(response, record, body, content, stopReason) {
  const outputTokens = 42;
  if (body.stream !== true) {
    record.status = 200;
    const message = { ...blankMessage(record, body), content, stop_reason: stopReason };
    message.usage.output_tokens = outputTokens;
    return send(response, 200, message, successHeaders(record));
  }
  beginStream(response, record, body);
  content.forEach((block, index) => {
    const tool = block.type === 'tool_use';
    event(response, 'content_block_start', { index, content_block: tool ? { ...block, input: {} } : { type: 'text', text: '' } });
    const delta = tool ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) } : { type: 'text_delta', text: block.text };
    event(response, 'content_block_delta', { index, delta });
    event(response, 'content_block_stop', { index });
  });
  event(response, 'message_delta', { delta: { stop_reason: stopReason, stop_sequence: null }, usage: { output_tokens: outputTokens } });
  event(response, 'message_stop', {});
  return response.end();
}

module.exports = { startApi, step };
