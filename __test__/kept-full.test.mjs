// Keeping sessions on a full disk: a real file system without free space. No kept session is lost, no half-written file counts, no turn
// fails, `doctor` reports it, and the next hook keeps everything once there is space again.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';

const can = process.platform === 'linux' && spawnSync('unshare', ['-rm', 'true']).status === 0;
const skip = can ? false : 'no file system can be mounted here';

for (const [where, same] of /** @type {const} */ ([['of Claude Code and of the state directory', true], ['of the state directory', false]])) {
  test(`a full disk ${where} loses no kept data and leaves no partial file`, { skip }, (t) => {
    const place = world(t);
    const disk = join(place.root, 'disk');
    mkdirSync(disk);
    const claude = same ? join(disk, 'claude') : place.claude;
    const state = join(disk, 'state');
    const env = { ...place.env, CLAUDE_CONFIG_DIR: claude, CC_RECOVER_STATE_DIR: state };
    const given = JSON.stringify({ claude, state, project: place.project, env });
    const script = 'mount -t tmpfs -o size=256m tmpfs "$1" && exec "$0" "$2" "$1" "$3"';
    const { status, stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', script, process.execPath, disk, join(ROOT, '__test__', 'lib', 'full-disk.mjs'), given], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual([report.init, report.isFull], [0, true]);
    for (const ended of [report.before, ...report.full.hooks, ...report.after]) assert.deepEqual(ended, { status: 0, stdout: '', stderr: '' });
    const checks = JSON.parse(report.full.doctor).checks;
    assert.match(checks.find((/** @type {any} */ check) => check.id === 'state').fact, /room|space|writable/);
    assert.deepEqual([report.full.left, report.left], [[], []], 'nothing half-written is left');
    // Reading a link needs no free space. If there is no space to unpack a kept file, it is not shown, but not lost either.
    assert.deepEqual(report.shown, same ? [0, 0] : [1, 1]);
    assert.deepEqual([report.restored, report.same], [[0, 0, 0], [true, true, true]]);
  });
}
