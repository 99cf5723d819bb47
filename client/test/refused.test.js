/** Numbered messages (`duet.v1`) that the server could not take, dropped, or has not acknowledged: what is said again, and how. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextOf, record } from './events.js';
import { IDLE, greeted, inRoom, resume, start } from './resumable.js';

test('what is unavailable is sent again with its number, and all that came behind it', async (t) => {
  const { signaling, client } = await inRoom(t);
  const errors = record(signaling, ['error']);
  for (const candidate of ['a', 'b']) signaling.ice(candidate);
  await client.take();
  await client.take();
  client.send({ type: 'error', code: 'unavailable', message: 'm', refused: 2, retryAfterMs: 20 });
  client.send({ type: 'error', code: 'invalid-message', message: 'm', refused: 3, expected: 2 });
  await nextOf(signaling, 'error');
  signaling.ice('c');
  for (const [seq, candidate] of [[2, 'a'], [3, 'b'], [4, 'c']]) {
    assert.deepEqual(await client.take(), { type: 'ice', candidate, roomId: 'r1', seq });
  }
  assert.deepEqual(errors.map(([, { code }]) => code), ['unavailable']);
});

test('a wish that is unavailable is sent again once, and under its number', async (t) => {
  const { signaling, gateway } = await start(t);
  const client = await greeted(signaling, gateway);
  signaling.available();
  await client.take();
  client.send({ type: 'error', code: 'unavailable', message: 'm', refused: 1, retryAfterMs: 1 });
  assert.deepEqual(await client.take(), { type: 'available', seq: 1 });
  signaling.ping('end');
  assert.deepEqual(await client.take(), { type: 'ping', id: 'end' });
});

test('a wish that was dropped for the rate is said again under a new number; for anything else it is not', async (t) => {
  const { signaling, gateway } = await start(t);
  const client = await greeted(signaling, gateway);
  signaling.available();
  signaling.reportState({ ice: 'failed' });
  await client.take();
  await client.take();
  client.send({ type: 'error', code: 'rate-limited', message: 'm', refused: 2, retryAfterMs: 0 });
  await nextOf(signaling, 'error');
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(await client.untaken(), []);
  client.send({ type: 'error', code: 'rate-limited', message: 'm', refused: 1, retryAfterMs: 0 });
  assert.deepEqual(await client.take(), { type: 'available', seq: 3 });
});

test('a wish that was dropped before the connection broke is said in the resumed session', async (t) => {
  const { signaling, gateway } = await start(t);
  const client = await greeted(signaling, gateway);
  signaling.available();
  await client.take();
  client.send({ type: 'error', code: 'rate-limited', message: 'm', refused: 1, retryAfterMs: 20 });
  await nextOf(signaling, 'error');
  const again = await resume(client, gateway, { ...IDLE, ack: 1 });
  assert.deepEqual(await again.take(), { type: 'available', seq: 2 });
});

test('too much without an acknowledgement waits, then is refused; wishes never are', async (t) => {
  const { signaling, client } = await inRoom(t, { outboxLimit: 3 });
  for (let at = 2; at <= 256; at += 1) signaling.ice(String(at));
  client.send({ type: 'pong', ack: 1 });
  await nextOf(signaling, 'pong');
  for (let at = 257; at <= 260; at += 1) signaling.ice(String(at));
  assert.throws(() => signaling.ice('one more'), { code: 'outbox-full' });
  const until = async (/** @type {number} */ last) => {
    for (let message = await client.take(); message.seq !== last; message = await client.take());
  };
  await until(257);
  client.send({ type: 'pong', ack: 257 });
  await until(260);
  for (let at = 261; at <= 513 + 3; at += 1) signaling.ice(String(at));
  assert.throws(() => signaling.reportState({ ice: 'failed' }), { code: 'outbox-full' });
  signaling.leave();
  client.send({ type: 'pong', ack: 513 });
  await until(514);
});
