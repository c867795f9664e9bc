/**
 * RocketMQ versions as commands carry them: one number per release, the ordinal in `common.MQVersion.Version`.
 *
 * Source: RocketMQ 5.5.0 `common.MQVersion`. From 4.0.0 to 5.9.9 every release `4.a.b` has the ordinal
 * `213 + 20·a + 2·b` and every release `5.a.b` the ordinal `413 + 20·a + 2·b`; its snapshot comes one before it.
 */

/** Releases at which servers or clients change their behaviour, and those this package is tested with. */
export const MqVersion = {
  /** Consumer connections of an older version are left out of resetting offsets. */
  V3_0_7_SNAPSHOT: 28,
  /** From here on REGISTER_BROKER carries a body. */
  V3_0_11: 37,
  /** Consumer connections of an older version are not asked for their running info. */
  V3_1_8_SNAPSHOT: 62,
  /** From here on `maxReconsumeTimes` of CONSUMER_SEND_MSG_BACK counts. */
  V3_4_9: 121,
  V4_1_0_SNAPSHOT: 232,
  V4_3_0: 273,
  V4_9_0: 393,
  V4_9_3: 399,
  /** From here on routes are answered in standard JSON. */
  V4_9_4: 401,
  V4_9_7: 407,
  V5_0_0: 413,
  V5_1_0: 433,
  V5_1_4: 441,
  V5_2_0: 453,
  V5_3_0: 473,
  V5_3_1: 475,
  V5_3_2: 477,
  V5_3_3: 479,
  V5_4_0: 493,
  V5_5_0: 513,
  /** What every ordinal of 612 and more stands for. */
  HIGHER_VERSION: 612
} as const

/** The version that this package announces unless told otherwise: 5.5.0. */
export const current = MqVersion.V5_5_0

/**
 * A draining server answers GO_AWAY to peers that announce a version **above** this one, 5.3.1; older ones are served
 * until the sockets close (RocketMQ 5.3.3 `NettyRemotingAbstract.processRequestCommand`).
 */
export const goAwayGate = MqVersion.V5_3_1

const releasePattern = /^([45])\.(\d)\.(\d)(-SNAPSHOT)?$/

/**
 * The ordinal of a release such as 477 for `"5.3.2"` or 476 for `"5.3.2-SNAPSHOT"`, from 4.0.0 to 5.9.9; `undefined` for
 * any other text.
 */
export const ordinalOf = (release: string): number | undefined => {
  const match = releasePattern.exec(release)
  if (match === null) {
    return undefined
  }
  const base = match[1] === "4" ? 213 : 413
  return base + 20 * Number(match[2]) + 2 * Number(match[3]) - (match[4] === undefined ? 0 : 1)
}

/**
 * The release that an ordinal stands for, such as `"5.3.2"` for 477 and `"5.3.2-SNAPSHOT"` for 476; `undefined` for
 * ordinals before 4.0.0-SNAPSHOT and after 5.9.9.
 */
export const releaseOf = (ordinal: number): string | undefined => {
  if (!Number.isInteger(ordinal) || ordinal < 212 || ordinal >= MqVersion.HIGHER_VERSION) {
    return undefined
  }
  const major = ordinal < 412 ? 4 : 5
  const index = ordinal - (major === 4 ? 212 : 412)
  const minor = Math.floor(index / 20)
  const patch = Math.floor((index % 20) / 2)
  return `${major}.${minor}.${patch}${index % 2 === 0 ? "-SNAPSHOT" : ""}`
}
