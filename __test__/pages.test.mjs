// `export --format`: a session as one readable page, through the command, and opened in a real browser if one is installed.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { contents } from './lib/belongings.mjs';
import { browser, noChromium } from './lib/chromium.mjs';
import { world } from './lib/command.mjs';
import { idOf, transcriptText } from './lib/hooks.mjs';
import { until } from './lib/until.mjs';

const ID = idOf(1);
/** Texts that act if a browser takes them for more than text; each one reports when it does. */
const HOSTILE = [
  '<script>alert("script");console.log("acted script")</script>',
  '</script><script>console.log("acted closing")</script>',
  '</style><script>console.log("acted style")</script>',
  '</pre></div></details></section></main><script>console.log("acted tags")</script>',
  '<img src=x onerror="alert(1);console.log(\'acted onerror\')">',
  '<svg onload="console.log(\'acted svg\')"></svg><iframe srcdoc="<script>parent.console.log(\'acted frame\')</script>"></iframe>',
  '"><body onload=console.log("acted&nbsp;body")><meta http-equiv=refresh content="0;url=http://127.0.0.1:48999/refresh">',
  "' onmouseover='console.log(1)' autofocus onfocus='console.log(\"acted focus\")",
  '[link](javascript:console.log("acted")) ![picture](http://127.0.0.1:48999/picture.png) <javascript:alert(1)> <http://127.0.0.1:48999/auto>',
  '<link rel=stylesheet href=http://127.0.0.1:48999/style.css><base href=http://127.0.0.1:48999/><form action=http://127.0.0.1:48999/><input name=x></form>',
  '<!-- ]]> <![CDATA[ <?php --!> &lt;script&gt; &#60;script&#62;',
  '\u001B[2J\u001B]0;title\u0007\u001B[31mred\u001B[0m \u009B1A \u202Eesrever\u2066\u2069\u200B\u0000 a\u0301\u0301\u0301',
];
const LONG = 'x'.repeat(1_000_000);

/** @param {any[]} records @param {string} [id] */
function transcript(records, id = ID) {
  let last = /** @type {string | null} */ (null);
  const lines = records.map((record, place) => {
    const uuid = idOf(5000 + place);
    const line = JSON.stringify({ parentUuid: last, uuid, sessionId: id, timestamp: new Date(Date.parse('2026-03-02T03:00:00Z') + place * 1000).toISOString(), cwd: '/w', version: '2.1.329', isSidechain: false, ...record });
    last = uuid;
    return line;
  });
  return `${lines.join('\n')}\n`;
}
const user = (/** @type {unknown} */ content, more = {}) => ({ type: 'user', message: { role: 'user', content }, ...more });
const model = (/** @type {any[]} */ ...content) => ({ type: 'assistant', message: { role: 'assistant', model: 'claude-opus-5-5', content } });
const said = (/** @type {string} */ text) => ({ type: 'text', text });
const image = (/** @type {string} */ data, media = 'image/png') => ({ type: 'image', source: { type: 'base64', media_type: media, data } });
const result = (/** @type {string} */ id, /** @type {unknown} */ content, more = {}) => user([{ type: 'tool_result', tool_use_id: id, content }], more);

/** @param {string} text Text to insert wherever a session can contain text. @param {string} tag */
function everywhere(text, tag) {
  return [
    user(text),
    model({ type: 'thinking', thinking: text }, said(text), said(`# ${text}\n\n> ${text}\n\n- ${text}\n\n|a|\n|-|\n|${text}|\n\n\`\`\`${text}\n${text}\n\`\`\`\n`)),
    model({ type: 'tool_use', id: `b${tag}`, name: 'Bash', input: { command: text, description: text, [text]: text } }),
    result(`b${tag}`, text),
    model({ type: 'tool_use', id: `e${tag}`, name: 'Edit', input: { file_path: text, old_string: text, new_string: `${text}\n${text}` } }),
    result(`e${tag}`, text, { toolUseResult: { structuredPatch: [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: [`-${text}`, `+${text}`] }] } }),
    model({ type: 'tool_use', id: `t${tag}`, name: text, input: { todos: [{ content: text, status: text }] } }),
    result(`t${tag}`, [{ type: 'image', source: { type: 'base64', media_type: text, data: text } }, { type: text }, said(text)]),
    { type: 'assistant', isApiErrorMessage: true, error: text, errorDetails: text, message: { model: '<synthetic>', content: [said(text)] } },
    { type: 'system', subtype: 'informational', content: text },
    user(text, { isMeta: true }),
    user(`<command-name>${text}</command-name><command-args>${text}</command-args>`),
  ];
}

