// `prune`: removes only copies, pages, outputs and records of this tool itself, the oldest ones, after showing them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { contents, wholeSession } from './lib/belongings.mjs';
import { ROOT, run, world } from './lib/command.mjs';
import { hooked, idOf, livingClient, startHook } from './lib/hooks.mjs';
import { held, noFlock } from './lib/lease.mjs';
import { stoppedSession } from './lib/stopped.mjs';

const DAY = 86_400_000;

/** @param {ReturnType<typeof world>} place */
function copies(place) {
  const exports = join(place.state, 'exports');
  const snapshots = join(place.state, 'snapshots');
  /** Writes an export that is this many days old. @param {number} days @param {string} [id] @param {number} [bytes] */
  const exported = (days, id = idOf(1), bytes = 1000) => {
    const at = new Date(Date.now() - days * DAY).toISOString().replace(/[-:]|\.\d+/g, '');
    const path = join(exports, `${at}-LOSSLESS-${id}`);
    mkdirSync(join(path, 'tasks'), { recursive: true });
    writeFileSync(join(path, `${id}.jsonl`), 'x'.repeat(bytes));
    return path;
  };
  /** Writes a snapshot that is this many days old. @param {number} days @param {string} [id] */
  const snapshot = (days, id = idOf(1)) => {
    const path = join(snapshots, id, `s${days}.jsonl`);
    mkdirSync(join(snapshots, id), { recursive: true });
    writeFileSync(path, 'y'.repeat(500));
    writeFileSync(`${path}.sha256`, `0  s${days}.jsonl\n`);
    const at = (Date.now() - days * DAY) / 1000;
    utimesSync(path, at, at);
    return path;
  };
  /** Writes the output of a run that is this many days old. @param {number} days @param {string} [id] @param {string} [name] */
  const output = (days, id = idOf(1), name = `o${days}.log`) => {
    const path = join(place.state, 'runs', id, name);
    mkdirSync(join(place.state, 'runs', id), { recursive: true });
    writeFileSync(path, 'o'.repeat(300));
    const at = (Date.now() - days * DAY) / 1000;
    utimesSync(path, at, at);
    return path;
  };
  const pages = join(place.state, 'pages');
  /** Writes a page that is this many days old. @param {number} days @param {string} [id] @param {string} [ending] */
  const page = (days, id = idOf(1), ending = 'html') => {
    const at = new Date(Date.now() - days * DAY).toISOString().replace(/[-:]|\.\d+/g, '');
    mkdirSync(pages, { recursive: true });
    writeFileSync(join(pages, `${at}-READING-${id}.${ending}`), 'p'.repeat(700));
    return join(pages, `${at}-READING-${id}.${ending}`);
  };
  /**
   * Writes the hooks' records about a session that are this many days old.
   *
   * @param {number} days
   * @param {string} id
   * @param {string[]} [names]
   */
  const record = (days, id, names = ['session.json', 'context.json']) => {
    const dir = join(place.state, 'sessions', id);
    mkdirSync(dir, { recursive: true });
    const at = (Date.now() - days * DAY) / 1000;
    for (const name of names) {
      writeFileSync(join(dir, name), '{"version":1}');
      utimesSync(join(dir, name), at, at);
    }
    return dir;
  };
  return { exports, snapshots, pages, exported, snapshot, output, page, record };
}

/** @param {{path: string}[]} removed */
const paths = (removed) => removed.map(({ path }) => path).toSorted();

