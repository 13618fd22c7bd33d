// A child process that answers each line with one line.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class Dialogue {
  #child;
  #answers;
  #errors = '';

  /**
   * @param {string} file
   * @param {string[]} args
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(file, args, env) {
    this.#child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Returns the next line of the process, without sending a question. */
  async next() {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.#child.spawnfile} ended: ${this.#errors.trim() || 'no reason given'}`);
    return value;
  }

  ask(line) {
    this.#child.stdin.write(`${line}\n`);
    return this.next();
  }

  /** Sends a question and returns its answer, both as JSON. */
  async call(command) {
    return JSON.parse(await this.ask(JSON.stringify(command)));
  }

  /** Lets it end by itself. */
  end() {
    return new Promise((done) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return done(undefined);
      this.#child.once('close', done);
      this.#child.stdin.end();
    });
  }

  /** Ends it where it hangs. */
  kill() {
    this.#child.kill('SIGKILL');
  }
}
