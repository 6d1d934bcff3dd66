// A window in a few pixels: the shape only, since the tile tells the number.

import { setAttribute, svg } from './dom.js';

const WIDTH = 100;
const HEIGHT = 24;
const SECONDS_A_POINT = 10;

/** Draws a value every 10 s of the window as a line over a faint area. */
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
    // Spans end on round seconds of the clock, so that the shape moves as a whole.
    const skip = (SECONDS_A_POINT - (store.first % SECONDS_A_POINT)) % SECONDS_A_POINT;
    for (let from = skip; from + SECONDS_A_POINT <= store.size; from += SECONDS_A_POINT) {
      const known = store.historySince !== null && store.first + from >= store.historySince;
      values.push(known ? valueOf(from, from + SECONDS_A_POINT) : null);
    }
    const top = values.reduce((most, value) => Math.max(most, value ?? 0), 0) || 1;
    let line = '';
    let area = '';
    let start = null;
    let last = null;
    values.forEach((value, i) => {
      const x = ((i / (values.length - 1)) * WIDTH).toFixed(1);
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
