// The demo shop and tracker.js in a real browser against a real Tandem (its address: TANDEM_LISTEN).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { hasRoute, open, overflow, pageOf, skip, until, violations } from './browser.mjs';

const base = `http://${process.env.TANDEM_LISTEN}`;
const shop = `${base}/shop`;
const json = async (path) => (await fetch(base + path)).json();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** An item that nobody else looks at: others' traffic goes on while the tests count. */
const ownItem = () => `shop-test-${randomBytes(6).toString('hex')}`;

async function send(method, path, body) {
  const answer = await fetch(base + path, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.text()}`);
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

const popularities = (items) => Promise.all(items.map(popularity));

/** In XTS, the currency that ISO 4217 keeps for tests. */
async function revenue() {
  const today = Math.floor(Date.now() / 86400000);
  let sum = 0;
  for (const day of [today - 1, today]) {
    const { counters } = await json(`/v1/views/revenue_device/${day}/XTS`);
    sum += counters.reduce((all, counter) => all + counter.value, 0);
  }
  return sum;
}

const flush = (page) => page.evaluate(() => tandem.flush());

/** All that this page's visitor has done has arrived and is counted: so is what comes after it in the user's partition. */
async function counted(page) {
  await until('all has arrived', () => flush(page));
  const item = ownItem();
  await send('POST', '/v1/events', { type: 'view', user: await page.evaluate(() => tandem.user()), item });
  await until('a later event is counted', async () => (await popularity(item)) === 1);
}

let browser;
export const close = () => browser?.close();

/** A tab of a new visitor: nothing is stored, no other tab is open. */
async function visitor(path = '') {
  browser = browser ?? (await open({ width: 1280 }));
  const page = await pageOf(browser.context);
  for (const other of browser.context.pages()) if (other !== page) await other.close();
  await browser.context.setOffline(false);
  await page.goto(`${base}/healthz`); // the shop's own page would go on writing
  await page.evaluate(() => {
    localStorage.clear();
    sessionStorage.clear();
  });
  await page.goto(shop + path);
  await page.waitForSelector('main .card, main h1');
  return page;
}

/** Says yes, and has the list that goes with it: what a click changes is seen beside it. */
async function consent(page) {
  const answered = page.waitForResponse(/\/v1\/users\/.*\/recommendations/);
  await page.getByRole('button', { name: 'Yes' }).click();
  await answered;
}

async function consenting(path) {
  const page = await visitor(path);
  await consent(page);
  return page;
}

const products = (page) => page.locator('main .card');
const status = (page) => page.locator('#for-you-status').innerText();
const recommended = (page) => page.locator('#for-you-list .card').evaluateAll((cards) => cards.map((card) => card.dataset.item));
const changed = (page) => page.waitForFunction(() => /Changed \d+ ms/.test(document.getElementById('for-you-status').textContent));

async function look(page, n) {
  await page.goto(`${shop}#/`);
  await products(page).first().waitFor();
  const card = products(page).nth(n);
  const item = await card.getAttribute('data-item');
  await card.locator('a').click();
  await page.locator('article.product').waitFor();
  return item;
}

const tests = [];
export { tests };
const test = (name, run) => tests.push([name, run]);

