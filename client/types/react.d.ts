/**
 * The signaling as a React hook: one `Signaling` for as long as the component is mounted, its properties as state. Decides
 * only when there is a connection and what is rendered anew; everything else is `signaling.js`'s.
 *
 * Nothing touches the network while rendering, so it renders on a server too, and StrictMode's mount, unmount, mount ends
 * with one connection.
 */
import type { AnswerMessage, Candidate, ErrorMessage, Extra, IceMessage, MatchedMessage, OfferMessage, PartnerLeftMessage, Report, Sdp, WaitingMessage, Wishes } from './messages.js';
import type { SignalingState } from './events.js';
import type { SignalingOptions } from './options.js';
import type { AfterBlock } from './session.js';
import { Signaling } from './signaling.js';
export type SignalingListeners = {
    onMatched?: (message: MatchedMessage, signaling: Signaling) => void;
    onOffer?: (message: OfferMessage) => void;
    onAnswer?: (message: AnswerMessage) => void;
    onIceCandidate?: (message: IceMessage) => void;
    onPartnerLeft?: (message: PartnerLeftMessage) => void;
    onError?: (message: ErrorMessage) => void;
    /**
     * For the application to keep, and to give as `blocked`.
     */
    onBlockedChange?: (blocked: readonly string[]) => void;
};
export type UseSignalingOptions = SignalingOptions & SignalingListeners;
export type SignalingError = {
    code: string;
    message: string;
};
export type SignalingView = {
    state: SignalingState;
    isConnected: boolean;
    isWaiting: boolean;
    clientId: string | null;
    partnerId: string | null;
    roomId: string | null;
    initiator: boolean | null;
    /**
     * Whether the partner's connection is interrupted, and the room kept for them.
     */
    partnerAway: boolean;
    /**
     * What may be shown of them.
     */
    partner: MatchedMessage['partner'] | null;
    /**
     * Those that both asked for.
     */
    tags: string[];
    /**
     * What the server has last said of the wait.
     */
    waiting: WaitingMessage | null;
    blocked: readonly string[];
    iceServers: RTCIceServer[];
    iceTransportPolicy: RTCIceTransportPolicy;
    /**
     * The last, until the next good news.
     */
    error: SignalingError | null;
};
export type SignalingCalls = {
    signalAvailable: (wishes?: Wishes) => void;
    sendOffer: (sdp: Sdp, extra?: Extra) => boolean;
    sendAnswer: (sdp: Sdp, extra?: Extra) => boolean;
    sendIceCandidate: (candidate: Candidate, extra?: Extra) => boolean;
    nextPartner: () => void;
    leave: () => void;
    report: (report: Report) => void;
    /**
     * The partner, or the last one, unless given.
     */
    block: (id?: string, options?: {
        then?: AfterBlock;
    }) => string | null;
    unblock: (id: string) => void;
    /**
     * Connects again after it had ended for good.
     */
    reconnect: () => void;
};
/**
 * What may differ from render to render: always the latest is called.
 * @typedef {object} SignalingListeners
 * @property {(message: MatchedMessage, signaling: Signaling) => void} [onMatched]
 * @property {(message: OfferMessage) => void} [onOffer]
 * @property {(message: AnswerMessage) => void} [onAnswer]
 * @property {(message: IceMessage) => void} [onIceCandidate]
 * @property {(message: PartnerLeftMessage) => void} [onPartnerLeft]
 * @property {(message: ErrorMessage) => void} [onError]
 * @property {(blocked: readonly string[]) => void} [onBlockedChange] For the application to keep, and to give as `blocked`.
 */
/**
 * `SignalingOptions` are read when the connection is made: for others, give the component another `key`. Only `auth`, if it
 * is a function, is called in its latest form.
 * @typedef {SignalingOptions & SignalingListeners} UseSignalingOptions
 */
/** @typedef {{ code: string, message: string }} SignalingError An error message of the server, or `ended` with why. */
/**
 * @typedef {object} SignalingView
 * @property {SignalingState} state
 * @property {boolean} isConnected
 * @property {boolean} isWaiting
 * @property {string | null} clientId
 * @property {string | null} partnerId
 * @property {string | null} roomId
 * @property {boolean | null} initiator
 * @property {boolean} partnerAway Whether the partner's connection is interrupted, and the room kept for them.
 * @property {MatchedMessage['partner'] | null} partner What may be shown of them.
 * @property {string[]} tags Those that both asked for.
 * @property {WaitingMessage | null} waiting What the server has last said of the wait.
 * @property {readonly string[]} blocked
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {SignalingError | null} error The last, until the next good news.
 */
/**
 * @typedef {object} SignalingCalls
 * @property {(wishes?: Wishes) => void} signalAvailable
 * @property {(sdp: Sdp, extra?: Extra) => boolean} sendOffer
 * @property {(sdp: Sdp, extra?: Extra) => boolean} sendAnswer
 * @property {(candidate: Candidate, extra?: Extra) => boolean} sendIceCandidate
 * @property {() => void} nextPartner
 * @property {() => void} leave
 * @property {(report: Report) => void} report
 * @property {(id?: string, options?: { then?: AfterBlock }) => string | null} block The partner, or the last one, unless given.
 * @property {(id: string) => void} unblock
 * @property {() => void} reconnect Connects again after it had ended for good.
 */
/**
 * @param {string | null} url Of the gateway's WebSocket; null for no connection yet.
 * @param {UseSignalingOptions} [options]
 * @returns {SignalingView & SignalingCalls & { signaling: Signaling | null }} The calls stay the same functions over all renders.
 */
export declare function useSignaling(url: string | null, options?: UseSignalingOptions): SignalingView & SignalingCalls & {
    signaling: Signaling | null;
};
