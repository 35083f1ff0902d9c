// Batches, retries, what the server refuses, and the moment at which a page goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { World, items, numbered, offline, waiting } from './world.mjs';

const ids = (request) => request.events.map((event) => event.event_id);
const refusal = (status, index) => ({ status, body: { detail: 'item is missing', field: 'item', index } });

test('events of one moment are one body, a line each, with a type that needs no preflight', async () => {
  const world = new World();
  world.open().views(3);
  await world.pass(249);
  assert.equal(world.bodies.length, 0);
  await world.pass(1);
  assert.equal(world.bodies.length, 1);
  const [sent] = world.bodies;
  assert.equal(sent.url, 'https://tandem.example/v1/events');
  assert.equal(sent.headers['Content-Type'], 'text/plain');
  assert.equal(sent.keepalive, true);
  assert.equal(sent.body.split('\n').length, 3);
  assert.deepEqual(items(sent.events), numbered(3));
  assert.deepEqual(waiting(world), []);
});

test('twenty events do not wait', async () => {
  const world = new World();
  world.open().views(20);
  await world.pass(0);
  assert.equal(world.accepted.length, 20);
});

test('data-wait, data-url and data-key are obeyed', async () => {
  const world = new World();
  world.open({ consent: 'granted', wait: '1000', url: 'https://shop.example/tandem/', key: 'k+1' }).views(1);
  await world.pass(999);
  assert.equal(world.bodies.length, 0);
  await world.pass(1);
  assert.equal(world.bodies[0].url, 'https://shop.example/tandem/v1/events?key=k%2B1');
  assert.deepEqual(Object.keys(world.bodies[0].headers), ['Content-Type']); // or it would need a preflight
});

test('an event has an id, a time, a visitor and a device, and nothing that was not asked for', async () => {
  const world = new World();
  world.open({ consent: 'granted', country: 'GB' }).tandem.track({ type: 'view', item: 'a', email: 'x@y', ts: 7 });
  await world.pass(250);
  const [event] = world.accepted;
  assert.match(event.event_id, /^[0-9a-f]{32}$/);
  assert.match(event.user, /^[0-9a-f]{32}$/);
  assert.deepEqual(
    { ...event, event_id: 0, user: 0 },
    { event_id: 0, type: 'view', user: 0, item: 'a', ts: 7, country: 'GB', device: 'mobile' }
  );
});

test('never more than 30 are without an answer, in order', async () => {
  const world = new World();
  world.open().views(100);
  await world.pass(1000);
  assert.deepEqual(world.bodies.map((body) => body.events.length), [30, 30, 30, 10]);
  assert.deepEqual(items(world.accepted), numbered(100));
});

test('a body stays under the 64 KiB that keepalive allows, whatever the letters', async () => {
  const world = new World();
  const page = world.open();
  for (let i = 0; i < 30; i++) page.tandem.track({ type: 'view', item: '字'.repeat(1000), order: `${i}` });
  await world.pass(1000);
  assert.ok(world.bodies.every((body) => Buffer.byteLength(body.body) < 65536));
  assert.equal(world.accepted.length, 30);
});

test('an event that is too long is not kept', async () => {
  const world = new World();
  const page = world.open();
  page.tandem.track({ type: 'view', item: 'x'.repeat(5000) });
  await world.pass(1000);
  assert.equal(world.bodies.length, 0);
  assert.deepEqual(page.said, ['tandem: an event is too long']);
});

test('an answer that is lost: the same ids are sent again and count once', async () => {
  const world = new World();
  world.open().views(30);
  world.answer = (request, n) => {
    if (n > 1) return { status: 202 };
    request.events.forEach((event) => world.count(event));
    return offline();
  };
  await world.pass(5000);
  assert.equal(world.bodies.length, 2);
  assert.deepEqual(ids(world.bodies[0]), ids(world.bodies[1]));
  assert.deepEqual(items(world.accepted), numbered(30));
});

test('pauses double up to five minutes, and are not all the same', async () => {
  const world = new World();
  const times = [];
  world.answer = () => {
    times.push(world.now);
    return { status: 500 };
  };
  world.open().views(1);
  await world.pass(3600000);
  const pauses = times.slice(1).map((time, i) => time - times[i]);
  assert.ok(pauses.length > 10);
  pauses.forEach((pause, i) => {
    const whole = Math.min(1000 * 2 ** i, 300000);
    assert.ok(pause >= whole / 2 - 1 && pause <= whole + 1, `pause ${i} is ${pause}`);
  });
  assert.ok(new Set(pauses.slice(-3)).size > 1);
});

test('more clicks during a pause do not shorten it', async () => {
  const world = new World();
  world.answer = () => ({ status: 503 });
  const page = world.open();
  page.views(1);
  await world.pass(250);
  assert.equal(world.bodies.length, 1);
  page.views(40);
  await world.pass(450);
  assert.equal(world.bodies.length, 1);
});

for (const status of [429, 503])
  test(`${status} with Retry-After: silence for so long, in other tabs and the next page, too`, async () => {
    const world = new World();
    world.answer = () => ({ status, headers: { 'Retry-After': '120' } });
    const page = world.open();
    page.views(1);
    await world.pass(250);
    page.close();
    const next = world.open();
    next.views(25);
    next.turns('hidden');
    await world.pass(119700);
    assert.equal(world.bodies.length, 1);
    world.answer = () => ({ status: 202 });
    await world.pass(1000);
    assert.equal(world.accepted.length, 26);
  });

