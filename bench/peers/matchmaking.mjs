/**
 * The rules of the base protocol, for the Node and the Bun server alike: who is paired with whom, what a message does, what is
 * refused. Knows nothing of WebSockets: a socket is whatever has `send(text)`. That `send` must not call back into this class
 * before it returns.
 */

import { randomUUID } from 'node:crypto';

/** Who is left over from a room shorter than this returns to the place held before: it was too short to be a meeting. */
const SHORT_ROOM_MS = 10_000;
/** How long two are kept apart after one of them sent `next`. */
const APART_MS = 3_000;
/** How often those are looked at again who wait only because they are kept apart. */
const RETRY_MS = 500;
const POOL_NAME_LENGTH = 64;

/** One connection. All fields are there from the start, so that all clients have the same shape for the compiler. */
class Client {
  id = randomUUID();
  /** @type {Client | null} */
  partner = null;
  /** @type {{ id: string, since: number } | null} The same object on both sides. */
  room = null;
  /** @type {Queue | null} Not null while waiting. */
  queue = null;
  pool = 'default';
  /** When the wait began: the place in the queue. */
  since = 0;
  /** Whom this one left last by `next`: an id, because an object would keep a whole chain of departed clients alive. */
  left = '';
  leftAt = 0;

  constructor(socket) {
    this.socket = socket;
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  refuse(code, message) {
    this.send({ type: 'error', code, message });
  }
}

/** Those who wait in one pool, longest first. A `Set` keeps the order of arrival and forgets anyone in constant time. */
class Queue extends Set {
  newest = 0;

  /** Only who returns to an older place has to be sorted in. The queue is short then: whoever suits anyone is not in it. */
  enter(client) {
    this.add(client);
    if (client.since >= this.newest) {
      this.newest = client.since;
      return;
    }
    const ordered = [...this].sort((one, other) => one.since - other.since);
    this.clear();
    for (const waiter of ordered) this.add(waiter);
  }
}

export class Matchmaking {
  /** @type {Map<string, Queue>} Only pools in which somebody waits: clients make up the names, so empty ones must not pile up. */
  #pools = new Map();
  #retrying = false;
  #now;
  #later;

  constructor({ now = Date.now, later = setTimeout } = {}) {
    this.#now = now;
    this.#later = later;
  }

  connect(socket) {
    const client = new Client(socket);
    client.send({ type: 'ready', clientId: client.id });
    return client;
  }

  /** May be called more than once. */
  disconnect(client) {
    this.#rest(client, 'disconnected');
  }

  receive(client, text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return client.refuse('invalid-message', 'not JSON');
    }
    if (!isObject(message)) return client.refuse('invalid-message', 'not a JSON object');
    switch (message.type) {
      case 'offer':
      case 'answer':
        if (isDescription(message.sdp)) return this.#forward(client, message);
        return client.refuse('invalid-message', '`sdp` is missing, or neither a string nor an object with one');
      case 'ice':
        if (isCandidate(message.candidate)) return this.#forward(client, message);
        return client.refuse('invalid-message', '`candidate` is missing, or no object, string or null');
      case 'available':
        return this.#available(client, message.pool ?? 'default');
      case 'next':
        return this.#next(client, message.roomId);
      case 'leave':
        if (namesCurrentRoom(client, message.roomId)) this.#rest(client, 'left');
        return;
      case 'ping':
        return client.send({ type: 'pong', id: message.id });
      default:
        if (typeof message.type === 'string') return client.refuse('unknown-type', 'no message has this `type`');
        return client.refuse('invalid-message', '`type` is missing or not a string');
    }
  }

