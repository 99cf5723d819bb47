/** The client's end when connections end: who comes back, with what, and what is told meanwhile. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { Signaling } from '../src/signaling.js';
import { nextOf, record } from './events.js';
import { scriptedGateway } from './scripted-gateway.js';

/** @import { TestContext } from 'node:test' */
/** @import { ReconnectContext } from '../src/reconnect.js' */
/** @import { SignalingOptions } from '../src/options.js' */

test('a broken connection ends the room, is told, and the same wishes are said again on the next', async (t) => {
  const { signaling, client, gateway } = await matched(t);
  const seen = record(signaling, ['room-ended', 'partner-left', 'close', 'reconnecting', 'reconnected', 'statechange']);
  client.socket.terminate();
  const again = await gateway.connection();
  again.greet({ clientId: 'new' });
  assert.deepEqual(await again.take(), { type: 'available', tags: ['chess'] });
  again.send({ type: 'waiting', pool: 'default' });
  await nextOf(signaling, 'waiting');

  const close = { code: 1006, reason: '', wasClean: false };
  assert.deepEqual(seen, [
    ['room-ended', { roomId: 'r1', reason: 'connection-lost' }],
    ['statechange', { state: 'reconnecting', previous: 'matched' }],
    ['close', close],
    ['partner-left', { type: 'partner-left', reason: 'connection-lost', requeued: true, local: true }],
    ['reconnecting', { attempt: 1, delayMs: 0, close }],
    ['statechange', { state: 'waiting', previous: 'reconnecting' }],
    ['reconnected', { clientId: 'new', resumed: false }],
  ]);
  assert.equal(signaling.clientId, 'new');
});

test('with resumeWishes off nobody is asked for again', async (t) => {
  const { signaling, client, gateway } = await matched(t, { resumeWishes: false });
  const left = nextOf(signaling, 'partner-left');
  client.socket.terminate();
  assert.equal((await left).requeued, false);
  const again = await gateway.connection();
  again.greet();
  await nextOf(signaling, 'reconnected');
  signaling.ping('end');
  assert.deepEqual(await again.take(), { type: 'ping', id: 'end' });
  assert.equal(signaling.state, 'idle');
});

test('a wish made while reconnecting is said once connected; a leave takes it back', async (t) => {
  const { signaling, client, gateway } = await matched(t);
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  signaling.leave();
  signaling.available({ pool: 'other' });
  const again = await gateway.connection();
  again.greet();
  assert.deepEqual(await again.take(), { type: 'available', pool: 'other' });

  again.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  signaling.leave();
  const third = await gateway.connection();
  third.greet();
  await nextOf(signaling, 'reconnected');
  signaling.ping('end');
  assert.deepEqual(await third.take(), { type: 'ping', id: 'end' });
});

test('what waited for a room that ended with its connection never reaches the next; the rest does', async (t) => {
  const { signaling, client, gateway, sockets } = await matched(t);
  // As between the server's close frame and the close: no longer open, and not yet known to be over.
  Object.defineProperty(sockets[0], 'readyState', { value: WebSocket.CLOSING });
  signaling.offer('for r1');
  signaling.ice('for r1');
  signaling.ping('for anyone');
  client.socket.terminate();
  const again = await gateway.connection();
  again.greet();
  assert.equal((await again.take()).type, 'available');
  assert.deepEqual(await again.take(), { type: 'ping', id: 'for anyone' });
  again.match({ roomId: 'r2' });
  await nextOf(signaling, 'matched');
  signaling.ice('for r2');
  assert.deepEqual(await again.take(), { type: 'ice', candidate: 'for r2', roomId: 'r2' });
});

