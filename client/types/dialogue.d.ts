/**
 * What is said to the server and heard from it: the order of things in a session (greeting, who one is, the wish, what had to
 * wait), what each message sets going, and which events tell of it. What a wish or a message means for the room is
 * `session.js`'s; keeping a socket is `connection.js`'s; numbers are `wire.js`'s; whether a session outlives its socket is
 * `resumption.js`'s.
 */
import type { ClientMessage } from './messages.js';
import type { SignalingEvents, SignalingState } from './events.js';
import type { Settings } from './options.js';
import type { Session, WishMessage } from './session.js';
export type Emit = <K extends keyof SignalingEvents>(type: K, event: SignalingEvents[K]) => void;
/** @typedef {<K extends keyof SignalingEvents>(type: K, event: SignalingEvents[K]) => void} Emit */
export declare class Dialogue {
    #private;
    /**
     * @param {Settings & { url: string }} settings
     * @param {Session} session
     * @param {Emit} emit
     */
    constructor(settings: Settings & {
        url: string;
    }, session: Session, emit: Emit);
    /** @returns {SignalingState} */
    get state(): SignalingState;
    open(): void;
    close(): void;
    /** @param {WishMessage[]} wishes */
    say(wishes: WishMessage[]): void;
    /** @param {ClientMessage} message */
    send(message: ClientMessage): void;
    /** Tells what the last step changed: after every step, once, when all properties already say the new. */
    settle(): void;
}
