// README and the pages in `docs`: link targets, commands and options exist, and the examples work.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createRequire } from 'node:module';
import { ROOT, world } from './lib/command.mjs';
import { terminal } from './lib/terminal.mjs';

const require = createRequire(import.meta.url);
const { readGlobalOptions } = require('../bin/lib/global-options.js');
const { VERBS, programOf, verbNamed } = require('../bin/lib/program.js');

const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];
const textOf = (/** @type {string} */ page) => readFileSync(join(ROOT, page), 'utf8');
/** Returns the anchor of a heading, as GitHub generates it. @param {string} heading */
const anchor = (heading) => heading.toLowerCase().replaceAll(/[^\w\s-]/g, '').trim().replaceAll(' ', '-');

/** Returns the code blocks in a language. @param {string} page @param {string} language */
const blocks = (page, language) => [...textOf(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, code]) => code);

for (const page of PAGES) {
  test(`every link in ${page} leads to an existing file and heading`, () => {
    for (const [, target] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file, heading] = target.split('#');
      const path = file === '' ? page : join(dirname(page), file);
      assert.ok(existsSync(join(ROOT, path)), `${target}: there is no ${path}`);
      if (heading === undefined) continue;
      const headings = [...textOf(path).matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchor(title));
      assert.ok(headings.includes(heading), `${target}: no such heading`);
    }
  });
}

