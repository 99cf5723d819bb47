/** What was refused only for the moment, and when to try it again. What is tried again, and how, is the caller's. */
import type { ErrorMessage } from './messages.js';
/** @import { ErrorMessage } from './messages.js' */
/**
 * Whether a refusal is one that passes by itself.
 * @param {ErrorMessage} error
 */
export declare const maySayAgain: (error: ErrorMessage) => boolean;
/**
 * @param {{ retryAfterMs?: number }} error
 * @param {() => number} random In [0, 1).
 */
export declare const retryDelayMs: ({ retryAfterMs }: {
    retryAfterMs?: number;
}, random: () => number) => number;
