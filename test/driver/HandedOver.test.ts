import { assert, describe, it } from "@effect/vitest"
import { HandedOver } from "../../src/driver/HandedOver.ts"
import * as FrameRing from "../../src/ring/FrameRing.ts"

/** Rings of the tracks 1 to `count`, each opened by a driver. */
const handedOver = (count: number) => {
  const rings = Array.from({ length: count }, () => FrameRing.make())
  for (const { buffer } of rings) FrameRing.fromBuffer(buffer).open()
  const line = new HandedOver()
  const attach = (track: number, after?: number | "drained") => {
    const ring = rings[track - 1]?.buffer
    assert.instanceOf(ring, SharedArrayBuffer)
    line.onCommand({ _tag: "Attach", track, ring, paused: false, ...(after === undefined ? {} : { after }) })
  }
  /** The tracks whose rings are released. */
  const released = () => {
    line.release()
    return rings.flatMap((ring, i) => ring.isTaken() ? [] : [i + 1])
  }
  return { line, attach, released, rings }
}

describe("HandedOver", () => {
  it("releases the rings of tracks that play and of tracks that wait", () => {
    const { attach, released } = handedOver(3)
    attach(1)
    attach(2, 50)
    attach(3, "drained")
    assert.deepStrictEqual(released(), [1, 2, 3])
  })

  it("leaves a ring alone whose track was replaced by another", () => {
    const { attach, released } = handedOver(3)
    attach(1)
    attach(2, "drained")
    attach(3)
    assert.deepStrictEqual(released(), [3])
  })

  it("leaves rings alone whose tracks were detached, or that the driver has moved on from", () => {
    const { attach, line, released } = handedOver(5)
    attach(1)
    attach(2, "drained")
    line.onEvent({ _tag: "TrackDrained", track: 1 })
    line.onEvent({ _tag: "TrackStarted", track: 2 })
    attach(3, 10)
    line.onEvent({ _tag: "TrackStarted", track: 3 })
    attach(4, 20)
    line.onCommand({ _tag: "Detach", track: 4 })
    attach(5, 30)
    assert.deepStrictEqual(released(), [3, 5])
  })

  it("releases each ring once, since another driver may have it by the second time", () => {
    const { attach, released, rings } = handedOver(1)
    attach(1)
    assert.deepStrictEqual(released(), [1])
    for (const { buffer } of rings) FrameRing.fromBuffer(buffer).open()
    assert.deepStrictEqual(released(), [])
  })
})
