/**
 * The base protocol on Node.js and `ws`, one process: node server.mjs PORT
 *
 * The rules are in ../matchmaking.mjs; here are only sockets: sizes, liveness, and what waits for a client that reads too slowly.
 */

import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { Matchmaking } from '../matchmaking.mjs';

const MAX_MESSAGE = 64 * 1024;
const MAX_OUTBOUND = 256 * 1024;
const PING_EVERY_MS = 25_000;
const CLOSE_TIMEOUT_MS = 5_000;

const matchmaking = new Matchmaking();

/** What waits to be sent is bounded: else one client that does not read takes the memory of all. */
class Socket extends WebSocket {
  client = null;
  alive = true;

  send(text) {
    super.send(text);
    if (this.bufferedAmount > MAX_OUTBOUND && this.readyState === WebSocket.OPEN) {
      this.close(1013, 'too slow to read its messages');
      // Not from within `send`, which the matchmaking called; and not at `close`, which a client that reads nothing delays.
      setImmediate(onClose.bind(this));
    }
  }
}

// TCP_NODELAY is on by default in Node's HTTP server, and set once more by `ws`.
const server = createServer((request, response) => {
  const status = request.url === '/livez' ? 200 : request.url === '/ws' ? 426 : 404;
  response.writeHead(status).end();
});
const sockets = new WebSocketServer({
  server,
  path: '/ws',
  WebSocket: Socket,
  maxPayload: MAX_MESSAGE,
  perMessageDeflate: false,
  closeTimeout: CLOSE_TIMEOUT_MS,
  handleProtocols: () => false,
});

// One function for all sockets, with the socket as `this`, rather than four closures a connection.
sockets.on('connection', (socket) => {
  socket.on('message', onMessage);
  socket.on('pong', onPong);
  socket.on('close', onClose);
  socket.on('error', onError);
  socket.client = matchmaking.connect(socket);
});

function onMessage(data, isBinary) {
  if (this.readyState !== WebSocket.OPEN) return;
  if (isBinary) return this.close(1003, 'text messages only');
  matchmaking.receive(this.client, data.toString());
}

function onPong() {
  this.alive = true;
}

function onClose() {
  matchmaking.disconnect(this.client);
}

/** A broken frame or connection; `close` follows. Without a listener it would end the process. */
function onError() {}

setInterval(() => {
  for (const socket of sockets.clients) {
    if (socket.alive) {
      socket.alive = false;
      socket.ping();
    } else {
      socket.terminate();
    }
  }
}, PING_EVERY_MS);

// The backlog is 511 unless told, which a burst of connections overflows.
server.listen({ host: '127.0.0.1', port: Number(process.argv[2] ?? 0), backlog: 4096 }, () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});

process.on('SIGTERM', () => process.exit(0));
