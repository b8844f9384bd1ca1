/**
 * A {@link Gateway} over the dispatches of a connection that another library or program keeps.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as GatewayPayload from "../protocol/GatewayPayload.ts"
import type { GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Callback from "./Callback.ts"
import * as Hub from "./Hub.ts"
import type { CallbackOptions, DispatchOptions, DispatchStreamOptions } from "./Options.ts"
import * as Sending from "./Sending.ts"
import type { Gateway } from "./Service.ts"

export { shardOf } from "./Hub.ts"

const { guilds, shard, user } = GatewayPayload.Ready.fields

/** The other library may pass on less of READY than our own client needs. */
const Ready = Schema.Struct({ user, guilds: Schema.optionalKey(guilds), shard })

const readReady = Schema.decodeUnknownResult(Ready)
const readGuild = Schema.decodeUnknownResult(GatewayPayload.GuildCreate)
const readGoneGuild = Schema.decodeUnknownResult(GatewayPayload.GuildDelete)
const readMember = Schema.decodeUnknownResult(GatewayPayload.GuildMemberUpdate)
const readState = Schema.decodeUnknownResult(GatewayPayload.VoiceState)
const readServer = Schema.decodeUnknownResult(GatewayPayload.VoiceServerUpdate)

const isObject = (u: unknown): u is object => typeof u === "object" && u !== null

/** Passes dispatches to the hub. */
const hear = (hub: Hub.Hub) => (dispatch: unknown): Effect.Effect<void> => {
  if (!isObject(dispatch)) return Effect.logWarning("A dispatch that is not an object was dropped")
  if (!("t" in dispatch) || ("op" in dispatch && dispatch.op !== 0)) return Effect.void
  const { t } = dispatch
  const d: unknown = "d" in dispatch ? dispatch.d : undefined

  const decoded = <A>(result: Result.Result<A, Schema.SchemaError>, use: (value: A) => Effect.Effect<void>) =>
    Result.isSuccess(result)
      ? use(result.success)
      : Effect.logWarning(`A ${String(t)} is malformed and was dropped: ${result.failure.message}`)

  if (typeof t === "string" && t !== "READY") hub.missedReady()
  switch (t) {
    case "READY":
      return decoded(readReady(d), (ready) => hub.onReady({ guilds: [], ...ready }))
    case "RESUMED":
      return hub.publishLifecycle("Resumed")
    case "GUILD_CREATE":
      return decoded(readGuild(d), hub.onGuildCreate)
    case "GUILD_DELETE":
      return decoded(readGoneGuild(d), hub.onGuildDelete)
    case "GUILD_MEMBER_UPDATE":
      return decoded(readMember(d), hub.onMember)
    case "VOICE_STATE_UPDATE":
      return decoded(readState(d), hub.onVoiceState)
    case "VOICE_SERVER_UPDATE":
      return decoded(readServer(d), (server) => hub.publish({ _tag: "VoiceServer", server }))
    default:
      return Effect.void
  }
}

const failed = (detail: string) => VoiceError.make(new VoiceError.GatewayFailed({ detail }))

const makeHub = Effect.fnUntraced(function*(options: DispatchOptions) {
  const hub = yield* Hub.make
  if (options.userId !== undefined) yield* hub.learn(options.userId)
  yield* Effect.addFinalizer(() =>
    hub.finish(
      VoiceError.make(new VoiceError.NotConnected({ operation: "The dispatch gateway", isLayerClosed: true }))
    )
  )
  return hub
})

const makeGateway = Effect.fnUntraced(function*(
  hub: Hub.Hub,
  options: DispatchOptions,
  attempt: (payload: Sending.VoiceStatePayload, guildId: GuildId) => Effect.Effect<unknown, VoiceError.VoiceError>
): Effect.fn.Return<Gateway["Service"]> {
  const { isHeldBack, send } = yield* Sending.make(options)
  return {
    userId: hub.userId,
    updateVoiceState: (request) =>
      send(
        request.guild_id,
        hub.unlessFinished(
          Effect.map(
            Effect.suspend(() => attempt(Sending.payload(request), request.guild_id)),
            (answer) => answer !== false
          )
        )
      ),
    subscribe: hub.subscribe,
    lifecycle: Option.some(hub.lifecycle),
    isHeldBack,
    isUnavailable: hub.isUnavailable,
    ...Callback.obstacle(options),
    initialVoiceState: Option.some(hub.initialVoiceState),
    occupants: hub.others
  }
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const fromStream = Effect.fnUntraced(function*<E, E2, R>(
  options: DispatchStreamOptions<E, E2, R>
): Effect.fn.Return<Gateway["Service"], never, R | Scope.Scope> {
  const hub = yield* makeHub(options)
  const context = Context.omit(Scope.Scope)(yield* Effect.context<R | Scope.Scope>())

  // the type guard loses the type arguments of the stream
  const subscribed = Stream.isStream(options.dispatches)
    ? Effect.succeed(options.dispatches as Stream.Stream<unknown, E, R>)
    : options.dispatches
  const lost = (cause: Cause.Cause<E>) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.interrupt
      : Effect.andThen(
        Cause.hasDies(cause) ? Effect.logError("The stream of dispatches died", cause) : Effect.void,
        hub.finish(failed(`the stream of its dispatches failed: ${Sending.describe(Cause.squash(cause))}`))
      )

  yield* subscribed.pipe(
    Effect.flatMap((dispatches) =>
      Stream.runForEach(dispatches, hear(hub)).pipe(
        Effect.andThen(hub.finish(failed("the stream of its dispatches has ended"))),
        Effect.catchCause(lost),
        Effect.forkScoped({ startImmediately: true })
      )
    ),
    Effect.catchCause(lost)
  )

  return yield* makeGateway(hub, options, (payload, guildId) =>
    options.send(payload, guildId).pipe(
      Effect.mapError((error) => failed(`sending the bot's voice state failed: ${Sending.describe(error)}`)),
      Effect.scoped,
      // the rest of `R` is in the captured context
      Effect.provideContext(context as Context.Context<Exclude<R, Scope.Scope>>)
    ))
})

/**
 * @category constructors
 * @since 0.1.0
 */
export const fromCallbacks = Effect.fnUntraced(function*(
  options: CallbackOptions
): Effect.fn.Return<Gateway["Service"], never, Scope.Scope> {
  const hub = yield* makeHub(options)
  const run = yield* Callback.makeRun("Handling a dispatch failed")
  const heard = hear(hub)

  const threw = (what: string) => (thrown: unknown) => failed(`${what} failed: ${Sending.describe(thrown)}`)

  yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        options.listen(
          (dispatch) => run(heard(dispatch)),
          (reason) =>
            run(hub.finish(
              failed(`its dispatches have ended${reason === undefined ? "" : `: ${Sending.describe(reason)}`}`)
            ))
        ),
      catch: threw("listening for dispatches")
    }).pipe(Effect.catch((error) => Effect.as(hub.finish(error), undefined))),
    (unlisten) =>
      Effect.try({ try: () => unlisten?.(), catch: threw("unsubscribing from dispatches") }).pipe(
        Effect.catch((error) => Effect.logWarning(error.message))
      )
  )

  return yield* makeGateway(hub, options, (payload, guildId) =>
    Effect.tryPromise({
      // an async function, so that an exception of `send` becomes a rejection
      try: async () => options.send(payload, guildId),
      catch: threw("sending the bot's voice state")
    }))
})
