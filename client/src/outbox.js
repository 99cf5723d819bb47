/**
 * What waits to be sent while there is no connection, or while too much before it is unacknowledged: bounded, in order, and
 * without what was meant for a room that is over. When to drain it is `signaling.js`'s.
 *
 * What one wants (a partner, or rest) is here only while its session may go on, where it has a place among the rest. To a new
 * session it is a state, not messages to repeat.
 */

/** @import { ClientMessage } from './messages.js' */

export class Outbox {
  /** @type {ClientMessage[]} */
  #messages = [];
  #limit;

  /** @param {number} limit */
  constructor(limit) {
    this.#limit = limit;
  }

  get size() {
    return this.#messages.length;
  }

  /**
   * @param {ClientMessage} message A wish always finds room: nobody may be kept from leaving, and there are as many as a person
   *   makes.
   * @throws {OutboxFullError}
   */
  push(message) {
    if (this.#messages.length >= this.#limit && !WISHES.has(message.type)) throw new OutboxFullError(this.#limit);
    this.#messages.push(message);
  }

  /**
   * Drops what is bound to another room than this one.
   * @param {string | null} roomId
   */
  keepOnlyRoom(roomId) {
    this.#messages = this.#messages.filter((message) => !ROOM_BOUND.has(message.type) || roomOf(message) === roomId);
  }

  dropWishes() {
    this.#messages = this.#messages.filter(({ type }) => !WISHES.has(type));
  }

  /**
   * Hands over every message in order, until one is refused.
   * @param {(message: ClientMessage) => boolean} send
   */
  drain(send) {
    let sent = 0;
    while (sent < this.#messages.length && send(/** @type {ClientMessage} */ (this.#messages[sent]))) sent += 1;
    this.#messages.splice(0, sent);
  }

  clear() {
    this.#messages = [];
  }
}

/** Thrown to whoever sends: the message was not taken. */
export class OutboxFullError extends Error {
  /** @param {number} limit */
  constructor(limit) {
    super(`${limit} messages already wait to be sent`);
    this.name = 'OutboxFullError';
    this.code = 'outbox-full';
  }
}

// `state` and a report on the last partner say something that is true whatever room one is in by then; these don't.
const ROOM_BOUND = new Set(['offer', 'answer', 'ice']);

const WISHES = new Set(['available', 'next', 'leave']);

/** @param {ClientMessage} message */
const roomOf = (message) => ('roomId' in message ? (message.roomId ?? null) : null);
