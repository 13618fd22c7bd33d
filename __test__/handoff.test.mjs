// `handoff`: what a note says about every recorded session, field by field; what happens to HANDOFF.md; and the texts for other readers.

import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';
import { MODEL_PART, writeAtOnce } from './lib/note-writers.mjs';
import { stoppedSession } from './lib/stopped.mjs';

const notRoot = process.getuid?.() !== 0;
const FIXTURES = join(ROOT, 'fixtures', 'transcripts');

/** @typedef {ReturnType<typeof world>} Place */

/**
 * Copies a recorded session and the files beside it into the project of a world.
 *
 * @param {Place} place
 * @param {string} name
 * @param {string} id
 */
function recorded(place, name, id) {
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  const text = readFileSync(join(FIXTURES, name), 'utf8');
  const cwd = /"cwd":"([^"]+)"/.exec(text)?.[1] ?? assert.fail(`no cwd in ${name}`);
  const transcript = join(directory, `${id}.jsonl`);
  writeFileSync(transcript, text.replaceAll(`"${cwd}`, `"${place.project}`).replaceAll(/"sessionId":"[^"]+"/g, `"sessionId":"${id}"`));
  const beside = join(FIXTURES, name.replace(/\.jsonl$/, ''));
  if (existsSync(beside)) cpSync(beside, join(directory, id), { recursive: true });
  return transcript;
}

