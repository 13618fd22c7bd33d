'use strict';

// The screen of `repair`: what is damaged in a transcript and where, what the client does with it, how it is repaired, and what is lost.

const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { commandWords, count, homely, ownName, sizeWords } = require('../wording.js');

/** @typedef {import('../../../src/ffi/types.js').Finding} Finding */
/** @typedef {import('../../../src/ffi/types.js').RepairReport} RepairReport */
/** @typedef {import('../output.js').View} View */

/** Maximum number of findings of one kind shown in full; the rest are counted. */
const SHOWN = 5;

/**
 * @param {RepairReport} report
 * @param {import('../output.js').Output} io
 */
function printRepair(report, io) {
  io.lines(repairLines(report, { width: io.width, colours: io.colours }));
}

/**
 * @param {RepairReport} report
 * @param {View} view
 * @returns {string[]}
 */
function repairLines(report, { width, colours }) {
  const { session, transcript, bytes, lines: total, records, findings, more, mendable: repairable, subagents, branches, others, switches, held, repaired, rolledBack, kept, undo } = cleaned(report);
  const room = width ?? Infinity;
  const lines = wrapped(summary(), room).map(colours.bold);
  lines.push(`  ${colours.dim(truncatedPath(homely(transcript), Math.max(room - 2, 1)))}`);
  lines.push(...wrapped(`${sizeWords(bytes)}, ${count(total, 'line')}, ${count(records, 'record')}`, room - 2).map((line) => `  ${colours.dim(line)}`), '');
  if (!rolledBack) {
    lines.push(...listed(findings, more));
    for (const { path, findings: theirs, more: further } of subagents) {
      lines.push(...wrapped('In the transcript of a subagent, which the client never sends; it is not changed:', room), `  ${colours.dim(truncatedPath(homely(path), Math.max(room - 2, 1)))}`, '', ...listed(theirs, further));
    }
  }
  if (findings.some((finding) => finding.class === 'stub')) {
    lines.push(...wrapped('Nothing here can be repaired. A snapshot or an export may have a copy:', room), copy(`${ownName()} restore ${session} --dry-run`), copy(`${ownName()} import <export>`), '');
  }
  if (!rolledBack && branches.length > 0) lines.push(...forked());
  for (const other of others) {
    lines.push(...wrapped(`Lines ${other.firstLine} to ${other.lastLine} contain ${count(other.records, 'record')} of another session, ${other.session}, with ${count(other.turns, 'prompt')}. They are never merged into this conversation.`, room).map(colours.yellow));
    if (other.transcript === null) lines.push(...wrapped('No transcript of that session was found; its turns are only here.', room), '');
    else lines.push(...wrapped('Its own transcript:', room), `  ${colours.dim(truncatedPath(homely(other.transcript), Math.max(room - 2, 1)))}`, '');
  }
  if (report.dryRun && (repairable > 0 || switches)) {
    const branch = switches && report.branch !== null ? ` --branch ${report.branch}` : '';
    if (held === null) lines.push(`${switches ? 'Apply' : 'Repair'} it with:`, copy(`${ownName()} repair ${session}${branch} --apply`), '');
    else lines.push(...wrapped(`It cannot be repaired now: ${held}.`, room).map(colours.yellow), '');
  }
  if (repaired) lines.push(...wrapped(`The previous transcript is stored as snapshot ${kept}. To restore it:`, room), copy(commandWords(/** @type {string[]} */ (undo))), '');
  if (rolledBack && undo !== null) lines.push(...wrapped(`The replaced transcript is stored as snapshot ${kept}. To restore it:`, room), copy(commandWords(undo)), '');
  const { resume, cwd, env } = report.commands;
  if (repaired && resume !== null) lines.push(...wrapped('Resume the session with:', room), copy(commandWords(resume, cwd, { env })), '');
  return lines.slice(0, -1);

  /** Returns the lines about both branches of every fork. */
  function forked() {
    /** @type {string[]} */
    const told = wrapped('The conversation has branches. The client sends one of each fork:', room);
    for (const branch of branches) {
      const row = `${branch.sent ? 'sent' : 'not sent'}: ${count(branch.turns, 'turn')}, ${sizeWords(branch.bytes)}, from line ${branch.firstLine} (fork at line ${branch.forkLine})`;
      told.push(...wrapped(row, room - 2).map((line) => `  ${branch.sent ? line : colours.yellow(line)}`));
      if (branch.lastWords !== null) told.push(...wrapped(`"${branch.lastWords}"`, room - 4).map((line) => `    ${colours.dim(line)}`));
      if (!branch.sent) told.push(`  ${copy(`${ownName()} repair ${session} --branch ${branch.id} --apply`)}`);
    }
    return [...told, ''];
  }

  function summary() {
    if (rolledBack) return `Restored ${session} to its state before the last repair. The result was read back and compared.`;
    const found = findings.length + more;
    if (repaired && switches) return `From now on, the client sends the other branch of ${session}${repairable > 0 ? `; repaired ${repairable} of ${count(found, 'finding')}` : ''}.`;
    if (switches && report.dryRun) return `Would make the client send the other branch of ${session}; nothing was changed.`;
    if (repaired) return `Repaired ${repairable} of ${count(found, 'finding')} in ${session}. The result was read back and examined again.`;
    if (repairable > 0) return `Would repair ${repairable} of ${count(found, 'finding')} in ${session}; nothing was changed.`;
    if (found > 0) return `Nothing to repair in ${session}: ${count(found, 'finding')}, left unchanged.`;
    return `Nothing to repair in ${session}.`;
  }

  /** @param {Finding[]} all @param {number} further */
  function listed(all, further) {
    /** @type {string[]} */
    const told = [];
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const finding of all) {
      const before = counts.get(finding.class) ?? 0;
      counts.set(finding.class, before + 1);
      if (before < SHOWN) told.push(...one(finding), '');
    }
    const left = [...counts].filter(([, times]) => times > SHOWN).map(([name, times]) => `${times - SHOWN} more of ${name}`);
    if (further > 0) left.push(`${further} more`);
    if (left.length > 0) told.push(...wrapped(`and ${left.join(', ')}: --json has ${further > 0 ? 'most' : 'all'}`, room).map(colours.dim), '');
    return told;
  }

  /** @param {Finding} finding */
  function one(finding) {
    const colour = finding.mend === null ? String : colours.yellow;
    const rows = [
      ['client', finding.client],
      [repaired ? 'fixed' : 'fix', finding.mend ?? 'not changed'],
      ...(finding.lost === null ? [] : [['lost', finding.lost]]),
    ];
    const head = wrapped(`line ${finding.line}, byte ${finding.offset}: ${finding.what} (${finding.class})`, room).map(colour);
    return [...head, ...rows.flatMap(([name, text]) => wrapped(text, room - 10).map((line, at) => `  ${colours.dim((at === 0 ? name : '').padEnd(7))} ${line}`))];
  }

  /** @param {string} command */
  function copy(command) {
    return `  ${colours.cyan(command)}`;
  }
}

module.exports = { printRepair, repairLines };
