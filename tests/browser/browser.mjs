// A real Chromium for the tests and the screenshots, and what they look at in a page.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const require = createRequire(join(resolve('build/browser'), 'package.json'));
const { chromium } = require('playwright-core');
const axe = require.resolve('axe-core/axe.min.js');

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--font-render-hinting=none',
];

/** A browser with a profile of its own, which `close` removes. */
export async function open({ width = 1280, height = 900 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-browser-'));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: flags,
    viewport: { width, height },
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A page that remembers what went wrong in it: console errors, exceptions, requests that failed. */
export async function pageOf(context) {
  const page = await context.newPage();
  page.wrong = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.wrong.push(`${message.type()}: ${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => page.wrong.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => {
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') page.wrong.push(`failed: ${request.url()}`);
  });
  page.setDefaultTimeout(60000); // for machines that do much else
  return page;
}

/** How many pixels the page is wider than its window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** What axe finds, in words. */
export async function violations(page) {
  // The page's policy allows no script but its own, so axe comes over the debugger instead of a script element.
  const { readFileSync } = await import('node:fs');
  await page.evaluate(readFileSync(axe, 'utf8'));
  const { violations: found } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
  return found.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.replace(/\s+/g, ' ')}`));
}

export class Skipped extends Error {}

export function skip(why) {
  throw new Skipped(why);
}

/** Does the server have this route, as "GET /v1/users/{user}"? */
export async function hasRoute(base, route) {
  const { routes } = await (await fetch(`${base}/v1`)).json();
  return routes.some(({ method, path }) => `${method} ${path}` === route);
}

/** Waits until `of()` is true or the time is over; then throws with `what`. */
export async function until(what, of, ms = 60000) {
  for (const end = Date.now() + ms; ; await new Promise((done) => setTimeout(done, 50))) {
    if (await of()) return;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
  }
}
