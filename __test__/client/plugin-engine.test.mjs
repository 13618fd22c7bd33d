// The plugin's module in the engine of every client that loads modules: it is valid, and the tests of `plugin-module.engine.ts` pass.

import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { VERSIONS } from './install.mjs';
import { run, scene } from './scene.mjs';

const TESTS = path.join(import.meta.dirname, 'plugin-module.engine.ts');

/** Runs the client's own command line in a scene. */
const claude = (stage, ...args) => run(stage.client, args, { cwd: stage.home.project, env: stage.home.environment({ CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' }) });

suite('the module in the engine of a client', { concurrency: 2 }, () => {
  for (const version of [VERSIONS.firstModule, '2.1.300', '2.1.322', VERSIONS.current]) {
    test(`client ${version} accepts the plugin and its module`, async (t) => {
      const stage = await scene(t, { init: false, version });
      if (stage === null) return;
      const { code, stdout, stderr } = await stage.cli('plugin', '--json');
      assert.equal(code, 0, stderr);
      const plugin = path.join(JSON.parse(stdout).directory, 'cc-session-recover');
      const validated = await claude(stage, 'plugin', 'validate', plugin);
      assert.equal(validated.code, 0, `${validated.stdout}${validated.stderr}`);
      copyFileSync(TESTS, path.join(plugin, 'module.test.ts'));
      const tested = await claude(stage, 'plugin', 'test', plugin);
      assert.equal(tested.code, 0, `${tested.stdout}${tested.stderr}`);
      assert.match(`${tested.stdout}${tested.stderr}`, /\b[1-9]\d* pass\b/);
      if (version !== VERSIONS.current) return;
      // Negative control: a module that submits without a granted claim fails.
      const module = path.join(plugin, 'hooks', 'module.js');
      writeFileSync(module, readFileSync(module, 'utf8').replace('if (!answer.prompt)', 'if (false)').replace('text: answer.prompt', "text: 'continue'"));
      const broken = await claude(stage, 'plugin', 'test', plugin);
      assert.equal(broken.code, 1);
      assert.match(`${broken.stdout}${broken.stderr}`, /\(fail\) submits nothing without a granted claim/);
    });
  }
});
