/** Whom one does not want to meet again: the list, what it means for a session, and what the server hears of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Blocked } from '../src/blocked.js';
import { Session } from '../src/session.js';
import { nextOf, record } from './events.js';
import { greeted } from './greeted.js';

/** @import { MatchedMessage } from '../src/messages.js' */

/** @param {string} partnerId @param {Partial<MatchedMessage>} [more] @returns {MatchedMessage} */
const matched = (partnerId, more) => ({ type: 'matched', roomId: `room with ${partnerId}`, partnerId, initiator: false, ...more });
const WAITING = /** @type {const} */ ({ type: 'waiting', pool: 'default' });
const ALREADY = /** @type {const} */ ({ type: 'error', code: 'already-matched', message: 'in a room' });
const LEAVE = { type: 'leave' };
/** @param {string[]} avoid */
const avoiding = (...avoid) => ({ type: 'available', tags: ['chess'], avoid });

/** @param {MatchedMessage} room */
function inRoom(room) {
  const session = new Session();
  session.available({ tags: ['chess'] });
  session.take(room);
  return session;
}

test('the list keeps the latest sixteen, each once', () => {
  const blocked = new Blocked(['first', 'second', 'first']);
  assert.deepEqual(blocked.ids, ['second', 'first']);
  for (let n = 0; n < 15; n += 1) blocked.add(`p${n}`);
  assert.equal(blocked.ids.length, 16);
  assert.deepEqual([blocked.ids[0], blocked.ids.at(-1)], ['first', 'p14']);
  blocked.add('first');
  assert.deepEqual([blocked.ids.length, blocked.ids[0], blocked.ids.at(-1)], [16, 'p0', 'first']);
});

test('a wish avoids those of its own and those of the list, the list first where there is not room for all', () => {
  assert.deepEqual(new Blocked().addTo({ avoid: ['a'] }), { avoid: ['a'] });
  assert.deepEqual(new Blocked(['b']).addTo({ pool: 'x', avoid: ['a', 'b'] }), { pool: 'x', avoid: ['a', 'b'] });
  const own = Array.from({ length: 16 }, (_, index) => `own${index}`);
  assert.deepEqual(new Blocked(['b']).addTo({ avoid: own }).avoid, [...own.slice(1), 'b']);
});

test('whom to block is the partner or the last one, by the id that lasts longest', () => {
  const session = new Session();
  assert.equal(session.whom(), null);
  session.available({});
  session.take(matched('p1', { partner: { userId: 'ada' } }));
  assert.deepEqual([session.whom(), session.whom('p1'), session.whom('ada'), session.whom('p9')], ['ada', 'ada', 'ada', 'p9']);
  session.leave();
  assert.equal(session.whom(), 'ada');
  session.available({});
  session.take(matched('p2'));
  assert.equal(session.whom(), 'p2');
});

test('who is blocked in the room is left, and the next is sought with wishes that say so', () => {
  const session = inRoom(matched('p1'));
  assert.deepEqual(session.block('p1', 'next'), [LEAVE, avoiding('p1')]);
  assert.deepEqual([session.room, session.seeking], [null, true]);
  assert.deepEqual(session.pollEnded(), { roomId: 'room with p1', reason: 'blocked' });

  const resting = inRoom(matched('p1'));
  assert.deepEqual(resting.block('p1', 'leave'), [LEAVE]);
  assert.equal(resting.seeking, false);
  assert.deepEqual(resting.available({ tags: ['chess'] }), [avoiding('p1')]);
});

test('who is blocked while one waits is told to the server at once; who was not there at all, with the next wish', () => {
  const session = inRoom(matched('p1'));
  session.take({ type: 'partner-left', reason: 'left', requeued: true });
  assert.deepEqual(session.block('p1', 'next'), [avoiding('p1')]);
  assert.deepEqual(session.unblock('p1'), [{ type: 'available', tags: ['chess'] }]);
  assert.equal(session.unblock('p1'), null);
  session.leave();
  assert.deepEqual(session.block('p1', 'next'), []);
});

test('blocked in a room that is kept, the server hears of it before it may choose anybody', () => {
  const going = inRoom(matched('p1'));
  assert.deepEqual(going.block('p0', 'next'), []);
  assert.deepEqual(going.block('p1', 'stay'), []);
  assert.equal(going.room?.partnerId, 'p1');
  assert.deepEqual(going.next(), [LEAVE, avoiding('p0', 'p1')]);

  // The partner goes first, and the server asks again with the wishes it has.
  const left = inRoom(matched('p1'));
  left.block('p1', 'stay');
  left.take({ type: 'partner-left', reason: 'left', requeued: true });
  assert.deepEqual(left.take(WAITING), { tell: true, replies: [avoiding('p1')] });
  assert.deepEqual(left.take(WAITING), { tell: true });

  // It may have found the same one by then: then that is no room.
  const again = inRoom(matched('p1'));
  again.block('p1', 'stay');
  again.take({ type: 'partner-left', reason: 'left', requeued: true });
  assert.deepEqual(again.take(matched('p1', { roomId: 'again' })), { tell: false, replies: [LEAVE, avoiding('p1')] });
  assert.equal(again.room, null);
});