test('tracker.js is at most 3 KB gzipped, the shop at most 16 KB, all of it from here', async () => {
  const size = async (path) => {
    const answer = await fetch(base + path, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-encoding'), 'gzip');
    return Number(answer.headers.get('content-length'));
  };
  const tracker = await size('/tracker.js');
  assert.ok(tracker > 1000 && tracker <= 3072, `tracker.js: ${tracker} bytes`);
  let page = 0;
  for (const path of ['/shop', '/assets/shop.js', '/assets/shop.css']) page += await size(path);
  assert.ok(page <= 16384, `the shop: ${page} bytes`);
  console.log(`   gzipped: tracker.js ${tracker} bytes, the shop ${page}`);
  const text = await (await fetch(`${base}/assets/shop.js`)).text();
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
});

test('without consent the list follows what this visit looked at, which is asked for and not stored', async () => {
  const page = await visitor();
  const asked = [];
  page.on('request', (request) => request.url().includes('/v1/sessions/recommendations') && asked.push(request.postDataJSON().items));
  await page.getByRole('button', { name: 'No', exact: true }).click();
  const first = await look(page, 0);
  await changed(page);
  const before = await recommended(page);
  const second = await look(page, 3);
  await changed(page);
  assert.match(await status(page), /from this visit only; nothing is stored/);
  assert.notDeepEqual(await recommended(page), before);
  assert.ok((await recommended(page)).length > 0);
  for (const item of [first, second]) assert.ok(!(await recommended(page)).includes(item));
  assert.deepEqual(asked.at(-1), [first, second]);
  assert.equal(await page.evaluate(() => tandem.user()), null);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(page.wrong, []);
});

test('look, and the list follows: what was looked at leaves it, and is the reason for others', async () => {
  const page = await consenting();
  const first = await look(page, 2);
  await changed(page);
  const before = await recommended(page);
  const user = await page.evaluate(() => tandem.user());
  const answer = await json(`/v1/users/${user}/recommendations?n=10`);
  assert.ok(answer.items.some((item) => item.because?.some((reason) => reason.item === first)));
  const second = await look(page, 4);
  await changed(page);
  console.log(`   ${await status(page)}`);
  assert.notDeepEqual(await recommended(page), before);
  assert.ok(!(await recommended(page)).includes(second));
  await page.locator('#below .card').first().waitFor(); // customers also looked at
  assert.deepEqual(page.wrong, []);
});

test('basket, buy, refund: every count is right', async () => {
  const item = ownItem();
  const hasPrices = await hasRoute(base, 'PUT /v1/items/{item}');
  if (hasPrices) await send('PUT', `/v1/items/${item}`, { title: 'Mug for tests', price: 1250, currency: 'XTS' });
  const page = await consenting(`#/item/${item}`);
  const sent = [];
  page.on('request', (request) => {
    if (request.url().includes('/v1/events')) sent.push(...request.postData().split('\n').map((line) => JSON.parse(line)));
  });
  await counted(page);
  const earned = await revenue();
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Basket 1 piece' }).click();
  await page.getByRole('button', { name: /^One more of/ }).click();
  await page.getByRole('link', { name: 'Basket 2 pieces' }).waitFor();
  const shown = Number((await page.locator('.total strong').innerText()).replace(/[^0-9]/g, ''));
  await page.getByRole('button', { name: 'Buy' }).click();
  await page.getByRole('button', { name: /for a refund$/ }).waitFor();
  await counted(page);
  assert.equal(await popularity(item), 1 + 3 + 5);
  const [purchase] = sent.filter((event) => event.type === 'purchase');
  assert.equal(purchase.price * purchase.quantity, shown);
  assert.equal(purchase.quantity, 2);
  assert.match(await page.locator('article.box h2').innerText(), new RegExp(purchase.order));
  if (hasPrices) assert.equal(await revenue(), earned + 2500);

  await page.getByRole('button', { name: /for a refund$/ }).click();
  await page.getByText('Refunded.').waitFor();
  await counted(page);
  assert.equal(await popularity(item), 1 + 3);
  assert.equal(await revenue(), earned);
  assert.deepEqual(page.wrong, []);
});

test('forget me: nothing is known afterwards, here or there', async () => {
  const page = await consenting();
  const looked = await look(page, 2);
  const user = await page.evaluate(() => tandem.user());
  const known = async () => (await json(`/v1/users/${user}/recommendations`)).items.some((item) => item.because?.some((reason) => reason.item === looked));
  for (let i = 0; i < 100 && !(await known()); i++) await sleep(100);
  assert.ok(await known());
  await page.getByRole('link', { name: 'You' }).click();
  await page.getByText(user).waitFor();
  await page.getByRole('button', { name: 'Forget me' }).click();
  await page.getByText(/You are forgotten: it took \d+ ms/).waitFor();
  const answer = await json(`/v1/users/${user}/recommendations`);
  assert.ok(answer.items.every((item) => !item.because?.length));
  assert.equal(await page.evaluate(() => tandem.user()), null);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(page.wrong, []);
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
  await until('the heading has the focus', async () => /^H1/.test(await focused()));
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
});

test('what happens offline waits for the browser, also when the tab is closed, arrives and counts once', async () => {
  const page = await consenting();
  await products(page).first().waitFor();
  const items = [ownItem(), ownItem(), ownItem()];
  await browser.context.setOffline(true);
  await page.getByText('You are offline.').waitFor();
  await look(page, 1); // what is known already is there to look at
  await page.evaluate((items) => items.forEach((item) => tandem.track({ type: 'view', item })), items);
  await sleep(1500); // retries in vain
  const other = await pageOf(browser.context);
  await page.close();
  await browser.context.setOffline(false);
  await other.goto(shop);
  await counted(other);
  assert.deepEqual(await popularities(items), [1, 1, 1]);
  assert.equal(await other.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('tandem:e:')).length), 0);
  assert.deepEqual(other.wrong, []);
});

test('back online in the same tab: at once', async () => {
  const page = await consenting();
  const item = ownItem();
  await browser.context.setOffline(true);
  await page.evaluate((item) => tandem.track({ type: 'view', item }), item);
  await sleep(2500);
  await browser.context.setOffline(false);
  await until('it is counted', async () => (await popularity(item)) === 1);
});

