// Who is at work: which replica holds which partition, how far behind it is, and what it costs.

import { el, keyed, setAttribute, setText } from './dom.js';
import { bytes, count, integer, NONE, pace } from './format.js';
import { plain } from './untrusted.js';

const STATES = { ready: '✓ ready', not_ready: '◌ not ready', away: '✕ away' };

/** One row a replica. */
export class Replicas {
  constructor(list, aside) {
    this.list = list;
    this.aside = aside;
  }

  /** Shows all of them, scorers first. */
  render({ replicas }) {
    const scorers = replicas.filter((replica) => replica.kind === 'scorer');
    const ready = scorers.filter((replica) => replica.state === 'ready').length;
    setText(this.aside, scorers.length ? `${ready} of ${count(scorers.length, 'scorer')} ready` : '');
    keyed(this.list, replicas.length ? replicas : [null], (replica) => replica?.name ?? '', (replica) => (replica ? row(replica) : none()), update);
  }
}

function none() {
  return el('li', { class: 'calm' }, 'No scorer has answered yet. If none comes: ', el('code', {}, 'docker compose up -d scorer'));
}

function row(replica) {
  return el('li', { class: 'replica', 'data-testid': 'replica-row', 'data-name': replica.name },
    el('strong', {}, plain(replica.name)), el('span', { class: 'state' }), el('span', { class: 'costs' }),
    el('span', { class: 'reason' }), el('ul', { class: 'partitions', 'aria-label': 'Partitions or topics, and their lag' }));
}

function update(node, replica) {
  if (!replica) return;
  const [, state, costs, reason, partitions] = node.children;
  setAttribute(node, 'data-state', replica.state);
  setText(state, STATES[replica.state] ?? plain(replica.state));
  const cost = [
    replica.per_second === null ? null : pace(replica.per_second).join(''),
    replica.memory_bytes ? bytes(replica.memory_bytes) : null,
    replica.cpu === null ? null : `CPU ${Math.round(replica.cpu * 100)}%`,
  ];
  setText(costs, replica.state === 'away' ? '' : cost.filter(Boolean).join(' · '));
  setText(reason, replica.state === 'ready' ? '' : plain(replica.reason ?? ''));
  keyed(partitions, places(replica), (place) => place.short, chip, updateChip);
}

/** What it is behind in: its partitions, or the topics that it archives. */
function places({ partitions, archive_lags: lags }) {
  return [
    ...partitions.map(({ partition, ready, lag }) => (
      { short: `p${partition}`, long: `Partition ${partition}: ${ready ? 'ready' : 'not ready yet'}`, ready, lag })),
    ...Object.entries(lags).map(([topic, lag]) => ({ short: plain(topic), long: `Topic ${plain(topic)}: being archived`, ready: true, lag })),
  ];
}

function chip({ short }) {
  return el('li', {}, el('span', {}, short), el('b'));
}

function updateChip(node, { long, ready, lag }) {
  setText(node.lastChild, `${ready ? '' : '◌ '}${lag === null ? NONE : integer(lag)}`);
  setAttribute(node, 'title', `${long}, lag ${lag === null ? 'not known' : count(lag, 'record')}`);
  node.classList.toggle('waiting', !ready);
}
