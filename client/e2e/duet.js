/**
 * Runs the real `duet` for tests, standalone or as gateway and matchmaker, on free ports. Each process ends with its test.
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

/** @type {Shape[]} */
export const SHAPES = ['standalone', 'two processes'];

/**
 * Starts a deployment; the page's address.
 * @param {Pick<TestContext, 'after'>} t
 * @param {Shape} shape
 */
export async function startDuet(t, shape) {
  const port = ['--port', '0', '--listen-address', '127.0.0.1'];
  if (shape === 'standalone') return address(await start(t, ['standalone', ...port]), 'Demo page');
  const matchmaker = await start(t, ['matchmaker', '--grpc-listen', '127.0.0.1:0']);
  const url = ['--matchmaker-url', `http://${address(matchmaker, 'gRPC')}`];
  return address(await start(t, ['gateway', ...url, ...port]), 'Demo page');
}

/**
 * Starts a process and reads its greeting.
 * @param {Pick<TestContext, 'after'>} t
 * @param {string[]} args
 */
async function start(t, args) {
  const child = spawn(EXECUTABLE, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { RUST_LOG: 'warn,hyper=error' } });
  t.after(() => end(child));
  const greeting = [];
  for await (const line of createInterface(child.stdout)) {
    greeting.push(line);
    if (line.includes('Ctrl-C')) return greeting;
  }
  throw new Error(`duet ${args.join(' ')} did not start: ${greeting.join('\n')}`);
}

/** @param {ChildProcess} child */
async function end(child) {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/**
 * What the greeting says on the line of that name.
 * @param {string[]} greeting
 * @param {string} name
 */
function address(greeting, name) {
  const line = greeting.find((text) => text.trimStart().startsWith(name));
  const value = line?.trimStart().slice(name.length).trim().split(/\s/)[0];
  if (!value) throw new Error(`no ${name} in ${greeting.join('\n')}`);
  return value;
}
