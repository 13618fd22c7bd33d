// What `npm run record-fixtures` removes from a recording, and what it calls a difference.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REMOVED, differences, leftIn, sanitiser } from './client/sanitise.mjs';

const PERSONAL = { home: '/tmp/ccsr-test-Ab1/home', project: '/tmp/ccsr-test-Ab1/project', root: '/tmp/ccsr-test-Ab1', user: 'ada', host: 'ada-laptop' };
const ONE = '3f2a9c1d-1111-4222-8333-444455556666';
const OTHER = '77aa0000-1111-4222-8333-444455556666';

test('paths, names, addresses and ids are mapped, and records still refer to one another', () => {
  const sanitised = sanitiser(PERSONAL);
  const record = { uuid: ONE, parentUuid: null, cwd: '/tmp/ccsr-test-Ab1/project/src', text: 'ada at ada-laptop asks http://127.0.0.1:4711/v1, madam', path: '-tmp-ccsr-test-Ab1-project' };
  const reply = { uuid: OTHER, parentUuid: ONE, rendered: [{ content: 'x'.repeat(50) }], message: { content: 'y'.repeat(50) } };
  const [first, second] = [record, reply].map((one) => sanitised(one));
  assert.deepEqual(first, { uuid: '00000001-0000-4000-8000-000000000001', parentUuid: null, cwd: '/home/dev/project/src', text: 'dev at host asks https://gateway.example/v1, madam', path: '-home-dev-project' });
  assert.deepEqual([second.uuid, second.parentUuid], ['00000002-0000-4000-8000-000000000002', first.uuid]);
  assert.deepEqual([second.rendered[0].content, second.message.content], [REMOVED, 'y'.repeat(50)]);
});

test('a personal detail that is left is found', () => {
  assert.deepEqual(leftIn('at /home/ada/x', ['/home/ada', 'ada-laptop', '']), ['/home/ada']);
});

test('different times, ids and texts do not count as a difference, but a different field, form or kind of record does', () => {
  const before = [{ type: 'user', uuid: ONE, message: { content: 'a' } }, { type: 'system', subtype: 'x' }];
  assert.deepEqual(differences(before, [{ type: 'user', uuid: OTHER, message: { content: 'b' } }, { type: 'system', subtype: 'x' }]), []);
  assert.deepEqual(differences(before, [{ type: 'user', uuid: null, message: { content: 'a' }, later: 1 }]), [
    '- system x',
    '- system x: subtype string',
    '- system x: type string',
    '+ user: later number',
    '+ user: uuid null',
    '- user: uuid string',
  ]);
});
