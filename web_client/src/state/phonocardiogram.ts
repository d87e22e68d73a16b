// A strip of sound drawn in columns: what it swings between in each. Pure.

/** Louder than anything heard, so that a quiet heart fills the strip; room noise at this gain stays a thin line. */
const MOST_GAIN = 40;
/** Heart sounds fill this share of the strip. */
const FILL = 0.9;

/** Lowest and highest of each of `columns` stretches, all scaled alike so that the largest fills the strip. */
export function phonoSwings(samples: Float32Array, columns: number): readonly (readonly [low: number, high: number])[] {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  const gain = most === 0 ? 0 : Math.min(MOST_GAIN, FILL / most);
  const swings: [number, number][] = [];
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor((column * samples.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * samples.length) / columns));
    let [low, high] = [Infinity, -Infinity];
    for (let n = from; n < to && n < samples.length; n += 1) {
      const value = (samples[n] ?? 0) * gain;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    swings.push(high < low ? [0, 0] : [low, high]);
  }
  return swings;
}
