import { assert, describe, it } from "@effect/vitest"
import type { DatagramStatistics } from "../../src/Transport.ts"
import * as Signs from "../../src/udp/Signs.ts"

const counted = (sent: number, sendErrors: number): DatagramStatistics => ({
  sent,
  sendErrors,
  received: 0,
  socketErrors: 0
})

describe("SendErrors", () => {
  it("are a sign at the second look in a row at which every send has failed", () => {
    const errors = new Signs.SendErrors()
    const looks = [counted(0, 5), counted(0, 6), counted(0, 7)].map((now) => errors.look(now))
    assert.deepStrictEqual(looks, [false, false, true])
  })

  it("are not a sign if something was sent in between, or nothing was tried", () => {
    const errors = new Signs.SendErrors()
    const looks = [counted(0, 0), counted(0, 1), counted(1, 2), counted(1, 3), counted(1, 3), counted(1, 4)]
    assert.deepStrictEqual(looks.map((now) => errors.look(now)), [false, false, false, false, false, false])
  })
})

describe("MissingReports", () => {
  /** Looks, with so many packets of media before each. Returns whether there is a sign. */
  const rig = (media = 250) => {
    const missing = new Signs.MissingReports()
    let sent = 0
    return {
      report: () => missing.onReport(sent),
      look: (packets = media) => missing.look(sent += packets)
    }
  }

  it("are not a sign before there have been two reports", () => {
    const { look, report } = rig()
    for (let n = 0; n < 100; n++) assert.isFalse(look())
    report()
    for (let n = 0; n < 100; n++) assert.isFalse(look())
  })

  it("are a sign at the seventh look without a report", () => {
    const { look, report } = rig()
    report()
    report()
    assert.deepStrictEqual(Array.from({ length: 7 }, () => look()), [false, false, false, false, false, false, true])
  })

  it("are a sign after five times the longest gap between two reports", () => {
    const { look, report } = rig()
    for (const gap of [9, 4, 1]) {
      report()
      for (let n = 0; n < gap; n++) look()
    }
    report()
    for (let n = 0; n < 45; n++) assert.isFalse(look())
    assert.isTrue(look())
  })

  it("are not a sign while almost nothing is sent", () => {
    const { look, report } = rig()
    report()
    report()
    for (let n = 0; n < 100; n++) assert.isFalse(look(10))
    for (let n = 0; n < 6; n++) assert.isFalse(look(11))
    assert.isTrue(look(11))
  })
})
