// The contract of the addon, read from `src/ffi/types.d.ts`: JSON Schemas of the `--json` output, and the reference of their fields. It is
// the single source: a field that is added there must be in the schema and in the reference, or a test fails.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.mjs';

/** Reports of `--json`: file of the schema, type, title. */
export const REPORTS = /** @type {const} */ ([
  { name: 'session', type: 'Session', title: 'One session, as `show --json` prints it and every other report contains it' },
  { name: 'status', type: 'StatusReport', or: 'ListReport', title: 'Output of `status --json` and `list --json`' },
  { name: 'search', type: 'SearchReport', title: 'Output of `search --json`' },
  { name: 'recall', type: 'RecallReport', title: 'Output of `recall --json`' },
  { name: 'resume', type: 'ResumeReport', title: 'Output of `resume --json`' },
  { name: 'relocate', type: 'RelocateReport', title: 'Output of `relocate --json`' },
  { name: 'watch', type: 'WatchReport', title: 'Output of `watch --json`, one line for each pass' },
  { name: 'preview', type: 'PreviewReport', title: 'Output of `preview --json`' },
  { name: 'run', type: 'RunReport', title: 'Output of `resume --now --json`' },
  { name: 'service', type: 'ServiceStatus', title: 'Output of `watch --status --json`' },
  { name: 'notice', type: 'PostedNotice', title: 'Body posted to `notify.webhook` of the configuration' },
  { name: 'restore', type: 'RestoreReport', title: 'Output of `restore --json`' },
  { name: 'repair', type: 'RepairReport', title: 'Output of `repair --json`' },
  { name: 'export', type: 'ExportReport', title: 'Output of `export --json`' },
  { name: 'reading', type: 'ReadingReport', title: 'Output of `export --format html --json` and `export --format markdown --json`' },
  { name: 'import', type: 'ImportReport', title: 'Output of `import --json`' },
  { name: 'kill', type: 'KillReport', title: 'Output of `kill --json`' },
  { name: 'prune', type: 'PruneReport', title: 'Output of `prune --json`' },
  { name: 'forget', type: 'ForgetReport', title: 'Output of `forget --json`' },
  { name: 'log', type: 'LogReport', title: 'Output of `log --json`' },
  { name: 'report', type: 'AccountReport', title: 'Output of `report --json`' },
  { name: 'timeline', type: 'ReportPage', title: 'Output of `report --format html --json`' },
  { name: 'state', type: 'StateReport', title: 'Output of `state --json`' },
  { name: 'handoff', type: 'HandoffReport', title: 'Output of `handoff --json`' },
  { name: 'error', type: 'ErrorReport', title: 'What a command with `--json` prints when it fails' },
  { name: 'configuration', type: 'ConfigurationReport', title: 'Output of `config --json`' },
  { name: 'doctor', type: 'DoctorReport', title: 'Output of `doctor --json`' },
]);

/** Number fields that may have a fraction. */
const FRACTIONS = new Set(['percent', 'cpuPercent', 'exportsDays', 'snapshotsDays', 'pagesDays', 'outputsDays', 'recordsDays', 'keptDays']);

/** Number fields that may be negative. */
const SIGNED = new Set(['linesSince']);

/** Names of fields that contain times. */
const TIME = /^at$|At$|^deletedAfter$|^cycles$|^since$/;

