/**
 * Whom this person never wants to meet again: a bounded list, the latest last, and what it adds to a wish. Who was met, and
 * when the server hears of it, is `session.js`'s; keeping the list beyond the page is the application's. Pure.
 */
import type { MatchedMessage, Wishes } from './messages.js';
export declare class Blocked {
    #private;
    /** @param {readonly string[]} [ids] Of before, the latest last. */
    constructor(ids?: readonly string[]);
    /** @returns {readonly string[]} */
    get ids(): readonly string[];
    /** @param {string} id Blocked once more it is the latest again. */
    add(id: string): void;
    /** @param {string} id @returns {boolean} Whether it was there. */
    remove(id: string): boolean;
    /** @param {MatchedMessage} room */
    has({ partnerId, partner }: MatchedMessage): boolean;
    /**
     * @param {Wishes} wishes What they avoid themselves goes first when there is not room for all.
     * @returns {Wishes}
     */
    addTo(wishes: Wishes): Wishes;
}
/**
 * By what somebody is to be recognized: a proven user outlives the session, an id does not.
 * @param {MatchedMessage} room
 */
export declare const lastingId: ({ partnerId, partner }: MatchedMessage) => string;
