// What the pages are made of.
import { useEffect, useId, useRef } from 'preact/hooks';

import { count } from './format.js';

let first = true; // where the console was opened, the keyboard begins at the top

/** A page's heading takes the focus when it is gone to, so that the keyboard and a screen reader are there, too. */
export function Page({ title, lead, children, actions }) {
  const heading = useRef();
  useEffect(() => {
    document.title = `${title} · Tandem`;
    const at = document.activeElement;
    if (!first && (!at || at === document.body || at.closest('nav'))) heading.current.focus({ preventScroll: true });
    if (!first) scrollTo(0, 0);
    first = false;
  }, [title]);
  return (
    <>
      <header class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>{title}</h1>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function Panel({ title, hint, children, actions, class: name = '' }) {
  const id = useId();
  return (
    <section class={`panel ${name}`} aria-labelledby={id}>
      <header>
        <div>
          <h2 id={id}>{title}</h2>
          {hint && <p class="hint">{hint}</p>}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }) {
  return <p class="empty">{children}</p>;
}

export function Failure({ error, retry }) {
  return (
    <div class="failure" role="alert">
      <p>{error.message.charAt(0).toUpperCase() + error.message.slice(1)}.</p>
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

export function Loading({ lines = 4 }) {
  return (
    <div class="loading" role="status">
      <span class="unseen">Loading</span>
      {Array.from({ length: lines }, (_, i) => <i key={i} />)}
    </div>
  );
}

/** The three states of what was asked for, and its data when it is there. */
export function Asked({ of, children, lines }) {
  if (of.error) return <Failure error={of.error} retry={of.reload} />;
  if (of.data === undefined) return <Loading lines={lines} />;
  return children(of.data);
}

export function Stat({ label, value, unit, note, tone = '' }) {
  return (
    <div class={`stat ${tone}`}>
      <dt>{label}</dt>
      <dd>
        <span class="value">{value}</span> {unit && <span class="unit">{unit}</span>}
        {note && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}

/** columns: [{name, of: (row) => node, number, wide}] */
export function Table({ caption, columns, rows, keyOf, empty = 'Nothing here yet.' }) {
  if (!rows.length) return <Empty>{empty}</Empty>;
  return (
    <div class="table" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.name} scope="col" class={`${c.number ? 'number' : ''} ${c.class ?? ''}`}>{c.name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={keyOf ? keyOf(row) : i} class={row.changed ? 'changed' : ''}>
              {columns.map((c) => (
                <td key={c.name} class={`${c.number ? 'number' : ''} ${c.class ?? ''}`}>{c.of(row, i)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** One of a few: radio buttons that look like one control. */
export function Choice({ legend, options, value, onChange }) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="unseen">{legend}</legend>
      {options.map(([of, label]) => (
        <label key={of}>
          <input type="radio" name={name} checked={of === value} onChange={() => onChange(of)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

const stateWords = {
  ok: 'OK', away: 'Away', stalled: 'Stalled', behind: 'Behind', drift: 'Drift', unknown: 'Not known', idle: 'Idle',
};
const stateTones = { ok: 'good', away: 'bad', stalled: 'bad', drift: 'bad', behind: 'warn', unknown: 'warn', idle: '' };

export function State({ state, children }) {
  return <span class={`state ${stateTones[state] ?? ''}`}>{children ?? stateWords[state] ?? state}</span>;
}

export function ItemLink({ item, title }) {
  return (
    <a class="item-link" href={`#/items/${encodeURIComponent(item)}`}>
      {title ? <>{title} <span class="id">{item}</span></> : item}
    </a>
  );
}

/** How much of a merged count is the batch view's and how much has come since. */
export function Layers({ batch, speed, most }) {
  const width = (n) => ({ width: `${most > 0 ? Math.max(0, Math.min(100, (n / most) * 100)) : 0}%` });
  return (
    <span class="layers" aria-hidden="true">
      <i class="batch" style={width(batch)} />
      <i class="speed" style={width(speed)} />
    </span>
  );
}

/** Where an answer stands. */
export function AsOf({ answer }) {
  if (!answer?.as_of) return null;
  return (
    <p class="as-of">
      Batch view {count(answer.batch)}, up to offsets <code>{answer.boundary.map(count).join(' · ')}</code>; counted as of{' '}
      <code>{answer.as_of.map(count).join(' · ')}</code>
      {answer.degraded && <> <State state="away">Degraded: a Redis server is away</State></>}
    </p>
  );
}
