/** The protocol as it is documented, against what the server is tested with: its golden files and its tables of codes and bounds. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { FINAL_CLOSE_CODES } from '../src/reconnect.js';

/** @typedef {{ name: string, validate: (value: unknown) => boolean, examples: { name: string, payload: unknown }[] }} Message */
/** @typedef {{ code: number, reason: string, meaning: string, reconnect?: boolean }} CloseRow */

const document = parse(read('docs/asyncapi.yaml'));
const prose = read('docs/protocol.md');
const ajv = new Ajv({ allowUnionTypes: true, keywords: Object.keys(document) });
ajv.addSchema(document, 'protocol');
const client = messagesOf('fromClient');
const server = messagesOf('toClient');

test('each message is in the document once, and in one operation', () => {
  const operations = [document.operations.fromClient, document.operations.toClient];
  const used = operations.flatMap(({ messages }) => messages.map(lastOfRef)).sort();
  assert.deepEqual(used, Object.keys(document.components.messages).sort());
  assert.deepEqual(Object.keys(document.channels.duet.messages).sort(), used);
  for (const messages of [client, server]) {
    assert.equal(new Set(messages.map(({ name }) => name)).size, messages.length);
  }
});

test('every message has examples, and each fits its schema and no other of that direction', () => {
  for (const messages of [client, server]) {
    for (const { name, examples } of messages) {
      assert.ok(examples.length > 0, `${name} has no example`);
      examples.forEach(({ payload }) => assert.deepEqual(kinds(messages, payload), [name]));
    }
  }
});

test('every line that the server writes is a documented message', () => {
  for (const line of read('proto/golden/server.txt').trim().split('\n')) {
    const message = JSON.parse(line);
    assert.deepEqual(kinds(server, message), [message.type], line);
  }
});

test('whatever the server accepts from a client is documented, and so is what the partner then gets', () => {
  for (const { said, outcome } of golden().filter(({ accepted }) => accepted)) {
    const message = JSON.parse(said);
    assert.deepEqual(kinds(client, message), [message.type], said);
    const passed = outcome.match(/^for .*?: (.*)$/)?.[1];
    if (passed !== undefined) {
      assert.deepEqual(kinds(server, JSON.parse(passed)), [message.type], passed);
    }
  }
});

test('whatever JSON the server refuses is refused by the document, save for what no schema can say', () => {
  const beyondSchemas = [/stands twice/, /hex escape/];
  const met = new Set();
  for (const { said, outcome } of golden().filter(({ accepted }) => !accepted)) {
    const refusal = JSON.parse(outcome);
    assert.deepEqual(kinds(server, refusal), ['error'], outcome);
    const excused = beyondSchemas.find((words) => words.test(refusal.message));
    const message = parsed(said);
    if (excused) {
      met.add(excused);
      assert.equal(kinds(client, message).length, 1, `needs no excuse: ${said}`);
    } else if (message !== NO_JSON) {
      assert.deepEqual(kinds(client, message), [], said);
    }
  }
  assert.equal(met.size, beyondSchemas.length);
});

test('the session that the text begins with is made of documented messages', () => {
  const [, session] = must(prose.match(/```text\n([^]*?)```/));
  const lines = must(session).trim().split('\n');
  assert.equal(lines.length, 10);
  for (const line of lines) {
    const message = JSON.parse(line.slice(2));
    assert.deepEqual(kinds(line.startsWith('→ ') ? client : server, message), [message.type], line);
  }
});

test('the text has a row for every message', () => {
  for (const [heading, messages] of /** @type {const} */ ([['What a client sends', client], ['What the server sends', server]])) {
    const documented = firstCells(heading).flatMap((cell) => [...cell.matchAll(/`(.+?)`/g)].map(([, name]) => name));
    assert.deepEqual(documented.sort(), messages.map(({ name }) => name).sort());
  }
});

test('the error codes are those of the server', () => {
  const [, variants] = must(read('proto/src/json/server.rs').match(/pub enum ErrorCode \{([^]*?)\n\}/));
  const codes = [...must(variants).matchAll(/^ +(\w+),$/gm)].map(([, name]) => kebabCase(must(name))).sort();
  assert.ok(codes.includes('invalid-message'));
  assert.deepEqual(document.components.schemas.ErrorCode.enum.toSorted(), codes);
  assert.deepEqual(firstCells('Errors').map(unquoted).sort(), codes);
});

test('the reasons of a parting are those of the server', () => {
  const [, arms] = must(read('proto/src/json/server.rs').match(/impl Serialize for PartnerLeftReason \{([^]*?)\n\}/));
  const reasons = [...must(arms).matchAll(/=> "(.+)"/g)].map(([, reason]) => reason);
  assert.deepEqual(document.components.messages.partnerLeft.payload.properties.reason.enum.toSorted(), reasons.sort());
});

