/**
 * What people wish for, and whom they don't want to meet again, on the demo page in Chromium against the real executable: shared
 * interests, waits that widen, reports and blocks.
 */

/** @import { Browser } from 'playwright-core' */
/** @import { Shape, Test } from './duet.js' */
/** @import { Visitor } from './visitor.js' */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchChromium } from '../test/browser/chromium.js';
import { SHAPES, startDuet, startGateway, startMatchmaker } from './duet.js';
import { told, untilSaying, untilState, untilTold, visitor } from './visitor.js';

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

for (const shape of SHAPES) {
  test(`two who share an interest meet, past one who waits longer, and both are told what it is (${shape})`, async (t) => {
    const url = await startPatient(t, shape, 60_000);
    const eve = await visitor(browser, url, { interests: 'tea' });
    await untilState(eve.page, 'waiting');
    const ann = await visitor(browser, url, { interests: 'Jazz, chess' });
    await untilSaying(ann.page, 'Looking for someone who likes Jazz or chess…');
    const ben = await visitor(browser, url, { interests: 'jazz, cooking' });
    for (const { page } of [ann, ben]) await untilState(page, 'in-call');
    await untilSaying(ann.page, 'You both like Jazz.');
    await untilSaying(ben.page, 'You both like jazz.');
    assert.deepEqual([...ann.problems, ...ben.problems, ...eve.problems], []);
    await Promise.all([ann.leave(), ben.leave(), eve.leave()]);
  });

  test(`after the time to insist anybody will do, and the page says so (${shape})`, async (t) => {
    const url = await startPatient(t, shape, 500);
    const ann = await visitor(browser, url, { interests: 'chess' });
    await untilSaying(ann.page, 'Looking for anybody now…');
    const ben = await visitor(browser, url);
    for (const { page } of [ann, ben]) await untilState(page, 'in-call');
    assert.deepEqual([...ann.problems, ...ben.problems], []);
    await Promise.all([ann.leave(), ben.leave()]);
  });

  test(`who is reported is told only that the partner left, and the two don't meet again (${shape})`, async (t) => {
    const url = await startDuet(t, shape);
    const [ann, ben] = await twoInACall(url);
    const since = Date.now();
    await ann.page.click('#report');
    await ann.page.getByLabel('Advertising').check();
    await ann.page.getByLabel('Anything to add?').fill('Sells tickets.');
    await ann.page.click('#report-dialog .primary');
    await ann.page.locator('#notice', { hasText: 'Your report was sent' }).waitFor();
    await untilSaying(ben.page, 'Your partner has left.');
    await staysApart(url, ann, ben, since);
  });

  test(`who is blocked is not met again (${shape})`, async (t) => {
    const url = await startDuet(t, shape);
    const [ann, ben] = await twoInACall(url);
    const since = Date.now();
    await ann.page.click('#block');
    await ann.page.locator('#notice', { hasText: 'Blocked.' }).waitFor();
    await staysApart(url, ann, ben, since);
  });
}

/**
 * A deployment whose matchmaker has its wishes insist for so long.
 * @param {Test} t
 * @param {Shape} shape
 * @param {number} patienceMs
 */
async function startPatient(t, shape, patienceMs) {
  const flags = ['--patience-ms', String(patienceMs)];
  if (shape === 'standalone') return startDuet(t, shape, flags);
  return (await startGateway(t, await startMatchmaker(t, flags))).says('Demo page');
}

/** @param {string} url @returns {Promise<[Visitor, Visitor]>} */
async function twoInACall(url) {
  const ann = await visitor(browser, url);
  await untilState(ann.page, 'waiting');
  const ben = await visitor(browser, url);
  for (const { page } of [ann, ben]) await untilState(page, 'in-call');
  return [ann, ben];
}

/**
 * Both wait though the other does, whoever comes meets one of them, and the other goes on waiting.
 * @param {string} url
 * @param {Visitor} ann
 * @param {Visitor} ben
 * @param {number} since When they parted.
 */
async function staysApart(url, ann, ben, since) {
  for (const { page } of [ann, ben]) await untilTold(page, 'waiting', since);
  const eve = await visitor(browser, url);
  await untilState(eve.page, 'in-call');
  await eve.page.click('#leave');
  await untilState(eve.page, 'idle');
  for (const { page } of [ann, ben]) await untilState(page, 'waiting');

  const { event: first } = await untilTold(ann.page, 'matched', 0);
  for (const { page } of [ann, ben]) {
    const rooms = (await told(page)).filter(({ type }) => type === 'matched').map(({ event }) => event);
    assert.ok(rooms.slice(1).every(({ partnerId, roomId }) => partnerId !== first.partnerId && roomId !== first.roomId));
  }
  const met = await Promise.all([ann, ben].map(async ({ page }) => (await told(page)).filter(({ type }) => type === 'matched').length));
  assert.deepEqual(met.sort(), [1, 2], 'one of the two has met the third, and nobody else');
  assert.deepEqual([...ann.problems, ...ben.problems, ...eve.problems], []);
  await Promise.all([ann.leave(), ben.leave(), eve.leave()]);
}
