/**
 * The signaling as a React hook: one `Signaling` for as long as the component is mounted, its properties as state. Decides
 * only when there is a connection and what is rendered anew; everything else is `signaling.js`'s.
 *
 * Nothing touches the network while rendering, so it renders on a server too, and StrictMode's mount, unmount, mount ends
 * with one connection.
 */

/** @import { AnswerMessage, Candidate, ErrorMessage, Extra, IceMessage, MatchedMessage, OfferMessage, PartnerLeftMessage, Report, Sdp, WaitingMessage, Wishes } from './messages.js' */
/** @import { SignalingState } from './events.js' */
/** @import { SignalingOptions } from './options.js' */
/** @import { AfterBlock } from './session.js' */

import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Signaling } from './signaling.js';

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
export function useSignaling(url, options = {}) {
  const latest = useRef(options);
  /** @type {import('react').RefObject<Signaling | null>} */
  const current = useRef(null);
  const [signaling, setSignaling] = useState(/** @type {Signaling | null} */ (null));
  const [view, setView] = useState(AT_REST);

  useEffect(() => {
    latest.current = options;
  });

  useEffect(() => {
    if (url === null) return undefined;
    const made = make(url, latest);
    const offs = listen(made, latest, (error) => setView((before) => viewOf(made, error === undefined ? before.error : error)));
    current.current = made;
    setSignaling(made);
    made.connect();
    return () => {
      // The listeners first: an unmounted component has nothing to hear.
      for (const off of offs) off();
      made.close();
      current.current = null;
      setSignaling(null);
      setView(AT_REST);
    };
  }, [url]);

  const must = useCallback(() => {
    if (!current.current) throw new Error('useSignaling: not mounted, or without a url');
    return current.current;
  }, []);

  const calls = useMemo(() => callsOn(must), [must]);
  return { ...view, ...calls, signaling };
}

/**
 * @param {string} url
 * @param {{ current: UseSignalingOptions }} latest
 */
function make(url, latest) {
  const { auth } = latest.current;
  if (typeof auth !== 'function') return new Signaling(url, latest.current);
  return new Signaling(url, {
    ...latest.current,
    auth: () => (typeof latest.current.auth === 'function' ? latest.current.auth() : (latest.current.auth ?? null)),
  });
}

/**
 * @param {Signaling} signaling
 * @param {{ current: UseSignalingOptions }} latest
 * @param {(error?: SignalingError | null) => void} changed With an error to show, null to forget the last, nothing to keep it.
 */
function listen(signaling, latest, changed) {
  return [
    signaling.on('statechange', () => changed()),
    signaling.on('ready', () => changed(null)),
    signaling.on('resumed', () => changed(null)),
    signaling.on('partner-away', () => changed()),
    signaling.on('partner-back', () => changed()),
    signaling.on('waiting', () => changed(null)),
    signaling.on('matched', (message) => {
      changed(null);
      latest.current.onMatched?.(message, signaling);
    }),
    signaling.on('partner-left', (message) => {
      changed();
      latest.current.onPartnerLeft?.(message);
    }),
    signaling.on('error', (message) => {
      changed(message);
      latest.current.onError?.(message);
    }),
    signaling.on('blockedchange', ({ blocked }) => {
      changed();
      latest.current.onBlockedChange?.(blocked);
    }),
    signaling.on('ended', ({ why, byUs }) => changed(byUs ? null : { code: 'ended', message: why })),
    signaling.on('offer', (message) => latest.current.onOffer?.(message)),
    signaling.on('answer', (message) => latest.current.onAnswer?.(message)),
    signaling.on('ice', (message) => latest.current.onIceCandidate?.(message)),
  ];
}

/**
 * @param {() => Signaling} must
 * @returns {SignalingCalls}
 */
function callsOn(must) {
  return {
    signalAvailable: (wishes) => must().available(wishes),
    sendOffer: (sdp, extra) => must().offer(sdp, extra),
    sendAnswer: (sdp, extra) => must().answer(sdp, extra),
    sendIceCandidate: (candidate, extra) => must().ice(candidate, extra),
    nextPartner: () => must().next(),
    leave: () => must().leave(),
    report: (report) => must().report(report),
    block: (id, options) => must().block(id, options),
    unblock: (id) => must().unblock(id),
    reconnect: () => must().connect(),
  };
}

/**
 * @param {Signaling} signaling
 * @param {SignalingError | null} error
 * @returns {SignalingView}
 */
function viewOf(signaling, error) {
  const { state, clientId, partnerId, roomId, initiator, partnerAway, partner, tags } = signaling;
  const { waiting, blocked, iceServers, iceTransportPolicy } = signaling;
  const isConnected = state === 'idle' || state === 'waiting' || state === 'matched';
  const isWaiting = state === 'waiting';
  const room = { partnerId, roomId, initiator, partnerAway, partner, tags };
  return { state, isConnected, isWaiting, clientId, ...room, waiting, blocked, iceServers, iceTransportPolicy, error };
}

/** @type {SignalingView} */
const AT_REST = {
  state: 'closed',
  isConnected: false,
  isWaiting: false,
  clientId: null,
  partnerId: null,
  roomId: null,
  initiator: null,
  partnerAway: false,
  partner: null,
  tags: [],
  waiting: null,
  blocked: [],
  iceServers: [],
  iceTransportPolicy: 'all',
  error: null,
};
