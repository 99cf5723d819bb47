/**
 * PeerJS's PeerServer as it comes: node server.mjs PORT. It forwards between ids that the clients know already; it does not match.
 */

import { PeerServer } from 'peer';

const options = {
  host: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  allow_discovery: false,
  // 5,000 unless told: fewer than are connected in the measurement.
  concurrent_limit: 1_000_000,
};

const peers = PeerServer(options, (server) => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});

// A connection that breaks is an 'error' here, which without a listener would end the process.
peers.on('error', () => {});

process.on('SIGTERM', () => process.exit(0));
