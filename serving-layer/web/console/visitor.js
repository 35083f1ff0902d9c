// Who the console is when it sends an event: one id a tab, which a person may change.
const KEY = 'tandem-visitor';

export function visitorId() {
  const made = sessionStorage.getItem(KEY) ?? `console-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
  sessionStorage.setItem(KEY, made);
  return made;
}

export function setVisitorId(id) {
  sessionStorage.setItem(KEY, id);
}
