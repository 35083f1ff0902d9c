// A browser as far as tracker.js sees one: pages (tabs) of one origin that share a disk, locks and a clock, and a server that
// remembers, as Tandem's does, each user's last 32 ids.
import { readFileSync } from 'node:fs';

const source = readFileSync(new URL('../../serving-layer/web/tracker/tracker.js', import.meta.url), 'utf8');
const start = Date.UTC(2026, 0, 2);

export class World {
  now = start;
  disk = {};
  pages = [];
  bodies = []; // what the server was sent: {events, headers, type: 'fetch' | 'beacon', keepalive}
  accepted = []; // what it has counted
  timers = [];
  lock = Promise.resolve();
  hasLocks = true;
  takesBeacons = true;
  /** What the server says to a request: {status, headers, body}; null: nothing, ever. Throws when there is no way to it. */
  answer = () => ({ status: 202 });

  /** A page with the tracker; `options` are its data attributes. */
  open(options = { consent: 'granted' }, before = {}) {
    const page = new Page(this, options, before);
    this.pages.push(page);
    return page;
  }

  receive(type, url, body, more = {}) {
    const request = { type, url, body, events: body.split('\n').map((line) => JSON.parse(line)), ...more };
    this.bodies.push(request);
    const answer = this.answer(request, this.bodies.length);
    if (answer && answer.status === 202) request.events.forEach((event) => this.count(event));
    return answer;
  }

  count(event) {
    const last = this.accepted.filter((other) => other.user === event.user).slice(-32);
    if (!last.some((other) => other.event_id === event.event_id)) this.accepted.push(event);
  }

  /** Time passes: whatever is due happens, in order. */
  async pass(ms) {
    const until = this.now + ms;
    for (;;) {
      await settled();
      const next = this.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers.splice(this.timers.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.work();
    }
    this.now = until;
  }
}

const settled = async () => {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
};

class Page {
  listeners = {};
  said = [];

  constructor(world, options, before) {
    this.world = world;
    this.document = {
      currentScript: { dataset: options, src: 'https://tandem.example/tracker.js' },
      visibilityState: 'visible',
      addEventListener: (name, work) => this.listen(name, work),
    };
    this.window = {
      ...before,
      localStorage: world.disk,
      crypto: globalThis.crypto,
      console: { error: (what) => this.said.push(what) },
      fetch: (url, request) => this.fetch(url, request),
      addEventListener: (name, work) => this.listen(name, work),
    };
    if (world.forbidsStorage)
      Object.defineProperty(this.window, 'localStorage', {
        get() {
          throw new Error('SecurityError');
        },
      });
    this.navigator = {
      userAgent: 'Mozilla/5.0 (Linux; Android 15) Mobile',
      locks: world.hasLocks ? { request: (name, work) => this.locked(work) } : undefined,
      sendBeacon: (url, body) => {
        if (world.takesBeacons) world.receive('beacon', url, body);
        return world.takesBeacons;
      },
    };
    this.load();
  }

  load() {
    const { world } = this;
    const clock = class extends Date {
      static now = () => world.now;
    };
    new Function('window', 'document', 'navigator', 'Date', 'setTimeout', 'clearTimeout', source)(
      this.window,
      this.document,
      this.navigator,
      clock,
      (work, ms) => this.later(work, ms),
      (timer) => (this.world.timers = this.world.timers.filter((other) => other !== timer))
    );
    this.tandem = this.window.tandem;
  }

  later(work, ms) {
    const timer = { page: this, at: this.world.now + Math.ceil(Math.max(ms, 0)), work };
    this.world.timers.push(timer);
    return timer;
  }

  /** As the Web Locks API: one after the other, over all tabs. */
  locked(work) {
    const result = this.world.lock.then(work);
    this.world.lock = result.catch(() => {});
    return result;
  }

  async fetch(url, { body, headers, keepalive, signal }) {
    const answer = await this.world.receive('fetch', url, body, { headers, keepalive, signal });
    if (!answer) await new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)));
    return new Response(answer.body && JSON.stringify(answer.body), answer);
  }

  listen(name, work) {
    (this.listeners[name] = this.listeners[name] || []).push(work);
  }

  happens(name, event = {}) {
    (this.listeners[name] || []).forEach((work) => work(event));
  }

  turns(visibilityState) {
    this.document.visibilityState = visibilityState;
    this.happens('visibilitychange');
  }

  /** The page goes: its timers with it. What it has sent is on its way. */
  close() {
    this.turns('hidden');
    this.happens('pagehide');
    this.crash();
  }

  crash() {
    this.world.timers = this.world.timers.filter((timer) => timer.page !== this);
    this.world.pages = this.world.pages.filter((page) => page !== this);
  }

  views(n, from = 0) {
    for (let i = from; i < from + n; i++) this.tandem.track({ type: 'view', item: `i${i}` });
  }
}

export const offline = () => {
  throw new TypeError('Failed to fetch');
};
export const items = (events) => events.map((event) => event.item);
export const numbered = (n, from = 0) => Array.from({ length: n }, (_, i) => `i${from + i}`);
export const waiting = (world) => Object.keys(world.disk).filter((key) => key.startsWith('tandem:e:'));
