// `search`: finds where a text was said, in the transcripts of all sessions.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { ROOT, world } from './lib/command.mjs';
import { terminal } from './lib/terminal.mjs';

const require = createRequire(import.meta.url);
const { printHits } = require('../bin/lib/hits.js');

const ONE = '3f2a9c1d-0000-4000-8000-000000000001';
const TWO = '77aa0000-0000-4000-8000-000000000002';

/** @typedef {ReturnType<typeof world>} Place */

/** Returns functions that make records as the client writes them. @param {string} cwd */
function records(cwd = '/w') {
  let minute = 0;
  const at = () => new Date(Date.UTC(2026, 2, 1, 10, (minute += 1))).toISOString();
  const head = () => ({ uuid: crypto.randomUUID(), timestamp: at(), cwd, sessionId: ONE, version: '2.1.329', entrypoint: 'cli' });
  const user = (/** @type {unknown} */ content, rest = {}) => ({ parentUuid: null, isSidechain: false, type: 'user', message: { role: 'user', content }, ...head(), ...rest });
  const assistant = (/** @type {unknown[]} */ content) => ({ parentUuid: null, isSidechain: false, message: { type: 'message', role: 'assistant', model: 'claude-opus-5-5', content }, type: 'assistant', ...head() });
  return {
    prompt: (/** @type {string} */ text) => user(text, { origin: { kind: 'human' } }),
    meta: (/** @type {string} */ text) => user(text, { isMeta: true }),
    answer: (/** @type {string} */ text) => assistant([{ type: 'text', text }]),
    thinking: (/** @type {string} */ thinking) => assistant([{ type: 'thinking', thinking, signature: 'x' }]),
    call: (/** @type {unknown} */ input) => assistant([{ type: 'tool_use', id: 't', name: 'Bash', input }]),
    result: (/** @type {string} */ text) => user([{ tool_use_id: 't', type: 'tool_result', content: text }], { toolUseResult: { stdout: text, stderr: '' } }),
    system: (/** @type {string} */ content) => ({ type: 'system', subtype: 'informational', content, ...head() }),
    title: (/** @type {string} */ aiTitle) => ({ type: 'ai-title', aiTitle, sessionId: ONE }),
  };
}

/** @param {object[]} values */
const jsonl = (values) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

/**
 * @param {Place} place
 * @param {string} id
 * @param {string | Buffer} text
 * @param {{cwd?: string, home?: string}} [where]
 */
