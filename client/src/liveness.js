/**
 * Whether the other end still lives. A browser sees no WebSocket pings, so a connection that silently died looks open for
 * minutes; this decides when to ask and when to stop believing. Asking and breaking off are the caller's.
 */

/**
 * @typedef {object} LivenessTimes
 * @property {number} pingAfterMs Silence from the server after which to ask; 0 never asks.
 * @property {number} deadAfterMs Further silence after which the connection counts as dead; 0 never.
 */

/** @type {Readonly<LivenessTimes>} */
export const LIVENESS_TIMES = Object.freeze({ pingAfterMs: 20_000, deadAfterMs: 10_000 });

export class Liveness {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #times;
  #ask;
  #dead;

  /**
   * @param {LivenessTimes} times
   * @param {{ ask: () => void, dead: () => void }} actions
   */
  constructor(times, { ask, dead }) {
    this.#times = times;
    this.#ask = ask;
    this.#dead = dead;
  }

  /** Something arrived: any byte proves life. */
  heard() {
    this.stop();
    if (this.#times.pingAfterMs > 0) this.#timer = setTimeout(() => this.#silent(), this.#times.pingAfterMs);
  }

  /** Something happened that may have killed the connection: ask now. */
  doubt() {
    if (this.#timer === undefined) return;
    this.stop();
    this.#silent();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #silent() {
    const { pingAfterMs, deadAfterMs } = this.#times;
    // With no verdict asked for, the pings still go on: they keep middleboxes from forgetting the connection.
    this.#timer = deadAfterMs > 0 ? setTimeout(this.#dead, deadAfterMs) : setTimeout(() => this.#silent(), pingAfterMs);
    this.#ask();
  }
}
