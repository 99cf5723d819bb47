/**
 * What this client is to the server: its id, its wish, its room. Decides what each call says to the server, what each
 * server message changes, and which messages are too late to be told. Pure: no socket, no clock; `signaling.js` sends and
 * tells.
 *
 * Messages cross on the way: a match may be coming while the application leaves. What was sent before the server
 * knew of the latest wish is recognized here and never reaches the application.
 */
import type { AvailableMessage, LeaveMessage, MatchedMessage, NextMessage, PartnerLeftReason, ReadyMessage, ResumedMessage, ServerMessage, WaitingMessage, Wishes } from './messages.js';
/** @import { AvailableMessage, LeaveMessage, MatchedMessage, NextMessage, PartnerLeftReason, ReadyMessage, ResumedMessage, ServerMessage, WaitingMessage, Wishes } from './messages.js' */
import { Blocked } from './blocked.js';
export type WishMessage = AvailableMessage | NextMessage | LeaveMessage;
export type AfterBlock = 'next' | 'leave' | 'stay';
export type RoomEndReason = PartnerLeftReason | 'reported' | 'blocked' | 'replaced';
export type RoomEnded = {
    roomId: string;
    reason: RoomEndReason;
};
export type Taken = {
    /**
     * Whether the application should hear of the message.
     */
    tell: boolean;
    /**
     * What has to be said to the server.
     */
    replies?: WishMessage[];
};
/** @typedef {AvailableMessage | NextMessage | LeaveMessage} WishMessage */
/** @typedef {'next' | 'leave' | 'stay'} AfterBlock What becomes of the room with somebody who is blocked. */
/**
 * Why a room is over, whoever ended it: the partner (as `partner-left` says), the application (`next`, `left`, `reported`,
 * `blocked`, `closed`), the network, or the server, which has gone on without it (`replaced`).
 * @typedef {PartnerLeftReason | 'reported' | 'blocked' | 'replaced'} RoomEndReason
 */
/** @typedef {{ roomId: string, reason: RoomEndReason }} RoomEnded */
/**
 * @typedef {object} Taken
 * @property {boolean} tell Whether the application should hear of the message.
 * @property {WishMessage[]} [replies] What has to be said to the server.
 */
export declare class Session {
    #private;
    /** @type {string | null} */
    clientId: string | null;
    /** @param {Blocked} [blocked] */
    constructor(blocked?: Blocked);
    /** @returns {MatchedMessage | null} */
    get room(): MatchedMessage | null;
    /** Whether the partner's connection is interrupted. */
    get partnerAway(): boolean;
    /** The room, or the one before: what a report is about. */
    get lastRoomId(): string | undefined;
    /** What the server has last said of the wait, while there is one. */
    get waiting(): WaitingMessage | null;
    get blocked(): readonly string[];
    get iceServers(): RTCIceServer[];
    /** @returns {RTCIceTransportPolicy} */
    get iceTransportPolicy(): RTCIceTransportPolicy;
    /** Whether a partner is wanted, be there one already or not. */
    get seeking(): boolean;
    get unanswered(): WishMessage | null;
    /** @returns {RoomEnded | undefined} Each room that ended since the last call, once. */
    pollEnded(): RoomEnded | undefined;
    /**
     * @param {Wishes} wishes
     * @returns {WishMessage[]}
     */
    available(wishes: Wishes): WishMessage[];
    /** @returns {WishMessage[]} */
    next(): WishMessage[];
    /** @returns {WishMessage[]} */
    leave(): WishMessage[];
    /**
     * Whom the block list is to name.
     * @param {string} [id] A `partnerId` or verified `userId`; unless given, the partner's, or the last one's.
     * @returns {string | null} Null if nobody was met yet.
     */
    whom(id?: string): string | null;
    /**
     * @param {string} id As `whom` gives it.
     * @param {AfterBlock} then
     * @returns {WishMessage[]}
     */
    block(id: string, then: AfterBlock): WishMessage[];
    /** @param {string} id @returns {WishMessage[] | null} Null if it was not blocked. */
    unblock(id: string): WishMessage[] | null;
    /** Like `leave`, for a room whose partner was reported. Without a room, the queue is not left. */
    reported(): void;
    /**
     * The connection is ready, and the server knows nothing of us.
     * @returns {WishMessage | null} The wish to say again.
     */
    begin(): WishMessage | null;
    /**
     * The session goes on over another connection. What happened to the room meanwhile the server repeats message by message.
     * @param {ResumedMessage} resumed
     * @param {ReadyMessage} ready The greeting of that connection.
     */
    resumed({ clientId, roomId, partnerAway }: ResumedMessage, { iceServers, iceTransportPolicy }: ReadyMessage): void;
    /**
     * The connection broke, and the session with it.
     * @param {boolean} keepWish Whether a wish that was already answered is to be said again.
     */
    lost(keepWish: boolean): void;
    /** No connection will follow. */
    closed(): void;
    /**
     * @param {ServerMessage} message
     * @returns {Taken}
     */
    take(message: ServerMessage): Taken;
    /** @param {RoomEndReason} reason */
    endRoom(reason: RoomEndReason): void;
}
