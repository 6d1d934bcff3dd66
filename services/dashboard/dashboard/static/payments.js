// Payments over time, stacked by decision. Rare decisions are at the bottom, where their shape is readable.

import { linearAxis } from './axis.js';
import { DECISIONS } from './decisions.js';
import { el, setAttribute, setText } from './dom.js';
import { clock, decimal, integer, percent, short } from './format.js';

const ORDER = Object.keys(DECISIONS);

const SLOW_PER_SECOND = 2;
const PIXELS_PER_BAR = 3.5;
const SLOW_BARS = 20;
const STEPS = [1, 2, 5, 10, 15, 30];
const SLOW_STEPS = [5, 10, 15, 30];
const LEAST_TOP = 3;

/** Plot for TimeChart: bars of whole buckets, aligned to the clock so that they do not flicker while time passes. */
export class PaymentsPlot {
  marks = ORDER.map((decision) => `mark ${decision}`);

  draw(store, area) {
    const totals = Object.fromEntries(ORDER.map((decision) => [decision, store.sum(decision)]));
    const all = ORDER.reduce((sum, decision) => sum + totals[decision], 0);
    const shown = store.now + 1 - store.span.from;
    const slow = all / shown < SLOW_PER_SECOND;
    const pixels = area.width / (store.span.to - store.span.from);
    const step = (slow ? SLOW_STEPS.find((seconds) => shown / seconds <= SLOW_BARS) : STEPS.find((seconds) => pixels * seconds >= PIXELS_PER_BAR)) ?? 30;
    // The rate of a few payments fluctuates, above all in the latest bar: at a low rate, bars are counts.
    const height = slow ? (number) => number : (number, bucket) => number / (bucket.to - bucket.from);
    const buckets = bucketed(store, step);
    const axis = linearAxis(Math.max(LEAST_TOP, ...buckets.map((bucket) => height(bucket.all, bucket))));
    return {
      unit: slow ? `payments in ${step} s` : `payments/s, ${step} s per bar`,
      totals,
      paths: bars(buckets, (number, bucket) => axis.share(height(number, bucket)) * area.height, slow, area),
      ticks: axis.ticks.map((tick) => [area.bottom - axis.share(tick) * area.height, short(tick)]),
      label: `Payments of the last 15 minutes: ${ORDER.map((name) => `${name} ${integer(totals[name])}`).join(', ')}`,
      spans: buckets,
      lines: (bucket) => tooltip(bucket, slow),
      empty: all ? '' : emptyReason(store),
    };
  }
}

/** Returns why there are no payments to show. */
export function emptyReason(store) {
  return store.historySince === null ? 'nothing read yet' : 'no payments in the last 15 minutes';
}

function bucketed(store, step) {
  const buckets = [];
  const known = store.historySince === null ? store.size : Math.max(store.span.from, store.historySince) - store.first;
  for (let i = known; i < store.size; i += 1) {
    const second = store.first + i;
    let bucket = buckets.at(-1);
    if (!bucket || second % step === 0) {
      bucket = { from: second, to: second, all: 0, block: 0, review: 0, approve: 0 };
      buckets.push(bucket);
    }
    bucket.to += 1;
    for (const decision of ORDER) {
      const value = store.series[decision][i] ?? 0;
      bucket[decision] += value;
      bucket.all += value;
    }
  }
  return buckets;
}

function bars(buckets, rise, wide, area) {
  // Thin bars touch, like a stepped area: gaps of less than a pixel would flicker.
  const gap = wide ? 1 : -0.2;
  const paths = ORDER.map(() => '');
  for (const bucket of buckets) {
    const left = area.x(bucket.from);
    const width = Math.max(0.5, area.x(bucket.to) - left - gap);
    let base = area.bottom;
    ORDER.forEach((decision, i) => {
      const height = rise(bucket[decision], bucket);
      if (!height) return;
      paths[i] += `M${left.toFixed(1)} ${base.toFixed(1)}h${width.toFixed(1)}v${(-height).toFixed(2)}h${(-width).toFixed(1)}z`;
      base -= height;
    });
  }
  return paths;
}

function tooltip(bucket, slow) {
  const value = (number) => integer(number) + (slow ? '' : ` · ${decimal(number / (bucket.to - bucket.from))}/s`);
  return [
    `${clock(bucket.from)} – ${clock(bucket.to)}`,
    ...ORDER.toReversed().map((decision) => [decision, decision, value(bucket[decision])]),
    ['all', 'all', value(bucket.all)],
  ];
}

/** Legend with the window's totals, which are also exact numbers in data attributes of the chart's element. */
export class PaymentsLegend {
  constructor(list, host, unit) {
    Object.assign(this, { host, unit });
    this.items = ORDER.toReversed().map((decision) => {
      const value = el('b');
      const share = el('span', { class: 'share' });
      list.append(el('li', { class: decision }, el('i', { 'aria-hidden': 'true' }, DECISIONS[decision]), decision, value, share));
      return { decision, value, share };
    });
  }

  /** Shows the totals that the plot has drawn. */
  render({ totals, unit }) {
    const all = ORDER.reduce((sum, decision) => sum + totals[decision], 0);
    for (const { decision, value, share } of this.items) {
      setText(value, integer(totals[decision]));
      setText(share, all ? percent(totals[decision] / all) : '');
      setAttribute(this.host, `data-${decision}`, totals[decision]);
    }
    setText(this.unit, unit);
  }
}
