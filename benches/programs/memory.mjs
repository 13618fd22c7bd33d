// How much memory a process had.

import { readFileSync } from 'node:fs';

/** Most resident memory of this process so far, in bytes. On Linux `resourceUsage` tells at least what the parent had before `exec`. */
export function peakMemory() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
