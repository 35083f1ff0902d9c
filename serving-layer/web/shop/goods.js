// goods: what this page knows about items, and what they cost.
import { hash } from './picture.js';
import * as api from './api.js';

const known = new Map();

/** Remembers what an answer says about items; gives them back with everything that is known. */
export function remember(items) {
  return items.map((item) => {
    const whole = { ...known.get(item.item), ...item };
    known.set(item.item, whole);
    return whole;
  });
}

/** An item by its id: from memory, else from the catalogue; one that nobody has described has its id for a title. */
export async function find(id) {
  if (known.get(id)?.title) return known.get(id);
  const found = await api.item(id);
  return remember([found || { item: id }])[0];
}

export const titleOf = (item) => item.title || item.item;

/** {price, currency} in minor units; invented where the catalogue has none. */
export function priceOf(item) {
  if (item.price != null) return { price: item.price, currency: item.currency };
  return { price: 195 + (hash(item.item) % 76) * 50, currency: 'GBP' };
}

/** As GA4 has it: 2.55 for 255 pence. */
export const decimal = ({ price, currency }) => price / 10 ** window.tandem.decimals(currency);

export function money(amount) {
  const digits = window.tandem.decimals(amount.currency);
  return new Intl.NumberFormat('en', {
    style: 'currency',
    currency: amount.currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(decimal(amount));
}
