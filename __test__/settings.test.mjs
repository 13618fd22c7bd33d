// The edits of settings text, against files made by hand and files made by chance. No file outside fixtures is read, none is
// written.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { parse } from 'jsonc-parser';
import { randomSettings } from './lib/random-settings.mjs';
import { editable, entries, isSubsequence, marker, refused, textOf } from './lib/settings-files.mjs';

const require = createRequire(import.meta.url);
const { withHooks, withStatusLine, withoutHooks, withoutStatusLine } = require('../bin/lib/settings.js');

test('there are at least thirty settings files to edit', () => {
  assert.ok(editable.length >= 30);
});

for (const name of editable) {
  test(`${name}: our entries go in, a second time changes nothing, and they come out again, byte for byte`, () => {
    const before = textOf(name, 'before.jsonc');
    const after = textOf(name, 'after.jsonc');
    const removed = textOf(name, 'removed.jsonc') ?? before;

    const edit = withHooks(before, entries, marker);
    assert.equal(edit.text, after);
    assert.equal(edit.changed, true);
    assert.equal(edit.warnings.join('\n'), (textOf(name, 'warnings.txt') ?? '').trimEnd());

    assert.deepEqual(withHooks(after, entries, marker), { ...edit, changed: false });

    const undone = withoutHooks(after, marker);
    assert.equal(undone.text, removed);
    assert.equal(undone.changed, true);
    assert.equal(undone.removed, entries.length);
    assert.deepEqual(withoutHooks(removed, marker), { text: removed, changed: false, removed: 0 });
  });
}

for (const name of refused) {
  test(`${name}: the edit is refused with what is wrong and where`, () => {
    const [code, message] = /** @type {string} */ (textOf(name, 'refused.txt')).trimEnd().split('\n');
    const before = textOf(name, 'before.jsonc');
    for (const edit of [() => withHooks(before, entries, marker), () => withoutHooks(before, marker)]) {
      assert.throws(edit, { code, message, exitCode: 1 });
    }
    assert.match(message, /line \d+, column \d+/);
  });
}

