// The console, as a person with a mouse, with a keyboard alone, or with a screen reader meets it.
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';

import { hasRoute, open, overflow, pageOf, skip, until, violations } from './browser.mjs';

const ITEM = 'item-00001';
const USER = 'user-000001';

/** Every page, with what must stand in it once its data is there. */
const pages = [
  ['overview', /Every answer counts [\d,]+ records of the log/],
  ['items', /Popular in the last seven days[\s\S]*no\. 0/],
  [`items/${ITEM}`, /Batch \+ speed = merged|read at different moments/],
  ['people', /Or the visitor that this tab is: console-/],
  [`people/${USER}`, /Because of[\s\S]*no\. \d+/],
  ['traffic', /[\d,]+ events[\s\S]*United Kingdom[\s\S]*(€|\$|£|CHF|¥)[\d,]+/],
  ['runs', /Run 1[\s\S]*No drift[\s\S]*aggregate/],
  ['views?view=item_users&group=all', /[\d,]{2,} counters\./],
];

let browser;
let page;

/** A fresh page; what the one before it kept in the tab is gone. */
async function inBrowser({ colorScheme = 'light' } = {}) {
  browser ??= await open();
  await page?.close();
  page = await pageOf(browser.context);
  await page.emulateMedia({ colorScheme });
  return page;
}

export const close = () => browser?.close();

async function go(page, base, route, shows) {
  await page.goto(`${base}/#/${route}`);
  await until(`#/${route} shows ${shows}`, async () => shows.test(await page.locator('main').innerText()));
}

const optional = [['GET /v1/items/{item}', /404.*\/v1\/items\/[^/]+$/], ['GET /v1/users/{user}', /404.*\/v1\/users\/[^/]+$/]];

/** What went wrong in the page. A browser reports every 404: of a part that this server does not have it is no fault of the page. */
async function faults(page, base) {
  let wrong = page.wrong.splice(0);
  for (const [route, is404] of wrong.length ? optional : [])
    if (!(await hasRoute(base, route))) wrong = wrong.filter((text) => !is404.test(text));
  return wrong;
}

async function everyPageIsFine({ base }, colorScheme) {
  const page = await inBrowser({ colorScheme });
  for (const [route, shows] of pages) {
    await go(page, base, route, shows);
    assert.deepEqual(await violations(page), [], `axe in #/${route}, ${colorScheme}`);
    assert.deepEqual(await faults(page, base), [], `#/${route}`);
  }
}

async function noPageScrollsSideways({ base }) {
  const page = await inBrowser({});
  for (const [route, shows] of pages) {
    await go(page, base, route, shows);
    for (const width of [360, 768, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await overflow(page), 0, `#/${route} at ${width} px`);
      const cut = await page.$$eval('.table', (tables) => tables.filter((t) => t.scrollWidth > t.clientWidth + 1).length);
      if (width >= 768) assert.equal(cut, 0, `a table of #/${route} at ${width} px`);
    }
  }
}

/** The best of a few, because another program may have the processor at the moment; the first has no cache. */
async function firstPaint(page, base) {
  let best = Infinity;
  for (let load = 0; load < 5 && best >= 1000; load++) {
    await page.goto('about:blank');
    await go(page, base, ...pages[0]);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime);
    best = Math.min(best, paint);
  }
  return best;
}

async function firstPaintIsQuick({ base }) {
  const page = await inBrowser({});
  const bytes = new Map();
  page.on('response', async (answer) => {
    const url = answer.url();
    if (!url.includes('/v1/')) bytes.set(url, gzipSync(await answer.body()).length);
  });
  const paint = await firstPaint(page, base);
  const weight = [...bytes.values()].reduce((a, b) => a + b, 0);
  console.log(`   first paint after ${Math.round(paint)} ms; ${[...bytes.keys()].length} files of ${(weight / 1024).toFixed(1)} KB gzipped`);
  assert.ok(paint < 1000, `first paint after ${paint} ms`);
  assert.ok(weight > 10000 && weight <= 150 * 1024, `${weight} bytes`);
  const headers = (await page.request.get(`${base}/assets/console.js`)).headers();
  assert.equal(headers['content-encoding'], 'gzip');
}

