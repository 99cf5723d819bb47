/**
 * When the first frame of a stream is really shown: what a person waits for, and later than any `connected`.
 */

/**
 * @param {HTMLVideoElement} video Which shows, or is about to show, the stream.
 * @param {AbortSignal} [signal] Ends the waiting; the promise then never settles.
 * @returns {Promise<number>} `performance.now()` at the first frame.
 */
export function firstFrame(video, signal) {
  return new Promise((resolve) => {
    if ('requestVideoFrameCallback' in video) {
      const id = video.requestVideoFrameCallback((now) => resolve(now));
      signal?.addEventListener('abort', () => video.cancelVideoFrameCallback(id), { once: true });
    } else {
      const element = /** @type {HTMLVideoElement} */ (video);
      element.addEventListener('loadeddata', () => resolve(performance.now()), { once: true, signal });
    }
  });
}
