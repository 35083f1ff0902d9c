import { useState } from 'preact/hooks';

import { ask, layersOf } from './api.js';
import { count, plural, signed } from './format.js';
import { useAsk } from './hooks.js';
import { AsOf, Asked, Layers, Page, Panel, State, Table } from './parts.jsx';

const SHOWN = 200;

/** A group that there is likely to be, for each kind of group. */
function exampleOf(kind) {
  const now = Date.now();
  if (kind.startsWith('all')) return 'all';
  if (kind.startsWith('minute')) return String(Math.floor(now / 60000));
  if (kind.includes('currency')) return `${Math.floor(now / 86400000)}/GBP`;
  if (kind.startsWith('hour')) return String(Math.floor(now / 3600000));
  if (kind.startsWith('day')) return String(Math.floor(now / 86400000));
  return '';
}

function Counters({ data: layers }) {
  const [row] = layers.rows;
  const members = [...new Set([...row.merged.keys(), ...row.batch.keys(), ...row.speed.keys()])];
  const rows = members
    .map((member) => ({ member, batch: row.batch.get(member) ?? 0, speed: row.speed.get(member) ?? 0, merged: row.merged.get(member) ?? 0 }))
    .sort((a, b) => b.merged - a.merged || (a.member < b.member ? -1 : 1));
  const most = Math.max(1, ...rows.map((r) => r.merged));
  const wrong = layers.exact ? rows.filter((r) => r.batch + r.speed !== r.merged).length : 0;
  return (
    <>
      <p class="verdict">
        {plural(rows.length, 'counter')}.{' '}
        {!layers.exact ? <State state="behind">Events arrive: the layers were read at different moments</State>
          : wrong ? <State state="drift">{plural(wrong, 'counter')} where batch + speed ≠ merged</State>
          : <State state="ok">Batch + speed = merged in every counter</State>}
      </p>
      <Table caption="Counters by layer" rows={rows.slice(0, SHOWN)} keyOf={(r) => r.member} empty="This group has no counter: nothing was counted into it, or all of it was taken back." columns={[
        { name: 'Member', of: (r) => r.member },
        { name: 'Batch', number: true, of: (r) => count(r.batch), class: 'batch' },
        { name: 'Speed', number: true, of: (r) => signed(r.speed), class: 'speed' },
        { name: 'Merged', number: true, of: (r) => <strong>{count(r.merged)}</strong> },
        { name: 'Share', of: (r) => <Layers batch={r.batch} speed={r.speed} most={most} />, class: 'share' },
      ]} />
      {rows.length > SHOWN && <p class="hint">The largest {count(SHOWN)} are shown.</p>}
      <AsOf answer={layers} />
    </>
  );
}

function Group({ view, group }) {
  const layers = useAsk((signal) => layersOf([[view.name, group]], signal), [view.name, group]);
  return (
    <Panel title={<><code>{view.name}</code> / <code>{group}</code></>} hint={`Member: ${view.member}. Value: ${view.value}. Merge: ${view.merge}.`}
      actions={<button type="button" onClick={layers.reload}>Read again</button>}>
      <Asked of={layers} lines={8}>{(data) => <Counters data={data} />}</Asked>
    </Panel>
  );
}

function Pick({ views, view, group }) {
  const [name, setName] = useState(view.name);
  const picked = views.find((v) => v.name === name);
  const [wanted, setWanted] = useState(group);
  const pick = (event) => {
    setName(event.target.value);
    setWanted(exampleOf(views.find((v) => v.name === event.target.value).group));
  };
  const go = (event) => {
    event.preventDefault();
    location.hash = `#/views?view=${encodeURIComponent(name)}&group=${encodeURIComponent(wanted)}`;
  };
  return (
    <form class="try row" onSubmit={go}>
      <div>
        <label for="view">View</label>
        <select id="view" value={name} onChange={pick}>
          {views.map((v) => <option key={v.name} value={v.name}>{v.name}</option>)}
        </select>
      </div>
      <div>
        <label for="group">Group: {picked.group}</label>
        <input id="group" value={wanted} required maxLength={128} spellcheck={false} autocomplete="off" onInput={(e) => setWanted(e.target.value)} />
      </div>
      <button class="primary" type="submit">Read</button>
    </form>
  );
}

export function Views({ route }) {
  const views = useAsk((signal) => ask('/v1/views', signal), []);
  return (
    <Page title="Views" lead="Any group of any view, as each layer has it.">
      <Asked of={views}>
        {({ views: list }) => {
          const view = list.find((v) => v.name === route.query.get('view')) ?? list.find((v) => v.name === 'item_users') ?? list[0];
          const group = route.query.get('group') ?? exampleOf(view.group);
          return (
            <>
              <Panel title="Which group" hint={view.kind === 'state' ? 'A function of users’ present states: what leaves a window is taken back.' : 'What each event adds.'}>
                <Pick key={`${view.name}/${group}`} views={list} view={view} group={group} />
              </Panel>
              {group && <Group key={`${view.name}/${group}`} view={view} group={group} />}
            </>
          );
        }}
      </Asked>
    </Page>
  );
}
