/**
 * Every event of `Signaling` as a type, and the states it can be in. Nothing runs here; who tells what when is
 * `signaling.js`'s.
 */
import type { ServerMessage, ServerMessageOf } from './messages.js';
import type { Close } from './connection.js';
import type { RoomEnded } from './session.js';
export type SignalingState = 'closed' | 'connecting' | 'idle' | 'waiting' | 'matched' | 'reconnecting';
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
    /**
     * Whether the session, and a room with it, went on.
     */
    reconnected: {
        clientId: string;
        resumed: boolean;
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
     * What to keep, for whoever wants the list to outlive the page.
     */
    blockedchange: {
        blocked: readonly string[];
    };
    /**
     * Everything the server says, unknown kinds and late messages too. Only what `duet.v1`
     * settles by itself is left out: repeats, and the greeting of a session that is dropped for the old one.
     */
    message: ServerMessage;
};
export type SignalingEvents = {
    [K in ServerMessage['type']]: ServerMessageOf<K>;
} & LocalEvents;
/** @import { ServerMessage, ServerMessageOf } from './messages.js' */
/** @import { Close } from './connection.js' */
/** @import { RoomEnded } from './session.js' */
/**
 * `idle`: connected, and no partner wanted. `waiting`: one is wanted. `closed`: at the beginning, and after `ended`.
 * @typedef {'closed' | 'connecting' | 'idle' | 'waiting' | 'matched' | 'reconnecting'} SignalingState
 */
/**
 * What the client tells besides the server's messages. Each of those has an event named like its `type`.
 * @typedef {object} LocalEvents
 * @property {{ protocol: string }} open The socket is open; `ready` follows from the server.
 * @property {Close} close The socket is gone, for whatever reason.
 * @property {{ attempt: number, delayMs: number, close: Close }} reconnecting
 * @property {{ clientId: string, resumed: boolean }} reconnected Whether the session, and a room with it, went on.
 * @property {{ close: Close, why: string, byUs: boolean }} ended No further attempt will be made, until `connect`.
 * @property {{ state: SignalingState, previous: SignalingState }} statechange
 * @property {RoomEnded} room-ended Once a room, whoever or whatever ended it.
 * @property {{ blocked: readonly string[] }} blockedchange What to keep, for whoever wants the list to outlive the page.
 * @property {ServerMessage} message Everything the server says, unknown kinds and late messages too. Only what `duet.v1`
 *   settles by itself is left out: repeats, and the greeting of a session that is dropped for the old one.
 */
/** @typedef {{ [K in ServerMessage['type']]: ServerMessageOf<K> } & LocalEvents} SignalingEvents */
export {};
