/**
 * Who one is to the server: asks the application for it, and remembers what was said until the server has answered. When it
 * is said is `signaling.js`'s.
 */
import type { Auth, AuthMessage, ServerMessage } from './messages.js';
/** @import { Auth, AuthMessage, ServerMessage } from './messages.js' */
export declare class Identity {
    #private;
    /** @param {Auth | (() => Auth | null | Promise<Auth | null>) | null} auth */
    constructor(auth: Auth | (() => Auth | null | Promise<Auth | null>) | null);
    /** Whether asking again may bring something newer. */
    get renewable(): boolean;
    /** What was said and not answered: with the connection it may have been lost. */
    get unanswered(): AuthMessage | null;
    /** @returns {Promise<AuthMessage | null>} What to say, if anything. */
    ask(): Promise<AuthMessage | null>;
    /** @param {AuthMessage | null} message */
    said(message: AuthMessage | null): void;
    /** @param {ServerMessage} message */
    hear(message: ServerMessage): void;
}
