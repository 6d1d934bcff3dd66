// Axes with round tick values.

const ROUND = [1, 2, 5, 10];
const FINE = [1, 1.5, 2, 3, 5, 7, 10];
const STEPS = [15, 30, 60, 120, 180, 300];
const PIXELS_PER_LABEL = 86;

/** Returns a linear axis from 0 that contains `max` (> 0), with about three round ticks. */
export function linearAxis(max) {
  const rough = max / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ROUND.find((factor) => factor * power >= rough * 0.999) * power;
  const steps = Math.max(1, Math.ceil(max / step - 1e-9));
  const top = steps * step;
  return {
    ticks: Array.from({ length: steps + 1 }, (_, i) => i * step),
    share: (value) => value / top,
  };
}

/** Returns a logarithmic axis between round numbers that contains `min` to `max`. */
export function logAxis(min, max) {
  const low = roundBelow(min);
  const high = Math.max(roundAbove(max), low * 4);
  const decades = Math.log10(high / low);
  const ticks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high * 1.001; power *= 10) {
    for (const factor of decades > 2.2 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 5]) {
      const tick = factor * power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return { ticks, share: (value) => Math.log10(Math.max(value, low) / low) / decades };
}

function roundBelow(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return FINE.findLast((factor) => factor * power <= value * 1.001) * power;
}

function roundAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return FINE.find((factor) => factor * power >= value * 0.999) * power;
}

/** Returns the round times to mark in a span of seconds, as many as fit into the width, and their distance in seconds. */
export function timeTicks({ from, to }, width) {
  const every = STEPS.find((step) => (step / (to - from)) * width >= PIXELS_PER_LABEL) ?? STEPS.at(-1);
  const ticks = [];
  for (let second = Math.ceil(from / every) * every; second < to; second += every) ticks.push(second);
  return { ticks, every };
}
