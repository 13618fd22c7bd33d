// What the user does one second before the planned time takes effect: rounds of every way to prevent a continuation, side by side, with a
// process that stands in for the client. `node __test__/client/bars.mjs [rounds] [at once]` prints one line for each way; exit code 1 if a
// session was continued anyway. The way `nothing` is the control: there every session is continued.

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { world } from '../lib/command.mjs';
import { endWith, hooked, idOf, inTurns, livingClient, startHook, transcriptText } from '../lib/hooks.mjs';

const ROUNDS = Number(process.argv[2] ?? 20);
const AT_ONCE = Number(process.argv[3] ?? 4);
const ID = idOf(0xba5);
const QUICK = { heartbeat: { graceSeconds: 0, stepSeconds: 0.2 }, notify: { desktop: false } };
/** Seconds until the limit resets: the client, the hook and this script must be ready before that. */
const RESETS_IN = 20;

/** Writes the client's own record of a cancelled countdown, the same for Esc and Ctrl-C (2.1.332). @param {string} transcript */
function escaped(transcript) {
  const records = readFileSync(transcript, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const last = records.findLast(({ uuid }) => uuid);
  const record = { parentUuid: last.uuid, isSidechain: false, type: 'system', subtype: 'informational', content: 'Automatic continue cancelled (send a prompt after the reset to continue)', level: 'warning', isMeta: false, sessionId: ID, cwd: last.cwd, version: last.version, uuid: 'e5ca0000-0000-4000-8000-000000000001', timestamp: new Date().toISOString() };
  appendFileSync(transcript, `${JSON.stringify(record)}\n`);
}

/** @typedef {{place: ReturnType<typeof world>, transcript: string}} Scene */
/** @type {Record<string, (scene: Scene) => unknown>} */
const WAYS = {
  nothing: () => {},
  'Esc, Ctrl-C': ({ transcript }) => escaped(transcript),
  pause: ({ place }) => place.run(['pause', ID]),
  'pause --all': ({ place }) => place.run(['pause', '--all']),
  cancel: ({ place }) => place.run(['cancel', ID]),
  'enabled: false': ({ place }) => writeFileSync(join(place.root, 'config.json'), JSON.stringify({ ...QUICK, heartbeat: { ...QUICK.heartbeat, enabled: false } })),
  uninstall: ({ place }) => place.run(['uninstall', '--yes']),
};

/** Runs one round. @param {(scene: Scene) => unknown} act @returns {Promise<'continued' | 'held' | string>} */
async function round(act) {
  /** @type {(() => unknown)[]} */
  const after = [];
  const place = world(/** @type {any} */ ({ after: (/** @type {() => unknown} */ end) => after.push(end) }));
  try {
    const { commandOf, transcriptOf } = await hooked(place, QUICK);
    const client = livingClient(place, ID);
    const transcript = transcriptOf(ID);
    mkdirSync(join(transcript, '..'), { recursive: true });
    writeFileSync(transcript, transcriptText('quota-5h-interactive', { id: ID, cwd: place.project, resetsIn: RESETS_IN }));
    const env = { ...place.env, CLAUDECODE: '1', CLAUDE_PROJECT_DIR: place.project, CLAUDE_CODE_SESSION_ID: ID, CLAUDE_CODE_ENTRYPOINT: 'cli', CLAUDE_PID: String(client.pid) };
    const payload = { session_id: ID, hook_event_name: 'StopFailure', error: 'rate_limit', last_assistant_message: "You've hit your 5-hour limit · resets 3:15am (UTC)", transcript_path: transcript, cwd: place.project };
    const hook = startHook(commandOf('StopFailure'), JSON.stringify(payload), { cwd: place.project, env });
    endWith(place, hook);
    const path = join(place.state, 'incidents', `${ID}.json`);
    const incident = () => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null);
    for (let tries = 0; tries < 200 && incident()?.phase !== 'waiting'; tries += 1) await later(50);
    const due = Date.parse(incident()?.plan.at ?? '');
    if (Number.isNaN(due) || due - Date.now() < 1500) return 'too late to play';
    await later(due - Date.now() - 1000);
    await act({ place, transcript });
    const ended = await Promise.race([hook.ended, later(due - Date.now() + 6000)]);
    return /** @type {any} */ (ended)?.status === 2 ? 'continued' : 'held';
  } finally {
    for (const end of after) await end();
  }
}

let wrong = 0;
for (const [name, act] of Object.entries(WAYS)) {
  const results = await inTurns(Array.from({ length: ROUNDS }, () => () => round(act)), AT_ONCE);
  const count = (/** @type {string} */ what) => results.filter((one) => one === what).length;
  const expected = name === 'nothing' ? ROUNDS : 0;
  process.stdout.write(`${name.padEnd(16)} ${ROUNDS} rounds: ${count('continued')} continued, ${count('held')} held, ${count('too late to play')} not played\n`);
  if (count('continued') !== expected) wrong += 1;
}
process.exitCode = wrong === 0 ? 0 : 1;
