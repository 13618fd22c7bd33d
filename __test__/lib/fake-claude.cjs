'use strict';

// Imitates `claude -p --resume=<id>`: registers itself like the client, appends what the client appends on a resume, and logs for the test
// when it began and ended. `fake.json` beside the program controls it: `{log, config, delay, runs, hidden}`, where the n-th run of a
// session does `runs[n]`, and every later one the last. A hidden one neither registers nor shows the session in the process table.

const fs = require('node:fs');
const path = require('node:path');
const { randomUUID } = require('node:crypto');

const told = JSON.parse(fs.readFileSync(path.join(path.dirname(__filename), 'fake.json'), 'utf8'));
const argv = process.argv.slice(2);
if (told.hidden) process.title = 'claude';
const named = argv.find((word) => word.startsWith('--resume='))?.slice('--resume='.length) ?? '';
const id = path.basename(named, '.jsonl');
const sleep = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
const note = (event, more = {}) => fs.appendFileSync(told.log, `${JSON.stringify({ event, id, pid: process.pid, ...more })}\n`);

const earlier = fs.existsSync(told.log) ? fs.readFileSync(told.log, 'utf8').split('\n').filter((line) => line.includes('"event":"start"') && line.includes(id)).length : 0;
note('start', { argv: [__filename, ...argv], cwd: process.cwd(), attempt: process.env.CC_RECOVER_ATTEMPT ?? null, configDir: process.env.CLAUDE_CONFIG_DIR ?? null });
const runs = told.by?.[id] ?? told.runs;
const does = runs[Math.min(earlier, runs.length - 1)];

// The client reads the conversation first; later records are attached to the last message that it has read.
const transcript = path.join(told.config, 'projects', fs.readdirSync(path.join(told.config, 'projects')).find((dir) => fs.existsSync(path.join(told.config, 'projects', dir, `${id}.jsonl`))), `${id}.jsonl`);
const records = fs.readFileSync(transcript, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const common = Object.fromEntries(['userType', 'entrypoint', 'cwd', 'sessionId', 'version', 'gitBranch'].map((key) => [key, records.findLast((record) => record.cwd)?.[key]]));
let parent = records.findLast((record) => record.uuid && !record.isSidechain)?.uuid ?? null;

const registry = path.join(told.config, 'sessions', `${process.pid}.json`);
function end(code) {
  fs.rmSync(registry, { force: true });
  note('end', { code });
  // oxlint-disable-next-line unicorn/no-process-exit -- a signal ends it in the middle of its work
  process.exit(code);
}
if (does.deaf) process.on('SIGTERM', () => {});
else process.on('SIGTERM', () => end(143));

sleep(told.registerAfter ?? 0);
const stat = fs.readFileSync('/proc/self/stat', 'utf8');
fs.mkdirSync(path.dirname(registry), { recursive: true });
if (!told.hidden) fs.writeFileSync(registry, JSON.stringify({ pid: process.pid, sessionId: id, cwd: process.cwd(), startedAt: Date.now(), procStart: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19], version: '2.1.329', kind: 'interactive', entrypoint: 'sdk-cli', status: 'busy' }));

const append = (record) => fs.appendFileSync(transcript, `${JSON.stringify(record)}\n`);
const now = () => new Date().toISOString();
const added = (record) => {
  const uuid = randomUUID();
  append({ parentUuid: parent, isSidechain: false, ...record, uuid, timestamp: now(), ...common });
  parent = uuid;
};
const usage = { input_tokens: 1200, cache_creation_input_tokens: 0, cache_read_input_tokens: 8000, output_tokens: 42 };
const answer = (content, reason, more = {}) =>
  added({ message: { id: `msg_${randomUUID()}`, type: 'message', role: 'assistant', model: 'claude-sonnet-5-5', content, stop_reason: reason, stop_sequence: null, usage }, requestId: `req_${randomUUID()}`, type: 'assistant', ...more });
const synthetic = (text, more = {}) =>
  added({ type: 'assistant', message: { id: randomUUID(), model: '<synthetic>', role: 'assistant', stop_reason: 'stop_sequence', stop_sequence: '', type: 'message', usage: { input_tokens: 0, output_tokens: 0 }, content: [{ type: 'text', text }] }, ...more });
const prompt = () => {
  const text = argv.at(-1);
  append({ type: 'queue-operation', operation: 'enqueue', timestamp: now(), sessionId: id, content: text });
  append({ type: 'queue-operation', operation: 'dequeue', timestamp: now(), sessionId: id });
  added({ promptId: randomUUID(), type: 'user', message: { role: 'user', content: text }, permissionMode: argv[argv.indexOf('--permission-mode') + 1], promptSource: 'sdk', turnOrigin: 'sdk' });
};
const call = (denied) => {
  const use = `toolu_${randomUUID()}`;
  answer([{ type: 'tool_use', id: use, name: 'Bash', input: { command: 'true' } }], 'tool_use');
  const content = denied ? "Claude requested permissions to use Bash, but you haven't granted it yet." : 'ok';
  added({ type: 'user', message: { role: 'user', content: [{ type: 'tool_result', content, is_error: denied, tool_use_id: use }] }, toolUseResult: content });
};

const behaviors = {
  works() {
    prompt();
    sleep(told.delay ?? 0);
    call(false);
    answer([{ type: 'text', text: 'Picking up again; done.' }], 'end_turn');
  },
  nothing() {},
  noResponse() {
    prompt();
    synthetic('No response requested.');
  },
  denied() {
    prompt();
    call(true);
    call(true);
    answer([{ type: 'text', text: 'I could not run anything.' }], 'end_turn');
  },
  limit() {
    prompt();
    const resetsAt = Math.floor(Date.now() / 1000) + does.resetsIn;
    synthetic("You've hit your 5-hour limit · resets later", {
      apiError: 'usage_limit_reached',
      quotaLimits: { status: 'rejected', resetsAt, unifiedRateLimitFallbackAvailable: false, rateLimitType: 'five_hour', overageStatus: 'rejected', isUsingOverage: false },
      error: 'rate_limit',
      isApiErrorMessage: true,
      apiErrorStatus: 429,
      apiErrorType: 'rate_limit_error',
    });
    return 1;
  },
  auth() {
    prompt();
    synthetic('Please run /login · API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}', { error: 'authentication_failed', isApiErrorMessage: true, apiErrorStatus: 401 });
    return 1;
  },
  hangs() {
    prompt();
    setInterval(() => {}, 1000);
    return null;
  },
  floods() {
    const block = `${'x'.repeat(1023)}\n`.repeat(1024);
    for (let count = 0; count < does.megabytes; count += 1) {
      fs.writeSync(1, block);
      sleep(does.pause ?? 0);
    }
    return behaviors.works();
  },
  rewrites() {
    const text = fs.readFileSync(transcript, 'utf8');
    fs.writeFileSync(transcript, text.replace('"isSidechain":false', '"isSidechain": false'));
    return behaviors.works();
  },
  truncates() {
    fs.truncateSync(transcript, Math.floor(fs.statSync(transcript).size / 2));
  },
  // Another client works in the same conversation at the same time, from the same last message.
  shares() {
    const leaf = parent;
    prompt();
    answer([{ type: 'text', text: 'One.' }], 'end_turn');
    parent = leaf;
    prompt();
    answer([{ type: 'text', text: 'The other.' }], 'end_turn');
  },
};

if (does.behavior !== 'works') sleep(told.delay ?? 0);
const code = behaviors[does.behavior]();
if (code !== null) end(code ?? 0);
