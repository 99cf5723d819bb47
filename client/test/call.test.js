/** Calls between two real peer connections, in Chromium. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium, watchedPage } from './browser/chromium.js';
import { untilMoving } from './browser/moving.js';
import { pairingGateway } from './browser/pairing-gateway.js';

/** @import { Browser, Page } from 'playwright-core' */

/** @type {Browser} */
let browser;
/** @type {string} */
let origin;
/** @type {(() => unknown)[]} */
const ends = [];

before(async () => {
  browser = await launchChromium();
  ({ origin } = await pairingGateway({ after: (end) => void ends.push(/** @type {() => unknown} */ (end)) }));
});

after(async () => {
  await browser?.close();
  for (const end of ends) end();
});

/**
 * A test in a page of its own, which must stay free of errors.
 * @param {string} name
 * @param {(page: Page) => Promise<void>} body
 */
function inPage(name, body) {
  test(name, { timeout: 30_000 }, async () => {
    /** @type {string[]} */
    const problems = [];
    const page = await watchedPage(browser, (problem) => problems.push(problem));
    await page.goto(`${origin}/test/blank.html`);
    await body(page);
    assert.deepEqual(problems, []);
    await page.close();
  });
}

inPage('media flow both ways, and only the initiator has offered', async (page) => {
  const result = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, errors, offersOf, wire } = twoCalls({ a: { stream: await camera() }, b: { stream: await camera() } });
    await connected(A, B);
    await until(() => A.remoteStream?.getTracks().length === 2 && B.remoteStream?.getTracks().length === 2);
    const video = /** @type {HTMLVideoElement} */ (document.querySelector('#remote'));
    video.srcObject = A.remoteStream;
    const strings = wire.log.every(({ type, body }) => (type === 'ice' ? typeof body.candidate === 'string' : typeof body === 'string'));
    return { errors, strings, offersOfA: offersOf('A').length, offersOfB: offersOf('B').length };
  });
  assert.deepEqual(result, { errors: [], strings: true, offersOfA: 1, offersOfB: 0 });
  await untilMoving(page, '#remote');
});

inPage('servers and policy are the room\'s, else the connection\'s; an application may be stricter, but not laxer', async (page) => {
  const configurations = await page.evaluate(async () => {
    const { Call } = await import('/sdk/index.js');
    const { End } = await import('/test/two-calls.js');
    const room = { type: /** @type {const} */ ('matched'), roomId: 'r', partnerId: 'p', initiator: false };
    const relay = /** @type {const} */ ({ iceTransportPolicy: 'relay' });
    const end = new End('A', /** @type {any} */ (null));
    end.iceServers = [{ urls: ['stun:connection'] }];
    const strict = Object.assign(new End('A', /** @type {any} */ (null)), relay);
    const calls = [
      new Call(end, room),
      new Call(end, { ...room, ...relay, iceServers: [{ urls: ['stun:room'] }] }),
      new Call(end, { ...room, ...relay }, { configuration: { iceTransportPolicy: 'all', iceServers: [{ urls: ['stun:own'] }] } }),
      new Call(end, room, { configuration: relay }),
      new Call(strict, room),
    ];
    return calls.map(({ peerConnection }) => {
      const { iceServers = [], iceTransportPolicy } = peerConnection.getConfiguration();
      return [...iceServers.flatMap(({ urls }) => urls), iceTransportPolicy].join(' ');
    });
  });
  assert.deepEqual(configurations, ['stun:connection all', 'stun:room relay', 'stun:own relay', 'stun:connection relay', 'relay']);
});

inPage('the metrics hear once how long the setup took and over which kind of candidate, and hear of failures', async (page) => {
  const reports = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, wire } = twoCalls({ a: { stream: await camera() } });
    await connected(A, B);
    const { reports } = wire.ends.A;
    await until(() => reports.length === 1);
    const pc = A.peerConnection;
    for (const state of /** @type {const} */ (['disconnected', 'failed', 'connected'])) {
      Object.defineProperty(pc, 'connectionState', { value: state, configurable: true });
      pc.dispatchEvent(new Event('connectionstatechange'));
    }
    await until(() => reports.length === 4);
    return reports;
  });
  const [first, ...later] = reports;
  assert.equal(first.ice, 'connected');
  assert.ok(Number.isInteger(first.setupMs) && first.setupMs > 0, JSON.stringify(first));
  assert.match(first.candidateType, /^(host|prflx)$/);
  assert.deepEqual(later, [{ ice: 'disconnected' }, { ice: 'failed' }, { ice: 'connected', candidateType: first.candidateType }]);
});

