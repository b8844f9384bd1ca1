/**
 * Schedules of faults, as plain data: they can be drawn from a seed, saved, shortened and replayed.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Random } from "../CoreContext.ts"
import { make as makeRandom } from "../Random.ts"

const user = Schema.String
const forMs = Schema.Finite
const chance = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/**
 * Something that happens to a user. Lasting incidents have a duration `forMs`, in milliseconds; the others are momentary.
 * `user` is a name or an id.
 *
 * - `CutVoice`, `CloseVoice`, `CutGateway`, `CloseGateway`: a WebSocket ends.
 * - `CutMessage`: the connection is cut at the next message of an opcode, before it arrives or directly after.
 * - `WithholdMessage`: messages of an opcode never arrive.
 * - `IgnoreHeartbeats`: heartbeats are not acknowledged.
 * - `RequestHeartbeat`: the server asks for a heartbeat.
 * - `Datagrams`: datagrams are lost, corrupted, repeated, reordered or delayed, see `DatagramFaults`.
 * - `SilenceDiscovery`: IP discovery is not answered.
 * - `ChangeNat`: the user's datagrams come from another address; media follows only after Select Protocol.
 * - `MoveServer`: the user's channel moves to another voice server, with `endpoint: null` for `nullMs` first if that is not 0.
 * - `ParkChannel`: the channel has no voice server for a while.
 * - `LoseServerUpdate`, `DelayEvents`: the voice events of the main gateway are lost or late.
 * - `ReconnectGateway`, `SuspendGateway`, `DropGateway`: op 7, and op 9 with true and with false.
 * - `RekeyVoice`: another session description, with a new key.
 * - `OverrunReplay`, `ExpireVoice`: the session cannot be resumed; the second one also cuts it.
 * - `Kick`: the user is disconnected. It is drawn only if it is requested.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Incident = Schema.TaggedUnion({
  CutVoice: { user },
  CloseVoice: { user, code: Schema.Int },
  CutGateway: { user },
  CloseGateway: { user, code: Schema.Int },
  CutMessage: {
    user,
    point: Schema.Literals(["voice-in", "voice-out", "gateway-in", "gateway-out"]),
    op: Schema.Union([Schema.Int, Schema.String]),
    at: Schema.Literals(["before", "after"]),
    forMs
  },
  WithholdMessage: {
    user,
    point: Schema.Literals(["voice-in", "voice-out", "gateway-in", "gateway-out"]),
    op: Schema.Union([Schema.Int, Schema.String]),
    forMs
  },
  IgnoreHeartbeats: { user, on: Schema.Literals(["voice", "gateway"]), forMs },
  RequestHeartbeat: { user, on: Schema.Literals(["voice", "gateway"]) },
  Datagrams: {
    user,
    direction: Schema.Literals(["in", "out", "both"]),
    loss: chance,
    corrupt: chance,
    duplicate: chance,
    reorder: chance,
    delayMs: Schema.Finite,
    jitterMs: Schema.Finite,
    forMs
  },
  SilenceDiscovery: { user, forMs },
  ChangeNat: { user },
  MoveServer: { user, nullMs: Schema.Finite },
  ParkChannel: { user, forMs },
  LoseServerUpdate: { user, forMs },
  DelayEvents: { user, delayMs: Schema.Finite, forMs },
  ReconnectGateway: { user },
  SuspendGateway: { user },
  DropGateway: { user },
  RekeyVoice: { user },
  OverrunReplay: { user },
  ExpireVoice: { user },
  Kick: { user }
})

/**
 * @category models
 * @since 0.1.0
 */
export type Incident = typeof Incident.Type

/**
 * @category models
 * @since 0.1.0
 */
export type Kind = Incident["_tag"]

/**
 * An incident and its time, in milliseconds from the start.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Step = Schema.Struct({ atMs: Schema.Finite, incident: Incident })

/**
 * @category models
 * @since 0.1.0
 */
export type Step = typeof Step.Type

/**
 * A schedule. It decodes from JSON and encodes to it unchanged.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Schedule = Schema.Array(Step)

/**
 * @category models
 * @since 0.1.0
 */
export type Schedule = typeof Schedule.Type

/**
 * The options for drawing a schedule. Times are in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface DrawOptions {
  /** The same seed and options give the same schedule. */
  readonly seed: number
  readonly users: string | ReadonlyArray<string>
  /** The mean interval between incidents. Intervals are exponentially distributed. */
  readonly meanIntervalMs: number
  /** No incident begins after this time. */
  readonly durationMs: number
  /** The kinds of incidents. Default: all but the final ones, {@link finalKinds}. */
  readonly kinds?: ReadonlyArray<Kind> | undefined
}

/**
 * The kinds after which a well-behaved client does not come back.
 *
 * @category constants
 * @since 0.1.0
 */
export const finalKinds: ReadonlyArray<Kind> = ["Kick"]

type Draw = (random: Random, user: string) => Incident

const pick = <A>(random: Random, list: readonly [A, ...ReadonlyArray<A>]): A => list[random.int(list.length)] ?? list[0]

const between = (random: Random, least: number, most: number): number => least + random.int(most - least + 1)

/** A probability up to `most`, with three decimals for readability. */
const upTo = (random: Random, most: number): number => Math.round(random.next() * most * 1_000) / 1_000

const { cases } = Incident

