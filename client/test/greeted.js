/** A client that a scripted gateway has greeted: where most tests begin. */

/** @import { TestContext } from 'node:test' */
/** @import { SignalingOptions } from '../src/options.js' */

import { WebSocket } from 'ws';
import { Signaling } from '../src/signaling.js';
import { nextOf } from './events.js';
import { scriptedGateway } from './scripted-gateway.js';

/** @param {TestContext} t @param {SignalingOptions} [options] */
export async function greeted(t, options = {}) {
  const gateway = await scriptedGateway(t);
  const signaling = new Signaling(gateway.url, { WebSocket, ...options });
  t.after(() => signaling.close());
  signaling.connect();
  const client = await gateway.connection();
  client.greet();
  await nextOf(signaling, 'ready');
  return { signaling, client, gateway };
}
