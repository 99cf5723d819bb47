/** The package as it is handed out: what is checked in beside the sources, and what can be imported. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('..', import.meta.url));

test('the declarations under types/ are those of the sources: `npm run types` makes them', (t) => {
  const fresh = mkdtempSync(join(tmpdir(), 'duet-types-'));
  t.after(() => rmSync(fresh, { recursive: true }));
  const tsc = join(CLIENT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(CLIENT, 'tsconfig.types.json'), '--outDir', fresh]);
  assert.deepEqual(contentsOf(join(CLIENT, 'types')), contentsOf(fresh));
});

test('the lock file names no host to fetch from', () => {
  const { packages } = JSON.parse(readFileSync(join(CLIENT, 'package-lock.json'), 'utf8'));
  const resolved = Object.values(packages).filter((entry) => 'resolved' in entry);
  assert.deepEqual(resolved, []);
});

test('by its name the package gives the SDK, and the hook apart from it', async () => {
  const sdk = await import('duet-client');
  const react = await import('duet-client/react');
  assert.deepEqual(Object.keys(sdk).sort(), [
    'Call',
    'Emitter',
    'FINAL_CLOSE_CODES',
    'LIVENESS_TIMES',
    'OutboxFullError',
    'RECONNECT_BOUNDS',
    'RECOVERY_BOUNDS',
    'REPORT_BOUNDS',
    'Signaling',
    'WISH_BOUNDS',
    'firstFrame',
    'nextReconnect',
  ]);
  assert.deepEqual(Object.keys(react), ['useSignaling']);
});

test('the sources import nothing but each other by file name, and React only in its own file: they are served as they are', () => {
  for (const [name, text] of Object.entries(contentsOf(join(CLIENT, 'src')))) {
    for (const [, from] of text.matchAll(/^(?:import|export) .* from '(.+)';$/gm)) {
      assert.match(String(from), name === 'react.js' ? /^(react|\.\/[\w-]+\.js)$/ : /^\.\/[\w-]+\.js$/, `${name} imports ${from}`);
    }
  }
});

/** @param {string} folder @returns {Record<string, string>} */
function contentsOf(folder) {
  return Object.fromEntries(readdirSync(folder).sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
