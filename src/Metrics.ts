/**
 * Sessions as Effect metrics, for every exporter that Effect has. Nothing is measured unless you ask for it: {@link layer}
 * measures every session that is joined with it, {@link observe} a single one. `docs/statistics.md` lists the names.
 *
 * A session is read every few seconds, never in the beat.
 *
 * **Example** (All sessions of a program)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Metrics } from "effect-discord-voice"
 *
 * const program = bot.pipe(Effect.provide(Metrics.layer()))
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as Catalog from "./metrics/Catalog.ts"
import { Observation } from "./session/Observation.ts"
import type { VoiceSession } from "./VoiceSession.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Buffering
} from "./metrics/Catalog.ts"

/**
 * The options of {@link layer} and {@link observe}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How often to read a session. Default 5 seconds: reports (RTCP) do not bring new numbers sooner. */
  readonly interval?: Duration.Input | undefined
  /**
   * Additional attributes, or other values for `guild` and `channel` (ids), which are always there. If two sessions have the
   * same attributes, their counters add up, and a gauge shows the session that was read last. Counters stay for each guild
   * and channel that a session was ever in: a bot in many of them overrides both, as in `{ guild: "all", channel: "all" }`.
   */
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

/**
 * The parts of a session that are read. The jitter buffers have numbers only if something listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observed extends Pick<VoiceSession, "guildId" | "channelId" | "state" | "statistics"> {
  readonly receive?: { readonly statistics: () => Catalog.Buffering } | undefined
}

const defaultInterval = Duration.seconds(5)

/** A connection that does not answer when the session ends delays nobody for longer than this. */
const lastLookTimeout = Duration.seconds(1)

/**
 * The names of all metrics.
 *
 * @category constants
 * @since 0.1.0
 */
export const names: ReadonlyArray<string> = [
  ...new Set([Catalog.up, ...Catalog.connection, ...Catalog.buffering].map(({ name }) => name))
]

/** The series with a given set of attributes. */
interface Series {
  readonly gauge: (entry: Described, value: number | undefined) => Effect.Effect<void>
  readonly counter: (entry: Described, growth: number) => Effect.Effect<void>
  /** Removes the gauges. Counters stay. */
  readonly remove: Effect.Effect<void>
}

type Described = Pick<Catalog.Entry<never>, "name" | "description" | "attributes">

const makeSeries = (shared: Readonly<Record<string, string>>): Series => {
  const gauges = new Map<Described, Metric.Gauge<number>>()
  const counters = new Map<Described, Metric.Counter<number>>()
  const described = ({ attributes, description }: Described) => ({
    description,
    attributes: { ...shared, ...attributes }
  })
  return {
    gauge: (entry, value) => {
      const known = gauges.get(entry)
      if (value === undefined) {
        gauges.delete(entry)
        return known === undefined ? Effect.void : Metric.remove(known)
      }
      const metric = known ?? Metric.gauge(entry.name, described(entry))
      gauges.set(entry, metric)
      return Metric.update(metric, value)
    },
    counter: (entry, growth) => {
      const metric = counters.get(entry) ?? Metric.counter(entry.name, { ...described(entry), incremental: true })
      counters.set(entry, metric)
      return Metric.update(metric, growth)
    },
    remove: Effect.suspend(() => Effect.forEach(gauges.values(), Metric.remove, { discard: true }))
  }
}

/**
 * Keeps the metrics of a session current until the scope closes or the session ends. The gauges are then removed; counters
 * stay. Counters begin with what the connection has counted already. They continue over reconnects; what the lost connection
 * counted after the last reading (up to one interval) is missing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const observe = Effect.fnUntraced(function*(
  session: Observed,
  options: Options = {}
): Effect.fn.Return<void, never, Scope.Scope> {
  const interval = Duration.fromInputUnsafe(options.interval ?? defaultInterval)
  const counted = new Map<Catalog.Entry<never>, number>()
  let channelId: string | undefined
  let series: Series | undefined
  let ssrc: number | undefined
  let isOver = false

  const show = <A>(to: Series, entries: ReadonlyArray<Catalog.Entry<A>>, from: A): Effect.Effect<void> =>
    Effect.forEach(entries, (entry) => {
      const value = entry.read(from)
      if (entry.kind === "gauge") return to.gauge(entry, value)
      const before = counted.get(entry) ?? 0
      // a packet that counted as missed may arrive after all, but a counter does not decrease
      const now = Math.max(before, value ?? before)
      counted.set(entry, now)
      return to.counter(entry, now - before)
    }, { discard: true })

  /** Without a connection there are no statistics. */
  const hide = (of: Series): Effect.Effect<void> =>
    Effect.forEach(Catalog.connection, (entry) => of.gauge(entry, undefined), { discard: true })

  const look = Effect.gen(function*() {
    const state = yield* session.state
    if (state._tag === "Closed") return yield* finish
    const where = yield* session.channelId
    if (series !== undefined && where !== channelId) yield* series.remove
    if (series === undefined || where !== channelId) {
      channelId = where
      series = makeSeries({ guild: session.guildId, channel: where, ...options.attributes })
    }
    if (state._tag === "Ready" && state.ssrc !== ssrc) {
      ssrc = state.ssrc
      for (const entry of Catalog.connection) counted.delete(entry)
    }
    const isUp = state._tag === "Ready" || state._tag === "Resuming"
    yield* series.gauge(Catalog.up, isUp ? 1 : 0)
    const statistics = yield* Effect.option(session.statistics)
    if (statistics._tag === "Some") yield* show(series, Catalog.connection, statistics.value)
    else yield* hide(series)
    if (session.receive !== undefined) yield* show(series, Catalog.buffering, session.receive.statistics())
  })

  const finish = Effect.suspend(() => {
    isOver = true
    return series?.remove ?? Effect.void
  })

  yield* Effect.addFinalizer(() => Effect.andThen(Effect.timeoutOption(look, lastLookTimeout), finish))
  yield* look
  yield* Effect.sleep(interval).pipe(
    Effect.andThen(look),
    Effect.repeat({ until: () => isOver }),
    Effect.forkScoped({ startImmediately: true })
  )
})

/**
 * Observes every session that is joined where this layer is provided.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.succeed(Observation, (session) => observe(session, options))
