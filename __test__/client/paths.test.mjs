// Where the real client stores the transcripts of a project, and that `status` reads the same place, for paths that its encoding changes or
// cuts.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { run, scene, step } from './scene.mjs';

const require = createRequire(import.meta.url);
const { clientEnvironment } = require('../../bin/loopback/client.js');

const NAMES = {
  'with blanks, dots and signs': 'with space/.hidden/a+b@c,d(e)_f',
  'in other scripts': 'üñï-日本語/emo😀ji',
  'longer than 200 characters': `${'long-'.repeat(20)}/${'path_é'.repeat(30)}`,
};

suite('project paths', { concurrency: 2 }, () => {
  for (const [what, name] of Object.entries(NAMES)) {
    test(`the session of a project whose path is ${what} is found`, async (t) => {
      const stage = await scene(t, { init: false, scenario: [step.limitFor('5h', 600)] });
      if (stage === null) return;
      const project = path.join(realpathSync(stage.home.root), name);
      mkdirSync(project, { recursive: true });
      const { code, stdout } = await run(stage.client, ['-p', '--output-format', 'json', 'Go.'], { cwd: project, env: clientEnvironment(stage.home, stage.api, {}) });
      assert.equal(code, 1, stdout);
      const { session_id: id } = JSON.parse(stdout);
      const status = await stage.cli('status', project, '--json');
      const found = JSON.parse(status.stdout).sessions.map((session) => [session.id, session.stop.kind, session.project.cwd]);
      assert.deepEqual(found, [[id, 'usage-limit-5h', project]]);
    });
  }
});
