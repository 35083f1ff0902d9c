/*
 * tracker.js: tells Tandem what the visitors of a shop do. docs/tracker.md is its manual.
 *
 * It is for one thing: that each event arrives and counts once. An event is written down before it is sent and struck out when
 * the server has said 202; until then it is sent again with the same event_id. It measures nothing that the shop has not told
 * it, sets no cookie, and without consent it neither stores nor sends.
 *
 * What lies in localStorage, a key each, so that tabs never overwrite each other's:
 *
 *   tandem:e:<ms, base 36><counter><random>   an event that waits: its JSON, a line of the body. Keys sort by time
 *   tandem:id                                 the visitor
 *   tandem:consent                            1 granted, 0 withdrawn where it is granted by default
 *   tandem:after                              ms: the server asked for silence until then
 *
 * Server and tracker agree on one figure: a user's last 32 ids are remembered. So only the oldest WINDOW of what waits is
 * ever on its way, in all tabs together; whatever of it is sent twice counts once.
 */
(function (window, document, navigator) {
  'use strict';

  const WINDOW = 30;
  const BATCH = 20; // so many are sent at once
  const WAIT_MS = 250; // fewer: after this time
  const BODY_CHARS = 16000; // at most three bytes each: under the 64 KiB of keepalive
  const LINE_CHARS = 4000;
  const MAX_WAITING = 500;
  const MAX_AGE_MS = 7 * 86400000;
  const TIMEOUT_MS = 15000;
  const RETRY_MS = 1000; // doubles up to
  const RETRY_MAX_MS = 300000;
  const SILENCE_MAX_MS = 3600000;

  const PREFIX = 'tandem:';
  const EVENT = PREFIX + 'e:';
  const ID = PREFIX + 'id';
  const CONSENT = PREFIX + 'consent';
  const AFTER = PREFIX + 'after';

  const stub = window.tandem || {};
  if (stub.loaded) return;

  const script = document.currentScript || { dataset: {}, src: '' };
  const options = script.dataset;
  // The key may stand in the address: everybody can read it in the page, and it can write events only. A request that is
  // plain text and has no header of its own needs no preflight, and a beacon can have none.
  const url =
    (options.url || script.src.replace(/\/[^/]*$/, '')).replace(/\/$/, '') +
    '/v1/events' +
    (options.key ? '?key=' + encodeURIComponent(options.key) : '');
  const wait = +options.wait || WAIT_MS;
  const grantedByDefault = options.consent === 'granted';

  /* ---- what waits ---- */

  const disk = storage();
  let spare = {}; // in place of the disk: before consent, and where there is none or it is full
  let granted = false;
  let counter = 0;

  function storage() {
    try {
      return window.localStorage || {};
    } catch (e) {
      return {}; // the browser forbids it
    }
  }

  function read(key) {
    return spare[key] || disk[key];
  }

  function write(key, value) {
    try {
      if (granted) {
        disk[key] = value;
        return;
      }
    } catch (e) {
      // full
    }
    spare[key] = value;
  }

  function remove(key) {
    delete spare[key];
    delete disk[key];
  }

  function stamp(ms) {
    return EVENT + Math.max(ms, 0).toString(36).padStart(9, '0');
  }

  /* The keys of what waits, oldest first. What is too old or too much is given up. */
  function waiting() {
    const oldest = stamp(Date.now() - MAX_AGE_MS);
    const keys = Object.keys(disk)
      .concat(Object.keys(spare))
      .filter((key) => key.startsWith(EVENT))
      .sort();
    const n = Math.max(keys.filter((key) => key < oldest).length, keys.length - MAX_WAITING);
    if (n > 0) {
      keys.splice(0, n).forEach(remove);
      complain('events were given up: too many or too old');
    }
    return keys;
  }

  function random() {
    return Array.from(window.crypto.getRandomValues(new Uint8Array(16)), (byte) =>
      byte.toString(16).padStart(2, '0')
    ).join('');
  }

  const said = {};
  function complain(what) {
    if (!said[what]) window.console.error('tandem: ' + what);
    said[what] = 1;
  }

  /* ---- who ---- */

  let account, visitor;

  function who() {
    if (account) return account;
    visitor = (granted && read(ID)) || visitor || random();
    if (granted && read(ID) !== visitor) write(ID, visitor);
    return visitor;
  }

  function user(id) {
    if (id !== undefined) account = id === null ? '' : String(id);
    return granted ? who() : null;
  }

  /* What was held in memory until consent is written down with it, and thrown away without. */
  function settle(yes) {
    const held = spare;
    granted = yes;
    spare = {};
    visitor = yes ? visitor : '';
    if (visitor) who(); // held events have this one
    for (const key in yes ? held : {}) write(key, held[key]);
    soon(wait);
  }

  /* What this tab said before, or another one has just said. */
  function decide() {
    settle(disk[CONSENT] ? disk[CONSENT] === '1' : grantedByDefault);
  }

  function consent(yes) {
    settle(!!yes);
    if (yes) {
      write(CONSENT, '1');
    } else {
      Object.keys(disk)
        .filter((key) => key.startsWith(PREFIX))
        .forEach(remove);
      if (grantedByDefault) disk[CONSENT] = '0';
    }
  }

  /* ---- events ---- */

  const FIELDS = 'event_id type user item ts quantity price currency country device order list'.split(' ');

  function track(event) {
    const whole = Object.assign(
      {
        ts: Date.now(),
        country: options.country,
        device: /Mobi/.test(navigator.userAgent) ? 'mobile' : 'desktop',
      },
      event
    );
    whole.event_id = whole.event_id || random();
    whole.user = whole.user || who();
    const line = JSON.stringify(whole, FIELDS);
    if (line.length > LINE_CHARS) {
      complain('an event is too long');
      return;
    }
    const key = stamp(Date.now()) + (counter++ % 46656).toString(36).padStart(3, '0') + random().slice(0, 6);
    write(key, line);
    soon(waiting().length < BATCH ? wait : 0);
  }

  /* ---- GA4's names ---- */

  const TYPES = {
    __proto__: null,
    view_item: 'view',
    add_to_cart: 'cart',
    purchase: 'purchase',
    refund: 'refund',
    view_item_list: 'impression',
    select_item: 'click',
  };

  /* Decimals of ISO 4217; 2 for all others. */
  const DECIMALS = [
    [0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'],
    [3, 'BHD IQD JOD KWD LYD OMR TND'],
    [4, 'CLF UYW'],
  ];

  function decimals(currency) {
    return (DECIMALS.find((row) => row[1].includes(currency)) || [2])[0];
  }

  /* In minor units, halves up. By way of text: 1.005 * 100 is less than 100.5. */
  function minor(price, currency) {
    return Math.round(+(+price + 'e' + decimals(currency)));
  }

  /* What the server takes as an id, an order or a list. */
  function fits(text) {
    return new TextEncoder().encode(text).length <= 64;
  }

  function clipped(text) {
    const chars = Array.from(String(text));
    while (!fits(chars.join(''))) chars.pop();
    return chars.join('');
  }

  function ga4Event(type, item, params, index) {
    const event = { type, item: String(item.item_id || item.item_name) };
    const list =
      item.item_list_id || params.item_list_id || item.item_list_name || params.item_list_name;
    const order = params.transaction_id;
    const currency = String(item.currency || params.currency || '').toUpperCase();
    const pieces = +item.quantity > 0 ? +item.quantity : 1;
    const whole = Number.isInteger(pieces);
    if (list) event.list = clipped(list);
    if (whole) event.quantity = pieces;
    if (order) event.order = String(order);
    // A thank-you page that is loaded again is the same purchase.
    if (order && type === 'purchase' && fits(order + ':' + index)) event.event_id = order + ':' + index;
    if (item.price != null && item.price !== '' && /^[A-Z]{3}$/.test(currency)) {
      // half a kilogram is one piece at half the price
      const price = minor(whole ? item.price : item.price * pieces, currency);
      if (price >= 0) Object.assign(event, { price, currency });
      else complain('a price is no number');
    }
    return event;
  }

  function ga4(name, params) {
    const type = TYPES[name];
    if (!type) return;
    params = params || {};
    const items = [].concat(params.items).filter((item) => item && (item.item_id || item.item_name));
    if (!items.length) complain(name + ' has no items');
    items.forEach((item, i) => track(ga4Event(type, item, params, i)));
  }

  /* What a page pushes to GA4's data layer: gtag's arguments, or {event, ecommerce}. */
  function listen(name) {
    const layer = (window[name] = window[name] || []);
    const push = layer.push;
    const see = (entry) => {
      if (entry && entry[0] === 'event') ga4(entry[1], entry[2]);
      else if (entry && entry.event) ga4(entry.event, entry.ecommerce);
    };
    layer.forEach(see);
    layer.push = function () {
      Array.from(arguments).forEach(see);
      return push.apply(layer, arguments);
    };
  }

  /* ---- the way to the server ---- */

  const away = new Set(); // keys of events that are on their way, or went with a beacon
  let failures = 0;
  let most = WINDOW;
  let notBefore = 0;
  let timer, due, running;

  /* A server that asked for silence asked all tabs. */
  function silentUntil() {
    const after = +read(AFTER) || 0;
    return after - Date.now() < SILENCE_MAX_MS ? Math.max(after, notBefore) : notBefore;
  }

  function soon(ms) {
    const at = Math.max(Date.now() + ms, silentUntil());
    if (!granted || (timer && due <= at)) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(drain, at - Date.now());
  }

  /* The next keys to send. */
  function batch(without) {
    let n = 0;
    return waiting()
      .slice(0, most)
      .filter((key) => !without.has(key) && (n += (read(key) || '').length) < BODY_CHARS && read(key));
  }

  function retryAfter(answer) {
    const value = answer && answer.headers.get('Retry-After');
    const ms = value ? value * 1000 || Date.parse(value) - Date.now() : 0;
    return Math.min(ms > 0 ? ms : 0, SILENCE_MAX_MS - 1);
  }

  function later(answer) {
    const silence = retryAfter(answer);
    const pause = Math.min(RETRY_MS * Math.pow(2, failures++), RETRY_MAX_MS) * (0.5 + Math.random() / 2);
    const status = answer && answer.status;
    if (silence) write(AFTER, String(Date.now() + silence));
    if (status >= 400 && status < 500 && status !== 429) complain('the server answers ' + status);
    notBefore = Date.now() + Math.max(silence, pause);
  }

  /* All are refused because of one: again without it, or in halves where the server did not say which. */
  async function refused(answer, keys) {
    const problem = await answer.json().catch(() => ({}));
    const bad = keys[problem.index];
    if (bad) {
      complain('an event was refused: ' + problem.detail);
      remove(bad);
    } else if (keys.length > 1) {
      most = Math.ceil(keys.length / 2);
    } else {
      later(answer);
    }
  }

  /* True: these keys are dealt with. */
  async function post(keys) {
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), TIMEOUT_MS);
    let answer = null;
    keys.forEach((key) => away.add(key));
    try {
      answer = await window.fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'text/plain' },
        body: keys.map(read).join('\n'),
        keepalive: true,
        credentials: 'omit',
        signal: abort.signal,
      });
      if (answer.ok) {
        keys.forEach(remove);
        failures = notBefore = 0;
        most = WINDOW;
      } else if ([400, 413, 422].includes(answer.status)) {
        await refused(answer, keys);
      } else {
        later(answer);
      }
    } catch (e) {
      later(null); // no way to the server
    }
    clearTimeout(limit);
    keys.forEach((key) => away.delete(key));
    return notBefore <= Date.now();
  }

  async function drainAlone() {
    for (;;) {
      const keys = granted && silentUntil() <= Date.now() ? batch(new Set()) : [];
      if (!keys.length || !(await post(keys))) return;
    }
  }

  /* One tab sends at a time, for all. */
  function drain() {
    clearTimeout(timer);
    timer = 0;
    running =
      running ||
      Promise.resolve(navigator.locks ? navigator.locks.request('tandem', drainAlone) : drainAlone())
        .catch(() => later(null)) // no lock to be had
        .then(() => {
          running = null;
          if (granted && waiting().length) soon(0);
        });
    return running;
  }

  /* Sends at once; resolves to whether all that was tracked until now has arrived. */
  async function flush() {
    const keys = waiting();
    await running;
    await drain();
    return !keys.some(read);
  }

  /* The page may be gone in a moment. Nobody hears the answer to a beacon: what it took goes once more with the next page. */
  function leave() {
    if (!granted || silentUntil() > Date.now()) return;
    const keys = batch(away);
    if (!keys.length) return;
    if (!navigator.sendBeacon || !navigator.sendBeacon(url, keys.map(read).join('\n'))) post(keys);
    keys.forEach((key) => away.add(key));
  }

  /* ---- start ---- */

  window.addEventListener('pagehide', leave);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') leave();
    else soon(wait);
  });
  window.addEventListener('online', () => {
    failures = notBefore = 0;
    soon(0);
  });
  window.addEventListener('storage', (event) => {
    if (event.key === CONSENT || event.key === null) decide();
  });

  const tandem = { loaded: true, track, ga4, user, consent, flush, decimals };
  window.tandem = tandem;
  decide();
  (stub.q || []).forEach((call) => tandem[call[0]].apply(null, call[1]));
  if (options.layer) listen(options.layer);
})(window, document, navigator);
