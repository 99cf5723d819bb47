import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Wire } from '../src/wire.js';

/** @import { TestContext } from 'node:test' */

/** A wire and what it wrote, in a time that the test moves. @param {TestContext} t @param {{ numbered?: boolean }} [how] */
function wired(t, { numbered = true } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  /** @type {any[]} */
  const written = [];
  const wire = new Wire((text) => written.push(JSON.parse(text)) > 0, () => 0);
  wire.begin(numbered);
  /** @param {Record<string, unknown>} message @param {number} [size] */
  const hear = (message, size = 1) => wire.hear(/** @type {any} */ (message), size);
  return { wire, written, hear, pass: (/** @type {number} */ ms) => t.mock.timers.tick(ms) };
}

test('with nothing else to say an acknowledgement follows within 5 s, once', (t) => {
  const { written, hear, pass } = wired(t);
  hear({ type: 'waiting', seq: 1 });
  pass(2_000);
  hear({ type: 'matched', seq: 2 });
  assert.deepEqual(written, []);
  pass(2_999);
  assert.deepEqual(written, [{ type: 'ping', ack: 2 }]);
  pass(20_000);
  assert.equal(written.length, 1);
});

test('what is said anyway carries the acknowledgement', (t) => {
  const { wire, written, hear, pass } = wired(t);
  hear({ type: 'waiting', seq: 1 });
  wire.send({ type: 'ice', candidate: null });
  wire.send({ type: 'ice', candidate: null });
  pass(20_000);
  assert.deepEqual(written, [
    { type: 'ice', candidate: null, seq: 1, ack: 1 },
    { type: 'ice', candidate: null, seq: 2 },
  ]);
});

test('many or long messages are acknowledged at once', (t) => {
  const { written, hear } = wired(t);
  for (let seq = 1; seq <= 32; seq += 1) hear({ type: 'ice', seq });
  assert.deepEqual(written, [{ type: 'ping', ack: 32 }]);
  hear({ type: 'offer', seq: 33 }, 70_000);
  assert.deepEqual(written[1], { type: 'ping', ack: 33 });
});

test('a server that acknowledges nothing is asked how far it is', (t) => {
  const { wire, written } = wired(t);
  for (let count = 0; count < 300; count += 1) wire.send({ type: 'ice', candidate: null });
  assert.equal(written.filter(({ type }) => type === 'ping').length, 4);
  assert.equal(written.filter(({ type }) => type === 'ice').length, 256);
});

test('what is said while something is held up is sent behind it, and gaps that follow from it are nobody else’s concern', (t) => {
  const { wire, written, hear, pass } = wired(t);
  for (const candidate of ['1', '2']) wire.send({ type: 'ice', candidate });
  assert.equal(hear({ type: 'error', code: 'unavailable', message: 'm', refused: 1, retryAfterMs: 500 }), true);
  assert.equal(hear({ type: 'error', code: 'invalid-message', message: 'm', refused: 2, expected: 1 }), false);
  assert.equal(wire.send({ type: 'ice', candidate: '3' }), true);
  assert.equal(written.length, 2);
  pass(500);
  assert.deepEqual(written.slice(2).map(({ seq, candidate }) => [seq, candidate]), [[1, '1'], [2, '2'], [3, '3']]);
});

test('a gap that nothing explains is closed too', (t) => {
  const { wire, written, hear, pass } = wired(t);
  for (const candidate of ['1', '2']) wire.send({ type: 'ice', candidate });
  assert.equal(hear({ type: 'error', code: 'invalid-message', message: 'm', refused: 2, expected: 1 }), false);
  pass(1_000);
  assert.deepEqual(written.slice(2).map(({ seq }) => seq), [1, 2]);
});

test('without numbers messages pass as they are, and nothing is said by itself', (t) => {
  const { wire, written, hear, pass } = wired(t, { numbered: false });
  const extra = { type: /** @type {const} */ ('ice'), candidate: null, ack: 7, seq: 8 };
  wire.send(extra);
  const heard = { type: 'ice', seq: 1, ack: 1 };
  assert.equal(hear(heard), true);
  pass(60_000);
  assert.deepEqual(written, [extra]);
  assert.deepEqual(heard, { type: 'ice', seq: 1, ack: 1 });
});

test('an application’s own fields are not taken for numbers or acknowledgements', (t) => {
  const { wire, written } = wired(t);
  const extra = { type: /** @type {const} */ ('ice'), candidate: null, ack: 7, seq: 8 };
  wire.send(extra);
  assert.deepEqual(written, [{ type: 'ice', candidate: null, seq: 1 }]);
});
