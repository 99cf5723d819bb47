/**
 * The client's end of the protocol, as an application sees it: calls that speak, events that tell, properties that say how
 * things stand. Decides the order of things on the wire (greeting, who one is, the wish, what had to wait). What a wish or
 * a message means for the room is `session.js`'s; keeping a socket is `connection.js`'s; media are `call.js`'s.
 */

/** @import { CallReport, Candidate, ClientMessage, Extra, LocalErrorCode, PingMessage, Sdp, ServerMessage, Wishes } from './messages.js' */
/** @import { Lost } from './connection.js' */
/** @import { SignalingEvents, SignalingState } from './events.js' */
/** @import { SignalingOptions } from './options.js' */
/** @import { WishMessage } from './session.js' */

import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { isKnown, readServerMessage } from './messages.js';
import { withDefaults } from './options.js';
import { Outbox } from './outbox.js';
import { maySayAgain, Session } from './session.js';

/** @extends {Emitter<SignalingEvents>} */
export class Signaling extends Emitter {
  #session = new Session();
  #connection;
  #outbox;
  #settings;
  /** @type {SignalingState} */
  #told = 'closed';
  /** Counts connections, so that what was begun for one never goes on with the next. */
  #era = 0;
  /** Whether what must come first on this connection has been said. */
  #begun = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #sayAgain;

  /**
   * @param {string} url Of the gateway's WebSocket: `wss://host/ws`.
   * @param {SignalingOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    const settings = withDefaults(options);
    this.#settings = settings;
    this.#outbox = new Outbox(settings.outboxLimit);
    this.#connection = new Connection(
      { url, ...settings },
      {
        opened: (protocol) => this.emit('open', { protocol }),
        received: (data) => this.#receive(data),
        lost: (lost) => this.#lost(lost),
        silent: () => void this.#transmit({ type: 'ping' }),
      },
    );
  }

  /** @returns {SignalingState} */
  get state() {
    const { phase } = this.#connection;
    if (phase !== 'ready') return phase;
    if (this.#session.room) return 'matched';
    return this.#session.seeking ? 'waiting' : 'idle';
  }

  get clientId() {
    return this.#session.clientId;
  }

  get roomId() {
    return this.#session.room?.roomId ?? null;
  }

  get partnerId() {
    return this.#session.room?.partnerId ?? null;
  }

  /** Whether this client makes the offer; null without a room. */
  get initiator() {
    return this.#session.room?.initiator ?? null;
  }

  /** For `RTCPeerConnection`: those of the room, or else of the connection. */
  get iceServers() {
    return this.#session.iceServers;
  }

  /** Connects, and from then on stays connected. While that is so already, it does nothing. */
  connect() {
    this.#connection.open();
    this.#settle();
  }

  /** Ends the connection for good, and the room with it. What still waited to be sent is dropped. */
  close() {
    this.#outbox.clear();
    this.#session.closed();
    this.#connection.close();
    this.#settle();
  }

  /**
   * Asks for a partner: now, or once connected.
   * @param {Wishes} [wishes]
   */
  available(wishes = {}) {
    this.#say(this.#session.available(wishes));
  }

  /** Leaves the partner, if any, and asks for another with the same wishes. */
  next() {
    this.#say(this.#session.next());
  }

  /** Leaves the room or the queue, and rests. */
  leave() {
    this.#say(this.#session.leave());
  }

  /**
   * @param {Sdp} sdp
   * @param {Extra & { roomId?: string }} [extra] Carried to the partner. A `roomId` says which room it is meant for.
   * @returns {boolean} False when there is no such room (any more): nothing was sent.
   */
  offer(sdp, extra) {
    return this.#toPartner({ ...extra, type: 'offer', sdp: sdpText(sdp) });
  }

  /** @param {Sdp} sdp @param {Extra & { roomId?: string }} [extra] @returns {boolean} Like `offer`. */
  answer(sdp, extra) {
    return this.#toPartner({ ...extra, type: 'answer', sdp: sdpText(sdp) });
  }

  /** @param {Candidate} candidate @param {Extra & { roomId?: string }} [extra] @returns {boolean} Like `offer`. */
  ice(candidate, extra) {
    return this.#toPartner({ ...extra, type: 'ice', candidate });
  }

  /** @param {PingMessage['id']} [id] Comes back in the `pong`. */
  ping(id) {
    this.#send(id === undefined ? { type: 'ping' } : { type: 'ping', id });
  }

  /**
   * Tells the operator's metrics how the call goes.
   * @param {CallReport} report
   */
  reportState(report) {
    this.#send({ type: 'state', ...report });
  }

  /**
   * Reports the partner, or the last one, and ends the room.
   * @param {string} reason
   * @param {{ details?: string, roomId?: string }} [more]
   */
  report(reason, more = {}) {
    const roomId = more.roomId ?? this.#session.lastRoomId;
    this.#send({ type: 'report', reason, ...more, ...(roomId && { roomId }) });
    if (roomId === this.roomId) this.#session.reported();
    this.#settle();
  }

  // What is said.

  /** @param {WishMessage} wish */
  #say(wish) {
    clearTimeout(this.#sayAgain);
    // If it can't be said now it is not lost: the session says it when the next connection begins.
    if (this.#begun) this.#transmit(wish);
    this.#settle();
  }

  /** @param {Extra & { roomId?: string } & ({ type: 'offer' | 'answer', sdp: string } | { type: 'ice', candidate: Candidate })} message */
  #toPartner(message) {
    const { roomId } = this;
    if (roomId === null || (message.roomId ?? roomId) !== roomId) return false;
    this.#send({ ...message, roomId });
    return true;
  }

  /** @param {ClientMessage} message */
  #send(message) {
    if (!this.#begun || !this.#transmit(message)) this.#outbox.push(message);
  }

  /** @param {ClientMessage} message */
  #transmit(message) {
    return this.#connection.send(JSON.stringify(message));
  }

