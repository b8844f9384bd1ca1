/**
 * The mixes for `Thread.ts`, in a thread of its own (`mixerWorker.ts`) or, if that is not possible, in that of the beat.
 *
 * @since 0.1.0
 */
import { codec } from "../codec/FloatCodec.ts"
import type { Helper } from "../transport/HelperThread.ts"
import type { FromMixes, ToMixes } from "./messages.ts"
import * as Mix from "./Mix.ts"

/** How often mixes are refilled, in milliseconds. Frames are made further ahead than that. */
const fillIntervalMs = 10

/**
 * Makes the other side of a thread. `post` takes the answers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (post: (message: FromMixes) => void): Helper<ToMixes> => {
  /** `undefined` while it is being opened. */
  const mixes = new Map<number, Mix.Mix | undefined>()
  let filling: NodeJS.Timeout | undefined

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

  return {
    receive: onMessage,
    close: () => {
      for (const mix of mixes.values()) mix?.close()
      mixes.clear()
      schedule()
    }
  }
}
