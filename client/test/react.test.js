/** The hook in real React and a real DOM, against a real WebSocket server. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Window } from 'happy-dom';
import { WebSocket } from 'ws';
import { scriptedGateway } from './scripted-gateway.js';

/** @import { TestContext } from 'node:test' */
/** @import { useSignaling as UseSignaling, UseSignalingOptions } from '../src/react.js' */

const window = new Window();
Object.assign(globalThis, { window, document: window.document });
Object.defineProperty(globalThis, 'navigator', { value: window.navigator, configurable: true });
// After the DOM is there: react-dom looks for it when loaded.
const { createElement, StrictMode, useEffect } = await import('react');
const { createRoot } = await import('react-dom/client');
const { renderToString } = await import('react-dom/server');
const { useSignaling } = await import('../src/react.js');

test('it connects on mount and shows how things stand', async (t) => {
  const { gateway, shown, until } = await mount(t);
  const client = await gateway.connection();
  client.greet({ clientId: 'c1', iceServers: [{ urls: 'stun:s' }], iceTransportPolicy: 'relay' });
  const connected = await until((view) => view.isConnected);
  assert.deepEqual(
    [connected.clientId, connected.iceServers, connected.iceTransportPolicy, connected.isWaiting],
    ['c1', [{ urls: 'stun:s' }], 'relay', false],
  );

  shown().signalAvailable({ pool: 'x' });
  await until((view) => view.isWaiting);
  assert.deepEqual(await client.take(), { type: 'available', pool: 'x' });
  client.match({ initiator: false });
  const { roomId, partnerId, initiator } = await until((view) => view.roomId !== null);
  assert.deepEqual({ roomId, partnerId, initiator }, { roomId: 'r1', partnerId: 'p1', initiator: false });
});

test('it shows that the partner’s connection is interrupted, also as a resumed session knows it', async (t) => {
  const { gateway, shown, until } = await mount(t);
  const terms = { resumeToken: 't', resumeWindowMs: 15_000 };
  const client = await gateway.connection();
  client.greet(terms);
  await until((view) => view.isConnected);
  shown().signalAvailable();
  client.match({ seq: 1 });
  await until((view) => view.roomId !== null && !view.partnerAway);
  client.send({ type: 'partner-away', seq: 2 });
  await until((view) => view.partnerAway);
  client.send({ type: 'partner-back', seq: 3 });
  await until((view) => !view.partnerAway);
  client.socket.terminate();
  const kept = await until((view) => view.state === 'reconnecting');
  assert.deepEqual([kept.roomId, kept.clientId, kept.isConnected], ['r1', 'me', false]);
  const again = await gateway.connection();
  again.greet({ clientId: 'provisional', ...terms });
  const room = { roomId: 'r1', partnerId: 'p1', initiator: true };
  again.send({ type: 'resumed', clientId: 'me', state: 'matched', ...room, partnerAway: true, ack: 0, resumeToken: 'u' });
  const resumed = await until((view) => view.isConnected && view.partnerAway);
  assert.deepEqual([resumed.roomId, resumed.clientId], ['r1', 'me']);
});

test('its calls speak, and are the same functions over all renders', async (t) => {
  const { gateway, shown, until } = await mount(t);
  const first = shown();
  const client = await gateway.connection();
  client.greet();
  await until((view) => view.isConnected);
  first.signalAvailable();
  await client.take();
  client.match();
  await until((view) => view.roomId !== null);
  assert.equal(first.sendOffer('o'), true);
  assert.equal(first.sendAnswer('a'), true);
  assert.equal(first.sendIceCandidate({ candidate: 'c' }), true);
  first.nextPartner();
  first.leave();
  const said = [];
  for (let n = 0; n < 5; n += 1) said.push((await client.take()).type);
  assert.deepEqual(said, ['offer', 'answer', 'ice', 'next', 'leave']);
  assert.equal(shown().sendOffer, first.sendOffer);
  assert.equal(shown().leave, first.leave);
});

test('of the listeners always the latest is called', async (t) => {
  /** @type {string[]} */
  const heard = [];
  const all = (/** @type {string} */ name) => ({
    onMatched: () => heard.push(`${name} matched`),
    onOffer: () => heard.push(`${name} offer`),
    onAnswer: () => heard.push(`${name} answer`),
    onIceCandidate: () => heard.push(`${name} ice`),
    onPartnerLeft: () => heard.push(`${name} left`),
  });
  const { gateway, shown, until, render } = await mount(t, { options: all('old') });
  const client = await gateway.connection();
  client.greet();
  await until((view) => view.isConnected);
  shown().signalAvailable();
  client.match();
  await until((view) => view.roomId !== null);
  await render(all('new'));
  client.send({ type: 'offer', from: 'p1', sdp: 'o' });
  client.send({ type: 'answer', from: 'p1', sdp: 'a' });
  client.send({ type: 'ice', from: 'p1', candidate: null });
  client.send({ type: 'partner-left', reason: 'left', requeued: false });
  await until((view) => view.roomId === null);
  assert.deepEqual(heard, ['old matched', 'new offer', 'new answer', 'new ice', 'new left']);
});

