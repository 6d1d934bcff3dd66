// A chart over the window's seconds: axes, the range without data, paths and the cursor. The plot supplies the content.

import { timeTicks } from './axis.js';
import { Cursor } from './cursor.js';
import { keyed, setAttribute, setText, svg } from './dom.js';
import { clockMinute, clock } from './format.js';

const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;

/**
 * Draws a plot: an object with `marks` (class names of its paths, from back to front) and `draw(store, area)`, which returns
 * `paths` (one `d` per mark), `ticks` (pairs [y, text]), `label` (the current value as text), `spans` ({from, to} in seconds),
 * which the cursor steps through, and `lines(span)` for the tooltip.
 */
export class TimeChart {
  constructor(host, plot) {
    this.host = host;
    this.plot = plot;
    this.shade = svg('rect', { class: 'no-data', y: TOP });
    this.shadeText = svg('text', { class: 'no-data-text' });
    this.grid = svg('g', { class: 'grid-lines' });
    this.times = svg('g', { class: 'axis' });
    this.paths = plot.marks.map((mark) => svg('path', { class: mark }));
    this.picture = svg('svg', { class: 'picture', role: 'img', tabindex: '0', 'aria-label': 'No data yet' });
    this.cursor = new Cursor(host, this.picture, {
      slots: () => this.drawn?.spans.length ?? 0,
      slotAt: (x) => this.drawn.spans.findLastIndex((span) => this.area.x(span.from) <= x),
      xOf: (slot) => this.area.x((this.drawn.spans[slot].from + this.drawn.spans[slot].to) / 2),
      lines: (slot) => this.drawn.lines(this.drawn.spans[slot]),
    });
    this.picture.append(this.grid, this.times, this.shade, ...this.paths, this.shadeText, this.cursor.line);
    host.prepend(this.picture);
    // The size is cached: querying it at each rendering makes the browser lay out the whole page.
    this.size = { width: host.clientWidth, height: host.clientHeight };
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect)).observe(host);
  }

  /** Draws the store's current state. */
  render(store) {
    this.store = store;
    const width = Math.max(40, this.size.width - LEFT - RIGHT);
    const height = Math.max(40, this.size.height - TOP - BOTTOM);
    const x = (second) => LEFT + ((second - store.first) / store.size) * width;
    this.area = { left: LEFT, top: TOP, width, height, bottom: TOP + height, x };
    setAttribute(this.picture, 'viewBox', `0 0 ${this.size.width} ${this.size.height}`);
    this.drawn = this.plot.draw(store, this.area);
    this.paths.forEach((path, i) => setAttribute(path, 'd', this.drawn.paths[i]));
    setAttribute(this.picture, 'aria-label', this.drawn.label);
    this.#axes(store);
    this.#shade(store);
    setAttribute(this.cursor.line, 'y1', TOP);
    setAttribute(this.cursor.line, 'y2', TOP + height);
    this.cursor.refresh();
  }

  #resize({ width, height }) {
    this.size = { width, height };
    if (this.store) this.render(this.store);
  }

  #axes(store) {
    const { left, width, bottom, x } = this.area;
    keyed(this.grid, this.drawn.ticks, ([, text]) => text, () => svg('g', {}, svg('line'), svg('text', { x: left - 8, dy: '0.32em' })),
      (group, [y, text]) => {
        const [line, label] = group.children;
        setAttribute(line, 'x1', left);
        setAttribute(line, 'x2', left + width);
        setAttribute(group, 'transform', `translate(0 ${y.toFixed(1)})`);
        setText(label, text);
      });
    const minutes = timeTicks(store.first, store.now, width).filter((second) => x(second) < left + width - 14);
    keyed(this.times, minutes, (second) => second, (second) => svg('text', { y: bottom + 16 }, clockMinute(second)),
      (label, second) => {
        setAttribute(label, 'x', x(second).toFixed(1));
        setAttribute(label, 'y', bottom + 16);
      });
  }

  /** Shades the seconds before the start of the history, to distinguish "unknown" from "none". */
  #shade(store) {
    const { left, width, height, x } = this.area;
    const since = store.historySince === null ? store.now + 1 : store.historySince;
    const end = Math.min(left + width, x(since));
    const shown = since > store.first;
    setAttribute(this.shade, 'x', left);
    setAttribute(this.shade, 'width', shown ? Math.max(0, end - left).toFixed(1) : 0);
    setAttribute(this.shade, 'height', height);
    const text = store.historySince === null ? 'no data yet' : `no data before ${clock(since)}`;
    const room = end - left;
    setText(this.shadeText, !shown || room < 56 ? '' : room < 140 ? 'no data' : text);
    setAttribute(this.shadeText, 'x', ((left + end) / 2).toFixed(1));
    setAttribute(this.shadeText, 'y', TOP + height / 2);
  }
}
