/**
 * What is said between a client and the gateway: every message of the protocol as a type, and how one is read. What a message
 * means to a client is `session.js`'s; the fields that the layer `duet.v1` puts on them, `wire.js`'s and `resumption.js`'s.
 *
 * Servers may add optional fields and new kinds of message. A client ignores what it doesn't know, so no type here is
 * closed against extra fields at run time.
 */

/** @typedef {{ userId?: string, token?: string }} Auth What proves or claims who this is; see `auth`. */

/**
 * What one asks of a partner. More than its bounds the server refuses as `invalid-message`; `WISH_BOUNDS` has them as numbers.
 * @typedef {object} Wishes
 * @property {string} [pool] Only people of the same pool meet. `"default"` unless given. Up to 64 characters.
 * @property {string[]} [tags] Up to 10 of up to 32 characters each. Who shares one is preferred, in whatever case it is written.
 * @property {string[]} [avoid] Up to 16 `partnerId`s or verified `userId`s not to meet. `Signaling.block` adds to them by itself.
 * @property {string} [region] Preferred, like a tag. Up to 64 characters.
 * @property {number} [patienceMs] How long to insist on tags and region, within the operator's bounds.
 */

/**
 * Why, and on whom.
 * @typedef {object} Report
 * @property {string} reason Up to 64 characters, in words of the application's own.
 * @property {string} [details] Up to 1024 characters.
 * @property {string} [roomId] Where it happened: the room, or the last one for up to a minute. That one unless given.
 */

/** @typedef {{ type: RTCSdpType, sdp?: string }} Description An `RTCSessionDescription`, or what its `toJSON` gives. */
/** @typedef {string | Description} Sdp */
/** @typedef {RTCIceCandidateInit | string | null} Candidate An empty `candidate` string, an empty string and `null` mark the end. */
/** @typedef {Record<string, unknown>} Extra Fields of the application's own, carried to the partner untouched. */

/** @typedef {'connected' | 'disconnected' | 'failed'} IceOutcome */
/** @typedef {{ ice: IceOutcome, setupMs?: number, candidateType?: string }} CallReport */

// Client to server.

/** @typedef {{ type: 'auth' } & Auth} AuthMessage */
/** @typedef {{ type: 'available' } & Wishes} AvailableMessage */
/** @typedef {{ type: 'offer', sdp: Sdp, roomId?: string }} SendOfferMessage */
/** @typedef {{ type: 'answer', sdp: Sdp, roomId?: string }} SendAnswerMessage */
/** @typedef {{ type: 'ice', candidate: Candidate, roomId?: string }} SendIceMessage */
/** @typedef {{ type: 'next', roomId?: string }} NextMessage */
/** @typedef {{ type: 'leave', roomId?: string }} LeaveMessage */
/** @typedef {{ type: 'ping', id?: string | number }} PingMessage */
/** @typedef {{ type: 'state' } & CallReport} StateMessage */
/** @typedef {{ type: 'report' } & Report} ReportMessage */
/** @typedef {{ type: 'resume', token: string, ack: number, attempt?: number }} ResumeMessage `duet.v1`: goes on with the session of before. */

/**
 * @typedef {AuthMessage | AvailableMessage | SendOfferMessage | SendAnswerMessage | SendIceMessage | NextMessage
 *   | LeaveMessage | PingMessage | StateMessage | ReportMessage | ResumeMessage} ClientMessage
 */

// Server to client.

/**
 * @typedef {object} ReadyMessage
 * @property {'ready'} type
 * @property {string} clientId
 * @property {RTCIceServer[]} [iceServers] Where the operator has set any.
 * @property {'relay'} [iceTransportPolicy] Where strangers are never to see each other's addresses.
 * @property {number} [resumeWindowMs] `duet.v1`: how long the session is kept without a connection; 0 for not at all.
 */
/**
 * `duet.v1`: the session of before goes on. What was said meanwhile follows, message by message, and tells of the room.
 * @typedef {object} ResumedMessage
 * @property {'resumed'} type
 * @property {string} clientId
 * @property {'idle' | 'waiting' | 'matched'} state
 * @property {string} [roomId]
 * @property {string} [partnerId]
 * @property {boolean} [initiator]
 * @property {boolean} [partnerAway]
 */
/** @typedef {{ type: 'authenticated', userId: string, verified: boolean }} AuthenticatedMessage */
/**
 * In the queue. It comes again when what it says has changed much.
 * @typedef {object} WaitingMessage
 * @property {'waiting'} type
 * @property {string} pool
 * @property {number} [position] 1 is the next in turn.
 * @property {number} [estimateMs] For about how much longer, where that can be told.
 * @property {boolean} [widened] Whether by now anybody of the pool will do, tags and region or not.
 */