test('it shows the wait, what two have in common and whom one has blocked, and hands the list out', async (t) => {
  /** @type {(readonly string[])[]} */
  const kept = [];
  const { gateway, shown, until } = await mount(t, { options: { blocked: ['p0'], onBlockedChange: (blocked) => kept.push(blocked) } });
  const client = await gateway.connection();
  client.greet();
  assert.deepEqual((await until((view) => view.isConnected)).blocked, ['p0']);
  shown().signalAvailable({ tags: ['go'] });
  assert.deepEqual(await client.take(), { type: 'available', tags: ['go'], avoid: ['p0'] });
  client.send({ type: 'waiting', pool: 'default', position: 2, widened: true });
  assert.deepEqual((await until((view) => view.waiting !== null)).waiting, { type: 'waiting', pool: 'default', position: 2, widened: true });
  client.match({ tags: ['go'], partner: { userId: 'ada' } });
  const met = await until((view) => view.roomId !== null);
  assert.deepEqual([met.tags, met.partner, met.waiting], [['go'], { userId: 'ada' }, null]);

  shown().report({ reason: 'spam', details: 'sells things' });
  assert.equal(shown().block(), 'ada');
  assert.deepEqual((await until((view) => view.blocked.length === 2)).blocked, ['p0', 'ada']);
  assert.deepEqual(await client.take(), { type: 'report', reason: 'spam', details: 'sells things', roomId: 'r1' });
  shown().unblock('p0');
  await until((view) => view.blocked.length === 1);
  assert.deepEqual(kept, [['p0', 'ada'], ['ada']]);
});

test('under StrictMode exactly one connection stays', async (t) => {
  /** @type {WebSocket[]} */
  const sockets = [];
  class Kept extends WebSocket {
    /** @param {string} url @param {string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const { gateway, until } = await mount(t, { strict: true, options: { WebSocket: Kept } });
  gateway.server.on('connection', (socket) => socket.send('{"type":"ready","clientId":"kept"}'));
  assert.equal((await until((view) => view.isConnected)).clientId, 'kept');
  assert.equal(sockets.length, 2);
  assert.deepEqual(
    sockets.map((socket) => socket.readyState === WebSocket.OPEN),
    [false, true],
  );
});

test('unmounting closes the connection with 1000', async (t) => {
  const { gateway, until, root } = await mount(t);
  const client = await gateway.connection();
  client.greet();
  await until((view) => view.isConnected);
  root.unmount();
  assert.equal(await client.closed, 1000);
});

test('an error is shown until the next good news, and the end is one', async (t) => {
  const { gateway, until } = await mount(t);
  const client = await gateway.connection();
  client.greet();
  client.send({ type: 'error', code: 'unavailable', message: 'not now', retryAfterMs: 60_000 });
  assert.equal((await until((view) => view.error !== null)).error?.code, 'unavailable');
  client.socket.close(4410);
  const ended = await until((view) => view.state === 'closed' && view.error?.code === 'ended');
  assert.equal(ended.error?.message, 'closed by an operator');
  ended.reconnect();
  (await gateway.connection()).greet();
  assert.equal((await until((view) => view.isConnected)).error, null);
});

test('without a url there is no connection, and a call says so', async (t) => {
  const { shown, until, gateway } = await mount(t, { url: null });
  await until((view) => view.state === 'closed');
  assert.throws(() => shown().signalAvailable(), /not mounted, or without a url/);
  assert.equal(gateway.server.clients.size, 0);
});

test('it renders on a server, and touches nothing there', () => {
  const Page = () => createElement('p', null, useSignaling('wss://nowhere.invalid/ws').state);
  assert.equal(renderToString(createElement(Page)), '<p>closed</p>');
});

/**
 * @param {TestContext} t
 * @param {{ options?: UseSignalingOptions, strict?: boolean, url?: null }} [how]
 */
async function mount(t, { options = {}, strict = false, url } = {}) {
  /** @typedef {ReturnType<typeof UseSignaling>} View */
  const gateway = await scriptedGateway(t);
  const root = createRoot(/** @type {any} */ (window.document.createElement('div')));
  t.after(() => root.unmount());
  /** @type {View | undefined} */
  let view;
  let look = () => {};

  /** @param {{ options: UseSignalingOptions }} props */
  function Probe(props) {
    const current = useSignaling(url === null ? null : gateway.url, { WebSocket, random: () => 0, ...props.options });
    useEffect(() => {
      view = current;
      look();
    });
    return null;
  }

  /** @param {(view: View) => boolean} condition @returns {Promise<View>} */
  const until = (condition) =>
    new Promise((resolve) => {
      look = () => {
        if (!view || !condition(view)) return;
        look = () => {};
        resolve(view);
      };
      look();
    });

  /** @param {UseSignalingOptions} latest @returns {Promise<void>} */
  const render = (latest) =>
    new Promise((resolve) => {
      look = resolve;
      const probe = createElement(Probe, { options: latest });
      root.render(strict ? createElement(StrictMode, null, probe) : probe);
    });

  await render(options);
  return { gateway, root, render, until, shown: () => /** @type {View} */ (view) };
}
