// A small chart of the window without axes, as the tile shows the value.

import { setAttribute, svg } from './dom.js';

const WIDTH = 100;
const HEIGHT = 24;
const SECONDS_PER_POINT = 10;

/** Line over a light area, with one point per 10 s of the window. */
export class Sparkline {
  constructor() {
    this.area = svg('path', { class: 'spark-area' });
    this.line = svg('path', { class: 'spark-line' });
    this.node = svg('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      this.area, this.line);
  }

  /** Draws the values that `valueOf(from, to)` gives for each span of the store's indices; null is a gap. */
  render(store, valueOf) {
    const values = [];
    const { from: begin, to: end } = store.span;
    // Spans are aligned to the clock, so that the shape moves as a whole.
    const first = Math.ceil(begin / SECONDS_PER_POINT) * SECONDS_PER_POINT - store.first;
    for (let from = first; from + SECONDS_PER_POINT <= store.size; from += SECONDS_PER_POINT) {
      const known = store.historySince !== null && store.first + from >= store.historySince;
      values.push(known ? valueOf(from, from + SECONDS_PER_POINT) : null);
    }
    const points = Math.max(values.length, Math.floor((end - store.first - first) / SECONDS_PER_POINT));
    const top = values.reduce((most, value) => Math.max(most, value ?? 0), 0) || 1;
    let line = '';
    let area = '';
    let start = null;
    let last = null;
    values.forEach((value, i) => {
      const x = ((i / (points - 1)) * WIDTH).toFixed(1);
      if (value !== null) {
        const y = (HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1);
        line += `${start === null ? 'M' : 'L'}${x} ${y}`;
        area += start === null ? `M${x} ${HEIGHT}L${x} ${y}` : `L${x} ${y}`;
        start ??= x;
        last = x;
      }
      if (start !== null && (value === null || i === values.length - 1)) {
        area += `L${last} ${HEIGHT}z`;
        start = null;
      }
    });
    setAttribute(this.line, 'd', line);
    setAttribute(this.area, 'd', area);
  }
}