for (const code of [1002, 1003, 1007, 1008, 1009, 4401, 4409, 4410]) {
  test(`a close with ${code} is for good, and the room is over`, async (t) => {
    const { signaling, client } = await matched(t);
    const seen = record(signaling, ['partner-left', 'reconnecting']);
    const ended = nextOf(signaling, 'ended');
    client.socket.close(code, 'why');
    const { close, byUs, why } = await ended;
    assert.deepEqual([close.code, close.reason, byUs], [code, 'why', false]);
    assert.ok(why.length > 0);
    assert.equal(signaling.state, 'closed');
    assert.deepEqual(seen, [['partner-left', { type: 'partner-left', reason: 'connection-lost', requeued: false, local: true }]]);
  });
}

for (const code of [1001, 1011, 1012, 1013]) {
  test(`after a close with ${code} it connects again`, async (t) => {
    const { client, gateway } = await matched(t);
    client.socket.close(code);
    await gateway.connection();
  });
}

test('an ended client connects again when told to', async (t) => {
  const { signaling, client, gateway } = await matched(t);
  client.socket.close(4401);
  await nextOf(signaling, 'ended');
  signaling.connect();
  (await gateway.connection()).greet();
  await nextOf(signaling, 'ready');
  assert.equal(signaling.state, 'idle');
});

test('its own close is 1000, ends the room, and no further connection is made', async (t) => {
  const { signaling, client } = await matched(t);
  const seen = record(signaling, ['room-ended', 'partner-left', 'ended', 'statechange']);
  signaling.close();
  assert.equal(await client.closed, 1000);
  assert.deepEqual(
    seen.map(([kind, event]) => event.reason ?? event.state ?? kind),
    ['closed', 'closed', 'ended'],
  );
  assert.equal(seen[2]?.[1].byUs, true);
});

test('the policy is told what is known: the attempt, the close, the draining, the hint', async (t) => {
  /** @type {ReconnectContext[]} */
  const contexts = [];
  const { signaling, client, gateway } = await matched(t, {
    random: () => 0.25,
    reconnect: (context) => {
      contexts.push(context);
      return contexts.length < 3 ? { reconnect: true, delayMs: 0 } : { reconnect: false, why: 'enough' };
    },
  });
  client.send({ type: 'going-away', reconnectInMs: 10 });
  client.socket.close(1012);
  const second = await gateway.connection();
  second.greet();
  await nextOf(signaling, 'ready');
  second.send({ type: 'error', code: 'unavailable', message: 'm', retryAfterMs: 77 });
  await nextOf(signaling, 'error');
  second.socket.close(1013);
  const third = await gateway.connection();
  const ended = nextOf(signaling, 'ended');
  third.socket.terminate();
  assert.equal((await ended).why, 'enough');
  assert.deepEqual(contexts, [
    { attempt: 0, closeCode: 1012, wasClean: true, draining: true, serverHintMs: undefined, random: 0.25 },
    { attempt: 1, closeCode: 1013, wasClean: true, draining: false, serverHintMs: 77, random: 0.25 },
    { attempt: 2, closeCode: 1006, wasClean: false, draining: false, serverHintMs: undefined, random: 0.25 },
  ]);
});

test('with reconnect false the first loss is the last', async (t) => {
  const { signaling, client } = await matched(t, { reconnect: false });
  const ended = nextOf(signaling, 'ended');
  client.socket.terminate();
  assert.equal((await ended).why, 'reconnecting is off');
});

test('a server that does not answer a ping is given up, and another connection made', async (t) => {
  const { signaling, client, gateway } = await matched(t, { liveness: { pingAfterMs: 300, deadAfterMs: 300 } });
  const close = nextOf(signaling, 'close');
  assert.deepEqual(await client.take(), { type: 'ping' });
  assert.deepEqual(await close, { code: 1006, reason: 'the server is silent', wasClean: false });
  assert.equal(await client.closed, 4000);
  await gateway.connection();
});

