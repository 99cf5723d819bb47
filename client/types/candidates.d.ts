/**
 * ICE candidates on their way into a peer connection: in which shapes they come, and where they wait until the description
 * they belong to is there. When to let them in is `call.js`'s.
 */
import type { Candidate } from './messages.js';
/** @import { Candidate } from './messages.js' */
/** Candidates that came before the remote description. Without it a peer connection refuses them. */
export declare class EarlyCandidates {
    #private;
    /** @param {Candidate} candidate */
    hold(candidate: Candidate): void;
    /** @returns {Candidate[]} In the order they came; none stays. */
    release(): Candidate[];
}
/**
 * @param {Candidate} candidate As a partner's client sent it.
 * @returns {RTCIceCandidateInit | undefined} For `addIceCandidate`; undefined says that no more will come.
 */
export declare function candidateInit(candidate: Candidate): RTCIceCandidateInit | undefined;