/**
 * @typedef {object} MatchedMessage
 * @property {'matched'} type
 * @property {string} roomId
 * @property {string} partnerId
 * @property {boolean} initiator Makes the offer, and is the impolite one in perfect negotiation.
 * @property {RTCIceServer[]} [iceServers] Fresh for this room, where the operator has set any.
 * @property {'relay'} [iceTransportPolicy] As in `ready`.
 * @property {{ userId?: string, [claim: string]: unknown }} [partner] What may be shown of the other.
 * @property {string[]} [tags] Those that both asked for, in lower case; not there without any.
 */

/** @typedef {{ type: 'offer', from: string, sdp: Sdp, [extra: string]: unknown }} OfferMessage */
/** @typedef {{ type: 'answer', from: string, sdp: Sdp, [extra: string]: unknown }} AnswerMessage */
/** @typedef {{ type: 'ice', from: string, candidate: Candidate, [extra: string]: unknown }} IceMessage */

/**
 * `connection-lost` never comes from a server: the client makes that message itself, with `local: true`, when its own
 * connection breaks and takes the room with it.
 * @typedef {'left' | 'next' | 'disconnected' | 'closed' | 'connection-lost'} PartnerLeftReason
 */
/** @typedef {{ type: 'partner-left', reason: PartnerLeftReason, requeued: boolean, local?: boolean }} PartnerLeftMessage */

/** @typedef {{ type: 'partner-away' }} PartnerAwayMessage `duet.v1`: the partner's connection broke; the room is kept. */
/** @typedef {{ type: 'partner-back' }} PartnerBackMessage */

/** @typedef {{ type: 'pong', id?: string | number }} PongMessage */
/** @typedef {{ type: 'token-expiring', inMs: number }} TokenExpiringMessage */
/** @typedef {{ type: 'going-away', reconnectInMs: number }} GoingAwayMessage */

/**
 * @typedef {'invalid-message' | 'unknown-type' | 'stale-room' | 'not-in-room' | 'already-matched' | 'unauthorized'
 *   | 'rate-limited' | 'resume-failed' | 'unavailable' | 'internal'} ServerErrorCode
 */
/**
 * Those that the client makes itself, with `local: true`: `auth-failed` when the application's own `auth` function failed,
 * `bad-server-message` when what came isn't a message at all.
 * @typedef {'auth-failed' | 'bad-server-message'} LocalErrorCode
 */
/**
 * @typedef {object} ErrorMessage
 * @property {'error'} type
 * @property {ServerErrorCode | LocalErrorCode} code
 * @property {string} message
 * @property {number} [retryAfterMs] With `rate-limited` and `unavailable`.
 * @property {string} [id] With `internal`: what to quote to the operator.
 * @property {number} [refused] `duet.v1`: the number of the message that was refused.
 * @property {number} [expected] `duet.v1`, with `invalid-message`: the number that should have come.
 * @property {boolean} [local]
 */

/**
 * @typedef {ReadyMessage | ResumedMessage | AuthenticatedMessage | WaitingMessage | MatchedMessage | OfferMessage
 *   | AnswerMessage | IceMessage | PartnerAwayMessage | PartnerBackMessage | PartnerLeftMessage | ErrorMessage | PongMessage
 *   | TokenExpiringMessage | GoingAwayMessage} ServerMessage
 */

/**
 * A message as it comes over the socket. What `duet.v1` adds is taken off before the application is told.
 * @typedef {ServerMessage & { seq?: number, ack?: number, resumeToken?: string }} HeardMessage
 */

/**
 * The message of one kind.
 * @template {ServerMessage['type']} K
 * @typedef {Extract<ServerMessage, { type: K }>} ServerMessageOf
 */

/** What a server takes at most: so many, or of so many characters. */
export const WISH_BOUNDS = Object.freeze({ pool: 64, tags: 10, tag: 32, avoid: 16, region: 64 });
export const REPORT_BOUNDS = Object.freeze({ reason: 64, details: 1024 });

/**
 * @param {unknown} data What came over the socket.
 * @returns {HeardMessage | null}
 */
export function readServerMessage(data) {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data);
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}

/**
 * Newer servers may say more. What they call it must not be taken for one of the client's own events.
 * @param {{ type: string }} message
 */
export const isKnown = ({ type }) => SERVER_KINDS.has(type);

/** @type {Set<string>} */
const SERVER_KINDS = new Set(
  /** @satisfies {ServerMessage['type'][]} */ ([
    'ready',
    'resumed',
    'authenticated',
    'waiting',
    'matched',
    'offer',
    'answer',
    'ice',
    'partner-away',
    'partner-back',
    'partner-left',
    'error',
    'pong',
    'token-expiring',
    'going-away',
  ]),
);
