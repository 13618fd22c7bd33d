#!/usr/bin/env node
'use strict';
// A stand-in for Claude Code where it is not installed: an open stream-json session that sends requests to the API, keeps a transcript and
// a registry entry of the same shape as the real client's, and runs the project's hooks with the same input and environment. It exists so
// that the drill and the tests can run anywhere; its behavior follows recordings of client 2.1.329 and covers only what they need.

const { randomBytes, randomUUID } = require('node:crypto');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

/**
 * A hook as written in the settings.
 *
 * @typedef {{command: string, args?: string[], async?: boolean, asyncRewake?: boolean, timeout?: number, rewakeMessage?: string, rewakeSummary?: string}}
 *   Hook
 */
/** @typedef {{matcher?: string, hooks?: Hook[]}} HookGroup */
/** What follows a request: another request, or the end of the turn. @typedef {{again: boolean, text: string, error?: string}} Outcome */

/** Version of the client that this program imitates; written into every record. */
const VERSION = '2.1.329';
const MODEL = 'claude-sonnet-5-5';
/** Seconds that the real client gives all SessionEnd hooks together if no hook sets a timeout. */
const SESSION_END_SECONDS = 1.5;

/** Value of `error` in the record and in the hook payload, by HTTP status of the API's answer. @type {Record<number, string>} */
const ERROR_WORDS = {
  401: 'authentication_failed',
  403: 'oauth_org_not_allowed',
  404: 'model_not_found',
  429: 'rate_limit',
  500: 'server_error',
  529: 'server_error',
};
/** @type {Record<string, string>} */
const LIMIT_NAMES = { five_hour: '5-hour limit', seven_day: 'weekly limit', seven_day_opus: 'Opus limit', seven_day_sonnet: 'Sonnet limit' };

/** One open session: its transcript, its hooks, and the turns that it runs one after another. */
class StubSession {
  /** @param {{cwd: string, configDir: string, permissionMode: string}} where */
  constructor({ cwd, configDir, permissionMode }) {
    this.id = randomUUID();
    this.cwd = fs.realpathSync(cwd);
    this.configDir = configDir;
    this.permissionMode = permissionMode;
    const encoded = this.cwd.replace(/[^a-zA-Z0-9]/g, '-');
    this.transcript = path.join(configDir, 'projects', encoded, `${this.id}.jsonl`);
    /** Newest record of the conversation. @type {string | null} */
    this.parent = null;
    /** @type {string | null} */
    this.promptId = null;
    this.turns = 0;
    this.startedAt = Date.now();
    /** Messages that are sent to the API. @type {object[]} */
    this.messages = [];
    this.hooks = readHooks([
      path.join(configDir, 'settings.json'),
      path.join(this.cwd, '.claude', 'settings.json'),
      path.join(this.cwd, '.claude', 'settings.local.json'),
    ]);
    /** Hooks that run in the background. @type {Set<import('node:child_process').ChildProcess>} */
    this.background = new Set();
    /** @type {{text: string, wake: boolean}[]} */
    this.queue = [];
    /** @type {Promise<void> | null} */
    this.playing = null;
    this.ending = false;
  }

  async start() {
    fs.mkdirSync(path.dirname(this.transcript), { recursive: true });
    this.#register('idle');
    await this.#runHooks('SessionStart', 'startup', { source: 'startup' });
  }

