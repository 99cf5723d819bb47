/**
 * When a call that lost its way through the network should look for another: at once when ICE has failed, after a moment
 * when it is only disconnected (which often heals by itself), and not for ever. How to restart is the caller's.
 */

/**
 * @typedef {object} RecoveryBounds
 * @property {number} disconnectedMs How long a connection may be disconnected before it is restarted.
 * @property {number} maxRestarts Restarts without success in between, after which it is given up.
 */

/** @type {Readonly<RecoveryBounds>} */
export const RECOVERY_BOUNDS = Object.freeze({ disconnectedMs: 4_000, maxRestarts: 5 });

export class IceRecovery {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #restarts = 0;
  #bounds;
  #restart;
  #giveUp;

  /**
   * @param {RecoveryBounds} bounds
   * @param {{ restart: () => void, giveUp: () => void }} actions
   */
  constructor(bounds, { restart, giveUp }) {
    this.#bounds = bounds;
    this.#restart = restart;
    this.#giveUp = giveUp;
  }

  /** @param {RTCIceConnectionState} state */
  saw(state) {
    clearTimeout(this.#timer);
    if (state === 'connected' || state === 'completed') this.#restarts = 0;
    else if (state === 'failed') this.#tryAgain();
    else if (state === 'disconnected') this.#timer = setTimeout(() => this.#tryAgain(), this.#bounds.disconnectedMs);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #tryAgain() {
    if (this.#restarts >= this.#bounds.maxRestarts) {
      this.#giveUp();
      return;
    }
    this.#restarts += 1;
    this.#restart();
  }
}
