/**
 * What is said to the server and heard from it: the order of things in a session (greeting, who one is, the wish, what had to
 * wait), what each message sets going, and which events tell of it. What a wish or a message means for the room is
 * `session.js`'s; keeping a socket is `connection.js`'s; numbers are `wire.js`'s; whether a session outlives its socket is
 * `resumption.js`'s.
 */

/** @import { ClientMessage, ErrorMessage, LocalErrorCode, PartnerLeftMessage, ReadyMessage, ResumedMessage, ServerMessage } from './messages.js' */
/** @import { Lost } from './connection.js' */
/** @import { SignalingEvents, SignalingState } from './events.js' */
/** @import { Settings } from './options.js' */
/** @import { ReconnectPolicy } from './reconnect.js' */
/** @import { Session, WishMessage } from './session.js' */

import { Connection } from './connection.js';
import { Identity } from './identity.js';
import { isKnown, readServerMessage } from './messages.js';
import { Outbox } from './outbox.js';
import { FINAL_CLOSE_CODES } from './reconnect.js';
import { Resumption } from './resumption.js';
import { maySayAgain, retryDelayMs } from './retry.js';
import { Wire } from './wire.js';

/** @typedef {<K extends keyof SignalingEvents>(type: K, event: SignalingEvents[K]) => void} Emit */

export class Dialogue {
  #session;
  #connection;
  #wire;
  #resumption;
  #identity;
  #outbox;
  #settings;
  #emit;
  /** @type {SignalingState} */
  #told = 'closed';
  /** Counts connections, so that what was begun for one never goes on with the next. */
  #era = 0;
  /** Whether what must come first on this connection has been said. */
  #begun = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #sayAgain;

  /**
   * @param {Settings & { url: string }} settings
   * @param {Session} session
   * @param {Emit} emit
   */
  constructor(settings, session, emit) {
    this.#settings = settings;
    this.#session = session;
    this.#emit = emit;
    this.#identity = new Identity(settings.auth);
    this.#outbox = new Outbox(settings.outboxLimit);
    this.#wire = new Wire((text) => this.#connection.send(text), settings.random);
    /** @type {ReconnectPolicy} */
    const policy = (context) => settings.policy({ ...context, ...this.#kept });
    this.#connection = new Connection({ ...settings, policy }, {
      opened: (protocol) => {
        this.#resumption.opened(protocol);
        emit('open', { protocol });
      },
      received: (data) => this.#receive(data),
      lost: (lost) => this.#lost(lost),
      // To a server that holds our session for us, nothing may be said before we have asked for it.
      silent: () => void (this.#resumption.pending || this.#wire.send({ type: 'ping' })),
    });
    this.#resumption = new Resumption(
      {
        ask: (token, attempt) => {
          this.#connection.expectAnswer();
          this.#wire.ask(token, attempt);
        },
        pause: () => this.#connection.answered(),
        resumed: (message, ack, ready) => this.#resumed(message, ack, ready),
        gone: (ready) => this.#gone(ready),
        refused: (error) => emit('error', error),
      },
      settings.random,
    );
  }

  /** @returns {SignalingState} */
  get state() {
    const { phase } = this.#connection;
    if (phase !== 'ready') return phase;
    if (this.#session.room) return 'matched';
    return this.#session.seeking ? 'waiting' : 'idle';
  }

  get #roomId() {
    return this.#session.room?.roomId ?? null;
  }