function transcript(place, id, text, { cwd = place.project, home = place.claude } = {}) {
  const directory = join(home, 'projects', cwd.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${id}.jsonl`);
  writeFileSync(path, text);
  return path;
}

/** @param {Place} place @param {string[]} argv @param {{env?: Record<string, string>}} [options] */
async function search(place, argv, options) {
  const { status, stdout, stderr } = await place.run(['search', '--json', ...argv], options);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.equal(report.schema, 'cc-session-recover/search@1');
  return report;
}

/** Returns the part of a snippet that matched. @param {{snippet: string, match: {start: number, length: number}}} hit */
const matched = ({ snippet, match }) => snippet.slice(match.start, match.start + match.length);

test('search finds text of every role with its role, turn, line, time and position in the snippet', async (t) => {
  const place = world(t);
  const r = records(place.project);
  const path = transcript(
    place,
    ONE,
    jsonl([
      r.title('About a needle'),
      r.prompt('where is the needle?'),
      r.thinking('a needle, hm'),
      r.call({ command: 'grep needle .', nested: [{ also: 'the needle' }] }),
      r.result('haystack:7: needle'),
      r.answer('The needle is in line 7.'),
      r.prompt('thanks'),
      r.meta('needle of the client'),
      r.system('needle noted'),
    ]),
  );
  const report = await search(place, ['needle']);
  assert.deepEqual(
    report.hits.map((/** @type {any} */ hit) => [hit.line, hit.role, hit.turn, hit.at === null]),
    [
      [1, 'system', 0, true],
      [2, 'user', 1, false],
      [3, 'assistant', 1, false],
      [4, 'tool', 1, false],
      [5, 'tool', 1, false],
      [6, 'assistant', 1, false],
      [8, 'system', 2, false],
      [9, 'system', 2, false],
    ],
  );
  for (const hit of report.hits) {
    assert.equal(matched(hit), 'needle');
    assert.deepEqual([hit.id, hit.transcript, hit.title, hit.name, hit.project, hit.subagent], [ONE, path, 'About a needle', null, place.project, false]);
  }
  assert.equal(report.hits[1].at, '2026-03-01T10:01:00.000Z');
  assert.equal(report.hits[3].snippet, 'grep needle .');
  assert.equal(report.total, 8);
  assert.equal(report.sessions, 1);
  assert.deepEqual(report.searched, { files: 1, bytes: readFileSync(path).length });
  assert.deepEqual(report.problems, []);
});

const SAID = 'she said "plugh\\xyzzy" then\n\ttab / naïve 日本語 👩‍💻🚀 \u001B[31mred';
for (const [what, needle] of [
  ['quotes and backslashes', '"plugh\\xyzzy"'],
  ['a line end and a tab', 'then\n\ttab'],
  ['a slash', 'tab / na'],
  ['text in another script', 'naïve 日本語'],
  ['a joined emoji', '👩‍💻🚀'],
  ['a single character of another script', '語'],
]) {
  test(`search finds ${what} in any JSON escaping`, async (t) => {
    const place = world(t);
    const plain = jsonl([records().answer(SAID)]);
    const ascii = plain.replace(/[^\x20-\x7E\n]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const slashes = plain.replaceAll('/', '\\/').replaceAll('\\n', '\\u000A').replaceAll('\\"', '\\u0022');
    const everything = plain.replace(/(?<="text":")(?:[^"\\]|\\.)*/, (text) => JSON.parse(`"${text}"`).replace(/[^]/g, (/** @type {string} */ unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`));
    const forms = [plain, ascii, slashes, everything];
    for (const [index, form] of forms.entries()) transcript(place, ONE.replace(/1$/, String(index)), form);
    const report = await search(place, [needle]);
    assert.equal(report.total, forms.length);
    for (const hit of report.hits) assert.equal(matched(hit), needle.replace(/\s+/g, ' '));
    assert.equal((await search(place, [`${needle}!`])).total, 0);
  });
}

test('search is case-sensitive unless -i is given, in any script', async (t) => {
  const place = world(t);
  transcript(place, ONE, jsonl([records().answer('The ÉTÉ of Straßen and KEYS')]));
  for (const [needle, exact, ignored] of /** @type {const} */ ([['été', 0, 1], ['keys', 0, 1], ['KEYS', 1, 1], ['STRAßEN', 0, 1], ['keyz', 0, 0]])) {
    assert.equal((await search(place, [needle])).total, exact, needle);
    assert.equal((await search(place, ['-i', needle])).total, ignored, needle);
  }
});

test('search treats the pattern as a regular expression only with --regex', async (t) => {
  const place = world(t);
  const r = records();
  transcript(place, ONE, jsonl([r.answer('a.b'), r.answer('axb\nnext 42 lines'), r.prompt('TODO: one\nFIXME two')]));
  const total = async (/** @type {string[]} */ ...argv) => (await search(place, argv)).total;
  assert.equal(await total('a.b'), 1);
  assert.equal(await total('--regex', 'a.b'), 2);
  assert.equal(await total('--regex', String.raw`^next \d+`), 1);
  assert.equal(await total('--regex', 'TODO|FIXME'), 1);
  assert.equal(await total('--regex', '-i', 'fixme'), 1);
  assert.equal(await total('--regex', 'z*'), 0);
});

test('search --role returns only text of the given roles', async (t) => {
  const place = world(t);
  const r = records();
  transcript(place, ONE, jsonl([r.prompt('needle'), r.answer('needle'), r.result('needle'), r.system('needle')]));
  const roles = async (/** @type {string[]} */ ...argv) => (await search(place, ['needle', ...argv])).hits.map((/** @type {any} */ hit) => hit.role);
  assert.deepEqual(await roles('--role', 'user'), ['user']);
  assert.deepEqual(await roles('--role', 'assistant,tool'), ['assistant', 'tool']);
  assert.deepEqual(await roles('--role', 'system', '--role', 'user'), ['user', 'system']);
});

