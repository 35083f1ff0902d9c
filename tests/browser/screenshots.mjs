// Pictures of the console's pages, light and dark: node screenshots.mjs FOLDER, beside a deployment (make screenshots).
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { open, pageOf, until } from './browser.mjs';

const base = `http://${process.env.TANDEM_LISTEN}`;
const folder = process.argv[2];
const item = 'item-00001';
const shots = [
  ['overview', 'overview', 'light', 1280, /Freshness\n+\d/],
  ['overview-dark', 'overview', 'dark', 1280, /Freshness\n+\d/],
  ['items', 'items', 'light', 1280, /no\. 0/],
  ['item', `items/${item}`, 'light', 1280, /Batch view \d/, viewed],
  ['item-dark', `items/${item}`, 'dark', 1280, /Batch view \d/, viewed],
  ['people', 'people/user-000001', 'light', 1280, /Because of[\s\S]*no\. \d/],
  ['traffic', 'traffic', 'light', 1280, /United Kingdom[\s\S]*€/, byHour],
  ['traffic-dark', 'traffic', 'dark', 1280, /United Kingdom[\s\S]*€/],
  ['runs', 'runs', 'light', 1280, /No drift/],
  ['views', 'views?view=together&group=item-00000', 'light', 1280, /Batch \+ speed|read at different/],
  ['narrow', 'overview', 'light', 360, /Freshness\n+\d/],
];

async function viewed(page) {
  await page.getByRole('button', { name: 'I just viewed this' }).click();
  await page.locator('.change').waitFor();
}

async function byHour(page) {
  await page.getByRole('radio', { name: 'Day, by hour' }).check();
  await until('hours', async () => /events/.test(await page.locator('.sum').first().innerText()));
}

mkdirSync(folder, { recursive: true });
const { context, close } = await open();
const page = await pageOf(context);
await page.goto(`${base}/#/overview`);
await new Promise((done) => setTimeout(done, +(process.env.WARM_MS ?? 60000))); // so that the last hour has something in it
for (const [name, route, colorScheme, width, shows, act] of shots) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 800 });
  await page.goto('about:blank');
  await page.goto(`${base}/#/${route}`);
  await until(name, async () => shows.test(await page.locator('main').innerText()));
  await act?.(page);
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
await close();
