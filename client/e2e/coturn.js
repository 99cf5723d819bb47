/** Runs Debian's coturn for tests, on the loopback interface and a free port. It ends with its test. */

/** @import { TestContext } from 'node:test' */

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** `TURNSERVER` in the environment names another executable. */
const EXECUTABLE = process.env.TURNSERVER ?? 'turnserver';

/**
 * @param {Pick<TestContext, 'after'>} t
 * @param {string} secret What it shares with the gateway.
 * @param {{ config?: string }} [options] The path of a configuration, of which all holds that a test need not have otherwise.
 */
export async function startCoturn(t, secret, { config } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'coturn-'));
  const port = await freePort();
  const options = {
    'listening-ip': '127.0.0.1',
    'listening-port': String(port),
    'relay-ip': '127.0.0.1',
    ...(!config && { realm: 'duet.test' }),
    'static-auth-secret': secret,
    // What it would write elsewhere.
    userdb: join(folder, 'turndb'),
    pidfile: join(folder, 'pid'),
    'log-file': 'stdout',
  };
  // Loopback peers are for tests: coturn refuses them together with a command line that has no password.
  const flags = ['use-auth-secret', 'allow-loopback-peers', 'no-cli', 'no-tcp', 'no-tls', 'no-dtls', 'no-rfc5780', 'verbose'];
  const configured = config ? ['-c', config] : ['-n'];
  const named = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(EXECUTABLE, [...configured, ...named, ...flags.map((flag) => `--${flag}`)], { stdio: ['ignore', 'pipe', 'ignore'] });
  const failed = once(child, 'error').then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  t.after(async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true });
  });

  const log = new Log(child.stdout);
  await Promise.race([log.until(`UDP listener opened on: 127.0.0.1:${port}`), failed]);
  return { url: `turn:127.0.0.1:${port}?transport=udp`, log };
}

/** What it says, line by line. */
class Log {
  /** @type {string[]} */
  lines = [];
  /** @type {Set<() => void>} */
  #looking = new Set();
  #ended = false;

  /** @param {NodeJS.ReadableStream} output */
  constructor(output) {
    const look = () => this.#looking.forEach((look) => look());
    createInterface(output)
      .on('line', (line) => {
        this.lines.push(line);
        look();
      })
      .on('close', () => {
        this.#ended = true;
        look();
      });
  }

  /** @param {string} text @returns {Promise<void>} Once a line has it. */
  until(text) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const isThere = this.lines.some((line) => line.includes(text));
        if (isThere) resolve();
        else if (this.#ended) reject(new Error(`coturn never said "${text}": ${this.lines.join('\n')}`));
        else return;
        this.#looking.delete(look);
      };
      this.#looking.add(look);
      look();
    });
  }
}

/** A port that was free just now: coturn takes no 0 for any. */
async function freePort() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
