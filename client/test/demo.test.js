/** The demo page as a person uses it, in Chromium, against a gateway that pairs whoever comes. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium, watchedPage } from './browser/chromium.js';
import { untilMoving } from './browser/moving.js';
import { pairingGateway } from './browser/pairing-gateway.js';

/** @import { Browser, BrowserContext, Page } from 'playwright-core' */

/** @type {Browser} */
let browser;
before(async () => void (browser = await launchChromium()));
after(() => browser?.close());

/**
 * @typedef {object} Scene
 * @property {(path?: string) => Promise<Page>} open
 * @property {Awaited<ReturnType<typeof pairingGateway>>['pairing']} pairing
 * @property {BrowserContext} context
 */

/**
 * @param {string} name
 * @param {(scene: Scene) => Promise<void>} body
 */
function scene(name, body) {
  test(name, { timeout: 30_000 }, async (t) => {
    const { origin, pairing } = await pairingGateway(t);
    const context = await browser.newContext();
    t.after(() => context.close());
    /** @type {string[]} */
    const problems = [];
    const open = async (path = '/') => {
      const page = await watchedPage(context, (problem) => problems.push(problem));
      await page.goto(origin + path);
      return page;
    };
    await body({ open, pairing, context });
    assert.deepEqual(problems, []);
  });
}

/** @param {Page} page @param {string} state */
const inState = (page, state) => page.waitForSelector(`body[data-state="${state}"]`);

/** @param {Page} page @param {string} text */
const saying = (page, text) => page.locator('#words', { hasText: text }).waitFor();

/** @param {Page} page @param {string} text */
const noticing = (page, text) => page.locator('#notice', { hasText: text }).waitFor();

scene('two people meet, see each other move, and part', async ({ open }) => {
  const anna = await open();
  assert.equal(await anna.getAttribute('body', 'data-state'), 'idle');
  await anna.click('#start');
  await inState(anna, 'waiting');
  await saying(anna, 'Nobody else is here yet.');
  const ben = await open('/?autostart');
  for (const page of [anna, ben]) {
    await page.bringToFront();
    await inState(page, 'in-call');
    await untilMoving(page, '#remote');
    await page.waitForSelector('#first-frame[data-ms]');
    assert.match((await page.textContent('#first-frame')) ?? '', /^First frame after \d+\.\d\d s$/);
  }
  await ben.click('#leave');
  await inState(ben, 'idle');
  await inState(anna, 'waiting');
  await saying(anna, 'Your partner has left.');
  assert.equal(await anna.isVisible('#first-frame'), false);
  assert.equal(await ben.evaluate(() => /** @type {HTMLVideoElement} */ (document.querySelector('#local')).srcObject), null);
});

scene('with the keys: N for the next person, Escape to leave, and the focus stays with the buttons', async ({ open }) => {
  const anna = await open();
  await anna.focus('#start');
  await anna.keyboard.press('Enter');
  await inState(anna, 'waiting');
  assert.equal(await anna.evaluate(() => document.activeElement?.id), 'next');
  const ben = await open('/?autostart');
  await inState(ben, 'in-call');
  await inState(anna, 'in-call');
  const room = await anna.getAttribute('body', 'data-room');
  await anna.keyboard.press('n');
  await ben.waitForSelector(`body[data-room]:not([data-room="${room}"])`);
  await inState(anna, 'in-call');
  await anna.keyboard.press('Escape');
  await inState(anna, 'idle');
  await saying(anna, 'You have left.');
  assert.equal(await anna.evaluate(() => document.activeElement?.id), 'start');
});

scene('microphone and camera can be turned off and on', async ({ open }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  await anna.click('#camera');
  await anna.waitForSelector('#camera[aria-pressed="false"]');
  assert.ok(await anna.isVisible('#camera-off'));
  await anna.click('#mic');
  await anna.waitForSelector('#mic[aria-pressed="false"]');
  const enabled = () =>
    anna.evaluate(() => {
      const { srcObject } = /** @type {HTMLVideoElement} */ (document.querySelector('#local'));
      return /** @type {MediaStream} */ (srcObject).getTracks().map((track) => track.enabled);
    });
  assert.deepEqual(await enabled(), [false, false]);
  await anna.click('#camera');
  await anna.click('#mic');
  assert.deepEqual(await enabled(), [true, true]);
});

