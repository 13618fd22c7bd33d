// Options of the corpus generator: their defaults, and how they are read from a command line.

const UNITS = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** Default options. Sizes in bytes, `now` in epoch seconds, shares between 0 and 1. */
export const DEFAULTS = {
  out: '',
  sessions: 1000,
  /** Bytes of all sessions together; if `null`, `sigma` decides. */
  'bytes-total': null,
  median: 300e3,
  /** Spread of the sizes (log-normal); computed automatically for `bytes-total`. */
  sigma: null,
  max: 250e6,
  /** Sizes of further sessions, in addition to `sessions`. */
  big: [],
  projects: 12,
  seed: 1,
  jobs: 2,
  now: 1795226400,
  /** Share of sessions with subagents. */
  subagents: 0.25,
  /** Share of tool calls that read an image. */
  images: 0.004,
  /** Share of sessions whose last record is cut off. */
  torn: 0.03,
  /** Share of sessions that end in NUL bytes. */
  nul: 0.003,
  quiet: false,
};

const SIZES = new Set(['bytes-total', 'median', 'max']);

/** Returns the bytes of a size such as `300K`, `2G` or `1500`. */
export function bytesOf(text) {
  const match = /^([\d.]+)\s*([KMG]?)B?$/i.exec(String(text));
  if (!match) throw new RangeError(`not a size: ${text}`);
  return Math.round(Number(match[1]) * UNITS[match[2].toUpperCase()]);
}

/** Fills in the defaults. Throws `RangeError` for an unknown option or an invalid size. */
export function completed(given) {
  const options = { ...DEFAULTS };
  for (const [name, value] of Object.entries(given)) {
    if (!(name in DEFAULTS)) throw new RangeError(`unknown option: ${name}`);
    options[name] = valueOf(name, value);
  }
  return options;
}

function valueOf(name, value) {
  if (value === null || typeof value === 'boolean' || name === 'out') return value;
  if (SIZES.has(name)) return bytesOf(value);
  // A number without a unit means megabytes, so that `--big 50,200` reads well.
  if (name === 'big') return [value].flat().flatMap((list) => String(list).split(',').filter(Boolean)).map((size) => bytesOf(/^[\d.]+$/.test(size) ? `${size}M` : size));
  const number = Number(value);
  if (Number.isNaN(number)) throw new RangeError(`not a number: ${value}`);
  return number;
}

/** Parses the options of a command line. */
export function fromArguments(argv) {
  const given = {};
  for (let at = 0; at < argv.length; at += 1) {
    const name = argv[at].replace(/^--/, '');
    if (DEFAULTS[name] === false) {
      given[name] = true;
    } else {
      at += 1;
      given[name] = argv[at];
    }
  }
  return completed(given);
}