test('the close codes are those of the server, and the SDK reconnects after those that say so', () => {
  const arms = read('proto/src/close.rs').matchAll(/CloseCode::\w+ => \((\d+), "(.*)"\)/g);
  const table = [...arms].map(([, code, reason]) => ({ code: Number(code), reason }));
  /** @type {CloseRow[]} */
  const rows = document.channels.duet['x-close-codes'];
  assert.ok(table.length > 0);
  assert.deepEqual(rows.map(({ code, reason }) => ({ code, reason })), table);
  assert.deepEqual(cells('Closes').map(([code, reason]) => ({ code: Number(code), reason: unquoted(must(reason)) })), table);
  for (const { code, reconnect } of rows.filter((row) => row.code !== 1000)) {
    assert.equal(reconnect, !(code in FINAL_CLOSE_CODES), `reconnect after ${code}`);
  }
});

test('the bounds are those of the server', () => {
  const constants = read('proto/src/bounds.rs').matchAll(/^pub const (\w+): usize = (\d+);$/gm);
  const all = Object.fromEntries([...constants].map(([, name, value]) => [name, Number(value)]));
  // No schema bounds nesting, and no message names a process.
  const { JSON_DEPTH, PROCESS_NAME: _, ...bounds } = all;
  const { messages, schemas } = document.components;
  const { pool, tags, avoid, region } = messages.available.payload.properties;
  const { reason, details } = messages.report.payload.properties;
  const quotes = 2;
  assert.deepEqual(
    {
      JSON_MEMBERS: schemas.ClientMessage.maxProperties,
      JSON_NAME: schemas.ClientMessage.propertyNames.maxLength,
      POOL: pool.maxLength,
      TAGS: tags.maxItems,
      TAG: tags.items.maxLength,
      AVOID: avoid.maxItems,
      USER_ID: schemas.UserId.maxLength,
      TOKEN: messages.auth.payload.properties.token.maxLength,
      REGION: region.maxLength,
      ROOM_ID: schemas.RoomId.maxLength,
      PING_ID: messages.ping.payload.properties.id.maxLength + quotes,
      REPORT_REASON: reason.maxLength,
      REPORT_DETAILS: details.maxLength,
      CANDIDATE_TYPE: messages.state.payload.properties.candidateType.maxLength,
    },
    bounds,
  );
  assert.equal(avoid.items.maxLength, bounds.USER_ID);
  const depth = `at most ${JSON_DEPTH} deep`;
  assert.ok(prose.includes(depth) && document.info.description.replace(/\s+/g, ' ').includes(depth));
});

const NO_JSON = Symbol('no JSON');

/** @param {string} path From the root of the repository. */
function read(path) {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/**
 * @param {'fromClient' | 'toClient'} operation
 * @returns {Message[]}
 */
function messagesOf(operation) {
  return document.operations[operation].messages.map(lastOfRef).map((/** @type {string} */ key) => {
    const { name, examples, payload } = document.components.messages[key];
    assert.equal(payload.properties.type.const, name);
    return { name, examples, validate: ajv.compile({ $ref: `protocol#/components/messages/${key}/payload` }) };
  });
}

/** @param {{ $ref: string }} reference */
function lastOfRef({ $ref }) {
  return $ref.split('/').at(-1);
}

/**
 * The kinds of message that a value is a good one of.
 * @param {Message[]} messages
 * @param {unknown} value
 */
function kinds(messages, value) {
  return messages.filter(({ validate }) => validate(value)).map(({ name }) => name);
}

/** What clients say in the golden file, and what it comes to. */
function golden() {
  const lines = read('proto/golden/client.txt').matchAll(/^> (.*)\n([=!]) (.*)$/gm);
  const all = [...lines].map(([, said, mark, outcome]) => ({
    said: must(said),
    accepted: mark === '=',
    outcome: must(outcome),
  }));
  assert.equal(all.length, read('proto/golden/client.txt').match(/^> /gm)?.length);
  return all;
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return NO_JSON;
  }
}

/**
 * The rows of the first table under a heading of the text, without the header.
 * @param {string} heading
 */
function cells(heading) {
  const [, section] = must(prose.match(new RegExp(`^## ${heading}\\n([^]*?)(?=^## |$(?![^]))`, 'm')));
  const [table] = must(must(section).match(/(^\|.*\n)+/m));
  const rows = table.trim().split('\n').slice(2);
  return rows.map((row) => row.split('|').slice(1, -1).map((cell) => cell.trim()));
}

/** @param {string} heading */
function firstCells(heading) {
  return cells(heading).map(([first]) => must(first));
}

/** @param {string} cell */
function unquoted(cell) {
  return cell.replaceAll('`', '');
}

/** @param {string} name */
function kebabCase(name) {
  return name.replace(/(?<=.)[A-Z]/g, '-$&').toLowerCase();
}

/**
 * @template T
 * @param {T | null | undefined} value
 */
function must(value) {
  assert.ok(value !== null && value !== undefined);
  return value;
}
