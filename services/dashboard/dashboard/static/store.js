// State of the page: the window's seconds, and the latest values of all else.

const COUNTED = ['approve', 'review', 'block', 'dead'];
const SERIES = [...COUNTED, 'p50', 'p99', 'lag'];
const FLAGGED_KEPT = 500;
const DEAD_LETTERS_KEPT = 100;
const SHORTEST_SPAN = 60;

/** Sorts items by a time: those of a history arrive partition by partition. */
const newestFirst = (items, time) => items.toSorted((a, b) => (a[time] < b[time] ? 1 : a[time] > b[time] ? -1 : 0));
const latestFlagged = (payments) => newestFirst(payments, 'scored_at').slice(0, FLAGGED_KEPT);

/** Holds the 15-minute window and merges each event of the server into it. */
export class Store {
  loaded = false;
  replays = 0;
  /** Number of changes of the decision rules. */
  rulesVersion = 0;

  /** Replaces the whole state. */
  snapshot(message) {
    this.size = message.window_s;
    this.now = message.now;
    this.series = Object.fromEntries(SERIES.map((name) => [name, new Array(this.size).fill(null)]));
    this.flagged = latestFlagged(message.flagged);
    this.deadLetters = newestFirst(message.dead_letters, 'timestamp');
    this.schema = message.schema;
    this.commands = message.commands;
    this.#take(message);
    this.loaded = true;
  }

  /** Applies the changes of one second. */
  tick(message) {
    this.#advance(message.now);
    // New arrays each time, so that a held table keeps the rows that it shows.
    if (message.flagged.length) this.flagged = latestFlagged([...message.flagged, ...this.flagged]);
    if (message.dead_letters.length) {
      // Not sorted: a sender may choose the timestamp, and could keep others from being shown.
      this.deadLetters = [...message.dead_letters, ...this.deadLetters].slice(0, DEAD_LETTERS_KEPT);
    }
    this.#mark(message.replays);
    this.#take(message);
  }

  /** First second of the window. */
  get first() {
    return this.now - this.size + 1;
  }

  /** The seconds that the time axes show: from the first payment or dead letter of the window until now, and at least a minute. */
  get span() {
    const from = this.begins ?? this.first;
    return { from, to: Math.max(this.now + 1, from + SHORTEST_SPAN) };
  }

  /** The known scorers. */
  get scorers() {
    return this.replicas.filter((replica) => replica.kind === 'scorer');
  }

  /** Whether any scorer answers. */
  get hasScorer() {
    return this.scorers.some((scorer) => scorer.state !== 'away');
  }

  /** Returns the sum of a series over the window, or over its last `seconds`. */
  sum(name, seconds = this.size) {
    const values = this.series[name];
    let total = 0;
    for (let i = Math.max(0, this.size - seconds); i < this.size; i += 1) total += values[i] ?? 0;
    return total;
  }

  /** Returns the last known value of a series, if it is not older than `seconds`. */
  latest(name, seconds) {
    return this.series[name].slice(-seconds).findLast((value) => value !== null) ?? null;
  }

  /** Sets the time of replay on the letter itself, which all tables share, also those whose rows are held. */
  #mark(replays) {
    for (const { partition, offset, replayed } of replays) {
      const letter = this.deadLetters.find((one) => one.partition === partition && one.offset === offset);
      if (letter) letter.replayed = replayed;
    }
    if (replays.length) this.replays += 1;
  }

  #advance(now) {
    const elapsed = Math.min(now - this.now, this.size);
    if (elapsed <= 0) return;
    for (const values of Object.values(this.series)) {
      values.splice(0, elapsed);
      // Seconds without an event stay null: a gap in the charts.
      for (let i = 0; i < elapsed; i += 1) values.push(null);
    }
    this.now = now;
  }

  #begins() {
    const at = this.series.approve.findIndex((_, i) => COUNTED.some((name) => this.series[name][i] > 0));
    return at < 0 ? null : this.first + at;
  }

  #take(message) {
    const start = message.series.first - this.first;
    for (const name of SERIES) {
      message.series[name].forEach((value, i) => {
        const at = start + i;
        if (at >= 0 && at < this.size) this.series[name][at] = value;
      });
    }
    this.begins = this.#begins();
    this.kafka = message.kafka;
    this.historySince = message.history_since;
    this.sampling = message.sampling;
    this.scores = message.scores;
    this.deadReasons = message.dead_reasons;
    this.models = message.models;
    this.agreement = message.agreement;
    this.modelRefused = message.model_refused;
    if (JSON.stringify(this.rules) !== JSON.stringify(message.rules)) {
      this.rulesVersion += 1;
      this.rules = message.rules;
    }
    this.otherLayouts = message.other_layouts;
    this.replicas = message.replicas;
    this.drift = message.drift;
    this.driftWaiting = message.drift_waiting;
    this.leftOut = message.flagged_left_out ?? 0;
  }
}
