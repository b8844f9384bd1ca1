import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import type * as Receive from "../../src/receive/Receive.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as Trial from "./Trial.ts"

const spoken = 100

/** Frames that carry their number and the number of the run. */
const frames = (run: number) =>
  Array.from({ length: spoken }, (_, i) => ({ data: Uint8Array.of(0xfc, run, i, 0x55, 0xaa), samples: 960 }))

const numbersOf = (payloads: ReadonlyArray<Uint8Array>, run: number) =>
  payloads.filter((payload) => payload[1] === run && payload.length === 5).map((payload) => payload[2] ?? -1)

/** What the network does to the packet with this number of the run, the same for both listeners. */
const fates = {
  lost: (n: number) => n % 20 === 7,
  late: (n: number) => n % 20 === 11,
  twice: (n: number) => n % 20 === 14,
  spoilt: (n: number) => n % 10 === 3
}

const outOfOrder = (numbers: ReadonlyArray<number>) => numbers.filter((n, i) => n < (numbers[i - 1] ?? 0)).length

const first = 40_000

const settled = (check: () => void) => Rig.settled(Effect.sync(check))

describe("@discordjs/voice 0.19.2 and our client on the same bad network", () => {
  it.live(
    "our client delivers all in order, theirs delivers as it comes and ends at a bad packet",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        // its first packet has the number that the fates count from
        const guest = yield* discord.join({ user: "guest", channel: "lobby", e2ee: false, audio: { sequence: first } })
        const client = yield* Trial.start("discordjs-voice-receiving.script.ts")
        // a stalling machine is not a network: what it holds up must not count as late
        const session = yield* VoiceSession.join({
          guildId: yield* discord.guild("guild"),
          channelId: yield* discord.channel("lobby"),
          receive: { startDepth: 2_500, minDepth: 2_500, maxDepth: 3_000 }
        })
        yield* client.join("lobby")
        yield* client.listen(guest.userId)
        const heard: Array<Receive.ReceivedFrame> = []
        yield* session.receive.user(guest.userId).pipe(
          Stream.runForEach((frame) => Effect.sync(() => heard.push(frame))),
          Effect.forkScoped({ startImmediately: true })
        )
        const ours = (run: number) =>
          numbersOf(heard.filter(({ kind }) => kind === "audio").map(({ data }) => data), run)
        const theirs = (run: number) => numbersOf(client.heard(guest.userId), run)
        yield* guest.setSpeaking(1)
        yield* client.foreign.untilTag("Known")

        let spoils = false
        yield* discord.faults.add(({ frame, op, point }) => {
          if (point !== "datagram-out" || op !== "rtp" || typeof frame === "string") return undefined
          const n = (((frame[2] ?? 0) << 8) | (frame[3] ?? 0)) - first
          if (fates.lost(n)) return { _tag: "Drop" }
          if (fates.late(n)) return { _tag: "Delay", ms: 50 }
          if (fates.twice(n)) return { _tag: "Duplicate", copies: 1 }
          if (!spoils || !fates.spoilt(n)) return undefined
          const bytes = frame.slice()
          bytes[bytes.length - 6] = (bytes[bytes.length - 6] ?? 0) ^ 1
          return { _tag: "Replace", frame: bytes }
        })

        yield* guest.speak(frames(1))
        const numbers = Array.from({ length: spoken }, (_, i) => i)
        const arriving = numbers.filter((n) => !fates.lost(n))
        yield* settled(() => {
          assert.deepStrictEqual(ours(1), arriving)
          // theirs delivers what arrives as it arrives: all of it, some twice, some in the wrong place
          assert.deepStrictEqual([...new Set(theirs(1))].toSorted((a, b) => a - b), arriving)
          assert.strictEqual(theirs(1).length, arriving.length + numbers.filter(fates.twice).length)
        })
        assert.isAtLeast(outOfOrder(theirs(1)), numbers.filter(fates.late).length - 1)

        spoils = true
        const offset = spoken + 5
        yield* guest.speak(frames(2))
        yield* settled(() => {
          assert.deepStrictEqual(ours(2), numbers.filter((n) => !fates.lost(n + offset) && !fates.spoilt(n + offset)))
          // theirs ends with the first packet that it cannot decrypt
          assert.strictEqual(client.foreign.told().filter(({ _tag }) => _tag === "StreamDied").length, 1)
          const { delivered, duplicates, late, lost } = session.receive.statistics()
          assert.strictEqual(late, 0)
          assert.strictEqual(duplicates, Array.from({ length: 2 * offset }, (_, n) => n).filter(fates.twice).length)
          assert.isAtLeast(delivered + lost, 2 * offset - 1)
        })
        assert.isAtMost(Math.max(-1, ...theirs(2)), numbers.findIndex((n) => fates.spoilt(n + offset)))
        yield* client.leave
      }).pipe(
        Effect.provide(Trial.us),
        Effect.scoped,
        Effect.provide(
          Emulator.layer({
            tls: true,
            profile: { ...Rig.open, modes: ["aead_aes256_gcm_rtpsize"], maxPadding: 200, paddingRate: 1 }
          })
        )
      )
  )
})
