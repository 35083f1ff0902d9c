// parts: pieces of page that several pages use.
import { h } from './dom.js';
import { money, priceOf, titleOf } from './goods.js';
import { picture } from './picture.js';
import * as tracking from './tracking.js';

/** Where the visitor came from to an item: the list whose card was followed last. */
export const cameFrom = new Map();

const address = (item) => `#/item/${encodeURIComponent(item.item)}`;

function follow(item, list) {
  cameFrom.set(item.item, list);
  tracking.selected(item, list);
}

export function card(item, list, note) {
  return h(
    'li',
    { class: 'card', 'data-item': item.item },
    h(
      'a',
      { href: address(item), onclick: () => follow(item, list) },
      picture(item),
      h('span', { class: 'title' }, titleOf(item)),
      h('span', { class: 'price' }, money(priceOf(item))),
      note && h('span', { class: 'note' }, note)
    )
  );
}

/** A list of cards that says to the tracker what it shows. */
export function cards(items, list, className = 'grid') {
  if (items.length) tracking.shown(items, list);
  return h('ul', { class: className, role: 'list' }, items.map((item) => card(item, list)));
}

export const loading = (n = 4) =>
  h('div', { class: 'grid', role: 'status', 'aria-label': 'Loading' }, Array.from({ length: n }, () => h('div', { class: 'ghost' })));

export const failure = (error, again) =>
  h('div', { class: 'failure', role: 'alert' }, h('p', null, error.message), h('button', { type: 'button', onclick: again }, 'Try again'));

/** Fills `place` with what `make` resolves to; meanwhile and else it says so. */
export async function fill(place, make, n) {
  place.replaceChildren(loading(n));
  try {
    place.replaceChildren(...[await make()].flat());
  } catch (error) {
    if (error.status === undefined) throw error; // a mistake of this page
    place.replaceChildren(failure(error, () => fill(place, make, n)));
  }
}

export const heading = (text) => h('h1', { tabindex: '-1' }, text);
