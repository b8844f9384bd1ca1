import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Desk from "../../../src/audio/player/Desk.ts"
import * as Seat from "../../../src/audio/player/Seat.ts"
import type { Mixer } from "../../../src/Mixer.ts"
import * as Heard from "../../../src/mixer/Heard.ts"
import type { Command } from "../../../src/mixer/messages.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import { entryOf, ringOf, seatOf } from "../seats.ts"

/** A desk whose mix is made by hand. `mixed` states what its inputs did in the next frame, which the driver takes. */
const makeAhead = Effect.fnUntraced(function*(aheadMs: number) {
  const commands: Array<Command> = []
  const cuts: Array<ReadonlyArray<number>> = []
  const buffer = Heard.makeBuffer()
  const writer = Heard.writer(buffer)
  const ring = FrameRing.make()
  const mixer: Mixer["Service"] = {
    aheadMs,
    open: () =>
      Effect.succeed({
        ring,
        heard: Heard.reader(buffer),
        command: (command) => void commands.push(command),
        cut: (inputs) => {
          cuts.push(inputs)
          return { ring: FrameRing.make({ first: 3 }), from: 3 }
        }
      })
  }
  const desk = yield* Desk.open(mixer, undefined, () => {})
  let frames = 0
  const mixed = (...done: ReadonlyArray<readonly [entry: Seat.Entry, positionMs: number, flags: number]>) => {
    writer.begin(frames)
    for (const [{ input, slot }, positionMs, flags] of done) writer.write(frames, slot, input, positionMs, flags)
    frames++
    ring.write(Uint8Array.of(0), 960)
    ring.discard()
  }
  const told: Array<string> = []
  const observed = (name: string, seat: Partial<Seat.Seat> = {}, entry: Partial<Seat.Entry> = {}) =>
    entryOf({
      seat: seatOf({
        observers: new Set([{ onEvent: ({ _tag }) => void told.push(`${name} ${_tag}`), onOver: () => {} }]),
        ...seat
      }),
      ...entry
    })
  const look = (nowMs = 0) => {
    const drained: Array<Seat.Entry> = []
    desk.look(nowMs, (entry) => drained.push(entry))
    return drained
  }
  return { desk, commands, cuts, writer, mixed, observed, told, look }
}, Effect.scoped)

const make = makeAhead(60)

const { Concealed, Over, Playing, Starving } = Heard.Flag

const added = (commands: ReadonlyArray<Command>) => {
  const command = commands.findLast(({ _tag }) => _tag === "Add")
  assert(command?._tag === "Add")
  return command.input
}