test('search --since returns only text since the given time', async (t) => {
  const place = world(t);
  const said = (/** @type {string} */ text, /** @type {number} */ ago) => ({ ...records().answer(text), timestamp: new Date(Date.now() - ago * 3_600_000).toISOString() });
  const path = transcript(place, ONE, jsonl([said('needle old', 100), records().title('needle title'), said('needle new', 1), records().title('needle title two')]));
  utimesSync(path, new Date(), new Date());
  const found = async (/** @type {string} */ since) => (await search(place, ['needle', '--since', since])).hits.map((/** @type {any} */ hit) => hit.line);
  // A title has no time and gets the time of the neighboring record.
  assert.deepEqual(await found('2h'), [3, 4]);
  assert.deepEqual(await found('90m'), [3, 4]);
  assert.deepEqual(await found('1w'), [1, 2, 3, 4]);
  assert.deepEqual(await found('2000-01-01'), [1, 2, 3, 4]);
  assert.deepEqual(await found(new Date(Date.now() - 200 * 60_000).toISOString()), [3, 4]);
});

test('search --project returns sessions of the project and work of other sessions in it', async (t) => {
  const place = world(t);
  const other = join(place.home, 'other');
  mkdirSync(other);
  const twin = `${place.home}-project`; // has the same encoded name
  transcript(place, ONE, jsonl([records(place.project).answer('needle here'), records('/tmp/elsewhere').answer('needle after cd')]));
  transcript(place, TWO, jsonl([records(other).answer('needle elsewhere'), records(join(place.project, 'src')).answer('needle resumed here')]), { cwd: other });
  transcript(place, TWO.replace(/2$/, '3'), jsonl([records(twin).answer('needle of the twin')]), { cwd: twin });
  const found = async (/** @type {string[]} */ ...argv) => (await search(place, ['needle', ...argv])).hits.map((/** @type {any} */ hit) => hit.snippet).toSorted();
  assert.deepEqual(await found('--project', '.'), ['needle after cd', 'needle here', 'needle resumed here']);
  assert.deepEqual(await found('--project', other), ['needle elsewhere', 'needle resumed here']);
  assert.deepEqual(await found('--project', twin), ['needle of the twin'], 'a project that is gone still has its sessions');
  assert.equal((await found()).length, 5);
});

test('search assigns subagent text to its session and turn', async (t) => {
  const place = world(t);
  const r = records(place.project);
  const [first, answer, second] = [r.prompt('one'), r.answer('ok'), r.prompt('two')];
  const main = transcript(place, ONE, jsonl([first, answer, second, r.title('With helpers')]));
  const agent = (/** @type {object} */ record) => jsonl([{ ...record, isSidechain: true, agentId: 'a1' }]);
  const directory = join(main.replace(/\.jsonl$/, ''), 'subagents');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'agent-a1.jsonl'), agent({ ...r.answer('needle new style'), timestamp: answer.timestamp }));
  writeFileSync(join(main, '..', 'agent-0badcafe.jsonl'), agent({ ...r.prompt('needle old style'), sessionId: ONE }));
  const { hits, sessions, searched } = await search(place, ['needle']);
  assert.deepEqual(
    hits.map((/** @type {any} */ hit) => [hit.id, hit.subagent, hit.turn, hit.role, hit.snippet, hit.title]).toSorted(),
    [
      [ONE, true, 1, 'assistant', 'needle new style', 'With helpers'],
      [ONE, true, 2, 'assistant', 'needle old style', 'With helpers'],
    ],
  );
  assert.equal(sessions, 1);
  assert.equal(searched.files, 3);
});

