// The demo shop: a page without a library. Addresses are #/, #/item/ID, #/basket, #/orders, #/you.
import { byId, h } from './dom.js';
import * as forYou from './for_you.js';
import * as pages from './pages.js';
import './style.css';

/* Without the tracker (a visitor may block it) the shop is a shop all the same. */
window.tandem = window.tandem || { ga4() {}, user: () => null, consent() {}, flush: async () => true, decimals: () => 2 };

/* ---- consent ---- */

function askConsent() {
  const refused = sessionStorage.getItem('shop.refused');
  byId('consent').hidden = !!refused || window.tandem.user() !== null;
}

function consentChanged(yes) {
  window.tandem.consent(yes);
  if (yes) sessionStorage.removeItem('shop.refused');
  else sessionStorage.setItem('shop.refused', '1');
  if (!yes) forYou.forgetVisit();
  askConsent();
  forYou.refresh();
}

function consentBanner() {
  const answer = (yes) => () => {
    consentChanged(yes);
    byId('main').focus({ preventScroll: true });
  };
  byId('consent').replaceChildren(
    h('p', null, 'May this shop remember what you look at, under a random number, to recommend what suits you? Under “You” you can see it and have it forgotten.'),
    h('button', { type: 'button', class: 'main', onclick: answer(true) }, 'Yes'),
    h('button', { type: 'button', onclick: answer(false) }, 'No')
  );
}

/* ---- addresses ---- */

const routes = [
  [/^#\/item\/(.+)$/, (id) => pages.product(decodeURIComponent(id)), ''],
  [/^#\/basket$/, pages.basketPage, 'Basket · '],
  [/^#\/orders$/, pages.orders, 'Orders · '],
  [/^#\/you$/, () => pages.you(consentChanged), 'You · '],
  [/^/, pages.products, ''],
];

function show(event) {
  if (location.hash === '#main') return; // the skip link
  const [pattern, page, title] = routes.find(([pattern]) => pattern.test(location.hash));
  document.title = `${title}Tandem demo shop`;
  const { main, below } = page(...location.hash.match(pattern).slice(1));
  byId('main').replaceChildren(...main);
  byId('below').replaceChildren(...(below || []));
  byId('below').hidden = !below;
  for (const link of document.querySelectorAll('nav a'))
    if (link.hash === (location.hash || '#/')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  if (!event) return;
  scrollTo(0, 0);
  byId('main').querySelector('h1')?.focus({ preventScroll: true });
}

function connection() {
  byId('offline').hidden = navigator.onLine;
}

forYou.start();
consentBanner();
askConsent();
pages.showBasket();
connection();
forYou.refresh();
show();
addEventListener('hashchange', show);
addEventListener('offline', connection);
addEventListener('online', () => {
  connection();
  forYou.follow(performance.now());
});
