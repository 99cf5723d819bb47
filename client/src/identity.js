/**
 * Who one is to the server: asks the application for it, and remembers what was said until the server has answered. When it
 * is said is `signaling.js`'s.
 */

/** @import { Auth, AuthMessage, ServerMessage } from './messages.js' */

export class Identity {
  #auth;
  /** @type {AuthMessage | null} */
  #unanswered = null;

  /** @param {Auth | (() => Auth | null | Promise<Auth | null>) | null} auth */
  constructor(auth) {
    this.#auth = auth;
  }

  /** Whether asking again may bring something newer. */
  get renewable() {
    return typeof this.#auth === 'function';
  }

  /** What was said and not answered: with the connection it may have been lost. */
  get unanswered() {
    return this.#unanswered;
  }

  /** @returns {Promise<AuthMessage | null>} What to say, if anything. */
  async ask() {
    const auth = typeof this.#auth === 'function' ? await this.#auth() : this.#auth;
    return auth && { type: 'auth', ...auth };
  }

  /** @param {AuthMessage | null} message */
  said(message) {
    this.#unanswered = message;
  }

  /** @param {ServerMessage} message */
  hear(message) {
    if (message.type === 'authenticated' || (message.type === 'error' && message.code === 'unauthorized')) this.#unanswered = null;
  }
}
