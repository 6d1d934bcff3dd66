// The replicas: their partitions, lag, and use of memory and CPU.

import { el, keyed, setAttribute, setText } from './dom.js';
import { bytes, count, integer, NONE, pace } from './format.js';
import { plain } from './untrusted.js';

const STATES = { ready: '✓ ready', not_ready: '◌ not ready', away: '✕ unavailable' };

/** List with one row per replica. */
export class Replicas {
  constructor(list, aside) {
    this.list = list;
    this.aside = aside;
  }

  /** Shows all replicas, scorers first. */
  render({ replicas, scorers }) {
    const ready = scorers.filter((replica) => replica.state === 'ready').length;
    setText(this.aside, scorers.length ? `${ready} of ${count(scorers.length, 'scorer')} ready` : '');
    keyed(this.list, replicas.length ? replicas : [null], (replica) => replica?.name ?? '', (replica) => (replica ? row(replica) : none()), update);
  }
}

function none() {
  return el('li', { class: 'calm' }, 'No scorer has answered yet. If none answers: ', el('code', {}, 'docker compose up -d scorer'));
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

/** Returns the partitions of a scorer, or the topics of an archiver, with their lag. */
function places({ partitions, archive_lags: lags }) {
  return [
    ...partitions.map(({ partition, ready, lag }) => (
      { short: `p${partition}`, long: `Partition ${partition}: ${ready ? 'ready' : 'not ready'}`, ready, lag })),
    ...Object.entries(lags).map(([topic, lag]) => ({ short: plain(topic), long: `Topic ${plain(topic)}: archived`, ready: true, lag })),
  ];
}

function chip({ short }) {
  return el('li', {}, el('span', {}, short), el('b'));
}

function updateChip(node, { long, ready, lag }) {
  setText(node.lastChild, `${ready ? '' : '◌ '}${lag === null ? NONE : integer(lag)}`);
  setAttribute(node, 'title', `${long}, lag ${lag === null ? 'unknown' : count(lag, 'record')}`);
  node.classList.toggle('waiting', !ready);
}
