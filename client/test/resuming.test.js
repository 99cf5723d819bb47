/** A session that outlives its connection (`duet.v1`): what is said, repeated and told when it goes on, and when it can't. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextOf, record } from './events.js';
import { IDLE, RESUMED, TERMS, greeted, inRoom, resume, resumeOn, start } from './resumable.js';

const ALL = /** @type {const} */ ([
  'ready',
  'resumed',
  'matched',
  'offer',
  'ice',
  'partner-left',
  'room-ended',
  'error',
  'close',
  'reconnecting',
  'reconnected',
  'statechange',
  'ended',
]);

// First of all: a socket of another test that closes in this one's time would leave its own timer running.
test('a window that passes without a connection ends the room, and the next connection begins anew', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { signaling, client, gateway } = await inRoom(t, {
    reconnect: () => ({ reconnect: true, delayMs: 60_000 }),
    readyWithinMs: 0,
    liveness: { pingAfterMs: 0 },
  });
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  const seen = record(signaling, [...ALL]);
  t.mock.timers.tick(19_999);
  assert.deepEqual([seen, signaling.roomId], [[], 'r1']);
  t.mock.timers.tick(1);
  assert.deepEqual(seen, [
    ['room-ended', { roomId: 'r1', reason: 'connection-lost' }],
    ['partner-left', { type: 'partner-left', reason: 'connection-lost', requeued: true, local: true }],
  ]);
  assert.equal(signaling.state, 'reconnecting');
  t.mock.timers.tick(40_000);
  const again = await gateway.connection();
  again.greet({ clientId: 'new', ...TERMS });
  assert.deepEqual(await again.take(), { type: 'available', tags: ['chess'], seq: 1 });
  assert.equal(signaling.clientId, 'new');
});

test('what the session says is numbered, pings and identity are not, and acknowledgements go along', async (t) => {
  const { signaling, gateway } = await start(t, { auth: { userId: 'u' } });
  const client = await greeted(signaling, gateway);
  signaling.available({ pool: 'p' });
  signaling.ping(7);
  assert.deepEqual(await client.take(), { type: 'auth', userId: 'u' });
  assert.deepEqual(await client.take(), { type: 'available', pool: 'p', seq: 1 });
  assert.deepEqual(await client.take(), { type: 'ping', id: 7 });
  client.match({ seq: 1, ack: 1 });
  const matched = await nextOf(signaling, 'matched');
  assert.deepEqual(matched, { type: 'matched', roomId: 'r1', partnerId: 'p1', initiator: true });
  signaling.offer('o');
  signaling.reportState({ ice: 'connected' });
  assert.deepEqual(await client.take(), { type: 'offer', sdp: 'o', roomId: 'r1', seq: 2, ack: 1 });
  assert.deepEqual(await client.take(), { type: 'state', ice: 'connected', seq: 3 });
});

test('repeats are ignored; unknown kinds count as handled, and are told as message', async (t) => {
  const { signaling, client } = await inRoom(t);
  const ices = record(signaling, ['ice']);
  const messages = record(signaling, ['message']);
  client.send({ type: 'ice', from: 'p1', candidate: 'a', seq: 2 });
  client.send({ type: 'ice', from: 'p1', candidate: 'a', seq: 2 });
  client.send({ type: 'void', seq: 3 });
  client.send({ type: 'ice', from: 'p1', candidate: 'b', seq: 4 });
  client.send({ type: 'pong', id: 'end' });
  await nextOf(signaling, 'pong');
  assert.deepEqual(ices.map(([, { candidate }]) => candidate), ['a', 'b']);
  assert.deepEqual(messages.map(([, { type }]) => type), ['ice', 'void', 'ice', 'pong']);
  signaling.ping();
  assert.deepEqual(await client.take(), { type: 'ping', ack: 4 });
});

