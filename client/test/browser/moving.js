/** Whether a video really moves: not that it plays, but that its picture changes. */

/** @import { Page } from 'playwright-core' */

/**
 * Waits until two frames of the video differ, and both are more than one colour.
 * @param {Page} page
 * @param {string} selector Of the `<video>`.
 * @param {number} [timeoutMs]
 */
export async function untilMoving(page, selector, timeoutMs = 15_000) {
  const handle = await page.waitForFunction(differs, selector, { timeout: timeoutMs, polling: 100 });
  await handle.dispose();
}

/**
 * Runs in the page, again and again; keeps the frame before on the element.
 * @param {string} selector
 */
function differs(selector) {
  const video = /** @type {(HTMLVideoElement & { frameBefore?: string }) | null} */ (document.querySelector(selector));
  if (!video || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return false;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [64, 48];
  const context = canvas.getContext('2d');
  if (!context) return false;
  context.drawImage(video, 0, 0, 64, 48);
  const { data } = context.getImageData(0, 0, 64, 48);
  const plain = data.every((value, at) => value === data[at % 4]);
  if (plain) return false;
  const frame = data.join();
  const before = video.frameBefore;
  video.frameBefore = frame;
  return before !== undefined && before !== frame;
}
