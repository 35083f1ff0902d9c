// The API, to read: made in the browser from /openapi.json, which the server makes from its own table of routes.
import './style.css';
import { element, prose } from './element.js';
import { exampleOf, fieldsOf, resolver, typeOf } from './schema.js';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
const ROLES = {
  write: 'a key with role write, or admin',
  read: 'a key with role read, or admin',
  admin: 'a key with role admin',
};

const main = document.getElementById('main');
const state = document.getElementById('state');

/** The operations of the document, in its order, each with its path and method. */
function operationsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ ...item[method], path, method })),
  );
}

function code(text, label) {
  const copy = element('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${label}` }, 'Copy');
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = 'Copied';
    setTimeout(() => (copy.textContent = 'Copy'), 1500);
  });
  // In a page that came without TLS, there is no clipboard.
  return element(
    'div',
    { class: 'code' },
    element('pre', { tabindex: '0', role: 'region', 'aria-label': label }, element('code', {}, text)),
    navigator.clipboard && copy,
  );
}

/* ---- one operation ---- */

function parameterRow(parameter, resolve) {
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row' },
      element('code', {}, parameter.name),
      element('span', { class: 'where' }, parameter.required ? `${parameter.in}, needed` : parameter.in),
    ),
    element('td', {}, typeOf(parameter.schema, resolve)),
    element('td', {}, prose(parameter.description)),
  );
}

function parameters(operation, resolve) {
  const all = operation.parameters.map(resolve);
  if (!all.length) return null;
  return [
    element('h4', {}, 'Parameters'),
    element(
      'table',
      {},
      element('caption', { class: 'hidden' }, `Parameters of ${operation.summary}`),
      element('thead', {}, element('tr', {}, ...['Name', 'Takes', 'What'].map((name) => element('th', { scope: 'col' }, name)))),
      element('tbody', {}, ...all.map((parameter) => parameterRow(parameter, resolve))),
    ),
  ];
}

function body(operation, resolve) {
  if (!operation.requestBody) return null;
  const content = operation.requestBody.content;
  const { schema } = Object.values(content)[0];
  const written = [element('h4', {}, 'Body'), element('p', {}, ...Object.keys(content).flatMap((type, i) => [i ? ' or ' : '', element('code', {}, type)]))];
  const about = resolve(schema).description;
  if (about) written.push(element('p', {}, prose(about)));
  return [...written, fieldsOf(schema, resolve)];
}

function answerRow([status, said], resolve) {
  const answer = resolve(said);
  const types = Object.keys(answer.content ?? {});
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('code', { class: `status s${status[0]}` }, status)),
    element('td', {}, prose(answer.description)),
    element('td', {}, types.length ? types.map((type) => element('code', {}, type)) : 'nothing'),
  );
}

