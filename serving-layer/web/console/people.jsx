import { useEffect, useRef, useState } from 'preact/hooks';

import { ask, part, send, titlesOf } from './api.js';
import { absent, count, moment, plural, score } from './format.js';
import { useAsk } from './hooks.js';
import { AsOf, Asked, Empty, Failure, ItemLink, Page, Panel, State, Table } from './parts.jsx';
import { visitorId } from './visitor.js';

export function People() {
  const [user, setUser] = useState('');
  const go = (event) => {
    event.preventDefault();
    location.hash = `#/people/${part(user.trim())}`;
  };
  return (
    <Page title="People" lead="What is known of a visitor, what that leads to, and how it is forgotten.">
      <Panel title="Find somebody" hint="By the id that the shop sends as “user”: an account, a visitor’s cookie, a session.">
        <form class="try" onSubmit={go}>
          <label for="user">User id</label>
          <input id="user" value={user} required maxLength={64} spellcheck={false} autocomplete="off" onInput={(e) => setUser(e.target.value)} />
          <button class="primary" type="submit">Look</button>
        </form>
        <p>Or the visitor that this tab is: <a href={`#/people/${part(visitorId())}`}>{visitorId()}</a></p>
      </Panel>
    </Page>
  );
}

// ---- what is known ----

const kinds = { view: 'viewed', cart: 'put into the cart', purchase: 'bought' };

/** The newest first, with titles. */
function newest(list, titles) {
  return [...(list ?? [])].reverse().map((entry) => ({ ...entry, title: titles.get(entry.item) }));
}

function Known({ known, titles }) {
  const seen = newest(known.seen, titles);
  const bought = newest(known.bought, titles);
  const columns = (how) => [
    { name: 'Item', of: (s) => <ItemLink item={s.item} title={s.title} /> },
    ...(how ? [{ name: 'How', of: (s) => kinds[s.type] ?? s.type }] : []),
    { name: 'When', of: (s) => moment(s.ts) },
  ];
  return (
    <>
      <h3>Seen, the newest first</h3>
      <Table caption="Seen" rows={seen} columns={columns(true)} empty="Nothing is remembered of this user." />
      <h3>Bought, the newest first</h3>
      <Table caption="Bought" rows={bought} columns={columns(false)} empty="No purchase is remembered." />
      {known.event_ids !== undefined && <p class="hint">{plural(known.event_ids, 'event id')} remembered, so that a repeated event counts once.</p>}
    </>
  );
}

// ---- what is recommended ----

function Because({ because }) {
  return (
    <span class="because">
      {because.map((b, i) => (
        <span key={b.item}>{i > 0 && ', '}<ItemLink item={b.item} title={b.title} /> ({count(b.count)})</span>
      ))}
    </span>
  );
}

const chain = {
  session: 'from the items of this session', popular_country: 'popular in the country', popular: 'popular everywhere', latest: 'newest of the catalogue',
};

function Recommended({ answer }) {
  return (
    <>
      {answer.filled > 0 && <p class="hint">{plural(answer.filled, 'place')} filled from elsewhere, because too little is known of this user.</p>}
      <Table caption="Recommendations with reasons" rows={answer.items} keyOf={(i) => i.item} empty="Nothing to recommend: this user has seen nothing that others have seen as well." columns={[
        { name: 'Item', of: (i) => <ItemLink item={i.item} title={i.title} /> },
        { name: 'Score', number: true, of: (i) => score(i.score) },
        { name: 'Because of (users who have seen both)', of: (i) => (i.because?.length ? <Because because={i.because} /> : <span class="id">{chain[i.fallback] ?? absent}</span>) },
      ]} />
      <AsOf answer={answer} />
    </>
  );
}

// ---- forget ----

const layers = [['speed', 'Speed layer'], ['batch', 'Batch view'], ['master_dataset', 'Master dataset']];

function Progress({ user, at }) {
  const [done, set] = useState();
  const [error, fail] = useState();
  useEffect(() => {
    const gone = new AbortController();
    let timer;
    const look = async () => {
      try {
        const answer = await ask(`/v1/users/${part(user)}/forgotten?partition=${at.partition}&offset=${at.offset}`, gone.signal);
        set(answer);
        if (!layers.every(([name]) => answer[name])) timer = setTimeout(look, answer.speed ? 3000 : 100);
      } catch (problem) {
        if (!gone.signal.aborted) fail(problem);
      }
    };
    look();
    return () => { gone.abort(); clearTimeout(timer); };
  }, [user, at]);
  if (error) return <Failure error={error} />;
  return (
    <ul class="parts" role="status">
      {layers.map(([name, label]) => (
        <li key={name}>
          <span class="part-name">{label}</span>
          <State state={done?.[name] ? 'ok' : 'idle'}>{done?.[name] ? 'Forgotten' : name === 'speed' ? 'Any moment' : 'With the next batch run'}</State>
        </li>
      ))}
    </ul>
  );
}

function Forget({ user, onDone }) {
  const dialog = useRef();
  const [state, set] = useState({});
  const forget = async () => {
    dialog.current.close();
    set({ busy: true });
    try {
      set({ at: await send('DELETE', `/v1/users/${part(user)}`) });
      setTimeout(onDone, 500);
    } catch (error) {
      set({ error });
    }
  };
  return (
    <Panel title="Forget" hint="Erases this user from every view at once, and from the master dataset with the next batch run. It cannot be undone.">
      <button type="button" class="danger" disabled={state.busy} onClick={() => dialog.current.showModal()}>Forget this user</button>
      {state.error && <Failure error={state.error} />}
      {state.at && <Progress user={user} at={state.at} />}
      <dialog ref={dialog} aria-labelledby="forget-title">
        <h2 id="forget-title">Forget {user}?</h2>
        <p>What this user has seen and bought leaves all counts. It cannot be undone.</p>
        <div class="actions">
          <button type="button" onClick={() => dialog.current.close()}>Keep</button>
          <button type="button" class="danger" onClick={forget}>Forget</button>
        </div>
      </dialog>
    </Panel>
  );
}

/** What is known, and what its items are called. */
async function knownOf(user, signal) {
  const known = await ask(`/v1/users/${part(user)}`, signal);
  return { known, titles: await titlesOf([...(known.seen ?? []), ...(known.bought ?? [])].map((entry) => entry.item), signal) };
}

export function Person({ user }) {
  const known = useAsk((signal) => knownOf(user, signal), [user]);
  const recommended = useAsk((signal) => ask(`/v1/users/${part(user)}/recommendations?n=12`, signal), [user]);
  const reload = () => { known.reload(); recommended.reload(); };
  return (
    <Page title={user} lead={<><a href="#/people">People</a> / what is known, and what it leads to</>}
      actions={<button type="button" onClick={reload}>Look again</button>}>
      <Panel title="Recommendations"><Asked of={recommended} lines={8}>{(data) => <Recommended answer={data} />}</Asked></Panel>
      <div class="pair uneven">
        <Panel title="What is known">
          {known.error?.status === 404 ? <Empty>Nothing is known of this user.</Empty> : <Asked of={known} lines={8}>{({ known: of, titles }) => <Known known={of} titles={titles} />}</Asked>}
        </Panel>
        <Forget user={user} onDone={reload} />
      </div>
    </Page>
  );
}
