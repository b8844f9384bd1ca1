/**
 * The commands that a script of a whole voice client offers to the test, for any library: join, play, listen, leave.
 * The test sends them through `Trial.ts`.
 */
import type { Told } from "./Foreign.ts"
import { args, fail, onTold, tell } from "./script.ts"

/** Where the emulator is, and which user the bot is. */
export interface Place {
  readonly gateway: string
  readonly rest: string
  readonly guild: string
  readonly user: string
  readonly token: string
  /** Whether the library's end-to-end encryption stays on, as it is by default. */
  readonly e2ee?: boolean | undefined
}

/** A client, in the terms of its library. */
export interface Bot {
  /** Joins a channel, or moves from the current one to another. Done when the library reports that it is connected. */
  readonly join: (channel: string) => Promise<void>
  /** Plays Opus packets of 20 ms. Done when the library reports that they are through. */
  readonly play: (packets: ReadonlyArray<Buffer>) => Promise<void>
  /** Plays an Ogg file that contains Opus. */
  readonly playFile: (path: string) => Promise<void>
  /** Begins to report with `heard` what a user says. */
  readonly listen: (user: string) => void
  readonly leave: () => Promise<void> | void
  /** The voice privacy code as the library shows it to its users; nothing while there is none. */
  readonly privacyCode?: (() => string | undefined) | undefined
  /** The code that has to be the same on the user's side. */
  readonly verificationCode?: ((user: string) => Promise<string>) | undefined
}

export const place = args<Place>()

export const heard = (user: string, packet: Uint8Array): void =>
  tell({ _tag: "Heard", user, packet: Buffer.from(packet).toString("base64") })

/** The library's own state of the connection, as it changes. */
export const state = (name: string): void => tell({ _tag: "State", name })

const perform = async (bot: Bot, { _tag, argument }: Told): Promise<unknown> => {
  switch (_tag) {
    case "Join":
      return bot.join(String(argument))
    case "Play": {
      const packets = Array.isArray(argument) ? argument : []
      return bot.play(packets.map((packet) => Buffer.from(String(packet), "base64")))
    }
    case "PlayFile":
      return bot.playFile(String(argument))
    case "Listen":
      return bot.listen(String(argument))
    case "Leave":
      return bot.leave()
    case "PrivacyCode":
      return bot.privacyCode?.()
    case "VerificationCode":
      return bot.verificationCode?.(String(argument))
    default:
      throw new Error(`There is no command ${_tag}.`)
  }
}

/** Carries out the test's commands, one after another. */
export const serve = (bot: Bot): void => {
  onTold(async (command) => {
    tell({ _tag: "Done", id: command["id"], value: await perform(bot, command) })
  })
  tell({ _tag: "Ready" })
}

process.on("uncaughtException", fail)
process.on("unhandledRejection", fail)
