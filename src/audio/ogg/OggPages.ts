/**
 * The pages of an Ogg file whose bytes arrive in pieces of any size: one after another, until something is not a page.
 *
 * @since 0.1.0
 */
import { append, pending, type Problem } from "../format/PacketReader.ts"
import * as OggPage from "./OggPage.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface OggPages {
  /** Takes more bytes; it does not keep the array. */
  readonly push: (bytes: Uint8Array) => void
  /**
   * The next page, once it is whole. `isPadded`: something else may come before it, and is skipped. Its offsets are into
   * {@link bytes}, and are valid until this is called again.
   */
  readonly next: (isPadded: boolean) => OggPage.OggPage | Problem | undefined
  readonly bytes: () => Uint8Array
  /** Where in the file the last returned page begins. */
  readonly position: () => number
  /** The bytes of a page that is not whole. */
  readonly left: () => number
  /** Discards what is left, and continues at another place of the file. */
  readonly restart: (position: number) => void
}

const corrupt = (detail: string): Problem => ({ kind: "Corrupt", detail })

/**
 * Makes a scanner that begins at the start of a file.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): OggPages => {
  const input = pending()
  /** Where in the file `input.start` is. */
  let position = 0
  /** The bytes of the last returned page. */
  let given = 0
  let isOgg = false

  const skip = (bytes: number): void => {
    input.start += bytes
    position += bytes
  }

  const leave = (): void => {
    skip(given)
    given = 0
  }

  /** Skips up to something that could be a page. */
  const skipPadding = (): void => {
    while (input.start < input.end && !OggPage.isCapture(input.bytes, input.start, input.end)) skip(1)
  }

  return {
    push: (bytes) => {
      leave()
      append(input, bytes)
    },
    next: (isPadded) => {
      leave()
      if (isPadded) skipPadding()
      if (input.start === input.end) return undefined
      const page = OggPage.decode(input.bytes, input.start, input.end)
      switch (page) {
        case undefined:
          return undefined
        case "NoPage":
          return isOgg
            ? corrupt("there is foreign data between the Ogg pages")
            : { kind: "UnknownFormat", detail: "it is not an Ogg file" }
        case "BadVersion":
          return corrupt("an Ogg page has an unknown version")
        case "BadChecksum":
          return corrupt("an Ogg page is damaged: its checksum is wrong")
        default:
          isOgg = true
          given = page.end - input.start
          return page
      }
    },
    bytes: () => input.bytes,
    position: () => position,
    left: () => input.end - input.start - given,
    restart: (offset) => {
      input.start = input.end = given = 0
      position = offset
    }
  }
}
