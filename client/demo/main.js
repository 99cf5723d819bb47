/**
 * The demo's course: camera, queue, call, and back. Decides which state the page is in and what it says; how that looks is
 * `view.js`'s and the style sheet's, and everything about the protocol is the SDK's.
 */

/** @import { MatchedMessage, ServerMessageOf } from '/sdk/index.js' */

import { Call, firstFrame, Signaling } from '/sdk/index.js';
import { closeCamera, openCamera, troubleOf } from './camera.js';
import { Interests } from './interests.js';
import { keep, kept } from './kept.js';
import { listenForKeys } from './keys.js';
import { askForReport, notify, page, say, show, showBlocked, showFirstFrame, showOwn, showPartner, showRoom, showSwitches } from './view.js';
import * as words from './words.js';

const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
const signaling = new Signaling(url, { blocked: kept('blocked') });
const parts = { chips: page.chips, input: page.interest, hint: page.interestsHint };
const interests = new Interests(parts, kept('interests'), (list) => keep('interests', list));

/** @type {MediaStream | null} */
let own = null;
/** @type {Call | null} */
let call = null;
/** What the visit asks for. @type {string[]} */
let tags = [];
/** @type {string | null} */
let lastRoom = null;
/** How the last call ended, for as long as that is the news. */
let lastEnd = '';
/** Counts visits: a camera that opens after its visit was left is closed again. */
let visit = 0;

async function start() {
  const here = (visit += 1);
  show('asking', words.ASKING);
  try {
    const stream = await openCamera();
    if (here !== visit) return closeCamera(stream);
    begin(stream);
  } catch (error) {
    if (here === visit) show('error', words.CAMERA_TROUBLE[troubleOf(error)]);
  }
}

/** @param {MediaStream | null} stream Null to watch only. */
function begin(stream) {
  own = stream;
  lastEnd = '';
  tags = interests.take();
  showOwn(own);
  show('connecting', words.CONNECTING);
  signaling.available({ tags });
  signaling.connect();
}

function next() {
  if (!call) return;
  lastEnd = '';
  signaling.next();
}

async function report() {
  const { roomId } = signaling;
  const answer = roomId && (await askForReport());
  if (!answer) return;
  // The partner may have gone meanwhile, and be the last one.
  const isOver = roomId !== signaling.roomId;
  if (isOver && roomId !== lastRoom) return notify(words.TOO_LATE);
  signaling.report({ ...answer, roomId });
  notify(words.REPORTED);
  if (isOver) return;
  lastEnd = '';
  signaling.available({ tags });
}

function block() {
  if (!call) return;
  lastEnd = '';
  const blocked = signaling.block();
  notify(words.BLOCKED, () => {
    if (blocked !== null) signaling.unblock(blocked);
    notify(words.UNBLOCKED);
  });
}

function leave() {
  if (!page.lobby.hidden) return;
  stop();
  signaling.leave();
  signaling.close();
  show('idle', words.LEFT);
}

function stop() {
  visit += 1;
  closeCamera(own);
  own = null;
  showOwn(null);
}

/** @param {'getAudioTracks' | 'getVideoTracks'} kind */
function toggle(kind) {
  for (const track of own?.[kind]() ?? []) track.enabled = !track.enabled;
  showSwitches(own);
}

/** @param {MatchedMessage} matched */
function meet(matched) {
  const mine = new Call(signaling, matched, { stream: own });
  const over = new AbortController();
  call = mine;
  lastEnd = '';
  showRoom(matched.roomId);
  show('connecting', words.matchedWords(interests.spelled(signaling.tags)));

  mine.on('stream', (stream) => {
    showPartner(stream);
    void firstFrame(page.remote, over.signal).then((at) => showFirstFrame(at - mine.matchedAt));
  });
  mine.on('connectionstate', ({ state }) => {
    if (state === 'connected') show('in-call', callWords(mine));
    else if (state === 'disconnected' || state === 'failed') say(callWords(mine));
  });
  mine.on('error', (error) => console.warn('call:', error.message));
  mine.on('closed', () => {
    over.abort();
    call = null;
    showRoom(null);
    showPartner(null);
    showFirstFrame(null);
    // Ended without the server, be it by the person or because it took too long: back to waiting for the server.
    if (signaling.state === 'reconnecting') show('reconnecting', words.RECONNECTING);
  });
}

