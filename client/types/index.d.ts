/** What the package offers. React's hook is `duet-client/react`, so that nobody else needs React. */
export { Call } from './call.js';
export { Emitter } from './emitter.js';
export { firstFrame } from './first-frame.js';
export { RECOVERY_BOUNDS } from './ice-recovery.js';
export { LIVENESS_TIMES } from './liveness.js';
export { REPORT_BOUNDS, WISH_BOUNDS } from './messages.js';
export { OutboxFullError } from './outbox.js';
export { FINAL_CLOSE_CODES, nextReconnect, RECONNECT_BOUNDS } from './reconnect.js';
export { Signaling } from './signaling.js';
export type CallEvents = import('./call.js').CallEvents;
export type CallOptions = import('./call.js').CallOptions;
export type CallSignaling = import('./call.js').CallSignaling;
export type WebSocketConstructor = import('./connection.js').WebSocketConstructor;
export type WebSocketLike = import('./connection.js').WebSocketLike;
export type Auth = import('./messages.js').Auth;
export type Candidate = import('./messages.js').Candidate;
export type ClientMessage = import('./messages.js').ClientMessage;
export type ErrorMessage = import('./messages.js').ErrorMessage;
export type MatchedMessage = import('./messages.js').MatchedMessage;
export type PartnerLeftMessage = import('./messages.js').PartnerLeftMessage;
export type Report = import('./messages.js').Report;
export type Sdp = import('./messages.js').Sdp;
export type ServerMessage = import('./messages.js').ServerMessage;
export type ServerMessageOf<K extends ServerMessage['type']> = import('./messages.js').ServerMessageOf<K>;
export type WaitingMessage = import('./messages.js').WaitingMessage;
export type Wishes = import('./messages.js').Wishes;
export type ReconnectBounds = import('./reconnect.js').ReconnectBounds;
export type ReconnectContext = import('./reconnect.js').ReconnectContext;
export type ReconnectDecision = import('./reconnect.js').ReconnectDecision;
export type ReconnectPolicy = import('./reconnect.js').ReconnectPolicy;
export type AfterBlock = import('./session.js').AfterBlock;
export type RoomEnded = import('./session.js').RoomEnded;
export type SignalingEvents = import('./events.js').SignalingEvents;
export type SignalingOptions = import('./options.js').SignalingOptions;
export type SignalingState = import('./events.js').SignalingState;
/** @typedef {import('./call.js').CallEvents} CallEvents */
/** @typedef {import('./call.js').CallOptions} CallOptions */
/** @typedef {import('./call.js').CallSignaling} CallSignaling */
/** @typedef {import('./connection.js').WebSocketConstructor} WebSocketConstructor */
/** @typedef {import('./connection.js').WebSocketLike} WebSocketLike */
/** @typedef {import('./messages.js').Auth} Auth */
/** @typedef {import('./messages.js').Candidate} Candidate */
/** @typedef {import('./messages.js').ClientMessage} ClientMessage */
/** @typedef {import('./messages.js').ErrorMessage} ErrorMessage */
/** @typedef {import('./messages.js').MatchedMessage} MatchedMessage */
/** @typedef {import('./messages.js').PartnerLeftMessage} PartnerLeftMessage */
/** @typedef {import('./messages.js').Report} Report */
/** @typedef {import('./messages.js').Sdp} Sdp */
/** @typedef {import('./messages.js').ServerMessage} ServerMessage */
/**
 * @template {ServerMessage['type']} K
 * @typedef {import('./messages.js').ServerMessageOf<K>} ServerMessageOf
 */
/** @typedef {import('./messages.js').WaitingMessage} WaitingMessage */
/** @typedef {import('./messages.js').Wishes} Wishes */
/** @typedef {import('./reconnect.js').ReconnectBounds} ReconnectBounds */
/** @typedef {import('./reconnect.js').ReconnectContext} ReconnectContext */
/** @typedef {import('./reconnect.js').ReconnectDecision} ReconnectDecision */
/** @typedef {import('./reconnect.js').ReconnectPolicy} ReconnectPolicy */
/** @typedef {import('./session.js').AfterBlock} AfterBlock */
/** @typedef {import('./session.js').RoomEnded} RoomEnded */
/** @typedef {import('./events.js').SignalingEvents} SignalingEvents */
/** @typedef {import('./options.js').SignalingOptions} SignalingOptions */
/** @typedef {import('./events.js').SignalingState} SignalingState */
