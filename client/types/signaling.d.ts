/**
 * The client's end of the protocol, as an application sees it: calls that speak, events that tell, properties that say how
 * things stand. What a wish or a message means for the room is `session.js`'s; what is said when, and what is told of it,
 * `dialogue.js`'s; media are `call.js`'s.
 */
import type { CallReport, Candidate, Extra, PingMessage, Sdp, Wishes } from './messages.js';
import type { SignalingEvents, SignalingState } from './events.js';
import type { SignalingOptions } from './options.js';
import { Emitter } from './emitter.js';
/** @extends {Emitter<SignalingEvents>} */
export declare class Signaling extends Emitter<SignalingEvents> {
    #private;
    /**
     * @param {string} url Of the gateway's WebSocket: `wss://host/ws`.
     * @param {SignalingOptions} [options]
     */
    constructor(url: string, options?: SignalingOptions);
    /** @returns {SignalingState} */
    get state(): SignalingState;
    get clientId(): string | null;
    get roomId(): string | null;
    get partnerId(): string | null;
    /** Whether the partner's connection is interrupted: the room is kept, and what is said reaches them once they are back. */
    get partnerAway(): boolean;
    /** Whether this client makes the offer; null without a room. */
    get initiator(): boolean | null;
    /** For `RTCPeerConnection`: those of the room, or else of the connection. */
    get iceServers(): RTCIceServer[];
    /** For `RTCPeerConnection`, likewise: `relay` where the operator keeps strangers' addresses from each other. */
    get iceTransportPolicy(): RTCIceTransportPolicy;
    /** Connects, and from then on stays connected. While that is so already, it does nothing. */
    connect(): void;
    /** Ends the connection for good, and the room with it. What still waited to be sent is dropped. */
    close(): void;
    /**
     * Asks for a partner: now, or once connected.
     * @param {Wishes} [wishes]
     */
    available(wishes?: Wishes): void;
    /** Leaves the partner, if any, and asks for another with the same wishes. */
    next(): void;
    /** Leaves the room or the queue, and rests. */
    leave(): void;
    /**
     * @param {Sdp} sdp
     * @param {Extra & { roomId?: string }} [extra] Carried to the partner. A `roomId` says which room it is meant for.
     * @returns {boolean} False when there is no such room (any more): nothing was sent.
     */
    offer(sdp: Sdp, extra?: Extra & {
        roomId?: string;
    }): boolean;
    /** @param {Sdp} sdp @param {Extra & { roomId?: string }} [extra] @returns {boolean} Like `offer`. */
    answer(sdp: Sdp, extra?: Extra & {
        roomId?: string;
    }): boolean;
    /** @param {Candidate} candidate @param {Extra & { roomId?: string }} [extra] @returns {boolean} Like `offer`. */
    ice(candidate: Candidate, extra?: Extra & {
        roomId?: string;
    }): boolean;
    /** @param {PingMessage['id']} [id] Comes back in the `pong`. */
    ping(id?: PingMessage['id']): void;
    /**
     * Tells the operator's metrics how the call goes.
     * @param {CallReport} report
     */
    reportState(report: CallReport): void;
    /**
     * Reports the partner, or the last one, and ends the room.
     * @param {string} reason
     * @param {{ details?: string, roomId?: string }} [more]
     */
    report(reason: string, more?: {
        details?: string;
        roomId?: string;
    }): void;
}
