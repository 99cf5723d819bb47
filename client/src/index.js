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