  /** What a policy should know of the session. */
  get #kept() {
    const keptForMs = this.#resumption.windowMs;
    return keptForMs === undefined ? {} : { keptForMs };
  }

  open() {
    this.#connection.open();
    this.settle();
  }

  close() {
    this.#outbox.clear();
    this.#session.closed();
    this.#connection.close();
    this.settle();
  }

  /** @param {WishMessage[]} wishes */
  say(wishes) {
    if (wishes.length > 0) clearTimeout(this.#sayAgain);
    for (const wish of wishes) this.#wish(wish);
    this.settle();
  }

  /** @param {WishMessage} wish */
  #wish(wish) {
    if (this.#wire.numbered) this.send(wish);
    // If it can't be said now it is not lost: the session says it when the next connection begins.
    else if (this.#begun) this.#wire.send(wish);
  }

  /** @param {ClientMessage} message */
  send(message) {
    // What waits already was said before.
    if (!this.#begun || this.#outbox.size > 0 || !this.#wire.send(message)) this.#outbox.push(message);
  }

  #drain() {
    if (this.#begun) this.#outbox.drain((message) => this.#wire.send(message));
  }

  /** What comes first in a session: who this is, what is wanted, what had to wait. */
  async #begin() {
    if (!(await this.#authenticate())) return;
    this.#begun = true;
    this.#outbox.dropWishes();
    const wish = this.#session.begin();
    if (wish) this.#wire.send(wish);
    this.#outbox.keepOnlyRoom(this.#roomId);
    this.#drain();
    this.settle();
  }

  /** @returns {Promise<boolean>} Whether to go on: this is still the same connection, and nothing stands against it. */
  async #authenticate() {
    const era = this.#era;
    try {
      const auth = await this.#identity.ask();
      if (era !== this.#era) return false;
      if (auth) this.#wire.send(auth);
      this.#identity.said(auth);
      return true;
    } catch (error) {
      if (era !== this.#era) return false;
      this.#tellError('auth-failed', error instanceof Error ? error.message : String(error));
      this.#connection.breakOff('not authenticated');
      return false;
    }
  }

  // What is heard.

  /** @param {unknown} data */
  #receive(data) {
    const message = readServerMessage(data);
    if (!message) {
      this.#tellError('bad-server-message', 'The server sent something that is not a message');
      return;
    }
    const era = this.#era;
    if (this.#resumption.take(message) || era !== this.#era) return;
    if (!this.#wire.hear(message, String(data).length)) return;
    this.#hear(message);
  }

  /** @param {ServerMessage} message */
  #hear(message) {
    const reconnected = message.type === 'ready' && this.#connection.phase === 'reconnecting';
    const { tell, replies = [] } = this.#session.take(message);
    this.#identity.hear(message);
    this.#note(message);
    for (const reply of replies) this.#wish(reply);
    this.#drain();
    this.settle();
    this.#tell(message, tell);
    if (reconnected) this.#emit('reconnected', { clientId: message.clientId, resumed: false });
  }

  /** @param {ServerMessage} message @param {boolean} [byName] */
  #tell(message, byName = true) {
    this.#emit('message', message);
    // The kind decides the event: that the two agree is what `SignalingEvents` says.
    if (byName && isKnown(message)) this.#emit(message.type, /** @type {any} */ (message));
  }

  /**
   * What a message means for the connection.
   * @param {ServerMessage} message
   */
  #note(message) {
    if (message.type === 'ready') {
      this.#connection.ready();
      this.#wire.begin(this.#resumption.attached);
      void this.#begin();
    } else if (message.type === 'going-away') {
      this.#connection.drain();
    } else if (message.type === 'token-expiring') {
      void this.#renewAuth();
    } else if (message.type === 'error' && maySayAgain(message)) {
      this.#connection.hint(message.retryAfterMs);
      if (this.#wishWasDropped(message)) this.#sayAgainAfter(message);
    }
  }

  /**
   * In a numbered session it is known which message was refused, and what was only `unavailable` the wire sends again.
   * @param {ErrorMessage} error
   */
  #wishWasDropped({ code, refused }) {
    if (!this.#wire.numbered) return true;
    const wish = this.#session.unanswered;
    return code === 'rate-limited' && wish !== null && refused === this.#wire.numberOf(wish);
  }

  async #renewAuth() {
    // A fixed token can't be a newer one; the application hears of `token-expiring` and may connect with another.
    if (!this.#identity.renewable) return;
    const era = this.#era;
    try {
      const auth = await this.#identity.ask();
      if (!auth || era !== this.#era) return;
      this.#wire.send(auth);
      this.#identity.said(auth);
    } catch (error) {
      this.#tellError('auth-failed', error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {ErrorMessage} error */
  #sayAgainAfter(error) {
    clearTimeout(this.#sayAgain);
    this.#sayAgain = setTimeout(
      () => {
        const wish = this.#session.unanswered;
        if (wish) this.#wish(wish);
      },
      retryDelayMs(error, this.#settings.random),
    );
  }

  /**
   * The session goes on over this connection.
   * @param {ResumedMessage} message
   * @param {number} ack
   * @param {ReadyMessage} ready
   */
  #resumed(message, ack, ready) {
    this.#connection.ready();
    this.#session.resumed(message, ready);
    this.#wire.resume(ack, this.#identity.unanswered);
    this.#begun = true;
    this.#outbox.keepOnlyRoom(message.roomId ?? null);
    this.#drain();
    this.settle();
    this.#tell(message);
    this.#emit('reconnected', { clientId: message.clientId, resumed: true });
  }

  /**
   * The session that was kept is no more.
   * @param {ReadyMessage | null} ready What greeted us in its place.
   */
  #gone(ready) {
    const era = this.#era;
    const parted = this.#part();
    this.settle();
    if (parted) this.#emit('partner-left', parted);
    if (ready && era === this.#era) this.#hear(ready);
  }

  /**
   * To the server the session is over.
   * @param {boolean} [forGood]
   * @returns {PartnerLeftMessage | null} What there is to tell of it.
   */
  #part(forGood = false) {
    const hadRoom = this.#session.room !== null;
    clearTimeout(this.#sayAgain);
    this.#wire.end();
    this.#identity.said(null);
    this.#outbox.dropWishes();
    this.#session.lost(this.#settings.resumeWishes);
    if (forGood) this.#session.closed();
    return hadRoom ? { type: 'partner-left', reason: 'connection-lost', requeued: this.#session.seeking, local: true } : null;
  }

  /** @param {Lost} lost */
  #lost({ close, next, attempt, byUs }) {
    const keep = next.reconnect && !(close.code in FINAL_CLOSE_CODES) && (this.#begun || this.#resumption.pending);
    this.#era += 1;
    this.#begun = false;
    this.#wire.interrupt();
    const parted = this.#resumption.lost(keep) ? null : this.#part(!next.reconnect);
    const { state } = this;
    this.settle();
    this.#emit('close', close);
    if (parted) this.#emit('partner-left', parted);
    // A listener may have closed, or connected anew: then that is what is told, and this is past.
    if (this.#told !== state) return;
    if (next.reconnect) this.#emit('reconnecting', { attempt, delayMs: next.delayMs, close });
    else this.#emit('ended', { close, why: next.why, byUs });
  }

  /** Tells what the last step changed: after every step, once, when all properties already say the new. */
  settle() {
    for (let ended = this.#session.pollEnded(); ended; ended = this.#session.pollEnded()) {
      this.#outbox.keepOnlyRoom(this.#roomId);
      this.#emit('room-ended', ended);
    }
    const { state } = this;
    const previous = this.#told;
    if (state === previous) return;
    this.#told = state;
    this.#emit('statechange', { state, previous });
  }

  /** @param {LocalErrorCode} code @param {string} message */
  #tellError(code, message) {
    this.#emit('error', { type: 'error', code, message, local: true });
  }
}
