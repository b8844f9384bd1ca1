/**
 * Carries out the incidents of a fault schedule.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../protocol/Identifier.ts"
import type { Core } from "./Core.ts"
import type { Fault } from "./CoreContext.ts"
import * as FaultRules from "./faults/FaultRules.ts"
import type { Incident } from "./faults/FaultSchedule.ts"

/**
 * A running incident. `found` tells whether there was something to act on. `heal` ends what lasts, and repairs what would stay
 * broken. It is due after `forMs`, or at the end of everything.
 *
 * @category models
 * @since 0.1.0
 */
export interface Started {
  readonly found: boolean
  readonly forMs: number | undefined
  readonly heal: () => void
}

const nothing = () => {}

const once = (found: boolean, heal: () => void = nothing): Started => ({ found, forMs: undefined, heal })

const channelOf = (core: Core, userId: UserId) =>
  core.snapshot().voiceStates.find((state) => state.userId === userId)?.channelId

/**
 * Starts an incident. `userId` is the id of its user.
 *
 * @category combinators
 * @since 0.1.0
 */
export const start = (core: Core, incident: Incident, userId: UserId): Started => {
  const lasting = (forMs: number, ...faults: ReadonlyArray<Fault>): Started => {
    const removals = faults.map(core.addFault)
    return {
      found: true,
      forMs,
      heal: () => {
        for (const remove of removals) remove()
      }
    }
  }
  const rule = (when: FaultRules.When, what: FaultRules.What): Fault => FaultRules.make(when, userId, what, nothing)
  switch (incident._tag) {
    case "CutVoice":
      return once(core.terminateVoice(userId))
    case "CloseVoice":
      return once(core.closeVoice(userId, incident.code, ""))
    case "CutGateway":
      return once(core.terminateGateway(userId))
    case "CloseGateway":
      return once(core.closeGateway(userId, incident.code, ""))
    case "CutMessage": {
      const { at, forMs, op, point } = incident
      return lasting(forMs, rule({ point, op, nth: 1 }, { cut: at }))
    }
    case "WithholdMessage": {
      const { forMs, op, point } = incident
      return lasting(forMs, rule({ point, op }, "drop"))
    }
    case "IgnoreHeartbeats":
      return lasting(incident.forMs, rule(FaultRules.acknowledgements(incident.on), "drop"))
    case "RequestHeartbeat":
      return once(incident.on === "voice" ? core.requestVoiceHeartbeat(userId) : core.requestHeartbeat(userId))
    case "Datagrams":
      return lasting(incident.forMs, FaultRules.makeDatagrams(incident, userId, nothing))
    case "SilenceDiscovery":
      return lasting(incident.forMs, rule(FaultRules.discoveryAnswers(), "drop"))
    case "ChangeNat":
      return once(core.changeNat(userId), () => core.healNat(userId))
    case "MoveServer": {
      const channelId = channelOf(core, userId)
      const { nullMs } = incident
      return once(
        channelId !== undefined && core.moveServer(channelId, { nullEndpointFirst: nullMs > 0, delayMs: nullMs })
      )
    }
    case "ParkChannel": {
      const channelId = channelOf(core, userId)
      if (channelId === undefined) return once(false)
      return {
        found: core.parkChannel(channelId),
        forMs: incident.forMs,
        heal: () => core.unparkChannel(channelId)
      }
    }
    case "LoseServerUpdate":
      return lasting(incident.forMs, rule({ ...FaultRules.serverUpdates, nth: 1 }, "drop"))
    case "DelayEvents":
      return lasting(incident.forMs, rule(FaultRules.voiceEvents, { delayMs: incident.delayMs }))
    case "ReconnectGateway":
      return once(core.reconnectGateway(userId))
    case "SuspendGateway":
      return once(core.suspendGatewaySession(userId))
    case "DropGateway":
      return once(core.dropGatewaySession(userId))
    case "RekeyVoice":
      return once(core.rekeyVoice(userId))
    case "OverrunReplay":
      return once(core.overrunReplay(userId))
    case "ExpireVoice":
      return once(core.expireVoice(userId))
    case "Kick":
      return once(core.kick(userId))
  }
}