test('an answer that is lost: Tandem has the event, it is sent again, and counts once', async () => {
  const page = await consenting();
  const item = ownItem();
  const sent = [];
  await until('all has arrived', () => flush(page));
  await page.route('**/v1/events', async (route) => {
    sent.push(route.request().postData());
    if (sent.length > 2) return route.continue();
    await route.fetch(); // Tandem accepts it, and the browser never hears of it
    return route.abort('connectionreset');
  });
  await page.evaluate((item) => tandem.track({ type: 'view', item }), item);
  await until('the third time', () => sent.length === 3);
  await counted(page);
  const times = (body) => body.split('\n').filter((line) => line.includes(item)).length;
  assert.deepEqual(sent.slice(0, 3).map(times), [1, 1, 1]);
  assert.equal(await popularity(item), 1);
});

test('a click and the page is gone: the event arrives without anybody coming back, and counts once when they do', async () => {
  const page = await consenting();
  const item = ownItem();
  await until('all has arrived', () => flush(page));
  await page.evaluate((item) => {
    tandem.track({ type: 'view', item });
    location.href = 'about:blank';
  }, item);
  await until('it is counted', async () => (await popularity(item)) === 1);
  await page.waitForURL('about:blank');
  await page.goto(shop); // which sends it once more
  await counted(page);
  assert.equal(await popularity(item), 1);
});

test('two tabs: one visitor, and each event counts once', async () => {
  const one = await consenting();
  const two = await pageOf(browser.context);
  await two.goto(shop);
  await products(two).first().waitFor();
  assert.equal(await one.evaluate(() => tandem.user()), await two.evaluate(() => tandem.user()));
  const items = Array.from({ length: 12 }, ownItem);
  const views = (page, parity) =>
    page.evaluate(async ([items, parity]) => {
      for (let i = parity; i < items.length * 4; i += 2) {
        tandem.track({ type: 'view', item: items[i % items.length] });
        await new Promise((resolve) => setTimeout(resolve, 7));
      }
    }, [items, parity]);
  await Promise.all([views(one, 0), views(two, 1)]);
  await counted(one);
  await counted(two);
  assert.deepEqual(await popularities(items), items.map(() => 4));
});

/** A server that answers everything with this page; its origin is another one than Tandem's. */
async function elsewhere(html) {
  const server = createServer((_, answer) => answer.setHeader('Content-Type', 'text/html').end(html)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

const program = `${process.env.TANDEM_BIN ?? 'build/bin'}/tandem-serve`;

test("a shop of another origin, the script loaded late: docs' lines do it, and beacons arrive, too", async () => {
  if (!execFileSync(program, ['--help'], { encoding: 'utf8' }).includes('TANDEM_CORS_ORIGINS')) skip('no CORS');
  const free = await elsewhere('');
  await new Promise((closed) => free.server.close(closed));
  const item = ownItem();
  const { server, origin } = await elsewhere(`<!doctype html><title>A shop</title><script>
    window.tandem = window.tandem || { q: [] };
    ['track', 'ga4', 'user', 'consent'].forEach(function (name) {
      tandem[name] = tandem[name] || function () { tandem.q.push([name, arguments]); };
    });
    tandem.ga4('view_item', { currency: 'GBP', items: [{ item_id: '${item}', price: 2.55 }] });
    </script><script async src="${free.origin}/tracker.js" data-consent="granted"></script>`);
  const serve = spawn(program, {
    env: { ...process.env, TANDEM_LISTEN: free.origin.slice(7), TANDEM_CORS_ORIGINS: origin },
    stdio: 'ignore',
  });
  const gone = once(serve, 'exit');
  try {
    await until('the second server is ready', async () => (await fetch(`${free.origin}/readyz`).catch(() => ({}))).ok);
    const page = await visitor();
    await page.goto(origin);
    await until('all has arrived', async () => (await page.evaluate(() => tandem.loaded)) && (await flush(page)));
    await until('it is counted', async () => (await popularity(item)) === 1);
    await page.evaluate((item) => {
      tandem.track({ type: 'cart', item });
      location.href = 'about:blank';
    }, item);
    await until('the beacon is counted', async () => (await popularity(item)) === 1 + 3);
    await page.waitForURL('about:blank');
    await page.goto(origin); // views it again, and sends once more what the beacon had
    await counted(page);
    assert.equal(await popularity(item), 1 + 3 + 1);
    assert.deepEqual(page.wrong, []);
  } finally {
    serve.kill();
    server.close();
    await gone;
  }
});

const pages = ['#/', '#/basket', '#/orders', '#/you'];
for (const colorScheme of ['light', 'dark'])
  test(`no page has an accessibility violation or scrolls sideways, ${colorScheme}, 360 to 1920 px`, async () => {
    const page = await visitor();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    assert.deepEqual(await violations(page), []); // with the question for consent
    await consent(page);
    const item = await look(page, 3);
    await changed(page);
    await page.getByRole('button', { name: 'Add to basket' }).click();
    for (const hash of [`#/item/${item}`, ...pages, '#/orders']) {
      await page.goto(shop + hash);
      await page.locator('main :is(.card, article, dl, p:not(:empty))').first().waitFor();
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
    await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  });
