// JSON Schema, to read: what a value may be in a few words, an object's fields as a list.
import { element, prose } from './element.js';

const DEEPEST = 5;

/** Follows references; what stands beside one is kept. */
export function resolver(api) {
  return function resolve(schema) {
    if (!schema?.$ref) return schema ?? {};
    const [, , kind, name] = schema.$ref.split('/');
    const { $ref, ...beside } = schema;
    return { ...resolve(api.components[kind][name]), ...beside, refersTo: name };
  };
}

export function exampleOf(schema, resolve) {
  return resolve(schema).examples?.[0];
}

const grouped = (number) => number.toLocaleString('en');

function range({ minimum, maximum }) {
  if (minimum === undefined && maximum === undefined) return '';
  if (maximum === undefined) return ` from ${grouped(minimum)}`;
  return ` ${grouped(minimum)} to ${grouped(maximum)}`;
}

function length(schema) {
  const most = schema['x-max-bytes'];
  return most ? `, ${schema.minLength} to ${grouped(most)} bytes` : '';
}

/** In words: "whole number 1 to 100, else 10". */
export function typeOf(schema, resolve) {
  const one = resolve(schema);
  const initial = one.default === undefined ? '' : `, else ${one.default}`;
  if ('const' in one) return JSON.stringify(one.const);
  if (one.enum) return [one.enum.flatMap((value, i) => [i ? ' | ' : '', element('code', {}, String(value))]), initial];
  if (one.oneOf) return one.oneOf.flatMap((inner, i) => [i ? ' or ' : '', typeOf(inner, resolve)]);
  if (one.type === 'array' && one.prefixItems) return ['[', one.prefixItems.flatMap((inner, i) => [i ? ', ' : '', typeOf(inner, resolve)]), ']'];
  if (one.type === 'array') return [one.maxItems ? `up to ${grouped(one.maxItems)} of: ` : 'list of: ', typeOf(one.items, resolve)];
  if (Array.isArray(one.type)) return one.type.map((type) => (type === 'null' ? 'null' : typeOf({ ...one, type }, resolve))).flatMap((words, i) => [i ? ' or ' : '', words]);
  const words = { integer: 'whole number', number: 'number', string: 'text', boolean: 'true or false', object: 'object', null: 'null' };
  return `${words[one.type] ?? 'any'}${range(one)}${length(one)}${initial}`;
}

/** The properties of an object with those of what it is made of. */
function propertiesOf(schema, resolve) {
  const one = resolve(schema);
  const parts = (one.allOf ?? []).map((part) => propertiesOf(part, resolve));
  return {
    properties: Object.assign({}, one.properties, ...parts.map((part) => part.properties)),
    required: [...(one.required ?? []), ...parts.flatMap((part) => part.required)],
  };
}

/** What has fields in a value: the object itself, or the elements of a list, or one of several. */
function objectIn(schema, resolve) {
  const one = resolve(schema);
  if (one.type === 'array') return one.items && objectIn(one.items, resolve);
  if (one.properties || one.allOf) return one;
  return (one.oneOf ?? []).map((inner) => objectIn(inner, resolve)).find(Boolean);
}

/** A list of the fields, and of theirs; null where there are none. */
export function fieldsOf(schema, resolve, depth = 0) {
  const object = depth < DEEPEST && objectIn(schema, resolve);
  if (!object) return null;
  const { properties, required } = propertiesOf(object, resolve);
  return element(
    'ul',
    { class: 'fields' },
    ...Object.entries(properties).map(([name, field]) =>
      element(
        'li',
        {},
        element('code', { class: 'name' }, name),
        element('span', { class: 'type' }, typeOf(field, resolve)),
        required.includes(name) && element('span', { class: 'needed' }, depth || object.unevaluatedProperties === false ? 'always' : 'needed'),
        element('span', { class: 'about' }, prose(resolve(field).description)),
        fieldsOf(field, resolve, depth + 1),
      ),
    ),
  );
}
