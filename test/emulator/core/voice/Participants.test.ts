import { assert, describe, it } from "@effect/vitest"
import type { HeardFrame } from "../../../../src/emulator/core/voice/VoiceHalf.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, closingSilence, guildId, makeClient, makeWorld, opus, otherChannelId, server } from "./kit.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const make = () => {
  const world = makeWorld()
  const join = (user: string) => {
    const guest = world.half.participants.join({ userId: UserId.make(user), guildId, channelId, server })
    const heard: Array<HeardFrame> = []
    guest.onHeard((frame) => heard.push(frame))
    return { guest, heard }
  }
  return { world, join }
}

const frames = (count: number, samples = 960) => Array.from({ length: count }, (_, i) => ({ data: opus(i), samples }))

describe("Participants", () => {
  it("send each frame at its media time and end with silence", () => {
    const { join, world } = make()
    const { guest } = join("8")
    const { heard } = join("9")
    const start = world.timers.now()
    let done = -1
    const spoken = [...frames(3), ...frames(2, 120), ...frames(2, 2880)]
    guest.speak(spoken, { onDone: () => done = world.timers.now() })
    world.wait(1_000)
    assert.deepStrictEqual(heard.map(({ arrivalMs }) => arrivalMs - start), [
      0,
      20,
      40,
      60,
      62.5,
      65,
      125,
      185,
      205,
      225,
      245,
      265
    ])
    assert.strictEqual(done - start, 265)
    const first = heard[0]?.timestamp ?? 0
    assert.deepStrictEqual(
      heard.map(({ arrivalMs, timestamp }) => ((timestamp - first) >>> 0) / 48 - (arrivalMs - start)),
      heard.map(() => 0)
    )
    assert.deepStrictEqual(heard.map(({ payload }) => hex(payload)), [
      ...spoken.map(({ data }) => hex(data)),
      ...closingSilence().map(hex)
    ])
    assert.deepStrictEqual(heard.map((frame) => frame.silence), [
      ...spoken.map(() => false),
      ...closingSilence().map(() => true)
    ])
    assert.isTrue(heard.every((frame) => frame.userId === "8" && frame.ssrc === guest.ssrc))
  })

  it("say one thing after the other, with timestamps that follow the clock in between", () => {
    const { join, world } = make()
    const { guest } = join("8")
    const { heard } = join("9")
    const start = world.timers.now()
    guest.speak(frames(2), { trailingSilence: false })
    guest.speak(frames(1), { trailingSilence: false })
    world.wait(1_003)
    guest.speak(frames(1))
    world.wait(1_000)
    assert.deepStrictEqual(heard.slice(0, 4).map(({ arrivalMs }) => arrivalMs - start), [0, 20, 40, 1_003])
    const [first] = heard
    assert.deepStrictEqual(
      heard.slice(0, 4).map(({ sequence, timestamp }) => [
        (sequence - (first?.sequence ?? 0)) & 0xffff,
        (timestamp - (first?.timestamp ?? 0)) >>> 0
      ]),
      [[0, 0], [1, 960], [2, 1920], [3, 1_003 * 48]]
    )
  })

  it("start to speak again only when the last frame has been played", () => {
    const { join, world } = make()
    const { guest } = join("8")
    const { heard } = join("9")
    const start = world.timers.now()
    guest.speak(frames(2, 2_880), { trailingSilence: false })
    world.wait(60)
    guest.speak(frames(1), { trailingSilence: false })
    world.wait(1_000)
    const [first] = heard
    assert.deepStrictEqual(
      heard.map(({ arrivalMs, timestamp }) => [arrivalMs - start, (timestamp - (first?.timestamp ?? 0)) >>> 0]),
      [[0, 0], [60, 2_880], [120, 5_760]]
    )
  })

  it("are announced to clients and heard by them", () => {
    const { join, world } = make()
    const client = makeClient(world, "1")
    client.join()
    client.news()
    const { guest } = join("9")
    assert.deepStrictEqual<unknown>(client.last(11), { user_ids: ["9"] })
    guest.speak(frames(10), { speaking: 5 })
    world.wait(1_000)
    assert.deepStrictEqual<unknown>(client.last(5), { user_id: "9", ssrc: guest.ssrc, speaking: 5 })
    assert.deepStrictEqual(
      client.heard().map(({ payload }) => hex(payload)),
      [...frames(10).map(({ data }) => hex(data)), ...closingSilence().map(hex)]
    )
    guest.setSpeaking(0)
    assert.deepStrictEqual<unknown>(client.last(5), { user_id: "9", ssrc: guest.ssrc, speaking: 0 })
    guest.leave()
    guest.leave()
    assert.deepStrictEqual<unknown>(client.last(13), { user_id: "9" })
    assert.strictEqual(client.messages().filter(({ op }) => op === 13).length, 1)
  })

  it("announce their client flags, platform and video, at the start and at each change", () => {
    const { world } = make()
    const client = makeClient(world, "1")
    client.join()
    client.news()
    const usual = { flags: 0, platform: 0, video: false }
    const where = { userId: UserId.make("9"), guildId, channelId, server }
    const guest = world.half.participants.join(where, { shown: { ...usual, platform: 1, video: true } })
    const { ssrc } = guest
    const streams = [{
      type: "video",
      rid: "100",
      quality: 100,
      active: true,
      ssrc: ssrc + 1,
      rtx_ssrc: ssrc + 2,
      max_bitrate: 2_500_000,
      max_framerate: 30,
      max_resolution: { type: "fixed", width: 1_280, height: 720 }
    }]
    const on = { user_id: "9", audio_ssrc: ssrc, video_ssrc: ssrc + 1, streams }
    const off = { user_id: "9", audio_ssrc: ssrc, video_ssrc: 0, streams: [] }
    const told = () =>
      client.news().filter(({ op }) => [12, 18, 20].some((one) => one === op)).map(({ d, op }) => [op, d] as const)
    assert.deepStrictEqual<unknown>(told(), [
      [18, { user_id: "9", flags: 0 }],
      [20, { user_id: "9", platform: 1 }],
      [12, on]
    ])
    guest.show({ flags: 3, platform: null, video: true })
    assert.deepStrictEqual<unknown>(told(), [[18, { user_id: "9", flags: 3 }], [20, { user_id: "9", platform: null }]])
    guest.show({ ...usual, video: false })
    assert.deepStrictEqual<unknown>(told().slice(2), [[12, off]])
    guest.show({ ...usual, flags: 4, video: true })
    told()
    // A client that joins later is told as well, and the participant keeps this when it moves.
    guest.move({ channelId: otherChannelId, server })
    guest.move({ channelId, server })
    const late = makeClient(world, "2")
    late.join()
    assert.deepStrictEqual<unknown>(late.last(18), { user_id: "9", flags: 4 })
    assert.deepStrictEqual<unknown>(late.last(12), {
      ...on,
      audio_ssrc: guest.ssrc,
      video_ssrc: guest.ssrc + 1,
      streams: [{ ...streams[0], ssrc: guest.ssrc + 1, rtx_ssrc: guest.ssrc + 2 }]
    })
    guest.leave()
    client.news()
    guest.show({ ...usual, video: false })
    assert.deepStrictEqual<unknown>(told(), [])
  })

  it("stop in the middle of speaking when they leave or are removed", () => {
    const { join, world } = make()
    const { heard } = join("9")
    for (const end of ["leave", "revoke"] as const) {
      heard.length = 0
      const { guest } = join("8")
      const cuts: Array<string> = []
      const onDone = () => assert.fail("it never got to say all")
      guest.speak(frames(100), { onDone, onCut: () => cuts.push("first") })
      guest.speak(frames(100), { onDone, onCut: () => cuts.push("second") })
      world.wait(50)
      if (end === "leave") guest.leave()
      else world.half.revocation({ userId: UserId.make("8"), guildId })({ code: 4014, reason: "Disconnected." })
      if (end === "leave") assert.deepStrictEqual(cuts, ["first", "second"])
      world.wait(1_000)
      assert.lengthOf(heard, 3)
      assert.deepStrictEqual(cuts, ["first", "second"])
      guest.speak(frames(1), { onCut: () => cuts.push("third") })
      assert.deepStrictEqual(cuts, ["first", "second", "third"])
      assert.isUndefined(world.timers.nextDueMs())
    }
  })

  it("count a frame as said even if its listener moves them", () => {
    const { join, world } = make()
    const { guest } = join("8")
    const { guest: listener, heard } = join("9")
    listener.onHeard(() => {
      if (heard.length === 2) guest.move({ channelId: otherChannelId, server })
    })
    let said = -1
    guest.speak(frames(10), { onCut: (count) => said = count })
    world.wait(1_000)
    assert.strictEqual(said, 2)
  })

  it("get a new SSRC when they move, and are heard only in the new channel", () => {
    const { join, world } = make()
    const { guest } = join("8")
    const here = join("9")
    const there = join("10")
    there.guest.move({ channelId: otherChannelId, server })
    const before = guest.ssrc
    guest.move({ channelId: otherChannelId, server })
    assert.notStrictEqual(guest.ssrc, before)
    guest.speak(frames(2))
    world.wait(500)
    assert.lengthOf(here.heard, 0)
    assert.lengthOf(there.heard, 7)
    assert.isTrue(there.heard.every(({ ssrc }) => ssrc === guest.ssrc))
  })

  it("may answer while they listen", () => {
    const { join, world } = make()
    const { guest, heard } = join("8")
    const echo = join("9")
    echo.guest.onHeard((frame) => {
      if (!frame.silence) echo.guest.speak([{ data: frame.payload, samples: 960 }], { trailingSilence: false })
      else echo.guest.leave()
    })
    guest.speak(frames(4))
    world.wait(1_000)
    assert.deepStrictEqual(heard.map(({ payload }) => payload[1]), [0, 1, 2, 3])
  })

  it("are subject to faults like clients", () => {
    const { join, world } = make()
    const { guest } = join("8")
    const { heard } = join("9")
    world.faults.add(({ index, point, userId }) =>
      point === "datagram-in" && userId === "8" && index < 3 ? { _tag: "Drop" } : undefined
    )
    world.faults.add(({ index, point, userId }) =>
      point === "datagram-out" && userId === "9" && index === 0
        ? { _tag: "Replace", frame: new Uint8Array(40) }
        : undefined
    )
    guest.speak(frames(10))
    world.wait(1_000)
    assert.lengthOf(heard, 15 - 3 - 1)
    assert.strictEqual(world.counter("participant-unreadable"), 1)
  })
})
