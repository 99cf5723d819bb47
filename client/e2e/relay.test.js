/**
 * Calls over a real TURN server, coturn, with the credentials that the gateway gives, under the policy that strangers never see
 * each other's addresses.
 */

/** @import { Browser, Page } from 'playwright-core' */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launchChromium } from '../test/browser/chromium.js';
import { untilMoving } from '../test/browser/moving.js';
import { startCoturn } from './coturn.js';
import { SHAPES, startDuet } from './duet.js';
import { TurnClient } from './turn-client.js';
import { told, untilState, untilTold, visitor } from './visitor.js';

/** What operators begin with. */
const CONFIG = fileURLToPath(new URL('../../deploy/coturn.conf', import.meta.url));
const USER_QUOTA = Number(readFileSync(CONFIG, 'utf8').match(/^user-quota=(\d+)$/m)?.[1]);
const SECRET = 'what gateway and coturn share';

/** @type {Browser} */
let browser;
before(async () => {
  browser = await launchChromium();
});
after(() => browser.close());

for (const shape of SHAPES) {
  test(`two pages meet over the relay only, and neither hears an address of the other's (${shape})`, async (t) => {
    const { url } = await start(t, shape);
    const ann = await visitor(browser, url);
    await untilState(ann.page, 'waiting');
    const ben = await visitor(browser, url);
    for (const { page } of [ann, ben]) {
      await untilState(page, 'in-call');
      await untilMoving(page, '#remote');
      assert.deepEqual(await selectedPair(page), { local: 'relay', remote: 'relay', hasBytes: true });
    }
    await renegotiate(ann.page, ben.page);
    for (const { page } of [ann, ben]) {
      assert.deepEqual(await selectedPair(page), { local: 'relay', remote: 'relay', hasBytes: true });
      assert.deepEqual([...new Set(typesIn(await heard(page)))], ['relay']);
      assertHidden(await heard(page));
    }
    assert.deepEqual([...ann.problems, ...ben.problems], []);
    await Promise.all([ann.leave(), ben.leave()]);
  });
}

test('a page that does not heed the policy gathers its addresses, but its partner hears of none', async (t) => {
  const { url } = await start(t, 'standalone');
  const ann = await visitor(browser, url, { prepare: beHeedless });
  await untilState(ann.page, 'waiting');
  const ben = await visitor(browser, url);
  await untilState(ann.page, 'in-call');
  await untilState(ben.page, 'in-call');
  await ann.page.waitForFunction(() => /** @type {any} */ (window).gathered.some((/** @type {string} */ one) => one.includes(' typ host')));
  await renegotiate(ann.page, ben.page);
  assert.ok(typesIn(JSON.stringify(await saidDescriptions(ann.page))).includes('host'), 'its descriptions have them, too');
  assert.deepEqual([...new Set(typesIn(await heard(ben.page)))], ['relay']);
  assertHidden(await heard(ben.page));
  await untilMoving(ben.page, '#remote');
  assert.deepEqual([...ann.problems, ...ben.problems], []);
  await Promise.all([ann.leave(), ben.leave()]);
});

test('coturn lets in who shows what the gateway gave, and nobody whose credential is over or was made otherwise', async (t) => {
  const { url } = await start(t, 'standalone');
  const ann = await visitor(browser, url);
  const { event: ready } = await untilTold(ann.page, 'ready', 0);
  assert.equal(ready.iceTransportPolicy, 'relay');
  const [server] = ready.iceServers;
  const [expiry, user] = server.username.split(':');
  assert.equal(user, ready.clientId);
  assert.ok(Number(expiry) * 1000 > Date.now());

  assert.deepEqual(await gather(ann.page, server), { relays: 1, refusals: [] });
  const over = `${Math.floor(Date.now() / 1000) - 60}:${user}`;
  const other = `${expiry}:somebody-else`;
  for (const [why, wrong] of /** @type {const} */ ([
    ['over', { username: over, credential: credential(over, SECRET) }],
    ['of another secret', { username: server.username, credential: credential(server.username, 'another') }],
    ["of another's name", { username: other, credential: server.credential }],
  ])) {
    assert.deepEqual(await gather(ann.page, { ...server, ...wrong }), { relays: 0, refusals: [401] }, why);
  }
  assert.equal(credential(server.username, SECRET), server.credential);
  await ann.leave();
});

