import { useEffect, useState } from 'preact/hooks';

import { ask, layersOf, part, readGroups, send } from './api.js';
import { absent, count, money, plural, score, signed, span } from './format.js';
import { useAsk } from './hooks.js';
import { AsOf, Asked, Choice, Empty, Failure, ItemLink, Layers, Page, Panel, Stat, State, Table } from './parts.jsx';
import { visitorId, setVisitorId } from './visitor.js';

// ---- the list ----

function useLater(value, ms) {
  const [later, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), ms);
    return () => clearTimeout(timer);
  }, [value]);
  return later;
}

function Found({ query }) {
  const found = useAsk((signal) => ask(`/v1/items?query=${part(query)}&n=50`, signal), [query]);
  const exact = <p>Or open <ItemLink item={query} /> by its id.</p>;
  if (found.error?.status === 404) return <><Empty>This server has no catalogue to search in.</Empty>{exact}</>;
  return (
    <Asked of={found}>
      {({ items }) => (
        <>
          <Table caption="Items found" rows={items} keyOf={(i) => i.item} empty={`No title has “${query}” in it.`} columns={[
            { name: 'Item', of: (i) => <ItemLink item={i.item} title={i.title} /> },
            { name: 'Category', of: (i) => i.category ?? absent },
            { name: 'Price', number: true, of: (i) => money(i.price, i.currency) },
            { name: 'State', of: (i) => <Shown item={i} /> },
          ]} />
          {!items.some((i) => i.item === query) && exact}
        </>
      )}
    </Asked>
  );
}

function Shown({ item }) {
  if (item.hidden) return <State state="behind">Hidden</State>;
  return item.available === false ? <State state="behind">Not available</State> : <State state="ok">Shown</State>;
}

function Popular() {
  const popular = useAsk((signal) => ask('/v1/popular?hours=168&n=20', signal), []);
  return (
    <Asked of={popular} lines={8}>
      {({ items }) => (
        <Table caption="Popular items" rows={items} keyOf={(i) => i.item} empty="Nothing was looked at or bought in the last seven days." columns={[
          { name: 'Item', of: (i) => <ItemLink item={i.item} title={i.title} /> },
          { name: 'Points', number: true, of: (i) => count(i.count) },
        ]} />
      )}
    </Asked>
  );
}

export function Items() {
  const [query, setQuery] = useState('');
  const wanted = useLater(query.trim(), 200);
  return (
    <Page title="Items" lead="What goes with what, and how much of it each layer has counted.">
      <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
        <label for="query">Search by title</label>
        <input id="query" type="search" value={query} maxLength={64} placeholder="lantern" autocomplete="off"
          onInput={(event) => setQuery(event.target.value)} />
      </form>
      {wanted ? (
        <Panel title="Found"><Found query={wanted} /></Panel>
      ) : (
        <Panel title="Popular in the last seven days" hint="A view counts 1, a cart 3, a purchase 5, a refund −5."><Popular /></Panel>
      )}
    </Page>
  );
}

// ---- an item ----

const by = [['together', 'Seen together'], ['bought_together', 'Bought together'], ['next', 'Looked at next']];
const means = {
  together: 'users who have both among the last 20 they looked at',
  bought_together: 'users who have bought both',
  next: 'weight of “looked at later in the same visit”, 2,520 for the very next',
};

/** What is needed for the table: the ranking, and the row of pairs in the three layers. */
async function similarOf(item, view, signal) {
  const [ranked, layers] = await Promise.all([
    ask(`/v1/items/${part(item)}/similar?n=15&by=${view}`, signal), layersOf([[view, item]], signal),
  ]);
  return { ranked, layers };
}

function SimilarTable({ data: { ranked, layers }, changes }) {
  const [row] = layers.rows;
  const most = Math.max(...row.merged.values(), 1);
  const rows = ranked.items.filter((i) => !i.fallback).map((i) => ({
    ...i, batch: row.batch.get(i.item) ?? 0, speed: row.speed.get(i.item) ?? 0, merged: row.merged.get(i.item) ?? 0,
    changed: changes?.has(i.item),
  }));
  return (
    <>
      <Table caption="Similar items by layer" rows={rows} keyOf={(r) => r.item} empty="No other item goes with this one yet." columns={[
        { name: 'Item', of: (r) => <ItemLink item={r.item} title={r.title} /> },
        { name: 'Score', number: true, of: (r) => score(r.score) },
        { name: 'Batch', number: true, of: (r) => count(r.batch), class: 'batch' },
        { name: 'Speed', number: true, of: (r) => signed(r.speed), class: 'speed' },
        { name: 'Merged', number: true, of: (r) => <strong>{count(r.merged)}</strong> },
        { name: 'Share', of: (r) => <Layers batch={r.batch} speed={r.speed} most={most} />, class: 'share' },
      ]} />
      <p class="hint"><i class="key batch" /> batch view {count(layers.batch)} <i class="key speed" /> what has come since. {layers.exact ? 'Batch + speed = merged, to the last count.' : 'Events are arriving: the layers were read at different moments.'}</p>
      <AsOf answer={layers} />
    </>
  );
}

// ---- "I just viewed this" ----

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function rowsOf(item) {
  const [together, users] = await readGroups([['together', item], ['item_users', 'all']]);
  return { together, users: users.get(item) ?? 0 };
}

/**
 * Sends the event and asks until an answer counts it: until its as_of has reached what the end of the log was once the event was
 * acknowledged. Says how long that took, an upper bound, and what has changed in the item's row meanwhile, by others, too.
 */
