// Settings files by chance: nested values, comments in odd places, any indentation and line end, trailing commas, foreign
// hooks. The same seed gives the same file.

/** @param {number} seed @returns {() => number} Numbers from 0 to below 1 (mulberry32). */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Text of a settings object that is not empty, without an empty `hooks` object and without anything of ours: what is put in
 * can then be taken out to the byte.
 *
 * @param {number} seed
 */
export function randomSettings(seed) {
  const next = numbers(seed);
  const chance = (/** @type {number} */ share) => next() < share;
  const pick = (/** @type {any[]} */ items) => items[Math.floor(next() * items.length)];
  const eol = pick(['\n', '\r\n']);
  const unit = pick(['  ', '    ', '\t', ' ']);
  const trailing = chance(0.3);
  const comments = chance(0.5);
  const flat = chance(0.2);

  const comment = () => (comments && chance(0.3) ? pick([` /* , " { */`, ` // "a": [${eol}`, ` /* two${eol} lines */`]) : '');

  /** @param {string[]} items @param {string} open @param {string} close @param {string} indent */
  const holder = (items, open, close, indent) => {
    if (items.length === 0) return open + close;
    if (flat || chance(0.2)) return `${open}${pick(['', ' '])}${items.join(flat ? ',' : ', ')}${pick(['', ' '])}${close}`;
    const inner = indent + unit;
    const lines = items.map((item, index) => {
      const last = index === items.length - 1;
      const behind = last ? (trailing ? ',' : '') : ',';
      const remark = comment();
      return `${inner}${item}${behind}${remark.endsWith(eol) ? remark.slice(0, -eol.length) : remark}`;
    });
    return `${open}${eol}${lines.join(eol)}${eol}${indent}${close}`;
  };

  /** @param {number} depth @param {string} indent @returns {string} */
  const value = (depth, indent) => {
    if (depth > 3 || chance(0.5)) return pick(['1', '-2.5e3', 'true', 'false', 'null', '"x"', '"a \\"b\\" c"', '"\\u0041"', '"日本"', '""']);
    const size = Math.floor(next() * 4);
    const items = Array.from({ length: size }, () => value(depth + 1, indent + unit));
    if (chance(0.5)) return holder(items, '[', ']', indent);
    return holder(items.map((item, index) => `"k${index}": ${item}`), '{', '}', indent);
  };

  /** @param {string} indent */
  const groups = (indent) =>
    holder(
      Array.from({ length: 1 + Math.floor(next() * 3) }, () => {
        const hook = holder(['"type": "command"', `"command": "${pick(['say done', 'audit', 'x'])}"`], '{', '}', indent + unit + unit + unit);
        const list = holder([hook], '[', ']', indent + unit + unit);
        return holder(chance(0.5) ? ['"matcher": "a|b"', `"hooks": ${list}`] : [`"hooks": ${list}`], '{', '}', indent + unit);
      }),
      '[',
      ']',
      indent,
    );

  const items = Array.from({ length: 1 + Math.floor(next() * 4) }, (_, index) => `"key${index}": ${value(0, unit)}`);
  if (chance(0.6)) {
    const events = ['Stop', 'StopFailure', 'PreToolUse', 'Notification'].filter(() => chance(0.5));
    if (events.length > 0) {
      const list = events.map((event) => `"${event}": ${groups(unit + unit)}`);
      items.splice(Math.floor(next() * (items.length + 1)), 0, `"hooks": ${holder(list, '{', '}', unit)}`);
    }
  }
  return `${chance(0.1) ? '\uFEFF' : ''}${chance(0.2) ? `// head${eol}` : ''}${holder(items, '{', '}', '')}${pick(['', eol, eol + eol])}`;
}