scene('a partner can be reported, after a question that Escape takes back without leaving', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  assert.equal(await anna.isVisible('#report'), false);
  const ben = await open('/?autostart');
  await inState(ben, 'in-call');
  const room = await ben.getAttribute('body', 'data-room');
  await ben.click('#report');
  await ben.keyboard.press('Escape');
  await ben.waitForSelector('#report-dialog:not([open])', { state: 'attached' });
  assert.equal(await ben.getAttribute('body', 'data-state'), 'in-call');
  assert.deepEqual(pairing.reports, []);

  await ben.click('#report');
  await ben.getByLabel('Advertising').check();
  await ben.click('#report-dialog .primary');
  // With nobody else here the two meet again; the real matchmaker knows better.
  await ben.waitForSelector(`body[data-room]:not([data-room="${room}"])`);
  await noticing(ben, 'Your report was sent');
  assert.deepEqual(pairing.reports, [{ type: 'report', reason: 'spam', roomId: room }]);
});

scene('a report has details, is not lost when the partner goes first, and is not sent once others came between', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  const ben = await open('/?autostart');
  await inState(anna, 'in-call');
  const room = await anna.getAttribute('body', 'data-room');
  await anna.click('#report');
  await anna.getByLabel('Something else').check();
  await anna.getByLabel('Anything to add?').fill('  Sang out of tune. ');
  await ben.click('#leave');
  await inState(anna, 'waiting');
  await anna.click('#report-dialog .primary');
  await noticing(anna, 'Your report was sent');
  assert.deepEqual(pairing.reports, [{ type: 'report', reason: 'other', details: 'Sang out of tune.', roomId: room }]);
  assert.equal(await anna.getAttribute('body', 'data-state'), 'waiting');

  await ben.click('#start');
  await inState(anna, 'in-call');
  await anna.click('#report');
  assert.equal(await anna.inputValue('#report-details'), '');
  for (const _ of [1, 2]) {
    const before = await ben.getAttribute('body', 'data-room');
    await ben.bringToFront();
    await ben.keyboard.press('n');
    await ben.waitForSelector(`body[data-room]:not([data-room="${before}"])`);
    await inState(ben, 'in-call');
  }
  await anna.click('#report-dialog .primary');
  await noticing(anna, 'too long ago');
  assert.equal(pairing.reports.length, 1);
});

scene('who is blocked is not met again, until that is undone or forgotten', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  assert.equal(await anna.isVisible('#block'), false);
  const ben = await open('/?autostart');
  await inState(anna, 'in-call');
  const id = [...pairing.members].at(-1)?.id;
  await anna.click('#block');
  await noticing(anna, 'You two won’t be paired again.');
  assert.equal(await anna.evaluate(() => document.activeElement?.id), 'next');
  await inState(anna, 'waiting');
  await inState(ben, 'waiting');
  await saying(anna, 'Looking for someone…');
  assert.deepEqual(pairing.wishes.at(-1), { tags: [], avoid: [id] });

  await anna.click('#undo');
  await noticing(anna, 'You may meet again.');
  await inState(anna, 'in-call');
  await anna.click('#block');
  await inState(anna, 'waiting');
  await anna.click('#leave');
  await anna.locator('#blocked', { hasText: 'One person is blocked.' }).waitFor();
  await anna.reload();
  await inState(anna, 'waiting');
  assert.deepEqual(pairing.wishes.at(-1), { tags: [], avoid: [id] });
  await anna.click('#leave');
  await anna.click('#unblock');
  assert.equal(await anna.isVisible('#blocked'), false);
  assert.equal(await anna.evaluate(() => document.activeElement?.id), 'start');
  await anna.click('#start');
  await inState(anna, 'in-call');
});

