/**
 * Calls whose signaling breaks, in real Chromium against the real executable: a cut line, a killed gateway, a drained one, a
 * reloaded page. The pictures never pass through the server, and must be seen to move all the time.
 */

/** @import { Browser } from 'playwright-core' */
/** @import { Test } from './duet.js' */
/** @import { Visitor } from './visitor.js' */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchChromium } from '../test/browser/chromium.js';
import { untilMoving } from '../test/browser/moving.js';
import { SHAPES, startDuet, startGateway, startMatchmaker } from './duet.js';
import { buildRoad } from './road.js';
import { restartIce, room, standstillMs, told, untilOtherRoom, untilSaying, untilState, untilTold, visitor } from './visitor.js';

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

for (const shape of SHAPES) {
  test(`a call outlives a cut line: both are told, the pictures move on, and signaling goes on (${shape})`, { timeout: 60_000 }, async (t) => {
    const url = await startDuet(t, shape);
    const road = await buildRoad(t, portOf(url));
    const [ann, ben] = await inCall(t, road.url, url);
    const before = await room(ann.page);

    const cutAt = Date.now();
    road.cut();
    await untilSaying(ann.page, 'Your connection was interrupted.');
    await untilSaying(ben.page, 'Your partner’s connection was interrupted.');
    for (const { page } of [ann, ben]) {
      assert.equal(await page.getAttribute('body', 'data-state'), 'in-call');
      await untilMoving(page, '#remote');
    }
    road.mend();
    await untilResumed(t, ann, cutAt);
    for (const one of [ann, ben]) {
      await untilSaying(one.page, 'You are connected.');
      await assertWentOn(one, cutAt, before);
      await restartIce(one.page);
    }

    // After `next` the two are kept apart for a while; with nobody else here they then meet again.
    await ann.page.click('#next');
    await untilTold(ben.page, 'partner-left', cutAt);
    for (const { page } of [ann, ben]) await untilOtherRoom(page, before);
    assert.equal(await room(ann.page), await room(ben.page));
    await untilMoving(ben.page, '#remote');
    assertNoProblems(ann, ben);
  });
}

test('what is said while the line is cut arrives once it is mended: an ICE restart, then Next', { timeout: 60_000 }, async (t) => {
  const url = await startDuet(t, 'two processes');
  const road = await buildRoad(t, portOf(url));
  const [ann, ben] = await inCall(t, road.url, url);
  const before = await room(ann.page);

  const firstCutAt = Date.now();
  road.cut();
  await untilTold(ben.page, 'partner-away', firstCutAt);
  const restarts = [restartIce(ann.page), restartIce(ben.page)];
  await untilMoving(ann.page, '#remote');
  road.mend();
  await Promise.all(restarts);
  await untilResumed(t, ann, firstCutAt);
  for (const one of [ann, ben]) await assertWentOn(one, firstCutAt, before);

  const cutAt = Date.now();
  road.cut();
  await untilTold(ben.page, 'partner-away', cutAt);
  await ann.page.click('#next');
  await untilState(ann.page, 'reconnecting');
  assert.equal(await room(ben.page), before);
  road.mend();
  const { event } = await untilTold(ben.page, 'partner-left', cutAt);
  assert.equal(event.reason, 'next');
  await untilResumed(t, ann, cutAt);
  for (const { page } of [ann, ben]) await untilOtherRoom(page, before);
  assertNoProblems(ann, ben);
});

test('a call outlives its killed gateway, once there is one again', { timeout: 60_000 }, async (t) => {
  const matchmaker = await startMatchmaker(t);
  const gateway = await startGateway(t, matchmaker);
  const [ann, ben] = await inCall(t, gateway.says('Demo page'));
  const before = await room(ann.page);

  const killedAt = Date.now();
  await gateway.end('SIGKILL');
  for (const { page } of [ann, ben]) {
    await untilSaying(page, 'Your connection was interrupted.');
    await untilMoving(page, '#remote');
  }
  await startGateway(t, matchmaker, { port: gateway.port });
  for (const one of [ann, ben]) await untilResumed(t, one, killedAt);
  for (const one of [ann, ben]) {
    await untilSaying(one.page, 'You are connected.');
    await assertWentOn(one, killedAt, before);
    await restartIce(one.page);
  }
  assertNoProblems(ann, ben);
});

test('a drained gateway hands its call to another, and the partner keeps it', { timeout: 60_000 }, async (t) => {
  const matchmaker = await startMatchmaker(t);
  const going = await startGateway(t, matchmaker);
  const staying = await startGateway(t, matchmaker);
  const road = await buildRoad(t, going.port);
  const [ann, ben] = await inCall(t, road.url, staying.says('Demo page'));
  const before = await room(ann.page);

  // In turn, like a balancer that has not noticed yet.
  road.lead(going.port, staying.port);
  const drainedAt = Date.now();
  const ended = going.end('SIGTERM');
  await untilTold(ann.page, 'going-away', drainedAt);
  await untilResumed(t, ann, drainedAt);
  await ended;
  for (const one of [ann, ben]) {
    await untilSaying(one.page, 'You are connected.');
    await untilMoving(one.page, '#remote');
    await assertWentOn(one, drainedAt, before);
    await restartIce(one.page);
  }
  assertNoProblems(ann, ben);
});

