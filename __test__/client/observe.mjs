// Sessions of the real client outside of tests, with the payload of every hook: for `npm run drift` and `npm run record-fixtures`.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { scene } from './scene.mjs';

/** Events whose payload is recorded. A client ignores events that it does not know. */
const EVENTS = ['SessionStart', 'SessionEnd', 'UserPromptSubmit', 'PreToolUse', 'PostToolUse', 'Notification', 'Stop', 'SubagentStop', 'PreCompact'];

/** A stage for one version, outside a test. @param {string} version */
export async function stageOf(version) {
  /** @type {(() => unknown)[]} */
  const endings = [];
  const surrogate = { after: (/** @type {() => unknown} */ end) => endings.push(end), diagnostic() {}, skip(/** @type {string} */ why) { throw new Error(why); } };
  const stage = await scene(/** @type {any} */ (surrogate), { version, init: false });
  return { stage, surrogate, end: async () => { for (const end of endings.toReversed()) await end(); } };
}

/** Settings whose hooks append their payload to a file, and wake the session after a StopFailure. @param {any} stage */
export function recordHooks(stage) {
  const directory = path.join(stage.home.root, 'payloads');
  mkdirSync(directory);
  const record = `cat > ${directory}/$$.$(date +%s%N).json`;
  const hooks = Object.fromEntries(EVENTS.map((event) => [event, [{ hooks: [{ type: 'command', command: record }] }]]));
  const wake = `${record}; [ -e ${directory}/woken ] && exit 0; : > ${directory}/woken; sleep 4; echo continue >&2; exit 2`;
  const StopFailure = [{ hooks: [{ type: 'command', command: wake, asyncRewake: true, timeout: 600 }] }];
  writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ hooks: { ...hooks, StopFailure } }));
  return () => readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    // By the time in the name, which follows the process id.
    .toSorted((one, other) => (one.split('.')[1] < other.split('.')[1] ? -1 : 1))
    .map((name) => JSON.parse(readFileSync(path.join(directory, name), 'utf8') || '{}'));
}
