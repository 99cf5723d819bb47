/**
 * The client's end of the protocol, as an application sees it: calls that speak, events that tell, properties that say how
 * things stand. Decides the order of things on the wire (greeting, who one is, the wish, what had to wait). What a wish or
 * a message means for the room is `session.js`'s; keeping a socket is `connection.js`'s; media are `call.js`'s.
 */

/** @import { Auth, CallReport, Candidate, ClientMessage, Extra, LocalErrorCode, PingMessage, Sdp, ServerMessage, ServerMessageOf, Wishes } from './messages.js' */
/** @import { Close, Lost, WebSocketConstructor } from './connection.js' */
/** @import { LivenessTimes } from './liveness.js' */
/** @import { ReconnectBounds, ReconnectPolicy } from './reconnect.js' */
/** @import { RoomEnded, WishMessage } from './session.js' */

import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { LIVENESS_TIMES } from './liveness.js';
import { Outbox } from './outbox.js';
import { nextReconnect } from './reconnect.js';
import { maySayAgain, Session } from './session.js';

/** @typedef {'closed' | 'connecting' | 'idle' | 'waiting' | 'matched' | 'reconnecting'} SignalingState */

/**
 * @typedef {object} SignalingOptions
 * @property {string[]} [protocols] WebSocket subprotocols to offer. None unless given: the base protocol.
 * @property {Auth | (() => Auth | null | Promise<Auth | null>)} [auth] Said first on every connection. A function is asked
 *   each time, and again when the server says that the token ends soon.
 * @property {WebSocketConstructor} [WebSocket] The global one unless given.
 * @property {ReconnectPolicy | Partial<ReconnectBounds> | false} [reconnect] A policy, other bounds for ours, or never.
 * @property {boolean} [resumeWishes] Whether to ask for a partner again after a reconnect if one was wanted. True unless given.
 * @property {number} [outboxLimit] How many messages may wait for a connection.
 * @property {Partial<LivenessTimes>} [liveness]
 * @property {number} [readyWithinMs] How long a connection may take until the server greets; 0 for ever.
 * @property {() => number} [random] In [0, 1).
 */

/**
 * What the client tells besides the server's messages. Each of those has an event named like its `type`.
 * @typedef {object} LocalEvents
 * @property {{ protocol: string }} open The socket is open; `ready` follows from the server.
 * @property {Close} close The socket is gone, for whatever reason.
 * @property {{ attempt: number, delayMs: number, close: Close }} reconnecting
 * @property {{ clientId: string }} reconnected
 * @property {{ close: Close, why: string, byUs: boolean }} ended No further attempt will be made, until `connect`.
 * @property {{ state: SignalingState, previous: SignalingState }} statechange
 * @property {RoomEnded} room-ended Once a room, whoever or whatever ended it.
 * @property {ServerMessage} message Everything the server says, unknown kinds and late messages too.
 */
/** @typedef {{ [K in ServerMessage['type']]: ServerMessageOf<K> } & LocalEvents} SignalingEvents */

/** @extends {Emitter<SignalingEvents>} */
export class Signaling extends Emitter {
  #session = new Session();
  #connection;
  #outbox;
  #options;
  #random;
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
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#outbox = new Outbox(options.outboxLimit ?? OUTBOX_LIMIT);
    this.#connection = new Connection(
      {
        url,
        protocols: options.protocols ?? [],
        WebSocket: options.WebSocket ?? /** @type {WebSocketConstructor} */ (globalThis.WebSocket),
        policy: policyOf(options.reconnect),
        random: this.#random,
        liveness: { ...LIVENESS_TIMES, ...options.liveness },
        readyWithinMs: options.readyWithinMs ?? READY_WITHIN_MS,
      },
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
    const { auth } = this.#options;
    return typeof auth === 'function' ? auth() : (auth ?? null);
  }

  // What is heard.

  /** @param {unknown} data */
  #receive(data) {
    const message = parse(data);
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
    if (tell) this.emit(message.type, /** @type {any} */ (message));
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
    if (typeof this.#options.auth !== 'function') return;
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
    }, delayMs + this.#random() * SAY_AGAIN_JITTER_MS);
  }

  /** @param {Lost} lost */
  #lost({ close, next, attempt, byUs }) {
    const hadRoom = this.#session.room !== null;
    this.#era += 1;
    this.#begun = false;
    clearTimeout(this.#sayAgain);
    this.#session.lost(this.#options.resumeWishes ?? true);
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

/**
 * @param {SignalingOptions['reconnect']} reconnect
 * @returns {ReconnectPolicy}
 */
function policyOf(reconnect) {
  if (typeof reconnect === 'function') return reconnect;
  if (reconnect === false) return () => ({ reconnect: false, why: 'reconnecting is off' });
  return (context) => nextReconnect(context, reconnect);
}

/**
 * @param {unknown} data
 * @returns {ServerMessage | null}
 */
function parse(data) {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data);
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** @param {Sdp} sdp */
const sdpText = (sdp) => (typeof sdp === 'string' ? sdp : (sdp.sdp ?? ''));

const OUTBOX_LIMIT = 256;
const READY_WITHIN_MS = 10_000;
const SAY_AGAIN_JITTER_MS = 250;
