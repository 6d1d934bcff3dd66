// End-to-end latency over time: from a payment's Kafka timestamp to the commit of its score. 50 % of the payments are faster than
// p50, 99 % faster than p99.

import { logAxis } from './axis.js';
import { el, setText } from './dom.js';
import { clock, duration } from './format.js';
import { median } from './summary.js';

const NAMES = ['p99', 'p50'];
const SMALLEST_MS = 0.1;
const PIXELS_PER_POINT = 2.2;
// The first values follow the first payments after two scrapes.
const UNKNOWN_SECONDS = 30;

const text = (ms) => duration(ms).join(' ').trim();

/** Plot for TimeChart: one line per percentile, with gaps without payments. A point is the median p50 and the worst p99 of its seconds. */
export class LatencyPlot {
  marks = NAMES.map((name) => `line ${name}`);

  draw(store, area) {
    const pixels = area.width / (store.span.to - store.span.from);
    const step = [5, 10, 15].find((seconds) => pixels * seconds >= PIXELS_PER_POINT) ?? 15;
    const points = bucketed(store, step);
    const known = points.filter((point) => point.p50 !== null);
    const axis = known.length
      ? logAxis(Math.max(SMALLEST_MS, Math.min(...known.map((point) => point.p50))), Math.max(SMALLEST_MS, ...known.map((point) => point.p99)))
      : logAxis(1, 100);
    const y = (ms) => area.bottom - axis.share(ms) * area.height;
    const now = Object.fromEntries(NAMES.map((name) => [name, store.latest(name, 60)]));
    return {
      now,
      paths: NAMES.map((name) => line(points, name, area, y)),
      ticks: axis.ticks.map((tick) => [y(tick), text(tick)]),
      label: `Latency now: p50 ${text(now.p50)}, p99 ${text(now.p99)}`,
      spans: points,
      lines: tooltip,
      since: known[0] && known[0].from - store.span.from > UNKNOWN_SECONDS ? known[0].from : null,
      empty: known.length ? '' : emptyReason(store),
    };
  }
}

function emptyReason(store) {
  return store.hasScorer ? 'not measured yet' : 'no scorer answers: scorers measure it';
}

function bucketed(store, step) {
  const points = [];
  let seconds = { p50: [], p99: [] };
  let { from } = store.span;
  for (let i = from - store.first; i < store.size; i += 1) {
    for (const name of NAMES) {
      const value = store.series[name][i];
      if (value !== null) seconds[name].push(value);
    }
    const next = store.first + i + 1;
    // Aligned to the clock, so that points don't change while time passes.
    if (next % step === 0 || i === store.size - 1) {
      points.push({ from, to: next, p50: median(seconds.p50), p99: seconds.p99.length ? Math.max(...seconds.p99) : null });
      seconds = { p50: [], p99: [] };
      from = next;
    }
  }
  return points;
}

function line(points, name, area, y) {
  let path = '';
  let joined = false;
  for (const point of points) {
    const value = point[name];
    if (value !== null) {
      const place = `${area.x((point.from + point.to) / 2).toFixed(1)} ${y(value).toFixed(1)}`;
      // A single point is drawn as a line of length 0, which a round cap makes a visible dot.
      path += joined ? `L${place}` : `M${place}h0`;
    }
    joined = value !== null;
  }
  return path;
}

function tooltip(point) {
  return [`${clock(point.from)} – ${clock(point.to)}`, ['p99', 'p99, worst second', text(point.p99)], ['p50', 'p50, median', text(point.p50)]];
}

/** Legend with the current values. */
export class LatencyLegend {
  constructor(list) {
    this.items = NAMES.toReversed().map((name) => {
      const value = el('b');
      list.append(el('li', { class: name }, el('i', { 'aria-hidden': 'true' }, '━'), name, value));
      return { name, value };
    });
  }

  /** Shows the values that the plot has drawn. */
  render({ now }) {
    for (const { name, value } of this.items) setText(value, text(now[name]));
  }
}
