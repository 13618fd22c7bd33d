// Writes one session: its transcript from the head to the ending, the files beside it, and its row of the truth file.

import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CURRENT, EARLIER } from './clients.mjs';
import { Conversation } from './conversation.mjs';
import { ENDINGS } from './endings.mjs';
import { Output } from './output.mjs';
import { Random } from './random.mjs';
import { NEEDLES, SUBJECTS, TITLE_VERBS, WORDS } from './vocabulary.mjs';
import { answered, imageRead, prompted, worked } from './work.mjs';

/**
 * Milliseconds of conversation per byte of transcript, a generous estimate: the last record must not be later than the time of the corpus.
 */
const MILLISECONDS_PER_BYTE = 4;
/** Seconds for an ending, and for a session too short for that estimate. */
const USUAL_SECONDS = 600;
const LONG_TAIL_FROM = 4e5;
const SUBAGENTS_FROM = 100e3;
const TINY = 6000;

/** Returns the directory in which Claude Code stores the transcripts of a working directory. */
export function encodedDirectory(cwd) {
  return cwd.replace(/[^A-Za-z0-9]/g, '-');
}

/**
 * Writes a session and returns its row of the truth file.
 *
 * @param {Record<string, any>} options
 * @param {import('./filler.mjs').Filler} filler
 * @param {import('./plan.mjs').PlannedSession} session
 */
export function writeSession(options, filler, session) {
  const relative = join('projects', encodedDirectory(session.cwd), `${session.id}.jsonl`);
  const path = join(options.out, relative);
  const truth = blankTruth(session, relative);
  if (session.ending === 'empty') {
    truth.mtime = options.now - session.ageSeconds;
    writeFileSync(path, '', { mode: 0o600 });
    utimesSync(path, truth.mtime, truth.mtime);
    return truth;
  }
  const random = new Random(session.seed);
  const ending = ENDINGS[session.ending];
  const client = ending.client ?? (session.current ? CURRENT : random.pick(EARLIER));
  const output = new Output(path);
  const startsAt = (options.now - session.ageSeconds - (ending.lasts ?? 0) - USUAL_SECONDS) * 1000 - session.bytes * MILLISECONDS_PER_BYTE;
  const conversation = new Conversation({ output, random, filler, client, entrypoint: random.chance(0.85) ? 'cli' : 'sdk-cli', id: session.id, cwd: session.cwd, truth, startsAt });
  conversation.title = titleOf(session, random, client);

  head(conversation);
  if (ending.write === undefined) {
    if (conversation.title !== null && conversation.title.type !== 'summary') conversation.titleRecord();
  } else {
    body(options, conversation, session);
    const reset = ending.write(conversation, session) ?? null;
    truth.resetKnown = reset;
    truth.resetsAt = reset?.at ?? null;
    if (ending.graceful && (client.requests || random.chance(0.5))) conversation.costState();
  }
  truth.lastTimestamp = new Date(conversation.clock).toISOString();
  // Count the lines before the damage adds bytes that are not a line.
  truth.lines = output.lines;
  damageTail(output, conversation, session);
  truth.mtime = Math.min(options.now, Math.ceil(conversation.clock / 1000));
  truth.bytes = output.bytes;
  output.close(truth.mtime, path);
  // An old title can name a message that was never written: then it is not the title of a session here.
  nameIn(truth, conversation.first === undefined ? conversation.title : null);
  truth.filesTouched = [...conversation.files].slice(-20);
  truth.filesTouchedCount = conversation.files.size;
  if (session.subagents > 0 && session.bytes > SUBAGENTS_FROM && truth.turns > 0) writeBeside(options, conversation, session);
  return truth;
}