test('a line that stays cut for longer than the window ends the call, and both are in the queue again', { timeout: 60_000 }, async (t) => {
  const gateway = await startGateway(t, await startMatchmaker(t), { more: ['--resume-window-ms', '1000'] });
  const road = await buildRoad(t, gateway.port);
  const [ann, ben] = await inCall(t, road.url, gateway.says('Demo page'));
  const before = await room(ann.page);

  const cutAt = Date.now();
  road.cut();
  await untilTold(ben.page, 'partner-away', cutAt);
  const left = await untilTold(ben.page, 'partner-left', cutAt);
  assert.equal(left.event.reason, 'disconnected');
  await untilState(ben.page, 'waiting');
  road.mend();
  const back = await untilTold(ann.page, 'reconnected', cutAt);
  assert.equal(back.event.resumed, false);
  for (const { page } of [ann, ben]) {
    await untilOtherRoom(page, before);
    await untilMoving(page, '#remote');
  }
  assertNoProblems(ann, ben);
});

for (const shape of SHAPES) {
  test(`across a reload nothing is resumed: the partner waits again at once, and meets whoever starts anew (${shape})`, { timeout: 60_000 }, async (t) => {
    const url = await startDuet(t, shape);
    const [ann, ben] = await inCall(t, url);
    const before = await room(ann.page);

    const reloadedAt = Date.now();
    await ben.page.reload();
    const { event, at } = await untilTold(ann.page, 'partner-left', reloadedAt);
    assert.equal(event.reason, 'disconnected');
    assert.ok(at - reloadedAt < 3_000, `told after ${at - reloadedAt} ms`);
    await untilState(ann.page, 'waiting');
    assert.equal(await room(ann.page), null);
    assert.deepEqual(typesOf(await told(ann.page), ['partner-away']), []);
    assert.equal(await ben.page.getAttribute('body', 'data-state'), 'idle');

    await ben.page.click('#start');
    for (const { page } of [ann, ben]) {
      await untilOtherRoom(page, before);
      await untilMoving(page, '#remote');
    }
    assertNoProblems(ann, ben);
  });
}

/**
 * Two who see each other move. They go with the test.
 * @param {Test} t
 * @param {string} url
 * @param {string} [otherUrl]
 * @returns {Promise<[Visitor, Visitor]>}
 */
async function inCall(t, url, otherUrl = url) {
  const ann = await visitor(browser, url);
  t.after(ann.leave);
  await untilState(ann.page, 'waiting');
  const ben = await visitor(browser, otherUrl);
  t.after(ben.leave);
  for (const { page } of [ann, ben]) {
    await untilState(page, 'in-call');
    await untilMoving(page, '#remote');
  }
  return [ann, ben];
}

/**
 * @param {{ diagnostic: (text: string) => void }} t Is told how long it took.
 * @param {Visitor} visitor
 * @param {number} since When it was interrupted.
 */
async function untilResumed(t, { page }, since) {
  const { event, at } = await untilTold(page, 'reconnected', since);
  assert.equal(event.resumed, true);
  t.diagnostic(`resumed ${at - since} ms after the interruption`);
}

/**
 * Still the same room, never told otherwise, and a picture that never stood.
 * @param {Visitor} visitor
 * @param {number} since
 * @param {string | null} before The room.
 */
async function assertWentOn({ page }, since, before) {
  assert.equal(await room(page), before);
  const later = (await told(page)).filter(({ at }) => at >= since);
  assert.deepEqual(typesOf(later, ['partner-left', 'room-ended', 'matched', 'ready', 'error', 'ended']), []);
  const stood = await standstillMs(page, since, Date.now());
  assert.ok(stood < STANDSTILL_MS, `the picture stood still for ${stood} ms`);
}

/** @param {{ type: string }[]} events @param {string[]} wanted */
const typesOf = (events, wanted) => events.map(({ type }) => type).filter((type) => wanted.includes(type));

/** Of attempts that find nobody the browser writes an error by itself. @param {...Visitor} visitors */
function assertNoProblems(...visitors) {
  const problems = visitors.flatMap(({ problems }) => problems);
  assert.deepEqual(problems.filter((problem) => !/^WebSocket connection to .* failed/.test(problem)), []);
}

/** @param {string} url */
const portOf = (url) => Number(new URL(url).port);

/** A fake camera makes 20 frames a second; a busy machine may show some of them late. */
const STANDSTILL_MS = 1_500;
