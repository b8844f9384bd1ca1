import { assert, describe, it } from "@effect/vitest"
import * as Sockets from "../../../src/cli/wire/Sockets.ts"
import type { Entry } from "../../../src/WireLog.ts"

const of = (...entries: ReadonlyArray<Entry>) => {
  const sockets = new Sockets.Sockets()
  for (const entry of entries) sockets.add(entry)
  return sockets.all().map(Sockets.text)
}

const voice = { socket: "voice 1" }
const open: Entry = { kind: "open", at: 100, ...voice, remote: "wss://voice.example/?v=8" }

const message = (at: number, direction: "in" | "out", op: number, d?: unknown): Entry => ({
  kind: "message",
  at,
  ...voice,
  direction,
  bytes: 1,
  message: { op, d }
})

describe("Sockets", () => {
  it("tell when a voice gateway became usable, and how long its heartbeats took", () => {
    const lines = of(
      open,
      message(110, "in", 8),
      message(120, "out", 3, { t: 1, seq_ack: -1 }),
      message(145, "in", 6, { t: 1 }),
      message(150.5, "in", 4),
      message(160, "in", 4),
      message(200, "out", 3, 2),
      message(203, "in", 6, 2),
      message(210, "out", 3, { t: 2.5 }),
      message(240, "in", 6, { t: 2.5 }),
      message(300, "out", 3, { t: 3 }),
      // The answer to another heartbeat.
      message(900, "in", 6, { t: 2 }),
      { kind: "binary", at: 950, ...voice, direction: "in", bytes: 3, hex: "00011d" },
      { kind: "binary", at: 955, ...voice, direction: "out", bytes: 3, hex: "1a0001" },
      { kind: "closing", at: 960, ...voice, code: 1000, reason: "" },
      { kind: "released", at: 1_100, ...voice }
    )
    assert.deepStrictEqual(lines, [
      "voice 1     wss://voice.example/?v=8, 1.000 s, of use after 50.5 ms, 8 messages in, 5 out, round trip 3.0 ms to 30.0 ms, closed by us with 1000"
    ])
  })

  it("count a resume as usable, and tell how a socket ended", () => {
    const closed: Entry = { kind: "closed", at: 120, ...voice, code: 4_006, reason: "" }
    // Closing a socket that is already closed changes nothing.
    const lines = of(open, message(112, "in", 9), closed, { ...closed, kind: "closing", code: 1_000 })
    assert.deepStrictEqual(lines, [
      "voice 1     wss://voice.example/?v=8, 0.020 s, of use after 12.0 ms, 1 messages in, 0 out, closed with 4006"
    ])
    const refused = of(open, { kind: "refused", at: 130, ...voice, detail: "ECONNREFUSED" })
    assert.match(refused[0] ?? "", /refused: ECONNREFUSED$/)
  })

  it("add up RTP packets", () => {
    const udp = { socket: "udp 1" }
    const tally = (packets: number) => ({ rtp: { packets, bytes: 1 }, rtcp: { packets: 7, bytes: 1 } })
    const lines = of(
      { kind: "open", at: 0, ...udp, remote: "192.0.2.1:50000", ssrc: 1 },
      { kind: "datagrams", at: 1_000, ...udp, sent: tally(50), received: {} },
      { kind: "datagrams", at: 2_000, ...udp, sent: tally(49), received: tally(3) }
    )
    assert.deepStrictEqual(lines, ["udp 1       192.0.2.1:50000, 2.000 s, 99 RTP packets sent, 3 received"])
  })

  it("do not take an opcode of the main gateway for the same number of a voice gateway", () => {
    const gateway = { socket: "gateway 1" }
    const invalid = { op: 9, d: false }
    const lines = of(
      { kind: "open", at: 0, ...gateway, remote: "wss://gateway.example/?v=10" },
      { kind: "message", at: 5, ...gateway, direction: "in", bytes: 1, message: invalid }
    )
    assert.deepStrictEqual(lines, ["gateway 1   wss://gateway.example/?v=10, 0.005 s, 1 messages in, 0 out"])
  })

  it("accept a log that starts in the middle", () => {
    assert.deepStrictEqual(of(message(1, "in", 8), { kind: "full", at: 2 }), [])
  })
})