async function view(item, user) {
  const before = await rowsOf(item);
  const began = performance.now();
  await send('POST', '/v1/events', { type: 'view', user, item });
  const acknowledged = performance.now() - began;
  const { log_end: end } = await ask('/v1/status');
  let answer;
  for (let waits = 0; ; waits++) {
    answer = await ask(`/v1/views/together/${part(item)}?n=100000`);
    if (answer.as_of.every((offset, p) => offset >= end[p])) break;
    if (performance.now() - began > 30000) throw new Error('after 30 s the event was not counted yet: look at the speed layer');
    await pause(waits < 100 ? 2 : 100);
  }
  const took = performance.now() - began;
  const now = new Map(answer.counters.map(({ member, value }) => [member, value]));
  const pairs = [...new Set([...before.together.keys(), ...now.keys()])]
    .map((other) => ({ other, from: before.together.get(other) ?? 0, to: now.get(other) ?? 0 }))
    .filter(({ from, to }) => from !== to);
  return { acknowledged, took, users: [before.users, (await rowsOf(item)).users], pairs };
}

function Change({ result }) {
  const [from, to] = result.users;
  return (
    <div class="change" role="status">
      <p class="headline">
        Counted in answers after <strong>{span(Math.ceil(result.took))}</strong>
        <span class="note">of which {span(Math.ceil(result.acknowledged))} until Kafka had acknowledged it</span>
      </p>
      <p>Users who have seen it: {count(from)} → <strong>{count(to)}</strong>{from === to && ' (who is among them already adds nothing)'}</p>
      {result.pairs.length > 0 && (
        <>
          <p>{plural(result.pairs.length, 'pair')} of its row changed, by whoever else was here, too:</p>
          <ul class="pairs">
            {result.pairs.slice(0, 8).map((p) => (
              <li key={p.other}><ItemLink item={p.other} /> {count(p.from)} → <strong>{count(p.to)}</strong></li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Viewed({ item, onChange }) {
  const [user, setUser] = useState(visitorId);
  const [state, set] = useState({});
  const submit = async (event) => {
    event.preventDefault();
    setVisitorId(user);
    set({ busy: true });
    try {
      const result = await view(item, user);
      set({ result });
      onChange(result);
    } catch (error) {
      set({ error });
    }
  };
  return (
    <Panel title="Try it" hint="Sends a real view event, then watches this item’s row.">
      <form class="try" onSubmit={submit}>
        <label for="visitor">Visitor</label>
        <input id="visitor" value={user} required maxLength={64} spellcheck={false} autocomplete="off" onInput={(e) => setUser(e.target.value)} />
        <button class="primary" type="submit" disabled={state.busy}>{state.busy ? 'Waiting for the answer' : 'I just viewed this'}</button>
      </form>
      {state.error && <Failure error={state.error} />}
      {state.result && <Change result={state.result} />}
      {state.result && <p><a href={`#/people/${part(user)}`}>What is recommended to this visitor now</a></p>}
    </Panel>
  );
}

function About({ item, users, bought, popular }) {
  return (
    <dl class="stats">
      <Stat label="Seen by" value={count(users)} unit={users === 1 ? 'user' : 'users'} note="within their last 20" />
      <Stat label="Bought by" value={count(bought)} unit={bought === 1 ? 'user' : 'users'} note="within their last 20 purchases" />
      <Stat label="Points this hour" value={count(popular)} note="view 1, cart 3, purchase 5" />
      <Stat label="Price" value={item ? money(item.price, item.currency) : absent} note={item?.category ?? 'no category'} />
    </dl>
  );
}

/** The catalogue's item; null where it has none (or there is no catalogue). */
async function catalogued(item, signal) {
  try {
    return await ask(`/v1/items/${part(item)}`, signal);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

async function figuresOf(item, signal) {
  const hour = String(Math.floor(Date.now() / 3600000));
  const [found, rows] = await Promise.all([
    catalogued(item, signal), readGroups([['item_users', 'all'], ['bought_users', 'all'], ['popular', hour]], signal),
  ]);
  const [users, bought, popular] = rows.map((row) => row.get(item) ?? 0);
  return { item: found, users, bought, popular };
}

export function Item({ item }) {
  const [view, setView] = useState('together');
  const [changes, setChanges] = useState();
  const figures = useAsk((signal) => figuresOf(item, signal), [item]);
  const similar = useAsk((signal) => similarOf(item, view, signal), [item, view]);
  const changed = (result) => {
    setChanges(new Set(result.pairs.map((p) => p.other)));
    similar.reload();
    figures.reload();
  };
  const title = similar.data?.ranked.title ?? figures.data?.item?.title ?? item;
  return (
    <Page title={title} lead={<><a href="#/items">Items</a> / <code>{item}</code>{figures.data?.item && <> <Shown item={figures.data.item} /></>}</>}>
      <Asked of={figures} lines={2}>{(data) => <About {...data} />}</Asked>
      <div class="pair uneven">
        <Panel title="Similar items" hint={`Counts: ${means[view]}.`} actions={<Choice legend="Similar by" options={by} value={view} onChange={setView} />}>
          <Asked of={similar} lines={10}>{(data) => <SimilarTable data={data} changes={changes} />}</Asked>
        </Panel>
        <Viewed item={item} onChange={changed} />
      </div>
    </Page>
  );
}
