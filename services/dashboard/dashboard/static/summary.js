// Values of the tiles, computed from the window.

const RATE_SECONDS = 5;
const MINUTE = 60;
const FRESH_SECONDS = 10;

/** Computes the window's totals and current values. */
export function summarize(store) {
  const totals = { approve: store.sum('approve'), review: store.sum('review'), block: store.sum('block'), dead: store.sum('dead') };
  const known = store.historySince !== null;
  const payments = totals.approve + totals.review + totals.block;
  const share = (number) => (payments ? number / payments : null);
  return {
    // Distinguishes "nothing read yet" from "none".
    known,
    payments,
    dead: totals.dead,
    rate: known ? rate(store) : null,
    flaggedShare: share(totals.review + totals.block),
    blockedShare: share(totals.block),
    deadRate: totals.dead + payments ? totals.dead / (totals.dead + payments) : null,
    p50: store.latest('p50', MINUTE),
    p99: store.latest('p99', MINUTE),
    lag: store.latest('lag', FRESH_SECONDS),
    medianP50: median(store.series.p50),
    worstP99: largest(store.series.p99),
    worstLag: largest(store.series.lag),
  };
}

function rate(store) {
  const mean = (seconds) => (store.sum('approve', seconds) + store.sum('review', seconds) + store.sum('block', seconds)) / seconds;
  // At one payment in 3 s, five seconds contain one or two: below one per second, use the mean of a minute.
  const known = store.now - store.historySince + 1;
  const minute = mean(Math.max(RATE_SECONDS, Math.min(MINUTE, known)));
  return minute < 1 ? minute : mean(RATE_SECONDS);
}

function largest(values) {
  return values.reduce((most, value) => (value !== null && (most === null || value > most) ? value : most), null);
}

/** Returns the median of the known values; null if there are none. */
export function median(values) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known.length ? known[known.length >> 1] : null;
}
