/**
 * Whether a session outlives its connection (`duet.v1`): keeps the token for it, and on the next connection asks for the
 * session before anything else is said. Until that is answered, the greeting of the new connection is held back: its session
 * counts only if the old one is gone. What goes on with a resumed session, and what ends with a lost one, is
 * `signaling.js`'s; the messages on the way are `wire.js`'s.
 *
 * Times are the server's to judge. The timer here only ends the hope when no server has been reached for too long.
 */

/** @import { ErrorMessage, HeardMessage, ReadyMessage, ResumedMessage } from './messages.js' */

import { maySayAgain, retryDelayMs } from './retry.js';

/** The subprotocol: `Signaling` offers it unless told otherwise. */
export const LAYER = 'duet.v1';

/**
 * `none`: nothing to keep. `attached`: there is a connection, and if it breaks the session is kept. `away`: it is, and nobody
 * was asked yet. `asking`: a server was, and has not answered. `pausing`: it can't say yet, and will be asked again.
 * @typedef {'none' | 'attached' | 'away' | 'asking' | 'pausing'} Stage
 */
/** @typedef {{ token: string, windowMs: number }} Terms */

/**
 * @typedef {object} ResumptionActions
 * @property {(token: string, attempt: number) => void} ask The attempts with one token are counted: of two that the server hears
 *   of, in whichever order, the later is where we are.
 * @property {() => void} pause The server has answered, but not yet decided.
 * @property {(message: ResumedMessage, ack: number, ready: ReadyMessage) => void} resumed
 * @property {(ready: ReadyMessage | null) => void} gone The old session is. What greeted meanwhile, if anything, goes on.
 * @property {(error: ErrorMessage) => void} refused In a way that says more than that the session is gone.
 */

export class Resumption {
  /** @type {Stage} */
  #stage = 'none';
  /** @type {Terms | null} */
  #terms = null;
  /** @type {{ ready: ReadyMessage, terms: Terms } | null} */
  #held = null;
  /** Whether this connection speaks the layer. */
  #spoken = false;
  #overdue = false;
  #attempts = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #windowTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  #actions;
  #random;

  /**
   * @param {ResumptionActions} actions
   * @param {() => number} random
   */
  constructor(actions, random) {
    this.#actions = actions;
    this.#random = random;
  }

  /** Whether the session is one that numbers its messages and may be kept. */
  get attached() {
    return this.#stage === 'attached';
  }

  /** Whether a session is kept that is without a connection. */
  get pending() {
    return this.#stage !== 'none' && this.#stage !== 'attached';
  }

  /** How long from a break the session is kept; undefined if there is none that may be. */
  get windowMs() {
    return this.#overdue ? undefined : this.#terms?.windowMs;
  }

  /** @param {string} protocol The one that the server chose. */
  opened(protocol) {
    this.#spoken = protocol === LAYER;
  }

  /**
   * The connection is gone.
   * @param {boolean} keep Whether the session may be kept.
   * @returns {boolean} Whether it is.
   */
  lost(keep) {
    clearTimeout(this.#retryTimer);
    this.#held = null;
    if (!keep || !this.#terms || this.#overdue) {
      this.#attach(null);
      return false;
    }
    if (this.#stage === 'attached') {
      this.#windowTimer = setTimeout(() => this.#windowPassed(), this.#terms.windowMs + GRACE_MS);
    }
    this.#stage = 'away';
    return true;
  }

  /**
   * Takes the token off a message, and whatever is about resuming out of the way.
   * @param {HeardMessage} message
   * @returns {boolean} Whether that was all there was in it.
   */
  take(message) {
    if (message.type === 'ready') return this.#takeReady(message);
    const asking = this.#stage === 'asking';
    if (message.type === 'resumed') asking && this.#takeResumed(message);
    else if (message.type === 'error' && asking) this.#takeError(message);
    else return false;
    return true;
  }

  /** @param {HeardMessage & ReadyMessage} ready */
  #takeReady(ready) {
    const terms = this.#termsOf(ready, ready.resumeWindowMs);
    const pending = this.#stage === 'away';
    if (pending && terms) {
      this.#held = { ready, terms };
      this.#ask();
      return true;
    }
    this.#attach(terms);
    if (pending) this.#actions.gone(null);
    return false;
  }

  /** @param {HeardMessage & ResumedMessage} message */
  #takeResumed(message) {
    const ready = /** @type {ReadyMessage} */ (this.#held?.ready);
    const { ack = 0 } = message;
    delete message.ack;
    this.#attach(this.#termsOf(message, this.#terms?.windowMs));
    this.#actions.resumed(message, ack, ready);
  }

  /**
   * Nothing but our question is on its way, so any error is the answer to it.
   * @param {ErrorMessage} error
   */
  #takeError(error) {
    if (maySayAgain(error) && !this.#overdue) {
      this.#stage = 'pausing';
      this.#actions.pause();
      this.#retryTimer = setTimeout(() => this.#ask(), retryDelayMs(error, this.#random));
      return;
    }
    if (error.code !== 'resume-failed' && !maySayAgain(error)) this.#actions.refused(error);
    this.#giveUp();
  }

  #ask() {
    this.#stage = 'asking';
    this.#attempts += 1;
    this.#actions.ask(/** @type {Terms} */ (this.#terms).token, this.#attempts);
  }

  #windowPassed() {
    // Who was asked shall say: it may have been in time. The connection sees to it that there is an answer.
    if (this.#stage === 'asking') this.#overdue = true;
    else this.#giveUp();
  }

  #giveUp() {
    const held = this.#held;
    this.#attach(held?.terms ?? null);
    this.#actions.gone(held?.ready ?? null);
  }

  /** @param {Terms | null} terms Those of the session that goes on from here. */
  #attach(terms) {
    clearTimeout(this.#windowTimer);
    clearTimeout(this.#retryTimer);
    this.#overdue = false;
    this.#attempts = 0;
    this.#held = null;
    this.#terms = terms;
    this.#stage = terms ? 'attached' : 'none';
  }

  /**
   * The token is nobody's but ours: it never stays in what the application is told.
   * @param {HeardMessage & (ReadyMessage | ResumedMessage)} message
   * @param {number} [windowMs]
   * @returns {Terms | null}
   */
  #termsOf(message, windowMs = 0) {
    const { resumeToken: token } = message;
    delete message.resumeToken;
    return this.#spoken && token && windowMs > 0 ? { token, windowMs } : null;
  }
}

/** Longer than the server's window by what a break may go unseen on its side. */
const GRACE_MS = 5_000;
