import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { Problem, stream } from './api.js';

/**
 * Asks with `ask(signal)` whenever `deps` change: {data, error, loading, reload}. What was there stays while it is asked for
 * again with the same deps; an answer that is no longer wanted is dropped.
 */
export function useAsk(ask, deps) {
  const [state, set] = useState({ loading: true });
  const [turn, again] = useState(0);
  const before = useRef();
  useEffect(() => {
    const gone = new AbortController();
    const same = before.current === JSON.stringify(deps);
    before.current = JSON.stringify(deps);
    set((old) => (same ? { ...old, loading: true } : { loading: true }));
    ask(gone.signal).then(
      (data) => gone.signal.aborted || set({ data, loading: false }),
      (error) => gone.signal.aborted || set({ error, loading: false }),
    );
    return () => gone.abort();
  }, [...deps, turn]);
  return { ...state, reload: useCallback(() => again((n) => n + 1), []) };
}

/** The part of the address behind #/, as segments, and its parameters. */
function routeOf() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { parts: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

export function useRoute() {
  const [route, set] = useState(routeOf);
  useEffect(() => {
    const on = () => set(routeOf());
    addEventListener('hashchange', on);
    return () => removeEventListener('hashchange', on);
  }, []);
  return route;
}

const HOUR = 720;

function hourOf(data) {
  return data.at.map((at, i) => ({
    at, freshness: data.freshness_ms[i], lag: data.lag[i], rate: data.events_per_s[i],
  }));
}

/**
 * /v1/stream, for as long as the page is looked at: {pulse, hour, connected, error}. `hour` has a sample every five seconds, and a
 * growing one at its end.
 */
export function useStream(turn) {
  const [live, set] = useState({ hour: [], connected: false });
  useEffect(() => {
    const gone = new AbortController();
    let connection;
    let timer;
    let pause = 500;
    const on = (event, data) => {
      pause = 500;
      if (event === 'hour') set((old) => ({ ...old, hour: hourOf(data), connected: true, error: undefined }));
      if (event === 'pulse')
        set((old) => ({ ...old, pulse: data, connected: true, error: undefined, hour: grown(old.hour, data) }));
    };
    const open = async () => {
      if (document.hidden || gone.signal.aborted || connection) return;
      connection = new AbortController();
      try {
        await stream('/v1/stream', on, connection.signal);
        pause = 500;
      } catch (error) {
        if (!connection?.signal.aborted) set((old) => ({ ...old, connected: false, error }));
        if (error instanceof Problem && (error.status === 401 || error.status === 403)) return;
        pause = Math.min(pause * 2, 10000);
      }
      connection = undefined;
      timer = setTimeout(open, pause);
    };
    const onVisible = () => {
      if (!document.hidden) open();
      else connection?.abort();
    };
    document.addEventListener('visibilitychange', onVisible);
    open();
    return () => {
      document.removeEventListener('visibilitychange', onVisible);
      clearTimeout(timer);
      gone.abort();
      connection?.abort();
    };
  }, [turn]);
  return live;
}

/** The hour with one more second: into its last place for five seconds, then into a new one. */
function grown(hour, pulse) {
  const lag = pulse.lag?.reduce((sum, n) => sum + n, 0) ?? null;
  const second = { at: pulse.at, freshness: pulse.freshness_ms, lag, rate: pulse.events_per_s, since: pulse.at };
  const last = hour.at(-1);
  if (!last?.since || pulse.at - last.since >= 5000) return [...hour, second].slice(-HOUR);
  const worse = (a, b) => (a === null ? b : b === null ? a : Math.max(a, b));
  const merged = {
    at: pulse.at, since: last.since, rate: pulse.events_per_s,
    freshness: worse(last.freshness, second.freshness), lag: worse(last.lag, lag),
  };
  return [...hour.slice(0, -1), merged];
}
