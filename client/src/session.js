/**
 * What this client is to the server: its id, its wish, its room. Decides what each call says to the server, what each
 * server message changes, and which messages are too late to be told. Pure: no socket, no clock; `signaling.js` sends and
 * tells.
 *
 * Messages cross on the way: a match may be coming while the application leaves. What was sent before the server
 * knew of the latest wish is recognized here and never reaches the application.
 */

/** @import { AvailableMessage, LeaveMessage, MatchedMessage, NextMessage, PartnerLeftReason, ReadyMessage, ResumedMessage, ServerMessage, WaitingMessage, Wishes } from './messages.js' */

import { Blocked, lastingId } from './blocked.js';

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

export class Session {
  /** @type {string | null} */
  clientId = null;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {RTCIceTransportPolicy | undefined} */
  #iceTransportPolicy;
  /** @type {MatchedMessage | null} */
  #room = null;
  #partnerAway = false;
  /** @type {MatchedMessage | null} */
  #lastRoom = null;
  /** @type {WaitingMessage | null} */
  #waiting = null;
  #seeking = false;
  /** @type {Wishes} */
  #wishes = {};
  #blocked;
  /** Whether the server would go on with wishes that are not the latest. */
  #stale = false;
  /** @type {WishMessage | null} The latest wish, until the server has answered it. */
  #unanswered = null;
  /** @type {RoomEnded[]} */
  #ended = [];

  /** @param {Blocked} [blocked] */
  constructor(blocked = new Blocked()) {
    this.#blocked = blocked;
  }

  /** @returns {MatchedMessage | null} */
  get room() {
    return this.#room;
  }

  /** Whether the partner's connection is interrupted. */
  get partnerAway() {
    return this.#room !== null && this.#partnerAway;
  }

