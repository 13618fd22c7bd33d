'use strict';

// The screen of `export --format`: which pages were written and where, what was left out of them, and what failed.

const { pathToFileURL } = require('node:url');
const { NAME_COLUMNS } = require('../sessions.js');
const { tableLines } = require('../table.js');
const { cleaned, truncatedPath, wrapped } = require('../text.js');
const { count, homely, shortIds, sizeWords, stateName } = require('../wording.js');
const { failureLines } = require('./export.js');

/** @typedef {import('../../../src/ffi/types.js').ReadingReport} ReadingReport */
/** @typedef {import('../../../src/ffi/types.js').PublishedPage} PublishedPage */

/**
 * @param {ReadingReport} report
 * @param {import('../output.js').Output} io
 */
function printPages(report, io) {
  io.lines(pageLines(report, { width: io.width, colours: io.colours }));
  for (const line of failureLines(report)) io.error(io.clean(line));
}

/**
 * @param {ReadingReport} report
 * @param {import('../output.js').View} view
 * @returns {string[]}
 */
function pageLines(report, { width, colours }) {
  const { dryRun, format, to, pages, index, redacted, failures } = cleaned(report);
  const room = width ?? Infinity;
  const lines = wrapped(summary(), room).map(colours.bold);
  const place = pages.length === 1 ? pages[0].path : to;
  lines.push(`  ${colours.dim(truncatedPath(homely(place), Math.max(room - 2, 1)))}`);
  if (pages.length === 1) lines.push(...facts(pages[0]));
  else if (pages.length > 0) lines.push('', ...table());
  if (!dryRun && pages.length > 0) lines.push('', ...wrapped(privacy(), room).map(colours.yellow));
  if (!dryRun && index !== null) {
    lines.push('', ...wrapped('Open the index in a browser:', room), `  ${colours.cyan(pathToFileURL(/** @type {string} */ (report.index)).href)}`);
  } else if (!dryRun && pages.length === 1) {
    lines.push('', ...wrapped(format === 'html' ? 'Open it in a browser:' : 'Open it:', room));
    // The user copies this line, so it is never cut. A URL contains no control characters.
    lines.push(`  ${colours.cyan(pathToFileURL(report.pages[0].path).href)}`);
  }
  return lines;

  function privacy() {
    const one = pages.length === 1;
    if (redacted) return `Recognized secrets are replaced. No redactor finds every one: read ${one ? 'it before you share it' : 'them before you share them'}.`;
    return one ? 'Nothing on it is redacted: keep it private.' : 'Nothing on them is redacted: keep them private.';
  }

  function summary() {
    const name = format === 'html' ? 'HTML' : 'Markdown';
    if (pages.length === 0) return `No page ${dryRun ? 'can be' : 'was'} written: ${count(failures.length, 'session')} failed.`;
    const failed = failures.length === 0 ? '' : `; ${count(failures.length, 'session')} ${dryRun ? 'cannot be' : 'could not be'}`;
    const what = pages.length === 1 ? pages[0].session : count(pages.length, 'session');
    const size = dryRun ? '' : `, ${sizeWords(pages.reduce((sum, page) => sum + (page.bytes ?? 0), 0))}`;
    return `${dryRun ? 'Would write' : 'Wrote'} ${what} as ${name}${size}${failed}.`;
  }

  /** @param {PublishedPage} page */
  function facts(page) {
    const words = [];
    if (page.replaced) words.push(`It ${dryRun ? 'would replace' : 'replaced'} the page that was there.`);
    if (page.livePid !== null) words.push(`Process ${page.livePid} has the session open: what it writes from now on is not on it.`);
    if (page.shown !== null) {
      const { turns, calls, stops, subagents, damagedLines, cutTexts, leftBytes, leftPictures } = page.shown;
      const parts = [count(turns, 'turn'), count(calls, 'tool call'), ...(stops > 0 ? [count(stops, 'stop')] : []), ...(subagents > 0 ? [count(subagents, 'subagent')] : [])];
      words.push(`${parts.join(', ')}.`);
      const left = [
        ...(cutTexts > 0 ? [`${sizeWords(leftBytes)} of ${count(cutTexts, 'long text')}`] : []),
        ...(leftPictures > 0 ? [count(leftPictures, 'picture')] : []),
        ...(damagedLines > 0 ? [count(damagedLines, 'damaged line')] : []),
      ];
      if (left.length > 0) words.push(`Omitted, each with a note in its place: ${left.join(', ')}.`);
    }
    return words.flatMap((line) => wrapped(line, room));
  }

  function table() {
    const ids = shortIds(pages.map(({ session }) => session));
    const columns = [{ heading: 'session' }, { heading: 'state' }, { heading: 'turns', right: true }, { heading: 'size', right: true }, { heading: 'name', least: 8, most: NAME_COLUMNS, yields: true }];
    const rows = pages.map((page) => ({
      cells: [ids.get(page.session) ?? page.session, stateName(page.state), page.shown === null ? '' : String(page.shown.turns), page.bytes === null ? '' : sizeWords(page.bytes), page.title ?? ''],
    }));
    return tableLines(columns, [{ rows }], width, colours.dim).flat();
  }
}

module.exports = { pageLines, printPages };