/** Close codes after which a client may reconnect. */
const voiceCodes = [1000, 1001, 1011, 4006, 4009, 4015] as const
const gatewayCodes = [1001, 4000, 4007, 4009] as const

type Moment = readonly [point: typeof cases.CutMessage.Type["point"], op: number | string]

/** The messages of the handshakes and of resuming. */
const moments: readonly [Moment, ...ReadonlyArray<Moment>] = [
  ["voice-out", 8],
  ["voice-in", 0],
  ["voice-out", 2],
  ["voice-in", 1],
  ["voice-out", 4],
  ["voice-in", 5],
  ["voice-in", 7],
  ["voice-out", 9],
  ["voice-in", 3],
  ["voice-out", 6],
  ["gateway-out", 10],
  ["gateway-in", 2],
  ["gateway-out", "READY"],
  ["gateway-in", 4],
  ["gateway-out", "VOICE_STATE_UPDATE"],
  ["gateway-out", "VOICE_SERVER_UPDATE"],
  ["gateway-in", 6],
  ["gateway-out", "RESUMED"]
]

const draws: { readonly [kind in Kind]: Draw } = {
  CutVoice: (_, user) => cases.CutVoice.make({ user }),
  CloseVoice: (random, user) => cases.CloseVoice.make({ user, code: pick(random, voiceCodes) }),
  CutGateway: (_, user) => cases.CutGateway.make({ user }),
  CloseGateway: (random, user) => cases.CloseGateway.make({ user, code: pick(random, gatewayCodes) }),
  CutMessage: (random, user) => {
    const [point, op] = pick(random, moments)
    const at = pick(random, ["before", "after"] as const)
    return cases.CutMessage.make({ user, point, op, at, forMs: between(random, 5_000, 30_000) })
  },
  WithholdMessage: (random, user) => {
    const [point, op] = pick(random, moments)
    return cases.WithholdMessage.make({ user, point, op, forMs: between(random, 1_000, 15_000) })
  },
  IgnoreHeartbeats: (random, user) =>
    cases.IgnoreHeartbeats.make({
      user,
      on: pick(random, ["voice", "gateway"] as const),
      forMs: between(random, 5_000, 60_000)
    }),
  RequestHeartbeat: (random, user) =>
    cases.RequestHeartbeat.make({ user, on: pick(random, ["voice", "gateway"] as const) }),
  Datagrams: (random, user) =>
    cases.Datagrams.make({
      user,
      direction: pick(random, ["in", "out", "both"] as const),
      loss: pick(random, [1, upTo(random, 0.3), 0]),
      corrupt: upTo(random, 0.05),
      duplicate: upTo(random, 0.1),
      reorder: upTo(random, 0.1),
      delayMs: between(random, 0, 100),
      jitterMs: between(random, 0, 50),
      forMs: between(random, 500, 10_000)
    }),
  SilenceDiscovery: (random, user) => cases.SilenceDiscovery.make({ user, forMs: between(random, 1_000, 20_000) }),
  ChangeNat: (_, user) => cases.ChangeNat.make({ user }),
  MoveServer: (random, user) => cases.MoveServer.make({ user, nullMs: pick(random, [0, between(random, 100, 5_000)]) }),
  ParkChannel: (random, user) => cases.ParkChannel.make({ user, forMs: between(random, 1_000, 20_000) }),
  LoseServerUpdate: (random, user) => cases.LoseServerUpdate.make({ user, forMs: between(random, 5_000, 30_000) }),
  DelayEvents: (random, user) =>
    cases.DelayEvents.make({
      user,
      delayMs: between(random, 50, 3_000),
      forMs: between(random, 5_000, 30_000)
    }),
  ReconnectGateway: (_, user) => cases.ReconnectGateway.make({ user }),
  SuspendGateway: (_, user) => cases.SuspendGateway.make({ user }),
  DropGateway: (_, user) => cases.DropGateway.make({ user }),
  RekeyVoice: (_, user) => cases.RekeyVoice.make({ user }),
  OverrunReplay: (_, user) => cases.OverrunReplay.make({ user }),
  ExpireVoice: (_, user) => cases.ExpireVoice.make({ user }),
  Kick: (_, user) => cases.Kick.make({ user })
}

/**
 * Every kind, in the order of {@link Incident}.
 *
 * @category constants
 * @since 0.1.0
 */
// The keys of `cases` are the tags by construction; `Object.keys` only knows that they are strings.
export const kinds: ReadonlyArray<Kind> = Object.keys(cases) as Array<Kind>

/**
 * Draws a schedule. It has no effect by itself: pass it to `faults.play`. Without users or kinds it is empty.
 *
 * @category constructors
 * @since 0.1.0
 */
export const draw = (options: DrawOptions): Schedule => {
  const random = makeRandom(options.seed)
  const users = typeof options.users === "string" ? [options.users] : options.users
  const wanted = options.kinds ?? kinds.filter((kind) => !finalKinds.includes(kind))
  const steps: Array<Step> = []
  if (!(options.meanIntervalMs > 0)) return steps
  let atMs = 0
  while (true) {
    atMs += -Math.log(1 - random.next()) * options.meanIntervalMs
    const user = users[random.int(users.length)]
    const kind = wanted[random.int(wanted.length)]
    if (!(atMs <= options.durationMs) || user === undefined || kind === undefined) return steps
    steps.push({ atMs: Math.round(atMs), incident: draws[kind](random, user) })
  }
}
