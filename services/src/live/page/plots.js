/** Plots of an hour: lines, or bars above and below zero. Drawn anew for each answer, in the pixels that there are. */

const SVG = 'http://www.w3.org/2000/svg';
const LEFT = 52;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 22;
/** Where there is no room for all words of the time axis. */
const NARROW = 420;

/**
 * @typedef {object} Frame
 * @property {SVGSVGElement} svg
 * @property {number} width
 * @property {number} height
 * @property {(age: number) => number} x
 * @property {(value: number) => number} y
 */

/**
 * Lines over ages; where a value is null there is a gap.
 * @param {SVGSVGElement} svg
 * @param {{ ages: number[], span: number, lines: (number | null)[][], write: (value: number) => string, steps: number[], nothing: string }} what
 */
export function lines(svg, { ages, span, lines: values, write, steps, nothing }) {
  const most = Math.max(0, ...values.flat().map((value) => value ?? 0));
  const ticks = ticksTo(most, steps);
  const frame = begin(svg, span, 0, ticks.at(-1));
  for (const tick of ticks) grid(frame, tick, write(tick));
  values.forEach((line, index) => {
    for (const run of runs(line)) {
      const points = run.map((at) => `${round(frame.x(ages[at]))},${round(frame.y(line[at]))}`);
      if (values.length === 1) {
        const [from, to] = [run[0], run.at(-1)].map((at) => round(frame.x(ages[at])));
        add(svg, 'polygon', { class: 'area', points: `${from},${frame.y(0)} ${points.join(' ')} ${to},${frame.y(0)}` });
      }
      // A line of one point would not show.
      if (points.length === 1) points.push(points[0]);
      add(svg, 'polyline', { class: `line ${STYLES[index]}`, points: points.join(' ') });
    }
  });
  if (values.flat().every((value) => value === null)) say(frame, nothing);
}

/**
 * Bars of minutes: one count above zero, the other below.
 * @param {SVGSVGElement} svg
 * @param {{ span: number, up: number[], down: number[], write: (value: number) => string, nothing: string }} what Newest minute first.
 */
export function bars(svg, { span, up, down, write, nothing }) {
  const above = ticksTo(Math.max(...up), WHOLE);
  const below = Math.max(...down) > 0 ? ticksTo(Math.max(...down), WHOLE) : [0];
  const frame = begin(svg, span, -below.at(-1), above.at(-1));
  hatch(svg);
  for (const tick of above) grid(frame, tick, write(tick));
  // What is shallow has no room for words of its own.
  const apart = frame.y(0) + 14;
  for (const tick of below.slice(1)) if (frame.y(-tick) >= apart) grid(frame, -tick, write(tick));
  const minute = frame.x(0) - frame.x(60);
  for (const [counts, style, sign] of /** @type {const} */ ([[up, 'up', 1], [down, 'down', -1]])) {
    counts.forEach((count, minutes) => {
      if (count === 0) return;
      const [top, bottom] = [frame.y(Math.max(0, sign * count)), frame.y(Math.min(0, sign * count))];
      const x = Math.max(LEFT, frame.x((minutes + 1) * 60));
      const width = Math.max(1, frame.x(minutes * 60) - x - Math.min(2, minute / 4));
      add(svg, 'rect', { ...look(style), x: round(x), y: round(top), width: round(width), height: round(bottom - top) });
    });
  }
  add(svg, 'line', { class: 'axis', x1: LEFT, x2: frame.width - RIGHT, y1: frame.y(0), y2: frame.y(0) });
  if ([...up, ...down].every((count) => count === 0)) say(frame, nothing);
}

/** A sample of what a line or a bar looks like, for a legend. @param {'line' | 'up' | 'down'} kind @param {number} index */
export function sample(kind, index) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 12');
  svg.setAttribute('aria-hidden', 'true');
  if (kind === 'line') add(svg, 'line', { class: `line ${STYLES[index]}`, x1: 2, x2: 30, y1: 6, y2: 6 });
  else add(svg, 'rect', { ...look(kind), x: 8, y: 1, width: 16, height: 10 });
  return svg;
}

/** @returns {Frame} */
function begin(svg, span, least, most) {
  const { width, height } = svg.getBoundingClientRect();
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const x = (age) => width - RIGHT - (Math.min(age, span) / span) * (width - LEFT - RIGHT);
  const y = (value) => TOP + ((most - value) / (most - least)) * (height - TOP - BOTTOM);
  const frame = { svg, width, height, x, y };
  for (const part of width < NARROW ? [1, 0.5, 0] : [1, 0.75, 0.5, 0.25, 0]) {
    const age = part * span;
    const anchor = part === 0 ? 'end' : part === 1 ? 'start' : 'middle';
    const words = part === 0 ? 'now' : `−${Math.round(age / 60)} min`;
    add(svg, 'text', { x: round(x(age)), y: height - 5, 'text-anchor': anchor }, words);
  }
  return frame;
}

function grid({ svg, width, y }, value, words) {
  const at = round(y(value));
  add(svg, 'line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: at, y2: at });
  add(svg, 'text', { x: LEFT - 8, y: at + 4, 'text-anchor': 'end' }, words);
}

function say({ svg, width, height }, words) {
  add(svg, 'text', { class: 'empty', x: (width + LEFT) / 2, y: (height - BOTTOM) / 2, 'text-anchor': 'middle' }, words);
}

/** What marks bars below zero besides their side. */
function hatch(svg) {
  const attributes = { id: 'hatch', width: 4, height: 4, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' };
  const pattern = add(add(svg, 'defs', {}), 'pattern', attributes);
  add(pattern, 'line', { class: 'hatch', x1: 0, x2: 0, y1: 0, y2: 4 });
}

/** From zero to at least that, in at most four even steps. @param {number} most @param {number[]} steps Those that may be, ascending. */
function ticksTo(most, steps) {
  const step = steps.find((size) => most <= size * 4) ?? most / 4;
  const count = Math.max(1, Math.ceil(most / step));
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

/** The places of values that are there, in unbroken runs. @param {(number | null)[]} line */
function runs(line) {
  const found = [];
  line.forEach((value, at) => {
    if (value === null) return;
    if (at > 0 && line[at - 1] !== null) found.at(-1).push(at);
    else found.push([at]);
  });
  return found;
}

function add(parent, name, attributes, words) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (words !== undefined) element.textContent = words;
  parent.append(element);
  return element;
}

/** A pattern is named here, as a style sheet of its own would look for it in itself. @param {'up' | 'down'} kind */
const look = (kind) => (kind === 'down' ? { class: 'down', fill: 'url(#hatch)' } : { class: 'up' });

const round = (value) => Math.round(value * 10) / 10;

const STYLES = ['one', 'two', 'three'];
/** Steps of counts, and of times in milliseconds. */
export const WHOLE = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((first) => first * 10 ** power)).flat();
export const TIMES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000];
