/**
 * The way between a page and its gateways: a TCP proxy that a test may cut, mend, and lead elsewhere. It knows nothing of
 * what passes, and takes the gateways in turn, well or not.
 */

/** @import { AddressInfo, Socket } from 'node:net' */
/** @import { Test } from './duet.js' */

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * @param {Test} t It ends with the test.
 * @param {...number} ports Of the gateways.
 */
export async function buildRoad(t, ...ports) {
  const road = new Road(ports);
  const server = createServer((socket) => road.pass(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  road.url = `http://127.0.0.1:${/** @type {AddressInfo} */ (server.address()).port}/`;
  t.after(() => {
    road.cut();
    server.close();
  });
  return road;
}

class Road {
  url = '';
  #ports;
  #turn = 0;
  #open = true;
  /** @type {Set<Socket>} */
  #sockets = new Set();

  /** @param {number[]} ports */
  constructor(ports) {
    this.#ports = ports;
  }

  /** Breaks all connections, and every new one too. */
  cut() {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#open = true;
  }

  /** @param {...number} ports Where connections lead from now on. */
  lead(...ports) {
    this.#ports = ports;
  }

  /** @param {Socket} near */
  pass(near) {
    if (!this.#open) return void near.destroy();
    const port = this.#ports[(this.#turn += 1) % this.#ports.length];
    const far = connect(/** @type {number} */ (port), '127.0.0.1');
    this.#join(near, far);
    this.#join(far, near);
  }

  /** @param {Socket} from @param {Socket} to */
  #join(from, to) {
    this.#sockets.add(from);
    // What is over on one side is over on the other; an end by the book has passed before, like the bytes.
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroySoon();
    });
    from.pipe(to);
  }
}
