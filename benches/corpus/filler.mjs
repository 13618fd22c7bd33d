// Filler for long texts, generated once per worker and then copied by reference. Lines look like code, listings, diffs, compiler messages
// and prose, already escaped for a JSON string.

import { Random } from './random.mjs';
import { DIRECTORIES, ENDINGS_OF_FILES, SUBJECTS, WORDS, sentence } from './vocabulary.mjs';

const TEXT_BYTES = 4e6;
const BASE64_BYTES = 3e6;
/** Each character takes six of the 32 bits of a draw. */
const CHARACTERS_PER_DRAW = 5;
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Kinds of lines, all equally likely. */
const LINES = [
  (random) => '  '.repeat(random.below(5)) + sentence(random, random.between(3, 16)),
  (random) => '  '.repeat(random.below(5)) + sentence(random, random.between(3, 16)),
  (random) => `${random.between(1, 2000)}\t  const ${word(random)}_${random.hex(3)} = await ${word(random)}("${word(random)}", { ${word(random)}: ${random.below(9999)} });`,
  (random) => `/home/dev/work/${random.pick(DIRECTORIES)}/${fileName(random)}:${random.below(900)}:${random.below(80)}: ${random.pick(['warning', 'error', 'note'])}: ${sentence(random, 2)} \`${word(random)}\``,
  (random) => `\u001b[32m+    ${word(random)}.${word(random)}(|x| x.${word(random)}() == "${word(random)}\\n")\u001b[0m`,
  (random) => `{"id": ${random.below(1e9)}, "${word(random)}": "${sentence(random, 2)}", "ok": ${random.chance(0.5)}}`,
  (random) => `-rw-r--r-- 1 dev dev ${random.below(1e6)} Nov ${random.between(1, 28)} 0${random.below(9)}:${random.between(10, 59)} ${fileName(random)}`,
  (random) => `    if ${word(random)}.is_some() && !${word(random)}.${word(random)} { return Err("${sentence(random, 2)}"); } // ${sentence(random, 3)}`,
];

const word = (random) => random.pick(WORDS);
const fileName = (random) => random.pick(SUBJECTS) + random.pick(ENDINGS_OF_FILES);

/** Bytes that are copied unchanged into a JSON string of a record. */
export class Piece {
  #pieces;

  /** @param {Piece[]} pieces List to which the piece adds itself when the record is serialized. */
  constructor(pieces, source, from, to) {
    this.#pieces = pieces;
    this.source = source;
    this.from = from;
    this.to = to;
  }

  toJSON() {
    this.#pieces.push(this);
    return Piece.MARK;
  }

  /** Placeholder for the bytes in the record's text. */
  static MARK = '\u0001';
  /** The placeholder as JSON writes it. */
  static WRITTEN_MARK = String.raw`\u0001`;
}

export class Filler {
  #text;
  /** Offset of each line, and of the end of the last one. */
  #starts;
  #base64;

  constructor(seed) {
    const random = new Random(seed ^ 0x51ab);
    const lines = [];
    const starts = [0];
    let bytes = 0;
    while (bytes < TEXT_BYTES) {
      const line = Buffer.from(JSON.stringify(`${random.pick(LINES)(random)}\n`).slice(1, -1));
      lines.push(line);
      bytes += line.length;
      starts.push(bytes);
    }
    this.#text = Buffer.concat(lines);
    this.#starts = Uint32Array.from(starts);
    this.#base64 = Buffer.alloc(BASE64_BYTES);
    for (let at = 0; at < BASE64_BYTES; at += CHARACTERS_PER_DRAW) {
      const bits = random.bits();
      for (let digit = 0; digit < CHARACTERS_PER_DRAW; digit += 1) this.#base64[at + digit] = BASE64.charCodeAt((bits >>> (6 * digit)) & 63);
    }
  }

  /** Returns whole lines of about this many bytes, at least one. */
  text(random, pieces, bytes) {
    const starts = this.#starts;
    const first = random.below(starts.length - 2);
    const end = Math.min(starts[first] + bytes, starts.at(-1));
    let low = first + 1;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= end) low = middle;
      else high = middle - 1;
    }
    return new Piece(pieces, this.#text, starts[first], starts[low]);
  }

  /** Returns base64 of at most this many bytes. */
  base64(random, pieces, bytes) {
    const from = random.below(1000);
    return new Piece(pieces, this.#base64, from, from + Math.min(BASE64_BYTES - 1000, bytes));
  }

  /** Returns text as bytes, for a tool result in a file of its own. */
  bytes(length) {
    return this.#text.subarray(0, length);
  }
}