  /**
   * Queues a turn.
   *
   * @param {string} text
   * @param {boolean} [wake] The text comes from a hook, not from the user.
   */
  take(text, wake = false) {
    this.queue.push({ text, wake });
    this.playing ??= this.#drain().finally(() => {
      this.playing = null;
    });
    return this.playing;
  }

  async #drain() {
    for (let next = this.queue.shift(); next !== undefined && !this.ending; next = this.queue.shift()) await this.#turn(next);
  }

  /** @param {{text: string, wake: boolean}} turn */
  async #turn({ text, wake }) {
    this.#register('busy');
    this.turns += 1;
    this.promptId = randomUUID();
    await this.#runHooks('UserPromptSubmit', null, { permission_mode: this.permissionMode, prompt: text });
    print({ type: 'system', subtype: 'init', cwd: this.cwd, session_id: this.id, model: MODEL, permissionMode: this.permissionMode, claude_code_version: VERSION });
    this.#append({ type: 'queue-operation', operation: 'enqueue', timestamp: now(), sessionId: this.id, content: text });
    this.#append({ type: 'queue-operation', operation: 'dequeue', timestamp: now(), sessionId: this.id });
    this.#message('user', { role: 'user', content: text }, {
      promptId: this.promptId,
      permissionMode: this.permissionMode,
      ...(wake
        ? { origin: { kind: 'task-notification', producer: 'session-task' }, promptSource: 'system', turnOrigin: 'task_notification' }
        : { promptSource: 'sdk', turnOrigin: 'sdk' }),
      turnPosition: { promptIndex: 0, turnIndex: this.turns },
    });
    this.messages.push({ role: 'user', content: text });
    const started = Date.now();
    let outcome;
    do outcome = await this.#request();
    while (outcome.again);
    this.#append({ type: 'last-prompt', lastPrompt: text, leafUuid: this.parent, sessionId: this.id });
    this.#register('idle');
    print({ type: 'result', subtype: 'success', is_error: outcome.error !== undefined, result: outcome.text, session_id: this.id, duration_ms: Date.now() - started });
    if (outcome.error === undefined) {
      await this.#runHooks('Stop', null, {
        permission_mode: this.permissionMode,
        effort: { level: 'medium' },
        stop_hook_active: wake,
        last_assistant_message: outcome.text,
        background_tasks: [],
        session_crons: [],
      });
    } else {
      await this.#runHooks('StopFailure', outcome.error, { effort: { level: 'medium' }, error: outcome.error, last_assistant_message: outcome.text });
    }
  }

  /** Sends one request to the API and handles its answer. @returns {Promise<Outcome>} */
  async #request() {
    let response;
    let body;
    try {
      response = await fetch(`${process.env.ANTHROPIC_BASE_URL}/v1/messages`, { method: 'POST', headers: this.#headers(), body: JSON.stringify({
        model: MODEL,
        max_tokens: 1024,
        tools: [{ name: 'Bash' }, { name: 'Write' }],
        messages: this.messages,
      }) });
      body = await response.json();
    } catch {
      return this.#fail('API Error: Connection dropped (ECONNRESET).', 'server_error', { apiError: 'connection_failed' });
    }
    if (!response.ok) return this.#refused(response, body);
    this.messages.push({ role: 'assistant', content: body.content });
    for (const block of body.content) {
      const message = { ...body, content: [block] };
      this.#message('assistant', message, { requestId: response.headers.get('request-id'), effort: 'medium', madeBy: 'model' });
      print({ type: 'assistant', message, session_id: this.id });
    }
    const call = body.content.find((/** @type {any} */ block) => block.type === 'tool_use');
    if (call === undefined) return { again: false, text: body.content.at(-1)?.text ?? '' };
    const result = { tool_use_id: call.id, type: 'tool_result', ...this.#runTool(call) };
    this.messages.push({ role: 'user', content: [result] });
    this.#message('user', { role: 'user', content: [result] }, { promptId: this.promptId, sourceToolAssistantUUID: this.parent });
    return { again: true, text: '' };
  }

  /** @returns {Record<string, string>} */
  #headers() {
    const token = process.env.CLAUDE_CODE_OAUTH_TOKEN;
    return {
      'content-type': 'application/json',
      'user-agent': `claude-cli/${VERSION} (external, sdk-cli, stub)`,
      'x-claude-code-session-id': this.id,
      ...(token ? { authorization: `Bearer ${token}` } : { 'x-api-key': process.env.ANTHROPIC_API_KEY ?? '' }),
    };
  }

  /** @param {Response} response @param {any} body */
  #refused(response, body) {
    const status = response.status;
    const detail = { apiErrorStatus: status, apiErrorType: body.error.type };
    const header = (/** @type {string} */ name) => response.headers.get(`anthropic-ratelimit-unified-${name}`);
    if (status === 429 && process.env.CLAUDE_CODE_OAUTH_TOKEN && header('status') === 'rejected') {
      const claim = header('representative-claim') ?? '';
      const resetsAt = Number(header('reset'));
      const limits = { status: 'rejected', resetsAt, rateLimitType: claim, overageStatus: 'rejected', overageDisabledReason: 'org_level_disabled', isUsingOverage: false };
      const at = new Date(resetsAt * 1000);
      const clock = `${at.getUTCHours() % 12 || 12}:${String(at.getUTCMinutes()).padStart(2, '0')}${at.getUTCHours() < 12 ? 'am' : 'pm'} (UTC)`;
      return this.#fail(`You've hit your ${LIMIT_NAMES[claim] ?? 'limit'} · resets ${clock}`, 'rate_limit', {
        apiError: 'usage_limit_reached',
        apiErrorParams: { rate_limit_info: limits },
        quotaLimits: { ...limits, unifiedRateLimitFallbackAvailable: false },
        ...detail,
      });
    }
    if (/credit balance/i.test(body.error.message)) return this.#fail('Credit balance is too low', 'billing_error', detail);
    if (/prompt is too long/i.test(body.error.message)) return this.#fail('Prompt is too long', 'invalid_request', { ...detail, errorDetails: body.error.message });
    return this.#fail(`API Error: ${status} ${body.error.message}`, ERROR_WORDS[status] ?? 'unknown', detail);
  }

  /** @param {string} text @param {string} error @param {object} more @returns {Outcome} */
  #fail(text, error, more) {
    const content = [{ type: 'text', text }];
    const usage = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
    const message = { id: randomUUID(), model: '<synthetic>', role: 'assistant', stop_reason: 'stop_sequence', stop_sequence: '', type: 'message', usage, content };
    this.#message('assistant', message, { ...more, error, isApiErrorMessage: true, failedResponseHadNoToolCall: true, madeBy: 'model' });
    print({ type: 'assistant', message, session_id: this.id, error, is_api_error_message: true });
    return { again: false, text, error };
  }

  /** Runs `Write` inside the project only; any other call fails like an unknown tool. @param {any} call */
  #runTool({ name, input }) {
    const file = path.resolve(this.cwd, String(input?.file_path ?? ''));
    if (name !== 'Write' || !file.startsWith(this.cwd + path.sep)) {
      return { content: `<tool_use_error>Error: No such tool available: ${name}.</tool_use_error>`, is_error: true };
    }
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, String(input.content ?? ''));
    return { content: `File created successfully at: ${file}` };
  }

  /** @param {'user' | 'assistant'} type @param {object} message @param {object} more */
  #message(type, message, more) {
    const uuid = randomUUID();
    this.#append({
      parentUuid: this.parent,
      isSidechain: false,
      type,
      message,
      uuid,
      timestamp: now(),
      ...more,
      userType: 'external',
      entrypoint: 'sdk-cli',
      cwd: this.cwd,
      sessionId: this.id,
      version: VERSION,
      gitBranch: 'main',
    });
    this.parent = uuid;
  }

  /** @param {object} record */
  #append(record) {
    fs.appendFileSync(this.transcript, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  }

  /** @param {'busy' | 'idle'} status */
  #register(status) {
    const dir = path.join(this.configDir, 'sessions');
    fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
    const at = Date.now();
    const entry = {
      pid: process.pid,
      sessionId: this.id,
      cwd: this.cwd,
      startedAt: this.startedAt,
      procStart: startTicks(),
      version: VERSION,
      kind: 'interactive',
      entrypoint: 'sdk-cli',
      name: `${path.basename(this.cwd)}-${this.id.slice(0, 2)}`,
      nameSource: 'derived',
      status,
      updatedAt: at,
      statusUpdatedAt: at,
    };
    fs.writeFileSync(path.join(dir, `${process.pid}.json`), JSON.stringify(entry));
  }

  /**
   * Runs the hooks of an event. Resolves when those that block the client have ended.
   *
   * @param {string} event
   * @param {string | null} subject Value that matchers are compared with.
   * @param {object} fields Further fields of the payload.
   */
  #runHooks(event, subject, fields) {
    const payload = {
      session_id: this.id,
      transcript_path: this.transcript,
      cwd: this.cwd,
      ...(this.promptId ? { prompt_id: this.promptId } : {}),
      ...fields,
      hook_event_name: event,
    };
    const run = (/** @type {Hook} */ hook) => this.#runHook(hook, event, subject, payload);
    const hooks = (this.hooks[event] ?? []).filter(({ matcher }) => matches(matcher, subject)).flatMap((group) => group.hooks ?? []);
    return Promise.all(hooks.map((hook) => (hook.async || hook.asyncRewake ? void run(hook) : run(hook))));
  }

  /**
   * @param {Hook} hook
   * @param {string} event
   * @param {string | null} subject
   * @param {object} payload
   * @returns {Promise<void>}
   */
  #runHook(hook, event, subject, payload) {
    return new Promise((resolve) => {
      /** @type {import('node:child_process').SpawnOptionsWithStdioTuple<'pipe', 'ignore', 'pipe'>} */
      const options = {
        cwd: this.cwd,
        env: this.#hookEnvironment(),
        stdio: ['pipe', 'ignore', 'pipe'],
        // As in the real client, a hook leads its own session and gets none of the terminal's signals.
        detached: process.platform !== 'win32',
      };
      const child = hook.args
        ? spawn(hook.command, hook.args.map((arg) => arg.replaceAll('${CLAUDE_PROJECT_DIR}', this.cwd)), options)
        : spawn(hook.command, { ...options, shell: true });
      const background = hook.async || hook.asyncRewake;
      const seconds = event === 'SessionEnd' ? (hook.timeout ?? SESSION_END_SECONDS) : (hook.timeout ?? 600);
      const timer = setTimeout(() => end(child), Math.min(seconds * 1000, 2 ** 31 - 1));
      let text = '';
      child.stderr.on('data', (chunk) => (text += chunk));
      child.stdin.on('error', () => {});
      child.stdin.end(`${JSON.stringify(payload)}\n`);
      if (background) this.background.add(child);
      const done = (/** @type {number | null} */ code) => {
        clearTimeout(timer);
        this.background.delete(child);
        resolve();
        if (code !== 2 || !hook.asyncRewake || this.ending) return;
        const cause = hook.rewakeMessage ?? `Stop hook blocking error from command "${subject === null ? event : `${event}:${subject}`}":`;
        const summary = hook.rewakeSummary ?? 'Stop hook feedback';
        this.take(`<task-notification>\n<summary>${summary}</summary>\n</task-notification>\n<system-reminder>\n${cause} ${text}\n</system-reminder>`, true);
      };
      child.once('error', () => done(null));
      child.once('close', done);
    });
  }

  #hookEnvironment() {
    const env = { ...process.env };
    // The real client does not pass a subscriber's token to its hooks.
    delete env.CLAUDE_CODE_OAUTH_TOKEN;
    return {
      ...env,
      CLAUDECODE: '1',
      CLAUDE_PID: String(process.pid),
      CLAUDE_PROJECT_DIR: this.cwd,
      CLAUDE_CODE_SESSION_ID: this.id,
      CLAUDE_CODE_ENTRYPOINT: 'sdk-cli',
      CLAUDE_CODE_SESSION_ATTENDED: '0',
      CLAUDE_CODE_CHILD_SESSION: '1',
    };
  }

  /**
   * Ends the session: signals the hooks that still wait, runs the SessionEnd hooks, writes the closing record and removes the registry
   * entry.
   *
   * @param {boolean} waitForTurn
   */
  async end(waitForTurn) {
    if (waitForTurn && this.playing) await this.playing;
    if (this.ending) return;
    this.ending = true;
    for (const child of this.background) end(child);
    await this.#runHooks('SessionEnd', 'other', { reason: 'other' });
    this.#append({ type: 'cost-state', sessionId: this.id, totalCostUSD: 0, startTime: this.startedAt });
    fs.rmSync(path.join(this.configDir, 'sessions', `${process.pid}.json`), { force: true });
  }
}