async function overviewIsLive({ base }) {
  const page = await inBrowser({});
  await go(page, base, ...pages[0]);
  const asOf = async () => (await page.locator('.lead').innerText()).match(/counts ([\d,]+)/)[1];
  const before = await asOf();
  await until('the count of records grows by itself', async () => (await asOf()) !== before);
  assert.match(await page.locator('.stats').innerText(), /Events\n+[\d.,]+\s*\/s/);
  await until('freshness is measured', async () => /Freshness\n+[\d.,]+\s*(ms|s)\b/.test(await page.locator('.stats').innerText()));
  assert.match(await page.locator('.live').innerText(), /All parts OK/);
  assert.equal(await page.locator('.parts li').count(), 6);
}

async function viewingChangesTheRow({ base }) {
  const page = await inBrowser({});
  await go(page, base, ...pages[2]);
  const users = () => page.locator('.change').innerText();
  await page.getByLabel('Visitor').fill(`tester-${Date.now()}`);
  await page.getByRole('button', { name: 'I just viewed this' }).click();
  await page.locator('.change').waitFor();
  assert.match(await users(), /Counted in answers after [\d.,]+\s(ms|s)/);
  const [from, to] = (await users()).match(/seen it: ([\d,]+) → ([\d,]+)/).slice(1).map((n) => +n.replace(/,/g, ''));
  assert.ok(to > from, `${from} → ${to}`);
  await go(page, base, 'items/item-00002', pages[2][1]); // the second item of the same visitor makes a pair
  await page.getByRole('button', { name: 'I just viewed this' }).click();
  await page.locator('.change .pairs').waitFor();
  assert.match(await page.locator('.change .pairs').innerText(), /item-00001/);
  await page.getByRole('link', { name: 'What is recommended to this visitor now' }).click();
  await until('both items are among the reasons', async () => /no\. [12]\b|item-0000[12]/.test(await page.locator('.because').first().innerText()));
  assert.deepEqual(await faults(page, base), []);
}

async function layersAddUp({ base }) {
  const page = await inBrowser({});
  await go(page, base, 'views?view=together&group=item-00000', /Batch \+ speed = merged in every counter|read at different moments/);
  await page.getByLabel('View', { exact: true }).selectOption('users');
  await page.getByRole('button', { name: 'Read', exact: true }).click();
  await until('the view users is read', async () => /users who have seen something/.test(await page.locator('main').innerText()));
  await until('batch + speed = merged', async () => {
    if (/Batch \+ speed = merged in every counter/.test(await page.locator('main').innerText())) return true;
    await page.getByRole('button', { name: 'Read again' }).click();
    return false;
  });
  const cells = await page.locator('tbody tr td').allInnerTexts();
  const [batch, speed, merged] = cells.slice(1, 4).map((text) => +text.replace(/[,+]/g, '').replace('−', '-'));
  assert.equal(batch + speed, merged);
  assert.ok(batch > 0);
}

async function searchFindsByTitle({ base }) {
  if (!(await hasRoute(base, 'GET /v1/items'))) skip('this server has no GET /v1/items');
  const page = await inBrowser({});
  await go(page, base, ...pages[1]);
  await page.getByLabel('Search by title').fill('lantern');
  await until('lanterns are found', async () => /lantern no\. \d+/.test(await page.locator('main').innerText()));
  await page.getByLabel('Search by title').fill('nothing is called so');
  await until('an empty state', async () => /No title has/.test(await page.locator('main').innerText()));
  assert.deepEqual(await faults(page, base), []);
}