test('a server that never greets is given up, and another connection made', async (t) => {
  const gateway = await scriptedGateway(t);
  let connections = 0;
  gateway.server.on('connection', (socket) => {
    connections += 1;
    if (connections > 1) socket.send('{"type":"ready","clientId":"me"}');
  });
  const signaling = make(t, gateway.url, { readyWithinMs: 50 });
  const close = nextOf(signaling, 'close');
  signaling.connect();
  assert.equal((await close).reason, 'the server did not answer');
  await nextOf(signaling, 'reconnected');
});

test('an auth function that fails is told, and asked again on the next connection', async (t) => {
  const gateway = await scriptedGateway(t);
  let asked = 0;
  const signaling = make(t, gateway.url, {
    auth: async () => {
      asked += 1;
      if (asked === 1) throw new Error('no token today');
      return { token: 't' };
    },
  });
  const error = nextOf(signaling, 'error');
  signaling.connect();
  (await gateway.connection()).greet();
  assert.deepEqual(await error, { type: 'error', code: 'auth-failed', message: 'no token today', local: true });
  const again = await gateway.connection();
  again.greet();
  assert.deepEqual(await again.take(), { type: 'auth', token: 't' });
});

test('an identity fetched for a connection that is gone is not told to the next', async (t) => {
  const gateway = await scriptedGateway(t);
  /** @type {((auth: { token: string }) => void)[]} */
  const asked = [];
  const signaling = make(t, gateway.url, { auth: () => new Promise((resolve) => asked.push(resolve)) });
  signaling.connect();
  const first = await gateway.connection();
  first.greet();
  await nextOf(signaling, 'ready');
  first.socket.terminate();
  const second = await gateway.connection();
  second.greet();
  await nextOf(signaling, 'ready');
  asked[0]?.({ token: 'old' });
  asked[1]?.({ token: 'new' });
  assert.deepEqual(await second.take(), { type: 'auth', token: 'new' });
});

test('when the network is back it connects at once, however long the delay', async (t) => {
  const network = new EventTarget();
  Object.assign(globalThis, {
    addEventListener: network.addEventListener.bind(network),
    removeEventListener: network.removeEventListener.bind(network),
  });
  t.after(() => {
    Reflect.deleteProperty(globalThis, 'addEventListener');
    Reflect.deleteProperty(globalThis, 'removeEventListener');
  });
  const { signaling, client, gateway } = await matched(t, { reconnect: () => ({ reconnect: true, delayMs: 2 ** 30 }) });
  network.dispatchEvent(new Event('online'));
  assert.deepEqual(await client.take(), { type: 'ping' });
  client.socket.terminate();
  await nextOf(signaling, 'reconnecting');
  network.dispatchEvent(new Event('online'));
  (await gateway.connection()).greet();
  await nextOf(signaling, 'reconnected');
});

test('closing in a listener of the loss is the last word', async (t) => {
  const { signaling, client } = await matched(t);
  const seen = record(signaling, ['reconnecting', 'ended']);
  signaling.on('partner-left', () => signaling.close());
  const ended = nextOf(signaling, 'ended');
  client.socket.terminate();
  assert.equal((await ended).byUs, true);
  assert.deepEqual(
    seen.map(([kind]) => kind),
    ['ended'],
  );
});

/** @param {TestContext} t @param {string} url @param {SignalingOptions} [options] */
function make(t, url, options = {}) {
  const signaling = new Signaling(url, { WebSocket, random: () => 0, ...options });
  t.after(() => signaling.close());
  return signaling;
}

/** In a room, with nothing left to take. @param {TestContext} t @param {SignalingOptions} [options] */
async function matched(t, options = {}) {
  const gateway = await scriptedGateway(t);
  /** @type {WebSocket[]} */
  const sockets = [];
  class Kept extends WebSocket {
    /** @param {string} url @param {string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const signaling = make(t, gateway.url, { WebSocket: Kept, ...options });
  signaling.available({ tags: ['chess'] });
  signaling.connect();
  const client = await gateway.connection();
  client.greet();
  await client.take();
  client.match();
  await nextOf(signaling, 'matched');
  return { signaling, client, gateway, sockets };
}
