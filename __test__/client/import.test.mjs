// An exported session on the real client: the original is deleted, the export is imported, and the client continues with the same history.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { createRequire } from 'node:module';
import { VERSIONS } from './install.mjs';
import { run, scene, step } from './scene.mjs';

const { clientEnvironment } = createRequire(import.meta.url)('../../bin/loopback/client.js');

/** Returns the history of the messages, without what the client adds to each request again. @param {any[]} messages */
function history(messages) {
  return messages.map(({ role, content }) => {
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    const told = blocks.filter((/** @type {any} */ { type, text }) => type !== 'text' || !text.startsWith('<system-reminder>'));
    return { role, told: told.map((/** @type {any} */ { type, text, name, input, id, tool_use_id, content: result }) => ({ type, text, name, input, id, tool_use_id, result })) };
  }).filter(({ told }) => told.length > 0);
}

suite('an imported session', { concurrency: 2 }, () => {
  for (const [words, version, archive, elsewhere] of /** @type {[string, string, boolean, boolean]} */ ([
    ['an imported session continues where it was', VERSIONS.current, false, false],
    ['an imported session continues in another configuration directory and project, from an archive', VERSIONS.current, true, true],
    ['an imported session continues with an older client', VERSIONS.beforeApiError, false, false],
  ])) {
    test(words, async (t) => {
      const stage = await scene(t, { init: false, version });
      if (stage === null) return;
      const { home, api } = stage;
      writeFileSync(path.join(home.project, 'fact.txt'), 'the number is 4711\n');
      api.play(step.tool('Read', { file_path: path.join(realpathSync(home.project), 'fact.txt') }), step.text('I have read ALPHA.'));
      const { session_id: id } = JSON.parse((await stage.once('Read fact.txt, please.')).stdout);
      api.play(step.text('And this is BRAVO.'));
      assert.equal((await stage.once('Now the second thing.', { args: [`--resume=${id}`] })).code, 0);
      const before = history(api.conversation().at(-1).messages);
      const transcript = home.transcript(id);
      const original = readFileSync(transcript);

      const exported = await stage.cli('export', id, ...(archive ? ['--archive'] : []), '--json');
      assert.equal(exported.code, 0, exported.stderr);
      const [{ path: saved, digest }] = JSON.parse(exported.stdout).exports;
      // Removes the session, and every other session of this throw-away home.
      rmSync(path.join(home.configDir, 'projects'), { recursive: true });
      const lost = await stage.once('Go on.', { args: [`--resume=${id}`] });
      assert.equal(lost.code, 1, 'without it there is nothing to resume');
      rmSync(path.join(home.configDir, 'projects'), { recursive: true, force: true });

      const other = path.join(realpathSync(home.root), 'other');
      const project = path.join(realpathSync(home.root), 'moved');
      for (const directory of [other, project]) mkdirSync(directory);
      const where = elsewhere ? ['--config-dir', other, '--project', project] : [];
      const imported = await stage.cli('import', saved, ...where, '--json');
      assert.equal(imported.code, 0, imported.stderr);
      const { files, commands } = JSON.parse(imported.stdout);
      const copy = files.at(-1);
      assert.equal(copy.digest, digest);
      assert.deepEqual(readFileSync(copy.to), original);

      api.play(step.text('CHARLIE follows.'));
      const env = { ...clientEnvironment(home, api, {}), ...commands.env };
      const [, ...argv] = commands.resume;
      const resumed = await run(stage.client, ['-p', '--output-format', 'json', ...argv, 'What did you read?'], { cwd: commands.cwd, env });
      assert.equal(resumed.code, 0, resumed.stdout + resumed.stderr);
      const answer = JSON.parse(resumed.stdout);
      assert.deepEqual([answer.session_id, answer.result], [id, 'CHARLIE follows.']);
      const sent = history(api.conversation().at(-1).messages);
      const said = JSON.stringify(sent);
      for (const text of ['Read fact.txt, please.', 'the number is 4711', 'I have read ALPHA.', 'Now the second thing.', 'And this is BRAVO.', 'What did you read?']) assert.ok(said.includes(text), `${text} is not in ${said}`);
      assert.deepEqual(sent.slice(0, before.length), before, 'the history that was sent before is sent again');
      const grown = readFileSync(copy.to);
      assert.ok(grown.length > original.length && grown.subarray(0, original.length).equals(original), 'it went on in the imported file');
      assert.deepEqual(readdirSync(path.dirname(copy.to)).filter((name) => name.endsWith('.jsonl')), [`${id}.jsonl`]);
    });
  }
});
