/**
 * The numbers of one `duet.v1` session, in both directions: which of our messages the server may not have, and which of them
 * to send again; which of its messages are repeats, and when it should be told how far we are. Pure: no socket, no clock;
 * `wire.js` sends and waits.
 *
 * Ours: `number` each before it is sent first; `acknowledged` lets go of those that have arrived; after a new connection all
 * `kept` are sent again. A refusal that names what the server expects (`refuse`) holds up everything from there on until
 * `again` gives it back: what would be sent in between could only be refused too. A number that was taken is ignored by the
 * server, so sending once too often does no harm.
 */
import type { ClientMessage, ErrorMessage } from './messages.js';
export type NumberedMessage = ClientMessage & {
    seq: number;
};
/** @import { ClientMessage, ErrorMessage } from './messages.js' */
/** @typedef {ClientMessage & { seq: number }} NumberedMessage */
export declare class Numbering {
    #private;
    /**
     * @param {ClientMessage} message
     * @returns {NumberedMessage | null} Null when as many are kept as may be: it has to wait for an acknowledgement.
     */
    number(message: ClientMessage): NumberedMessage | null;
    /** @param {ClientMessage} message @returns {number | undefined} The latest that it was given. */
    numberOf(message: ClientMessage): number | undefined;
    /** @param {number} ack The highest that the server has taken. */
    acknowledged(ack: number): void;
    /**
     * Takes in a refusal. One that was for good counts as taken, and is let go with the next acknowledgement like any other.
     * @param {Pick<ErrorMessage, 'code' | 'refused' | 'expected'>} error
     * @returns {boolean} Whether something has to be sent again for it.
     */
    refuse({ code, refused, expected }: Pick<ErrorMessage, 'code' | 'refused' | 'expected'>): boolean;
    /** Whether something has to be sent again before anything new. */
    get heldUp(): boolean;
    /** @returns {NumberedMessage[]} What was held up, to be sent now. */
    again(): NumberedMessage[];
    /** Whether so much is kept that it is time to ask the server how far it is. */
    get wantsAcknowledgement(): boolean;
    /** @returns {NumberedMessage[]} All that the server may not have. */
    get kept(): NumberedMessage[];
    /** The connection is gone. What was held up is sent with everything else on the next. */
    interrupted(): void;
    /**
     * @param {number} seq
     * @param {number} size In characters: nearly all of what the server numbers is ASCII, and its own bound is four times ours.
     * @returns {boolean} False for a repeat.
     */
    hear(seq: number, size: number): boolean;
    get handled(): number;
    /** Whether the server has yet to be told of `handled`. */
    get owesAck(): boolean;
    /** Whether that should not wait for something else to say. */
    get ackIsDue(): boolean;
    /** `handled` was told. */
    acked(): void;
}
/** @param {ClientMessage} message What says something of the connection, not of the session, has no number. */
export declare const isNumbered: ({ type }: ClientMessage) => boolean;
/** As many as the server keeps of its own. */
export declare const KEPT_LIMIT = 256;
