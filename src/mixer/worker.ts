/**
 * A thread that mixes, so that decoding and encoding do not stand in the way of the beat.
 *
 * @since 0.1.0
 */
import { parentPort } from "node:worker_threads"
import { codec } from "../codec/FloatCodec.ts"
import type { FromMixes, ToMixes } from "./messages.ts"
import * as Mix from "./Mix.ts"

/** How often mixes are looked at, in milliseconds. Frames are made further ahead than that. */
const fillIntervalMs = 10

/** `undefined` while it is being opened. */
const mixes = new Map<number, Mix.Mix | undefined>()
let filling: NodeJS.Timeout | undefined

const post = (message: FromMixes): void => parentPort?.postMessage(message)

/** Runs only while there is something to mix. */
const schedule = (): void => {
  if (mixes.size > 0 && filling === undefined) {
    filling = setInterval(() => {
      for (const mix of mixes.values()) mix?.fill()
    }, fillIntervalMs)
  } else if (mixes.size === 0 && filling !== undefined) {
    clearInterval(filling)
    filling = undefined
  }
}

const open = async ({ mix: id, setup }: Extract<ToMixes, { readonly _tag: "Open" }>): Promise<void> => {
  mixes.set(id, undefined)
  try {
    const mix = await Mix.make(codec, setup, (detail) => post({ _tag: "Broken", mix: id, detail }))
    if (!mixes.has(id)) return mix.close()
    mixes.set(id, mix)
    schedule()
    post({ _tag: "Opened", mix: id, failure: undefined })
  } catch (cause) {
    mixes.delete(id)
    post({ _tag: "Opened", mix: id, failure: cause instanceof Error ? cause.message : String(cause) })
  }
}

const onMessage = (message: ToMixes): void => {
  switch (message._tag) {
    case "Open":
      return void open(message)
    case "Command":
      return mixes.get(message.mix)?.command(message.command)
    case "Close":
      mixes.get(message.mix)?.close()
      mixes.delete(message.mix)
      return schedule()
  }
}

// what the other side sends is of that type, and nobody else has this port
parentPort?.on("message", (message) => onMessage(message as ToMixes))
