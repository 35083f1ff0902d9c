import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import './style.css';
import { keys, onKeyWanted } from './api.js';
import { rate, span } from './format.js';
import { useRoute, useStream } from './hooks.js';
import { Item, Items } from './items.jsx';
import { Overview } from './overview.jsx';
import { Page, Empty, State } from './parts.jsx';
import { People, Person } from './people.jsx';
import { Runs } from './runs.jsx';
import { Traffic } from './traffic.jsx';
import { Views } from './views.jsx';

const pages = [
  ['overview', 'Overview'], ['items', 'Items'], ['people', 'People'],
  ['traffic', 'Traffic and revenue'], ['runs', 'Runs'], ['views', 'Views'],
];

// ---- dark and light ----

const themes = [['', 'Like the system'], ['light', 'Light'], ['dark', 'Dark']];

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  localStorage.setItem('tandem-theme', theme);
  dispatchEvent(new Event('tandem-theme'));
}
setTheme(localStorage.getItem('tandem-theme') ?? '');
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => dispatchEvent(new Event('tandem-theme')));

function ThemeSwitch() {
  const [theme, set] = useState(document.documentElement.dataset.theme ?? '');
  return (
    <label class="theme">
      <span>Colours</span>
      <select value={theme} onChange={(event) => { set(event.target.value); setTheme(event.target.value); }}>
        {themes.map(([value, label]) => <option key={value} value={value}>{label}</option>)}
      </select>
    </label>
  );
}

// ---- the key ----

function KeyDialog({ open, onDone }) {
  const dialog = useRef();
  const input = useRef();
  useEffect(() => {
    if (open && !dialog.current.open) dialog.current.showModal();
  }, [open]);
  const submit = (event) => {
    event.preventDefault();
    keys.set(input.current.value.trim());
    dialog.current.close();
    onDone();
  };
  return (
    <dialog ref={dialog} aria-labelledby="key-title">
      <form onSubmit={submit}>
        <h2 id="key-title">This server asks for a key</h2>
        <p>It needs the role <code>read</code>; to send events and to forget somebody, <code>admin</code>. It is kept in this tab only.</p>
        <label for="key">API key</label>
        <input id="key" ref={input} type="password" autocomplete="off" required />
        <div class="actions"><button type="submit" class="primary">Use this key</button></div>
      </form>
    </dialog>
  );
}

// ---- the frame ----

function Live({ live }) {
  if (live.error) return <State state="away">{live.error.status === 401 ? 'Key needed' : 'Not connected'}</State>;
  if (!live.pulse) return <State state="idle">Connecting</State>;
  const bad = live.pulse.parts.filter((p) => ['away', 'stalled', 'drift'].includes(p.state)).length;
  const fresh = live.pulse.freshness_ms;
  return (
    <p class="live">
      <State state={bad ? 'away' : 'ok'}>{bad ? `${bad} of ${live.pulse.parts.length} parts need a look` : 'All parts OK'}</State>
      <span>{rate(live.pulse.events_per_s)} events/s</span>
      {fresh !== null && <span>fresh within {span(fresh)}</span>}
    </p>
  );
}

function Nav({ page }) {
  return (
    <nav aria-label="Pages">
      <ul>
        {pages.map(([path, title]) => (
          <li key={path}>
            <a href={`#/${path}`} aria-current={path === page ? 'page' : undefined}>{title}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Content({ route, live }) {
  const [page = 'overview', ...rest] = route.parts;
  if (page === 'overview') return <Overview live={live} />;
  if (page === 'items') return rest.length ? <Item key={rest.join('/')} item={rest.join('/')} /> : <Items />;
  if (page === 'people') return rest.length ? <Person key={rest.join('/')} user={rest.join('/')} /> : <People />;
  if (page === 'traffic') return <Traffic />;
  if (page === 'runs') return <Runs />;
  if (page === 'views') return <Views route={route} />;
  return <Page title="No such page"><Empty>There is no page here. The navigation lists those that are.</Empty></Page>;
}

function App() {
  const route = useRoute();
  const [turn, again] = useState(0);
  const [keyWanted, setKeyWanted] = useState(false);
  const live = useStream(turn);
  const main = useRef();
  useEffect(() => onKeyWanted(() => setKeyWanted(true)), []);
  const withKey = () => { setKeyWanted(false); again((n) => n + 1); };
  const skip = (event) => {
    event.preventDefault();
    main.current.focus();
    main.current.scrollIntoView();
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>Skip to the content</a>
      <div class="frame">
        <header class="side">
          <a class="brand" href="#/overview">
            <img src="/assets/icon.svg" alt="" width="28" height="28" />
            <span>Tandem</span>
          </a>
          <Nav page={route.parts[0] ?? 'overview'} />
          <div class="side-foot">
            <Live live={live} />
            <ThemeSwitch />
          </div>
        </header>
        <main id="main" ref={main} tabIndex={-1} key={turn}>
          <Content route={route} live={live} />
        </main>
      </div>
      <KeyDialog open={keyWanted} onDone={withKey} />
    </>
  );
}

render(<App />, document.getElementById('app'));
