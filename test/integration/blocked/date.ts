/**
 * Loaded before a sender. It lets the wall clock of its process be moved, as an administrator or NTP does. Monotonic
 * clocks and timers are left alone, as on a real machine.
 */
import { onTold, tell } from "../../interop/script.ts"
import type { Stepped } from "./messages.ts"

const RealDate = Date
const origin = performance.timeOrigin
let offsetMs = 0

const wall = () => RealDate.now() + offsetMs

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [wall()] : args, made),
  apply: () => new RealDate(wall()).toString(),
  get: (target, name) => name === "now" ? wall : Reflect.get(target, name)
})
Object.defineProperty(performance, "timeOrigin", { get: () => origin + offsetMs })

onTold((command) => {
  if (command._tag !== "Step") return
  const before = Date.now()
  offsetMs += Number(command["ms"])
  const stepped: Stepped = { _tag: "Stepped", before, after: Date.now() }
  tell({ ...stepped })
})
