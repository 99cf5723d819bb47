/**
 * ICE candidates on their way into a peer connection: in which shapes they come, and where they wait until the description
 * they belong to is there. When to let them in is `call.js`'s.
 */

/** @import { Candidate } from './messages.js' */

/** Candidates that came before the remote description. Without it a peer connection refuses them. */
export class EarlyCandidates {
  /** @type {Candidate[]} */
  #waiting = [];

  /** @param {Candidate} candidate */
  hold(candidate) {
    if (this.#waiting.length >= LIMIT) throw new Error(`More than ${LIMIT} candidates came before any description`);
    this.#waiting.push(candidate);
  }

  /** @returns {Candidate[]} In the order they came; none stays. */
  release() {
    return this.#waiting.splice(0);
  }
}

/**
 * @param {Candidate} candidate As a partner's client sent it.
 * @returns {RTCIceCandidateInit | undefined} For `addIceCandidate`; undefined says that no more will come.
 */
export function candidateInit(candidate) {
  if (candidate === null || candidate === '') return undefined;
  if (typeof candidate === 'string') {
    // A bare line says nothing of its m-line. With everything bundled, as browsers do, the first stands for all.
    return { candidate: candidate.replace(/^a=/, ''), sdpMLineIndex: 0 };
  }
  return isEndMarker(candidate) ? undefined : candidate;
}

/**
 * An end marker that names neither m-line nor media id is refused by some browsers; that it means all is clear anyway.
 * @param {RTCIceCandidateInit} candidate
 */
const isEndMarker = ({ candidate, sdpMid, sdpMLineIndex }) => !candidate && sdpMid == null && sdpMLineIndex == null;

/** Far more than a browser gathers; a partner who sends more means no good. */
const LIMIT = 256;
