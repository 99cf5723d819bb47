/** What an application may set, and what holds unless it does. What each setting does is its user's. */
import type { Auth } from './messages.js';
import type { WebSocketConstructor } from './connection.js';
import type { LivenessTimes } from './liveness.js';
import type { ReconnectBounds, ReconnectPolicy } from './reconnect.js';
export type SignalingOptions = {
    /**
     * WebSocket subprotocols to offer: `duet.v1` unless given. An empty list is the base protocol,
     * and what a server needs that does not know `duet.v1`: browsers don't connect where none of what they offer is chosen.
     */
    protocols?: string[];
    /**
     * Said first on every connection. A function is asked
     * each time, and again when the server says that the token ends soon.
     */
    auth?: Auth | (() => Auth | null | Promise<Auth | null>);
    /**
     * The global one unless given.
     */
    WebSocket?: WebSocketConstructor;
    /**
     * A policy, other bounds for ours, or never.
     */
    reconnect?: ReconnectPolicy | Partial<ReconnectBounds> | false;
    /**
     * Whether to ask for a partner again after a reconnect if one was wanted and the session
     * did not go on. True unless given.
     */
    resumeWishes?: boolean;
    /**
     * Whom not to meet, as `blocked` had it on an earlier page.
     */
    blocked?: readonly string[];
    /**
     * How many messages may wait for a connection, or for the server to acknowledge those before
     * them: 256 unless given.
     */
    outboxLimit?: number;
    liveness?: Partial<LivenessTimes>;
    /**
     * How long a connection may take until the server greets: 10 s
     * unless given; 0 for ever.
     */
    readyWithinMs?: number;
    /**
     * In [0, 1).
     */
    random?: () => number;
};
export type Settings = ReturnType<typeof withDefaults>;
/**
 * @typedef {object} SignalingOptions
 * @property {string[]} [protocols] WebSocket subprotocols to offer: `duet.v1` unless given. An empty list is the base protocol,
 *   and what a server needs that does not know `duet.v1`: browsers don't connect where none of what they offer is chosen.
 * @property {Auth | (() => Auth | null | Promise<Auth | null>)} [auth] Said first on every connection. A function is asked
 *   each time, and again when the server says that the token ends soon.
 * @property {WebSocketConstructor} [WebSocket] The global one unless given.
 * @property {ReconnectPolicy | Partial<ReconnectBounds> | false} [reconnect] A policy, other bounds for ours, or never.
 * @property {boolean} [resumeWishes] Whether to ask for a partner again after a reconnect if one was wanted and the session
 *   did not go on. True unless given.
 * @property {readonly string[]} [blocked] Whom not to meet, as `blocked` had it on an earlier page.
 * @property {number} [outboxLimit] How many messages may wait for a connection, or for the server to acknowledge those before
 *   them: 256 unless given.
 * @property {Partial<LivenessTimes>} [liveness]
 * @property {number} [readyWithinMs] How long a connection may take until the server greets: 10 s
 *   unless given; 0 for ever.
 * @property {() => number} [random] In [0, 1).
 */
/** @typedef {ReturnType<typeof withDefaults>} Settings */
/** @param {SignalingOptions} options */
export declare function withDefaults(options: SignalingOptions): {
    protocols: string[];
    auth: Auth | (() => Auth | null | Promise<Auth | null>) | null;
    WebSocket: WebSocketConstructor;
    policy: ReconnectPolicy;
    resumeWishes: boolean;
    blocked: readonly string[];
    outboxLimit: number;
    liveness: {
        pingAfterMs: number;
        deadAfterMs: number;
    };
    readyWithinMs: number;
    random: () => number;
};
