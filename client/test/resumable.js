/** Sessions of `duet.v1` with a scripted gateway: begun, in a room, and resumed on the next connection. */

import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import { Signaling } from '../src/signaling.js';
import { nextOf } from './events.js';
import { scriptedGateway } from './scripted-gateway.js';

/** @import { TestContext } from 'node:test' */
/** @import { SignalingOptions } from '../src/options.js' */
/** @import { Client } from './scripted-gateway.js' */

export const TERMS = { resumeToken: 'token 1', resumeWindowMs: 15_000 };
export const RESUMED = { type: 'resumed', clientId: 'me', state: 'matched', roomId: 'r1', partnerId: 'p1', initiator: true };
export const IDLE = { state: 'idle', roomId: undefined, partnerId: undefined, initiator: undefined };

/** @typedef {Awaited<ReturnType<typeof scriptedGateway>>} Gateway */

/** @param {TestContext} t @param {SignalingOptions} [options] */
export async function start(t, options = {}) {
  const gateway = await scriptedGateway(t);
  const signaling = new Signaling(gateway.url, { WebSocket, random: () => 0, ...options });
  t.after(() => signaling.close());
  return { signaling, gateway };
}

/** @param {Signaling} signaling @param {Gateway} gateway @param {Record<string, unknown>} [fields] */
export async function greeted(signaling, gateway, fields = TERMS) {
  signaling.connect();
  const client = await gateway.connection();
  client.greet(fields);
  await nextOf(signaling, 'ready');
  return client;
}

/** In a room by messages 1 and 1, with nothing left to take. @param {TestContext} t @param {SignalingOptions} [options] */
export async function inRoom(t, options = {}) {
  const { signaling, gateway } = await start(t, options);
  const client = await greeted(signaling, gateway);
  signaling.available({ tags: ['chess'] });
  for (let message = await client.take(); message.type !== 'available'; message = await client.take());
  client.match({ seq: 1, ack: 1 });
  await nextOf(signaling, 'matched');
  return { signaling, client, gateway };
}

/**
 * Breaks the connection and resumes on the next.
 * @param {Client} client
 * @param {Gateway} gateway
 * @param {Record<string, unknown>} [fields] Of `resumed`.
 * @param {Record<string, unknown>} [greeting]
 */
export async function resume(client, gateway, fields, greeting) {
  client.socket.terminate();
  return resumeOn(gateway, fields, greeting);
}

/** @param {Gateway} gateway @param {Record<string, unknown>} [fields] @param {Record<string, unknown>} [greeting] */
export async function resumeOn(gateway, fields = {}, greeting = {}) {
  const again = await gateway.connection();
  again.greet({ clientId: 'provisional', ...TERMS, ...greeting });
  assert.equal((await again.take()).type, 'resume');
  again.send({ ...RESUMED, ack: 1, resumeToken: 'token 1', ...fields });
  assert.equal((await again.take()).type, 'ping');
  return again;
}