test('search reads stored tool results with --tool-results, and reports that it skipped them without', async (t) => {
  const place = world(t);
  const r = records();
  const results = transcript(place, ONE, '').replace(/\.jsonl$/, '/tool-results');
  const stored = (/** @type {string} */ name, /** @type {string} */ text) => {
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, name), text);
  };
  const output = Array.from({ length: 2000 }, (_, line) => `line ${line + 1}`).join('\n');
  stored('b1x2.txt', `${output}\n`);
  stored('image.png', 'PNG\0line 1234');
  stored('b9z9.txt', 'line 5\nthe preview shows it\n');
  const preview = (/** @type {string} */ name, /** @type {string} */ text) => r.result(`<persisted-output>\nFull output saved to: ${join(results, name)}\n\nPreview:\n${text}\n</persisted-output>`);
  const result = preview('b1x2.txt', 'line 1');
  transcript(place, ONE, jsonl([r.prompt('one'), r.answer('a'), r.prompt('two'), result, preview('b9z9.txt', 'line 5\nthe preview shows it'), r.prompt('three'), r.title('Long outputs')]));
  transcript(place, TWO, jsonl([r.prompt('line 1234')]), { cwd: join(place.root, 'other') });

  const without = await search(place, ['line 1234', '--project', place.project]);
  assert.equal(without.total, 0);
  assert.deepEqual(without.skippedResults, { files: 3, bytes: output.length + 1 + 13 + 28 });
  assert.match((await place.run(['search', 'line 1234', '--project', place.project])).stdout, /^Nothing matches[^]*\n3 long tool results \(\S+ kB\) not searched; --tool-results includes them\.\n$/);
  assert.match((await place.run(['search', 'line 1234'])).stdout, /^1 hit [^]*\n\n3 long tool results \(\S+ kB\) not searched; --tool-results includes them\.\n$/);

  const { hits, skippedResults, searched } = await search(place, ['line 1234', '--tool-results', '--project', place.project]);
  assert.deepEqual(skippedResults, { files: 0, bytes: 0 });
  assert.equal(searched.files, 5);
  assert.deepEqual(
    hits.map((/** @type {any} */ { id, transcript: path, line, role, turn, at, title }) => ({ id, path, line, role, turn, at, title })),
    [{ id: ONE, path: join(results, 'b1x2.txt'), line: 1234, role: 'tool', turn: 2, at: result.timestamp, title: 'Long outputs' }],
  );
  assert.ok(hits[0].snippet.includes('line 1234'), hits[0].snippet);
  // A text that is also in the preview in the conversation is one hit, not two.
  assert.equal((await search(place, ['the preview shows it', '--tool-results'])).total, 1);
  // The search does not include tool output, so no result counts as skipped.
  assert.deepEqual((await search(place, ['line 1234', '--role', 'user', '--tool-results'])).skippedResults, { files: 0, bytes: 0 });
  assert.equal((await search(place, ['line 1234', '--role', 'user', '--tool-results'])).total, 1);
});

test('search reads every configuration directory, and a directory reached twice only once', async (t) => {
  const place = world(t);
  const instance = join(place.home, '.ccs', 'instances', 'work');
  const extra = join(place.root, 'extra');
  mkdirSync(join(place.home, '.ccs', 'instances', 'linked'), { recursive: true });
  for (const [index, home] of [place.claude, instance, extra].entries()) transcript(place, ONE.replace(/1$/, String(index)), jsonl([records().answer('needle')]), { home });
  symlinkSync(join(place.claude, 'projects'), join(place.home, '.ccs', 'instances', 'linked', 'projects'), 'junction');
  writeFileSync(place.env.CC_RECOVER_CONFIG, JSON.stringify({ configDirs: [extra] }));
  assert.equal((await search(place, ['needle'])).total, 3);
});

test('a torn last line, glued records, NUL bytes and half an emoji hide no other match', async (t) => {
  const place = world(t);
  const r = records();
  const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((word) => JSON.stringify(r.answer(`needle ${word}`)));
  const half = JSON.stringify(r.answer('needle \uD83D half'));
  transcript(place, ONE, `${one}\n${two}${three}\nneedle is no record\n\0\0\0\n${half}\n${four.slice(0, -20)}`);
  const { hits, problems } = await search(place, ['needle']);
  assert.deepEqual(hits.map((/** @type {any} */ hit) => [hit.line, hit.snippet]), [[1, 'needle one'], [2, 'needle two'], [2, 'needle three'], [5, 'needle \uFFFD half']]);
  assert.deepEqual(problems, []);
});

