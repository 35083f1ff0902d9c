// The demo shop and tracker.js in a real browser against a real Tandem (its address: TANDEM_LISTEN).
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { open, overflow, pageOf, violations } from './browser.mjs';

const url = `http://${process.env.TANDEM_LISTEN}`;
const shop = `${url}/shop`;
const json = async (path) => (await fetch(url + path)).json();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `what` is true, and says what it was instead. */
async function eventually(what, ms = 8000) {
  const until = Date.now() + ms;
  let value;
  do {
    value = await what();
    if (value === true) return;
    await sleep(30);
  } while (Date.now() < until);
  assert.fail(`not within ${ms} ms: ${what} (${value})`);
}

/** What an item has in the view `popular` of this hour and the last: 1 a view, 3 a cart, 5 a purchase, -5 a refund. */
async function popularity(item) {
  const hour = Math.floor(Date.now() / 3600000);
  let sum = 0;
  for (const group of [hour - 1, hour]) {
    const { counters } = await json(`/v1/views/popular/${group}?n=100000`);
    sum += counters.find((counter) => counter.member === item)?.value ?? 0;
  }
  return sum;
}

async function revenue() {
  const today = Math.floor(Date.now() / 86400000);
  let sum = 0;
  for (const day of [today - 1, today]) {
    const { counters } = await json(`/v1/views/revenue_device/${day}/GBP`);
    sum += counters.reduce((all, counter) => all + counter.value, 0);
  }
  return sum;
}

/** Until all that was acknowledged is counted. */
const settled = () =>
  eventually(async () => {
    const { lag } = await json('/v1/status');
    return lag.every((n) => n === 0);
  });

let browser;
before(async () => {
  browser = await open({ width: 1280 });
});
after(() => browser.close());

/** A tab of a new visitor: nothing is stored. */
async function visitor(path = '') {
  await browser.context.clearCookies();
  const page = await pageOf(browser.context);
  await page.goto(shop);
  await page.evaluate(() => {
    localStorage.clear();
    sessionStorage.clear();
  });
  await page.goto('about:blank');
  await page.goto(shop + path);
  await page.waitForSelector('main .card, main h1');
  return page;
}

async function consenting(path) {
  const page = await visitor(path);
  await page.getByRole('button', { name: 'Yes' }).click();
  return page;
}

const products = (page) => page.locator('main .card');
const itemOf = (card) => card.getAttribute('data-item');
const status = (page) => page.locator('#for-you-status').innerText();
const recommended = (page) => page.locator('#for-you-list .card').evaluateAll((cards) => cards.map((card) => card.dataset.item));
const changed = (page) => page.waitForFunction(() => /Changed \d+ ms/.test(document.getElementById('for-you-status').textContent));

async function look(page, n) {
  await page.goto(`${shop}#/`);
  await products(page).first().waitFor();
  const card = products(page).nth(n);
  const item = await itemOf(card);
  await card.locator('a').click();
  await page.locator('article.product').waitFor();
  return item;
}

