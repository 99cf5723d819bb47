/**
 * Keeps one WebSocket to the gateway: opens it, notices its death, and opens the next when the policy says so. What is said
 * over it, and when a connection counts as ready, is `signaling.js`'s; the policy is `reconnect.js`'s.
 */

/** @import { LivenessTimes } from './liveness.js' */
/** @import { ReconnectPolicy, ReconnectDecision } from './reconnect.js' */

import { Liveness } from './liveness.js';

/**
 * What is used of a WebSocket: the browser's, or any that works alike (in Node: `ws`).
 * @typedef {object} WebSocketLike
 * @property {number} readyState
 * @property {string} protocol
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 */
/** @typedef {new (url: string, protocols?: string[]) => WebSocketLike} WebSocketConstructor */

/** @typedef {{ code: number, reason: string, wasClean: boolean }} Close */
/** @typedef {{ close: Close, next: ReconnectDecision, attempt: number, byUs: boolean }} Lost */
/** @typedef {'closed' | 'connecting' | 'ready' | 'reconnecting'} Phase */

/**
 * @typedef {object} ConnectionSettings
 * @property {string} url
 * @property {string[]} protocols
 * @property {WebSocketConstructor} WebSocket
 * @property {ReconnectPolicy} policy
 * @property {() => number} random
 * @property {LivenessTimes} liveness
 * @property {number} readyWithinMs How long a connection may take until it is ready; 0 for ever.
 */
/**
 * @typedef {object} ConnectionEvents
 * @property {(protocol: string) => void} opened
 * @property {(data: unknown) => void} received
 * @property {(lost: Lost) => void} lost The next attempt, if any, is already arranged.
 * @property {() => void} silent The server has said nothing for a while: ask it something.
 */

export class Connection {
  /** @type {Phase} */
  #phase = 'closed';
  /** @type {WebSocketLike | null} */
  #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #attempt = 0;
  /** @type {number | undefined} When this connection became ready. */
  #readyAt;
  #draining = false;
  /** @type {number | undefined} */
  #serverHintMs;
  #settings;
  #events;
  #liveness;
  #online = () => this.#networkIsBack();

  /**
   * @param {ConnectionSettings} settings
   * @param {ConnectionEvents} events
   */
  constructor(settings, events) {
    this.#settings = settings;
    this.#events = events;
    this.#liveness = new Liveness(settings.liveness, {
      ask: () => events.silent(),
      dead: () => this.breakOff('the server is silent'),
    });
  }

  get phase() {
    return this.#phase;
  }

  open() {
    if (this.#phase !== 'closed') return;
    this.#attempt = 0;
    this.#dial();
    this.#phase = 'connecting';
    globalThis.addEventListener?.('online', this.#online);
  }

  /** Ends it for good. */
  close() {
    if (this.#phase === 'closed') return;
    this.#detach()?.close(1000);
    this.#lost({ code: 1000, reason: '', wasClean: true }, true);
  }

  /**
   * @param {string} text
   * @returns {boolean} False when there is no open socket: nothing was sent.
   */
  send(text) {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** The server was asked something before it counts as ready, and has as long for that as for its greeting. */
  expectAnswer() {
    const { readyWithinMs } = this.#settings;
    clearTimeout(this.#timer);
    if (readyWithinMs > 0) this.#timer = setTimeout(() => this.breakOff('the server did not answer'), readyWithinMs);
  }

  /** It has answered, though not yet for good. */
  answered() {
    clearTimeout(this.#timer);
  }

  /** The server has greeted: from here the connection counts. */
  ready() {
    this.answered();
    this.#readyAt = performance.now();
    this.#phase = 'ready';
  }

  /** The server has said that it is going away. */
  drain() {
    this.#draining = true;
  }

  /** @param {number | undefined} retryAfterMs What the server asked for, should the connection end. */
  hint(retryAfterMs) {
    this.#serverHintMs = retryAfterMs;
  }

  /**
   * Gives up on this socket, as if it had broken; the policy decides what follows.
   * @param {string} reason
   */
  breakOff(reason) {
    this.#detach()?.close(BROKEN_OFF, reason);
    this.#lost({ code: 1006, reason, wasClean: false });
  }

  #dial() {
    const { url, protocols, WebSocket } = this.#settings;
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    this.#readyAt = undefined;
    this.#draining = false;
    this.#serverHintMs = undefined;
    this.expectAnswer();
    socket.onopen = () => {
      this.#liveness.heard();
      this.#events.opened(socket.protocol);
    };
    socket.onmessage = (event) => {
      this.#liveness.heard();
      this.#events.received(event.data);
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      this.#detach();
      this.#lost({ code, reason: String(reason), wasClean });
    };
    // A close always follows, and says more.
    socket.onerror = () => {};
  }

  /** Takes our ears off the socket, so that nothing it still says is heard. */
  #detach() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }

  /**
   * @param {Close} close
   * @param {boolean} [byUs]
   */
  #lost(close, byUs = false) {
    clearTimeout(this.#timer);
    this.#liveness.stop();
    // A server that greets and at once hangs up must not be asked again and again without a pause.
    if (this.#readyAt !== undefined && performance.now() - this.#readyAt >= HELD_MS) this.#attempt = 0;
    const next = this.#decide(close, byUs);

    if (next.reconnect) {
      this.#phase = 'reconnecting';
      this.#attempt += 1;
      this.#timer = setTimeout(() => this.#dial(), next.delayMs);
    } else {
      this.#phase = 'closed';
      globalThis.removeEventListener?.('online', this.#online);
    }
    this.#events.lost({ close, next, attempt: this.#attempt, byUs });
  }

  /** @param {Close} close @param {boolean} byUs @returns {ReconnectDecision} */
  #decide(close, byUs) {
    // Whatever policy the application brought: what it closed stays closed.
    if (byUs) return { reconnect: false, why: 'closed by this client' };
    return this.#settings.policy({
      attempt: this.#attempt,
      closeCode: close.code,
      wasClean: close.wasClean,
      draining: this.#draining,
      serverHintMs: this.#serverHintMs,
      random: this.#settings.random(),
    });
  }

  #networkIsBack() {
    if (this.#phase === 'reconnecting' && !this.#socket) {
      clearTimeout(this.#timer);
      this.#dial();
    } else {
      // The network may be another one, and the socket of the old one dead without a word.
      this.#liveness.doubt();
    }
  }
}

/** `WebSocket.OPEN`, which an injected constructor need not carry. */
const OPEN = 1;

/** Our close code for a socket we gave up on. Not 1000: to the server that would mean that we are done. */
const BROKEN_OFF = 4000;

/** A connection that was ready this long was a good one, and the count of attempts starts anew. */
const HELD_MS = 5_000;
