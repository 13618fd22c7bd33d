'use strict';

// A screen that is redrawn in place until it is interrupted: countdowns every second, the data at a longer interval. It uses the terminal's
// alternate screen, with one write per frame; at the end the last frame is printed on the normal screen.

const { constants } = require('node:os');
const { widthOf } = require('./text.js');

/** Milliseconds between two updates of the countdowns. */
const FRAME = 1000;

const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const CLEAR = '\u001B[2J';
const HOME = '\u001B[H';
const ERASE_LINE = '\u001B[K';
const ERASE_BELOW = '\u001B[J';
/** Synchronized output: terminals that support it show a frame at once; others ignore the sequence. */
const HOLD = '\u001B[?2026h';
const RELEASE = '\u001B[?2026l';

/** Signals that end the screen normally. */
const ENDINGS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * @template T
 * @param {object} what
 * @param {{columns: number, rows: number, write: (text: string) => unknown, on: Function, off: Function}} what.screen
 * @param {T} what.first First value to show.
 * @param {() => Promise<T>} what.read Reads a new value.
 * @param {number} what.every Milliseconds between the end of one `read` and the next.
 * @param {(value: T, now: Date) => string[]} what.draw Lines of a frame.
 * @param {(hidden: number) => string} what.more Returns the line that replaces lines without room.
 * @param {{on: Function, off: Function}} [signals] Source of the signals.
 * @returns {Promise<void>} Resolves when a signal ends the screen.
 */
async function watch({ screen, first, read, every, draw, more }, signals = process) {
  let value = first;
  /** @type {string[]} */
  let last = [];
  /** @type {NodeJS.Timeout | undefined} */
  let reading;

  const show = (/** @type {string} */ before = '') => {
    last = cut(draw(value, new Date()), screen, more);
    screen.write(`${HOLD}${before}${HOME}${frame(last, screen)}${RELEASE}`);
  };
  const redraw = () => show(CLEAR);
  /** Suspends on Ctrl-Z and gives the shell its own screen back. */
  const suspend = () => {
    screen.write(LEAVE);
    process.kill(process.pid, 'SIGSTOP');
  };
  const resume = () => show(ENTER + CLEAR);

  /** @type {[{on: Function, off: Function}, string, (...values: any[]) => void][]} */
  const listeners = [[screen, 'resize', redraw]];
  if ('SIGTSTP' in constants.signals) listeners.push([signals, 'SIGTSTP', suspend], [signals, 'SIGCONT', resume]);
  /** @type {NodeJS.Timeout | undefined} */
  let frames;
  try {
    await new Promise((resolve, reject) => {
      const again = () => {
        reading = setTimeout(async () => {
          try {
            value = await read();
            if (reading !== undefined) again();
          } catch (error) {
            reject(error);
          }
        }, every);
      };
      for (const signal of ENDINGS) listeners.push([signals, signal, resolve]);
      for (const [source, event, listener] of listeners) source.on(event, listener);
      show(ENTER + CLEAR);
      const drawFrame = () => {
        try {
          show('');
        } catch (error) {
          reject(error);
        }
      };
      frames = setInterval(drawFrame, FRAME);
      again();
    });
  } finally {
    clearInterval(frames);
    clearTimeout(reading);
    reading = undefined;
    for (const [source, event, listener] of listeners) source.off(event, listener);
    screen.write(`${LEAVE}${last.join('\n')}\n`);
  }
}

/**
 * Returns as many lines as fit, and always includes the last one, which is about the screen itself.
 *
 * @param {string[]} lines
 * @param {{columns: number, rows: number}} size
 * @param {(hidden: number) => string} more
 */
function cut(lines, { columns, rows }, more) {
  const heights = lines.map((line) => heightOf(line, columns));
  const total = heights.reduce((sum, height) => sum + height, 0);
  if (total <= rows) return lines;
  const lastLine = lines.length - 1;
  let used = heights[lastLine] + 1;
  let kept = 0;
  while (kept < lastLine && used + heights[kept] <= rows) {
    used += heights[kept];
    kept += 1;
  }
  // A window with one or two rows has room only for the first line.
  if (rows < 3) return lines.slice(0, 1);
  return [...lines.slice(0, kept), more(lastLine - kept), lines[lastLine]];
}

/** @param {string[]} lines @param {{columns: number, rows: number}} size */
function frame(lines, { columns, rows }) {
  let used = 0;
  const drawn = lines.map((line) => {
    const width = widthOf(line);
    used += heightOf(line, columns);
    if (width <= columns) return ERASE_LINE + line;
    // The line takes several rows: erase the old text after its end.
    return width % columns === 0 ? line : line + ERASE_LINE;
  });
  return drawn.join('\r\n') + (used < rows ? `\r\n${ERASE_BELOW}` : '');
}

/** Returns the rows that a line takes. @param {string} line @param {number} columns */
function heightOf(line, columns) {
  return Math.max(1, Math.ceil(widthOf(line) / columns));
}

module.exports = { watch };
