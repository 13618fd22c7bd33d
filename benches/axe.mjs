// `node benches/axe.mjs`: checks the pages with axe-core in the browser of the tests: a session, the list of sessions and the night, in light
// and dark. Ends with 5 when it finds something serious. axe-core is installed beside the corpora when it is first needed, from the
// registry that npm is configured for; it is no dependency of the package.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { browser, chromium } from '../__test__/lib/chromium.mjs';
import { ROOT, world } from '../__test__/lib/command.mjs';
import { hooked, idOf, startHook, transcriptText } from '../__test__/lib/hooks.mjs';
import { CACHE } from './corpus.mjs';

const VERSION = '4.11.0';
const SERIOUS = new Set(['serious', 'critical']);
const FOUND = 5;

/** The program of axe-core. */
function axe() {
  const root = join(CACHE, `axe-${VERSION}`);
  const file = join(root, 'node_modules', 'axe-core', 'axe.min.js');
  if (!existsSync(file)) {
    mkdirSync(root, { recursive: true });
    execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', root, `axe-core@${VERSION}`], { stdio: 'inherit' });
  }
  return readFileSync(file, 'utf8');
}

/** A time in the last minute. @param {number} second */
function at(second) {
  return new Date(Date.now() - 60_000 + second * 1000).toISOString();
}

/** A session with an edit, code and a table, as a transcript. @param {string} id @param {string} cwd */
function session(id, cwd) {
  const common = { sessionId: id, cwd, version: '2.1.332', isSidechain: false, userType: 'external', gitBranch: 'main' };
  const answer = '## Done\n\n```ts\nconst answer = 42; // the number\n```\n\n| file | lines |\n|---|---|\n| a.rs | 3 |\n\nSee `a.rs`.';
  const edit = { type: 'tool_use', id: 'toolu_1', name: 'Edit', input: { file_path: `${cwd}/a.rs`, old_string: 'let a = 1;', new_string: 'let b = "two"; // 2' } };
  const patch = [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ['-let a = 1;', '+let b = "two"; // 2'] }];
  const records = [
    { type: 'user', uuid: 'u1', parentUuid: null, timestamp: at(0), message: { role: 'user', content: 'Rename the variable' } },
    { type: 'assistant', uuid: 'a1', parentUuid: 'u1', timestamp: at(1), message: { id: 'm1', role: 'assistant', model: 'claude-sonnet-4-5', content: [edit] } },
    { type: 'user', uuid: 'u2', parentUuid: 'a1', timestamp: at(2), toolUseResult: { filePath: `${cwd}/a.rs`, structuredPatch: patch }, message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'The file has been updated.' }] } },
    { type: 'assistant', uuid: 'a2', parentUuid: 'u2', timestamp: at(3), message: { id: 'm2', role: 'assistant', model: 'claude-sonnet-4-5', content: [{ type: 'text', text: answer }] } },
  ];
  return records.map((record) => `${JSON.stringify({ ...record, ...common })}\n`).join('');
}

/** Functions to call at the end, as in tests. */
const endings = [];
const t = { after: (/** @type {() => unknown} */ end) => void endings.unshift(end) };

async function pages() {
  const place = world(/** @type {any} */ (t));
  const { transcriptOf, transcripts, commandOf } = await hooked(place);
  writeFileSync(transcriptOf(idOf(1)), session(idOf(1), place.project));
  for (const [index, name] of readdirSync(join(ROOT, 'fixtures', 'transcripts')).filter((one) => one.endsWith('.jsonl')).slice(0, 8).entries()) copyFileSync(join(ROOT, 'fixtures', 'transcripts', name), join(transcripts, `${idOf(16 + index)}.jsonl`));
  const stopped = idOf(2);
  writeFileSync(transcriptOf(stopped), transcriptText('quota-5h-interactive', { id: stopped, cwd: place.project }));
  const payload = { session_id: stopped, hook_event_name: 'StopFailure', error: 'authentication_failed', transcript_path: transcriptOf(stopped), cwd: place.project, last_assistant_message: 'Invalid API key' };
  await startHook(commandOf('StopFailure'), JSON.stringify(payload), { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project } }).ended;
  const all = join(place.root, 'pages');
  const exported = await place.run(['export', '--all', '--format', 'html', '--to', all]);
  const night = join(place.root, 'night.html');
  const reported = await place.run(['report', '--all', '--format', 'html', '--to', night]);
  if (exported.status !== 0 || reported.status !== 0) throw new Error(exported.stderr + reported.stderr);
  return [...readdirSync(all).map((name) => join(all, name)), night];
}

async function main() {
  if (chromium === null) throw new Error('there is no Chromium');
  const program = axe();
  const files = await pages();
  const window = browser(t);
  let serious = 0;
  for (const file of files) {
    for (const dark of [false, true]) {
      const open = await window.open(file, { dark });
      // Opens folded sections, so that the check covers the whole page.
      await open.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
      await open.value(`${program}; true`);
      const violations = await open.value("axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, count: nodes.length, first: nodes[0].html.slice(0, 160), why: nodes[0].any.concat(nodes[0].all, nodes[0].none).map(({ message }) => message).join('; ') })))");
      const found = violations.filter((/** @type {any} */ { impact }) => SERIOUS.has(impact));
      serious += found.length;
      console.log(`${file.split(/[\\/]/).at(-1)}, ${dark ? 'dark' : 'light'}: ${found.length} serious, ${violations.length - found.length} lesser`);
      for (const { id, impact, help, count, first, why } of violations) console.log(`  ${impact} ${id} (${count}): ${help}\n    ${first}\n    ${why}`);
    }
  }
  console.log(`${files.length} pages, ${serious} serious`);
  if (serious > 0) process.exitCode = FOUND;
}

try {
  await main();
} finally {
  for (const end of endings) await end();
}