test('a file nested many thousand levels deep is refused, not a stack overflow', () => {
  const text = `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  assert.throws(() => withHooks(text, entries, marker), { code: 'SETTINGS_UNPARSABLE' });
});

test('a hook is ours only by the marker in its command or arguments', () => {
  const text = JSON.stringify({
    hooks: {
      Stop: [
        { hooks: [{ type: 'command', command: 'node .claude/cc-session-recovery/hook.js' }] },
        { hooks: [{ type: 'command', command: 'x', statusMessage: marker }] },
        { matcher: marker, hooks: [{ type: 'command', command: 'y' }] },
      ],
    },
  });
  assert.deepEqual(withoutHooks(text, marker), { text, changed: false, removed: 0 });
});

test('several entries on one event with different matchers are kept apart', () => {
  const hook = { type: 'command', command: `node ${marker}` };
  const wanted = ['quota_auto_resume_fired', 'quota_auto_resume_disabled', null].map((matcher) => ({ event: 'Notification', matcher, hook }));
  const first = withHooks('{}', wanted, marker);
  assert.deepEqual(
    parse(first.text).hooks.Notification.map((/** @type {any} */ group) => group.matcher ?? null),
    wanted.map(({ matcher }) => matcher),
  );
  assert.equal(withHooks(first.text, wanted, marker).changed, false);
  const fewer = withHooks(first.text, wanted.slice(0, 1), marker);
  assert.deepEqual(parse(fewer.text), { hooks: { Notification: [{ matcher: 'quota_auto_resume_fired', hooks: [hook] }] } });
});

test('in settings made by chance everything foreign survives init and uninstall', () => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const before = randomSettings(seed);
    const context = `seed ${seed}:\n${before}`;
    const { text: after } = withHooks(before, entries, marker);
    const here = parse(after);
    for (const { event, hook } of entries) {
      const found = here.hooks[event].flatMap((/** @type {any} */ group) => group?.hooks ?? []).filter((/** @type {any} */ one) => one?.command?.includes(marker));
      assert.deepEqual(found, [hook], context);
    }
    assert.equal(withHooks(after, entries, marker).changed, false, context);
    assert.ok(isSubsequence(before, after), `bytes were lost, ${context}`);
    assert.equal(withoutHooks(after, marker).text, before, context);
  }
});

test('the oracle of bytes notices an editor that writes the settings anew', () => {
  const lossless = Array.from({ length: 200 }, (_, index) => randomSettings(index + 1)).filter((text) => isSubsequence(text, JSON.stringify({ ...parse(text), hooks: {} }, null, 2)));
  assert.ok(lossless.length < 40, `${lossless.length} of 200 went unnoticed`);
});

// ---- The status line -----------------------------------------------------------------------------------------------------

const LINE = { command: 'ccsr_file=".claude/cc-session-recover/statusline.js"; exec node "$ccsr_file" "$ccsr_line"', refreshInterval: 60 };
const LINE_MARKER = 'cc-session-recover/statusline.js';

for (const name of editable) {
  test(`${name}: our status line goes in, a second time changes nothing, and it comes out again`, () => {
    const before = textOf(name, 'before.jsonc');
    const was = before === null ? undefined : parse(before.replace(/^\uFEFF/, ''))?.statusLine;
    const { text: after, changed } = withStatusLine(before, LINE, LINE_MARKER);
    assert.equal(changed, true);
    const line = parse(after.replace(/^\uFEFF/, '')).statusLine;
    assert.equal(line.type, 'command');
    assert.ok(line.command.endsWith(LINE.command));
    if (was === undefined) assert.deepEqual(line, { type: 'command', command: `ccsr_line=''; ${LINE.command}`, refreshInterval: 60 });
    else assert.deepEqual({ ...line, command: was.command }, was, 'the other keys stay');
    assert.deepEqual(withStatusLine(after, LINE, LINE_MARKER), { text: after, changed: false });

    const undone = withoutStatusLine(after, LINE_MARKER);
    assert.equal(undone.changed, true);
    // In a file that held nothing the braces stay, in their simplest form.
    const held = parse((before ?? '').replace(/^\uFEFF/, ''));
    if (Object.keys(held ?? {}).length > 0) assert.equal(undone.text, before);
    else assert.deepEqual(parse(String(undone.text).replace(/^\uFEFF/, '')), {});
    assert.deepEqual(withoutStatusLine(undone.text, LINE_MARKER), { text: undone.text, changed: false });
  });
}

test('a wrapped command comes back as it was, whatever is in it, and its other keys stay', () => {
  const commands = ['date', "echo 'it''s' \"$HOME\" `id` \\\\", 'printf "a\\n"\n# two\nlines', "'", "''", "'\\''", 'é 🙂', '-n', "ccsr_line='x'; echo"];
  for (const command of commands) {
    const before = JSON.stringify({ statusLine: { padding: 2, type: 'command', command, refreshInterval: 5 }, model: 'x' }, null, 2);
    const { text: after } = withStatusLine(before, LINE, LINE_MARKER);
    const line = parse(after).statusLine;
    assert.deepEqual({ ...line, command }, { padding: 2, type: 'command', command, refreshInterval: 5 });
    // An upgrade renews what is ours and keeps what it wraps.
    const { text: renewed } = withStatusLine(after, { ...LINE, command: `${LINE.command} # newer` }, LINE_MARKER);
    assert.ok(parse(renewed).statusLine.command.endsWith('# newer'));
    for (const text of [after, renewed]) assert.equal(withoutStatusLine(text, LINE_MARKER).text, before);
  }
});

