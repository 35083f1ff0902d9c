import { useState } from 'preact/hooks';

import { readGroups } from './api.js';
import { Chart } from './chart.jsx';
import { count, moment, money } from './format.js';
import { useAsk } from './hooks.js';
import { Asked, Choice, Empty, Page, Panel, Table } from './parts.jsx';

const MINUTE = 60000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const colours = ['--c1', '--c2', '--c3', '--c4', '--c5', '--c6'];
const names = new Intl.DisplayNames(['en'], { type: 'region' });

function nameOf(member, split) {
  if (member === '-') return 'not given';
  if (split !== 'country' || !/^[A-Z]{2}$/.test(member)) return member;
  return names.of(member);
}

/** rows (Maps, oldest first) as series of the largest members, what is left as one, and totals by member. */
function seriesOf(rows, split) {
  const totals = new Map();
  for (const row of rows) for (const [member, n] of row) totals.set(member, (totals.get(member) ?? 0) + n);
  const ranked = [...totals].sort((a, b) => b[1] - a[1]);
  const shown = ranked.length <= 6 ? ranked : ranked.slice(0, 5);
  const series = shown.map(([member], i) => ({
    label: nameOf(member, split), colour: colours[i], values: rows.map((row) => row.get(member) ?? 0),
  }));
  if (shown.length < ranked.length) {
    const own = new Set(shown.map(([member]) => member));
    const rest = rows.map((row) => [...row].reduce((sum, [member, n]) => sum + (own.has(member) ? 0 : n), 0));
    series.push({ label: `${ranked.length - shown.length} others`, colour: colours[5], values: rest });
  }
  return { series, ranked, total: ranked.reduce((sum, [, n]) => sum + n, 0) };
}

function Totals({ ranked, total, split, caption, format }) {
  return (
    <Table caption={caption} rows={ranked} keyOf={([member]) => member} columns={[
      { name: split === 'country' ? 'Country' : 'Device', of: ([member]) => nameOf(member, split) },
      { name: 'Sum', number: true, of: ([, n]) => format(n) },
      { name: 'Share', number: true, of: ([, n]) => (total > 0 ? `${((n / total) * 100).toFixed(1)} %` : '') },
    ]} />
  );
}

function Charted({ data, split, what, format, bars, utc, tickOf }) {
  if (!data.ranked.length) return <Empty>Nothing was counted in this time.</Empty>;
  return (
    <div class="pair uneven">
      <div>
        <p class="sum"><span class="value">{format(data.total)}</span> <span class="unit">{what}</span></p>
        <Chart label={`${what} by ${split}, ${format(data.total)} altogether`} at={data.at.map((t) => t / 1000)} series={data.series}
          format={format} stack bars={bars} utc={utc} height={240} tickOf={tickOf} />
      </div>
      <Totals {...data} split={split} caption={`${what} by ${split}`} format={format} />
    </div>
  );
}

// ---- traffic: minutes, added up ----

const spans = [['hour', 'Hour, by minute'], ['day', 'Day, by hour'], ['week', 'Week, by day']];
const spanOf = { hour: [HOUR, MINUTE], day: [DAY, HOUR], week: [7 * DAY, DAY] };

async function trafficOf(span, split, until, signal) {
  const [length, step] = spanOf[span];
  const end = (Math.floor(until / step) + 1) * step;
  const at = Array.from({ length: length / step }, (_, i) => end - length + i * step);
  const groups = Array.from({ length: length / MINUTE }, (_, i) => [`traffic_${split}`, String((end - length) / MINUTE + i)]);
  const minutes = await readGroups(groups, signal);
  const rows = at.map((_, i) => added(minutes.slice((i * step) / MINUTE, ((i + 1) * step) / MINUTE)));
  return { at, ...seriesOf(rows, split) };
}

function added(rows) {
  const sum = new Map();
  for (const row of rows) for (const [member, n] of row) sum.set(member, (sum.get(member) ?? 0) + n);
  return sum;
}

// ---- revenue: a day and a currency a group ----

const currencies = ['EUR', 'USD', 'GBP', 'CHF', 'JPY', 'SEK', 'NOK', 'DKK', 'PLN', 'CZK', 'AUD', 'CAD', 'NZD', 'CNY', 'INR', 'BRL'];
const revenueSpans = [[7, '7 days'], [30, '30 days'], [90, '90 days']];

async function revenueOf(days, split, until, signal) {
  const last = Math.floor(until / DAY);
  const at = Array.from({ length: days }, (_, i) => last - days + 1 + i);
  const groups = currencies.flatMap((currency) => at.map((n) => [`revenue_${split}`, `${n}/${currency}`]));
  const rows = await readGroups(groups, signal);
  const by = new Map();
  currencies.forEach((currency, c) => {
    const own = rows.slice(c * days, (c + 1) * days);
    if (own.some((row) => row.size)) by.set(currency, { at: at.map((n) => n * DAY), ...seriesOf(own, split) });
  });
  return by;
}

function Revenue({ until, split }) {
  const [days, setDays] = useState(30);
  const [currency, setCurrency] = useState();
  const revenue = useAsk((signal) => revenueOf(days, split, until, signal), [days, split, until]);
  const there = revenue.data ? [...revenue.data.keys()] : [];
  const shown = there.includes(currency) ? currency : there[0];
  const digits = shown ? new Intl.NumberFormat('en', { style: 'currency', currency: shown }).resolvedOptions().maximumFractionDigits : 2;
  return (
    <Panel title="Revenue" hint="Purchases less refunds, a day a bar (UTC)."
      actions={<>
        {there.length > 1 && <Choice legend="Currency" options={there.map((c) => [c, c])} value={shown} onChange={setCurrency} />}
        <Choice legend="Revenue of" options={revenueSpans} value={days} onChange={setDays} />
      </>}>
      <Asked of={revenue} lines={6}>
        {(by) => (shown
          ? <Charted data={by.get(shown)} split={split} what={`in ${shown}`} format={(n) => money(n, shown)} bars utc
              tickOf={(n) => new Intl.NumberFormat('en', { notation: 'compact' }).format(n / 10 ** digits)} />
          : <Empty>No purchase with a price in these {days} days.</Empty>)}
      </Asked>
    </Panel>
  );
}

// ---- the page ----

const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);

export function Traffic() {
  const [until, setUntil] = useState(() => Date.now());
  const [split, setSplit] = useState('country');
  const [span, setSpan] = useState('hour');
  const traffic = useAsk((signal) => trafficOf(span, split, until, signal), [span, split, until]);
  const onUntil = (event) => {
    const ms = Date.parse(event.target.value);
    if (ms >= 0) setUntil(ms);
  };
  return (
    <Page title="Traffic and revenue" lead={`Up to ${moment(until)}.`}
      actions={<>
        <Choice legend="Split by" options={[['country', 'By country'], ['device', 'By device']]} value={split} onChange={setSplit} />
        <label class="inline">Until <input type="datetime-local" value={local(until)} onChange={onUntil} /></label>
        <button type="button" onClick={() => setUntil(Date.now())}>Now</button>
      </>}>
      <Panel title="Traffic" hint="Events of every type but forget, by when they happened." actions={<Choice legend="Traffic of" options={spans} value={span} onChange={setSpan} />}>
        <Asked of={traffic} lines={6}>
          {(data) => <Charted data={data} split={split} what="events" format={count} bars={span === 'week'} />}
        </Asked>
      </Panel>
      <Revenue until={until} split={split} />
    </Page>
  );
}
