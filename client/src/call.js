/**
 * One call: the peer connection of one room, from the match to the room's end. Decides who offers and who yields (perfect
 * negotiation, WebRTC 1.0 section 10.7), in which order descriptions and candidates go in, and what the metrics hear of it.
 * When to restart ICE is `ice-recovery.js`'s; devices and what is shown are the application's.
 *
 * The initiator offers, and is the impolite one: when both offer at once it ignores the other's offer, and the polite one
 * takes its own back. The polite one never makes the first offer.
 */

/** @import { AnswerMessage, IceMessage, MatchedMessage, OfferMessage, Sdp } from './messages.js' */
/** @import { RecoveryBounds } from './ice-recovery.js' */
/** @import { RoomEndReason } from './session.js' */
/** @import { Signaling } from './signaling.js' */

import { candidateTypeInUse } from './call-stats.js';
import { candidateInit, EarlyCandidates } from './candidates.js';
import { Emitter } from './emitter.js';
import { IceRecovery, RECOVERY_BOUNDS } from './ice-recovery.js';

/**
 * What a call needs of its signaling, and so what a test may put in its place.
 * @typedef {Pick<Signaling, 'on' | 'offer' | 'answer' | 'ice' | 'reportState' | 'iceServers' | 'iceTransportPolicy'>} CallSignaling
 */

/**
 * @typedef {object} CallOptions
 * @property {MediaStream | null} [stream] What to send. Without it, or where it lacks a kind, the call only receives.
 * @property {('audio' | 'video')[]} [receive] What to be ready to receive even if nothing of the kind is sent. Both unless given.
 * @property {RTCConfiguration} [configuration] Joined with the room's `iceServers` and `iceTransportPolicy`.
 * @property {(pc: RTCPeerConnection) => void} [onPeerConnection] Called before anything is negotiated: for data channels,
 *   codecs, transforms.
 * @property {Partial<RecoveryBounds>} [recovery]
 * @property {typeof RTCPeerConnection} [RTCPeerConnection]
 */

