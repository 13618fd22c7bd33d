'use strict';
// A rehearsal: a session in a throw-away home meets a usage limit that resets in a few seconds, and must continue by itself. Each step is
// proved from a source that the tested parts do not control: requests are counted by the API, turns are read from the client's transcript.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { startApi, step } = require('./api.js');
const { openSession } = require('./client.js');

/** Milliseconds between two checks of a file. */
const POLL_INTERVAL = 50;
/** Milliseconds between two progress reports of a step. */
const TICK_EVERY = 500;
/** Seconds to watch after the second turn for an unwanted continuation. */
const QUIET_SECONDS = 1.5;

/** Configuration of this package during a rehearsal: the waits after a real stop, shortened to seconds. */
const REHEARSAL_CONFIG = { heartbeat: { graceSeconds: 1, stepSeconds: 0.25 }, notify: { desktop: false } };

/** A step and its proof. @typedef {{step: string, at: string, ok: boolean, detail: string}} Step */
/** Progress of a step that takes time. @typedef {{step: string, doing: string, secondsLeft: number | null}} Tick */

/** A step that did not happen. `step` is its name, the message is the reason; the counts are those of the API at that time. */
class RehearsalError extends Error {
  /** @param {string} name @param {string} why */
  constructor(name, why) {
    super(why);
    this.step = name;
    this.at = iso(Date.now());
    this.requests = 0;
    this.continues = 0;
  }
}

/**
 * Runs the rehearsal and yields an entry for each step that happened.
 *
 * @param {object} options
 * @param {import('./client.js').ThrowAwayHome} options.home made with {@link REHEARSAL_CONFIG}.
 * @param {string[]} options.command the client: program and first arguments.
 * @param {string} options.cli path of this package's command line.
 * @param {number} options.resetIn seconds from the stop to the reset of the limit.
 * @param {number} options.timeout seconds for the whole rehearsal.
 * @param {AbortSignal} options.signal ends the rehearsal early.
 * @param {(tick: Tick) => void} [options.onTick] called twice a second with the progress.
 * @returns {AsyncGenerator<Step, {requests: number, continues: number}, void>} at its end, the counts of the API.
 * @throws {RehearsalError} naming the first step that did not happen.
 */
async function* rehearse({ home, command, cli, resetIn, timeout, signal, onTick = () => {} }) {
  const deadline = Date.now() + timeout * 1000;
  /** @type {ReturnType<typeof openSession> | null} */
  let session = null;
  let recovered = false;
  /** Time of the refused request, by the API's clock. */
  let stoppedAt = Infinity;
  const api = await startApi({
    scenario: [
      step.tool('Write', { file_path: path.join(home.project, 'plan.md'), content: '1. rehearse\n' }, { say: 'Writing the plan first.' }),
      step.limitFor('5h', resetIn),
      step.text('The limit is over; the task is finished.'),
    ],
  });

  /**
   * Waits until `check` finds something; the step fails if the client ends, the deadline passes or the rehearsal is aborted.
   *
   * @template T
   * @param {string} name
   * @param {string} doing
   * @param {() => T | null | undefined | false} check
   * @param {() => number | null} [secondsLeft]
   * @returns {Promise<T>}
   */
  async function seen(name, doing, check, secondsLeft = () => null) {
    let nextTick = Date.now() + TICK_EVERY;
    for (;;) {
      const found = check();
      if (found !== null && found !== undefined && found !== false) return found;
      if (signal.aborted) throw new RehearsalError(name, 'interrupted');
      if (session?.result) throw new RehearsalError(name, `the client ended while ${doing}${lastWords(session)}`);
      if (Date.now() > deadline) throw new RehearsalError(name, `not seen within ${timeout} s while ${doing}${lastWords(session)}`);
      if (Date.now() >= nextTick) {
        onTick({ step: name, doing, secondsLeft: secondsLeft() });
        nextTick += TICK_EVERY;
      }
      await sleep(POLL_INTERVAL);
    }
  }

  try {
    const installed = install(home, cli, signal);
    yield done('hooks', hooksFound(home, await seen('hooks', 'running init', installed)));

    const opened = openSession({ command, home, api, args: ['--permission-mode', 'acceptEdits'] });
    session = opened;
    opened.prompt('Write a plan into plan.md, then carry it out.');
    const id = await seen('session', 'opening a session', () => opened.id);
    const registered = await seen('session', 'registering the session', () => home.registered(id));
    yield done('session', `${id}, process ${registered.pid}`);

    const limit = await seen('limit', 'reaching the limit', () => limitRecord(home, id));
    const { resetsAt } = limit.quotaLimits;
    stoppedAt = api.conversation().find((request) => request.status === 429)?.at ?? Infinity;
    yield done('limit', `usage limit in the transcript, resets ${time(resetsAt * 1000)}`);

    const incident = await seen('incident', 'noting the stop', () => {
      const value = home.incident(id);
      return value?.stop?.resetsAt && value.plan?.at ? value : null;
    });
    if (Date.parse(incident.stop.resetsAt) !== resetsAt * 1000) {
      throw new RehearsalError('incident', `it names ${incident.stop.resetsAt} as the reset, the transcript ${iso(resetsAt * 1000)}`);
    }
    if (incident.plan.action !== 'wake') throw new RehearsalError('incident', `the plan does not wake the session the session: ${incident.plan.why}`);
    const planned = Date.parse(incident.plan.at);
    yield done('incident', `same reset; plan: wake at ${time(planned)}`);

    await seen('handoff', 'writing HANDOFF.md', () => home.handoff().includes(id));
    yield done('handoff', 'HANDOFF.md has a block for the session');

    const first = await seen('wait', 'waiting for the reset', () => api.conversation(stoppedAt)[0], () => Math.ceil((planned - Date.now()) / 1000));
    if (first.at < resetsAt * 1000) throw new RehearsalError('wait', `a request came ${seconds(resetsAt * 1000 - first.at)} before the reset`);
    yield done('wait', `no request for ${seconds(first.at - stoppedAt)}`);
    yield done('wake', `${seconds(Math.abs(first.at - planned))} ${first.at < planned ? 'before' : 'after'} the planned second`);

    const answer = await seen('continued', 'finishing the second turn', () => answerAfter(home, id, limit));
    yield done('continued', `turn in the transcript of the same session: "${answer}"`);

    const quietUntil = Date.now() + QUIET_SECONDS * 1000;
    await seen('once', 'watching for a second continue', () => Date.now() > quietUntil);
    const continues = api.conversation(stoppedAt).length;
    if (continues !== 1) throw new RehearsalError('once', `the session was continued ${continues} times`);
    yield done('once', 'exactly one continue');
    recovered = true;
    return { requests: api.conversation().length, continues };
  } catch (error) {
    if (error instanceof RehearsalError) {
      error.requests = api.conversation().length;
      error.continues = api.conversation(stoppedAt).length;
    }
    throw error;
  } finally {
    await (recovered ? session?.close() : session?.terminate());
    await api.close();
  }
}

