'use strict';

// Prints the hits of a search: one per line, grouped by session, cut to the terminal's width around the match.

const { printProblems } = require('./sessions.js');
const { clean, cleaned, truncated, widthOf } = require('./text.js');
const { clock, count, homely, shortIds, sizeWords } = require('./wording.js');

/** @typedef {import('../../src/ffi/types.js').SearchHit} SearchHit */
/** @typedef {import('../../src/ffi/types.js').SearchOptions} SearchOptions */
/** @typedef {import('../../src/ffi/types.js').SearchReport} SearchReport */
/** @typedef {import('./output.js').Output} Output */

/** Minimum width of a snippet, in columns; with less room, first the time of a hit is omitted, then its turn. */
const SNIPPET = 24;

/** Width of the longest role, in columns. */
const ROLE = 9;

/**
 * @param {SearchReport} report
 * @param {SearchOptions} options Options of the search.
 * @param {Output} io
 */
function printHits(report, options, io) {
  const { hits, total, sessions, searched, skippedResults, problems } = report;
  const now = new Date(report.generatedAt);
  /** @type {string[]} */
  const lines = [];
  if (total === 0) lines.push(...nothingLines(searched, options));
  else {
    lines.push(io.colours.bold(`${count(total, 'hit')} in ${count(sessions, 'session')}`));
    const short = shortIds(hits.map(({ id }) => id));
    for (const group of grouped(hits)) {
      lines.push('', heading(group, short.get(group[0].id) ?? group[0].id, now, io), ...hitLines(group, now, io));
    }
    if (total > hits.length) lines.push('', `${count(total - hits.length, 'more hit')} not shown: narrow the search, or show all with --limit 0`);
  }
  const { files, bytes } = skippedResults;
  if (files > 0) lines.push(...(total === 0 ? [] : ['']), `${count(files, 'long tool result')} (${sizeWords(bytes)}) not searched; --tool-results includes ${files === 1 ? 'it' : 'them'}.`);
  return io.page(lines, () => printProblems(problems, io));
}

/**
 * @param {SearchReport['searched']} searched
 * @param {SearchOptions} options
 * @returns {string[]}
 */
function nothingLines({ files, bytes }, options) {
  const { text, regex, ignoreCase, roles, since, project } = cleaned(options);
  if (files === 0) {
    return ['There are no transcripts to search.'];
  }
  const lines = [`Nothing matches ${regex ? `/${text}/` : `"${text}"`} in ${count(files, 'transcript')} (${sizeWords(bytes)}).`];
  const narrowed = [roles && '--role', since && '--since', project && '--project'].filter(Boolean);
  if (narrowed.length > 0) lines.push(`There may be matches outside ${narrowed.join(', ')}.`);
  if (!ignoreCase) lines.push('The search is case-sensitive; -i ignores case.');
  return lines;
}

/** Groups hits by session; those of one session are adjacent in the input. @param {SearchHit[]} hits @returns {SearchHit[][]} */
function grouped(hits) {
  /** @type {SearchHit[][]} */
  const groups = [];
  for (const hit of hits) {
    const last = groups.at(-1);
    if (last !== undefined && last[0].id === hit.id && last[0].project === hit.project) last.push(hit);
    else groups.push([hit]);
  }
  return groups;
}

/**
 * @param {SearchHit[]} group
 * @param {string} id
 * @param {Date} now
 * @param {Output} io
 */
function heading(group, id, now, io) {
  const { name, title, project } = cleaned(group[0]);
  const times = group.map(({ at }) => at ?? '').toSorted();
  const latest = times[times.length - 1];
  const when = latest === '' ? '' : clock(new Date(latest), now);
  const parts = [name ?? title ?? '', project === null ? '' : homely(project), when].filter((part) => part !== '');
  const rest = parts.join(' · ');
  const room = io.width === null ? Infinity : io.width - id.length - 2;
  return `${io.colours.bold(id)}  ${truncated(rest, room)}`.trimEnd();
}

/**
 * @param {SearchHit[]} group
 * @param {Date} now
 * @param {Output} io
 */
function hitLines(group, now, io) {
  const turns = group.map(({ turn }) => `#${turn}`);
  const times = group.map(({ at }) => (at === null ? '' : clock(new Date(at), now)));
  return group.map((hit, index) => {
    const role = `${hit.subagent ? '↳' : ' '} ${hit.role.padEnd(ROLE)}`;
    const [turn, time] = [padded(turns, index), padded(times, index)];
    const columns = [[role, turn, time], [role, turn], [role]];
    const shown = columns.find((cells) => io.width === null || io.width - columnsOf(cells) >= SNIPPET) ?? [role];
    const room = io.width === null ? Infinity : io.width - columnsOf(shown);
    return `${io.colours.dim(shown.join('  '))}  ${snippetWords(hit, room, io.colours)}`.trimEnd();
  });
}

/** Returns one of the texts, padded to the width of the widest. @param {string[]} texts @param {number} index */
function padded(texts, index) {
  return texts[index].padEnd(Math.max(...texts.map((text) => text.length)));
}

/** Returns the width of the cells, including the space after each. @param {string[]} cells */
function columnsOf(cells) {
  return cells.reduce((sum, cell) => sum + cell.length + 2, 0);
}

/**
 * Returns the snippet, cut to `room` columns, with the match highlighted. The match gets its room first, then the text after it, then the
 * text before it.
 *
 * @param {SearchHit} hit
 * @param {number} room
 * @param {Output['colours']} colours
 */
function snippetWords({ snippet, match }, room, colours) {
  const parts = [snippet.slice(0, match.start), snippet.slice(match.start, match.start + match.length), snippet.slice(match.start + match.length)];
  const [before, found, after] = parts.map((part) => clean(part));
  const matched = truncated(found, room);
  const left = room - widthOf(matched);
  const lead = truncatedStart(before, Math.max(Math.floor(left / 3), left - widthOf(after)));
  const follow = truncated(after, left - widthOf(lead));
  return `${lead}${colours.bold(colours.red(matched))}${follow}`;
}

/** Returns the end of a text, with an ellipsis if its beginning is cut off. @param {string} text @param {number} columns */
function truncatedStart(text, columns) {
  if (widthOf(text) <= columns) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of [...new Intl.Segmenter().segment(text)].toReversed()) {
    used += widthOf(segment);
    if (used > columns - 1) break;
    kept = segment + kept;
  }
  return columns < 1 ? '' : `…${kept}`;
}

module.exports = { printHits };
