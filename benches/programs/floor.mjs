// Builds `floor.rs`, the program that only reads, once per version of its text.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../corpus.mjs';

const FLOOR = join(import.meta.dirname, '..', 'floor.rs');

/** Returns the path of the floor program, built once per version of its text. */
export function floorProgram() {
  const name = `floor-${createHash('sha256').update(readFileSync(FLOOR)).digest('hex').slice(0, 12)}`;
  const program = join(CACHE, process.platform === 'win32' ? `${name}.exe` : name);
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const making = `${program}.${process.pid}`;
  const { status, stderr, error } = spawnSync('rustc', ['-O', '--edition', '2024', FLOOR, '-o', making], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the floor cannot be built: ${error?.message ?? stderr}`);
  renameSync(making, program);
  return program;
}