  /** The room, or the one before: what a report is about. */
  get lastRoomId() {
    return (this.#room ?? this.#lastRoom)?.roomId;
  }

  /** What the server has last said of the wait, while there is one. */
  get waiting() {
    return this.#waiting;
  }

  get blocked() {
    return this.#blocked.ids;
  }

  get iceServers() {
    return this.#room?.iceServers ?? this.#iceServers;
  }

  /** @returns {RTCIceTransportPolicy} */
  get iceTransportPolicy() {
    return this.#room?.iceTransportPolicy ?? this.#iceTransportPolicy ?? 'all';
  }

  /** Whether a partner is wanted, be there one already or not. */
  get seeking() {
    return this.#seeking;
  }

  get unanswered() {
    return this.#unanswered;
  }

  /** @returns {RoomEnded | undefined} Each room that ended since the last call, once. */
  pollEnded() {
    return this.#ended.shift();
  }

  /**
   * @param {Wishes} wishes
   * @returns {WishMessage[]}
   */
  available(wishes) {
    this.#wishes = wishes;
    return [this.#seek()];
  }

  /** @returns {WishMessage[]} */
  next() {
    const roomId = this.#room?.roomId;
    if (!roomId) return [this.#seek()];
    this.endRoom('next');
    if (this.#stale) return this.#seekAnew();
    this.#seeking = true;
    // With the room's id: if that room is over by now, the partner of the next must not be left unseen.
    return [(this.#unanswered = { type: 'next', roomId })];
  }

  /** @returns {WishMessage[]} */
  leave() {
    this.endRoom('left');
    this.#seeking = false;
    this.#waiting = null;
    // Without a room's id: whatever there is by now, it is left.
    return [(this.#unanswered = { type: 'leave' })];
  }

  /**
   * Whom the block list is to name.
   * @param {string} [id] A `partnerId` or verified `userId`; unless given, the partner's, or the last one's.
   * @returns {string | null} Null if nobody was met yet.
   */
  whom(id) {
    const met = this.#room ?? this.#lastRoom;
    if (met && (id === undefined || id === met.partnerId || id === met.partner?.userId)) return lastingId(met);
    return id ?? null;
  }

  /**
   * @param {string} id As `whom` gives it.
   * @param {AfterBlock} then
   * @returns {WishMessage[]}
   */
  block(id, then) {
    this.#blocked.add(id);
    if (!this.#room || then === 'stay' || lastingId(this.#room) !== id) return this.#rewish();
    this.endRoom('blocked');
    if (then === 'leave') return this.leave();
    // Not `next`, which would go on with the wishes that the server has.
    return this.#seekAnew();
  }

  /** @param {string} id @returns {WishMessage[] | null} Null if it was not blocked. */
  unblock(id) {
    return this.#blocked.remove(id) ? this.#rewish() : null;
  }

  /** Like `leave`, for a room whose partner was reported. Without a room, the queue is not left. */
  reported() {
    if (!this.#room) return;
    this.endRoom('reported');
    this.#seeking = false;
    this.#unanswered = null;
  }

  /**
   * The connection is ready, and the server knows nothing of us.
   * @returns {WishMessage | null} The wish to say again.
   */
  begin() {
    return this.#seeking ? this.#seek() : null;
  }

  /**
   * The session goes on over another connection. What happened to the room meanwhile the server repeats message by message.
   * @param {ResumedMessage} resumed
   * @param {ReadyMessage} ready The greeting of that connection.
   */
  resumed({ clientId, roomId, partnerAway = false }, { iceServers = [], iceTransportPolicy }) {
    this.clientId = clientId;
    this.#iceServers = iceServers;
    this.#iceTransportPolicy = iceTransportPolicy;
    if (roomId === this.#room?.roomId) this.#partnerAway = partnerAway;
  }

  /**
   * The connection broke, and the session with it.
   * @param {boolean} keepWish Whether a wish that was already answered is to be said again.
   */
  lost(keepWish) {
    this.endRoom('connection-lost');
    this.clientId = null;
    this.#waiting = null;
    this.#seeking &&= keepWish || this.#unanswered !== null;
    this.#unanswered = null;
  }

  /** No connection will follow. */
  closed() {
    this.endRoom('closed');
    this.clientId = null;
    this.#waiting = null;
    this.#seeking = false;
    this.#unanswered = null;
  }

  /**
   * @param {ServerMessage} message
   * @returns {Taken}
   */
  take(message) {
    switch (message.type) {
      case 'ready':
        this.clientId = message.clientId;
        this.#iceServers = message.iceServers ?? [];
        this.#iceTransportPolicy = message.iceTransportPolicy;
        return TELL;
      case 'waiting':
        return this.#takeWaiting(message);
      case 'matched':
        return this.#takeMatched(message);
      case 'offer':
      case 'answer':
      case 'ice':
        return this.#room ? TELL : HUSH;
      case 'partner-away':
      case 'partner-back':
        this.#partnerAway = message.type === 'partner-away';
        return this.#room ? TELL : HUSH;
      case 'partner-left':
        return this.#takePartnerLeft(message.reason, message.requeued);
      case 'error':
        return message.code === 'already-matched' ? this.#takeAlreadyMatched() : TELL;
      default:
        return TELL;
    }
  }

  /** @param {RoomEndReason} reason */
  endRoom(reason) {
    if (!this.#room) return;
    this.#ended.push({ roomId: this.#room.roomId, reason });
    this.#lastRoom = this.#room;
    this.#room = null;
  }

  /** @param {WaitingMessage} message @returns {Taken} */
  #takeWaiting(message) {
    if (!this.#seeking) return HUSH;
    this.endRoom('replaced');
    this.#unanswered = null;
    this.#waiting = message;
    return this.#stale ? { tell: true, replies: [this.#seek()] } : TELL;
  }

  /** @param {MatchedMessage} message @returns {Taken} */
  #takeMatched(message) {
    // Our `leave` was not taken, or is still on its way: said twice it does no harm, and nobody is left with a ghost.
    if (!this.#seeking) return { tell: false, replies: [{ type: 'leave' }] };
    this.endRoom('replaced');
    this.#waiting = null;
    // The server did not know yet whom not to choose.
    if (this.#stale && this.#blocked.has(message)) return { tell: false, replies: this.#seekAnew() };
    this.#room = message;
    this.#partnerAway = false;
    this.#unanswered = null;
    return TELL;
  }

  /** @param {PartnerLeftReason} reason @param {boolean} requeued @returns {Taken} */
  #takePartnerLeft(reason, requeued) {
    if (this.#room) {
      this.endRoom(reason);
      this.#seeking = requeued;
      return TELL;
    }
    // It crossed our `next`, which named a room that was over and so was refused: the wish has to be said anew.
    return this.#seeking && !requeued ? { tell: false, replies: [this.#seek()] } : HUSH;
  }

  /** Our wishes crossed a match, and the server still has those of before. @returns {Taken} */
  #takeAlreadyMatched() {
    this.#stale = true;
    if (!this.#room || !this.#blocked.has(this.#room)) return TELL;
    this.endRoom('blocked');
    return { tell: true, replies: this.#seekAnew() };
  }

  /** @returns {AvailableMessage} */
  #seek() {
    this.#seeking = true;
    this.#stale = false;
    return (this.#unanswered = { type: 'available', ...this.#blocked.addTo(this.#wishes) });
  }

  /** In the place of `next`: the server must not choose anybody before it has the latest wishes. @returns {WishMessage[]} */
  #seekAnew() {
    return [{ type: 'leave' }, this.#seek()];
  }

  /** What is wished has changed. In a room the server takes no wishes. @returns {WishMessage[]} */
  #rewish() {
    this.#stale = this.#room !== null;
    return this.#seeking && !this.#room ? [this.#seek()] : [];
  }
}

/** @type {Taken} */
const TELL = { tell: true };
/** @type {Taken} */
const HUSH = { tell: false };
