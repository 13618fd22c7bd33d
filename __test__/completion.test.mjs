// Completion: the candidates of the scripts, tested in the real shells installed on this machine.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { idOf, transcriptText } from './lib/hooks.mjs';

const require = createRequire(import.meta.url);
const { SHELLS, scriptOf } = require('../bin/lib/completion.js');
const { VERBS, verbNamed } = require('../bin/lib/program.js');

const missing = (/** @type {string} */ shell) => (spawnSync(shell, ['-c', 'exit 0']).status === 0 ? false : `${shell} is not installed`);

/** Returns a world with two sessions and the command on PATH. @param {import('node:test').TestContext} t */
function place(t) {
  const made = world(t);
  const directory = join(made.claude, 'projects', made.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  mkdirSync(join(made.project, 'sub dir'));
  for (const number of [0x3f2a0001, 0x77aa0002]) writeFileSync(join(directory, `${idOf(number)}.jsonl`), transcriptText('finished-interactive', { id: idOf(number), cwd: made.project }));
  const bin = join(made.root, 'bin');
  mkdirSync(bin);
  const command = join(bin, 'cc-session-recover');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin', 'cc-session-recover.js')}' "$@"\n`);
  chmodSync(command, 0o755);
  return { ...made, env: { ...made.env, PATH: `${bin}:${process.env.PATH}` } };
}

/** Shell code that prints the candidates for the last of the words. @type {Record<string, (words: string[]) => string>} */
const ASKED = {
  bash: (words) => `COMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}; _cc_session_recover; printf '%s\n' "\${COMPREPLY[@]}"`,
  // The two zsh functions that show candidates are replaced by ones that print them.
  zsh: (words) => `_describe() { print -l -- "\${(P@)2}" }; _files() { print -l -- \${~:-\${words[CURRENT]}*}(N/) }; words=(${words.map(quoted).join(' ')}); CURRENT=${words.length}; _cc_session_recover`,
  fish: (words) => `complete -C ${quoted(words.join(' '))}`,
};

/** @param {string} word */
const quoted = (word) => `'${word}'`;

/** Returns the candidates without their descriptions. @param {string[]} lines */
const values = (lines) => lines.map((line) => line.split(/[\t:]| {2}/)[0]);

/** Start of the shell: completion as a user sets it up. @type {Record<string, string>} */
const SET_UP = {
  bash: 'source <(cc-session-recover completion bash)',
  zsh: 'autoload -Uz compinit; compinit -u -D; source <(cc-session-recover completion zsh)',
  fish: 'cc-session-recover completion fish | source',
};

for (const shell of SHELLS) {
  test(`completion in ${shell} offers verbs, options, stop kinds, sessions and directories`, { skip: missing(shell) }, async (t) => {
    const { env, project } = place(t);
    const offered = (/** @type {string[]} */ ...words) => {
      const argv = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] }[shell] ?? [];
      const { status, stdout, stderr } = spawnSync(shell, [...argv, '-c', `${SET_UP[shell]}\n${ASKED[shell](['cc-session-recover', ...words])}`], { cwd: project, env, encoding: 'utf8' });
      assert.equal(stderr, '', `${words.join(' ')}: ${status}`);
      return stdout.split('\n').filter(Boolean);
    };
    const verbs = values(offered(''));
    for (const verb of VERBS) assert.equal(verbs.includes(verb), verbNamed(verb).hidden !== true, verb);
    assert.deepEqual(values(offered('pau')), ['pause']);
    assert.ok(values(offered('status', '--')).includes('--all'));
    assert.ok(!values(offered('status', '--all', '--')).includes('--all'), 'an option that is given is not offered again');
    assert.deepEqual(values(offered('list', '--stop', 'usage-limit-w')), ['usage-limit-weekly']);
    assert.deepEqual(values(offered('list', '--stop', 'network', 'usage-limit-5')), ['usage-limit-5h']);
    assert.ok(values(offered('list', '--state', 'inter')).includes('interrupted'));
    assert.deepEqual(values(offered('completion', 'fi')), ['fish']);
    assert.deepEqual(values(offered('show', '')).toSorted(), ['3f2a0001', '77aa0002']);
    assert.deepEqual(values(offered('show', '77')), ['77aa0002']);
    assert.match(offered('show', '').join('\n'), /3f2a0001.*\w/, 'the name stands beside the id');
    assert.match(offered('init', 'su').join('\n'), /sub(\\)? dir/);
    assert.deepEqual(offered('no-such-verb', ''), []);
  });
}

test('bash completion omits the description when there is only one candidate', async (t) => {
  const { run } = place(t);
  assert.equal((await run(['__complete', 'bash', 'show', '77'])).stdout, '77aa0002\n');
  assert.match((await run(['__complete', 'bash', 'show', ''])).stdout, /^3f2a0001 {2}\S/m);
});

test('completion requires a shell name and prints its script', async (t) => {
  const { run } = world(t);
  for (const shell of SHELLS) assert.equal((await run(['completion', shell])).stdout, scriptOf(shell));
  const { status, stderr } = await run(['completion', 'tcsh']);
  assert.equal(status, 2);
  assert.match(stderr, /completion takes bash, zsh or fish/);
});
