import { Chart } from './chart.jsx';
import { absent, clock, count, duration, moment, plural, rate, span } from './format.js';
import { Empty, Failure, Loading, Page, Panel, Stat, State, Table } from './parts.jsx';

const sum = (vector) => vector?.reduce((a, b) => a + b, 0) ?? null;

const partNames = { kafka: 'Kafka', postgres: 'Postgres', speed: 'Speed layer', archive: 'Archive', batch: 'Batch layer' };

function Figures({ pulse }) {
  const [fresh, freshUnit] = duration(pulse.freshness_ms);
  const lag = sum(pulse.lag);
  const [age, ageUnit] = duration(pulse.batch ? pulse.at - pulse.published_at : null);
  return (
    <dl class="stats">
      <Stat label="Events" value={rate(pulse.events_per_s)} unit="/s" note="into the log" />
      <Stat label="Freshness" value={fresh} unit={freshUnit}
        note={pulse.freshness_ms === null ? 'nothing new came in' : 'from the log into answers'} />
      <Stat label="Lag" value={count(lag)} unit={lag === 1 ? 'event' : 'events'} note="in the log, not yet counted" />
      <Stat label="Batch view" value={pulse.batch ? count(pulse.batch) : absent} unit={pulse.batch ? `${age} ${ageUnit} old` : ''}
        note={pulse.batch ? `published ${moment(pulse.published_at)}` : 'no run yet'} />
    </dl>
  );
}

function Hour({ hour }) {
  if (hour.length < 2) return <Empty>The last hour fills here, a sample every five seconds.</Empty>;
  const at = hour.map((s) => s.at / 1000);
  const rates = hour.map((s) => s.rate);
  const fresh = hour.map((s) => s.freshness);
  const worst = Math.max(0, ...fresh.filter((f) => f !== null));
  const most = Math.max(0, ...rates.filter((r) => r !== null));
  return (
    <div class="pair">
      <div>
        <h3>Events per second</h3>
        <Chart label={`Events per second since ${clock(hour[0].at)}, at most ${rate(most)}`} at={at}
          series={[{ label: 'events/s', colour: '--accent', values: rates }]} format={(v) => `${rate(v)} events/s`} />
      </div>
      <div>
        <h3>Freshness <span class="unit">worst of each five seconds</span></h3>
        <Chart label={`Freshness since ${clock(hour[0].at)}, at worst ${span(worst)}`} at={at}
          series={[{ label: 'freshness', colour: '--speed', values: fresh }]} format={(v) => (v === null ? 'nothing new' : span(v))}
          tickOf={(v) => span(v)} />
      </div>
    </div>
  );
}

function Parts({ parts }) {
  return (
    <ul class="parts wide">
      {parts.map(({ part, state, detail }) => (
        <li key={part}>
          <span class="part-name">{partNames[part] ?? `Redis ${part.split('-')[1]}`}</span>
          <State state={state} />
          <span class="detail">{detail.includes(':') ? detail : detail.replace(/\d{4,}/g, (n) => count(+n))}</span>
        </li>
      ))}
    </ul>
  );
}

function Partitions({ pulse }) {
  if (!pulse.as_of) return <Empty>There is no batch view to answer from yet.</Empty>;
  const rows = pulse.as_of.map((asOf, p) => ({
    p, asOf, boundary: pulse.boundary[p], end: pulse.log_end?.[p], lag: pulse.lag?.[p], archived: pulse.archived?.[p],
  }));
  return (
    <Table caption="Offsets of each partition" rows={rows} keyOf={(r) => r.p} columns={[
      { name: 'Partition', of: (r) => r.p },
      { name: 'Boundary', number: true, class: 'spare', of: (r) => count(r.boundary) },
      { name: 'As of', number: true, of: (r) => count(r.asOf) },
      { name: 'End of the log', number: true, class: 'spare', of: (r) => count(r.end) },
      { name: 'Lag', number: true, of: (r) => count(r.lag) },
      { name: 'Archived', number: true, of: (r) => count(r.archived) },
    ]} />
  );
}

export function Overview({ live: { pulse, hour, error } }) {
  if (!pulse)
    return (
      <Page title="Overview">
        <Panel title="Now">{error ? <Failure error={error} /> : <Loading />}</Panel>
      </Page>
    );
  const since = sum(pulse.as_of) - sum(pulse.boundary);
  return (
    <Page title="Overview" lead={pulse.as_of ? `Every answer counts ${plural(sum(pulse.as_of), 'record')} of the log: ${count(sum(pulse.boundary))} in batch view ${count(pulse.batch)}, ${count(since)} since.` : undefined}>
      {error && <Failure error={error} />}
      <Figures pulse={pulse} />
      <Panel title="The last hour"><Hour hour={hour} /></Panel>
      <Panel title="Parts"><Parts parts={pulse.parts} /></Panel>
      <Panel title="Partitions" hint="The batch view counts up to the boundary, the speed view from there up to “as of”."><Partitions pulse={pulse} /></Panel>
    </Page>
  );
}