function answers(operation, resolve) {
  return [
    element('h4', {}, 'Answers'),
    element(
      'table',
      { class: 'answers' },
      element('caption', { class: 'hidden' }, `Answers to ${operation.summary}`),
      element('thead', {}, element('tr', {}, ...['Status', 'When', 'Holds'].map((name) => element('th', { scope: 'col' }, name)))),
      element('tbody', {}, ...Object.entries(operation.responses).map((entry) => answerRow(entry, resolve))),
    ),
  ];
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function curl(operation, resolve) {
  const all = operation.parameters.map(resolve);
  let path = operation.path;
  for (const parameter of all.filter(({ in: where }) => where === 'path'))
    path = path.replace(`{${parameter.name}}`, encodeURIComponent(parameter.example ?? parameter.name));
  const query = all
    .filter(({ in: where, required }) => where === 'query' && required)
    .map(({ name, schema }) => `${name}=${schema.minimum ?? schema.enum?.[0] ?? 'x'}`);
  const words = ['curl'];
  if (operation.method !== 'get') words.push('-X', operation.method.toUpperCase());
  words.push(quoted(location.origin + path + (query.length ? `?${query.join('&')}` : '')));
  if (operation.security.length) words.push(`\\\n  -H "Authorization: Bearer $KEY"`);
  const media = Object.entries(operation.requestBody?.content ?? {})[0];
  if (media) words.push(`\\\n  -H 'Content-Type: ${media[0]}'`, `\\\n  -d ${quoted(JSON.stringify(exampleOf(media[1].schema, resolve)))}`);
  return words.join(' ');
}

function examples(operation, resolve) {
  const success = Object.entries(operation.responses).find(([status]) => status < 300);
  const media = Object.entries(resolve(success[1]).content ?? {})[0];
  const example = media && exampleOf(media[1].schema, resolve);
  return element(
    'div',
    { class: 'examples' },
    element('h4', {}, 'Example'),
    code(curl(operation, resolve), `the request of ${operation.summary}`),
    example !== undefined && [
      element('p', { class: 'answered' }, 'is answered with ', element('code', { class: `status s${success[0][0]}` }, success[0])),
      code(JSON.stringify(example, null, 2), `the answer to ${operation.summary}`),
    ],
  );
}

function answerFields(operation, resolve) {
  const success = Object.entries(operation.responses).find(([status]) => status < 300);
  const media = Object.values(resolve(success[1]).content ?? {})[0];
  const fields = media && fieldsOf(media.schema, resolve);
  return fields && element('details', {}, element('summary', {}, 'Fields of the answer'), fields);
}

function operationSection(operation, resolve) {
  const role = operation.security[0] && Object.values(operation.security[0])[0][0];
  return element(
    'article',
    { id: operation.operationId, 'aria-labelledby': `${operation.operationId}-title` },
    element(
      'h3',
      { id: `${operation.operationId}-title` },
      element('span', { class: `method ${operation.method}` }, operation.method.toUpperCase()),
      ' ',
      element('a', { class: 'path', href: `#${operation.operationId}` }, operation.path.replaceAll('/', '/\u200b')),
    ),
    element(
      'div',
      { class: 'halves' },
      element(
        'div',
        {},
        element('p', { class: 'summary' }, `${operation.summary}.`),
        element('p', { class: 'role' }, role ? `Needs ${ROLES[role]}.` : 'Needs no key.'),
        parameters(operation, resolve),
        body(operation, resolve),
        answers(operation, resolve),
        answerFields(operation, resolve),
      ),
      examples(operation, resolve),
    ),
  );
}

/* ---- the whole ---- */

function contents(tags, operations) {
  return tags.map(({ name }) =>
    element(
      'section',
      {},
      element('h2', {}, element('a', { href: `#${name}` }, name)),
      element(
        'ul',
        {},
        ...operations
          .filter(({ tags: [tag] }) => tag === name)
          .map(({ operationId, method, path, summary }) =>
            element(
              'li',
              { 'data-text': `${method} ${path} ${summary}`.toLowerCase() },
              element('a', { href: `#${operationId}`, title: summary }, element('span', { class: `method ${method}` }, method.toUpperCase()), ' ', element('span', {}, (path.replace('/v1', '') || '/v1').replaceAll('/', '/\u200b'))),
            ),
          ),
      ),
    ),
  );
}

function findCalls(box, operations) {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = new Set(
    operations.filter((operation) => words.every((word) => JSON.stringify(operation).toLowerCase().includes(word))).map(({ operationId }) => operationId),
  );
  for (const link of document.querySelectorAll('#contents li')) link.hidden = !fits.has(link.firstChild.hash.slice(1));
  for (const section of document.querySelectorAll('#contents section')) section.hidden = !section.querySelector('li:not([hidden])');
}

function render(api) {
  const resolve = resolver(api);
  const operations = operationsOf(api);
  document.getElementById('contents').append(...contents(api.tags, operations));
  const find = document.getElementById('find');
  find.addEventListener('input', () => findCalls(find, operations));
  state.remove();
  main.append(
    element('h1', {}, `${api.info.title} API`),
    element('p', { class: 'lead' }, api.info.summary),
    ...api.info.description.split('\n\n').map((paragraph) => element('p', {}, prose(paragraph))),
    ...api.tags.map(({ name, description }) =>
      element(
        'section',
        { id: name, class: 'tag', 'aria-labelledby': `${name}-title` },
        element('h2', { id: `${name}-title` }, name),
        element('p', {}, prose(description)),
        ...operations.filter(({ tags: [tag] }) => tag === name).map((operation) => operationSection(operation, resolve)),
      ),
    ),
  );
  // What stands behind the # of the address was not there when the page was loaded.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView({ behavior: 'instant' });
}

async function start() {
  try {
    const answer = await fetch('/openapi.json');
    if (!answer.ok) throw new Error(`it was answered with ${answer.status}`);
    render(await answer.json());
  } catch (why) {
    state.className = 'failed';
    state.textContent = `The document could not be loaded: ${why.message}. Load the page again, or look whether the server runs.`;
    main.append(state);
  }
}

start();