const TIME_SCHEMA = { format: 'date-time', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$' };

/**
 * A declared type: its possible forms.
 *
 * @typedef {{kind: 'word', name: string} | {kind: 'text', value: string} | {kind: 'list', of: Type} | {kind: 'map', of: Type}
 *   | {kind: 'object', fields: Field[]} | {kind: 'union', of: Type[]} | {kind: 'tuple', of: Type[]}} Type
 */
/** @typedef {{name: string, optional: boolean, doc: string, type: Type}} Field */
/** @typedef {{name: string, doc: string, type: Type, base: string | null}} Declaration */

/** Returns the declarations of what JSON can contain. */
export function contractText() {
  return readFileSync(join(ROOT, 'src', 'ffi', 'types.d.ts'), 'utf8').split('// What follows is only for calls from JavaScript')[0];
}

/** @returns {Map<string, Declaration>} */
export function declarations() {
  const source = contractText();
  const tokens = [...source.matchAll(/\/\*\*([\s\S]*?)\*\/|\/\/.*|'([^']*)'|[A-Za-z_]\w*|[{}[\]|:?<>,;=()]/g)].filter(([text]) => !text.startsWith('//'));
  let place = 0;
  const peek = () => tokens[place]?.[0];
  const take = (/** @type {string | undefined} */ wanted = undefined) => {
    const text = peek();
    if (text === undefined || (wanted !== undefined && text !== wanted)) throw new Error(`types.d.ts: ${wanted ?? 'something'} expected, not ${text}`);
    place += 1;
    return text;
  };
  const has = (/** @type {string} */ wanted) => peek() === wanted && Boolean(take());
  const doc = () => {
    let words = '';
    while (peek()?.startsWith('/**')) {
      words = tokens[place][1].replace(/^\s*\* ?/gm, '').replace(/\{@link (\w+)\}/g, '`$1`').replace(/\s+/g, ' ').trim();
      place += 1;
    }
    return words;
  };

  /** @returns {Type} */
  const type = () => {
    has('|');
    const of = [postfix()];
    while (has('|')) of.push(postfix());
    return of.length === 1 ? of[0] : { kind: 'union', of };
  };
  /** @returns {Type} */
  const postfix = () => {
    let base = primary();
    while (peek() === '[' && tokens[place + 1]?.[0] === ']') {
      place += 2;
      base = { kind: 'list', of: base };
    }
    return base;
  };
  /** @returns {Type} */
  const primary = () => {
    if (peek() === '{') return { kind: 'object', fields: fields() };
    if (has('(')) {
      const inner = type();
      take(')');
      return inner;
    }
    if (has('[')) {
      const of = [type()];
      while (has(',')) of.push(type());
      take(']');
      return { kind: 'tuple', of };
    }
    const text = take();
    if (text.startsWith("'")) return { kind: 'text', value: text.slice(1, -1) };
    if (text !== 'Record') return { kind: 'word', name: text };
    take('<');
    take('string');
    take(',');
    const of = type();
    take('>');
    return { kind: 'map', of };
  };
  /** @returns {Field[]} */
  const fields = () => {
    const found = [];
    take('{');
    for (;;) {
      const words = doc();
      if (has('}')) return found;
      const name = take();
      const optional = has('?');
      take(':');
      found.push({ name, optional, doc: words, type: type() });
      if (!has(';')) has(',');
    }
  };

  const found = new Map();
  while (place < tokens.length) {
    const words = doc();
    take('export');
    const isInterface = take() === 'interface';
    const name = take();
    let base = null;
    if (isInterface && has('extends')) base = take();
    if (!isInterface) take('=');
    found.set(name, { name, doc: words, base, type: isInterface ? { kind: 'object', fields: fields() } : type() });
  }
  return found;
}

/**
 * Returns the fields of an interface, including those of the one it extends.
 *
 * @param {Map<string, Declaration>} all
 * @param {string} name
 * @returns {Field[]}
 */
export function fieldsOf(all, name) {
  const { type, base } = /** @type {Declaration} */ (all.get(name));
  if (type.kind !== 'object') throw new Error(`${name} is no object`);
  return [...(base === null ? [] : fieldsOf(all, base)), ...type.fields];
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
const DEFINITIONS = 'urn:cc-session-recover:definitions:1';

/**
 * The schema of a report. What it shares with others is in {@link definitions}. With `or`, two verbs share it: a field that only one
 * of them prints may be missing.
 *
 * @param {{name: string, type: string, or?: string, title: string}} report
 */
export function schemaOf({ name, type, or, title }) {
  const { root } = objectsOf(type, DEFINITIONS);
  if (or !== undefined) {
    const other = objectsOf(or, DEFINITIONS).root;
    root.properties = { ...root.properties, ...other.properties };
    root.required = root.required.filter((/** @type {string} */ field) => other.required.includes(field));
  }
  return {
    $schema: DRAFT,
    $id: `urn:cc-session-recover:${name}:1`,
    title,
    description: 'Unknown fields are to be passed over; null means unknown; times are RFC 3339 in UTC; sizes are bytes. See docs/json.md.',
    ...root,
  };
}

/** @returns {string[]} */
const typesOfReports = () => REPORTS.flatMap((report) => ('or' in report ? [report.type, report.or] : [report.type]));

/** Returns the schemas of all objects that reports refer to. */
export function definitions() {
  const defs = Object.assign({}, ...typesOfReports().map((type) => objectsOf(type, '').defs));
  return {
    $schema: DRAFT,
    $id: DEFINITIONS,
    title: 'Objects that the reports of cc-session-recover share',
    $defs: Object.fromEntries(Object.entries(defs).toSorted(([one], [other]) => (one < other ? -1 : 1))),
  };
}

/**
 * Returns the schema of a type and of the types it refers to, which are in the schema with the id `home`.
 *
 * @param {string} type
 * @param {string} home
 */
function objectsOf(type, home) {
  const all = declarations();
  /** @type {Record<string, any>} */
  const defs = {};
  return { root: objectSchema(fieldsOf(all, type), type), defs };

  /** @param {Field[]} fields @param {string} owner @param {string} [words] @returns {Record<string, any>} */
  function objectSchema(fields, owner, words = '') {
    return {
      ...(words === '' ? {} : { description: words }),
      type: 'object',
      required: fields.filter((field) => !field.optional).map((field) => field.name),
      properties: Object.fromEntries(fields.map((field) => [field.name, { ...(field.doc === '' ? {} : { description: field.doc }), ...valueSchema(field.type, field.name, owner) }])),
      additionalProperties: true,
    };
  }

  /** @param {Type} value @param {string} field @param {string} owner @returns {Record<string, any>} */
  function valueSchema(value, field, owner) {
    if (value.kind === 'text') return { const: value.value };
    if (value.kind === 'list') return { type: 'array', items: valueSchema(value.of, field, owner) };
    if (value.kind === 'map') return { type: 'object', additionalProperties: valueSchema(value.of, field, owner) };
    if (value.kind === 'object') return objectSchema(value.fields, `${owner}.${field}`);
    if (value.kind === 'union') return unionSchema(value.of, field, owner);
    if (value.kind === 'tuple') return { type: 'array', prefixItems: value.of.map((item) => valueSchema(item, field, owner)), items: false, minItems: value.of.length };
    if (value.name === 'unknown') return {};
    if (value.name === 'string') return { type: 'string', ...(TIME.test(field) ? TIME_SCHEMA : {}) };
    if (value.name === 'number') return FRACTIONS.has(field) ? { type: 'number', minimum: 0 } : { type: 'integer', ...(SIGNED.has(field) ? {} : { minimum: 0 }) };
    if (value.name === 'boolean' || value.name === 'null') return { type: value.name };
    return referred(value.name);
  }

  /** @param {Type[]} members @param {string} field @param {string} owner @returns {Record<string, any>} */
  function unionSchema(members, field, owner) {
    const rest = members.filter((member) => !(member.kind === 'word' && member.name === 'null'));
    const nullable = rest.length < members.length;
    if (rest.every((member) => member.kind === 'text')) {
      const values = rest.map((member) => /** @type {{value: string}} */ (member).value);
      return { enum: nullable ? [...values, null] : values };
    }
    if (rest.length > 1) throw new Error(`${owner}.${field}: a union that the schemas have no form for`);
    const schema = valueSchema(rest[0], field, owner);
    return typeof schema.type === 'string' && schema.type !== 'object' ? { ...schema, type: [schema.type, 'null'] } : { anyOf: [schema, { type: 'null' }] };
  }

  /** @param {string} wanted */
  function referred(wanted) {
    const declaration = all.get(wanted);
    if (declaration === undefined) throw new Error(`types.d.ts does not declare ${wanted}`);
    if (!(wanted in defs)) {
      defs[wanted] = {};
      defs[wanted] =
        declaration.type.kind === 'object'
          ? objectSchema(fieldsOf(all, wanted), wanted, declaration.doc)
          : { ...(declaration.doc === '' ? {} : { description: declaration.doc }), ...valueSchema(declaration.type, '', wanted) };
    }
    return { $ref: `${home}#/$defs/${wanted}` };
  }
}

/** Returns the reference of all fields as Markdown tables, one per object. */
export function reference() {
  const all = declarations();
  const wanted = typesOfReports();
  const parts = [];
  for (const name of wanted) {
    const declaration = /** @type {Declaration} */ (all.get(name));
    const rows = declaration.type.kind === 'object' ? fieldsOf(all, name).flatMap((field) => rowsOf(field, '')) : [];
    const words = declaration.doc === '' ? '' : `${declaration.doc}\n\n`;
    if (declaration.type.kind === 'object') parts.push(`### ${name}\n\n${words}| field | type | meaning |\n|---|---|---|\n${rows.join('\n')}`);
    else parts.push(`### ${name}\n\n${words}One of ${textOf(declaration.type)}.`);
  }
  return parts.join('\n\n');

  /** @param {Field} field @param {string} before @returns {string[]} */
  function rowsOf({ name, doc, type, optional }, before) {
    const inner = type.kind === 'list' ? type.of : type;
    const own = `| \`${before}${name}\` | ${textOf(type, name).replaceAll('|', '\\|')}${optional ? ', may be missing' : ''} | ${doc.replaceAll('|', '\\|')} |`;
    return inner.kind === 'object' ? [own, ...inner.fields.flatMap((field) => rowsOf(field, `${before}${name}${type.kind === 'list' ? '[]' : ''}.`))] : [own];
  }

  /** @param {Type} type @param {string} [field] @returns {string} */
  function textOf(type, field = '') {
    if (type.kind === 'text') return `\`${type.value}\``;
    if (type.kind === 'list') return `list of ${textOf(type.of, field)}`;
    if (type.kind === 'map') return `object of ${textOf(type.of)}`;
    if (type.kind === 'object') return 'object';
    if (type.kind === 'union') return type.of.map((member) => textOf(member, field)).join(type.of.length === 2 ? ' or ' : ', ');
    if (type.name === 'string' && TIME.test(field)) return 'time';
    if (!all.has(type.name)) return type.name;
    if (!wanted.includes(type.name)) wanted.push(type.name);
    return `[${type.name}](#${type.name.toLowerCase()})`;
  }
}
