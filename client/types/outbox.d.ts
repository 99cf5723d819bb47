/**
 * What waits to be sent while there is no connection, or while too much before it is unacknowledged: bounded, in order, and
 * without what was meant for a room that is over. When to drain it is `signaling.js`'s.
 *
 * What one wants (a partner, or rest) is here only while its session may go on, where it has a place among the rest. To a new
 * session it is a state, not messages to repeat.
 */
import type { ClientMessage } from './messages.js';
/** @import { ClientMessage } from './messages.js' */
export declare class Outbox {
    #private;
    /** @param {number} limit */
    constructor(limit: number);
    get size(): number;
    /**
     * @param {ClientMessage} message A wish always finds room: nobody may be kept from leaving, and there are as many as a person
     *   makes.
     * @throws {OutboxFullError}
     */
    push(message: ClientMessage): void;
    /**
     * Drops what is bound to another room than this one.
     * @param {string | null} roomId
     */
    keepOnlyRoom(roomId: string | null): void;
    dropWishes(): void;
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
