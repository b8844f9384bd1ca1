import { assert, describe, it } from "@effect/vitest"
import { makeClient, makeWorld } from "./kit.ts"

/** A client between Ready and IP discovery, next to one that is in the call. */
const seeking = () => {
  const world = makeWorld()
  makeClient(world, "2").join()
  const client = makeClient(world, "1")
  world.grant("1")
  client.connect()
  client.identify()
  client.takeReady()
  return { world, client }
}

type Client = ReturnType<typeof makeClient>

const changed = (client: Client, change: (view: DataView) => void): Uint8Array => {
  const bytes = client.discoveryRequest()
  change(new DataView(bytes.buffer))
  return bytes
}

describe("Strays", () => {
  it.each<readonly [said: string, request: (client: Client) => Uint8Array]>([
    ["type and length are little-endian", (client) =>
      changed(client, (view) => {
        view.setUint16(0, 1, true)
        view.setUint16(2, 70, true)
      })],
    ["length is 74, but must not count itself", (client) => changed(client, (view) => view.setUint16(2, 74))],
    ["the SSRC is little-endian", (client) => changed(client, (view) => view.setUint32(4, client.state.ssrc, true))],
    ["the SSRC is 0, but Ready gave", (client) => changed(client, (view) => view.setUint32(4, 0))],
    ["this datagram is 70 bytes", (client) => client.discoveryRequest().slice(4)]
  ])("explains once why IP discovery gets no answer: %s", (said, request) => {
    const { client, world } = seeking()
    const before = world.datagrams.length
    for (let i = 0; i < 3; i++) client.datagram(request(client))
    assert.deepStrictEqual([world.violations(), world.advice()], [[], ["discovery-unanswered"]])
    assert.include(world.messages()[0], said)
    assert.lengthOf(world.datagrams, before)
  })

  it("says nothing if no client is known to be discovering its address, or if two are", () => {
    const { client, world } = seeking()
    const other = makeClient(world, "3")
    world.grant("3")
    other.connect()
    other.identify()
    other.takeReady()
    const wrong = changed(client, (view) => view.setUint32(4, 0))
    client.datagram(wrong)
    for (const one of [client, other]) one.datagram(one.discoveryRequest())
    client.datagram(wrong)
    assert.deepStrictEqual([world.violations(), world.advice()], [[], []])
  })

  it("says nothing about what a fault has made", () => {
    const { client, world } = seeking()
    const wrong = changed(client, (view) => view.setUint32(4, 0))
    world.faults.add(({ op }) => op === "discovery" ? { _tag: "Replace", frame: wrong } : undefined)
    client.datagram(client.discoveryRequest())
    assert.deepStrictEqual([world.violations(), world.advice()], [[], []])
  })

  it("reports a datagram of an unknown kind once", () => {
    const world = makeWorld()
    const client = makeClient(world, "1")
    client.join()
    for (let i = 0; i < 3; i++) client.datagram(new Uint8Array(40))
    assert.deepStrictEqual([world.violations(), world.advice()], [[], ["unknown-datagram"]])
  })
})
