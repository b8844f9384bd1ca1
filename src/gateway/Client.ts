/**
 * Our own client of the main gateway. It keeps one connection up, across resumes and new sessions, and turns its messages
 * into the {@link Gateway} service.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import * as GatewayPayload from "../protocol/GatewayPayload.ts"
import * as Transport from "../Transport.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Admission from "./Admission.ts"
import * as Connection from "./Connection.ts"
import * as Dispatches from "./Dispatches.ts"
import type * as End from "./End.ts"
import * as Hub from "./Hub.ts"
import * as IdentifyTurn from "./IdentifyTurn.ts"
import type { GatewayOptions } from "./Options.ts"
import * as Outbox from "./Outbox.ts"
import * as Rest from "./Rest.ts"
import * as RestApi from "./RestApi.ts"
import * as SendLimit from "./SendLimit.ts"
import type { Gateway, VoiceStateRequest } from "./Service.ts"
import * as Stage from "./Stage.ts"

const defaultRestUrl = "https://discord.com/api/v10"
const library = "effect-discord-voice"
/**
 * A bot may ask for a place in each of its guilds at once; more than this many waiting requests are a program that asks
 * without end.
 */
const waitingRequests = 4096
/** A connection that was up this long was healthy: its session is worth resuming, which costs no Identify. */
const healthyMs = 10_000
/**
 * For a session of this age, earlier failures no longer count. A thousand sessions a day are one every 86 seconds; even if
 * each is lost as soon as it reaches this age, fewer than that begin.
 */
const stableMs = 120_000
/** The wait after a response that there were too many requests, unless it names a longer one. */
const leastQuietMs = 5_000
/** After this many attempts a session is given up: its resume URL may be gone. */
const resumeAttempts = 3

/**
 * 1 second, doubling up to 2 minutes, with jitter, without end, so that a bot comes back when the network does. Discord
 * resets the token of a bot that identifies more than a thousand times a day (Discord docs, Gateway, Identifying); a
 * connection that fails again and again must not reach that.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultReconnect: Schedule.Schedule<unknown, VoiceError.VoiceError> = Schedule.min([
  Schedule.exponential("1 second", 2),
  Schedule.spaced("2 minutes")
]).pipe(Schedule.jittered, Schedule.setInputType<VoiceError.VoiceError>())

/** Removes spaces and "Bot ", both of which are common in a `.env` file and make the token invalid. */
const cleanToken = (token: Redacted.Redacted): Redacted.Redacted =>
  Redacted.make(Redacted.value(token).trim().replace(/^Bot\s+/i, ""))