test('a status line that cannot be one is refused with what is wrong and where', () => {
  for (const [text, code] of [
    ['{"statusLine": 7}', 'SETTINGS_SHAPE'],
    ['{"statusLine": {"type": "command"}}', 'SETTINGS_SHAPE'],
    ['{"statusLine": {"command": ["x"]}}', 'SETTINGS_SHAPE'],
    ['{"statusLine": {"command": "x"}, "statusLine": {"command": "y"}}', 'SETTINGS_DUPLICATE_KEY'],
    ['{"statusLine": {"command": "x", "command": "y"}}', 'SETTINGS_DUPLICATE_KEY'],
  ]) {
    assert.throws(() => withStatusLine(text, LINE, LINE_MARKER), { code, message: /line 1, column \d+/ }, text);
  }
});

test('a status line of somebody else is left alone when ours is taken out', () => {
  for (const command of ['date', 'node .claude/cc-session-recover/statusline.js', "ccsr_line=x; cc-session-recover/statusline.js"]) {
    const text = JSON.stringify({ statusLine: { type: 'command', command } });
    assert.deepEqual(withoutStatusLine(text, LINE_MARKER), { text, changed: false });
  }
});

test('in settings made by chance hooks and status line go in and come out in any order', () => {
  for (let seed = 1; seed <= 1000; seed += 1) {
    const before = randomSettings(seed);
    const both = withStatusLine(withHooks(before, entries, marker).text, LINE, LINE_MARKER).text;
    assert.ok(isSubsequence(before, both), `seed ${seed}`);
    assert.equal(withHooks(both, entries, marker).changed, false);
    assert.equal(withoutHooks(String(withoutStatusLine(both, LINE_MARKER).text), marker).text, before, `seed ${seed}:\n${before}`);
    assert.equal(withoutStatusLine(withoutHooks(both, marker).text, LINE_MARKER).text, before, `seed ${seed}:\n${before}`);
  }
});

test('a carriage return alone ends a line and its comment', () => {
  for (const text of ['{ "model": "opus" // mine\r}', '{\r  "model": "opus" // mine\r}\r', '{ // mine\r}', '{"a":1 // x\r, "b":2 // y\r}']) {
    const edited = withHooks(text, [{ event: 'Stop', matcher: null, hook: { type: 'command', command: `node ${marker}` } }], marker).text;
    const value = parse(edited);
    assert.equal(value.hooks.Stop[0].hooks[0].command, `node ${marker}`, edited);
    const { hooks: _hooks, ...rest } = value;
    assert.deepEqual(rest, parse(text));
    assert.deepEqual(parse(/** @type {string} */ (withoutHooks(edited, marker).text)), parse(text));
  }
});

test('a hook of somebody else stays in force when ours before it on the line goes, also behind a comment', () => {
  const ours = `{"hooks": [{"type": "command", "command": "node ${marker}"}]}`;
  const theirs = '{"hooks": [{"type": "command", "command": "./guard.sh"}]}';
  for (const list of [`[ // guards\n      ${ours}, ${theirs}\n    ]`, `[ // guards\r\n      ${ours}, ${theirs}, ${ours}\r\n    ]`, `[${theirs}, // one\n${ours}, ${theirs}]`, `[ // guards\n ${ours} /* a */, ${theirs}]`, `[ // g\n ${ours}\n , ${theirs} ]`]) {
    const text = `{\n  "hooks": {\n    "PreToolUse": ${list}\n  }\n}\n`;
    const kept = parse(text).hooks.PreToolUse.filter((/** @type {any} */ group) => group.hooks[0].command === './guard.sh');
    const removed = /** @type {string} */ (withoutHooks(text, marker).text);
    assert.deepEqual(parse(removed).hooks.PreToolUse, kept, removed);
    const upgraded = withHooks(text, [{ event: 'Stop', matcher: null, hook: { type: 'command', command: `node ${marker}` } }], marker).text;
    assert.deepEqual(parse(upgraded).hooks.PreToolUse, kept, upgraded);
  }
});
