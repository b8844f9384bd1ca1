import { Arbitrary, Schema } from "effect"

export const uint = (maximum: number) => Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum })))

export const u5 = uint(31)
export const u8 = uint(0xff)
export const u16 = uint(0xffff)
export const u32 = uint(0xffff_ffff)

/** Byte arrays of `minimum` to `maximum` multiples of `unit` bytes. */
export const bytes = (maximum: number, minimum = 0, unit = 1): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.array(Arbitrary.array(Arbitrary.schema(u8), { minLength: unit, maxLength: unit }), {
    minLength: minimum,
    maxLength: maximum
  }).pipe(Arbitrary.map((units) => Uint8Array.from(units.flat())))

/** Arrays of up to `maximum` items. */
export const list = <A>(item: Arbitrary.Arbitrary<A>, maximum: number): Arbitrary.Arbitrary<Array<A>> =>
  Arbitrary.array(item, { maxLength: maximum })
