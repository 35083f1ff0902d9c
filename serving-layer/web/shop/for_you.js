// for_you: the list that follows the visitor, and how long it took to follow.
import * as api from './api.js';
import { byId, h } from './dom.js';
import { remember, titleOf } from './goods.js';
import { card } from './parts.js';
import * as tracking from './tracking.js';

const N = 6;
const list = 'for-you';
const visited = []; // items of this visit, in memory: for who has not consented
let shownNow = []; // items of the list, in order
let last = ''; // what the last answer looked like
let refreshed = null; // a promise
let turn = 0; // a newer refresh ends an older one

const reasons = {
  session: 'seen together with what you looked at',
  popular_country: 'popular in your country',
  popular: 'popular now: you are new here',
  latest: 'new in the shop',
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The answer for this visitor; null: there is none without consent. */
const ask = () => {
  const user = window.tandem.user();
  if (user) return api.recommendations(user, N);
  return visited.length ? api.sessionRecommendations(visited.slice(-20), N) : null;
};

/** Which items, and because of which: scores move with everybody's clicks, these with the visitor's own. */
const likeness = (answer) =>
  JSON.stringify((answer ? answer.items : []).map(({ item, because = [] }) => [item, because.map((reason) => reason.item)]));

export function start() {
  byId('for-you').replaceChildren(
    h('h2', { id: 'for-you-title' }, 'Recommended for you'),
    h('p', { id: 'for-you-status', role: 'status' }),
    h('ul', { id: 'for-you-list', class: 'side', role: 'list' })
  );
}

const say = (...what) => byId('for-you-status').replaceChildren(...what.filter(Boolean));

function because(item) {
  const reason = item.because && item.because[0];
  return reason && `because of ${titleOf(remember([reason])[0])}`;
}

function draw(answer) {
  const items = remember(answer ? answer.items : []);
  const before = new Set(shownNow);
  const focused = document.activeElement?.closest('#for-you-list li')?.dataset.item;
  const drawn = items.map((item, i) => {
    const one = card(item, list, because(answer.items[i]));
    if (before.size && !before.has(item.item)) one.classList.add('new');
    return one;
  });
  byId('for-you-list').replaceChildren(...drawn);
  drawn.find((one) => one.dataset.item === focused)?.querySelector('a').focus();
  const ids = items.map((item) => item.item);
  if (items.length && ids.join() !== shownNow.join()) tracking.shown(items, list);
  shownNow = ids;
}

function explain(answer, ms) {
  if (!answer && visited.length) return say('With your consent this list follows what you look at.');
  if (!answer || !answer.items.length) return say('Look at something, and this list follows.');
  const reason = window.tandem.user() ? reasons[answer.fallback] : 'from this visit only; nothing is stored';
  if (ms === undefined) return say(reason || 'From what you have looked at.');
  say(h('strong', { class: 'ms' }, `Changed ${ms} ms after your click`), reason && h('span', null, ` (${reason})`));
}

/** Shows what is recommended now. */
export function refresh() {
  refreshed = show();
}

async function show() {
  const mine = ++turn;
  try {
    const answer = await ask();
    if (mine !== turn) return;
    draw(answer);
    explain(answer);
    last = likeness(answer);
  } catch (error) {
    if (mine === turn) say(error.message);
  }
}

/** After something that the visitor did `at` (performance.now()): asks until the list is another one, for five seconds at most. */
export async function follow(at) {
  await refreshed; // what was before is what it is compared with
  const mine = ++turn;
  say('Following what you did …');
  try {
    while (window.tandem.user() && !(await window.tandem.flush())) {
      if (mine !== turn) return;
      say('Follows as soon as the shop can be reached.');
      await pause(500);
    }
    while (mine === turn) {
      const answer = await ask();
      if (mine !== turn) return;
      const ms = Math.round(performance.now() - at);
      const changed = likeness(answer) !== last;
      if (changed || ms > 5000) {
        draw(answer);
        explain(answer, changed ? ms : undefined);
        last = likeness(answer);
        return;
      }
      await pause(20);
    }
  } catch (error) {
    if (mine === turn) say(error.message);
  }
}

/** An item of this visit. */
export function visit(item) {
  visited.push(item);
}

export function forgetVisit() {
  visited.length = 0;
}
