import { ask } from './api.js';
import { absent, count, moment, plural, span } from './format.js';
import { useAsk } from './hooks.js';
import { Asked, Empty, Page, Panel, State, Table } from './parts.jsx';

const took = (from, to) => (from === null || to === null ? null : to - from);

function Drift({ run }) {
  if (run.drift === null) return <State state="idle">Not compared</State>;
  return run.drift === 0 ? <State state="ok">No drift</State> : <State state="drift">{plural(run.drift, 'counter')} differ</State>;
}

/** Each step as a bar in its place between the run's beginning and its end. */
function Timeline({ run }) {
  const end = Math.max(run.finished_at ?? run.started_at + 1, ...run.steps.map((s) => s.finished_at ?? s.started_at));
  const share = (ms) => `${Math.max(0, Math.min(100, (ms / Math.max(1, end - run.started_at)) * 100))}%`;
  return (
    <ol class="timeline" aria-label={`Steps of run ${run.n}`}>
      {run.steps.map((s) => (
        <li key={`${s.step}${s.attempt}`}>
          <span class="step">{s.step}{s.attempt > 1 && ` (attempt ${s.attempt})`}</span>
          <span class="track"><i class={s.finished_at ? '' : 'open'} style={{ left: share(s.started_at - run.started_at), width: share(took(s.started_at, s.finished_at) ?? end - s.started_at) }} /></span>
          <span class="number">{s.failure ? 'failed' : s.finished_at ? span(took(s.started_at, s.finished_at)) : 'not finished'}</span>
        </li>
      ))}
    </ol>
  );
}

function Steps({ run }) {
  return (
    <details>
      <summary>What the steps did</summary>
      <Table caption={`Steps of run ${run.n}`} rows={run.steps} columns={[
        { name: 'Step', of: (s) => s.step },
        { name: 'Began', of: (s) => moment(s.started_at) },
        { name: 'Took', number: true, of: (s) => span(took(s.started_at, s.finished_at)) },
        { name: 'Rows', number: true, of: (s) => count(s.rows) },
        { name: 'Says', of: (s) => s.failure ?? s.detail ?? absent },
      ]} />
    </details>
  );
}

const shows = { passed: 'ok', failed: 'drift', accepted: 'behind', warned: 'drift', 'not judged': 'idle' };

/** What the data was like: open by itself only where something failed. */
function Checks({ run }) {
  if (!run.checks.length) return null;
  return (
    <details open={run.checks.some((c) => c.result === 'failed')}>
      <summary>Checks of the data</summary>
      <Table caption={`Checks of run ${run.n}`} rows={run.checks} columns={[
        { name: 'Check', of: (c) => c.name },
        { name: 'Result', of: (c) => <State state={shows[c.result]}>{c.result}</State> },
        { name: 'Measured', number: true, of: (c) => (c.measured === null ? absent : c.measured.toFixed(1)) },
        { name: 'Limit', number: true, of: (c) => `${c.limit} ${c.unit}` },
        { name: 'Says', of: (c) => c.says },
      ]} />
    </details>
  );
}

function Run({ run }) {
  return (
    <Panel title={`Run ${count(run.n)}`} hint={`${run.kind === 'rebuild' ? 'Rebuild from the first event' : 'Incremental'}, began ${moment(run.started_at)}`}
      actions={<><State state={run.finished_at ? 'ok' : 'behind'}>{run.finished_at ? 'Done' : `At ${run.state}`}</State> <Drift run={run} /></>}>
      <dl class="stats small">
        <div class="stat"><dt>Took</dt><dd><span class="value">{run.finished_at ? span(took(run.started_at, run.finished_at)) : absent}</span></dd></div>
        <div class="stat"><dt>Events folded</dt><dd><span class="value">{count(run.events)}</span></dd></div>
        <div class="stat"><dt>Published</dt><dd><span class="value">{moment(run.published_at)}</span></dd></div>
      </dl>
      {run.steps.length ? <Timeline run={run} /> : <Empty>No step has begun.</Empty>}
      <Steps run={run} />
      <Checks run={run} />
    </Panel>
  );
}

export function Runs() {
  const runs = useAsk((signal) => ask('/v1/runs?n=20', signal), []);
  return (
    <Page title="Runs" lead="Each batch run, step by step, and whether batch and speed agreed counter by counter."
      actions={<button type="button" onClick={runs.reload}>Look again</button>}>
      <Asked of={runs} lines={10}>
        {({ runs: list }) => (list.length ? list.map((run) => <Run key={run.n} run={run} />) : <Panel title="No run yet"><Empty>There was no batch run. <code>tandem-batch run</code> makes the first one.</Empty></Panel>)}
      </Asked>
    </Page>
  );
}
