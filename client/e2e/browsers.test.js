/**
 * The demo page in real Chromium against the real executable, in both shapes: fake cameras, real peer connections, video that
 * must be seen to move.
 */

/** @import { Browser, Page } from 'playwright-core' */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchChromium, watchedPage } from '../test/browser/chromium.js';
import { untilMoving } from '../test/browser/moving.js';
import { SHAPES, startDuet } from './duet.js';

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

/**
 * A page that has pressed Start.
 * @param {string} url
 */
async function visitor(url) {
  // A context of its own: another person, not another tab.
  const context = await browser.newContext();
  /** @type {string[]} */
  const problems = [];
  const page = await watchedPage(context, (problem) => problems.push(problem));
  await page.goto(url);
  await page.click('#start');
  return { page, problems, leave: () => context.close() };
}

/**
 * @param {Page} page
 * @param {string} state
 */
async function untilState(page, state) {
  await page.waitForSelector(`body[data-state="${state}"]`, { timeout: 20_000 });
}

/** @param {Page} page */
const room = (page) => page.getAttribute('body', 'data-room');

for (const shape of SHAPES) {
  test(`two pages see each other's video moving (${shape})`, async (t) => {
    const url = await startDuet(t, shape);
    const ann = await visitor(url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(url);
    for (const { page } of [ann, ben]) {
      await untilState(page, 'in-call');
      await untilMoving(page, '#remote');
      const firstFrame = Number(await page.getAttribute('#first-frame', 'data-ms'));
      assert.ok(firstFrame > 0, `first frame after ${firstFrame} ms`);
    }
    assert.equal(await room(ann.page), await room(ben.page));
    assert.deepEqual([...ann.problems, ...ben.problems], []);
    await Promise.all([ann.leave(), ben.leave()]);
  });

  test(`Next among three pages meets the third, and the one left over waits (${shape})`, async (t) => {
    const url = await startDuet(t, shape);
    const ann = await visitor(url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(url);
    await untilState(ann.page, 'in-call');
    await untilState(ben.page, 'in-call');
    const eve = await visitor(url);
    await untilState(eve.page, 'waiting');
    const first = await room(ann.page);

    // Ben, who is left, has waited longer than Ann, who asks for another: he meets Eve.
    await ann.page.click('#next');
    await untilState(ann.page, 'waiting');
    for (const { page } of [ben, eve]) {
      await page.waitForFunction((old) => document.body.dataset.room && document.body.dataset.room !== old, first);
      await untilState(page, 'in-call');
      await untilMoving(page, '#remote');
    }
    assert.equal(await room(ben.page), await room(eve.page));

    // And back: Eve goes on, and Ann, who waits, meets one of them.
    await eve.page.keyboard.press('n');
    await untilState(ann.page, 'in-call');
    await untilMoving(ann.page, '#remote');
    assert.deepEqual([...ann.problems, ...ben.problems, ...eve.problems], []);
    await Promise.all([ann.leave(), ben.leave(), eve.leave()]);
  });

  test(`a closed tab is noticed, and the one left waits again (${shape})`, async (t) => {
    const url = await startDuet(t, shape);
    const ann = await visitor(url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(url);
    await untilState(ann.page, 'in-call');
    await ben.page.close();
    await untilState(ann.page, 'waiting');
    assert.equal(await room(ann.page), null);
    assert.deepEqual(ann.problems, []);
    await Promise.all([ann.leave(), ben.leave()]);
  });
}
