/**
 * What a connected call can say about its way through the network, read from `getStats`. Whom to tell is `call.js`'s.
 */
/**
 * @param {RTCPeerConnection} pc
 * @returns {Promise<RTCIceCandidateType | undefined>} Of the local candidate in use: `relay` means through TURN.
 */
export declare function candidateTypeInUse(pc: RTCPeerConnection): Promise<RTCIceCandidateType | undefined>;
