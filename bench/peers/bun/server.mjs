/**
 * The base protocol on Bun's own WebSocket server (uWebSockets), one process: bun server.mjs PORT
 *
 * The rules are in ../matchmaking.mjs; here are only sockets: sizes, liveness, and what waits for a client that reads too slowly.
 */

import { Matchmaking } from '../matchmaking.mjs';

const MAX_MESSAGE = 64 * 1024;
const MAX_OUTBOUND = 256 * 1024;
/** Bun sends the pings itself, 16 s before this much silence would end the connection: after 24 s. */
const IDLE_TIMEOUT_S = 40;

const matchmaking = new Matchmaking();

/** What waits to be sent is bounded: else one client that does not read takes the memory of all. */
class Socket {
  constructor(ws) {
    this.ws = ws;
  }

  send(text) {
    // The number of bytes; -1 if they have to wait, 0 if they were dropped.
    if (this.ws.send(text) <= 0 && this.ws.getBufferedAmount() > MAX_OUTBOUND) {
      // Not from within `send`, which the matchmaking called: closing calls `close` below at once.
      setImmediate(() => this.ws.close(1013, 'too slow to read its messages'));
    }
  }
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname === '/livez') return new Response(null, { status: 200 });
    if (pathname !== '/ws') return new Response(null, { status: 404 });
    // Bun would accept any subprotocol offered, and so promise a layer that is not spoken here.
    request.headers.delete('sec-websocket-protocol');
    if (server.upgrade(request, { data: { client: null } })) return;
    return new Response(null, { status: 426 });
  },
  websocket: {
    maxPayloadLength: MAX_MESSAGE,
    perMessageDeflate: false,
    idleTimeout: IDLE_TIMEOUT_S,
    sendPings: true,
    open(ws) {
      ws.data.client = matchmaking.connect(new Socket(ws));
    },
    message(ws, data) {
      if (typeof data !== 'string') return ws.close(1003, 'text messages only');
      matchmaking.receive(ws.data.client, data);
    },
    close(ws) {
      matchmaking.disconnect(ws.data.client);
    },
  },
});

console.log(`listening on 127.0.0.1:${server.port}`);

process.on('SIGTERM', () => process.exit(0));