/** @param {Page} page */
const chips = (page) => page.locator('#chips li').evaluateAll((items) => items.map((item) => item.firstChild?.textContent));

scene('interests are chips that the keyboard makes and takes away, up to ten, and a reload keeps them', async ({ open, pairing }) => {
  const anna = await open();
  await anna.focus('#interest');
  const type = (/** @type {string} */ text) => anna.keyboard.type(text);
  await type('Late  Jazz');
  await anna.keyboard.press('Enter');
  await type('late jazz,chess,tea,');
  assert.deepEqual(await chips(anna), ['Late Jazz', 'chess', 'tea']);
  await anna.keyboard.press('Backspace');
  assert.deepEqual(await chips(anna), ['Late Jazz', 'chess']);
  await anna.getByRole('button', { name: 'Remove chess' }).press('Enter');
  assert.deepEqual(await chips(anna), ['Late Jazz']);
  assert.equal(await anna.evaluate(() => document.activeElement?.id), 'interest');

  await type(`${'x'.repeat(33)},`);
  assert.equal(await anna.textContent('#interests-hint'), 'Up to 32 characters, please.');
  assert.equal(await anna.inputValue('#interest'), 'x'.repeat(33));
  await anna.fill('#interest', 'a,b,c,d,e,f,g,h,i,j');
  assert.equal((await chips(anna)).length, 10);
  assert.equal(await anna.inputValue('#interest'), 'j');
  assert.equal(await anna.textContent('#interests-hint'), 'That makes 10. Remove one to add another.');
  await anna.reload();
  assert.equal((await chips(anna)).length, 10);

  await anna.locator('#chips button').last().click();
  await anna.keyboard.type('what is still being written');
  await anna.click('#start');
  await inState(anna, 'waiting');
  assert.deepEqual(pairing.wishes, [{ tags: ['Late Jazz', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'what is still being written'] }]);
});

scene('while one waits the page says for whom, at which place, for about how long, and when anybody will do', async ({ open, pairing }) => {
  const anna = await open();
  await anna.fill('#interest', 'chess, jazz');
  await anna.click('#start');
  await saying(anna, 'Looking for someone who likes chess or jazz…');
  await saying(anna, 'You are first in the queue.');
  const tell = (/** @type {object} */ waiting) => {
    for (const member of pairing.members) member.socket.send(JSON.stringify({ type: 'waiting', pool: 'default', ...waiting }));
  };
  tell({ position: 3, estimateMs: 41_200 });
  await saying(anna, 'You are number 3 in the queue, about 41 s to wait.');
  tell({ position: 2, estimateMs: 150_000, widened: true });
  await saying(anna, 'Looking for anybody now…');
  await saying(anna, 'You are number 2 in the queue, about 3 min to wait.');
});

scene('what two have in common is said in everybody’s own writing', async ({ open }) => {
  const anna = await open();
  await anna.fill('#interest', 'chess, Tea, Jazz');
  await anna.click('#start');
  await inState(anna, 'waiting');
  const ben = await open();
  await ben.fill('#interest', 'jazz, tea');
  await ben.click('#start');
  for (const page of [anna, ben]) {
    await inState(page, 'in-call');
    await saying(page, 'You both like');
  }
  await saying(anna, 'You both like Jazz and Tea.');
  await saying(ben, 'You both like jazz and tea.');
});

const TROUBLES = [
  ['NotAllowedError', 'The camera is blocked.'],
  ['NotFoundError', 'No camera or microphone was found.'],
  ['NotReadableError', 'The camera is in use.'],
  ['SecurityError', 'Cameras need a secure page.'],
  ['WeirdError', 'The camera did not start.'],
];
for (const [name, words] of TROUBLES) {
  scene(`a camera that fails with ${name} is explained, and one can go on without`, async ({ open, context }) => {
    await context.addInitScript((name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name));
    }, name);
    const anna = await open();
    await anna.click('#start');
    await inState(anna, 'error');
    await saying(anna, String(words));
    await anna.click('#watch');
    await inState(anna, 'waiting');
    assert.equal(await anna.isVisible('#preview'), false);
    assert.equal(await anna.isVisible('#mic'), false);
  });
}