/** Parses a note: the facts at its head, and its sections without formatting lines. @param {string} text */
function read(text) {
  const [head, ...parts] = text.split(/^### /m);
  const facts = Object.fromEntries([...head.matchAll(/^- ([^:\n]+): (.*)$/gm)].map(([, name, value]) => [name, value]));
  const sections = Object.fromEntries(
    parts.map((part) => {
      const [title, ...lines] = part.split('\n');
      return [title.replace(/,.*|:.*| the client.*/, ''), lines.filter((line) => !/^$|^```|^\d{4}-.*Z:$/.test(line))];
    }),
  );
  return { heading: head.split('\n')[0], facts, sections };
}

/** @param {Place} place @param {string[]} argv */
async function report(place, argv) {
  const { status, stdout, stderr } = await place.run(['handoff', ...argv, '--json']);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const LOOP = "`node -e 'setTimeout(()=>{},300000)'` (`Run the tests`)";
const PARSER = { Task: ['run the tests for the parser'], 'Latest prompt': ['run them again'], 'Last words': ['Running the tests again.'] };

/**
 * For each recorded session: why it stopped, what happens next, and what its sections say. A section that is not listed here must be
 * absent, except git, commands and how to continue.
 *
 * @type {Record<string, {why: RegExp, next: RegExp, heading?: string, sections: Record<string, (string | RegExp)[]>}>}
 */
const EXPECTED = {
  'plan.jsonl': {
    why: /^finished its turn$/,
    next: /no pending work/,
    sections: { Task: ['please do the parser work'], Plan: [/^Approved, kept in `.*\/please-do-the-parser-validated-hearth\.md`:$/, '# Plan', '1. Fix the parser', '2. Run tests'], 'Last words': ['Plan approved; the parser is fixed.'] },
  },
  'todos.jsonl': {
    why: /^finished its turn$/,
    next: /no pending work/,
    sections: { Task: ['fix the parser'], Tasks: ['- [ ] (in progress) `Fix the parser`', '- [ ] `Run tests`'], 'Last words': ['Stopping here.'] },
  },
  'edits.jsonl': {
    why: /^finished its turn$/,
    next: /no pending work/,
    heading: '## Session `parser-fix`',
    sections: { Task: ['fix the parser'], 'Files changed by the session': ['- `src/parser.js`, new', '- `README.md`'], 'Last words': ['The parser is fixed.'] },
  },
  'subagent/1dae7633-60d9-4182-89eb-d2670fa1ede7.jsonl': {
    why: /^finished its turn$/,
    next: /no pending work/,
    sections: { Task: ['MAINTASK survey please'], 'Subagents that reported': ['- Subagent `Survey the code`; its last words were `There is one README.`'], 'Last words': ['Survey is in; all done.'] },
  },
  'subagent-quota/d730557b-91b4-49d9-8c89-b9da5ab63883.jsonl': {
    why: /^5-hour usage limit reached; the client said `You've hit your 5-hour limit · resets 3:41am \(UTC\)`$/,
    next: /^its client is closed; resume it by hand/,
    sections: { Task: ['MAINTASK survey please'], 'In flight when it stopped': [/^- Subagent `Survey the code` was cut off and did not finish: `You've hit your 5-hour limit.*; its last words were `Listing\.`$/], 'Last words': ['Delegating.'] },
  },
  'compacted.jsonl': {
    why: /^finished its turn$/,
    next: /no pending work/,
    heading: '## Session `My Parser`',
    sections: { Task: ['run the tests for the parser'], 'Latest prompt': ['third prompt'], 'Prompts before it': ['- `second prompt: fix it`'], Summary: ['Done (turn 3).'], 'Last words': ['Anything else?'] },
  },
  'renamed.jsonl': {
    why: /^finished its turn$/,
    next: /no pending work/,
    heading: '## Session `My Parser`',
    sections: { Task: ['run the tests for the parser'], 'Latest prompt': ['third prompt'], 'Prompts before it': ['- `second prompt: fix it`'], Summary: ['Done (turn 3).'], 'Last words': ['Anything else?'] },
  },
  'quota-mid-turn-interactive.jsonl': {
    why: /^5-hour usage limit reached/,
    next: /^its client is closed; resume it by hand/,
    sections: { Task: ['do the work'], 'Files changed by the session': ['- `a.txt`, new'], 'Last words': ['Editing.'] },
  },
  'quota-mid-turn-print.jsonl': {
    why: /^5-hour usage limit reached/,
    next: /^its client is closed; resume it by hand/,
    sections: { Task: ['do the work'], 'Files changed by the session': ['- `a.txt`, new'], 'Last words': ['Editing.'] },
  },
  'killed-mid-turn.jsonl': { why: /^ended abruptly in the middle of a turn$/, next: /^needs you: .*resume it by hand/, sections: { ...PARSER, 'In flight when it stopped': [new RegExp(`^- Bash had no result yet: ${LOOP.replaceAll(/[()'{}]/g, '\\$&')}, 2026-11-21T02:34:05Z$`)] } },
  'sigterm-mid-turn.jsonl': { why: /^closed in the middle of a turn$/, next: /^needs you/, sections: { ...PARSER, 'In flight when it stopped': [/^- Bash had no result yet/] } },
  'sighup-mid-turn.jsonl': { why: /^closed in the middle of a turn$/, next: /^needs you/, sections: PARSER },
  'interrupted.jsonl': { why: /^interrupted by the user$/, next: /^no automatic step is planned/, sections: PARSER },
  'torn-last-line.jsonl': { why: /^ended abruptly/, next: /^needs you/, sections: PARSER },
  'killed-mid-request.jsonl': { why: /^ended abruptly/, next: /^needs you/, sections: { Task: ['fix the parser in ihang'] } },
  'dangling-tool-use.jsonl': { why: /^ended abruptly/, next: /^needs you/, sections: { Task: ['please do the parser work'], 'In flight when it stopped': [/^- Bash had no result yet: `rm -rf build`/], 'Last words': ['Cleaning up.'] } },
  'waiting-question.jsonl': { why: /^waiting for the user$/, next: /^resume it by hand: it asked you a question/, sections: { Task: ['please do the parser work'], 'In flight when it stopped': [/^- AskUserQuestion waited for an answer: `Which parser\?`/], 'Last words': ['One question.'] } },
  'auto-continued-after-quota.jsonl': { why: /^finished its turn$/, next: /no pending work/, sections: { Task: ['do the work'], 'Last words': ['Carrying on after the reset; done.'] } },
  'resumed-after-kill.jsonl': { why: /^finished its turn$/, next: /no pending work/, sections: { Task: ['run the tests for the parser'], 'Latest prompt': ['continue'], 'Prompts before it': ['- `run them again`'], 'Last words': ['Recovered.'] } },
  'quota-weekly-interactive.jsonl': { why: /^weekly usage limit reached/, next: /^needs you/, sections: { Task: ['fix the parser in iq7d'] } },
  'overloaded-print.jsonl': { why: /^the API was overloaded \(529\)/, next: /^its client is closed; resume it by hand/, sections: { Task: ['fix the parser in README'] } },
  'auth-interactive.jsonl': { why: /^the credential was refused/, next: /^needs you: log in again/, sections: { Task: ['fix the parser in iauth'] } },
  'prompt-too-long-print.jsonl': { why: /^the conversation no longer fits/, next: /^needs you: run \/compact/, sections: { Task: ['fix the parser in README'] } },
};

test('the note of each recorded session states task, work in flight, work done, stop reason and next step', async (t) => {
  const place = world(t);
  for (const [index, [name, { why, next, heading, sections }]] of Object.entries(EXPECTED).entries()) {
    const id = idOf(index + 1);
    recorded(place, name, id);
    const { text, characters, leftOut } = await report(place, [id]);
    const note = read(text);
    const finished = note.heading.startsWith('## Session');
    assert.equal(note.heading, heading ?? `## ${finished ? 'Session' : 'Unfinished session'} \`${id.slice(0, 8)}…\``, name);
    assert.match(note.facts[/^\^(finished|waiting)/.test(why.source) ? 'State' : 'Stopped because'], why, name);
    assert.equal(finished, why.source.startsWith('^finished'), name);
    assert.match(note.facts['What happens next'], next, name);
    assert.equal(note.facts.Session, `\`${id}\``, name);
    const { Git: git, 'Last commands': _, 'To continue by hand': hand, ...told } = note.sections;
    assert.deepEqual(Object.keys(told).toSorted(), Object.keys(sections).toSorted(), name);
    for (const [title, lines] of Object.entries(sections)) {
      assert.equal(told[title].length, lines.length, `${name}: ${title}: ${told[title].join('\n')}`);
      for (const [at, line] of lines.entries()) {
        if (typeof line === 'string') assert.equal(told[title][at], line, `${name}: ${title}`);
        else assert.match(told[title][at], line, `${name}: ${title}`);
      }
    }
    assert.deepEqual(git, ['- Not a git repository.'], name);
    assert.ok(hand.includes(`claude --resume=${id}`) && hand.some((/** @type {string} */ line) => line.includes(`cc-session-recover resume ${id}`)), name);
    assert.ok(hand.at(-1)?.startsWith('Source'), name);
    assert.deepEqual([characters, leftOut], [[...text].length, []], name);
  }
});

test('the same transcript and the same tree give the same bytes, and the state of git is included', async (t) => {
  const place = world(t);
  recorded(place, 'killed-mid-turn.jsonl', idOf(1));
  const git = (/** @type {string[]} */ ...args) => assert.equal(spawnSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { cwd: place.project, env: { ...place.env, GIT_CONFIG_NOSYSTEM: '1' } }).status, 0, args.join(' '));
  git('init', '-q', '-b', 'parser');
  writeFileSync(join(place.project, 'a.txt'), '1\n');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  writeFileSync(join(place.project, 'a.txt'), '2\n');
  git('stash', '-q');
  writeFileSync(join(place.project, 'b.txt'), '2\n');
  const first = await place.run(['handoff', idOf(1)]);
  const again = await place.run(['handoff', idOf(1)]);
  assert.equal(first.stdout, again.stdout);
  const { sections } = read(first.stdout);
  assert.match(sections.Git[0], /^- Branch `parser` at `[0-9a-f]{10}`$/);
  assert.deepEqual(sections.Git.slice(1), ['- The session was on branch `main` when it stopped', '- Entries of the stash: 1', '- Uncommitted files: 1', '- `??` `b.txt`']);
});

test("the note includes the task list, the plan file and an interrupted subagent, and lists them as sources", async (t) => {
  const place = world(t);
  const transcript = recorded(place, 'todos.jsonl', idOf(1));
  const tasks = join(place.claude, 'tasks', idOf(1));
  mkdirSync(tasks, { recursive: true });
  for (const [number, subject, status] of [['1', 'Fix the parser', 'completed'], ['2', 'Run tests', 'in_progress'], ['10', 'Write it down', 'pending']]) writeFileSync(join(tasks, `${number}.json`), JSON.stringify({ id: number, subject, description: '', status, blocks: [], blockedBy: [] }));
  const { text, sources } = await report(place, [idOf(1)]);
  assert.deepEqual(read(text).sections.Tasks, ['- [x] `Fix the parser`', '- [ ] (in progress) `Run tests`', '- [ ] `Write it down`']);
  assert.deepEqual(sources, [transcript, tasks]);
  assert.ok(text.includes(`, \`${tasks}\`.`), text.slice(-300));
});

test('handoff without a session takes the most recently active one of the project, and reports a project without sessions', async (t) => {
  const place = world(t);
  const none = await place.run(['handoff']);
  assert.equal(none.status, 3);
  assert.match(none.stderr, /no session of this project was found\n {2}next: name one/);
  recorded(place, 'edits.jsonl', idOf(1));
  recorded(place, 'finished-interactive.jsonl', idOf(2));
  assert.equal((await report(place, [])).session.id, idOf(2));
  assert.equal((await place.run(['handoff'], { cwd: place.home })).status, 0);
  const ambiguous = await place.run(['handoff', '0000000']);
  assert.equal(ambiguous.status, 3);
  assert.equal((await place.run(['handoff', 'ffffffff'])).status, 3);
});

test('handoff rejects mutually exclusive options, and --dry-run without --write', async (t) => {
  const place = world(t);
  for (const argv of [['--write', '--essential'], ['--write', '--for', 'paste'], ['--essential', '--for', 'paste'], ['--for', 'nobody'], ['--dry-run']]) {
    const { status, stderr } = await place.run(['handoff', ...argv]);
    assert.equal(status, 2, `${argv.join(' ')}: ${stderr}`);
  }
});

test('--essential and --for print an introduction, respect the length limit and suit the recipient', async (t) => {
  const place = world(t);
  recorded(place, 'subagent-quota/d730557b-91b4-49d9-8c89-b9da5ab63883.jsonl', idOf(1));
  const essential = (await place.run(['handoff', idOf(1), '--essential'])).stdout;
  assert.ok(essential.length <= 4000, String(essential.length));
  assert.match(essential, /^You are taking over unfinished work/);
  assert.ok(essential.includes('MAINTASK survey please') && essential.includes('5-hour usage limit'));
  assert.ok(!essential.includes(idOf(1)) && !essential.includes('claude --resume') && !essential.includes('/projects/'), essential);
  const paste = (await place.run(['handoff', idOf(1), '--for', 'paste'])).stdout;
  assert.match(paste, /^You are taking over unfinished work/);
  assert.ok(!paste.includes('claude --resume'), paste);
  const resume = (await place.run(['handoff', idOf(1), '--for', 'resume'])).stdout;
  assert.match(resume, /^Continue the unfinished work/);
  for (const text of [paste, resume]) assert.ok(text.length <= 9000 && text.includes('MAINTASK survey please'));
});

test('handoff --write adds the block to HANDOFF.md once and changes nothing else; --dry-run only reports', async (t) => {
  const place = world(t);
  const file = join(place.project, 'HANDOFF.md');
  recorded(place, 'killed-mid-turn.jsonl', idOf(1));
  recorded(place, 'waiting-question.jsonl', idOf(2));
  writeFileSync(file, MODEL_PART);
  const dry = await place.run(['handoff', idOf(1), '--write', '--dry-run']);
  assert.equal(dry.status, 0, dry.stderr);
  assert.match(dry.stderr, /Would write the note of /);
  assert.equal(readFileSync(file, 'utf8'), MODEL_PART);
  const done = await place.run(['handoff', idOf(1), '--write']);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /Wrote the note of [\s\S]*HANDOFF\.md[\s\S]*cc-session-recover init/);
  await place.run(['handoff', idOf(2), '--write']);
  const text = readFileSync(file, 'utf8');
  assert.ok(text.startsWith(MODEL_PART));
  assert.deepEqual([...text.matchAll(/^<!-- cc-session-recover:begin (\S{36}) -->\r$/gm)].map(([, id]) => id), [idOf(2), idOf(1)]);
  assert.equal(text.split('\n').length - text.split('\r\n').length, MODEL_PART.split('\n').length - MODEL_PART.split('\r\n').length, 'a block has the line ends of the file');
  const again = await report(place, [idOf(1), '--write']);
  assert.equal(again.written, false);
  assert.equal(readFileSync(file, 'utf8'), text);
});

test('user text in a block is saved when the block is replaced, and the block names the copy', async (t) => {
  const place = world(t);
  const file = join(place.project, 'HANDOFF.md');
  recorded(place, 'killed-mid-turn.jsonl', idOf(1));
  await place.run(['handoff', idOf(1), '--write']);
  writeFileSync(file, readFileSync(file, 'utf8').replace('### Git', 'Never touch the migrations.\n\n### Git'));
  const { kept, written } = await report(place, [idOf(1), '--write']);
  assert.equal(written, true);
  assert.equal(kept.length, 1);
  assert.match(readFileSync(kept[0], 'utf8'), /^Never touch the migrations\.$/m);
  if (process.platform !== 'win32') assert.equal(statSync(kept[0]).mode & 0o777, 0o600);
  const text = readFileSync(file, 'utf8');
  assert.ok(text.includes(kept[0]) && !text.includes('migrations'), text);
});

test('handoff --write leaves a link, a write-protected file, a conflict and a file without markers unchanged', async (t) => {
  const place = world(t);
  const file = join(place.project, 'HANDOFF.md');
  recorded(place, 'killed-mid-turn.jsonl', idOf(1));
  const target = join(place.home, 'elsewhere.md');
  writeFileSync(target, 'mine\n');
  symlinkSync(target, file);
  const linked = await place.run(['handoff', idOf(1), '--write']);
  assert.equal(linked.status, 4);
  assert.match(linked.stderr, /HANDOFF\.md: is a symbolic link\n {2}next: /);
  assert.equal(readFileSync(target, 'utf8'), 'mine\n');
  rmSync(file);

  writeFileSync(file, 'mine\n');
  chmodSync(file, 0o444);
  const guarded = await place.run(['handoff', idOf(1), '--write']);
  assert.equal(guarded.status, 4);
  assert.match(guarded.stderr, /HANDOFF\.md: is write-protected\n {2}next: /);
  assert.equal(readFileSync(file, 'utf8'), 'mine\n');
  chmodSync(file, 0o644);

  const conflict = `<<<<<<< HEAD\n<!-- cc-session-recover:begin ${idOf(1)} -->\nours\n=======\ntheirs\n<!-- cc-session-recover:end ${idOf(1)} -->\n>>>>>>> other\n`;
  writeFileSync(file, conflict);
  assert.equal((await place.run(['handoff', idOf(1), '--write'])).status, 0);
  assert.ok(readFileSync(file, 'utf8').startsWith(conflict));
});

test('handoff --write reports a read-only directory and leaves no files behind', { skip: notRoot ? false : 'the superuser may write anywhere' }, async (t) => {
  const place = world(t);
  recorded(place, 'killed-mid-turn.jsonl', idOf(1));
  chmodSync(place.project, 0o555);
  place.endings.push(() => chmodSync(place.project, 0o755));
  const { status, stderr } = await place.run(['handoff', idOf(1), '--write']);
  assert.equal(status, 1);
  assert.match(stderr, /HANDOFF\.md: could not write/);
});

test('a stop with an incident has one block, whether a hook or the user writes it', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: idOf(1) });
  const file = join(place.project, 'HANDOFF.md');
  const before = readFileSync(file, 'utf8');
  const { written, enabled, text } = await report(place, [idOf(1), '--write']);
  assert.equal(enabled, true);
  assert.ok(readFileSync(file, 'utf8').replaceAll('\r', '').includes(text.trim()));
  assert.equal((readFileSync(file, 'utf8').match(/:begin /g) ?? []).length, 1);
  assert.equal(written, readFileSync(file, 'utf8') !== before);
  assert.equal(existsSync(join(place.state, 'sessions', idOf(1), 'edited-notes')), false);
});

test('the note contains no secrets of known patterns in any format', async (t) => {
  const place = world(t);
  const transcript = recorded(place, 'killed-mid-turn.jsonl', idOf(1));
  const key = `sk-ant-api03-${'Ab1-'.repeat(20)}`;
  writeFileSync(transcript, readFileSync(transcript, 'utf8').replaceAll('run them again', `use ${key} again`));
  for (const argv of [[], ['--essential'], ['--for', 'paste'], ['--for', 'resume'], ['--json'], ['--write']]) {
    const { status, stdout, stderr } = await place.run(['handoff', idOf(1), ...argv]);
    assert.equal(status, 0, stderr);
    // The JSON report contains the session as every verb reports it, so only its text is checked.
    const text = argv[0] === '--json' ? JSON.parse(stdout).text : stdout;
    assert.ok(!text.includes(key.slice(0, 30)), argv.join(' '));
  }
  assert.ok(!readFileSync(join(place.project, 'HANDOFF.md'), 'utf8').includes(key.slice(0, 30)));
});

test('ten concurrent writers, three killed per round, keep the file whole, the text of the model and every block', async (t) => {
  const { faults, kills, writes } = await writeAtOnce(world(t), { sessions: 10, rounds: 3, killed: 3 });
  assert.deepEqual(faults, []);
  assert.equal(kills, 9);
  assert.ok(writes >= 21, String(writes));
});

test('ten concurrent writers without locks damage the file (control)', async (t) => {
  const { faults } = await writeAtOnce(world(t), { sessions: 10, rounds: 4, killed: 3, how: 'naive' });
  assert.notDeepEqual(faults, []);
});
