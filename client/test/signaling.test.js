/** The client's end against a real WebSocket server that a script drives: what is said, told and shown while all goes well. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { Signaling } from '../src/signaling.js';
import { nextOf, record } from './events.js';
import { greeted } from './greeted.js';
import { scriptedGateway } from './scripted-gateway.js';

/** @import { TestContext } from 'node:test' */
/** @import { SignalingOptions } from '../src/options.js' */

test('connecting goes from closed over connecting to idle, with the id and servers that the gateway gave', async (t) => {
  const { signaling, gateway } = await start(t);
  const states = record(signaling, ['statechange']);
  assert.equal(signaling.state, 'closed');
  signaling.connect();
  const client = await gateway.connection();
  client.greet({ clientId: 'c1', iceServers: [{ urls: 'stun:s' }] });
  await nextOf(signaling, 'ready');
  assert.equal(signaling.clientId, 'c1');
  assert.deepEqual([signaling.iceServers, signaling.iceTransportPolicy], [[{ urls: 'stun:s' }], 'all']);
  assert.deepEqual(
    states.map(([, { state }]) => state),
    ['connecting', 'idle'],
  );
});

test('it offers duet.v1 unless asked to offer others or none, and tells which the server chose', async (t) => {
  const gateway = await scriptedGateway(t);
  for (const [options, protocol] of /** @type {[SignalingOptions, string][]} */ ([
    [{}, 'duet.v1'],
    [{ protocols: ['one'] }, 'one'],
    [{ protocols: [] }, ''],
  ])) {
    const signaling = new Signaling(gateway.url, { WebSocket, ...options });
    t.after(() => signaling.close());
    signaling.connect();
    assert.deepEqual(await nextOf(signaling, 'open'), { protocol });
  }
});

test('a whole encounter: wish, match, offer, answer, candidates, the partner leaves', async (t) => {
  const { signaling, client } = await greeted(t);
  signaling.available({ pool: 'x', tags: ['go'] });
  assert.equal(signaling.state, 'waiting');
  assert.deepEqual(await client.take(), { type: 'available', pool: 'x', tags: ['go'] });

  client.match({ iceServers: [{ urls: 'turn:t' }], iceTransportPolicy: 'relay' });
  await nextOf(signaling, 'matched');
  const { state, roomId, partnerId, initiator, iceServers, iceTransportPolicy } = signaling;
  assert.deepEqual(
    { state, roomId, partnerId, initiator, iceServers, iceTransportPolicy },
    { state: 'matched', roomId: 'r1', partnerId: 'p1', initiator: true, iceServers: [{ urls: 'turn:t' }], iceTransportPolicy: 'relay' },
  );

  assert.equal(signaling.offer({ type: 'offer', sdp: 'o' }), true);
  assert.deepEqual(await client.take(), { type: 'offer', sdp: 'o', roomId: 'r1' });
  client.send({ type: 'answer', from: 'p1', sdp: 'a', colour: 'red' });
  assert.deepEqual(await nextOf(signaling, 'answer'), { type: 'answer', from: 'p1', sdp: 'a', colour: 'red' });
  signaling.ice(null, { n: 1 });
  assert.deepEqual(await client.take(), { n: 1, type: 'ice', candidate: null, roomId: 'r1' });
  signaling.reportState({ ice: 'connected', setupMs: 12 });
  assert.deepEqual(await client.take(), { type: 'state', ice: 'connected', setupMs: 12 });

  client.send({ type: 'partner-left', reason: 'left', requeued: true });
  assert.deepEqual(await nextOf(signaling, 'room-ended'), { roomId: 'r1', reason: 'left' });
  assert.equal(signaling.state, 'waiting');
  assert.equal(signaling.roomId, null);
});

test('who one is comes first, whatever was said before, and the rest keeps its order', async (t) => {
  const { signaling, gateway } = await start(t, { auth: async () => ({ token: 'jwt' }) });
  signaling.ping(1);
  signaling.available({ pool: 'p' });
  signaling.ping(2);
  signaling.report({ reason: 'spam', roomId: 'old' });
  signaling.connect();
  const client = await gateway.connection();
  client.greet();
  assert.deepEqual(await client.take(), { type: 'auth', token: 'jwt' });
  assert.deepEqual(await client.take(), { type: 'available', pool: 'p' });
  assert.deepEqual(await client.take(), { type: 'ping', id: 1 });
  assert.deepEqual(await client.take(), { type: 'ping', id: 2 });
  assert.deepEqual(await client.take(), { type: 'report', reason: 'spam', roomId: 'old' });
});

test('nothing is said before the server has greeted', async (t) => {
  const { signaling, gateway } = await start(t);
  signaling.connect();
  signaling.ping('early');
  const client = await gateway.connection();
  await nextOf(signaling, 'open');
  signaling.ping('open');
  assert.deepEqual(await client.untaken(), []);
  client.greet();
  assert.deepEqual([(await client.take()).id, (await client.take()).id], ['early', 'open']);
});

test('what waits is bounded: the message beyond is refused with a clear error, and those before arrive', async (t) => {
  const { signaling, gateway } = await start(t);
  for (let id = 0; id < 256; id += 1) signaling.ping(id);
  assert.throws(() => signaling.ping(256), { name: 'OutboxFullError', code: 'outbox-full', message: /256 messages/ });
  signaling.connect();
  const client = await gateway.connection();
  client.greet();
  for (let id = 0; id < 256; id += 1) assert.equal((await client.take()).id, id);
  signaling.ping('last');
  assert.equal((await client.take()).id, 'last');
});

