// uPlot in the page's colours, with its values in words under it while the pointer or the keyboard is on it.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { clock, count, date, minute, utcDate } from './format.js';

const HOUR = 3600;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function alpha(hex, part) {
  return hex + Math.round(part * 255).toString(16).padStart(2, '0');
}

/** Each series on top of those before it: what is drawn, from the back to the front. */
function stacked(columns) {
  const sums = [];
  columns.forEach((column, i) => sums.push(column.map((value, at) => (value ?? 0) + (i ? sums[i - 1][at] : 0))));
  return sums.reverse();
}

/** A bar of nothing is no line on the axis either. */
function withoutZeros(columns) {
  return columns.map((column) => column.map((value) => (value === 0 ? null : value)));
}

function tick(value) {
  if (Math.abs(value) >= 1e6) return `${+(value / 1e6).toFixed(1)}M`;
  if (Math.abs(value) >= 1e5) return `${+(value / 1e3).toFixed(1)}k`;
  return new Intl.NumberFormat('en', { maximumFractionDigits: 2 }).format(value);
}

/** How a time on the axis is written: by the distance of what is drawn, in seconds. */
function timeOf(step, utc) {
  if (step >= 24 * HOUR) return utc ? utcDate : date;
  return step < 60 ? clock : minute;
}

function axes(tickOf, time) {
  const ink = colour('--muted');
  const line = { stroke: colour('--line'), width: 1 };
  const font = '12px Inter, ui-sans-serif, system-ui, sans-serif';
  const none = { show: false };
  return [
    {
      stroke: ink, font, grid: none, ticks: { ...line, size: 4 }, size: 30, gap: 4, space: 72,
      values: (_, at) => at.map((seconds) => time(seconds * 1000)),
    },
    { stroke: ink, font, grid: line, ticks: none, size: 56, gap: 6, values: (_, values) => values.map(tickOf ?? tick) },
  ];
}

function seriesOf({ label, colour: name }, bars, isStacked) {
  const stroke = colour(name);
  return {
    label,
    stroke,
    width: isStacked && !bars ? 1 : 1.75,
    fill: isStacked || bars ? stroke : alpha(stroke, 0.12),
    paths: bars ? uPlot.paths.bars({ size: [0.7, 48] }) : undefined,
    points: { show: false },
    spanGaps: false,
  };
}

/**
 * `at`: seconds; series: [{label, colour: '--name', values}]; format: of one value. Drawn as lines, stacked areas or bars.
 */
export function Chart({ label, at, series, format = count, height = 180, bars = false, stack = false, utc = false, tickOf }) {
  const box = useRef();
  const says = useRef();
  const plot = useRef();
  const now = useRef();
  const columns = stack ? stacked(series.map((s) => s.values)) : series.map((s) => s.values);
  const data = [at, ...(bars ? withoutZeros(columns) : columns)];
  now.current = { at, series, format };
  const shape = JSON.stringify([series.map((s) => [s.label, s.colour]), bars, stack, height]);

  useEffect(() => {
    const tell = (u) => {
      const { at, series, format } = now.current;
      const i = u.cursor.idx;
      if (!says.current) return;
      says.current.textContent =
        i === null || i === undefined
          ? ''
          : `${timeOf(at[1] - at[0], utc)(at[i] * 1000)}   ` +
            series.map((s) => `${series.length > 1 ? `${s.label} ` : ''}${format(s.values[i])}`).join('   ');
    };
    const make = () => {
      plot.current?.destroy();
      const drawn = stack ? [...series].reverse() : series;
      plot.current = new uPlot(
        {
          width: box.current.clientWidth,
          height,
          padding: [10, 20, 0, 0],
          legend: { show: false },
          cursor: { y: false, points: { show: !stack && !bars, size: 6 }, drag: { x: false, y: false } },
          scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] } },
          axes: axes(tickOf, timeOf(at[1] - at[0], utc)),
          series: [{}, ...drawn.map((s) => seriesOf(s, bars, stack))],
          hooks: { setCursor: [tell] },
        },
        data,
        box.current,
      );
    };
    make();
    const resized = new ResizeObserver(() => {
      const width = box.current?.clientWidth;
      if (plot.current && width && width !== plot.current.width) plot.current.setSize({ width, height });
    });
    resized.observe(box.current);
    addEventListener('tandem-theme', make);
    return () => {
      resized.disconnect();
      removeEventListener('tandem-theme', make);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  useEffect(() => plot.current?.setData(data), [at, series]);

  const step = (event) => {
    const u = plot.current;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !u || !at.length) return;
    event.preventDefault();
    const i = Math.max(0, Math.min(at.length - 1, (u.cursor.idx ?? at.length) + by));
    u.setCursor({ left: u.valToPos(at[i], 'x'), top: 10 });
  };
  return (
    <figure class="chart">
      <div ref={box} role="img" aria-label={label} tabIndex={0} onKeyDown={step} class="plot" />
      <figcaption>
        <span class="says" ref={says} />
        {series.length > 1 && (
          <span class="legend">
            {series.map((s) => (
              <span key={s.label}>
                <i class="key" style={{ background: `var(${s.colour})` }} /> {s.label}
              </span>
            ))}
          </span>
        )}
      </figcaption>
    </figure>
  );
}
