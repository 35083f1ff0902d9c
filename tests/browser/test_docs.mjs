// The page /docs, made in the browser from /openapi.json: it shows every call, can be read by everybody, at every width, and by keyboard.
import assert from 'node:assert/strict';

import { open, overflow, pageOf, until, violations } from './browser.mjs';

let browser;
export const close = () => browser?.close();

async function docs(base, colorScheme = 'light') {
  browser ??= await open();
  const page = await pageOf(browser.context);
  await page.emulateMedia({ colorScheme });
  await page.goto(`${base}/docs`);
  await page.locator('main article, main section').first().waitFor();
  return page;
}

async function everyCallIsThere({ base }) {
  const page = await docs(base);
  const { paths } = await (await fetch(`${base}/openapi.json`)).json();
  const text = (await page.locator('main').innerText()).replaceAll('\u200b', ''); // where a path may break
  const operations = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => [method, path]));
  assert.ok(operations.length > 30);
  for (const [, path] of operations) assert.ok(text.includes(path), path);
  assert.equal(await page.locator('pre', { hasText: 'curl' }).count(), operations.length);
  assert.deepEqual(page.wrong, []);
  await page.close();
}

async function everybodyCanReadIt({ base }) {
  const looks = { light: 360, dark: 1920 }; // axe takes long: the page is long
  for (const [colorScheme, looked] of Object.entries(looks)) {
    const page = await docs(base, colorScheme);
    for (const width of [360, 768, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await overflow(page), 0, `${width} px`);
      if (width === looked) assert.deepEqual(await violations(page), [], `${colorScheme}, ${width} px`);
    }
    assert.deepEqual(page.wrong, []);
    await page.close();
  }
}

async function theKeyboardFindsACall({ base }) {
  const page = await docs(base);
  const focused = () => page.evaluate(() => document.activeElement.textContent || document.activeElement.id);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'To the text');
  while ((await focused()) !== 'find') await page.keyboard.press('Tab');
  const links = page.locator('#contents a:visible');
  const all = await links.count();
  await page.keyboard.type('similar');
  await until('fewer calls are listed', async () => (await links.count()) < all);
  assert.ok((await links.count()) > 0);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await until('the page is at the call', () => page.evaluate(() => decodeURIComponent(location.hash).length > 1));
  assert.match(await page.evaluate(() => document.querySelector(':target').innerText), /similar/);
  assert.deepEqual(page.wrong, []);
  await page.close();
}

export const tests = [
  ['/docs shows every call of the document', everyCallIsThere],
  ['/docs passes axe and does not scroll sideways, in light and dark, 360 to 1920 px', everybodyCanReadIt],
  ['/docs: the keyboard finds a call', theKeyboardFindsACall],
];
