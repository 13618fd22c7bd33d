// The output of `--json` and its contract: the shipped JSON Schemas, docs/json.md, the types of the addon and the real output must agree.
// `UPDATE_SNAPSHOTS=1` regenerates the schemas and the table of fields from the types.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, world } from './lib/command.mjs';
import { contractText, REPORTS, declarations, definitions, fieldsOf, reference, schemaOf } from './lib/contract.mjs';
import * as made from './lib/sessions.mjs';
import { stoppedSession } from './lib/stopped.mjs';

const require = createRequire(import.meta.url);
const { Ajv2020 } = require('ajv/dist/2020');
const { KINDS, STATES, STATUSES } = require('../bin/lib/wording.js');

const PAGE = join(ROOT, 'docs', 'json.md');
const BEFORE_FIELDS = /^[\s\S]*## Fields\n\n<!--.*-->\n/;

/** @param {string} name */
function fileOf(name) {
  return join(ROOT, 'schemas', `${name}.schema.json`);
}

/** @param {string} name @returns {any} */
function schema(name) {
  return JSON.parse(readFileSync(fileOf(name), 'utf8'));
}

/** @param {any} value */
function validator(value) {
  // A pattern of the schema checks times; `format` beside it is a hint for other validators.
  return new Ajv2020({ strict: true, allErrors: true, validateFormats: false, allowUnionTypes: true }).addSchema(schema('definitions')).compile(value);
}

/** @param {any} validate @param {any} value @param {string} [what] */
function assertValid(validate, value, what) {
  assert.ok(validate(value), `${what ?? ''} ${JSON.stringify(validate.errors, null, 1)}`);
}

/** Returns the examples of the page, with the session of the page inserted. @returns {Map<string, any>} */
function examples() {
  const found = [...readFileSync(PAGE, 'utf8').matchAll(/^```json (\w+)\n([\s\S]*?)^```$/gm)].map(([, name, text]) => /** @type {const} */ ([name, text]));
  const session = new Map(found).get('session') ?? assert.fail('the page has no example of a session');
  return new Map(found.map(([name, text]) => [name, JSON.parse(text.replaceAll('"<session>"', session))]));
}

test('the shared schema definitions match the types, and each definition is used', () => {
  const text = `${JSON.stringify(definitions(), null, 2)}\n`;
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(fileOf('definitions'), text);
  assert.equal(readFileSync(fileOf('definitions'), 'utf8'), text);
  const all = text + REPORTS.map(({ name }) => readFileSync(fileOf(name), 'utf8')).join('');
  for (const name of Object.keys(definitions().$defs)) assert.ok(all.includes(`#/$defs/${name}"`), name);
});

for (const report of REPORTS) {
  test(`the schema of ${report.name} matches the types`, () => {
    const text = `${JSON.stringify(schemaOf(report), null, 2)}\n`;
    if (process.env.UPDATE_SNAPSHOTS) writeFileSync(fileOf(report.name), text);
    assert.equal(readFileSync(fileOf(report.name), 'utf8'), text);
  });

  test(`the example of ${report.name} in the docs is valid and contains every field`, () => {
    const example = examples().get(report.name) ?? assert.fail(`no example of ${report.name}`);
    assertValid(validator(schema(report.name)), example);
    const types = 'or' in report ? [report.type, report.or] : [report.type];
    const fields = new Set(types.flatMap((type) => fieldsOf(declarations(), type).map(({ name }) => name)));
    assert.deepEqual(Object.keys(example).toSorted(), [...fields].toSorted());
  });

  test(`the schema of ${report.name} rejects a missing field, a wrong type, a wrong version and a malformed time`, () => {
    const validate = validator(schema(report.name));
    const example = examples().get(report.name);
    const { required } = schema(report.name);
    for (const field of required) {
      const { [field]: _taken, ...rest } = example;
      assert.equal(validate(rest), false, `without ${field}`);
      assert.equal(validate({ ...example, [field]: Symbol('of no type') }), false, `with a wrong ${field}`);
    }
    assert.equal(validate({ ...example, schema: `cc-session-recover/${report.name}@2` }), false);
    const time = ['generatedAt', 'startedAt'].find((field) => field in example);
    if (time !== undefined) for (const wrong of ['2026-03-02T03:42:00+01:00', '2026-03-02 03:42:00Z', '1772422920', 1_772_422_920]) assert.equal(validate({ ...example, [time]: wrong }), false, String(wrong));
  });

  test(`the schema of ${report.name} accepts unknown fields of a newer release`, () => {
    assertValid(validator(schema(report.name)), { ...examples().get(report.name), addedLater: { anything: [1] } });
  });
}

