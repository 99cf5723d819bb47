/**
 * What waits to be sent while there is no connection: bounded, in order, and without what was meant for a room that is over.
 * When to drain it is `signaling.js`'s.
 *
 * What one wants (a partner, or rest) is not here: that is a state which outlives connections, not a message to repeat.
 */
import type { ClientMessage } from './messages.js';
/** @import { ClientMessage } from './messages.js' */
export declare class Outbox {
    #private;
    /** @param {number} limit */
    constructor(limit: number);
    get size(): number;
    /**
     * @param {ClientMessage} message
     * @throws {OutboxFullError}
     */
    push(message: ClientMessage): void;
    /**
     * Drops what is bound to another room than this one.
     * @param {string | null} roomId
     */
    keepOnlyRoom(roomId: string | null): void;
    /**
     * Hands over every message in order, until one is refused.
     * @param {(message: ClientMessage) => boolean} send
     */
    drain(send: (message: ClientMessage) => boolean): void;
    clear(): void;
}
/** Thrown to whoever sends: the message was not taken. */
export declare class OutboxFullError extends Error {
    code: string;
    /** @param {number} limit */
    constructor(limit: number);
}