test('the pictures of README are SVG without anything that runs or loads, with a title for those who do not see them', () => {
  const pictures = [...textOf('README.md').matchAll(/!\[([^\]]+)\]\((docs\/[^)]+\.svg)\)/g)];
  assert.equal(pictures.length, 2);
  for (const [, alternative, file] of pictures) {
    assert.ok(alternative.length > 40, file);
    assert.match(textOf(file), /role="img" aria-labelledby="title">\s*<title id="title">/);
    assert.match(textOf(file), /prefers-color-scheme: dark/);
    assert.doesNotMatch(textOf(file), /<script|<image|<foreignObject|href=|url\((?!#)|\son\w+=|\/(?:home|tmp|root|Users)\//);
  }
});

test('README has at most 250 lines', () => {
  assert.ok(textOf('README.md').split('\n').length <= 250);
});

test('every command and option named in a page exists', (t) => {
  const place = world(t);
  /** @type {Map<string, string>} */
  const helps = new Map();
  for (const page of PAGES.filter((one) => one !== join('docs', 'json.md'))) {
    const named = [...textOf(page).matchAll(/(?:npx )?cc-session-recover(?:@\S+)? ([a-z]+\b[^`\n|]*)/g)].map(([, line]) => line.replace(/ {2,}#.*/, ''));
    const first = page === join('docs', 'commands.md') ? [...textOf(page).matchAll(/^\| `([a-z]+)[^|]*\|.*$/gm)].map(([row, verb]) => `${verb} ${[...row.matchAll(/--[a-z-]+/g)].join(' ')}`) : [];
    for (const line of [...named, ...first]) {
      const [verb, ...words] = line.split(/\s+/);
      if (!/^[a-z]+$/.test(verb) || !existsSync(join(ROOT, 'bin', 'commands', `${verb}.js`))) {
        // Accept words of a sentence that follow the name, but not an unknown verb in backticks.
        assert.ok(!new RegExp(`\`cc-session-recover ${verb}\\b`).test(textOf(page)), `${page}: there is no command ${verb}`);
        continue;
      }
      if (!helps.has(verb)) helps.set(verb, execFileSync(process.execPath, [join(ROOT, 'bin', 'cc-session-recover.js'), verb, '--help'], { encoding: 'utf8', env: place.env }));
      for (const option of words.filter((word) => /^--[a-z-]+/.test(word)).map((word) => /^--[a-z-]+/.exec(word)?.[0] ?? '')) {
        assert.ok(helps.get(verb)?.includes(option), `${page}: ${verb} has no ${option}`);
      }
    }
  }
  assert.ok(helps.size > 25, `${helps.size} commands are named`);
});

/** The words of a command line in a page: quotes group them, and what follows `#`, `|` or `>` is left out. @param {string} line */
function wordsOf(line) {
  const words = [];
  for (const [whole, double, single] of line.matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g)) {
    if (/^[#|>]/.test(whole)) break;
    words.push(double ?? single ?? whole);
  }
  return words;
}

test('every command line in an example of a page or of a help is understood', async () => {
  const fenced = PAGES.flatMap((page) => [...blocks(page, 'sh'), ...blocks(page, '')].flatMap((code) => code.split('\n').map((line) => ({ where: page, line: line.replace(/^\$ /, '') }))));
  const helped = VERBS.flatMap((verb) => verbNamed(verb).examples.map(({ command }) => ({ where: `${verb} --help`, line: command })));
  const lines = [...fenced, ...helped].filter(({ line }) => /^(?:npx )?cc-session-recover(?:@\S+)?(?: |$)/.test(line));
  assert.ok(lines.length > 90, `${lines.length} examples`);
  for (const { where, line } of lines) {
    const words = wordsOf(line.replace(/^(?:npx )?cc-session-recover(?:@\S+)?/, ''));
    const { rest } = readGlobalOptions(words, () => true);
    if (rest.length === 0 || rest[0] === '--flat') continue;
    assert.ok(VERBS.includes(rest[0]) || rest[0] === 'help', `${where}: ${line}`);
    const { io, streams } = terminal();
    /** @type {any[]} */
    const ran = [];
    const verb = verbNamed(rest[0]);
    const { run } = verb;
    verb.run = (args) => void ran.push(args);
    try {
      await programOf(rest[0], io, () => {}).parseAsync(rest, { from: 'user' });
    } catch (error) {
      assert.fail(`${where}: ${line}: ${/** @type {any} */ (error).message}${streams.stderr.text}`);
    } finally {
      verb.run = run;
    }
    assert.equal(ran.length, 1, `${where}: ${line}`);
  }
});

test('README makes every claim in docs/claims.md, and each claim has a test', () => {
  const readme = textOf('README.md').replaceAll(/\s+/g, ' ');
  const rows = [...textOf(join('docs', 'claims.md')).matchAll(/^\| (?!claim)(.+) \| `([^`]+)`: (.+) \|$/gm)];
  assert.ok(rows.length >= 30, `${rows.length} claims`);
  for (const [, claim, file, title] of rows) {
    assert.ok(readme.includes(claim), `README does not say: ${claim}`);
    // The page omits the variable part of a title.
    assert.ok(textOf(file).replaceAll("\\'", "'").includes(title), `${file} has no test: ${title}`);
  }
});

test('the configuration examples in the docs are valid', async (t) => {
  const place = world(t);
  for (const page of ['configuration.md', 'files.md']) {
    const [config] = blocks(join('docs', page), 'jsonc');
    writeFileSync(join(place.root, 'config.json'), config);
    const { stdout } = await place.run(['doctor', '--json']);
    const check = JSON.parse(stdout).checks.find((/** @type {any} */ one) => one.id === 'config');
    assert.equal(check.status, 'ok', JSON.stringify(check));
  }
});

test('the programs in README run', (t) => {
  const place = world(t);
  const programs = blocks('README.md', 'js');
  assert.ok(programs.length > 2);
  for (const program of programs) {
    const main = `(async () => {\n${program.replace("require('cc-session-recover')", `require(${JSON.stringify(ROOT)})`)}\n})();`;
    execFileSync(process.execPath, ['-e', main], { env: place.env, cwd: place.project });
  }
});

test('docs/commands.md lists every exit code, and every error with its exit code', () => {
  const { exits, errors } = JSON.parse(textOf(join('bin', 'lib', 'exit-codes.json')));
  const page = join('docs', 'commands.md');
  const [, codes] = textOf(page).split('## Exit codes');
  assert.deepEqual([...codes.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number)), Object.values(exits));
  // Errors of the command line itself, which the core does not know.
  const sources = readdirSync(join(ROOT, 'bin'), { recursive: true }).map(String).filter((name) => name.endsWith('.js') && !name.startsWith('bundled'));
  const text = sources.map((name) => textOf(join('bin', name))).join('\n');
  const own = Array.from(text.matchAll(/\bRecoverError\(\s*'([A-Z_]+)'/g), ([, code]) => [code, exits.failed]);
  assert.ok(own.length > 3);
  const rows = Object.entries({ ...Object.fromEntries(own), ...errors }).toSorted(([one, first], [other, second]) => first - second || (one < other ? -1 : 1));
  const table = `| error | exit code |\n|---|---|\n${rows.map(([error, exit]) => `| \`${error}\` | ${exit} |`).join('\n')}\n`;
  const written = /\| error \| exit code \|\n(?:\|.*\n)*/;
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(join(ROOT, page), textOf(page).replace(written, table));
  else assert.equal(written.exec(codes)?.[0], table);
});

test('only bin/lib/exit.js sets exit codes', () => {
  const names = readdirSync(join(ROOT, 'bin'), { recursive: true }).map(String).filter((name) => name.endsWith('.js') && !name.startsWith('bundled'));
  // Exceptions: the addon gives the exit codes of the hooks and the status line, the stub client is not part of the command line, `text.js`
  // returns widths, and `dashboard.js` only compares exit codes.
  const others = new Set([join('lib', 'exit.js'), 'hook.js', 'statusline.js', join('loopback', 'stub-client.js'), join('lib', 'text.js'), join('lib', 'dashboard.js')]);
  for (const name of names.filter((one) => one !== join('lib', 'exit.js') && !others.has(one))) {
    const deciding = textOf(join('bin', name)).match(/\bEXIT\.(?!done\b)\w+|\bexitCode[:=] *\d+|return (?:[1-6]|130);/g) ?? [];
    assert.deepEqual(deciding, [], name);
  }
});
