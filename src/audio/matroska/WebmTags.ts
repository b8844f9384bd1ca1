/**
 * The tags of WebM and Matroska (RFC 9559, 5.1.8).
 *
 * @since 0.1.0
 */
import * as Tags from "../format/Tags.ts"
import { children } from "./Ebml.ts"

const idTag = 0x7373
const idSimpleTag = 0x67c8
const idTagName = 0x45a3
const idTagString = 0x4487

const utf8 = new TextDecoder()

const none = new Uint8Array(0)

/**
 * Adds the tags among the children of an element of tags: those of the whole file and of the track alike. Malformed ones are
 * left out.
 *
 * @category codecs
 * @since 0.1.0
 */
export const read = (fields: ReadonlyArray<readonly [id: number, data: Uint8Array]>, tags: Tags.MutableTags): void => {
  for (const [id, data] of fields) {
    for (const [inner, simple] of id === idTag ? children(data) ?? [] : []) {
      if (inner !== idSimpleTag) continue
      const parts = new Map(children(simple))
      Tags.add(tags, utf8.decode(parts.get(idTagName) ?? none), utf8.decode(parts.get(idTagString) ?? none))
    }
  }
}
