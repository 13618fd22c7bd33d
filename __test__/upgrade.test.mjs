// Tests what a session reports after the package was upgraded: the hooks still run the copy that `init` made of the older
// version.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { hooked, idOf, startHook } from './lib/hooks.mjs';

const posix = { skip: process.platform === 'win32' && 'played through /bin/sh' };

test('the first session after an upgrade says so once, and one without an upgrade says nothing', posix, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  let number = 1;
  const opened = async () => {
    const id = idOf((number += 1));
    const payload = { session_id: id, hook_event_name: 'SessionStart', source: 'startup', transcript_path: transcriptOf(id), cwd: place.project };
    const { status, stdout } = await startHook(commandOf('SessionStart'), JSON.stringify(payload), { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project } }).ended;
    assert.equal(status, 0);
    // Without a message for the user, it is plain text for the model.
    return stdout.startsWith('{') ? (JSON.parse(stdout).systemMessage ?? null) : null;
  };
  assert.equal(await opened(), null);

  const installed = join(place.root, 'installed');
  mkdirSync(installed);
  const upgrade = (/** @type {string} */ to) => writeFileSync(join(installed, 'package.json'), JSON.stringify({ version: to }));
  writeFileSync(join(place.state, 'package'), installed);
  upgrade('99.1.0-rc.1');
  assert.equal(await opened(), `cc-session-recover 99.1.0 is installed, and the hooks still run ${version}: \`cc-session-recover init --all\` updates them.`);
  assert.equal(await opened(), null);
  upgrade('99.2.0');
  assert.match(await opened(), /^cc-session-recover 99\.2\.0 is installed/);

  // Text in a file besides numbers is not repeated.
  for (const said of ['0.0.1', '100.0.0.1', '100.x.0', 'run this', '']) {
    upgrade(said);
    assert.equal(await opened(), null, said);
  }
});
