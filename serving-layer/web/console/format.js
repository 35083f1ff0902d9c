// How numbers, times and money are written: always with a unit, thousands in groups.
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export const absent = '–';

export function count(n) {
  return n === null || n === undefined ? absent : whole.format(n);
}

export function signed(n) {
  return n === null || n === undefined ? absent : (n < 0 ? '−' : '+') + whole.format(Math.abs(n));
}

export function rate(n) {
  return n === null || n === undefined ? absent : n < 100 ? tenth.format(n) : whole.format(n);
}

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** [value, unit] of a number of milliseconds. */
export function duration(ms) {
  if (ms === null || ms === undefined) return [absent, ''];
  if (ms < 1000) return [whole.format(ms), 'ms'];
  const s = ms / 1000;
  if (s < 60) return [tenth.format(s), 's'];
  if (s < 3600) return [tenth.format(s / 60), 'min'];
  if (s < 48 * 3600) return [tenth.format(s / 3600), 'h'];
  return [tenth.format(s / 86400), 'days'];
}

export function span(ms) {
  return duration(ms).join('\u00a0').trim();
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const momentFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
});

const minuteFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

const dateFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const utcDateFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

export const date = (ms) => dateFormat.format(ms);
export const utcDate = (ms) => utcDateFormat.format(ms);
export const clock = (ms) => clockFormat.format(ms);
export const moment = (ms) => (ms === null || ms === undefined ? absent : momentFormat.format(ms));
export const minute = (ms) => minuteFormat.format(ms);

/** Minor units, as the views count them, in the way of the currency. */
export function money(minor, currency) {
  if (minor === null || minor === undefined || !currency) return absent;
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency });
    return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
  } catch {
    return `${whole.format(minor)} ${currency}`;
  }
}

export function score(x) {
  return x === null || x === undefined ? absent : x.toFixed(3);
}
