/**
 * The client's end of the protocol, as an application sees it: calls that speak, events that tell, properties that say how
 * things stand. Decides the order of things on the wire (greeting, who one is, the wish, what had to wait). What a wish or
 * a message means for the room is `session.js`'s; keeping a socket is `connection.js`'s; media are `call.js`'s.
 */
import type { Auth, CallReport, Candidate, Extra, PingMessage, Sdp, ServerMessage, ServerMessageOf, Wishes } from './messages.js';
import type { Close, WebSocketConstructor } from './connection.js';
import type { LivenessTimes } from './liveness.js';
import type { ReconnectBounds, ReconnectPolicy } from './reconnect.js';
import type { RoomEnded } from './session.js';
import { Emitter } from './emitter.js';
export type SignalingState = 'closed' | 'connecting' | 'idle' | 'waiting' | 'matched' | 'reconnecting';
export type SignalingOptions = {
    /**
     * WebSocket subprotocols to offer. None unless given: the base protocol.
     */
    protocols?: string[];
    /**
     * Said first on every connection. A function is asked
     * each time, and again when the server says that the token ends soon.
     */
    auth?: Auth | (() => Auth | null | Promise<Auth | null>);
    /**
     * The global one unless given.
     */
    WebSocket?: WebSocketConstructor;
    /**
     * A policy, other bounds for ours, or never.
     */
    reconnect?: ReconnectPolicy | Partial<ReconnectBounds> | false;
    /**
     * Whether to ask for a partner again after a reconnect if one was wanted. True unless given.
     */
    resumeWishes?: boolean;
    /**
     * How many messages may wait for a connection.
     */
    outboxLimit?: number;
    liveness?: Partial<LivenessTimes>;
    /**
     * How long a connection may take until the server greets; 0 for ever.
     */
    readyWithinMs?: number;
    /**
     * In [0, 1).
     */
    random?: () => number;
};
export type LocalEvents = {
    /**
     * The socket is open; `ready` follows from the server.
     */
    open: {
        protocol: string;
    };
    /**
     * The socket is gone, for whatever reason.
     */
    close: Close;
    reconnecting: {
        attempt: number;
        delayMs: number;
        close: Close;
    };
    reconnected: {
        clientId: string;
    };
    /**
     * No further attempt will be made, until `connect`.
     */
    ended: {
        close: Close;
        why: string;
        byUs: boolean;
    };
    statechange: {
        state: SignalingState;
        previous: SignalingState;
    };
    /**
     * Once a room, whoever or whatever ended it.
     */
    "room-ended": RoomEnded;
    /**
     * Everything the server says, unknown kinds and late messages too.
     */
    message: ServerMessage;
};
export type SignalingEvents = {
    [K in ServerMessage['type']]: ServerMessageOf<K>;
} & LocalEvents;
/** @typedef {'closed' | 'connecting' | 'idle' | 'waiting' | 'matched' | 'reconnecting'} SignalingState */
/**
 * @typedef {object} SignalingOptions
 * @property {string[]} [protocols] WebSocket subprotocols to offer. None unless given: the base protocol.
 * @property {Auth | (() => Auth | null | Promise<Auth | null>)} [auth] Said first on every connection. A function is asked
 *   each time, and again when the server says that the token ends soon.
 * @property {WebSocketConstructor} [WebSocket] The global one unless given.
 * @property {ReconnectPolicy | Partial<ReconnectBounds> | false} [reconnect] A policy, other bounds for ours, or never.
 * @property {boolean} [resumeWishes] Whether to ask for a partner again after a reconnect if one was wanted. True unless given.
 * @property {number} [outboxLimit] How many messages may wait for a connection.
 * @property {Partial<LivenessTimes>} [liveness]
 * @property {number} [readyWithinMs] How long a connection may take until the server greets; 0 for ever.
 * @property {() => number} [random] In [0, 1).
 */
/**
 * What the client tells besides the server's messages. Each of those has an event named like its `type`.
 * @typedef {object} LocalEvents
 * @property {{ protocol: string }} open The socket is open; `ready` follows from the server.
 * @property {Close} close The socket is gone, for whatever reason.
 * @property {{ attempt: number, delayMs: number, close: Close }} reconnecting
 * @property {{ clientId: string }} reconnected
 * @property {{ close: Close, why: string, byUs: boolean }} ended No further attempt will be made, until `connect`.
 * @property {{ state: SignalingState, previous: SignalingState }} statechange
 * @property {RoomEnded} room-ended Once a room, whoever or whatever ended it.
 * @property {ServerMessage} message Everything the server says, unknown kinds and late messages too.
 */
/** @typedef {{ [K in ServerMessage['type']]: ServerMessageOf<K> } & LocalEvents} SignalingEvents */
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
    /** Whether this client makes the offer; null without a room. */
    get initiator(): boolean | null;
    /** For `RTCPeerConnection`: those of the room, or else of the connection. */
    get iceServers(): RTCIceServer[];
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
