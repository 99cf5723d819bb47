/**
 * The numbers of one `duet.v1` session, in both directions: which of our messages the server may not have, and which of them
 * to send again; which of its messages are repeats, and when it should be told how far we are. Pure: no socket, no clock;
 * `wire.js` sends and waits.
 *
 * Ours: `number` each before it is sent first; `acknowledged` lets go of those that have arrived; after a new connection all
 * `kept` are sent again. A refusal that names what the server expects (`refuse`) holds up everything from there on until
 * `again` gives it back: what would be sent in between could only be refused too. A number that was taken is ignored by the
 * server, so sending once too often does no harm.
 */

/** @import { ClientMessage, ErrorMessage } from './messages.js' */

/** @typedef {ClientMessage & { seq: number }} NumberedMessage */

export class Numbering {
  /** @type {ClientMessage[]} In order; the first has the number after `#taken`. */
  #kept = [];
  /** The highest of our numbers that the server has. */
  #taken = 0;
  /** @type {number | null} What has to come again before anything after it is of use. */
  #expected = null;
  /** @type {WeakMap<ClientMessage, number>} Known for longer than the message is kept: a refusal may follow. */
  #numbers = new WeakMap();
  /** The highest of the server's numbers that we have. */
  #handled = 0;
  #owedMessages = 0;
  #owedSize = 0;

  // Our messages.

  /**
   * @param {ClientMessage} message
   * @returns {NumberedMessage | null} Null when as many are kept as may be: it has to wait for an acknowledgement.
   */
  number(message) {
    if (this.#kept.length >= KEPT_LIMIT) return null;
    this.#kept.push(message);
    this.#numbers.set(message, this.#last);
    return this.#withNumber(message, this.#last);
  }

  /** @param {ClientMessage} message @returns {number | undefined} The latest that it was given. */
  numberOf(message) {
    return this.#numbers.get(message);
  }

  /** @param {number} ack The highest that the server has taken. */
  acknowledged(ack) {
    const gone = Math.min(ack, this.#last) - this.#taken;
    if (!(gone > 0)) return;
    this.#kept.splice(0, gone);
    this.#taken += gone;
  }

  /**
   * Takes in a refusal. One that was for good counts as taken, and is let go with the next acknowledgement like any other.
   * @param {Pick<ErrorMessage, 'code' | 'refused' | 'expected'>} error
   * @returns {boolean} Whether something has to be sent again for it.
   */
  refuse({ code, refused, expected }) {
    const from = expected ?? (code === 'unavailable' ? refused : undefined);
    if (from === undefined || from <= this.#taken || from > this.#last) return false;
    this.#expected = Math.min(from, this.#expected ?? from);
    return true;
  }

  /** Whether something has to be sent again before anything new. */
  get heldUp() {
    return this.#expected !== null;
  }

  /** @returns {NumberedMessage[]} What was held up, to be sent now. */
  again() {
    const from = this.#expected ?? this.#last + 1;
    this.#expected = null;
    return this.kept.filter(({ seq }) => seq >= from);
  }

  /** Whether so much is kept that it is time to ask the server how far it is. */
  get wantsAcknowledgement() {
    return this.#kept.length > 0 && this.#kept.length % (KEPT_LIMIT / 4) === 0;
  }

  /** @returns {NumberedMessage[]} All that the server may not have. */
  get kept() {
    return this.#kept.map((message, at) => this.#withNumber(message, this.#taken + 1 + at));
  }

  /** The connection is gone. What was held up is sent with everything else on the next. */
  interrupted() {
    this.#expected = null;
  }

  // The server's messages.

  /**
   * @param {number} seq
   * @param {number} size In characters: nearly all of what the server numbers is ASCII, and its own bound is four times ours.
   * @returns {boolean} False for a repeat.
   */
  hear(seq, size) {
    if (!(seq > this.#handled)) return false;
    this.#handled = seq;
    this.#owedMessages += 1;
    this.#owedSize += size;
    return true;
  }

  get handled() {
    return this.#handled;
  }

  /** Whether the server has yet to be told of `handled`. */
  get owesAck() {
    return this.#owedMessages > 0;
  }

  /** Whether that should not wait for something else to say. */
  get ackIsDue() {
    return this.#owedMessages >= ACK_AFTER_MESSAGES || this.#owedSize >= ACK_AFTER_SIZE;
  }

  /** `handled` was told. */
  acked() {
    this.#owedMessages = 0;
    this.#owedSize = 0;
  }

  get #last() {
    return this.#taken + this.#kept.length;
  }

  /** @param {ClientMessage} message @param {number} seq @returns {NumberedMessage} */
  #withNumber(message, seq) {
    return { ...message, seq };
  }
}

/** @param {ClientMessage} message What says something of the connection, not of the session, has no number. */
export const isNumbered = ({ type }) => !UNNUMBERED.has(type);

const UNNUMBERED = new Set(['ping', 'auth', 'resume']);

/** As many as the server keeps of its own. */
export const KEPT_LIMIT = 256;

const ACK_AFTER_MESSAGES = 32;
const ACK_AFTER_SIZE = 64 * 1024;
