import { Effect, Scope } from "effect"
import * as Desk from "../../../src/audio/player/Desk.ts"
import type * as Lane from "../../../src/audio/player/Lane.ts"
import type * as Seat from "../../../src/audio/player/Seat.ts"
import type { Mixer } from "../../../src/Mixer.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import type { Command } from "../../../src/mixer/messages.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"

/** A mixer whose mixes are made by hand, and the commands that they receive. */
export const mixerOf = () => {
  const commands: Array<Command> = []
  const buffer = Heard.makeBuffer()
  const writer = Heard.writer(buffer)
  const ring = FrameRing.make()
  /** How many mixes are open. */
  const state = { open: 0 }
  const opened = Effect.acquireRelease(
    Effect.sync(() => void state.open++),
    () => Effect.sync(() => void state.open--)
  )
  const mixer: Mixer["Service"] = {
    aheadMs: 60,
    open: () =>
      Effect.as(opened, {
        ring,
        heard: Heard.reader(buffer),
        command: (command) => void commands.push(command),
        cut: () => ({ ring: FrameRing.make({ first: 3 }), from: 3 })
      })
  }
  return { commands, mixer, ring, state, writer }
}

/** A driver that records what it is to read. */
export const outletOf = () => {
  const log: Array<unknown> = []
  let last = 100
  return {
    log,
    outlet: {
      attach: (_ring: FrameRing.FrameRing, options: object = {}) =>
        Effect.sync(() => {
          log.push(["attach", options])
          return ++last
        }),
      detach: (number: number) => Effect.sync(() => void log.push(["detach", number])),
      setPaused: (number: number, paused: boolean) => Effect.sync(() => void log.push(["pause", number, paused]))
    }
  }
}

/** A mix on the air that contains these entries. */
export const mixOf = Effect.fnUntraced(function*(
  entries: ReadonlyArray<Seat.Entry>,
  more: Partial<Omit<Lane.Mix, "_tag">> = {}
) {
  const made = mixerOf()
  const scope = yield* Scope.make()
  const desk = yield* Scope.provide(Desk.open(made.mixer, undefined, () => {}), scope)
  for (const entry of entries) desk.add(entry, undefined)
  made.commands.length = 0
  const mix: Lane.Mix = {
    _tag: "mix",
    desk,
    scope,
    number: 1,
    from: undefined,
    after: undefined,
    successor: undefined,
    ...more
  }
  return { ...made, mix }
})
