// Memory that a process has used.

import { readFileSync } from 'node:fs';

/**
 * Returns the peak resident memory of this process so far, in bytes. On Linux `resourceUsage` would include the peak of the parent before
 * `exec`.
 */
export function peakMemory() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
