// tracking: the shop's calls of the tracker, in GA4's shape. What the other files do is a shop; this is what a shop's developer adds.
import { decimal, priceOf, titleOf } from './goods.js';

const line = (item, { quantity = 1, list } = {}) => ({
  item_id: item.item,
  item_name: titleOf(item),
  price: decimal(priceOf(item)),
  quantity,
  ...(list && { item_list_id: list }),
});

const call = (name, item, more) =>
  window.tandem.ga4(name, { currency: priceOf(item).currency, items: [line(item, more)] });

export const viewed = (item) => call('view_item', item);
export const added = (item, list) => call('add_to_cart', item, { list });
export const selected = (item, list) => call('select_item', item, { list });

export const shown = (items, list) =>
  window.tandem.ga4('view_item_list', { item_list_id: list, items: items.map((item) => ({ item_id: item.item })) });

/** `bought`: [{item, quantity, list}] with whole items; each has its own currency. */
const ordered = (name) => (id, bought) => {
  const { currency } = priceOf(bought[0].item);
  window.tandem.ga4(name, {
    transaction_id: id,
    currency,
    items: bought.map((part) => ({ ...line(part.item, part), currency: priceOf(part.item).currency })),
  });
};
export const purchased = ordered('purchase');
export const refunded = ordered('refund');
