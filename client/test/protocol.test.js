/** The protocol as it is documented, against what the server is tested with: its golden files and its tables of codes and bounds. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { REPORT_BOUNDS, WISH_BOUNDS } from '../src/messages.js';
import { FINAL_CLOSE_CODES } from '../src/reconnect.js';

/** @typedef {{ name: string, validate: (value: unknown) => boolean, examples: { name: string, payload: unknown }[] }} Message */
/** @typedef {{ code: number, reason: string, meaning: string, reconnect?: boolean, keepsSession: boolean }} CloseRow */
/** @typedef {{ type: string, seq?: number, ack?: number, [field: string]: unknown }} Said */

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
    // Some are written without the number that they get before they are sent.
    const sent = ONLY_WITH_NUMBERS.has(message.type) ? { seq: 1, ...message } : message;
    assert.deepEqual(kinds(server, sent), [message.type], line);
  }
});

test('whatever the server accepts from a client is documented, and so is what the partner then gets', () => {
  for (const { said, outcome } of golden().filter(({ accepted }) => accepted)) {
    const message = JSON.parse(said);
    assert.deepEqual(kinds(client, message), [message.type], said);
    const passed = outcome.match(/^for .*?: (.*)$/)?.[1];
    if (passed !== undefined) {
      const heard = JSON.parse(passed);
      assert.deepEqual(kinds(server, heard), [message.type], passed);
      assert.deepEqual(kinds(server, { ...heard, seq: 3, ack: 1 }), [message.type], passed);
    }
  }
});

