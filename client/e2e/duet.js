/**
 * Runs the real `duet` for tests, standalone or as gateways and a matchmaker, on free ports. Each process ends with its test.
 */

/** @import { ChildProcess } from 'node:child_process' */
/** @import { TestContext } from 'node:test' */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `DUET` in the environment names another executable. */
const EXECUTABLE = process.env.DUET ?? fileURLToPath(new URL('../../target/debug/duet', import.meta.url));

/** @typedef {'standalone' | 'two processes'} Shape */
/** @typedef {Pick<TestContext, 'after'>} Test */

/** @type {Shape[]} */
export const SHAPES = ['standalone', 'two processes'];

/**
 * Starts a deployment; the page's address.
 * @param {Test} t
 * @param {Shape} shape
 * @param {string[]} [more] Further flags of the gateway.
 */
export async function startDuet(t, shape, more = []) {
  if (shape === 'standalone') return (await start(t, ['standalone', ...listen(), ...more])).says('Demo page');
  return (await startGateway(t, await startMatchmaker(t), { more })).says('Demo page');
}

/** @param {Test} t @param {string[]} [more] Further flags. @returns {Promise<string>} Where gateways find it. */
export async function startMatchmaker(t, more = []) {
  return `http://${(await start(t, ['matchmaker', '--grpc-listen', '127.0.0.1:0', ...more])).says('gRPC')}`;
}

/**
 * @param {Test} t
 * @param {string} matchmaker
 * @param {{ port?: number, more?: string[] }} [options] The port, if not any; further flags.
 */
export function startGateway(t, matchmaker, { port, more = [] } = {}) {
  return start(t, ['gateway', '--matchmaker-url', matchmaker, ...listen(port), ...more]);
}

const listen = (port = 0) => ['--listen-address', '127.0.0.1', '--port', String(port)];

/** A process that has greeted. */
class Duet {
  #child;
  #greeting;

  /** @param {ChildProcess} child @param {string[]} greeting */
  constructor(child, greeting) {
    this.#child = child;
    this.#greeting = greeting;
  }

  /** Of its page. */
  get port() {
    return Number(new URL(this.says('Demo page')).port);
  }

  /**
   * What the greeting says on the line of that name.
   * @param {string} name
   */
  says(name) {
    const line = this.#greeting.find((text) => text.trimStart().startsWith(name));
    const value = line?.trimStart().slice(name.length).trim().split(/\s/)[0];
    if (!value) throw new Error(`no ${name} in ${this.#greeting.join('\n')}`);
    return value;
  }

  /** @param {NodeJS.Signals} signal @returns {Promise<unknown>} When it has ended. */
  end(signal) {
    return end(this.#child, signal);
  }
}

/**
 * Starts a process and reads its greeting.
 * @param {Test} t
 * @param {string[]} args
 */
async function start(t, args) {
  const child = spawn(EXECUTABLE, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { RUST_LOG: 'warn,hyper=error' } });
  t.after(() => end(child, 'SIGKILL'));
  const greeting = [];
  for await (const line of createInterface(child.stdout)) {
    greeting.push(line);
    if (line.includes('Ctrl-C')) return new Duet(child, greeting);
  }
  throw new Error(`duet ${args.join(' ')} did not start: ${greeting.join('\n')}`);
}

/** @param {ChildProcess} child @param {NodeJS.Signals} signal */
async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
