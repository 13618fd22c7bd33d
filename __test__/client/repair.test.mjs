// Broken sessions on the real client: once unrepaired, as a control, and once repaired. The client's request shows what it has of a
// conversation: every good turn must be in it, and the API must accept it.
//
// CC_RECOVER_REPAIR_ALL=1 opens every broken session; by default every third is opened.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { brokenSessions, soundSessions, unitsOf } from '../lib/broken-sessions.mjs';
import { refusals } from '../lib/conversation-rules.mjs';
import { repairKinds } from '../lib/repair-kinds.mjs';
import { scene } from './scene.mjs';

const ALL = process.env.CC_RECOVER_REPAIR_ALL === '1';
const AT_ONCE = 2;
/**
 * Minimum share of repairable damages that break the unrepaired session. It is below 1, because the client copes with some: its guess at a
 * broken link is right more often than not.
 */
const CONTROL = 0.7;

/** @typedef {import('../lib/broken-sessions.mjs').Case} Case */

/** Opens a transcript in a separate home with a prompt, and returns what was sent. */
async function opened(/** @type {any} */ stage, /** @type {Case} */ one, /** @type {Buffer} */ bytes) {
  const file = transcriptOf(stage, one);
  writeFileSync(file, bytes, { mode: 0o600 });
  const seen = stage.api.conversation().length;
  const { code, stderr } = await stage.once('GO-ON-PLEASE', { credential: 'key', args: [`--resume=${one.session}`] });
  const sent = stage.api.conversation().slice(seen).findLast((/** @type {any} */ { session }) => session === one.session)?.messages ?? null;
  return { code, stderr, sent, units: new Set((sent ?? []).flatMap(unitsOf)), after: readFileSync(file) };
}

