// GA4's e-commerce calls become events.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { World } from './world.mjs';

/** The events of calls, without what every event has. */
async function events(...calls) {
  const world = new World();
  const page = world.open();
  calls.forEach(([name, params]) => page.tandem.ga4(name, params));
  await world.pass(1000);
  return Object.assign(
    world.accepted.map(({ event_id, user, ts, device, ...event }) => event),
    { said: page.said, ids: world.accepted.map((event) => event.event_id) }
  );
}

const priced = async (price, currency, more) =>
  (await events(['view_item', { currency, items: [{ item_id: 'a', price, ...more }] }]))[0];

for (const [name, type] of [
  ['view_item', 'view'],
  ['add_to_cart', 'cart'],
  ['purchase', 'purchase'],
  ['refund', 'refund'],
  ['view_item_list', 'impression'],
  ['select_item', 'click'],
])
  test(`${name} is ${type}, an event an item`, async () => {
    const got = await events([name, { items: [{ item_id: 'a' }, { item_id: 'b', quantity: 2 }] }]);
    assert.deepEqual([...got], [
      { type, item: 'a', quantity: 1 },
      { type, item: 'b', quantity: 2 },
    ]);
  });

test('a purchase has its order, prices in minor units and pieces', async () => {
  const got = await events([
    'purchase',
    {
      transaction_id: 'T-1',
      currency: 'GBP',
      value: 30.5,
      items: [
        { item_id: 'a', price: 2.55, quantity: 6 },
        { item_id: 'b', price: '15.20', quantity: '1', item_list_id: 'for-you' },
      ],
    },
  ]);
  assert.deepEqual([...got], [
    { type: 'purchase', item: 'a', quantity: 6, price: 255, currency: 'GBP', order: 'T-1' },
    { type: 'purchase', item: 'b', quantity: 1, price: 1520, currency: 'GBP', order: 'T-1', list: 'for-you' },
  ]);
});

test('a thank-you page that is loaded again counts once; two refunds of an order are two', async () => {
  const params = { transaction_id: 'T-1', items: [{ item_id: 'a' }, { item_id: 'a' }] };
  const bought = await events(['purchase', params], ['purchase', params]);
  assert.deepEqual(bought.ids, ['T-1:0', 'T-1:1']);
  assert.equal((await events(['refund', params], ['refund', params])).length, 4);
});

test('an order that is too long for an id has ids of its own', async () => {
  const params = { transaction_id: 'ö'.repeat(32), items: [{ item_id: 'a' }] };
  assert.match((await events(['purchase', params])).ids[0], /^[0-9a-f]{32}$/);
});

for (const [price, currency, minor] of [
  [12.34, 'EUR', 1234],
  [1.005, 'EUR', 101],
  [0.285, 'EUR', 29],
  [1.255, 'usd', 126],
  [4.35, 'GBP', 435],
  ['19.99', 'USD', 1999],
  [0, 'USD', 0],
  [1500, 'JPY', 1500],
  [1499.5, 'JPY', 1500],
  [3.1415, 'KWD', 3142],
  [0.0005, 'KWD', 1],
  [2.5, 'CLF', 25000],
  [9999999.99, 'EUR', 999999999],
])
  test(`${price} ${currency} is ${minor}`, async () => {
    const event = await priced(price, currency);
    assert.equal(event.price, minor);
    assert.equal(event.currency, currency.toUpperCase());
  });

test('a price without a currency, or none at all, is left out; so is what is no number, which is said', async () => {
  for (const [price, currency] of [[5, undefined], [5, '€'], [undefined, 'EUR'], [null, 'EUR'], ['', 'EUR']])
    assert.deepEqual(await priced(price, currency), { type: 'view', item: 'a', quantity: 1 });
  for (const price of ['1,299.00', 'free', -1, NaN]) {
    const got = await events(['view_item', { currency: 'EUR', items: [{ item_id: 'a', price }] }]);
    assert.deepEqual([...got], [{ type: 'view', item: 'a', quantity: 1 }]);
    assert.deepEqual(got.said, ['tandem: a price is no number']);
  }
});

test("the item's own currency goes before the call's", async () => {
  assert.equal((await priced(5, 'EUR', { currency: 'JPY' })).price, 5);
});

test('half a kilogram is one piece at half the price', async () => {
  const event = await priced(12.35, 'EUR', { quantity: 0.5 });
  assert.deepEqual(event, { type: 'view', item: 'a', price: 618, currency: 'EUR' });
});

test('a quantity that is none is one', async () => {
  for (const quantity of [0, -2, 'many', null])
    assert.equal((await events(['add_to_cart', { items: [{ item_id: 'a', quantity }] }]))[0].quantity, 1);
});

test('a list has an id before a name, its item before the call, and 64 bytes', async () => {
  const list = async (params, item) => (await events(['select_item', { ...params, items: [{ item_id: 'a', ...item }] }]))[0].list;
  assert.equal(await list({ item_list_id: 'l1', item_list_name: 'Related' }), 'l1');
  assert.equal(await list({ item_list_name: 'Related' }), 'Related');
  assert.equal(await list({ item_list_id: 'l1' }, { item_list_id: 'l2' }), 'l2');
  assert.equal(await list({ item_list_name: 'ö'.repeat(40) }), 'ö'.repeat(32));
  assert.equal(await list({ item_list_name: `x${'😀'.repeat(20)}` }), `x${'😀'.repeat(15)}`);
  assert.equal(await list({}), undefined);
});

test('an item may have a number or a name only', async () => {
  const got = await events(['view_item', { items: [{ item_id: 123 }, { item_name: 'Mug' }] }]);
  assert.deepEqual(got.map((event) => event.item), ['123', 'Mug']);
});

test('calls without items, or of another name, are no events', async () => {
  const got = await events(
    ['view_item', {}],
    ['refund', { transaction_id: 'T-1' }],
    ['view_item', undefined],
    ['view_item', { items: [null, {}] }],
    ['page_view', { items: [{ item_id: 'a' }] }],
    ['toString', { items: [{ item_id: 'a' }] }]
  );
  assert.deepEqual([...got], []);
  assert.deepEqual(got.said, ['tandem: view_item has no items', 'tandem: refund has no items']);
});

test("a data layer of GA4 is listened to, before and after, in gtag's shape and Tag Manager's", async () => {
  const world = new World();
  const gtag = (...what) => (function () { return arguments; })(...what); // prettier-ignore
  const items = (id) => ({ items: [{ item_id: id }] });
  const dataLayer = [{ event: 'view_item', ecommerce: items('a') }, { ecommerce: null }, { event: 'gtm.js' }];
  const page = world.open({ consent: 'granted', layer: 'dataLayer' }, { dataLayer });
  const length = page.window.dataLayer.push(gtag('event', 'add_to_cart', items('b')), gtag('js', new Date()), null);
  page.window.dataLayer.push({ event: 'purchase', ecommerce: { transaction_id: 'T-1', ...items('c') } });
  await world.pass(250);
  assert.equal(length, 6);
  assert.equal(page.window.dataLayer.length, 7);
  assert.deepEqual(world.accepted.map((event) => [event.type, event.item]), [
    ['view', 'a'],
    ['cart', 'b'],
    ['purchase', 'c'],
  ]);
});

test('a data layer that is not there yet is made', async () => {
  const world = new World();
  const page = world.open({ consent: 'granted', layer: 'dataLayer' });
  page.window.dataLayer.push({ event: 'view_item', ecommerce: { items: [{ item_id: 'a' }] } });
  await world.pass(250);
  assert.equal(world.accepted.length, 1);
});
