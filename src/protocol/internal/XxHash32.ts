/**
 * The checksum of LZ4 frames: XXH32 with the seed 0, as the xxHash specification describes it.
 */

const prime1 = 0x9e3779b1
const prime2 = 0x85ebca77
const prime3 = 0xc2b2ae3d
const prime4 = 0x27d4eb2f
const prime5 = 0x165667b1

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

const round = (lane: number, word: number): number =>
  Math.imul(rotate((lane + Math.imul(word, prime2)) | 0, 13), prime1)

/** The hash of `bytes[start..end)`, an unsigned integer of 32 bits. */
export const xxHash32 = (bytes: Uint8Array, start: number, end: number): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = end - start
  let at = start
  let hash: number
  if (size >= 16) {
    let lane1 = (prime1 + prime2) | 0
    let lane2 = prime2 | 0
    let lane3 = 0
    let lane4 = -prime1 | 0
    for (const last = end - 16; at <= last; at += 16) {
      lane1 = round(lane1, view.getInt32(at, true))
      lane2 = round(lane2, view.getInt32(at + 4, true))
      lane3 = round(lane3, view.getInt32(at + 8, true))
      lane4 = round(lane4, view.getInt32(at + 12, true))
    }
    hash = rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18)
  } else {
    hash = prime5
  }
  hash = (hash + size) | 0
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(view.getInt32(at, true), prime3)) | 0, 17), prime4)
  }
  for (; at < end; at++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[at], prime5)) | 0, 11), prime1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}
