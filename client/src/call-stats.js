/**
 * What a connected call can say about its way through the network, read from `getStats`. Whom to tell is `call.js`'s.
 */

/**
 * @param {RTCPeerConnection} pc
 * @returns {Promise<RTCIceCandidateType | undefined>} Of the local candidate in use: `relay` means through TURN.
 */
export async function candidateTypeInUse(pc) {
  const stats = await pc.getStats();
  /** @type {any[]} Statistics differ from browser to browser; TypeScript knows only their common part. */
  const reports = [...stats.values()];
  const transport = reports.find((report) => report.type === 'transport' && report.selectedCandidatePairId);
  const pair = transport
    ? stats.get(transport.selectedCandidatePairId)
    : // Firefox has no `transport` report, but marks the pair.
      reports.find((report) => report.type === 'candidate-pair' && (report.selected || (report.nominated && report.state === 'succeeded')));
  return pair && stats.get(pair.localCandidateId)?.candidateType;
}
