import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Liveness } from '../src/liveness.js';

/** @type {string[]} */
let said = [];

beforeEach(() => {
  said = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

test('a server that talks is never asked', () => {
  const liveness = make();
  for (let second = 0; second < 100; second += 1) {
    liveness.heard();
    mock.timers.tick(19_999);
  }
  assert.deepEqual(said, []);
});

test('a silent server is asked after 20 s, and dead 10 s later', () => {
  make().heard();
  mock.timers.tick(20_000);
  assert.deepEqual(said, ['ask']);
  mock.timers.tick(9_999);
  assert.deepEqual(said, ['ask']);
  mock.timers.tick(1);
  assert.deepEqual(said, ['ask', 'dead']);
});

test('an answer in time saves it, and the count starts anew', () => {
  const liveness = make();
  liveness.heard();
  mock.timers.tick(29_999);
  liveness.heard();
  mock.timers.tick(20_000);
  assert.deepEqual(said, ['ask', 'ask']);
});

test('in doubt it is asked at once', () => {
  const liveness = make();
  liveness.heard();
  liveness.doubt();
  assert.deepEqual(said, ['ask']);
  mock.timers.tick(10_000);
  assert.deepEqual(said, ['ask', 'dead']);
});

test('stopped, it says nothing more', () => {
  const liveness = make();
  liveness.heard();
  liveness.stop();
  liveness.doubt();
  mock.timers.tick(1_000_000);
  assert.deepEqual(said, []);
});

test('with 0 nothing is ever asked', () => {
  make({ pingAfterMs: 0 }).heard();
  mock.timers.tick(1_000_000);
  assert.deepEqual(said, []);
});

test('without a verdict the asking goes on', () => {
  make({ deadAfterMs: 0 }).heard();
  mock.timers.tick(20_000);
  mock.timers.tick(20_000);
  mock.timers.tick(20_000);
  assert.deepEqual(said, ['ask', 'ask', 'ask']);
});

/** @param {Partial<import('../src/liveness.js').LivenessTimes>} [times] */
function make(times = {}) {
  return new Liveness(
    { pingAfterMs: 20_000, deadAfterMs: 10_000, ...times },
    { ask: () => said.push('ask'), dead: () => said.push('dead') },
  );
}
