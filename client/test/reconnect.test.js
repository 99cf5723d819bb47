import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FINAL_CLOSE_CODES, nextReconnect, RECONNECT_BOUNDS } from '../src/reconnect.js';

/** @import { ReconnectContext } from '../src/reconnect.js' */

/** @type {ReconnectContext} */
const BROKEN = { attempt: 0, closeCode: 1006, wasClean: false, draining: false, random: 0.5 };

for (const code of [1002, 1003, 1007, 1008, 1009, 4401, 4409, 4410]) {
  test(`after ${code} a client stays away, and says why`, () => {
    const decision = nextReconnect({ ...BROKEN, closeCode: code, wasClean: true });
    assert.deepEqual(decision, { reconnect: false, why: FINAL_CLOSE_CODES[code] });
  });
}

for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 3000, 4000, 4999]) {
  test(`after ${code} a client comes back`, () => {
    assert.equal(nextReconnect({ ...BROKEN, closeCode: code }).reconnect, true);
  });
}

test('the ceiling of the delay doubles with each attempt, from 500 ms to 20 s', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((attempt) => delayOf({ ...BROKEN, attempt, random: 1 }));
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
});

test('the jitter is full: any delay below the ceiling may come, down to none', () => {
  assert.equal(delayOf({ ...BROKEN, attempt: 3, random: 0 }), 0);
  assert.equal(delayOf({ ...BROKEN, attempt: 3, random: 0.25 }), 1000);
});

test('a client of a draining server comes back promptly, but only at its first attempt', () => {
  const drained = { ...BROKEN, closeCode: 1012, draining: true, random: 1 };
  assert.equal(delayOf(drained), 250);
  assert.equal(delayOf({ ...drained, attempt: 1 }), 1000);
});

test('while a session is kept, no delay is longer than a fifth of its window', () => {
  const ceilings = [0, 2, 3, 4, 1000].map((attempt) => delayOf({ ...BROKEN, attempt, keptForMs: 15_000, random: 1 }));
  assert.deepEqual(ceilings, [500, 2000, 3000, 3000, 3000]);
});

test('a server that is back by four fifths of the window is asked within it, whatever is drawn', () => {
  const random = mulberry32(7);
  for (let run = 0; run < 2_000; run += 1) {
    let at = 0;
    for (let attempt = 0; at < 12_000; attempt += 1) at += delayOf({ ...BROKEN, attempt, keptForMs: 15_000, random: random() });
    assert.ok(at <= 15_000, `asked after ${at} ms`);
  }
});

test('what the server asks for is waited, and the jitter comes on top', () => {
  assert.equal(delayOf({ ...BROKEN, serverHintMs: 3000, random: 0 }), 3000);
  assert.equal(delayOf({ ...BROKEN, serverHintMs: 3000, random: 1 }), 3500);
});

test('a server that asks for an hour is not believed', () => {
  assert.equal(delayOf({ ...BROKEN, serverHintMs: 3_600_000, random: 0 }), 60_000);
});

test('attempts can be bounded', () => {
  assert.equal(nextReconnect({ ...BROKEN, attempt: 2 }, { maxAttempts: 3 }).reconnect, true);
  assert.equal(nextReconnect({ ...BROKEN, attempt: 3 }, { maxAttempts: 3 }).reconnect, false);
});

test('in any context the answer is the same twice, and a delay is whole and within its bounds', () => {
  const random = mulberry32(20_250_101);
  const codes = [...Array.from({ length: 16 }, (_, i) => 1000 + i), 4000, 4401, 4409, 4410, 4999];
  for (let run = 0; run < 20_000; run += 1) {
    const context = {
      attempt: Math.floor(random() * 40),
      closeCode: /** @type {number} */ (codes[Math.floor(random() * codes.length)]),
      wasClean: random() < 0.5,
      draining: random() < 0.3,
      ...(random() < 0.3 && { serverHintMs: Math.floor(random() * 200_000) }),
      random: random(),
    };
    const decision = nextReconnect(context);
    const shown = JSON.stringify({ context, decision });
    assert.deepEqual(nextReconnect(context), decision, shown);
    assert.equal(decision.reconnect, !(context.closeCode in FINAL_CLOSE_CODES), shown);
    if (!decision.reconnect) continue;
    const least = Math.min(context.serverHintMs ?? 0, 60_000);
    assert.ok(Number.isInteger(decision.delayMs), shown);
    assert.ok(decision.delayMs >= least && decision.delayMs <= least + RECONNECT_BOUNDS.capMs, shown);
  }
});

/** @param {ReconnectContext} context */
function delayOf(context) {
  const decision = nextReconnect(context);
  assert.ok(decision.reconnect);
  return decision.delayMs;
}

/** Small and repeatable: a failing run is its seed. @param {number} seed */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
