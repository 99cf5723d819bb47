/**
 * What this client is to the server: its id, its wish, its room. Decides what each call says to the server, what each
 * server message changes, and which messages are too late to be told. Pure: no socket, no clock; `signaling.js` sends and
 * tells.
 *
 * Messages cross on the way: a match may be coming while the application leaves. What was sent before the server
 * knew of the latest wish is recognized here and never reaches the application.
 */

/** @import { AvailableMessage, LeaveMessage, MatchedMessage, NextMessage, PartnerLeftReason, ReadyMessage, ResumedMessage, ServerMessage, Wishes } from './messages.js' */

/** @typedef {AvailableMessage | NextMessage | LeaveMessage} WishMessage */

/**
 * Why a room is over, whoever ended it: the partner (as `partner-left` says), the application (`next`, `left`, `reported`,
 * `closed`), the network, or the server, which has gone on without it (`replaced`).
 * @typedef {PartnerLeftReason | 'reported' | 'replaced'} RoomEndReason
 */
/** @typedef {{ roomId: string, reason: RoomEndReason }} RoomEnded */

/**
 * @typedef {object} Taken
 * @property {boolean} tell Whether the application should hear of the message.
 * @property {WishMessage} [reply] What has to be said to the server.
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
  /** @type {string | undefined} */
  #lastRoomId;
  #seeking = false;
  /** @type {Wishes} */
  #wishes = {};
  /** @type {WishMessage | null} The latest wish, until the server has answered it. */
  #unanswered = null;
  /** @type {RoomEnded[]} */
  #ended = [];

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
    return this.#room?.roomId ?? this.#lastRoomId;
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
   * @returns {AvailableMessage}
   */
  available(wishes) {
    this.#wishes = wishes;
    return this.#seek();
  }

  /** @returns {WishMessage} */
  next() {
    const roomId = this.#room?.roomId;
    if (!roomId) return this.#seek();
    this.endRoom('next');
    this.#seeking = true;
    // With the room's id: if that room is over by now, the partner of the next must not be left unseen.
    return (this.#unanswered = { type: 'next', roomId });
  }

  /** @returns {LeaveMessage} */
  leave() {
    this.endRoom('left');
    this.#seeking = false;
    // Without a room's id: whatever there is by now, it is left.
    return (this.#unanswered = { type: 'leave' });
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
    this.#seeking &&= keepWish || this.#unanswered !== null;
    this.#unanswered = null;
  }

  /** No connection will follow. */
  closed() {
    this.endRoom('closed');
    this.clientId = null;
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
        if (!this.#seeking) return HUSH;
        this.endRoom('replaced');
        this.#unanswered = null;
        return TELL;
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
      default:
        return TELL;
    }
  }

  /** @param {RoomEndReason} reason */
  endRoom(reason) {
    if (!this.#room) return;
    this.#ended.push({ roomId: this.#room.roomId, reason });
    this.#lastRoomId = this.#room.roomId;
    this.#room = null;
  }

  /** @param {MatchedMessage} message @returns {Taken} */
  #takeMatched(message) {
    // Our `leave` was not taken, or is still on its way: said twice it does no harm, and nobody is left with a ghost.
    if (!this.#seeking) return { tell: false, reply: { type: 'leave' } };
    this.endRoom('replaced');
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
    return this.#seeking && !requeued ? { tell: false, reply: this.#seek() } : HUSH;
  }

  /** @returns {AvailableMessage} */
  #seek() {
    this.#seeking = true;
    return (this.#unanswered = { type: 'available', ...this.#wishes });
  }
}

/** @type {Taken} */
const TELL = { tell: true };
/** @type {Taken} */
const HUSH = { tell: false };
