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
/** @type {Words} */
export const IN_CALL = { status: 'You are connected.', detail: '' };
/** @type {Words} */
export const STUCK = { status: 'The call has stalled.', detail: 'Looking for another way through the network…' };
/** @type {Words} */
export const NOTHING_TO_SEE = { status: 'You are connected.', detail: 'Your partner shares neither camera nor microphone.' };

export const REPORTED = 'Thank you. Your report was sent.';
export const DRAINING = 'This server is about to restart. You will be moved to another one.';
export const BUSY = 'The service is busy. Trying again in a moment…';

/**
 * @param {ServerMessageOf<'waiting'> | null} waiting
 * @param {string} before What led here: the end of the last call, or nothing.
 * @returns {Words}
 */
export function waitingWords(waiting, before) {
  if (waiting?.position === 1) {
    return {
      status: before || 'Nobody else is here yet.',
      detail: before
        ? 'Nobody else is here yet. You are first in the queue, and the next to come will meet you.'
        : 'You are first in the queue: the next to come will meet you.',
    };
  }
  const place = waiting?.position ? `You are number ${waiting.position} in the queue` : '';
  const seconds = waiting?.estimateMs === undefined ? '' : `about ${Math.max(1, Math.round(waiting.estimateMs / 1000))} s to wait`;
  const detail = [place, seconds].filter(Boolean).join(', ');
  return { status: before || 'Looking for someone…', detail: before && !detail ? 'Looking for someone else…' : detail };
}

export const MATCHED = { status: 'Someone is here. Connecting…', detail: '' };

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
