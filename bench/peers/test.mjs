/** What the peer servers do, seen through real WebSockets; the rules that need a clock, with a clock of their own. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { Matchmaking } from './matchmaking.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const NODE = [process.execPath, here('node-ws/server.mjs')];
const BUN = [here('node_modules/.bin/bun'), here('bun/server.mjs')];
const PEERJS = [process.execPath, here('peerjs/server.mjs')];

/** Starts a server on a free port. */
async function start([program, script]) {
  const process = spawn(program, [script, '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  process.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  while (!printed.endsWith('\n')) await once(process.stdout, 'data');
  const [, address] = /^listening on (127\.0\.0\.1:\d+)\n$/.exec(printed) ?? assert.fail(printed);
  return { process, address, printed: () => printed };
}

async function stop(server) {
  server.process.kill('SIGTERM');
  const [code] = await once(server.process, 'exit');
  assert.equal(code, 0);
  assert.equal(server.printed().split('\n').length, 2, 'one line and no more');
}

/** A client that keeps what it gets until it is asked for. */
class Client {
  #inbox = [];
  #wake = () => {};

  constructor(url) {
    this.ws = new WebSocket(url);
    /** The code. Not `once`, which fails at an 'error'. */
    this.closed = new Promise((closed) => this.ws.on('close', closed));
    this.ws.on('error', () => {});
    this.ws.on('message', (data) => {
      this.#inbox.push(data.toString());
      this.#wake();
    });
  }

  async text() {
    while (this.#inbox.length === 0) await new Promise((wake) => (this.#wake = wake));
    return this.#inbox.shift();
  }

  async receive() {
    return JSON.parse(await this.text());
  }

  send(message) {
    this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** That nothing else has come: what was on its way is here before the answer to a ping. */
  async expectNothing() {
    const id = randomUUID();
    this.send({ type: 'ping', id });
    assert.deepEqual(await this.receive(), { type: 'pong', id });
  }

  async expect(message) {
    assert.deepEqual(await this.receive(), message);
  }

  async expectError(code) {
    const message = await this.receive();
    assert.equal(message.type, 'error');
    assert.equal(message.code, code);
    assert.equal(typeof message.message, 'string');
  }

  close() {
    this.ws.close();
    return this.closed;
  }
}

for (const [name, command] of Object.entries({ 'Node.js and ws': NODE, Bun: BUN })) {
  describe(name, () => {
    let server;
    before(async () => (server = await start(command)));
    after(() => stop(server));

    async function connect() {
      const client = new Client(`ws://${server.address}/ws`);
      const ready = await client.receive();
      assert.deepEqual(Object.keys(ready), ['type', 'clientId']);
      assert.equal(ready.type, 'ready');
      client.id = ready.clientId;
      return client;
    }

    /** Every test has a pool of its own, so none meets another's clients. */
    async function waiting(pool) {
      const client = await connect();
      client.send({ type: 'available', pool });
      await client.expect({ type: 'waiting', pool });
      return client;
    }

    /** The waiter first. */
    async function matched(pool) {
      const waiter = await waiting(pool);
      const newcomer = await connect();
      newcomer.send({ type: 'available', pool });
      await expectMatch(newcomer, waiter);
      return [waiter, newcomer];
    }

    async function expectMatch(initiator, other) {
      const [one, two] = [await initiator.receive(), await other.receive()];
      const { roomId } = one;
      assert.equal(typeof roomId, 'string');
      assert.deepEqual(one, { type: 'matched', roomId, partnerId: other.id, initiator: true });
      assert.deepEqual(two, { type: 'matched', roomId, partnerId: initiator.id, initiator: false });
      initiator.roomId = other.roomId = roomId;
    }

    test('answers /livez, and only upgrades at /ws', async () => {
      assert.equal((await fetch(`http://${server.address}/livez`)).status, 200);
      assert.equal((await fetch(`http://${server.address}/ws`)).status, 426);
      assert.equal((await fetch(`http://${server.address}/nothing`)).status, 404);
      assert.equal(await new Client(`ws://${server.address}/elsewhere`).closed, 1006);
    });

    test('negotiates neither compression nor a subprotocol', async () => {
      const client = await connect();
      assert.equal(client.ws.extensions, '');
      const hopeful = new WebSocket(`ws://${server.address}/ws`, ['duet.v1']);
      const [error] = await once(hopeful, 'error');
      assert.equal(error.message, 'Server sent no subprotocol');
    });

    test('matches two, once, with one initiator', async () => {
      const [waiter, newcomer] = await matched(randomUUID());
      await waiter.expectNothing();
      await newcomer.expectNothing();
    });

    test('matches nobody with itself, and a second wish keeps the place', async () => {
      const pool = randomUUID();
      const client = await waiting(pool);
      client.send({ type: 'available', pool });
      await client.expect({ type: 'waiting', pool });
      client.send({ type: 'next' });
      await client.expectNothing();
      const other = await connect();
      other.send({ type: 'available', pool });
      await expectMatch(other, client);
    });

    test('matches only within a pool, and a new wish moves to another', async () => {
      const [one, two] = [randomUUID(), randomUUID()];
      const mover = await waiting(one);
      const other = await waiting(two);
      mover.send({ type: 'available', pool: two });
      await expectMatch(mover, other);
      await waiting(one);
    });

    test('takes the pool "default" unless told', async () => {
      const client = await connect();
      client.send({ type: 'available' });
      await client.expect({ type: 'waiting', pool: 'default' });
    });

    test('forwards all fields, with the `from` of the server and no `seq` or `ack`', async () => {
      const [one, two] = await matched(randomUUID());
      const { roomId } = one;
      one.send({ type: 'offer', sdp: 'v=0\r\nä', roomId, from: 'a lie', seq: 1, ack: 0, extra: [1, { two: null }] });
      await two.expect({ type: 'offer', sdp: 'v=0\r\nä', roomId, from: one.id, extra: [1, { two: null }] });
      two.send({ type: 'answer', sdp: { type: 'answer', sdp: 'v=0' } });
      await one.expect({ type: 'answer', sdp: { type: 'answer', sdp: 'v=0' }, from: two.id });
      for (const candidate of [{ candidate: '', sdpMid: '0' }, 'candidate:1', null]) {
        one.send({ type: 'ice', candidate });
        await two.expect({ type: 'ice', candidate, from: one.id });
      }
      await one.expectNothing();
    });

    test('keeps the order of a burst', async () => {
      const [one, two] = await matched(randomUUID());
      for (let n = 0; n < 200; n += 1) one.send({ type: 'ice', candidate: { n } });
      for (let n = 0; n < 200; n += 1) await two.expect({ type: 'ice', candidate: { n }, from: one.id });
    });

    test('`next` requeues both, keeps them apart, and both find others', async () => {
      const pool = randomUUID();
      const [one, two] = await matched(pool);
      const { roomId } = one;
      one.send({ type: 'next', roomId });
      await two.expect({ type: 'partner-left', reason: 'next', requeued: true });
      await two.expect({ type: 'waiting', pool });
      await one.expect({ type: 'waiting', pool });
      // The one who was left is first: it kept its place, and the one who went on lost its own.
      const third = await connect();
      third.send({ type: 'available', pool });
      await expectMatch(third, two);
      const fourth = await connect();
      fourth.send({ type: 'available', pool });
      await expectMatch(fourth, one);
      one.send({ type: 'offer', sdp: '', roomId });
      await one.expectError('stale-room');
      await fourth.expectNothing();
    });

    test('two alone meet again a while after `next`', async () => {
      const pool = randomUUID();
      const [one, two] = await matched(pool);
      const begun = Date.now();
      one.send({ type: 'next' });
      await two.expect({ type: 'partner-left', reason: 'next', requeued: true });
      await two.expect({ type: 'waiting', pool });
      await one.expect({ type: 'waiting', pool });
      await expectMatch(two, one);
      assert.ok(Date.now() - begun >= 2_900);
    });

    test('`next` at rest is `available`', async () => {
      const client = await connect();
      client.send({ type: 'available', pool: randomUUID() });
      const { pool } = await client.receive();
      client.send({ type: 'leave' });
      client.send({ type: 'next' });
      await client.expect({ type: 'waiting', pool });
    });

    test('`leave` ends the room, requeues the partner alone, and is no error at rest', async () => {
      const pool = randomUUID();
      const [one, two] = await matched(pool);
      one.send({ type: 'leave', roomId: one.roomId });
      await two.expect({ type: 'partner-left', reason: 'left', requeued: true });
      await two.expect({ type: 'waiting', pool });
      one.send({ type: 'leave' });
      one.send({ type: 'ice', candidate: null });
      await one.expectError('not-in-room');
      one.send({ type: 'leave', roomId: one.roomId });
      await one.expectError('stale-room');
      one.send({ type: 'available', pool });
      await expectMatch(one, two);
    });

    test('`leave` ends the wait', async () => {
      const pool = randomUUID();
      const client = await waiting(pool);
      client.send({ type: 'leave' });
      await client.expectNothing();
      await waiting(pool);
    });

    test('a closed connection ends the room and the wait, with or without a close frame', async () => {
      const pool = randomUUID();
      const [one, two] = await matched(pool);
      one.ws.terminate();
      await two.expect({ type: 'partner-left', reason: 'disconnected', requeued: true });
      await two.expect({ type: 'waiting', pool });
      const three = await connect();
      three.send({ type: 'available', pool });
      await expectMatch(three, two);
      await two.close();
      await three.expect({ type: 'partner-left', reason: 'disconnected', requeued: true });
      await three.expect({ type: 'waiting', pool });
      await three.close();
      await waiting(pool);
    });

    test('refuses `available` in a room, which goes on', async () => {
      const [one, two] = await matched(randomUUID());
      one.send({ type: 'available' });
      await one.expectError('already-matched');
      one.send({ type: 'ice', candidate: null });
      await two.expect({ type: 'ice', candidate: null, from: one.id });
    });

    test('refuses what it can not read, and goes on', async () => {
      const [one, two] = await matched(randomUUID());
      const bad = [
        '',
        '{',
        'null',
        '7',
        '[]',
        '{}',
        { type: 1 },
        { type: 'offer' },
        { type: 'offer', sdp: null },
        { type: 'answer', sdp: 1 },
        { type: 'answer', sdp: {} },
        { type: 'ice' },
        { type: 'ice', candidate: 1 },
        { type: 'ice', candidate: [] },
        { type: 'available', pool: 1 },
        { type: 'available', pool: '' },
        { type: 'available', pool: 'x'.repeat(65) },
        { type: 'next', roomId: 1 },
      ];
      for (const message of bad) {
        one.send(message);
        await one.expectError('invalid-message');
      }
      one.send({ type: 'toString' });
      await one.expectError('unknown-type');
      await two.expectNothing();
    });

    test('answers `ping`, with its `id` if it has one', async () => {
      const client = await connect();
      client.send({ type: 'ping' });
      await client.expect({ type: 'pong' });
      client.send({ type: 'ping', id: { any: 1 } });
      await client.expect({ type: 'pong', id: { any: 1 } });
    });

    test('closes on a binary message and on one over 64 KiB', async () => {
      const [one, two] = await matched(randomUUID());
      one.ws.send(Buffer.from('{"type":"ping"}'));
      assert.equal(await one.closed, 1003);
      assert.equal((await two.receive()).type, 'partner-left');

      const three = await connect();
      const frame = (length) => JSON.stringify({ type: 'ping', id: '' }).padEnd(length, ' ');
      three.send(frame(65_536));
      await three.expect({ type: 'pong', id: '' });
      three.send(frame(65_537));
      assert.equal(await three.closed, 1009);
    });

    test('closes on who does not read, and its partner goes on', async () => {
      const [one, two] = await matched(randomUUID());
      two.ws.pause();
      const sdp = 'x'.repeat(60_000);
      // Far above what the kernel takes for the two sockets of a connection.
      for (let n = 0; n < 400; n += 1) one.send({ type: 'offer', sdp });
      let message;
      do message = await one.receive();
      while (message.code === 'not-in-room');
      assert.deepEqual(message, { type: 'partner-left', reason: 'disconnected', requeued: true });
      two.ws.resume();
      assert.equal(await two.closed, 1013);
    });
  });
}

describe('the rules, with a clock', () => {
  function world() {
    let now = 1_000_000;
    const timers = [];
    const matchmaking = new Matchmaking({ now: () => now, later: (run, ms) => timers.push({ run, at: now + ms }) });

    function enter() {
      const told = [];
      const client = matchmaking.connect({ send: (text) => told.push(JSON.parse(text)) });
      const say = (message) => matchmaking.receive(client, JSON.stringify(message));
      return { id: client.id, say, last: () => told.at(-1) };
    }

    /** There is never more than one timer. */
    function pass(ms) {
      const end = now + ms;
      while (timers.length > 0 && timers[0].at <= end) {
        const { run, at } = timers.shift();
        now = at;
        run();
      }
      now = end;
    }

    return { enter, pass, timers };
  }

  /**
   * Two are in a room, and one goes on. The one left over is matched, left again, and waits beside the one who went on. Whether
   * it is the first of the two to be matched says whether it still has the place from before the room.
   */
  function keepsItsPlaceAfterRoomOf(ms) {
    const { enter, pass } = world();
    const [leftOver, leaver, passing, newcomer] = [enter(), enter(), enter(), enter()];
    leftOver.say({ type: 'available' });
    leaver.say({ type: 'available' });
    pass(ms);
    leaver.say({ type: 'next' });
    passing.say({ type: 'available' });
    assert.equal(passing.last().partnerId, leftOver.id);
    passing.say({ type: 'leave' });
    newcomer.say({ type: 'available' });
    return newcomer.last().partnerId === leftOver.id;
  }

  test('who is left over keeps the place after a room of less than 10 s, and not after a longer one', () => {
    assert.equal(keepsItsPlaceAfterRoomOf(9_999), true);
    assert.equal(keepsItsPlaceAfterRoomOf(10_000), false);
  });

  test('two alone meet again within half a second after 3 s, and no timer runs while nobody is passed over', () => {
    const { enter, pass, timers } = world();
    const [one, two] = [enter(), enter()];
    one.say({ type: 'available' });
    two.say({ type: 'available' });
    assert.equal(timers.length, 0);
    two.say({ type: 'next' });
    assert.equal(timers.length, 1);
    pass(2_999);
    assert.equal(one.last().type, 'waiting');
    pass(501);
    assert.equal(one.last().partnerId, two.id);
    assert.equal(two.last().partnerId, one.id);
    assert.equal(timers.length, 0);
  });
});

describe('PeerJS', () => {
  let server;
  before(async () => (server = await start(PEERJS)));
  after(() => stop(server));

  async function open(id) {
    const client = new Client(`ws://${server.address}/peerjs?key=peerjs&id=${id}&token=t`);
    assert.equal(await client.text(), '{"type":"OPEN"}');
    return client;
  }

  test('speaks as README.md says', async () => {
    const [one, two] = [await open('one'), await open('two')];
    one.send('{"type":"OFFER","dst":"two","payload":{"sdp":"v=0"}}');
    assert.equal(await two.text(), '{"type":"OFFER","src":"one","dst":"two","payload":{"sdp":"v=0"}}');
    one.send('{"type":"HEARTBEAT"}');
    one.send('{"type":"CANDIDATE","payload":"p","extra":1,"src":"a lie","dst":"two"}');
    assert.equal(await two.text(), '{"type":"CANDIDATE","src":"one","dst":"two","payload":"p"}');
    two.send('{"type":"ANSWER","dst":"one"}');
    assert.equal(await one.text(), '{"type":"ANSWER","src":"two","dst":"one"}');
    const taken = new Client(`ws://${server.address}/peerjs?key=peerjs&id=one&token=other`);
    assert.equal(await taken.text(), '{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}');
  });
});