  /** What comes first on a connection: who this is, what is wanted, what had to wait. */
  async #begin() {
    const era = this.#era;
    // A `duet.v1` session's `resume` belongs here, ahead of everything; in the base protocol each connection is a new session.
    try {
      const auth = await this.#auth();
      if (era !== this.#era) return;
      if (auth) this.#transmit({ type: 'auth', ...auth });
    } catch (error) {
      if (era !== this.#era) return;
      this.#tellError('auth-failed', error instanceof Error ? error.message : String(error));
      this.#connection.breakOff('not authenticated');
      return;
    }
    this.#begun = true;
    const wish = this.#session.begin();
    if (wish) this.#transmit(wish);
    this.#outbox.keepOnlyRoom(this.roomId);
    this.#outbox.drain((message) => this.#transmit(message));
    this.#settle();
  }

  async #auth() {
    const { auth } = this.#settings;
    return typeof auth === 'function' ? auth() : (auth ?? null);
  }

  // What is heard.

  /** @param {unknown} data */
  #receive(data) {
    const message = readServerMessage(data);
    if (!message) {
      this.#tellError('bad-server-message', 'The server sent something that is not a message');
      return;
    }
    const reconnected = message.type === 'ready' && this.#connection.phase === 'reconnecting';
    const { tell, reply } = this.#session.take(message);
    this.#note(message);
    if (reply) this.#transmit(reply);
    this.#settle();
    this.emit('message', message);
    // The kind decides the event: that the two agree is what `SignalingEvents` says.
    if (tell && isKnown(message)) this.emit(message.type, /** @type {any} */ (message));
    if (reconnected) this.emit('reconnected', { clientId: message.clientId });
  }

  /**
   * What a message means for the connection.
   * @param {ServerMessage} message
   */
  #note(message) {
    if (message.type === 'ready') {
      this.#connection.ready();
      void this.#begin();
    } else if (message.type === 'going-away') {
      this.#connection.drain();
    } else if (message.type === 'token-expiring') {
      void this.#renewAuth();
    } else if (message.type === 'error' && maySayAgain(message)) {
      this.#connection.hint(message.retryAfterMs);
      this.#sayAgainAfter(message.retryAfterMs ?? 1_000);
    }
  }

  async #renewAuth() {
    // A fixed token can't be a newer one; the application hears of `token-expiring` and may connect with another.
    if (typeof this.#settings.auth !== 'function') return;
    const era = this.#era;
    try {
      const auth = await this.#auth();
      if (auth && era === this.#era) this.#transmit({ type: 'auth', ...auth });
    } catch (error) {
      this.#tellError('auth-failed', error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {number} delayMs */
  #sayAgainAfter(delayMs) {
    clearTimeout(this.#sayAgain);
    this.#sayAgain = setTimeout(() => {
      const wish = this.#session.unanswered;
      if (wish && this.#begun) this.#transmit(wish);
    }, delayMs + this.#settings.random() * SAY_AGAIN_JITTER_MS);
  }

  /** @param {Lost} lost */
  #lost({ close, next, attempt, byUs }) {
    const hadRoom = this.#session.room !== null;
    this.#era += 1;
    this.#begun = false;
    clearTimeout(this.#sayAgain);
    this.#session.lost(this.#settings.resumeWishes);
    if (!next.reconnect) this.#session.closed();
    const requeued = this.#session.seeking;
    const { state } = this;
    this.#settle();
    this.emit('close', close);
    if (hadRoom) this.emit('partner-left', { type: 'partner-left', reason: 'connection-lost', requeued, local: true });
    // A listener may have closed, or connected anew: then that is what is told, and this is past.
    if (this.#told !== state) return;
    if (next.reconnect) this.emit('reconnecting', { attempt, delayMs: next.delayMs, close });
    else this.emit('ended', { close, why: next.why, byUs });
  }

  /** Tells what the last step changed: after every step, once, when all properties already say the new. */
  #settle() {
    for (let ended = this.#session.pollEnded(); ended; ended = this.#session.pollEnded()) {
      this.#outbox.keepOnlyRoom(this.roomId);
      this.emit('room-ended', ended);
    }
    const { state } = this;
    const previous = this.#told;
    if (state === previous) return;
    this.#told = state;
    this.emit('statechange', { state, previous });
  }

  /** @param {LocalErrorCode} code @param {string} message */
  #tellError(code, message) {
    this.emit('error', { type: 'error', code, message, local: true });
  }
}

/** @param {Sdp} sdp */
const sdpText = (sdp) => (typeof sdp === 'string' ? sdp : (sdp.sdp ?? ''));

/** So that clients refused together don't all ask again together. */
const SAY_AGAIN_JITTER_MS = 250;
