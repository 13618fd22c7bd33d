// Posts one notice: reads `{url, body, agent, milliseconds}` from standard input and answers by its exit code (webhook.rs has the table).
// The address may carry a secret, so that no message of an error is repeated: only its code is.
const { readFileSync, writeSync } = require('node:fs');

const { url, body, agent, milliseconds } = JSON.parse(readFileSync(0, 'utf8'));
const request = {
  method: 'POST',
  body,
  headers: { 'content-type': 'application/json', 'user-agent': agent },
  redirect: 'manual',
  signal: AbortSignal.timeout(milliseconds),
};

function end(code, word) {
  writeSync(2, String(word));
  process.exit(code);
}

fetch(url, request).then(
  (answer) => (answer.ok ? process.exit(0) : end(3, answer.status)),
  (error) => (error.name === 'TimeoutError' ? end(4, '') : end(5, error.cause?.code ?? '')),
);