test('whatever JSON the server refuses is refused by the document, save for what no schema can say', () => {
  const beyondSchemas = [/stands twice/, /hex escape/, /blank or too long/];
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

test('the numbers that the server reads are those of the document, up to the largest', () => {
  const numbered = golden().filter(({ numbers }) => numbers !== undefined);
  for (const { said, numbers } of numbered) {
    const { seq, ack } = JSON.parse(said);
    assert.deepEqual([seq ?? null, ack ?? null], numbers, said);
  }
  const { seq } = document.components.schemas.ClientMessage.properties;
  assert.equal(Math.max(...numbered.map(({ numbers }) => must(numbers)[0] ?? 0)), seq.maximum);
});

test('the messages with numbers are those that the server numbers, and takes with a number', () => {
  const [, down] = must(read('proto/src/frame.rs').match(/fn is_numbered[^]*?match self \{([^]*?)=> true/));
  const told = [...must(down).matchAll(/Down::(\w+)/g)].map(([, name]) => kebabCase(must(name)));
  const named = told.flatMap((name) => (name === 'forward' ? ['offer', 'answer', 'ice'] : [name]));
  assert.deepEqual(refusing(server, { seq: 0 }), [...named, 'void'].sort());

  const [, outside] = must(read('proto/src/json/client.rs').match(/is_outside = matches!\(([^]*?)\);/));
  const unnumbered = [...must(outside).matchAll(/ClientMessage::(\w+)/g)].map(([, name]) => kebabCase(must(name)));
  assert.deepEqual(refusing(client, { seq: 1 }), unnumbered.sort());
  assert.deepEqual(refusing(client, { ack: 0 }), []);
});

test('the session that the text begins with is made of documented messages without numbers', () => {
  const session = example(0);
  assert.equal(session.length, 10);
  for (const { message } of session) {
    assert.ok(!('seq' in message) && !('ack' in message), JSON.stringify(message));
  }
});

test('the resumed session of the text loses nothing and repeats what it says it does', () => {
  const session = example(1);
  const heard = session.filter(({ byClient }) => !byClient).map(({ message }) => message);
  const said = session.filter(({ byClient }) => byClient).map(({ message }) => message);
  const ready = must(heard.find(({ type }) => type === 'ready'));
  const resumed = must(heard.find(({ type }) => type === 'resumed'));
  const resume = must(said.find(({ type }) => type === 'resume'));
  const before = session.slice(0, session.findIndex(({ message }) => message === resume)).map(({ message }) => message);
  const numbersOf = (/** @type {Said[]} */ messages) => messages.flatMap(({ seq }) => seq ?? []);

  assert.equal(resume.token, ready.resumeToken);
  assert.equal(resumed.clientId, ready.clientId);
  assert.equal(resume.ack, numbersOf(heard.filter((message) => before.includes(message))).at(-1));
  assert.deepEqual(numbersOf(heard), upTo(numbersOf(heard).length));
  const first = numbersOf(said.filter((message) => before.includes(message)));
  assert.deepEqual(first, upTo(first.length));
  assert.deepEqual(numbersOf(said).slice(first.length), first.slice(resumed.ack));
});

test('the text has a row for every message', () => {
  for (const [headings, messages] of /** @type {const} */ ([
    [['What a client sends', 'Added to what a client sends'], client],
    [['What the server sends', 'Added to what the server sends'], server],
  ])) {
    const first = headings.flatMap(firstCells);
    const documented = first.flatMap((cell) => [...cell.matchAll(/`(.+?)`/g)].map(([, name]) => name));
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

test('a session outlives the closes that the server says it outlives', () => {
  const source = read('proto/src/close.rs');
  const [, kept] = must(source.match(/fn keeps_session[^]*?match self \{([^]*?)=> true/));
  const names = [...must(kept).matchAll(/CloseCode::(\w+)/g)].map(([, name]) => name);
  const codes = names.map((name) => Number(source.match(new RegExp(`CloseCode::${name} => \\((\\d+),`))?.[1]));
  /** @type {CloseRow[]} */
  const rows = document.channels.duet['x-close-codes'];
  assert.ok(codes.length > 0);
  assert.deepEqual(rows.filter(({ keepsSession }) => keepsSession).map(({ code }) => code), codes.sort());
  const ended = cells('Closes').filter(([, , , , session]) => must(session).startsWith('ends')).map(([code]) => Number(code));
  assert.deepEqual(rows.filter(({ keepsSession }) => !keepsSession).map(({ code }) => code), ended);
});

test('the bounds are those of the server', () => {
  const constants = read('proto/src/bounds.rs').matchAll(/^pub const (\w+): usize = (\d+);$/gm);
  const all = Object.fromEntries([...constants].map(([, name, value]) => [name, Number(value)]));
  // No schema bounds nesting, what is kept or what tokens say, and no message names a process.
  const { JSON_DEPTH, RESUME_MESSAGES, PROCESS_NAME: _, PUBLIC_CLAIMS: _shown, ASSIGNED_TAGS, ...bounds } = all;
  const { messages, schemas } = document.components;
  const { pool, tags, avoid, region } = messages.available.payload.properties;
  const { tags: shared } = messages.matched.payload.properties;
  const { reason, details } = messages.report.payload.properties;
  const quotes = 2;
  assert.deepEqual(
    {
      JSON_MEMBERS: schemas.ClientMessage.maxProperties,
      JSON_NAME: schemas.ClientMessage.propertyNames.maxLength,
      POOL: pool.maxLength,
      TAGS: tags.maxItems,
      WISH_TAGS: shared.maxItems,
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
  const { POOL, TAGS, TAG, AVOID, REGION, REPORT_REASON, REPORT_DETAILS } = bounds;
  assert.deepEqual(WISH_BOUNDS, { pool: POOL, tags: TAGS, tag: TAG, avoid: AVOID, region: REGION });
  assert.deepEqual(REPORT_BOUNDS, { reason: REPORT_REASON, details: REPORT_DETAILS });
  assert.equal(shared.items.maxLength, bounds.TAG);
  assert.equal(bounds.WISH_TAGS, must(bounds.TAGS) + must(ASSIGNED_TAGS));
  assert.ok(prose.includes(`up to ${ASSIGNED_TAGS} more \`tags\``));
  assert.equal(messages.resume.payload.properties.token.maxLength, bounds.TOKEN);
  const [, kib] = must(read('proto/src/bounds.rs').match(/RESUME_BYTES: usize = (\d+) \* 1024;/));
  for (const bound of [`at most ${JSON_DEPTH} deep`, `${RESUME_MESSAGES} messages and ${kib} KiB`]) {
    for (const text of [prose, document.info.description]) {
      assert.ok(text.replace(/\s+/g, ' ').includes(bound), bound);
    }
  }
  const [, seconds] = must(read('proto/src/bounds.rs').match(/RESUME_WINDOW: Duration = Duration::from_secs\((\d+)\);/));
  assert.equal(messages.ready.payload.properties.resumeWindowMs.maximum, Number(seconds) * 1000);
});

const NO_JSON = Symbol('no JSON');
const ONLY_WITH_NUMBERS = new Set(['partner-away', 'partner-back', 'void']);

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

/**
 * The kinds of message whose examples, good as they are, are refused with this in them.
 * @param {Message[]} messages
 * @param {object} members
 */
function refusing(messages, members) {
  const refused = messages.filter(({ validate, examples }) =>
    examples.every(({ payload }) => !validate({ .../** @type {object} */ (payload), ...members })),
  );
  return refused.map(({ name }) => name).sort();
}

/** What clients say in the golden files of both layers, which numbers are read from it, and what it comes to. */
function golden() {
  const text = read('proto/golden/client.txt') + read('proto/golden/numbered.txt');
  const lines = text.matchAll(/^> (.*)\n(?:# (.*)\n)?([=!]) (.*)$/gm);
  const all = [...lines].map(([, said, numbers, mark, outcome]) => ({
    said: must(said),
    numbers: numbers?.split(' ').map((number) => (number === 'None' ? null : Number(number.match(/^Some\((\d+)\)$/)?.[1]))),
    accepted: mark === '=',
    outcome: must(outcome),
  }));
  assert.equal(all.length, text.match(/^> /gm)?.length);
  return all;
}

/**
 * One of the sessions that the text shows, each line a documented message or a remark.
 * @param {number} index
 */
function example(index) {
  const [, session] = must([...prose.matchAll(/```text\n([^]*?)```/g)][index]);
  const lines = must(session).trim().split('\n').filter((line) => !line.startsWith('-- '));
  return lines.map((line) => {
    assert.match(line, /^[←→] /);
    const byClient = line.startsWith('→ ');
    /** @type {Said} */
    const message = JSON.parse(line.slice(2));
    assert.deepEqual(kinds(byClient ? client : server, message), [message.type], line);
    return { byClient, message };
  });
}

/** @param {number} last */
function upTo(last) {
  return Array.from({ length: last }, (_, index) => index + 1);
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
  const [, section] = must(prose.match(new RegExp(`^##+ ${heading}\\n([^]*?)(?=^##+ |$(?![^]))`, 'm')));
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