test("coturn counts a user's allocations over all the credentials that it is given", async (t) => {
  const { url: urls } = await startCoturn(t, SECRET, { config: CONFIG });
  const now = Math.floor(Date.now() / 1000);
  /** @param {string} username */
  const server = (username) => ({ urls, username, credential: credential(username, SECRET) });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(await startDuet(t, 'standalone'));
  for (let count = 1; count <= USER_QUOTA; count += 1) {
    assert.deepEqual(await gather(page, server(`${now + 100 + count}:ann`), { keep: true }), { relays: 1, refusals: [] });
  }
  assert.deepEqual(await gather(page, server(`${now + 50}:ann`)), { relays: 0, refusals: [486] });
  assert.deepEqual(await gather(page, server(`${now + 50}:ben`)), { relays: 1, refusals: [] });
  await context.close();
});

test('deploy/coturn.conf is understood as a whole, and relays to no private address', async (t) => {
  const { url, log } = await startCoturn(t, SECRET, { config: CONFIG });
  const denied = readFileSync(CONFIG, 'utf8').match(/^denied-peer-ip=.*$/gm) ?? [];
  for (const line of denied) await log.until(`Black listing: ${line.replace('denied-peer-ip=', '')}`);
  assert.ok(denied.length > 20);
  const troubles = log.lines.filter((line) => /ERROR|Bad config|Unknown|unrecognized|invalid option/i.test(line));
  assert.deepEqual(troubles, []);

  const username = `${Math.floor(Date.now() / 1000) + 60}:ann`;
  const client = new TurnClient(Number(new URL(url).pathname.split(':')[1]), { username, credential: credential(username, SECRET) });
  t.after(() => client.close());
  assert.equal(await client.allocate('IPv4'), 0);
  for (const [address, answer] of ADDRESSES) assert.equal(await client.permit(address), answer, address);
});

/** Of peers, by what coturn is to say: private and special ones at both ends of their ranges, and the public ones beside them. */
const ADDRESSES = /** @type {[string, number][]} */ (Object.entries({
  '0.0.0.1': 403,
  '1.0.0.0': 0,
  '8.8.8.8': 0,
  '9.255.255.255': 0,
  '10.0.0.0': 403,
  '10.255.255.255': 403,
  '11.0.0.0': 0,
  '100.63.255.255': 0,
  '100.64.0.0': 403,
  '100.127.255.255': 403,
  '100.128.0.0': 0,
  '127.0.0.1': 403,
  '169.254.169.254': 403,
  '172.15.255.255': 0,
  '172.16.0.0': 403,
  '172.31.255.255': 403,
  '172.32.0.0': 0,
  '192.0.0.10': 403,
  '192.0.2.10': 403,
  '192.88.99.1': 403,
  '192.167.255.255': 0,
  '192.168.0.0': 403,
  '192.168.255.255': 403,
  '192.169.0.0': 0,
  '198.18.0.0': 403,
  '198.19.255.255': 403,
  '198.51.100.7': 403,
  '203.0.113.7': 403,
  '224.0.0.1': 403,
  '240.0.0.1': 403,
  '255.255.255.255': 403,
}));

/**
 * @param {import('./duet.js').Test} t
 * @param {import('./duet.js').Shape} shape
 */
async function start(t, shape) {
  const { url: turn } = await startCoturn(t, SECRET);
  const policy = ['--turn-urls', turn, '--turn-secret', SECRET, '--ice-transport-policy', 'relay'];
  return { url: await startDuet(t, shape, policy) };
}

/** @param {string} username @param {string} secret */
const credential = (username, secret) => createHmac('sha1', secret).update(username).digest('base64');

