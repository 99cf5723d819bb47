/**
 * The client's end of the protocol, as an application sees it: calls that speak, events that tell, properties that say how
 * things stand. What a wish or a message means for the room is `session.js`'s; what is said when, and what is told of it,
 * `dialogue.js`'s; media are `call.js`'s.
 */
import type { CallReport, Candidate, Extra, PingMessage, Report, Sdp, Wishes } from './messages.js';
import type { SignalingEvents, SignalingState } from './events.js';
import type { SignalingOptions } from './options.js';
import type { AfterBlock } from './session.js';
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
    /** What may be shown of the partner: its verified `userId`, and claims that the operator shows. Null without a room. */
    get partner(): {
        [claim: string]: unknown;
        userId?: string;
    } | null;
    /** The tags that both asked for; none without a room. */
    get tags(): string[];
    /** What the server has last said of the wait: `position`, `estimateMs`, `widened`. Null while there is none. */
    get waiting(): import("./messages.js").WaitingMessage | null;
    /** Whom this client avoids in every wish, the latest last: up to 16 `partnerId`s and verified `userId`s. */
    get blocked(): readonly string[];
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
     * Reports the partner, or the last one, and ends the room. The server keeps the two apart from then on.
     * @param {Report} report
     */
    report({ roomId, ...report }: Report): void;
    /**
     * Never to meet somebody again: in every wish from now on they are among those to avoid, be it this session's or a later one's.
     * The list holds 16, and lets go of the oldest. A proven user is blocked by `userId`, anybody else for as long as their
     * session lives.
     * @param {string} [id] A `partnerId` or verified `userId`; unless given, the partner's, or the last one's.
     * @param {{ then?: AfterBlock }} [options] With that partner in the room: `next` unless given.
     * @returns {string | null} What is on the list now; null if nobody was met yet.
     */
    block(id?: string, { then }?: {
        then?: AfterBlock;
    }): string | null;
    /** @param {string} id As `blocked` has it. */
    unblock(id: string): void;
}