/** @param {ReturnType<typeof world>} place @param {string} text @param {string} [id] */
function session(place, text, id = ID) {
  const path = join(place.claude, 'projects', '-w', `${id}.jsonl`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** @param {ReturnType<typeof world>} place @param {string[]} argv */
async function published(place, ...argv) {
  const to = argv.includes('--to') ? [] : ['--to', join(place.root, 'page.html')];
  const { status, stdout, stderr } = await place.run(['export', ID, '--format', 'html', '--json', ...to, ...argv]);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  return { report, page: report.pages[0], text: existsSync(report.pages[0].path) ? readFileSync(report.pages[0].path, 'utf8') : '' };
}

test('a page shows prompts, answers, calls with results, changes, and stops with what followed', async (t) => {
  const place = world(t);
  session(
    place,
    transcript([
      user('Fix the <parser>'),
      model({ type: 'thinking', thinking: 'Look first.' }, said('I will **look**, \u001B[32mgreen\u001B[0m.')),
      model({ type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'ls', description: 'List' } }, { type: 'tool_use', id: 'b', name: 'Edit', input: { file_path: '/w/a', old_string: 'old', new_string: 'new' } }),
      result('b', 'ok'),
      result('a', 'README.md'),
      { type: 'assistant', isApiErrorMessage: true, error: 'rate_limit', apiError: 'usage_limit_reached', quotaLimits: { status: 'rejected', resetsAt: 1_772_427_600, rateLimitType: 'five_hour' }, message: { model: '<synthetic>', content: [said("You've hit your 5-hour limit")] } },
      user('Continue', { timestamp: '2026-03-02T05:00:10Z', isMeta: true, origin: { kind: 'auto-continuation' } }),
      model({ type: 'tool_use', id: 'c', name: 'Read', input: { file_path: '/w/never' } }),
      { type: 'system', subtype: 'compact_boundary', compactMetadata: { trigger: 'auto', preTokens: 150_000, postTokens: 9000 } },
    ]),
  );
  const { report, page, text } = await published(place);
  assert.deepEqual([report.format, page.bytes, page.shown], ['html', Buffer.byteLength(text), { turns: 1, calls: 3, stops: 1, subagents: 0, damagedLines: 0, cutTexts: 0, leftBytes: 0, leftPictures: 0 }]);
  for (const wanted of ['Fix the &lt;parser&gt;', 'I will <strong>look</strong>, green.', 'Look first.', '<del>-old</del><ins>+new</ins>', '5-hour usage limit reached; it ends at 2026-03-02 05:00 UTC', 'Continued by the client after', 'Compacted by the client', '150,000 tokens before, 9,000 after', '<span class="bad">no result</span>', 'Nothing on this page is redacted']) assert.ok(text.includes(wanted), wanted);
  assert.ok(text.indexOf('>List<') < text.indexOf('README.md') && text.indexOf('README.md') < text.indexOf('<del>'), 'a result stands with its call, whatever the order');
  assert.ok(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').includes('"event":"page-written"'));
});

test('the content security policy of a page allows only its own style and script by hash', async (t) => {
  const place = world(t);
  session(place, transcript([user('hello')]));
  const { text } = await published(place);
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(text)?.[1] ?? '';
  const hash = (/** @type {string} */ tag) => createHash('sha256').update(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(text)?.[1] ?? '').digest('base64');
  assert.equal(policy, `default-src 'none'; style-src 'sha256-${hash('style')}'; script-src 'sha256-${hash('script')}'; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`);
  assert.doesNotMatch(text, /\b(?:https?:)?\/\/\w/, 'it names no address');
});

test('a page shows subagents below their calls, and unmatched subagents at the end', async (t) => {
  const place = world(t);
  const path = session(place, transcript([user('survey'), model({ type: 'tool_use', id: 'call1', name: 'Agent', input: { description: 'Survey', prompt: 'p' } }), result('call1', 'report'), model(said('AFTER'))]));
  const agents = join(path.slice(0, -'.jsonl'.length), 'subagents');
  mkdirSync(agents, { recursive: true });
  for (const [name, call, text] of [['a', 'call1', 'INSIDE'], ['b', 'nowhere', 'LEFTOVER']]) {
    writeFileSync(join(agents, `agent-${name}.jsonl`), transcript([{ ...user('task'), isSidechain: true }, { ...model(said(text)), isSidechain: true }]));
    writeFileSync(join(agents, `agent-${name}.meta.json`), JSON.stringify({ toolUseId: call, description: `does ${name}` }));
  }
  for (const format of ['html', 'markdown']) {
    const { page, text } = await published(place, '--format', format, '--to', join(place.root, `page.${format}`));
    const places = ['report', 'INSIDE', 'AFTER', 'LEFTOVER'].map((word) => text.indexOf(word));
    assert.deepEqual(places, places.toSorted((a, b) => a - b), format);
    assert.deepEqual([page.shown.subagents, page.shown.turns], [2, 1]);
  }
});

test('long text is cut with a count, damage is named, and large pictures are omitted', async (t) => {
  const place = world(t);
  const small = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const lines = Array.from({ length: 5000 }, (_, line) => `line ${line}`).join('\n');
  session(place, `${transcript([user([said('look'), image(small), image('A'.repeat(1_000_000)), image(small, 'image/svg+xml')]), model({ type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'seq' } }), result('a', lines)])}{"type":"user","mess\n`);
  const { page, text } = await published(place);
  assert.equal(text.match(/<img /g)?.length, 1);
  assert.ok(text.includes('A picture (image/png, 750.0 KB) is left out here') && text.includes('(image/svg+xml,'));
  assert.ok(text.includes('line 239\n') && !text.includes('line 240\n') && text.includes('line 4999') && text.includes('4,700 lines (') && text.includes('Line 4 cannot be read'));
  assert.deepEqual([page.shown.damagedLines, page.shown.cutTexts, page.shown.leftPictures], [1, 1, 2]);
});

test('Markdown export keeps conversation text inside its fence and contains no control characters', async (t) => {
  const place = world(t);
  session(place, transcript([...HOSTILE.flatMap((text, index) => everywhere(text, String(index))), user('```\n# not a heading\n````\n`````'), model(said('~~~\n<script>'))]));
  const { text } = await published(place, '--format', 'markdown', '--to', join(place.root, 'page.md'));
  const short = await published(place, '-f', 'md', '--to', join(place.root, 'short.md'));
  assert.equal(short.text, text);
  const outside = [];
  let fence = '';
  for (const line of text.split('\n')) {
    const mark = /^`{3,}/.exec(line)?.[0] ?? '';
    if (fence === '' && mark !== '') fence = mark;
    else if (fence !== '' && line === fence) fence = '';
    else if (fence === '') outside.push(line);
  }
  assert.equal(fence, '');
  // Remove code spans and escapes; the rest must contain no markup.
  const plain = outside.map((line) => line.replace(/(`+)(?!`).*?[^`]\1(?!`)/g, '').replace(/\\./g, '')).join('\n');
  assert.doesNotMatch(plain, /[<[]|not a heading/);
  assert.doesNotMatch(text, /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200B\u202A-\u202E\u2066-\u2069]/);
  assert.ok(text.startsWith('# ') && text.includes('Nothing on this page is redacted') && text.includes('⟨U+202E⟩'));
});

test('a page is private, overwrites only with --force, and is never written among the client\'s own files', async (t) => {
  const place = world(t);
  const path = session(place, transcript([user('one')]));
  const before = contents(place.claude);
  const to = join(place.root, 'new', 'page.html');
  const planned = await published(place, '--dry-run', '--to', to);
  assert.deepEqual([planned.report.dryRun, planned.page.bytes, planned.page.shown, existsSync(dirname(to)), existsSync(place.state)], [true, null, null, false, false]);
  await published(place, '--to', to);
  if (process.platform !== 'win32') assert.deepEqual([statSync(to).mode & 0o777, statSync(dirname(to)).mode & 0o777], [0o600, 0o700]);
  writeFileSync(to, 'of somebody');
  for (const more of [[], ['--dry-run']]) {
    const refused = await place.run(['export', ID, '--format', 'html', '--to', to, ...more]);
    assert.deepEqual([refused.status, readFileSync(to, 'utf8')], [4, 'of somebody']);
    assert.match(refused.stderr, /already exists and is not overwritten[\s\S]*--force/);
  }
  assert.equal((await published(place, '--to', to, '--force')).page.replaced, true);
  assert.ok(readFileSync(to, 'utf8').startsWith('<!doctype html>'));
  const own = await place.run(['export', ID, '--format', 'html', '--to', path, '--force']);
  assert.equal(own.status, 4, own.stderr);
  if (process.platform !== 'win32') {
    const link = join(place.root, 'link.html');
    symlinkSync(path, link);
    const linked = await place.run(['export', ID, '--format', 'html', '--to', link, '--force']);
    assert.equal(linked.status, 4, linked.stderr);
  }
  // Without --to, and with a directory: each export gets its own name.
  for (const where of [[], ['--to', `${join(place.root, 'many')}/`]]) {
    const runs = await Promise.all([1, 2, 3].map(() => place.run(['export', ID, '--format', 'html', '--json', ...where])));
    const paths = runs.map(({ stdout }) => JSON.parse(stdout).pages[0].path);
    assert.equal(new Set(paths).size, 3);
    assert.deepEqual(readdirSync(dirname(paths[0])).toSorted(), paths.map((one) => one.slice(dirname(one).length + 1)).toSorted(), 'nothing unfinished is left');
  }
  assert.deepEqual(contents(place.claude), before, 'the sessions are as they were');
});

test('export removes what a killed page export left behind, and nothing else', async (t) => {
  const place = world(t);
  session(place, transcript([user('one')]));
  const to = join(place.root, 'pages');
  mkdirSync(to);
  const alive = `.x-READING-${ID}.html.${process.pid}.part`;
  const others = ['.notes.4000000000.part', 'page.html.part', alive];
  for (const name of [...others, `.x-READING-${ID}.html.4000000000.part`, '.page.html.4000000000.part']) writeFileSync(join(to, name), 'x');
  await published(place, '--to', join(to, 'page.html'));
  assert.deepEqual(readdirSync(to).toSorted(), [...others, 'page.html'].toSorted());
});

test('options of lossless exports are rejected for pages, and the reverse', async (t) => {
  const place = world(t);
  session(place, transcript([user('one')]));
  for (const argv of [['--format', 'html', '--archive'], ['--format', 'markdown', '--hash', 'xxh3'], ['--format', 'html', '--log', '.'], ['--force'], ['--format', 'pdf'], ['--format', 'html', '--all']]) {
    const { status, stderr } = await place.run(['export', ID, ...argv]);
    assert.equal(status, 2, stderr);
  }
  assert.equal(existsSync(place.state), false);
});

test('every recorded session can be exported as a page', async (t) => {
  const place = world(t);
  const names = readdirSync(join(import.meta.dirname, '..', 'fixtures', 'transcripts')).filter((name) => name.endsWith('.jsonl') && name !== 'torn-last-line.jsonl');
  for (const [place_, name] of names.entries()) session(place, transcriptText(name.slice(0, -'.jsonl'.length), { id: idOf(place_ + 1), cwd: '/w' }), idOf(place_ + 1));
  for (const format of ['html', 'markdown']) {
    const { status, stdout, stderr } = await place.run(['export', '--all', '--format', format, '--to', join(place.root, format), '--json']);
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.pages.length, report.failures], [names.length, []]);
    assert.equal(readdirSync(join(place.root, format)).length, names.length + (format === 'html' ? 1 : 0));
    assert.equal(report.index, format === 'html' ? join(place.root, format, 'index.html') : null);
  }
  const index = readFileSync(join(place.root, 'html', 'index.html'), 'utf8');
  assert.equal(index.match(/<li>/g)?.length, names.length);
  for (const [, page] of index.matchAll(/href="\.\/([^"]+)"/g)) assert.ok(existsSync(join(place.root, 'html', page)), page);
});

test('a newer index of pages replaces the old one, but a foreign file of that name is preserved', async (t) => {
  const place = world(t);
  session(place, transcript([user('<b>one</b>')]));
  const to = join(place.root, 'pages');
  const listed = async () => JSON.parse((await place.run(['export', '--all', '--format', 'html', '--to', to, '--json'])).stdout).index;
  assert.equal(await listed(), join(to, 'index.html'));
  assert.equal(await listed(), join(to, 'index.html'), 'ours is replaced');
  assert.ok(readFileSync(join(to, 'index.html'), 'utf8').includes('&lt;b&gt;one&lt;/b&gt;'));
  writeFileSync(join(to, 'index.html'), 'of somebody');
  assert.equal(await listed(), join(to, 'index-2.html'));
  assert.equal(readFileSync(join(to, 'index.html'), 'utf8'), 'of somebody');
  const unlisted = JSON.parse((await place.run(['export', '--all', '--format', 'html', '--json'])).stdout);
  assert.equal(unlisted.index, null, 'none in the state directory');
});

const SECRET = 'ghp_16C7e42F292c6912E7710c838347Ae178B4a';

test('--redact replaces secrets on a page, omits images, and the page says so', async (t) => {
  const place = world(t);
  const path = session(place, transcript([...everywhere(`token ${SECRET}`, 'x'), user([said('look'), image('iVBORw0KGgo=')]), user(`${'a '.repeat(140)}${SECRET} end`, { gitBranch: `feature/${SECRET}` }), { type: 'ai-title', aiTitle: `about ${SECRET}`, sessionId: ID }]));
  const agents = join(path.slice(0, -'.jsonl'.length), 'subagents');
  mkdirSync(agents, { recursive: true });
  writeFileSync(join(agents, 'agent-a.jsonl'), transcript([{ ...user(`task ${SECRET}`), isSidechain: true }]));
  writeFileSync(join(agents, 'agent-a.meta.json'), JSON.stringify({ toolUseId: 'nowhere', description: `does ${SECRET}`, agentType: SECRET }));
  for (const format of ['html', 'markdown']) {
    const open = await published(place, '--format', format, '--to', join(place.root, `open.${format}`));
    assert.ok(open.text.includes(SECRET) && open.report.redacted === false);
    const { report, page, text } = await published(place, '--format', format, '--redact', '--to', join(place.root, `redacted.${format}`));
    assert.equal(text.indexOf(SECRET), -1, text.slice(text.indexOf(SECRET) - 200, text.indexOf(SECRET) + 60));
    assert.ok(!JSON.stringify(report).includes(SECRET), format);
    assert.ok(text.includes('are replaced on this page with the name of their kind') && !text.includes('Nothing on this page is redacted'));
    assert.deepEqual([report.redacted, page.shown.leftPictures > 0, text.includes('<img ')], [true, true, false]);
  }
  const all = join(place.root, 'all');
  const { status, stderr } = await place.run(['export', '--all', '--format', 'html', '--redact', '--to', all]);
  assert.equal(status, 0, stderr);
  const index = readFileSync(join(all, 'index.html'), 'utf8');
  assert.ok(index.includes('a a a') && !index.includes(SECRET.slice(0, 12)), 'the index shortens the prompt within the secret');
  const refused = await place.run(['export', ID, '--redact']);
  assert.deepEqual([refused.status, refused.stderr.includes('--redact requires --format html or markdown')], [2, true]);
});

test('a page begins with a summary, names the speakers, and shows project paths as relative paths', async (t) => {
  const place = world(t);
  const usage = { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 3000, cache_creation_input_tokens: 400 };
  const message = (/** @type {string} */ id, /** @type {any[]} */ ...content) => ({ type: 'assistant', message: { id, role: 'assistant', model: 'claude-opus-5-5', usage, content } });
  session(
    place,
    transcript([
      user('Fix it'),
      // One message in two records: its usage counts once.
      message('m1', said('I will.')),
      message('m1', { type: 'tool_use', id: 'e', name: 'Edit', input: { file_path: '/w/src/a.rs', old_string: 'b', new_string: 'c', replace_all: false } }),
      result('e', 'The file /w/src/a.rs has been updated successfully.', { toolUseResult: { structuredPatch: [{ oldStart: 7, oldLines: 2, newStart: 7, newLines: 3, lines: [' a', '-b', '+c', '+d'] }] } }),
      message('m2', { type: 'tool_use', id: 'f', name: 'Bash', input: { command: 'make', run_in_background: false } }),
      result('f', 'no rule'),
      user([{ type: 'tool_result', tool_use_id: 'g', is_error: true, content: 'boom' }]),
      message('m3', { type: 'tool_use', id: 'h', name: 'Bash', input: { command: 'false' } }),
      user([{ type: 'tool_result', tool_use_id: 'h', is_error: true, content: 'failed' }]),
      { ...user('Go on'), timestamp: '2026-03-02T05:00:00.000Z' },
      { timestamp: '2026-03-02T05:00:05.000Z', ...message('m4', { type: 'tool_use', id: 'w', name: 'Write', input: { file_path: '/w/new.txt', content: 'one\ntwo' } }) },
      { ...result('w', 'File created successfully', { toolUseResult: { structuredPatch: [] } }), timestamp: '2026-03-02T05:00:10.000Z' },
    ]),
  );
  const { text } = await published(place);
  const row = (/** @type {string} */ name) => new RegExp(`<dt>${name}</dt><dd>([^<]*)</dd>`).exec(text)?.[1];
  assert.equal(row('Tokens'), '40 input, 80 output, 12,000 cache read, 1,600 cache write');
  assert.equal(row('Commands'), '2, 1 failed');
  assert.equal(row('Tool calls'), '4, 1 failed');
  assert.match(row('Duration') ?? '', /^2 h, 2026-03-02 03:00:00 to 2026-03-02 05:00:10$/);
  assert.equal(row('Waited'), '1 h 59 min in 1 gap of 10 minutes or more');
  assert.match(text, /2 files changed<\/summary><ul><li><code>src\/a\.rs<\/code> <span class="plus">\+2<\/span> <span class="minus">−1/);
  assert.match(text, /<code>new\.txt<\/code> <span class="plus">\+2/);
  assert.ok(text.includes('<span> a</span>'.replace('<span>', '<span data-o="7" data-n="7">')) && text.includes('<del data-o="8">-b</del><ins data-n="8">+c</ins><ins data-n="9">+d</ins>'));
  assert.ok(text.includes('>Claude</a>') && text.includes('<span>User</span>') && text.includes('<span class="label">src/a.rs</span>'));
  assert.doesNotMatch(text, /replace_all|run_in_background/, 'defaults say nothing');
  // The edit and the failed call are open; the successful command and the result of the edit are folded.
  assert.deepEqual([...text.matchAll(/<details class="(call[^"]*)" id="c\d+"( open)?>/g)].map(([, kind, open]) => `${kind}${open ?? ''}`), ['call open', 'call', 'call failed open', 'call open']);
  assert.match(text, /<details class="more"><summary>Result<\/summary><p class="caption">Result, 51 bytes/);
  const markdown = await published(place, '--format', 'markdown', '--to', join(place.root, 'page.md'));
  assert.ok(markdown.text.includes('- Tokens: 40 input, 80 output') && markdown.text.includes('  - `src/a.rs` +2 −1') && markdown.text.includes('**Edit** `src/a.rs`'));
});

test('a page shows local times, copies texts, and opens the target of a link', { skip: noChromium }, async (t) => {
  const place = world(t);
  const lines = Array.from({ length: 200 }, (_, line) => `line ${line}`).join('\n');
  session(place, transcript([{ ...user('late'), timestamp: '2026-03-02T23:30:00.000Z' }, model({ type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'seq' } }), result('a', lines)]));
  const { page, text } = await published(place);
  assert.match(text, /All times are UTC\./);
  const open = await browser(t).open(page.path);
  await open.send('Emulation.setTimezoneOverride', { timezoneId: 'Europe/Berlin' });
  await open.send('Page.reload', {});
  await becomes(open, "document.getElementById('zone').textContent", 'Times are in Europe/Berlin.');
  await settled(open);
  assert.deepEqual(await open.value("[document.querySelector('.turn time').textContent, document.getElementById('zone').textContent, document.querySelector('#timeline .day').textContent]"), ['2026-03-03 00:30:00', 'Times are in Europe/Berlin.', '3 March 2026']);
  assert.deepEqual(await open.value("[document.querySelectorAll('.call[open]').length, document.querySelector('.call .more > summary').textContent]"), [0, 'Show all: 140 lines more']);
  await open.value("(location.hash = '#c' + document.querySelector('.call').id.slice(1))");
  await becomes(open, "document.querySelectorAll('.call[open]').length", 1);
  await open.value("document.querySelector('.call pre').scrollIntoView()");
  await becomes(open, "[document.querySelector('.call pre .copy').ariaLabel, document.querySelector('.call pre').textContent.trim()]", ['Copy', 'seq']);
  assert.deepEqual(open.deeds, []);
});

test('the index of pages filters its rows', { skip: noChromium }, async (t) => {
  const place = world(t);
  for (const number of [1, 2, 3]) session(place, transcript([user(`prompt about ${['apples', 'pears', '<i>plums'][number - 1]}`)], idOf(number)), idOf(number));
  const { stdout } = await place.run(['export', '--all', '--format', 'html', '--to', join(place.root, 'all'), '--json']);
  const open = await browser(t).open(JSON.parse(stdout).index);
  const shown = (/** @type {string} */ words) => open.value(`(() => { const box = document.getElementById('find'); box.value = ${JSON.stringify(words)}; box.dispatchEvent(new Event('input')); return [document.getElementById('found').value, [...document.querySelectorAll('.index li')].filter((row) => !row.hidden).length]; })()`);
  assert.deepEqual(await shown('PEARS'), ['1 of 3', 1]);
  assert.deepEqual(await shown(''), ['', 3]);
  assert.deepEqual(await shown('<i>'), ['1 of 3', 1]);
  assert.deepEqual(open.deeds, []);
});

/** Waits until an expression has a value. It has none while the page is loaded again. @param {any} page @param {string} expression @param {unknown} expected */
async function becomes(page, expression, expected) {
  await until(async () => isDeepStrictEqual(await page.value(expression).catch(() => null), expected), `${expression} is ${JSON.stringify(expected)}`);
}

/** @param {any} page */
async function settled(page) {
  await page.value('new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150)))');
}

test('a page with hostile scripts, handlers, links, escapes and long lines runs nothing and keeps its width', { skip: noChromium }, async (t) => {
  const place = world(t);
  const records = [...HOSTILE.flatMap((text, index) => everywhere(text, String(index))), ...everywhere(LONG, 'long'), ...everywhere(`${'<b>'.repeat(3000)}${'> '.repeat(3000)}`, 'deep')];
  session(place, `${transcript(records)}<script>console.log("acted outside")</script>\n`);
  const { page } = await published(place);
  const chromium = browser(t);
  const open = await chromium.open(page.path);
  await open.value('document.querySelectorAll("details").forEach((one) => { one.open = true; })');
  for (const width of [400, 800, 1400]) {
    await open.resize(width);
    await settled(open);
    const widths = await open.value('[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]');
    assert.deepEqual(widths, [width, width, width]);
    // Scroll to the end, so that everything is laid out; the events below trigger whatever waits for a pointer.
    await open.value('(async () => { for (let y = 0; y < document.documentElement.scrollHeight; y += 2000) { scrollTo(0, y); await new Promise(requestAnimationFrame); } })()');
    assert.deepEqual(await open.value('[document.documentElement.scrollWidth, document.body.scrollWidth]'), [width, width]);
  }
  await open.value('document.querySelectorAll("main *").forEach((one) => { for (const name of ["mouseover", "click", "focus", "error", "load"]) one.dispatchEvent(new Event(name)); })');
  await settled(open);
  assert.deepEqual(open.deeds, []);
  assert.deepEqual(await open.value('[...new Set([...document.querySelectorAll("*")].flatMap((one) => [...one.attributes].map(({ name }) => name).filter((name) => name.startsWith("on") || name === "style" || name === "srcdoc")))]'), []);
  assert.deepEqual(await open.value('[document.scripts.length, document.querySelectorAll("iframe, object, embed, form, base, link, svg").length, [...document.links].filter((link) => !link.getAttribute("href").startsWith("#")).length, document.title.length > 0]'), [1, 0, 0, true]);
  assert.equal(await open.value('document.querySelectorAll("main > .turn").length'), page.shown.turns);
});

test('the same hostile texts run in a page that does not escape them (control)', { skip: noChromium }, async (t) => {
  const place = world(t);
  const path = join(place.root, 'naive.html');
  writeFileSync(path, `<!doctype html><meta charset="utf-8"><title>naive</title>${HOSTILE.map((text) => `<p>${text.replace('content="0;', 'content="99;')}</p>`).join('')}<pre>${LONG}</pre>`);
  const open = await browser(t).open(path, { width: 800 });
  for (const expected of ['dialog script', 'console acted script', 'console acted onerror', 'console acted svg', 'request http://127.0.0.1']) {
    await until(() => open.deeds.some((deed) => deed.startsWith(expected)), `${expected}: ${open.deeds.join(' | ')}`);
  }
  assert.ok((await open.value('document.documentElement.scrollWidth')) > 800);
});

test('searching a page hides turns without a match, steps through the matches, and opens folded parts', { skip: noChromium }, async (t) => {
  const place = world(t);
  const turns = Array.from({ length: 30 }, (_, turn) => [user(`prompt number ${turn}`), model({ type: 'tool_use', id: `c${turn}`, name: 'Bash', input: { command: 'x' } }), result(`c${turn}`, turn % 10 === 3 ? 'a Needle within, and a needle' : 'hay')]);
  session(place, transcript(turns.flat()));
  const { page } = await published(place);
  const open = await browser(t).open(page.path);
  const find = (/** @type {string} */ words) => open.value(`(async () => { const box = document.getElementById('find'); box.value = ${JSON.stringify(words)}; box.dispatchEvent(new Event('input')); delete document.documentElement.dataset.found; for (let tries = 0; tries < 2400 && document.documentElement.dataset.found === undefined; tries += 1) await new Promise((done) => setTimeout(done, 25)); return [document.getElementById('found').value, [...document.querySelectorAll('main > .turn')].filter((turn) => !turn.hidden).map((turn) => turn.id)]; })()`);
  assert.deepEqual(await find('needle'), ['3 of 30 turns', ['t4', 't14', 't24']]);
  const next = () => open.value("document.getElementById('on').click(), [document.getElementById('found').value, document.querySelectorAll('.call[open]').length, CSS.highlights.get('found').size]");
  assert.deepEqual(await next(), ['1 of 2, turn 1 of 3', 1, 2]);
  assert.deepEqual(await next(), ['2 of 2, turn 1 of 3', 1, 2]);
  assert.deepEqual(await next(), ['1 of 2, turn 2 of 3', 2, 2]);
  assert.deepEqual(await open.value("document.getElementById('back').click(), document.getElementById('found').value"), '2 of 2, turn 1 of 3');
  assert.deepEqual((await find('nowhere to be found'))[1], []);
  await open.value("const box = document.getElementById('find'); box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))");
  assert.equal(await open.value("[...document.querySelectorAll('main > .turn')].filter((turn) => !turn.hidden).length"), 30);
  assert.deepEqual(open.deeds, []);
});

test('a page works with the keyboard alone, on a phone, in dark mode and in print', { skip: noChromium }, async (t) => {
  const place = world(t);
  session(place, transcript([user('one'), model({ type: 'tool_use', id: 'a', name: 'Bash', input: { command: 'x' } }), result('a', 'y'), user('two')]));
  const { page } = await published(place);
  const chromium = browser(t);
  const open = await chromium.open(page.path, { width: 400, dark: true });
  const press = async (/** @type {string} */ key) => {
    for (const type of ['keyDown', 'keyUp']) await open.send('Input.dispatchKeyEvent', { type, key, code: key, text: type === 'keyDown' && key.length === 1 ? key : key === 'Enter' && type === 'keyDown' ? '\r' : undefined, windowsVirtualKeyCode: { Tab: 9, Enter: 13 }[key] ?? key.charCodeAt(0) });
  };
  const reached = [];
  for (let tabs = 0; tabs < 12; tabs += 1) {
    await press('Tab');
    reached.push(await open.value("(document.activeElement.id || document.activeElement.className || document.activeElement.localName) + ''"));
  }
  for (const wanted of ['skip', 'find', 'on', 'fold', 'to-timeline', 'summary']) assert.ok(reached.includes(wanted), `${wanted}: ${reached.join(' ')}`);
  await open.value("document.querySelector('.call > summary').focus()");
  await press('Enter');
  assert.equal(await open.value("document.querySelector('.call').open"), true);
  assert.equal(await open.value("getComputedStyle(document.getElementById('timeline')).display"), 'none');
  await open.value("document.querySelector('.to-timeline').click()");
  assert.equal(await open.value("getComputedStyle(document.getElementById('timeline')).display"), 'block');
  await open.value("document.querySelector('#timeline a[href=\"#t2\"]').click()");
  assert.equal(await open.value("getComputedStyle(document.getElementById('timeline')).display"), 'none');
  const paper = () => open.value("getComputedStyle(document.body).backgroundColor");
  const dark = await paper();
  await open.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: 'light' }] });
  assert.notEqual(await paper(), dark);
  await open.send('Emulation.setEmulatedMedia', { media: 'print' });
  assert.deepEqual(await open.value("['.bar', 'nav'].map((one) => getComputedStyle(document.querySelector(one)).display)"), ['none', 'none']);
  assert.deepEqual(open.deeds, []);
});