function blankTruth(session, path) {
  const { state, error, limit } = ENDINGS[session.ending];
  return {
    sessionId: session.id,
    path,
    project: session.cwd,
    ending: session.ending,
    state,
    error: error ?? null,
    /** Reset that a reader can find, in epoch seconds; only if the session ended by a limit. */
    resetsAt: null,
    /** The same reset with its source: `{at, source}`. */
    resetKnown: null,
    rateLimitType: limit ?? null,
    lastPrompt: null,
    firstPrompt: null,
    title: null,
    titleSource: null,
    turns: 0,
    assistantRecords: 0,
    toolUses: 0,
    contextTokens: null,
    model: null,
    lastPlan: null,
    todos: null,
    filesTouched: [],
    filesTouchedCount: 0,
    gitBranch: null,
    version: null,
    lastTimestamp: null,
    compactions: 0,
    sidechainRecords: 0,
    subagentFiles: 0,
    subagentBytes: 0,
    torn: false,
    nulTail: 0,
    needles: {},
    lines: 0,
    bytes: 0,
    mtime: 0,
  };
}

/** Chooses who gave the session a title, if anyone: the user, the client, or an old client that wrote summaries. */
function titleOf({ titled }, random, client) {
  const text = `${random.pick(TITLE_VERBS)} the ${random.pick(SUBJECTS)} ${random.pick(WORDS)} ${random.hex(4)}`;
  if (titled < 0.12) return { type: 'custom-title', key: 'customTitle', text };
  if (client.summaries) return titled < 0.5 ? { type: 'summary', key: 'summary', text } : null;
  return titled < 0.75 ? { type: 'ai-title', key: 'aiTitle', text } : null;
}

function nameIn(truth, title) {
  if (title !== null) Object.assign(truth, { title: title.text, titleSource: title.type });
  else if (truth.firstPrompt !== null) Object.assign(truth, { title: truth.firstPrompt, titleSource: 'first-prompt' });
}

function head(conversation) {
  if (conversation.title?.type === 'summary') conversation.titleRecord();
  conversation.modes();
  conversation.fileSnapshot({}, false);
}

/** Writes everything between the first prompt and the last turn. */
function body(options, conversation, session) {
  const { random, output, truth } = conversation;
  const reserve = Math.min(session.bytes * 0.2, 9000);
  const left = () => session.bytes - reserve - output.bytes;
  let nextCompaction = random.between(4e6, 12e6);
  let steps = 0;
  let turns = 0;
  prompted(conversation);
  surroundings(conversation);
  do {
    for (let planned = random.between(1, 14); planned > 0 && (steps === 0 || left() > 0); planned -= 1) {
      worked(conversation, Math.max(100, left()), options.images);
      steps += 1;
      if (session.bytes < TINY) break;
    }
    answered(conversation, Math.min(session.bytes / 10, random.between(200, 2700)));
    if (turns === 0) conversation.promptSnapshot(true);
    if (turns % 3 === 0) conversation.checkpoint();
    turns += 1;
    if (output.bytes > nextCompaction) {
      nextCompaction = output.bytes + random.between(4e6, 12e6);
      compacted(conversation);
    }
    if (left() > 0) prompted(conversation);
  } while (left() > 0);
  if (truth.turns > 1 && random.chance(0.5)) {
    prompted(conversation);
    worked(conversation, 3000);
  }
  for (const name of session.needles) hide(conversation, name, name === 'mid' ? 3 : 1);
  if (session.longTail && session.bytes > LONG_TAIL_FROM) {
    conversation.request();
    imageRead(conversation, random.between(9e5, 18e5));
  }
}

/** Writes the records about the environment that newer clients write before the first answer. */
function surroundings(conversation) {
  const { cwd, model } = conversation;
  conversation.attachment('environment', { snapshot: { workingDirectory: cwd, isGitRepo: true, platform: 'linux' } }, 800);
  conversation.attachment('model', { identity: { modelId: model } }, 200);
  conversation.attachment('deferred_tools_delta', { addedNames: ['CronCreate'] }, 800);
  conversation.attachment('agent_listing_delta', { isInitial: true }, 5000);
  conversation.attachment('skill_listing', { skillCount: 14 }, 13_000);
  conversation.attachment('session_context', { context: { gitStatus: 'snapshot' } }, 600);
  conversation.attachment('date', { date: '2026-11-21' }, 60);
  conversation.promptSnapshot(false);
  conversation.requestShape();
}