test('without a room, or for another one, nothing goes to a partner', async (t) => {
  const { signaling, client } = await greeted(t);
  assert.equal(signaling.offer('o'), false);
  signaling.available();
  client.match({ roomId: 'r2' });
  await nextOf(signaling, 'matched');
  assert.equal(signaling.ice('candidate:late', { roomId: 'r1' }), false);
  assert.equal(signaling.ice('candidate:good', { roomId: 'r2' }), true);
  assert.equal((await client.take()).type, 'available');
  assert.equal((await client.take()).candidate, 'candidate:good');
});

test('next names the room it leaves; the room ends at once', async (t) => {
  const { signaling, client } = await matched(t);
  const ended = record(signaling, ['room-ended']);
  signaling.next();
  assert.deepEqual(ended, [['room-ended', { roomId: 'r1', reason: 'next' }]]);
  assert.equal(signaling.state, 'waiting');
  assert.deepEqual(await client.take(), { type: 'next', roomId: 'r1' });
});

test('leave rests', async (t) => {
  const { signaling, client } = await matched(t);
  signaling.leave();
  assert.equal(signaling.state, 'idle');
  assert.deepEqual(await client.take(), { type: 'leave' });
});

test('a report names the room, also just after it, and ends it', async (t) => {
  const { signaling, client } = await matched(t);
  signaling.report({ reason: 'spam', details: 'sells things' });
  assert.deepEqual(await client.take(), { type: 'report', reason: 'spam', details: 'sells things', roomId: 'r1' });
  assert.equal(signaling.state, 'idle');
  signaling.report({ reason: 'rude' });
  assert.deepEqual(await client.take(), { type: 'report', reason: 'rude', roomId: 'r1' });
});

test('a wish that the server could not take is said again after the time it asked for', async (t) => {
  const { signaling, client } = await greeted(t, { random: () => 0 });
  signaling.available({ pool: 'p' });
  await client.take();
  const error = nextOf(signaling, 'error');
  client.send({ type: 'error', code: 'unavailable', message: 'not now', retryAfterMs: 1 });
  assert.equal((await error).code, 'unavailable');
  assert.deepEqual(await client.take(), { type: 'available', pool: 'p' });
});

test('a wish that was answered is not said again', async (t) => {
  const { signaling, client } = await greeted(t, { random: () => 0 });
  signaling.available();
  await client.take();
  client.send({ type: 'waiting', pool: 'default' });
  client.send({ type: 'error', code: 'rate-limited', message: 'slower', retryAfterMs: 0 });
  await nextOf(signaling, 'error');
  // A timer set now runs after one that was set before for the same time.
  await new Promise((resolve) => setTimeout(resolve, 1));
  signaling.ping('end');
  assert.deepEqual(await client.take(), { type: 'ping', id: 'end' });
});

test('when the token ends soon, the auth function is asked again', async (t) => {
  let asked = 0;
  const { client } = await greeted(t, { auth: () => ({ token: `t${(asked += 1)}` }) });
  assert.deepEqual(await client.take(), { type: 'auth', token: 't1' });
  client.send({ type: 'token-expiring', inMs: 1000 });
  assert.deepEqual(await client.take(), { type: 'auth', token: 't2' });
});

test('kinds that it does not know are told only as message; what is no message is an error', async (t) => {
  const { signaling, client } = await greeted(t);
  const seen = record(signaling, ['message', 'error']);
  const own = record(signaling, ['ended', 'close']);
  client.send({ type: 'brand-new', x: 1 });
  client.send({ type: 'ended', why: 'a newer server may say this' });
  client.socket.send('[]');
  client.socket.send('{');
  client.socket.send(Buffer.from([1, 2]));
  client.send({ type: 'pong', id: 'end' });
  await nextOf(signaling, 'pong');
  assert.deepEqual(
    seen.map(([kind, event]) => (kind === 'error' ? event.code : event.type)),
    ['brand-new', 'ended', 'bad-server-message', 'bad-server-message', 'bad-server-message', 'pong'],
  );
  assert.deepEqual(own, []);
});

test('a listener taken away hears nothing, and one that throws stops neither the others nor the client', async (t) => {
  const { signaling, client } = await greeted(t);
  /** @type {string[]} */
  const heard = [];
  const off = signaling.on('pong', () => heard.push('taken away'));
  off();
  signaling.on('pong', () => {
    throw new Error('of the listener');
  });
  signaling.on('pong', () => heard.push('other'));
  const uncaught = new Promise((resolve) => {
    const [before] = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => {
      if (before) process.on('uncaughtException', before);
      resolve(error.message);
    });
  });
  client.send({ type: 'pong' });
  assert.equal(await uncaught, 'of the listener');
  assert.deepEqual(heard, ['other']);
});

/** @param {TestContext} t @param {SignalingOptions} [options] */
async function start(t, options = {}) {
  const gateway = await scriptedGateway(t);
  const signaling = new Signaling(gateway.url, { WebSocket, ...options });
  t.after(() => signaling.close());
  return { signaling, gateway };
}

/** @param {TestContext} t */
async function matched(t) {
  const all = await greeted(t);
  all.signaling.available();
  await all.client.take();
  all.client.match();
  await nextOf(all.signaling, 'matched');
  return all;
}