describe("the commands of a desk to its mix", () => {
  it.effect("add an input at its level, with a short fade-in if it begins in the middle", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const entry = entryOf({ seat: seatOf({ level: { gain: 0.5, rampMs: 0 } }) })
      desk.add(entry, undefined)
      assert.lengthOf(commands, 1)
      assert.deepInclude(added(commands), { input: 1, slot: 0, gain: 0.5, paused: false, fadeInMs: 0, from: undefined })
      assert.deepStrictEqual([entry.place, entry.input, entry.slot], ["mix", 1, 0])
      desk.add(entryOf({ cutIn: true, isPaused: true }), undefined)
      assert.deepInclude(added(commands), { input: 2, slot: 1, gain: 1, paused: true, fadeInMs: 5 })
      // it was heard before
      desk.add(entryOf({ cutIn: true }), 0x401)
      assert.deepInclude(added(commands), { fadeInMs: 0, from: 1 })
      // it was paused at its first frame, so it was not heard
      desk.add(entryOf({ cutIn: true, seat: seatOf({ level: { gain: 0.5, rampMs: 0 } }) }), 0)
      assert.deepInclude(added(commands), { fadeInMs: 5, from: 0, gain: 0.5 })
    }))

  it.effect("set effects from the start, or change to them if the input was already heard without", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const effects = [{ _tag: "Rotation", hz: 1 }] as const
      const entry = entryOf({ seat: seatOf({ effects }) })
      desk.add(entry, undefined)
      assert.lengthOf(commands, 1)
      assert.deepInclude(added(commands), { effects })
      desk.setEffects(entry)
      assert.deepStrictEqual(commands.at(-1), { _tag: "Effects", input: 1, effects })
      desk.add(entryOf({ seat: seatOf({ effects }) }), 7)
      assert.deepStrictEqual(commands.at(-1), { _tag: "Effects", input: 2, effects })
      assert.deepInclude(commands.at(-2), { _tag: "Add" })
    }))

  it.effect("cut inputs out, which counts what was heard of them up to the cut", () =>
    Effect.gen(function*() {
      const { cuts, desk, look, mixed, observed, told } = yield* make
      const entries = [observed("first"), observed("second")] as const
      for (const entry of entries) desk.add(entry, undefined)
      const [first, second] = entries
      for (const ms of [20, 40]) mixed([first, ms, Playing], [second, ms, Playing])
      look()
      mixed([first, 60, Playing | Over], [second, 60, Playing])
      desk.cut(entries)
      assert.isTrue(entries.every((entry) => Seat.isSettled(entry)))
      assert.deepStrictEqual(cuts, [[1, 2]])
      assert.deepStrictEqual(entries.map(({ heardMs, seat }) => [heardMs, seat.sent]), [[60, 3], [60, 3]])
      assert.isFalse(desk.isBegun())
      // no more events are published for them
      assert.deepStrictEqual(look(), [])
      assert.deepStrictEqual(told, ["first TrackStarted", "second TrackStarted"])
    }))

  it.effect("ramp an input that was already heard to its level, as requested", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const level = { gain: 0.25, rampMs: 300 }
      desk.add(entryOf({ seat: seatOf({ level }) }), 7)
      assert.strictEqual(added(commands).gain, 1)
      assert.deepStrictEqual(commands.slice(1), [{ _tag: "Gain", input: 1, ...level }])
      desk.add(entryOf({ seat: seatOf({ level }) }), undefined)
      assert.lengthOf(commands, 3)
      desk.setGain(entryOf({ input: 9, seat: seatOf({ level }) }))
      assert.deepStrictEqual(commands.at(-1), { _tag: "Gain", input: 9, ...level })
    }))

  it.effect("fade an input out from where it was heard, and keep it silent if it is added again after a seek", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const level = { gain: 0.25, rampMs: 0 }
      desk.add(entryOf({ seat: seatOf({ level, fadeOutMs: 700 }) }), 7)
      assert.deepStrictEqual(commands.slice(1), [
        { _tag: "Gain", input: 1, ...level },
        { _tag: "FadeOut", input: 1, rampMs: 700 }
      ])
      desk.add(entryOf({ seat: seatOf({ level, fadeOutMs: 700 }) }), undefined)
      assert.strictEqual(added(commands).gain, 0)
      assert.deepStrictEqual(commands.at(-1), { _tag: "FadeOut", input: 2, rampMs: 0 })
      desk.fadeOut(entryOf({ input: 9, seat: seatOf({ fadeOutMs: 300 }) }))
      assert.deepStrictEqual(commands.at(-1), { _tag: "FadeOut", input: 9, rampMs: 300 })
    }))

  it.effect("make an input wait for another one, and fade it in only once", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const former = entryOf()
      desk.add(former, undefined)
      const seat = seatOf({ after: former.seat, fadeInMs: 800, curve: "power" })
      desk.add(entryOf({ seat, cutIn: true }), undefined)
      assert.deepInclude(added(commands), { after: 1, fadeInMs: 800, curve: "power" })
      assert.deepStrictEqual([seat.after, seat.fadeInMs], [former.seat, 0])
      desk.add(entryOf({ seat: seatOf({ after: entryOf({ place: "direct", input: 1 }).seat }) }), undefined)
      assert.strictEqual(added(commands).after, undefined)
    }))

  it.effect("let an input replace a former one of its seat, and dismiss that one", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const seat = seatOf()
      const former = entryOf({ seat })
      desk.add(former, undefined)
      desk.leave(former)
      assert.lengthOf(commands, 1)
      desk.add(entryOf(), undefined)
      assert.isUndefined(added(commands).replaces)
      desk.add(entryOf({ seat }), undefined)
      assert.strictEqual(added(commands).replaces, 1)
      desk.dismiss(former.seat)
      assert.lengthOf(commands, 3)
      // no replacement has come
      const other = entryOf({ seat: seatOf() })
      desk.add(other, undefined)
      desk.leave(other)
      desk.dismiss(other.seat)
      assert.deepStrictEqual(commands.at(-1), { _tag: "Remove", input: 4 })
      const asked = commands.length
      desk.dismiss(other.seat)
      assert.lengthOf(commands, asked)
      const last = entryOf({ seat: other.seat })
      desk.add(last, undefined)
      assert.strictEqual(added(commands).replaces, 4, "what waits for it may wait still")
      desk.hold(last)
      assert.deepStrictEqual(commands.at(-1), { _tag: "Pause", input: 5, paused: true })
      desk.add(entryOf({ seat: other.seat }), undefined)
      assert.strictEqual(added(commands).replaces, 5)
    }))

  it.effect("include no more inputs than there is room for, and reuse the slot that was freed first", () =>
    Effect.gen(function*() {
      const { commands, desk } = yield* make
      const entries = Array.from({ length: Heard.maxInputs }, () => entryOf())
      for (const entry of entries) assert.isUndefined(desk.add(entry, undefined))
      assert.strictEqual(desk.add(entryOf(), undefined)?.reason._tag, "Unsupported")
      assert.lengthOf(commands, Heard.maxInputs)
      for (const at of [5, 3]) desk.remove(entries[at] ?? entryOf())
      assert.deepStrictEqual(commands.at(-1), { _tag: "Remove", input: 4 })
      for (const slot of [5, 3]) {
        desk.add(entryOf(), undefined)
        assert.strictEqual(added(commands).slot, slot)
      }
      const alone = FrameRing.make({ shared: false })
      desk.remove(entries[0] ?? entryOf())
      assert.strictEqual(
        desk.add(entryOf({ media: { format: "opus", ring: alone } }), undefined)?.reason._tag,
        "Unsupported"
      )
    }))
})