async function aUserIsForgotten({ base }) {
  if (!(await hasRoute(base, 'DELETE /v1/users/{user}'))) skip('this server has no DELETE /v1/users/{user}');
  const page = await inBrowser({});
  const user = 'user-000007';
  await go(page, base, `people/${user}`, /Seen, the newest first[\s\S]*viewed/);
  await page.getByRole('button', { name: 'Forget this user' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Forget', exact: true }).click();
  await until('the speed layer has forgotten', async () => /Speed layer\s+Forgotten/.test(await page.locator('main').innerText()));
  await until('nothing is known any more', async () => {
    await page.getByRole('button', { name: 'Look again' }).click();
    return /Nothing is remembered|Nothing is known/.test(await page.locator('main').innerText());
  });
}

async function errorsAreSaid({ base }) {
  const page = await inBrowser({});
  await page.route('**/v1/runs*', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"status":503,"detail":"Postgres cannot be asked for the runs"}' }));
  await go(page, base, 'runs', /Postgres cannot be asked for the runs\./);
  await page.unroute('**/v1/runs*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await until('it comes back', async () => /Run 1/.test(await page.locator('main').innerText()));
  await go(page, base, 'views?view=together&group=nobody', /This group has no counter/);
  await go(page, base, 'nosuchpage', /There is no page here/);
}

/** A key is asked for once and sent from then on. The server's own check has tests of its own; here a stand-in asks. */
async function aKeyIsAskedForOnce({ base }) {
  const page = await inBrowser({});
  const seen = new Set();
  await page.route('**/v1/**', (route) => {
    const key = route.request().headers().authorization;
    seen.add(key);
    return key === 'Bearer a-key' ? route.continue()
      : route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"status":401,"detail":"a key is needed"}' });
  });
  await page.goto(`${base}/#/runs`);
  await page.getByLabel('API key').fill('a-key');
  await page.keyboard.press('Enter');
  await until('the page is there', async () => /Run 1/.test(await page.locator('main').innerText()));
  await page.reload();
  await until('the page is there again', async () => /Run 1/.test(await page.locator('main').innerText()));
  assert.ok(seen.has('Bearer a-key'));
  assert.equal(await page.evaluate(() => sessionStorage.getItem('tandem-key')), 'a-key');
  assert.equal(await page.evaluate(() => localStorage.getItem('tandem-key')), null);
}

async function theKeyboardIsEnough({ base }) {
  const page = await inBrowser({});
  await go(page, base, ...pages[0]);
  const focused = () => page.evaluate(() => document.activeElement.innerText || document.activeElement.tagName);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.evaluate(() => document.querySelector('.brand').focus());
  for (const title of ['Overview', 'Items', 'People', 'Traffic and revenue', 'Runs', 'Views']) {
    await page.keyboard.press('Tab');
    assert.equal(await focused(), title);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, 'solid', `the focus is seen on ${title}`);
  }
  await page.keyboard.press('Enter');
  await until('the page gone to has the focus', async () => (await focused()) === 'Views');
  await page.goto(`${base}/#/items/${ITEM}`);
  await until('the item is there', async () => /Merged/.test(await page.locator('main').innerText()));
  await page.getByRole('radio', { name: 'Seen together' }).focus();
  await page.keyboard.press('ArrowRight');
  await until('bought together', async () => /users who have bought both/.test(await page.locator('main').innerText()));
  await page.getByLabel('Visitor').focus();
  await page.keyboard.press('Enter');
  await page.locator('.change').waitFor();
}

async function coloursCanBeChosen({ base }) {
  const page = await inBrowser({ colorScheme: 'light' });
  await go(page, base, ...pages[0]);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByLabel('Colours').selectOption('dark');
  assert.notEqual(await ground(), light);
  await page.reload();
  await until('dark is kept', async () => (await ground()) !== light);
  await page.getByLabel('Colours').selectOption('light');
  assert.equal(await ground(), light);
}

async function numbersHaveUnitsAndGroups({ base }) {
  const page = await inBrowser({});
  await go(page, base, ...pages[5]);
  assert.match(await page.locator('.sum').first().innerText(), /^\d{1,3}(,\d{3})* events$/);
  await page.getByRole('radio', { name: 'Day, by hour' }).check();
  await until('a day is shown', async () => /\d{1,3},\d{3} events/.test(await page.locator('main').innerText()));
  await page.getByRole('radio', { name: 'By device' }).check();
  await until('devices are shown', async () => /mobile[\s\S]*desktop/.test(await page.locator('main').innerText()));
  assert.deepEqual(await faults(page, base), []);
}

export const tests = [
  ['every page renders with real data, says nothing in the console and passes axe in light', (world) => everyPageIsFine(world, 'light')],
  ['every page does so in dark', (world) => everyPageIsFine(world, 'dark')],
  ['no page scrolls sideways at 360, 768 and 1920 pixels', noPageScrollsSideways],
  ['the first paint comes within a second and the page weighs at most 150 KB', firstPaintIsQuick],
  ['the overview moves by itself', overviewIsLive],
  ['viewing an item changes its row, and the page says when', viewingChangesTheRow],
  ['the three layers add up', layersAddUp],
  ['search finds items by title', searchFindsByTitle],
  ['a user is forgotten', aUserIsForgotten],
  ['errors, nothing and a wrong address are said', errorsAreSaid],
  ['a key is asked for once and kept in the tab', aKeyIsAskedForOnce],
  ['the keyboard is enough', theKeyboardIsEnough],
  ['dark and light can be chosen', coloursCanBeChosen],
  ['traffic is counted by minute, hour and day, by country and device', numbersHaveUnitsAndGroups],
];