inPage('when both offer at once, the polite one yields, and both get through in the end', async (page) => {
  const result = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, errors, offersOf, wire } = twoCalls({ a: { stream: await camera() }, b: { stream: await camera() } });
    await connected(A, B);
    wire.holding = true;
    const [more] = (await camera()).getVideoTracks();
    const [other] = (await camera()).getVideoTracks();
    if (!more || !other) throw new Error('no camera');
    A.peerConnection.addTrack(more);
    B.peerConnection.addTrack(other);
    await until(() => wire.held.some(({ from, type }) => from === 'A' && type === 'offer'));
    await until(() => wire.held.some(({ from, type }) => from === 'B' && type === 'offer'));
    const held = wire.held.map(({ from, type }) => `${from} ${type}`).filter((sent) => sent.endsWith('offer')).sort();
    wire.release();
    await until(() => A.remoteStream?.getTracks().length === 3 && B.remoteStream?.getTracks().length === 3);
    await connected(A, B);
    return { errors, held, offersOfA: offersOf('A').length };
  });
  assert.deepEqual(result, { errors: [], held: ['A offer', 'B offer'], offersOfA: 2 });
});

inPage('candidates that come before their description wait for it', async (page) => {
  const result = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, errors, wire } = twoCalls({ a: { stream: await camera() }, prepare: (wire) => void (wire.holding = true) });
    await until(() => A.peerConnection.iceGatheringState === 'complete');
    // With none of B's own, the call can only come about over the candidates that came early.
    wire.change = (sent) => (sent.from === 'B' && sent.type === 'ice' ? { ...sent, body: null } : sent);
    let early = 0;
    wire.release((held) => {
      const candidates = held.filter(({ type }) => type === 'ice');
      early = candidates.length;
      return [...candidates, ...held.filter(({ type }) => type !== 'ice')];
    });
    await connected(A, B);
    return { errors, some: early > 0 };
  });
  assert.deepEqual(result, { errors: [], some: true });
});

inPage('candidates before a description are bounded, and the one too many is an error', async (page) => {
  const errors = await page.evaluate(async () => {
    const { twoCalls, until } = await import('/test/two-calls.js');
    const { errors, wire } = twoCalls({ prepare: (wire) => void (wire.holding = true) });
    for (let n = 0; n < 257; n += 1) wire.ends.B.hear('ice', `candidate:${n}`);
    await until(() => errors.length > 0);
    return errors;
  });
  assert.deepEqual(errors, ['B: More than 256 candidates came before any description']);
});

inPage('descriptions as objects, candidates as bare lines and every end marker are understood', async (page) => {
  const errors = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, errors, wire } = twoCalls({
      a: { stream: await camera() },
      prepare: (wire) => {
        wire.change = ({ from, type, body }) => ({ from, type, body: type === 'ice' ? `a=${body.candidate}` : { type, sdp: body } });
      },
    });
    await connected(A, B);
    await until(() => A.peerConnection.iceGatheringState === 'complete');
    for (const end of [null, '', { candidate: '' }, { candidate: '', sdpMid: '0', sdpMLineIndex: 0 }]) wire.ends.B.hear('ice', end);
    B.restartIce();
    await until(() => wire.log.filter(({ type }) => type === 'answer').length === 2);
    await connected(A, B);
    return errors;
  });
  assert.deepEqual(errors, []);
});

