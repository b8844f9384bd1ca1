/**
 * Encrypts and decrypts frames end to end as a connection does, beside the bare call of the engine.
 *
 * Ours takes a frame from its ring and writes it, encrypted, into a packet; and takes a received packet and hands it,
 * decrypted, to a listener. Groups are in this thread, because in another one there is nothing to call. The engine refuses
 * a frame that it has seen, so every round encrypts its own frames to be decrypted, and decrypts each once.
 */
import { Effect } from "effect"
import * as Dave from "../src/Dave.ts"
import * as E2eeReceiver from "../src/driver/e2ee/E2eeReceiver.ts"
import * as E2eeSender from "../src/driver/e2ee/E2eeSender.ts"
import type { AudioPacket } from "../src/driver/Line.ts"
import * as SsrcMap from "../src/driver/SsrcMap.ts"
import { ChannelId, Ssrc, UserId } from "../src/protocol/Identifier.ts"
import * as RtpPacket from "../src/protocol/RtpPacket.ts"
import * as FrameRing from "../src/ring/FrameRing.ts"
import * as Server from "./dave/server.ts"
import { type Bench, interleave, ratio, type Report, show, type Subject } from "./measure.ts"

const channelId = ChannelId.make("300000000000000001")
const client = UserId.make("400000000000000001")
const guest = UserId.make("500000000000000001")
const guestSsrc = Ssrc.make(7)

const sizes = [160, 60, 400]
const frameSamples = 960
/** Operations of a round. */
const batch = 1_000

/** The engine's enumerations exist for its compiler only. */
const audio = 0

const target = 1.3

const frameOf = (bytes: number): Buffer => {
  const frame = Buffer.alloc(bytes, 0x5a)
  frame[0] = 0xfc
  return frame
}

/** Our connection's part and the bare engine as the two members of a group. */
const members = Effect.fnUntraced(function*(onPacket: (packet: AudioPacket) => void) {
  const dave = yield* Dave.Dave
  const group = yield* dave.open({ userId: client, channelId })
  const payload = yield* group.create(1)
  yield* group.setExternalSender(Server.externalSender)
  const { session, welcome } = Server.pair(channelId, guest, client, payload)
  yield* group.welcome(welcome)
  const sender = E2eeSender.make({ group, isEncrypting: () => true })
  const receiver = E2eeReceiver.make({
    group,
    users: SsrcMap.make(),
    now: () => performance.now(),
    takesPlain: () => false,
    isMember: () => true,
    isPlainCall: () => false,
    onPacket,
    onDecrypted: () => {}
  })
  return { sender, receiver, session }
})

/** A ring in which as many frames lie as a round has operations, seen from behind the encryption. */
const playing = (sender: E2eeSender.E2eeSender, frame: Uint8Array) => {
  const ring = FrameRing.make({ capacityBytes: batch * (frame.length + 8) })
  const source = sender.protect(ring)
  const packet = new Uint8Array(2_048)
  return {
    fill: () => {
      while (source.next() >= 0) source.discard()
      for (let i = 0; i < batch; i++) {
        if (!ring.write(frame, frameSamples)) throw new Error("the ring is too small")
      }
    },
    /** Gives where the encrypted frame ends in `packet`. */
    encrypt: () => {
      const length = source.next() < 0 ? -1 : source.read(packet, RtpPacket.fixedHeaderBytes)
      if (length <= frame.length) throw new Error("a frame was not encrypted")
      return RtpPacket.fixedHeaderBytes + length
    },
    packet
  }
}

const encrypting = Effect.fnUntraced(function*(bytes: number) {
  const { sender, session } = yield* members(() => {})
  const frame = frameOf(bytes)
  const { encrypt, fill } = playing(sender, frame)
  const subjects: ReadonlyArray<Subject> = [
    { name: `${bytes} encrypt ours`, prepare: fill, run: encrypt },
    { name: `${bytes} encrypt bare`, run: () => void session.encryptOpus(frame) }
  ]
  return subjects
})

/** Each member reads what the other has written. */
const decrypting = Effect.fnUntraced(function*(bytes: number) {
  let heard = 0
  const { receiver, sender, session } = yield* members(() => {
    heard++
  })
  const frame = frameOf(bytes)
  const { encrypt, fill, packet } = playing(sender, frame)
  let packets: Array<AudioPacket> = []
  let sealed: Array<Buffer> = []
  const ours: Subject = {
    name: `${bytes} decrypt ours`,
    prepare: () => {
      heard = 0
      packets = Array.from({ length: batch }, (_, sequence) => ({
        ssrc: guestSsrc,
        userId: guest,
        sequence,
        timestamp: sequence * frameSamples,
        // a copy in memory that Node has at hand, as for the bare call
        payload: Buffer.from(session.encryptOpus(frame)),
        arrivalMs: performance.now()
      }))
    },
    run: (index) => {
      const received = packets[index]
      if (received !== undefined) receiver.receive(received)
      if (heard !== index + 1) throw new Error(`frame ${index} was not decrypted`)
    }
  }
  const bare: Subject = {
    name: `${bytes} decrypt bare`,
    prepare: () => {
      fill()
      sealed = Array.from(
        { length: batch },
        () => Buffer.from(packet.subarray(RtpPacket.fixedHeaderBytes, encrypt()))
      )
    },
    run: (index) => {
      const received = sealed[index]
      if (received === undefined) throw new Error("there are fewer frames than operations")
      session.decrypt(client, audio, received)
    }
  }
  return [ours, bare]
})

const run = Effect.fnUntraced(function*(quick: boolean) {
  const subjects = (yield* Effect.forEach(sizes.flatMap((bytes) => [encrypting(bytes), decrypting(bytes)]), (made) =>
    made))
    .flat()
  const rounds = quick ? 3 : 31
  const figures = interleave(subjects, { rounds, operations: batch })
  const of = (name: string) => {
    const found = figures.get(name)
    if (found === undefined) throw new Error(`no figures of ${name}`)
    return found
  }
  const pairs = sizes.flatMap((bytes) =>
    ["encrypt", "decrypt"].map((what) => {
      const ours = of(`${bytes} ${what} ours`)
      const bare = of(`${bytes} ${what} bare`)
      return { bytes, what, ours, bare, ratio: ratio(ours, bare) }
    })
  )
  const report: Report = {
    rows: pairs.map(({ bare, bytes, ours, ratio, what }) => ({
      bytes,
      what,
      "ours us": show(ours),
      "bare us": show(bare),
      ratio: ratio.toFixed(2)
    })),
    figures: { unit: "microseconds a frame", target, rounds, operations: batch, frames: pairs },
    notes: [
      `medians (minimum-maximum) of ${rounds} interleaved rounds of ${batch} frames; wanted: a ratio of ${target} at most`,
      "ours encrypts from a frame ring into a packet, and decrypts from a received packet to a listener; bare is the " +
      "engine's call on a buffer"
    ]
  }
  return report
})

/** End-to-end encryption of single frames. */
export const dave: Bench = {
  name: "dave",
  summary: "encrypts and decrypts a frame end to end, beside the bare call of the engine",
  run: ({ quick }) => Effect.runPromise(run(quick).pipe(Effect.scoped, Effect.provide(Dave.layer)))
}
