// Endings: how a session of the corpus ends, how often, and how a reader must interpret it. Every writer leaves the conversation as the
// real client leaves it in that case, and returns what is known about a reset: `at` in epoch seconds, `source` as in the product's types.

import { answered, prompted, worked } from './work.mjs';
import { sentence } from './vocabulary.mjs';
import { FIRST, SECOND } from './clients.mjs';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY = 86400;
const OVERLOADED = 'This is a server-side issue, usually temporary — try again in a moment.';
const LIMITS = { five_hour: '5-hour limit', seven_day: 'weekly limit', seven_day_opus: 'Opus limit' };

/**
 * @typedef {object} Ending
 * @property {number} weight Relative frequency among all endings.
 * @property {string} kind The product's `StopKind` if no process has the session open.
 * @property {string} state What the session was doing, as named in the truth file.
 * @property {string} [error] `error` of its error record.
 * @property {string} [limit] Name of the limit, as the client writes it.
 * @property {import('./clients.mjs').Client} [client] Only client with this ending.
 * @property {number} [lasts] Maximum seconds of an ending that waits for something.
 * @property {boolean} [graceful] The client ended normally: `cost-state` follows.
 * @property {(conversation: import('./conversation.mjs').Conversation, session: import('./plan.mjs').PlannedSession) => {at: number, source: string} | void} [write]
 */