test('a block that crossed a match with the same one ends that room, and one that did not stands', () => {
  const session = inRoom(matched('p1'));
  session.take({ type: 'partner-left', reason: 'left', requeued: true });
  session.block('p1', 'next');
  assert.deepEqual(session.take(matched('p1', { roomId: 'crossed' })), { tell: true });
  assert.deepEqual(session.take(ALREADY), { tell: true, replies: [LEAVE, avoiding('p1')] });
  assert.equal(session.room, null);

  const other = inRoom(matched('p1'));
  other.block('p1', 'next');
  other.take(matched('p2'));
  assert.deepEqual(other.take(ALREADY), { tell: true });
  assert.equal(other.room?.partnerId, 'p2');
  assert.deepEqual(other.next(), [LEAVE, avoiding('p1')], 'the server still has the wishes of before');
});

test('a server that pays no heed to it is not asked over and over', () => {
  const session = inRoom(matched('p1'));
  session.block('p1', 'next');
  assert.deepEqual(session.take(matched('p1', { roomId: 'same' })), { tell: true });
  assert.equal(session.room?.roomId, 'same');
});

test('the server hears of a block in order, the application of the list', async (t) => {
  const { signaling, client } = await greeted(t, { blocked: ['old'] });
  const told = record(signaling, ['blockedchange', 'room-ended', 'statechange']);
  assert.equal(signaling.block(), null);
  signaling.available({ tags: ['chess'] });
  assert.deepEqual(await client.take(), avoiding('old'));
  client.match({ tags: ['chess'], partner: { userId: 'ada', name: 'Ada' } });
  await nextOf(signaling, 'matched');
  assert.deepEqual([signaling.tags, signaling.partner], [['chess'], { userId: 'ada', name: 'Ada' }]);

  assert.equal(signaling.block(), 'ada');
  assert.deepEqual(await client.take(), LEAVE);
  assert.deepEqual(await client.take(), avoiding('old', 'ada'));
  assert.deepEqual([signaling.tags, signaling.partner, signaling.state], [[], null, 'waiting']);

  signaling.unblock('ada');
  assert.deepEqual(await client.take(), avoiding('old'));
  signaling.unblock('ada');
  assert.deepEqual(told, [
    ['statechange', { state: 'waiting', previous: 'idle' }],
    ['statechange', { state: 'matched', previous: 'waiting' }],
    ['room-ended', { roomId: 'r1', reason: 'blocked' }],
    ['statechange', { state: 'waiting', previous: 'matched' }],
    ['blockedchange', { blocked: ['old', 'ada'] }],
    ['blockedchange', { blocked: ['old'] }],
  ]);
});

test('a new session of the same page avoids the same', async (t) => {
  const { signaling, client, gateway } = await greeted(t, { random: () => 0 });
  signaling.available({ tags: ['chess'] });
  await client.take();
  client.match();
  await nextOf(signaling, 'matched');
  signaling.block(undefined, { then: 'leave' });
  assert.equal(signaling.state, 'idle');
  signaling.available({ tags: ['chess'] });
  client.socket.terminate();
  const again = await gateway.connection();
  again.greet({ clientId: 'new' });
  assert.deepEqual(await again.take(), avoiding('p1'));
});

test('what the server says of the wait is there for as long as one waits', async (t) => {
  const { signaling, client } = await greeted(t);
  const seen = record(signaling, ['waiting']);
  assert.equal(signaling.waiting, null);
  signaling.available();
  const [first, second] = [{ ...WAITING, position: 3, estimateMs: 9_000 }, { ...WAITING, position: 1, widened: true }];
  client.send(first);
  await nextOf(signaling, 'waiting');
  assert.deepEqual(signaling.waiting, first);
  client.send(second);
  await nextOf(signaling, 'waiting');
  assert.deepEqual(signaling.waiting, second);
  assert.deepEqual(seen, [['waiting', first], ['waiting', second]]);
  client.match();
  await nextOf(signaling, 'matched');
  assert.equal(signaling.waiting, null);
  signaling.next();
  assert.equal(signaling.waiting, null);
  client.send(first);
  await nextOf(signaling, 'waiting');
  signaling.leave();
  assert.equal(signaling.waiting, null);
});
