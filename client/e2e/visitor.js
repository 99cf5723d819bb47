/** People with the demo page open, as tests see them: what they press, what the page shows, and what its SDK was told. */

/** @import { Browser, Page } from 'playwright-core' */

import { watchedPage } from '../test/browser/chromium.js';

/** @typedef {Awaited<ReturnType<typeof visitor>>} Visitor */

/**
 * Opens the page and presses Start.
 * @param {Browser} browser
 * @param {string} url
 * @param {{ prepare?: () => void, interests?: string }} [options] What runs in the page before its own scripts; what is written into
 *   its field for interests.
 */
export async function visitor(browser, url, { prepare, interests } = {}) {
  // A context of its own: another person, not another tab.
  const context = await browser.newContext();
  if (prepare) await context.addInitScript(prepare);
  /** @type {string[]} */
  const problems = [];
  const page = await watchedPage(context, (problem) => problems.push(problem));
  await page.goto(url);
  await record(page);
  if (interests) await page.fill('#interest', interests);
  await page.click('#start');
  return { page, problems, leave: () => context.close() };
}

/**
 * @param {Page} page
 * @param {string} state
 */
export async function untilState(page, state) {
  await page.waitForSelector(`body[data-state="${state}"]`, { timeout: 20_000 });
}

/** @param {Page} page @param {string} text */
export async function untilSaying(page, text) {
  await page.locator('#words', { hasText: text }).waitFor({ timeout: 20_000 });
}

/** @param {Page} page */
export const room = (page) => page.getAttribute('body', 'data-room');

/**
 * In a call, and not in that room.
 * @param {Page} page
 * @param {string | null} old
 */
export async function untilOtherRoom(page, old) {
  await page.waitForFunction((old) => document.body.dataset.room && document.body.dataset.room !== old, old, { timeout: 20_000 });
  await untilState(page, 'in-call');
}

/** @typedef {{ type: string, event: any, at: number }} Told */

/**
 * From here on the page keeps what its SDK tells, its latest call, and when the partner's picture changed.
 * @param {Page} page
 */
async function record(page) {
  await page.evaluate(async () => {
    const { Call, Signaling } = await import('/sdk/index.js');
    const kept = { told: /** @type {Told[]} */ ([]), frames: /** @type {number[]} */ ([]), call: /** @type {unknown} */ (null) };
    Object.assign(window, { kept });
    // The page keeps its `Signaling` and `Call` to itself; all of them pass here.
    const telling = /** @type {any} */ (Signaling.prototype);
    const { emit } = telling;
    telling.emit = function (/** @type {string} */ type, /** @type {unknown} */ event) {
      kept.told.push({ type, event, at: Date.now() });
      emit.call(this, type, event);
    };
    const listening = /** @type {any} */ (Call.prototype);
    const { on } = listening;
    listening.on = function (/** @type {unknown[]} */ ...heard) {
      kept.call = this;
      return on.apply(this, heard);
    };
    const remote = /** @type {HTMLVideoElement} */ (document.querySelector('#remote'));
    const seen = () => {
      kept.frames.push(Date.now());
      remote.requestVideoFrameCallback(seen);
    };
    remote.requestVideoFrameCallback(seen);
  });
}

/** @param {Page} page @returns {Promise<Told[]>} Every event of its `Signaling`, in order. */
export const told = (page) => page.evaluate(() => /** @type {any} */ (window).kept.told);

/**
 * @param {Page} page
 * @param {string} type
 * @param {number} since By the clock.
 * @returns {Promise<Told>} The first event of that type after then.
 */
export async function untilTold(page, type, since) {
  /** @param {{ type: string, since: number }} wanted @returns {Told | undefined} */
  const find = ({ type, since }) =>
    /** @type {any} */ (window).kept.told.find((/** @type {Told} */ one) => one.type === type && one.at >= since);
  const handle = await page.waitForFunction(find, { type, since }, { timeout: 20_000, polling: 20 });
  return /** @type {Told} */ (await handle.jsonValue());
}

/**
 * The longest that the partner's picture stood still between two times by the clock.
 * @param {Page} page
 * @param {number} from
 * @param {number} to
 */
export async function standstillMs(page, from, to) {
  /** @type {number[]} */
  const frames = await page.evaluate(() => /** @type {any} */ (window).kept.frames);
  const times = [from, ...frames.filter((at) => at > from && at < to), to];
  return Math.max(...times.slice(1).map((at, index) => at - /** @type {number} */ (times[index])));
}

/**
 * Restarts the call's ICE; done when both ends have a new way and use it.
 * @param {Page} page
 */
export async function restartIce(page) {
  await page.evaluate(async () => {
    /** @type {import('/sdk/index.js').Call} */
    const call = /** @type {any} */ (window).kept.call;
    const { peerConnection: pc } = call;
    const ufrags = () => [pc.localDescription, pc.remoteDescription].map((side) => /a=ice-ufrag:(.*)/.exec(side?.sdp ?? '')?.[1]);
    const before = ufrags();
    call.restartIce();
    const done = () => pc.signalingState === 'stable' && pc.connectionState === 'connected' && ufrags().every((one, index) => one !== before[index]);
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 20));
  });
}
