/**
 * Events with types: which listener hears which value. Decides only how listeners are kept and called; what the events are
 * is the subclass's.
 */
/**
 * @template {object} Events A map from an event's name to what its listeners are given.
 */
export declare class Emitter<Events extends object> {
    #private;
    /**
     * @template {keyof Events} K
     * @param {K} type
     * @param {(event: Events[K]) => void} listener
     * @returns {() => void} Takes the listener away again.
     */
    on<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): () => void;
    /**
     * @template {keyof Events} K
     * @param {K} type
     * @param {(event: Events[K]) => void} listener
     * @returns {() => void}
     */
    once<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): () => void;
    /**
     * For the subclass, not for its users.
     * @protected
     * @template {keyof Events} K
     * @param {K} type
     * @param {Events[K]} event
     */
    protected emit<K extends keyof Events>(type: K, event: Events[K]): void;
}
