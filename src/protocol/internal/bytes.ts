/**
 * Big-endian integers in byte arrays, without a `DataView`, which would have to be created for every packet. Callers check
 * bounds first; a byte beyond the end reads as 0.
 *
 * @since 0.1.0
 */

/** @internal */
export const u8 = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0

/** @internal */
export const u16 = (bytes: Uint8Array, offset: number): number => (u8(bytes, offset) << 8) | u8(bytes, offset + 1)

/** @internal */
export const u24 = (bytes: Uint8Array, offset: number): number => (u16(bytes, offset) << 8) | u8(bytes, offset + 2)

/** @internal */
export const u32 = (bytes: Uint8Array, offset: number): number =>
  ((u16(bytes, offset) << 16) | u16(bytes, offset + 2)) >>> 0

/** @internal */
export const setU16 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value >>> 8
  bytes[offset + 1] = value
}

/** @internal */
export const setU24 = (bytes: Uint8Array, offset: number, value: number): void => {
  bytes[offset] = value >>> 16
  setU16(bytes, offset + 1, value)
}

/** @internal */
export const setU32 = (bytes: Uint8Array, offset: number, value: number): void => {
  setU16(bytes, offset, value >>> 16)
  setU16(bytes, offset + 2, value)
}

/**
 * A view of `bytes[from, to)` that is a plain `Uint8Array` even if `bytes` is a Node `Buffer`, whose own `subarray` would
 * return Buffers, and whose `slice` does not copy.
 *
 * @internal
 */
export const view = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)

/**
 * Checks a value before it is encoded: one that does not fit its field is a bug of the caller, and truncating it would put a
 * different value on the wire.
 *
 * @internal
 */
export const requireUint = (name: string, value: number, maximum: number): number => {
  if (!Number.isInteger(value) || value < 0 || value > maximum) {
    throw new RangeError(`${name} must be an integer from 0 to ${maximum}, got ${value}`)
  }
  return value
}
