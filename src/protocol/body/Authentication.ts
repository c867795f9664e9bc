/**
 * Users and their rights: the bodies of the requests AUTH_CREATE_USER (3001) to AUTH_LIST_ACL (3010) and their answers.
 *
 * Source: RocketMQ 5.5.0 `remoting.protocol.body.UserInfo` and `AclInfo`.
 */
import * as BodyCodec from "./BodyCodec.ts"

export const UserInfo = BodyCodec.make({
  /** Only on the way to the server. */
  password: BodyCodec.optional(BodyCodec.text),
  /** `enable` or `disable`. */
  userStatus: BodyCodec.optional(BodyCodec.text),
  /** `Super` or `Normal`. */
  userType: BodyCodec.optional(BodyCodec.text),
  username: BodyCodec.optional(BodyCodec.text)
})
export interface UserInfo extends BodyCodec.Type<typeof UserInfo> {}

/** The answer to AUTH_LIST_USER. */
export const UserInfoList = BodyCodec.body(BodyCodec.list(UserInfo))
export type UserInfoList = BodyCodec.Type<typeof UserInfoList>

export const PolicyEntryInfo = BodyCodec.make({
  /** Such as `Pub`, `Sub`, `All`. */
  actions: BodyCodec.optional(BodyCodec.list(BodyCodec.text)),
  /** `Allow` or `Deny`. */
  decision: BodyCodec.optional(BodyCodec.text),
  /** Such as `Topic:name`, `Group:*`. */
  resource: BodyCodec.optional(BodyCodec.text),
  sourceIps: BodyCodec.optional(BodyCodec.list(BodyCodec.text))
})
export interface PolicyEntryInfo extends BodyCodec.Type<typeof PolicyEntryInfo> {}

export const PolicyInfo = BodyCodec.make({
  entries: BodyCodec.optional(BodyCodec.list(PolicyEntryInfo)),
  /** `Custom` or `Default`. */
  policyType: BodyCodec.optional(BodyCodec.text)
})
export interface PolicyInfo extends BodyCodec.Type<typeof PolicyInfo> {}

export const AclInfo = BodyCodec.make({
  policies: BodyCodec.optional(BodyCodec.list(PolicyInfo)),
  /** Such as `User:name`. */
  subject: BodyCodec.optional(BodyCodec.text)
})
export interface AclInfo extends BodyCodec.Type<typeof AclInfo> {}

/** The answer to AUTH_LIST_ACL. */
export const AclInfoList = BodyCodec.body(BodyCodec.list(AclInfo))
export type AclInfoList = BodyCodec.Type<typeof AclInfoList>
