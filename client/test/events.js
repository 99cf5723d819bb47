/** Awaiting events of an `Emitter` in tests. */

/** @import { Emitter } from '../src/emitter.js' */

/**
 * @template {object} Events
 * @template {keyof Events} K
 * @param {Emitter<Events>} emitter
 * @param {K} type
 * @returns {Promise<Events[K]>} The next of them.
 */
export function nextOf(emitter, type) {
  return new Promise((resolve) => emitter.once(type, resolve));
}

/**
 * Writes down everything of some kinds.
 * @template {object} Events
 * @param {Emitter<Events>} emitter
 * @param {(keyof Events)[]} types
 * @returns {[keyof Events, any][]}
 */
export function record(emitter, types) {
  /** @type {[keyof Events, any][]} */
  const seen = [];
  for (const type of types) emitter.on(type, (event) => seen.push([type, event]));
  return seen;
}
