/** An element with attributes and children; what is null or false is left out, lists are taken apart. */
export function element(name, attributes, ...children) {
  const one = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) one.setAttribute(attribute, value);
  one.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return one;
}

/** Text in which `this` is code. */
export function prose(text) {
  return (text ?? '').split('`').map((part, i) => (i % 2 ? element('code', {}, part) : part));
}