test('search reports unreadable files and reads the rest', async (t) => {
  const place = world(t);
  const path = transcript(place, ONE, jsonl([records().answer('needle')]));
  const bad = path.replace(ONE, TWO);
  if (process.getuid?.() === 0 || process.platform === 'win32') mkdirSync(bad);
  else {
    writeFileSync(bad, jsonl([records().answer('needle')]));
    chmodSync(bad, 0);
  }
  const report = await search(place, ['needle']);
  assert.equal(report.total, 1);
  assert.deepEqual(report.problems.map((/** @type {any} */ problem) => problem.path), [bad]);
  const { status, stderr } = await place.run(['search', 'needle']);
  assert.equal(status, 0);
  assert.ok(stderr.startsWith(`warning: ${bad}: `), stderr);
});

test('search skips images, request logs and other boilerplate', async (t) => {
  const place = world(t);
  const r = records();
  transcript(
    place,
    ONE,
    jsonl([
      { type: 'api-request-blob', message: { role: 'user', content: [{ type: 'text', text: 'needle' }] } },
      { type: 'api-request-shape', shape: { system: [{ type: 'text', text: 'needle' }] } },
      { type: 'attachment', attachment: { type: 'prompt_snapshot', systemPrompt: ['needle'] }, rendered: [{ content: 'needle' }] },
      { type: 'last-prompt', lastPrompt: 'needle' },
      { ...r.prompt(''), message: { role: 'user', content: [{ type: 'image', source: { type: 'base64', data: 'needle' } }] } },
      { ...r.result('x'), toolUseResult: { originalFile: 'needle' } },
    ]),
  );
  assert.equal((await search(place, ['needle'])).total, 0);
});

test('search lists the latest session first and counts matches beyond the limit', async (t) => {
  const place = world(t);
  const said = (/** @type {string} */ text, /** @type {string} */ timestamp) => ({ ...records().answer(text), timestamp });
  transcript(place, ONE, jsonl([said('needle a', '2026-01-05T00:00:00Z'), said('needle b', '2026-01-01T00:00:00Z')]));
  transcript(place, TWO, jsonl([said('needle c', '2026-01-03T00:00:00Z'), said('needle d', '2026-01-04T00:00:00Z'), said('needle e', '2026-01-02T00:00:00Z')]));
  const found = async (/** @type {string[]} */ ...argv) => {
    const { hits, total, sessions } = await search(place, ['needle', ...argv]);
    return [hits.map((/** @type {any} */ hit) => hit.snippet.at(-1)).join(''), total, sessions];
  };
  assert.deepEqual(await found(), ['abcde', 5, 2]);
  assert.deepEqual(await found('--limit', '3'), ['abc', 5, 2]);
  assert.deepEqual(await found('--limit', '1'), ['a', 5, 2]);
  assert.deepEqual(await found('--limit', '0'), ['abcde', 5, 2]);
});

test('search reads recorded client transcripts', async (t) => {
  const place = world(t);
  transcript(place, 'd56dc506-5b40-4b3f-ab50-c389fc70454b', readFileSync(join(ROOT, 'fixtures', 'transcripts', 'compacted.jsonl')));
  const { hits } = await search(place, ['second prompt: fix it']);
  assert.deepEqual(hits.map((/** @type {any} */ hit) => [hit.role, hit.turn]), [['user', 2]]);
  assert.equal(hits[0].name, hits[0].title);
});

for (const [what, argv, message] of /** @type {const} */ ([
  ['an empty text', [''], /the text to search for is empty/],
  ['a bad regular expression', ['--regex', 'a(b'], /invalid regular expression: unclosed group, at character 2/],
  ['an unknown role', ['x', '--role', 'user,me'], /unknown role "me"/],
  ['a bad time', ['x', '--since', 'someday'], /"someday" is neither a time nor a duration/],
  ['a bad limit', ['x', '--limit', '-1'], /--limit takes a whole number, not "-1"/],
  ['no search text', [], /missing required argument 'text'/],
])) {
  test(`search with ${what} exits with 2 and suggests what to give instead`, async (t) => {
    const { status, stdout, stderr } = await world(t).run(['search', ...argv]);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, message);
    assert.match(stderr, /\n {2}next: /);
  });
}

