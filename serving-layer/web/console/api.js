// Calls of the API. A key, when the server asks for one, is kept for this tab only.
const KEY = 'tandem-key';

export const keys = {
  get: () => sessionStorage.getItem(KEY) ?? '',
  set: (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY)),
};

/** What an answer that is no success says (RFC 9457). */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const wanted = new Set();
/** `listener` is called whenever the server asks for a key. */
export function onKeyWanted(listener) {
  wanted.add(listener);
  return () => wanted.delete(listener);
}

async function problemOf(answer) {
  let detail = `the server answered ${answer.status}`;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch {
    // not JSON: from a proxy between, perhaps
  }
  return new Problem(answer.status, detail);
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (keys.get()) headers.Authorization = `Bearer ${keys.get()}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'omit' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'the server cannot be reached');
  }
  if (answer.ok) return answer;
  if (answer.status === 401) wanted.forEach((listener) => listener());
  throw await problemOf(answer);
}

export async function ask(path, signal) {
  return (await call(path, { signal })).json();
}

export async function send(method, path, body, signal) {
  const options = { method, signal };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { 'Content-Type': 'application/json' };
  }
  const answer = await call(path, options);
  return answer.status === 204 ? null : answer.json();
}

export const part = encodeURIComponent;

/**
 * Rows of views in the three layers, at one moment: [{merged, batch, speed}] with Maps of member to value, in the order of
 * `groups` ([view, group]). While events arrive the answers may be of different moments; they are asked for again then, and
 * `exact` says whether they came to be of one.
 */
export async function layersOf(groups, signal) {
  for (let attempt = 1; ; attempt++) {
    const [merged, batch, speed] = await Promise.all(
      ['merged', 'batch', 'speed'].map((layer) => send('POST', `/v1/views/read?layer=${layer}`, { groups }, signal)),
    );
    const exact = merged.batch === batch.batch && String(merged.as_of) === String(speed.as_of);
    if (!exact && attempt < 5) continue;
    const maps = [merged, batch, speed].map((answer) =>
      answer.groups.map((group) => new Map(group.counters.map(({ member, value }) => [member, value]))),
    );
    const rows = groups.map((_, i) => ({ merged: maps[0][i], batch: maps[1][i], speed: maps[2][i] }));
    return { rows, exact, batch: merged.batch, boundary: merged.boundary, as_of: merged.as_of, degraded: merged.degraded };
  }
}

/** Many groups of views, merged, at most a thousand a request: Maps in the order of `groups`. */
export async function readGroups(groups, signal) {
  const parts = [];
  for (let at = 0; at < groups.length; at += 1000) parts.push(groups.slice(at, at + 1000));
  const maps = [];
  for (const some of parts) {
    const answer = await send('POST', '/v1/views/read', { groups: some }, signal);
    for (const group of answer.groups) maps.push(new Map(group.counters.map(({ member, value }) => [member, value])));
  }
  return maps;
}

/** Server-sent events, by fetch: EventSource could not send a key. Calls `on(event, data)`; returns when the answer ends. */
export async function stream(path, on, signal) {
  const answer = await call(path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = /^event: (.*)$/m.exec(text.slice(0, end));
      const data = /^data: (.*)$/m.exec(text.slice(0, end));
      if (event && data) on(event[1], JSON.parse(data[1]));
    }
  }
}

const titles = new Map();

/** What items are called: a Map; those without a title are not in it. */
export async function titlesOf(items, signal) {
  const unknown = [...new Set(items)].filter((item) => !titles.has(item));
  await Promise.all(unknown.map(async (item) => {
    const { title } = await ask(`/v1/items/${part(item)}/similar?n=1`, signal);
    if (title) titles.set(item, title);
  }));
  return titles;
}
