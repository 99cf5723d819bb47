/**
 * One call: the peer connection of one room, from the match to the room's end. Decides who offers and who yields (perfect
 * negotiation, WebRTC 1.0 section 10.7), in which order descriptions and candidates go in, and what the metrics hear of it.
 * When to restart ICE is `ice-recovery.js`'s; devices and what is shown are the application's.
 *
 * The initiator offers, and is the impolite one: when both offer at once it ignores the other's offer, and the polite one
 * takes its own back. The polite one never makes the first offer.
 */
import type { MatchedMessage } from './messages.js';
import type { RecoveryBounds } from './ice-recovery.js';
import type { RoomEndReason } from './session.js';
import type { Signaling } from './signaling.js';
import { Emitter } from './emitter.js';
export type CallSignaling = Pick<Signaling, 'on' | 'offer' | 'answer' | 'ice' | 'reportState' | 'iceServers' | 'iceTransportPolicy'>;
export type CallOptions = {
    /**
     * What to send. Without it, or where it lacks a kind, the call only receives.
     */
    stream?: MediaStream | null;
    /**
     * What to be ready to receive even if nothing of the kind is sent. Both unless given.
     */
    receive?: ('audio' | 'video')[];
    /**
     * Joined with the room's `iceServers` and `iceTransportPolicy`.
     */
    configuration?: RTCConfiguration;
    /**
     * Called before anything is negotiated: for data channels,
     * codecs, transforms.
     */
    onPeerConnection?: (pc: RTCPeerConnection) => void;
    recovery?: Partial<RecoveryBounds>;
    RTCPeerConnection?: typeof RTCPeerConnection;
};
export type CallEvents = {
    track: RTCTrackEvent;
    /**
     * What the partner sends, once its first track is there; later tracks join the same stream.
     */
    stream: MediaStream;
    connectionstate: {
        state: RTCPeerConnectionState;
    };
    /**
     * Something of the partner's or the browser's went wrong; the call goes on as well as it can.
     */
    error: Error;
    /**
     * Once. No event follows.
     */
    closed: {
        reason: RoomEndReason | 'closed';
    };
};
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
export declare class Call extends Emitter<CallEvents> {
    #private;
    /**
     * Make it in the listener of `matched`, so that not one of the room's messages is missed.
     * @param {CallSignaling} signaling
     * @param {MatchedMessage} matched
     * @param {CallOptions} [options]
     */
    constructor(signaling: CallSignaling, matched: MatchedMessage, options?: CallOptions);
    get peerConnection(): RTCPeerConnection;
    get remoteStream(): MediaStream | null;
    /** When the match came, as `performance.now()` counts: what waiting times are counted from. */
    get matchedAt(): number;
    /** Looks for another way through the network. Either side may, at any time. */
    restartIce(): void;
    /** Ends the call here. Says nothing to the partner: that is `next` or `leave`, which end the room. */
    close(): void;
}
