import { assert } from "@effect/vitest"
import { Clock, Effect, Stream } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Ssrc, UserId } from "../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../src/protocol/OpusPacket.ts"
import * as Receive from "../../src/receive/Receive.ts"
import * as VirtualTime from "../integration/virtualTime.ts"
import * as Intake from "./intake.ts"
import * as Schedule from "./schedule.ts"

const stepMs = 5
const jitterMs = 40
const loss = 0.02

const heap = (): number => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  return process.memoryUsage().heapUsed
}

/**
 * `speakers` people talk and pause for `seconds` of virtual time, over a network with loss and jitter. Every second one
 * of them leaves and comes back under another SSRC. Ticks must be complete, and every packet must be accounted for. The
 * result is the size of the heap once a minute.
 */
export const talks = (speakers: number, seconds: number) =>
  VirtualTime.run(
    Effect.scoped(Effect.gen(function*() {
      const hand = Intake.make()
      const receive = yield* Receive.make(hand.intake)
      const next = Schedule.dice(7)
      const people = Array.from({ length: speakers }, (_, i) => ({
        userId: UserId.make(String(100_000_000_000_000_000n + BigInt(i))),
        ssrc: i + 1,
        sequence: Math.floor(next() * 0x1_0000),
        timestamp: Math.floor(next() * 0x1_0000_0000),
        talking: next() < 0.5,
        silence: 0
      }))
      for (const { userId } of people) hand.members.add(userId)
      let ticks = 0
      let dropped = 0
      let audio = 0
      let partial = 0
      yield* receive.ticks.pipe(
        Stream.runForEach((tick) =>
          Effect.sync(() => {
            if (tick.index !== ticks++) assert.fail(`tick ${tick.index} after ${ticks - 2}`)
            if (tick.participants.size < speakers - 1) partial++
            dropped += tick.dropped ?? 0
            for (const { frames } of tick.participants.values()) {
              for (const { kind } of frames) if (kind === "audio") audio++
            }
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )
      let speaking = 0
      yield* receive.speaking.pipe(
        Stream.runForEach((told) => Effect.sync(() => void (speaking += told.speaking ? 1 : -1))),
        Effect.forkScoped({ startImmediately: true })
      )
      const start = Number(yield* Clock.monotonicTimeNanos) / 1e6
      let pushed = 0
      const due = new Map<number, Array<() => void>>()
      const samples: Array<number> = []
      const payload = Schedule.opus(960, 5)
      for (let step = 0; step * stepMs < seconds * 1_000; step++) {
        const nowMs = start + step * stepMs
        people.forEach((person, i) => {
          if ((step * stepMs) % 20 !== (i % (20 / stepMs)) * stepMs) return
          const { ssrc, userId } = person
          if (!person.talking && person.silence === 0) {
            person.timestamp = (person.timestamp + 960) >>> 0
            if (next() < 0.01) person.talking = true
            return
          }
          if (person.talking && next() < 0.01) {
            person.talking = false
            person.silence = 5
          }
          const isSilent = !person.talking
          if (isSilent) person.silence--
          const packet = {
            ssrc: Ssrc.make(ssrc),
            userId,
            sequence: person.sequence,
            timestamp: person.timestamp,
            payload: isSilent ? OpusPacket.silenceFrame() : payload.slice()
          }
          person.sequence = (person.sequence + 1) & 0xffff
          person.timestamp = (person.timestamp + 960) >>> 0
          if (next() < loss) return
          const at = step + Math.floor(next() * jitterMs / stepMs)
          const list = due.get(at) ?? []
          if (list.length === 0) due.set(at, list)
          list.push(() => {
            pushed++
            hand.push({ ...packet, arrivalMs: start + at * stepMs })
          })
        })
        for (const push of due.get(step) ?? []) push()
        due.delete(step)
        if ((step * stepMs) % 1_000 === 0) {
          const person = people[(step * stepMs / 1_000) % speakers]
          if (person !== undefined) {
            hand.tell({ _tag: "UserDisconnected", userId: person.userId })
            person.ssrc += 1_000
            person.sequence = Math.floor(next() * 0x1_0000)
            person.timestamp = Math.floor(next() * 0x1_0000_0000)
          }
        }
        if ((step * stepMs) % 60_000 === 30_000) samples.push(heap())
        yield* Effect.sleep(nowMs + stepMs - Number(yield* Clock.monotonicTimeNanos) / 1e6)
      }
      yield* Effect.sleep(1_000)
      const until = Number(yield* Clock.monotonicTimeNanos) / 1e6
      assert.closeTo(ticks, (until - start) / 20, 1)
      assert.deepStrictEqual([dropped, partial], [0, 0])
      const { delivered, duplicates, late, lost, malformed, overflowed, received, strays, waiting } = receive
        .statistics()
      assert.strictEqual(received, pushed)
      assert.strictEqual(delivered + duplicates + late + malformed + overflowed + strays + waiting, received)
      assert.isAbove(delivered, received * 0.98)
      assert.isAbove(audio, delivered * 0.6)
      assert.isAbove(lost, received * loss / 2)
      assert.isBelow(lost, received * loss * 3)
      return samples
    })),
    (seconds + 60) * 1_000
  )