function transcriptOf(/** @type {any} */ stage, /** @type {Case} */ one) {
  const directory = path.join(stage.home.configDir, 'projects', stage.home.project.replaceAll(/[^a-zA-Z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  return path.join(directory, `${one.session}.jsonl`);
}

/** Returns what is wrong in the client's request, or `null`. `sendable`: what it sends of the intact session. */
function wrong(/** @type {any} */ answer, /** @type {Case} */ one, /** @type {Set<string>} */ sendable) {
  if (answer.sent === null) return `no request was made: ${answer.stderr.trim()}`;
  // A second result of a call becomes a text that contains it.
  const held = (/** @type {string} */ unit) => answer.units.has(unit) || [...answer.units].some((other) => other.includes('[A second result') && other.endsWith(unit.replace(/^result \S+ /, '')));
  const missing = one.good.filter((unit) => sendable.has(unit) && !held(unit));
  if (missing.length > 0) return `${missing.length} good ones are not sent: ${missing.map((unit) => unit.slice(0, 60)).join(' | ')}`;
  const refused = refusals(answer.sent);
  if (refused.length > 0) return `the API would refuse it: ${refused.join('; ')}`;
  return answer.code === 0 ? null : `exit code ${answer.code}: ${answer.stderr.trim()}`;
}

test('the client opens repaired sessions with all intact turns, and most of them not before the repair', async (t) => {
  const cases = brokenSessions();
  assert.ok(cases.length >= 60, `${cases.length} broken sessions`);
  const chosen = ALL ? cases : cases.filter((_, at) => at % 3 === 0);
  const stages = [];
  for (let number = 0; number < AT_ONCE; number += 1) {
    const stage = await scene(t, { init: false, config: { supervisor: { pollSeconds: 0 }, notify: { desktop: false } } });
    if (stage === null) return;
    stages.push(stage);
  }
  /** What the client sends of each intact session: it does not send its own texts. */
  const whole = new Map();
  for (const one of soundSessions()) whole.set(one.source, await opened(stages[0], one, one.bytes));
  const forked = cases.find(({ source }) => source === 'live-session-forked');
  if (forked !== undefined) whole.set(forked.source, { units: new Set(forked.good) });
  const told = { cases: 0, before: 0, repaired: 0, left: 0, beforeOfRepaired: 0 };
  const failures = [];
  await Promise.all(
    stages.map(async (stage, lane) => {
      for (const one of chosen.filter((_, at) => at % AT_ONCE === lane)) {
        const sendable = whole.get(one.source).units;
        const why = wrong(await opened(stage, one, one.bytes), one, sendable);
        told.cases += 1;
        told.before += why === null ? 0 : 1;
        const file = transcriptOf(stage, one);
        writeFileSync(file, one.bytes, { mode: 0o600 });
        utimesSync(file, 1_700_000_000, 1_700_000_000);
        const { code, stdout, stderr } = await stage.cli('repair', one.session, '--apply', '--json');
        const report = code === 0 || code === 6 ? JSON.parse(stdout) : null;
        const repaired = readFileSync(file);
        if (report === null || one.repairable !== report.repaired) failures.push(`${one.name}: exit ${code}, repaired ${report?.repaired}: ${stderr}`);
        else if (!report.repaired && !repaired.equals(one.bytes)) failures.push(`${one.name}: it was touched`);
        for (const kind of one.classes) if (report !== null && !report.findings.some((/** @type {any} */ finding) => finding.class === kind) && one.classes.length === 1) failures.push(`${one.name}: ${kind} was not found`);
        told[one.repairable ? 'repaired' : 'left'] += 1;
        if (one.repairable && why !== null) told.beforeOfRepaired += 1;
        const kept = path.join(stage.home.root, 'kept');
        copyFileSync(file, kept);
        const still = wrong(await opened(stage, one, repaired), one, sendable);
        if (still !== null) failures.push(`${one.name}: ${still} (before: ${why})`);
        if (process.env.CC_RECOVER_REPAIR_TELL) t.diagnostic(`${why === null ? 'copes' : 'breaks'} ${one.name}: ${why ?? ''}`);
        if (report?.repaired) {
          copyFileSync(kept, file);
          const back = await stage.cli('repair', one.session, '--rollback', '--json');
          if (back.code !== 0 || !readFileSync(file).equals(one.bytes)) failures.push(`${one.name}: rolled back with exit ${back.code} ${back.stderr}`);
        }
        rmSync(file);
        rmSync(path.join(stage.home.stateDir, 'snapshots'), { recursive: true, force: true });
        assert.deepEqual(readdirSync(path.dirname(file)).filter((name) => name.includes('tmp')), []);
      }
    }),
  );
  t.diagnostic(`${told.cases} of ${cases.length} broken sessions: before repair ${told.before} fail or lose good turns; ${told.repaired} repaired, of which ${told.beforeOfRepaired} failed before; ${told.left} left as they are; ${failures.length} fail after`);
  assert.deepEqual(failures, []);
  assert.ok(told.beforeOfRepaired >= told.repaired * CONTROL, `the control: only ${told.beforeOfRepaired} of ${told.repaired} failed unrepaired`);
});

test('the client sends every turn of a repaired conversation of each further kind, and none that the user left', async (t) => {
  const stage = await scene(t, { init: false, config: { supervisor: { pollSeconds: 0 }, notify: { desktop: false } } });
  if (stage === null) return;
  const failures = [];
  const kinds = repairKinds();
  for (const one of kinds) {
    const file = transcriptOf(stage, { session: one.session });
    const sentOf = async (/** @type {Buffer} */ bytes) => {
      writeFileSync(file, bytes, { mode: 0o600 });
      const seen = stage.api.conversation().length;
      await stage.once('GO-ON-PLEASE', { credential: 'key', args: [`--resume=${one.session}`] });
      const sent = stage.api.conversation().slice(seen).find((/** @type {any} */ { messages }) => JSON.stringify(messages).includes('GO-ON-PLEASE'))?.messages;
      return { messages: sent ?? [], text: JSON.stringify(sent ?? []) };
    };
    const before = await sentOf(one.bytes);
    for (const word of one.lost) if (before.text.includes(word)) failures.push(`${one.name}: the control: ${word} is sent unrepaired`);
    writeFileSync(file, one.bytes, { mode: 0o600 });
    utimesSync(file, 1_700_000_000, 1_700_000_000);
    const { code, stderr } = await stage.cli('repair', one.session, '--apply', '--json');
    if (code !== (one.repairable ? 0 : 6)) failures.push(`${one.name}: exit ${code} ${stderr}`);
    const repaired = readFileSync(file);
    const after = await sentOf(repaired);
    for (const word of one.sent) if (!after.text.includes(word)) failures.push(`${one.name}: ${word} is not sent`);
    for (const word of one.away) if (after.text.includes(word)) failures.push(`${one.name}: ${word} is sent`);
    // Images are measured differently, and the long result is sent unchanged.
    const refused = refusals(after.messages).filter((why) => !why.endsWith('a result that does not fit'));
    if (refused.length > 0) failures.push(`${one.name}: the API would refuse it: ${refused.join('; ')}`);
    rmSync(file);
    rmSync(path.join(stage.home.stateDir, 'snapshots'), { recursive: true, force: true });
  }
  t.diagnostic(`${kinds.length} kinds: ${failures.length} failures`);
  assert.deepEqual(failures, []);
});
