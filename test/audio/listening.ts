import { Effect, type Scope } from "effect"
import type * as Http from "node:http"
import type { AddressInfo } from "node:net"

/** Makes a server listen on loopback until the scope closes. Returns its URL. */
export const listen = (server: Http.Server): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.map(() => {
    // a server that listens on TCP has an address of this kind
    const { port } = server.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  }))
