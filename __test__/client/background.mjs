// Background sessions of the real client: started with `--bg`, run by workers of a daemon in the scene's own configuration directory.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { kill, run, until } from './scene.mjs';

const require = createRequire(import.meta.url);
const { clientEnvironment } = require('../../bin/loopback/client.js');

/** Prepares the scene: workers read the address of the API only from the settings, and all processes of the daemon end with the test. */
export function openBackground(stage) {
  const environment = clientEnvironment(stage.home, stage.api, { env: { CLAUDE_CODE_OAUTH_TOKEN: undefined } });
  const env = {
    ANTHROPIC_BASE_URL: stage.api.url,
    ANTHROPIC_AUTH_TOKEN: 'loopback-only-not-a-credential',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  };
  writeFileSync(path.join(stage.home.configDir, 'settings.json'), JSON.stringify({ env }));
  const background = new Background(stage, environment);
  stage.endings.push(() => background.end());
  return background;
}

class Background {
  constructor(stage, environment) {
    this.stage = stage;
    this.environment = environment;
  }

  claude(...args) {
    return run(this.stage.client, args, { cwd: this.stage.home.project, env: this.environment });
  }

  /** Starts a session with a prompt and returns its job, its id and its owner process. */
  async start(prompt, ...args) {
    const { code, stdout, stderr } = await this.claude('--bg', ...args, prompt);
    assert.equal(code, 0, stderr);
    const job = /backgrounded · ([0-9a-f]{8})/.exec(stdout)?.[1];
    assert.ok(job, stdout);
    const { sessionId: id, pid } = await until(`the worker of ${job}`, () => this.registered().find((record) => record.jobId === job), 20);
    return { job, id, pid };
  }

  /** Returns the records of the registry. */
  registered() {
    const dir = path.join(this.stage.home.configDir, 'sessions');
    const records = [];
    for (const name of existsSync(dir) ? readdirSync(dir).filter((file) => file.endsWith('.json')) : []) {
      try {
        records.push(JSON.parse(readFileSync(path.join(dir, name), 'utf8')));
      } catch {
        // The record is being written, or is gone.
      }
    }
    return records;
  }

  async end() {
    await this.claude('daemon', 'stop', '--any');
    // Hosts and spares would end within seconds; do not wait for them.
    for (const { pid } of this.stage.inhabitants()) kill(pid);
    await until('the end of the daemon', () => this.stage.inhabitants().length === 0);
  }
}
