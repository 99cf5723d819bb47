/**
 * Chromium for tests, with a camera and a microphone that are made up. Which pages it opens, and against which gateway, is
 * the test's.
 */

import { chromium } from 'playwright-core';

/** @import { Browser, BrowserContext } from 'playwright-core' */

/** `CHROMIUM` in the environment names another one. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** @param {{ args?: string[] }} [more] */
export function launchChromium({ args = [] } = {}) {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--no-sandbox',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      // Without it addresses are hidden behind .local names, which need a multicast network.
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      ...args,
    ],
  });
}

/**
 * A page that fails the test on any error of its scripts or breach of its content policy.
 * @param {Browser | BrowserContext} browser
 * @param {(problem: string) => void} onProblem
 */
export async function watchedPage(browser, onProblem) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => onProblem(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') onProblem(message.text());
  });
  return page;
}
