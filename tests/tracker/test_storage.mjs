// What outlives a page: the queue and its bounds, tabs, consent, who the visitor is.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { World, items, numbered, offline, waiting } from './world.mjs';

const day = 86400000;
const ours = (world) => Object.keys(world.disk).filter((key) => key.startsWith('tandem:'));

test('events of an offline page arrive after a reload, in order, once', async () => {
  const world = new World();
  world.answer = offline;
  const page = world.open();
  page.views(45);
  await world.pass(60000);
  page.crash();
  world.answer = () => ({ status: 202 });
  world.open().views(5, 45);
  await world.pass(250);
  assert.deepEqual(items(world.accepted), numbered(50));
});

test('back online: at once, whatever the pause was', async () => {
  const world = new World();
  world.answer = offline;
  const page = world.open();
  page.views(1);
  await world.pass(200000);
  world.answer = () => ({ status: 202 });
  page.happens('online');
  await world.pass(0);
  assert.equal(world.accepted.length, 1);
});

test('at most 500 wait: the newest ones', async () => {
  const world = new World();
  world.answer = offline;
  const page = world.open();
  page.views(510);
  assert.equal(waiting(world).length, 500);
  assert.equal(page.said.length, 1);
  world.answer = () => ({ status: 202 });
  await world.pass(60000);
  assert.deepEqual(items(world.accepted), numbered(500, 10));
});

test('what has waited for a week is given up', async () => {
  const world = new World();
  world.answer = offline;
  const page = world.open();
  page.views(2);
  await world.pass(6 * day);
  page.views(1, 2);
  await world.pass(day - 1000);
  assert.equal(waiting(world).length, 3);
  await world.pass(600000);
  world.answer = () => ({ status: 202 });
  await world.pass(600000);
  assert.deepEqual(items(world.accepted), ['i2']);
});

test('where the disk is full or forbidden events wait in memory', async () => {
  for (const how of ['full', 'forbidden']) {
    const world = new World();
    world.forbidsStorage = how === 'forbidden';
    if (how === 'full')
      world.disk = new Proxy(world.disk, {
        set() {
          throw new Error('QuotaExceededError');
        },
      });
    world.answer = offline;
    const page = world.open();
    page.views(3);
    await world.pass(1000);
    world.answer = () => ({ status: 202 });
    await world.pass(10000);
    assert.deepEqual(items(world.accepted), numbered(3));
    assert.equal(new Set(world.accepted.map((event) => event.user)).size, 1);
  }
});

test("the shop's own entries are left alone", async () => {
  const world = new World();
  world.disk.basket = '[]';
  const page = world.open();
  page.views(1);
  await world.pass(250);
  page.tandem.consent(false);
  assert.equal(world.disk.basket, '[]');
});

test('two tabs: one visitor, one sender at a time, each event once', async () => {
  const world = new World();
  const [one, two] = [world.open(), world.open()];
  for (let i = 0; i < 40; i++) (i % 2 ? one : two).views(1, i);
  await world.pass(1000);
  const sent = world.bodies.flatMap((body) => items(body.events));
  assert.equal(sent.length, 40); // none twice: the tabs took turns
  assert.deepEqual([...sent].sort(), numbered(40).sort());
  assert.equal(new Set(world.accepted.map((event) => event.user)).size, 1);
});

test('what a tab that crashed has left another one sends', async () => {
  const world = new World();
  const [one, two] = [world.open(), world.open()];
  one.views(3);
  await world.pass(1);
  one.crash();
  two.views(1, 3);
  await world.pass(250);
  assert.deepEqual(items(world.accepted), numbered(4));
});

test('without Web Locks (a page without TLS) tabs may send twice what counts once', async () => {
  const world = new World();
  world.hasLocks = false;
  const [one, two] = [world.open(), world.open()];
  one.views(10);
  two.views(10, 10);
  await world.pass(1000);
  assert.deepEqual(items(world.accepted).sort(), numbered(20).sort());
});

test('a lock that cannot be had is no reason to spin', async () => {
  const world = new World();
  const page = world.open();
  let asked = 0;
  page.navigator.locks.request = async () => {
    asked++;
    throw new Error('InvalidStateError');
  };
  page.views(1);
  await world.pass(60000);
  assert.ok(asked > 2 && asked < 12, `${asked}`);
});

