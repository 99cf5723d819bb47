/**
 * A gateway that does exactly what a test says, over a real WebSocket: the test takes each connection and each message as
 * it comes, and answers by hand. It decides nothing by itself, not even the greeting.
 */

/** @import { WebSocket } from 'ws' */
/** @import { TestContext } from 'node:test' */

import { once } from 'node:events';
import { WebSocketServer } from 'ws';

/** What arrives, to be awaited one by one in order. @template T */
export class Arrivals {
  /** @type {T[]} */
  #here = [];
  /** @type {((item: T) => void)[]} */
  #awaited = [];

  /** @param {T} item */
  put(item) {
    const taker = this.#awaited.shift();
    if (taker) taker(item);
    else this.#here.push(item);
  }

  /** @returns {Promise<T>} */
  take() {
    const [item] = this.#here.splice(0, 1);
    return item === undefined ? new Promise((resolve) => this.#awaited.push(resolve)) : Promise.resolve(item);
  }

  /** What came and was not taken. */
  get rest() {
    return [...this.#here];
  }
}

/** One client's connection, seen from the server. */
export class Client {
  /** @type {Arrivals<any>} */
  #messages = new Arrivals();

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
    this.closed = once(socket, 'close').then(([code]) => code);
    socket.on('message', (data) => this.#messages.put(JSON.parse(String(data))));
  }

  /** @param {Record<string, unknown>} message */
  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message of the client. */
  take() {
    return this.#messages.take();
  }

  /** All it has said so far beyond what was taken. The WebSocket's own ping makes sure that nothing is still on the way. */
  async untaken() {
    this.socket.ping();
    await once(this.socket, 'pong');
    return this.#messages.rest;
  }

  /** @param {Record<string, unknown>} [fields] */
  greet(fields = {}) {
    this.send({ type: 'ready', clientId: 'me', ...fields });
  }

  /** @param {Record<string, unknown>} [fields] */
  match(fields = {}) {
    this.send({ type: 'matched', roomId: 'r1', partnerId: 'p1', initiator: true, ...fields });
  }
}

/** @param {TestContext} t It ends with the test. */
export async function scriptedGateway(t) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  /** @type {Arrivals<Client>} */
  const clients = new Arrivals();
  server.on('connection', (socket) => clients.put(new Client(socket)));
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `ws://127.0.0.1:${port}/ws`, server, connection: () => clients.take() };
}
