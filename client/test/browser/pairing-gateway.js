/**
 * The smallest gateway that a browser can use: it serves the page, the SDK and the tests' own pages, and pairs whoever is
 * available with whoever waits and is not to be avoided. Not the real one's rules, only its protocol: enough to see two browsers talk, and to keep on
 * talking when one's connection breaks.
 */

/** @import { TestContext } from 'node:test' */
/** @import { WebSocket } from 'ws' */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { WebSocketServer } from 'ws';

const CLIENT = new URL('../../', import.meta.url);

/** @type {[RegExp, string][]} */
const ROUTES = [
  [/^\/$/, 'demo/index.html'],
  [/^\/demo\/([\w-]+\.\w+)$/, 'demo/$1'],
  [/^\/sdk\/([\w-]+\.js)$/, 'src/$1'],
  [/^\/test\/([\w-]+\.\w+)$/, 'test/browser/$1'],
];

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** @typedef {{ id: string, socket: WebSocket, partner: Member | null, room: string, said: any[], heard: number, wishes: Wishes }} Member */
/** @typedef {{ tags?: string[], avoid?: string[] }} Wishes */

/** @param {Pick<TestContext, 'after'>} t It ends with the test. */
export async function pairingGateway(t) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    const route = ROUTES.find(([pattern]) => pattern.test(path));
    const body = route && (await readFile(new URL(path.replace(...route), CLIENT)).catch(() => null));
    if (!route || !body) return void response.writeHead(404).end();
    const type = TYPES[extname(path.replace(...route))] ?? 'application/octet-stream';
    response.writeHead(200, {
      'content-type': `${type}; charset=utf-8`,
      'content-security-policy': "default-src 'self'; connect-src 'self' ws: wss:",
    });
    response.end(body);
  });
  const pairing = new Pairing(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  t.after(() => {
    pairing.sockets.close();
    for (const socket of pairing.sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  });
  return { origin: `http://127.0.0.1:${port}`, pairing };
}

class Pairing {
  /** @type {Member[]} */
  #queue = [];
  #count = 0;
  /** @type {Set<Member>} */
  members = new Set();
  /** @type {{ reason: string, roomId: string }[]} */
  reports = [];
  /** All that were said, in order. @type {Wishes[]} */
  wishes = [];

  /** @type {(() => void)[] | null} */
  #ungreeted = null;

  /** Greets nobody new until the function it gives is called: so a test can look at what a page does meanwhile. */
  holdGreetings() {
    this.#ungreeted = [];
    return () => {
      for (const greet of this.#ungreeted ?? []) greet();
      this.#ungreeted = null;
    };
  }

  /** @param {import('node:http').Server} server */
  constructor(server) {
    this.sockets = new WebSocketServer({ server, path: '/ws' });
    this.sockets.on('connection', (socket) => this.#join(socket));
  }

  /** @param {WebSocket} socket */
  #join(socket) {
    /** @type {Member} */
    let member = { id: `c${(this.#count += 1)}`, socket, partner: null, room: '', said: [], heard: 0, wishes: {} };
    this.members.add(member);
    const greet = () => say(member, { type: 'ready', clientId: member.id, iceServers: [], resumeToken: member.id, resumeWindowMs: 15_000 });
    if (this.#ungreeted) this.#ungreeted.push(greet);
    else greet();
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.type === 'resume') member = this.#resume(member, message);
      else this.#take(member, message);
    });
    socket.on('close', (code) => {
      // What is kept is kept until the test ends: no page comes too late.
      if (code !== 1000 && code !== 1001 && code !== 4410) return void (member.partner && say(member.partner, { type: 'partner-away' }));
      this.members.delete(member);
      this.#part(member, 'disconnected');
    });
  }

  /** @param {Member} fresh @param {{ token: string, ack: number }} resume */
  #resume(fresh, { token, ack }) {
    const member = [...this.members].find(({ id }) => id === token);
    if (!member) {
      say(fresh, { type: 'error', code: 'resume-failed', message: 'no such session' });
      return fresh;
    }
    this.members.delete(fresh);
    member.socket = fresh.socket;
    const room = member.partner && { roomId: member.room, partnerId: member.partner.id };
    const state = room ? 'matched' : this.#queue.includes(member) ? 'waiting' : 'idle';
    say(member, { type: 'resumed', clientId: member.id, state, ...room, ack: member.heard, resumeToken: token });
    for (const message of member.said.slice(ack)) member.socket.send(JSON.stringify(message));
    if (member.partner) say(member.partner, { type: 'partner-back' });
    return member;
  }

  /** @param {Member} member @param {any} message */
  #take(member, message) {
    const { type, roomId, seq = 0, ack: _, ...rest } = message;
    if (seq > 0 && seq <= member.heard) return;
    member.heard = Math.max(member.heard, seq);
    if (type === 'available') {
      this.wishes.push((member.wishes = rest));
      this.#seek(member);
    } else if (type === 'next' || type === 'leave') {
      this.#part(member, type === 'next' ? 'next' : 'left');
      if (type === 'next') this.#seek(member);
    } else if (type === 'report') {
      this.reports.push({ ...rest, type, roomId });
      // On the last partner: whoever waits goes on waiting.
      if (member.partner && roomId === member.room) this.#part(member, 'left');
    } else if (type === 'ping') say(member, { ...rest, type: 'pong', ack: member.heard });
    else if (['offer', 'answer', 'ice'].includes(type) && member.partner && (roomId ?? member.room) === member.room) {
      say(member.partner, { ...rest, type, from: member.id });
    }
  }

  /** @param {Member} member */
  #seek(member) {
    const other = this.#queue.find((waiting) => waiting !== member && !avoids(waiting, member) && !avoids(member, waiting));
    if (!other) {
      if (!this.#queue.includes(member)) this.#queue.push(member);
      say(member, { type: 'waiting', pool: 'default', position: 1 });
      return;
    }
    this.#queue = this.#queue.filter((waiting) => waiting !== other && waiting !== member);
    const room = `room-${(this.#count += 1)}`;
    const tags = tagsOf(member).filter((tag) => tagsOf(other).includes(tag));
    for (const [one, two, initiator] of /** @type {const} */ ([[member, other, true], [other, member, false]])) {
      one.partner = two;
      one.room = room;
      say(one, { type: 'matched', roomId: room, partnerId: two.id, initiator, ...(tags.length > 0 && { tags }) });
    }
  }

  /** @param {Member} member @param {string} reason */
  #part(member, reason) {
    this.#queue = this.#queue.filter((waiting) => waiting !== member);
    const { partner } = member;
    member.partner = null;
    if (!partner) return;
    partner.partner = null;
    say(partner, { type: 'partner-left', reason, requeued: true });
    this.#seek(partner);
  }
}

/** @param {Member} member */
const tagsOf = ({ wishes }) => wishes.tags?.map((tag) => tag.toLowerCase()) ?? [];

/** @param {Member} one @param {Member} other */
const avoids = (one, other) => one.wishes.avoid?.includes(other.id) ?? false;

/** @param {Member} member @param {Record<string, unknown>} message */
function say(member, message) {
  const numbered = NUMBERED.test(String(message.type)) ? { ...message, seq: member.said.length + 1, ack: member.heard } : message;
  if (numbered !== message) member.said.push(numbered);
  member.socket.send(JSON.stringify(numbered));
}

const NUMBERED = /^(waiting|matched|offer|answer|ice|partner-.*)$/;