scene('who has no camera sees the one who has', async ({ open, context }) => {
  await context.addInitScript(() => {
    if (location.hash === '#blind') navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'));
  });
  const blind = await open('/?autostart#blind');
  await blind.click('#watch');
  await inState(blind, 'waiting');
  const ben = await open('/?autostart');
  await inState(ben, 'in-call');
  await saying(ben, 'Your partner shares neither camera nor microphone.');
  await blind.bringToFront();
  await inState(blind, 'in-call');
  await untilMoving(blind, '#remote');
});

scene('a camera that opens after its visit was left is closed again', async ({ open, context }) => {
  await context.addInitScript(() => {
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await real(wanted);
      await new Promise((resolve) => document.addEventListener('allow', resolve, { once: true }));
      Object.assign(window, { late: stream });
      return stream;
    };
  });
  const anna = await open('/?autostart');
  await inState(anna, 'asking');
  await anna.keyboard.press('Escape');
  await inState(anna, 'idle');
  await anna.evaluate(() => document.dispatchEvent(new Event('allow')));
  await anna.waitForFunction(() => /** @type {any} */ (window).late?.getTracks().every((/** @type {MediaStreamTrack} */ track) => track.readyState === 'ended'));
  assert.equal(await anna.getAttribute('body', 'data-state'), 'idle');
});

scene('a lost connection is said, and one is back in the queue by oneself', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  const greet = pairing.holdGreetings();
  // The server's word that it is full would do the same; a broken line makes the browser log an error that is no one's.
  for (const member of pairing.members) member.socket.close(1013);
  await inState(anna, 'reconnecting');
  await saying(anna, 'The connection to the server was lost.');
  greet();
  await inState(anna, 'waiting');
});

scene('a call outlives a broken connection: both are told calmly, the picture stays, and Next works meanwhile', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  const ben = await open('/?autostart');
  await inState(anna, 'in-call');
  await inState(ben, 'in-call');
  const room = await anna.getAttribute('body', 'data-room');
  const interrupt = () => {
    const greet = pairing.holdGreetings();
    const [first] = pairing.members;
    first?.socket.close(1013);
    return greet;
  };
  const greet = interrupt();
  await saying(anna, 'Your connection was interrupted.');
  await saying(ben, 'Your partner’s connection was interrupted.');
  for (const page of [anna, ben]) {
    assert.equal(await page.getAttribute('body', 'data-state'), 'in-call');
    await page.bringToFront();
    await untilMoving(page, '#remote');
  }
  greet();
  await saying(anna, 'You are connected.');
  await saying(ben, 'You are connected.');
  assert.equal(await anna.getAttribute('body', 'data-room'), room);

  const greetAgain = interrupt();
  await saying(anna, 'Your connection was interrupted.');
  await anna.click('#next');
  await inState(anna, 'reconnecting');
  greetAgain();
  await ben.waitForSelector(`body[data-room]:not([data-room="${room}"])`);
  await inState(anna, 'in-call');
});

scene('a server that goes away says so first', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  for (const member of pairing.members) member.socket.send('{"type":"going-away","reconnectInMs":1000}');
  await saying(anna, 'This server is about to restart.');
});

scene('what the server ends for good ends with the camera off and the reason said', async ({ open, pairing }) => {
  const anna = await open('/?autostart');
  await inState(anna, 'waiting');
  for (const member of pairing.members) member.socket.close(4410);
  await inState(anna, 'closed');
  await saying(anna, 'closed by an operator');
  assert.equal(await anna.isVisible('#preview'), false);
  await anna.click('#start');
  await inState(anna, 'waiting');
});
