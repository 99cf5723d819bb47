/** What was refused only for the moment, and when to try it again. What is tried again, and how, is the caller's. */

/** @import { ErrorMessage } from './messages.js' */

/**
 * Whether a refusal is one that passes by itself.
 * @param {ErrorMessage} error
 */
export const maySayAgain = (error) => error.code === 'unavailable' || error.code === 'rate-limited';

/**
 * @param {{ retryAfterMs?: number }} error
 * @param {() => number} random In [0, 1).
 */
export const retryDelayMs = ({ retryAfterMs = 1_000 }, random) => retryAfterMs + random() * JITTER_MS;

/** So that clients refused together don't all ask again together. */
const JITTER_MS = 250;
