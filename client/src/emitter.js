/**
 * Events with types: which listener hears which value. Decides only how listeners are kept and called; what the events are
 * is the subclass's.
 */

/**
 * @template {object} Events A map from an event's name to what its listeners are given.
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(event: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} K
   * @param {K} type
   * @param {(event: Events[K]) => void} listener
   * @returns {() => void} Takes the listener away again.
   */
  on(type, listener) {
    let listeners = this.#listeners.get(type);
    if (!listeners) this.#listeners.set(type, (listeners = new Set()));
    // Wrapped, so that a function given twice is two listeners and each has its own way off.
    /** @param {Events[K]} event */
    const entry = (event) => listener(event);
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  /**
   * @template {keyof Events} K
   * @param {K} type
   * @param {(event: Events[K]) => void} listener
   * @returns {() => void}
   */
  once(type, listener) {
    const off = this.on(type, (event) => {
      off();
      listener(event);
    });
    return off;
  }

  /**
   * For the subclass, not for its users.
   * @protected
   * @template {keyof Events} K
   * @param {K} type
   * @param {Events[K]} event
   */
  emit(type, event) {
    // A copy: a listener may add or take away listeners.
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        // One listener's mistake must neither stop the others nor break our state halfway, nor be swallowed.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
