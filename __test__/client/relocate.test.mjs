// A relocated session on the real client: it continues in the copy, and the original stays unchanged.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { createRequire } from 'node:module';
import { run, scene } from './scene.mjs';

const { clientEnvironment } = createRequire(import.meta.url)('../../bin/loopback/client.js');

suite('a copied session', { concurrency: 2 }, () => {
  for (const kind of ['configuration directory', 'project']) {
    test(`a session that was copied to another ${kind} continues there`, async (t) => {
      const stage = await scene(t, { init: false });
      if (stage === null) return;
      const { session_id: id } = JSON.parse((await stage.once('Do the task.')).stdout);
      const to = path.join(realpathSync(stage.home.root), 'elsewhere');
      mkdirSync(kind === 'project' ? to : path.join(to, 'projects'), { recursive: true });
      const { code, stdout, stderr } = await stage.cli('relocate', id, '--to', to, '--json');
      assert.equal(code, 0, stderr);
      const { files, commands } = JSON.parse(stdout);
      const { from, to: copy } = files.at(-1);
      const original = readFileSync(from);
      const [, ...words] = commands.resume;
      const env = { ...clientEnvironment(stage.home, stage.api, {}), ...commands.env };
      const resumed = await run(stage.client, ['-p', '--output-format', 'json', ...words, 'Go on.'], { cwd: commands.cwd, env });
      assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
      assert.equal(JSON.parse(resumed.stdout).session_id, id);
      assert.ok(readFileSync(copy).length > original.length, 'the copy has grown');
      assert.deepEqual(readFileSync(from), original, 'the original has not');
    });
  }
});