test('prune removes old copies, retains the newest of each session, and first reports what it removes', async (t) => {
  const place = world(t);
  const { exported, snapshot } = copies(place);
  const old = [exported(100), exported(91), snapshot(20), snapshot(15)];
  const kept = [exported(89), exported(400, idOf(2)), snapshot(3), snapshot(300, idOf(3))];
  const session = wholeSession(place);
  const claude = contents(place.claude);
  const before = contents(place.state);
  const planned = await place.run(['prune', '--dry-run', '--json']);
  assert.equal(planned.status, 0, planned.stderr);
  assert.deepEqual(paths(JSON.parse(planned.stdout).removed), old.toSorted());
  assert.deepEqual(contents(place.state), before, 'nothing is deleted by a dry run');
  const asked = await place.run(['prune']);
  assert.equal(asked.status, 2);
  assert.match(asked.stderr, /cannot ask for confirmation without a terminal\n {2}next: add --yes/);
  assert.deepEqual(contents(place.state), before);
  const { status, stdout, stderr } = await place.run(['prune', '--yes', '--json']);
  assert.equal(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.deepEqual([paths(report.removed), report.kept, report.problems], [old.toSorted(), 4, []]);
  for (const path of old) assert.equal(existsSync(path) || existsSync(`${path}.sha256`), false, path);
  for (const path of kept) assert.equal(existsSync(path), true, path);
  assert.deepEqual(contents(place.claude), claude, `nothing of ${session.id} is touched`);
  assert.ok(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').includes('"event":"pruned"'));
  assert.equal((await place.run(['prune', '--yes'])).status, 6);
});

test('prune deletes only what it listed before it asked, not what expired while it waited for the answer', async (t) => {
  const place = world(t);
  const { exported } = copies(place);
  const [listed, late] = [exported(100), exported(1)];
  exported(0);
  // The retention is shortened while the question is open, so that another export expires.
  const config = join(place.root, 'config.json');
  const code = `
    const { run } = require(${JSON.stringify(join(ROOT, 'bin', 'commands', 'prune.js'))});
    const texts = [];
    const confirm = async () => {
      require('node:fs').writeFileSync(${JSON.stringify(config)}, '{"retention":{"exportsDays":0.5}}');
      texts.push('?');
      return true;
    };
    const io = { isTerminal: true, width: null, colours: require('picocolors').createColors(false), during: (_, work) => work, lines: (all) => texts.push(...all), confirm, error: (text) => texts.push(text), remark: (text) => texts.push(text) };
    run({}, io).then((code) => console.log(JSON.stringify({ code, texts })));`;
  const { stdout, stderr } = await run(['-e', code], { cwd: ROOT, env: place.env });
  assert.equal(stderr, '');
  const { code: exit, texts } = JSON.parse(stdout);
  assert.equal(exit, 0);
  assert.match(texts.join('\n'), /^Would delete 1 item [^]*\n\?\nDeleted 1 item /);
  assert.deepEqual([existsSync(listed), existsSync(late)], [false, true]);
  // Negative control: listed now, the other export is deleted too.
  assert.equal((await place.run(['prune', '--yes'])).status, 0);
  assert.equal(existsSync(late), false);
});

test('prune retention comes from the command line, then the configuration, and invalid values are rejected', async (t) => {
  const place = world(t);
  const { exported } = copies(place);
  const old = exported(20);
  exported(1);
  const removed = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout).removed.length;
  assert.equal(await removed(), 0);
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"exportsDays":7}}');
  assert.equal(await removed(), 1);
  assert.equal(await removed('--exports-days', '30'), 0);
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"exportsDays":"never"}}');
  const { status, stderr } = await place.run(['prune', '--yes']);
  assert.equal(status, 1);
  assert.match(stderr, /retention\.exportsDays: .*"never"[\s\S]*next: fix the configuration; nothing was deleted/);
  assert.equal(existsSync(old), true);
  // Another key of an invalid configuration may have been meant to retain more, so nothing is deleted.
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"exportsDays":365},"heartbeats":1}');
  assert.equal((await place.run(['prune', '--yes'])).status, 1);
  assert.equal(existsSync(old), true);
  for (const argv of [['--keep', '1.5'], ['--pages-days', 'x'], ['--outputs-days', '-1'], ['--records-days', '-1'], ['--exports-days', '-1'], ['--max-total', 'much'], ['--most', '']]) assert.equal((await place.run(['prune', ...argv])).status, 2, argv.join(' '));
});

