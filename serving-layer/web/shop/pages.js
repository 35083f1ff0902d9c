// pages: products, one product, basket, orders, you. Each returns the elements of `main`, and some those `below` the visitor's list.
import * as api from './api.js';
import * as basket from './basket.js';
import { byId, h } from './dom.js';
import * as forYou from './for_you.js';
import { find, money, priceOf, remember, titleOf } from './goods.js';
import { cameFrom, card, cards, fill, heading } from './parts.js';
import { picture } from './picture.js';
import * as tracking from './tracking.js';

const button = (text, onclick, more) => h('button', { type: 'button', onclick, ...more }, text);
const go = (hash) => (location.hash = hash);

/* ---- products ---- */

const sellable = (items) => remember(items).filter((item) => item.available !== false && !item.hidden);

/** The catalogue from `cursor` on, as cards appended to `grid`, and a button for more. */
async function more(grid, query, cursor) {
  const answer = await api.catalogue(query, cursor, 24);
  const items = sellable(answer ? answer.items : []);
  if (items.length) tracking.shown(items, 'catalogue');
  grid.append(...items.map((item) => card(item, 'catalogue')));
  const next = answer && answer.next;
  return [
    !grid.children.length && h('p', null, query ? `Nothing is called “${query}”.` : 'The catalogue is empty.'),
    grid,
    next && button('More', async (event) => {
      const [, , again] = await more(grid, query, next);
      event.target.replaceWith(again || '');
      grid.children[grid.children.length - 1].querySelector('a').focus({ preventScroll: true });
    }, { class: 'more' }),
  ].map((part) => part || '');
}

function search(place) {
  const field = h('input', { type: 'search', id: 'search', name: 'query', autocomplete: 'off', maxlength: 100 });
  const find = (event) => {
    event.preventDefault();
    fill(place, () => more(h('ul', { class: 'grid', role: 'list' }), field.value.trim()), 8);
  };
  return h('form', { role: 'search', class: 'search', onsubmit: find }, h('label', { for: 'search' }, 'Find a product'), field, h('button', null, 'Find'));
}

let lastPopular = null;

/** What is popular; without a way to the server what was so when it was asked last. */
async function popularNow() {
  try {
    lastPopular = await api.popular(12);
  } catch (error) {
    if (error.status !== 0 || !lastPopular) throw error;
  }
  return lastPopular;
}

export function products() {
  const popular = h('div');
  const all = h('div');
  const catalogue = h('div', { hidden: true }, h('h2', null, 'All products'), search(all), all);
  fill(popular, async () => {
    const items = sellable((await popularNow()).items);
    return items.length ? cards(items, 'popular') : h('p', null, 'Nobody has looked at anything this week.');
  }, 12);
  api.catalogue('', '', 1).then(
    (answer) => {
      if (!answer || !answer.items.length) return;
      catalogue.hidden = false;
      fill(all, () => more(h('ul', { class: 'grid', role: 'list' }), ''), 8);
    },
    () => {} // what is popular above has said so
  );
  return { main: [heading('Popular this week'), popular], below: [catalogue] };
}

/* ---- a product ---- */

function putInBasket(item) {
  const at = performance.now();
  tracking.added(item, cameFrom.get(item.item));
  basket.add(item.item, cameFrom.get(item.item));
  showBasket();
  forYou.follow(at);
}

export function product(id) {
  const at = performance.now();
  const place = h('div');
  const also = h('div');
  fill(place, async () => {
    const item = await find(id);
    document.title = `${titleOf(item)} · Tandem demo shop`;
    tracking.viewed(item);
    forYou.visit(id);
    forYou.follow(at);
    const done = h('p', { role: 'status', class: 'done' });
    return h(
      'article',
      { class: 'product' },
      picture(item),
      h(
        'div',
        null,
        heading(titleOf(item)),
        item.category && h('p', { class: 'quiet' }, item.category.split('/').join(' › ')),
        h('p', { class: 'price' }, money(priceOf(item))),
        item.available === false
          ? h('p', null, 'Not available at the moment.')
          : button('Add to basket', () => {
              putInBasket(item);
              done.replaceChildren('In your basket. ', h('a', { href: '#/basket' }, 'Go to the basket'));
            }, { class: 'main' }),
        done
      )
    );
  }, 1).then(() => place.querySelector('h1')?.focus({ preventScroll: true }));
  fill(also, async () => {
    const items = remember((await api.similar(id, 8)).items);
    return items.length ? cards(items, 'also-looked-at') : h('p', null, 'Nobody yet has looked at this and something else.');
  }, 4);
  return { main: [place], below: [h('h2', null, 'Customers also looked at'), also] };
}

/* ---- basket and orders ---- */

export function showBasket() {
  const n = basket.pieces();
  const badge = [' ', h('span', { class: 'badge' }, String(n)), h('span', { class: 'unseen' }, n === 1 ? ' piece' : ' pieces')];
  byId('basket-link').replaceChildren('Basket', ...(n ? badge : []));
}

const whole = async (lines) => Promise.all(lines.map(async (line) => ({ ...line, item: await find(line.item) })));