/**
 * Signaling may be interrupted on either side while pictures and sound, which don't pass through the server, go on.
 * @param {Call} current
 */
function callWords(current) {
  if (signaling.state === 'reconnecting') return words.RECONNECTING_IN_CALL;
  if (signaling.partnerAway) return words.PARTNER_AWAY;
  const { connectionState } = current.peerConnection;
  if (connectionState === 'disconnected' || connectionState === 'failed') return words.STUCK;
  const shared = interests.spelled(signaling.tags);
  if (connectionState !== 'connected') return words.matchedWords(shared);
  return current.remoteStream ? words.inCallWords(shared) : words.NOTHING_TO_SEE;
}

const sayCall = () => void (call && say(callWords(call)));

/** How the server refuses a report on a room of long ago. @type {Set<string>} */
const TOO_LATE = new Set(['not-in-room', 'stale-room']);

/** @param {ServerMessageOf<'waiting'> | null} waiting */
const wait = (waiting) =>
  show('waiting', words.waitingWords(waiting, lastEnd, { interests: tags, choosy: tags.length > 0 || signaling.blocked.length > 0 }));

const sayBlocked = () => showBlocked(signaling.blocked.length, words.blockedWords(signaling.blocked.length));

signaling.on('matched', meet);
signaling.on('waiting', wait);
signaling.on('partner-left', ({ reason, requeued, local }) => {
  lastEnd = words.PARTNER_LEFT[reason];
  // Of our own loss `reconnecting` or `ended` tells more.
  if (local) return;
  if (requeued) return wait(null);
  // Not asked for anyone else: whether to go on is up to the person, with the camera off meanwhile.
  stop();
  signaling.close();
  show('idle', { status: lastEnd, detail: 'Start again to meet someone else.' });
});
signaling.on('partner-away', sayCall);
signaling.on('partner-back', sayCall);
signaling.on('statechange', ({ state }) => {
  if (state === 'waiting') wait(signaling.waiting);
  if (call) return sayCall();
  if (state !== 'reconnecting') return;
  lastEnd = '';
  show('reconnecting', words.RECONNECTING);
});
signaling.on('room-ended', ({ roomId }) => void (lastRoom = roomId));
signaling.on('blockedchange', ({ blocked }) => {
  keep('blocked', blocked);
  sayBlocked();
});
signaling.on('going-away', () => say({ status: page.status.textContent ?? '', detail: words.DRAINING }));
signaling.on('error', ({ code }) => {
  if (TOO_LATE.has(code) && page.notice.textContent === words.REPORTED) notify(words.TOO_LATE);
  if (code === 'unavailable' || code === 'rate-limited') say({ status: page.status.textContent ?? '', detail: words.BUSY });
});
signaling.on('ended', ({ why, byUs }) => {
  if (byUs) return;
  stop();
  show('closed', words.endedWords(why));
});

page.lobby.addEventListener('submit', (event) => {
  event.preventDefault();
  void start();
});
page.watch.addEventListener('click', () => begin(null));
page.next.addEventListener('click', next);
page.leave.addEventListener('click', leave);
page.report.addEventListener('click', () => void report());
page.block.addEventListener('click', block);
page.unblock.addEventListener('click', () => {
  for (const id of signaling.blocked) signaling.unblock(id);
});
page.mic.addEventListener('click', () => toggle('getAudioTracks'));
page.camera.addEventListener('click', () => toggle('getVideoTracks'));
listenForKeys({ next, leave });
sayBlocked();

if (new URLSearchParams(location.search).has('autostart')) void start();