test('a broken connection is resumed: the room stays, nothing is lost, nothing comes twice', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  signaling.offer('taken');
  signaling.ice('lost 1');
  signaling.ice('lost 2');
  await client.take();
  await client.take();
  await client.take();
  const seen = record(signaling, [...ALL]);
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  const { state, roomId, partnerId, clientId, initiator } = signaling;
  assert.deepEqual(
    { state, roomId, partnerId, clientId, initiator },
    { state: 'reconnecting', roomId: 'r1', partnerId: 'p1', clientId: 'me', initiator: true },
  );
  assert.equal(signaling.ice('meanwhile'), true);
  signaling.reportState({ ice: 'disconnected' });

  const again = await gateway.connection();
  again.greet({ clientId: 'provisional', iceServers: [{ urls: 'turn:new' }], resumeToken: 'token 2', resumeWindowMs: 15_000 });
  assert.deepEqual(await again.take(), { type: 'resume', token: 'token 1', ack: 1, attempt: 1 });
  assert.deepEqual([signaling.state, signaling.clientId, await again.untaken()], ['reconnecting', 'me', []]);
  again.send({ ...RESUMED, ack: 2, resumeToken: 'token 3' });
  again.send({ type: 'ice', from: 'p1', candidate: 'while away', seq: 2 });
  assert.deepEqual(await again.take(), { type: 'ping', ack: 1 });
  assert.deepEqual(await again.take(), { type: 'ice', candidate: 'lost 1', roomId: 'r1', seq: 3 });
  assert.deepEqual(await again.take(), { type: 'ice', candidate: 'lost 2', roomId: 'r1', seq: 4 });
  assert.deepEqual(await again.take(), { type: 'ice', candidate: 'meanwhile', roomId: 'r1', seq: 5 });
  assert.deepEqual(await again.take(), { type: 'state', ice: 'disconnected', seq: 6 });
  again.send({ type: 'pong', id: 'end', ack: 6 });
  await nextOf(signaling, 'pong');

  const close = { code: 1006, reason: '', wasClean: false };
  assert.deepEqual(seen, [
    ['statechange', { state: 'reconnecting', previous: 'matched' }],
    ['close', close],
    ['reconnecting', { attempt: 1, delayMs: 0, close }],
    ['statechange', { state: 'matched', previous: 'reconnecting' }],
    ['resumed', RESUMED],
    ['reconnected', { clientId: 'me', resumed: true }],
    ['ice', { type: 'ice', from: 'p1', candidate: 'while away' }],
  ]);
  assert.deepEqual([signaling.roomId, signaling.clientId], ['r1', 'me']);

  // And once more, with the token of then and everything acknowledged.
  again.socket.terminate();
  const third = await gateway.connection();
  third.greet(TERMS);
  assert.deepEqual(await third.take(), { type: 'resume', token: 'token 3', ack: 2, attempt: 1 });
});

test('after leaving, the servers of the resumed connection are those to use', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  await resume(client, gateway, {}, { iceServers: [{ urls: 'turn:new' }], iceTransportPolicy: 'relay' });
  signaling.leave();
  assert.deepEqual([signaling.iceServers, signaling.iceTransportPolicy], [[{ urls: 'turn:new' }], 'relay']);
});

test('wishes made while away are said in their place among the rest', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  signaling.ice('of no use any more');
  signaling.report({ reason: 'spam' });
  signaling.available({ pool: 'other' });
  const again = await resumeOn(gateway);
  const said = [await again.take(), await again.take()];
  assert.deepEqual(said, [
    { type: 'report', reason: 'spam', roomId: 'r1', seq: 2 },
    { type: 'available', pool: 'other', seq: 3 },
  ]);
  assert.equal(signaling.state, 'waiting');
});

test('what waited for a room that the server has ended meanwhile is not sent', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  signaling.ice('too late');
  signaling.reportState({ ice: 'failed' });
  const again = await resumeOn(gateway, { state: 'waiting', roomId: undefined, partnerId: undefined, initiator: undefined });
  const ended = nextOf(signaling, 'room-ended');
  const waiting = nextOf(signaling, 'waiting');
  again.send({ type: 'partner-left', reason: 'left', requeued: true, seq: 2 });
  again.send({ type: 'waiting', pool: 'default', seq: 3 });
  assert.deepEqual(await ended, { roomId: 'r1', reason: 'left' });
  await waiting;
  assert.deepEqual(await again.take(), { type: 'state', ice: 'failed', seq: 2 });
  assert.equal(signaling.state, 'waiting');
});

test('identity is not said again, unless nothing shows that the server had it', async (t) => {
  const { signaling, gateway } = await start(t, { auth: { userId: 'u' } });
  const client = await greeted(signaling, gateway);
  await client.take();
  signaling.available();
  await client.take();
  client.socket.terminate();
  const second = await resumeOn(gateway, { ...IDLE, ack: 0 });
  assert.deepEqual(await second.take(), { type: 'auth', userId: 'u' });
  assert.deepEqual(await second.take(), { type: 'available', seq: 1 });
  second.send({ type: 'authenticated', userId: 'u', verified: false });
  await nextOf(signaling, 'authenticated');
  second.socket.terminate();
  const third = await resumeOn(gateway, { ...IDLE, ack: 1 });
  assert.deepEqual(await third.untaken(), []);
});