test('Retry-After may be a date; an absurd one holds for an hour at most', async () => {
  const world = new World();
  const header = (ms) => ({ status: 503, headers: { 'Retry-After': new Date(world.now + ms).toUTCString() } });
  world.answer = (_, n) => (n === 1 ? header(60000) : n === 2 ? header(9e9) : { status: 202 });
  world.open().views(1);
  await world.pass(55000);
  assert.equal(world.bodies.length, 1);
  await world.pass(10000);
  assert.equal(world.bodies.length, 2);
  await world.pass(3600000);
  assert.equal(world.accepted.length, 1);
});

test('422: the event that the server names is given up and said once; the others arrive', async () => {
  const world = new World();
  const bad = new Set(['i3', 'i5']);
  world.answer = ({ events }) => {
    const index = events.findIndex((event) => bad.has(event.item));
    return index < 0 ? { status: 202 } : refusal(422, index);
  };
  const page = world.open();
  page.views(8);
  await world.pass(1000);
  assert.deepEqual(items(world.accepted), ['i0', 'i1', 'i2', 'i4', 'i6', 'i7']);
  assert.deepEqual(page.said, ['tandem: an event was refused: item is missing']);
  assert.deepEqual(waiting(world), []);
});

test('a refusal that names no event is answered with halves; nothing is given up for it', async () => {
  const world = new World();
  world.answer = ({ events }) => (events.length > 2 ? { status: 413, body: {} } : { status: 202 });
  const page = world.open();
  page.views(8);
  await world.pass(10000);
  assert.deepEqual(items(world.accepted), numbered(8));
  assert.deepEqual(page.said, []);
});

test('a server that refuses a single event and does not say why is asked again, later', async () => {
  const world = new World();
  world.answer = () => ({ status: 400, body: {} });
  const page = world.open();
  page.views(1);
  await world.pass(10000);
  assert.ok(world.bodies.length < 8);
  assert.deepEqual(page.said, ['tandem: the server answers 400']);
  assert.equal(waiting(world).length, 1);
});

test('403: said once, kept, and sent when the key is right', async () => {
  const world = new World();
  world.answer = () => ({ status: 403 });
  const page = world.open();
  page.views(1);
  await world.pass(20000);
  assert.deepEqual(page.said, ['tandem: the server answers 403']);
  world.answer = () => ({ status: 202 });
  await world.pass(60000);
  assert.equal(world.accepted.length, 1);
});

test('a server that does not answer is given up after 15 s', async () => {
  const world = new World();
  world.answer = (_, n) => (n === 1 ? null : { status: 202 });
  const page = world.open();
  page.views(1);
  await world.pass(15200);
  assert.equal(world.bodies.length, 1);
  await world.pass(1500);
  assert.equal(world.bodies.length, 2);
  assert.equal(world.bodies[0].body, world.bodies[1].body);
  assert.deepEqual(waiting(world), []);
});

test('flush sends at once and says whether all has arrived', async () => {
  const world = new World();
  const page = world.open();
  page.views(2);
  assert.equal(await page.tandem.flush(), true);
  assert.equal(world.accepted.length, 2);
  page.views(1);
  const flushed = page.tandem.flush();
  world.answer = (request) => {
    if (request.events.length === 1) page.views(1); // while it is on its way
    world.answer = () => ({ status: 202 });
    return { status: 202 };
  };
  assert.equal(await flushed, true);
  world.answer = offline;
  page.views(1);
  assert.equal(await page.tandem.flush(), false);
});

test('a page that goes leaves a beacon; its events go once more with the next page and count once', async () => {
  const world = new World();
  const page = world.open();
  page.views(3);
  page.close();
  assert.deepEqual(world.bodies.map((body) => body.type), ['beacon']); // hidden and pagehide: one of them
  world.open();
  await world.pass(250);
  assert.deepEqual(ids(world.bodies[1]), ids(world.bodies[0]));
  assert.deepEqual(items(world.accepted), numbered(3));
  assert.deepEqual(waiting(world), []);
});

test('a beacon that is refused, or that the browser has not, is a fetch that outlives the page', async () => {
  for (const has of [true, false]) {
    const world = new World();
    world.takesBeacons = false;
    const page = world.open();
    if (!has) delete page.navigator.sendBeacon;
    page.views(2);
    page.close();
    await world.pass(0);
    assert.deepEqual(world.bodies.map((body) => [body.type, body.keepalive]), [['fetch', true]]);
    assert.deepEqual(waiting(world), []);
  }
});

test('what is on its way when the page goes is not in the beacon; both together are at most 30', async () => {
  const world = new World();
  const page = world.open();
  page.views(20);
  page.fetch = (url, { body }) => {
    world.receive('fetch', url, body);
    return new Promise(() => {}); // the page will not hear the answer
  };
  await world.pass(0);
  page.views(40, 20);
  page.close();
  assert.deepEqual(world.bodies.map((body) => [body.type, body.events.length]), [['fetch', 20], ['beacon', 10]]);
  world.lock = Promise.resolve(); // the page's locks went with it
  world.open();
  await world.pass(1000);
  assert.deepEqual(items(world.accepted), numbered(60));
});
