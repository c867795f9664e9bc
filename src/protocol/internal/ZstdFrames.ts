/**
 * Where frames of ZSTD end. Node's own versions differ in what they do of that: 22.19 takes a frame that is cut off for
 * whole, 22 and 24 stop without a word after the first frame, 26 goes through all.
 *
 * Source: RFC 8878, sections 3.1.1 and 3.1.2.
 */

const magic = 0xfd2f_b528
/** The first of sixteen magic numbers of frames that are to be skipped. */
const skippableMagic = 0x184d_2a50

const dictionaryIdBytes = [0, 1, 2, 4]
const contentSizeBytes = [0, 2, 4, 8]

const rleBlock = 1
const reservedBlock = 3

/** The bytes are cut off, or no frame of ZSTD. */
export const noFrame = -1

/**
 * Where the frame that begins at `start` ends, or `noFrame`. Of what is in its blocks nothing is looked at.
 */
export const endOfFrame = (bytes: Uint8Array, start: number): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const within = (end: number): number => end <= bytes.length ? end : noFrame
  if (start + 5 > bytes.length) return noFrame

  const first = view.getUint32(start, true)
  // The sixteen differ in their lowest four bits.
  if (((first & ~0xf) >>> 0) === skippableMagic) {
    return start + 8 > bytes.length ? noFrame : within(start + 8 + view.getUint32(start + 4, true))
  }
  if (first !== magic) return noFrame

  const descriptor = view.getUint8(start + 4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const contentSize = contentSizeBytes[descriptor >> 6]
  let at = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes[descriptor & 3] +
    (isSingleSegment && contentSize === 0 ? 1 : contentSize)

  for (let isLast = false; !isLast;) {
    if (at + 3 > bytes.length) return noFrame
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    isLast = (header & 1) !== 0
    const type = (header >> 1) & 3
    if (type === reservedBlock) return noFrame
    at += 3 + (type === rleBlock ? 1 : header >> 3)
  }
  return within(at + ((descriptor & 4) === 0 ? 0 : 4))
}