function compacted(conversation) {
  conversation.truth.compactions += 1;
  // Without `postTokens` the remaining context is unknown until the next answer.
  conversation.truth.contextTokens = null;
  const before = conversation.parent;
  conversation.parent = null;
  conversation.system('compact_boundary', { content: 'Conversation compacted', isMeta: false, level: 'info', compactMetadata: { trigger: 'auto', preTokens: conversation.context }, logicalParentUuid: before });
  const flags = conversation.client.attachments ? { isVisibleInTranscriptOnly: true, isCompactSummary: true } : {};
  conversation.clientMade(`This session is being continued from a previous conversation that ran out of context. The summary is below:\n${conversation.random.pick(WORDS)}`, flags);
  conversation.context = 22_000;
}

/** Hides a text that a search must find in the model's answers. */
function hide(conversation, name, times) {
  for (let left = times; left > 0; left -= 1) {
    conversation.request();
    conversation.words(300, 'end_turn', NEEDLES[name]);
  }
  conversation.truth.needles[name] = times;
}

/** Adds a record cut off by a crash, or NUL bytes left by a power cut. */
function damageTail(output, conversation, session) {
  const { random, truth } = conversation;
  if (session.torn) {
    const record = JSON.stringify({ parentUuid: conversation.parent, isSidechain: false, message: { id: 'msg_torn', type: 'message', role: 'assistant', model: conversation.model, content: [{ type: 'text', text: 'this record was cut by a crash ünïcode 日本語' }] } });
    const bytes = Buffer.from(record);
    output.raw(bytes, 0, random.between(20, bytes.length - 1));
    truth.torn = true;
  } else if (session.nul) {
    truth.nulTail = random.between(512, 4095);
    output.raw(Buffer.alloc(truth.nulTail));
  }
}

/** Writes transcripts of subagents, and a tool result in a file of its own. */
function writeBeside(options, conversation, session) {
  const { random, client, truth, filler } = conversation;
  const directory = join(options.out, 'projects', encodedDirectory(session.cwd));
  const own = join(directory, session.id);
  const subagents = client.inlineSubagents ? directory : join(own, 'subagents');
  mkdirSync(subagents, { recursive: true });
  for (let left = session.subagents; left > 0; left -= 1) {
    const id = random.hex(client.inlineSubagents ? 8 : 17);
    truth.subagentBytes += writeSubagent(join(subagents, `agent-${id}.jsonl`), id, conversation);
    truth.subagentFiles += 1;
  }
  if (client.inlineSubagents || !random.chance(0.3)) return;
  mkdirSync(join(own, 'tool-results'), { recursive: true });
  writeFileSync(join(own, 'tool-results', `toolu_01${random.hex(22)}.txt`), filler.bytes(random.between(60_000, 260_000)));
}

/** Writes a subagent's transcript: alternating prompts and answers; one in ten ends at a limit that does not affect the session. */
function writeSubagent(path, agentId, conversation) {
  const { random, filler, truth } = conversation;
  const output = new Output(path);
  const wanted = random.size(80e3, 1.2, 3e6);
  const timestamp = truth.lastTimestamp;
  let parentUuid = null;
  const record = (type, message, outer = {}) => {
    const uuid = random.uuid();
    output.record({ parentUuid, isSidechain: true, message, type, uuid, timestamp, ...outer, agentId, ...conversation.surroundings() });
    parentUuid = uuid;
  };
  while (output.bytes < wanted) {
    const text = filler.text(random, output.pieces, 200 + random.size(1500, 1.2, 60e3));
    if (output.lines % 2 === 0) record('user', { role: 'user', content: text });
    else record('assistant', { id: `msg_01${random.hex(22)}`, type: 'message', role: 'assistant', model: conversation.model, content: [{ type: 'text', text }], stop_reason: null, usage: { input_tokens: 5, cache_creation_input_tokens: 10, cache_read_input_tokens: 20, output_tokens: 7 } });
  }
  if (random.chance(0.1)) {
    const quotaLimits = { status: 'rejected', resetsAt: truth.mtime - 100, rateLimitType: 'five_hour' };
    record('assistant', { model: '<synthetic>', role: 'assistant', type: 'message', content: [{ type: 'text', text: "You've hit your 5-hour limit" }] }, { quotaLimits, error: 'rate_limit', isApiErrorMessage: true });
  }
  output.close(truth.mtime, path);
  return output.bytes;
}
