/**
 * The client's end of the protocol, as an application sees it: calls that speak, events that tell, properties that say how
 * things stand. What a wish or a message means for the room is `session.js`'s; what is said when, and what is told of it,
 * `dialogue.js`'s; media are `call.js`'s.
 */

/** @import { CallReport, Candidate, Extra, PingMessage, Report, Sdp, Wishes } from './messages.js' */
/** @import { SignalingEvents, SignalingState } from './events.js' */
/** @import { SignalingOptions } from './options.js' */
/** @import { AfterBlock, WishMessage } from './session.js' */

import { Blocked } from './blocked.js';
import { Dialogue } from './dialogue.js';
import { Emitter } from './emitter.js';
import { withDefaults } from './options.js';
import { Session } from './session.js';

/** @extends {Emitter<SignalingEvents>} */
export class Signaling extends Emitter {
  #session;
  #dialogue;

  /**
   * @param {string} url Of the gateway's WebSocket: `wss://host/ws`.
   * @param {SignalingOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    const settings = withDefaults(options);
    this.#session = new Session(new Blocked(settings.blocked));
    this.#dialogue = new Dialogue({ url, ...settings }, this.#session, (type, event) => this.emit(type, event));
  }

  /** @returns {SignalingState} */
  get state() {
    return this.#dialogue.state;
  }

  get clientId() {
    return this.#session.clientId;
  }

  get roomId() {
    return this.#session.room?.roomId ?? null;
  }

  get partnerId() {
    return this.#session.room?.partnerId ?? null;
  }

  /** Whether the partner's connection is interrupted: the room is kept, and what is said reaches them once they are back. */
  get partnerAway() {
    return this.#session.partnerAway;
  }

  /** Whether this client makes the offer; null without a room. */
  get initiator() {
    return this.#session.room?.initiator ?? null;
  }

  /** What may be shown of the partner: its verified `userId`, and claims that the operator shows. Null without a room. */
  get partner() {
    return this.#session.room ? (this.#session.room.partner ?? {}) : null;
  }

  /** The tags that both asked for; none without a room. */
  get tags() {
    return this.#session.room?.tags ?? [];
  }

  /** What the server has last said of the wait: `position`, `estimateMs`, `widened`. Null while there is none. */
  get waiting() {
    return this.#session.waiting;
  }

  /** Whom this client avoids in every wish, the latest last: up to 16 `partnerId`s and verified `userId`s. */
  get blocked() {
    return this.#session.blocked;
  }

  /** For `RTCPeerConnection`: those of the room, or else of the connection. */
  get iceServers() {
    return this.#session.iceServers;
  }

  /** For `RTCPeerConnection`, likewise: `relay` where the operator keeps strangers' addresses from each other. */
  get iceTransportPolicy() {
    return this.#session.iceTransportPolicy;
  }

  /** Connects, and from then on stays connected. While that is so already, it does nothing. */
  connect() {
    this.#dialogue.open();
  }

  /** Ends the connection for good, and the room with it. What still waited to be sent is dropped. */
  close() {
    this.#dialogue.close();
  }

  /**
   * Asks for a partner: now, or once connected.
   * @param {Wishes} [wishes]
   */
  available(wishes = {}) {
    this.#dialogue.say(this.#session.available(wishes));
  }

  /** Leaves the partner, if any, and asks for another with the same wishes. */
  next() {
    this.#dialogue.say(this.#session.next());
  }

  /** Leaves the room or the queue, and rests. */
  leave() {
    this.#dialogue.say(this.#session.leave());
  }

  /**
   * @param {Sdp} sdp
   * @param {Extra & { roomId?: string }} [extra] Carried to the partner. A `roomId` says which room it is meant for.
   * @returns {boolean} False when there is no such room (any more): nothing was sent.
   */
  offer(sdp, extra) {
    return this.#toPartner({ ...extra, type: 'offer', sdp: sdpText(sdp) });
  }

  /** @param {Sdp} sdp @param {Extra & { roomId?: string }} [extra] @returns {boolean} Like `offer`. */
  answer(sdp, extra) {
    return this.#toPartner({ ...extra, type: 'answer', sdp: sdpText(sdp) });
  }

  /** @param {Candidate} candidate @param {Extra & { roomId?: string }} [extra] @returns {boolean} Like `offer`. */
  ice(candidate, extra) {
    return this.#toPartner({ ...extra, type: 'ice', candidate });
  }

  /** @param {PingMessage['id']} [id] Comes back in the `pong`. */
  ping(id) {
    this.#dialogue.send(id === undefined ? { type: 'ping' } : { type: 'ping', id });
  }

  /**
   * Tells the operator's metrics how the call goes.
   * @param {CallReport} report
   */
  reportState(report) {
    this.#dialogue.send({ type: 'state', ...report });
  }

  /**
   * Reports the partner, or the last one, and ends the room. The server keeps the two apart from then on.
   * @param {Report} report
   */
  report({ roomId = this.#session.lastRoomId, ...report }) {
    this.#dialogue.send({ type: 'report', ...report, ...(roomId && { roomId }) });
    if (roomId === this.roomId) this.#session.reported();
    this.#dialogue.settle();
  }

  /**
   * Never to meet somebody again: in every wish from now on they are among those to avoid, be it this session's or a later one's.
   * The list holds 16, and lets go of the oldest. A proven user is blocked by `userId`, anybody else for as long as their
   * session lives.
   * @param {string} [id] A `partnerId` or verified `userId`; unless given, the partner's, or the last one's.
   * @param {{ then?: AfterBlock }} [options] With that partner in the room: `next` unless given.
   * @returns {string | null} What is on the list now; null if nobody was met yet.
   */
  block(id, { then = 'next' } = {}) {
    const whom = this.#session.whom(id);
    if (whom === null) return null;
    this.#rewished(this.#session.block(whom, then));
    return whom;
  }

  /** @param {string} id As `blocked` has it. */
  unblock(id) {
    const wishes = this.#session.unblock(id);
    if (wishes) this.#rewished(wishes);
  }

  /** @param {WishMessage[]} wishes */
  #rewished(wishes) {
    this.#dialogue.say(wishes);
    this.emit('blockedchange', { blocked: this.blocked });
  }

  /** @param {Extra & { roomId?: string } & ({ type: 'offer' | 'answer', sdp: string } | { type: 'ice', candidate: Candidate })} message */
  #toPartner(message) {
    const { roomId } = this;
    if (roomId === null || (message.roomId ?? roomId) !== roomId) return false;
    this.#dialogue.send({ ...message, roomId });
    return true;
  }
}

/** @param {Sdp} sdp */
const sdpText = (sdp) => (typeof sdp === 'string' ? sdp : (sdp.sdp ?? ''));
