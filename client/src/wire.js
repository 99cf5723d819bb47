/**
 * What a session says and hears, over whatever connection it has just now. In a numbered session (`duet.v1`) it puts numbers
 * and acknowledgements on what goes out and takes them off what comes in, acknowledges in time, and sends again what was
 * refused for the moment; in the base protocol messages pass as they are. The numbers are `numbering.js`'s; whether a session
 * outlives its connection is `resumption.js`'s.
 */

/** @import { AuthMessage, ClientMessage, ErrorMessage, HeardMessage } from './messages.js' */

import { isNumbered, Numbering } from './numbering.js';
import { retryDelayMs } from './retry.js';

export class Wire {
  /** @type {Numbering | null} */
  #numbering = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #ackTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #againTimer;
  #write;
  #random;

  /**
   * @param {(text: string) => boolean} write False when there is no open socket.
   * @param {() => number} random
   */
  constructor(write, random) {
    this.#write = write;
    this.#random = random;
  }

  /** Whether the session is numbered: what it says arrives in order, though not always at once. */
  get numbered() {
    return this.#numbering !== null;
  }

  /** @param {boolean} numbered A new session begins. */
  begin(numbered) {
    this.end();
    if (numbered) this.#numbering = new Numbering();
  }

  /** The connection is gone; the session may go on over another. */
  interrupt() {
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#againTimer);
    this.#ackTimer = this.#againTimer = undefined;
    this.#numbering?.interrupted();
  }

  /**
   * Asks for it to go on over this one.
   * @param {string} token
   * @param {number} attempt
   */
  ask(token, attempt) {
    const ack = this.#numbering?.handled ?? 0;
    this.#put({ type: 'resume', token, ack, attempt }, ack);
  }

  /**
   * It goes on.
   * @param {number} ack The highest of our numbers that the server has.
   * @param {AuthMessage | null} auth What has no number and may have been lost: it came before what is kept.
   */
  resume(ack, auth) {
    const numbering = this.#numbering;
    if (!numbering) return;
    numbering.acknowledged(ack);
    this.#put({ type: 'ping' }, numbering.handled);
    if (auth) this.#put(auth);
    for (const message of numbering.kept) this.#put(message);
  }

  /** The session is over. */
  end() {
    this.interrupt();
    this.#numbering = null;
  }

  /**
   * @param {ClientMessage} message
   * @returns {boolean} False when it was not taken: no open socket, or too many that the server has yet to acknowledge. What
   *   was taken in a numbered session arrives, unless the session ends.
   */
  send(message) {
    const numbering = this.#numbering;
    if (!numbering || !isNumbered(message)) return this.#put(message);
    const numbered = numbering.number(message);
    if (!numbered) return false;
    if (!numbering.heldUp) this.#put(numbered);
    if (numbering.wantsAcknowledgement) this.#put({ type: 'ping' });
    return true;
  }

  /** @param {ClientMessage} message @returns {number | undefined} The number it had when it was sent last. */
  numberOf(message) {
    return this.#numbering?.numberOf(message);
  }

  /**
   * Takes what is the layer's off a message.
   * @param {HeardMessage} message
   * @param {number} size
   * @returns {boolean} Whether the rest is news.
   */
  hear(message, size) {
    const numbering = this.#numbering;
    if (!numbering) return true;
    const { seq, ack } = message;
    delete message.seq;
    delete message.ack;
    if (ack !== undefined) numbering.acknowledged(ack);
    if (message.type === 'error') return this.#hearError(numbering, message);
    if (seq === undefined) return true;
    if (!numbering.hear(seq, size)) return false;
    this.#ackInTime(numbering);
    return true;
  }

  /** @param {Numbering} numbering @param {ErrorMessage} error */
  #hearError(numbering, error) {
    if (!numbering.refuse(error)) return true;
    this.#againTimer ??= setTimeout(
      () => {
        this.#againTimer = undefined;
        for (const message of numbering.again()) this.#put(message);
      },
      retryDelayMs(error, this.#random),
    );
    // That others were refused behind it follows from it, and is settled with it.
    return error.code === 'unavailable';
  }

  /** @param {Numbering} numbering */
  #ackInTime(numbering) {
    if (numbering.ackIsDue) this.#put({ type: 'ping' });
    else this.#ackTimer ??= setTimeout(() => this.#put({ type: 'ping' }), ACK_AFTER_MS);
  }

  /**
   * @param {ClientMessage} message
   * @param {number} [ack] Unless given, only if the server doesn't know of it yet.
   */
  #put(message, ack = this.#numbering?.owesAck ? this.#numbering.handled : undefined) {
    // Once there are numbers, an `ack` of the application's own among its extra fields would be taken for ours.
    const written = this.#write(JSON.stringify(this.#numbering ? { ...message, ack } : message));
    if (written && ack !== undefined) {
      this.#numbering?.acked();
      clearTimeout(this.#ackTimer);
      this.#ackTimer = undefined;
    }
    return written;
  }
}

/** Somewhat below the 5 s that the protocol allows: a message takes its time, and so do busy pages. */
const ACK_AFTER_MS = 4_000;