test('tracker.js is at most 3 KB gzipped, the shop at most 16 KB, all of it from here', async () => {
  const size = async (path) => {
    const answer = await fetch(url + path, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    return Number(answer.headers.get('content-length'));
  };
  const tracker = await size('/tracker.js');
  assert.ok(tracker > 1000 && tracker <= 3072, `tracker.js: ${tracker} bytes`);
  let page = 0;
  for (const path of ['/shop', '/assets/shop.js', '/assets/shop.css']) page += await size(path);
  assert.ok(page <= 16384, `the shop: ${page} bytes`);
  const text = await (await fetch(`${url}/assets/shop.js`)).text();
  assert.deepEqual(text.match(/https?:\/\/[^\s"'`]+/g), ['http://www.w3.org/2000/svg']);
});

test('before consent, and after a no, nothing is stored and nothing sent', async () => {
  const page = await visitor();
  const posts = [];
  page.on('request', (request) => request.url().includes('/v1/events') && posts.push(request.url()));
  await look(page, 0);
  await page.getByRole('button', { name: 'No', exact: true }).click();
  await look(page, 1);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await sleep(1000);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await page.goto('about:blank');
  await sleep(300);
  assert.deepEqual(posts, []);
  await page.goto(shop);
  await products(page).first().waitFor();
  assert.equal(await page.locator('#consent').isVisible(), false);
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('the whole path: look, the list follows, basket, buy, refund, be forgotten; every count is right', async () => {
  const page = await consenting();
  const first = await look(page, 2);
  await changed(page);
  const afterFirst = await recommended(page);
  const { because } = (await json(`/v1/users/${await page.evaluate(() => tandem.user())}/recommendations?n=1`)).items[0];
  assert.ok(because.some((reason) => reason.item === first));
  const second = await look(page, 4);
  await changed(page);
  const ms = Number((await status(page)).match(/Changed (\d+) ms/)[1]);
  assert.ok(ms < 2000, `${ms} ms`);
  assert.notDeepEqual(await recommended(page), afterFirst);
  assert.ok(!(await recommended(page)).includes(second));
  assert.equal(await page.locator('section .card').count(), 8); // customers also looked at

  await page.evaluate(() => tandem.flush());
  await settled();
  const [popular, earned] = [await popularity(second), await revenue()];
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Basket 1 piece' }).click();
  await page.getByRole('button', { name: /^One more of/ }).click();
  const price = Number((await page.locator('.total strong').innerText()).replace(/[£,]/g, '').replace('.', ''));
  await page.getByRole('button', { name: 'Buy' }).click();
  await page.getByRole('button', { name: /for a refund$/ }).waitFor();
  await eventually(async () => (await popularity(second)) === popular + 3 + 5);
  await eventually(async () => (await revenue()) === earned + price);

  await page.getByRole('button', { name: /for a refund$/ }).click();
  await page.getByText('Refunded.').waitFor();
  await eventually(async () => (await revenue()) === earned);
  assert.equal(await popularity(second), popular + 3);

  const user = await page.evaluate(() => tandem.user());
  await page.getByRole('link', { name: 'You' }).click();
  await page.getByText(user).waitFor();
  await page.getByRole('button', { name: 'Forget me' }).click();
  await page.getByText(/You are forgotten: it took \d+ ms/).waitFor();
  const answer = await json(`/v1/users/${user}/recommendations`);
  assert.ok(answer.items.every((item) => !item.because));
  assert.equal(await page.evaluate(() => tandem.user()), null);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('the keyboard alone does it: consent, a product, basket, buy, refund, forget', async () => {
  const page = await visitor();
  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      return `${at.tagName} ${at.getAttribute('aria-label') || at.textContent}`.trim();
    });
  const tabTo = async (what, key = 'Tab') => {
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press(key);
      if (what.test(await focused())) return;
    }
    assert.fail(`the keyboard does not reach ${what}; it is at ${await focused()}`);
  };
  await products(page).first().waitFor();
  await tabTo(/^A Skip to the products/);
  await page.keyboard.press('Enter');
  assert.match(await focused(), /^MAIN/);
  await tabTo(/^BUTTON Yes/, 'Shift+Tab');
  await page.keyboard.press('Enter');
  await tabTo(/^A .*£/);
  await page.keyboard.press('Enter');
  await page.locator('article.product').waitFor();
  await eventually(async () => /^H1/.test(await focused()));
  await tabTo(/^BUTTON Add to basket/);
  await page.keyboard.press('Space');
  await tabTo(/^A Go to the basket/);
  await page.keyboard.press('Enter');
  await page.locator('.line').waitFor();
  await tabTo(/^BUTTON Buy/);
  await page.keyboard.press('Enter');
  await page.locator('article.box').waitFor();
  await tabTo(/^BUTTON Send back/);
  await page.keyboard.press('Enter');
  await page.getByText('Refunded.').waitFor();
  await tabTo(/^A You/, 'Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Forget me' }).waitFor();
  await tabTo(/^BUTTON Forget me/);
  await page.keyboard.press('Enter');
  await page.getByText(/You are forgotten/).waitFor();
  assert.deepEqual(page.wrong, []);
  await page.close();
});

test('what happens offline arrives when the browser is back, also in another tab, and counts once', async () => {
  const page = await consenting();
  await products(page).first().waitFor();
  const items = await products(page).evaluateAll((cards) => cards.slice(0, 3).map((card) => card.dataset.item));
  await page.evaluate(() => tandem.flush());
  await settled();
  const before = await Promise.all(items.map(popularity));
  await browser.context.setOffline(true);
  await page.getByText('You are offline.').waitFor();
  for (const item of items) {
    await page.goto(`${shop}#/item/${item}`);
    await page.locator('article.product').waitFor();
    await sleep(300);
  }
  await sleep(1500); // retries in vain
  await page.close(); // with what waits
  await browser.context.setOffline(false);
  const other = await pageOf(browser.context);
  await other.goto(shop);
  await eventually(() => other.evaluate(() => tandem.flush()));
  await settled();
  assert.deepEqual(await Promise.all(items.map(popularity)), before.map((n) => n + 1));
  assert.equal(await other.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('tandem:e:')).length), 0);
  assert.deepEqual(other.wrong, []);
  await other.close();
});

test('back online in the same tab: at once', async () => {
  const page = await consenting();
  const item = await itemOf(products(page).nth(5));
  await page.evaluate(() => tandem.flush());
  await settled();
  const before = await popularity(item);
  await browser.context.setOffline(true);
  await page.evaluate((item) => tandem.track({ type: 'view', item }), item);
  await sleep(2500);
  await browser.context.setOffline(false);
  await eventually(async () => (await popularity(item)) === before + 1, 3000);
  await page.close();
});

test('an answer that is lost: Tandem has the event, it is sent again, and counts once', async () => {
  const page = await consenting();
  const item = await itemOf(products(page).nth(6));
  await page.evaluate(() => tandem.flush());
  await settled();
  const before = await popularity(item);
  const sent = [];
  await page.route('**/v1/events', async (route) => {
    sent.push(route.request().postData());
    if (sent.length > 2) return route.continue();
    await route.fetch(); // Tandem accepts it, and the browser never hears of it
    return route.abort('connectionreset');
  });
  await page.evaluate((item) => tandem.track({ type: 'view', item }), item);
  await eventually(() => sent.length === 3 && page.evaluate(() => tandem.flush()), 15000);
  await settled();
  assert.equal(sent[0], sent[2]);
  assert.equal(await popularity(item), before + 1);
  await page.close();
});

test('a click and the page is gone: the event arrives without anybody coming back', async () => {
  const page = await consenting();
  const item = await itemOf(products(page).nth(7));
  await page.evaluate(() => tandem.flush());
  await settled();
  const before = await popularity(item);
  await page.evaluate((item) => {
    tandem.track({ type: 'view', item });
    location.href = 'about:blank';
  }, item);
  await eventually(async () => (await popularity(item)) === before + 1);
  await page.goto(shop); // and the same event, sent again by the next page, changes nothing
  await eventually(() => page.evaluate(() => tandem.flush()));
  await settled();
  assert.equal(await popularity(item), before + 1);
  await page.close();
});

test('two tabs: one visitor, and each event counts once', async () => {
  const one = await consenting();
  const two = await pageOf(browser.context);
  await two.goto(shop);
  await products(two).first().waitFor();
  const items = await products(one).evaluateAll((cards) => cards.map((card) => card.dataset.item));
  await Promise.all([one, two].map((page) => page.evaluate(() => tandem.flush())));
  await settled();
  const before = await Promise.all(items.map(popularity));
  assert.equal(await one.evaluate(() => tandem.user()), await two.evaluate(() => tandem.user()));
  const views = (page, parity) =>
    page.evaluate(async ([items, parity]) => {
      for (let i = parity; i < items.length * 4; i += 2) {
        tandem.track({ type: 'view', item: items[i % items.length] });
        await new Promise((resolve) => setTimeout(resolve, 7));
      }
    }, [items, parity]);
  await Promise.all([views(one, 0), views(two, 1)]);
  await eventually(() => one.evaluate(() => tandem.flush()));
  await eventually(() => two.evaluate(() => tandem.flush()));
  await settled();
  assert.deepEqual(await Promise.all(items.map(popularity)), before.map((n) => n + 4));
  await one.close();
  await two.close();
});

const pages = ['#/', '#/basket', '#/orders', '#/you'];
for (const colorScheme of ['light', 'dark'])
  test(`no page has an accessibility violation or scrolls sideways, ${colorScheme}, 360 to 1920 px`, async () => {
    const page = await visitor();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    assert.deepEqual(await violations(page), []); // with the question for consent
    await page.getByRole('button', { name: 'Yes' }).click();
    const item = await look(page, 3);
    await changed(page);
    await page.getByRole('button', { name: 'Add to basket' }).click();
    for (const hash of [`#/item/${item}`, ...pages, '#/orders']) {
      await page.goto(shop + hash);
      await page.locator('main :is(.card, article, dl, p)').first().waitFor();
      for (const width of [360, 768, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        assert.equal(await overflow(page), 0, `${hash} at ${width} px`);
        if (width !== 768) assert.deepEqual(await violations(page), [], `${hash} at ${width} px`);
      }
      if (hash === '#/basket') {
        await page.getByRole('button', { name: 'Buy' }).click();
        await page.locator('article.box').waitFor();
      }
    }
    assert.deepEqual(page.wrong, []);
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.close();
  });

/* SCREENSHOTS=docs/screenshots makes docs' pictures. */
test('pictures of the shop', { skip: !process.env.SCREENSHOTS }, async () => {
  const page = await consenting();
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  await look(page, 3);
  await changed(page);
  await look(page, 5);
  await changed(page);
  await sleep(1200);
  await page.screenshot({ path: `${process.env.SCREENSHOTS}/shop.png` });
  await page.close();
});
