// The manual page, generated from the same definitions as `--help`. `UPDATE_SNAPSHOTS=1` regenerates it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './lib/command.mjs';
import { terminal } from './lib/terminal.mjs';

const require = createRequire(import.meta.url);
const { EXIT_CODES } = require('../bin/lib/exit.js');
const { ENVIRONMENT, VERBS, programOf, verbNamed } = require('../bin/lib/program.js');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const PAGE = join(ROOT, 'man', 'cc-session-recover.1');
/** The line with the date, which is the day of the last change to the rest of the page. */
const TITLE = /^\.TH .*$/m;

/** Escapes a text so that troff prints it unchanged. @param {string} text */
const plain = (text) => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll(/^([.'])/gm, '\\&$1').replaceAll(/[^ -~\n]/gu, (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`);

/** Flags such as `-l, --limit <number>`: literal text in bold, values in italics. @param {string} flags */
const flagged = (flags) => flags.split(/(<[^>]+>|\[[^\]]+\])/).map((part) => (/^[<[]/.test(part) ? `\\fI${plain(part)}\\fR` : part.split(', ').map((word) => (word.trim() === '' ? word : `\\fB${plain(word.trim())}\\fR${word.endsWith(' ') ? ' ' : ''}`)).join(', '))).join('');

/** Wraps a line of text to at most 78 columns; no line begins like a macro. @param {string} line */
function filled(line) {
  if (line.startsWith('.')) return [line];
  const lines = [''];
  for (const word of line.trim().split(/ +/)) {
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + 1 + word.length > 78) lines.push(/^[.']/.test(word) ? `\\&${word}` : word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

/** @param {string} date */
function pageOf(date) {
  const program = programOf('', terminal().io, () => {});
  const help = program.createHelp();
  const lines = [
    '.\\" Written by __test__/manual.test.mjs from the definitions of the command line.',
    `.TH CC\\-SESSION\\-RECOVER 1 "${date}" "cc\\-session\\-recover ${plain(version)}" "User Commands"`,
    '.SH NAME',
    `cc\\-session\\-recover \\- record why Claude Code sessions stopped, and continue them after the limit has reset`,
    '.SH SYNOPSIS',
    '\\fBcc\\-session\\-recover\\fR [\\fIverb\\fR] [\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    plain(program.description().replaceAll('\n', ' ')),
    '.PP',
    plain('Without a verb, a dashboard opens on a terminal; on a pipe the status is printed.'),
    '.SH OPTIONS',
    ...help.visibleOptions(program).flatMap((option) => ['.TP', flagged(option.flags), plain(option.description)]),
    '.SH VERBS',
  ];
  for (const command of help.visibleCommands(program)) {
    if (command.name() === 'help') continue;
    lines.push(`.SS ${plain(command.name())}`, `\\fBcc\\-session\\-recover ${plain(command.name())}\\fR ${plain(command.usage())}`);
    for (const paragraph of command.description().split('\n\n')) lines.push('.PP', plain(paragraph.replaceAll('\n', ' ')));
    for (const argument of command.registeredArguments) lines.push('.TP', `\\fI${plain(argument.name())}\\fR`, plain(help.argumentDescription(argument)));
    for (const option of help.visibleOptions(command)) lines.push('.TP', flagged(option.flags), plain(help.optionDescription(option)));
  }
  lines.push('.SH ENVIRONMENT', ...ENVIRONMENT.flatMap(({ name, does }) => ['.TP', `\\fB${name}\\fR`, plain(does)]));
  lines.push('.SH EXIT STATUS', ...EXIT_CODES.flatMap(({ code, means }) => ['.TP', `\\fB${code}\\fR`, plain(means)]));
  const examples = VERBS.filter((name) => !verbNamed(name).hidden).flatMap((name) => verbNamed(name).examples.slice(0, 1));
  lines.push('.SH EXAMPLES', ...examples.flatMap(({ command, does }) => ['.TP', `\\fB${plain(command)}\\fR`, plain(does)]));
  return `${lines.flatMap(filled).join('\n')}\n`;
}

test('the manual page matches the command definitions', () => {
  const written = process.env.UPDATE_SNAPSHOTS ? '' : readFileSync(PAGE, 'utf8');
  const page = pageOf(new Date().toISOString().slice(0, 10));
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(PAGE, page);
  else assert.equal(page.replace(TITLE, ''), written.replace(TITLE, ''));
});

test('the manual page lists every verb and passes mandoc lint', { skip: spawnSync('mandoc', ['-V']).error === undefined ? false : 'mandoc is not installed' }, () => {
  const { status, stdout } = spawnSync('mandoc', ['-Tlint', PAGE], { encoding: 'utf8' });
  assert.deepEqual([status, stdout], [0, '']);
  const rendered = spawnSync('mandoc', ['-Tascii', PAGE], { encoding: 'utf8' }).stdout.replaceAll(/.\u0008/g, '');
  for (const verb of VERBS.filter((name) => !verbNamed(name).hidden)) assert.match(rendered, new RegExp(`^ +cc-session-recover ${verb}`, 'm'));
});
