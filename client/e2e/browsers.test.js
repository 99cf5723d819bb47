/**
 * The demo page in real Chromium against the real executable, in both shapes: fake cameras, real peer connections, video that
 * must be seen to move.
 */

/** @import { Browser } from 'playwright-core' */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchChromium } from '../test/browser/chromium.js';
import { untilMoving } from '../test/browser/moving.js';
import { SHAPES, startDuet } from './duet.js';
import { room, untilOtherRoom, untilState, visitor } from './visitor.js';

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

for (const shape of SHAPES) {
  test(`two pages see each other's video moving (${shape})`, async (t) => {
    const url = await startDuet(t, shape);
    const ann = await visitor(browser, url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(browser, url);
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
    const ann = await visitor(browser, url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(browser, url);
    await untilState(ann.page, 'in-call');
    await untilState(ben.page, 'in-call');
    const eve = await visitor(browser, url);
    await untilState(eve.page, 'waiting');
    const first = await room(ann.page);

    // Ben, who is left, has waited longer than Ann, who asks for another: he meets Eve.
    await ann.page.click('#next');
    await untilState(ann.page, 'waiting');
    for (const { page } of [ben, eve]) {
      await untilOtherRoom(page, first);
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
    const ann = await visitor(browser, url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(browser, url);
    await untilState(ann.page, 'in-call');
    await ben.page.close();
    await untilState(ann.page, 'waiting');
    assert.equal(await room(ann.page), null);
    assert.deepEqual(ann.problems, []);
    await Promise.all([ann.leave(), ben.leave()]);
  });
}
