/**
 * The application commands of a bot over REST, everywhere or in a guild (Discord docs, Application Commands, Endpoints).
 *
 * @since 0.1.0
 */
import { invalidForm } from "../http/FormProblems.ts"
import { error, nothing, ok, type RestResponse } from "../http/RestAnswer.ts"
import * as Commands from "../interactions/Commands.ts"
import type * as World from "../World.ts"
import * as RestRoute from "./RestRoute.ts"

const notAuthorized = error(403, 20012, "You are not authorized to perform this action on this application")
const unknownCommand = error(404, 10063, "Unknown application command")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  commands: Commands.Commands,
  inGuild: (call: RestRoute.Call, f: (guild: World.Guild, me: World.Member) => RestResponse) => RestResponse
): ReadonlyArray<RestRoute.Route> => {
  const inScope = (call: RestRoute.Call, f: (scope: Commands.Scope) => RestResponse): RestResponse => {
    const [applicationId, guildId] = call.ids
    if (applicationId !== call.user.id) return notAuthorized
    const scope = { applicationId, guildId }
    return guildId === undefined ? f(scope) : inGuild({ ...call, ids: [guildId] }, () => f(scope))
  }

  const routes = (path: string, idAt: number) => {
    /** The command whose id is at the end of the path. */
    const inCommand = (call: RestRoute.Call, f: (scope: Commands.Scope, id: string) => RestResponse) =>
      inScope({ ...call, ids: call.ids.slice(0, idAt) }, (scope) => {
        const id = call.ids[idAt]
        return id === undefined ? unknownCommand : f(scope, id)
      })
    const find = (scope: Commands.Scope, id: string) => commands.list(scope).find((one) => one["id"] === id)
    return [
      RestRoute.make("GET", path, (call) => inScope(call, (scope) => ok(commands.list(scope)))),
      RestRoute.make("PUT", path, (call) =>
        inScope(call, (scope) => {
          const all = commands.replace(scope, call.items)
          if (all !== undefined) return ok(all)
          return invalidForm(...call.items.flatMap((one, i) => Commands.problemsOf(`${i}.`, one)))
        }), "array"),
      RestRoute.make("POST", path, (call) =>
        inScope(call, (scope) => {
          const one = commands.put(scope, call.body)
          return one === undefined ? invalidForm(...Commands.problemsOf("", call.body)) : { status: 201, body: one }
        })),
      RestRoute.make("GET", `${path}/:`, (call) =>
        inCommand(call, (scope, id) => {
          const one = find(scope, id)
          return one === undefined ? unknownCommand : ok(one)
        })),
      RestRoute.make("PATCH", `${path}/:`, (call) =>
        inCommand(call, (scope, id) => {
          const before = find(scope, id)
          if (before === undefined) return unknownCommand
          // its type cannot be changed
          const after = { ...before, ...call.body, type: before["type"] }
          const one = commands.change(scope, id, after)
          return one === undefined ? invalidForm(...Commands.problemsOf("", after)) : ok(one)
        })),
      RestRoute.make(
        "DELETE",
        `${path}/:`,
        (call) => inCommand(call, (scope, id) => commands.remove(scope, id) ? nothing : unknownCommand)
      )
    ]
  }

  return [...routes("/applications/:/commands", 1), ...routes("/applications/:/guilds/:/commands", 2)]
}
