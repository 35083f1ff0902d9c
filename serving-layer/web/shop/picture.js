// picture: a calm drawing for an item, always the same for the same id: colours and shapes come from its hash.
import { h, svg } from './dom.js';

/** FNV-1a, 32 bits. */
export function hash(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

/** Numbers below 1 from a seed (mulberry32). */
function numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const shapes = [
  (x, r, fill) => svg('circle', { cx: x, cy: 150 - r, r, fill }),
  (x, r, fill) => svg('rect', { x: x - r, y: 150 - 2 * r, width: 2 * r, height: 2 * r, rx: r / 4, fill }),
  (x, r, fill) => svg('path', { d: `M${x - r} 150v${-r}a${r} ${r} 0 0 1 ${2 * r} 0v${r}z`, fill }),
  (x, r, fill) => svg('path', { d: `M${x - r} 150q0 ${-2.6 * r} ${r} ${-2.6 * r}t${r} ${2.6 * r}z`, fill }),
  (x, r, fill) => svg('path', { d: `M${x - r} ${150 - r}h${2 * r}a${r} ${r} 0 0 1 ${-2 * r} 0z`, fill }),
];

function drawing(item) {
  const next = numbers(hash(item));
  const hue = Math.floor(next() * 360);
  const near = () => (hue + 20 + Math.floor(next() * 50)) % 360;
  const things = [0, 1, 2].map((i) => {
    const radius = 22 + next() * 18;
    return shapes[Math.floor(next() * shapes.length)](58 + i * 42 + next() * 10, radius, `hsl(${near()} ${28 + next() * 18}% ${46 + i * 11}%)`);
  });
  return svg(
    'svg',
    { viewBox: '0 0 200 200', 'aria-hidden': 'true', focusable: 'false', preserveAspectRatio: 'xMidYMid slice' },
    svg('rect', { width: 200, height: 200, fill: `hsl(${hue} 34% 88%)` }),
    svg('circle', { cx: 40 + next() * 120, cy: 54, r: 22, fill: `hsl(${hue} 45% 95%)` }),
    svg('rect', { y: 150, width: 200, height: 50, fill: `hsl(${hue} 26% 78%)` }),
    ...things
  );
}

/** The catalogue's picture, else a drawing. It says nothing that the title beside it does not. */
export function picture({ item, image }) {
  const frame = h('div', { class: 'picture' }, drawing(item));
  if (!image) return frame;
  const photo = h('img', { src: image, alt: '', loading: 'lazy', onerror: () => photo.remove() });
  frame.append(photo);
  return frame;
}
