// `openSupervisor` and `watchEnd`: supervision inside a program that goes on afterwards.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, run, world } from './lib/command.mjs';
import { idOf } from './lib/hooks.mjs';
import { looks, supervised } from './lib/supervised.mjs';

const skip = process.platform !== 'linux';
const ADDON = JSON.stringify(join(ROOT, 'index.js'));
/**
 * What every program below begins with. `settled` resolves once the process has no more threads than after a first supervisor, which
 * started those of Node's pool.
 */
const BEGIN = `
const { openSupervisor, watch, watchEnd, watchPause, version } = require(${ADDON});
const { readdirSync, readFileSync, existsSync } = require('node:fs');
const threads = () => readdirSync('/proc/self/task').length;
const until = async (check) => {
  for (let tries = 0; tries < 1500; tries += 1) {
    if (await check()) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('not seen: ' + check);
};
let most = 0;
const warm = async () => { await (await openSupervisor({ projects: ['/nowhere'] })).close(); await new Promise((resolve) => setTimeout(resolve, 200)); most = threads(); };
const settled = () => until(() => threads() <= most);
const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
`;

/** Runs a program in the world until it exits by itself. @param {ReturnType<typeof world>} place @param {string} code @param {Record<string, string>} [more] */
async function program(place, code, more = {}) {
  const { status, stdout, stderr } = await run(['-e', `${BEGIN}(async () => {${code}})();`], { cwd: place.project, env: { ...place.env, ...more } });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

test('several supervisors opened and closed in sequence lead each time, and leave no thread and no lease', { skip }, async (t) => {
  const place = world(t);
  await supervised(place);
  const seen = await program(
    place,
    `await warm();
     for (let round = 0; round < 3; round += 1) {
       const one = await openSupervisor();
       const { own, supervisor } = one.report();
       say([own, supervisor === process.pid, threads() > most]);
       await Promise.all([one.close(), one.close()]);
       say(await settled());
     }
     const disposed = await openSupervisor();
     await disposed[Symbol.asyncDispose]();
     say(await settled());
     const again = await openSupervisor();
     say(again.report().own);
     await again.close();`,
  );
  assert.deepEqual(seen, [...Array.from({ length: 3 }, () => [[true, true, true], true]).flat(), true, true]);
  assert.deepEqual(looks(await place.run(['watch', '--once', '--json'])).map(({ own }) => own), [true], 'the lease is free');
});

test('an open supervisor keeps the lease and the process, until it is closed (control)', { skip }, async (t) => {
  const place = world(t);
  await supervised(place);
  const child = spawn(process.execPath, ['-e', `${BEGIN}openSupervisor().then((one) => { process.once('SIGUSR2', () => one.close()); say(one.report().own); });`], { cwd: place.project, env: place.env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  place.endings.push(() => child.exitCode === null && child.kill('SIGKILL') && ended);
  assert.equal(String(await new Promise((resolve) => child.stdout.once('data', resolve))), 'true\n');
  const [report] = looks(await place.run(['watch', '--once', '--json']));
  assert.deepEqual([report.own, report.supervisor, child.exitCode], [false, child.pid, null]);
  child.kill('SIGUSR2');
  assert.equal(await ended, 0);
  assert.equal(looks(await place.run(['watch', '--once', '--json']))[0].own, true);
});

test('a second handle observes the first and leads after it', { skip }, async (t) => {
  const place = world(t);
  await supervised(place);
  const seen = await program(
    place,
    `await warm();
     const [first, second] = [await openSupervisor(), await openSupervisor()];
     say([first.report().own, second.report().own]);
     await first.close();
     await until(() => second.report().own);
     await second.close();
     say(await settled());`,
  );
  assert.deepEqual(seen, [[true, false], true]);
});

test('close() leaves a running client to the next supervisor, which starts no other and verifies it once it has ended', { skip }, async (t) => {
  const place = world(t);
  const scene = await supervised(place, { delay: 600_000 });
  const id = idOf(0x501);
  scene.stop(id);
  const log = JSON.stringify(join(place.root, 'client.log'));
  const [closed, underWay, left] = await program(
    place,
    `const clients = () => existsSync(${log}) ? readFileSync(${log}, 'utf8').split('\\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
     const incident = () => JSON.parse(readFileSync(${JSON.stringify(join(place.state, 'incidents', `${id}.json`))}, 'utf8'));
     await warm();
     const first = await openSupervisor();
     await until(() => clients().length > 0 && incident().attempts[0]?.run?.child);
     await first.close();
     const { pid } = clients()[0];
     process.kill(pid, 0);
     say([incident().phase, await settled()]);
     const second = await openSupervisor();
     await until(() => second.report().sessions.some(({ waits }) => /run of the session is in progress/.test(waits ?? '')));
     say(clients().length);
     process.kill(pid, 'SIGKILL');
     await until(() => incident().attempts[0].run.result);
     await second.close();
     say([incident().attempts.length, await settled()]);`,
  );
  assert.deepEqual(closed, ['attempting', true]);
  assert.equal(underWay, 1);
  assert.equal(left[0] >= 1, true);
  assert.equal(left[1], true);
  assert.match(scene.incident(id).attempts[0].run.result.ended, /its supervisor was gone/);
});

test('watchEnd() ends what watch() began, and watch() may begin again', { skip }, async (t) => {
  const place = world(t);
  await supervised(place);
  const seen = await program(
    place,
    `await watchEnd();
     for (let round = 0; round < 2; round += 1) {
       say((await watch()).own);
       await watchPause(1);
       say(await watchEnd() === undefined);
     }
     const one = await openSupervisor();
     say(one.report().own);
     await one.close();`,
  );
  assert.deepEqual(seen, [true, true, true, true, true]);
});

test('a supervisor of a worker thread ends with the thread', { skip }, async (t) => {
  const place = world(t);
  await supervised(place);
  const seen = await program(
    place,
    `await warm();
     const { Worker } = require('node:worker_threads');
     const worker = new Worker('const { openSupervisor } = require(' + ${JSON.stringify(ADDON)} + '); openSupervisor().then((one) => require("node:worker_threads").parentPort.postMessage(one.report().own));', { eval: true });
     say(await new Promise((resolve) => worker.once('message', resolve)));
     await worker.terminate();
     await settled();
     const one = await openSupervisor();
     await until(() => one.report().own);
     await one.close();`,
  );
  assert.deepEqual(seen, [true]);
});

test('openSupervisor rejects with the reason of an aborted signal and for unknown options, and then does not lead', { skip }, async (t) => {
  const place = world(t);
  await supervised(place);
  const seen = await program(
    place,
    `await warm();
     await openSupervisor({ signal: AbortSignal.abort() }).catch(({ name }) => say(name));
     await openSupervisor({ project: [] }).catch(({ code }) => say(code));
     say(await settled());`,
  );
  assert.deepEqual(seen, ['AbortError', 'USAGE', true]);
  assert.equal(looks(await place.run(['watch', '--once', '--json']))[0].own, true);
});
