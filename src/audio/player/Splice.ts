/**
 * The rings of a mix, one after another from each cut on, and how far the driver reads each. The driver may be in another
 * thread: it switches when it gets there, and until what follows is ready it continues with what there is. The rings say
 * where it is.
 *
 * @since 0.1.0
 */
import type { FrameRing } from "../../ring/FrameRing.ts"

type Ring = Pick<FrameRing, "framesRead" | "isTaken" | "isEnded" | "bufferedMs">

/** @internal */
export interface Part {
  readonly ring: Ring
  /** Its first frame, counted over all frames of the mix. */
  readonly from: number
  before: Part | undefined
  behind: Part | undefined
  /** How many frames of the mix had been taken when the driver left it. */
  takenAtEnd: number | undefined
}

/** @internal */
export const make = (ring: Ring, from: number, before?: Part): Part => {
  const part: Part = { ring, from, before, behind: undefined, takenAtEnd: undefined }
  if (before !== undefined) before.behind = part
  return part
}

/**
 * Whether nothing more is taken from a ring that the driver was given and should leave.
 *
 * @internal
 */
export const isLeft = (ring: Ring): boolean => !ring.isTaken() || (ring.isEnded() && ring.bufferedMs() === 0)

const hasBegun = ({ from, ring }: Part): boolean => ring.framesRead() > from

/** A driver that has died has left nothing, but another one may be further on. */
const isPassed = ({ behind }: Part): boolean => behind !== undefined && (hasBegun(behind) || isPassed(behind))

/**
 * How many frames of the mix the driver has taken, while it reaches this part, and up to its end.
 *
 * @internal
 */
export const taken = (part: Part): number => {
  if (part.takenAtEnd !== undefined) return part.takenAtEnd
  const { before, ring } = part
  if (before === undefined) return ring.framesRead()
  const earlier = taken(before)
  // its count begins with its first frame, which the driver may not have reached yet, or late: it then skips as many
  return isOver(before) && hasBegun(part) ? Math.max(earlier, ring.framesRead()) : earlier
}

/**
 * Whether the driver takes nothing more of a part that it should leave.
 *
 * @internal
 */
export const isOver = (part: Part): boolean => {
  if (part.takenAtEnd !== undefined) return true
  const { before, ring } = part
  if (before !== undefined && !isOver(before)) return false
  if (!isLeft(ring) && !isPassed(part)) return false
  part.takenAtEnd = taken(part)
  part.before = undefined
  return true
}