/**
 * Ends a hook that this session started: its whole process group, because a shell runs between them.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function end(child) {
  try {
    if (process.platform === 'win32') child.kill();
    else if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  } catch {
    // The process had already ended.
  }
}

/** Returns the hook groups by event, from every readable settings file. @param {string[]} files */
function readHooks(files) {
  /** @type {Record<string, HookGroup[]>} */
  const all = {};
  for (const file of files) {
    let settings;
    try {
      settings = JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
    } catch {
      continue;
    }
    /** @type {[string, HookGroup[]][]} */
    const byEvent = Object.entries(settings?.hooks ?? {});
    for (const [event, groups] of byEvent) (all[event] ??= []).push(...groups);
  }
  return all;
}

/**
 * Whether a matcher matches. A word or a list of words must be equal to the subject, anything else is a regular expression; without a
 * matcher everything matches.
 *
 * @param {string | undefined} matcher
 * @param {string | null} subject
 */
function matches(matcher, subject) {
  if (matcher === undefined || matcher === '' || matcher === '*' || subject === null) return true;
  if (/^[\w|]+$/.test(matcher)) return matcher.split('|').includes(subject);
  return new RegExp(matcher).test(subject);
}

/** Returns the start time of this process in clock ticks since boot, as the client registers it on Linux; `null` elsewhere. */
function startTicks() {
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return null;
  }
}

function now() {
  return new Date().toISOString();
}

/** @param {object} value */
function print(value) {
  process.stdout.write(`${JSON.stringify({ ...value, uuid: `${randomBytes(4).toString('hex')}-stub` })}\n`);
}

/** @param {string[]} args */
async function main(args) {
  if (args.includes('--version')) {
    process.stdout.write(`${VERSION} (stub client)\n`);
    return;
  }
  const mode = args.indexOf('--permission-mode');
  const session = new StubSession({
    cwd: process.cwd(),
    configDir: process.env.CLAUDE_CONFIG_DIR ?? path.join(os.homedir(), '.claude'),
    permissionMode: mode === -1 ? 'default' : args[mode + 1],
  });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.once(signal, () => {
      process.exitCode = 143;
      process.stdin.destroy();
      void session.end(false);
    });
  }
  await session.start();
  const input = readline.createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const value = JSON.parse(line);
    if (value.type === 'user') void session.take(value.message.content);
  });
  input.once('close', () => void session.end(true));
}

void main(process.argv.slice(2));