  /** The parsed message is nobody else's, so it is changed rather than copied. `JSON.stringify` leaves out what is undefined. */
  #forward(client, message) {
    if (!namesCurrentRoom(client, message.roomId)) return;
    if (client.partner === null) return client.refuse('not-in-room', 'you have no partner');
    message.from = client.id;
    if (message.seq !== undefined) message.seq = undefined;
    if (message.ack !== undefined) message.ack = undefined;
    client.partner.send(message);
  }

  #available(client, pool) {
    if (typeof pool !== 'string' || pool === '' || pool.length > POOL_NAME_LENGTH) {
      return client.refuse('invalid-message', `\`pool\` is no string of 1 to ${POOL_NAME_LENGTH} characters`);
    }
    if (client.room !== null) return client.refuse('already-matched', 'you are in a room');
    if (client.queue === null) client.since = this.#now();
    this.#dequeue(client);
    client.pool = pool;
    this.#seek(client);
  }

  #next(client, roomId) {
    if (!namesCurrentRoom(client, roomId) || client.queue !== null) return;
    const now = this.#now();
    client.since = now;
    if (client.partner !== null) {
      client.left = client.partner.id;
      client.leftAt = now;
      this.#rest(client, 'next');
    }
    this.#seek(client);
  }

  /** Ends room or wait. A partner is told why, and waits again. */
  #rest(client, reason) {
    this.#dequeue(client);
    const { partner, room } = client;
    if (partner === null) return;
    client.room = client.partner = partner.room = partner.partner = null;
    const now = this.#now();
    if (now - room.since >= SHORT_ROOM_MS) partner.since = now;
    partner.send({ type: 'partner-left', reason, requeued: true });
    this.#seek(partner);
  }

  #seek(client) {
    const waiter = this.#oldestSuiting(client);
    if (waiter !== null) return this.#pair(client, waiter);
    let queue = this.#pools.get(client.pool);
    if (queue === undefined) this.#pools.set(client.pool, (queue = new Queue()));
    queue.enter(client);
    client.queue = queue;
    client.send({ type: 'waiting', pool: client.pool });
  }

  #oldestSuiting(client) {
    const queue = this.#pools.get(client.pool);
    if (queue === undefined) return null;
    const now = this.#now();
    for (const waiter of queue) {
      if (waiter === client) continue;
      if (!keepsApart(client, waiter, now) && !keepsApart(waiter, client, now)) return waiter;
      this.#retryLater();
    }
    return null;
  }

  /** The newcomer makes the offer. */
  #pair(client, waiter) {
    this.#dequeue(client);
    this.#dequeue(waiter);
    const roomId = randomUUID();
    client.room = waiter.room = { id: roomId, since: this.#now() };
    client.partner = waiter;
    waiter.partner = client;
    client.send({ type: 'matched', roomId, partnerId: waiter.id, initiator: true });
    waiter.send({ type: 'matched', roomId, partnerId: client.id, initiator: false });
  }

  #dequeue(client) {
    const { queue } = client;
    if (queue === null) return;
    client.queue = null;
    queue.delete(client);
    if (queue.size === 0) this.#pools.delete(client.pool);
  }

  /** One timer for all, running only while somebody was passed over. */
  #retryLater() {
    if (this.#retrying) return;
    this.#retrying = true;
    this.#later(() => {
      this.#retrying = false;
      for (const queue of [...this.#pools.values()]) this.#retry(queue);
    }, RETRY_MS);
  }

  /** Who finds nobody keeps its place and hears nothing. */
  #retry(queue) {
    if (queue.size < 2) return;
    for (const client of [...queue]) {
      const waiter = client.queue && this.#oldestSuiting(client);
      if (waiter) this.#pair(client, waiter);
    }
  }
}

/** A message for a room that is over must not reach the next one; without a `roomId` the current room is meant. */
function namesCurrentRoom(client, roomId) {
  if (roomId === undefined || roomId === null || roomId === client.room?.id) return true;
  if (typeof roomId === 'string') client.refuse('stale-room', 'this room is over');
  else client.refuse('invalid-message', '`roomId` is not a string');
  return false;
}

function keepsApart(client, other, now) {
  return client.left === other.id && now - client.leftAt < APART_MS;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDescription(sdp) {
  return typeof sdp === 'string' || (isObject(sdp) && typeof sdp.sdp === 'string');
}

function isCandidate(candidate) {
  return typeof candidate === 'string' || candidate === null || isObject(candidate);
}
