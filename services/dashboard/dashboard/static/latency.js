// End-to-end latency over time: half of the payments are faster than p50, all but one in a hundred faster than p99.

import { logAxis } from './axis.js';
import { el, setText } from './dom.js';
import { clock, duration } from './format.js';

const NAMES = ['p99', 'p50'];
const SMALLEST_MS = 0.1;

const text = (ms) => duration(ms).join(' ').trim();

/** The plot for TimeChart: a line each, broken where a second had no payment. */
export class LatencyPlot {
  marks = NAMES.map((name) => `line ${name}`);

  draw(store, area) {
    const known = NAMES.flatMap((name) => store.series[name].filter((value) => value !== null));
    const low = known.reduce((least, value) => Math.min(least, value), Infinity);
    const high = known.reduce((most, value) => Math.max(most, value), 0);
    const axis = known.length ? logAxis(Math.max(SMALLEST_MS, low), Math.max(SMALLEST_MS, high)) : logAxis(1, 100);
    const y = (ms) => area.bottom - axis.share(ms) * area.height;
    const now = Object.fromEntries(NAMES.map((name) => [name, store.latest(name, 60)]));
    return {
      now,
      paths: NAMES.map((name) => line(store.series[name], store, area, y)),
      ticks: axis.ticks.map((tick) => [y(tick), text(tick)]),
      label: `Latency now: p50 ${text(now.p50)}, p99 ${text(now.p99)}`,
      slots: store.size,
      lines: (slot) => [clock(store.first + slot), ...NAMES.map((name) => [name, name, text(store.series[name][slot])])],
    };
  }
}

function line(values, store, area, y) {
  let path = '';
  let joined = false;
  values.forEach((value, i) => {
    if (value !== null) {
      const place = `${area.x(store.first + i + 0.5).toFixed(1)} ${y(value).toFixed(1)}`;
      // A lone second would be invisible as a line; with a round cap, one of no length is a dot.
      path += joined ? `L${place}` : `M${place}h0`;
    }
    joined = value !== null;
  });
  return path;
}

/** Shows the present values as a legend. */
export class LatencyLegend {
  constructor(list) {
    this.items = NAMES.toReversed().map((name) => {
      const value = el('b');
      list.append(el('li', { class: name }, el('i', { 'aria-hidden': 'true' }, '━'), name, value));
      return { name, value };
    });
  }

  /** Shows what the plot has drawn. */
  render({ now }) {
    for (const { name, value } of this.items) setText(value, text(now[name]));
  }
}