/** @type {Record<string, Ending>} */
export const ENDINGS = {
  finished: { weight: 30, kind: 'finished', state: 'finished', graceful: true, write: finish },
  finished_after_quota: {
    // A trap for readers: an older stop is among the last records, and the user or the client continued after it.
    weight: 6,
    kind: 'finished',
    state: 'finished',
    lasts: 19_000,
    graceful: true,
    write(conversation, session) {
      prompted(conversation);
      const reset = stoppedByLimit(conversation, 'five_hour', 18000);
      conversation.checkpoint();
      conversation.wait(Math.max(0, reset.at - conversation.seconds) + 100);
      if (conversation.client.apiError && conversation.random.chance(0.5)) {
        conversation.clientMade('Your claude.ai usage limit has reset. Continue the task you were working on when the limit was reached; do not repeat work that is already complete.', { isMeta: true, origin: { kind: 'auto-continuation' }, turnOrigin: 'auto_continuation' });
      } else {
        prompted(conversation);
      }
      finish(conversation, session);
    },
  },
  quota_5h: { weight: 10, kind: 'usage-limit-5h', state: 'quota', error: 'rate_limit', limit: 'five_hour', graceful: true, write: (conversation) => limited(conversation, 'five_hour', 17000) },
  quota_5h_notice: {
    weight: 4,
    kind: 'usage-limit-5h',
    state: 'quota',
    error: 'rate_limit',
    limit: 'five_hour',
    write(conversation) {
      prompted(conversation);
      worked(conversation, 4000);
      const reset = stoppedByLimit(conversation, 'five_hour', 17000);
      if (conversation.client.quotaLimits) conversation.system('informational', { content: `Usage limit reached · continuing automatically at ${timeOfDay(reset.at)} · esc to cancel`, isMeta: false, level: 'notice' });
      conversation.checkpoint();
      return reset;
    },
  },
  quota_weekly: { weight: 5, kind: 'usage-limit-weekly', state: 'quota', error: 'rate_limit', limit: 'seven_day', write: (conversation) => limited(conversation, 'seven_day', 6 * DAY) },
  quota_weekly_model: { weight: 2, kind: 'usage-limit-opus', state: 'quota', error: 'rate_limit', limit: 'seven_day_opus', write: (conversation) => limited(conversation, 'seven_day_opus', 6 * DAY) },
  quota_legacy_epoch: {
    weight: 2,
    kind: 'usage-limit-other',
    state: 'quota',
    client: FIRST,
    write(conversation) {
      prompted(conversation);
      const at = conversation.seconds + conversation.random.between(600, 17600);
      conversation.failure(`Claude AI usage limit reached|${at}`, {});
      conversation.checkpoint();
      return { at, source: 'exact' };
    },
  },
  quota_legacy_text: {
    weight: 1,
    kind: 'usage-limit-5h',
    state: 'quota',
    limit: 'five_hour',
    client: SECOND,
    write(conversation) {
      prompted(conversation);
      const at = conversation.seconds + conversation.random.between(600, 17600);
      conversation.failure(`5-hour limit reached ∙ resets ${whenText(at, conversation.seconds)}\n     /upgrade to increase your usage limit.`, {});
      conversation.checkpoint();
      return { at: minute(at), source: 'guess' };
    },
  },
  rate_limit_plain: { weight: 2, kind: 'rate-limit', state: 'error', error: 'rate_limit', write: (conversation) => failed(conversation, 'API Error: Request rejected (429) · Rate limit reached', 'rate_limit', 429, 'rate_limit_error') },
  overloaded: {
    weight: 4,
    kind: 'overloaded',
    state: 'error',
    error: 'server_error',
    write(conversation) {
      prompted(conversation);
      retried(conversation, 2);
      conversation.failure(`API Error: 529 Overloaded. ${OVERLOADED}`, statusFields(conversation, 'server_error', 529, 'overloaded_error'));
      conversation.checkpoint();
    },
  },
  overloaded_retrying: {
    weight: 2,
    kind: 'crashed',
    state: 'awaiting_model',
    write(conversation) {
      prompted(conversation);
      conversation.checkpoint();
      retried(conversation, 4);
    },
  },
  server_error: { weight: 3, kind: 'server-error', state: 'error', error: 'server_error', write: (conversation) => failed(conversation, `API Error: 500 Internal server error. ${OVERLOADED}`, 'server_error', 500, 'api_error') },
  connection_dropped: {
    weight: 2,
    kind: 'network',
    state: 'error',
    error: 'server_error',
    write(conversation) {
      prompted(conversation);
      conversation.request();
      conversation.failure('API Error: Connection dropped (ECONNRESET). Check your network and try again.', { ...(conversation.client.apiError && { apiError: 'connection_failed' }), error: 'server_error' });
      conversation.checkpoint();
    },
  },
  auth: { weight: 2, kind: 'auth', state: 'error', error: 'authentication_failed', graceful: true, write: (conversation) => failed(conversation, 'Invalid API key · Fix external API key', 'authentication_failed', 401, 'authentication_error') },
  billing: { weight: 2, kind: 'billing', state: 'error', error: 'billing_error', graceful: true, write: (conversation) => failed(conversation, 'Credit balance is too low', 'billing_error', 400, 'invalid_request_error') },
  context_too_long: {
    weight: 3,
    kind: 'context-full',
    state: 'error',
    error: 'invalid_request',
    write(conversation) {
      prompted(conversation);
      conversation.request();
      const details = { errorDetails: '400 prompt is too long: 210000 tokens > 200000 maximum' };
      conversation.failure('Prompt is too long · the request is ~210000 tokens (limit 200000)', { ...details, ...statusFields(conversation, 'invalid_request', 400, 'invalid_request_error') });
      conversation.checkpoint();
    },
  },
  mid_tool_use: { weight: 7, kind: 'crashed', state: 'tool_running', write: (conversation) => cutDuringTool(conversation) },
  mid_tool_result: {
    weight: 5,
    kind: 'crashed',
    state: 'awaiting_model',
    write(conversation) {
      prompted(conversation);
      worked(conversation, 6000);
      if (conversation.random.chance(0.5)) conversation.checkpoint();
    },
  },
  prompt_unanswered: {
    weight: 4,
    kind: 'crashed',
    state: 'awaiting_model',
    write(conversation) {
      prompted(conversation);
      if (conversation.random.chance(0.5)) conversation.checkpoint();
      conversation.request();
    },
  },
  closed_mid_tool: {
    // The terminal was closed or terminated while a tool was running.
    weight: 2,
    kind: 'closed',
    state: 'tool_running',
    write(conversation) {
      cutDuringTool(conversation);
      conversation.costState();
      conversation.checkpoint();
      conversation.costState();
    },
  },
  waiting_question: {
    weight: 1,
    kind: 'waiting',
    state: 'tool_running',
    write(conversation) {
      prompted(conversation);
      conversation.request();
      const option = (label) => ({ label, description: sentence(conversation.random, 4) });
      conversation.call('AskUserQuestion', { questions: [{ question: `${sentence(conversation.random, 5)}?`, header: 'Choice', multiSelect: false, options: [option('A'), option('B')] }] });
      conversation.checkpoint();
    },
  },
  interrupted: { weight: 4, kind: 'interrupted', state: 'interrupted', write: (conversation) => interrupted(conversation, '[Request interrupted by user]') },
  interrupted_tool: {
    weight: 2,
    kind: 'interrupted',
    state: 'interrupted',
    write(conversation) {
      prompted(conversation);
      conversation.request();
      const id = conversation.call('Bash', { command: 'sleep 600', description: 'long' });
      conversation.result(id, "The user doesn't want to proceed with this tool use.", 'User rejected tool use', { toolDenialKind: 'user-rejected' });
      interruption(conversation, '[Request interrupted by user for tool use]');
    },
  },
  // Started and abandoned: only metadata, or not even that.
  no_messages: { weight: 1, kind: 'empty', state: 'no_messages' },
  empty: { weight: 1, kind: 'empty', state: 'empty' },
};

/** Weights of the endings by name. */
export const WEIGHTS = Object.fromEntries(Object.entries(ENDINGS).map(([name, { weight }]) => [name, weight]));

