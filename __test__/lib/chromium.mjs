// Runs a separate Chromium, driven through the pipe of its debugging protocol: no network, no further package.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const NAMES = process.platform === 'linux' ? ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'] : [];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-default-apps',
  '--disable-extensions',
  '--hide-scrollbars',
  '--remote-debugging-pipe',
];
/** Milliseconds after which a page is given up. */
const PATIENCE = 120_000;

/** The browser's program, or `null` if none is installed. */
export const chromium = NAMES.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0) ?? null;

/** Why a test with a browser is skipped; `false` if a browser is installed. */
export const noChromium = chromium === null && 'there is no Chromium';

/**
 * Starts a browser that ends with the test.
 *
 * @param {{after: (end: () => unknown) => void}} t
 */
export function browser(t) {
  const profile = mkdtempSync(join(tmpdir(), 'ccsr-chromium-'));
  const child = spawn(/** @type {string} */ (chromium), [...FLAGS, `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: profile }, detached: true });
  const ended = new Promise((done) => child.once('exit', done));
  t.after(async () => {
    // Its renderers and services outlive it for a while and keep writing to the profile, so end the whole process group.
    if (child.exitCode === null && child.signalCode === null) process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  const to = /** @type {import('node:stream').Writable} */ (child.stdio[3]);
  const from = /** @type {import('node:stream').Readable} */ (child.stdio[4]);
  to.on('error', () => {});
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  /** @type {((event: any) => void)[]} */
  const listeners = [];
  let number = 0;
  let held = '';
  from.setEncoding('utf8').on('data', (text) => {
    held += text;
    for (let end = held.indexOf('\0'); end >= 0; end = held.indexOf('\0')) {
      const message = JSON.parse(held.slice(0, end));
      held = held.slice(end + 1);
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      if (call === undefined) for (const listener of listeners) listener(message);
      else if (message.error) call.reject(new Error(message.error.message));
      else call.resolve(message.result);
    }
  });
  ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('Chromium ended'));
  });
  const call = (/** @type {string} */ method, params = {}, /** @type {string | undefined} */ sessionId = undefined) =>
    new Promise((resolve, reject) => {
      number += 1;
      waiting.set(number, { resolve, reject });
      to.write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
    });

  return {
    pid: child.pid,
    /**
     * Opens a file. `deeds` records everything that a passive page would not do: dialogs, console output, requests for other resources,
     * errors, windows.
     *
     * @param {string} path
     * @param {{width?: number, height?: number, dark?: boolean, mobile?: boolean}} [options]
     */
    async open(path, { width = 1400, height = 900, dark = false } = {}) {
      const { targetId } = await call('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true });
      const send = (/** @type {string} */ method, params = {}) => call(method, params, sessionId);
      const url = pathToFileURL(path).href;
      /** @type {string[]} */
      const deeds = [];
      /** @type {((value?: any) => void) | null} */
      let loaded = null;
      listeners.push(({ method, params, sessionId: about }) => {
        if (method === 'Target.targetCreated' && params.targetInfo.openerId === targetId) deeds.push(`window ${params.targetInfo.url}`);
        if (about !== sessionId) return;
        if (method === 'Page.loadEventFired') loaded?.();
        if (method === 'Page.javascriptDialogOpening') {
          deeds.push(`dialog ${params.message}`);
          send('Page.handleJavaScriptDialog', { accept: false });
        }
        if (method === 'Runtime.consoleAPICalled') deeds.push(`console ${params.args[0]?.value}`);
        if (method === 'Runtime.exceptionThrown') deeds.push(`error ${params.exceptionDetails.text}`);
        if (method === 'Log.entryAdded') deeds.push(`log ${params.entry.text}`);
        if (method === 'Network.requestWillBeSent' && params.request.url.split('#')[0] !== url && !params.request.url.startsWith('data:')) deeds.push(`request ${params.request.url.slice(0, 200)}`);
        if (method === 'Page.frameRequestedNavigation') deeds.push(`navigation ${params.url.slice(0, 200)}`);
      });
      await call('Target.setDiscoverTargets', { discover: true });
      for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await send(`${domain}.enable`);
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
      const began = performance.now();
      const done = new Promise((resolve, reject) => {
        loaded = resolve;
        setTimeout(() => reject(new Error(`${path} was not loaded`)), PATIENCE).unref();
      });
      await send('Page.navigate', { url });
      await done;
      const took = performance.now() - began;
      return {
        deeds,
        /** Milliseconds until the page was loaded. */
        took,
        send,
        /** Returns the value of an expression; promises are awaited. @param {string} expression */
        async value(expression) {
          const { result, exceptionDetails } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
          if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
          return result.value;
        },
        /** @param {number} wide @param {number} [high] */
        resize: (wide, high = height) => send('Emulation.setDeviceMetricsOverride', { width: wide, height: high, deviceScaleFactor: 1, mobile: false }),
        /** @returns {Promise<Buffer>} */
        async screenshot() {
          const { data } = await send('Page.captureScreenshot', { format: 'png' });
          return Buffer.from(data, 'base64');
        },
        close: () => call('Target.closeTarget', { targetId }),
      };
    },
  };
}
