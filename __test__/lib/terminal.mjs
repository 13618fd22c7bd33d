// A terminal of any width that records what was written to it.

import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { createOutput } = require('../../bin/lib/output.js');

/**
 * @param {{columns?: number, tty?: boolean, env?: Record<string, string>}} [options]
 */
export function terminal({ columns = 80, tty = true, env = {} } = {}) {
  const streams = {
    stdout: Object.assign(new EventEmitter(), { isTTY: tty, columns, text: '', write: writeTo }),
    stderr: Object.assign(new EventEmitter(), { isTTY: tty, columns, text: '', write: writeTo }),
    stdin: { isTTY: tty },
    env,
  };
  return {
    io: createOutput(streams),
    get text() {
      return streams.stdout.text;
    },
    get remarks() {
      return streams.stderr.text;
    },
    streams,
  };
}

/** @this {{text: string}} @param {string} text */
function writeTo(text) {
  this.text += text;
  return true;
}
