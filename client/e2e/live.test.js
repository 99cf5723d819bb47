/** The matchmaker's live page in Chromium: it draws what happens, breaks no policy, and says when nobody answers. */

/** @import { Browser } from 'playwright-core' */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';

import { launchChromium, watchedPage } from '../test/browser/chromium.js';
import { startDuet, startMatchmaker } from './duet.js';
import { untilState, visitor } from './visitor.js';

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`a call of two is drawn, told as text, and fits a phone (${colorScheme})`, async (t) => {
    const address = await freeAddress();
    const url = await startDuet(t, 'standalone', ['--metrics-listen', address, '--workers', '1']);
    const context = await browser.newContext({ colorScheme, viewport: { width: 360, height: 740 } });
    /** @type {string[]} */
    const problems = [];
    const page = await watchedPage(context, (problem) => problems.push(problem));
    await page.goto(`http://${address}/`);
    await page.locator('#figures').waitFor();
    await page.getByText('nobody has met', { exact: true }).waitFor();

    const ann = await visitor(browser, url);
    const ben = await visitor(browser, url);
    for (const { page } of [ann, ben]) await untilState(page, 'in-call');
    await page.waitForFunction(() => document.title === '0 waiting, 1 room – Duet');
    // Each of the two says so.
    await page.locator('#plot-calls figcaption', { hasText: ': 2 connected, 0 failed' }).waitFor();
    await page.locator('#plot-calls svg.plot rect.up').first().waitFor();
    await page.locator('#plot-matched svg.plot polyline.three').first().waitFor({ state: 'attached' });
    assert.equal(await page.locator('#state').textContent(), 'serving');
    assert.ok(await page.locator('#engine').isHidden(), 'it shares no pools');
    assert.match((await page.locator('#links-table tbody tr').textContent()) ?? '', /linked1 of 12/);
    await page.getByText('Calls, by minute as a table').click();
    assert.equal(await page.locator('#plot-calls tbody td').first().textContent(), '2');
    for (const svg of await page.locator('svg.plot').all()) {
      const labels = (await svg.getAttribute('aria-labelledby')) ?? '';
      for (const id of labels.split(' ')) assert.ok(await page.locator(`#${id}`).textContent(), id);
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, 'the page is wider than the screen');
    await Promise.all([ann.leave(), ben.leave()]);
    await page.waitForFunction(() => document.title === '0 waiting, 0 rooms – Duet');
    assert.deepEqual(problems, []);

    await page.route('**/live.json', (route) => route.abort());
    await page.locator('#state', { hasText: 'no answer for' }).waitFor();
    assert.match(await page.title(), /^no answer for/);
    await context.close();
  });
}

test('an engine that is away is told, with the reason', async (t) => {
  const [address, nobody] = [await freeAddress(), await freeAddress()];
  await startMatchmaker(t, ['--metrics-listen', address, '--engine-url', `redis://:sesame@${nobody}/`]);
  const context = await browser.newContext();
  /** @type {string[]} */
  const problems = [];
  const page = await watchedPage(context, (problem) => problems.push(problem));
  await page.goto(`http://${address}/`);
  await page.locator('#state', { hasText: /^the engine is away$/ }).waitFor();
  await page.locator('#engine', { hasText: /^engine: away for .*refused.*, 0 requests waiting$/ }).waitFor();
  assert.match(await page.title(), /^Engine away: 0 waiting/);
  assert.doesNotMatch(await page.content(), /sesame/);
  assert.deepEqual(problems, []);
  await context.close();
});

/** A port that was free a moment ago. */
async function freeAddress() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}
