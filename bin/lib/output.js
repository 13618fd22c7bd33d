'use strict';

// All output goes through this module: lines, tables, JSON, progress. Results go to standard output, remarks and errors to standard error.

const { UsageError } = require('./errors.js');
const { clean, cleaned, truncated } = require('./text.js');

/** @typedef {ReturnType<typeof createOutput>} Output */
/** @typedef {import('./table.js').Cell} Cell */
/**
 * How a screen is drawn.
 *
 * @typedef {object} View
 * @property {number | null} width Columns of the terminal; `null` when there is none, and nothing is cut.
 * @property {ReturnType<typeof import('picocolors').createColors>} colours
 */

/** Milliseconds after which the user is shown that the work is still in progress. */
const PATIENCE = 1000;

/** Minimum width of a column in a plain table. */
const NARROW = 8;

/**
 * @param {{stdout: any, stderr: any, stdin: any, env: Record<string, string | undefined>}} streams
 *   A process, or an object with the same streams.
 */
function createOutput(streams) {
  const { env } = streams;
  let broken = false;
  /** @param {any} stream */
  const guarded = (stream) => {
    // The reader has closed the pipe: continue silently and exit with success.
    stream.on?.('error', (/** @type {any} */ error) => {
      if (error.code !== 'EPIPE') throw error;
      broken = true;
    });
    return stream;
  };
  /** @type {any} */
  let results;
  /** @type {any} */
  let errors;
  // Node opens its standard streams when they are first used, which takes several milliseconds. A verb reads sessions meanwhile.
  const stdout = () => (results ??= guarded(streams.stdout));
  const isTerminal = () => Boolean(stdout().isTTY && streams.stdin.isTTY);
  const stderr = () => (errors ??= guarded(streams.stderr));
  const isDumb = env.TERM === 'dumb';
  let quiet = false;
  // The user sets NO_COLOR; FORCE_COLOR is mostly set by a program.
  const forced = env.FORCE_COLOR !== undefined && !['', '0', 'false'].includes(env.FORCE_COLOR);
  const coloured = () => !env.NO_COLOR && (forced || (Boolean(stdout().isTTY) && !isDumb));
  /** @type {View['colours'] | undefined} */
  let colours;
  /** @type {'auto' | 'always' | 'never'} */
  let wantedColour = 'auto';

  /** @param {string} text */
  const write = (text) => {
    if (!broken) stdout().write(text);
  };
  /** @param {string} [text] */
  const line = (text = '') => write(`${text}\n`);

  return {
    clean,
    write,
    line,

    get colours() {
      return (colours ??= require('picocolors').createColors(wantedColour === 'auto' ? coloured() : wantedColour === 'always'));
    },

    /** Applies the options that every verb accepts. @param {{color: 'auto' | 'always' | 'never', quiet: boolean}} wanted */
    follow(wanted) {
      quiet = wanted.quiet;
      wantedColour = wanted.color;
      colours = undefined;
    },

    /** Current width of the terminal in columns; `null` without a terminal, in which case nothing is cut. @returns {number | null} */
    get width() {
      return stdout().isTTY && stdout().columns > 0 ? stdout().columns : null;
    },

    /** The terminal that results go to, if it supports cursor control; otherwise `null`. */
    get screen() {
      return stdout().isTTY && !isDumb ? stdout() : null;
    },

    /** Prints the lines of a result. @param {string[]} texts */
    lines(texts) {
      if (texts.length > 0) line(texts.join('\n'));
    },

    /** Whether standard input and standard output are terminals. */
    get isTerminal() {
      return isTerminal();
    },

    /**
     * Prints the lines of a result; in the pager if the terminal has too few rows.
     *
     * @param {string[]} texts
     * @param {() => void} [after] Prints what follows the lines.
     * @returns {Promise<void> | void}
     */
    page(texts, after = () => {}) {
      const fits = !stdout().isTTY || isDumb || !(stdout().rows > 0) || texts.length < stdout().rows;
      if (!fits && streams.stdin.isTTY) {
        return require('./pager.js').shownInPager(`${texts.join('\n')}\n`, env).then((/** @type {boolean} */ shown) => {
          if (!shown) this.lines(texts);
          after();
        });
      }
      this.lines(texts);
      after();
    },

    /** Prints a remark on a result, such as a file that could not be read. @param {string} text */
    remark(text) {
      if (!quiet) this.error(text);
    },

    /** Prints an error, or a remark that must not be missed. @param {string} text */
    error(text) {
      if (!broken) stderr().write(`${text}\n`);
    },

    /** Prints a value as JSON, unchanged. @param {unknown} value */
    json(value) {
      line(JSON.stringify(value, null, 2));
    },

    /**
     * Prints a table with headings in the available width; row by row if even narrow columns do not fit.
     *
     * @param {string[]} headings
     * @param {Cell[][]} rows
     * @param {string[]} [yielding] Headings of the columns that are cut before the others.
     */
    table(headings, rows, yielding = []) {
      const { tableLines } = require('./table.js');
      const columns = headings.map((heading) => ({
        heading,
        least: NARROW,
        yields: yielding.includes(heading),
        alone: (/** @type {string} */ text) => `${heading}: ${text}`,
      }));
      this.lines(tableLines(columns, [{ rows: rows.map((cells) => ({ cells })) }], this.width, this.colours.dim).flat());
    },

    /**
     * Prints a unified diff. A file or pipe gets it unchanged, so that `patch` can read it; a terminal gets it without control characters.
     *
     * @param {string} text
     */
    diff(text) {
      if (!stdout().isTTY) return write(text);
      for (const part of text.replace(/\n$/, '').split('\n')) {
        const shown = clean(part, '\t');
        line(part.startsWith('+') ? this.colours.green(shown) : part.startsWith('-') ? this.colours.red(shown) : shown);
      }
    },

    /**
     * Shows on a terminal what is being done if it takes longer than a second.
     *
     * @template T
     * @param {string} what Such as `reading sessions`.
     * @param {Promise<T>} work
     * @param {() => string} [progress] Progress, such as `12 MB of 500 MB`; empty while it is not known.
     * @returns {Promise<T>}
     */
    async during(what, work, progress = () => '') {
      let seconds = 0;
      const timer = setInterval(() => {
        if (!stderr().isTTY) return clearInterval(timer);
        seconds += 1;
        const far = progress();
        stderr().write(`\r\u001B[K${what} ... ${seconds} s${far === '' ? '' : `, ${far}`}`);
      }, PATIENCE);
      try {
        return await work;
      } finally {
        clearInterval(timer);
        if (seconds > 0) stderr().write('\r\u001B[K');
      }
    },

    /**
     * Asks a question and returns the answer.
     *
     * @param {string} question
     * @returns {Promise<string | null>} `null` at the end of input and on Ctrl-C.
     */
    async ask(question) {
      if (!isTerminal()) throw new UsageError('cannot ask for confirmation without a terminal');
      const { createInterface } = require('node:readline/promises');
      const terminal = createInterface({ input: streams.stdin, output: stdout() });
      const closed = new Promise((resolve) => terminal.once('close', () => resolve(null)));
      try {
        const answer = await Promise.race([terminal.question(question), closed]);
        return answer === null ? null : String(answer).trim();
      } catch {
        return null;
      } finally {
        terminal.close();
      }
    },

    /**
     * Asks a yes-or-no question. The end of input means no.
     *
     * @param {string} question
     * @param {boolean} [assumed] Answer that Enter alone gives.
     * @returns {Promise<boolean>}
     */
    async confirm(question, assumed = true) {
      if (!isTerminal()) throw new UsageError('cannot ask for confirmation without a terminal', 'add --yes to continue without a question');
      const { createInterface } = require('node:readline/promises');
      const terminal = createInterface({ input: streams.stdin, output: stdout() });
      const closed = new Promise((resolve) => terminal.once('close', () => resolve('no')));
      try {
        const answer = String(await Promise.race([terminal.question(`${question} ${assumed ? '[Y/n]' : '[y/N]'} `), closed]));
        return answer.trim() === '' ? assumed : /^(y|yes)$/i.test(answer.trim());
      } catch {
        return false;
      } finally {
        terminal.close();
      }
    },
  };
}

module.exports = { clean, cleaned, createOutput, truncated };