for (const who of /** @type {const} */ (['A', 'B', 'both'])) {
  inPage(`ICE restarts when asked for by ${who}, and the call goes on`, async (page) => {
    const result = await page.evaluate(async (who) => {
      const { twoCalls, camera, connected, ufrag, until } = await import('/test/two-calls.js');
      const { A, B, errors } = twoCalls({ a: { stream: await camera() }, b: { stream: await camera() } });
      await connected(A, B);
      const before = [ufrag(A), ufrag(B)];
      if (who !== 'B') A.restartIce();
      if (who !== 'A') B.restartIce();
      await until(() => ufrag(A) !== before[0] && ufrag(B) !== before[1]);
      await connected(A, B);
      return { errors, some: before.every(Boolean) };
    }, who);
    assert.deepEqual(result, { errors: [], some: true });
  });
}

inPage('when ICE has failed it restarts by itself', async (page) => {
  const errors = await page.evaluate(async () => {
    const { twoCalls, camera, connected, ufrag, until } = await import('/test/two-calls.js');
    const { A, B, errors } = twoCalls({ a: { stream: await camera() } });
    await connected(A, B);
    const before = ufrag(B);
    Object.defineProperty(B.peerConnection, 'iceConnectionState', { value: 'failed' });
    B.peerConnection.dispatchEvent(new Event('iceconnectionstatechange'));
    await until(() => ufrag(B) !== before);
    await connected(A, B);
    return errors;
  });
  assert.deepEqual(errors, []);
});

inPage('an initiator without a camera sees the other', async (page) => {
  const result = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, errors } = twoCalls({ b: { stream: await camera() } });
    await connected(A, B);
    await until(() => A.remoteStream?.getTracks().length === 2);
    return { errors, seenByB: B.remoteStream };
  });
  assert.deepEqual(result, { errors: [], seenByB: null });
});

inPage('data channels are opened from either side, also by the polite one before any offer', async (page) => {
  const result = await page.evaluate(async () => {
    const { twoCalls, connected, until } = await import('/test/two-calls.js');
    /** @type {string[]} */
    const heard = [];
    /** @param {string} name @returns {(pc: RTCPeerConnection) => void} */
    const chat = (name) => (pc) => {
      const channel = pc.createDataChannel(name);
      channel.onopen = () => channel.send(`from ${name}`);
      pc.ondatachannel = (event) => (event.channel.onmessage = ({ data }) => heard.push(data));
    };
    const { A, B, errors, offersOf } = twoCalls({ a: { receive: [], onPeerConnection: chat('A') }, b: { onPeerConnection: chat('B') } });
    await connected(A, B);
    await until(() => heard.length === 2);
    return { errors, heard: heard.sort(), offersOfB: offersOf('B').length };
  });
  assert.deepEqual(result, { errors: [], heard: ['from A', 'from B'], offersOfB: 0 });
});

inPage('a description that makes no sense is an error, and the call goes on', async (page) => {
  const errors = await page.evaluate(async () => {
    const { twoCalls, camera, connected, until } = await import('/test/two-calls.js');
    const { A, B, errors, wire } = twoCalls({ a: { stream: await camera() } });
    await connected(A, B);
    wire.ends.B.hear('offer', 'nonsense');
    await until(() => errors.length === 1);
    A.restartIce();
    await until(() => wire.log.filter(({ type }) => type === 'answer').length === 2);
    await connected(A, B);
    return errors.length;
  });
  assert.equal(errors, 1);
});

inPage('with its room the call ends: once, for good, and in silence', async (page) => {
  const result = await page.evaluate(async () => {
    const { twoCalls, camera, connected } = await import('/test/two-calls.js');
    const stream = await camera();
    const { A, B, wire, errors } = twoCalls({ a: { stream } });
    await connected(A, B);
    /** @type {string[]} */
    const closed = [];
    A.on('closed', ({ reason }) => closed.push(reason));
    const sent = wire.log.length;
    wire.ends.A.endRoom();
    A.close();
    A.restartIce();
    wire.ends.A.hear('offer', 'late');
    wire.ends.A.hear('ice', null);
    await new Promise((resolve) => setTimeout(resolve));
    return {
      closed,
      errors,
      state: A.peerConnection.signalingState,
      sent: wire.log.length - sent,
      camera: stream.getTracks().every((track) => track.readyState === 'live'),
    };
  });
  assert.deepEqual(result, { closed: ['left'], errors: [], state: 'closed', sent: 0, camera: true });
});
