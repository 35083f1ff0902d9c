// basket: what is in the basket and what was bought. It lives in this tab's session, as long as the tab does.

const stored = (name) => JSON.parse(sessionStorage.getItem(name) || '[]');

/** Lines {item, quantity, list}: list is the list of recommendations that led to it, if one did. */
export const lines = stored('shop.basket');
/** Orders {id, lines, refunded}, newest first. */
export const orders = stored('shop.orders');

function keep() {
  sessionStorage.setItem('shop.basket', JSON.stringify(lines));
  sessionStorage.setItem('shop.orders', JSON.stringify(orders));
}

export const pieces = () => lines.reduce((sum, line) => sum + line.quantity, 0);

export function add(item, list) {
  const line = lines.find((other) => other.item === item);
  if (line) line.quantity = Math.min(line.quantity + 1, 99);
  else lines.push({ item, quantity: 1, list });
  keep();
}

export function setQuantity(item, quantity) {
  const at = lines.findIndex((line) => line.item === item);
  if (quantity > 0) lines[at].quantity = Math.min(quantity, 99);
  else lines.splice(at, 1);
  keep();
}

/** The basket becomes an order. */
export function order() {
  const made = { id: `D-${Date.now().toString(36)}-${Math.floor(Math.random() * 46656).toString(36)}`.toUpperCase(), lines: [...lines], refunded: false };
  orders.unshift(made);
  lines.length = 0;
  keep();
  return made;
}

export function markRefunded(made) {
  made.refunded = true;
  keep();
}
