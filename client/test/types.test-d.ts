/** What TypeScript lets an application say, and what not. Compiled by `npm run check`, never run. */

import { Call, nextReconnect, REPORT_BOUNDS, Signaling, WISH_BOUNDS } from 'duet-client';
import type { ClientMessage, ErrorMessage, MatchedMessage, Report, ServerMessage, SignalingState, WaitingMessage, Wishes } from 'duet-client';
import { useSignaling } from 'duet-client/react';
import { WebSocket as NodeWebSocket } from 'ws';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_ extends true>() => {};

const signaling = new Signaling('wss://example.org/ws', { auth: async () => ({ token: 't' }), WebSocket: NodeWebSocket });
new Signaling('wss://example.org/ws', { WebSocket, reconnect: { capMs: 5_000 }, liveness: { pingAfterMs: 0 } });
new Signaling('wss://example.org/ws', { protocols: [] });
new Signaling('wss://example.org/ws', { reconnect: (context) => nextReconnect({ ...context, attempt: 0 }) });
// @ts-expect-error a policy gives a decision, not a number
new Signaling('wss://example.org/ws', { reconnect: () => 500 });
// @ts-expect-error no such option
new Signaling('wss://example.org/ws', { reconect: false });

// Events carry their messages, each its own.
signaling.on('matched', (message) => {
  same<Equal<typeof message, MatchedMessage>>();
  new Call(signaling, message, { stream: null }).on('stream', (stream) => void stream.getTracks());
  // @ts-expect-error no such field
  message.room;
});
signaling.on('partner-left', ({ reason, requeued }) => {
  same<Equal<typeof reason, 'left' | 'next' | 'disconnected' | 'closed' | 'connection-lost'>>();
  same<Equal<typeof requeued, boolean>>();
});
signaling.on('error', ({ code, retryAfterMs }) => {
  same<Equal<typeof code, ErrorMessage['code']>>();
  same<Equal<typeof retryAfterMs, number | undefined>>();
  // @ts-expect-error no such code
  code === 'to-many-requests';
});
signaling.on('reconnected', ({ clientId, resumed }) => {
  same<Equal<typeof clientId, string>>();
  same<Equal<typeof resumed, boolean>>();
});
signaling.on('resumed', (message) => {
  same<Equal<typeof message.state, 'idle' | 'waiting' | 'matched'>>();
  message.partnerAway satisfies boolean | undefined;
  // @ts-expect-error the token is the client's own
  message.resumeToken;
});
signaling.on('ready', (message) => {
  message.resumeWindowMs satisfies number | undefined;
  // @ts-expect-error the token is the client's own
  message.resumeToken;
});
signaling.on('partner-away', ({ type }) => same<Equal<typeof type, 'partner-away'>>());
signaling.on('partner-back', ({ type }) => same<Equal<typeof type, 'partner-back'>>());
signaling.on('error', ({ refused, expected }) => {
  same<Equal<typeof refused, number | undefined>>();
  same<Equal<typeof expected, number | undefined>>();
});
// @ts-expect-error resuming is not the application's to hear of when it is asked for
signaling.on('resume', () => {});
const off: () => void = signaling.once('statechange', ({ state }) => same<Equal<typeof state, SignalingState>>());
off();
// @ts-expect-error no such event
signaling.on('match', () => {});
// @ts-expect-error telling is the client's own
signaling.emit('ready', { type: 'ready', clientId: 'x' });

// Messages are told apart by their type.
declare const fromServer: ServerMessage;
switch (fromServer.type) {
  case 'waiting':
    fromServer.position satisfies number | undefined;
    // @ts-expect-error of another kind
    fromServer.roomId;
    break;
  case 'ice':
    fromServer.candidate satisfies RTCIceCandidateInit | string | null;
    break;
}
({ type: 'available', pool: 'x', tags: ['a'], patienceMs: 5 }) satisfies ClientMessage;
({ type: 'state', ice: 'failed' }) satisfies ClientMessage;
({ type: 'resume', token: 't', ack: 0 }) satisfies ClientMessage;
// @ts-expect-error resuming says what has come
({ type: 'resume', token: 't' }) satisfies ClientMessage;
// @ts-expect-error an offer has an sdp
({ type: 'offer' }) satisfies ClientMessage;
// @ts-expect-error not a kind of message
({ type: 'skip' }) satisfies ClientMessage;
// @ts-expect-error no such outcome
({ type: 'state', ice: 'closed' }) satisfies ClientMessage;