test('prune by count and by size removes the oldest copies first', async (t) => {
  const place = world(t);
  const { exported, record } = copies(place);
  const all = [5, 4, 3, 2, 1].map((days) => exported(days));
  const plan = async (/** @type {string[]} */ ...argv) => paths(JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout).removed);
  assert.deepEqual(await plan('--most', '3'), all.slice(0, 2));
  assert.deepEqual(await plan('--max-total', '2.5kB'), all.slice(0, 3));
  assert.deepEqual(await plan('--max-total', '0'), all.slice(0, 4), 'the newest stays');
  assert.deepEqual(await plan('--max-total', '0', '--keep', '0'), all);
  // Records about a session do not count towards the total size.
  const dir = record(0, idOf(1));
  writeFileSync(join(dir, 'context.json'), 'x'.repeat(9000));
  assert.deepEqual(await plan('--max-total', '5kB'), []);
  rmSync(dir, { recursive: true });
  const { stdout } = await place.run(['prune', '--most', '1', '--yes']);
  assert.match(stdout, /^Deleted 4 items of 4\.0 kB\. 1 item of 1\.0 kB is retained\.$/m);
  assert.deepEqual(readdirSync(join(place.state, 'exports')).length, 1);
});

test('prune never removes files with other names, links, or files elsewhere', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { exports, snapshots, exported, snapshot } = copies(place);
  exported(500);
  snapshot(500);
  const victim = join(place.root, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'precious'), 'x');
  const name = `20200101T000000Z-LOSSLESS-${idOf(9)}`;
  symlinkSync(victim, join(exports, name));
  mkdirSync(join(exports, `mine-LOSSLESS-${idOf(9)}`));
  mkdirSync(join(exports, 'notes'));
  symlinkSync(victim, join(snapshots, idOf(9)));
  writeFileSync(join(victim, 'x.jsonl'), 'x');
  symlinkSync(join(victim, 'precious'), join(snapshots, idOf(1), 'z.jsonl'));
  // A link inside an export that is removed must not be followed either.
  symlinkSync(victim, join(exported(600), 'out'));
  const { status, stdout, stderr } = await place.run(['prune', '--keep', '0', '--exports-days', '0', '--snapshots-days', '0', '--yes', '--json']);
  assert.equal(JSON.parse(stdout).removed.length, 3, stderr);
  assert.equal(status, 0);
  assert.deepEqual(readdirSync(victim).toSorted(), ['precious', 'x.jsonl']);
  assert.deepEqual(readdirSync(exports).toSorted(), [name, `mine-LOSSLESS-${idOf(9)}`, 'notes'].toSorted());
  // The whole directory may be a link.
  const away = join(place.root, 'away');
  renameSync(exports, away);
  symlinkSync(away, exports);
  exported(700);
  const linked = await place.run(['prune', '--keep', '0', '--yes']);
  assert.equal(linked.status, 4);
  assert.match(linked.stderr, /files behind a link are never deleted/);
  assert.equal(readdirSync(away).length, 4);
});

test('prune removes unfinished exports unless a process still writes them', { skip: process.platform !== 'linux' }, async (t) => {
  const place = world(t);
  const { exports } = copies(place);
  const left = join(exports, `.20261121T000000Z-LOSSLESS-${idOf(1)}.${spawnSync('true').pid}.part`);
  const busy = join(exports, `.20261121T000000Z-LOSSLESS-${idOf(1)}.${process.pid}.part`);
  for (const path of [left, busy]) mkdirSync(path, { recursive: true });
  const { status, stdout } = await place.run(['prune', '--yes', '--json']);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout).removed.map((/** @type {any} */ { kind, path }) => [kind, path]), [['leftover', left]]);
  assert.deepEqual([existsSync(left), existsSync(busy)], [false, true]);
});

