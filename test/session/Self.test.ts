import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ChannelId } from "../../src/protocol/Identifier.ts"
import * as Self from "../../src/session/Self.ts"
import type { State } from "../../src/session/State.ts"
import * as VoiceError from "../../src/VoiceError.ts"
import { home, other } from "./rig.ts"

const endpoint = "voice.example:443"
const lost = VoiceError.make(new VoiceError.NotConnected({ operation: "Playing" }))

const ready: State = {
  _tag: "Ready",
  endpoint,
  channelId: home,
  ssrc: 1,
  mode: "aead_aes256_gcm_rtpsize",
  version: 0
}

/** Logs what is done, in order. */
const rig = Effect.fnUntraced(function*(options: Partial<Pick<Self.Options, "mute" | "deaf">> = {}) {
  const done: Array<string> = []
  const write = (line: string) => Effect.sync(() => void done.push(line))
  const session: { state: State; channelId: ChannelId | null | undefined; movingTo: ChannelId | undefined } = {
    state: ready,
    channelId: home,
    movingTo: undefined
  }
  const self = yield* Self.make({
    mute: false,
    deaf: false,
    ...options,
    state: () => session.state,
    channelId: () => session.channelId,
    announce: (movingTo, flags) =>
      Effect.suspend(() => {
        const { deaf, mute } = flags()
        return write(`tell ${movingTo() ?? session.channelId} ${mute} ${deaf}`)
      }),
    conduit: { setMuted: (muted) => write(`muted ${muted}`), setDeaf: (deaf) => write(`deaf ${deaf}`) },
    movingTo: () => session.movingTo
  })
  return { done, self, session }
})

describe("Self", () => {
  it.effect("is at first as requested", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* rig()).done, [])
      const { done, self } = yield* rig({ mute: true, deaf: true })
      assert.deepStrictEqual(done, ["muted true", "deaf true"])
      assert.deepStrictEqual(self.flags(), { mute: true, deaf: true })
    }))

  it.effect("stays muted if only its deafness changes", () =>
    Effect.gen(function*() {
      const { done, self } = yield* rig({ mute: true })
      done.length = 0
      yield* self.set({ deaf: true })
      assert.deepStrictEqual(done, ["muted true", "deaf true", `tell ${home} true true`])
      assert.deepStrictEqual(self.flags(), { mute: true, deaf: true })
    }))

  it.effect("falls silent before Discord is told, and is heard again only afterwards", () =>
    Effect.gen(function*() {
      const { done, self } = yield* rig()
      yield* self.set({ mute: true })
      assert.deepStrictEqual(done.splice(0), ["muted true", "deaf false", `tell ${home} true false`])
      yield* self.set({ mute: false })
      assert.deepStrictEqual(done, ["deaf false", `tell ${home} false false`, "muted false"])
    }))

  it.effect("keeps omitted flags", () =>
    Effect.gen(function*() {
      const { self } = yield* rig({ mute: true })
      yield* self.set({ deaf: true })
      assert.deepStrictEqual(self.flags(), { mute: true, deaf: true })
      yield* self.set({})
      assert.deepStrictEqual(self.flags(), { mute: true, deaf: true })
    }))

  it.effect("tells Discord the channel that a move goes to", () =>
    Effect.gen(function*() {
      const { done, self, session } = yield* rig()
      session.state = { _tag: "Resuming", endpoint, channelId: home, error: lost }
      session.movingTo = other
      yield* self.set({ deaf: true })
      assert.include(done, `tell ${other} false true`)
    }))

  it.effect("lets the next connection tell Discord if there is none now, or the bot is nowhere", () =>
    Effect.gen(function*() {
      const { done, self, session } = yield* rig()
      session.state = { _tag: "Reconnecting", attempt: 1, delayMs: 0, error: lost }
      yield* self.set({ deaf: true })
      session.state = ready
      for (const nowhere of [null, undefined]) {
        session.channelId = nowhere
        yield* self.set({ deaf: true })
      }
      assert.deepStrictEqual(done.filter((line) => line.startsWith("tell")), [])
    }))
})
