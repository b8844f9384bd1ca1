import { assert, describe, it } from "@effect/vitest"
import type * as Dgram from "node:dgram"
import { EventEmitter } from "node:events"
import type { DatagramSocket } from "../../src/Transport.ts"
import { ConnectedUdp } from "../../src/transport/ConnectedUdp.ts"

/** A socket for which the test decides whether it sends at once, and what becomes of each send. */
const rig = (options?: { readonly hasAddress?: (address: string) => boolean }) => {
  const sends: Array<
    { readonly bytes: ReadonlyArray<number>; readonly onSent: ((error: Error | null) => void) | undefined }
  > = []
  const state = { waiting: 0, throws: false }
  const socket = Object.assign(new EventEmitter(), {
    address: () => ({ address: "192.0.2.7", port: 1_234, family: "IPv4" }),
    getSendQueueCount: () => state.waiting,
    send: (packet: Uint8Array, offset: number, length: number, onSent?: (error: Error | null) => void) => {
      if (state.throws) throw new RangeError("no such bytes")
      sends.push({ bytes: [...packet.subarray(offset, offset + length)], onSent })
    }
  })
  // it has everything that is used of a socket
  const udp = new ConnectedUdp(socket as unknown as Dgram.Socket, options?.hasAddress ?? (() => true))
  return { sends, socket, state, udp }
}

const packet = Uint8Array.of(1, 2, 3, 4)

describe("ConnectedUdp", () => {
  it("tells whether the bytes have left, so that their buffer can be used again", () => {
    const { sends, state, udp } = rig()
    assert.isTrue(udp.send(packet, 3))
    state.waiting = 1
    assert.isFalse(udp.send(packet, 2))
    state.waiting = 0
    assert.isTrue(udp.send(packet, 4))
    sends[0]?.onSent?.(null)
    assert.isTrue(udp.send(packet, 1))
    assert.isUndefined(sends[3]?.onSent)
    assert.deepStrictEqual(sends.map(({ bytes }) => bytes), [[1, 2, 3], [1, 2], [1, 2, 3, 4], [1]])
    assert.deepInclude(udp.statistics(), { sent: 4, sendErrors: 0 })
  })

  it("asks for the result of one in 51 sends, and after a failure of each until one succeeds", () => {
    const { sends, udp } = rig()
    const asked = () => sends.flatMap(({ onSent }, index) => onSent === undefined ? [] : [index])
    udp.send(packet, 4)
    sends[0]?.onSent?.(null)
    for (let i = 0; i < 51; i++) udp.send(packet, 4)
    assert.deepStrictEqual(asked(), [0, 51])
    sends[51]?.onSent?.(new Error("the network is gone"))
    assert.deepInclude(udp.statistics(), { sent: 51, sendErrors: 1 })
    for (let i = 0; i < 3; i++) {
      udp.send(packet, 4)
      sends.at(-1)?.onSent?.(new Error("the network is gone"))
    }
    assert.deepStrictEqual(asked(), [0, 51, 52, 53, 54])
    assert.deepInclude(udp.statistics(), { sent: 51, sendErrors: 4 })
    udp.send(packet, 4)
    sends.at(-1)?.onSent?.(null)
    udp.send(packet, 4)
    assert.deepStrictEqual(asked(), [0, 51, 52, 53, 54, 55])
  })

  it("counts what cannot be sent, and never throws", () => {
    const { sends, state, udp } = rig()
    state.throws = true
    assert.isTrue(udp.send(packet, 9))
    state.throws = false
    udp.close()
    assert.isTrue(udp.send(packet, 4))
    assert.lengthOf(sends, 0)
    assert.deepInclude(udp.statistics(), { sent: 0, sendErrors: 2 })
  })

  it("passes on what comes until it is closed, counts errors, and can be copied with another function", () => {
    const { socket, udp } = rig()
    const heard: Array<Uint8Array> = []
    socket.emit("message", Buffer.of(1))
    const whole: DatagramSocket = udp
    const { onDatagram, statistics }: DatagramSocket = { ...whole, send: () => true }
    onDatagram((datagram) => heard.push(datagram))
    socket.emit("message", Buffer.of(2))
    socket.emit("error", new Error("unreachable"))
    udp.close()
    socket.emit("message", Buffer.of(3))
    assert.deepStrictEqual(heard.map((datagram) => datagram[0]), [2])
    assert.deepInclude(statistics(), { received: 3, socketErrors: 1 })
    assert.deepStrictEqual(udp.local, { address: "192.0.2.7", port: 1_234 })
  })

  it("misses an address only if it was there at first", () => {
    let addresses = ["192.0.2.7"]
    const { udp } = rig({ hasAddress: (address) => addresses.includes(address) })
    assert.isTrue(udp.hasAddress())
    addresses = []
    assert.isFalse(udp.hasAddress())
    assert.isTrue(rig({ hasAddress: () => false }).udp.hasAddress())
  })

  it("asks for the result of a send at once on request", () => {
    const { sends, udp } = rig()
    udp.send(packet, 4)
    sends[0]?.onSent?.(null)
    udp.send(packet, 4)
    udp.send(packet, 4, true)
    assert.deepStrictEqual(sends.map(({ onSent }) => onSent !== undefined), [true, false, true])
    sends[2]?.onSent?.(new Error("the network is gone"))
    assert.deepInclude(udp.statistics(), { sent: 2, sendErrors: 1 })
  })
})
