/**
 * Whether and when to connect again after a connection ended that the application did not end: one pure function and its table. The clock, the dice and the
 * socket are the caller's (`connection.js`).
 */
export type ReconnectContext = {
    /**
     * Attempts already made since the last connection that held; 0 for the first.
     */
    attempt: number;
    /**
     * The WebSocket close code; 1006 where none was received.
     */
    closeCode: number;
    /**
     * Whether there was a close handshake.
     */
    wasClean: boolean;
    /**
     * Whether the server had said `going-away`.
     */
    draining: boolean;
    /**
     * How long from the break a server keeps the session that may be resumed; absent if there is none.
     */
    keptForMs?: number;
    /**
     * `retryAfterMs` of the last refusal on this connection.
     */
    serverHintMs?: number;
    /**
     * In [0, 1).
     */
    random: number;
};
export type ReconnectDecision = {
    reconnect: true;
    delayMs: number;
} | {
    reconnect: false;
    why: string;
};
export type ReconnectBounds = {
    /**
     * The longest delay before the first attempt; each further attempt doubles it.
     */
    firstCeilingMs: number;
    /**
     * No delay drawn is longer.
     */
    capMs: number;
    /**
     * Then stop.
     */
    maxAttempts: number;
};
export type ReconnectPolicy = (context: ReconnectContext) => ReconnectDecision;
/**
 * @typedef {object} ReconnectContext
 * @property {number} attempt Attempts already made since the last connection that held; 0 for the first.
 * @property {number} closeCode The WebSocket close code; 1006 where none was received.
 * @property {boolean} wasClean Whether there was a close handshake.
 * @property {boolean} draining Whether the server had said `going-away`.
 * @property {number} [keptForMs] How long from the break a server keeps the session that may be resumed; absent if there is none.
 * @property {number} [serverHintMs] `retryAfterMs` of the last refusal on this connection.
 * @property {number} random In [0, 1).
 */
/**
 * @typedef {{ reconnect: true, delayMs: number } | { reconnect: false, why: string }} ReconnectDecision
 */
/**
 * @typedef {object} ReconnectBounds
 * @property {number} firstCeilingMs The longest delay before the first attempt; each further attempt doubles it.
 * @property {number} capMs No delay drawn is longer.
 * @property {number} maxAttempts Then stop.
 */
/** @typedef {(context: ReconnectContext) => ReconnectDecision} ReconnectPolicy */
/** @type {Readonly<ReconnectBounds>} */
export declare const RECONNECT_BOUNDS: Readonly<ReconnectBounds>;
/**
 * Full jitter below an exponential ceiling, so that clients that lost their server together don't come back together. While a
 * session is kept the ceiling is low enough to ask for it several times: nobody must sleep through their window.
 * @param {ReconnectContext} context
 * @param {Partial<ReconnectBounds>} [bounds]
 * @returns {ReconnectDecision}
 */
export declare function nextReconnect(context: ReconnectContext, bounds?: Partial<ReconnectBounds>): ReconnectDecision;
/**
 * After these a new connection would end the same way, or would take the session from where it now lives. Every other code
 * (1006 broken, 1011 server's fault, 1012 restart, 1013 try again later, ...) may pass by itself.
 * @type {Readonly<Record<number, string>>}
 */
export declare const FINAL_CLOSE_CODES: Readonly<Record<number, string>>;