test('the reconnect policy knows how long a session is kept, and that there is none', async (t) => {
  /** @type {(number | undefined)[]} */
  const kept = [];
  const { signaling, client, gateway } = await inRoom(t, {
    reconnect: ({ keptForMs }) => {
      kept.push(keptForMs);
      return { reconnect: true, delayMs: 0 };
    },
  });
  client.socket.terminate();
  const silent = await gateway.connection();
  silent.socket.terminate();
  const other = await gateway.connection();
  other.greet({ clientId: 'new' });
  await nextOf(signaling, 'reconnected');
  other.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  assert.deepEqual(kept, [15_000, 15_000, undefined]);
});

test('a session that is gone ends as any loss does, and the new one goes on', async (t) => {
  const { signaling, client, gateway } = await inRoom(t, { auth: async () => ({ userId: 'u' }) });
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  signaling.ice('for r1');
  signaling.ping('for anyone');
  const seen = record(signaling, [...ALL]);
  const again = await gateway.connection();
  again.greet({ clientId: 'new', ...TERMS, resumeToken: 'token 2' });
  await again.take();
  again.send({ type: 'error', code: 'resume-failed', message: 'm' });
  assert.deepEqual(await again.take(), { type: 'auth', userId: 'u' });
  assert.deepEqual(await again.take(), { type: 'available', tags: ['chess'], seq: 1 });
  assert.deepEqual(await again.take(), { type: 'ping', id: 'for anyone' });
  assert.deepEqual(seen, [
    ['room-ended', { roomId: 'r1', reason: 'connection-lost' }],
    ['partner-left', { type: 'partner-left', reason: 'connection-lost', requeued: true, local: true }],
    ['statechange', { state: 'waiting', previous: 'reconnecting' }],
    ['ready', { type: 'ready', clientId: 'new', resumeWindowMs: 15_000 }],
    ['reconnected', { clientId: 'new', resumed: false }],
  ]);

  again.socket.terminate();
  const third = await gateway.connection();
  third.greet(TERMS);
  assert.deepEqual(await third.take(), { type: 'resume', token: 'token 2', ack: 0, attempt: 1 });
});

test('closing when told that the session is gone is the last word', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  signaling.on('partner-left', () => signaling.close());
  client.socket.terminate();
  const again = await gateway.connection();
  again.greet(TERMS);
  await again.take();
  const seen = record(signaling, ['ready', 'reconnected']);
  again.send({ type: 'error', code: 'resume-failed', message: 'm' });
  assert.equal(await again.closed, 1000);
  assert.deepEqual([seen, signaling.state], [[], 'closed']);
});

test('a server that can’t say yet is asked again on the same connection, with the same token', async (t) => {
  const { signaling, client, gateway } = await inRoom(t, { readyWithinMs: 200 });
  const seen = record(signaling, ['error', 'ready', 'partner-left']);
  client.socket.terminate();
  const again = await gateway.connection();
  again.greet(TERMS);
  for (let time = 0; time < 2; time += 1) {
    assert.deepEqual(await again.take(), { type: 'resume', token: 'token 1', ack: 1, attempt: time + 1 });
    // Longer than it may take to answer: it has answered.
    again.send({ type: 'error', code: 'unavailable', message: 'm', retryAfterMs: 250 });
  }
  await again.take();
  again.send({ ...RESUMED, ack: 1, resumeToken: 'token 2' });
  assert.equal((await nextOf(signaling, 'reconnected')).resumed, true);
  assert.deepEqual(seen, []);
});

test('a resume without an answer is broken off, and asked for again on the next connection', async (t) => {
  const { signaling, client, gateway } = await inRoom(t, { readyWithinMs: 80 });
  client.socket.terminate();
  const silent = await gateway.connection();
  silent.greet(TERMS);
  await silent.take();
  assert.equal(await silent.closed, 4000);
  await resumeOn(gateway);
  assert.equal(signaling.roomId, 'r1');
});

test('while a server holds the session, nothing is said before it is asked for', async (t) => {
  const { client, gateway } = await inRoom(t, { liveness: { pingAfterMs: 30, deadAfterMs: 2_000 } });
  client.socket.terminate();
  const again = await gateway.connection();
  await new Promise((resolve) => setTimeout(resolve, 80));
  again.greet(TERMS);
  assert.equal((await again.take()).type, 'resume');
});

test('a server that goes away is left as it asks, and the room with it is not', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  client.send({ type: 'going-away', reconnectInMs: 10 });
  client.socket.close(1012);
  const { close } = await nextOf(signaling, 'reconnecting');
  assert.equal(close.code, 1012);
  const reconnected = nextOf(signaling, 'reconnected');
  await resumeOn(gateway);
  assert.equal((await reconnected).resumed, true);
  assert.equal(signaling.state, 'matched');
});