test('search in an unknown project exits with 3', async (t) => {
  const place = world(t);
  const { status, stderr } = await place.run(['search', 'x', '--project', join(place.root, 'never')]);
  assert.equal(status, 3);
  assert.match(stderr, /never: does not exist, and no session was started in it\n {2}next: /);
});

test('search without a match exits with 0 and reports what was searched', async (t) => {
  const place = world(t);
  assert.deepEqual(await place.run(['search', 'x']), { status: 0, signal: null, stdout: 'There are no transcripts to search.\n', stderr: '' });
  const path = transcript(place, ONE, jsonl([records().answer('hay')]));
  const size = readFileSync(path).length;
  const { status, stdout } = await place.run(['search', 'Needle', '--role', 'user']);
  assert.equal(status, 0);
  assert.equal(stdout, `Nothing matches "Needle" in 1 transcript (${size} B).\nThere may be matches outside --role.\nThe search is case-sensitive; -i ignores case.\n`);
});

// ---- Output ------------------------------------------------------------------------------------------------------------

const HIT = { id: ONE, transcript: '/t', line: 4, role: 'assistant', turn: 3, at: '2026-03-02T03:40:00Z', snippet: '…long before 日本語の前 needle and a good deal of text after it 👩‍💻 to the end of the line…', match: { start: 19, length: 6 }, subagent: false, name: null, title: 'Move the parser', project: '/home/me/work/api' };
const HITS = [HIT, { ...HIT, role: 'tool', turn: 12, at: null, subagent: true }, { ...HIT, id: TWO, title: null, project: null, at: '2026-03-01T22:00:00Z', role: 'user', turn: 1, snippet: 'needle', match: { start: 0, length: 6 } }];
const REPORT = { schema: 'cc-session-recover/search@1', generatedAt: '2026-03-02T03:42:00Z', hits: HITS, total: 3, sessions: 2, searched: { files: 9, bytes: 2_040_000_000 }, skippedResults: { files: 0, bytes: 0 }, problems: [] };

/** @param {any} report @param {Parameters<typeof terminal>[0]} [options] */
function shown(report, options = { columns: 100, env: { NO_COLOR: '1' } }) {
  const screen = terminal(options);
  printHits(report, { text: 'needle' }, screen.io);
  return screen.text;
}

test('search prints matches below their session, one per line, with role, turn and time', () => {
  assert.equal(
    shown(REPORT),
    `3 hits in 2 sessions

3f2a9c1d  Move the parser · /home/me/work/api · 03:40
  assistant  #3   03:40  …ong before 日本語の前 needle and a good deal of text after it 👩‍💻 to the e…
↳ tool       #12         …ong before 日本語の前 needle and a good deal of text after it 👩‍💻 to the e…

77aa0000  Mar 1 22:00
  user       #1  Mar 1 22:00  needle
`,
  );
});

for (const columns of [40, 60, 80, 120, 250]) {
  test(`matches fit into ${columns} columns and always show the matched text`, () => {
    const lines = shown(REPORT, { columns, env: { NO_COLOR: '1' } }).trimEnd().split('\n');
    for (const line of lines) assert.ok(stringWidth(line) <= columns, `${stringWidth(line)} > ${columns}: ${line}`);
    assert.equal(lines.filter((line) => line.includes('needle')).length, 3);
  });
}

test('search highlights the match on a terminal, and neither colors nor cuts in a pipe', () => {
  assert.ok(shown(REPORT, { columns: 80 }).includes('\u001B[31mneedle\u001B[39m'));
  const piped = shown(REPORT, { tty: false });
  assert.ok(!piped.includes('\u001B'));
  assert.ok(piped.includes(HIT.snippet));
});

test('search prints the number of matches it does not show', () => {
  assert.match(shown({ ...REPORT, total: 1234 }), /^1234 hits in 2 sessions\n[^]*\n\n1231 more hits not shown: narrow the search, or show all with --limit 0\n$/);
});

test('control characters in conversation text do not reach the terminal', () => {
  const evil = { ...HIT, title: '\u001B]0;owned\u0007\u001B[2Jti\u202Etle', snippet: 'a\u001B[2Jneedle\u202E\u0007b', match: { start: 5, length: 6 } };
  assert.doesNotMatch(shown({ ...REPORT, hits: [evil] }), /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E]/);
});
