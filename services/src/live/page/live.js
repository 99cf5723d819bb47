/** Asks for the figures every few seconds, and shows them: as numbers, plots, and tables of the same. */

import { TIMES, WHOLE, bars, lines, sample } from './plots.js';
import { ago, counted, lasting, number, share, took } from './words.js';

const ASK_EVERY = 3000;
const ANSWER_WITHIN = 5000;
/** Minutes in a row of a table. */
const ROW = 5;
const MINUTES = 60;
/** What plots span while the process is young; in quarters of whole minutes. */
const SPANS = [240, 1200];

const $ = (id) => document.getElementById(id);

/** @type {any} The newest answer. */
let newest;
let answeredAt = 0;

const PLOTS = [
  {
    id: 'plot-waiting',
    title: 'Waiting',
    legend: [],
    columns: ['Least', 'Most'],
    cells: ({ series }, places) => extremes(places.map((at) => series.waiting[at])),
    words: ({ now, series }) => `${number(now.waiting)} now, ${number(Math.max(...series.waiting))} at most.`,
    draw: (svg, { series, span }) => counts(svg, series, span, series.waiting),
  },
  {
    id: 'plot-rooms',
    title: 'Rooms',
    legend: [],
    columns: ['Least', 'Most', 'Made'],
    cells: ({ series }, places) => [
      ...extremes(places.map((at) => series.rooms[at])),
      number(sum(places.map((at) => series.matches[at]))),
    ],
    words: ({ now, hour, series }) =>
      `${number(now.rooms)} now, ${number(Math.max(...series.rooms))} at most; ${number(hour.matches)} made in the last hour.`,
    draw: (svg, { series, span }) => counts(svg, series, span, series.rooms),
  },
  {
    id: 'plot-matched',
    title: 'Time to match',
    legend: [
      ['line', 'half waited less'],
      ['line', '90 %'],
      ['line', '99 %'],
    ],
    columns: ['Half', '90 %', '99 %'],
    cells: ({ series }, places) =>
      // Of the minutes in a row the slowest, as a mean of such figures would be of nobody.
      [series.matched.p50, series.matched.p90, series.matched.p99].map((line) => took(most(places.map((at) => line[at])))),
    words: ({ hour: { matched } }) =>
      matched.p50 === null
        ? 'Nobody has met in the last hour.'
        : `Of those who met in the last hour half waited less than ${took(matched.p50)}, 99 % less than ${took(matched.p99)}. Each point is of a minute.`,
    draw: (svg, { series, span }) =>
      lines(svg, {
        ages: series.age,
        span,
        lines: [series.matched.p50, series.matched.p90, series.matched.p99],
        write: took,
        steps: TIMES,
        nothing: 'nobody has met',
      }),
  },
  {
    id: 'plot-calls',
    title: 'Calls, by minute',
    legend: [
      ['up', 'connected (above)'],
      ['down', 'failed (below, hatched)'],
    ],
    columns: ['Connected', 'Failed'],
    cells: ({ series }, places) => [series.connected, series.failed].map((line) => number(sum(places.map((at) => line[at])))),
    words: ({ hour }) =>
      `As clients say, each of the two for itself: ${number(hour.connected)} connected, ${number(hour.failed)} failed in the last hour.` +
      (hour.setup === null ? '' : ` Half of those that connected took less than ${took(hour.setup)}.`),
    draw: (svg, { series, span }) =>
      bars(svg, {
        span,
        up: byMinute(series.age, series.connected),
        down: byMinute(series.age, series.failed),
        write: (count) => number(Math.abs(count)),
        nothing: 'no client has said how its call went',
      }),
  },
];

function counts(svg, series, span, line) {
  lines(svg, { ages: series.age, span, lines: [line], write: number, steps: WHOLE, nothing: '' });
}

/** Newest first. */
function byMinute(ages, values) {
  const minutes = new Array(MINUTES).fill(0);
  ages.forEach((age, at) => (minutes[Math.min(MINUTES - 1, Math.floor(age / 60))] += values[at]));
  return minutes;
}

const sum = (values) => values.reduce((all, value) => all + value, 0);
const most = (values) => values.reduce((high, value) => (value !== null && (high === null || value > high) ? value : high), null);
const extremes = (values) => (values.length ? [number(Math.min(...values)), number(Math.max(...values))] : ['–', '–']);

/** The places of the readings in each row of a table, newest row first; rows before the process began are none. */
function rows(ages) {
  const found = Array.from({ length: MINUTES / ROW }, () => []);
  ages.forEach((age, at) => found[Math.min(found.length - 1, Math.floor(age / (ROW * 60)))].push(at));
  return found.map((places, row) => [`${row * ROW}–${(row + 1) * ROW} min ago`, places]).filter(([, places]) => places.length);
}

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function figure({ id, title, legend, columns }) {
  const marks = legend.map(([kind, words], index) => make('li', {}, sample(kind, index), words));
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [key, value] of Object.entries({ class: 'plot', role: 'img', 'aria-labelledby': `${id}-title ${id}-words` })) {
    svg.setAttribute(key, value);
  }
  const heads = ['When', ...columns].map((text, at) => make('th', at ? { scope: 'col', class: 'number' } : { scope: 'col' }, text));
  const table = make('table', {}, make('thead', {}, make('tr', {}, ...heads)), make('tbody'));
  return make(
    'figure',
    { id },
    make('figcaption', {}, make('h2', { id: `${id}-title` }, title), make('p', { id: `${id}-words`, class: 'note' })),
    ...(marks.length ? [make('ul', { class: 'legend' }, ...marks)] : []),
    svg,
    make('details', {}, make('summary', {}, `${title} as a table`), make('div', { class: 'wide' }, table)),
  );
}

