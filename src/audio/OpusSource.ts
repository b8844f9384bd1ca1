/**
 * Packets of Opus as they are: a source that is passed through untouched. Pre-skip and end trimming, which are for a decoder,
 * are not applied, so that a position is that of a packet.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { OpenOpus, OpusFrame } from "./OpenSource.ts"
import type { Packet } from "./PacketReader.ts"
import type { PacketSource } from "./PacketSource.ts"

const frameOf = ({ data, samples }: Packet): OpusFrame => ({ data, samples })

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (packets: PacketSource): OpenOpus => {
  let held: ReadonlyArray<Packet> = []

  const pull: OpenOpus["pull"] = Effect.suspend(() => {
    if (held.length === 0) return Effect.map(packets.pull, (pulled) => pulled.map(frameOf))
    const given = held
    held = []
    return Effect.succeed(given.map(frameOf))
  })

  const seekPackets = packets.seek
  const seek: OpenOpus["seek"] = seekPackets === undefined ?
    undefined :
    Effect.fnUntraced(function*(positionMs: number) {
      const sample = Math.max(0, Math.round(positionMs * 48))
      held = []
      yield* seekPackets(sample)
      let reached = 0
      while (true) {
        const pulled = yield* Effect.catchIf(packets.pull, Cause.isDone, () => Effect.undefined)
        // behind the end there is nothing, and what is pulled next says so again
        if (pulled === undefined) return reached / 48
        const index = pulled.findIndex((packet) => packet.start + packet.samples > sample)
        if (index >= 0) {
          held = pulled.slice(index)
          return (held[0]?.start ?? 0) / 48
        }
        const last = pulled.at(-1)
        if (last !== undefined) reached = last.start + last.samples
      }
    })

  return {
    format: "opus",
    channels: packets.header.channels === 1 ? 1 : 2,
    durationMs: packets.durationMs,
    tags: packets.header.tags,
    live: packets.live || undefined,
    pull,
    seek
  }
}
