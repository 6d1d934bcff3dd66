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
 * which the cursor steps through, `lines(span)` for the tooltip, `empty` (the reason why there is nothing to draw, or ''), and
 * perhaps `since` (the second before which its values are unknown, if not that of the history). The legend shows what was drawn,
 * also after a change of the size.
 */
export class TimeChart {
  constructor(host, plot, legend) {
    Object.assign(this, { host, plot, legend });
    this.shade = svg('rect', { class: 'no-data', y: TOP });
    this.note = svg('text', { class: 'chart-note' });
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
    this.picture.append(this.grid, this.times, this.shade, ...this.paths, this.note, this.cursor.line);
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
    const { from, to } = store.span;
    const x = (second) => LEFT + ((second - from) / (to - from)) * width;
    this.area = { left: LEFT, top: TOP, width, height, bottom: TOP + height, x };
    setAttribute(this.picture, 'viewBox', `0 0 ${this.size.width} ${this.size.height}`);
    this.drawn = this.plot.draw(store, this.area);
    this.legend.render(this.drawn);
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
    const { ticks, every } = timeTicks(store.span, width);
    const format = every < 60 ? clock : clockMinute;
    keyed(this.times, ticks.filter((second) => x(second) < left + width - 14), (second) => second, () => svg('text'),
      (label, second) => {
        setText(label, format(second));
        setAttribute(label, 'x', Math.max(x(second), left).toFixed(1));
        setAttribute(label, 'y', bottom + 16);
      });
  }

  /** Shades the seconds before the start of the history, to distinguish "unknown" from "none"; an empty chart states the reason. */
  #shade(store) {
    const { left, width, height, x } = this.area;
    const { from, to } = store.span;
    const since = Math.min(this.drawn.since ?? store.historySince ?? to, to);
    const end = since > from ? x(since) : left;
    setAttribute(this.shade, 'x', left);
    setAttribute(this.shade, 'width', (end - left).toFixed(1));
    setAttribute(this.shade, 'height', height);
    const isWhole = end === left || this.drawn.empty;
    const room = (isWhole ? left + width : end) - left;
    setText(this.note, isWhole ? this.drawn.empty : room < 56 ? '' : room < 140 ? 'no data' : `no data before ${clock(since)}`);
    setAttribute(this.note, 'x', (left + room / 2).toFixed(1));
    setAttribute(this.note, 'y', TOP + height / 2);
  }
}
