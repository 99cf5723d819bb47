/**
 * Whether a session outlives its connection (`duet.v1`): keeps the token for it, and on the next connection asks for the
 * session before anything else is said. Until that is answered, the greeting of the new connection is held back: its session
 * counts only if the old one is gone. What goes on with a resumed session, and what ends with a lost one, is
 * `signaling.js`'s; the messages on the way are `wire.js`'s.
 *
 * Times are the server's to judge. The timer here only ends the hope when no server has been reached for too long.
 */
import type { ErrorMessage, HeardMessage, ReadyMessage, ResumedMessage } from './messages.js';
/** The subprotocol: `Signaling` offers it unless told otherwise. */
export declare const LAYER = "duet.v1";
export type Stage = 'none' | 'attached' | 'away' | 'asking' | 'pausing';
export type Terms = {
    token: string;
    windowMs: number;
};
export type ResumptionActions = {
    /**
     * The attempts with one token are counted: of two that the server hears
     * of, in whichever order, the later is where we are.
     */
    ask: (token: string, attempt: number) => void;
    /**
     * The server has answered, but not yet decided.
     */
    pause: () => void;
    resumed: (message: ResumedMessage, ack: number, ready: ReadyMessage) => void;
    /**
     * The old session is. What greeted meanwhile, if anything, goes on.
     */
    gone: (ready: ReadyMessage | null) => void;
    /**
     * In a way that says more than that the session is gone.
     */
    refused: (error: ErrorMessage) => void;
};
/**
 * `none`: nothing to keep. `attached`: there is a connection, and if it breaks the session is kept. `away`: it is, and nobody
 * was asked yet. `asking`: a server was, and has not answered. `pausing`: it can't say yet, and will be asked again.
 * @typedef {'none' | 'attached' | 'away' | 'asking' | 'pausing'} Stage
 */
/** @typedef {{ token: string, windowMs: number }} Terms */
/**
 * @typedef {object} ResumptionActions
 * @property {(token: string, attempt: number) => void} ask The attempts with one token are counted: of two that the server hears
 *   of, in whichever order, the later is where we are.
 * @property {() => void} pause The server has answered, but not yet decided.
 * @property {(message: ResumedMessage, ack: number, ready: ReadyMessage) => void} resumed
 * @property {(ready: ReadyMessage | null) => void} gone The old session is. What greeted meanwhile, if anything, goes on.
 * @property {(error: ErrorMessage) => void} refused In a way that says more than that the session is gone.
 */
export declare class Resumption {
    #private;
    /**
     * @param {ResumptionActions} actions
     * @param {() => number} random
     */
    constructor(actions: ResumptionActions, random: () => number);
    /** Whether the session is one that numbers its messages and may be kept. */
    get attached(): boolean;
    /** Whether a session is kept that is without a connection. */
    get pending(): boolean;
    /** How long from a break the session is kept; undefined if there is none that may be. */
    get windowMs(): number | undefined;
    /** @param {string} protocol The one that the server chose. */
    opened(protocol: string): void;
    /**
     * The connection is gone.
     * @param {boolean} keep Whether the session may be kept.
     * @returns {boolean} Whether it is.
     */
    lost(keep: boolean): boolean;
    /**
     * Takes the token off a message, and whatever is about resuming out of the way.
     * @param {HeardMessage} message
     * @returns {boolean} Whether that was all there was in it.
     */
    take(message: HeardMessage): boolean;
}
