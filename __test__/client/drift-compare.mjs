// Compares two clients, without side effects. An observation is what `drift.mjs` saw of one version; its lists are sorted and without
// duplicates. Recovery depends on a small part of it: only a change there is a failure.

/**
 * Observed behavior of one client version.
 *
 * @typedef {object} Observation
 * @property {string} version
 * @property {string[]} hookEvents Names of hook events in the program.
 * @property {Record<string, string[]>} payloads Keys of each hook event that fired.
 * @property {Record<string, string[]>} records Keys of each record type in transcripts; `message` is a type of its own for each role.
 * @property {Record<string, {error: string | null, keys: string[], text: string}>} stops Error record of each stop, numbers replaced by `#`.
 * @property {string[]} registry Keys of the client's own record in its sessions directory.
 * @property {string[]} statuses Values of its `status`.
 * @property {boolean} wakes A hook that ends with code 2 began a turn.
 * @property {boolean} module A plugin's module was loaded and started a process.
 * @property {{delays: number[], capped: boolean} | null} native Seconds from each reset to the client's own continuation, and whether it
 *   gave up after them; `null` if not measured.
 */

/** What the product reads or relies on, by part of an observation. */
const RELIED = {
  hookEvents: ['Notification', 'PreCompact', 'SessionEnd', 'SessionStart', 'Stop', 'StopFailure', 'SubagentStop', 'UserPromptSubmit'],
  payloads: {
    SessionStart: ['cwd', 'hook_event_name', 'session_id', 'source', 'transcript_path'],
    Stop: ['cwd', 'hook_event_name', 'session_id', 'transcript_path'],
    StopFailure: ['error', 'hook_event_name', 'last_assistant_message', 'session_id', 'transcript_path'],
    SessionEnd: ['hook_event_name', 'reason', 'session_id', 'transcript_path'],
    UserPromptSubmit: ['hook_event_name', 'prompt', 'session_id', 'transcript_path'],
  },
  records: {
    assistant: ['cwd', 'entrypoint', 'isSidechain', 'message', 'parentUuid', 'requestId', 'sessionId', 'timestamp', 'type', 'uuid', 'version'],
    user: ['cwd', 'entrypoint', 'isSidechain', 'message', 'parentUuid', 'sessionId', 'timestamp', 'type', 'uuid', 'version'],
    'last-prompt': ['leafUuid', 'sessionId', 'type'],
    'message of assistant': ['content', 'id', 'model', 'role', 'stop_reason', 'usage'],
    'message of user': ['content', 'role'],
  },
  registry: ['cwd', 'pid', 'procStart', 'sessionId', 'startedAt', 'status'],
  stopKeys: ['error', 'isApiErrorMessage', 'message'],
  limitKeys: ['apiErrorStatus', 'quotaLimits'],
};

/** Maximum delay of the client's own continuation after a reset, in seconds; the product does not wait long enough for a later one. */
const LONGEST_NATIVE_DELAY = 300;

/**
 * @param {Observation} pinned
 * @param {Observation} seen
 * @returns {{where: string, what: string, relied: boolean}[]} Empty if nothing changed.
 */
export function drifted(pinned, seen) {
  /** @type {{where: string, what: string, relied: boolean}[]} */
  const found = [];
  const lists = (/** @type {string} */ where, /** @type {string[]} */ before, /** @type {string[]} */ after, /** @type {readonly string[]} */ relied = []) => {
    for (const gone of before.filter((one) => !after.includes(one))) found.push({ where, what: `gone: ${gone}`, relied: relied.includes(gone) });
    for (const added of after.filter((one) => !before.includes(one))) found.push({ where, what: `new: ${added}`, relied: false });
  };
  /**
   * Compares a part that maps names to lists.
   *
   * @param {string} where
   * @param {Record<string, string[]>} before
   * @param {Record<string, string[]>} after
   * @param {Record<string, string[]>} relied
   */
  const maps = (where, before, after, relied) => {
    for (const name of Object.keys({ ...before, ...after }).toSorted()) {
      if (after[name] === undefined) found.push({ where, what: `gone: ${name}`, relied: relied[name] !== undefined });
      else if (before[name] === undefined) found.push({ where, what: `new: ${name}`, relied: false });
      else lists(`${where} ${name}`, before[name], after[name], relied[name]);
    }
  };
  lists('hook events', pinned.hookEvents, seen.hookEvents, RELIED.hookEvents);
  maps('payload of', pinned.payloads, seen.payloads, RELIED.payloads);
  maps('record', pinned.records, seen.records, RELIED.records);
  lists('registry', pinned.registry, seen.registry, RELIED.registry);
  lists('registry status', pinned.statuses, seen.statuses, pinned.statuses);
  for (const kind of Object.keys({ ...pinned.stops, ...seen.stops }).toSorted()) {
    const [before, after] = [pinned.stops[kind], seen.stops[kind]];
    const where = `stop ${kind}`;
    if (after === undefined) found.push({ where, what: 'no error record', relied: true });
    else if (before === undefined) found.push({ where, what: 'new', relied: false });
    else {
      if (before.error !== after.error) found.push({ where, what: `error was ${before.error}, is ${after.error}`, relied: true });
      if (before.text !== after.text) found.push({ where, what: `text was ${JSON.stringify(before.text)}, is ${JSON.stringify(after.text)}`, relied: false });
      lists(where, before.keys, after.keys, kind.startsWith('limit') ? [...RELIED.stopKeys, ...RELIED.limitKeys] : RELIED.stopKeys);
    }
  }
  const turned = (/** @type {string} */ where, /** @type {boolean} */ before, /** @type {boolean} */ after) => {
    if (before !== after) found.push({ where, what: after ? 'works now' : 'does not work any more', relied: !after });
  };
  turned('wake by a hook that ends with 2', pinned.wakes, seen.wakes);
  turned("a plugin's module", pinned.module, seen.module);
  if (pinned.native !== null && seen.native !== null) {
    const [before, after] = [pinned.native, seen.native];
    const where = "the client's own continuation";
    if (before.delays.length !== after.delays.length) found.push({ where, what: `${before.delays.length} in a row before, ${after.delays.length} now`, relied: true });
    if (before.capped !== after.capped) found.push({ where, what: after.capped ? 'ends after them now' : 'continues after them now', relied: true });
    const late = after.delays.filter((delay) => delay > LONGEST_NATIVE_DELAY);
    if (late.length > 0) found.push({ where, what: `came ${late.join(', ')} s after a reset`, relied: true });
  }
  return found;
}
