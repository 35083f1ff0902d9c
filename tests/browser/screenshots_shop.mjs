// Pictures of the shop for docs/. usage: with-deployment node tests/browser/screenshots_shop.mjs FOLDER
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { open, pageOf } from './browser.mjs';

const folder = process.argv[2];
const shop = `http://${process.env.TANDEM_LISTEN}/shop`;

async function pictures(name, size, colorScheme) {
  const browser = await open(size);
  const page = await pageOf(browser.context);
  await page.emulateMedia({ colorScheme });
  const look = async (n) => {
    await page.goto(`${shop}#/`);
    await page.locator('main .card a').nth(n).click();
    await page.locator('article.product').waitFor();
    await page.waitForFunction(() => /Changed \d+ ms/.test(document.getElementById('for-you-status').textContent));
  };
  await page.goto(shop);
  await page.getByRole('button', { name: 'Yes' }).click();
  await look(1);
  await look(8);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(1500); // the arrival of new cards
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await browser.close();
}

mkdirSync(folder, { recursive: true });
await pictures('shop', { width: 1280, height: 860 }, 'light');
await pictures('shop-dark-phone', { width: 390, height: 860 }, 'dark');