/** Writes a transcript of Claude Code itself. @param {ReturnType<typeof world>} place @param {string} id */
function transcript(place, id) {
  const dir = join(place.claude, 'projects', '-p');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${id}.jsonl`), `${JSON.stringify({ type: 'user', sessionId: id, timestamp: '2026-03-02T02:10:00Z', message: { role: 'user', content: 'x' } })}\n`);
}

test('prune removes run outputs by age and count, except the newest, links and files with other names', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { output } = copies(place);
  const old = [output(31), output(400), output(90, idOf(2))];
  const kept = [output(29), output(500, idOf(3)), output(3, idOf(2)), output(900, idOf(1), 'notes.txt')];
  const link = join(place.state, 'runs', idOf(1), 'link.log');
  symlinkSync(kept[3], link);
  const victim = join(place.root, 'victim');
  mkdirSync(victim);
  for (const days of ['a', 'b']) writeFileSync(join(victim, `${days}.log`), 'x');
  symlinkSync(victim, join(place.state, 'runs', idOf(9)));
  const plan = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout);
  const planned = await plan();
  assert.deepEqual([paths(planned.removed), planned.kept, planned.rules.outputsDays], [old.toSorted(), 3, 30]);
  assert.ok(planned.removed.every((/** @type {any} */ { kind, bytes }) => kind === 'output' && bytes === 300));
  assert.deepEqual(paths((await plan('--outputs-days', '100')).removed), [old[1]]);
  assert.deepEqual(paths((await plan('--outputs-days', '1000', '--most', '1')).removed), old.toSorted());
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"outputsDays":60}}');
  assert.deepEqual(paths((await plan()).removed), old.slice(1).toSorted());
  rmSync(join(place.root, 'config.json'));
  const { status, stdout, stderr } = await place.run(['prune', '--yes']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /outputs of runs for 30 days/);
  assert.match(stdout, /^output +\w+ +.* is older than 30 days$/m);
  for (const path of old) assert.equal(existsSync(path), false, path);
  for (const path of [...kept, link, join(victim, 'a.log'), join(victim, 'b.log')]) assert.equal(existsSync(path), true, path);
});

test('prune retains the output of a running resume, and removes the directory with its last output', { skip: noFlock }, async (t) => {
  const place = world(t);
  const { output } = copies(place);
  const path = output(100);
  const end = await held(place, `${idOf(1)}.run`);
  const busy = await place.run(['prune', '--keep', '0', '--yes', '--json']);
  assert.equal(busy.status, 1);
  const report = JSON.parse(busy.stdout);
  assert.deepEqual([report.removed, report.problems.length, report.problems[0].path], [[], 1, path]);
  assert.match(report.problems[0].message, /an unattended run or a restore of its session is in progress/);
  assert.equal(existsSync(path), true);
  await end();
  assert.equal((await place.run(['prune', '--keep', '0', '--yes'])).status, 0);
  assert.equal(existsSync(join(place.state, 'runs', idOf(1))), false);
});

test('prune removes old pages, except the newest of a session and pages outside the state directory', async (t) => {
  const place = world(t);
  const { pages, page } = copies(place);
  const old = [page(100), page(91, idOf(1), 'md'), page(200, idOf(2))];
  const kept = [page(89), page(400, idOf(3)), page(2, idOf(2), 'md')];
  const foreign = ['notes.html', `mine-READING-${idOf(1)}.html`, `20200101T000000Z-READING-${idOf(1)}.txt`, '20200101T000000Z-READING-x.html'].map((name) => join(pages, name));
  for (const path of foreign) writeFileSync(path, 'mine');
  symlinkSync(foreign[0], join(pages, `20200101T000000Z-READING-${idOf(1)}.html`));
  const elsewhere = join(place.root, `20200101T000000Z-READING-${idOf(1)}.html`);
  writeFileSync(elsewhere, 'x');
  const plan = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout);
  const before = contents(place.state);
  const planned = await plan();
  assert.deepEqual([paths(planned.removed), planned.kept], [old.toSorted(), 3]);
  assert.ok(planned.removed.every((/** @type {any} */ { kind, bytes }) => kind === 'page' && bytes === 700));
  assert.deepEqual(paths((await plan('--pages-days', '1000')).removed), []);
  assert.deepEqual(paths((await plan('--pages-days', '1000', '--most', '1')).removed), old.toSorted());
  assert.equal((await plan('--pages-days', '1000', '--max-total', '1.5kB')).removed.length, 3);
  writeFileSync(join(place.root, 'config.json'), '{"retention":{"pagesDays":150}}');
  assert.deepEqual(paths((await plan()).removed), [old[2]]);
  rmSync(join(place.root, 'config.json'));
  assert.deepEqual(contents(place.state), before, 'a dry run deletes nothing');
  const { status, stdout, stderr } = await place.run(['prune', '--yes']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^page +\w+ +.* is older than 90 days$/m);
  for (const path of old) assert.equal(existsSync(path), false, path);
  for (const path of [...kept, ...foreign, elsewhere]) assert.equal(existsSync(path), true, path);
});

test('prune removes unfinished pages unless a process still writes them', { skip: process.platform !== 'linux' }, async (t) => {
  const place = world(t);
  const { pages, page } = copies(place);
  page(1);
  const [left, busy] = [spawnSync('true').pid, process.pid].map((pid) => join(pages, `.20261121T000000Z-READING-${idOf(1)}.html.${pid}.part`));
  for (const path of [left, busy]) writeFileSync(path, '<!doctype');
  const { stdout } = await place.run(['prune', '--yes', '--json']);
  assert.deepEqual(JSON.parse(stdout).removed.map((/** @type {any} */ { kind, path }) => [kind, path]), [['leftover', left]]);
  assert.deepEqual([existsSync(left), existsSync(busy)], [false, true]);
});

test('prune removes old session records and those without a transcript, but no user text or last trace', async (t) => {
  const place = world(t);
  const { record } = copies(place);
  const [old, there, gone, fresh, unsaved, noted] = [1, 2, 3, 4, 5, 6].map(idOf);
  for (const id of [old, there, noted]) transcript(place, id);
  const dirs = {
    old: record(91, old),
    there: record(89, there),
    gone: record(2, gone, ['session.json', 'saving.json', 'given.json']),
    // The session may have started only now.
    fresh: record(0, fresh),
    // Claude Code saved nothing of this session: these records are all that remains.
    unsaved: record(80, unsaved, ['session.json', 'saving.json', 'shadow.json']),
    noted: record(100, noted),
  };
  mkdirSync(join(dirs.noted, 'edited-notes'));
  writeFileSync(join(dirs.noted, 'edited-notes', '0123456789abcdef.md'), 'by hand');
  mkdirSync(join(place.state, 'sessions', 'not-a-session'));
  const claude = contents(place.claude);
  const plan = async (/** @type {string[]} */ ...argv) => JSON.parse((await place.run(['prune', '--dry-run', '--json', ...argv])).stdout);
  const planned = await plan();
  assert.deepEqual(
    planned.removed.map((/** @type {any} */ { kind, session, path, why }) => [kind, session, path, why]).toSorted(),
    [['record', old, dirs.old, 'is older than 90 days'], ['record', gone, dirs.gone, 'its transcript is gone'], ['record', noted, dirs.noted, 'is older than 90 days']].toSorted(),
  );
  assert.deepEqual(paths((await plan('--keep', '9', '--max-total', '0', '--most', '0')).removed), paths(planned.removed), 'they are small, and there is one of each session');
  // The shadow log of an unsaved session stays whatever its age, because its content exists nowhere else. Once there is a transcript, the
  // age decides.
  assert.equal((await plan('--records-days', '70')).removed.length, 4);
  assert.equal((await plan('--records-days', '0')).removed.length, 5);
  transcript(place, unsaved);
  assert.equal((await plan('--records-days', '70')).removed.length, 5);
  rmSync(join(place.claude, 'projects', '-p', `${unsaved}.jsonl`));
  const { status, stderr } = await place.run(['prune', '--yes']);
  assert.equal(status, 0, stderr);
  assert.deepEqual(readdirSync(join(place.state, 'sessions')).toSorted(), [there, fresh, unsaved, noted, 'not-a-session'].toSorted());
  assert.deepEqual(readdirSync(dirs.noted, { recursive: true }).toSorted(), ['edited-notes', join('edited-notes', '0123456789abcdef.md')], 'what the user wrote stays');
  assert.deepEqual(contents(place.claude), claude);
  const { paths: told } = JSON.parse(readFileSync(join(place.state, 'journal.jsonl'), 'utf8').split('\n').find((line) => line.includes('"event":"pruned"')) ?? '{}');
  assert.deepEqual(told.toSorted(), [dirs.old, dirs.gone, dirs.noted].toSorted());
});

test('prune retains pages and records of a session that is open or has pending work, whatever their age', { skip: process.platform !== 'linux' }, async (t) => {
  const place = world(t);
  const { page, record } = copies(place);
  const [open, owed, closed] = [idOf(1), '3f2a9c1d-0000-4000-8000-000000000001', idOf(3)];
  for (const id of [open, closed]) transcript(place, id);
  const client = livingClient(place, open);
  await stoppedSession(place, { id: owed });
  // The records of the stop count as this old too.
  record(500, owed, ['session.json']);
  for (const id of [open, closed]) record(500, id);
  const stay = [open, owed].flatMap((id) => [page(200, id), page(300, id)]);
  const gone = [page(300, closed), join(place.state, 'sessions', closed)];
  page(200, closed);
  const all = ['prune', '--pages-days', '100', '--records-days', '100', '--json'];
  const { stdout, status, stderr } = await place.run([...all, '--yes']);
  assert.equal(status, 0, stderr);
  assert.deepEqual(paths(JSON.parse(stdout).removed), gone.toSorted());
  for (const path of stay) assert.equal(existsSync(path), true, path);
  // Control: once the client has ended, these files are removed like the others.
  await client.kill();
  const later = JSON.parse((await place.run([...all, '--yes'])).stdout);
  assert.deepEqual(paths(later.removed), [stay[1], join(place.state, 'sessions', open)].toSorted());
});

test('everything of a session whose incident cannot be read stays, and it is reported; copies of others are removed', async (t) => {
  const place = world(t);
  const { page, record, snapshot, output } = copies(place);
  const [unread, other] = [idOf(1), idOf(2)];
  for (const id of [unread, other]) transcript(place, id);
  const of = (/** @type {string} */ id) => [page(200, id), snapshot(50, id), output(50, id), record(200, id)];
  const [stay, go] = [of(unread), of(other)];
  // These are the newest ones, which stay in any case.
  for (const id of [unread, other]) {
    page(100, id);
    snapshot(20, id);
    output(40, id);
  }
  const incident = join(place.state, 'incidents', `${unread}.json`);
  mkdirSync(join(place.state, 'incidents'));
  const all = ['prune', '--pages-days', '150', '--json'];
  for (const make of [() => writeFileSync(incident, '{"version":99}'), () => writeFileSync(incident, '{"version":1,"phase":"wai'), () => symlinkSync(incident, incident)]) {
    rmSync(incident, { force: true });
    make();
    const { status, stdout } = await place.run([...all, '--dry-run']);
    const { removed, problems } = JSON.parse(stdout);
    assert.deepEqual([status, paths(removed), problems.map((/** @type {any} */ { path }) => path)], [1, go.toSorted(), [incident]]);
  }
  assert.deepEqual(paths(JSON.parse((await place.run([...all, '--yes'])).stdout).removed), go.toSorted());
  // Control: without the incident these files are removed too.
  rmSync(incident);
  assert.deepEqual(paths(JSON.parse((await place.run([...all, '--yes'])).stdout).removed), stay.toSorted());
});

test('prune treats no session as gone when transcripts or clients are unreadable or missing as a whole', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { exported, page, record } = copies(place);
  const [there, gone] = [idOf(1), idOf(2)];
  transcript(place, there);
  const recorded = record(10, gone);
  const [old, copy] = [page(200, there), exported(200, there)];
  page(1, there);
  exported(1, there);
  const projects = join(place.claude, 'projects');
  const away = join(place.root, 'away');
  const look = async () => {
    const { status, stdout } = await place.run(['prune', '--dry-run', '--json']);
    const { removed, problems } = JSON.parse(stdout);
    return [status, paths(removed), problems.map((/** @type {any} */ { path }) => path)];
  };
  const all = [recorded, old, copy].toSorted();
  assert.deepEqual(await look(), [0, all, []]);
  renameSync(projects, away);
  assert.deepEqual(await look(), [0, [copy, old].toSorted(), []], 'a whole directory that is gone tells nothing of one transcript');
  mkdirSync(projects);
  assert.deepEqual(await look(), [0, [copy, old].toSorted(), []], 'nor does one where nothing is mounted');
  rmSync(projects, { recursive: true });
  symlinkSync(projects, projects);
  assert.deepEqual(await look(), [1, [copy], [projects]], 'only what does not depend on it');
  rmSync(projects);
  renameSync(away, projects);
  const clients = join(place.claude, 'sessions');
  symlinkSync(clients, clients);
  assert.deepEqual(await look(), [1, [copy], [clients]]);
  rmSync(clients);
  assert.deepEqual(await look(), [0, all, []]);
});

test('prune skips and reports a record in use, and removes it afterwards', { skip: noFlock }, async (t) => {
  const place = world(t);
  const { record } = copies(place);
  const id = idOf(1);
  transcript(place, id);
  const dir = record(200, id);
  const end = await held(place, `${id}.watch`);
  const busy = await place.run(['prune', '--yes', '--json']);
  assert.equal(busy.status, 1);
  const report = JSON.parse(busy.stdout);
  assert.deepEqual([report.removed, report.problems.length, report.problems[0].path], [[], 1, dir]);
  assert.match(report.problems[0].message, /a hook of its session is running/);
  assert.equal(existsSync(join(dir, 'session.json')), true);
  await end();
  assert.equal((await place.run(['prune', '--yes'])).status, 0);
  assert.equal(existsSync(dir), false);
});

test('prune removes the complete record that a real hook wrote', { skip: process.platform === 'win32' }, async (t) => {
  const place = world(t);
  const { commandOf, transcriptOf } = await hooked(place);
  const id = idOf(7);
  const input = JSON.stringify({ hook_event_name: 'SessionStart', source: 'startup', session_id: id, transcript_path: transcriptOf(id), cwd: place.project });
  await startHook(commandOf('SessionStart'), input, { cwd: place.project, env: { ...place.env, CLAUDE_PROJECT_DIR: place.project } }).ended;
  const dir = join(place.state, 'sessions', id);
  assert.deepEqual(readdirSync(dir), ['session.json']);
  const fresh = JSON.parse((await place.run(['prune', '--dry-run', '--json'])).stdout);
  assert.deepEqual(fresh.removed, [], 'it has no transcript yet');
  const at = (Date.now() - 2 * DAY) / 1000;
  utimesSync(join(dir, 'session.json'), at, at);
  const later = JSON.parse((await place.run(['prune', '--yes', '--json'])).stdout);
  assert.deepEqual(paths(later.removed), [dir]);
  assert.equal(existsSync(dir), false);
});
