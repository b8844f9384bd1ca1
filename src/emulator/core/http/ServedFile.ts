/**
 * Files as Discord's content delivery network serves them: to anybody, completely or in parts.
 *
 * @since 0.1.0
 */
import * as ByteRange from "./ByteRange.ts"
import type { RestResponse } from "./RestAnswer.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface ServedFile {
  readonly contentType: string
  readonly data: Uint8Array
}

/**
 * The file, or the part of it that is requested with `range`, the header of that name; 404 if there is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answer = (file: ServedFile | undefined, method: string, range: string | undefined): RestResponse => {
  if (file === undefined) return { status: 404, body: undefined }
  const { contentType, data } = file
  const headers = { "content-type": contentType, "accept-ranges": "bytes" }
  const size = data.length
  // ranges apply only to GET
  if (method === "HEAD") {
    return { status: 200, body: undefined, headers: { ...headers, "content-length": String(size) } }
  }
  if (method !== "GET") return { status: 405, body: undefined }
  const wanted = ByteRange.read(range, size)
  if (wanted === "outside") {
    return { status: 416, body: undefined, headers: { "content-range": `bytes */${size}`, "content-length": "0" } }
  }
  const { end, from } = wanted ?? { from: 0, end: size }
  return {
    status: wanted === undefined ? 200 : 206,
    body: undefined,
    bytes: data.subarray(from, end),
    headers: {
      ...headers,
      "content-length": String(end - from),
      ...(wanted === undefined ? {} : { "content-range": `bytes ${from}-${end - 1}/${size}` })
    }
  }
}