test('without consent nothing is stored and nothing sent, also when the page goes', async () => {
  for (const options of [{}, { consent: 'required' }]) {
    const world = new World();
    const page = world.open(options);
    page.views(25);
    page.tandem.user('u42');
    page.tandem.ga4('view_item', { items: [{ item_id: 'a' }] });
    assert.equal(page.tandem.user(), null);
    await page.tandem.flush();
    await world.pass(60000);
    page.close();
    assert.deepEqual(world.disk, {});
    assert.equal(world.bodies.length, 0);
  }
});

test('consent lets go what was held in this page, and is remembered', async () => {
  const world = new World();
  const page = world.open({});
  page.views(2);
  page.tandem.consent(true);
  await world.pass(250);
  assert.deepEqual(items(world.accepted), numbered(2));
  page.crash();
  world.open({}).views(1, 2);
  await world.pass(250);
  assert.deepEqual(items(world.accepted), numbered(3));
  assert.equal(new Set(world.accepted.map((event) => event.user)).size, 1);
});

test('consent refused throws away what was held', async () => {
  const world = new World();
  const page = world.open({});
  page.views(2);
  page.tandem.consent(false);
  page.tandem.consent(true);
  await world.pass(1000);
  assert.equal(world.bodies.length, 0);
});

test('consent withdrawn: nothing of ours stays on the disk, and who comes back is somebody else', async () => {
  const world = new World();
  const page = world.open({});
  page.tandem.consent(true);
  page.views(1);
  await world.pass(250);
  const before = page.tandem.user();
  page.views(1, 1);
  page.tandem.consent(false);
  page.views(1, 2);
  await world.pass(60000);
  page.close();
  assert.deepEqual(ours(world), []);
  assert.deepEqual(items(world.accepted), ['i0']);
  const next = world.open({});
  next.tandem.consent(true);
  assert.notEqual(next.tandem.user(), before);
});

test('granted by default: a withdrawal is remembered', async () => {
  const world = new World();
  world.open().tandem.consent(false);
  assert.deepEqual(ours(world), ['tandem:consent']);
  const next = world.open();
  next.views(1);
  await world.pass(1000);
  assert.equal(world.bodies.length, 0);
  next.tandem.consent(true);
  next.views(1);
  await world.pass(1000);
  assert.equal(world.bodies.length, 1);
});

test('what one tab is told about consent holds in the others', async () => {
  const world = new World();
  const [one, two] = [world.open({}), world.open({})];
  const told = () => two.happens('storage', { key: 'tandem:consent' });
  two.views(1);
  one.tandem.consent(true);
  told();
  await world.pass(250);
  assert.deepEqual(items(world.accepted), ['i0']);
  one.tandem.consent(false);
  told();
  two.views(1, 1);
  await world.pass(1000);
  two.close();
  assert.deepEqual(ours(world), []);
  assert.equal(world.bodies.length, 1);
});

test('a storage that the visitor has emptied takes the consent with it', async () => {
  const world = new World();
  const page = world.open({});
  page.tandem.consent(true);
  for (const key of Object.keys(world.disk)) delete world.disk[key];
  page.happens('storage', { key: null });
  page.views(1);
  await world.pass(1000);
  assert.equal(world.bodies.length, 0);
});

test('an account takes the place of the visitor until it logs out', async () => {
  const world = new World();
  const page = world.open();
  const visitor = page.tandem.user();
  page.views(1);
  assert.equal(page.tandem.user('u42'), 'u42');
  page.views(1, 1);
  assert.equal(page.tandem.user(null), visitor);
  page.views(1, 2);
  await world.pass(250);
  assert.deepEqual(world.accepted.map((event) => event.user), [visitor, 'u42', visitor]);
});

test('what was called before the script was there happens in order, and a second script does nothing', async () => {
  const world = new World();
  const q = [
    ['user', ['u42']],
    ['consent', [true]],
    ['track', [{ type: 'view', item: 'a' }]],
    ['ga4', ['add_to_cart', { items: [{ item_id: 'b' }] }]],
  ];
  const page = world.open({}, { tandem: { q } });
  const first = page.tandem;
  page.load();
  assert.equal(page.tandem, first);
  await world.pass(250);
  assert.deepEqual(world.accepted.map(({ type, user, item }) => [type, user, item]), [
    ['view', 'u42', 'a'],
    ['cart', 'u42', 'b'],
  ]);
});