/**
 * Starts a client in the background; it ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: GatewayOptions) {
  const transport = yield* Transport.WebSocketTransport
  const token = cleanToken(options.token)
  const access: Rest.Access = {
    token,
    restUrl: options.restUrl ?? defaultRestUrl,
    fetch: options.fetch ?? globalThis.fetch
  }
  /** A program that names another gateway than Discord's, and no REST API, must not use Discord's. */
  const hasRest = options.url === undefined || options.restUrl !== undefined
  const intents = options.intents ?? GatewayPayload.voiceIntents
  const identify: Omit<GatewayPayload.Identify, "token"> = {
    intents,
    properties: options.properties ?? { os: process.platform, browser: library, device: library },
    ...(options.shard === undefined ? {} : { shard: options.shard })
  }

  const hub = yield* Hub.make
  const dispatches = yield* Dispatches.make
  const outbox = Outbox.make(waitingRequests)
  let session: Connection.Session | undefined
  let sessionSinceMs = Infinity
  let upSinceMs: number | undefined
  let roundTripMs: number | undefined
  const onRoundTrip = (milliseconds: number): void => {
    roundTripMs = milliseconds
  }

  const clock = yield* Clock.Clock
  const nowMsUnsafe = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const nowMs = Effect.sync(nowMsUnsafe)
  const hold = SendLimit.makeHold()
  const onHeldBack = (milliseconds: number) => SendLimit.holdBack(hold, nowMsUnsafe, milliseconds, outbox.size())
  /** Ends the client: pending and later calls get the error. */
  const finish = (error: VoiceError.VoiceError) =>
    Effect.all([hub.finish(error), outbox.fail(error), dispatches.finish(error)], { discard: true })

  const onReady = Effect.fnUntraced(function*(next: Connection.Session, ready: GatewayPayload.Ready) {
    session = next
    sessionSinceMs = upSinceMs = yield* nowMs
    yield* Effect.logDebug("The main gateway started a session")
    yield* hub.onReady(ready)
  })

  const onResumed = Effect.gen(function*() {
    upSinceMs = yield* nowMs
    yield* Effect.logDebug("The main gateway resumed the session")
    yield* hub.publishLifecycle("Resumed")
  })

  const onDispatch = (dispatch: GatewayPayload.Dispatch) => {
    switch (dispatch.t) {
      case "GUILD_CREATE":
        return hub.onGuildCreate(dispatch.d)
      case "GUILD_DELETE":
        return hub.onGuildDelete(dispatch.d)
      case "GUILD_MEMBER_UPDATE":
        return hub.onMember(dispatch.d)
      case "VOICE_STATE_UPDATE":
        return hub.onVoiceState(dispatch.d)
      case "VOICE_SERVER_UPDATE":
        return hub.publish({ _tag: "VoiceServer", server: dispatch.d })
      // the connection handles these two separately
      case "READY":
      case "RESUMED":
        return Effect.void
    }
  }

  const gatewayUrl = Effect.suspend(() => {
    if (session !== undefined) return Effect.succeed(session.resumeUrl)
    const whither = options.url === undefined
      ? Rest.gatewayBot(access)
      : Effect.succeed({ url: options.url, concurrency: 1 })
    return Effect.flatMap(whither, ({ concurrency, url }) => Effect.as(turn(concurrency), url))
  })

  const turn = (concurrency: number) => {
    const [shard, shards] = options.shard ?? [0, 1]
    // a bot with one shard does not need to wait for others
    return shards > 1 ? IdentifyTurn.take(clock, token, shard % concurrency) : Effect.void
  }

  const attempt: Effect.Effect<End.End> = gatewayUrl.pipe(
    Effect.flatMap((url) =>
      Connection.run({
        transport,
        url,
        token,
        identify,
        session,
        outbox,
        onReady,
        onResumed,
        onDispatch,
        onText: dispatches.publish,
        onHeldBack,
        onRoundTrip
      })
    ),
    Effect.catch(Effect.succeed),
    Effect.scoped
  )

  const supervise = Effect.gen(function*() {
    const reconnect = options.reconnect ?? defaultReconnect
    let step = yield* Schedule.toStep(reconnect)
    let failures = 0
    while (true) {
      upSinceMs = undefined
      const end = yield* attempt
      const wasUp: number | undefined = upSinceMs
      if (wasUp !== undefined) yield* hub.publishLifecycle("Lost")
      const endedMs = yield* nowMs
      const wasHealthy = wasUp !== undefined && endedMs - wasUp >= healthyMs
      if (wasHealthy) {
        failures = 0
        if (endedMs - sessionSinceMs >= stableMs) step = yield* Schedule.toStep(reconnect)
      }
      failures++
      if (end.next === "stop") {
        yield* Effect.logError(`The main gateway cannot be used: ${end.error.message}`)
        return yield* finish(end.error)
      }
      if (end.next === "new-session" || failures > resumeAttempts) session = undefined

      const backoff = yield* Pull.matchEffect(step(yield* Clock.currentTimeMillis, end.error), {
        onSuccess: ([, delay]) => Effect.succeed(delay),
        onFailure: Effect.failCause,
        onDone: () => Effect.undefined
      })
      if (backoff === undefined) {
        yield* Effect.logError(`Giving up on the main gateway: ${end.error.message}`)
        return yield* finish(end.error)
      }
      const delayMs = end.immediately && wasHealthy ? 0 : Math.max(Duration.toMillis(backoff), end.minDelayMs)
      yield* Effect.logWarning(
        `Reconnecting to the main gateway in ${Math.round(delayMs)} ms: ${end.error.message}`
      )
      yield* Effect.sleep(delayMs)
    }
  })

  yield* Effect.addFinalizer(() =>
    finish(VoiceError.make(new VoiceError.NotConnected({ operation: "The main gateway client", isLayerClosed: true })))
  )
  if ((intents & GatewayPayload.Intents.GuildVoiceStates) === 0) {
    yield* Effect.logWarning("The intents lack GuildVoiceStates (1 << 7): no VOICE_STATE_UPDATE will arrive")
  }
  yield* supervise.pipe(
    Effect.catchCauseIf(
      (cause) => !Cause.hasInterruptsOnly(cause),
      (cause) =>
        Effect.andThen(
          Effect.logError("The main gateway client failed", cause),
          finish(VoiceError.make(new VoiceError.GatewayFailed({ detail: "the client failed; see the log" })))
        )
    ),
    Effect.forkScoped
  )

  const updateVoiceState = (request: VoiceStateRequest) =>
    hub.unlessFinished(Effect.suspend(() => {
      const encoded = GatewayPayload.encodeClient({ op: 4, d: request })
      return Result.isFailure(encoded)
        ? VoiceError.fail(new VoiceError.GatewayFailed({ detail: encoded.failure.message }))
        : outbox.send(encoded.success)
    }))

  // Many sessions may ask at once: requests are made one at a time, and none while Discord has asked to wait.
  const oneQuestion = Semaphore.makeUnsafe(1)
  let quietUntilMs = -Infinity
  const ask = (path: string) =>
    Effect.suspend(() =>
      nowMsUnsafe() < quietUntilMs
        ? Effect.fail("Discord's rate limit was reached")
        : Effect.tap(Rest.get(access, path), ({ retryAfterMs, status }) =>
          Effect.sync(() => {
            if (status === 429) quietUntilMs = nowMsUnsafe() + Math.max(leastQuietMs, retryAfterMs)
          }))
    )

  const obstacle: NonNullable<Gateway["Service"]["obstacle"]> = Effect.fnUntraced(function*(guildId, channelId) {
    const userId = hub.self()
    if (!hasRest || userId === undefined) return undefined
    return yield* oneQuestion.withPermit(Effect.suspend(() =>
      Effect.catch(
        Admission.obstacle({
          get: ask,
          guildId,
          channelId,
          userId,
          occupants: hub.occupants(guildId, channelId)
        }),
        (detail) =>
          Effect.as(Effect.logDebug(`Could not ask Discord why it does not let the bot in: ${detail}`), undefined)
      )
    ))
  })

  const setStage: NonNullable<Gateway["Service"]["setStage"]> = (request) =>
    hub.unlessFinished(
      hasRest
        ? Stage.set({ request, patch: (path, change) => Rest.patch(access, path, change) })
        : VoiceError.fail(
          new VoiceError.GatewayFailed({
            detail: "the address of its REST API is unknown: pass the option restUrl to its layer"
          })
        )
    )

  const gateway: Gateway["Service"] = {
    userId: hub.userId,
    updateVoiceState,
    subscribe: hub.subscribe,
    lifecycle: Option.some(hub.lifecycle),
    isHeldBack: () => hold.isOn(nowMsUnsafe()),
    isUnavailable: hub.isUnavailable,
    roundTripMs: Effect.sync(() => roundTripMs),
    obstacle,
    setStage,
    initialVoiceState: Option.some(hub.initialVoiceState),
    occupants: hub.others
  }
  return { gateway, dispatches: dispatches.service, rest: RestApi.make(hasRest ? access : undefined, clock) }
})
