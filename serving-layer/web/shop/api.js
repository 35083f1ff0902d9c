// api: Tandem's HTTP API as this page uses it.

const id = encodeURIComponent;

/** The answer's JSON; throws an Error whose message a visitor may read, with `status` (0: no way to the server). */
async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw Object.assign(new Error('The shop cannot be reached at the moment.'), { status: 0 });
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.detail || `The server answered ${answer.status}.`), { status: answer.status });
  return body;
}

const post = (path, body) =>
  ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** What this server offers, as "GET /v1/popular": a smaller one makes a smaller shop. */
const offers = ask('/v1').then(
  ({ routes }) => new Set(routes.map(({ method, path }) => `${method} ${path}`)),
  () => new Set()
);

/** What `call` resolves to; null where the server has no such route, or nothing under that name. */
async function ifOffered(route, call) {
  if (!(await offers).has(route)) return null;
  return call().catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
}

export const popular = (n) => ask(`/v1/popular?hours=168&n=${n}`);
export const similar = (item, n) => ask(`/v1/items/${id(item)}/similar?n=${n}`);
export const recommendations = (user, n) => ask(`/v1/users/${id(user)}/recommendations?n=${n}`);
export const sessionRecommendations = (items, n) =>
  ifOffered('POST /v1/sessions/recommendations', () => post(`/v1/sessions/recommendations?n=${n}`, { items }));
export const catalogue = (query, cursor, n) => {
  const parameters = new URLSearchParams({ hidden: 0, n, ...(query && { query }), ...(cursor && { cursor }) });
  return ifOffered('GET /v1/items', () => ask(`/v1/items?${parameters}`));
};
export const item = (item) => ifOffered('GET /v1/items/{item}', () => ask(`/v1/items/${id(item)}`));
export const person = (user) => ifOffered('GET /v1/users/{user}', () => ask(`/v1/users/${id(user)}`));

/** Asks for a user to be forgotten; resolves when the real-time layer has done so, with the milliseconds it took. */
export async function forget(user) {
  const began = performance.now();
  const receipt = await ifOffered('DELETE /v1/users/{user}', () => ask(`/v1/users/${id(user)}`, { method: 'DELETE' }));
  if (!receipt) await post('/v1/events', { type: 'forget', user });
  while (performance.now() - began < 10000) {
    if (await isForgotten(user, receipt)) return Math.round(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('It is written down and will be done, but it takes longer than usual.');
}

async function isForgotten(user, receipt) {
  if (receipt) {
    const { partition, offset } = receipt;
    return (await ask(`/v1/users/${id(user)}/forgotten?partition=${partition}&offset=${offset}`)).speed;
  }
  const { items, fallback } = await recommendations(user, 1);
  return items.length === 0 || (fallback && fallback !== 'none');
}