/**
 * Starts `init` on the home's project; the returned function returns the outcome, or `null` while `init` is running.
 *
 * @param {import('./client.js').ThrowAwayHome} home
 * @param {string} cli
 * @param {AbortSignal} signal
 */
function install(home, cli, signal) {
  /** @type {{error: Error | null, stderr: string} | null} */
  let outcome = null;
  const options = { env: home.environment(), cwd: home.project, signal, timeout: 60_000 };
  execFile(process.execPath, [cli, 'init', home.project, '--json'], options, (error, _, stderr) => {
    outcome = { error, stderr };
  });
  return () => outcome;
}

/**
 * Describes the hooks that `init` wrote to the project's settings.
 *
 * @param {import('./client.js').ThrowAwayHome} home
 * @param {{error: Error | null, stderr: string}} outcome
 */
function hooksFound(home, { error, stderr }) {
  if (error) throw new RehearsalError('hooks', `init failed: ${(stderr || error.message).trim()}`);
  const file = path.join(home.project, '.claude', 'settings.json');
  let hooks;
  try {
    ({ hooks } = JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new RehearsalError('hooks', `init left no settings to read: ${/** @type {Error} */ (cause).message}`);
  }
  const events = Object.keys(hooks ?? {});
  if (!events.includes('StopFailure')) throw new RehearsalError('hooks', `init left no StopFailure hook in ${file}`);
  return `init put ${events.length} into .claude/settings.json: ${events.join(', ')}`;
}

/** Returns the transcript record of the usage limit. @param {import('./client.js').ThrowAwayHome} home @param {string} id */
function limitRecord(home, id) {
  return home.records(id).find((record) => record.isApiErrorMessage === true && record.quotaLimits?.resetsAt);
}

/**
 * Returns the text of the first real answer after the limit's record.
 *
 * @param {import('./client.js').ThrowAwayHome} home
 * @param {string} id
 * @param {any} limit
 * @returns {string | null}
 */
function answerAfter(home, id, limit) {
  const records = home.records(id);
  const behind = records.slice(records.findIndex((record) => record.uuid === limit.uuid) + 1);
  const answer = behind.find(
    (record) => record.type === 'assistant' && record.isApiErrorMessage !== true && record.message?.model !== '<synthetic>' && record.isSidechain !== true,
  );
  return answer?.message.content.find((/** @type {any} */ block) => block.type === 'text')?.text ?? null;
}

/**
 * Returns how a client ended and the last line of its standard error, as far as known.
 *
 * @param {ReturnType<typeof openSession> | null} session
 */
function lastWords(session) {
  if (!session) return '';
  const { code, signal, error } = session.result ?? {};
  const end = error ? `: ${error.message}` : session.result ? ` (${signal ?? `exit code ${code}`})` : '';
  const words = session.errors.trim().split('\n').at(-1);
  return words ? `${end}: ${words}` : end;
}

/** @param {string} name @param {string} detail @returns {Step} */
function done(name, detail) {
  return { step: name, at: iso(Date.now()), ok: true, detail };
}

/** @param {number} milliseconds */
function iso(milliseconds) {
  return new Date(milliseconds).toISOString();
}

/** Returns the time of day in the user's time zone. @param {number} milliseconds */
function time(milliseconds) {
  return new Date(milliseconds).toTimeString().slice(0, 8);
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @param {number} milliseconds */
function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

module.exports = { REHEARSAL_CONFIG, RehearsalError, rehearse };
