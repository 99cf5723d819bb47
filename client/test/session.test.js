import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Session } from '../src/session.js';

/** @import { MatchedMessage } from '../src/messages.js' */

/** @param {string} roomId @returns {MatchedMessage} */
const matched = (roomId) => ({ type: 'matched', roomId, partnerId: `partner of ${roomId}`, initiator: false });
/** @param {boolean} requeued */
const partnerLeft = (requeued) => /** @type {const} */ ({ type: 'partner-left', reason: 'left', requeued });
const WAITING = /** @type {const} */ ({ type: 'waiting', pool: 'default' });

/** @param {import('../src/messages.js').Wishes} [wishes] */
function inRoom(wishes = { tags: ['chess'] }) {
  const session = new Session();
  session.available(wishes);
  session.take(matched('r1'));
  return session;
}

/** @param {Session} session */
function endedRooms(session) {
  const all = [];
  for (let ended = session.pollEnded(); ended; ended = session.pollEnded()) all.push(`${ended.roomId} ${ended.reason}`);
  return all;
}

test('next in a room names that room, so that the partner after it is never left unseen', () => {
  const session = inRoom();
  assert.deepEqual(session.next(), [{ type: 'next', roomId: 'r1' }]);
  assert.equal(session.room, null);
  assert.deepEqual(endedRooms(session), ['r1 next']);
});

test('next without a room asks with the wishes of before', () => {
  const session = inRoom();
  session.leave();
  assert.deepEqual(session.next(), [{ type: 'available', tags: ['chess'] }]);
});

test('leave names no room: whatever there is by now is left', () => {
  assert.deepEqual(inRoom().leave(), [{ type: 'leave' }]);
});

test('a match that crossed our leave is not told, and is left', () => {
  const session = new Session();
  session.available({});
  session.leave();
  assert.deepEqual(session.take(matched('r1')), { tell: false, replies: [{ type: 'leave' }] });
  assert.equal(session.room, null);
});

test('waiting that crossed our leave is not told', () => {
  const session = new Session();
  session.available({});
  session.leave();
  assert.deepEqual(session.take(WAITING), { tell: false });
});

test('what the partner said before it heard of our next is not told', () => {
  const session = inRoom();
  session.next();
  assert.deepEqual(session.take({ type: 'offer', from: 'partner of r1', sdp: 'late' }), { tell: false });
});

test('a partner that left while our next was on its way: requeued, we wait; not requeued, we ask again', () => {
  const requeued = inRoom();
  requeued.next();
  assert.deepEqual(requeued.take(partnerLeft(true)), { tell: false });

  const resting = inRoom();
  resting.next();
  assert.deepEqual(resting.take(partnerLeft(false)), { tell: false, replies: [{ type: 'available', tags: ['chess'] }] });
});

test('a partner that left takes the wish along only if the server does not requeue us', () => {
  const requeued = inRoom();
  requeued.take(partnerLeft(true));
  assert.equal(requeued.seeking, true);

  const resting = inRoom();
  resting.take(partnerLeft(false));
  assert.equal(resting.seeking, false);
});

test('a server that has gone on to the queue or to another room ends the room we thought we had', () => {
  const session = inRoom();
  session.take(WAITING);
  assert.deepEqual(endedRooms(session), ['r1 replaced']);
  session.take(matched('r2'));
  session.take(matched('r3'));
  assert.deepEqual(endedRooms(session), ['r2 replaced']);
  assert.equal(session.room?.roomId, 'r3');
});

test('a lost connection ends the room and keeps the wish, if wishes are kept', () => {
  const kept = inRoom();
  kept.lost(true);
  assert.deepEqual(kept.begin(), { type: 'available', tags: ['chess'] });
  assert.deepEqual(endedRooms(kept), ['r1 connection-lost']);

  const dropped = inRoom();
  dropped.lost(false);
  assert.equal(dropped.begin(), null);
});

test('a wish that the server never answered is said again even if wishes are not kept', () => {
  const session = new Session();
  session.available({ pool: 'x' });
  session.lost(false);
  assert.deepEqual(session.begin(), { type: 'available', pool: 'x' });
});

test('a report in a room ends it and rests; without one it changes nothing', () => {
  const session = inRoom();
  session.reported();
  assert.deepEqual(endedRooms(session), ['r1 reported']);
  assert.equal(session.seeking, false);
  assert.equal(session.lastRoomId, 'r1');

  const waiting = new Session();
  waiting.available({});
  waiting.reported();
  assert.equal(waiting.seeking, true);
});

test('in any order of calls and messages each room ends once, and there is a room only while a partner is wanted', () => {
  let seed = 7;
  const random = (/** @type {number} */ below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let run = 0; run < 300; run += 1) {
    const session = new Session();
    const told = new Set();
    const ended = new Set();
    for (let step = 0; step < 60; step += 1) {
      const room = `r${run}-${step}`;
      const steps = [
        () => session.available({}),
        () => session.next(),
        () => session.leave(),
        () => session.reported(),
        () => session.block('somebody', 'stay'),
        () => session.block(session.whom() ?? 'nobody', 'next'),
        () => session.block(session.whom() ?? 'nobody', 'leave'),
        () => session.take({ type: 'error', code: 'already-matched', message: '' }),
        () => session.lost(random(2) === 0),
        () => session.take(WAITING),
        () => session.take(partnerLeft(random(2) === 0)),
        () => session.take(matched(room)).tell && told.add(room),
        () => session.take(matched(room)).tell && told.add(room),
      ];
      steps[random(steps.length)]?.();
      for (const one of endedRooms(session)) {
        assert.ok(!ended.has(one.split(' ')[0]), `ended twice: ${one}`);
        ended.add(one.split(' ')[0]);
      }
      if (session.room) assert.ok(session.seeking);
    }
    if (session.room) ended.add(session.room.roomId);
    assert.deepEqual([...ended], [...told]);
  }
});
