/**
 * What a session says and hears, over whatever connection it has just now. In a numbered session (`duet.v1`) it puts numbers
 * and acknowledgements on what goes out and takes them off what comes in, acknowledges in time, and sends again what was
 * refused for the moment; in the base protocol messages pass as they are. The numbers are `numbering.js`'s; whether a session
 * outlives its connection is `resumption.js`'s.
 */
import type { AuthMessage, ClientMessage, HeardMessage } from './messages.js';
export declare class Wire {
    #private;
    /**
     * @param {(text: string) => boolean} write False when there is no open socket.
     * @param {() => number} random
     */
    constructor(write: (text: string) => boolean, random: () => number);
    /** Whether the session is numbered: what it says arrives in order, though not always at once. */
    get numbered(): boolean;
    /** @param {boolean} numbered A new session begins. */
    begin(numbered: boolean): void;
    /** The connection is gone; the session may go on over another. */
    interrupt(): void;
    /**
     * Asks for it to go on over this one.
     * @param {string} token
     * @param {number} attempt
     */
    ask(token: string, attempt: number): void;
    /**
     * It goes on.
     * @param {number} ack The highest of our numbers that the server has.
     * @param {AuthMessage | null} auth What has no number and may have been lost: it came before what is kept.
     */
    resume(ack: number, auth: AuthMessage | null): void;
    /** The session is over. */
    end(): void;
    /**
     * @param {ClientMessage} message
     * @returns {boolean} False when it was not taken: no open socket, or too many that the server has yet to acknowledge. What
     *   was taken in a numbered session arrives, unless the session ends.
     */
    send(message: ClientMessage): boolean;
    /** @param {ClientMessage} message @returns {number | undefined} The number it had when it was sent last. */
    numberOf(message: ClientMessage): number | undefined;
    /**
     * Takes what is the layer's off a message.
     * @param {HeardMessage} message
     * @param {number} size
     * @returns {boolean} Whether the rest is news.
     */
    hear(message: HeardMessage, size: number): boolean;
}