/** Ends the last turn; sometimes a local command follows, which is neither a prompt nor a turn. */
function finish(conversation, session) {
  const { random, client } = conversation;
  answered(conversation, Math.min(session.bytes / 8 + 40, 900));
  if (session.snapshotTail) conversation.promptSnapshot(true);
  conversation.checkpoint();
  if (!client.requests) return;
  conversation.system('stop_hook_summary', { hookCount: 1, hookInfos: [{ command: 'hook', durationMs: random.below(200) }], hookErrors: [], preventedContinuation: false, stopReason: '', hasOutput: false, level: 'suggestion' });
  conversation.system('turn_duration', { durationMs: random.below(90_000), messageCount: conversation.messages, isMeta: false });
  if (random.chance(0.1)) {
    conversation.clientMade('<local-command-caveat>Caveat: the messages below were made by a local command.</local-command-caveat>', { isMeta: true });
    conversation.clientMade('<command-name>/cost</command-name>\n<command-message>cost</command-message>\n<command-args></command-args>');
    conversation.clientMade('<local-command-stdout>Total cost: $0.42</local-command-stdout>');
  }
}

/** Writes a prompt, and a usage limit in place of its answer. */
function limited(conversation, limit, longest) {
  prompted(conversation);
  const reset = stoppedByLimit(conversation, limit, longest);
  conversation.checkpoint();
  return reset;
}

/** Writes the error record of a usage limit, in the words and with the fields of the conversation's client. */
function stoppedByLimit(conversation, limit, longest) {
  const { client, random } = conversation;
  conversation.request();
  const at = conversation.seconds + random.between(600, 600 + longest);
  const name = limit === 'five_hour' ? client.window : LIMITS[limit];
  const quota = { status: 'rejected', resetsAt: at, unifiedRateLimitFallbackAvailable: false, rateLimitType: limit, overageStatus: 'rejected', overageDisabledReason: 'org_level_disabled', isUsingOverage: false };
  conversation.failure(`You've hit your ${name} · resets ${whenText(at, conversation.seconds)}`, {
    ...(client.apiError && { apiError: 'usage_limit_reached', apiErrorParams: { rate_limit_info: quota } }),
    ...(client.quotaLimits && { quotaLimits: quota }),
    ...statusFields(conversation, 'rate_limit', 429, 'rate_limit_error'),
  });
  return client.quotaLimits ? { at, source: 'exact' } : { at: minute(at), source: 'guess' };
}

/** Writes a prompt, and an API error in place of its answer. */
function failed(conversation, text, error, status, type) {
  prompted(conversation);
  conversation.request();
  conversation.failure(text, statusFields(conversation, error, status, type));
  conversation.checkpoint();
}

function statusFields({ client }, error, status, type) {
  return { error, ...(client.status && { apiErrorStatus: status }), ...(client.apiError && { apiErrorType: type, perTurnEffort: 'medium', failedResponseHadNoToolCall: true, madeBy: 'model' }) };
}

/** Writes refused requests: one-shot runs record each of them, terminals only retry. */
function retried(conversation, times) {
  for (let attempt = 1; attempt < times; attempt += 1) {
    conversation.request();
    conversation.wait(attempt);
    if (conversation.entrypoint === 'cli') continue;
    const error = { message: '529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', status: 529, formatted: '529 Overloaded' };
    conversation.system('api_error', { level: 'error', error, retryInMs: 550 * attempt, retryAttempt: attempt, maxRetries: 10, source: 'request_retry' });
  }
}

function cutDuringTool(conversation) {
  prompted(conversation);
  conversation.request();
  conversation.call('Bash', { command: `sleep 600 # ${sentence(conversation.random, 3)}`, description: 'long' });
  if (conversation.random.chance(0.5)) conversation.checkpoint();
}

function interrupted(conversation, text) {
  prompted(conversation);
  worked(conversation, 4000);
  interruption(conversation, text);
}

function interruption(conversation, text) {
  conversation.clientMade([{ type: 'text', text }], conversation.client.requests ? { interruptedMessageId: conversation.messageId } : {});
  conversation.checkpoint();
}

const minute = (seconds) => seconds - (seconds % 60);

/** Returns a time in the client's wording: `4:20am (UTC)`, `4am (UTC)`, with the date if it is more than a day away. */
function whenText(at, now) {
  const date = new Date(at * 1000);
  return at - now > DAY ? `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${timeOfDay(at)}` : timeOfDay(at);
}

function timeOfDay(at) {
  const date = new Date(at * 1000);
  const hour = date.getUTCHours();
  const minutes = date.getUTCMinutes();
  return `${hour % 12 || 12}${minutes === 0 ? '' : `:${String(minutes).padStart(2, '0')}`}${hour < 12 ? 'am' : 'pm'} (UTC)`;
}