/**
 * @typedef {object} CallEvents
 * @property {RTCTrackEvent} track
 * @property {MediaStream} stream What the partner sends, once its first track is there; later tracks join the same stream.
 * @property {{ state: RTCPeerConnectionState }} connectionstate
 * @property {Error} error Something of the partner's or the browser's went wrong; the call goes on as well as it can.
 * @property {{ reason: RoomEndReason | 'closed' }} closed Once. No event follows.
 */

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  #signaling;
  #matched;
  #pc;
  #recovery;
  #early = new EarlyCandidates();
  #makingOffer = false;
  #ignoringOffer = false;
  /** The polite one waits for the first offer; after that either may negotiate. */
  #mayOffer;
  #matchedAt = performance.now();
  #everConnected = false;
  #closed = false;
  /** @type {MediaStream | null} */
  #remoteStream = null;
  /** @type {(() => void)[]} */
  #offs = [];
  /** What came is handled one by one: a candidate must not overtake its description. */
  #inbox = Promise.resolve();

  /**
   * Make it in the listener of `matched`, so that not one of the room's messages is missed.
   * @param {CallSignaling} signaling
   * @param {MatchedMessage} matched
   * @param {CallOptions} [options]
   */
  constructor(signaling, matched, options = {}) {
    super();
    this.#signaling = signaling;
    this.#matched = matched;
    this.#mayOffer = matched.initiator;
    const PeerConnection = options.RTCPeerConnection ?? RTCPeerConnection;
    this.#pc = new PeerConnection(configurationOf(signaling, matched, options.configuration));
    this.#recovery = new IceRecovery(
      { ...RECOVERY_BOUNDS, ...options.recovery },
      { restart: () => this.restartIce(), giveUp: () => this.emit('error', new Error('No way to the partner was found')) },
    );
    this.#listenToPeer();
    this.#listenToSignaling();
    this.#addMedia(options);
    options.onPeerConnection?.(this.#pc);
  }

  get peerConnection() {
    return this.#pc;
  }

  get remoteStream() {
    return this.#remoteStream;
  }

  /** When the match came, as `performance.now()` counts: what waiting times are counted from. */
  get matchedAt() {
    return this.#matchedAt;
  }

  /** Looks for another way through the network. Either side may, at any time. */
  restartIce() {
    if (!this.#closed) this.#pc.restartIce();
  }

  /** Ends the call here. Says nothing to the partner: that is `next` or `leave`, which end the room. */
  close() {
    this.#end('closed');
  }

  /** @param {CallOptions} options */
  #addMedia({ stream, receive = ['audio', 'video'] }) {
    const tracks = stream?.getTracks() ?? [];
    for (const track of tracks) this.#pc.addTrack(track, /** @type {MediaStream} */ (stream));
    // Only the initiator: what the polite one wants to receive, the offer already has a place for.
    if (!this.#matched.initiator) return;
    for (const kind of receive) {
      if (!tracks.some((track) => track.kind === kind)) this.#pc.addTransceiver(kind, { direction: 'recvonly' });
    }
  }

  #listenToPeer() {
    const pc = this.#pc;
    pc.onnegotiationneeded = () => void this.#offer();
    pc.onicecandidate = ({ candidate }) => {
      // A null at the end is for old code on this side only, and isn't to be sent (WebRTC 1.0 section 4.8.1.3).
      if (candidate) this.#signaling.ice(candidate.toJSON(), this.#here);
    };
    pc.ontrack = (event) => this.#hearTrack(event);
    pc.oniceconnectionstatechange = () => this.#recovery.saw(pc.iceConnectionState);
    pc.onconnectionstatechange = () => void this.#hearConnectionState(pc.connectionState);
  }

  #listenToSignaling() {
    const signaling = this.#signaling;
    this.#offs = [
      signaling.on('offer', (message) => this.#enqueue(() => this.#takeOffer(message))),
      signaling.on('answer', (message) => this.#enqueue(() => this.#takeAnswer(message))),
      signaling.on('ice', (message) => this.#enqueue(() => this.#takeCandidate(message))),
      signaling.on('room-ended', ({ roomId, reason }) => {
        if (roomId === this.#matched.roomId) this.#end(reason);
      }),
    ];
  }

  /** Marks what is sent as of this room, so that it never reaches the next. */
  get #here() {
    return { roomId: this.#matched.roomId };
  }

  /** @param {() => Promise<void>} step */
  #enqueue(step) {
    this.#inbox = this.#inbox.then(async () => {
      if (!this.#closed) await step().catch((error) => this.#fail(error));
    });
  }

  async #offer() {
    if (!this.#mayOffer) return;
    try {
      this.#makingOffer = true;
      await this.#pc.setLocalDescription();
      const description = this.#pc.localDescription;
      // Not an offer any more: the partner's came first and ours was taken back. It will be needed again by itself.
      if (description?.type === 'offer' && !this.#closed) this.#signaling.offer(description.sdp, this.#here);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** @param {OfferMessage} message */
  async #takeOffer({ sdp }) {
    const pc = this.#pc;
    const glare = this.#makingOffer || pc.signalingState !== 'stable';
    this.#ignoringOffer = glare && this.#matched.initiator;
    if (this.#ignoringOffer) return;
    this.#mayOffer = true;
    // Takes our own offer back, if there is one.
    await pc.setRemoteDescription({ type: 'offer', sdp: sdpText(sdp) });
    await this.#letEarlyCandidatesIn();
    await pc.setLocalDescription();
    if (!this.#closed) this.#signaling.answer(pc.localDescription?.sdp ?? '', this.#here);
  }

  /** @param {AnswerMessage} message */
  async #takeAnswer({ sdp }) {
    this.#ignoringOffer = false;
    await this.#pc.setRemoteDescription({ type: 'answer', sdp: sdpText(sdp) });
    await this.#letEarlyCandidatesIn();
  }

  /** @param {IceMessage} message */
  async #takeCandidate({ candidate }) {
    if (!this.#pc.remoteDescription) {
      // Those of an offer we ignore belong to a description that never comes in.
      if (!this.#ignoringOffer) this.#early.hold(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidateInit(candidate));
    } catch (error) {
      if (!this.#ignoringOffer) throw error;
    }
  }

  async #letEarlyCandidatesIn() {
    for (const candidate of this.#early.release()) await this.#pc.addIceCandidate(candidateInit(candidate));
  }

  /** @param {RTCTrackEvent} event */
  #hearTrack(event) {
    const first = this.#remoteStream === null;
    this.#remoteStream ??= new MediaStream();
    this.#remoteStream.addTrack(event.track);
    this.emit('track', event);
    if (first) this.emit('stream', this.#remoteStream);
  }

  /** @param {RTCPeerConnectionState} state */
  async #hearConnectionState(state) {
    this.emit('connectionstate', { state });
    if (state === 'disconnected' || state === 'failed') this.#signaling.reportState({ ice: state });
    if (state !== 'connected') return;
    // Only the first connecting is the call's setup; later ones are recoveries.
    const setup = this.#everConnected ? {} : { setupMs: Math.round(performance.now() - this.#matchedAt) };
    this.#everConnected = true;
    const candidateType = await candidateTypeInUse(this.#pc).catch(() => undefined);
    if (!this.#closed) this.#signaling.reportState({ ice: 'connected', ...setup, ...(candidateType && { candidateType }) });
  }

  /** @param {unknown} error */
  #fail(error) {
    // What was under way when the call ended fails by that alone.
    if (!this.#closed) this.emit('error', error instanceof Error ? error : new Error(String(error)));
  }

  /** @param {CallEvents['closed']['reason']} reason */
  #end(reason) {
    if (this.#closed) return;
    this.#closed = true;
    for (const off of this.#offs) off();
    this.#recovery.stop();
    this.#pc.close();
    this.emit('closed', { reason });
  }
}

/**
 * The application may bring servers of its own and may be stricter than the operator, but not laxer: the address that `relay` keeps back is
 * also that of its own user.
 * @param {CallSignaling} signaling
 * @param {MatchedMessage} matched
 * @param {RTCConfiguration} [own]
 * @returns {RTCConfiguration}
 */
function configurationOf(signaling, matched, own) {
  const policy = matched.iceTransportPolicy ?? signaling.iceTransportPolicy;
  return {
    iceServers: matched.iceServers ?? signaling.iceServers,
    ...own,
    ...(policy === 'relay' && { iceTransportPolicy: policy }),
  };
}

/** @param {Sdp} sdp Old clients send the whole description. */
const sdpText = (sdp) => (typeof sdp === 'string' ? sdp : sdp.sdp);
