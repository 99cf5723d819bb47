/**
 * Whether and when to connect again after a connection ended that the application did not end: one pure function and its table. The clock, the dice and the
 * socket are the caller's (`connection.js`).
 */

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
export const RECONNECT_BOUNDS = Object.freeze({ firstCeilingMs: 500, capMs: 20_000, maxAttempts: Infinity });

/**
 * Full jitter below an exponential ceiling, so that clients that lost their server together don't come back together. While a
 * session is kept the ceiling is low enough to ask for it several times: nobody must sleep through their window.
 * @param {ReconnectContext} context
 * @param {Partial<ReconnectBounds>} [bounds]
 * @returns {ReconnectDecision}
 */
export function nextReconnect(context, bounds = {}) {
  const { firstCeilingMs, capMs, maxAttempts } = { ...RECONNECT_BOUNDS, ...bounds };
  const final = FINAL_CLOSE_CODES[context.closeCode];
  if (final) return { reconnect: false, why: final };
  if (context.attempt >= maxAttempts) return { reconnect: false, why: `gave up after ${maxAttempts} attempts` };

  // A draining server spreads its closes over its clients itself, and others stand ready: no need to wait long.
  const prompt = context.draining && context.attempt === 0;
  const rarestMs = (context.keptForMs ?? Infinity) / ASKED_PER_WINDOW;
  const ceilingMs = prompt ? DRAIN_JITTER_MS : Math.min(capMs, rarestMs, firstCeilingMs * 2 ** context.attempt);
  const notBeforeMs = Math.min(context.serverHintMs ?? 0, LONGEST_HINT_MS);
  return { reconnect: true, delayMs: Math.round(notBeforeMs + context.random * ceilingMs) };
}

/**
 * After these a new connection would end the same way, or would take the session from where it now lives. Every other code
 * (1006 broken, 1011 server's fault, 1012 restart, 1013 try again later, ...) may pass by itself.
 * @type {Readonly<Record<number, string>>}
 */
export const FINAL_CLOSE_CODES = Object.freeze({
  1002: 'protocol error',
  1003: 'unsupported frame',
  1007: 'text was not UTF-8',
  1008: 'policy violation',
  1009: 'message too big',
  4401: 'unauthorized',
  4409: 'the session was resumed elsewhere',
  4410: 'closed by an operator',
});

const DRAIN_JITTER_MS = 250;

/** With 15 s: whoever could be reached again at 12 s is still asked in time. */
const ASKED_PER_WINDOW = 5;

/** A server that asks for longer than this is mistaken, and the client would look dead. */
const LONGEST_HINT_MS = 60_000;