// Calls.
signaling.available({ tags: ['music'], region: 'eu' });
signaling.available({ pool: 'x', tags: ['a'], avoid: ['b'], region: 'eu', patienceMs: 3_000 } satisfies Wishes);
// @ts-expect-error tags are a list
signaling.available({ tags: 'music' });
// @ts-expect-error patience is a number of milliseconds
signaling.available({ patienceMs: '3s' });
// @ts-expect-error no such wish
signaling.available({ tag: 'music' });
signaling.report({ reason: 'spam', details: 'sells things', roomId: 'r1' } satisfies Report);
// @ts-expect-error a report has a reason
signaling.report({ details: 'sells things' });
// @ts-expect-error the reason has a name
signaling.report('spam');
signaling.block() satisfies string | null;
signaling.block('p1', { then: 'stay' });
// @ts-expect-error no such end
signaling.block('p1', { then: 'report' });
signaling.unblock('p1');
signaling.blocked satisfies readonly string[];
// @ts-expect-error `block` changes it
signaling.blocked.push('p1');
new Signaling('wss://example.org/ws', { blocked: signaling.blocked });
// @ts-expect-error whom to block are ids
new Signaling('wss://example.org/ws', { blocked: [1] });
signaling.on('blockedchange', ({ blocked }) => same<Equal<typeof blocked, readonly string[]>>());
signaling.on('waiting', (message) => {
  same<Equal<typeof message, WaitingMessage>>();
  same<Equal<typeof message.position, number | undefined>>();
  same<Equal<typeof message.estimateMs, number | undefined>>();
  same<Equal<typeof message.widened, boolean | undefined>>();
});
same<Equal<typeof signaling.waiting, WaitingMessage | null>>();
same<Equal<typeof signaling.tags, string[]>>();
signaling.on('matched', ({ tags, partner }) => {
  same<Equal<typeof tags, string[] | undefined>>();
  same<Equal<NonNullable<typeof partner>['userId'], string | undefined>>();
});
signaling.partner?.userId satisfies string | undefined;
signaling.on('room-ended', ({ reason }) => void (reason === 'blocked'));
WISH_BOUNDS.tags satisfies number;
// @ts-expect-error they are the server's
WISH_BOUNDS.tags = 11;
REPORT_BOUNDS.details satisfies number;
signaling.offer(new RTCSessionDescription({ type: 'offer', sdp: '' }), { colour: 'red' }) satisfies boolean;
signaling.ice(null);
// @ts-expect-error a candidate is no number
signaling.ice(3);
signaling.reportState({ ice: 'connected', setupMs: 3, candidateType: 'relay' });
// @ts-expect-error read only
signaling.roomId = 'x';
signaling.initiator satisfies boolean | null;
signaling.partnerAway satisfies boolean;
// @ts-expect-error read only
signaling.partnerAway = true;

// The hook.
const view = useSignaling('wss://example.org/ws', { onOffer: ({ sdp, from }) => void [sdp, from] });
view.isWaiting satisfies boolean;
view.partnerAway satisfies boolean;
view.sendIceCandidate({ candidate: '', sdpMid: '0' }) satisfies boolean;
view.report({ reason: 'spam' });
view.block() satisfies string | null;
view.waiting?.widened satisfies boolean | undefined;
useSignaling(null, { blocked: view.blocked, onBlockedChange: (blocked) => void blocked.length });
// @ts-expect-error one has to tell where
useSignaling();
