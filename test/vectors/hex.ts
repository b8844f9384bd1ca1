/** Bytes from hexadecimal digits; spaces are ignored, and `xx*n` repeats a byte. */
export const fromHex = (hex: string): Uint8Array => {
  const expanded = hex.replaceAll(
    /([0-9a-f]{2})\*(\d+)/g,
    (_, byte: string, count: string) => byte.repeat(Number(count))
  ).replaceAll(" ", "")
  if (!/^([0-9a-f]{2})*$/.test(expanded)) throw new Error(`not hexadecimal: ${hex}`)
  return new Uint8Array(Buffer.from(expanded, "hex"))
}

/** Hexadecimal digits of bytes. */
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