describe("a desk's view of its mix", () => {
  it.effect("follows what each input did in the frames that were taken", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed, told } = yield* make
      const [a, b] = [observed("a"), observed("b")]
      desk.add(a, undefined)
      desk.add(b, undefined)
      assert.isUndefined(desk.heardMs(a))
      mixed([a, 20, Playing])
      mixed([a, 40, Playing | Concealed], [b, 20, Playing])
      look(1_000)
      assert.deepStrictEqual(told, ["a TrackStarted", "b TrackStarted"])
      assert.deepStrictEqual([a.seat.sent, a.seat.concealed, b.seat.sent, b.seat.concealed], [2, 1, 1, 0])
      assert.deepStrictEqual([desk.heardMs(a), a.heardMs, b.heardMs], [40, 40, 20])
      mixed([a, 40, Starving], [b, 40, Playing])
      mixed([a, 40, Starving], [b, 60, Playing])
      look(1_040)
      mixed([a, 60, Playing], [b, 80, Playing])
      look(1_060)
      assert.deepStrictEqual(told.slice(2), ["a TrackStarving", "a TrackRecovered"])
      assert.deepStrictEqual([a.seat.sent, a.seat.late, b.seat.sent, b.seat.late], [3, 2, 4, 0])
      look(1_080)
      assert.strictEqual(a.seat.sent, 3)
      assert.strictEqual(a.seat.missed, 0)
    }))

  it.effect("shows an input as over once the time of its last frame has passed", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed } = yield* make
      const [a, b] = [observed("a"), observed("b")]
      desk.add(a, undefined)
      desk.add(b, undefined)
      mixed([a, 20, Playing | Over], [b, 20, Playing])
      assert.deepStrictEqual(look(), [])
      mixed([b, 40, Playing])
      assert.deepStrictEqual(look(), [a])
      assert.strictEqual(a.heardMs, 20)
      assert.isUndefined(desk.heardMs(a))
      mixed([b, 60, Playing | Over])
      look()
      const drained: Array<Seat.Entry> = []
      desk.drain((entry) => drained.push(entry))
      desk.drain((entry) => drained.push(entry))
      assert.deepStrictEqual(drained, [b])
      const c = observed("c")
      desk.add(c, undefined)
      mixed([c, 20, Playing | Over])
      assert.deepStrictEqual(look(), [])
      // the driver has found nothing after it
      desk.starving(0, (entry) => drained.push(entry))
      assert.deepStrictEqual(drained, [b, c])
    }))

  it.effect("shows an input as playing even if its ring was read to the end ahead of what is heard", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed } = yield* make
      const ring = ringOf(0)
      ring.end()
      const entry = observed("a", {}, { media: { format: "opus", ring } })
      desk.add(entry, undefined)
      for (let i = 1; i < 4; i++) {
        mixed([entry, i * 20, Playing])
        assert.deepStrictEqual(look(), [])
      }
    }))

  it.effect("starts over for an input that was in another mix", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed } = yield* make
      const ring = ringOf(10)
      for (let i = 0; i < 2; i++) ring.discard()
      const entry = observed("a", {}, { media: { format: "opus", ring }, overAt: 0, heardMs: 7 })
      desk.add(entry, undefined)
      assert.strictEqual(entry.heardMs, 40)
      mixed([entry, 60, Playing])
      mixed([entry, 80, Playing])
      assert.deepStrictEqual(look(), [])
    }))

  it.effect("shows an input as over even if the frame that said so is forgotten", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed } = yield* make
      const ring = ringOf(1)
      const [a, b] = [observed("a", {}, { media: { format: "opus", ring } }), observed("b")]
      desk.add(a, undefined)
      desk.add(b, undefined)
      mixed([a, 20, Playing], [b, 20, Playing])
      look()
      ring.end()
      ring.discard()
      mixed([a, 20, Playing | Over], [b, 40, Playing])
      for (let i = 0; i < 70; i++) mixed([b, 60 + i * 20, Playing])
      assert.deepStrictEqual(look(), [a])
      // it looks back at 60 frames
      assert.deepStrictEqual([a.seat.sent, b.seat.sent], [1, 61])
    }))

  it.effect("leaves out frames that are made ahead, however long it was not updated", () =>
    Effect.gen(function*() {
      for (const ahead of [3, 6, 30]) {
        const { desk, look, mixed, observed, writer } = yield* makeAhead(ahead * 20)
        const [a, b] = [observed("a"), observed("b")]
        desk.add(a, undefined)
        desk.add(b, undefined)
        for (let i = 1; i <= 64; i++) mixed([a, i * 20, Playing], [b, i * 20, Playing])
        // the last one is encoded with what follows
        for (let frame = 64; frame <= 64 + ahead; frame++) {
          writer.begin(frame)
          writer.write(frame, a.slot, a.input, (frame + 1) * 20, frame === 64 + ahead ? Playing | Over : Playing)
        }
        assert.deepStrictEqual(look(), [])
        assert.isUndefined(a.overAt)
        assert.deepStrictEqual([a.seat.sent, b.seat.sent], [63 - ahead, 63 - ahead])
      }
    }))

  it.effect("counts how late the mix was, for inputs that were not paused", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed, told, writer } = yield* make
      const [a, b] = [observed("a"), observed("b", {}, { isPaused: true })]
      desk.add(a, undefined)
      desk.add(b, undefined)
      mixed([a, 20, Playing])
      look(1_000)
      desk.starving(1_020, () => {})
      desk.starving(1_040, () => {})
      look(1_060)
      mixed([a, 40, Playing])
      look(1_619)
      assert.deepStrictEqual([a.seat.missed, b.seat.missed], [30, 0])
      mixed([a, 60, Playing])
      look(1_700)
      assert.strictEqual(a.seat.missed, 30)
      desk.starving(1_720, () => {})
      mixed([a, 60, Playing])
      look(1_740)
      assert.strictEqual(a.seat.missed, 31)
      // if there is nothing to mix, it is not the mix that is late
      writer.setIdle(true)
      desk.starving(1_760, () => {})
      assert.deepStrictEqual(told, ["a TrackStarted", "a TrackStarving"])
      mixed([a, 80, Playing])
      look(1_800)
      assert.deepStrictEqual([a.seat.missed, told.at(-1)], [31, "a TrackRecovered"])
      // but the source, for all of this time
      assert.deepStrictEqual([a.seat.late, b.seat.late], [2, 0])
      // the mix itself reports this for inputs that it has
      for (const ms of [1_820, 1_840]) {
        mixed([a, 80, Starving])
        look(ms)
      }
      assert.strictEqual(a.seat.late, 4)
    }))

  it.effect("counts how late each source was, from when it had nothing to play", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed, writer } = yield* make
      // it ran dry while it was passed through
      const dry = observed("dry", {}, { isStarted: true, starvingMs: 900 })
      const paused = observed("paused", {}, { isStarted: true, isPaused: true })
      desk.add(dry, undefined)
      desk.add(paused, undefined)
      writer.setIdle(true)
      desk.starving(1_000, () => {})
      paused.isPaused = false
      desk.starving(1_060, () => {})
      mixed([dry, 20, Playing], [paused, 20, Playing])
      look(1_100)
      assert.deepStrictEqual([dry.seat.late, paused.seat.late], [10, 2])
    }))

  it.effect("does not show an input as over that has not begun, even if it was read ahead to its end", () =>
    Effect.gen(function*() {
      const { desk, look, mixed, observed } = yield* make
      const ring = ringOf(0)
      ring.end()
      const [playing, waiting] = [observed("a"), observed("b", {}, { media: { format: "opus", ring } })]
      desk.add(playing, undefined)
      desk.add(waiting, undefined)
      for (let i = 1; i < 4; i++) mixed([playing, i * 20, Playing])
      assert.deepStrictEqual(look(), [])
    }))

  it.effect("counts the remembered frames of a removed input, and waits for what was made ahead for a cut one", () =>
    Effect.gen(function*() {
      const { desk, mixed, observed } = yield* make
      const left = observed("a")
      desk.add(left, undefined)
      desk.leaving(left)
      for (let i = 1; i <= 70; i++) mixed([left, i * 20, Playing])
      Seat.isSettled(left)
      assert.strictEqual(left.seat.sent, 60)

      const again = yield* make
      const [cut, fading] = [again.observed("a"), again.observed("b")]
      for (const entry of [cut, fading]) again.desk.add(entry, undefined)
      for (let i = 1; i <= 3; i++) again.mixed([cut, i * 20, Playing])
      const { ring } = again.desk.cut([cut])
      ring.open()
      ring.write(Uint8Array.of(0), 960)
      ring.write(Uint8Array.of(0), 960)
      again.desk.remove(fading)
      again.desk.fading(fading)
      ring.discard()
      assert.isFalse(Seat.isSettled(fading), "it may be in what was made ahead")
    }))

  it.effect("names the successor of a mix that has ended", () =>
    Effect.gen(function*() {
      const { desk, writer } = yield* make
      const entry = entryOf()
      desk.add(entry, undefined)
      assert.isFalse(desk.isEnded())
      assert.isUndefined(desk.successor())
      writer.end(entry.input)
      assert.isTrue(desk.isEnded())
      assert.strictEqual(desk.successor(), entry)
    }))
})