/** Sums by currency, as text. */
function total(parts) {
  const sums = new Map();
  for (const { item, quantity } of parts) {
    const { price, currency } = priceOf(item);
    sums.set(currency, (sums.get(currency) || 0) + price * quantity);
  }
  return [...sums].map(([currency, price]) => money({ price, currency })).join(' + ');
}

function basketRow({ item, quantity }, changed) {
  const title = titleOf(item);
  const set = (n) => {
    basket.setQuantity(item.item, n);
    showBasket();
    changed();
  };
  const { price, currency } = priceOf(item);
  return h(
    'li',
    { class: 'line' },
    picture(item),
    h('a', { href: `#/item/${encodeURIComponent(item.item)}` }, title),
    h(
      'span',
      { class: 'amount' },
      button('−', () => set(quantity - 1), { 'aria-label': `One less of ${title}` }),
      h('span', null, String(quantity)),
      button('+', () => set(quantity + 1), { 'aria-label': `One more of ${title}` })
    ),
    h('span', { class: 'price' }, money({ price: price * quantity, currency }))
  );
}

async function buy() {
  const at = performance.now();
  const parts = await whole(basket.lines);
  const made = basket.order();
  tracking.purchased(made.id, parts);
  showBasket();
  go('#/orders');
  forYou.follow(at);
}

export function basketPage() {
  const place = h('div');
  const draw = () =>
    fill(place, async () => {
      const parts = await whole(basket.lines);
      if (!parts.length) return h('p', null, 'It is empty. ', h('a', { href: '#/' }, 'See the products'));
      return [
        h('ul', { class: 'lines', role: 'list' }, parts.map((part) => basketRow(part, draw))),
        h('p', { class: 'total' }, 'Together ', h('strong', null, total(parts))),
        button('Buy', buy, { class: 'main' }),
      ];
    }, 1);
  draw();
  return { main: [heading('Basket'), place] };
}

async function refund(made, changed) {
  const at = performance.now();
  tracking.refunded(made.id, await whole(made.lines));
  basket.markRefunded(made);
  changed();
  forYou.follow(at);
}

function orderBox(made, parts, changed) {
  return h(
    'article',
    { class: 'box' },
    h('h2', { id: made.id }, `Order ${made.id}`),
    h('ul', null, parts.map(({ item, quantity }) => h('li', null, `${quantity} × ${titleOf(item)}`))),
    h('p', { class: 'total' }, 'Together ', h('strong', null, total(parts))),
    made.refunded
      ? h('p', { role: 'status' }, 'Refunded.')
      : button('Send back for a refund', () => refund(made, changed), { 'aria-describedby': made.id })
  );
}

export function orders() {
  const place = h('div');
  const draw = () =>
    fill(place, async () => {
      if (!basket.orders.length) return h('p', null, 'You have bought nothing in this visit.');
      return Promise.all(basket.orders.map(async (made) => orderBox(made, await whole(made.lines), draw)));
    }, 1);
  draw();
  return { main: [heading('Orders'), place] };
}

/* ---- you ---- */

function known(user, person) {
  const names = (list) => list.map((entry) => titleOf(remember([{ item: entry.item || entry }])[0])).join(', ') || 'nothing';
  return h(
    'dl',
    null,
    h('dt', null, 'Your number'),
    h('dd', null, h('code', null, user)),
    person && [
      h('dt', null, 'Looked at last'),
      h('dd', null, names(person.seen || [])),
      h('dt', null, 'Bought last'),
      h('dd', null, names(person.bought || [])),
    ]
  );
}

function signIn(changed) {
  const field = h('input', { id: 'customer', name: 'customer', autocomplete: 'off', maxlength: 64, required: true });
  const enter = (event) => {
    event.preventDefault();
    window.tandem.user(field.value.trim() || null);
    changed();
  };
  return h('form', { class: 'search', onsubmit: enter }, h('label', { for: 'customer' }, 'Be another customer'), field, h('button', null, 'Sign in'));
}

export function you(consentChanged) {
  const place = h('div');
  const done = h('p', { role: 'status', class: 'done' });
  const draw = () =>
    fill(place, async () => {
      const user = window.tandem.user();
      if (!user) return [h('p', null, 'You have not consented: nothing about you is stored or sent.'), button('Consent', () => { consentChanged(true); draw(); }, { class: 'main' })];
      return [
        known(user, await api.person(user)),
        h(
          'p',
          { class: 'row' },
          button('Forget me', async () => {
            try {
              const ms = await api.forget(user);
              window.tandem.user(null);
              consentChanged(false);
              done.replaceChildren(`You are forgotten: it took ${ms} ms. Your number is gone, too.`);
            } catch (error) {
              done.replaceChildren(error.message);
            }
            draw();
          }, { class: 'main' }),
          button('Withdraw consent', () => {
            consentChanged(false);
            draw();
          }),
        ),
        signIn(() => {
          forYou.refresh();
          draw();
        }),
      ];
    }, 1);
  draw();
  return { main: [heading('You'), done, place] };
}