/** Runs in a page: its peer connections connect in every way, whatever they are told. */
function beHeedless() {
  /** @type {string[]} */
  const gathered = [];
  const Heeding = RTCPeerConnection;
  class Heedless extends Heeding {
    /** @param {RTCConfiguration} configuration */
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: 'all' });
      this.addEventListener('icecandidate', ({ candidate }) => candidate && gathered.push(candidate.candidate));
    }
  }
  Object.assign(window, { gathered, RTCPeerConnection: Heedless });
}

/**
 * Kinds of the candidates in use at both ends, and whether media has come over them.
 * @param {Page} page
 */
function selectedPair(page) {
  return page.evaluate(async () => {
    const stats = await /** @type {any} */ (window).kept.call.peerConnection.getStats();
    const all = /** @type {any[]} */ ([...stats.values()]);
    const transport = all.find(({ type }) => type === 'transport');
    const pair = stats.get(transport.selectedCandidatePairId);
    const hasBytes = all.some(({ type, kind, bytesReceived }) => type === 'inbound-rtp' && kind === 'video' && bytesReceived > 0);
    return {
      local: stats.get(pair.localCandidateId).candidateType,
      remote: stats.get(pair.remoteCandidateId).candidateType,
      hasBytes,
    };
  });
}

/**
 * Has one page offer something more, now that its description has the candidates in it; done when the other has answered.
 * @param {Page} page
 * @param {Page} other
 */
async function renegotiate(page, other) {
  const since = await page.evaluate(async () => {
    const { peerConnection: pc } = /** @type {any} */ (window).kept.call;
    while (pc.iceGatheringState !== 'complete' || pc.signalingState !== 'stable') await new Promise((resolve) => setTimeout(resolve, 20));
    const now = Date.now();
    pc.addTransceiver('audio', { direction: 'recvonly' });
    return now;
  });
  const { event: offer } = await untilTold(other, 'offer', since);
  assert.match(offer.sdp, /a=candidate:.* typ relay raddr 0\.0\.0\.0 rport 0/);
  await untilTold(page, 'answer', since);
  await page.waitForFunction(() => /** @type {any} */ (window).kept.call.peerConnection.signalingState === 'stable');
}

/** @param {Page} page @returns {Promise<string>} All that its SDK was told, as JSON. */
const heard = async (page) => JSON.stringify((await told(page)).filter(({ type }) => ['offer', 'answer', 'ice', 'message'].includes(type)));

/** @param {Page} page @returns {Promise<unknown>} */
const saidDescriptions = (page) => page.evaluate(() => /** @type {any} */ (window).kept.call.peerConnection.localDescription.sdp);

/** @param {string} text @returns {string[]} Of all candidates in it. */
const typesIn = (text) => [...text.matchAll(/candidate:[^"\\]*? typ (\w+)/g)].map(([, type]) => /** @type {string} */ (type));

/** @param {string} text Of messages from a partner. */
function assertHidden(text) {
  for (const [, address] of text.matchAll(/ raddr (\S+)/g)) assert.equal(address, '0.0.0.0');
  for (const [, address] of text.matchAll(/(?:c=|a=rtcp:\d+ )IN IP[46] ([^"\\]*)/g)) assert.equal(address, '0.0.0.0');
}

/**
 * What a peer connection with this server alone finds.
 * @param {Page} page
 * @param {RTCIceServer} server
 * @param {{ keep?: boolean }} [options] Whether what it has is not given back.
 */
function gather(page, server, { keep = false } = {}) {
  return page.evaluate(async ({ server, keep }) => {
    const pc = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' });
    let relays = 0;
    /** @type {Set<number>} */
    const refusals = new Set();
    pc.onicecandidateerror = ({ errorCode }) => void refusals.add(errorCode);
    pc.onicecandidate = ({ candidate }) => void (relays += candidate?.type === 'relay' ? 1 : 0);
    const done = new Promise((resolve) => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve(undefined);
    });
    pc.createDataChannel('any');
    await pc.setLocalDescription();
    await done;
    if (!keep) pc.close();
    return { relays, refusals: [...refusals] };
  }, { server, keep });
}
