// Writes the work between prompts. A step is one request with optional thinking, a few words, a tool call and its result.

import { ENDINGS_OF_FILES, REQUESTS, SHELL_COMMANDS, SUBJECTS, WORDS, filePath, sentence } from './vocabulary.mjs';

const TOOLS = { Bash: 34, Read: 26, Edit: 15, Write: 4, Grep: 9, TodoWrite: 4, Agent: 1, ExitPlanMode: 1, WebFetch: 2 };
const STATES = ['completed', 'in_progress', 'pending'];
const IMAGE_BUDGET = 2.5e6;

/** Writes a prompt of the user; one in ten has several lines, one in a hundred has a long paste. */
export function prompted(conversation, roomLeft = true) {
  const { random, truth } = conversation;
  const request = `${random.pick(REQUESTS)} the ${random.pick(SUBJECTS)} ${sentence(random, random.between(2, 26))} #${truth.turns + 1}`;
  const code = random.chance(0.1) ? `\n\n\`\`\`\n${sentence(random, 30)}\n\`\`\`` : '';
  const paste = roomLeft && random.chance(0.01) ? `\n${Array.from({ length: random.between(100, 1000) }, () => sentence(random, 8)).join('\n')}` : '';
  conversation.prompt(request + code + paste);
  if (roomLeft) conversation.requestBlob();
}

/** Writes the last words of a turn. */
export function answered(conversation, bytes) {
  conversation.request();
  conversation.words(bytes, 'end_turn');
}

/**
 * Writes one step of at most about `budget` bytes.
 *
 * @param {import('./conversation.mjs').Conversation} conversation
 * @param {number} budget
 * @param {number} images Share of steps that read an image.
 */
export function worked(conversation, budget, images = 0) {
  const { random } = conversation;
  conversation.request();
  if (random.chance(0.35)) conversation.thinking(random.between(200, 4200));
  if (random.chance(0.5)) conversation.words(random.between(60, 960), 'tool_use');
  const tool = random.weighted(TOOLS);
  const bytes = Math.max(20, Math.min(budget / 2, random.size(2400, 1.5, 100e3)));
  if (random.chance(images) && budget > IMAGE_BUDGET) imageRead(conversation, random.between(6e5, 24e5));
  else (USES[tool] ?? otherTool)(conversation, bytes, tool);
}

/** Writes the reading of an image, which is all in one line. */
export function imageRead(conversation, bytes) {
  const { random, cwd } = conversation;
  const id = conversation.call('Read', { file_path: `${filePath(random, cwd)}.png` });
  const data = conversation.base64(bytes);
  conversation.result(id, [{ type: 'image', source: { type: 'base64', data, media_type: 'image/png' } }], { type: 'image', file: { base64: '', type: 'image/png', originalSize: bytes } });
}

/** Calls and results of each tool. */
const USES = {
  Bash(conversation, bytes) {
    const { random } = conversation;
    const id = conversation.call('Bash', { command: `${random.pick(SHELL_COMMANDS)} ${sentence(random, 3)}`, description: sentence(random, 4) });
    const output = conversation.text(bytes);
    conversation.result(id, output, { stdout: output, stderr: '', interrupted: false, isImage: false });
  },

  Read(conversation, bytes) {
    const { random, cwd } = conversation;
    const path = filePath(random, cwd);
    const id = conversation.call('Read', { file_path: path });
    const content = conversation.text(bytes);
    conversation.result(id, content, { type: 'text', file: { filePath: path, content, numLines: random.between(1, 500), startLine: 1, totalLines: random.between(500, 1000) } });
  },

  Edit(conversation, bytes) {
    const { random, cwd } = conversation;
    const path = touched(conversation, filePath(random, cwd));
    const id = conversation.call('Edit', { replace_all: false, file_path: path, old_string: sentence(random, 8), new_string: sentence(random, 12) });
    const size = Math.min(bytes, 12e3);
    const patch = [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ['-a', '+b'] }];
    conversation.result(id, conversation.text(size), { filePath: path, oldString: 'a', newString: 'b', originalFile: conversation.text(size * 3), structuredPatch: patch, userModified: false, replaceAll: false });
    if (random.chance(0.3)) conversation.fileSnapshot({ [path]: { backupFileName: `${random.hex(16)}@v1`, version: 1 } }, true);
  },

  Write(conversation, bytes) {
    const path = touched(conversation, filePath(conversation.random, conversation.cwd));
    const id = conversation.call('Write', { file_path: path, content: conversation.text(bytes) });
    conversation.result(id, conversation.text(80), { ok: true });
  },

  TodoWrite(conversation) {
    const { random, truth } = conversation;
    const count = random.between(2, 7);
    const current = random.below(count);
    truth.todos = Array.from({ length: count }, (_, at) => ({ content: sentence(random, 5), status: STATES[Math.sign(at - current) + 1], activeForm: 'Doing it' }));
    conversation.result(conversation.call('TodoWrite', { todos: truth.todos }), conversation.text(120), { ok: true });
  },

  ExitPlanMode(conversation) {
    const { random, truth } = conversation;
    truth.lastPlan = `# Plan ${random.hex(4)}\n\n${[1, 2, 3].map((number) => `${number}. ${sentence(random, 12)}`).join('\n')}`;
    conversation.result(conversation.call('ExitPlanMode', { plan: truth.lastPlan }), conversation.text(200), { ok: true });
  },

  Agent(conversation, bytes) {
    const { random, client } = conversation;
    const id = conversation.call(client.inlineSubagents ? 'Task' : 'Agent', { description: sentence(random, 4), prompt: sentence(random, 40), subagent_type: 'general-purpose' });
    if (client.inlineSubagents) sidechain(conversation, Math.min(bytes, 4000));
    conversation.result(id, conversation.text(Math.min(bytes, 6000)), { ok: true });
  },
};

function otherTool(conversation, bytes, name) {
  const { random, cwd } = conversation;
  const id = conversation.call(name, { pattern: random.pick(WORDS), path: cwd, glob: `*${random.pick(ENDINGS_OF_FILES)}` });
  conversation.result(id, conversation.text(bytes), { ok: true });
}

/** Writes the messages of a subagent to the main transcript: none of them count for the session. */
function sidechain(conversation, bytes) {
  const { random, truth, model, parent } = conversation;
  conversation.parent = null;
  for (let left = random.between(1, 6); left > 0; left -= 1) {
    truth.sidechainRecords += 1;
    const usage = { input_tokens: 3, cache_creation_input_tokens: 999, cache_read_input_tokens: 777, output_tokens: 5 };
    const message = { id: `msg_01${random.hex(22)}`, type: 'message', role: 'assistant', model, content: [{ type: 'text', text: conversation.text(bytes) }], stop_reason: null, stop_sequence: null, usage };
    conversation.chained({ message, requestId: `req_${random.hex(20)}`, type: 'assistant' }, {}, true);
  }
  conversation.parent = parent;
}

function touched(conversation, path) {
  conversation.files.add(path);
  return path;
}
