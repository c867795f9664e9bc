/**
 * The first byte in `bytes[start..end)` at which no well-formed UTF-8 character begins (Unicode 15, table 3-7), or `end`
 * when all is well-formed.
 */
export const invalidUtf8At = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end) {
    const lead = bytes[at]
    if (lead < 0x80) {
      at++
      continue
    }
    const size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
    if (size === 0 || at + size > end) {
      return at
    }
    const second = bytes[at + 1]
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    if (
      second < low || second > high ||
      (size > 2 && (bytes[at + 2] & 0xc0) !== 0x80) ||
      (size > 3 && (bytes[at + 3] & 0xc0) !== 0x80)
    ) {
      return at
    }
    at += size
  }
  return end
}
