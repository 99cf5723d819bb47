/**
 * As much of a TURN client (RFC 8656) as it takes to ask for a permission: whether a server would relay to an address. Nothing is sent
 * to that address.
 */

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

/** @typedef {{ username: string, credential: string }} Credential */
/** @typedef {{ error: number, realm: string, nonce: string }} Answer `error` is 0 for success. */

/** An allocation, made with a long-term credential (RFC 8489 section 9.2). */
export class TurnClient {
  #socket = createSocket('udp4');
  #credential;
  #port;
  #realm = '';
  #nonce = '';

  /** @param {number} port On the loopback interface. @param {Credential} credential */
  constructor(port, credential) {
    this.#port = port;
    this.#credential = credential;
  }

  /** @param {'IPv4' | 'IPv6'} family Of the relay's address. @returns {Promise<number>} The error's code; 0 for none. */
  async allocate(family) {
    const wanted = [attribute(REQUESTED_TRANSPORT, Buffer.from([17, 0, 0, 0])), attribute(REQUESTED_FAMILY, Buffer.from([FAMILIES[family], 0, 0, 0]))];
    // The first answer says what to sign the second request with. A nonce may be stale at once: coturn, when it has just started, says so.
    let answer = await this.#ask(ALLOCATE, wanted);
    for (let tries = 0; tries < 3 && (answer.error === 438 || (answer.error === 401 && !this.#nonce)); tries++) {
      [this.#realm, this.#nonce] = [answer.realm, answer.nonce];
      answer = await this.#ask(ALLOCATE, wanted);
    }
    return answer.error;
  }

  /** @param {string} address @returns {Promise<number>} 403 if the server won't relay there. */
  async permit(address) {
    return (await this.#ask(CREATE_PERMISSION, (id) => [attribute(XOR_PEER_ADDRESS, peerAddress(address, id))])).error;
  }

  close() {
    this.#socket.close();
  }

  /**
   * @param {number} method
   * @param {Buffer[] | ((id: Buffer) => Buffer[])} attributes
   * @returns {Promise<Answer>}
   */
  async #ask(method, attributes) {
    const id = randomBytes(12);
    const { username, credential } = this.#credential;
    const own = typeof attributes === 'function' ? attributes(id) : attributes;
    const signed = this.#nonce && [attribute(USERNAME, username), attribute(REALM, this.#realm), attribute(NONCE, this.#nonce)];
    const body = Buffer.concat([...own, ...(signed || [])]);
    let message = Buffer.concat([header(method, body.length, id), body]);
    if (signed) {
      const key = createHash('md5').update(`${username}:${this.#realm}:${credential}`).digest();
      // Signed as if the signature were there already.
      const covered = Buffer.concat([header(method, body.length + 24, id), body]);
      message = Buffer.concat([covered, attribute(MESSAGE_INTEGRITY, createHmac('sha1', key).update(covered).digest())]);
    }
    const answered = once(this.#socket, 'message');
    this.#socket.send(message, this.#port, '127.0.0.1');
    const [answer] = await answered;
    return readAnswer(answer);
  }
}

/** @param {Buffer} answer @returns {Answer} */
function readAnswer(answer) {
  const found = { error: 0, realm: '', nonce: '' };
  for (let at = 20; at < answer.length; ) {
    const [type, length] = [answer.readUInt16BE(at), answer.readUInt16BE(at + 2)];
    const value = answer.subarray(at + 4, at + 4 + length);
    if (type === ERROR_CODE) found.error = value.readUInt8(2) * 100 + value.readUInt8(3);
    if (type === REALM) found.realm = value.toString();
    if (type === NONCE) found.nonce = value.toString();
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return found;
}

/** @param {number} method @param {number} length @param {Buffer} id */
function header(method, length, id) {
  const start = Buffer.alloc(4);
  start.writeUInt16BE(method, 0);
  start.writeUInt16BE(length, 2);
  return Buffer.concat([start, COOKIE, id]);
}

/** @param {number} type @param {Buffer | string} value */
function attribute(type, value) {
  const bytes = Buffer.from(value);
  const start = Buffer.alloc(4);
  start.writeUInt16BE(type, 0);
  start.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([start, bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

/** @param {string} address @param {Buffer} id */
function peerAddress(address, id) {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  const mask = Buffer.concat([COOKIE, id]);
  const family = isIPv6(address) ? FAMILIES.IPv6 : FAMILIES.IPv4;
  const port = Buffer.from([9 ^ 0x21, 9 ^ 0x12]);
  return Buffer.concat([Buffer.from([0, family]), port, bytes.map((byte, index) => byte ^ Number(mask[index]))]);
}

/** @param {string} address */
function ipv6Bytes(address) {
  const [head = '', tail = ''] = address.split('::');
  const groups = (/** @type {string} */ half) => (half ? half.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...Array(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

const COOKIE = Buffer.from([0x21, 0x12, 0xa4, 0x42]);
const FAMILIES = { IPv4: 1, IPv6: 2 };
const ALLOCATE = 0x003;
const CREATE_PERMISSION = 0x008;
const USERNAME = 0x006;
const MESSAGE_INTEGRITY = 0x008;
const ERROR_CODE = 0x009;
const XOR_PEER_ADDRESS = 0x012;
const REALM = 0x014;
const NONCE = 0x015;
const REQUESTED_FAMILY = 0x017;
const REQUESTED_TRANSPORT = 0x019;