test('docs/json.md lists every field with its meaning', () => {
  const page = readFileSync(PAGE, 'utf8');
  const head = BEFORE_FIELDS.exec(page)?.[0] ?? assert.fail('the page has no part for the fields');
  const text = `${head}\n${reference()}\n`;
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(PAGE, text);
  assert.equal(readFileSync(PAGE, 'utf8'), text);
  // Every field must have a description; only fields of a small object may be described with the object.
  assert.deepEqual(text.split('\n').filter((line) => /^\| `\w+` \|.*\|  \|$/.test(line)), []);
});

test('docs/json.md names every schema, and the package contains every schema', () => {
  const page = readFileSync(PAGE, 'utf8');
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const { name, type } of REPORTS) {
    assert.ok(page.includes(`schemas/${name}.schema.json`), name);
    const version = fieldsOf(declarations(), type).find((field) => field.name === 'schema')?.type;
    assert.deepEqual(version, { kind: 'text', value: `cc-session-recover/${name}@1` });
  }
  for (const file of ['schemas', 'docs/json.md']) assert.ok(files.includes(file), file);
});

test('a type declaration that cannot be parsed is an error', () => {
  const all = declarations();
  assert.equal(all.size, [...contractText().matchAll(/^export (?:interface|type) /gm)].length);
  assert.ok(fieldsOf(all, 'ListReport').some(({ name }) => name === 'sessions'), 'what an interface extends belongs to it');
  assert.throws(() => schemaOf({ name: 'x', type: 'StopKind', title: '' }), /is no object/);
});

test('the state and stop words cover exactly the values of the types', () => {
  const all = declarations();
  const values = (/** @type {string} */ name) => /** @type {any} */ (all.get(name)).type.of.map((/** @type {any} */ member) => member.value);
  assert.deepEqual(Object.keys(KINDS), values('StopKind'));
  assert.deepEqual(Object.keys(STATES), values('SessionState'));
  assert.deepEqual(Object.keys(STATUSES).toSorted(), values('SessionStatus').toSorted());
  assert.deepEqual(schema('config').properties.stops.propertyNames.enum, values('StopKind'));
});

test('the sample sessions of the screen tests match the schemas', () => {
  const validate = validator(schema('status'));
  for (const session of [...made.EVERYTHING, ...made.HOSTILE]) assertValid(validate, made.listReport([session]), session.id);
  assertValid(validator(schema('recall')), made.recallReport(made.EVERYTHING));
  assertValid(validator(schema('resume')), made.resumeReport(made.EVERYTHING));
});

// ---- Real output -------------------------------------------------------------------------------------------------------

const SHARED = schema('definitions');

/**
 * Returns the paths of fields that are in a value and not in its schema.
 *
 * @param {any} value
 * @param {any} part
 * @param {string} path
 * @returns {string[]}
 */
function undocumented(value, part, path = '') {
  if (part.$ref !== undefined) return undocumented(value, SHARED.$defs[part.$ref.split('/').at(-1)], path);
  if (part.anyOf !== undefined) return value === null ? [] : undocumented(value, part.anyOf[0], path);
  if (Array.isArray(value)) return value.flatMap((item, index) => undocumented(item, part.items ?? {}, `${path}[${index}]`));
  if (value === null || typeof value !== 'object' || part.properties === undefined) return [];
  return Object.entries(value).flatMap(([field, item]) => (field in part.properties ? undocumented(item, part.properties[field], `${path}.${field}`) : [`${path}.${field}`]));
}

