// Writes one JSON Lines file through a large buffer that all files of a worker share.

import { closeSync, openSync, utimesSync, writeSync } from 'node:fs';
import { Piece } from './filler.mjs';

const BUFFER_BYTES = 8 << 20;
/** Maximum UTF-8 bytes of one UTF-16 unit. */
const WIDEST = 3;
let shared = null;

export class Output {
  bytes = 0;
  lines = 0;
  /** Filler of the record that is being serialized. */
  pieces = [];
  #file;
  #buffer;
  #used = 0;

  constructor(path) {
    this.#file = openSync(path, 'w', 0o600);
    shared ??= Buffer.allocUnsafe(BUFFER_BYTES);
    this.#buffer = shared;
  }

  /** Writes one line. Filler in it is copied, not serialized. */
  record(value) {
    this.pieces.length = 0;
    const texts = JSON.stringify(value).split(Piece.WRITTEN_MARK);
    this.text(texts[0]);
    for (const [at, piece] of this.pieces.entries()) {
      this.raw(piece.source, piece.from, piece.to);
      this.text(texts[at + 1]);
    }
    this.text('\n');
    this.lines += 1;
  }

  text(text) {
    this.#room(text.length * WIDEST);
    this.#used += this.#count(this.#buffer.write(text, this.#used, 'utf8'));
  }

  raw(source, from = 0, to = source.length) {
    this.#room(to - from);
    source.copy(this.#buffer, this.#used, from, to);
    this.#used += this.#count(to - from);
  }

  /** Writes the rest of the buffer and sets the file's modification time, in epoch seconds. */
  close(modified, path) {
    this.#flush();
    closeSync(this.#file);
    utimesSync(path, modified, modified);
  }

  #count(bytes) {
    this.bytes += bytes;
    return bytes;
  }

  #room(bytes) {
    if (this.#used + bytes > this.#buffer.length) this.#flush();
  }

  #flush() {
    let written = 0;
    while (written < this.#used) written += writeSync(this.#file, this.#buffer, written, this.#used - written);
    this.#used = 0;
  }
}
