// Rules that a conversation must follow to be accepted by the Messages API, as far as a damaged transcript can break them.

const KNOWN = new Set(['text', 'thinking', 'redacted_thinking', 'tool_use', 'tool_result', 'image', 'document']);

/** @param {any[]} blocks @param {string} type @param {string} key @returns {string[]} */
function ids(blocks, type, key) {
  return blocks.filter((block) => block.type === type).map((block) => block[key]);
}

/**
 * Returns the reasons for which the API would refuse a conversation.
 *
 * @param {{role: string, content: any}[]} messages
 * @returns {string[]}
 */
export function refusals(messages) {
  /** @type {{role: string, content: any[]}[]} */
  const turns = [];
  for (const { role, content } of messages) {
    if (role === 'system') continue;
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    // Consecutive messages of the same role count as one.
    if (turns.at(-1)?.role === role) turns.at(-1)?.content.push(...blocks);
    else turns.push({ role, content: [...blocks] });
  }
  const why = [];
  const called = new Set();
  if (turns[0]?.role !== 'user') why.push('it does not begin with the user');
  if (turns.at(-1)?.role !== 'user') why.push('it does not end with the user');
  for (const [at, { role, content }] of turns.entries()) {
    if (content.length === 0) why.push(`${at}: nothing in it`);
    const calls = ids(content, 'tool_use', 'id');
    const results = ids(content, 'tool_result', 'tool_use_id');
    const before = ids(turns[at - 1]?.content ?? [], 'tool_use', 'id');
    const after = ids(turns[at + 1]?.content ?? [], 'tool_result', 'tool_use_id');
    for (const id of calls) {
      if (called.has(id)) why.push(`${at}: ${id} is called twice`);
      called.add(id);
      if (!after.includes(id)) why.push(`${at}: ${id} has no result`);
    }
    for (const id of results) if (!before.includes(id)) why.push(`${at}: a result of ${id}, which is not called before it`);
    if (new Set(results).size !== results.length) why.push(`${at}: two results of one call`);
    for (const block of content) {
      if (!KNOWN.has(block.type)) why.push(`${at}: a block ${block.type}`);
      if (block.type === 'text' && (typeof block.text !== 'string' || block.text.trim() === '')) why.push(`${at}: an empty text`);
      if (block.type === 'thinking' && (typeof block.signature !== 'string' || !/^[\w+/=-]+$/.test(block.signature))) why.push(`${at}: thinking that is not signed`);
      if (block.type === 'tool_use' && (block.input === null || typeof block.input !== 'object' || Array.isArray(block.input))) why.push(`${at}: arguments that are no object`);
      if (block.type === 'tool_result' && JSON.stringify(block.content ?? '').length > 2_000_000) why.push(`${at}: a result that does not fit`);
    }
    if (role === 'assistant' && content.at(-1)?.type.endsWith('thinking')) why.push(`${at}: it ends in thinking`);
  }
  return why;
}