function draw() {
  if (!newest) return;
  const span = SPANS.find((seconds) => newest.series.age[0] <= seconds) ?? newest.spanSeconds;
  for (const plot of PLOTS) {
    const element = $(plot.id);
    element.querySelector('figcaption p').textContent = plot.words(newest);
    plot.draw(element.querySelector('svg.plot'), { ...newest, span });
    const body = rows(newest.series.age).map(([when, places]) => {
      const cells = plot.cells(newest, places).map((text) => make('td', { class: 'number' }, text));
      return make('tr', {}, make('th', { scope: 'row' }, when), ...cells);
    });
    element.querySelector('tbody').replaceChildren(...body);
  }
}

/** @returns {[string, string]} How a gateway is, for styles and in words. */
function stateOf({ links, workers }) {
  if (links === 0) return ['gone', 'no link'];
  return links < workers ? ['lacking', 'links missing'] : ['linked', 'linked'];
}

/** Whoever has gone for good is in the list for a while, and no reason to worry. */
const isAlarming = ({ links, workers, lostSeconds }) => links < workers && (links > 0 || lostSeconds < 300);

function listGateways({ gateways, moreGateways }) {
  $('none').hidden = gateways.length > 0;
  $('links-table').hidden = gateways.length === 0;
  $('more').hidden = moreGateways === 0;
  $('more').textContent = `and ${number(moreGateways)} more`;
  const list = gateways.map((gateway) => {
    const [state, words] = stateOf(gateway);
    const { name, links, workers, sessions, linkedSeconds, lostSeconds } = gateway;
    return make(
      'tr',
      { 'data-state': state },
      make('th', { scope: 'row', title: name }, name),
      make('td', { class: 'state' }, words),
      make('td', { class: 'number' }, `${number(links)} of ${number(workers)}`),
      make('td', { class: 'number' }, number(sessions)),
      make('td', {}, linkedSeconds === null ? '–' : lasting(linkedSeconds)),
      make('td', {}, lostSeconds === null ? 'never' : ago(lostSeconds)),
    );
  });
  $('links-table').tBodies[0].replaceChildren(...list);
}

function showNumbers({ now, hour }) {
  $('waiting').textContent = number(now.waiting);
  $('oldest').textContent = now.oldestWaitSeconds === null ? 'nobody waits' : `longest ${lasting(now.oldestWaitSeconds)}`;
  $('rooms').textContent = number(now.rooms);
  $('matches').textContent = `${number(hour.matches)} made in the last hour`;
  $('matched').textContent = took(hour.matched.p50);
  $('slowest').textContent = hour.matched.p99 === null ? 'nobody has met in the last hour' : `median of the hour; 99 %: ${took(hour.matched.p99)}`;
  const calls = hour.connected + hour.failed;
  $('calls').textContent = share(hour.connected, calls);
  $('failed').textContent = calls === 0 ? 'none in the last hour' : `${number(hour.failed)} of ${number(calls)} failed`;
  $('sessions').textContent = number(now.sessions);
  $('links').textContent = `on ${counted(now.links, 'link')}`;
}

/** Only where pools are shared there is one. */
function showEngine({ engine }) {
  $('engine').hidden = engine === null;
  if (engine === null) return;
  const { awaySeconds, why, queued } = engine;
  const state = awaySeconds === null ? 'up' : `away for ${lasting(awaySeconds)} (${why})`;
  $('engine').textContent = `engine: ${state}, ${counted(queued, 'request')} waiting`;
}

/** @param {string} state For styles. @param {string} words @param {string} [title] */
function say(state, words, title = words) {
  const element = $('state');
  // Written only when it changes: it is read out.
  if (element.textContent !== words) element.textContent = words;
  element.dataset.state = state;
  document.title = `${title} – Duet`;
}

function show(answer) {
  newest = answer;
  answeredAt = performance.now();
  const { now } = answer;
  $('matchmaker').textContent = answer.matchmaker;
  $('running').textContent = `version ${answer.version}, running for ${lasting(answer.runningSeconds)}`;
  $('main').hidden = false;
  document.body.classList.remove('stale');
  showNumbers(answer);
  showEngine(answer);
  listGateways(answer);
  draw();
  const title = `${number(now.waiting)} waiting, ${counted(now.rooms, 'room')}`;
  const lacking = answer.gateways.filter(isAlarming).length;
  if (answer.draining) say('draining', 'draining');
  else if (answer.engine && answer.engine.awaySeconds !== null) say('lacking', 'the engine is away', `Engine away: ${title}`);
  else if (now.links === 0) say('lacking', 'no gateway is linked');
  else if (lacking > 0) say('lacking', `${counted(lacking, 'gateway')} without all links`, `Links missing: ${title}`);
  else say('serving', 'serving', title);
}

function missed() {
  const since = answeredAt ? ` for ${lasting((performance.now() - answeredAt) / 1000)}` : '';
  document.body.classList.add('stale');
  say('silent', `no answer${since}`);
}

async function ask() {
  try {
    const response = await fetch('live.json', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_WITHIN) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(await response.json());
  } catch {
    missed();
  }
}

/** Nobody looks at a hidden page. */
async function keepAsking() {
  if (!document.hidden) await ask();
  setTimeout(keepAsking, ASK_EVERY);
}

$('plots').append(...PLOTS.map(figure));
new ResizeObserver(draw).observe($('plots'));
document.addEventListener('visibilitychange', () => document.hidden || ask());
keepAsking();
