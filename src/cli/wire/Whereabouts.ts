/**
 * The channels that the bot of a log is in, and whether it asked to be there. After a close with 4014 this shows whether it was
 * moved or disconnected.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"

const field = (value: unknown, name: string): unknown =>
  Predicate.isObject(value) ? Reflect.get(value, name) : undefined

/**
 * Takes all messages of the main gateway, in order.
 *
 * @category models
 * @since 0.1.0
 */
export class Whereabouts {
  #self: unknown = undefined
  /** The last request, by guild. */
  readonly #asked = new Map<unknown, unknown>()
  /** The last channel, by guild. */
  readonly #there = new Map<unknown, unknown>()

  sent(message: unknown): void {
    const d = field(message, "d")
    if (field(message, "op") === 4) this.#asked.set(field(d, "guild_id"), field(d, "channel_id"))
  }

  /** The findings in a received message. */
  received(message: unknown): ReadonlyArray<string> {
    const d = field(message, "d")
    switch (field(message, "t")) {
      case "READY":
        this.#self = field(field(d, "user"), "id")
        return []
      case "VOICE_STATE_UPDATE":
        return field(d, "user_id") === this.#self ? this.#state(field(d, "guild_id"), field(d, "channel_id")) : []
      default:
        return []
    }
  }

  #state(guildId: unknown, channelId: unknown): ReadonlyArray<string> {
    const before = this.#there.get(guildId) ?? null
    this.#there.set(guildId, channelId)
    const asked = this.#asked.get(guildId)
    if (before === channelId || asked === undefined || asked === channelId) return []
    return channelId === null
      ? ["the bot was taken out of its channel, and has not asked for that"]
      : [`the bot was moved to channel ${String(channelId)}, and has not asked for that`]
  }
}
