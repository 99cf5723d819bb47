/** Opens camera and microphone, and tells apart why that may fail. What to say then is `words.js`'s. */

/** @typedef {'refused' | 'absent' | 'in-use' | 'insecure' | 'unknown'} CameraTrouble */

/**
 * @returns {Promise<MediaStream>}
 * @throws {unknown} For `troubleOf`.
 */
export async function openCamera() {
  if (!navigator.mediaDevices) throw new DOMException('no mediaDevices', 'SecurityError');
  const audio = { echoCancellation: true, noiseSuppression: true };
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: 'user' };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio, video });
  } catch (error) {
    // One of the two is missing: half is better than none.
    if (troubleOf(error) !== 'absent') throw error;
    return navigator.mediaDevices.getUserMedia({ video }).catch(() => navigator.mediaDevices.getUserMedia({ audio }));
  }
}

/** @param {MediaStream | null} stream */
export function closeCamera(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** @param {unknown} error @returns {CameraTrouble} */
export function troubleOf(error) {
  const name = error instanceof DOMException ? error.name : '';
  return TROUBLES[name] ?? 'unknown';
}

/** @type {Record<string, CameraTrouble>} Names from Media Capture and Streams, section 10.2. */
const TROUBLES = {
  NotAllowedError: 'refused',
  NotFoundError: 'absent',
  OverconstrainedError: 'absent',
  NotReadableError: 'in-use',
  AbortError: 'in-use',
  SecurityError: 'insecure',
};
