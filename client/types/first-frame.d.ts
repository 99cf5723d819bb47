/**
 * When the first frame of a stream is really shown: what a person waits for, and later than any `connected`.
 */
/**
 * @param {HTMLVideoElement} video Which shows, or is about to show, the stream.
 * @param {AbortSignal} [signal] Ends the waiting; the promise then never settles.
 * @returns {Promise<number>} `performance.now()` at the first frame.
 */
export declare function firstFrame(video: HTMLVideoElement, signal?: AbortSignal): Promise<number>;