for (const code of [1008, 4401, 4409, 4410]) {
  test(`after a close with ${code} there is nothing to resume, whatever the policy says`, async (t) => {
    const { signaling, client, gateway } = await inRoom(t, { reconnect: () => ({ reconnect: true, delayMs: 0 }) });
    const left = nextOf(signaling, 'partner-left');
    client.socket.close(code);
    assert.equal((await left).reason, 'connection-lost');
    const again = await gateway.connection();
    again.greet(TERMS);
    assert.deepEqual(await again.take(), { type: 'available', tags: ['chess'], seq: 1 });
  });
}

test('resumed elsewhere is the end', async (t) => {
  const { signaling, client } = await inRoom(t);
  const left = nextOf(signaling, 'partner-left');
  const ended = nextOf(signaling, 'ended');
  client.socket.close(4409);
  assert.equal((await left).requeued, false);
  assert.equal((await ended).why, 'the session was resumed elsewhere');
  assert.equal(signaling.roomId, null);
});

test('its own close keeps nothing', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  signaling.close();
  assert.equal(await client.closed, 1000);
  signaling.connect();
  const again = await gateway.connection();
  again.greet(TERMS);
  await nextOf(signaling, 'ready');
  assert.deepEqual(await again.untaken(), []);
});

for (const [how, fields] of /** @type {const} */ ([
  ['without a token', {}],
  ['with a window of 0', { resumeToken: 'token 1', resumeWindowMs: 0 }],
])) {
  test(`a greeting ${how} is the base protocol`, async (t) => {
    const { signaling, gateway } = await start(t);
    const client = await greeted(signaling, gateway, fields);
    signaling.available();
    assert.deepEqual(await client.take(), { type: 'available' });
    client.match();
    await nextOf(signaling, 'matched');
    client.socket.terminate();
    assert.equal((await nextOf(signaling, 'partner-left')).reason, 'connection-lost');
  });
}

test('a session is not looked for at a server that keeps none', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  client.socket.terminate();
  const left = nextOf(signaling, 'partner-left');
  const again = await gateway.connection();
  again.greet({ clientId: 'new' });
  assert.equal((await left).reason, 'connection-lost');
  assert.deepEqual(await again.take(), { type: 'available', tags: ['chess'] });
});

test('a session in which nobody has said yet who they are is not worth resuming', async (t) => {
  let asked = 0;
  const { signaling, gateway } = await start(t, {
    auth: async () => {
      asked += 1;
      if (asked === 1) throw new Error('no token today');
      return { token: 't' };
    },
  });
  signaling.connect();
  (await gateway.connection()).greet(TERMS);
  const again = await gateway.connection();
  again.greet(TERMS);
  assert.deepEqual(await again.take(), { type: 'auth', token: 't' });
});

test('the partner’s connection: away, back, and as the server knows it when resuming', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  assert.equal(signaling.partnerAway, false);
  client.send({ type: 'partner-away', seq: 2 });
  assert.deepEqual(await nextOf(signaling, 'partner-away'), { type: 'partner-away' });
  assert.equal(signaling.partnerAway, true);
  client.send({ type: 'partner-back', seq: 3 });
  await nextOf(signaling, 'partner-back');
  assert.equal(signaling.partnerAway, false);
  const resumed = nextOf(signaling, 'resumed');
  const again = await resume(client, gateway, { partnerAway: true });
  assert.equal((await resumed).partnerAway, true);
  assert.equal(signaling.partnerAway, true);
  again.send({ type: 'partner-left', reason: 'disconnected', requeued: true, seq: 4 });
  await nextOf(signaling, 'partner-left');
  assert.equal(signaling.partnerAway, false);
  again.send({ type: 'partner-away', seq: 5 });
  again.match({ roomId: 'r2', seq: 6 });
  await nextOf(signaling, 'matched');
  assert.equal(signaling.partnerAway, false);
});

test('the token is in nothing that the application is told', async (t) => {
  const { signaling, client, gateway } = await inRoom(t);
  const everything = record(signaling, ['message', 'open', ...ALL]);
  const again = await resume(client, gateway, { resumeToken: 'token 2' });
  again.socket.terminate();
  const third = await gateway.connection();
  third.greet({ clientId: 'new', ...TERMS, resumeToken: 'token 3' });
  await third.take();
  third.send({ type: 'error', code: 'resume-failed', message: 'm' });
  await nextOf(signaling, 'reconnected');
  third.socket.close(4401);
  await nextOf(signaling, 'ended');
  assert.ok(everything.length > 10);
  assert.ok(!JSON.stringify(everything).includes('token '));
});
