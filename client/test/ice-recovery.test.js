import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { IceRecovery, RECOVERY_BOUNDS } from '../src/ice-recovery.js';

/** @type {string[]} */
let done = [];
/** @type {IceRecovery} */
let recovery;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
  done = [];
  recovery = new IceRecovery(RECOVERY_BOUNDS, { restart: () => done.push('restart'), giveUp: () => done.push('give up') });
});

test('a failed connection is restarted at once', () => {
  recovery.saw('failed');
  assert.deepEqual(done, ['restart']);
});

test('a disconnected one is given 4 s to heal by itself', () => {
  recovery.saw('disconnected');
  mock.timers.tick(3_999);
  assert.deepEqual(done, []);
  mock.timers.tick(1);
  assert.deepEqual(done, ['restart']);
});

test('one that has healed is left alone', () => {
  recovery.saw('disconnected');
  recovery.saw('connected');
  mock.timers.tick(60_000);
  assert.deepEqual(done, []);
});

test('after five restarts in vain it is given up, and a success in between starts the count anew', () => {
  for (let n = 0; n < 5; n += 1) recovery.saw('failed');
  recovery.saw('connected');
  done = [];
  for (let n = 0; n < 6; n += 1) recovery.saw('failed');
  assert.deepEqual(done, ['restart', 'restart', 'restart', 'restart', 'restart', 'give up']);
});

test('stopped, it does nothing more', () => {
  recovery.saw('disconnected');
  recovery.stop();
  mock.timers.tick(60_000);
  assert.deepEqual(done, []);
});
