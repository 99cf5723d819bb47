/**
 * Runs in the page: two calls with each other, over a wire whose messages a test may hold back, change and read. What is
 * expected is the test's.
 */

/** @import { CallOptions, SignalingEvents, Sdp, Candidate } from '/sdk/index.js' */

import { Call, Emitter } from '/sdk/index.js';

/** @typedef {'offer' | 'answer' | 'ice'} Kind */
/** @typedef {{ from: 'A' | 'B', type: Kind, body: any }} Sent */

/** One end of the wire, in the place of a `Signaling`. @extends {Emitter<SignalingEvents>} */
export class End extends Emitter {
  /** @type {RTCIceServer[]} */
  iceServers = [];
  /** @type {RTCIceTransportPolicy} */
  iceTransportPolicy = 'all';
  /** @type {any[]} */
  reports = [];

  /** @param {'A' | 'B'} name @param {Wire} wire */
  constructor(name, wire) {
    super();
    this.name = name;
    this.wire = wire;
  }

  /** @param {Sdp} sdp */
  offer(sdp) {
    return this.wire.send({ from: this.name, type: 'offer', body: sdp });
  }

  /** @param {Sdp} sdp */
  answer(sdp) {
    return this.wire.send({ from: this.name, type: 'answer', body: sdp });
  }

  /** @param {Candidate} candidate */
  ice(candidate) {
    return this.wire.send({ from: this.name, type: 'ice', body: candidate });
  }

  /** @param {any} report */
  reportState(report) {
    this.reports.push(report);
  }

  /** @param {Kind} type @param {any} body */
  hear(type, body) {
    this.emit(type, /** @type {any} */ (type === 'ice' ? { type, from: 'p', candidate: body } : { type, from: 'p', sdp: body }));
  }

  endRoom() {
    this.emit('room-ended', { roomId: 'r', reason: 'left' });
  }
}

class Wire {
  ends = { A: new End('A', this), B: new End('B', this) };
  /** @type {Sent[]} Everything ever sent. */
  log = [];
  /** @type {Sent[]} */
  held = [];
  holding = false;
  /** @type {(sent: Sent) => Sent} What a strange client on the way would make of a message. */
  change = (sent) => sent;

  /** @param {Sent} sent */
  send(sent) {
    this.log.push(sent);
    if (this.holding) this.held.push(sent);
    else this.#deliver(sent);
    return true;
  }

  /** Lets go what was held, in an order of the test's choosing. @param {(held: Sent[]) => Sent[]} [order] */
  release(order = (held) => held) {
    this.holding = false;
    for (const sent of order(this.held.splice(0))) this.#deliver(sent);
  }

  /** @param {Sent} sent */
  #deliver(sent) {
    const { from, type, body } = this.change(sent);
    // Never in the same breath as the sending: a network isn't either.
    setTimeout(() => this.ends[from === 'A' ? 'B' : 'A'].hear(type, body));
  }
}

/**
 * A is the initiator and impolite, B polite.
 * @param {{ a?: CallOptions, b?: CallOptions, prepare?: (wire: Wire) => void }} [options]
 */
export function twoCalls({ a = {}, b = {}, prepare } = {}) {
  const wire = new Wire();
  prepare?.(wire);
  const room = { type: /** @type {const} */ ('matched'), roomId: 'r', partnerId: 'p' };
  const A = new Call(wire.ends.A, { ...room, initiator: true }, a);
  const B = new Call(wire.ends.B, { ...room, initiator: false }, b);
  /** @type {string[]} */
  const errors = [];
  A.on('error', (error) => errors.push(`A: ${error.message}`));
  B.on('error', (error) => errors.push(`B: ${error.message}`));
  return { A, B, wire, errors, offersOf: (/** @type {string} */ name) => wire.log.filter((sent) => sent.from === name && sent.type === 'offer') };
}

/** A camera that is made up. */
export const camera = () => navigator.mediaDevices.getUserMedia({ audio: true, video: true });

/**
 * Looks again at every turn of the page until it is so; the test's own time limit ends it otherwise.
 * @param {() => unknown} condition
 */
export async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** @param {...Call} calls */
export const connected = (...calls) =>
  until(() => calls.every(({ peerConnection: pc }) => pc.connectionState === 'connected' && pc.signalingState === 'stable'));

/** @param {Call} call Of its current local description. */
export const ufrag = ({ peerConnection: pc }) => /a=ice-ufrag:(.*)/.exec(pc.localDescription?.sdp ?? '')?.[1]?.trim();
