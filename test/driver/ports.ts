import { Effect, Layer } from "effect"
import { MessageChannel } from "node:worker_threads"
import type * as MessagePortLine from "../../src/driver/MessagePortLine.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"

/** Two ends of a line. */
export interface Ports {
  readonly near: MessagePortLine.Port
  readonly far: MessagePortLine.Port
  readonly close: () => void
}

type Listener = (message: unknown) => void

/** A message that crossed, as it arrived. */
export interface Crossed {
  readonly direction: "down" | "up"
  readonly message: unknown
}

/**
 * Ports that deliver at once, so that virtual time does not overtake them. Whatever crosses is cloned as it is between
 * threads, and kept in `crossed`.
 */
export const virtual = (crossed: Array<Crossed> = []): Ports => {
  let open = true
  const makeEnd = () => {
    const listeners = new Map<MessagePortLine.PortEvent, Set<Listener>>()
    const of = (event: MessagePortLine.PortEvent) => {
      const set = listeners.get(event) ?? new Set()
      listeners.set(event, set)
      return set
    }
    return {
      emit: (event: MessagePortLine.PortEvent, message: unknown) => {
        for (const listener of of(event)) listener(message)
      },
      on: (event: MessagePortLine.PortEvent, listener: Listener) => of(event).add(listener),
      off: (event: MessagePortLine.PortEvent, listener: Listener) => of(event).delete(listener)
    }
  }
  const [near, far] = [makeEnd(), makeEnd()]
  const post = (direction: Crossed["direction"], to: typeof near) => (message: unknown) => {
    if (!open) return
    const clone: unknown = structuredClone(message)
    crossed.push({ direction, message: clone })
    to.emit("message", clone)
  }
  return {
    near: { ...near, postMessage: post("down", far) },
    far: { ...far, postMessage: post("up", near) },
    close: () => {
      open = false
      near.emit("close", undefined)
      far.emit("close", undefined)
    }
  }
}

export const real = (): Ports => {
  const { port1, port2 } = new MessageChannel()
  return {
    near: port1,
    far: port2,
    close: () => {
      port1.close()
      port2.close()
    }
  }
}

/** The driver at the near end, served at the far end with the services of the rig. */
export const layer = (make: () => Ports) =>
  Layer.unwrap(Effect.gen(function*() {
    const ports = yield* Effect.acquireRelease(Effect.sync(make), ({ close }) => Effect.sync(close))
    yield* Effect.forkScoped(VoiceDriver.serve(ports.far), { startImmediately: true })
    return VoiceDriver.layerMessagePort(ports.near)
  }))