/** Writes the recorded sessions of real clients. @param {ReturnType<typeof world>} place */
function recordedSessions(place) {
  const fixtures = join(ROOT, 'fixtures', 'transcripts');
  const files = readdirSync(fixtures).filter((name) => name.endsWith('.jsonl'));
  const directory = join(place.claude, 'projects', place.project.replace(/[^A-Za-z0-9]/g, '-'));
  mkdirSync(directory, { recursive: true });
  for (const [index, name] of files.entries()) {
    const id = `0f0f0f0f-0000-4000-8000-${String(index).padStart(12, '0')}`;
    const text = readFileSync(join(fixtures, name), 'utf8');
    const recorded = /"sessionId":"([^"]+)"/.exec(text)?.[1];
    // Set the times to now: events long ago are no longer shown.
    const now = new Date().toISOString().slice(0, 10);
    writeFileSync(join(directory, `${id}.jsonl`), (recorded === undefined ? text : text.replaceAll(recorded, id)).replace(/"timestamp":"\d{4}-\d\d-\d\dT/g, `"timestamp":"${now}T`));
  }
}

test('status --json and list --json match their schemas and print no undocumented field', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: '3f2a9c1d-0000-4000-8000-000000000001' });
  recordedSessions(place);
  for (const argv of [['status', '--json'], ['status', '--all', '--json'], ['list', '--json'], ['list', '--state', 'orphaned', '--json']]) {
    const { status, stdout, stderr } = await place.run(argv);
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.ok(report.sessions.length >= 3, `${report.sessions.length} sessions`);
    const form = schema('status');
    assertValid(validator(form), report);
    assert.deepEqual(undocumented(report, form), []);
  }
});

test('show --json prints one session that matches the session schema', async (t) => {
  const place = world(t);
  await stoppedSession(place, { id: '3f2a9c1d-0000-4000-8000-000000000001' });
  const { status, stdout, stderr } = await place.run(['show', '3f2a', '--json']);
  assert.equal(status, 0, stderr);
  const form = schema('session');
  const session = JSON.parse(stdout);
  assertValid(validator(form), session);
  assert.deepEqual(undocumented(session, form), []);
  assert.equal(session.turns, 1);
});

test('an undocumented field is detected', () => {
  const form = schema('status');
  const report = made.statusReport([{ ...made.WAITING, colour: 1, live: { ...made.WAITING.live, shoe: 2 } }]);
  assert.deepEqual(undocumented(report, form), ['.sessions[0].live.shoe', '.sessions[0].colour']);
});

// ---- Configuration -----------------------------------------------------------------------------------------------------

const CONFIGS = [
  [{}, null, { heartbeat: {} }, { heartbeat: { enabled: false, graceSeconds: 0.5, stepSeconds: 0, escapeCancels: true, beyondClientCap: false } }],
  [{ supervisor: { marginSeconds: 1, jitterSeconds: 1, pollSeconds: 1, maxCyclesPerDay: 4_294_967_295, maxRunMinutes: 31_536_000 } }],
  [{ retry: { scheduleMinutes: [], rateLimitMinutes: [0.1, 5], slowMinutes: 3, giveUpHours: 1 } }],
  [{ stops: { crashed: 'resume', finished: 'ignore', unknown: 'notify' } }, { stops: {} }],
  [{ unattended: { permissionCeiling: 'plan', transport: 'print', launcher: null, maxContextTokens: null } }, { unattended: { launcher: ['/bin/x', 'work'], transport: 'terminal', maxContextTokens: 5 } }],
  [{ lateWakeHours: null }, { lateWakeHours: 0 }, { quietHours: null }, { quietHours: { from: '22:00', to: '07:00' } }, { nightlyCap: 3 }, { nightlyCap: null }, { hungMinutes: 0.1 }, { hungMinutes: null }],
  [{ note: { instruction: false, blocks: 0 } }, { configDirs: ['/a'] }, { context: { warnPercent: [80, 92], maxSessionMegabytes: 50 }, state: { save: false, archives: 0, startup: false, resume: true, compact: true }, notify: { desktop: true, webhook: null }, retention: { exportsDays: 90 } }],
  [{ saving: { watch: false, waitSeconds: 0.5, shadowLog: false } }, { saving: [true] }, { saving: { waitSeconds: -1 } }, { saving: { wait: 1 } }, { saving: null }],
  [{ $schema: 'https://example.org/config.schema.json' }, { heartbeat: [] }, { note: [true, 3] }, [], { context: { warnPercent: [80], maxSessionMegabytes: 50 } }, { context: { warnPercent: [80, -1] } }, { context: { percent: 5 } }, { hungMinutes: -1 }],
  [{ heartbeats: {} }, { heartbeat: { grace: 1 } }, { heartbeat: null }, { heartbeat: { graceSeconds: '1' } }, { heartbeat: { graceSeconds: -1 } }, { heartbeat: { graceSeconds: 31_536_001 } }, { heartbeat: { enabled: 1 } }],
  [{ supervisor: { maxCyclesPerDay: 1.5 } }, { supervisor: { maxCyclesPerDay: -1 } }, { supervisor: { maxCyclesPerDay: 4_294_967_296 } }, { supervisor: { pollSeconds: null } }],
  [{ retry: { scheduleMinutes: [1, -2] } }, { retry: { scheduleMinutes: 5 } }, { retry: { rateLimitMinutes: ['1'] } }],
  [{ stops: { nonsense: 'resume' } }, { stops: { crashed: 'retry' } }, { stops: null }],
  [{ unattended: { launcher: 5 } }, { unattended: { launcher: '/bin/x' } }, { unattended: { transport: 'window' } }, { quietHours: { from: '22:00' } }, { unattended: { permissionCeiling: null } }, { unattended: { maxContextTokens: -1 } }, { unattended: { prompt: 'x' } }],
  [{ lateWakeHours: -1 }, { lateWakeHours: '8' }, { nightlyCap: 0.5 }, { nightlyCap: -1 }, { hungMinutes: 'x' }, { note: { blocks: -1 } }, { note: { lines: 1 } }, { configDirs: '/a' }, { configDirs: [1] }, { configDirs: null }],
  [{ notify: {} }, { notify: { desktop: false, webhook: 'https://example.com/hook' } }, { notify: { webhook: 'http://127.0.0.1:8080/x' } }, { notify: { webhook: 'http://[::1]:9' } }, { notify: { webhook: 'http://localhost/x' } }],
  [{ notify: null }, { notify: [] }, { notify: { desktop: 1 } }, { notify: { mail: 'x' } }, { notify: { webhook: 'http://example.com/x' } }, { notify: { webhook: 'http://127.0.0.1.example.com/' } }, { notify: { webhook: 'https://me:secret@example.com/' } }, { notify: { webhook: 'ftp://x' } }, { notify: { webhook: '' } }],
  [{ state: {} }, { state: { archives: 1000 } }, { state: { archives: 1001 } }, { state: { archives: -1 } }, { state: [true] }, { state: { clear: true } }, { state: { resume: 'yes' } }],
  [{ retention: {} }, { retention: { exportsDays: 0, snapshotsDays: 0.5, pagesDays: 30, outputsDays: 7, recordsDays: 31_536_000 } }, { retention: { exportsDays: 'never' } }, { retention: { pagesDays: -1 } }, { retention: { days: 1 } }, { retention: [90] }, { retention: null }],
  ['x', 5],
].flat();

test('the configuration schema accepts exactly what the program accepts', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ccsr-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const { project, env } = world(t);
  const file = join(directory, 'config.json');
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  Object.assign(process.env, { HOME: env.HOME, CLAUDE_CONFIG_DIR: env.CLAUDE_CONFIG_DIR, CC_RECOVER_STATE_DIR: env.CC_RECOVER_STATE_DIR, CC_RECOVER_CONFIG: file });
  const { status } = require('../index.js');
  const validate = validator(schema('config'));
  let refused = 0;
  for (const config of CONFIGS) {
    writeFileSync(file, JSON.stringify(config));
    const { problems } = await status({ project });
    const accepted = problems.length === 0;
    if (!accepted) refused += 1;
    assert.equal(validate(config), accepted, `${JSON.stringify(config)}: ${JSON.stringify(problems)}`);
  }
  assert.ok(refused > 20 && CONFIGS.length - refused > 15, `${refused} of ${CONFIGS.length} refused`);
});

test('the configuration example in docs/json.md is valid', () => {
  assertValid(validator(schema('config')), examples().get('config'));
});

test('watch --status --json matches its schema and prints no undocumented field', async (t) => {
  const { status, stdout, stderr } = await world(t).run(['watch', '--status', '--json']);
  assert.equal(status, 0, stderr);
  const form = schema('service');
  assertValid(validator(form), JSON.parse(stdout));
  assert.deepEqual(undocumented(JSON.parse(stdout), form), []);
});
