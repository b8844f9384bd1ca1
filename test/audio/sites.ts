/** A server with a page at each path. */
import { Effect, type Scope } from "effect"
import * as Http from "node:http"
import { listen } from "./listening.ts"

export interface Page {
  readonly body?: string | Uint8Array
  readonly status?: number
  readonly headers?: Record<string, string>
  /** The response never ends. */
  readonly isEndless?: boolean
}

interface Site {
  readonly url: string
  /** The page at each path. Other paths give a 404. */
  readonly pages: Record<string, Page | ReadonlyArray<Page>>
  /** The paths that were requested, and the headers of the requests. */
  readonly asked: Array<string>
  readonly headers: Array<Http.IncomingHttpHeaders>
  readonly open: () => number
}

/** `pages`: one page for all requests of a path, or several pages in turn, of which the last one stays. */
export const site = (make: (url: string) => Site["pages"]): Effect.Effect<Site, never, Scope.Scope> =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const headers: Array<Http.IncomingHttpHeaders> = []
    const answers = new Set<unknown>()
    let pages: Site["pages"] = {}
    const server = Http.createServer((request, response) => {
      answers.add(response)
      response.on("close", () => answers.delete(response))
      const path = request.url ?? ""
      const turn = asked.filter((one) => one === path).length
      asked.push(path)
      headers.push(request.headers)
      const found = pages[path] ?? { status: 404 }
      const page = Array.isArray(found) ? found[Math.min(turn, found.length - 1)] : found
      response.writeHead(page.status ?? 200, page.headers)
      if (page.isEndless === true) response.write(page.body)
      else response.end(page.body)
    })
    const url = yield* listen(server)
    pages = make(url)
    return { url, pages, asked, headers, open: () => answers.size }
  })
