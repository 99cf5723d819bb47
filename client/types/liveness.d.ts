/**
 * Whether the other end still lives. A browser sees no WebSocket pings, so a connection that silently died looks open for
 * minutes; this decides when to ask and when to stop believing. Asking and breaking off are the caller's.
 */
export type LivenessTimes = {
    /**
     * Silence from the server after which to ask; 0 never asks.
     */
    pingAfterMs: number;
    /**
     * Further silence after which the connection counts as dead; 0 never.
     */
    deadAfterMs: number;
};
/**
 * @typedef {object} LivenessTimes
 * @property {number} pingAfterMs Silence from the server after which to ask; 0 never asks.
 * @property {number} deadAfterMs Further silence after which the connection counts as dead; 0 never.
 */
/** @type {Readonly<LivenessTimes>} */
export declare const LIVENESS_TIMES: Readonly<LivenessTimes>;
export declare class Liveness {
    #private;
    /**
     * @param {LivenessTimes} times
     * @param {{ ask: () => void, dead: () => void }} actions
     */
    constructor(times: LivenessTimes, { ask, dead }: {
        ask: () => void;
        dead: () => void;
    });
    /** Something arrived: any byte proves life. */
    heard(): void;
    /** Something happened that may have killed the connection: ask now. */
    doubt(): void;
    stop(): void;
}
