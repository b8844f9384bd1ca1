/**
 * Keeps a sum of signals within full scale: what is louder than the knee is bent instead of cut off.
 *
 * @since 0.1.0
 */

const knee = 0.9
const room = 1 - knee

/**
 * Bends samples in place. Those up to 0.9 stay unchanged, and none reaches 1.
 *
 * @category transformations
 * @since 0.1.0
 */
export const apply = (samples: Float32Array): void => {
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] ?? 0
    if (value > knee) samples[i] = knee + room * Math.tanh((value - knee) / room)
    else if (value < -knee) samples[i] = -knee - room * Math.tanh((-value - knee) / room)
  }
}
