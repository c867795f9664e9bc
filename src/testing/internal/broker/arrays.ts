/** Arrays of numbers that grow. */

/** The length that an array of that length grows to: little, for the sake of memory. */
export const grownLength = (length: number): number => Math.ceil(length * 1.25)

/** Copies into the larger array. */
export const grown = <A extends Float64Array | Int32Array>(from: A, to: A): A => {
  to.set(from)
  return to
}
