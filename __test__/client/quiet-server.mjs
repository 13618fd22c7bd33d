// A server of the model context protocol with one tool, `wait`, that never answers: a child process that a client keeps for its whole life,
// and work that starts no process and uses no network.

import { createInterface } from 'node:readline';

const TOOL = { name: 'wait', description: 'Waits.', inputSchema: { type: 'object', properties: {} } };

const ANSWERS = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'quiet', version: '1.0.0' } }),
  'tools/list': () => ({ tools: [TOOL] }),
  ping: () => ({}),
};

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const answer = ANSWERS[method];
  if (id !== undefined && answer !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: answer(params ?? {}) })}\n`);
});
