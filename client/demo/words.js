/** Everything the page says. When it says what is `main.js`'s; the camera's troubles are told apart by `camera.js`. */

/** @import { PartnerLeftMessage, ServerMessageOf } from '/sdk/index.js' */
/** @import { CameraTrouble } from './camera.js' */

/** @typedef {{ status: string, detail: string }} Words */

/** @type {Words} */
export const WELCOME = {
  status: 'Meet someone new, face to face.',
  detail: 'One stranger at a time. Only they see and hear you.',
};
/** @type {Words} */
export const ASKING = {
  status: 'May we use your camera?',
  detail: 'Your browser is asking. Only the person you meet will see and hear you.',
};
/** @type {Words} */
export const CONNECTING = { status: 'Connecting…', detail: '' };
/** @type {Words} */
export const LEFT = { status: 'You have left.', detail: 'Your camera and microphone are off. Come back any time.' };
/** @type {Words} */
export const RECONNECTING = {
  status: 'The connection to the server was lost.',
  detail: 'Reconnecting. You will be back in the queue as soon as it works.',
};
/** @type {Words} */
export const RECONNECTING_IN_CALL = { status: 'Your connection was interrupted.', detail: 'Reconnecting. Your partner is kept for you.' };
/** @type {Words} */
export const PARTNER_AWAY = { status: 'Your partner’s connection was interrupted.', detail: 'It may be back in a moment.' };
/** @param {string[]} shared @returns {Words} */
export const inCallWords = (shared) => ({ status: 'You are connected.', detail: sharedWords(shared) });
/** @type {Words} */
export const STUCK = { status: 'The call has stalled.', detail: 'Looking for another way through the network…' };
/** @type {Words} */
export const NOTHING_TO_SEE = { status: 'You are connected.', detail: 'Your partner shares neither camera nor microphone.' };

export const REPORTED = 'Thank you. Your report was sent, and you two won’t be paired again.';
export const TOO_LATE = 'That call ended too long ago to be reported.';
export const BLOCKED = 'Blocked. You two won’t be paired again.';
export const UNBLOCKED = 'Unblocked. You may meet again.';
/** @param {number} count */
export const blockedWords = (count) => (count === 1 ? 'One person is blocked.' : `${count} people are blocked.`);
export const DRAINING = 'This server is about to restart. You will be moved to another one.';
export const BUSY = 'The service is busy. Trying again in a moment…';

/** What the field for interests says. */
export const INTERESTS = {
  example: 'music, chess, …',
  hint: 'Up to 10; Enter adds one. Who shares one comes first.',
  full: 'That makes 10. Remove one to add another.',
  tooLong: 'Up to 32 characters, please.',
  /** @param {string} interest */
  removed: (interest) => `Removed ${interest}.`,
  /** @param {string} interest */
  remove: (interest) => `Remove ${interest}`,
};

/**
 * @param {ServerMessageOf<'waiting'> | null} waiting
 * @param {string} before What led here: the end of the last call, or nothing.
 * @param {{ interests?: string[], choosy?: boolean }} wishes Choosy: not everybody who is here would do.
 * @returns {Words}
 */
export function waitingWords(waiting, before, { interests = [], choosy = interests.length > 0 } = {}) {
  if (waiting?.position === 1 && !choosy) {
    return {
      status: before || 'Nobody else is here yet.',
      detail: before
        ? 'Nobody else is here yet. You are first in the queue, and the next to come will meet you.'
        : 'You are first in the queue: the next to come will meet you.',
    };
  }
  const looking = lookingWords(interests, waiting?.widened ?? false, before ? 'someone else' : 'someone');
  const queue = queueWords(waiting);
  return before ? { status: before, detail: [looking, queue].filter(Boolean).join(' ') } : { status: looking, detail: queue };
}

/** @param {string[]} interests @param {boolean} widened @param {string} someone */
function lookingWords(interests, widened, someone) {
  if (interests.length === 0) return `Looking for ${someone}…`;
  if (widened) return 'Nobody who shares your interests is free. Looking for anybody now…';
  const liked = interests.length > FEW ? 'what you like' : EITHER.format(interests);
  return `Looking for ${someone} who likes ${liked}…`;
}

/** @param {ServerMessageOf<'waiting'> | null} waiting */
function queueWords(waiting) {
  const { position, estimateMs } = waiting ?? {};
  const place = position === 1 ? 'You are first in the queue' : position ? `You are number ${position} in the queue` : '';
  const time = estimateMs === undefined ? '' : `about ${durationWords(estimateMs)} to wait`;
  const both = [place, time].filter(Boolean).join(', ');
  return both && `${both[0]?.toUpperCase()}${both.slice(1)}.`;
}

/** @param {number} ms */
function durationWords(ms) {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** @param {string[]} shared */
const sharedWords = (shared) => (shared.length > 0 ? `You both like ${BOTH.format(shared)}.` : '');

const BOTH = new Intl.ListFormat('en', { type: 'conjunction' });
const EITHER = new Intl.ListFormat('en', { type: 'disjunction' });
/** Interests that are told one by one. */
const FEW = 3;

/** @param {string[]} shared @returns {Words} */
export const matchedWords = (shared) => ({ status: 'Someone is here. Connecting…', detail: sharedWords(shared) });

/** @type {Record<PartnerLeftMessage['reason'], string>} */
export const PARTNER_LEFT = {
  left: 'Your partner has left.',
  next: 'Your partner went on to someone else.',
  disconnected: 'Your partner lost the connection.',
  closed: 'The call was ended by an operator.',
  'connection-lost': 'The connection to the server was lost.',
};

/** @param {string} why @returns {Words} */
export const endedWords = (why) => ({ status: 'The server has ended this visit.', detail: `It said: ${why}. Start again if you like.` });

/** @type {Record<CameraTrouble, Words>} */
export const CAMERA_TROUBLE = {
  refused: {
    status: 'The camera is blocked.',
    detail: 'Allow camera and microphone for this page in your browser’s address bar, then start again.',
  },
  absent: { status: 'No camera or microphone was found.', detail: 'Plug one in and start again, or go on and only watch.' },
  'in-use': { status: 'The camera is in use.', detail: 'Close the other program or tab that uses it, then start again.' },
  insecure: {
    status: 'Cameras need a secure page.',
    detail: 'Browsers open cameras only over https or on localhost. You can go on and only watch.',
  },
  unknown: { status: 'The camera did not start.', detail: 'Start again, or go on and only watch.' },
};
