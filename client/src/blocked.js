/**
 * Whom this person never wants to meet again: a bounded list, the latest last, and what it adds to a wish. Who was met, and
 * when the server hears of it, is `session.js`'s; keeping the list beyond the page is the application's. Pure.
 */

/** @import { MatchedMessage, Wishes } from './messages.js' */

import { WISH_BOUNDS } from './messages.js';

export class Blocked {
  /** @type {readonly string[]} */
  #ids;

  /** @param {readonly string[]} [ids] Of before, the latest last. */
  constructor(ids = []) {
    this.#ids = latest(ids);
  }

  /** @returns {readonly string[]} */
  get ids() {
    return this.#ids;
  }

  /** @param {string} id Blocked once more it is the latest again. */
  add(id) {
    this.#ids = latest([...this.#ids, id]);
  }

  /** @param {string} id @returns {boolean} Whether it was there. */
  remove(id) {
    const had = this.#ids.includes(id);
    this.#ids = Object.freeze(this.#ids.filter((one) => one !== id));
    return had;
  }

  /** @param {MatchedMessage} room */
  has({ partnerId, partner }) {
    return this.#ids.includes(partnerId) || (partner?.userId !== undefined && this.#ids.includes(partner.userId));
  }

  /**
   * @param {Wishes} wishes What they avoid themselves goes first when there is not room for all.
   * @returns {Wishes}
   */
  addTo(wishes) {
    return this.#ids.length > 0 ? { ...wishes, avoid: [...latest([...(wishes.avoid ?? []), ...this.#ids])] } : wishes;
  }
}

/**
 * By what somebody is to be recognized: a proven user outlives the session, an id does not.
 * @param {MatchedMessage} room
 */
export const lastingId = ({ partnerId, partner }) => partner?.userId ?? partnerId;

/**
 * As many as a wish may name, each once, in the order of their last mention.
 * @param {readonly string[]} ids
 */
const latest = (ids) => Object.freeze(ids.filter((id, index) => ids.lastIndexOf(id) === index).slice(-WISH_BOUNDS.avoid));
