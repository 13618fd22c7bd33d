// A session that stopped at its 5-hour limit and whose client is closed, created by the real steps: the hooks are installed, the transcript
// ends with the limit, and the launcher runs the stop hook.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';

/**
 * @param {ReturnType<typeof import('./command.mjs').world>} place
 * @param {{id: string, resetsIn?: number}} session Its id, and the seconds until the limit resets.
 * @returns {Promise<{transcript: string, resetsAt: Date}>}
 */
export async function stoppedSession(place, { id, resetsIn = 5000 }) {
  const ready = await place.run(['init', '--yes']);
  assert.equal(ready.status, 0, ready.stderr);

  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const transcript = join(directory, `${id}.jsonl`);
  const resetsAt = new Date((Math.floor(Date.now() / 1000) + resetsIn) * 1000);
  const recorded = readFileSync(join(ROOT, 'fixtures', 'transcripts', 'quota-5h-interactive-exited.jsonl'), 'utf8');
  const first = (/** @type {RegExp} */ pattern) => pattern.exec(recorded)?.[1] ?? assert.fail(`${pattern} is not in the fixture`);
  writeFileSync(
    transcript,
    recorded
      .replaceAll(first(/"sessionId":"([^"]+)"/), id)
      .replaceAll(JSON.stringify(first(/"cwd":"([^"]+)"/)), JSON.stringify(place.project))
      .replaceAll(`"resetsAt":${first(/"resetsAt":(\d+)/)}`, `"resetsAt":${resetsAt.getTime() / 1000}`),
  );

  const payload = JSON.parse(readFileSync(join(ROOT, 'fixtures', 'hook-payloads', 'stopfailure-usage-limit-5h.json'), 'utf8'));
  const hook = spawnSync(process.execPath, [join(place.project, '.claude', 'cc-session-recover', 'hook.js')], {
    cwd: place.project,
    env: { ...place.env, CLAUDE_PROJECT_DIR: place.project },
    input: JSON.stringify({ ...payload, last_assistant_message: first(/"text":"(You've hit your [^"]+)"/), session_id: id, transcript_path: transcript, cwd: place.project }),
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.deepEqual({ status: hook.status, stdout: hook.stdout, stderr: hook.stderr }, { status: 0, stdout: '', stderr: '' });
  return { transcript, resetsAt };
}
