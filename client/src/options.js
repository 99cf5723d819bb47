/** What an application may set, and what holds unless it does. What each setting does is its user's. */

/** @import { Auth } from './messages.js' */
/** @import { WebSocketConstructor } from './connection.js' */
/** @import { LivenessTimes } from './liveness.js' */
/** @import { ReconnectBounds, ReconnectPolicy } from './reconnect.js' */

import { LIVENESS_TIMES } from './liveness.js';
import { nextReconnect } from './reconnect.js';
import { LAYER } from './resumption.js';

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
export function withDefaults(options) {
  return {
    protocols: options.protocols ?? [LAYER],
    auth: options.auth ?? null,
    WebSocket: options.WebSocket ?? /** @type {WebSocketConstructor} */ (globalThis.WebSocket),
    policy: policyOf(options.reconnect),
    resumeWishes: options.resumeWishes ?? true,
    blocked: options.blocked ?? [],
    outboxLimit: options.outboxLimit ?? 256,
    liveness: { ...LIVENESS_TIMES, ...options.liveness },
    readyWithinMs: options.readyWithinMs ?? 10_000,
    random: options.random ?? Math.random,
  };
}

/**
 * @param {SignalingOptions['reconnect']} reconnect
 * @returns {ReconnectPolicy}
 */
function policyOf(reconnect) {
  if (typeof reconnect === 'function') return reconnect;
  if (reconnect === false) return () => ({ reconnect: false, why: 'reconnecting is off' });
  return (context) => nextReconnect(context, reconnect);
}
