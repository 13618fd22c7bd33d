// Removes personal details from a recording of the real client before it becomes a fixture, and compares two
// recordings.

/** What replaces texts that the client adds itself: lists of tools and skills, its system prompt. */
export const REMOVED = '[text removed from this fixture]';

/** Records whose text is the client's own, not that of the session. */
const OWN_TEXT = new Set(['rendered', 'system', 'skills', 'agents', 'tools', 'prompt_snapshot', 'session_context']);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** A path as the client names a directory of transcripts. @param {string} dir */
const encoded = (dir) => dir.replaceAll(/[^A-Za-z0-9]/g, '-');

/**
 * Maps paths, names, addresses and ids. Ids become numbers in order of appearance, so that records still refer to one another.
 *
 * @param {{home: string, project: string, root: string, user: string, host: string}} personal
 */
export function sanitiser({ home, project, root, user, host }) {
  /** @type {Map<string, string>} */
  const ids = new Map();
  /** @type {[string, string][]} */
  const paths = [[project, '/home/dev/project'], [home, '/home/dev'], [root, '/tmp/recorded']];
  const words = /** @type {[string, string][]} */ ([[host, 'host'], [user, 'dev']]).filter(([word]) => word.length > 2);

  /** @param {string} text */
  function mappedText(text) {
    let mapped = text;
    for (const [from, to] of paths) mapped = mapped.replaceAll(from, to).replaceAll(encoded(from), encoded(to));
    for (const [from, to] of words) mapped = mapped.replaceAll(new RegExp(`\\b${RegExp.escape?.(from) ?? from.replaceAll(/[^\w]/g, '\\$&')}\\b`, 'g'), to);
    return mapped
      .replaceAll(/(?:https?:\/\/)?127\.0\.0\.1:\d+/g, 'https://gateway.example')
      .replaceAll(UUID, (id) => {
        if (!ids.has(id)) ids.set(id, String(ids.size + 1));
        const number = String(ids.get(id));
        return `${number.padStart(8, '0')}-0000-4000-8000-${number.padStart(12, '0')}`;
      });
  }

  /** @param {any} value @param {boolean} [own] @returns {any} */
  function sanitised(value, own = false) {
    if (typeof value === 'string') return own && value.length > 40 ? REMOVED : mappedText(value);
    if (Array.isArray(value)) return value.map((item) => sanitised(item, own));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, sanitised(item, own || OWN_TEXT.has(key))]));
  }
  return sanitised;
}

/** Fields that contain the client's description of its tools instead of data of the session. */
const OPAQUE = new Set(['input_schema']);

/** The forms of all values below a value, one a path: `message.usage.input_tokens number`. @param {any} value @param {string} [at] @returns {string[]} */
function forms(value, at = '') {
  if (Array.isArray(value)) return value.flatMap((item) => forms(item, `${at}[]`));
  if (value !== null && typeof value === 'object') return Object.entries(value).flatMap(([key, item]) => (OPAQUE.has(key) ? [`${at}.${key} object`] : forms(item, [at, key.startsWith('claude-') ? '<model>' : key].filter(Boolean).join('.'))));
  return [`${at} ${value === null ? 'null' : typeof value}`];
}

/** Returns the name of a record in a comparison. @param {any} record */
function nameOf(record) {
  return [record.type ?? record.hook_event_name ?? 'value', record.subtype, record.attachment?.type].filter(Boolean).join(' ');
}

/**
 * What differs between two recordings of one situation: kinds of records, their fields, and the forms of these. Times, ids and texts
 * differ each time and do not count.
 *
 * @param {any[]} before
 * @param {any[]} now
 * @returns {string[]} `+` is new, `-` is gone.
 */
export function differences(before, now) {
  const all = (/** @type {any[]} */ records) => new Set(records.flatMap((record) => [nameOf(record), ...forms(record).map((form) => `${nameOf(record)}: ${form}`)]));
  const [old, recent] = [all(before), all(now)];
  return [...[...recent].filter((form) => !old.has(form)).map((form) => `+ ${form}`), ...[...old].filter((form) => !recent.has(form)).map((form) => `- ${form}`)].toSorted((one, other) => (one.slice(2) < other.slice(2) ? -1 : 1));
}

/** Personal details that are left in a text. @param {string} text @param {string[]} details */
export function leftIn(text, details) {
  return details.filter((detail) => detail.length > 2 && text.includes(detail));
}
